use super::{Broken, Ending, Http1};
use crate::calls::plan::Plan;
use crate::calls::request::Prepared;
use crate::http2::Fields;

const FILLER: &[u8] = &[b'x'; 65_536];

fn asked(text: &str) -> Http1 {
    let mut http1 = Http1::new();
    ask(&mut http1, text);
    http1
}

/// Begins call 7 and sends its request.
fn ask(http1: &mut Http1, text: &str) -> usize {
    let mut plan = Plan::default();
    plan.add(text, |address| address.parse().map_err(|_| String::new()))
        .expect("a call");
    let request = Prepared::new(&plan.wanted[0], &plan.callees[0], false);
    http1.begin(7, &request, &Fields::default(), FILLER);
    let mut sent = 0;
    while !http1.piece(FILLER).is_empty() {
        let n = http1.piece(FILLER).len();
        http1.advance(n, FILLER);
        sent += n;
    }
    sent
}

const CALL: &str = "b=127.0.0.1:1";

#[test]
fn a_reply_is_the_same_whichever_byte_it_is_cut_at() {
    for (reply, ending, room) in [
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc",
            Ending::Well,
            1,
        ),
        ("HTTP/1.1 204 No Content\r\n\r\n", Ending::Well, 1),
        (
            "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n",
            Ending::Well,
            1,
        ),
        (
            "HTTP/1.1 503 X\r\ncontent-length: 1\r\n\r\na",
            Ending::Failed,
            1,
        ),
        (
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
            Ending::Well,
            1,
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 1\r\nconnection: x, Close\r\n\r\na",
            Ending::Well,
            0,
        ),
        (
            "HTTP/1.0 200 OK\r\ncontent-length: 1\r\n\r\na",
            Ending::Well,
            0,
        ),
    ] {
        let bytes = reply.as_bytes();
        for cut in 0..bytes.len() {
            let (mut http1, mut ended) = (asked(CALL), Vec::new());
            assert_eq!(
                http1.feed(&bytes[..cut], &mut ended),
                Ok(()),
                "{reply} at {cut}"
            );
            assert!(ended.is_empty() && http1.room() == 0, "{reply} at {cut}");
            assert_eq!(
                http1.feed(&bytes[cut..], &mut ended),
                Ok(()),
                "{reply} at {cut}"
            );
            assert_eq!(
                (ended, http1.room()),
                (vec![(7, ending)], room),
                "{reply} at {cut}"
            );
        }
    }
}

#[test]
fn a_reply_without_a_length_ends_with_its_connection() {
    let (mut http1, mut ended) = (asked(CALL), Vec::new());
    http1
        .feed(b"HTTP/1.1 200 OK\r\n\r\nabc", &mut ended)
        .expect("a reply");
    assert!(ended.is_empty());
    http1.end(&mut ended);
    assert_eq!((ended, http1.room()), (vec![(7, Ending::Well)], 0));
}

#[test]
fn only_a_connection_that_was_used_before_may_end_unheard() {
    let mut ended = Vec::new();
    asked(CALL).end(&mut ended);
    let reply = b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\na";
    let mut http1 = asked(CALL);
    http1.feed(reply, &mut ended).expect("a reply");
    ask(&mut http1, CALL);
    http1.end(&mut ended);
    let mut http1 = asked(CALL);
    http1.feed(reply, &mut ended).expect("a reply");
    ask(&mut http1, CALL);
    http1.feed(b"H", &mut ended).expect("the first byte");
    http1.end(&mut ended);
    let endings: Vec<_> = ended.into_iter().map(|(_, ending)| ending).collect();
    let (well, failed) = (Ending::Well, Ending::Failed);
    assert_eq!(endings, [failed, well, Ending::Unheard, well, failed]);
}

#[test]
fn what_two_could_read_differently_is_refused() {
    for reply in [
        "nonsense\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: +1\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nab",
    ] {
        let mut ended = Vec::new();
        assert_eq!(
            asked(CALL).feed(reply.as_bytes(), &mut ended),
            Err(Broken),
            "{reply}"
        );
    }
    let endless = format!("HTTP/1.1 200 OK\r\nx: {}", "y".repeat(70_000));
    assert_eq!(
        asked(CALL).feed(endless.as_bytes(), &mut Vec::new()),
        Err(Broken)
    );
}

#[test]
fn a_large_body_is_sent_whole_and_a_reply_before_its_end_spends_the_connection() {
    let mut http1 = Http1::new();
    assert!(ask(&mut http1, "b=127.0.0.1:1,bytes=200000") > 200_000);
    let mut plan = Plan::default();
    plan.add("b=127.0.0.1:1,bytes=200000", |address| {
        address.parse().map_err(|_| String::new())
    })
    .expect("a call");
    let request = Prepared::new(&plan.wanted[0], &plan.callees[0], false);
    let (mut early, mut ended) = (Http1::new(), Vec::new());
    early.begin(8, &request, &Fields::default(), FILLER);
    early
        .feed(b"HTTP/1.1 413 X\r\ncontent-length: 0\r\n\r\n", &mut ended)
        .expect("a reply");
    assert_eq!((ended, early.room()), (vec![(8, Ending::Well)], 0));
}
