//! What a session is asked to do: targets with their connections, and phases of load on them.
//!
//! The fields are those of `meshperf.load.plan` in Python, where each is described; this is the same record on the
//! other side of the border. Unknown fields are refused, so the two cannot drift apart unnoticed.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use meshperf_tls::ClientSettings;
use serde::Deserialize;

use crate::redirect::Redirect;

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

impl Protocol {
    /// As people call it.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Http1_0 => "HTTP/1.0",
            Self::Http1 => "HTTP/1.1",
            Self::Http2 => "HTTP/2",
            Self::Grpc => "gRPC over HTTP/2",
            Self::Tcp => "the expected messages over TCP",
            Self::Udp => "UDP echo",
        }
    }

    /// Whether a connection carries several requests at a time.
    pub(crate) fn has_streams(self) -> bool {
        matches!(self, Self::Http2 | Self::Grpc | Self::Udp)
    }
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

    /// The body's bytes.
    pub(crate) fn body_bytes(&self) -> Vec<u8> {
        latin1(&self.body)
    }

    /// Turn into the request that a redirect asks for; false when it is not to be followed.
    pub(crate) fn redirect(&mut self, redirect: &Redirect) -> bool {
        let Redirect::To { path, as_get } = redirect else {
            return false;
        };
        self.path.clone_from(path);
        if *as_get {
            self.method = "GET".to_owned();
            self.body.clear();
            self.headers
                .retain(|(name, _)| !name.to_ascii_lowercase().starts_with("content-"));
        }
        true
    }
}

/// Bytes that were written as text, one character a byte.
pub(crate) fn latin1(text: &str) -> Vec<u8> {
    text.chars()
        .map(|character| u32::from(character) as u8)
        .collect()
}
