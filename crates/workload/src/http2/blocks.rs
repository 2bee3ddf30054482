//! Header blocks of replies, made before they are needed.

use meshperf_http2::hpack::encode_header;

use crate::grpc::Failed;
use crate::reply::has_body;

/// The blocks of a worker: nothing in them depends on a connection.
pub struct Blocks {
    /// Of each status' echo, with the length of its body.
    echoes: Vec<(Box<[u8]>, u64)>,
    /// Before the messages of a call, and after them when all went well.
    pub grpc_head: Box<[u8]>,
    pub grpc_well: Box<[u8]>,
    pub proceed: Box<[u8]>,
}

impl Blocks {
    pub fn new(response_bytes: u64, statuses: &[u16]) -> Self {
        let echo = |status: &u16| {
            let mut block = Vec::new();
            let body = head(
                &mut block,
                *status,
                "application/octet-stream",
                response_bytes,
            );
            (block.into_boxed_slice(), body)
        };
        let block = |fields: &[(&str, &str)]| {
            let mut block = Vec::new();
            for (name, value) in fields {
                encode_header(&mut block, name.as_bytes(), value.as_bytes());
            }
            block.into_boxed_slice()
        };
        Blocks {
            echoes: statuses.iter().map(echo).collect(),
            grpc_head: block(&[(":status", "200"), ("content-type", "application/grpc")]),
            grpc_well: block(&[("grpc-status", "0")]),
            proceed: block(&[(":status", "100")]),
        }
    }

    /// The block of the echo with the status at index `echo`, and the length of its body.
    pub fn echo(&self, echo: usize) -> (&[u8], u64) {
        let (block, body) = &self.echoes[echo];
        (block, *body)
    }

    /// Writes the block that ends a call badly; `whole`: it is all of the reply, and needs the head's fields too.
    pub fn failed(&self, block: &mut Vec<u8>, failed: Failed, whole: bool) {
        if whole {
            block.extend_from_slice(&self.grpc_head);
        }
        encode_header(block, b"grpc-status", failed.status.to_string().as_bytes());
        encode_header(block, b"grpc-message", failed.text.as_bytes());
    }
}

/// Writes the block of a reply with `bytes` of body, and returns how many it really has.
pub fn head(block: &mut Vec<u8>, status: u16, kind: &str, bytes: u64) -> u64 {
    encode_header(block, b":status", status.to_string().as_bytes());
    if !has_body(status) {
        return 0;
    }
    encode_header(block, b"content-type", kind.as_bytes());
    encode_header(block, b"content-length", bytes.to_string().as_bytes());
    bytes
}
