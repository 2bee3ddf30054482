//! What a server sends on an HTTP/2 connection.

#![no_main]

#[path = "../../crates/http2/tests/invariants/mod.rs"]
#[allow(dead_code)]
mod invariants;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| invariants::http2_reader(bytes));
