//! The command line: every option and what it asks for. How the text is read: `written.rs`.

use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use lexopt::prelude::*;

use crate::calls::plan::Plan;
use crate::datagram_faults::Faults;
use crate::failure::Failure;
use crate::service_time::ServiceTime;
use crate::stream::Mode;
use crate::truth::Stall;
use crate::written::Written;

pub const USAGE: &str = "\
meshperf-workload: the measured service. It answers every HTTP request with a body of a chosen size,
and gRPC calls as their requests choose.

usage: meshperf-workload --listen IP:PORT [options]

where
  --listen IP:PORT             address to serve on; port 0 takes a free one
  --admin IP:PORT              second listener: /ready, /counters and /calls, plain HTTP
  --tcp IP:PORT                listener for bytes without a protocol
  --udp IP:PORT                listener for datagrams: each is sent back as it came
  --allow-any-address          allow addresses outside loopback
  --workers N                  threads, each with a listener of its own (1)
what
  --response-bytes N           size of the response body (1024)
  --tcp-mode MODE              echo | sink | fixed:IN:OUT, what --tcp sends back (echo)
  --service-time TIME          300us | exponential:300us | lognormal:300us:0.5; the duration is the mean
  --busy                       compute for the service time instead of waiting: a single server for each worker
  --status CODE:SHARE          answer this share of the requests with CODE; repeatable, the rest is 200
  --grpc-status CODE:SHARE     the same for gRPC calls; without it, those that --status picks fail with 13
  --max-streams N              streams that one HTTP/2 connection may have open (1000)
  --seed N                     of service times and statuses (0)
  --spin TIME                  how long before a reply is due to stop sleeping and spin (60us)
calls to other services, for each request
  --call NAME=IP:PORT[,KEY=VALUE...]   repeatable; keys: times=1 share=1 stage=0 bytes=0 reply=N protocol=http1|http2|grpc
  --call-retries N             how often a call that failed is made again (0)
  --call-timeout TIME          after how long an attempt has failed, such as 250ms
  --call-connections N         most open connections to one callee, for each worker (64)
  --call-tls-ca FILE           call over TLS, and only whom these vouch for (PEM)
  --call-tls-cert FILE --call-tls-key FILE       show this certificate (PEM)
  --call-tls-identity [NAME=]URI       require this URI name, not a host name, of every callee or of NAME; repeatable
known truth
  --stall S/P                  stop for the last S of every period P, such as 200ms/1000ms
  --stall-connections SHARE    stop only this share of the connections, evenly spread
  --udp-drop N                 leave every Nth datagram unanswered
  --udp-duplicate N            send every Nth answer twice
  --udp-reorder N              send every Nth answer after the next one to the same client
security
  --tls-cert FILE --tls-key FILE       serve TLS (PEM)
  --tls-client-ca FILE                 require a client certificate that chains to these (PEM)
  --tls-client-identity URI            and that carries this URI name; repeatable
  --tls-min 1.2|1.3                    (1.3)
  --tls-cipher NAME --tls-group NAME   allow only these; repeatable, in order of preference
  --identity-header NAME --trusted-peer IP
                               take the caller's identity from this header, from this address only
other
  --seconds N                  end by itself after N seconds
  --help, --version

It prints one JSON line when it is ready, serves until SIGTERM, and ends with 0. Exit codes: 2 usage, 5 cannot serve.
";

#[derive(Debug)]
pub struct Options {
    pub listen: SocketAddr,
    pub admin: Option<SocketAddr>,
    pub tcp: Option<SocketAddr>,
    pub tcp_mode: Mode,
    pub udp: Option<SocketAddr>,
    pub udp_faults: Faults,
    pub workers: usize,
    pub response_bytes: u64,
    pub service_time: ServiceTime,
    pub busy: bool,
    /// (status, share), shares in (0, 1], their sum at most 1.
    pub status: Vec<(u16, f64)>,
    /// The same for gRPC, 1 to 16; empty: calls fail with 13 where `status` says so.
    pub grpc_status: Vec<(u8, f64)>,
    pub max_streams: u32,
    pub seed: u64,
    pub spin_ns: u64,
    pub stall: Option<Stall>,
    pub tls: Option<TlsFiles>,
    pub identity_header: Option<IdentityHeader>,
    /// What each request makes this service call; None: nothing.
    pub calls: Option<Arc<Plan>>,
    pub call_tls: Option<CallTlsFiles>,
    pub seconds: Option<Duration>,
}

#[derive(Debug, Default)]
pub struct TlsFiles {
    pub certificate: PathBuf,
    pub key: PathBuf,
    pub client_ca: Option<PathBuf>,
    pub client_identities: Vec<String>,
    pub minimum: String,
    pub ciphers: Vec<String>,
    pub groups: Vec<String>,
}

/// TLS towards the services that are called.
#[derive(Debug)]
pub struct CallTlsFiles {
    pub ca: PathBuf,
    /// Certificate and key to show.
    pub pair: Option<(PathBuf, PathBuf)>,
    /// URI, of every callee, or NAME=URI, of one.
    pub identities: Vec<String>,
}

/// A header that tells the caller's identity, believed only when the connection comes from `trusted_peer`.
#[derive(Debug, Clone)]
pub struct IdentityHeader {
    pub name: String,
    pub trusted_peer: IpAddr,
}

/// What the command line asks for.
#[derive(Debug)]
pub enum Request {
    Serve(Box<Options>),
    Help,
    Version,
}

pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Request, Failure> {
    let mut written = Written::default();
    let mut parser = lexopt::Parser::from_args(arguments);
    while let Some(argument) = parser.next()? {
        match argument {
            Long("help") | Short('h') => return Ok(Request::Help),
            Long("version") | Short('V') => return Ok(Request::Version),
            Long(name) => {
                let name = name.to_owned();
                written.read(&name, &mut parser)?;
            }
            other => return Err(other.unexpected().into()),
        }
    }
    written
        .check()
        .map(|options| Request::Serve(Box::new(options)))
}

impl From<lexopt::Error> for Failure {
    fn from(error: lexopt::Error) -> Self {
        Failure::Usage(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::{Options, Request, parse};
    use crate::datagram_faults::Faults;
    use crate::service_time::ServiceTime;
    use crate::stream::Mode;

    fn options(line: &str) -> Result<Options, String> {
        match parse(line.split_whitespace().map(Into::into)) {
            Ok(Request::Serve(options)) => Ok(*options),
            Ok(other) => Err(format!("{other:?}")),
            Err(failure) => {
                assert_eq!(failure.exit_code(), 2);
                Err(failure.to_string())
            }
        }
    }

    #[test]
    fn defaults_are_a_plain_echo_of_a_kibibyte() {
        let options = options("--listen 127.0.0.1:0").expect("options");
        assert_eq!(
            (
                options.workers,
                options.response_bytes,
                options.service_time
            ),
            (1, 1024, ServiceTime::None)
        );
        assert!(
            options.tls.is_none()
                && options.admin.is_none()
                && options.stall.is_none()
                && !options.busy
        );
    }

    #[test]
    fn addresses_outside_loopback_must_be_allowed() {
        for address in ["0.0.0.0:80", "10.0.0.1:80", "[::]:80"] {
            assert!(
                options(&format!("--listen {address}"))
                    .expect_err(address)
                    .contains("outside loopback")
            );
            assert!(options(&format!("--listen 127.0.0.1:1 --admin {address}")).is_err());
            assert!(
                options(&format!("--listen {address} --allow-any-address")).is_ok(),
                "{address}"
            );
            assert!(
                options(&format!("--allow-any-address --listen {address}")).is_ok(),
                "{address}"
            );
        }
        assert!(options("--listen [::1]:80").is_ok() && options("--listen 127.9.9.9:80").is_ok());
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_name() {
        for (line, named) in [
            ("", "--listen"),
            ("--response-bytes -1", "--response-bytes"),
            ("--workers 0", "--workers"),
            ("--busy", "--busy"),
            ("--service-time soon", "--service-time"),
            ("--status 503:0.6 --status 500:0.5", "more than 1"),
            ("--status 503:0", "--status"),
            ("--status 503:nan", "--status"),
            ("--status 101:0.1", "--status"),
            ("--status 503:0.1 --status 503:0.1", "twice"),
            ("--grpc-status 17:0.1", "--grpc-status"),
            ("--grpc-status 0:0.1", "--grpc-status"),
            ("--grpc-status 14:0.6 --grpc-status 13:0.5", "more than 1"),
            ("--max-streams 0", "--max-streams"),
            ("--seed 1 --seed 2", "--seed"),
            ("--stall 1s/1s", "--stall"),
            ("--stall-connections 0.5", "--stall"),
            ("--tls-cert a", "--tls-key"),
            ("--tls-cipher X", "--tls-cert"),
            ("--tcp 0.0.0.0:1", "outside loopback"),
            ("--tcp-mode sink", "--tcp"),
            ("--tcp 127.0.0.1:0 --tcp-mode fixed:0:1", "--tcp-mode"),
            ("--udp-drop 2", "--udp"),
            ("--udp 127.0.0.1:0 --udp-drop 0", "--udp-drop"),
            ("--udp 127.0.0.1:0 --udp-reorder 1", "--udp-reorder"),
            ("--identity-header x", "--trusted-peer"),
            ("--trusted-peer 127.0.0.1", "--identity-header"),
            ("--call b", "--call"),
            ("--call b=127.0.0.1:1,times=0", "times"),
            ("--call b=10.0.0.1:80", "outside loopback"),
            ("--call-retries 1", "--call"),
            ("--call-tls-ca a", "--call"),
            ("--call b=127.0.0.1:1 --call-tls-cert a", "--call-tls-key"),
            (
                "--call b=127.0.0.1:1 --call-tls-cert a --call-tls-key b",
                "--call-tls-ca",
            ),
            (
                "--call b=127.0.0.1:1 --call-tls-identity spiffe://a/b",
                "--call-tls-ca",
            ),
            ("--call b=127.0.0.1:1 --call-timeout 0ms", "--call-timeout"),
            (
                "--call b=127.0.0.1:1 --call-connections 0",
                "--call-connections",
            ),
            ("--seconds nan", "--seconds"),
            ("--colour", "--colour"),
            ("extra", "extra"),
        ] {
            let listen = if line.is_empty() {
                ""
            } else {
                "--listen 127.0.0.1:0 "
            };
            let message = options(&format!("{listen}{line}")).expect_err(line);
            assert!(message.contains(named), "{line}: {message}");
        }
    }

    #[test]
    fn a_full_line_is_understood() {
        let options = options(
            "--listen 127.0.0.1:8080 --admin 127.0.0.1:8081 --workers 2 --response-bytes 0 --service-time=300us --busy \
             --status 503:0.01 --stall 200ms/1000ms --stall-connections 0.5 --tls-cert c --tls-key k --tls-client-ca a \
             --tls-client-identity spiffe://x/y --tls-client-identity spiffe://x/z --identity-header XFCC --trusted-peer 127.0.0.2 --seconds 2.5 \
             --tcp 127.0.0.1:1 --tcp-mode fixed:8:16 --udp 127.0.0.1:1 --udp-drop 2 --udp-duplicate 3 --udp-reorder 4 \
             --grpc-status 14:0.5 --max-streams 7 --call b=127.0.0.1:1,stage=1 --call c=127.0.0.1:2,protocol=grpc \
             --call-retries 2 --call-timeout 250ms --call-connections 3",
        )
        .expect("options");
        let calls = options.calls.expect("calls");
        assert_eq!(
            (
                calls.wanted.len(),
                calls.retries,
                calls.timeout_ns,
                calls.connections
            ),
            (2, 2, Some(250_000_000), 3)
        );
        assert_eq!(options.status, [(503, 0.01)]);
        assert_eq!(
            (options.grpc_status, options.max_streams),
            (vec![(14, 0.5)], 7)
        );
        assert_eq!(
            options.tcp_mode,
            Mode::Fixed {
                incoming: 8,
                outgoing: 16
            }
        );
        assert_eq!(
            options.udp_faults,
            Faults {
                drop: Some(2),
                duplicate: Some(3),
                reorder: Some(4)
            }
        );
        assert_eq!(options.stall.expect("stall").share, 0.5);
        assert_eq!(options.tls.expect("tls").client_identities.len(), 2);
        assert_eq!(options.seconds.expect("seconds").as_millis(), 2500);
    }
}
