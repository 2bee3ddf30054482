//! A target made ready: its address, its encoded request, its TLS configuration, and what was agreed on.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use meshperf_tls::{client_config, server_name, uri_names};
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, HandshakeKind, ProtocolVersion};

use crate::LoadError;
use crate::clock::nanoseconds;
use crate::codec::Protocol;
use crate::histogram::Sparse;
use crate::plan::Target;
use crate::reason::{Failure, Reason};

pub(crate) struct Endpoint {
    pub(crate) name: String,
    pub(crate) address: SocketAddr,
    pub(crate) source: Option<IpAddr>,
    pub(crate) protocol: Protocol,
    pub(crate) tls: Option<EndpointTls>,
    pub(crate) timeout: u64,
    pub(crate) connections: u32,
}

pub(crate) struct EndpointTls {
    pub(crate) config: Arc<rustls::ClientConfig>,
    pub(crate) name: ServerName<'static>,
    /// Whether we show a certificate, which the server may refuse after our side of the handshake.
    pub(crate) with_certificate: bool,
}

impl Endpoint {
    pub(crate) fn new(target: &Target) -> Result<Self, LoadError> {
        let settings = |source| LoadError::TlsSettings {
            target: target.name.clone(),
            source,
        };
        let tls = match &target.tls {
            None => None,
            Some(tls) => Some(EndpointTls {
                config: client_config(tls).map_err(settings)?,
                name: server_name(tls, target.address.ip()).map_err(settings)?,
                with_certificate: tls.certificate_pem.is_some(),
            }),
        };
        Ok(Self {
            name: target.name.clone(),
            address: target.address,
            source: target.source_address,
            protocol: Protocol::new(target),
            tls,
            timeout: nanoseconds(target.timeout_s),
            connections: target.connections,
        })
    }

    /// The error that ends the session when this endpoint cannot be used at all.
    pub(crate) fn unusable(&self, failure: Failure) -> LoadError {
        let (target, address, reason) = (self.name.clone(), self.address.to_string(), failure.text);
        match failure.reason {
            Reason::Tls => LoadError::Tls {
                target,
                address,
                reason,
            },
            Reason::Malformed => LoadError::Protocol {
                target,
                address,
                reason,
            },
            // Not the target's fault: nobody should go and look whether it listens.
            Reason::Resources => LoadError::Resources {
                target,
                address,
                reason,
            },
            _ => LoadError::Unreachable {
                target,
                address,
                reason,
            },
        }
    }
}

/// What was agreed on the connections of one target, since the session was opened.
#[derive(Clone, Debug, Default)]
pub struct ConnectionFacts {
    pub opened: u64,
    pub reopened: u64,
    pub failed: u64,
    pub tls_handshakes: u64,
    pub tls_resumed: u64,
    /// Durations of full TLS handshakes and resumptions, from the established TCP connection.
    pub handshake: Sparse,
    pub agreed: Option<Agreed>,
}

/// Of the first TLS connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreed {
    pub version: String,
    pub cipher: String,
    pub group: Option<String>,
    pub server_identity: Option<String>,
}

impl ConnectionFacts {
    pub(crate) fn add(&mut self, other: &Self) {
        self.opened += other.opened;
        self.reopened += other.reopened;
        self.failed += other.failed;
        self.tls_handshakes += other.tls_handshakes;
        self.tls_resumed += other.tls_resumed;
        self.handshake.add(&other.handshake);
        if self.agreed.is_none() {
            self.agreed.clone_from(&other.agreed);
        }
    }

    pub(crate) fn note(&mut self, session: &ClientConnection, took_ns: u64) {
        self.tls_handshakes += 1;
        self.tls_resumed += u64::from(session.handshake_kind() == Some(HandshakeKind::Resumed));
        self.handshake.add(&Sparse(vec![(
            crate::histogram::bucket_index(took_ns) as u32,
            1,
        )]));
        if self.agreed.is_some() {
            return;
        }
        let (Some(version), Some(suite)) = (
            session.protocol_version(),
            session.negotiated_cipher_suite(),
        ) else {
            return;
        };
        self.agreed = Some(Agreed {
            version: match version {
                ProtocolVersion::TLSv1_3 => "1.3".to_owned(),
                ProtocolVersion::TLSv1_2 => "1.2".to_owned(),
                other => format!("{other:?}"),
            },
            cipher: format!("{:?}", suite.suite()),
            group: session
                .negotiated_key_exchange_group()
                .map(|group| format!("{:?}", group.name())),
            server_identity: session
                .peer_certificates()
                .and_then(|chain| chain.first())
                .and_then(|leaf| uri_names(leaf).into_iter().next()),
        });
    }
}
