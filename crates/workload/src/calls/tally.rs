//! What a service's calls came to, counted by the worker that makes them and read by the admin listener.

use std::collections::BTreeMap;

use serde::Serialize;

use super::latency::{Latency, Summary};
use super::plan::Plan;
use crate::counters::Count;

/// The counts of one worker.
#[derive(Default)]
pub struct Tally {
    pub calls: Count,
    pub failures: Count,
    pub retries: Count,
    pub resends: Count,
    pub timeouts: Count,
    pub connections: Count,
    pub tls_handshakes: Count,
    pub bytes_in: Count,
    pub bytes_out: Count,
    /// One for each of the plan's callees.
    pub by_callee: Vec<CalleeTally>,
}

pub struct CalleeTally {
    name: String,
    pub sent: Count,
    pub ok: Count,
    pub failed: Count,
    /// Of those that went well, from the beginning of the first attempt to the end of the reply.
    pub latency: Latency,
}

impl Tally {
    pub fn new(plan: &Plan) -> Self {
        let callee = |name: &String| CalleeTally {
            name: name.clone(),
            sent: Count::default(),
            ok: Count::default(),
            failed: Count::default(),
            latency: Latency::default(),
        };
        Tally {
            by_callee: plan
                .callees
                .iter()
                .map(|known| callee(&known.name))
                .collect(),
            ..Tally::default()
        }
    }
}

/// The sum over all workers, as `/counters` tells it.
#[derive(Debug, Default, Serialize)]
pub struct CallTotals {
    /// Calls that were begun, each once however often it was repeated.
    pub calls: u64,
    /// Calls that failed with their last attempt.
    pub call_failures: u64,
    /// Attempts after the first.
    pub call_retries: u64,
    /// Requests that were sent again because nobody had heard them; no attempts of their own.
    pub call_resends: u64,
    /// Attempts that took too long.
    pub call_timeouts: u64,
    /// Connections that were opened.
    pub call_connections: u64,
    /// TLS handshakes with callees that were completed.
    pub call_tls_handshakes: u64,
    pub call_bytes_in: u64,
    pub call_bytes_out: u64,
    pub by_call: BTreeMap<String, ByCall>,
}

/// Of one callee.
#[derive(Debug, Default, Serialize, PartialEq, Eq)]
pub struct ByCall {
    pub sent: u64,
    pub ok: u64,
    pub failed: u64,
}

impl CallTotals {
    pub fn add(&mut self, tally: &Tally) {
        self.calls += tally.calls.get();
        self.call_failures += tally.failures.get();
        self.call_retries += tally.retries.get();
        self.call_resends += tally.resends.get();
        self.call_timeouts += tally.timeouts.get();
        self.call_connections += tally.connections.get();
        self.call_tls_handshakes += tally.tls_handshakes.get();
        self.call_bytes_in += tally.bytes_in.get();
        self.call_bytes_out += tally.bytes_out.get();
        for callee in &tally.by_callee {
            let counts = self.by_call.entry(callee.name.clone()).or_default();
            counts.sent += callee.sent.get();
            counts.ok += callee.ok.get();
            counts.failed += callee.failed.get();
        }
    }
}

/// How long the calls to each callee took, over all workers.
pub fn summaries<'a>(
    workers: impl Iterator<Item = &'a Tally> + Clone,
) -> BTreeMap<&'a str, Summary> {
    let first = workers.clone().next();
    let callees = first.map_or(&[][..], |tally| &tally.by_callee);
    let summary = |index: usize| {
        let callees = workers.clone().map(move |tally| &tally.by_callee[index]);
        Latency::summary(callees.map(|callee| &callee.latency))
    };
    let named = callees
        .iter()
        .enumerate()
        .map(|(index, callee)| (callee.name.as_str(), summary(index)));
    named.collect()
}

#[cfg(test)]
mod tests {
    use super::{ByCall, CallTotals, Tally, summaries};
    use crate::calls::plan::Plan;

    #[test]
    fn totals_and_summaries_are_by_name_and_over_all_workers() {
        let mut plan = Plan::default();
        for text in ["b=127.0.0.1:1", "a=127.0.0.1:2"] {
            plan.add(text, |address| address.parse().map_err(|_| String::new()))
                .expect("a call");
        }
        let workers = [Tally::new(&plan), Tally::new(&plan)];
        for worker in &workers {
            worker.calls.add(2);
            worker.by_callee[0].sent.add(2);
            worker.by_callee[0].ok.add(1);
            worker.by_callee[0].failed.add(1);
            worker.by_callee[0].latency.record(1000);
        }
        let mut totals = CallTotals::default();
        workers.iter().for_each(|worker| totals.add(worker));
        let counts = ByCall {
            sent: 4,
            ok: 2,
            failed: 2,
        };
        assert_eq!((totals.calls, &totals.by_call["b"]), (4, &counts));
        assert_eq!(totals.by_call["a"], ByCall::default());
        let found = summaries(workers.iter());
        assert_eq!((found["b"].count, found["b"].p50_ns), (2, Some(1000)));
        assert_eq!((found["a"].count, found["a"].p50_ns), (0, None));
        assert!(summaries([Tally::default()].iter()).is_empty());
    }
}
