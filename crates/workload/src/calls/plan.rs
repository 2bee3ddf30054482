//! What `--call` asks for: who is called for each request, how often, in which order.
//!
//! ```text
//!   NAME=IP:PORT[,times=N][,share=S][,stage=N][,bytes=N][,reply=N][,protocol=http1|http2|grpc]
//! ```

use std::net::SocketAddr;
use std::ops::RangeInclusive;

const MOST_TIMES: u64 = 1000;
const LAST_STAGE: u64 = 1000;
/// Sent, or asked for, over HTTP (bytes).
const LARGEST_BODY: u64 = 64 << 20;
/// The same over gRPC: a message with its own fields is at most 4 MiB.
const LARGEST_MESSAGE: u64 = (4 << 20) - 64;

/// What is spoken to a callee.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    Http1,
    Http2,
    Grpc,
}

/// A service that is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Callee {
    /// What the calls carry as their host.
    pub name: String,
    pub address: SocketAddr,
    pub protocol: Protocol,
}

/// One `--call`.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    /// Index among the plan's callees.
    pub callee: usize,
    pub times: u32,
    /// Of the requests, in (0, 1].
    pub share: f64,
    pub stage: u32,
    /// Size of the body that is sent along.
    pub bytes: u64,
    /// Size of the reply that is asked for; None: what the callee answers by itself.
    pub reply: Option<u64>,
}

/// All calls of a service, and how they are made.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Plan {
    pub callees: Vec<Callee>,
    /// In the order of their stages.
    pub wanted: Vec<Wanted>,
    /// How often a call that failed is made again.
    pub retries: u32,
    /// After how long an attempt counts as failed.
    pub timeout_ns: Option<u64>,
    /// Most open connections to one callee, for each worker.
    pub connections: usize,
}

impl Plan {
    /// Adds what one `--call` says; Err tells what is wrong with it. The address is checked by `allowed`.
    pub fn add(
        &mut self,
        text: &str,
        allowed: impl Fn(&str) -> Result<SocketAddr, String>,
    ) -> Result<(), String> {
        let mut parts = text.split(',');
        let (name, address) = parts
            .next()
            .and_then(|first| first.split_once('='))
            .filter(|(name, _)| is_host(name))
            .ok_or_else(|| {
                format!("`{text}` is not NAME=IP:PORT; write for example ratings=127.0.0.1:8080")
            })?;
        let address = allowed(address)?;
        let mut wanted = Wanted {
            callee: 0,
            times: 1,
            share: 1.0,
            stage: 0,
            bytes: 0,
            reply: None,
        };
        let mut protocol = Protocol::Http1;
        let mut seen = Vec::new();
        for part in parts {
            let (key, value) = part
                .split_once('=')
                .ok_or_else(|| format!("`{part}` in `{text}` is not KEY=VALUE"))?;
            if seen.contains(&key) {
                return Err(format!("`{key}` is given twice in `{text}`"));
            }
            seen.push(key);
            match key {
                "times" => wanted.times = whole(key, value, 1..=MOST_TIMES)? as u32,
                "stage" => wanted.stage = whole(key, value, 0..=LAST_STAGE)? as u32,
                "bytes" => wanted.bytes = whole(key, value, 0..=LARGEST_BODY)?,
                "reply" => wanted.reply = Some(whole(key, value, 0..=LARGEST_BODY)?),
                "share" => wanted.share = share(value)?,
                "protocol" => protocol = speech(value)?,
                _ => {
                    return Err(format!(
                        "`{key}` in `{text}` is none of times, share, stage, bytes, reply and protocol"
                    ));
                }
            }
        }
        if protocol == Protocol::Grpc
            && wanted.bytes.max(wanted.reply.unwrap_or(0)) > LARGEST_MESSAGE
        {
            return Err(format!(
                "`{text}`: bytes and reply of gRPC are at most {LARGEST_MESSAGE}"
            ));
        }
        let callee = Callee {
            name: name.to_owned(),
            address,
            protocol,
        };
        wanted.callee = match self.callees.iter().position(|known| known.name == name) {
            Some(index) if self.callees[index] == callee => index,
            Some(_) => {
                return Err(format!(
                    "`{name}` is called at two addresses or by two protocols"
                ));
            }
            None => {
                self.callees.push(callee);
                self.callees.len() - 1
            }
        };
        let behind = self
            .wanted
            .partition_point(|other| other.stage <= wanted.stage);
        self.wanted.insert(behind, wanted);
        Ok(())
    }
}

/// Whether a text may stand in a `host` header as a name.
fn is_host(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:".contains(&byte);
    !name.is_empty() && name.len() <= 255 && name.bytes().all(allowed)
}

fn whole(key: &str, text: &str, range: RangeInclusive<u64>) -> Result<u64, String> {
    match text.parse() {
        Ok(value) if range.contains(&value) => Ok(value),
        _ => Err(format!(
            "{key} `{text}` is not a whole number from {} to {}",
            range.start(),
            range.end()
        )),
    }
}

fn share(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(share) if share > 0.0 && share <= 1.0 => Ok(share),
        _ => Err(format!("share `{text}` is not in (0, 1]")),
    }
}

fn speech(text: &str) -> Result<Protocol, String> {
    match text {
        "http1" => Ok(Protocol::Http1),
        "http2" => Ok(Protocol::Http2),
        "grpc" => Ok(Protocol::Grpc),
        _ => Err(format!(
            "protocol `{text}` is none of http1, http2 and grpc"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::{Plan, Protocol};

    fn plan(texts: &[&str]) -> Result<Plan, String> {
        let mut plan = Plan::default();
        for text in texts {
            plan.add(text, |address| {
                address.parse().map_err(|_| format!("`{address}`"))
            })?;
        }
        Ok(plan)
    }

    #[test]
    fn a_call_has_defaults_and_every_key_is_read() {
        let plan = plan(&[
            "b=127.0.0.1:2,times=3,share=0.25,stage=2,bytes=128,reply=9,protocol=grpc",
            "a.mesh:80=127.0.0.1:1",
        ])
        .expect("a plan");
        let [first, second] = plan.wanted.as_slice() else {
            panic!("{plan:?}")
        };
        assert_eq!(plan.callees[first.callee].name, "a.mesh:80");
        assert_eq!(
            (
                first.times,
                first.share,
                first.stage,
                first.bytes,
                first.reply
            ),
            (1, 1.0, 0, 0, None)
        );
        assert_eq!(
            (
                second.times,
                second.share,
                second.stage,
                second.bytes,
                second.reply
            ),
            (3, 0.25, 2, 128, Some(9))
        );
        assert_eq!(plan.callees[0].protocol, Protocol::Grpc);
        assert_eq!(plan.callees[1].protocol, Protocol::Http1);
    }

    #[test]
    fn calls_are_in_the_order_of_their_stages_and_as_written_within_one() {
        let texts = ["x=1.1.1.1:1,stage=1,times=1", "x=1.1.1.1:1,times=2"];
        let more = ["x=1.1.1.1:1,stage=1,times=3", "x=1.1.1.1:1,times=4"];
        let plan = plan(&[texts, more].concat()).expect("a plan");
        let order: Vec<_> = plan.wanted.iter().map(|call| call.times).collect();
        assert_eq!((order, plan.callees.len()), (vec![2, 4, 1, 3], 1));
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_its_own_text() {
        for (text, named) in [
            ("", "NAME=IP:PORT"),
            ("127.0.0.1:1", "NAME=IP:PORT"),
            ("a b=127.0.0.1:1", "NAME=IP:PORT"),
            ("a=nowhere", "nowhere"),
            ("a=127.0.0.1:1,", "KEY=VALUE"),
            ("a=127.0.0.1:1,times=0", "times"),
            ("a=127.0.0.1:1,share=0", "share"),
            ("a=127.0.0.1:1,share=nan", "share"),
            ("a=127.0.0.1:1,stage=-1", "stage"),
            ("a=127.0.0.1:1,bytes=99999999999", "bytes"),
            ("a=127.0.0.1:1,times=1,times=1", "twice"),
            ("a=127.0.0.1:1,protocol=http3", "http3"),
            ("a=127.0.0.1:1,colour=red", "colour"),
            ("a=127.0.0.1:1,bytes=5000000,protocol=grpc", "gRPC"),
        ] {
            let message = plan(&[text]).expect_err(text);
            assert!(message.contains(named), "{text}: {message}");
        }
        for other in ["a=127.0.0.1:2", "a=127.0.0.1:1,protocol=http2"] {
            assert!(
                plan(&["a=127.0.0.1:1", other])
                    .expect_err(other)
                    .contains("two")
            );
        }
    }
}
