//! Why a request failed, as stable words that end up in results.

use std::io;

/// Everything that can end a request without a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Reason {
    /// Nobody listens at the address.
    Refused,
    /// No answer to the attempt to connect in time.
    ConnectTimeout,
    /// The network says that the address cannot be reached.
    Unreachable,
    /// This machine has no more ports, descriptors or memory for sockets.
    Resources,
    /// The peer broke the connection off.
    Reset,
    /// The peer closed the connection before the reply was whole.
    Closed,
    /// No whole reply in time.
    Timeout,
    /// The TLS handshake or a TLS record failed.
    Tls,
    /// What came back is not the protocol.
    Malformed,
    /// A redirect led elsewhere, or to too many others.
    Redirect,
    /// Any other failure of the socket.
    Io,
}

impl Reason {
    pub const ALL: [Self; 11] = [
        Self::Refused,
        Self::ConnectTimeout,
        Self::Unreachable,
        Self::Resources,
        Self::Reset,
        Self::Closed,
        Self::Timeout,
        Self::Tls,
        Self::Malformed,
        Self::Redirect,
        Self::Io,
    ];

    pub fn word(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::ConnectTimeout => "connect-timeout",
            Self::Unreachable => "unreachable",
            Self::Resources => "resources",
            Self::Reset => "reset",
            Self::Closed => "closed",
            Self::Timeout => "timeout",
            Self::Tls => "tls",
            Self::Malformed => "malformed",
            Self::Redirect => "redirect",
            Self::Io => "io",
        }
    }

    /// The reason behind an error of a socket.
    pub(crate) fn of(error: &io::Error) -> Self {
        match error.raw_os_error() {
            Some(libc::ECONNREFUSED) => Self::Refused,
            Some(libc::ECONNRESET | libc::ECONNABORTED) => Self::Reset,
            Some(libc::EPIPE) => Self::Closed,
            Some(libc::ETIMEDOUT) => Self::ConnectTimeout,
            Some(
                libc::ENETUNREACH
                | libc::EHOSTUNREACH
                | libc::ENETDOWN
                | libc::EACCES
                | libc::EPERM,
            ) => Self::Unreachable,
            Some(
                libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM | libc::EADDRNOTAVAIL,
            ) => Self::Resources,
            _ => Self::Io,
        }
    }
}

/// A failure with what it said, for the error that ends a session; within a run only the reason is counted.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) reason: Reason,
    pub(crate) text: String,
}

impl Failure {
    pub(crate) fn new(reason: Reason, text: impl Into<String>) -> Self {
        Self {
            reason,
            text: text.into(),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self {
            reason: Reason::of(&error),
            text: error.to_string(),
        }
    }
}
