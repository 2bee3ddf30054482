//! Request bodies: read to their end and dropped.

use crate::http1::Framing;

/// Chunk extensions and trailers are read and dropped too, up to this many bytes a request.
const MOST_OVERHEAD: usize = 64 * 1024;

#[derive(Debug, Clone, Copy)]
pub enum Body {
    Length(u64),
    Chunked(Chunked),
}

/// What became of the bytes a body was shown.
#[derive(Debug, PartialEq, Eq)]
pub enum Progress {
    /// All bytes belong to the body and it goes on.
    More,
    /// The body ended after this many of them.
    Done(usize),
    Malformed,
}

impl Body {
    pub fn new(framing: Framing) -> Self {
        match framing {
            Framing::None => Body::Length(0),
            Framing::Length(length) => Body::Length(length),
            Framing::Chunked => Body::Chunked(Chunked {
                state: State::Size { size: 0, digits: 0 },
                overhead: 0,
            }),
        }
    }

    pub fn consume(&mut self, bytes: &[u8]) -> Progress {
        match self {
            Body::Length(left) if *left <= bytes.len() as u64 => {
                let used = *left as usize;
                *left = 0;
                Progress::Done(used)
            }
            Body::Length(left) => {
                *left -= bytes.len() as u64;
                Progress::More
            }
            Body::Chunked(chunked) => chunked.consume(bytes),
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub struct Chunked {
    state: State,
    overhead: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Size {
        size: u64,
        digits: u8,
    },
    Extension {
        size: u64,
    },
    SizeEnd {
        size: u64,
    },
    Data {
        left: u64,
    },
    DataReturn,
    DataEnd,
    /// At the start of a trailer line: an empty one ends the body.
    Trailer,
    TrailerLine,
    LastEnd,
    End,
}

impl Chunked {
    fn consume(&mut self, bytes: &[u8]) -> Progress {
        let mut at = 0;
        while at < bytes.len() {
            if let State::Data { left } = self.state {
                let taken = left.min((bytes.len() - at) as u64);
                at += taken as usize;
                self.state = if taken == left {
                    State::DataReturn
                } else {
                    State::Data { left: left - taken }
                };
                continue;
            }
            match step(self.state, bytes[at]) {
                Some(next) => self.state = next,
                None => return Progress::Malformed,
            }
            at += 1;
            if self.state == State::End {
                return Progress::Done(at);
            }
            if matches!(self.state, State::Extension { .. } | State::TrailerLine) {
                self.overhead += 1;
                if self.overhead > MOST_OVERHEAD {
                    return Progress::Malformed;
                }
            }
        }
        Progress::More
    }
}

/// The state after one byte of framing; None where the byte cannot stand there.
fn step(state: State, byte: u8) -> Option<State> {
    Some(match (state, byte) {
        (State::Size { digits: 1.., size }, b'\r') => State::SizeEnd { size },
        (State::Size { digits: 1.., size }, b';' | b' ' | b'\t') => State::Extension { size },
        (State::Size { size, digits }, _) => {
            let digit = char::from(byte).to_digit(16)?;
            if digits >= 15 {
                return None;
            }
            State::Size {
                size: size * 16 + u64::from(digit),
                digits: digits + 1,
            }
        }
        (State::Extension { size }, b'\r') => State::SizeEnd { size },
        (State::Extension { .. }, b'\n') => return None,
        (State::Extension { size }, _) => State::Extension { size },
        (State::SizeEnd { size: 0 }, b'\n') => State::Trailer,
        (State::SizeEnd { size }, b'\n') => State::Data { left: size },
        (State::DataReturn, b'\r') => State::DataEnd,
        (State::DataEnd, b'\n') => State::Size { size: 0, digits: 0 },
        (State::Trailer, b'\r') => State::LastEnd,
        (State::TrailerLine, b'\n') => State::Trailer,
        (State::Trailer, b'\n') => return None,
        (State::Trailer | State::TrailerLine, _) => State::TrailerLine,
        (State::LastEnd, b'\n') => State::End,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::{Body, Progress};
    use crate::http1::Framing;

    const CHUNKED: &[u8] = b"5\r\nhello\r\nA;x=1\r\n0123456789\r\n0\r\nt: v\r\n\r\nGET";

    #[test]
    fn a_chunked_body_ends_at_the_same_byte_however_it_is_cut() {
        let end = CHUNKED.len() - 3;
        for cut in 0..end {
            let mut body = Body::new(Framing::Chunked);
            assert_eq!(body.consume(&CHUNKED[..cut]), Progress::More, "first {cut}");
            assert_eq!(
                body.consume(&CHUNKED[cut..]),
                Progress::Done(end - cut),
                "from {cut}"
            );
        }
        let mut body = Body::new(Framing::Chunked);
        for (i, byte) in CHUNKED[..end - 1].iter().enumerate() {
            assert_eq!(body.consume(&[*byte]), Progress::More, "byte {i}");
        }
        assert_eq!(body.consume(&CHUNKED[end - 1..]), Progress::Done(1));
    }

    #[test]
    fn a_body_of_known_length_leaves_what_follows() {
        let mut body = Body::new(Framing::Length(7));
        assert_eq!(body.consume(b"abcd"), Progress::More);
        assert_eq!(body.consume(b"efgGET /"), Progress::Done(3));
    }

    #[test]
    fn malformed_chunks_are_refused() {
        for text in [
            "\r\n",
            "g\r\n",
            "5\r\nhelloX",
            "5\nhello",
            "1234567890abcdef1\r\n",
            "0\r\n\n",
            "5 x\n",
        ] {
            let mut body = Body::new(Framing::Chunked);
            assert_eq!(
                body.consume(text.as_bytes()),
                Progress::Malformed,
                "{text:?}"
            );
        }
    }

    #[test]
    fn endless_trailers_are_refused() {
        let mut body = Body::new(Framing::Chunked);
        assert_eq!(body.consume(b"0\r\n"), Progress::More);
        assert_eq!(body.consume(&[b'a'; 70_000]), Progress::Malformed);
    }
}
