//! A reader of HTTP/1 responses that stores no bodies.
//!
//! The head is parsed where it lies in the read buffer when it arrived whole, which is nearly always; only a split head
//! is copied. The head may be 64 KiB long.

use std::mem::MaybeUninit;

use crate::dialogue::{Malformed, Reply};

const HEAD_LIMIT: usize = 64 * 1024;
const HEADERS_LIMIT: usize = 128;
/// A chunk's size line and a trailer line may be this long.
const LINE_LIMIT: usize = 8 * 1024;

/// Where in a response the reader is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Head,
    /// Content-Length: bytes left.
    Body(u64),
    /// Inside a chunk's size line.
    ChunkSize {
        size: u64,
        digits: u8,
        length: usize,
        extension: bool,
    },
    /// Inside a chunk: bytes left.
    Chunk(u64),
    /// Behind a chunk, before its line end.
    ChunkEnd,
    /// Inside the trailers; `length` of the line so far, without its line end.
    Trailer {
        length: usize,
    },
    UntilClose,
}

const SIZE_LINE: State = State::ChunkSize {
    size: 0,
    digits: 0,
    length: 0,
    extension: false,
};

/// Reads one response after another.
pub(crate) struct Response {
    state: State,
    status: u16,
    keep: bool,
    head: Vec<u8>,
    /// The request is HEAD, whose response has no body whatever it announces.
    pub(crate) head_only: bool,
    /// The `Location` of the head, where somebody wants to know it; empty without one.
    pub(crate) location: Option<Vec<u8>>,
}

impl Response {
    /// `head_only`: the requests are HEAD, whose responses have no body whatever they announce.
    pub(crate) fn new(head_only: bool) -> Self {
        Self {
            state: State::Head,
            status: 0,
            keep: true,
            head: Vec::new(),
            head_only,
            location: None,
        }
    }

    /// Parse a head if `bytes` holds all of it; returns its length. Sets status, keep and the state that follows.
    fn parse_head(&mut self, bytes: &[u8]) -> Result<Option<usize>, Malformed> {
        let mut headers = [const { MaybeUninit::uninit() }; HEADERS_LIMIT];
        let mut response = httparse::Response::new(&mut []);
        let parsed = httparse::ParserConfig::default().parse_response_with_uninit_headers(
            &mut response,
            bytes,
            &mut headers,
        );
        let length = match parsed {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(_) => return Err(Malformed("the response head cannot be parsed")),
        };
        let (Some(status), Some(version)) = (response.code, response.version) else {
            return Err(Malformed("the response head has no status"));
        };
        if !(100..=999).contains(&status) {
            return Err(Malformed("the status lies outside 100 to 999"));
        }
        if let Some(location) = &mut self.location {
            location.clear();
            let named =
                |header: &&httparse::Header<'_>| header.name.eq_ignore_ascii_case("location");
            if let Some(header) = response.headers.iter().find(named) {
                location.extend_from_slice(header.value);
            }
        }
        let framing = Framing::read(response.headers, version)?;
        self.status = status;
        self.keep = framing.keep;
        self.state = match status {
            101 => {
                // Another protocol from here on; for us the reply is whole and the connection is spent.
                self.keep = false;
                State::Body(0)
            }
            100..=199 => State::Head,
            204 | 304 => State::Body(0),
            _ if self.head_only => State::Body(0),
            _ => match (framing.chunked, framing.length) {
                (Some(true), _) => SIZE_LINE,
                (Some(false), _) | (None, None) => State::UntilClose,
                (None, Some(length)) => State::Body(length),
            },
        };
        Ok(Some(length))
    }

    /// The head at the start of `bytes`; returns how many of them belong to it.
    fn take_head(&mut self, bytes: &[u8]) -> Result<usize, Malformed> {
        if self.head.is_empty() {
            let parsed = self.parse_head(bytes)?;
            if parsed.unwrap_or(bytes.len()) > HEAD_LIMIT {
                return Err(Malformed("the response head is longer than 64 KiB"));
            }
            if let Some(length) = parsed {
                return Ok(length);
            }
            self.head.extend_from_slice(bytes);
            return Ok(bytes.len());
        }
        let before = self.head.len();
        let mut head = std::mem::take(&mut self.head);
        head.extend_from_slice(&bytes[..bytes.len().min(HEAD_LIMIT + 1 - before)]);
        let parsed = self.parse_head(&head);
        let taken = match parsed? {
            Some(length) => {
                head.clear();
                length - before
            }
            None if head.len() > HEAD_LIMIT => {
                return Err(Malformed("the response head is longer than 64 KiB"));
            }
            None => head.len() - before,
        };
        self.head = head;
        Ok(taken)
    }

    /// Skip body bytes at the start of `bytes`; returns how many, and whether the response is over.
    fn take_body(&mut self, bytes: &[u8]) -> Result<(usize, bool), Malformed> {
        match self.state {
            State::Body(left) => {
                let taken = left.min(bytes.len() as u64);
                self.state = State::Body(left - taken);
                Ok((taken as usize, taken == left))
            }
            State::Chunk(left) => {
                let taken = left.min(bytes.len() as u64);
                self.state = if taken == left {
                    State::ChunkEnd
                } else {
                    State::Chunk(left - taken)
                };
                Ok((taken as usize, false))
            }
            State::ChunkEnd => match bytes.first() {
                None => Ok((0, false)),
                Some(b'\r') => Ok((1, false)),
                Some(b'\n') => {
                    self.state = SIZE_LINE;
                    Ok((1, false))
                }
                Some(_) => Err(Malformed("a chunk does not end where its size says")),
            },
            State::ChunkSize {
                size,
                digits,
                length,
                extension,
            } => {
                let Some(&byte) = bytes.first() else {
                    return Ok((0, false));
                };
                self.state = self.chunk_size(byte, size, digits, length, extension)?;
                Ok((1, false))
            }
            State::Trailer { length } => {
                let Some(&byte) = bytes.first() else {
                    return Ok((0, false));
                };
                match byte {
                    b'\n' if length == 0 => return Ok((1, true)),
                    b'\n' => self.state = State::Trailer { length: 0 },
                    b'\r' => {}
                    _ if length >= LINE_LIMIT => return Err(Malformed("a trailer is too long")),
                    _ => self.state = State::Trailer { length: length + 1 },
                }
                Ok((1, false))
            }
            State::UntilClose => Ok((bytes.len(), false)),
            State::Head => Ok((0, false)),
        }
    }

    fn chunk_size(
        &self,
        byte: u8,
        size: u64,
        digits: u8,
        length: usize,
        extension: bool,
    ) -> Result<State, Malformed> {
        if length > LINE_LIMIT {
            return Err(Malformed("a chunk's size line is too long"));
        }
        let length = length + 1;
        match byte {
            b'\n' if digits == 0 => Err(Malformed("a chunk has no size")),
            b'\n' if size == 0 => Ok(State::Trailer { length: 0 }),
            b'\n' => Ok(State::Chunk(size)),
            b';' | b' ' | b'\t' | b'\r' if digits > 0 => Ok(State::ChunkSize {
                size,
                digits,
                length,
                extension: true,
            }),
            _ if extension => Ok(State::ChunkSize {
                size,
                digits,
                length,
                extension,
            }),
            _ => {
                let digit = (byte as char)
                    .to_digit(16)
                    .ok_or(Malformed("a chunk's size is not hexadecimal"))?;
                if digits >= 15 {
                    return Err(Malformed("a chunk's size is absurd"));
                }
                let size = size * 16 + u64::from(digit);
                Ok(State::ChunkSize {
                    size,
                    digits: digits + 1,
                    length,
                    extension,
                })
            }
        }
    }

    fn finish(&mut self, keep: bool) -> Reply {
        let reply = Reply {
            status: self.status,
            grpc: None,
            keep,
        };
        self.state = State::Head;
        reply
    }
}

impl Response {
    /// Take bytes as they arrive; Some when they complete the reply. Bytes behind a reply make it `keep: false`.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Result<Option<Reply>, Malformed> {
        let mut rest = bytes;
        loop {
            if self.state == State::Head {
                if rest.is_empty() {
                    return Ok(None);
                }
                let taken = self.take_head(rest)?;
                rest = &rest[taken..];
                if self.state == State::Body(0) {
                    return Ok(Some(self.finish(self.keep && rest.is_empty())));
                }
                continue;
            }
            let (taken, over) = self.take_body(rest)?;
            rest = &rest[taken..];
            if over {
                return Ok(Some(self.finish(self.keep && rest.is_empty())));
            }
            if rest.is_empty() {
                return Ok(None);
            }
        }
    }

    /// The peer closed: Some when that is how this reply ends.
    pub(crate) fn end(&mut self) -> Option<Reply> {
        (self.state == State::UntilClose).then(|| self.finish(false))
    }

    /// Forget what was read: the connection is new.
    pub(crate) fn reset(&mut self) {
        self.state = State::Head;
        self.head.clear();
    }
}

/// What the headers say about where the body ends.
struct Framing {
    /// None without Transfer-Encoding; otherwise whether its last coding is `chunked`.
    chunked: Option<bool>,
    length: Option<u64>,
    keep: bool,
}

impl Framing {
    fn read(headers: &[httparse::Header<'_>], version: u8) -> Result<Self, Malformed> {
        let mut framing = Self {
            chunked: None,
            length: None,
            keep: version == 1,
        };
        for header in headers {
            // The length tells most names apart without looking at them.
            match header.name.len() {
                14 if header.name.eq_ignore_ascii_case("content-length") => {
                    let length = decimal(header.value)
                        .ok_or(Malformed("the content length is not a number"))?;
                    if framing.length.is_some_and(|earlier| earlier != length) {
                        return Err(Malformed("the content length is given twice and differs"));
                    }
                    framing.length = Some(length);
                }
                17 if header.name.eq_ignore_ascii_case("transfer-encoding") => {
                    let last = header
                        .value
                        .rsplit(|&byte| byte == b',')
                        .next()
                        .unwrap_or_default();
                    framing.chunked = Some(last.trim_ascii().eq_ignore_ascii_case(b"chunked"));
                }
                10 if header.name.eq_ignore_ascii_case("connection") => {
                    for word in header.value.split(|&byte| byte == b',') {
                        let word = word.trim_ascii();
                        if word.eq_ignore_ascii_case(b"close") {
                            framing.keep = false;
                        } else if version == 0 && word.eq_ignore_ascii_case(b"keep-alive") {
                            framing.keep = true;
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(framing)
    }
}

fn decimal(text: &[u8]) -> Option<u64> {
    let text = text.trim_ascii();
    if text.is_empty() || text.len() > 18 {
        return None;
    }
    text.iter().try_fold(0u64, |sum, byte| {
        byte.is_ascii_digit()
            .then(|| sum * 10 + u64::from(byte - b'0'))
    })
}

#[cfg(test)]
#[path = "http1_response_tests.rs"]
mod tests;
