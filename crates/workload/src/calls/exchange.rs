//! What is spoken on one connection to a callee, whichever protocol it is: calls in, bytes out and in, endings out.

use super::http1::Http1;
use super::http2::Http2;
use super::plan::Protocol;
use super::request::Prepared;
use crate::http2::Fields;

/// How an attempt at a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    Well,
    Failed,
    /// It was certainly not begun, or its kept-alive connection ended before a byte of its reply: such a request is sent
    /// again without a word, as every HTTP client does.
    Unheard,
}

impl Ending {
    /// By HTTP status: what the caller did wrong is not the callee's failure.
    pub fn of_status(status: u16) -> Self {
        if status >= 500 {
            Self::Failed
        } else {
            Self::Well
        }
    }
}

/// A call's number and how it ended.
pub type Ended = (u64, Ending);

/// The callee does not keep to its protocol.
#[derive(Debug, PartialEq, Eq)]
pub struct Broken;

pub enum Speech {
    Http1(Box<Http1>),
    Http2(Box<Http2>),
}

impl Speech {
    /// `room`: calls that go out over HTTP/2 before the callee says how many it takes.
    pub fn new(protocol: Protocol, room: usize) -> Self {
        match protocol {
            Protocol::Http1 => Speech::Http1(Box::new(Http1::new())),
            Protocol::Http2 => Speech::Http2(Box::new(Http2::new(false, room))),
            Protocol::Grpc => Speech::Http2(Box::new(Http2::new(true, room))),
        }
    }

    /// How many calls it can take now.
    pub fn room(&self) -> usize {
        match self {
            Speech::Http1(http1) => http1.room(),
            Speech::Http2(http2) => http2.room(),
        }
    }

    /// How many calls the callee said that it takes at a time on a connection.
    pub fn announced(&self) -> Option<usize> {
        match self {
            Speech::Http1(_) => None,
            Speech::Http2(http2) => http2.announced(),
        }
    }

    /// Whether no call is under way and none can come.
    pub fn is_spent(&self) -> bool {
        match self {
            // A call that is under way ends its connection itself.
            Speech::Http1(http1) => !http1.is_waited_for() && http1.room() == 0,
            Speech::Http2(http2) => http2.is_spent(),
        }
    }

    pub fn begin(&mut self, call: u64, request: &Prepared, passed: &Fields, filler: &[u8]) {
        match self {
            Speech::Http1(http1) => http1.begin(call, request, passed, filler),
            Speech::Http2(http2) => http2.begin(call, request, passed),
        }
    }

    /// What is to be written next; empty where nothing is.
    pub fn piece<'a>(&'a mut self, filler: &'a [u8]) -> &'a [u8] {
        match self {
            Speech::Http1(http1) => http1.piece(filler),
            Speech::Http2(http2) => http2.piece(filler),
        }
    }

    /// Notes that `n` bytes of `piece` were written.
    pub fn advance(&mut self, n: usize, filler: &[u8]) {
        match self {
            Speech::Http1(http1) => http1.advance(n, filler),
            Speech::Http2(http2) => http2.advance(n),
        }
    }

    /// Takes in what came, and tells which calls ended with it.
    pub fn feed(&mut self, bytes: &[u8], ended: &mut Vec<Ended>) -> Result<(), Broken> {
        match self {
            Speech::Http1(http1) => http1.feed(bytes, ended),
            Speech::Http2(http2) => http2.feed(bytes, ended),
        }
    }

    /// The connection is over, and with it all of its calls.
    pub fn end(&mut self, ended: &mut Vec<Ended>) {
        match self {
            Speech::Http1(http1) => http1.end(ended),
            Speech::Http2(http2) => http2.end(ended),
        }
    }

    /// Nobody waits for this call's reply any more.
    pub fn give_up(&mut self, call: u64) {
        match self {
            Speech::Http1(http1) => http1.give_up(),
            Speech::Http2(http2) => http2.give_up(call),
        }
    }
}
