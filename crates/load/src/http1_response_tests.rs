#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

/// Feed in pieces of the given size; the reply and how many bytes had been fed when it came.
fn feed(wire: &[u8], piece: usize, head_only: bool) -> Result<Option<(Reply, usize)>, Malformed> {
    let mut response = Response::new(head_only);
    let mut fed = 0;
    for bytes in wire.chunks(piece) {
        fed += bytes.len();
        if let Some(reply) = response.feed(bytes)? {
            return Ok(Some((reply, fed)));
        }
    }
    Ok(response.end().map(|reply| (reply, fed)))
}

const COMPLETE: &[(&str, u16, bool)] = &[
    (
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        200,
        true,
    ),
    ("HTTP/1.1 200 OK\r\ncontent-length:0\r\n\r\n", 200, true),
    (
        "HTTP/1.1 503 Busy\r\nContent-Length: 2\r\nConnection: Close\r\n\r\nno",
        503,
        false,
    ),
    (
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        200,
        true,
    ),
    (
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, Chunked\r\n\r\nA;x=\"y\"\r\n0123456789\r\n00\r\nT: v\r\n\r\n",
        200,
        true,
    ),
    ("HTTP/1.1 204 No Content\r\n\r\n", 204, true),
    (
        "HTTP/1.1 304 Not Modified\r\nContent-Length: 100\r\n\r\n",
        304,
        true,
    ),
    (
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n!",
        200,
        true,
    ),
    ("HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n!", 200, false),
    (
        "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\n!",
        200,
        true,
    ),
    (
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
        101,
        false,
    ),
    (
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
        200,
        true,
    ),
];

#[test]
fn every_response_ends_at_its_last_byte_however_it_is_split() {
    for (wire, status, keep) in COMPLETE {
        for piece in 1..=wire.len() {
            let (reply, fed) = feed(wire.as_bytes(), piece, false).unwrap().unwrap();
            assert_eq!(
                (reply.status, reply.keep, fed),
                (*status, *keep, wire.len()),
                "{wire:?} in pieces of {piece}"
            );
        }
    }
}

#[test]
fn nothing_short_of_the_whole_response_is_a_reply() {
    for (wire, ..) in COMPLETE {
        for cut in 0..wire.len() {
            let mut response = Response::new(false);
            assert_eq!(
                response.feed(&wire.as_bytes()[..cut]).unwrap(),
                None,
                "{wire:?} cut at {cut}"
            );
            assert_eq!(response.end(), None, "{wire:?} cut at {cut}");
        }
    }
}

#[test]
fn without_a_length_the_close_ends_the_body() {
    let wire = b"HTTP/1.1 200 OK\r\n\r\nas much as there is";
    for piece in 1..=wire.len() {
        let (reply, _) = feed(wire, piece, false).unwrap().unwrap();
        assert_eq!(
            reply,
            Reply {
                status: 200,
                grpc: None,
                keep: false
            }
        );
    }
}

#[test]
fn a_response_to_head_has_no_body() {
    let wire = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n";
    assert_eq!(
        feed(wire, 7, true).unwrap().unwrap().0,
        Reply {
            status: 200,
            grpc: None,
            keep: true
        }
    );
}

#[test]
fn one_reader_takes_many_responses() {
    let mut response = Response::new(false);
    for _ in 0..3 {
        for (wire, status, _) in COMPLETE {
            assert_eq!(
                response.feed(wire.as_bytes()).unwrap().unwrap().status,
                *status
            );
        }
    }
}

#[test]
fn bytes_behind_a_reply_spoil_the_connection() {
    let reply = feed(b"HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200", 99, false)
        .unwrap()
        .unwrap()
        .0;
    assert_eq!(
        reply,
        Reply {
            status: 204,
            grpc: None,
            keep: false
        }
    );
}

#[test]
fn what_is_not_http_is_malformed() {
    let long_head = format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(HEAD_LIMIT));
    let long_line = format!(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;{}",
        "x".repeat(LINE_LIMIT + 9)
    );
    for wire in [
        "SSH-2.0-OpenSSH_9.2\r\n",
        "\u{15}\u{3}\u{3}\0\u{2}\u{2}",
        "HTTP/1.1 99 Low\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
        long_head.as_str(),
        long_line.as_str(),
    ] {
        for piece in [1, 5, wire.len()] {
            if piece == 1 && wire.len() > HEAD_LIMIT {
                continue; // quadratic, and nothing new
            }
            assert!(
                feed(wire.as_bytes(), piece, false).is_err(),
                "{:?} in pieces of {piece}",
                &wire[..wire.len().min(80)]
            );
        }
    }
}

proptest! {
    #[test]
    fn chunked_bodies_end_where_they_end(chunks in prop::collection::vec(1..300usize, 0..6), piece in 1..50usize) {
        let mut wire = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
        for size in chunks {
            wire.extend(format!("{size:x}\r\n").bytes());
            wire.extend(std::iter::repeat_n(b'\n', size));
            wire.extend(b"\r\n");
        }
        wire.extend(b"0\r\n\r\n");
        let (reply, fed) = feed(&wire, piece, false).unwrap().unwrap();
        prop_assert_eq!((reply.keep, fed), (true, wire.len()));
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), piece in 1..40usize) {
        let _ = feed(&bytes, piece, false);
        let mut wire = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
        wire.extend(bytes);
        let _ = feed(&wire, piece, false);
    }
}
