//! The seed corpus, and variants of it, for the tests that need no fuzzer: the toolchain of every day, and seconds.

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use proptest::sample::Index;

/// The seeds of one fuzz target, sorted by name.
pub fn seeds(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fuzz/corpus")
        .join(target);
    let entries =
        fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut found: Vec<_> = entries
        .map(|entry| {
            let path = entry.expect("an entry of the corpus").path();
            let bytes = fs::read(&path).expect("a seed");
            (path, bytes)
        })
        .collect();
    found.sort();
    assert!(!found.is_empty(), "{} has no seeds", folder.display());
    found
}

/// One change to a seed.
#[derive(Debug, Clone)]
enum Change {
    Replace(Index, u8),
    Flip(Index, u8),
    Insert(Index, Vec<u8>),
    Remove(Index, usize),
    Cut(Index),
    /// Some bytes of it once more, many times over.
    Repeat(Index, usize, usize),
    /// Another seed behind it.
    Append(Index),
}

fn change() -> impl Strategy<Value = Change> {
    let at = any::<Index>;
    let byte = prop_oneof![
        any::<u8>(),
        Just(0),
        Just(0xff),
        Just(b'\n'),
        Just(b'\r'),
        Just(b'0')
    ];
    prop_oneof![
        (at(), byte).prop_map(|(at, byte)| Change::Replace(at, byte)),
        (at(), 0..8u8).prop_map(|(at, bit)| Change::Flip(at, bit)),
        (at(), prop::collection::vec(any::<u8>(), 1..20))
            .prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        (at(), 1..20usize).prop_map(|(at, length)| Change::Remove(at, length)),
        at().prop_map(Change::Cut),
        (at(), 1..40usize, 2..200usize)
            .prop_map(|(at, length, times)| Change::Repeat(at, length, times)),
        at().prop_map(Change::Append),
    ]
}

fn apply(mut bytes: Vec<u8>, change: &Change, all: &[Vec<u8>]) -> Vec<u8> {
    let place = |at: &Index, bytes: &[u8]| at.index(bytes.len() + 1).min(bytes.len());
    match change {
        Change::Replace(..) | Change::Flip(..) if bytes.is_empty() => {}
        Change::Replace(at, byte) => {
            let at = at.index(bytes.len());
            bytes[at] = *byte;
        }
        Change::Flip(at, bit) => {
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
        }
        Change::Insert(at, piece) => {
            let at = place(at, &bytes);
            bytes.splice(at..at, piece.iter().copied());
        }
        Change::Remove(at, length) => {
            let at = place(at, &bytes);
            bytes.drain(at..bytes.len().min(at + length));
        }
        Change::Cut(at) => bytes.truncate(place(at, &bytes)),
        Change::Repeat(at, length, times) => {
            let at = place(at, &bytes);
            let piece = bytes[at..bytes.len().min(at + length)].repeat(*times);
            bytes.splice(at..at, piece);
        }
        Change::Append(which) => bytes.extend_from_slice(&all[which.index(all.len())]),
    }
    bytes
}

/// Seeds of the target with one to six changes each.
pub fn variants(target: &str) -> impl Strategy<Value = Vec<u8>> + use<> {
    let all: Vec<Vec<u8>> = seeds(target).into_iter().map(|(_, bytes)| bytes).collect();
    let first = prop::sample::select(all.clone());
    (first, prop::collection::vec(change(), 1..=6)).prop_map(move |(seed, changes)| {
        changes
            .iter()
            .fold(seed, |bytes, change| apply(bytes, change, &all))
    })
}
