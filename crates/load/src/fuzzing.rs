//! The readers of replies, open to fuzz targets and to the tests below: what must hold for every input.
//!
//! Compiled for tests and with the feature `fuzzing` only. The functions panic when their invariant does not hold.

#[path = "../../../fuzz/cutting.rs"]
mod cutting;
#[cfg(test)]
#[path = "../../../fuzz/mutation.rs"]
mod mutation;

use std::sync::{Arc, LazyLock};

use cutting::cuts;
use meshperf_http2::{ConnectionError, PREFACE, Reader};

use crate::dialogue::{Dialogue, Ending, Malformed};
use crate::http1_response::Response;
use crate::http2::Http2;
use crate::http2_call::Call;
use crate::plan::{GrpcCall, GrpcKind, Protocol, Target};

/// Requests under way on the connection under test: streams 1, 3, 5 and 7.
const PLACES: u32 = 4;
/// Bytes of each request's body, above what a connection's first window lets through for all of them.
const BODY: usize = 20_000;

/// How the reading of one response ended.
#[derive(Debug, PartialEq, Eq)]
enum Ended {
    /// Status, and whether the connection may be used again.
    Whole(u16, bool),
    /// By the end of the connection; None: in the middle.
    Closed(Option<u16>),
    Malformed(Malformed),
}

fn read(pieces: Vec<&[u8]>, head_only: bool) -> Ended {
    let mut response = Response::new(head_only);
    response.location = Some(Vec::new());
    let mut left: usize = pieces.iter().map(|piece| piece.len()).sum();
    for piece in pieces {
        left -= piece.len();
        match response.feed(piece) {
            Err(malformed) => return Ended::Malformed(malformed),
            // Bytes that come behind a reply spend the connection whether they came with it or later.
            Ok(Some(reply)) => return Ended::Whole(reply.status, reply.keep && left == 0),
            Ok(None) => {}
        }
    }
    Ended::Closed(response.end().map(|reply| {
        assert!(!reply.keep, "a closed connection is kept");
        reply.status
    }))
}

/// One response of HTTP/1: how the bytes are cut makes no difference, and a status has three digits.
pub fn http1_response(bytes: &[u8]) {
    for head_only in [false, true] {
        let [whole, single, uneven] = cuts(bytes).map(|pieces| read(pieces, head_only));
        assert_eq!(whole, single, "byte by byte");
        assert_eq!(whole, uneven, "in uneven pieces");
        if let Ended::Whole(status, _) | Ended::Closed(Some(status)) = whole {
            assert!((100..=999).contains(&status), "{status}");
        }
    }
}

/// What is asked for, of HTTP/2 and of gRPC: made once, because making it costs more than most inputs.
static CALLS: LazyLock<[Arc<Call>; 2]> =
    LazyLock::new(|| [false, true].map(|grpc| Arc::new(call(grpc))));

fn call(grpc: bool) -> Call {
    let mut target = Target::new(([127, 0, 0, 1], 1).into());
    target.method = "POST".to_owned();
    target.follow_redirects = true;
    target.protocol = if grpc {
        Protocol::Grpc
    } else {
        Protocol::Http2
    };
    target.body = "x".repeat(BODY);
    target.grpc = grpc.then(|| GrpcCall {
        kind: GrpcKind::Bidi,
        messages: vec!["x".repeat(BODY)],
    });
    Call::new(&target)
}

/// What a connection made of the bytes: how each request ended, in order, and in what state it is left.
#[derive(Debug, PartialEq, Eq)]
struct Heard {
    answers: Vec<(u32, String, u64)>,
    failure: Option<String>,
    room: Option<u32>,
    closing: bool,
}

fn hear(pieces: Vec<&[u8]>, grpc: bool) -> Heard {
    let mut dialogue = Http2::new(CALLS[usize::from(grpc)].clone(), PLACES);
    let (mut out, mut answers) = (Vec::new(), Vec::new());
    dialogue.open(&mut out);
    for place in 0..PLACES {
        dialogue.begin(place, &mut out);
    }
    let mut said = Reader::default();
    let mut listen = |out: &mut Vec<u8>, skip: usize| {
        let mut sink = |_: meshperf_http2::Event<'_>| Ok::<(), ConnectionError>(());
        let heard = said.feed(&out[skip..], &mut sink);
        assert_eq!(heard, Ok(()), "what is said to the server is not HTTP/2");
        assert!(said.is_between_frames(), "a frame is not whole");
        out.clear();
    };
    listen(&mut out, PREFACE.len());
    let mut failure = None;
    for piece in pieces {
        let result = dialogue.feed(piece, &mut out, &mut answers);
        let bodies = PLACES as usize * (BODY + 1000);
        assert!(
            out.len() <= 2 * piece.len() + 100 + bodies,
            "{} bytes said",
            out.len()
        );
        listen(&mut out, 0);
        if let Err(error) = result {
            failure = Some(format!("{} {}", error.reason.word(), error.text));
            break;
        }
    }
    for (number, answer) in answers.iter().enumerate() {
        assert!(answer.place < PLACES);
        let before = &answers[..number];
        assert!(
            before.iter().all(|other| other.place != answer.place),
            "ended twice"
        );
        if let Ending::Reply(reply) | Ending::Redirect(reply, _) = &answer.ending {
            assert!(
                (200..=999).contains(&reply.status),
                "status {}",
                reply.status
            );
            assert_eq!(reply.grpc.is_some(), grpc);
        }
    }
    let told = |answer: crate::dialogue::Answer| {
        (
            answer.place,
            format!("{:?}", answer.ending),
            answer.bytes_in,
        )
    };
    Heard {
        answers: answers.into_iter().map(told).collect(),
        failure,
        room: dialogue.room(),
        closing: dialogue.closing(),
    }
}

/// Replies on one HTTP/2 connection with four requests under way: how the bytes are cut makes no difference, no request
/// ends twice, a status has three digits and is final, and what is said back is HTTP/2 and no flood.
pub fn http2_client(bytes: &[u8]) {
    for grpc in [false, true] {
        let [whole, single, uneven] = cuts(bytes).map(|pieces| hear(pieces, grpc));
        assert_eq!(whole, single, "byte by byte");
        assert_eq!(whole, uneven, "in uneven pieces");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{http1_response, http2_client, mutation};

    fn replay(target: &str, check: fn(&[u8])) {
        for (path, bytes) in mutation::seeds(target) {
            eprintln!("{}", path.display());
            check(&bytes);
        }
    }

    #[test]
    fn the_seeds_keep_the_invariants() {
        replay("http1_response", http1_response);
        replay("http2_client", http2_client);
    }

    proptest! {
        // What fails is kept as a seed in the corpus, not in a file of proptest's own.
        #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn variants_of_responses_are_read_alike_however_they_are_cut(
            bytes in mutation::variants("http1_response"),
        ) {
            http1_response(&bytes);
        }

        #[test]
        fn variants_of_replies_on_streams_are_heard_alike_however_they_are_cut(
            bytes in mutation::variants("http2_client"),
        ) {
            http2_client(&bytes);
        }
    }
}
