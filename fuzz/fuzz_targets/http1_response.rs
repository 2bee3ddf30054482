//! What a server sends in reply to an HTTP/1 request.

#![no_main]

use meshperf_load::fuzzing;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzzing::http1_response(bytes));
