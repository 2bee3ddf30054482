//! What a protocol must provide: the bytes of a request, and a reader that finds the ends of replies.
//!
//! The engine above knows connections and time only; adding a protocol means another `Dialogue`. A dialogue has places for
//! the requests under way on its connection, numbered from 0: one, or as many as the protocol has streams.

use std::sync::Arc;

use crate::datagram::Datagrams;
use crate::http1::{Http1, Request};
use crate::http2::Http2;
use crate::http2_call::Call;
use crate::message::Message;
use crate::plan::{Protocol, Target};
use crate::reason::{Failure, Reason};
use crate::redirect::Redirect;

/// A whole reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    /// Of HTTP; 200 where the protocol has none.
    pub(crate) status: u16,
    /// The status at the end of a gRPC call.
    pub(crate) grpc: Option<u16>,
    /// Whether the connection can carry another request.
    pub(crate) keep: bool,
}

impl Reply {
    pub(crate) const OK: Self = Self {
        status: 200,
        grpc: None,
        keep: true,
    };

    /// Statuses below 400 are successes, and of gRPC only 0.
    pub(crate) fn ok(self) -> bool {
        self.status < 400 && self.grpc.unwrap_or(0) == 0
    }
}

/// How a request ended.
#[derive(Debug)]
pub(crate) enum Ending {
    Reply(Reply),
    /// The reply asks to look elsewhere, and the target says to follow.
    Redirect(Reply, Redirect),
    /// The peer gave up this request and no other.
    Reset,
    /// The peer sent what is not the protocol, for this request only.
    Malformed,
}

/// The end of the request in `place`.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) place: u32,
    pub(crate) ending: Ending,
    /// Bytes of the reply where several share a connection; 0: all that the connection read meanwhile.
    pub(crate) bytes_in: u64,
    /// When it was received [ns], and whether the kernel said so; filled in by the connection.
    pub(crate) received: u64,
    pub(crate) stamped: bool,
}

impl Answer {
    pub(crate) fn new(place: u32, ending: Ending) -> Self {
        Self {
            place,
            ending,
            bytes_in: 0,
            received: 0,
            stamped: false,
        }
    }
}

/// What the peer sent is not the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed(pub(crate) &'static str);

impl From<Malformed> for Failure {
    fn from(what: Malformed) -> Self {
        Self::new(Reason::Malformed, what.0)
    }
}

/// What was seen of datagrams beside their counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Strays {
    pub(crate) duplicates: u64,
    pub(crate) reordered: u64,
    pub(crate) late: u64,
}

impl Strays {
    pub(crate) fn add(&mut self, other: Self) {
        self.duplicates += other.duplicates;
        self.reordered += other.reordered;
        self.late += other.late;
    }
}

/// The protocol on one connection. Bodies are skipped, never stored.
pub(crate) trait Dialogue: Send {
    /// The connection is new: forget what was, and write what opens the dialogue.
    fn open(&mut self, out: &mut Vec<u8>);

    /// How many requests may be under way at a time; None while the peer has not said so.
    fn room(&self) -> Option<u32>;

    /// How many the peer says it takes, where it has said so.
    fn allowed(&self) -> Option<u32> {
        None
    }

    /// Write the request for a place.
    fn begin(&mut self, place: u32, out: &mut Vec<u8>);

    /// Write the request that a redirect asks for, in the place of the one before.
    fn follow(&mut self, place: u32, redirect: &Redirect, out: &mut Vec<u8>);

    /// Take bytes as they arrive (a datagram: whole); what ends is added to `answers`, what must be said at once to `out`.
    fn feed(
        &mut self,
        bytes: &[u8],
        out: &mut Vec<u8>,
        answers: &mut Vec<Answer>,
    ) -> Result<(), Failure>;

    /// The peer closed: what ends by that is added to `answers`.
    fn end(&mut self, _answers: &mut Vec<Answer>) {}

    /// All bytes have been written: what ends by that is added to `answers`.
    fn written(&mut self, _answers: &mut Vec<Answer>) {}

    /// Give up the request in a place. False when the connection cannot go on without its reply.
    fn give_up(&mut self, _place: u32, _out: &mut Vec<u8>) -> bool {
        false
    }

    /// Whether the peer takes no more requests on this connection.
    fn closing(&self) -> bool {
        false
    }

    fn take_strays(&mut self) -> Strays {
        Strays::default()
    }
}

/// The protocol of one target: its request, encoded once, from which each connection gets its dialogue.
pub(crate) enum Speech {
    Http1(Arc<Request>),
    Http2(Arc<Call>),
    Tcp { message: Arc<[u8]>, reply: u64 },
    Udp { message: Arc<[u8]>, reply: bool },
}

impl Speech {
    pub(crate) fn new(target: &Target) -> Self {
        let message = || -> Arc<[u8]> { target.body_bytes().into() };
        match target.protocol {
            Protocol::Http1 | Protocol::Http1_0 => Self::Http1(Arc::new(Request::new(target))),
            Protocol::Http2 | Protocol::Grpc => Self::Http2(Arc::new(Call::new(target))),
            Protocol::Tcp => Self::Tcp {
                message: message(),
                reply: target.reply_bytes.unwrap_or(target.body.len() as u64),
            },
            Protocol::Udp => Self::Udp {
                message: message(),
                reply: target.reply_bytes != Some(0),
            },
        }
    }

    pub(crate) fn dialogue(&self, places: u32) -> Box<dyn Dialogue> {
        match self {
            Self::Http1(request) => Box::new(Http1::new(request.clone())),
            Self::Http2(call) => Box::new(Http2::new(call.clone(), places)),
            Self::Tcp { message, reply } => Box::new(Message::new(message.clone(), *reply)),
            Self::Udp { message, reply } => {
                Box::new(Datagrams::new(message.clone(), *reply, places))
            }
        }
    }

    /// Length of a datagram where the connection carries datagrams.
    pub(crate) fn datagram(&self) -> Option<usize> {
        match self {
            Self::Udp { message, .. } => Some(message.len()),
            _ => None,
        }
    }

    /// Whether requests are written together at the end of a turn: where a connection carries several, one write for all
    /// of them costs a fraction of one each.
    pub(crate) fn gathers(&self) -> bool {
        matches!(self, Self::Http2(_) | Self::Udp { .. })
    }

    /// Whether the peer speaks first: one that hangs up before has another protocol.
    pub(crate) fn greets(&self) -> bool {
        matches!(self, Self::Http2(_))
    }
}
