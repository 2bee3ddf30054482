//! How bytes may arrive: a reader must make the same of them however they were cut.

/// Ways to cut `bytes`: not at all, after every byte, and at places that depend on the bytes alone.
pub fn cuts(bytes: &[u8]) -> [Vec<&[u8]>; 3] {
    // FNV-1a, so that a found input always fails the same way.
    let mut state = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mut uneven = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        // Mostly a few bytes, sometimes hundreds.
        let most = if state >> 61 == 0 { 1000 } else { 20 };
        let (piece, after) = rest.split_at(rest.len().min(1 + (state >> 33) as usize % most));
        uneven.push(piece);
        rest = after;
    }
    // A byte at a time is slow on what is long, and tells nothing more there.
    let single = bytes.chunks(if bytes.len() > 100_000 { 997 } else { 1 });
    [vec![bytes], single.collect(), uneven]
}
