//! One connection: read a request, serve it, write the reply, and again. A client that begins with HTTP/2's preface is
//! handed on to `http2`.
//!
//! A state machine that never waits: it goes as far as the socket lets it and says what it waits for. Requests that
//! follow before the reply is written (pipelining) stay in the buffer or in the kernel until their turn.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use meshperf_http2::{PREFACE, Preface};

use crate::body::{Body, Progress};
use crate::calls::passed;
use crate::http1::{self, Framing, Head, LONGEST_HEAD, Parsed, Persistence, Route};
use crate::http2::{Fields, Http2};
use crate::identity;
use crate::linger::Linger;
use crate::reply::{self, Reply};
use crate::service::Service;
use crate::transport::Transport;

const FIRST_BUFFER: usize = 16 * 1024;
/// Reads and requests in one turn; then the other connections get theirs.
const BUDGET: u32 = 64;
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// What a connection waits for.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    Socket,
    /// The time, in CLOCK_MONOTONIC nanoseconds; then `timer` is called.
    Time(u64),
    /// Its next turn: it could go on.
    Turn,
    /// Nothing: it is over.
    Over,
}

enum Phase {
    /// Nothing was read yet: the first bytes tell which HTTP it is.
    First,
    Http2(Box<Http2>),
    Head,
    Body(Body),
    Serving,
    /// Its calls to other services are under way.
    Calling,
    Replying,
    Lingering(Linger),
}

pub struct Connection {
    pub transport: Transport,
    peer: SocketAddr,
    phase: Phase,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Bytes of the unfinished head that were looked at, and how many there must be to parse it again.
    looked_at: usize,
    parse_from: usize,
    head: Option<Head>,
    reply: Reply,
    /// Of the reply that was not counted yet.
    status: Option<u16>,
    closes: bool,
    /// Headers for the calls of the request.
    passed: Fields,
    own: Vec<u8>,
}

impl Connection {
    pub fn new(transport: Transport, peer: SocketAddr) -> Self {
        Connection {
            transport,
            peer,
            phase: Phase::First,
            buffer: vec![0; FIRST_BUFFER],
            start: 0,
            end: 0,
            looked_at: 0,
            parse_from: 0,
            head: None,
            reply: Reply::NONE,
            status: None,
            closes: false,
            passed: Fields::default(),
            own: Vec::new(),
        }
    }

    /// The time it waited for has come.
    pub fn timer(&mut self, service: &mut Service) -> Step {
        match self.phase {
            Phase::Serving => {
                self.call_others(service);
                self.advance(service)
            }
            Phase::Http2(ref mut http2) => http2.timer(&mut self.transport, service),
            Phase::Lingering(_) => Step::Over,
            _ => Step::Socket,
        }
    }

    /// The calls for the request on `stream` have ended.
    pub fn called(&mut self, stream: u32, failed: bool, service: &mut Service) -> Step {
        match self.phase {
            Phase::Calling => {
                if failed {
                    self.fail();
                }
                self.phase = Phase::Replying;
                self.advance(service)
            }
            Phase::Http2(ref mut http2) => {
                http2.called(stream, failed, &mut self.transport, service)
            }
            _ => Step::Socket,
        }
    }

    /// Goes on as far as it can.
    pub fn advance(&mut self, service: &mut Service) -> Step {
        match self.try_advance(service) {
            Ok(step) => step,
            Err(error) if error.kind() == ErrorKind::WouldBlock => Step::Socket,
            // TLS that cannot be understood was answered with an alert; let the client read it.
            Err(error) if error.kind() == ErrorKind::InvalidData => self.linger(),
            Err(_) => Step::Over,
        }
    }

    fn try_advance(&mut self, service: &mut Service) -> io::Result<Step> {
        for _ in 0..BUDGET {
            match &mut self.phase {
                Phase::First => match self.look() {
                    Preface::Whole => self.begin_http2(service),
                    Preface::Absent => self.phase = Phase::Head,
                    Preface::Partial => {
                        if self.fill()? == 0 {
                            return Ok(Step::Over);
                        }
                    }
                },
                Phase::Http2(http2) => return Ok(http2.advance(&mut self.transport, service)),
                Phase::Head => match self.parse() {
                    Parsed::Partial => {
                        if self.fill()? == 0 {
                            return Ok(Step::Over);
                        }
                    }
                    Parsed::Refused(status) => self.refuse(status),
                    Parsed::Complete(head) => self.begin(head, service)?,
                },
                Phase::Body(body) => match body.consume(&self.buffer[self.start..self.end]) {
                    Progress::Malformed => self.refuse(400),
                    Progress::More => {
                        self.start = self.end;
                        if self.fill()? == 0 {
                            return Ok(Step::Over);
                        }
                    }
                    Progress::Done(used) => {
                        self.start += used;
                        if let Some(due) = self.serve(service) {
                            return Ok(Step::Time(due));
                        }
                    }
                },
                Phase::Serving | Phase::Calling => return Ok(Step::Socket),
                Phase::Replying => {
                    // Counted first: a client that has its reply must find it counted.
                    if let Some(status) = self.status.take() {
                        service.counters.answered(status);
                    }
                    self.write_reply(service)?;
                    if self.closes {
                        return Ok(self.linger());
                    }
                    self.phase = Phase::Head;
                }
                Phase::Lingering(linger) => {
                    return linger.drain(&mut self.transport, &mut self.buffer);
                }
            }
        }
        Ok(Step::Turn)
    }

    /// The client began with HTTP/2's preface; what came after it is its first frames.
    fn begin_http2(&mut self, service: &Service) {
        service.counters.http2_connections.add(1);
        let early = self.buffer[self.start + PREFACE.len()..self.end].to_vec();
        self.phase = Phase::Http2(Box::new(Http2::new(self.peer, early, service)));
        self.buffer = Vec::new();
        (self.start, self.end) = (0, 0);
    }

    /// Which HTTP the first bytes are of; over TLS, only what the handshake agreed on.
    fn look(&self) -> Preface {
        let unread = &self.buffer[self.start..self.end];
        match (Preface::of(unread), self.transport.agreed_http2()) {
            (Preface::Whole, Some(false)) => Preface::Absent,
            (found, _) => found,
        }
    }

    /// Parses the head, but only when that can have changed: a head that comes byte by byte costs no quadratic time.
    fn parse(&mut self) -> Parsed {
        let unread = &self.buffer[self.start..self.end];
        let length = unread.len();
        let from = self.looked_at.saturating_sub(3).min(length);
        self.looked_at = length;
        if length == 0 || (length < self.parse_from && !ends_head(&unread[from..])) {
            return Parsed::Partial;
        }
        let parsed = http1::parse(unread);
        self.parse_from = if parsed == Parsed::Partial {
            (2 * length).min(LONGEST_HEAD)
        } else {
            0
        };
        parsed
    }

    /// Reads more into the buffer. Ok(0): the client ended its side.
    fn fill(&mut self) -> io::Result<usize> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
        if self.end == self.buffer.len() {
            if self.start > 0 {
                self.buffer.copy_within(self.start..self.end, 0);
                (self.start, self.end) = (0, self.end - self.start);
            } else {
                self.buffer.resize(2 * self.buffer.len(), 0);
            }
        }
        let n = self.transport.read(&mut self.buffer[self.end..])?;
        self.end += n;
        Ok(n)
    }

    /// A head is complete; its body comes next.
    fn begin(&mut self, head: Head, service: &Service) -> io::Result<()> {
        if head.route == Route::WhoAmI {
            self.describe_caller(&head, service);
        } else if service.calls.is_some() {
            let unread = &self.buffer[self.start..self.end];
            let passed =
                http1::with_request(unread, |request, _| passed::of_headers(request.headers));
            self.passed = passed.unwrap_or_default();
        }
        self.start += head.length;
        self.looked_at = 0;
        self.closes = head.persistence == Persistence::Close;
        self.head = Some(head);
        self.phase = Phase::Body(Body::new(head.framing));
        if head.expects_continue && head.framing != Framing::None && self.start == self.end {
            // Nothing else is under way on this connection, so there is room for a few bytes or it is broken.
            if self.transport.write(CONTINUE, &[])? != CONTINUE.len() {
                return Err(ErrorKind::WriteZero.into());
            }
            self.transport.flush()?;
        }
        Ok(())
    }

    fn describe_caller(&mut self, head: &Head, service: &Service) {
        let rule = service.identity_header.as_ref();
        let (transport, peer) = (&self.transport, self.peer);
        let described = http1::with_request(&self.buffer[self.start..self.end], |request, _| {
            identity::describe(request, transport, peer, rule)
        });
        if let Ok(json) = described {
            self.reply = reply::text(
                &mut self.own,
                200,
                head.persistence,
                head.is_head,
                "application/json",
                &json,
            );
            self.status = Some(200);
        }
    }

    /// The request is complete. Returns when its reply is due, or None where it is due now.
    fn serve(&mut self, service: &mut Service) -> Option<u64> {
        service.counters.requests.add(1);
        self.phase = Phase::Replying;
        let head = self.head?;
        if head.route == Route::WhoAmI {
            return None;
        }
        let (reply, status) = service.echo(&head, &mut self.own);
        self.reply = reply;
        self.status = Some(status);
        let due = service.serve();
        if due.is_some() {
            self.phase = Phase::Serving;
        } else {
            self.call_others(service);
        }
        due
    }

    /// The service time is over: others are called, or the reply begins.
    fn call_others(&mut self, service: &mut Service) {
        let calls = service.calls.is_some();
        self.phase = if calls && service.call_others(0, std::mem::take(&mut self.passed)) {
            Phase::Calling
        } else {
            Phase::Replying
        };
    }

    /// A call failed: the reply says so instead of what was drawn.
    fn fail(&mut self) {
        if let Some(head) = self.head {
            let (status, text) = reply::CALL_FAILED;
            self.reply = reply::text(
                &mut self.own,
                status,
                head.persistence,
                head.is_head,
                "text/plain",
                text,
            );
            self.status = Some(status);
        }
    }

    fn refuse(&mut self, status: u16) {
        let reason: &[u8] = match status {
            431 => b"the request head is larger than 64 KiB or has more than 128 fields\n",
            417 => b"only 100-continue can be expected\n",
            501 => b"the only transfer coding understood is chunked\n",
            _ => b"not a well-formed HTTP/1 request\n",
        };
        self.reply = reply::text(
            &mut self.own,
            status,
            Persistence::Close,
            false,
            "text/plain",
            reason,
        );
        self.status = Some(status);
        self.closes = true;
        self.phase = Phase::Replying;
    }

    fn write_reply(&mut self, service: &Service) -> io::Result<()> {
        while !self.reply.is_sent() {
            let (first, second) = service.book.rest(&self.reply, &self.own);
            let n = self.transport.write(first, second)?;
            service.book.advance(&mut self.reply, n);
        }
        self.transport.flush()
    }

    fn linger(&mut self) -> Step {
        self.transport.end_sending();
        let mut linger = Linger::default();
        let step = linger.drain(&mut self.transport, &mut self.buffer);
        self.phase = Phase::Lingering(linger);
        step.unwrap_or(Step::Over)
    }
}

fn ends_head(bytes: &[u8]) -> bool {
    bytes.windows(3).any(|part| part == b"\n\r\n") || bytes.windows(2).any(|part| part == b"\n\n")
}
