//! The load engine: plans in, recordings out.
//!
//! It opens connections to targets, sends requests on a schedule and records what happened. *Invariants*: it does no I/O
//! besides its sockets and prints nothing; no duration comes from a wall clock; a worker never waits for a reply before it
//! notes the intended start of the next request; it knows no mesh and no Python.
//!
//! Code map: [`plan`] what to do; `schedule`, `curve` when requests are due; `phase` the loop that sends and receives,
//! `flow` the requests of one target in it; `pool`, `connection`, `transport`, `socket` the connections, `slots`, `idle` the
//! places for requests on them; `dialogue` what a protocol must provide, `http1`, `http2`, `message` (TCP), `datagram` (UDP)
//! those there are; `recorder`, `series`, `histogram` the account, `live` what others see of it; `worker`, `border`,
//! [`Session`] threads and how they meet; [`recording`] what comes out.

#![deny(unsafe_op_in_unsafe_fn)]

mod border;
mod clock;
mod connection;
mod curve;
mod datagram;
mod dialogue;
mod endpoint;
mod error;
mod flow;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod hand;
mod histogram;
mod http1;
mod http1_response;
mod http2;
mod http2_call;
mod idle;
mod live;
mod merge;
mod message;
mod namespace;
mod part;
mod phase;
pub mod plan;
mod poller;
mod pool;
mod random;
mod reason;
mod recorder;
pub mod recording;
mod redirect;
mod request;
mod schedule;
mod sends;
mod series;
mod session;
mod slots;
mod socket;
mod steering;
mod streams;
mod transport;
mod validation;
mod wake;
mod worker;

pub use endpoint::{Agreed, ConnectionFacts};
pub use error::LoadError;
pub use histogram::{Sparse, bucket_index};
pub use plan::{Phase, SessionPlan};
pub use reason::Reason;
pub use recording::{PhaseRecording, Progress, SessionRecording};
pub use session::{Session, Stopper};
