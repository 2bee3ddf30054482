//! The client's side of one HTTP/1.1 connection: one call at a time, the next when its reply is read to the end.

use std::mem::MaybeUninit;

use httparse::{Header, Response, Status};

use super::exchange::{Broken, Ended, Ending};
use super::request::Prepared;
use crate::body::{Body, Progress};
use crate::http1::{Framing, LONGEST_HEAD, MOST_HEADERS};
use crate::http2::{Body as Outflow, Fields};

/// A body up to this size goes out in one piece with its head (bytes).
const ONE_PIECE: u64 = 16 * 1024;

enum State {
    Head,
    Body(Body),
    /// The reply ends with the connection.
    UntilClose,
}

pub struct Http1 {
    call: Option<u64>,
    out: Outflow,
    /// Of the reply's head, where it came in pieces.
    head: Vec<u8>,
    state: State,
    status: u16,
    /// Whether the connection may be used again.
    keep: bool,
    /// Whether anything of the reply has come.
    heard: bool,
    /// Whether an earlier call went well on this connection.
    used: bool,
}

impl Http1 {
    pub fn new() -> Self {
        Http1 {
            call: None,
            out: Outflow::default(),
            head: Vec::new(),
            state: State::Head,
            status: 0,
            keep: true,
            heard: false,
            used: false,
        }
    }

    /// How many calls it can take now.
    pub fn room(&self) -> usize {
        usize::from(self.keep && self.call.is_none())
    }

    /// Whether a call is under way.
    pub fn is_waited_for(&self) -> bool {
        self.call.is_some()
    }

    pub fn begin(&mut self, call: u64, request: &Prepared, passed: &Fields, filler: &[u8]) {
        self.call = Some(call);
        self.heard = false;
        self.state = State::Head;
        self.out.clear();
        request.write_text(passed, &mut self.out.own);
        if request.filler <= ONE_PIECE {
            self.out
                .own
                .extend_from_slice(&filler[..request.filler as usize]);
        } else {
            self.out.fill(request.filler);
        }
    }

    /// What is to be written next; empty where nothing is.
    pub fn piece<'a>(&'a self, filler: &'a [u8]) -> &'a [u8] {
        if self.out.is_sent() {
            &[]
        } else {
            self.out.next(filler)
        }
    }

    pub fn advance(&mut self, n: usize, filler: &[u8]) {
        self.out.advance(n, filler);
    }

    pub fn feed(&mut self, mut bytes: &[u8], ended: &mut Vec<Ended>) -> Result<(), Broken> {
        while !bytes.is_empty() {
            if self.call.is_none() {
                // Nothing was asked.
                return Err(Broken);
            }
            self.heard = true;
            match &mut self.state {
                State::Head => bytes = self.take_head(bytes)?,
                State::Body(body) => match body.consume(bytes) {
                    Progress::More => return Ok(()),
                    Progress::Malformed => return Err(Broken),
                    Progress::Done(used) => {
                        bytes = &bytes[used..];
                        self.finish(ended);
                    }
                },
                State::UntilClose => return Ok(()),
            }
            // A reply without a body ends with its head.
            if matches!(self.state, State::Body(Body::Length(0))) {
                self.finish(ended);
            }
        }
        Ok(())
    }

    /// The connection is over.
    pub fn end(&mut self, ended: &mut Vec<Ended>) {
        if matches!(self.state, State::UntilClose) {
            return self.finish(ended);
        }
        if let Some(call) = self.call.take() {
            let ending = if self.used && !self.heard {
                Ending::Unheard
            } else {
                Ending::Failed
            };
            ended.push((call, ending));
        }
    }

    /// Nobody waits for the reply any more. A connection on which it may still come is of no use.
    pub fn give_up(&mut self) {
        self.call = None;
        self.keep = false;
    }

    fn finish(&mut self, ended: &mut Vec<Ended>) {
        self.state = State::Head;
        self.used = true;
        self.keep &= self.out.is_sent();
        if let Some(call) = self.call.take() {
            ended.push((call, Ending::of_status(self.status)));
        }
    }

    /// Takes what belongs to the head and returns the rest.
    fn take_head<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a [u8], Broken> {
        if self.head.is_empty() {
            return match self.parse(bytes)? {
                Some(length) => Ok(&bytes[length..]),
                None => {
                    self.head.extend_from_slice(bytes);
                    Ok(&[])
                }
            };
        }
        let before = self.head.len();
        let mut head = std::mem::take(&mut self.head);
        head.extend_from_slice(&bytes[..bytes.len().min(LONGEST_HEAD)]);
        let parsed = self.parse(&head)?;
        let rest = match parsed {
            Some(length) => {
                head.clear();
                &bytes[length - before..]
            }
            None => &[],
        };
        self.head = head;
        Ok(rest)
    }

    /// The length of the head at the start of `bytes`, if all of it is there; sets what follows it.
    fn parse(&mut self, bytes: &[u8]) -> Result<Option<usize>, Broken> {
        let mut headers = [const { MaybeUninit::<Header<'_>>::uninit() }; MOST_HEADERS];
        let mut reply = Response::new(&mut []);
        let parsed = httparse::ParserConfig::default().parse_response_with_uninit_headers(
            &mut reply,
            bytes,
            &mut headers,
        );
        let length = match parsed {
            Ok(Status::Complete(length)) if length <= LONGEST_HEAD => length,
            Ok(Status::Partial) if bytes.len() < LONGEST_HEAD => return Ok(None),
            _ => return Err(Broken),
        };
        let (Some(status), Some(minor)) = (reply.code, reply.version) else {
            return Err(Broken);
        };
        if matches!(status, 102..=199 | 100) {
            // Only a foretaste; the reply itself follows.
            return Ok(Some(length));
        }
        let says = Says::read(reply.headers)?;
        self.status = status;
        self.keep = !says.close && (minor >= 1 || says.keep_alive);
        self.state = match (status, says.chunked, says.length) {
            // After 101 it is another protocol, which nobody asked for.
            (101, _, _) => return Err(Broken),
            (204 | 304, _, _) => State::Body(Body::Length(0)),
            (_, true, _) => State::Body(Body::new(Framing::Chunked)),
            (_, false, Some(length)) => State::Body(Body::Length(length)),
            (_, false, None) => {
                self.keep = false;
                State::UntilClose
            }
        };
        Ok(Some(length))
    }
}

/// What the fields of a head say of its connection.
#[derive(Default)]
struct Says {
    length: Option<u64>,
    chunked: bool,
    close: bool,
    keep_alive: bool,
}

impl Says {
    fn read(headers: &[Header<'_>]) -> Result<Self, Broken> {
        let mut says = Says::default();
        for header in headers {
            let text = std::str::from_utf8(header.value).unwrap_or("").trim();
            if header.name.eq_ignore_ascii_case("content-length") {
                let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
                let length = text.parse().ok().filter(|_| digits).ok_or(Broken)?;
                if says.length.is_some_and(|earlier| earlier != length) {
                    return Err(Broken);
                }
                says.length = Some(length);
            } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
                if !text.eq_ignore_ascii_case("chunked") {
                    return Err(Broken);
                }
                says.chunked = true;
            } else if header.name.eq_ignore_ascii_case("connection") {
                let mut words = text.split(',').map(str::trim);
                says.close |= words.clone().any(|word| word.eq_ignore_ascii_case("close"));
                says.keep_alive |= words.any(|word| word.eq_ignore_ascii_case("keep-alive"));
            }
        }
        Ok(says)
    }
}

#[cfg(test)]
#[path = "http1_tests.rs"]
mod tests;
