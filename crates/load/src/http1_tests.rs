#![allow(clippy::unwrap_used)]

use super::*;

fn target(method: &str, body: &str, headers: &[(&str, &str)]) -> Target {
    Target {
        host: "echo.example".into(),
        path: "/a?b".into(),
        method: method.into(),
        headers: headers
            .iter()
            .map(|(key, value)| ((*key).into(), (*value).into()))
            .collect(),
        body: body.into(),
        ..Target::new(([127, 0, 0, 1], 80).into())
    }
}

#[test]
fn a_request_is_complete_and_keeps_given_headers() {
    let plain = String::from_utf8(encode(&target("GET", "", &[("X-A", "1")]))).unwrap();
    assert_eq!(
        plain,
        "GET /a?b HTTP/1.1\r\nHost: echo.example\r\nX-A: 1\r\n\r\n"
    );
    let posted = encode(&target("POST", "h\u{e9}", &[("host", "other")]));
    assert_eq!(
        posted,
        b"POST /a?b HTTP/1.1\r\nhost: other\r\nContent-Length: 2\r\n\r\nh\xe9"
    );
    assert!(
        String::from_utf8(encode(&target("PUT", "", &[])))
            .unwrap()
            .contains("Content-Length: 0")
    );
}

#[test]
fn http_1_0_says_so_and_a_single_request_says_that_it_is_the_last() {
    let mut old = target("GET", "", &[]);
    old.protocol = Protocol::Http1_0;
    assert!(encode(&old).starts_with(b"GET /a?b HTTP/1.0\r\nHost: "));
    let mut single = target("GET", "", &[]);
    single.requests_per_connection = Some(1);
    assert!(
        String::from_utf8(encode(&single))
            .unwrap()
            .contains("\r\nConnection: close\r\n")
    );
}

/// What a dialogue makes of the response to its request.
fn answered(dialogue: &mut Http1, wire: &[u8]) -> Vec<Answer> {
    let mut answers = Vec::new();
    dialogue.feed(wire, &mut Vec::new(), &mut answers).unwrap();
    answers
}

#[test]
fn a_redirect_to_the_same_host_is_followed_with_what_it_keeps() {
    let mut asked = target(
        "POST",
        "body",
        &[("Content-Type", "text/plain"), ("X-A", "1")],
    );
    asked.follow_redirects = true;
    let mut dialogue = Http1::new(Arc::new(Request::new(&asked)));
    let mut out = Vec::new();
    dialogue.begin(0, &mut out);
    let wire = b"HTTP/1.1 303 See\r\nlocation: /new\r\ncontent-length: 0\r\n\r\n";
    let Ending::Redirect(_, redirect) = answered(&mut dialogue, wire).remove(0).ending else {
        panic!("a redirect");
    };
    out.clear();
    dialogue.follow(0, &redirect, &mut out);
    assert_eq!(
        out,
        b"GET /new HTTP/1.1\r\nHost: echo.example\r\nX-A: 1\r\n\r\n"
    );
    let ending = answered(
        &mut dialogue,
        b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
    )
    .remove(0)
    .ending;
    assert!(matches!(ending, Ending::Reply(Reply { status: 200, .. })));
    out.clear();
    dialogue.begin(0, &mut out);
    assert!(
        out.starts_with(b"POST /a?b "),
        "the next request is the target's own"
    );
}

#[test]
fn nobody_asked_for_bytes_on_an_idle_connection() {
    let mut dialogue = Http1::new(Arc::new(Request::new(&target("GET", "", &[]))));
    assert!(
        dialogue
            .feed(b"HTTP/1.1 200", &mut Vec::new(), &mut Vec::new())
            .is_err()
    );
}
