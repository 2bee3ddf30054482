//! One connection as a state machine: opening, open, and closed until it is opened again.

use crate::clock;
use crate::dialogue::{Answer, Dialogue, Ending};
use crate::endpoint::Endpoint;
use crate::reason::{Failure, Reason};
use crate::redirect::Redirect;
use crate::socket::Socket;
use crate::transport::{Buffers, ReadEnd, Transport};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Closed,
    Connecting,
    Handshaking,
    /// The peer has not yet said how many requests it takes.
    Greeting,
    Open,
}

/// What an event on a connection led to, beside the answers it brought.
#[derive(Debug)]
pub(crate) enum Step {
    Nothing,
    /// Connected, past the handshake where there is one, and ready for requests.
    Opened,
    Failed(Failure),
}

pub(crate) struct Connection {
    pub(crate) target: u32,
    /// The first of its slots; the others follow.
    pub(crate) first_slot: u32,
    pub(crate) state: State,
    /// Tells events of this socket from late ones of the socket before.
    pub(crate) generation: u32,
    /// Requests under way.
    pub(crate) busy: u32,
    /// No further request: it is closed when those under way have ended.
    pub(crate) retiring: bool,
    /// A slot whose request waits for this connection to open.
    pub(crate) carries: Option<u32>,
    /// Requests written with the next flush.
    pub(crate) unsent: Vec<u32>,
    /// When the present step of opening began.
    pub(crate) opening_since: u64,
    /// When the TLS handshake began.
    pub(crate) shaking_since: u64,
    pub(crate) opened_at: u64,
    /// Requests, and replies, since it was opened.
    pub(crate) begun: u64,
    pub(crate) served: u64,
    /// How many requests at a time its slots were opened for.
    pub(crate) room: u32,
    /// Failed attempts to open it, in a row.
    pub(crate) failures: u32,
    pub(crate) opened_before: bool,
    socket: Option<Socket>,
    transport: Transport,
    dialogue: Box<dyn Dialogue>,
    /// Bytes from the socket since the last answer of a connection with one place.
    bytes_in: u64,
    single: bool,
}

/// Flags that say that the peer has closed or the socket has failed.
const GONE: u32 = (libc::EPOLLRDHUP | libc::EPOLLHUP | libc::EPOLLERR) as u32;

impl Connection {
    pub(crate) fn new(target: u32, first_slot: u32, endpoint: &Endpoint) -> Self {
        Self {
            target,
            first_slot,
            state: State::Closed,
            generation: 0,
            busy: 0,
            retiring: false,
            carries: None,
            unsent: Vec::new(),
            opening_since: 0,
            shaking_since: 0,
            opened_at: 0,
            begun: 0,
            served: 0,
            room: 0,
            failures: 0,
            opened_before: false,
            socket: None,
            transport: Transport::plain(),
            dialogue: endpoint.speech.dialogue(endpoint.places),
            bytes_in: 0,
            single: endpoint.places == 1,
        }
    }

    pub(crate) fn transport(&self) -> &Transport {
        &self.transport
    }

    /// Whether the number of requests at a time is the peer's to say.
    #[inline]
    pub(crate) fn has_room(&self) -> bool {
        !self.single
    }

    pub(crate) fn dialogue(&mut self) -> &mut dyn Dialogue {
        self.dialogue.as_mut()
    }

    /// Begin to connect; the descriptor is to be watched.
    pub(crate) fn open(&mut self, endpoint: &Endpoint) -> Result<i32, Failure> {
        self.close();
        self.opening_since = clock::now();
        let socket = Socket::connect(endpoint.address, endpoint.manner())?;
        let descriptor = socket.descriptor();
        self.transport = match (&endpoint.tls, endpoint.speech.datagram()) {
            (Some(tls), _) => Transport::tls(&tls.config, &tls.name)?,
            (None, Some(length)) => Transport::datagrams(length),
            (None, None) => Transport::plain(),
        };
        self.begun = 0;
        self.served = 0;
        self.bytes_in = 0;
        self.socket = Some(socket);
        self.state = State::Connecting;
        Ok(descriptor)
    }

    /// Close the socket, whatever is on its way. Closing also ends its registration with epoll.
    pub(crate) fn close(&mut self) {
        self.socket = None;
        self.state = State::Closed;
        self.busy = 0;
        self.retiring = false;
        self.carries = None;
        self.unsent.clear();
        self.generation = self.generation.wrapping_add(1);
    }

    /// Put the request of a slot among what is to be sent. Returns its bytes, before TLS.
    #[inline]
    pub(crate) fn begin(&mut self, slot: u32) -> u64 {
        let before = self.transport.out.len();
        self.busy += 1;
        self.begun += 1;
        self.dialogue
            .begin(slot - self.first_slot, &mut self.transport.out);
        if self.single {
            self.bytes_in = 0;
        }
        (self.transport.out.len() - before) as u64
    }

    /// Write what a redirect asks for in the place of a slot's request. Returns its bytes, before TLS.
    pub(crate) fn follow(&mut self, slot: u32, redirect: &Redirect) -> u64 {
        let before = self.transport.out.len();
        self.dialogue
            .follow(slot - self.first_slot, redirect, &mut self.transport.out);
        (self.transport.out.len() - before) as u64
    }

    /// Give up the request of a slot. False when the connection cannot go on without its reply.
    pub(crate) fn give_up(&mut self, slot: u32) -> bool {
        let place = slot - self.first_slot;
        self.dialogue.give_up(place, &mut self.transport.out)
    }

    /// Send what is to be sent, as far as the socket takes it. Returns the bytes that went to it.
    #[inline]
    pub(crate) fn flush(&mut self, answers: &mut Vec<Answer>) -> Result<u64, Failure> {
        let Some(socket) = &self.socket else {
            return Err(closed());
        };
        let sent = self.transport.flush(socket)?;
        if self.transport.flushed() {
            let before = answers.len();
            self.dialogue.written(answers);
            if answers.len() > before {
                let now = clock::now();
                answers[before..]
                    .iter_mut()
                    .for_each(|answer| answer.received = now);
            }
        }
        Ok(sent as u64)
    }

    /// React to readiness flags of epoll. Requests that end are added to `answers`.
    #[inline]
    pub(crate) fn ready(
        &mut self,
        flags: u32,
        endpoint: &Endpoint,
        buffers: &mut Buffers,
        answers: &mut Vec<Answer>,
    ) -> Step {
        let outcome = match self.state {
            State::Closed => return Step::Nothing,
            State::Connecting => self.connected(flags, endpoint, buffers, answers),
            State::Handshaking => self.handshake(flags, endpoint, buffers, answers),
            State::Greeting => self.greeting(flags, buffers, answers),
            State::Open => self
                .exchange(flags, buffers, answers)
                .map(|()| Step::Nothing),
        };
        outcome.unwrap_or_else(Step::Failed)
    }

    fn connected(
        &mut self,
        flags: u32,
        endpoint: &Endpoint,
        buffers: &mut Buffers,
        answers: &mut Vec<Answer>,
    ) -> Result<Step, Failure> {
        let Some(socket) = &self.socket else {
            return Err(closed());
        };
        socket.outcome()?;
        if flags & (libc::EPOLLOUT as u32 | GONE) == 0 {
            return Ok(Step::Nothing);
        }
        if self.transport.session().is_none() {
            return self.greet(flags, buffers, answers);
        }
        self.shaking_since = clock::now();
        self.state = State::Handshaking;
        self.handshake(flags, endpoint, buffers, answers)
    }

    fn handshake(
        &mut self,
        flags: u32,
        endpoint: &Endpoint,
        buffers: &mut Buffers,
        answers: &mut Vec<Answer>,
    ) -> Result<Step, Failure> {
        let Some(socket) = &self.socket else {
            return Err(closed());
        };
        self.transport.flush(socket)?;
        while self.transport.handshaking() {
            let read = match self.transport.read(socket, buffers, |_, _| Ok(())) {
                Ok(read) => read,
                Err(failure) => {
                    // Tell the peer why: the alert is what its operator will see.
                    let _ = self.transport.flush(socket);
                    return Err(failure);
                }
            };
            let gone = flags & GONE != 0 && read.count == 0;
            match read.end {
                ReadEnd::End => return Err(half_shaken()),
                ReadEnd::Empty if self.transport.handshaking() && gone => {
                    return Err(half_shaken());
                }
                ReadEnd::Empty if self.transport.handshaking() && flags & GONE == 0 => {
                    return Ok(Step::Nothing);
                }
                _ => {}
            }
        }
        let agreed = self
            .transport
            .session()
            .and_then(|session| session.alpn_protocol());
        let must = endpoint.tls.as_ref().is_some_and(|tls| tls.must_agree_h2);
        if must && agreed != Some(b"h2") {
            return Err(Failure::new(
                Reason::Malformed,
                "the server does not agree on HTTP/2 (ALPN h2)",
            ));
        }
        self.greet(flags, buffers, answers)
    }

    /// The stream of bytes is there: begin the dialogue.
    fn greet(
        &mut self,
        flags: u32,
        buffers: &mut Buffers,
        answers: &mut Vec<Answer>,
    ) -> Result<Step, Failure> {
        self.dialogue.open(&mut self.transport.out);
        self.flush(answers)?;
        self.state = State::Greeting;
        self.greeting(flags, buffers, answers)
    }

    fn greeting(
        &mut self,
        flags: u32,
        buffers: &mut Buffers,
        answers: &mut Vec<Answer>,
    ) -> Result<Step, Failure> {
        if self.dialogue.room().is_none() {
            self.exchange(flags | libc::EPOLLIN as u32, buffers, answers)?;
        }
        if self.dialogue.room().is_none() {
            return Ok(Step::Nothing);
        }
        self.state = State::Open;
        self.opened_at = clock::now();
        Ok(Step::Opened)
    }

    /// Write what waits and read what is there.
    #[inline]
    fn exchange(
        &mut self,
        flags: u32,
        buffers: &mut Buffers,
        answers: &mut Vec<Answer>,
    ) -> Result<(), Failure> {
        // What was gathered goes out at the end of the turn, and its requests are not under way before.
        if flags & libc::EPOLLOUT as u32 != 0 && self.unsent.is_empty() && !self.transport.flushed()
        {
            self.flush(answers)?;
        }
        if flags & (libc::EPOLLIN as u32 | GONE) == 0 {
            return Ok(());
        }
        let begun = answers.len();
        let outcome = self.read_all(flags, buffers, answers);
        if outcome.is_err() {
            // What was whole before the end stays whole, but nothing more goes out on this connection.
            for answer in &mut answers[begun..] {
                if let Ending::Reply(reply) | Ending::Redirect(reply, _) = &mut answer.ending {
                    reply.keep = false;
                }
            }
        }
        outcome
    }

    fn read_all(
        &mut self,
        flags: u32,
        buffers: &mut Buffers,
        answers: &mut Vec<Answer>,
    ) -> Result<(), Failure> {
        loop {
            let Some(socket) = &self.socket else {
                return Err(closed());
            };
            let before = answers.len();
            let dialogue = &mut self.dialogue;
            let read = self.transport.read(socket, buffers, |bytes, out| {
                dialogue.feed(bytes, out, answers)
            });
            let end = match &read {
                Ok(read) => {
                    self.bytes_in += read.count as u64;
                    read.end
                }
                Err(_) => ReadEnd::Empty,
            };
            if end == ReadEnd::End {
                self.dialogue.end(answers);
            }
            if answers.len() > before {
                let now = clock::now();
                let stamp = read.as_ref().ok().and_then(|read| read.received);
                let received = stamp.map_or(now, |stamp| stamp.min(now));
                for answer in &mut answers[before..] {
                    answer.received = received;
                    answer.stamped = stamp.is_some();
                    if self.single {
                        answer.bytes_in = std::mem::take(&mut self.bytes_in);
                    }
                    self.served += 1;
                }
            }
            let read = read?;
            let gone = flags & GONE != 0;
            match end {
                ReadEnd::More => {}
                ReadEnd::End => return Err(closed()),
                ReadEnd::Empty if gone && read.count == 0 => return Err(closed()),
                // More may lie behind a short read when the peer has closed: read on until the end shows.
                ReadEnd::Empty if gone => {}
                ReadEnd::Empty => break,
            }
        }
        // Acknowledgements and windows that answer what was read.
        if self.unsent.is_empty() && !self.transport.flushed() {
            self.flush(answers)?;
        }
        Ok(())
    }
}

pub(crate) fn closed() -> Failure {
    Failure::new(Reason::Closed, "the peer closed the connection")
}

fn half_shaken() -> Failure {
    Failure::new(Reason::Tls, "the server closed during the handshake")
}
