//! Reading HTTP/1.1 and 1.0 requests, as strictly as a server must and no further.
//!
//! A head is parsed by httparse; what is decided here is what the request means for this server: how its body is
//! framed, whether the connection stays open, and what is asked for. Anything two parties could read differently (a
//! length and a coding at once, two lengths) is refused: behind a proxy that is how requests are smuggled.

use std::mem::MaybeUninit;

use httparse::{Header, Request, Status};

pub const LONGEST_HEAD: usize = 64 * 1024;
pub const MOST_HEADERS: usize = 128;
/// `?bytes=` may ask for at most this.
pub const LARGEST_REPLY: u64 = 64 * 1024 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    None,
    Length(u64),
    Chunked,
}

/// What the `connection` header of the reply says; the discriminant is an index into prepared replies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Persistence {
    /// HTTP/1.1 and open: says nothing.
    Open = 0,
    /// HTTP/1.0 and kept open because the client asked for it: must say so.
    KeptAlive = 1,
    Close = 2,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    Echo,
    EchoBytes(u64),
    WhoAmI,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Length of the head in bytes, its empty line included.
    pub length: usize,
    pub is_head: bool,
    pub persistence: Persistence,
    pub framing: Framing,
    pub route: Route,
    pub expects_continue: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Parsed {
    Partial,
    Complete(Head),
    /// Refused with this status.
    Refused(u16),
}

/// Parses the head at the start of `bytes`.
pub fn parse(bytes: &[u8]) -> Parsed {
    with_request(bytes, interpret).unwrap_or_else(|refused| refused)
}

/// Parses the head at the start of `bytes` and hands its pieces to `then`; Err where there is no complete head.
pub fn with_request<T>(
    bytes: &[u8],
    then: impl FnOnce(&Request<'_, '_>, usize) -> T,
) -> Result<T, Parsed> {
    let mut storage = [const { MaybeUninit::<Header<'_>>::uninit() }; MOST_HEADERS];
    let mut request = Request::new(&mut []);
    match request.parse_with_uninit_headers(bytes, &mut storage) {
        Ok(Status::Complete(length)) if length > LONGEST_HEAD => Err(Parsed::Refused(431)),
        Ok(Status::Complete(length)) => Ok(then(&request, length)),
        Ok(Status::Partial) if bytes.len() >= LONGEST_HEAD => Err(Parsed::Refused(431)),
        Ok(Status::Partial) => Err(Parsed::Partial),
        Err(httparse::Error::TooManyHeaders) => Err(Parsed::Refused(431)),
        Err(_) => Err(Parsed::Refused(400)),
    }
}

fn interpret(request: &Request<'_, '_>, length: usize) -> Parsed {
    let (Some(method), Some(target), Some(minor)) = (request.method, request.path, request.version)
    else {
        return Parsed::Refused(400);
    };
    let fields = match Fields::of(request.headers) {
        Ok(fields) => fields,
        Err(status) => return Parsed::Refused(status),
    };
    if minor >= 1 && fields.hosts != 1 {
        return Parsed::Refused(400);
    }
    let framing = match (fields.length, fields.chunked) {
        (Some(_), true) => return Parsed::Refused(400),
        (None, true) if minor == 0 => return Parsed::Refused(400),
        (None, true) => Framing::Chunked,
        (Some(0) | None, false) => Framing::None,
        (Some(length), false) => Framing::Length(length),
    };
    let Some(route) = route(target) else {
        return Parsed::Refused(400);
    };
    let persistence = match (minor, fields.close, fields.keep_alive) {
        (_, true, _) | (0, _, false) => Persistence::Close,
        (0, _, true) => Persistence::KeptAlive,
        _ => Persistence::Open,
    };
    Parsed::Complete(Head {
        length,
        is_head: method == "HEAD",
        persistence,
        framing,
        route,
        expects_continue: minor >= 1 && fields.expects_continue,
    })
}

/// The fields that steer the connection.
#[derive(Default)]
struct Fields {
    hosts: u32,
    length: Option<u64>,
    chunked: bool,
    close: bool,
    keep_alive: bool,
    expects_continue: bool,
}

impl Fields {
    /// Err holds the status to refuse with.
    fn of(headers: &[Header<'_>]) -> Result<Self, u16> {
        let mut fields = Fields::default();
        for header in headers {
            let (name, value) = (header.name, header.value.trim_ascii());
            if name.eq_ignore_ascii_case("host") {
                fields.hosts += 1;
            } else if name.eq_ignore_ascii_case("content-length") {
                let length = content_length(value).ok_or(400u16)?;
                if fields.length.is_some_and(|earlier| earlier != length) {
                    return Err(400);
                }
                fields.length = Some(length);
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                if fields.chunked || !value.eq_ignore_ascii_case(b"chunked") {
                    return Err(501);
                }
                fields.chunked = true;
            } else if name.eq_ignore_ascii_case("connection") {
                fields.close |= has_token(value, b"close");
                fields.keep_alive |= has_token(value, b"keep-alive");
            } else if name.eq_ignore_ascii_case("expect") {
                if !value.eq_ignore_ascii_case(b"100-continue") {
                    return Err(417);
                }
                fields.expects_continue = true;
            }
        }
        Ok(fields)
    }
}

fn content_length(value: &[u8]) -> Option<u64> {
    // Not str::parse alone: it accepts a sign.
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(value).ok()?.parse().ok()
}

fn has_token(value: &[u8], token: &[u8]) -> bool {
    value
        .split(|byte| *byte == b',')
        .any(|part| part.trim_ascii().eq_ignore_ascii_case(token))
}

/// What a target (origin form, absolute form or `*`) asks for; None where `?bytes=` is wrong or too large.
pub fn route(target: &str) -> Option<Route> {
    let origin = match target.find("://") {
        Some(scheme) if !target.starts_with('/') => {
            let rest = &target[scheme + 3..];
            rest.find(['/', '?']).map_or("/", |path| &rest[path..])
        }
        _ => target,
    };
    let (path, query) = origin.split_once('?').unwrap_or((origin, ""));
    if path == "/whoami" {
        return Some(Route::WhoAmI);
    }
    match query
        .split('&')
        .find_map(|pair| pair.strip_prefix("bytes="))
    {
        None => Some(Route::Echo),
        Some(size) => content_length(size.as_bytes())
            .filter(|n| *n <= LARGEST_REPLY)
            .map(Route::EchoBytes),
    }
}

#[cfg(test)]
mod tests {
    use super::{Framing, Head, LONGEST_HEAD, Parsed, Persistence, Route, parse};

    fn head(text: &str) -> Head {
        match parse(text.as_bytes()) {
            Parsed::Complete(head) => head,
            other => panic!("{text:?}: {other:?}"),
        }
    }

    #[test]
    fn a_head_is_the_same_whichever_byte_it_is_cut_at() {
        let text = b"POST /a?bytes=7 HTTP/1.1\r\nHost: x\r\nContent-Length: 12\r\nConnection: close\r\n\r\nbody";
        let end = text.len() - 4;
        for cut in 0..end {
            assert_eq!(parse(&text[..cut]), Parsed::Partial, "cut at {cut}");
        }
        let expected = Head {
            length: end,
            is_head: false,
            persistence: Persistence::Close,
            framing: Framing::Length(12),
            route: Route::EchoBytes(7),
            expects_continue: false,
        };
        for cut in end..=text.len() {
            assert_eq!(
                parse(&text[..cut]),
                Parsed::Complete(expected),
                "cut at {cut}"
            );
        }
    }

    #[test]
    fn persistence_follows_version_and_header() {
        let of = |version: &str, header: &str| {
            head(&format!("GET / {version}\r\nhost: x\r\n{header}\r\n")).persistence
        };
        assert_eq!(of("HTTP/1.1", ""), Persistence::Open);
        assert_eq!(
            of("HTTP/1.1", "connection: x, Close\r\n"),
            Persistence::Close
        );
        assert_eq!(of("HTTP/1.0", ""), Persistence::Close);
        assert_eq!(
            of("HTTP/1.0", "connection: Keep-Alive\r\n"),
            Persistence::KeptAlive
        );
    }

    #[test]
    fn targets_are_understood_in_every_form() {
        let of = |target: &str| head(&format!("GET {target} HTTP/1.1\r\nhost: x\r\n\r\n")).route;
        for echo in [
            "/",
            "/any/path",
            "*",
            "http://h",
            "http://h/x",
            "/whoami/x",
            "/?kilobytes=3",
            "/a?b=http://whoami",
        ] {
            assert_eq!(of(echo), Route::Echo, "{echo}");
        }
        assert_eq!(of("/?x=1&bytes=0"), Route::EchoBytes(0));
        assert_eq!(of("http://h?bytes=5"), Route::EchoBytes(5));
        assert_eq!(of("/whoami?x"), Route::WhoAmI);
        assert_eq!(of("https://h:1/whoami"), Route::WhoAmI);
    }

    #[test]
    fn ambiguous_or_malformed_heads_are_refused() {
        for (text, status) in [
            ("\u{16}\u{3}\u{1}", 400),
            ("GET / HTTP/1.1\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nhost : a\r\n\r\n", 400),
            ("GET / HTTP/2.0\r\nhost: a\r\n\r\n", 400),
            ("GET /?bytes=67108865 HTTP/1.1\r\nhost: a\r\n\r\n", 400),
            ("GET /?bytes=-1 HTTP/1.1\r\nhost: a\r\n\r\n", 400),
            (
                "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: +5\r\n\r\n",
                400,
            ),
            (
                "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n",
                400,
            ),
            (
                "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n",
                400,
            ),
            ("POST / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n", 400),
            (
                "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip\r\n\r\n",
                501,
            ),
            (
                "POST / HTTP/1.1\r\nhost: a\r\nexpect: miracles\r\n\r\n",
                417,
            ),
        ] {
            assert_eq!(parse(text.as_bytes()), Parsed::Refused(status), "{text:?}");
        }
    }

    #[test]
    fn oversized_heads_are_refused_finished_or_not() {
        let mut text = format!(
            "GET / HTTP/1.1\r\nhost: a\r\nx: {}",
            "y".repeat(LONGEST_HEAD)
        );
        assert_eq!(parse(text.as_bytes()), Parsed::Refused(431));
        text.push_str("\r\n\r\n");
        assert_eq!(parse(text.as_bytes()), Parsed::Refused(431));
        let many = "a: b\r\n".repeat(200);
        assert_eq!(
            parse(format!("GET / HTTP/1.1\r\n{many}\r\n").as_bytes()),
            Parsed::Refused(431)
        );
    }
}
