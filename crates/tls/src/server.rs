//! The server's side: who we are, which clients may come in, what may be agreed on.

use std::sync::Arc;

use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use serde::Deserialize;

use crate::identity::ClientIdentities;
use crate::{TlsError, pem, provider};

/// TLS of one listener. PEM texts, not paths.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerSettings {
    pub certificate_pem: String,
    pub key_pem: String,
    /// Certificates that a client's chain must end in; None: clients need no certificate.
    #[serde(default)]
    pub client_ca_pem: Option<String>,
    /// URI names (SPIFFE ids) of the clients that may come in; empty: every client whose chain holds. A client
    /// that is not allowed is refused in the handshake.
    #[serde(default)]
    pub allowed_client_identities: Vec<String>,
    /// `1.2` or `1.3`.
    #[serde(default = "newest")]
    pub minimum_version: String,
    /// rustls names, in order of preference; empty: ring's order.
    #[serde(default)]
    pub cipher_suites: Vec<String>,
    /// `X25519`, `secp256r1`, `secp384r1`, in order of preference; empty: ring's order.
    #[serde(default)]
    pub groups: Vec<String>,
    #[serde(default)]
    pub alpn: Vec<String>,
    #[serde(default)]
    pub resumption: bool,
}

fn newest() -> String {
    "1.3".to_owned()
}

/// The configuration of a listener. Without `resumption` there is neither a session cache nor a ticket, so every
/// connection makes a full handshake whatever the client asks for.
pub fn server_config(settings: &ServerSettings) -> Result<Arc<rustls::ServerConfig>, TlsError> {
    let provider = provider::provider(&settings.cipher_suites, &settings.groups)?;
    let builder = rustls::ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(provider::versions(&settings.minimum_version, "1.3")?)?;
    let builder = match &settings.client_ca_pem {
        None if settings.allowed_client_identities.is_empty() => builder.with_no_client_auth(),
        None => return Err(TlsError::IdentitiesWithoutCa),
        Some(ca) => {
            let roots = Arc::new(pem::roots(ca, "CA of the clients")?);
            let chain = WebPkiClientVerifier::builder_with_provider(roots, provider).build()?;
            let allowed = settings.allowed_client_identities.clone();
            builder.with_client_cert_verifier(Arc::new(ClientIdentities::new(chain, allowed)))
        }
    };
    let certificates = pem::certificates(&settings.certificate_pem, "server certificate")?;
    let mut config =
        builder.with_single_cert(certificates, pem::private_key(&settings.key_pem)?)?;
    config.alpn_protocols = settings
        .alpn
        .iter()
        .map(|name| name.as_bytes().to_vec())
        .collect();
    if settings.resumption {
        config.ticketer = rustls::crypto::ring::Ticketer::new()?;
    } else {
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
    }
    Ok(Arc::new(config))
}
