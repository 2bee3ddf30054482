//! The few system calls that the standard library has no name for.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

/// What was done, and how it failed.
#[derive(Debug, thiserror::Error)]
#[error("{what}: {error}")]
pub struct Failure {
    what: String,
    error: io::Error,
}

impl Failure {
    pub fn new(what: impl Into<String>, error: io::Error) -> Self {
        Self {
            what: what.into(),
            error,
        }
    }

    pub fn last(what: impl Into<String>) -> Self {
        Self::new(what, io::Error::last_os_error())
    }
}

/// SIGTERM and SIGINT as something that can be read.
pub struct StopSignals(OwnedFd);

impl StopSignals {
    pub fn block() -> Result<Self, Failure> {
        let mut set = MaybeUninit::<libc::sigset_t>::uninit();
        // SAFETY: the set is initialised by sigemptyset before it is used, and lives through the calls.
        let fd = unsafe {
            libc::sigemptyset(set.as_mut_ptr());
            libc::sigaddset(set.as_mut_ptr(), libc::SIGTERM);
            libc::sigaddset(set.as_mut_ptr(), libc::SIGINT);
            if libc::sigprocmask(libc::SIG_BLOCK, set.as_ptr(), std::ptr::null_mut()) != 0 {
                return Err(Failure::last("signals"));
            }
            libc::signalfd(-1, set.as_ptr(), libc::SFD_CLOEXEC | libc::SFD_NONBLOCK)
        };
        if fd < 0 {
            return Err(Failure::last("signals"));
        }
        // SAFETY: the descriptor was just made and belongs to nobody else.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }
}

impl AsRawFd for StopSignals {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

/// Nanoseconds of the clock that only goes forward.
pub fn now_ns() -> u64 {
    let mut at = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the pointer is to a live timespec; this clock cannot fail.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut at) };
    at.tv_sec.unsigned_abs() * 1_000_000_000 + at.tv_nsec.unsigned_abs()
}

/// Let waits end when they are due instead of up to 50 us later, which is what the kernel allows itself otherwise.
pub fn without_slack() -> Result<(), Failure> {
    // SAFETY: takes plain numbers.
    match unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 1_u64, 0_u64, 0_u64, 0_u64) } {
        0 => Ok(()),
        _ => Err(Failure::last("timer slack")),
    }
}

/// Wait until one of the descriptors can be read; `wait_ns` None: however long it takes. True for each that can.
pub fn readable<const N: usize>(
    descriptors: [RawFd; N],
    wait_ns: Option<u64>,
) -> Result<[bool; N], Failure> {
    let mut polled = descriptors.map(|fd| libc::pollfd {
        fd,
        events: libc::POLLIN,
        revents: 0,
    });
    let wait = wait_ns.map(|ns| libc::timespec {
        tv_sec: (ns / 1_000_000_000).cast_signed(),
        tv_nsec: (ns % 1_000_000_000).cast_signed(),
    });
    let limit = wait.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    // SAFETY: the array and the timespec live through the call; N descriptors are given.
    let found = unsafe {
        libc::ppoll(
            polled.as_mut_ptr(),
            N as libc::nfds_t,
            limit,
            std::ptr::null(),
        )
    };
    if found < 0 {
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(Failure::new("waiting", error));
        }
        return Ok([false; N]);
    }
    Ok(polled.map(|one| one.revents != 0))
}
