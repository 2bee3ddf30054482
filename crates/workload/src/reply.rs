//! Replies, made before they are needed.
//!
//! Every (status, connection header) pair has its head and the first 64 KiB of its body as one piece of memory, so a
//! plain reply is one write of bytes that already exist. Larger bodies repeat one block of filler.

use std::io::Write;

use crate::http1::Persistence;

const BLOCK: usize = 64 * 1024;
const PATTERN: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_";
const ALL: [Persistence; 3] = [
    Persistence::Open,
    Persistence::KeptAlive,
    Persistence::Close,
];

pub struct Book {
    filler: Box<[u8]>,
    echoes: Vec<[Prepared; 3]>,
    statuses: Vec<u16>,
}

struct Prepared {
    bytes: Box<[u8]>,
    head: usize,
    filler_left: u64,
}

/// A reply on its way out.
#[derive(Debug, Clone, Copy)]
pub struct Reply {
    source: Source,
    sent: usize,
    length: usize,
    filler_left: u64,
}

#[derive(Debug, Clone, Copy)]
enum Source {
    Prepared {
        echo: usize,
        persistence: Persistence,
    },
    /// In the connection's own memory.
    Own,
}

impl Reply {
    pub const NONE: Reply = Reply {
        source: Source::Own,
        sent: 0,
        length: 0,
        filler_left: 0,
    };

    pub fn is_sent(&self) -> bool {
        self.sent == self.length && self.filler_left == 0
    }
}

impl Book {
    /// Prepares the echo reply of `response_bytes` for each of `statuses`.
    pub fn new(response_bytes: u64, statuses: &[u16]) -> Self {
        let filler: Box<[u8]> = PATTERN.iter().copied().cycle().take(BLOCK).collect();
        let prepare = |status: u16, persistence| {
            let body = if has_body(status) { response_bytes } else { 0 };
            let mut bytes = Vec::new();
            write_head(
                &mut bytes,
                status,
                persistence,
                "application/octet-stream",
                body,
            );
            let head = bytes.len();
            let first = body.min(BLOCK as u64);
            bytes.extend_from_slice(&filler[..first as usize]);
            Prepared {
                bytes: bytes.into_boxed_slice(),
                head,
                filler_left: body - first,
            }
        };
        let echoes = statuses
            .iter()
            .map(|status| ALL.map(|persistence| prepare(*status, persistence)))
            .collect();
        Book {
            filler,
            echoes,
            statuses: statuses.to_vec(),
        }
    }

    /// 64 KiB of the pattern that bodies are made of.
    pub fn filler(&self) -> &[u8] {
        &self.filler
    }

    pub fn status(&self, echo: usize) -> u16 {
        self.statuses[echo]
    }

    /// The prepared echo with the status at index `echo`.
    pub fn echo(&self, echo: usize, persistence: Persistence, head_only: bool) -> Reply {
        let prepared = &self.echoes[echo][persistence as usize];
        let source = Source::Prepared { echo, persistence };
        if head_only {
            return Reply {
                source,
                sent: 0,
                length: prepared.head,
                filler_left: 0,
            };
        }
        Reply {
            source,
            sent: 0,
            length: prepared.bytes.len(),
            filler_left: prepared.filler_left,
        }
    }

    /// An echo of another size; its head is written into `own`.
    pub fn echo_bytes(
        &self,
        own: &mut Vec<u8>,
        echo: usize,
        persistence: Persistence,
        head_only: bool,
        bytes: u64,
    ) -> Reply {
        let status = self.statuses[echo];
        let body = if has_body(status) { bytes } else { 0 };
        own.clear();
        write_head(own, status, persistence, "application/octet-stream", body);
        Reply {
            source: Source::Own,
            sent: 0,
            length: own.len(),
            filler_left: if head_only { 0 } else { body },
        }
    }

    /// The pieces that are still to be written; the second may be empty.
    pub fn rest<'a>(&'a self, reply: &Reply, own: &'a [u8]) -> (&'a [u8], &'a [u8]) {
        let bytes = match reply.source {
            Source::Prepared { echo, persistence } => {
                &self.echoes[echo][persistence as usize].bytes
            }
            Source::Own => own,
        };
        let block = reply.filler_left.min(self.filler.len() as u64) as usize;
        (&bytes[reply.sent..reply.length], &self.filler[..block])
    }

    /// Notes that `n` bytes of what `rest` gave were written.
    pub fn advance(&self, reply: &mut Reply, n: usize) {
        let own = n.min(reply.length - reply.sent);
        reply.sent += own;
        reply.filler_left -= (n - own) as u64;
    }
}

/// Status and text of the answer to a request for which another service had to be called, and failed.
pub const CALL_FAILED: (u16, &[u8]) = (502, b"a call to another service failed\n");

/// A reply whose whole text is in `own`: JSON for `/whoami`, or the reason for a refusal.
pub fn text(
    own: &mut Vec<u8>,
    status: u16,
    persistence: Persistence,
    head_only: bool,
    kind: &str,
    body: &[u8],
) -> Reply {
    own.clear();
    write_head(own, status, persistence, kind, body.len() as u64);
    if !head_only {
        own.extend_from_slice(body);
    }
    Reply {
        source: Source::Own,
        sent: 0,
        length: own.len(),
        filler_left: 0,
    }
}

fn write_head(into: &mut Vec<u8>, status: u16, persistence: Persistence, kind: &str, body: u64) {
    let connection = match persistence {
        Persistence::Open => "",
        Persistence::KeptAlive => "connection: keep-alive\r\n",
        Persistence::Close => "connection: close\r\n",
    };
    let reason = reason(status);
    let written = if has_body(status) {
        write!(
            into,
            "HTTP/1.1 {status} {reason}\r\ncontent-type: {kind}\r\ncontent-length: {body}\r\n{connection}\r\n"
        )
    } else {
        write!(into, "HTTP/1.1 {status} {reason}\r\n{connection}\r\n")
    };
    written.expect("writing into memory does not fail");
}

pub fn has_body(status: u16) -> bool {
    !matches!(status, 204 | 304)
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        204 => "No Content",
        400 => "Bad Request",
        404 => "Not Found",
        417 => "Expectation Failed",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::{Book, Persistence, Reply, text};

    fn drain(book: &Book, mut reply: Reply, own: &[u8], step: usize) -> Vec<u8> {
        let mut all = Vec::new();
        while !reply.is_sent() {
            let (first, second) = book.rest(&reply, own);
            let piece: Vec<u8> = first.iter().chain(second).copied().take(step).collect();
            book.advance(&mut reply, piece.len());
            all.extend(piece);
        }
        all
    }

    #[test]
    fn a_reply_is_whole_whatever_the_socket_takes_at_a_time() {
        for size in [0u64, 1, 1024, 65_536, 65_537, 200_000] {
            let book = Book::new(size, &[200]);
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/octet-stream\r\ncontent-length: {size}\r\n\r\n"
            );
            for step in [7, 4096, 1 << 20] {
                let all = drain(&book, book.echo(0, Persistence::Open, false), &[], step);
                assert!(all.starts_with(head.as_bytes()), "{size}");
                assert_eq!(all.len() - head.len(), size as usize);
            }
            assert_eq!(
                drain(&book, book.echo(0, Persistence::Open, true), &[], 100),
                head.as_bytes()
            );
        }
    }

    #[test]
    fn an_echo_of_another_size_needs_no_prepared_body() {
        let book = Book::new(10, &[200, 503]);
        let mut own = Vec::new();
        let reply = book.echo_bytes(&mut own, 1, Persistence::Close, false, 100_000);
        let all = drain(&book, reply, &own, 30_000);
        assert!(all.starts_with(b"HTTP/1.1 503 Service Unavailable\r\n"));
        assert!(all.windows(19).any(|part| part == b"connection: close\r\n"));
        assert_eq!(
            all.iter()
                .rev()
                .take(100_000)
                .filter(|byte| **byte == b'\r')
                .count(),
            0
        );
    }

    #[test]
    fn a_status_without_a_body_has_none() {
        let book = Book::new(10, &[204]);
        assert_eq!(
            drain(&book, book.echo(0, Persistence::Open, false), &[], 100),
            b"HTTP/1.1 204 No Content\r\n\r\n"
        );
    }

    #[test]
    fn a_head_only_text_keeps_the_length_of_its_body() {
        let mut own = Vec::new();
        let reply = text(
            &mut own,
            200,
            Persistence::Open,
            true,
            "application/json",
            b"{}",
        );
        assert!(reply.length == own.len() && own.ends_with(b"content-length: 2\r\n\r\n"));
    }
}
