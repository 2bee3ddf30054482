//! gRPC calls: which method is asked for, and what it answers. How the messages travel is `http2`'s.

pub mod call;
mod descriptors;
mod echo;
mod health;
mod method;
mod reflection;
mod wire;

pub use call::Call;
pub use echo::write_request as write_echo_request;
pub use method::{ECHO_UNARY, Method};

/// Messages are at most this long, which is what gRPC clients take by default.
pub const LONGEST_MESSAGE: u32 = 4 << 20;

/// The statuses this server answers with, by their numbers in gRPC.
pub mod status {
    pub const INVALID_ARGUMENT: u8 = 3;
    pub const NOT_FOUND: u8 = 5;
    pub const RESOURCE_EXHAUSTED: u8 = 8;
    pub const UNIMPLEMENTED: u8 = 12;
    pub const INTERNAL: u8 = 13;
    pub const UNAVAILABLE: u8 = 14;
    /// The highest there is.
    pub const LAST: u8 = 16;
}

/// How a call ends other than well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failed {
    pub status: u8,
    /// Printable ASCII without `%`, so it needs no escaping.
    pub text: &'static str,
}

/// The end of a call for which another service had to be called, and failed.
pub const CALL_FAILED: Failed = Failed {
    status: status::UNAVAILABLE,
    text: "a call to another service failed",
};

/// What one request, or a whole call, is answered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// The message that was appended, this many times.
    Reply {
        times: u32,
    },
    Failed(Failed),
}

/// A request that is not what its type says.
pub const MALFORMED: Answer = Answer::Failed(Failed {
    status: status::INTERNAL,
    text: "the request is not a message of its type",
});
