#![allow(clippy::unwrap_used)]
//! Handshakes in memory between the two configurations, with certificates made here.

use std::io::{Read, Write};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, SanType};
use rustls::{ClientConfig, ClientConnection, HandshakeKind, ServerConfig, ServerConnection};
use rustls_pki_types::{CertificateDer, pem::PemObject};

use crate::{
    ClientSettings, ServerSettings, TlsError, client_config, server_config, server_name, uri_names,
};

struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self {
            pem,
            issuer: Issuer::new(params, key),
        }
    }

    fn leaf(&self, uri: Option<&str>, dns: Option<&str>) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        if let Some(uri) = uri {
            params
                .subject_alt_names
                .push(SanType::URI(uri.try_into().unwrap()));
        }
        if let Some(dns) = dns {
            params
                .subject_alt_names
                .push(SanType::DnsName(dns.try_into().unwrap()));
        }
        (
            params.signed_by(&key, &self.issuer).unwrap().pem(),
            key.serialize_pem(),
        )
    }
}

fn client(authority: &Authority) -> ClientSettings {
    ClientSettings {
        ca_pem: authority.pem.clone(),
        server_name: None,
        server_identity: None,
        certificate_pem: None,
        key_pem: None,
        minimum_version: "1.3".to_owned(),
        maximum_version: "1.3".to_owned(),
        cipher_suites: vec![],
        groups: vec![],
        resumption: false,
        verify: true,
        alpn: vec![],
    }
}

fn server(pair: (String, String)) -> ServerSettings {
    ServerSettings {
        certificate_pem: pair.0,
        key_pem: pair.1,
        client_ca_pem: None,
        allowed_client_identities: vec![],
        minimum_version: "1.3".to_owned(),
        cipher_suites: vec![],
        groups: vec![],
        alpn: vec![],
        resumption: false,
    }
}

struct Pair {
    client: ClientConnection,
    server: ServerConnection,
}

/// Runs the handshake to its end, then one byte each way, so that tickets and late alerts arrive.
fn connect(
    settings: &ClientSettings,
    client: Arc<ClientConfig>,
    server: Arc<ServerConfig>,
) -> Result<Pair, String> {
    let name = server_name(settings, [127, 0, 0, 1].into()).unwrap();
    let mut client = ClientConnection::new(client, name).unwrap();
    let mut server = ServerConnection::new(server).unwrap();
    client.writer().write_all(b"?").unwrap();
    server.writer().write_all(b"!").unwrap();
    for _ in 0..8 {
        let mut wire = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut wire).unwrap();
        }
        let mut rest = wire.as_slice();
        while !rest.is_empty() {
            server.read_tls(&mut rest).unwrap();
        }
        let refused = server.process_new_packets().err();
        let mut wire = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut wire).unwrap();
        }
        let mut rest = wire.as_slice();
        while !rest.is_empty() {
            client.read_tls(&mut rest).unwrap();
        }
        if let Some(error) = refused {
            return Err(format!("server: {error}"));
        }
        client
            .process_new_packets()
            .map_err(|error| format!("client: {error}"))?;
    }
    assert!(!client.is_handshaking() && !server.is_handshaking());
    let mut byte = [0];
    client.reader().read_exact(&mut byte).unwrap();
    server.reader().read_exact(&mut byte).unwrap();
    Ok(Pair { client, server })
}

const ECHO: &str = "spiffe://lab.example/ns/default/sa/echo";
const LOAD: &str = "spiffe://lab.example/ns/default/sa/load";

#[test]
fn a_server_is_accepted_by_its_exact_identity_only() {
    let authority = Authority::new();
    let listener = server_config(&server(authority.leaf(Some(ECHO), None))).unwrap();
    for (wanted, held) in [
        (ECHO, true),
        (LOAD, false),
        ("spiffe://lab.example/ns/default/sa/ech", false),
    ] {
        let settings = ClientSettings {
            server_identity: Some(wanted.to_owned()),
            ..client(&authority)
        };
        let outcome = connect(
            &settings,
            client_config(&settings).unwrap(),
            listener.clone(),
        );
        assert_eq!(outcome.is_ok(), held, "{wanted}: {:?}", outcome.err());
    }
}

#[test]
fn an_identity_under_another_authority_is_refused() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let listener = server_config(&server(theirs.leaf(Some(ECHO), None))).unwrap();
    let settings = ClientSettings {
        server_identity: Some(ECHO.to_owned()),
        ..client(&ours)
    };
    assert!(connect(&settings, client_config(&settings).unwrap(), listener).is_err());
}

#[test]
fn without_an_identity_the_host_name_decides() {
    let authority = Authority::new();
    let listener = server_config(&server(authority.leaf(None, Some("echo.example")))).unwrap();
    for (name, held) in [("echo.example", true), ("other.example", false)] {
        let settings = ClientSettings {
            server_name: Some(name.to_owned()),
            ..client(&authority)
        };
        let outcome = connect(
            &settings,
            client_config(&settings).unwrap(),
            listener.clone(),
        );
        assert_eq!(outcome.is_ok(), held, "{name}");
    }
}

#[test]
fn a_client_that_is_not_allowed_is_refused_in_the_handshake() {
    let authority = Authority::new();
    let listener = server_config(&ServerSettings {
        client_ca_pem: Some(authority.pem.clone()),
        allowed_client_identities: vec![LOAD.to_owned()],
        ..server(authority.leaf(Some(ECHO), None))
    })
    .unwrap();
    for (identity, held) in [(Some(LOAD), true), (Some(ECHO), false), (None, false)] {
        let (certificate, key) = authority.leaf(identity, Some("load.example"));
        let settings = ClientSettings {
            server_identity: Some(ECHO.to_owned()),
            certificate_pem: Some(certificate),
            key_pem: Some(key),
            ..client(&authority)
        };
        let outcome = connect(
            &settings,
            client_config(&settings).unwrap(),
            listener.clone(),
        );
        assert_eq!(outcome.is_ok(), held, "{identity:?}: {:?}", outcome.err());
    }
    let anonymous = ClientSettings {
        server_identity: Some(ECHO.to_owned()),
        ..client(&authority)
    };
    assert!(connect(&anonymous, client_config(&anonymous).unwrap(), listener).is_err());
}

#[test]
fn resumption_happens_only_where_both_sides_want_it() {
    let authority = Authority::new();
    for version in ["1.3", "1.2"] {
        for (ours, theirs) in [(true, true), (false, true), (true, false)] {
            let settings = ClientSettings {
                server_identity: Some(ECHO.to_owned()),
                resumption: ours,
                minimum_version: version.to_owned(),
                cipher_suites: match version {
                    "1.2" => vec!["TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256".to_owned()],
                    _ => vec![],
                },
                ..client(&authority)
            };
            let listener = server_config(&ServerSettings {
                resumption: theirs,
                minimum_version: "1.2".to_owned(),
                ..server(authority.leaf(Some(ECHO), None))
            })
            .unwrap();
            let config = client_config(&settings).unwrap();
            connect(&settings, config.clone(), listener.clone()).unwrap();
            let second = connect(&settings, config, listener).unwrap();
            let resumed = second.client.handshake_kind() == Some(HandshakeKind::Resumed);
            assert_eq!(
                resumed,
                ours && theirs,
                "TLS {version}, client {ours}, server {theirs}"
            );
        }
    }
}

#[test]
fn suite_and_group_are_the_ones_asked_for() {
    let authority = Authority::new();
    let listener = server_config(&server(authority.leaf(Some(ECHO), None))).unwrap();
    let settings = ClientSettings {
        server_identity: Some(ECHO.to_owned()),
        cipher_suites: vec!["TLS13_CHACHA20_POLY1305_SHA256".to_owned()],
        groups: vec!["secp256r1".to_owned()],
        ..client(&authority)
    };
    let pair = connect(&settings, client_config(&settings).unwrap(), listener).unwrap();
    let suite = pair.server.negotiated_cipher_suite().unwrap().suite();
    assert_eq!(format!("{suite:?}"), "TLS13_CHACHA20_POLY1305_SHA256");
    let group = pair.server.negotiated_key_exchange_group().unwrap().name();
    assert_eq!(format!("{group:?}"), "secp256r1");
}

#[test]
fn alpn_is_agreed_on() {
    let authority = Authority::new();
    let both = |names: &[&str]| {
        names
            .iter()
            .map(|name| (*name).to_owned())
            .collect::<Vec<_>>()
    };
    let listener = server_config(&ServerSettings {
        alpn: both(&["h2", "http/1.1"]),
        ..server(authority.leaf(Some(ECHO), None))
    })
    .unwrap();
    let settings = ClientSettings {
        server_identity: Some(ECHO.to_owned()),
        alpn: both(&["http/1.1"]),
        ..client(&authority)
    };
    let pair = connect(&settings, client_config(&settings).unwrap(), listener).unwrap();
    assert_eq!(pair.client.alpn_protocol(), Some(b"http/1.1".as_slice()));
}

#[test]
fn uri_names_are_read_in_order() {
    let authority = Authority::new();
    let (pem, _) = authority.leaf(Some(ECHO), Some("echo.example"));
    let certificate = CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
    assert_eq!(uri_names(&certificate), [ECHO]);
    assert!(uri_names(&CertificateDer::from(vec![0x30, 0x00])).is_empty());
}

#[test]
fn without_verification_any_server_is_accepted() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let listener = server_config(&server(theirs.leaf(None, None))).unwrap();
    let settings = ClientSettings {
        verify: false,
        ..client(&ours)
    };
    assert!(connect(&settings, client_config(&settings).unwrap(), listener).is_ok());
}

#[test]
fn settings_that_make_no_sense_say_so() {
    let authority = Authority::new();
    let (certificate, key) = authority.leaf(Some(ECHO), None);
    let wrong = |settings: ClientSettings| client_config(&settings).err().unwrap();
    let good = || client(&authority);
    assert!(matches!(
        wrong(ClientSettings {
            ca_pem: String::new(),
            ..good()
        }),
        TlsError::NoCertificate(_)
    ));
    assert!(matches!(
        wrong(ClientSettings {
            key_pem: Some(key.clone()),
            ..good()
        }),
        TlsError::HalfAKeyPair
    ));
    assert!(matches!(
        wrong(ClientSettings {
            minimum_version: "1.1".to_owned(),
            ..good()
        }),
        TlsError::UnknownVersion(_)
    ));
    let unknown = wrong(ClientSettings {
        groups: vec!["P-256".to_owned()],
        ..good()
    });
    assert!(unknown.to_string().contains("secp256r1"), "{unknown}");
    let settings = ServerSettings {
        allowed_client_identities: vec![LOAD.to_owned()],
        ..server((certificate, key))
    };
    assert!(matches!(
        server_config(&settings).err().unwrap(),
        TlsError::IdentitiesWithoutCa
    ));
}
