//! Readiness of sockets (epoll), and waiting for it until a moment given in nanoseconds.
//!
//! *Why this way*: sockets are registered once, edge-triggered, for reading and writing; after that no system call per
//! request is spent on registration. Timeouts go through `epoll_pwait2`, because the older call knows milliseconds only,
//! which is longer than most replies take.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use libc::{c_int, epoll_event};

use crate::clock;
use crate::plan::WaitMode;

/// How many ready sockets one turn of the loop takes at most.
const BATCH: usize = 256;
/// Longest stretch that a hybrid worker spins before a due request [ns].
const LONGEST_SPIN_NS: u64 = 60_000;
const SHORTEST_SPIN_NS: u64 = 2_000;

/// The token of the wake-up descriptor.
pub(crate) const WAKE: u64 = u64::MAX;

pub(crate) struct Poller {
    epoll: OwnedFd,
    events: Box<[epoll_event; BATCH]>,
    ready: usize,
    nanoseconds: bool,
    mode: WaitMode,
    margin: u64,
    spun: u64,
}

impl Poller {
    /// A poller that also watches `wake`, a descriptor that becomes readable when the worker must look at its flags.
    pub(crate) fn new(mode: WaitMode, wake: RawFd) -> io::Result<Self> {
        // SAFETY: no pointers; the descriptor returned is ours alone.
        let epoll = unsafe {
            let fd = libc::epoll_create1(libc::EPOLL_CLOEXEC);
            if fd < 0 {
                return Err(io::Error::last_os_error());
            }
            OwnedFd::from_raw_fd(fd)
        };
        let mut poller = Self {
            epoll,
            events: Box::new([epoll_event { events: 0, u64: 0 }; BATCH]),
            ready: 0,
            nanoseconds: true,
            mode: mode.resolved(),
            margin: LONGEST_SPIN_NS,
            spun: 0,
        };
        poller.control(wake, libc::EPOLLIN as u32, WAKE)?;
        Ok(poller)
    }

    /// Watch a socket for both directions until it is closed.
    pub(crate) fn add(&mut self, fd: RawFd, token: u64) -> io::Result<()> {
        self.control(
            fd,
            (libc::EPOLLIN | libc::EPOLLOUT | libc::EPOLLRDHUP | libc::EPOLLET) as u32,
            token,
        )
    }

    fn control(&mut self, fd: RawFd, events: u32, token: u64) -> io::Result<()> {
        let mut event = epoll_event { events, u64: token };
        // SAFETY: the event outlives the call; the kernel copies it.
        match unsafe {
            libc::epoll_ctl(self.epoll.as_raw_fd(), libc::EPOLL_CTL_ADD, fd, &mut event)
        } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// Events of the last wait: token and flags.
    #[inline]
    pub(crate) fn event(&self, position: usize) -> Option<(u64, u32)> {
        (position < self.ready).then(|| (self.events[position].u64, self.events[position].events))
    }

    /// Nanoseconds spent spinning since this was asked last.
    pub(crate) fn take_spun(&mut self) -> u64 {
        std::mem::take(&mut self.spun)
    }

    /// Wait until `until` (monotonic ns) or until something is ready. `precise` asks to return as close after `until` as
    /// the mode allows: it is a request that is due, not a housekeeping moment.
    pub(crate) fn wait(&mut self, until: u64, precise: bool) -> io::Result<()> {
        let now = clock::now();
        let left = until.saturating_sub(now);
        if left == 0 {
            return self.poll(0);
        }
        match (self.mode, precise) {
            (WaitMode::Spin, _) => self.spin(now, until),
            (WaitMode::Hybrid, true) if left <= self.margin => self.spin(now, until),
            // After this sleep the caller comes again and spins the rest; a ready socket ends it earlier.
            (WaitMode::Hybrid, true) => {
                self.poll(left - self.margin)?;
                if self.ready == 0 {
                    self.learn(clock::now().saturating_sub(until - self.margin));
                }
                Ok(())
            }
            _ => self.poll(left),
        }
    }

    fn spin(&mut self, begin: u64, until: u64) -> io::Result<()> {
        loop {
            self.poll(0)?;
            let now = clock::now();
            if self.ready > 0 || now >= until {
                self.spun += now.min(until) - begin;
                return Ok(());
            }
        }
    }

    /// One system call: what is ready now, or within `timeout` ns.
    fn poll(&mut self, timeout: u64) -> io::Result<()> {
        let ready = if timeout == 0 {
            self.wait_ms(0)
        } else if self.nanoseconds {
            match self.wait_ns(timeout) {
                -1 if io::Error::last_os_error().raw_os_error() == Some(libc::ENOSYS) => {
                    // Linux before 5.11: sleep whole milliseconds, hybrid and spin do the rest.
                    self.nanoseconds = false;
                    self.margin = 1_000_000;
                    self.wait_ms((timeout / 1_000_000) as c_int)
                }
                ready => ready,
            }
        } else {
            self.wait_ms((timeout / 1_000_000) as c_int)
        };
        if ready < 0 {
            self.ready = 0;
            let error = io::Error::last_os_error();
            return if error.kind() == io::ErrorKind::Interrupted {
                Ok(())
            } else {
                Err(error)
            };
        }
        self.ready = ready as usize;
        Ok(())
    }

    fn wait_ms(&mut self, timeout: c_int) -> c_int {
        // SAFETY: the buffer holds BATCH events and lives as long as the poller; a null signal mask leaves signals as they
        // are. Called by number because the C library's function is a cancellation point, see `socket`.
        unsafe {
            libc::syscall(
                libc::SYS_epoll_pwait,
                self.epoll.as_raw_fd(),
                self.events.as_mut_ptr(),
                BATCH as c_int,
                timeout,
                std::ptr::null::<libc::sigset_t>(),
                0usize,
            ) as c_int
        }
    }

    fn wait_ns(&mut self, timeout: u64) -> c_int {
        let time = libc::timespec {
            tv_sec: (timeout / 1_000_000_000) as libc::time_t,
            tv_nsec: (timeout % 1_000_000_000) as libc::c_long,
        };
        // SAFETY: as above; `time` outlives the call and a null signal mask leaves signals as they are. Called by number
        // because C libraries of long-lived distributions have no name for it yet.
        unsafe {
            libc::syscall(
                libc::SYS_epoll_pwait2,
                self.epoll.as_raw_fd(),
                self.events.as_mut_ptr(),
                BATCH as c_int,
                &time as *const libc::timespec,
                std::ptr::null::<libc::sigset_t>(),
                0usize,
            ) as c_int
        }
    }

    /// Keep the margin at about the 94th percentile of how late this thread wakes up: a late wake-up raises it 16 times as
    /// much as one in time lowers it. Learnt all the time, because how deeply an idle core sleeps changes with the rate.
    fn learn(&mut self, late: u64) {
        const STEP_NS: u64 = 250;
        if self.nanoseconds {
            let margin = if late > self.margin {
                self.margin + 16 * STEP_NS
            } else {
                self.margin - STEP_NS
            };
            self.margin = margin.clamp(SHORTEST_SPIN_NS, LONGEST_SPIN_NS);
        }
    }

    /// A first idea of the margin: 16 naps of 500 us, so 8 ms.
    pub(crate) fn calibrate(&mut self) -> io::Result<()> {
        const NAP_NS: u64 = 500_000;
        if self.mode != WaitMode::Hybrid {
            return Ok(());
        }
        let mut late = [0; 16];
        for nap in &mut late {
            let until = clock::now() + NAP_NS;
            self.poll(NAP_NS)?;
            *nap = clock::now().saturating_sub(until);
        }
        late.sort_unstable();
        // The second largest: the usual case, and not the one nap that lost its core.
        if self.nanoseconds {
            self.margin = late[14].clamp(SHORTEST_SPIN_NS, LONGEST_SPIN_NS);
        }
        Ok(())
    }
}

/// Ask the kernel for wake-ups at the moment asked for, for the calling thread.
pub(crate) fn without_timer_slack() {
    // SAFETY: takes plain numbers and changes only how precisely this thread's timers fire.
    unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 1 as libc::c_ulong) };
}
