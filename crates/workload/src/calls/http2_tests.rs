//! The client's side against this crate's own server, and against frames written by hand.

use std::io::{Read, Write};

use meshperf_http2::frame::{
    code, setting, write_data, write_goaway, write_headers, write_rst_stream, write_settings,
};
use meshperf_http2::hpack::encode_header;

use super::{Broken, Ended, Ending, FIRST_ROOM, Http2};
use crate::calls::plan::Plan;
use crate::calls::request::Prepared;
use crate::connection::Step;
use crate::connection_tests::{arrive, pair, service};
use crate::http2::Fields;

const FILLER: &[u8] = &[b'x'; 65_536];

fn request(keys: &str) -> Prepared {
    let mut plan = Plan::default();
    let kind = if keys.contains("protocol=") {
        ""
    } else {
        ",protocol=http2"
    };
    let text = format!("b=127.0.0.1:1{keys}{kind}");
    plan.add(&text, |address| address.parse().map_err(|_| String::new()))
        .expect("a call");
    Prepared::new(&plan.wanted[0], &plan.callees[0], false)
}

/// Everything that is to be written now.
fn said(http2: &mut Http2) -> Vec<u8> {
    let mut all = Vec::new();
    loop {
        let piece = http2.piece(FILLER).to_vec();
        if piece.is_empty() {
            return all;
        }
        http2.advance(piece.len());
        all.extend(piece);
    }
}

fn begin(http2: &mut Http2, call: u64, keys: &str) {
    http2.begin(call, &request(keys), &Fields::default());
}

/// Calls answered by the server of this crate, started with `line`.
fn answered(line: &str, grpc: bool, keys: &[&str]) -> Vec<Ended> {
    let (mut wire, mut server) = pair();
    let mut service = service(line);
    wire.set_nonblocking(true).expect("non-blocking");
    let (mut http2, mut ended) = (Http2::new(grpc, FIRST_ROOM), Vec::new());
    for (call, keys) in (0..).zip(keys) {
        begin(&mut http2, call, keys);
    }
    let mut scratch = vec![0; 1 << 16];
    while ended.len() < keys.len() {
        let mut bytes = &said(&mut http2)[..];
        while !bytes.is_empty() {
            if let Ok(n) = wire.write(bytes) {
                bytes = &bytes[n..];
            }
            server.transport.note_ready(true, false);
            while server.advance(&mut service) == Step::Turn {}
        }
        server.transport.note_ready(true, false);
        assert_ne!(server.advance(&mut service), Step::Over);
        while let Ok(n) = wire.read(&mut scratch) {
            assert!(n > 0);
            http2.feed(&scratch[..n], &mut ended).expect("well-formed");
        }
    }
    ended.sort_by_key(|(call, _)| *call);
    ended
}

#[test]
fn calls_of_all_sizes_are_answered_side_by_side() {
    let keys = ["", ",bytes=5", ",bytes=3000000,reply=2000000", ",reply=0"];
    let well: Vec<_> = (0..4).map(|call| (call, Ending::Well)).collect();
    assert_eq!(answered("", false, &keys), well);
    let keys = keys.map(|keys| format!("{keys},protocol=grpc"));
    assert_eq!(
        answered("", true, &keys.each_ref().map(String::as_str)),
        well
    );
}

#[test]
fn errors_of_both_protocols_fail_their_calls() {
    assert_eq!(
        answered("--status 503:1", false, &[""]),
        [(0, Ending::Failed)]
    );
    assert_eq!(
        answered("--status 404:1", false, &[""]),
        [(0, Ending::Well)]
    );
    let grpc = [",protocol=grpc"];
    for line in ["--grpc-status 5:1", "--status 503:1"] {
        assert_eq!(answered(line, true, &grpc), [(0, Ending::Failed)], "{line}");
    }
    // A reply that is not of gRPC is no answer to a call.
    assert_eq!(answered("", true, &[""]), [(0, Ending::Failed)]);
}

#[test]
fn streams_wait_for_the_room_that_the_callee_announces() {
    let mut http2 = Http2::new(false, FIRST_ROOM);
    assert_eq!(http2.room(), FIRST_ROOM);
    let mut frames = Vec::new();
    write_settings(&mut frames, &[(setting::MAX_CONCURRENT_STREAMS, 2)]);
    let mut ended = Vec::new();
    http2.feed(&frames, &mut ended).expect("settings");
    begin(&mut http2, 7, "");
    assert_eq!(http2.room(), 1);
    begin(&mut http2, 8, "");
    assert_eq!(http2.room(), 0);
    said(&mut http2);
    http2.give_up(7);
    assert_eq!(http2.room(), 1);
    let mut reset = Vec::new();
    write_rst_stream(&mut reset, 1, code::CANCEL);
    assert_eq!(said(&mut http2), reset);
}

#[test]
fn what_was_certainly_not_served_is_unheard() {
    let mut http2 = Http2::new(false, FIRST_ROOM);
    let mut frames = Vec::new();
    write_settings(&mut frames, &[]);
    (1..=5).for_each(|call| begin(&mut http2, call, ""));
    // Streams 1, 3, 5, 7, 9 in the order of their calls.
    write_rst_stream(&mut frames, 3, code::REFUSED_STREAM);
    write_rst_stream(&mut frames, 5, code::INTERNAL_ERROR);
    write_goaway(&mut frames, 7, code::NO_ERROR, "");
    let mut ended = Vec::new();
    http2.feed(&frames, &mut ended).expect("well-formed");
    let expected = [
        (2, Ending::Unheard),
        (3, Ending::Failed),
        (5, Ending::Unheard),
    ];
    assert_eq!(ended, expected);
    assert_eq!((http2.room(), http2.is_spent()), (0, false));
    ended.clear();
    http2.end(&mut ended);
    ended.sort_by_key(|(call, _)| *call);
    // On a connection that has answered nothing yet, who knows what became of them.
    assert_eq!(ended, [(1, Ending::Failed), (4, Ending::Failed)]);
    assert!(http2.is_spent());
}

#[test]
fn a_used_connection_that_ends_leaves_the_unanswered_unheard() {
    let mut http2 = Http2::new(false, FIRST_ROOM);
    (1..=3).for_each(|call| begin(&mut http2, call, ""));
    let mut block = Vec::new();
    encode_header(&mut block, b":status", b"200");
    let mut frames = Vec::new();
    write_settings(&mut frames, &[]);
    write_headers(&mut frames, 1, &block, true, 16_384);
    write_headers(&mut frames, 3, &block, false, 16_384);
    let mut ended = Vec::new();
    http2.feed(&frames, &mut ended).expect("well-formed");
    http2.end(&mut ended);
    ended.sort_by_key(|(call, _)| *call);
    let expected = [(1, Ending::Well), (2, Ending::Failed), (3, Ending::Unheard)];
    assert_eq!(ended, expected);
}

#[test]
fn a_callee_that_breaks_the_protocol_is_found_out() {
    let mut block = Vec::new();
    encode_header(&mut block, b"server", b"x");
    for head_without_status in [true, false] {
        let mut http2 = Http2::new(false, FIRST_ROOM);
        begin(&mut http2, 1, "");
        let mut frames = Vec::new();
        write_settings(&mut frames, &[]);
        if head_without_status {
            write_headers(&mut frames, 1, &block, false, 16_384);
        } else {
            write_data(&mut frames, 1, b"early", false);
        }
        assert_eq!(http2.feed(&frames, &mut Vec::new()), Err(Broken));
    }
    let mut http2 = Http2::new(false, FIRST_ROOM);
    assert_eq!(
        http2.feed(b"HTTP/1.1 400 Bad Request\r\n\r\n", &mut Vec::new()),
        Err(Broken)
    );
}

#[test]
fn the_server_lets_a_request_wait_for_its_calls() {
    let (mut client, mut server) = pair();
    let mut service = service("");
    client
        .write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        .expect("sent");
    assert_eq!(arrive(&mut server, &mut service), Step::Socket);
    // Nothing is called: the reply is there, and a late end of calls changes nothing.
    assert_eq!(server.called(0, true, &mut service), Step::Socket);
    let mut reply = [0; 2000];
    let n = client.read(&mut reply).expect("a reply");
    assert!(reply[..n].starts_with(b"HTTP/1.1 200 "));
}
