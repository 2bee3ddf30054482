//! Header blocks of HTTP/2, each behind its length in two bytes.

#![no_main]

#[path = "../../crates/http2/tests/invariants/mod.rs"]
#[allow(dead_code)]
mod invariants;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| invariants::hpack(bytes));
