//! What a session is asked to do: targets with their connections, and phases of load on them.
//!
//! The fields are those of `meshperf.load.plan` in Python, where each is described; this is the same record on the
//! other side of the border. Unknown fields are refused, so the two cannot drift apart unnoticed.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

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
    pub path: String,
    pub method: String,
    pub headers: Vec<(String, String)>,
    /// Bytes as Latin-1 text: one character a byte.
    pub body: String,
    pub connections: u32,
    pub tls: Option<ClientSettings>,
    pub timeout_s: f64,
    pub source_address: Option<IpAddr>,
}

/// Load on one target for a while: guard, lead-in, counted window, drain.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Phase {
    pub target: usize,
    pub duration_s: f64,
    pub arrivals: Arrivals,
    pub rate: Option<f64>,
    pub lead_in_s: f64,
    pub guard_s: f64,
    pub drain_s: f64,
    pub seed: u64,
    pub label: String,
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

impl Target {
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
