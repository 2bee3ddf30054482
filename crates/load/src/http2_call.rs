//! The request of an HTTP/2 or gRPC target: its header block, encoded once, and its body.

use meshperf_http2::grpc;
use meshperf_http2::hpack::encode_header;

use crate::plan::{GrpcKind, Protocol, Target, latin1};
use crate::redirect::Redirect;

/// Headers that speak of the connection, which HTTP/2 says in other ways (RFC 9113 §8.2.2).
const OF_THE_CONNECTION: [&str; 5] = [
    "connection",
    "proxy-connection",
    "keep-alive",
    "transfer-encoding",
    "upgrade",
];

pub(crate) struct Call {
    target: Target,
    pub(crate) grpc: bool,
    /// A gRPC call whose server answers with one message.
    pub(crate) one_message: bool,
    pub(crate) block: Vec<u8>,
    pub(crate) body: Vec<u8>,
}

impl Call {
    pub(crate) fn new(target: &Target) -> Self {
        let grpc = target.protocol == Protocol::Grpc;
        let body = body(target);
        let kind = target.grpc.as_ref().map(|call| call.kind);
        Self {
            grpc,
            one_message: matches!(kind, Some(GrpcKind::Unary | GrpcKind::ClientStream)),
            block: block(target, grpc, body.len()),
            body,
            target: target.clone(),
        }
    }

    pub(crate) fn follows(&self) -> bool {
        self.target.follow_redirects
    }

    /// What a response asks to look at instead, where the target says to follow.
    pub(crate) fn redirect(&self, status: u16, location: Option<&[u8]>) -> Option<Redirect> {
        if !self.follows() {
            return None;
        }
        let Target {
            host, path, method, ..
        } = &self.target;
        Redirect::of(
            status,
            location,
            host,
            self.target.tls.is_some(),
            path,
            method,
        )
    }

    /// The call that a redirect asks for.
    pub(crate) fn moved(&self, redirect: &Redirect) -> Option<Self> {
        let mut target = self.target.clone();
        target.redirect(redirect).then(|| Self::new(&target))
    }
}

fn body(target: &Target) -> Vec<u8> {
    let Some(call) = &target.grpc else {
        return target.body_bytes();
    };
    let mut body = Vec::new();
    for message in &call.messages {
        grpc::write_message(&mut body, &latin1(message));
    }
    body
}

fn block(target: &Target, grpc: bool, body: usize) -> Vec<u8> {
    let mut block = Vec::new();
    let mut put = |name: &str, value: &str| {
        // Header values of a plan are characters up to U+00FF, one a byte.
        encode_header(&mut block, name.as_bytes(), &latin1(value));
    };
    let scheme = if target.tls.is_some() {
        "https"
    } else {
        "http"
    };
    let given = |wanted: &str| {
        let mut headers = target.headers.iter();
        headers.find_map(|(name, value)| name.eq_ignore_ascii_case(wanted).then_some(value))
    };
    put(":method", if grpc { "POST" } else { &target.method });
    put(":scheme", scheme);
    put(":path", &target.path);
    put(":authority", given("host").unwrap_or(&target.host));
    if grpc {
        if given("content-type").is_none() {
            put("content-type", "application/grpc");
        }
        put("te", "trailers");
    } else if body > 0 && given("content-length").is_none() {
        put("content-length", &body.to_string());
    }
    for (name, value) in &target.headers {
        let name = name.to_ascii_lowercase();
        let told = name == "host" || (grpc && name == "te");
        if !told && !OF_THE_CONNECTION.contains(&name.as_str()) {
            put(&name, value);
        }
    }
    block
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use meshperf_http2::hpack::Decoder;

    use super::*;
    use crate::plan::GrpcCall;

    fn headers(call: &Call) -> Vec<String> {
        let mut found = Vec::new();
        Decoder::new(0)
            .decode(&call.block, &mut |name, value| {
                let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
                found.push(format!("{}={}", text(name), text(value)));
            })
            .unwrap();
        found
    }

    #[test]
    fn a_request_names_what_http_2_wants_first_and_nothing_of_the_connection() {
        let mut target = Target::new(([127, 0, 0, 1], 80).into());
        target.headers = vec![
            ("Host".into(), "echo".into()),
            ("Connection".into(), "close".into()),
            ("X-A".into(), "1".into()),
            ("X-A".into(), "2".into()),
        ];
        target.method = "POST".into();
        target.body = "hello".into();
        let call = Call::new(&target);
        assert_eq!(
            headers(&call),
            [
                ":method=POST",
                ":scheme=http",
                ":path=/",
                ":authority=echo",
                "content-length=5",
                "x-a=1",
                "x-a=2"
            ]
        );
        assert_eq!(call.body, b"hello");
    }

    #[test]
    fn a_call_frames_its_messages() {
        let mut target = Target::new(([127, 0, 0, 1], 80).into());
        target.protocol = Protocol::Grpc;
        target.path = "/a.B/C".into();
        target.grpc = Some(GrpcCall {
            kind: GrpcKind::ClientStream,
            messages: vec!["\u{e9}x".into(), String::new()],
        });
        let call = Call::new(&target);
        assert_eq!(call.body, b"\0\0\0\0\x02\xe9x\0\0\0\0\0");
        let headers = headers(&call);
        assert!(headers.contains(&"te=trailers".to_owned()), "{headers:?}");
        assert!(headers.contains(&"content-type=application/grpc".to_owned()));
        assert!(headers.contains(&":method=POST".to_owned()));
    }
}
