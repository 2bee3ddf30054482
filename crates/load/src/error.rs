//! Why a session could not be opened or a run could not go on. Failures of single requests are not errors: they are
//! counted in the recording (`Reason`).

use std::io;

/// Everything that ends a session or a run.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("the load plan cannot be used: {0}")]
    Plan(String),
    #[error("target `{target}` at {address} cannot be reached: {reason}")]
    Unreachable {
        target: String,
        address: String,
        reason: String,
    },
    #[error("this machine cannot open the connections to target `{target}` at {address}: {reason}")]
    Resources {
        target: String,
        address: String,
        reason: String,
    },
    #[error("target `{target}` at {address} does not speak {protocol}: {reason}")]
    Protocol {
        target: String,
        protocol: &'static str,
        address: String,
        reason: String,
    },
    #[error("TLS with target `{target}` at {address} failed: {reason}")]
    Tls {
        target: String,
        address: String,
        reason: String,
    },
    #[error("TLS settings of target `{target}`: {source}")]
    TlsSettings {
        target: String,
        #[source]
        source: meshperf_tls::TlsError,
    },
    #[error("{what}: {source}")]
    System {
        what: &'static str,
        #[source]
        source: io::Error,
    },
    #[error("a worker of the load engine ended unexpectedly: {0}")]
    Worker(String),
    #[error("the run was stopped before it began")]
    Stopped,
}

impl LoadError {
    /// The stable code under which people find this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Plan(_) | Self::TlsSettings { .. } => "MP1001",
            Self::Unreachable { .. } => "MP5301",
            Self::Protocol { .. } => "MP5302",
            Self::Tls { .. } => "MP5303",
            Self::System { .. } | Self::Resources { .. } => "MP3005",
            Self::Worker(_) => "MP5202",
            Self::Stopped => "MP5201",
        }
    }

    pub(crate) fn last_os(what: &'static str) -> Self {
        Self::System {
            what,
            source: io::Error::last_os_error(),
        }
    }
}
