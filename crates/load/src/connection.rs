//! One connection as a state machine: opening, idle, waiting for a reply, and closed until it is opened again.

use std::sync::Arc;

use crate::clock;
use crate::codec::{Exchange, Reply};
use crate::endpoint::Endpoint;
use crate::reason::{Failure, Reason};
use crate::socket::Socket;
use crate::transport::{Buffers, ReadEnd, Transport};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Closed,
    Connecting,
    Handshaking,
    Idle,
    Busy,
}

/// What an event on a connection led to.
#[derive(Debug)]
pub(crate) enum Step {
    Nothing,
    /// Connected, and past the handshake where there is one.
    Opened,
    Reply(Reply),
    Failed(Failure),
}

/// A request on its way: when it was due and when it was written, ns.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Request {
    pub(crate) due: u64,
    pub(crate) sent: u64,
    pub(crate) counted: bool,
    pub(crate) bytes_out: u64,
    pub(crate) bytes_in: u64,
}

pub(crate) struct Connection {
    pub(crate) target: u32,
    pub(crate) state: State,
    /// Tells events of this socket from late ones of the socket before.
    pub(crate) generation: u32,
    pub(crate) request: Request,
    /// Since when this connection could have taken a request.
    pub(crate) free_since: u64,
    /// When the present step of opening began.
    pub(crate) opening_since: u64,
    /// Replies since it was opened.
    pub(crate) served: u64,
    /// Failed attempts to open it, in a row.
    pub(crate) failures: u32,
    pub(crate) opened_before: bool,
    socket: Option<Socket>,
    transport: Transport,
    exchange: Box<dyn Exchange>,
    wire: Arc<[u8]>,
}

/// Flags that say that the peer has closed or the socket has failed.
const GONE: u32 = (libc::EPOLLRDHUP | libc::EPOLLHUP | libc::EPOLLERR) as u32;

impl Connection {
    pub(crate) fn new(target: u32, endpoint: &Endpoint) -> Self {
        Self {
            target,
            state: State::Closed,
            generation: 0,
            request: Request::default(),
            free_since: 0,
            opening_since: 0,
            served: 0,
            failures: 0,
            opened_before: false,
            socket: None,
            transport: Transport::plain(),
            exchange: endpoint.protocol.exchange(),
            wire: endpoint.protocol.request.clone(),
        }
    }

    pub(crate) fn transport(&self) -> &Transport {
        &self.transport
    }

    /// Begin to connect; the descriptor is to be watched.
    pub(crate) fn open(&mut self, endpoint: &Endpoint) -> Result<i32, Failure> {
        self.close();
        self.opening_since = clock::now();
        let socket = Socket::connect(endpoint.address, endpoint.source)?;
        let descriptor = socket.descriptor();
        self.transport = match &endpoint.tls {
            None => Transport::plain(),
            Some(tls) => Transport::tls(&tls.config, &tls.name)?,
        };
        self.exchange.reset();
        self.served = 0;
        self.socket = Some(socket);
        self.state = State::Connecting;
        Ok(descriptor)
    }

    /// Close the socket, whatever is on its way. Closing also ends its registration with epoll.
    pub(crate) fn close(&mut self) {
        self.socket = None;
        self.state = State::Closed;
        self.generation = self.generation.wrapping_add(1);
    }

    /// Write the request. `sent` is read by the caller just before.
    #[inline]
    pub(crate) fn send(&mut self, due: u64, sent: u64, counted: bool) -> Result<(), Failure> {
        self.request = Request {
            due,
            sent,
            counted,
            bytes_out: 0,
            bytes_in: 0,
        };
        self.state = State::Busy;
        let Some(socket) = &self.socket else {
            return Err(closed());
        };
        self.request.bytes_out = self.transport.start(socket, &self.wire)? as u64;
        Ok(())
    }

    /// React to readiness flags of epoll.
    #[inline]
    pub(crate) fn ready(&mut self, flags: u32, buffers: &mut Buffers) -> Step {
        let outcome = match self.state {
            State::Closed => return Step::Nothing,
            State::Connecting => self.connected(flags, buffers),
            State::Handshaking => self.handshake(flags, buffers),
            State::Busy => self.reply(flags, buffers),
            State::Idle => self.unasked(flags, buffers),
        };
        outcome.unwrap_or_else(Step::Failed)
    }

    fn connected(&mut self, flags: u32, buffers: &mut Buffers) -> Result<Step, Failure> {
        let Some(socket) = &self.socket else {
            return Err(closed());
        };
        socket.outcome()?;
        if flags & (libc::EPOLLOUT as u32 | GONE) == 0 {
            return Ok(Step::Nothing);
        }
        if self.transport.session().is_none() {
            self.state = State::Idle;
            return Ok(Step::Opened);
        }
        self.opening_since = clock::now();
        self.state = State::Handshaking;
        self.handshake(flags, buffers)
    }

    fn handshake(&mut self, flags: u32, buffers: &mut Buffers) -> Result<Step, Failure> {
        let Some(socket) = &self.socket else {
            return Err(closed());
        };
        self.transport.flush(socket, &[])?;
        loop {
            let (_, end) = match self.transport.read(socket, buffers, |_| Ok(())) {
                Ok(read) => read,
                Err(failure) => {
                    // Tell the peer why: the alert is what its operator will see.
                    let _ = self.transport.flush(socket, &[]);
                    return Err(failure);
                }
            };
            match end {
                ReadEnd::More => {}
                ReadEnd::End => {
                    return Err(Failure::new(
                        Reason::Tls,
                        "the server closed during the handshake",
                    ));
                }
                ReadEnd::Empty if !self.transport.handshaking() => {
                    self.state = State::Idle;
                    return Ok(Step::Opened);
                }
                ReadEnd::Empty if flags & GONE != 0 => {
                    return Err(Failure::new(
                        Reason::Tls,
                        "the server closed during the handshake",
                    ));
                }
                ReadEnd::Empty => return Ok(Step::Nothing),
            }
        }
    }

    #[inline]
    fn reply(&mut self, flags: u32, buffers: &mut Buffers) -> Result<Step, Failure> {
        let Some(socket) = &self.socket else {
            return Err(closed());
        };
        if flags & libc::EPOLLOUT as u32 != 0 {
            self.request.bytes_out += self.transport.flush(socket, &self.wire)? as u64;
        }
        loop {
            let (exchange, mut reply) = (&mut self.exchange, None);
            let (count, end) = self.transport.read(socket, buffers, |bytes| {
                match exchange
                    .feed(bytes)
                    .map_err(|what| Failure::new(Reason::Malformed, what.0))?
                {
                    Some(whole) => reply = Some(whole),
                    None => {
                        if let Some(earlier) = &mut reply {
                            earlier.keep = false;
                        }
                    }
                }
                Ok(())
            })?;
            self.request.bytes_in += count as u64;
            if let Some(mut reply) = reply {
                reply.keep &= flags & GONE == 0 && end == ReadEnd::Empty;
                self.served += 1;
                self.state = State::Idle;
                return Ok(Step::Reply(reply));
            }
            match end {
                ReadEnd::More => {}
                // More may lie behind a short read when the peer has closed: read on until the end shows.
                ReadEnd::Empty if count > 0 && flags & GONE != 0 => {}
                ReadEnd::Empty => return Ok(Step::Nothing),
                ReadEnd::End => {
                    return match self.exchange.end() {
                        Some(reply) => {
                            self.served += 1;
                            Ok(Step::Reply(reply))
                        }
                        None => Err(closed()),
                    };
                }
            }
        }
    }

    /// Something happened on an idle connection: the peer closed it, or sent what nobody asked for. TLS tickets and key
    /// updates are neither.
    fn unasked(&mut self, flags: u32, buffers: &mut Buffers) -> Result<Step, Failure> {
        if flags & (libc::EPOLLIN as u32 | GONE) == 0 {
            return Ok(Step::Nothing);
        }
        let Some(socket) = &self.socket else {
            return Err(closed());
        };
        loop {
            let stray = |bytes: &[u8]| match bytes {
                [] => Ok(()),
                _ => Err(Failure::new(
                    Reason::Malformed,
                    "bytes came that nobody asked for",
                )),
            };
            match self.transport.read(socket, buffers, stray)? {
                (_, ReadEnd::More) => {}
                (_, ReadEnd::End) => return Err(closed()),
                (0, ReadEnd::Empty) if flags & GONE != 0 => return Err(closed()),
                (_, ReadEnd::Empty) if flags & GONE != 0 => {}
                (_, ReadEnd::Empty) => return Ok(Step::Nothing),
            }
        }
    }
}

fn closed() -> Failure {
    Failure::new(Reason::Closed, "the peer closed the connection")
}
