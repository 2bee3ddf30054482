//! HTTP/2 frame by frame, over a real socket pair driven by hand.

use std::cell::Cell;
use std::io::{Read, Write};

use meshperf_http2::PREFACE;
use meshperf_http2::frame::{
    HEAD, Head, code, flag, kind, setting, write_data, write_headers, write_ping, write_rst_stream,
    write_settings, write_window_update,
};
use meshperf_http2::grpc::write_message;
use meshperf_http2::hpack::encode_header;

use crate::connection::Step;
use crate::connection_tests::{ALLOCATIONS, arrive, pair, service};
use crate::http2_bench::{Bench, Got, ask, call, get, ok};
use crate::sys::now_ns;

#[test]
fn a_plain_request_allocates_nothing() {
    let mut bench = Bench::new("--response-bytes 1024", &[]);
    let mut reply = [0; 4096];
    let mut requests: Vec<Vec<u8>> = (0..220).map(|n| get(2 * n + 1, "/")).collect();
    let mut window = Vec::new();
    write_window_update(&mut window, 0, 1024);
    requests
        .iter_mut()
        .for_each(|request| request.extend_from_slice(&window));
    let mut before = 0;
    for (n, request) in requests.iter().enumerate() {
        if n == 20 {
            before = ALLOCATIONS.with(Cell::get);
        }
        bench.send(request);
        assert_eq!(bench.go_on(), Step::Socket);
        assert!(bench.client.read(&mut reply).expect("a reply") > 1024);
    }
    assert_eq!(ALLOCATIONS.with(Cell::get) - before, 0);
}

#[test]
fn the_preface_is_found_wherever_it_is_cut() {
    for cut in 1..PREFACE.len() {
        let (mut client, mut server) = pair();
        let mut service = service("");
        client.write_all(&PREFACE[..cut]).expect("sent");
        assert_eq!(arrive(&mut server, &mut service), Step::Socket);
        let mut rest = PREFACE[cut..].to_vec();
        write_settings(&mut rest, &[]);
        client.write_all(&rest).expect("sent");
        assert_eq!(arrive(&mut server, &mut service), Step::Socket);
        let mut head = [0; HEAD];
        client.read_exact(&mut head).expect("a frame");
        assert_eq!(Head::parse(&head).kind, kind::SETTINGS, "{cut}");
    }
}

#[test]
fn streams_of_one_read_are_answered_in_one_turn() {
    let mut bench = Bench::new("--response-bytes 10", &[]);
    let mut out = [get(1, "/"), get(3, "/?bytes=0"), get(5, "/?bytes=x")].concat();
    ask(&mut out, 7, "HEAD", "/", &[], true);
    write_ping(&mut out, false, *b"12345678");
    let expected = [
        Got::Pong(*b"12345678"),
        ok(1, false),
        ok(3, true),
        Got::Headers(5, "400".to_owned(), false),
        ok(7, true),
        Got::Data(1, 10, true),
        Got::Data(5, 28, true),
    ];
    assert_eq!(bench.exchange(&out), expected);
}

#[test]
fn replies_come_when_they_are_due_and_the_earliest_first() {
    let mut bench = Bench::new(
        "--response-bytes 1 --service-time lognormal:3ms:1 --seed 5",
        &[],
    );
    let ids: Vec<u32> = (0..40).map(|n| 2 * n + 1).collect();
    let out: Vec<u8> = ids.iter().flat_map(|id| get(*id, "/")).collect();
    bench.send(&out);
    let mut step = bench.go_on();
    let mut order = Vec::new();
    while order.len() < ids.len() {
        match step {
            Step::Time(due) => {
                assert!(
                    !bench
                        .received()
                        .iter()
                        .any(|got| matches!(got, Got::Data(..))),
                    "nothing before it is due"
                );
                while now_ns() < due {
                    std::hint::spin_loop();
                }
                step = bench.timer();
            }
            Step::Socket => panic!("it must ask for a time"),
            _ => panic!("{step:?}"),
        }
        let seen = bench.received();
        let done = seen.iter().filter_map(|got| {
            if let Got::Data(id, 1, true) = got {
                Some(*id)
            } else {
                None
            }
        });
        let before = order.len();
        order.extend(done);
        assert!(order.len() > before, "something was due");
    }
    let mut sorted = order.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, ids);
    assert_ne!(order, ids, "a short service overtakes a long one");
}

#[test]
fn a_busy_worker_sends_each_reply_before_it_serves_the_next() {
    let mut bench = Bench::new("--response-bytes 1 --service-time 2ms --busy", &[]);
    bench.send(&[get(1, "/"), get(3, "/")].concat());
    assert_eq!(bench.go_on(), Step::Turn);
    assert_eq!(bench.received(), [ok(1, false), Got::Data(1, 1, true)]);
    assert_eq!(bench.go_on(), Step::Socket);
    assert_eq!(bench.received(), [ok(3, false), Got::Data(3, 1, true)]);
}

#[test]
fn a_reply_waits_for_its_windows() {
    let mut bench = Bench::new(
        "--response-bytes 100000",
        &[(setting::INITIAL_WINDOW_SIZE, 30)],
    );
    assert_eq!(
        bench.exchange(&get(1, "/")),
        [ok(1, false), Got::Data(1, 30, false)]
    );
    let mut out = Vec::new();
    write_settings(&mut out, &[(setting::INITIAL_WINDOW_SIZE, 50)]);
    assert_eq!(
        bench.exchange(&out),
        [Got::Settings, Got::Data(1, 20, false)]
    );
    out.clear();
    write_window_update(&mut out, 1, 1 << 20);
    let of = |seen: Vec<Got>| -> usize {
        seen.iter()
            .map(|got| if let Got::Data(_, n, _) = got { *n } else { 0 })
            .sum()
    };
    // Now the connection's window is the smaller one.
    assert_eq!(of(bench.exchange(&out)), 65_535 - 50);
    assert_eq!(bench.exchange(&get(3, "/")), [ok(3, false)]);
    out.clear();
    write_window_update(&mut out, 0, 1 << 20);
    assert_eq!(of(bench.exchange(&out)), 100_000 - 65_535 + 50);
    out.clear();
    write_rst_stream(&mut out, 3, code::CANCEL);
    assert_eq!(
        bench.exchange(&[out, get(5, "/?bytes=5")].concat()),
        [ok(5, false), Got::Data(5, 5, true)]
    );
}

#[test]
fn bodies_open_the_windows_again_and_are_answered_at_their_end() {
    let mut bench = Bench::new("--response-bytes 0", &[]);
    let mut out = Vec::new();
    ask(
        &mut out,
        1,
        "POST",
        "/",
        &[("expect", "100-continue")],
        false,
    );
    assert_eq!(
        bench.exchange(&out),
        [Got::Headers(1, "100".to_owned(), false)]
    );
    let mut seen = Vec::new();
    for n in 0..700 {
        out.clear();
        write_data(&mut out, 1, &[0; 16_384], n == 699);
        seen.extend(bench.exchange(&out));
    }
    let opened = |id| -> u64 {
        let of = |got: &Got| {
            if let Got::Window(stream, by) = got {
                (*stream == id).then_some(u64::from(*by))
            } else {
                None
            }
        };
        seen.iter().filter_map(of).sum()
    };
    // 11 MB went through a window of 4 MiB, and more than half of the connection's 16 MiB.
    assert!(
        opened(1) >= 8_000_000 && opened(0) >= 8_000_000,
        "{} {}",
        opened(1),
        opened(0)
    );
    assert_eq!(seen.last(), Some(&ok(1, true)));
}

#[test]
fn more_streams_than_allowed_are_refused_and_the_others_served() {
    let mut bench = Bench::new(
        "--max-streams 2 --service-time 50ms --response-bytes 0",
        &[],
    );
    let out: Vec<u8> = [1, 3, 5].iter().flat_map(|id| get(*id, "/")).collect();
    assert_eq!(bench.exchange(&out), [Got::Reset(5, code::REFUSED_STREAM)]);
    let end = now_ns() + 60_000_000;
    while now_ns() < end {
        std::hint::spin_loop();
    }
    bench.timer();
    assert_eq!(bench.received(), [ok(1, true), ok(3, true)]);
    assert_eq!(bench.exchange(&get(7, "/whoami")).len(), 2);
}

#[test]
fn a_stream_that_breaks_its_rules_is_reset_and_the_connection_goes_on() {
    let mut bench = Bench::new("--response-bytes 0 --service-time 1s", &[]);
    let mut out = Vec::new();
    let mut block = Vec::new();
    encode_header(&mut block, b":method", b"GET");
    write_headers(&mut out, 1, &block, true, 16_384);
    assert_eq!(bench.exchange(&out), [Got::Reset(1, code::PROTOCOL_ERROR)]);
    let mut out = get(3, "/");
    write_data(&mut out, 3, b"late", true);
    assert_eq!(bench.exchange(&out), [Got::Reset(3, code::STREAM_CLOSED)]);
    out.clear();
    write_data(&mut out, 3, b"later", true);
    write_ping(&mut out, false, [7; 8]);
    assert_eq!(bench.exchange(&out), [Got::Pong([7; 8])]);
}

#[test]
fn a_client_that_breaks_the_protocol_is_told_why_and_left() {
    let frame = |kind, flags, stream, payload: &[u8]| {
        let length = payload.len() as u32;
        [
            &Head {
                length,
                kind,
                flags,
                stream,
            }
            .encode()[..],
            payload,
        ]
        .concat()
    };
    for (bytes, expected) in [
        (frame(kind::DATA, 0, 9, b"x"), code::PROTOCOL_ERROR),
        (
            frame(kind::HEADERS, flag::END_HEADERS, 2, &[0x82]),
            code::PROTOCOL_ERROR,
        ),
        (
            frame(kind::HEADERS, flag::END_HEADERS, 5, &[0xff]),
            code::COMPRESSION_ERROR,
        ),
        (frame(kind::PING, 0, 0, b"1"), code::FRAME_SIZE_ERROR),
        (
            frame(kind::WINDOW_UPDATE, 0, 0, &[0x7f, 0xff, 0xff, 0xff]),
            code::FLOW_CONTROL_ERROR,
        ),
    ] {
        let mut bench = Bench::new("--response-bytes 0", &[]);
        assert_eq!(bench.exchange(&get(1, "/")), [ok(1, true)]);
        bench.send(&bytes);
        assert!(matches!(bench.go_on(), Step::Time(_)), "it lingers");
        assert_eq!(bench.received(), [Got::GoAway(1, expected)]);
        assert_eq!(bench.client.read(&mut [0; 10]).expect("an end"), 0);
        assert_eq!(bench.timer(), Step::Over);
    }
}

#[test]
fn a_call_is_a_head_a_message_and_trailers() {
    let mut bench = Bench::new("", &[]);
    let mut out = call(1, "Unary", false);
    let mut message = Vec::new();
    write_message(&mut message, b"\x0a\x02hi");
    write_data(&mut out, 1, &message[..3], false);
    write_data(&mut out, 1, &message[3..], true);
    let trailers = |id, status: &str| Got::Headers(id, status.to_owned(), true);
    assert_eq!(
        bench.exchange(&out),
        [ok(1, false), Got::Data(1, 11, false), trailers(1, "0")]
    );
    assert_eq!(
        bench.exchange(&call(3, "Unary", true)),
        [trailers(3, "12")],
        "no request"
    );
    assert_eq!(
        bench.exchange(&call(5, "Bidi", true)),
        [ok(5, false), trailers(5, "0")]
    );
    assert_eq!(
        bench.exchange(&call(7, "None", false)),
        [trailers(7, "12"), Got::Reset(7, code::NO_ERROR)]
    );
    let mut out = call(9, "Bidi", false);
    write_data(&mut out, 9, &message[..7], true);
    assert_eq!(
        bench.exchange(&out),
        [trailers(9, "13")],
        "cut in the middle of a message"
    );
}

#[test]
fn a_client_that_takes_no_replies_is_not_read_from_for_ever() {
    let mut bench = Bench::new("--response-bytes 0", &[]);
    let mut pings = Vec::new();
    for _ in 0..2_000 {
        write_ping(&mut pings, false, [1; 8]);
    }
    // Answers pile up in the sockets first; when these are full the server stops reading, and then so must we.
    bench.client.set_nonblocking(true).expect("non-blocking");
    let mut sent = 0;
    let mut refused = 0;
    while refused < 50 && sent < 200 << 20 {
        match bench.client.write(&pings[sent % 17..]) {
            Ok(n) => (sent, refused) = (sent + n, 0),
            Err(_) => refused += 1,
        }
        bench.server.transport.note_ready(true, false);
        bench.server.advance(&mut bench.service);
    }
    assert_eq!(refused, 50, "{sent} bytes were taken");
}
