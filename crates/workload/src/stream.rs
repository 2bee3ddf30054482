//! One connection of the TCP listener: bytes without any protocol in them.
//!
//! Reading and writing take turns, so the answer that is under way is all that is ever held: a client that does not read
//! its bytes is not read from either, and TCP tells it so.

use std::io::{self, ErrorKind};

use crate::connection::Step;
use crate::linger::Linger;
use crate::service::Service;
use crate::transport::Transport;

/// Most that is read before it is answered, in bytes.
const PIECE: usize = 64 * 1024;
/// Messages answered in one turn; then the other connections get theirs.
const BUDGET: u32 = 64;
/// A message of a fixed size is at most this long, each way.
pub const LONGEST_MESSAGE: u64 = 64 << 20;

/// What comes back for what was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Every byte as it came.
    #[default]
    Echo,
    /// Nothing.
    Sink,
    /// `outgoing` bytes for every `incoming` bytes.
    Fixed { incoming: u64, outgoing: u64 },
}

impl Mode {
    /// Reads `echo`, `sink` or `fixed:IN:OUT`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let size = |text: &str, least: u64| match text.parse::<u64>() {
            Ok(size) if (least..=LONGEST_MESSAGE).contains(&size) => Ok(size),
            _ => Err(format!(
                "`{text}` is not a number of bytes from {least} to {LONGEST_MESSAGE}"
            )),
        };
        match text.split(':').collect::<Vec<_>>().as_slice() {
            ["echo"] => Ok(Mode::Echo),
            ["sink"] => Ok(Mode::Sink),
            ["fixed", incoming, outgoing] => Ok(Mode::Fixed {
                incoming: size(incoming, 1)?,
                outgoing: size(outgoing, 0)?,
            }),
            _ => Err(format!(
                "`{text}` is not echo, sink or fixed:IN:OUT; write for example fixed:64:1024"
            )),
        }
    }
}

enum Phase {
    /// `missing` bytes of the message are still to come; without a fixed size, any piece is a message.
    Reading {
        missing: u64,
    },
    Serving,
    /// `left` bytes of the answer are still to go.
    Answering {
        left: u64,
    },
    Lingering(Linger),
}

pub struct Stream {
    pub transport: Transport,
    mode: Mode,
    phase: Phase,
    buffer: Vec<u8>,
    /// In echo mode the bytes that are still to go back; in fixed mode the bytes that were read and not yet counted.
    start: usize,
    end: usize,
}

impl Stream {
    pub fn new(transport: Transport, mode: Mode) -> Self {
        Stream {
            transport,
            mode,
            phase: reading(mode),
            buffer: vec![0; PIECE],
            start: 0,
            end: 0,
        }
    }

    /// The time it waited for has come.
    pub fn timer(&mut self, service: &mut Service) -> Step {
        match self.phase {
            Phase::Serving => {
                self.answer();
                self.advance(service)
            }
            Phase::Lingering(_) => Step::Over,
            _ => Step::Socket,
        }
    }

    /// Goes on as far as it can.
    pub fn advance(&mut self, service: &mut Service) -> Step {
        match self.try_advance(service) {
            Ok(step) => step,
            Err(error) if error.kind() == ErrorKind::WouldBlock => Step::Socket,
            // TLS that cannot be understood was answered with an alert; let the client read it.
            Err(error) if error.kind() == ErrorKind::InvalidData => {
                self.transport.end_sending();
                self.phase = Phase::Lingering(Linger::default());
                self.try_advance(service).unwrap_or(Step::Over)
            }
            Err(_) => Step::Over,
        }
    }

    fn try_advance(&mut self, service: &mut Service) -> io::Result<Step> {
        for _ in 0..BUDGET {
            match &mut self.phase {
                Phase::Reading { missing } => {
                    if self.start == self.end {
                        (self.start, self.end) = (0, self.transport.read(&mut self.buffer)?);
                        if self.end == 0 {
                            self.transport.end_sending();
                            return Ok(Step::Over);
                        }
                    }
                    match self.mode {
                        Mode::Echo => {}
                        Mode::Sink => {
                            self.start = self.end;
                            service.counters.tcp_messages.add(1);
                            continue;
                        }
                        Mode::Fixed { .. } => {
                            let used = (*missing).min((self.end - self.start) as u64);
                            self.start += used as usize;
                            *missing -= used;
                            if *missing > 0 {
                                continue;
                            }
                        }
                    }
                    service.counters.tcp_messages.add(1);
                    if let Some(due) = service.serve() {
                        self.phase = Phase::Serving;
                        return Ok(Step::Time(due));
                    }
                    self.answer();
                }
                Phase::Serving => return Ok(Step::Socket),
                Phase::Answering { left } => {
                    while *left > 0 {
                        let n = match self.mode {
                            Mode::Fixed { .. } => {
                                let piece = (*left).min(PIECE as u64) as usize;
                                self.transport.write(&service.filler()[..piece], &[])?
                            }
                            _ => {
                                let n = self
                                    .transport
                                    .write(&self.buffer[self.start..self.end], &[])?;
                                self.start += n;
                                n
                            }
                        };
                        *left -= n as u64;
                    }
                    self.transport.flush()?;
                    self.phase = reading(self.mode);
                }
                Phase::Lingering(linger) => {
                    return linger.drain(&mut self.transport, &mut self.buffer);
                }
            }
        }
        Ok(Step::Turn)
    }

    /// The service of the message is over; its answer comes next.
    fn answer(&mut self) {
        let left = match self.mode {
            Mode::Fixed { outgoing, .. } => outgoing,
            _ => (self.end - self.start) as u64,
        };
        self.phase = Phase::Answering { left };
    }
}

fn reading(mode: Mode) -> Phase {
    Phase::Reading {
        missing: match mode {
            Mode::Fixed { incoming, .. } => incoming,
            _ => 0,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::Mode;

    #[test]
    fn modes_are_read_as_written() {
        assert_eq!(Mode::parse("echo"), Ok(Mode::Echo));
        assert_eq!(Mode::parse("sink"), Ok(Mode::Sink));
        assert_eq!(
            Mode::parse("fixed:64:0"),
            Ok(Mode::Fixed {
                incoming: 64,
                outgoing: 0
            })
        );
        for text in [
            "",
            "Echo",
            "fixed",
            "fixed:0:1",
            "fixed:1",
            "fixed:1:2:3",
            "fixed:-1:1",
            "fixed:1:67108865",
        ] {
            assert!(Mode::parse(text).is_err(), "{text}");
        }
    }
}
