//! What a session is asked to do: targets with their connections, and phases of load on them.
//!
//! The fields are those of `meshperf.load.plan` in Python, where each is described; this is the same record on the
//! other side of the border. Unknown fields are refused, so the two cannot drift apart unnoticed.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use meshperf_tls::ClientSettings;
use serde::Deserialize;

use crate::LoadError;

/// When the next request is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Arrivals {
    Closed,
    Constant,
    Poisson,
    Trace,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Protocol {
    #[serde(rename = "http1.0")]
    Http1_0,
    #[serde(rename = "http1")]
    Http1,
    #[serde(rename = "http2")]
    Http2,
    #[serde(rename = "grpc")]
    Grpc,
    #[serde(rename = "tcp")]
    Tcp,
    #[serde(rename = "udp")]
    Udp,
}

/// Who a due request belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pooling {
    Pooled,
    Pinned,
}

/// Which idle connection of a pool takes the next request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Selection {
    Fifo,
    Lifo,
    Random,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReceiveClock {
    Auto,
    Kernel,
    User,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GrpcKind {
    Unary,
    ClientStream,
    ServerStream,
    Bidi,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrpcCall {
    pub kind: GrpcKind,
    /// Encoded messages without their length prefix; bytes as Latin-1 text.
    pub messages: Vec<String>,
}

/// How a worker waits for the next due request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WaitMode {
    Auto,
    Sleep,
    Hybrid,
    Spin,
}

impl WaitMode {
    /// What `auto` stands for: hybrid, because it keeps the schedule like spinning at a fraction of its CPU time.
    pub fn resolved(self) -> Self {
        if self == Self::Auto {
            Self::Hybrid
        } else {
            self
        }
    }

    pub fn name(self) -> &'static str {
        match self.resolved() {
            Self::Sleep => "sleep",
            Self::Spin => "spin",
            Self::Hybrid | Self::Auto => "hybrid",
        }
    }
}

/// Where requests go, over how many connections.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    pub name: String,
    pub address: SocketAddr,
    pub host: String,
    pub protocol: Protocol,
    pub path: String,
    pub method: String,
    pub headers: Vec<(String, String)>,
    /// Bytes as Latin-1 text: one character a byte.
    pub body: String,
    pub reply_bytes: Option<u64>,
    pub grpc: Option<GrpcCall>,
    pub connections: u32,
    pub streams: u32,
    pub max_connections: Option<u32>,
    pub pooling: Pooling,
    pub selection: Selection,
    pub requests_per_connection: Option<u64>,
    pub connection_age_s: Option<f64>,
    pub follow_redirects: bool,
    pub tls: Option<ClientSettings>,
    pub timeout_s: f64,
    pub source_address: Option<IpAddr>,
    pub network_namespace: Option<PathBuf>,
}

/// Load on one target for a while: guard, lead-in, counted window, drain.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Phase {
    pub target: usize,
    pub duration_s: f64,
    pub arrivals: Arrivals,
    pub rate: Option<f64>,
    pub rate_end: Option<f64>,
    pub trace_s: Vec<f64>,
    pub quantum_s: f64,
    pub in_flight: Option<u32>,
    pub think_s: f64,
    pub mix: Vec<(usize, f64)>,
    pub lead_in_s: f64,
    pub guard_s: f64,
    pub drain_s: f64,
    pub seed: u64,
    pub label: String,
    pub start_unix_s: Option<f64>,
}

/// Everything that stays the same while phases run.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionPlan {
    pub targets: Vec<Target>,
    pub workers: u32,
    pub cpus: Vec<usize>,
    pub wait: WaitMode,
    pub clocks: BTreeMap<String, i32>,
    pub connect_timeout_s: f64,
    pub receive_clock: ReceiveClock,
    pub series_interval_s: f64,
    /// This generator's number, and how many generators share every schedule.
    pub share: (u32, u32),
}

/// The longest time a plan may name [s]: beyond the histograms' range nothing could be told apart.
const LONGEST_S: f64 = 1e6;

fn refuse<T>(text: String) -> Result<T, LoadError> {
    Err(LoadError::Plan(text))
}

fn time(what: &str, value: f64, least: f64) -> Result<(), LoadError> {
    if value.is_finite() && value >= least && value <= LONGEST_S {
        return Ok(());
    }
    refuse(format!(
        "{what} must lie in [{least}, {LONGEST_S}] s, found {value}"
    ))
}

impl SessionPlan {
    /// Checks what the types cannot say.
    pub fn validate(&self) -> Result<(), LoadError> {
        if self.targets.is_empty() {
            return refuse("a session needs at least one target".into());
        }
        if !(1..=256).contains(&self.workers) {
            return refuse(format!(
                "workers must lie in [1, 256], found {}",
                self.workers
            ));
        }
        time("connect_timeout_s", self.connect_timeout_s, 1e-3)?;
        if let Some((name, pid)) = self.clocks.iter().find(|&(_, &pid)| pid <= 0) {
            return refuse(format!("clock `{name}` names no process: {pid}"));
        }
        self.targets.iter().try_for_each(Target::validate)
    }

    pub(crate) fn validate_phase(&self, phase: &Phase) -> Result<(), LoadError> {
        if phase.target >= self.targets.len() {
            return refuse(format!(
                "a phase names target {}, there are {}",
                phase.target,
                self.targets.len()
            ));
        }
        time("duration_s", phase.duration_s, 0.0)?;
        time("lead_in_s", phase.lead_in_s, 0.0)?;
        time("guard_s", phase.guard_s, 0.0)?;
        time("drain_s", phase.drain_s, 0.0)?;
        match (phase.arrivals, phase.rate) {
            (Arrivals::Closed, Some(_)) => refuse("a closed loop has no rate".into()),
            (Arrivals::Closed, None) => Ok(()),
            (_, Some(rate)) if rate.is_finite() && rate > 0.0 && rate <= 1e9 => Ok(()),
            (_, rate) => refuse(format!(
                "an open loop needs a rate in (0, 1e9] 1/s, found {rate:?}"
            )),
        }
    }
}

impl Phase {
    /// A closed loop on the first target, for `duration_s`, without lead-in or guard.
    pub fn closed(duration_s: f64) -> Self {
        Self {
            target: 0,
            duration_s,
            arrivals: Arrivals::Closed,
            rate: None,
            rate_end: None,
            trace_s: Vec::new(),
            quantum_s: 0.0,
            in_flight: None,
            think_s: 0.0,
            mix: Vec::new(),
            lead_in_s: 0.0,
            guard_s: 0.0,
            drain_s: 2.0,
            seed: 0,
            label: String::new(),
            start_unix_s: None,
        }
    }
}

impl SessionPlan {
    /// One worker, and everything else as the defaults in Python.
    pub fn new(targets: Vec<Target>) -> Self {
        Self {
            targets,
            workers: 1,
            cpus: Vec::new(),
            wait: WaitMode::Auto,
            clocks: BTreeMap::new(),
            connect_timeout_s: 5.0,
            receive_clock: ReceiveClock::Auto,
            series_interval_s: 1.0,
            share: (0, 1),
        }
    }
}

impl Target {
    /// `GET /` over one connection of HTTP/1.1, and everything else as the defaults in Python.
    pub fn new(address: SocketAddr) -> Self {
        Self {
            name: address.to_string(),
            address,
            host: address.to_string(),
            protocol: Protocol::Http1,
            path: "/".to_owned(),
            method: "GET".to_owned(),
            headers: Vec::new(),
            body: String::new(),
            reply_bytes: None,
            grpc: None,
            connections: 1,
            streams: 1,
            max_connections: None,
            pooling: Pooling::Pooled,
            selection: Selection::Fifo,
            requests_per_connection: None,
            connection_age_s: None,
            follow_redirects: false,
            tls: None,
            timeout_s: 10.0,
            source_address: None,
            network_namespace: None,
        }
    }

    fn validate(&self) -> Result<(), LoadError> {
        let name = &self.name;
        if !(1..=100_000).contains(&self.connections) {
            return refuse(format!(
                "target `{name}`: connections must lie in [1, 100000], found {}",
                self.connections
            ));
        }
        time("timeout_s", self.timeout_s, 1e-6)?;
        let token =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        if !token(&self.method) || !token(&self.path) {
            return refuse(format!(
                "target `{name}`: method and path must be visible ASCII without spaces"
            ));
        }
        let line = |text: &str| !text.bytes().any(|byte| matches!(byte, b'\r' | b'\n' | 0));
        if !line(&self.host)
            || self
                .headers
                .iter()
                .any(|(key, value)| !token(key) || key.contains(':') || !line(value))
        {
            return refuse(format!(
                "target `{name}`: a header holds a character that would break the request"
            ));
        }
        if self
            .body
            .chars()
            .any(|character| u32::from(character) > 0xFF)
        {
            return refuse(format!(
                "target `{name}`: the body must be Latin-1 text, one character a byte"
            ));
        }
        Ok(())
    }

    /// The body's bytes.
    pub(crate) fn body_bytes(&self) -> Vec<u8> {
        self.body
            .chars()
            .map(|character| u32::from(character) as u8)
            .collect()
    }
}
