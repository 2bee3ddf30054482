//! The command line: every option, and what makes no sense together.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use lexopt::prelude::*;

use crate::failure::Failure;
use crate::quantity::parse_duration_ns;
use crate::service_time::ServiceTime;
use crate::truth::Stall;

pub const USAGE: &str = "\
meshperf-workload: the measured service. It answers every HTTP/1.1 request with a body of a chosen size.

usage: meshperf-workload --listen IP:PORT [options]

where
  --listen IP:PORT             address to serve on; port 0 takes a free one
  --admin IP:PORT              second listener: /ready and /counters, plain HTTP
  --allow-any-address          allow addresses outside loopback
  --workers N                  threads, each with a listener of its own (1)
what
  --response-bytes N           size of the response body (1024)
  --service-time TIME          300us | exponential:300us | lognormal:300us:0.5; the duration is the mean
  --busy                       compute for the service time instead of waiting: a single server for each worker
  --status CODE:SHARE          answer this share of the requests with CODE; repeatable, the rest is 200
  --seed N                     of service times and statuses (0)
  --spin TIME                  how long before a reply is due to stop sleeping and spin (60us)
known truth
  --stall S/P                  stop for the last S of every period P, such as 200ms/1000ms
  --stall-connections SHARE    stop only this share of the connections, evenly spread
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
    pub workers: usize,
    pub response_bytes: u64,
    pub service_time: ServiceTime,
    pub busy: bool,
    /// (status, share), shares in (0, 1], their sum at most 1.
    pub status: Vec<(u16, f64)>,
    pub seed: u64,
    pub spin_ns: u64,
    pub stall: Option<Stall>,
    pub tls: Option<TlsFiles>,
    pub identity_header: Option<IdentityHeader>,
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

const MOST_WORKERS: usize = 256;
const LARGEST_RESPONSE: u64 = 1 << 30;

pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Request, Failure> {
    let mut raw = Raw::default();
    let mut parser = lexopt::Parser::from_args(arguments);
    while let Some(argument) = parser.next()? {
        match argument {
            Long("help") | Short('h') => return Ok(Request::Help),
            Long("version") | Short('V') => return Ok(Request::Version),
            Long(name) => {
                let name = name.to_owned();
                raw.read(&name, &mut parser)?;
            }
            other => return Err(other.unexpected().into()),
        }
    }
    raw.check().map(|options| Request::Serve(Box::new(options)))
}

impl From<lexopt::Error> for Failure {
    fn from(error: lexopt::Error) -> Self {
        Failure::Usage(error.to_string())
    }
}

/// Options as they were written, before they are looked at together.
#[derive(Default)]
struct Raw {
    values: BTreeMap<&'static str, Vec<String>>,
    busy: bool,
    any_address: bool,
}

const KNOWN: [&str; 22] = [
    "listen",
    "admin",
    "workers",
    "response-bytes",
    "service-time",
    "status",
    "seed",
    "spin",
    "stall",
    "stall-connections",
    "tls-cert",
    "tls-key",
    "tls-client-ca",
    "tls-client-identity",
    "tls-min",
    "tls-cipher",
    "tls-group",
    "identity-header",
    "trusted-peer",
    "seconds",
    "busy",
    "allow-any-address",
];
const REPEATABLE: [&str; 4] = ["status", "tls-client-identity", "tls-cipher", "tls-group"];

impl Raw {
    fn read(&mut self, name: &str, parser: &mut lexopt::Parser) -> Result<(), Failure> {
        let Some(known) = KNOWN.into_iter().find(|known| *known == name) else {
            return Err(Failure::Usage(format!(
                "unknown option --{name}; see --help"
            )));
        };
        match known {
            "busy" => self.busy = true,
            "allow-any-address" => self.any_address = true,
            _ => {
                let value = parser.value()?.string()?;
                let values = self.values.entry(known).or_default();
                values.push(value);
                if values.len() > 1 && !REPEATABLE.contains(&known) {
                    return Err(Failure::Usage(format!("--{known} is given twice")));
                }
            }
        }
        Ok(())
    }

    fn check(mut self) -> Result<Options, Failure> {
        let listen = self
            .address("listen")?
            .ok_or_else(|| Failure::Usage("--listen IP:PORT is missing".into()))?;
        let admin = self.address("admin")?;
        let options = Options {
            listen,
            admin,
            workers: self.number("workers", 1, 1..=MOST_WORKERS as u64)? as usize,
            response_bytes: self.number("response-bytes", 1024, 0..=LARGEST_RESPONSE)?,
            service_time: self
                .one("service-time", ServiceTime::parse)?
                .unwrap_or(ServiceTime::None),
            busy: self.busy,
            status: self.statuses()?,
            seed: self.number("seed", 0, 0..=u64::MAX)?,
            spin_ns: self.one("spin", parse_duration_ns)?.unwrap_or(60_000),
            stall: self.stall()?,
            tls: self.tls()?,
            identity_header: self.identity_header()?,
            seconds: self.one("seconds", seconds)?,
        };
        if options.busy && options.service_time == ServiceTime::None {
            return Err(Failure::Usage(
                "--busy needs a --service-time to be busy for".into(),
            ));
        }
        Ok(options)
    }

    fn take(&mut self, name: &str) -> Option<String> {
        self.values.remove(name).and_then(|mut values| values.pop())
    }

    fn all(&mut self, name: &str) -> Vec<String> {
        self.values.remove(name).unwrap_or_default()
    }

    fn one<T>(
        &mut self,
        name: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<T>, Failure> {
        self.take(name)
            .map(|text| parse(&text))
            .transpose()
            .map_err(|why| Failure::Usage(format!("--{name}: {why}")))
    }

    fn number(
        &mut self,
        name: &str,
        default: u64,
        range: std::ops::RangeInclusive<u64>,
    ) -> Result<u64, Failure> {
        let parsed = self.one(name, |text| match text.parse() {
            Ok(value) if range.contains(&value) => Ok(value),
            _ => Err(format!(
                "`{text}` is not a whole number from {} to {}",
                range.start(),
                range.end()
            )),
        })?;
        Ok(parsed.unwrap_or(default))
    }

    fn address(&mut self, name: &str) -> Result<Option<SocketAddr>, Failure> {
        let any = self.any_address;
        self.one(name, |text| {
            let address: SocketAddr =
                text.parse().map_err(|_| format!("`{text}` is not IP:PORT; write for example 127.0.0.1:8080"))?;
            if any || address.ip().to_canonical().is_loopback() {
                return Ok(address);
            }
            Err(format!("{address} is outside loopback; add --allow-any-address if others may reach this service"))
        })
    }

    fn statuses(&mut self) -> Result<Vec<(u16, f64)>, Failure> {
        let mut statuses: Vec<(u16, f64)> = Vec::new();
        for text in self.all("status") {
            let parsed = text
                .split_once(':')
                .and_then(|(code, share)| Some((code.parse().ok()?, share.parse().ok()?)));
            match parsed {
                Some((code, share))
                    if (200..=599).contains(&code) && share > 0.0 && share <= 1.0 =>
                {
                    if statuses.iter().any(|(other, _)| *other == code) {
                        return Err(Failure::Usage(format!("--status: {code} is given twice")));
                    }
                    statuses.push((code, share));
                }
                _ => {
                    return Err(Failure::Usage(format!(
                        "--status: `{text}` is not CODE:SHARE with a code from 200 to 599 and a share in (0, 1]"
                    )));
                }
            }
        }
        // A rounding error in the sum of written shares is not the user's.
        if statuses.iter().map(|(_, share)| share).sum::<f64>() > 1.0 + 1e-9 {
            return Err(Failure::Usage(
                "--status: the shares add up to more than 1".into(),
            ));
        }
        Ok(statuses)
    }

    fn stall(&mut self) -> Result<Option<Stall>, Failure> {
        let share = self.one("stall-connections", |text| match text.parse::<f64>() {
            Ok(share) if share > 0.0 && share <= 1.0 => Ok(share),
            _ => Err(format!("`{text}` is not a share in (0, 1]")),
        })?;
        match (self.one("stall", Stall::parse)?, share) {
            (Some(mut stall), share) => {
                stall.share = share.unwrap_or(1.0);
                Ok(Some(stall))
            }
            (None, Some(_)) => Err(Failure::Usage("--stall-connections needs --stall".into())),
            (None, None) => Ok(None),
        }
    }

    fn tls(&mut self) -> Result<Option<TlsFiles>, Failure> {
        let pair = (self.take("tls-cert"), self.take("tls-key"));
        let mut files = TlsFiles {
            client_ca: self.take("tls-client-ca").map(PathBuf::from),
            client_identities: self.all("tls-client-identity"),
            ciphers: self.all("tls-cipher"),
            groups: self.all("tls-group"),
            ..TlsFiles::default()
        };
        let minimum = self.take("tls-min");
        let asked = minimum.is_some()
            || files.client_ca.is_some()
            || !(files.client_identities.is_empty()
                && files.ciphers.is_empty()
                && files.groups.is_empty());
        match pair {
            (Some(certificate), Some(key)) => {
                files.certificate = certificate.into();
                files.key = key.into();
                files.minimum = minimum.unwrap_or_else(|| "1.3".to_owned());
                Ok(Some(files))
            }
            (None, None) if !asked => Ok(None),
            _ => Err(Failure::Usage(
                "TLS needs both --tls-cert and --tls-key".into(),
            )),
        }
    }

    fn identity_header(&mut self) -> Result<Option<IdentityHeader>, Failure> {
        let trusted = self.one("trusted-peer", |text| {
            text.parse::<IpAddr>()
                .map_err(|_| format!("`{text}` is not an IP address"))
        })?;
        match (self.take("identity-header"), trusted) {
            (Some(name), Some(trusted_peer)) if !name.is_empty() => Ok(Some(IdentityHeader { name, trusted_peer })),
            (None, None) => Ok(None),
            _ => Err(Failure::Usage("--identity-header and --trusted-peer need each other: a header alone proves nothing".into())),
        }
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse::<f64>() {
        Ok(value) if value > 0.0 && value <= 1e9 => Ok(Duration::from_secs_f64(value)),
        _ => Err(format!("`{text}` is not a positive number of seconds")),
    }
}

#[cfg(test)]
mod tests {
    use super::{Options, Request, parse};
    use crate::service_time::ServiceTime;

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
            ("--seed 1 --seed 2", "--seed"),
            ("--stall 1s/1s", "--stall"),
            ("--stall-connections 0.5", "--stall"),
            ("--tls-cert a", "--tls-key"),
            ("--tls-cipher X", "--tls-cert"),
            ("--identity-header x", "--trusted-peer"),
            ("--trusted-peer 127.0.0.1", "--identity-header"),
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
             --tls-client-identity spiffe://x/y --tls-client-identity spiffe://x/z --identity-header XFCC --trusted-peer 127.0.0.2 --seconds 2.5",
        )
        .expect("options");
        assert_eq!(options.status, [(503, 0.01)]);
        assert_eq!(options.stall.expect("stall").share, 0.5);
        assert_eq!(options.tls.expect("tls").client_identities.len(), 2);
        assert_eq!(options.seconds.expect("seconds").as_millis(), 2500);
    }
}
