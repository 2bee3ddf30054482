//! What the server did since its start, counted where it happens and read by the admin listener.
//!
//! Every worker has counters of its own and is their only writer, so a plain load and store is enough and no cache line
//! is fought over; a reader may see a value that is one request old.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use serde::Serialize;

use crate::calls::plan::Plan;
use crate::calls::tally::{CallTotals, Tally};

const STATUSES: usize = 600;
const GRPC_STATUSES: usize = 17;

#[repr(align(128))]
pub struct Counters {
    pub requests: Count,
    pub bytes_in: Count,
    pub bytes_out: Count,
    pub connections: Count,
    pub connections_closed: Count,
    pub tls_handshakes: Count,
    pub tls_failures: Count,
    pub tcp_connections: Count,
    pub tcp_connections_closed: Count,
    pub tcp_messages: Count,
    pub tcp_bytes_in: Count,
    pub tcp_bytes_out: Count,
    pub udp_in: Count,
    pub udp_out: Count,
    pub udp_bytes_in: Count,
    pub udp_bytes_out: Count,
    pub udp_dropped: Count,
    pub udp_duplicated: Count,
    pub udp_reordered: Count,
    pub udp_unsent: Count,
    pub http2_connections: Count,
    pub calls: Tally,
    by_status: [Count; STATUSES],
    by_grpc_status: [Count; GRPC_STATUSES],
}

#[derive(Default)]
pub struct Count(AtomicU64);

impl Count {
    pub fn add(&self, n: u64) {
        self.0.store(self.0.load(Relaxed).wrapping_add(n), Relaxed);
    }

    /// Takes back what was counted before it could not be done.
    pub fn take_back(&self, n: u64) {
        self.0.store(self.0.load(Relaxed).wrapping_sub(n), Relaxed);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

impl Default for Counters {
    fn default() -> Self {
        Counters {
            requests: Count::default(),
            bytes_in: Count::default(),
            bytes_out: Count::default(),
            connections: Count::default(),
            connections_closed: Count::default(),
            tls_handshakes: Count::default(),
            tls_failures: Count::default(),
            tcp_connections: Count::default(),
            tcp_connections_closed: Count::default(),
            tcp_messages: Count::default(),
            tcp_bytes_in: Count::default(),
            tcp_bytes_out: Count::default(),
            udp_in: Count::default(),
            udp_out: Count::default(),
            udp_bytes_in: Count::default(),
            udp_bytes_out: Count::default(),
            udp_dropped: Count::default(),
            udp_duplicated: Count::default(),
            udp_reordered: Count::default(),
            udp_unsent: Count::default(),
            http2_connections: Count::default(),
            calls: Tally::default(),
            by_status: std::array::from_fn(|_| Count::default()),
            by_grpc_status: std::array::from_fn(|_| Count::default()),
        }
    }
}

impl Counters {
    /// Those of a worker that makes the calls of `plan`.
    pub fn with_calls(plan: &Plan) -> Self {
        Counters {
            calls: Tally::new(plan),
            ..Counters::default()
        }
    }

    pub fn answered(&self, status: u16) {
        if let Some(count) = self.by_status.get(usize::from(status)) {
            count.add(1);
        }
    }

    pub fn answered_grpc(&self, status: u8) {
        if let Some(count) = self.by_grpc_status.get(usize::from(status)) {
            count.add(1);
        }
    }
}

/// The sum over all workers. Bytes are those of the sockets: heads, bodies and TLS records; of UDP, the payloads.
#[derive(Serialize, Default)]
pub struct Totals {
    pub requests: u64,
    pub bytes_in: u64,
    pub bytes_out: u64,
    pub connections: u64,
    pub connections_open: u64,
    pub tls_handshakes: u64,
    pub tls_failures: u64,
    pub tcp_connections: u64,
    pub tcp_connections_open: u64,
    pub tcp_messages: u64,
    pub tcp_bytes_in: u64,
    pub tcp_bytes_out: u64,
    pub udp_in: u64,
    pub udp_out: u64,
    pub udp_bytes_in: u64,
    pub udp_bytes_out: u64,
    pub udp_dropped: u64,
    pub udp_duplicated: u64,
    pub udp_reordered: u64,
    pub udp_unsent: u64,
    /// Thrown away by the kernel before a worker could receive them; known to the sockets, not to the workers.
    pub udp_overrun: u64,
    /// Of `connections`, those that spoke HTTP/2.
    pub http2_connections: u64,
    pub by_status: BTreeMap<u16, u64>,
    /// Calls that were ended, by gRPC status.
    pub by_grpc_status: BTreeMap<u8, u64>,
    #[serde(flatten)]
    pub calls: CallTotals,
}

impl Totals {
    pub fn of<'a>(workers: impl Iterator<Item = &'a Counters>) -> Self {
        let mut totals = Totals::default();
        for worker in workers {
            totals.requests += worker.requests.get();
            totals.bytes_in += worker.bytes_in.get();
            totals.bytes_out += worker.bytes_out.get();
            totals.connections += worker.connections.get();
            totals.connections_open += worker
                .connections
                .get()
                .saturating_sub(worker.connections_closed.get());
            totals.tls_handshakes += worker.tls_handshakes.get();
            totals.tls_failures += worker.tls_failures.get();
            totals.tcp_connections += worker.tcp_connections.get();
            totals.tcp_connections_open += worker
                .tcp_connections
                .get()
                .saturating_sub(worker.tcp_connections_closed.get());
            totals.tcp_messages += worker.tcp_messages.get();
            totals.tcp_bytes_in += worker.tcp_bytes_in.get();
            totals.tcp_bytes_out += worker.tcp_bytes_out.get();
            totals.udp_in += worker.udp_in.get();
            totals.udp_out += worker.udp_out.get();
            totals.udp_bytes_in += worker.udp_bytes_in.get();
            totals.udp_bytes_out += worker.udp_bytes_out.get();
            totals.udp_dropped += worker.udp_dropped.get();
            totals.udp_duplicated += worker.udp_duplicated.get();
            totals.udp_reordered += worker.udp_reordered.get();
            totals.udp_unsent += worker.udp_unsent.get();
            totals.http2_connections += worker.http2_connections.get();
            totals.calls.add(&worker.calls);
            for (status, count) in (0..).zip(&worker.by_grpc_status) {
                if count.get() > 0 {
                    *totals.by_grpc_status.entry(status).or_default() += count.get();
                }
            }
            for (status, count) in worker.by_status.iter().enumerate() {
                if count.get() > 0 {
                    *totals.by_status.entry(status as u16).or_default() += count.get();
                }
            }
        }
        totals
    }
}

#[cfg(test)]
mod tests {
    use super::{Counters, Totals};

    #[test]
    fn totals_are_the_sum_over_the_workers() {
        let workers = [Counters::default(), Counters::default()];
        workers[0].requests.add(3);
        workers[1].requests.add(4);
        workers[0].connections.add(2);
        workers[0].connections_closed.add(1);
        workers[0].answered(200);
        workers[1].answered(200);
        workers[1].answered(503);
        workers[1].answered(9999);
        let totals = Totals::of(workers.iter());
        assert_eq!(
            (totals.requests, totals.connections, totals.connections_open),
            (7, 2, 1)
        );
        assert_eq!(
            totals.by_status.into_iter().collect::<Vec<_>>(),
            [(200, 2), (503, 1)]
        );
    }
}
