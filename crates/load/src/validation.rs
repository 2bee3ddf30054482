//! What the types of a plan cannot say: values out of range, and choices that contradict one another.

use crate::LoadError;
use crate::clock;
use crate::datagram::MARK;
use crate::plan::{Arrivals, GrpcKind, Phase, Pooling, Protocol, SessionPlan, Target, latin1};

/// The longest time a plan may name [s]: beyond the histograms' range nothing could be told apart.
const LONGEST_S: f64 = 1e6;
/// The highest rate [1/s].
const FASTEST: f64 = 1e9;
/// Places for requests over all connections of a target.
const MOST_SLOTS: u64 = 10_000_000;
/// The largest datagram.
const LARGEST_DATAGRAM: usize = 65_507;

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
        time("series_interval_s", self.series_interval_s, 1e-3)?;
        if let Some((name, pid)) = self.clocks.iter().find(|&(_, &pid)| pid <= 0) {
            return refuse(format!("clock `{name}` names no process: {pid}"));
        }
        let (number, generators) = self.share;
        if number >= generators {
            return refuse(format!(
                "share must be a generator's number and how many there are, found {number} of {generators}"
            ));
        }
        if let Some(target) = self
            .targets
            .iter()
            .find(|target| generators > 1 && target.connections < self.workers)
        {
            return refuse(format!(
                "target `{}`: a generator that shares its schedule needs a connection for each of its {} workers",
                target.name, self.workers
            ));
        }
        self.targets.iter().try_for_each(Target::validate)
    }

    pub(crate) fn validate_phase(&self, phase: &Phase) -> Result<(), LoadError> {
        let targets = self.targets.len();
        let named = phase.mix.iter().map(|&(target, _)| target);
        if let Some(target) = named
            .chain([phase.target])
            .find(|&target| target >= targets)
        {
            return refuse(format!(
                "a phase names target {target}, there are {targets}"
            ));
        }
        time("duration_s", phase.duration_s, 0.0)?;
        time("lead_in_s", phase.lead_in_s, 0.0)?;
        time("guard_s", phase.guard_s, 0.0)?;
        time("drain_s", phase.drain_s, 0.0)?;
        time("think_s", phase.think_s, 0.0)?;
        time("quantum_s", phase.quantum_s, 0.0)?;
        let latest = clock::unix_seconds() + LONGEST_S;
        if let Some(start) = phase.start_unix_s
            && !(0.0..=latest).contains(&start)
        {
            return refuse(format!(
                "start_unix_s must be a moment in seconds since 1970, at most {LONGEST_S} s ahead, found {start}"
            ));
        }
        self.validate_mix(phase)?;
        validate_arrivals(phase)
    }

    fn validate_mix(&self, phase: &Phase) -> Result<(), LoadError> {
        for (position, &(target, weight)) in phase.mix.iter().enumerate() {
            if !(weight.is_finite() && weight > 0.0) {
                return refuse(format!(
                    "a weight in a mix must be greater than 0, found {weight}"
                ));
            }
            if phase.mix[..position]
                .iter()
                .any(|&(other, _)| other == target)
            {
                return refuse(format!("target {target} is in the mix twice"));
            }
            if phase.mix.len() > 1 && self.targets[target].pooling == Pooling::Pinned {
                return refuse(
                    "pinned connections have schedules of their own and cannot share a mix".into(),
                );
            }
        }
        Ok(())
    }
}

fn validate_arrivals(phase: &Phase) -> Result<(), LoadError> {
    let fine = |rate: f64, least: f64| rate.is_finite() && rate >= least && rate <= FASTEST;
    match (phase.arrivals, phase.rate) {
        (Arrivals::Closed, Some(_)) => return refuse("a closed loop has no rate".into()),
        (Arrivals::Trace, Some(_)) => {
            return refuse("a trace has its own times and no rate".into());
        }
        (Arrivals::Closed | Arrivals::Trace, None) => {}
        // A ramp may begin or end at nothing.
        (_, Some(rate))
            if fine(rate, 0.0) && (rate > 0.0 || phase.rate_end.is_some_and(|end| end > 0.0)) => {}
        (_, rate) => {
            return refuse(format!(
                "an open loop needs a rate in (0, 1e9] 1/s, found {rate:?}"
            ));
        }
    }
    let scheduled = matches!(phase.arrivals, Arrivals::Constant | Arrivals::Poisson);
    match phase.rate_end {
        Some(_) if !scheduled => {
            return refuse("rate_end needs constant or Poisson arrivals".into());
        }
        Some(rate) if !fine(rate, 0.0) => {
            return refuse(format!("rate_end must lie in [0, 1e9] 1/s, found {rate}"));
        }
        _ => {}
    }
    if phase.arrivals == Arrivals::Trace
        && !phase
            .trace_s
            .iter()
            .all(|time| (0.0..=LONGEST_S).contains(time))
    {
        return refuse("the times of a trace must lie in [0, 1e6] s".into());
    }
    if !phase.trace_s.is_sorted() {
        return refuse("the times of a trace must not fall".into());
    }
    if phase.arrivals != Arrivals::Closed && (phase.in_flight.is_some() || phase.think_s > 0.0) {
        return refuse("in_flight and think_s belong to a closed loop".into());
    }
    if phase.in_flight == Some(0) {
        return refuse("in_flight must be at least 1".into());
    }
    Ok(())
}

impl Target {
    fn validate(&self) -> Result<(), LoadError> {
        let name = &self.name;
        let refuse = |text: String| refuse(format!("target `{name}`: {text}"));
        if !(1..=100_000).contains(&self.connections) {
            return refuse(format!(
                "connections must lie in [1, 100000], found {}",
                self.connections
            ));
        }
        let most = self.max_connections.unwrap_or(self.connections);
        if most < self.connections || most > 100_000 {
            return refuse(format!(
                "max_connections must lie in [connections, 100000], found {most}"
            ));
        }
        if self.streams == 0 || (self.streams > 1 && !self.protocol.has_streams()) {
            return refuse(format!(
                "{} carries one request at a time on a connection, found streams {}",
                self.protocol.title(),
                self.streams
            ));
        }
        if u64::from(most) * u64::from(self.streams) > MOST_SLOTS {
            return refuse(format!(
                "{most} connections x {} streams are more than {MOST_SLOTS} requests under way",
                self.streams
            ));
        }
        if self.pooling == Pooling::Pinned && most > self.connections {
            return refuse("pinned connections do not grow in number".into());
        }
        if self.requests_per_connection == Some(0) {
            return refuse("requests_per_connection must be at least 1".into());
        }
        if self.requests_per_connection == Some(1) && self.streams > 1 {
            return refuse("a connection for a single request needs streams 1".into());
        }
        if let Some(age) = self.connection_age_s {
            time("connection_age_s", age, 1e-3)?;
        }
        time("timeout_s", self.timeout_s, 1e-6)?;
        self.validate_words()?;
        self.validate_protocol()
    }

    fn validate_words(&self) -> Result<(), LoadError> {
        let name = &self.name;
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
        let bytes = |text: &str| text.chars().all(|character| u32::from(character) <= 0xFF);
        let messages = self.grpc.iter().flat_map(|call| &call.messages);
        let mut texts = messages
            .chain([&self.body])
            .chain(self.headers.iter().map(|(_, value)| value));
        if !texts.all(|text| bytes(text)) {
            return refuse(format!(
                "target `{name}`: body, messages and header values must be Latin-1 text, one character a byte"
            ));
        }
        Ok(())
    }

    fn validate_protocol(&self) -> Result<(), LoadError> {
        let refuse = |text: String| refuse(format!("target `{}`: {text}", self.name));
        let length = latin1(&self.body).len();
        match (self.protocol, &self.grpc) {
            (Protocol::Grpc, None) => return refuse("a gRPC target needs a call".into()),
            (Protocol::Grpc, Some(call)) => {
                let streams = matches!(call.kind, GrpcKind::ClientStream | GrpcKind::Bidi);
                if !streams && call.messages.len() != 1 {
                    return refuse(format!(
                        "a call whose client does not stream has one message, found {}",
                        call.messages.len()
                    ));
                }
            }
            (_, Some(_)) => return refuse("a call belongs to the protocol grpc".into()),
            (Protocol::Udp, None) if !(MARK..=LARGEST_DATAGRAM).contains(&length) => {
                return refuse(format!(
                    "a datagram is {MARK} to {LARGEST_DATAGRAM} bytes long, found {length}"
                ));
            }
            (Protocol::Tcp, None) if length == 0 => {
                return refuse("a TCP message needs at least one byte".into());
            }
            _ => {}
        }
        if self.protocol == Protocol::Udp && self.tls.is_some() {
            return refuse("there is no TLS over UDP here".into());
        }
        if self.follow_redirects
            && matches!(
                self.protocol,
                Protocol::Grpc | Protocol::Tcp | Protocol::Udp
            )
        {
            return refuse("only HTTP has redirects".into());
        }
        Ok(())
    }
}
