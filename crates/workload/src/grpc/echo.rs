//! `meshperf.echo.v1.Echo`: a reply whose size, number and status the request chooses.

use meshperf_http2::grpc::{PREFIX, write_prefix};

use super::wire::{Value, read, write_number, write_varint};
use super::{Answer, Failed, LONGEST_MESSAGE, MALFORMED, Method, status};

const PAYLOAD: u64 = 1;
const RECEIVED: u64 = 2;
const REPLY_BYTES: u64 = 2;

#[derive(Debug, Default, PartialEq, Eq)]
struct Request<'a> {
    payload: &'a [u8],
    reply_bytes: i32,
    replies: i32,
    status: i32,
}

impl<'a> Request<'a> {
    fn parse(message: &'a [u8]) -> Option<Self> {
        let mut request = Request::default();
        read(message, |field, value| {
            match (field, value) {
                (1, Value::Bytes(bytes)) => request.payload = bytes,
                // An int32 takes the low half, whatever was sent.
                (2, Value::Number(number)) => request.reply_bytes = number as i32,
                (3, Value::Number(number)) => request.replies = number as i32,
                (4, Value::Number(number)) => request.status = number as i32,
                (1..=4, _) => return None,
                _ => {}
            }
            Some(())
        })?;
        Some(request)
    }
}

/// Appends a request up to its payload, of which `payload` bytes are to follow.
pub fn write_request(out: &mut Vec<u8>, reply_bytes: u64, payload: u64) {
    write_number(out, REPLY_BYTES, reply_bytes);
    if payload > 0 {
        write_varint(out, PAYLOAD << 3 | 2);
        write_varint(out, payload);
    }
}

/// Appends the reply to one request, prefix and all. `received`: requests of this call so far.
pub fn answer(
    method: Method,
    message: &[u8],
    received: u64,
    filler: &[u8],
    out: &mut Vec<u8>,
) -> Answer {
    let Some(request) = Request::parse(message) else {
        return MALFORMED;
    };
    let refused = |text| {
        Answer::Failed(Failed {
            status: status::INVALID_ARGUMENT,
            text,
        })
    };
    match request.status {
        0 => {}
        wanted @ 1..=16 => {
            return Answer::Failed(Failed {
                status: wanted as u8,
                text: "the status that the request asked for",
            });
        }
        _ => return refused("status must be from 0 to 16"),
    }
    let Ok(wanted) = usize::try_from(request.reply_bytes) else {
        return refused("reply_bytes must not be negative");
    };
    let Ok(times) = u32::try_from(request.replies) else {
        return refused("replies must not be negative");
    };
    if wanted > LONGEST_MESSAGE as usize {
        return Answer::Failed(Failed {
            status: status::RESOURCE_EXHAUSTED,
            text: "reply_bytes is more than 4 MiB",
        });
    }
    let start = out.len();
    write_prefix(out, 0);
    if wanted > 0 {
        write_varint(out, PAYLOAD << 3 | 2);
        write_varint(out, wanted as u64);
        let mut left = wanted;
        while left > 0 {
            let piece = left.min(filler.len());
            out.extend_from_slice(&filler[..piece]);
            left -= piece;
        }
    } else if !request.payload.is_empty() {
        super::wire::write_bytes(out, PAYLOAD, request.payload);
    }
    write_number(out, RECEIVED, received);
    let length = (out.len() - start - PREFIX) as u32;
    out[start + 1..start + PREFIX].copy_from_slice(&length.to_be_bytes());
    Answer::Reply {
        times: if method == Method::ServerStream {
            times.max(1)
        } else {
            1
        },
    }
}

#[cfg(test)]
mod tests {
    use super::super::wire::{write_bytes, write_number};
    use super::{Answer, Method, answer};

    const FILLER: &[u8] = b"0123456789";

    fn ask(fields: &[(u64, u64)], payload: &[u8]) -> (Answer, Vec<u8>) {
        let mut message = Vec::new();
        write_bytes(&mut message, 1, payload);
        for (field, value) in fields {
            write_number(&mut message, *field, *value);
        }
        let mut out = Vec::new();
        (
            answer(Method::ServerStream, &message, 3, FILLER, &mut out),
            out,
        )
    }

    #[test]
    fn a_payload_comes_back_or_another_of_the_size_asked_for() {
        assert_eq!(
            ask(&[], b"hey"),
            (
                Answer::Reply { times: 1 },
                b"\0\0\0\0\x07\x0a\x03hey\x10\x03".to_vec()
            )
        );
        let (answer, out) = ask(&[(2, 12), (3, 4)], b"hey");
        assert_eq!(answer, Answer::Reply { times: 4 });
        assert_eq!(out, b"\0\0\0\0\x10\x0a\x0c012345678901\x10\x03");
    }

    #[test]
    fn impossible_wishes_fail_with_a_status() {
        for (field, value, expected) in [
            (4, 7, 7),
            (4, 17, 3),
            (4, -1_i64 as u64, 3),
            (2, -5_i64 as u64, 3),
            (3, -5_i64 as u64, 3),
            (2, (4 << 20) + 1, 8),
        ] {
            let (Answer::Failed(failed), out) = ask(&[(field, value)], b"") else {
                panic!("{field} {value}")
            };
            assert_eq!((failed.status, out.len()), (expected, 0), "{field} {value}");
        }
        assert_eq!(
            answer(Method::Unary, b"\x10", 1, FILLER, &mut Vec::new()),
            super::MALFORMED
        );
    }
}
