//! What a worker does for a request: which reply, after how long, and who is asking.

use std::sync::Arc;

use crate::calls::Calls;
use crate::counters::Counters;
use crate::grpc::status;
use crate::http1::{Head, Route};
use crate::http2::{Blocks, Fields};
use crate::options::{IdentityHeader, Options};
use crate::random::Random;
use crate::reply::{Book, Reply};
use crate::service_time::ServiceTime;
use crate::sys::now_ns;

pub struct Service {
    pub book: Book,
    /// The same for HTTP/2.
    pub blocks: Blocks,
    /// Room to read into, lent to whichever connection has its turn.
    pub scratch: Vec<u8>,
    /// Streams that one connection may have open.
    pub max_streams: u32,
    pub counters: Arc<Counters>,
    pub identity_header: Option<IdentityHeader>,
    /// Calls that requests make to other services; None: nobody is called.
    pub calls: Option<Box<Calls>>,
    /// The token of the connection that has its turn.
    pub guest: u64,
    time: ServiceTime,
    busy: bool,
    /// When the last busy service ended, while requests have been waiting ever since.
    served_until: Option<u64>,
    /// Upper ends of the shares of the statuses after the first, which is 200.
    thresholds: Vec<f64>,
    /// gRPC statuses other than 0 and the upper ends of their shares; empty: calls follow the statuses of HTTP.
    grpc_statuses: Vec<(u8, f64)>,
    times: Random,
    statuses: Random,
}

impl Service {
    /// The service of worker number `worker`; each worker draws from streams of its own.
    pub fn new(options: &Options, worker: u64, counters: Arc<Counters>) -> Self {
        let codes: Vec<u16> = std::iter::once(200)
            .chain(options.status.iter().map(|(code, _)| *code))
            .collect();
        let thresholds = options.status.iter().scan(0.0, |sum, (_, share)| {
            *sum += share;
            Some(*sum)
        });
        let grpc_statuses = options.grpc_status.iter().scan(0.0, |sum, (code, share)| {
            *sum += share;
            Some((*code, *sum))
        });
        Service {
            book: Book::new(options.response_bytes, &codes),
            blocks: Blocks::new(options.response_bytes, &codes),
            scratch: Vec::new(),
            max_streams: options.max_streams,
            counters,
            identity_header: options.identity_header.clone(),
            calls: None,
            guest: 0,
            time: options.service_time,
            busy: options.busy,
            served_until: None,
            thresholds: thresholds.collect(),
            grpc_statuses: grpc_statuses.collect(),
            times: Random::new(options.seed, 2 * worker),
            statuses: Random::new(options.seed, 2 * worker + 1),
        }
    }

    /// The reply to a request for an echo, and its status.
    pub fn echo(&mut self, head: &Head, own: &mut Vec<u8>) -> (Reply, u16) {
        let echo = self.draw_status();
        let reply = match head.route {
            Route::EchoBytes(bytes) => {
                self.book
                    .echo_bytes(own, echo, head.persistence, head.is_head, bytes)
            }
            Route::Echo | Route::WhoAmI => self.book.echo(echo, head.persistence, head.is_head),
        };
        (reply, self.book.status(echo))
    }

    /// Whether a worker computes for the service time, one request after the other.
    pub fn is_busy(&self) -> bool {
        self.busy
    }

    /// The status that the next call is made to fail with, if it is.
    pub fn draw_grpc_status(&mut self) -> Option<u8> {
        if self.grpc_statuses.is_empty() {
            return (self.draw_status() > 0).then_some(status::INTERNAL);
        }
        let draw = self.statuses.uniform();
        let drawn = self.grpc_statuses.iter().find(|(_, end)| draw < *end);
        drawn.map(|(code, _)| *code)
    }

    /// The status of the next reply: its index in the book.
    pub fn draw_status(&mut self) -> usize {
        if self.thresholds.is_empty() {
            return 0;
        }
        let draw = self.statuses.uniform();
        self.thresholds
            .iter()
            .position(|end| draw < *end)
            .map_or(0, |index| index + 1)
    }

    /// Bytes to answer with where their content does not matter.
    pub fn filler(&self) -> &[u8] {
        self.book.filler()
    }

    /// Serves one request: returns None when that is done, or when (CLOCK_MONOTONIC, ns) the reply is due.
    ///
    /// Busy service is timed by the same clock, not by CPU time: a single server that takes exactly D for each request
    /// is what the queueing formulas speak of, and a preempted one would be another server. While requests wait, each
    /// service begins where the one before it ended: reading and writing are parts of D, and D bounds the capacity.
    pub fn serve(&mut self) -> Option<u64> {
        let ns = self.time.draw(&mut self.times);
        if ns == 0 {
            return None;
        }
        let now = now_ns();
        if !self.busy {
            return Some(now + ns);
        }
        let due = self.served_until.unwrap_or(now) + ns;
        while now_ns() < due {
            std::hint::spin_loop();
        }
        // A service that was held up itself leaves nothing to catch up on.
        self.served_until = Some(due.max(now));
        None
    }

    /// Calls the other services for a request that was served, on `stream` of the connection that has its turn. False
    /// where nobody is to be called: it is answered at once.
    pub fn call_others(&mut self, stream: u32, passed: Fields) -> bool {
        match &mut self.calls {
            Some(calls) => calls.begin(self.guest, stream, passed),
            None => false,
        }
    }

    /// Nothing is waiting, or the worker stood still: the next service begins when it is asked for.
    pub fn rest(&mut self) {
        self.served_until = None;
    }
}
