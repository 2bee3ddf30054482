//! A client that makes mistakes costs its own streams or its own connection, and is answered in well-formed frames.

use meshperf_http2::frame::{
    Head, kind, setting, write_data, write_ping, write_rst_stream, write_settings,
    write_window_update,
};
use meshperf_http2::grpc::write_message;

use crate::http2_bench::{Bench, Got, call, get};
use crate::random::Random;

/// Frames as a careless client might send them: mostly right, sometimes not.
fn careless(random: &mut Random, next: &mut u32) -> Vec<u8> {
    let mut pick = |n: u32| (random.uniform() * f64::from(n)) as u32;
    let mut out = Vec::new();
    let old = 2 * pick(*next / 2) + 1;
    match pick(12) {
        0 => {
            out = get(
                *next,
                ["/", "/?bytes=70000", "/?bytes=x", "/whoami"][pick(4) as usize],
            )
        }
        1 | 2 => {
            out = call(
                *next,
                ["Unary", "Bidi", "ServerStream", "None"][pick(4) as usize],
                pick(4) == 0,
            )
        }
        3..=5 => {
            let mut messages = Vec::new();
            for _ in 0..pick(4) {
                let size = pick(60) as u8;
                write_message(
                    &mut messages,
                    &[&[0x0a, size][..], &vec![b'x'; size.into()]].concat(),
                );
            }
            messages.truncate(messages.len() - pick(3) as usize % messages.len().max(1));
            write_data(&mut out, old, &messages, pick(3) == 0);
        }
        6 => write_window_update(&mut out, old * pick(2), 1 + pick(100_000)),
        7 => write_rst_stream(&mut out, old, pick(14)),
        8 => write_settings(&mut out, &[(setting::INITIAL_WINDOW_SIZE, pick(100_000))]),
        9 => write_ping(&mut out, false, [9; 8]),
        10 => out = get(old, "/"),
        _ if pick(8) == 0 => {
            let payload: Vec<u8> = (0..pick(12)).map(|_| pick(256) as u8).collect();
            let (kind, flags) = (pick(11) as u8, pick(256) as u8);
            let length = payload.len() as u32;
            out.extend_from_slice(
                &Head {
                    length,
                    kind,
                    flags,
                    stream: old,
                }
                .encode(),
            );
            out.extend_from_slice(&payload);
        }
        _ => out = get(*next, "/"),
    }
    *next += 2 * u32::from(out.get(3) == Some(&kind::HEADERS));
    out
}

#[test]
fn whatever_frames_come_what_goes_back_is_well_formed() {
    let mut broken = 0;
    for seed in 0..400 {
        let mut random = Random::new(seed, 0);
        let mut bench = Bench::new(
            "--response-bytes 3000 --status 503:0.2 --max-streams 9",
            &[],
        );
        bench.exchange(&get(1, "/"));
        let mut next = 3;
        for _ in 0..60 {
            // The bench reads every frame and fails on one that is wrong.
            let seen = bench.exchange(&careless(&mut random, &mut next));
            if seen.iter().any(|got| matches!(got, Got::GoAway(..))) {
                broken += 1;
                break;
            }
        }
    }
    assert!(
        (40..360).contains(&broken),
        "{broken} of 400 ended in GOAWAY"
    );
}
