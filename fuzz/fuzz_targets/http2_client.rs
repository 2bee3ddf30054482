//! What a server sends on an HTTP/2 connection with four requests under way.

#![no_main]

use meshperf_load::fuzzing;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzzing::http2_client(bytes));
