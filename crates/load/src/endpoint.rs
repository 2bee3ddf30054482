//! A target made ready: its address, its encoded request, its TLS configuration, and what was agreed on.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use meshperf_tls::{client_config, server_name, uri_names};
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, HandshakeKind, ProtocolVersion};

use crate::LoadError;
use crate::clock::nanoseconds;
use crate::dialogue::Speech;
use crate::histogram::Sparse;
use crate::namespace::Namespace;
use crate::plan::{Pooling, Protocol, Selection, Target};
use crate::reason::{Failure, Reason};
use crate::socket::Manner;

pub(crate) struct Endpoint {
    pub(crate) name: String,
    /// The protocol, as people call it.
    title: &'static str,
    pub(crate) address: SocketAddr,
    source: Option<IpAddr>,
    namespace: Option<Namespace>,
    stamped: bool,
    pub(crate) speech: Speech,
    pub(crate) tls: Option<EndpointTls>,
    pub(crate) timeout: u64,
    pub(crate) connections: u32,
    pub(crate) max_connections: u32,
    /// Places for requests on one connection.
    pub(crate) places: u32,
    pub(crate) pooling: Pooling,
    pub(crate) selection: Selection,
    /// Replies after which a connection is closed.
    pub(crate) most_requests: u64,
    /// Age at which it is [ns].
    pub(crate) oldest: u64,
}

pub(crate) struct EndpointTls {
    pub(crate) config: Arc<rustls::ClientConfig>,
    pub(crate) name: ServerName<'static>,
    /// Whether we show a certificate, which the server may refuse after our side of the handshake.
    pub(crate) with_certificate: bool,
    /// Whether anything but `h2` as the agreed protocol means that the target does not speak it.
    pub(crate) must_agree_h2: bool,
}

impl Endpoint {
    /// `stamped`: ask the kernel for times of arrival.
    pub(crate) fn new(target: &Target, stamped: bool) -> Result<Self, LoadError> {
        let settings = |source| LoadError::TlsSettings {
            target: target.name.clone(),
            source,
        };
        let tls = match &target.tls {
            None => None,
            Some(tls) => {
                let mut tls = tls.clone();
                if tls.alpn.is_empty()
                    && matches!(target.protocol, Protocol::Http2 | Protocol::Grpc)
                {
                    tls.alpn = vec!["h2".to_owned()];
                }
                Some(EndpointTls {
                    config: client_config(&tls).map_err(settings)?,
                    name: server_name(&tls, target.address.ip()).map_err(settings)?,
                    with_certificate: tls.certificate_pem.is_some(),
                    must_agree_h2: matches!(target.protocol, Protocol::Http2 | Protocol::Grpc),
                })
            }
        };
        let namespace = match &target.network_namespace {
            None => None,
            Some(path) => Some(Namespace::open(path).map_err(|source| LoadError::System {
                what: "opening a network namespace",
                source,
            })?),
        };
        Ok(Self {
            name: target.name.clone(),
            title: target.protocol.title(),
            address: target.address,
            source: target.source_address,
            namespace,
            stamped,
            speech: Speech::new(target),
            tls,
            timeout: nanoseconds(target.timeout_s),
            connections: target.connections,
            max_connections: target.max_connections.unwrap_or(target.connections),
            places: target.streams,
            pooling: target.pooling,
            selection: target.selection,
            most_requests: target.requests_per_connection.unwrap_or(u64::MAX),
            oldest: target.connection_age_s.map_or(u64::MAX, nanoseconds),
        })
    }

    pub(crate) fn manner(&self) -> Manner<'_> {
        Manner {
            source: self.source,
            datagrams: self.speech.datagram().is_some(),
            stamped: self.stamped,
            namespace: self.namespace.as_ref(),
        }
    }

    /// Whether a connection is opened for each request, as a part of it.
    pub(crate) fn on_demand(&self) -> bool {
        self.most_requests == 1 && self.speech.datagram().is_none()
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
                protocol: self.title,
                target,
                address,
                reason,
            },
            // It took the connection and hung up on the first words.
            Reason::Closed | Reason::Reset if self.speech.greets() => LoadError::Protocol {
                protocol: self.title,
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
    /// Durations from the attempt to connect to the established connection.
    pub connect: Sparse,
    /// Closed by the plan: after so many requests, or of age.
    pub retired: u64,
    /// Opened beyond the number asked for, because due requests found none idle.
    pub grown: u64,
    /// Least number of concurrent streams that the peer allowed.
    pub max_streams: Option<u32>,
    pub agreed: Option<Agreed>,
}

/// Of the first TLS connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreed {
    pub version: String,
    pub cipher: String,
    pub group: Option<String>,
    pub server_identity: Option<String>,
    pub alpn: Option<String>,
}

impl ConnectionFacts {
    pub(crate) fn add(&mut self, other: &Self) {
        self.opened += other.opened;
        self.reopened += other.reopened;
        self.failed += other.failed;
        self.tls_handshakes += other.tls_handshakes;
        self.tls_resumed += other.tls_resumed;
        self.handshake.add(&other.handshake);
        self.connect.add(&other.connect);
        self.retired += other.retired;
        self.grown += other.grown;
        if let Some(streams) = other.max_streams {
            self.note_streams(streams);
        }
        if self.agreed.is_none() {
            self.agreed.clone_from(&other.agreed);
        }
    }

    pub(crate) fn note_streams(&mut self, streams: u32) {
        self.max_streams = Some(self.max_streams.map_or(streams, |least| least.min(streams)));
    }

    pub(crate) fn note_connect(&mut self, took_ns: u64) {
        self.connect.add(&Sparse::one(took_ns));
    }

    pub(crate) fn note(&mut self, session: &ClientConnection, took_ns: u64) {
        self.tls_handshakes += 1;
        self.tls_resumed += u64::from(session.handshake_kind() == Some(HandshakeKind::Resumed));
        self.handshake.add(&Sparse::one(took_ns));
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
            alpn: session
                .alpn_protocol()
                .map(|name| String::from_utf8_lossy(name).into_owned()),
        });
    }
}
