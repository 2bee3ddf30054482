//! One stream: what was asked on it, and what it still has to say.

use meshperf_http2::{ReceiveWindow, SendWindow};

use super::body::Body;
use super::fields::Fields;
use crate::grpc::{Call, Method};
use crate::http1::Route;

/// What a stream's client may send ahead of us (bytes).
pub const WINDOW: u32 = 4 << 20;

/// What a stream asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    Echo {
        route: Route,
        is_head: bool,
    },
    /// Its reply is prepared in the body: JSON for `/whoami`, or the reason for a refusal.
    Text {
        status: u16,
        kind: &'static str,
        is_head: bool,
    },
    Call,
}

pub struct Stream {
    pub work: Work,
    /// Of `Work::Call` only.
    pub call: Call,
    /// Whether the client said all it has to say.
    pub ended: bool,
    /// Whether it waits for its service or is in it.
    pub in_service: bool,
    pub answered: bool,
    pub head_sent: bool,
    /// Whether it is in the line of those that have something to send.
    pub in_line: bool,
    pub body: Body,
    /// Headers for the calls of its requests.
    pub passed: Fields,
    pub send: SendWindow,
    pub receive: ReceiveWindow,
}

impl Stream {
    pub fn new() -> Self {
        Stream {
            work: Work::Call,
            call: Call::new(Method::Unary),
            ended: false,
            in_service: false,
            answered: false,
            head_sent: false,
            in_line: false,
            body: Body::default(),
            passed: Fields::default(),
            send: SendWindow::new(0),
            receive: ReceiveWindow::stream(WINDOW),
        }
    }

    /// Lets go of what it held, and of memory that few streams need.
    pub fn forget(&mut self) {
        self.body.clear();
        self.passed.clear();
        self.call.forget();
    }

    /// As new, with the memory of the one before, which was made to `forget`.
    pub fn reset(&mut self, initial_send: u32) {
        (self.ended, self.in_service, self.answered) = (false, false, false);
        (self.head_sent, self.in_line) = (false, false);
        self.send = SendWindow::new(initial_send);
        self.receive = ReceiveWindow::stream(WINDOW);
    }

    /// Whether it is a call of which nothing is in service or on its way out.
    pub fn is_silent(&self) -> bool {
        self.work == Work::Call && !self.in_service && self.body.is_sent()
    }

    /// Whether something on it can be served now.
    pub fn has_work(&self) -> bool {
        if self.in_service {
            return false;
        }
        match self.work {
            Work::Call => self.body.is_sent() && self.call.has_work(self.ended),
            _ => self.ended && !self.answered,
        }
    }

    /// Whether service time applies: `/whoami`, refusals and questions about the server are answered at once.
    pub fn is_served(&self) -> bool {
        match self.work {
            Work::Echo { .. } => true,
            Work::Text { .. } => false,
            Work::Call => self.call.method.is_served(),
        }
    }

    /// How much more the client may be told to send.
    pub fn window_due(&mut self) -> Option<u32> {
        if self.ended || self.work == Work::Call && !self.call.has_room() {
            return None;
        }
        self.receive.due()
    }
}
