//! A session that is given up while its connections are being opened.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use meshperf_load::plan::Target;
use meshperf_load::{LoadError, Session, SessionPlan};
use meshperf_tls::ClientSettings;

/// A plan for a listener that takes connections into its queue and never says a word of TLS.
fn silent(listener: &TcpListener, settings: ClientSettings) -> SessionPlan {
    let target = Target {
        name: "silent".into(),
        host: "silent.example".into(),
        connections: 4,
        tls: Some(settings),
        ..Target::new(listener.local_addr().expect("an address"))
    };
    SessionPlan {
        workers: 2,
        connect_timeout_s: 30.0,
        ..SessionPlan::new(vec![target])
    }
}

#[test]
fn a_caller_that_gives_up_is_told_that_the_run_was_stopped() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let mut looks = 0;
    let begin = Instant::now();
    let opened = Session::open(silent(&listener, unverified()), || {
        looks += 1;
        looks < 3
    });
    let error = opened.err().expect("nothing can be open yet");
    assert!(matches!(error, LoadError::Stopped), "{error}");
    assert_eq!(error.code(), "MP5201");
    assert!(begin.elapsed() < Duration::from_secs(2));
}

fn unverified() -> ClientSettings {
    ClientSettings {
        ca_pem: String::new(),
        server_name: None,
        server_identity: None,
        certificate_pem: None,
        key_pem: None,
        minimum_version: "1.3".into(),
        maximum_version: "1.3".into(),
        cipher_suites: Vec::new(),
        groups: Vec::new(),
        resumption: false,
        verify: false,
        alpn: Vec::new(),
    }
}
