//! One HTTP/2 connection: frames in, every stream served like a request of its own, replies out once a turn.
//!
//! Reading never waits for replies, and the replies of one turn leave in one write. What it refuses: to read on from a
//! client that does not take its replies. What the frames mean is `session`'s.

mod blocks;
mod body;
mod fields;
mod session;
mod stream;
mod streams;

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use meshperf_http2::Reader;
use meshperf_http2::frame::write_goaway;

pub use blocks::Blocks;
pub use body::Body;
pub use fields::Fields;

use crate::connection::Step;
use crate::linger::Linger;
use crate::service::Service;
use crate::sys::now_ns;
use crate::transport::Transport;
use session::Session;

/// Reads in one turn; then the other connections get theirs.
const BUDGET: u32 = 16;
/// Replies that the socket did not take may grow to this before nothing more is read (bytes).
const MOST_UNSENT: usize = 256 * 1024;
/// Length of one read (bytes).
const READ: usize = 64 * 1024;

/// Why reading stopped.
#[derive(PartialEq, Eq)]
enum Stopped {
    /// The socket is empty.
    Empty,
    /// There may be more.
    Budget,
    /// The replies must go first.
    Unsent,
    Ended,
    /// The client broke the protocol; GOAWAY is written.
    Broken,
}

pub struct Http2 {
    reader: Reader,
    session: Session,
    /// Bytes that came with the preface.
    early: Vec<u8>,
    out: Vec<u8>,
    sent: usize,
    broken: bool,
    /// The earliest time that the loop was asked to call at.
    armed: Option<u64>,
    linger: Option<Linger>,
}

impl Http2 {
    /// Goes on where the client's preface ended; `early` is what was read after it. Every call is to be
    /// given the same connection's `transport`.
    pub fn new(peer: SocketAddr, early: Vec<u8>, service: &Service) -> Self {
        let mut out = Vec::new();
        let session = Session::new(peer, service.max_streams, &mut out);
        Http2 {
            reader: Reader::default(),
            session,
            early,
            out,
            sent: 0,
            broken: false,
            armed: None,
            linger: None,
        }
    }

    /// The time it waited for has come.
    pub fn timer(&mut self, transport: &mut Transport, service: &mut Service) -> Step {
        if self.linger.is_some() {
            return Step::Over;
        }
        self.armed = self.armed.filter(|due| *due > now_ns());
        self.advance(transport, service)
    }

    /// The calls for the request on `stream` have ended.
    pub fn called(
        &mut self,
        stream: u32,
        failed: bool,
        transport: &mut Transport,
        service: &mut Service,
    ) -> Step {
        if self.linger.is_none() && !self.broken {
            self.session.called(stream, failed, service, &mut self.out);
        }
        self.advance(transport, service)
    }

    /// Goes on as far as it can.
    pub fn advance(&mut self, transport: &mut Transport, service: &mut Service) -> Step {
        let mut scratch = std::mem::take(&mut service.scratch);
        // Empty at first, and after a panic that lost it.
        scratch.resize(READ, 0);
        let step = self.try_advance(transport, service, &mut scratch);
        let step = match step {
            Ok(step) => step,
            Err(error) if error.kind() == ErrorKind::InvalidData => {
                self.end(transport, &mut scratch)
            }
            Err(_) => Step::Over,
        };
        service.scratch = scratch;
        step
    }

    fn try_advance(
        &mut self,
        transport: &mut Transport,
        service: &mut Service,
        scratch: &mut [u8],
    ) -> io::Result<Step> {
        if let Some(linger) = &mut self.linger {
            return linger.drain(transport, scratch);
        }
        let stopped = if self.broken {
            Stopped::Broken
        } else {
            self.read(transport, service, scratch)?
        };
        if stopped == Stopped::Ended {
            return Ok(Step::Over);
        }
        let all_sent = self.serve_and_write(transport, service)?;
        if self.broken {
            return Ok(if all_sent {
                self.end(transport, scratch)
            } else {
                Step::Socket
            });
        }
        let more = match stopped {
            Stopped::Budget => true,
            Stopped::Unsent => all_sent,
            _ => false,
        };
        if more || self.session.has_ready() {
            return Ok(Step::Turn);
        }
        Ok(match self.session.next_ns() {
            Some(due) if self.armed.is_none_or(|armed| due < armed) => {
                self.armed = Some(due);
                Step::Time(due)
            }
            _ => Step::Socket,
        })
    }

    fn read(
        &mut self,
        transport: &mut Transport,
        service: &mut Service,
        scratch: &mut [u8],
    ) -> io::Result<Stopped> {
        let early = std::mem::take(&mut self.early);
        if !self.feed(&early, transport, service) {
            return Ok(Stopped::Broken);
        }
        for _ in 0..BUDGET {
            if self.out.len() - self.sent > MOST_UNSENT {
                return Ok(Stopped::Unsent);
            }
            match transport.read(scratch) {
                Ok(0) => return Ok(Stopped::Ended),
                Ok(n) => {
                    if !self.feed(&scratch[..n], transport, service) {
                        return Ok(Stopped::Broken);
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Stopped::Empty),
                Err(error) => return Err(error),
            }
        }
        Ok(Stopped::Budget)
    }

    /// False where the client broke the protocol.
    fn feed(&mut self, bytes: &[u8], transport: &Transport, service: &mut Service) -> bool {
        let Http2 {
            reader,
            session,
            out,
            ..
        } = self;
        let result = reader.feed(bytes, &mut |event| {
            session.on(event, service, transport, out)
        });
        if let Err(error) = result {
            write_goaway(
                &mut self.out,
                self.session.last(),
                error.code(),
                &error.to_string(),
            );
            self.broken = true;
        }
        !self.broken
    }

    /// Serves what is ready or due, and writes until all is sent (true) or the socket takes no more.
    fn serve_and_write(
        &mut self,
        transport: &mut Transport,
        service: &mut Service,
    ) -> io::Result<bool> {
        if !self.broken {
            self.session.serve(service, &mut self.out);
        }
        loop {
            if !self.broken {
                self.session.fill(service, &mut self.out);
            }
            if self.sent == self.out.len() {
                self.out.clear();
                self.sent = 0;
                return match transport.flush() {
                    Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
                    result => result.map(|()| true),
                };
            }
            match transport.write(&self.out[self.sent..], &[]) {
                Ok(n) => self.sent += n,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
            if self.sent == self.out.len() {
                self.out.clear();
                self.sent = 0;
            }
        }
    }

    fn end(&mut self, transport: &mut Transport, scratch: &mut [u8]) -> Step {
        transport.end_sending();
        let mut linger = Linger::default();
        let step = linger.drain(transport, scratch);
        self.linger = Some(linger);
        step.unwrap_or(Step::Over)
    }
}
