//! Clocks: monotonic time for everything that is measured, CPU clocks of threads and processes.
//!
//! All times are nanoseconds as `u64`. The wall clock is read once, to say when a session began; no duration ever
//! comes from it.

use std::mem::MaybeUninit;

use libc::{c_int, clockid_t, timespec};

fn read(clock: clockid_t) -> Option<u64> {
    let mut time = MaybeUninit::<timespec>::uninit();
    // SAFETY: the pointer is valid for writes; on success (0) the kernel has filled the whole structure.
    let time = unsafe {
        if libc::clock_gettime(clock, time.as_mut_ptr()) != 0 {
            return None;
        }
        time.assume_init()
    };
    Some(time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64)
}

/// Monotonic time [ns].
#[inline]
pub fn now() -> u64 {
    // The clock exists on every Linux; a missing one would read as the beginning of time instead of a crash.
    read(libc::CLOCK_MONOTONIC).unwrap_or(0)
}

/// Wall-clock time since 1970 [s].
pub fn unix_seconds() -> f64 {
    read(libc::CLOCK_REALTIME).unwrap_or(0) as f64 * 1e-9
}

/// CPU time of the calling thread [ns].
pub fn thread_cpu() -> u64 {
    read(libc::CLOCK_THREAD_CPUTIME_ID).unwrap_or(0)
}

/// CPU time of all threads of a process [ns]; None when it is gone.
pub fn process_cpu(pid: i32) -> Option<u64> {
    let mut clock = MaybeUninit::<clockid_t>::uninit();
    // SAFETY: the pointer is valid for writes; on success (0) the identifier has been written.
    let clock = unsafe {
        let outcome: c_int = libc::clock_getcpuclockid(pid, clock.as_mut_ptr());
        if outcome != 0 {
            return None;
        }
        clock.assume_init()
    };
    read(clock)
}

/// How often the offset between both clocks is taken again [ns]: a clock that is being adjusted drifts by at most 0.5 us.
const RESAMPLE_NS: u64 = 1_000_000;

/// Turns the kernel's times of arrival, which are of the wall clock, into monotonic time.
#[derive(Debug)]
pub struct KernelClock {
    /// Wall clock minus monotonic clock [ns].
    offset: i64,
    sampled: u64,
}

impl KernelClock {
    pub fn new() -> Self {
        let mut clock = Self {
            offset: 0,
            sampled: 0,
        };
        clock.sample();
        clock
    }

    fn sample(&mut self) {
        let before = now();
        let wall = read(libc::CLOCK_REALTIME).unwrap_or(0);
        let after = now();
        self.offset = wall as i64 - (before + (after - before) / 2) as i64;
        self.sampled = after;
    }

    /// Look again at both clocks if the last look is too long ago.
    #[inline]
    pub fn refresh(&mut self, now: u64) {
        if now.saturating_sub(self.sampled) >= RESAMPLE_NS {
            self.sample();
        }
    }

    #[inline]
    pub fn monotonic(&self, wall_ns: u64) -> u64 {
        wall_ns.saturating_add_signed(-self.offset)
    }
}

impl Default for KernelClock {
    fn default() -> Self {
        Self::new()
    }
}

/// A moment of the wall clock, in seconds since 1970, as monotonic time [ns].
pub fn monotonic_at(unix_s: f64) -> u64 {
    KernelClock::new().monotonic(nanoseconds(unix_s))
}

/// Seconds as nanoseconds; negative and absurd values saturate.
pub fn nanoseconds(seconds: f64) -> u64 {
    (seconds * 1e9).round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_of_a_spinning_thread_grows_like_the_clock() {
        let (wall, cpu) = (now(), thread_cpu());
        let process = process_cpu(std::process::id() as i32);
        while thread_cpu() - cpu < 5_000_000 {}
        assert!(now() - wall >= 4_900_000);
        assert!(process_cpu(std::process::id() as i32) > process);
    }

    #[test]
    fn a_process_that_is_gone_has_no_clock() {
        // One above the largest pid that Linux gives out.
        assert_eq!(process_cpu(4_194_305), None);
    }

    #[test]
    fn seconds_become_nanoseconds() {
        assert_eq!(nanoseconds(0.1), 100_000_000);
        assert_eq!(nanoseconds(-1.0), 0);
    }
}
