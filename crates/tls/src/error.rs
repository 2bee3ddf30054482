//! What can be wrong with TLS settings. Handshake failures are rustls's own errors and not in here.

/// Settings that cannot be turned into a configuration.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("the {what} is not readable PEM: {source}")]
    Pem {
        what: &'static str,
        #[source]
        source: rustls_pki_types::pem::Error,
    },
    #[error("the {0} holds no certificate")]
    NoCertificate(&'static str),
    #[error("a certificate of the {what} cannot be used as a trust anchor: {source}")]
    Anchor {
        what: &'static str,
        #[source]
        source: rustls::Error,
    },
    #[error("a client certificate needs its key, and a key its certificate")]
    HalfAKeyPair,
    #[error("allowed client identities need the certificates that clients must chain to")]
    IdentitiesWithoutCa,
    #[error("unknown TLS version `{0}`; write 1.2 or 1.3")]
    UnknownVersion(String),
    #[error("the minimum TLS version 1.3 lies above the maximum 1.2")]
    NoVersion,
    #[error("unknown cipher suite `{name}`; known: {known}")]
    UnknownSuite { name: String, known: String },
    #[error("unknown key exchange group `{name}`; known: {known}")]
    UnknownGroup { name: String, known: String },
    #[error("`{0}` is neither a DNS name nor an address")]
    ServerName(String),
    #[error("the verifier of client certificates cannot be built: {0}")]
    Verifier(#[from] rustls::server::VerifierBuilderError),
    #[error(transparent)]
    Rustls(#[from] rustls::Error),
}
