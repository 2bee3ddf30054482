//! The end of a connection whose last bytes the client must still get to read.
//!
//! Closing while bytes of the client lie unread makes the kernel send a reset, which can destroy the last reply on its
//! way. So the sending side is closed, and what still comes is read and dropped for a while.

use std::io::{self, ErrorKind};

use crate::connection::Step;
use crate::sys::now_ns;
use crate::transport::Transport;

const PATIENCE_NS: u64 = 1_000_000_000;
/// Reads before a client that still sends counts as one that does not listen.
const BUDGET: u32 = 64;

#[derive(Default)]
pub struct Linger {
    armed: bool,
}

impl Linger {
    /// Reads and drops until the client has ended its side too, or patience ends.
    pub fn drain(&mut self, transport: &mut Transport, into: &mut [u8]) -> io::Result<Step> {
        for _ in 0..BUDGET {
            match transport.discard(into) {
                Ok(0) => return Ok(Step::Over),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if std::mem::replace(&mut self.armed, true) {
                        return Ok(Step::Socket);
                    }
                    return Ok(Step::Time(now_ns() + PATIENCE_NS));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(Step::Over)
    }
}
