//! The requests of calls, made before they are needed but for the headers that are passed on.

use std::io::Write;

use meshperf_http2::grpc::{PREFIX, write_prefix};
use meshperf_http2::hpack::encode_header;

use super::plan::{Callee, Protocol, Wanted};
use crate::grpc::{ECHO_UNARY, write_echo_request};
use crate::http2::Fields;

/// One request, whose head ends where the passed headers come.
pub struct Prepared {
    /// Lines of HTTP/1 without the empty one, or a header block.
    head: Vec<u8>,
    /// The body: these bytes, then this many of filler.
    pub own: Vec<u8>,
    pub filler: u64,
}

impl Prepared {
    pub fn new(wanted: &Wanted, callee: &Callee, over_tls: bool) -> Self {
        let scheme = if over_tls { "https" } else { "http" };
        match callee.protocol {
            Protocol::Http1 => http1(wanted, callee),
            Protocol::Http2 => http2(wanted, callee, scheme),
            Protocol::Grpc => grpc(wanted, callee, scheme),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.own.is_empty() && self.filler == 0
    }

    /// Appends the head as text, its empty line included.
    pub fn write_text(&self, passed: &Fields, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.head);
        for (name, value) in passed.iter() {
            out.extend_from_slice(name);
            out.extend_from_slice(b": ");
            out.extend_from_slice(value);
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b"\r\n");
    }

    /// Appends the head as a header block.
    pub fn write_block(&self, passed: &Fields, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.head);
        for (name, value) in passed.iter() {
            encode_header(out, name, value);
        }
    }
}

fn target(wanted: &Wanted) -> String {
    wanted
        .reply
        .map_or("/".to_owned(), |bytes| format!("/?bytes={bytes}"))
}

fn http1(wanted: &Wanted, callee: &Callee) -> Prepared {
    let (target, name, bytes) = (target(wanted), &callee.name, wanted.bytes);
    let mut head = Vec::new();
    let written = match bytes {
        0 => write!(head, "GET {target} HTTP/1.1\r\nhost: {name}\r\n"),
        _ => write!(
            head,
            "POST {target} HTTP/1.1\r\nhost: {name}\r\ncontent-type: application/octet-stream\r\ncontent-length: {bytes}\r\n"
        ),
    };
    written.expect("writing into memory does not fail");
    Prepared {
        head,
        own: Vec::new(),
        filler: bytes,
    }
}

fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        encode_header(&mut block, name.as_bytes(), value.as_bytes());
    }
    block
}

fn http2(wanted: &Wanted, callee: &Callee, scheme: &str) -> Prepared {
    let (target, length) = (target(wanted), wanted.bytes.to_string());
    let mut fields = vec![
        (":method", if wanted.bytes > 0 { "POST" } else { "GET" }),
        (":scheme", scheme),
        (":path", &target),
        (":authority", &callee.name),
    ];
    if wanted.bytes > 0 {
        fields.push(("content-type", "application/octet-stream"));
        fields.push(("content-length", &length));
    }
    Prepared {
        head: block(&fields),
        own: Vec::new(),
        filler: wanted.bytes,
    }
}

fn grpc(wanted: &Wanted, callee: &Callee, scheme: &str) -> Prepared {
    let mut message = Vec::new();
    write_echo_request(&mut message, wanted.reply.unwrap_or(0), wanted.bytes);
    let mut own = Vec::with_capacity(PREFIX + message.len());
    write_prefix(&mut own, message.len() as u32 + wanted.bytes as u32);
    own.extend_from_slice(&message);
    Prepared {
        head: block(&[
            (":method", "POST"),
            (":scheme", scheme),
            (":path", ECHO_UNARY),
            (":authority", &callee.name),
            ("content-type", "application/grpc"),
            ("te", "trailers"),
        ]),
        own,
        filler: wanted.bytes,
    }
}

#[cfg(test)]
mod tests {
    use super::super::plan::Plan;
    use super::Prepared;
    use crate::http2::Fields;

    fn prepared(text: &str) -> Prepared {
        let mut plan = Plan::default();
        plan.add(text, |address| address.parse().map_err(|_| String::new()))
            .expect("a call");
        Prepared::new(&plan.wanted[0], &plan.callees[0], false)
    }

    #[test]
    fn a_call_without_a_body_is_a_get_and_with_one_a_post() {
        let mut passed = Fields::default();
        passed.push(b"b3", b"0");
        let mut text = Vec::new();
        prepared("b.x=127.0.0.1:1").write_text(&passed, &mut text);
        assert_eq!(text, b"GET / HTTP/1.1\r\nhost: b.x\r\nb3: 0\r\n\r\n");
        let post = prepared("b=127.0.0.1:1,bytes=70000,reply=5");
        text.clear();
        post.write_text(&Fields::default(), &mut text);
        assert!(text.starts_with(b"POST /?bytes=5 HTTP/1.1\r\nhost: b\r\n"));
        assert!(text.ends_with(b"content-length: 70000\r\n\r\n"));
        assert_eq!((post.filler, post.own.len()), (70_000, 0));
    }

    #[test]
    fn a_grpc_message_has_its_payload_as_filler() {
        let call = prepared("b=127.0.0.1:1,bytes=300,reply=7,protocol=grpc");
        // Prefix, reply_bytes = 7, then the head of a payload of 300 bytes.
        assert_eq!(call.own, b"\0\0\0\x01\x31\x10\x07\x0a\xac\x02");
        assert_eq!(call.filler, 300);
        let empty = prepared("b=127.0.0.1:1,protocol=grpc");
        assert_eq!((empty.own, empty.filler), (b"\0\0\0\0\0".to_vec(), 0));
    }
}
