//! The fuzz targets' seeds and some thousand variants of them, without a fuzzer.

#[allow(dead_code)]
mod invariants;
#[path = "../../../fuzz/mutation.rs"]
mod mutation;

use proptest::prelude::*;

fn config() -> ProptestConfig {
    // What fails is kept as a seed in the corpus, not in a file of proptest's own.
    ProptestConfig {
        cases: 2000,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

fn replay(target: &str, check: fn(&[u8])) {
    for (path, bytes) in mutation::seeds(target) {
        eprintln!("{}", path.display());
        check(&bytes);
    }
}

#[test]
fn the_seeds_of_every_reader_keep_its_invariants() {
    replay("http2_reader", invariants::http2_reader);
    replay("hpack", invariants::hpack);
    replay("grpc_messages", invariants::grpc_messages);
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn variants_of_frames_are_read_alike_however_they_are_cut(bytes in mutation::variants("http2_reader")) {
        invariants::http2_reader(&bytes);
    }

    #[test]
    fn variants_of_header_blocks_stay_within_bounds(bytes in mutation::variants("hpack")) {
        invariants::hpack(&bytes);
    }

    #[test]
    fn variants_of_messages_are_read_alike_however_they_are_cut(bytes in mutation::variants("grpc_messages")) {
        invariants::grpc_messages(&bytes);
    }
}
