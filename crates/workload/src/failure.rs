//! Why the workload could not start, and the exit code that says so.
//!
//! The codes are an interface: 2 the command line or a file it names is wrong, 5 this machine refused. A running server
//! has no failures of its own: a bad client costs its connection and nothing else.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error("{0}")]
    Usage(String),
    #[error("cannot read {option} {path}: {source}", path = path.display())]
    File {
        option: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("cannot set up TLS: {0}")]
    Tls(String),
    #[error("cannot listen on {address}: {source}")]
    Bind {
        address: SocketAddr,
        #[source]
        source: io::Error,
    },
    #[error("cannot {action}: {source}")]
    System {
        action: &'static str,
        #[source]
        source: io::Error,
    },
}

impl Failure {
    pub fn exit_code(&self) -> u8 {
        match self {
            Failure::Usage(_) | Failure::File { .. } | Failure::Tls(_) => 2,
            Failure::Bind { .. } | Failure::System { .. } => 5,
        }
    }
}
