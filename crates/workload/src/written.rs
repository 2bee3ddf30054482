//! Options as they were written: each read by its name, then looked at together.

mod calls;

use std::collections::BTreeMap;
use std::fmt::Display;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use lexopt::ValueExt;

use crate::datagram_faults::Faults;
use crate::failure::Failure;
use crate::grpc::status;
use crate::options::{IdentityHeader, Options, TlsFiles};
use crate::quantity::parse_duration_ns;
use crate::service_time::ServiceTime;
use crate::stream::Mode;
use crate::truth::Stall;

const MOST_WORKERS: usize = 256;
/// A stream in service takes some memory, and a client may open as many as it is allowed.
const MOST_STREAMS: u64 = 1 << 20;
const LARGEST_RESPONSE: u64 = 1 << 30;

/// Options as they were written, before they are looked at together.
#[derive(Default)]
pub struct Written {
    values: BTreeMap<&'static str, Vec<String>>,
    busy: bool,
    any_address: bool,
}

const KNOWN: [&str; 38] = [
    "listen",
    "admin",
    "tcp",
    "tcp-mode",
    "udp",
    "udp-drop",
    "udp-duplicate",
    "udp-reorder",
    "workers",
    "response-bytes",
    "service-time",
    "status",
    "grpc-status",
    "max-streams",
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
    "call",
    "call-retries",
    "call-timeout",
    "call-connections",
    "call-tls-ca",
    "call-tls-cert",
    "call-tls-key",
    "call-tls-identity",
    "seconds",
    "busy",
    "allow-any-address",
];
const REPEATABLE: [&str; 7] = [
    "call",
    "call-tls-identity",
    "status",
    "grpc-status",
    "tls-client-identity",
    "tls-cipher",
    "tls-group",
];

impl Written {
    /// Takes in one option by its name, with its value where it has one.
    pub fn read(&mut self, name: &str, parser: &mut lexopt::Parser) -> Result<(), Failure> {
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

    /// Looks at them all together.
    pub fn check(mut self) -> Result<Options, Failure> {
        let listen = self
            .address("listen")?
            .ok_or_else(|| Failure::Usage("--listen IP:PORT is missing".into()))?;
        let admin = self.address("admin")?;
        let (tcp, tcp_mode) = self.tcp()?;
        let (udp, udp_faults) = self.udp()?;
        let options = Options {
            listen,
            admin,
            tcp,
            tcp_mode,
            udp,
            udp_faults,
            workers: self.number("workers", 1, 1..=MOST_WORKERS as u64)? as usize,
            response_bytes: self.number("response-bytes", 1024, 0..=LARGEST_RESPONSE)?,
            service_time: self
                .one("service-time", ServiceTime::parse)?
                .unwrap_or(ServiceTime::None),
            busy: self.busy,
            status: self.statuses("status", 200..=599)?,
            grpc_status: self.statuses("grpc-status", 1..=status::LAST)?,
            max_streams: self.number("max-streams", 1000, 1..=MOST_STREAMS)? as u32,
            seed: self.number("seed", 0, 0..=u64::MAX)?,
            spin_ns: self.one("spin", parse_duration_ns)?.unwrap_or(60_000),
            stall: self.stall()?,
            tls: self.tls()?,
            identity_header: self.identity_header()?,
            calls: self.calls()?.map(Arc::new),
            call_tls: self.call_tls()?,
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
        range: RangeInclusive<u64>,
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
            address(text, any, "if others may reach this service")
        })
    }

    fn tcp(&mut self) -> Result<(Option<SocketAddr>, Mode), Failure> {
        let mode = self.one("tcp-mode", Mode::parse)?;
        match (self.address("tcp")?, mode) {
            (None, Some(_)) => Err(Failure::Usage("--tcp-mode needs --tcp".into())),
            (address, mode) => Ok((address, mode.unwrap_or_default())),
        }
    }

    fn udp(&mut self) -> Result<(Option<SocketAddr>, Faults), Failure> {
        let faults = Faults {
            drop: self.every("udp-drop", 1)?,
            duplicate: self.every("udp-duplicate", 1)?,
            // Of answers that all wait for the next one, none could go first.
            reorder: self.every("udp-reorder", 2)?,
        };
        match self.address("udp")? {
            None if faults != Faults::default() => Err(Failure::Usage(
                "--udp-drop, --udp-duplicate and --udp-reorder need --udp".into(),
            )),
            address => Ok((address, faults)),
        }
    }

    fn every(&mut self, name: &str, least: u64) -> Result<Option<u64>, Failure> {
        self.one(name, |text| match text.parse() {
            Ok(value) if value >= least => Ok(value),
            _ => Err(format!("`{text}` is not a whole number from {least} up")),
        })
    }

    fn statuses<T>(
        &mut self,
        name: &str,
        codes: RangeInclusive<T>,
    ) -> Result<Vec<(T, f64)>, Failure>
    where
        T: Copy + PartialOrd + Display + FromStr,
    {
        let refused = |why: String| Err(Failure::Usage(format!("--{name}: {why}")));
        let mut statuses: Vec<(T, f64)> = Vec::new();
        for text in self.all(name) {
            let parsed = text
                .split_once(':')
                .and_then(|(code, share)| Some((code.parse().ok()?, share.parse().ok()?)));
            match parsed {
                Some((code, share)) if codes.contains(&code) && share > 0.0 && share <= 1.0 => {
                    if statuses.iter().any(|(other, _)| *other == code) {
                        return refused(format!("{code} is given twice"));
                    }
                    statuses.push((code, share));
                }
                _ => {
                    return refused(format!(
                        "`{text}` is not CODE:SHARE with a code from {} to {} and a share in (0, 1]",
                        codes.start(),
                        codes.end()
                    ));
                }
            }
        }
        // A rounding error in the sum of written shares is not the user's.
        if statuses.iter().map(|(_, share)| share).sum::<f64>() > 1.0 + 1e-9 {
            return refused("the shares add up to more than 1".to_owned());
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

/// Reads an address; outside loopback only where `any` is.
fn address(text: &str, any: bool, when: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr = text
        .parse()
        .map_err(|_| format!("`{text}` is not IP:PORT; write for example 127.0.0.1:8080"))?;
    if any || address.ip().to_canonical().is_loopback() {
        return Ok(address);
    }
    Err(format!(
        "{address} is outside loopback; add --allow-any-address {when}"
    ))
}

fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse::<f64>() {
        Ok(value) if value > 0.0 && value <= 1e9 => Ok(Duration::from_secs_f64(value)),
        _ => Err(format!("`{text}` is not a positive number of seconds")),
    }
}
