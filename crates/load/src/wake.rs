//! A flag that a waiting worker notices at once: an atomic beside an eventfd in its poller.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};

pub(crate) struct Wake {
    raised: AtomicBool,
    event: OwnedFd,
}

impl Wake {
    pub(crate) fn new() -> io::Result<Self> {
        // SAFETY: no pointers; the descriptor returned is ours alone.
        let event = unsafe {
            let fd = libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK);
            if fd < 0 {
                return Err(io::Error::last_os_error());
            }
            OwnedFd::from_raw_fd(fd)
        };
        Ok(Self {
            raised: AtomicBool::new(false),
            event,
        })
    }

    pub(crate) fn descriptor(&self) -> RawFd {
        self.event.as_raw_fd()
    }

    pub(crate) fn raise(&self) {
        self.raised.store(true, Ordering::Release);
        self.nudge();
    }

    /// Wake the worker without raising the flag: something else has changed.
    pub(crate) fn nudge(&self) {
        let one = 1u64;
        // SAFETY: eight bytes are read from a live integer. A full counter (EAGAIN) is already readable.
        unsafe { libc::write(self.descriptor(), (&raw const one).cast(), 8) };
    }

    /// Be waited for again, whatever woke us.
    pub(crate) fn quiet(&self) {
        let mut count = 0u64;
        // SAFETY: eight bytes are written to a live integer; an empty counter (EAGAIN) leaves it alone.
        unsafe { libc::read(self.descriptor(), (&raw mut count).cast(), 8) };
    }

    #[inline]
    pub(crate) fn raised(&self) -> bool {
        self.raised.load(Ordering::Acquire)
    }

    /// Take the flag down before a new run.
    pub(crate) fn lower(&self) {
        self.quiet();
        self.raised.store(false, Ordering::Release);
    }
}
