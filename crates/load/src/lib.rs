//! The load engine: plans in, recordings out.
//!
//! It opens connections to targets, sends requests on a schedule and records what happened. *Invariants*: it does no I/O
//! besides its sockets and prints nothing; no duration comes from a wall clock; a worker never waits for a reply before it
//! notes the intended start of the next request; it knows no mesh and no Python.
//!
//! Code map: [`plan`] what to do; `schedule` when requests are due; `phase` the loop that sends and receives; `pool`,
//! `connection`, `transport`, `socket` the connections; `codec`, `http1` the protocol; `recorder`, `histogram` the account;
//! `worker`, `border`, [`Session`] threads and how they meet; [`recording`] what comes out.

#![deny(unsafe_op_in_unsafe_fn)]

mod border;
mod clock;
mod codec;
mod connection;
mod endpoint;
mod error;
mod histogram;
mod http1;
mod merge;
mod outstanding;
mod part;
mod phase;
pub mod plan;
mod poller;
mod pool;
mod reason;
mod recorder;
pub mod recording;
mod schedule;
mod session;
mod socket;
mod transport;
mod wake;
mod worker;

pub use endpoint::{Agreed, ConnectionFacts};
pub use error::LoadError;
pub use histogram::{Sparse, bucket_index};
pub use plan::{Phase, SessionPlan};
pub use reason::Reason;
pub use recording::{PhaseRecording, Progress, SessionRecording};
pub use session::{Session, Stopper};
