//! Calls driven by hand against a callee that says what the test wants it to say.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::plan::Plan;
use super::tally::CallTotals;
use super::{Calls, Done, OUTGOING, Orders};
use crate::counters::Counters;
use crate::http2::Fields;
use crate::sys::{Epoll, NO_EVENT, now_ns};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
const BAD: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n";
const WELL: Done = Done {
    guest: 5,
    stream: 3,
    failed: false,
};
const FAILED: Done = Done {
    failed: true,
    ..WELL
};

struct Bench {
    calls: Calls,
    counters: Arc<Counters>,
    epoll: Epoll,
    callee: Option<TcpListener>,
    accepted: Vec<TcpStream>,
}

impl Bench {
    /// `calls`: what follows the address in each `--call`.
    fn new(calls: &[&str], change: impl Fn(&mut Plan)) -> Self {
        let callee = TcpListener::bind("127.0.0.1:0").expect("a listener");
        callee.set_nonblocking(true).expect("non-blocking");
        let address = callee.local_addr().expect("an address");
        let mut plan = Plan {
            connections: 8,
            ..Plan::default()
        };
        for keys in calls {
            plan.add(&format!("b={address}{keys}"), |text| {
                text.parse().map_err(|_| String::new())
            })
            .expect("a call");
        }
        change(&mut plan);
        let counters = Arc::new(Counters::with_calls(&plan));
        let epoll = Epoll::new().expect("epoll");
        let shared = epoll.share().expect("a descriptor");
        let orders = Orders {
            plan: Arc::new(plan),
            tls: Vec::new(),
            seed: 1,
        };
        let calls = Calls::new(&orders, 0, b"0123", counters.clone(), shared);
        Bench {
            calls,
            counters,
            epoll,
            callee: Some(callee),
            accepted: Vec::new(),
        }
    }

    fn begin(&mut self) -> bool {
        self.calls.begin(WELL.guest, WELL.stream, Fields::default())
    }

    /// One look at the sockets.
    fn turn(&mut self) {
        let mut events = [NO_EVENT; 16];
        let n = self
            .epoll
            .wait(&mut events, Some(2_000_000))
            .expect("events");
        for event in &events[..n] {
            self.calls.on_event(event.u64 & !OUTGOING, event.events);
        }
        while let Some(callee) = &self.callee
            && let Ok((stream, _)) = callee.accept()
        {
            stream.set_nonblocking(true).expect("non-blocking");
            self.accepted.push(stream);
        }
    }

    /// How many requests each connection has for us once `count` are there, and no more come.
    fn requests(&mut self, count: usize) -> Vec<usize> {
        let mut texts: Vec<String> = Vec::new();
        let begin = Instant::now();
        let mut settled = 0;
        while settled < 5 {
            self.turn();
            texts.resize(self.accepted.len(), String::new());
            for (stream, text) in self.accepted.iter_mut().zip(&mut texts) {
                let mut piece = [0; 4096];
                if let Ok(n) = stream.read(&mut piece) {
                    text.push_str(std::str::from_utf8(&piece[..n]).expect("text"));
                }
            }
            let all = texts.concat().matches("\r\n\r\n").count();
            settled += usize::from(all >= count);
            assert!(
                begin.elapsed() < Duration::from_secs(5),
                "{all} of {count} requests"
            );
        }
        let each = texts.iter().map(|text| text.matches("\r\n\r\n").count());
        each.collect()
    }

    fn reply(&mut self, connection: usize, bytes: &[u8]) {
        self.accepted[connection].write_all(bytes).expect("sent");
    }

    fn done(&mut self) -> Vec<Done> {
        let begin = Instant::now();
        loop {
            self.turn();
            let done = self.calls.take_done();
            if !done.is_empty() || begin.elapsed() > Duration::from_secs(5) {
                return done;
            }
        }
    }

    fn totals(&self) -> CallTotals {
        let mut totals = CallTotals::default();
        totals.add(&self.counters.calls);
        totals
    }
}

#[test]
fn calls_of_a_stage_go_out_together_and_stages_one_after_another() {
    let mut bench = Bench::new(&[",times=2", ",stage=1"], |_| {});
    assert!(bench.begin());
    assert_eq!(bench.requests(2), [1, 1]);
    bench.reply(0, OK);
    assert_eq!(bench.requests(0), [0, 0], "one of the stage is still open");
    bench.reply(1, OK);
    let third = bench.requests(1);
    assert_eq!(third.iter().sum::<usize>(), 1);
    assert_eq!(third.len(), 2, "on a connection that was kept");
    let on = third
        .iter()
        .position(|count| *count == 1)
        .expect("a request");
    assert!(bench.calls.take_done().is_empty());
    bench.reply(on, OK);
    assert_eq!(bench.done(), [WELL]);
    let totals = bench.totals();
    assert_eq!((totals.calls, totals.call_connections), (3, 2));
    assert_eq!((totals.by_call["b"].ok, totals.call_failures), (3, 0));
}

#[test]
fn a_failed_call_is_repeated_and_then_fails_its_request_before_the_next_stage() {
    let mut bench = Bench::new(&["", ",stage=1"], |plan| plan.retries = 2);
    assert!(bench.begin());
    for _ in 0..3 {
        assert_eq!(bench.requests(1), [1]);
        bench.reply(0, BAD);
    }
    assert_eq!(bench.done(), [FAILED]);
    assert_eq!(bench.requests(0), [0], "the second stage is not begun");
    let totals = bench.totals();
    assert_eq!(
        (totals.calls, totals.call_retries, totals.call_failures),
        (1, 2, 1)
    );
    assert_eq!(totals.by_call["b"].failed, 1);
}

#[test]
fn a_kept_connection_that_ends_unheard_is_replaced_without_a_word() {
    let mut bench = Bench::new(&[""], |_| {});
    assert!(bench.begin());
    assert_eq!(bench.requests(1), [1]);
    bench.reply(0, OK);
    assert_eq!(bench.done(), [WELL]);
    // The callee closes while the next request is on its way: no event of it was seen yet.
    bench.accepted[0]
        .shutdown(Shutdown::Both)
        .expect("shut down");
    assert!(bench.begin());
    assert_eq!(bench.requests(1), [0, 1]);
    bench.reply(1, OK);
    assert_eq!(bench.done(), [WELL]);
    let totals = bench.totals();
    assert_eq!(
        (
            totals.calls,
            totals.call_resends,
            totals.call_retries,
            totals.call_failures
        ),
        (2, 1, 0, 0)
    );
}

#[test]
fn a_new_connection_that_ends_unheard_is_a_failure() {
    let mut bench = Bench::new(&[""], |_| {});
    assert!(bench.begin());
    assert_eq!(bench.requests(1), [1]);
    bench.accepted[0]
        .shutdown(Shutdown::Both)
        .expect("shut down");
    assert_eq!(bench.done(), [FAILED]);
    assert_eq!(
        (bench.totals().call_resends, bench.totals().call_failures),
        (0, 1)
    );
}

#[test]
fn what_takes_too_long_is_given_up_with_its_connection() {
    let timeout = 1_000_000_000;
    let mut bench = Bench::new(&[""], |plan| {
        plan.retries = 1;
        plan.timeout_ns = Some(timeout);
    });
    let before = now_ns();
    assert!(bench.begin());
    assert_eq!(bench.requests(1), [1]);
    let due = bench.calls.next_ns().expect("a deadline");
    assert!(due >= before + timeout && due <= now_ns() + timeout);
    bench.calls.on_time(due - 1);
    assert_eq!(bench.totals().call_timeouts, 0);
    bench.calls.on_time(due);
    assert_eq!(bench.requests(1), [0, 1], "on another connection");
    let closed = bench.accepted[0].read(&mut [0; 10]);
    assert!(matches!(closed, Ok(0)), "{closed:?}");
    bench.reply(1, OK);
    assert_eq!(bench.done(), [WELL]);
    assert_eq!(
        bench.calls.next_ns(),
        None,
        "an old deadline wakes nobody up"
    );
    assert_eq!(
        (bench.totals().call_timeouts, bench.totals().call_retries),
        (1, 1)
    );
}

#[test]
fn calls_wait_for_a_connection_and_all_fail_when_the_callee_is_gone() {
    let mut bench = Bench::new(&[",times=5"], |plan| plan.connections = 1);
    assert!(bench.begin());
    for _ in 0..2 {
        assert_eq!(bench.requests(1), [1]);
        bench.reply(0, OK);
    }
    assert_eq!(bench.requests(1), [1]);
    bench.callee = None;
    bench.accepted.clear();
    assert_eq!(bench.done(), [FAILED]);
    let totals = bench.totals();
    assert_eq!((totals.by_call["b"].ok, totals.by_call["b"].failed), (2, 3));
    assert!(!bench.begin() || bench.done() == [FAILED]);
}

#[test]
fn a_share_of_the_requests_makes_the_call() {
    let mut bench = Bench::new(&[",share=0.25"], |_| {});
    let begun = (0..1000).filter(|_| bench.begin()).count();
    assert!((200..300).contains(&begun), "{begun}");
    assert_eq!(bench.totals().calls, begun as u64);
}

#[test]
fn a_reply_that_breaks_the_protocol_fails_its_call() {
    let mut bench = Bench::new(&[""], |_| {});
    assert!(bench.begin());
    assert_eq!(bench.requests(1), [1]);
    bench.reply(0, b"SSH-2.0-nonsense\r\n");
    assert_eq!(bench.done(), [FAILED]);
    let mut piece = [0; 10];
    let begin = Instant::now();
    let ended = loop {
        match bench.accepted[0].read(&mut piece) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                assert!(begin.elapsed() < Duration::from_secs(5));
            }
            other => break other,
        }
    };
    assert!(!matches!(ended, Ok(1..)), "the connection is closed");
}
