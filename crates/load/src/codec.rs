//! What a protocol must provide: the bytes of a request, and a reader that finds the end of a reply.
//!
//! The engine above knows connections and time only; adding a protocol means another `Exchange`.

use std::sync::Arc;

use crate::http1;
use crate::plan::Target;

/// A whole reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// Whether the connection can carry another request.
    pub(crate) keep: bool,
}

impl Reply {
    /// Statuses below 400 are successes.
    pub(crate) fn ok(self) -> bool {
        self.status < 400
    }
}

/// What the peer sent is not the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed(pub(crate) &'static str);

/// Reads the replies of one connection. Bodies are skipped, never stored.
pub(crate) trait Exchange: Send {
    /// Take bytes as they arrive; Some when they complete the reply. Bytes behind a reply make it `keep: false`.
    fn feed(&mut self, bytes: &[u8]) -> Result<Option<Reply>, Malformed>;

    /// The peer closed: Some when that is how this reply ends.
    fn end(&mut self) -> Option<Reply>;

    /// Forget what was read: the connection is new.
    fn reset(&mut self);
}

/// The protocol of one target: its request, encoded once, and readers for its replies.
pub(crate) struct Protocol {
    pub(crate) request: Arc<[u8]>,
    head_only: bool,
}

impl Protocol {
    pub(crate) fn new(target: &Target) -> Self {
        Self {
            request: http1::encode(target).into(),
            head_only: target.method == "HEAD",
        }
    }

    pub(crate) fn exchange(&self) -> Box<dyn Exchange> {
        Box::new(http1::Response::new(self.head_only))
    }
}
