//! `grpc.health.v1.Health`: a service that is there is well.

use meshperf_http2::grpc::write_message;

use super::wire::{Value, read};
use super::{Answer, Failed, MALFORMED, Method, descriptors, status};

const SERVING: u8 = 1;
const SERVICE_UNKNOWN: u8 = 3;

/// Appends the answer to `Check` or `Watch`. The empty name stands for the whole server.
pub fn answer(method: Method, message: &[u8], out: &mut Vec<u8>) -> Answer {
    let mut name: &[u8] = b"";
    let whole = read(message, |field, value| {
        match (field, value) {
            (1, Value::Bytes(bytes)) => name = bytes,
            (1, _) => return None,
            _ => {}
        }
        Some(())
    });
    if whole.is_none() {
        return MALFORMED;
    }
    let known =
        name.is_empty() || descriptors::services().any(|service| service.as_bytes() == name);
    let health = match (known, method) {
        (true, _) => SERVING,
        (false, Method::HealthWatch) => SERVICE_UNKNOWN,
        (false, _) => {
            return Answer::Failed(Failed {
                status: status::NOT_FOUND,
                text: "there is no such service here",
            });
        }
    };
    write_message(out, &[0x08, health]);
    Answer::Reply { times: 1 }
}

#[cfg(test)]
mod tests {
    use super::{Answer, Method, answer};

    #[test]
    fn known_services_are_well_and_others_unknown() {
        let ask = |method, name: &str| {
            let mut message = Vec::new();
            super::super::wire::write_bytes(&mut message, 1, name.as_bytes());
            let mut out = Vec::new();
            (answer(method, &message, &mut out), out)
        };
        let well = (Answer::Reply { times: 1 }, b"\0\0\0\0\x02\x08\x01".to_vec());
        for name in ["", "meshperf.echo.v1.Echo", "grpc.health.v1.Health"] {
            assert_eq!(ask(Method::HealthCheck, name), well, "{name}");
        }
        assert!(
            matches!(ask(Method::HealthCheck, "x").0, Answer::Failed(failed) if failed.status == 5)
        );
        assert_eq!(ask(Method::HealthWatch, "x").1, b"\0\0\0\0\x02\x08\x03");
    }
}
