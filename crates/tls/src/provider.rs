//! Which cipher suites, key exchange groups and protocol versions may be agreed on.

use std::sync::Arc;

use rustls::SupportedProtocolVersion;
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring;

use crate::TlsError;

static FROM_1_2: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13, &rustls::version::TLS12];
static ONLY_1_2: &[&SupportedProtocolVersion] = &[&rustls::version::TLS12];
static ONLY_1_3: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13];

/// The protocol versions from `minimum` to `maximum`, each `1.2` or `1.3`.
pub(crate) fn versions(
    minimum: &str,
    maximum: &str,
) -> Result<&'static [&'static SupportedProtocolVersion], TlsError> {
    match (minimum, maximum) {
        ("1.2", "1.3") => Ok(FROM_1_2),
        ("1.3", "1.3") => Ok(ONLY_1_3),
        ("1.2", "1.2") => Ok(ONLY_1_2),
        ("1.3", "1.2") => Err(TlsError::NoVersion),
        ("1.2" | "1.3", other) | (other, _) => Err(TlsError::UnknownVersion(other.to_owned())),
    }
}

/// ring's provider, restricted to the named suites and groups in the order given; empty means ring's own order.
pub(crate) fn provider(
    suites: &[String],
    groups: &[String],
) -> Result<Arc<CryptoProvider>, TlsError> {
    let mut provider = ring::default_provider();
    if !suites.is_empty() {
        provider.cipher_suites = suites
            .iter()
            .map(|name| suite(name))
            .collect::<Result<_, _>>()?;
    }
    if !groups.is_empty() {
        provider.kx_groups = groups
            .iter()
            .map(|name| group(name))
            .collect::<Result<_, _>>()?;
    }
    Ok(Arc::new(provider))
}

fn suite(name: &str) -> Result<rustls::SupportedCipherSuite, TlsError> {
    let known = ring::ALL_CIPHER_SUITES;
    known
        .iter()
        .find(|suite| format!("{:?}", suite.suite()) == name)
        .copied()
        .ok_or_else(|| TlsError::UnknownSuite {
            name: name.to_owned(),
            known: known
                .iter()
                .map(|suite| format!("{:?}", suite.suite()))
                .collect::<Vec<_>>()
                .join(", "),
        })
}

fn group(name: &str) -> Result<&'static dyn rustls::crypto::SupportedKxGroup, TlsError> {
    let known = ring::ALL_KX_GROUPS;
    known
        .iter()
        .find(|group| format!("{:?}", group.name()) == name)
        .copied()
        .ok_or_else(|| TlsError::UnknownGroup {
            name: name.to_owned(),
            known: known
                .iter()
                .map(|group| format!("{:?}", group.name()))
                .collect::<Vec<_>>()
                .join(", "),
        })
}
