//! `grpc.reflection.v1.ServerReflection` (and v1alpha, the same on the wire): clients learn methods and messages from us.

use meshperf_http2::grpc::write_message;

use super::descriptors::{file_of_name, file_of_symbol, services};
use super::wire::{Value, read, write_bytes, write_number};
use super::{Answer, MALFORMED, status};

// Fields of ServerReflectionRequest.
const BY_NAME: u64 = 3;
const BY_SYMBOL: u64 = 4;
const BY_EXTENSION: u64 = 5;
const EXTENSIONS: u64 = 6;
const LIST: u64 = 7;
// Fields of ServerReflectionResponse.
const HOST: u64 = 1;
const ASKED: u64 = 2;
const FILES: u64 = 4;
const LISTED: u64 = 6;
const ERROR: u64 = 7;

/// Appends the answer to one question.
pub fn answer(message: &[u8], out: &mut Vec<u8>) -> Answer {
    let mut host: &[u8] = b"";
    let mut asked = (0, &b""[..]);
    let whole = read(message, |field, value| {
        match (field, value) {
            (HOST, Value::Bytes(bytes)) => host = bytes,
            (BY_NAME..=LIST, Value::Bytes(bytes)) => asked = (field, bytes),
            (HOST | BY_NAME..=LIST, _) => return None,
            _ => {}
        }
        Some(())
    });
    let (field, Ok(name)) = (asked.0, std::str::from_utf8(asked.1)) else {
        return MALFORMED;
    };
    if whole.is_none() {
        return MALFORMED;
    }
    let mut reply = Vec::new();
    write_bytes(&mut reply, HOST, host);
    write_bytes(&mut reply, ASKED, message);
    let file = match field {
        BY_NAME => file_of_name(name),
        BY_SYMBOL => file_of_symbol(name),
        _ => None,
    };
    let mut content = Vec::new();
    match (field, file) {
        (LIST, _) => {
            for service in services() {
                let mut one = Vec::new();
                write_bytes(&mut one, 1, service.as_bytes());
                write_bytes(&mut content, 1, &one);
            }
            write_bytes(&mut reply, LISTED, &content);
        }
        (_, Some(file)) => {
            write_bytes(&mut content, 1, file);
            write_bytes(&mut reply, FILES, &content);
        }
        (BY_NAME | BY_SYMBOL | BY_EXTENSION | EXTENSIONS, None) => {
            write_number(&mut content, 1, status::NOT_FOUND.into());
            write_bytes(&mut content, 2, b"not found");
            write_bytes(&mut reply, ERROR, &content);
        }
        _ => {
            write_number(&mut content, 1, status::INVALID_ARGUMENT.into());
            write_bytes(&mut content, 2, b"nothing is asked");
            write_bytes(&mut reply, ERROR, &content);
        }
    }
    write_message(out, &reply);
    Answer::Reply { times: 1 }
}

#[cfg(test)]
mod tests {
    use meshperf_http2::grpc::PREFIX;

    use super::super::wire::{all, write_bytes};
    use super::{BY_SYMBOL, ERROR, EXTENSIONS, FILES, LIST, LISTED, answer};

    fn ask(field: u64, name: &str) -> Vec<u8> {
        let mut question = Vec::new();
        write_bytes(&mut question, field, name.as_bytes());
        let mut out = Vec::new();
        answer(&question, &mut out);
        out.split_off(PREFIX)
    }

    #[test]
    fn questions_are_answered_in_the_field_of_their_kind() {
        let reply = ask(LIST, "*");
        let listed = all(all(&reply, LISTED)[0], 1);
        assert_eq!(all(listed[0], 1), [b"meshperf.echo.v1.Echo"]);
        let reply = ask(BY_SYMBOL, "grpc.health.v1.Health");
        let files = all(all(&reply, FILES)[0], 1);
        assert_eq!(all(files[0], 1), [b"grpc/health/v1/health.proto"]);
        for (field, name) in [(BY_SYMBOL, "x.Y"), (EXTENSIONS, "x"), (9, "")] {
            assert_eq!(all(&ask(field, name), ERROR).len(), 1, "{field}");
        }
    }
}
