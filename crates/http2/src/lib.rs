//! HTTP/2 and gRPC on the wire, for both ends of a measured connection: bytes in, events out, and the way back.
//!
//! No sockets, no threads, no clock: the load engine and the workload each have their own loop, and both want the same
//! framing. Nothing here decides what a request or a reply is; that is the caller's.
//!
//! Why not an existing crate: the ones there are own the socket and schedule the streams with tasks and locks. A load
//! generator must know when each byte was handed to the kernel, and must not pay for what it does not use.
//!
//! Code map: [`frame`] what is on the wire (RFC 9113 §4, §6) and how to write it; [`Reader`] bytes to [`Event`]s;
//! [`hpack`] header blocks (RFC 7541); [`window`] flow control (RFC 9113 §5.2); [`grpc`] message framing.
//!
//! *Invariant*: no input makes anything here panic, and no input makes it keep more than [`MAX_HEADER_BLOCK`] and one
//! small frame. *Invariant*: events do not depend on how the bytes were cut, except for where pieces of DATA end.

#![forbid(unsafe_code)]

mod error;
mod event;
pub mod frame;
pub mod grpc;
pub mod hpack;
mod huffman;
mod reader;
mod table;
pub mod window;

pub use error::ConnectionError;
pub use event::{Event, Settings};
pub use frame::{PREFACE, Preface};
pub use reader::{MAX_HEADER_BLOCK, Reader};
pub use window::{ReceiveWindow, SendWindow};
