//! A TAP device of the network namespace that the program runs in: whole Ethernet frames in and out.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::fs::OpenOptionsExt;

use crate::sys::Failure;

/// The largest frame that a device of the usual MTU hands over; longer ones are cut by the kernel before.
pub const LONGEST_FRAME: usize = 65_536 + 64;

pub struct Tap {
    device: File,
    name: String,
}

impl Tap {
    /// Take hold of a device that was made before.
    pub fn open(name: &str) -> Result<Self, Failure> {
        let what = || format!("TAP device {name}");
        let device = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(libc::O_NONBLOCK | libc::O_CLOEXEC)
            .open("/dev/net/tun")
            .map_err(|error| Failure::new(what(), error))?;
        // SAFETY: all zero is a valid ifreq.
        let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
        for (place, byte) in request.ifr_name.iter_mut().zip(name.bytes()) {
            *place = byte as libc::c_char;
        }
        request.ifr_ifru.ifru_flags = (libc::IFF_TAP | libc::IFF_NO_PI) as libc::c_short;
        // SAFETY: the request lives through the call and has the form that TUNSETIFF reads.
        if unsafe { libc::ioctl(device.as_raw_fd(), libc::TUNSETIFF, &raw mut request) } != 0 {
            return Err(Failure::last(what()));
        }
        Ok(Self {
            device,
            name: name.to_owned(),
        })
    }

    /// The next frame's length, or None when there is none just now.
    pub fn take(&mut self, into: &mut [u8]) -> Result<Option<usize>, Failure> {
        match self.device.read(into) {
            Ok(length) => Ok(Some(length)),
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                ) =>
            {
                Ok(None)
            }
            Err(error) => Err(Failure::new(format!("TAP device {}", self.name), error)),
        }
    }

    /// Hand a frame over; false when the device has no room or is down: it is lost, as on a cable.
    pub fn give(&mut self, frame: &[u8]) -> bool {
        self.device.write(frame).is_ok()
    }
}

impl AsRawFd for Tap {
    fn as_raw_fd(&self) -> RawFd {
        self.device.as_raw_fd()
    }
}
