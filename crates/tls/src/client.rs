//! The client's side: whom to trust, who we are, what may be agreed on.

use std::net::IpAddr;
use std::sync::Arc;

use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls_pki_types::ServerName;
use serde::Deserialize;

use crate::identity::{AnyServer, ServerIdentity};
use crate::{TlsError, pem, provider};

/// TLS towards one server. PEM texts, not paths.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientSettings {
    /// Certificates that the server's chain must end in.
    pub ca_pem: String,
    /// SNI, and the DNS name to verify unless `server_identity` is given.
    #[serde(default)]
    pub server_name: Option<String>,
    /// URI name (a SPIFFE id) that the server's certificate must carry; replaces the check of the host name.
    #[serde(default)]
    pub server_identity: Option<String>,
    #[serde(default)]
    pub certificate_pem: Option<String>,
    #[serde(default)]
    pub key_pem: Option<String>,
    /// `1.2` or `1.3`.
    #[serde(default = "newest")]
    pub minimum_version: String,
    /// `1.2` or `1.3`.
    #[serde(default = "newest")]
    pub maximum_version: String,
    /// rustls names, in order of preference; empty: ring's order.
    #[serde(default)]
    pub cipher_suites: Vec<String>,
    /// `X25519`, `secp256r1`, `secp384r1`, in order of preference; empty: ring's order.
    #[serde(default)]
    pub groups: Vec<String>,
    #[serde(default)]
    pub resumption: bool,
    /// False accepts any certificate (its signature is still checked): for probing, never for a published run.
    #[serde(default = "yes")]
    pub verify: bool,
    #[serde(default)]
    pub alpn: Vec<String>,
}

fn newest() -> String {
    "1.3".to_owned()
}

fn yes() -> bool {
    true
}

/// The configuration of a client. One of them serves all connections to one server: with `resumption` it holds the
/// session cache, without it nothing is remembered and no ticket is used.
pub fn client_config(settings: &ClientSettings) -> Result<Arc<rustls::ClientConfig>, TlsError> {
    let provider = provider::provider(&settings.cipher_suites, &settings.groups)?;
    let algorithms = provider.signature_verification_algorithms;
    let builder =
        rustls::ClientConfig::builder_with_provider(provider.clone()).with_protocol_versions(
            provider::versions(&settings.minimum_version, &settings.maximum_version)?,
        )?;
    let builder = if !settings.verify {
        builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyServer::new(algorithms)))
    } else {
        let roots = Arc::new(pem::roots(&settings.ca_pem, "CA of the server")?);
        match &settings.server_identity {
            Some(identity) => builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(ServerIdentity::new(
                    roots,
                    identity.clone(),
                    algorithms,
                ))),
            None => builder.with_webpki_verifier(
                WebPkiServerVerifier::builder_with_provider(roots, provider).build()?,
            ),
        }
    };
    let mut config = match (&settings.certificate_pem, &settings.key_pem) {
        (Some(chain), Some(key)) => builder.with_client_auth_cert(
            pem::certificates(chain, "client certificate")?,
            pem::private_key(key)?,
        )?,
        (None, None) => builder.with_no_client_auth(),
        _ => return Err(TlsError::HalfAKeyPair),
    };
    config.alpn_protocols = settings
        .alpn
        .iter()
        .map(|name| name.as_bytes().to_vec())
        .collect();
    if !settings.resumption {
        config.resumption = Resumption::disabled();
    }
    Ok(Arc::new(config))
}

/// The name to open a connection with: `server_name`, else the address itself (then no SNI is sent).
pub fn server_name(
    settings: &ClientSettings,
    address: IpAddr,
) -> Result<ServerName<'static>, TlsError> {
    match &settings.server_name {
        Some(name) => {
            ServerName::try_from(name.clone()).map_err(|_| TlsError::ServerName(name.clone()))
        }
        None => Ok(ServerName::IpAddress(address.into())),
    }
}
