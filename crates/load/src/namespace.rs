//! Network namespaces: sockets that live in another one than the thread that uses them.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::Path;

/// A network namespace, and the way back out of it.
pub(crate) struct Namespace {
    there: File,
    here: File,
}

impl Namespace {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self {
            there: File::open(path)?,
            here: File::open("/proc/thread-self/ns/net")?,
        })
    }

    /// Do something inside the namespace. The thread is back in its own whatever comes of it, or the error says so.
    pub(crate) fn inside<T>(&self, work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        enter(&self.there)?;
        let outcome = work();
        enter(&self.here)?;
        outcome
    }
}

fn enter(namespace: &File) -> io::Result<()> {
    // SAFETY: takes a descriptor and a flag; it changes the namespace of the calling thread only.
    match unsafe { libc::setns(namespace.as_raw_fd(), libc::CLONE_NEWNET) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
