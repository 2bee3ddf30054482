//! The headers that a service hands on from a request to its calls, so that a mesh sees one trace and not many.
//!
//! A sidecar cannot know which of its outgoing requests belongs to which incoming one; only the application does.

use httparse::Header;

use crate::http2::Fields;

/// Names in lower case, as HTTP/2 wants them: request ids, W3C trace context, and the forms of B3 and its relatives.
const NAMES: [&str; 14] = [
    "x-request-id",
    "traceparent",
    "tracestate",
    "baggage",
    "b3",
    "x-b3-traceid",
    "x-b3-spanid",
    "x-b3-parentspanid",
    "x-b3-sampled",
    "x-b3-flags",
    "x-ot-span-context",
    "x-cloud-trace-context",
    "x-client-trace-id",
    "grpc-trace-bin",
];

/// Those of a request of HTTP/1.
pub fn of_headers(headers: &[Header<'_>]) -> Fields {
    let mut passed = Fields::default();
    for header in headers {
        keep(&mut passed, header.name.as_bytes(), header.value);
    }
    passed
}

/// Those of a request of HTTP/2.
pub fn of_fields(fields: &Fields) -> Fields {
    let mut passed = Fields::default();
    for (name, value) in fields.iter() {
        keep(&mut passed, name, value);
    }
    passed
}

fn keep(passed: &mut Fields, name: &[u8], value: &[u8]) {
    let known = NAMES
        .iter()
        .find(|known| known.as_bytes().eq_ignore_ascii_case(name));
    // A line end, which HTTP/2 can carry, would be a second header in HTTP/1.
    let harmless = |byte: &u8| *byte == b'\t' || *byte >= b' ' && *byte != 0x7f;
    if let Some(known) = known
        && value.iter().all(harmless)
    {
        passed.push(known.as_bytes(), value);
    }
}

#[cfg(test)]
mod tests {
    use httparse::Header;

    use super::{of_fields, of_headers};
    use crate::http2::Fields;

    #[test]
    fn only_what_traces_need_is_passed_on_and_in_lower_case() {
        let header = |name, value| Header { name, value };
        let passed = of_headers(&[
            header("Host", b"me"),
            header("X-Request-Id", b"7"),
            header("authorization", b"secret"),
            header("TraceParent", b"00-1-2-01"),
            header("B3", b"0"),
        ]);
        let all: Vec<_> = passed.iter().collect();
        let expected: [(&[u8], &[u8]); 3] = [
            (b"x-request-id", b"7"),
            (b"traceparent", b"00-1-2-01"),
            (b"b3", b"0"),
        ];
        assert_eq!(all, expected);
    }

    #[test]
    fn a_value_with_a_line_end_is_not_passed_on() {
        let mut fields = Fields::default();
        fields.push(b"x-request-id", b"1\r\nx-evil: 1");
        fields.push(b"x-b3-traceid", b"ok");
        let passed = of_fields(&fields);
        assert_eq!(passed.iter().count(), 1);
        assert_eq!(passed.get(b"x-b3-traceid"), Some(&b"ok"[..]));
    }
}
