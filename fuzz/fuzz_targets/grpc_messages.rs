//! DATA of a gRPC stream.

#![no_main]

#[path = "../../crates/http2/tests/invariants/mod.rs"]
#[allow(dead_code)]
mod invariants;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| invariants::grpc_messages(bytes));
