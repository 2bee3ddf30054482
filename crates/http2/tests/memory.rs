//! What a hostile peer can make a reader keep is bounded, whatever it sends and for how long.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use meshperf_http2::frame::{Head, flag, kind, write_settings};
use meshperf_http2::{ConnectionError, Event, Reader, hpack};

thread_local! {
    static HELD: Cell<(isize, isize)> = const { Cell::new((0, 0)) };
}

struct Counting;

impl Counting {
    fn note(change: isize) {
        HELD.with(|held| {
            let (now, most) = held.get();
            held.set((now + change, most.max(now + change)));
        });
    }
}

// SAFETY: everything is handed on to the system's allocator; counting touches a thread-local without a destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Self::note(layout.size() as isize);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        Self::note(-(layout.size() as isize));
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// The most that `work` held at one time beyond what was held before (bytes).
fn most_held(work: impl FnOnce()) -> isize {
    let before = HELD.with(|held| {
        let (now, _) = held.get();
        held.set((now, now));
        now
    });
    work();
    HELD.with(Cell::get).1 - before
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let head = Head {
        length: payload.len() as u32,
        kind,
        flags,
        stream,
    };
    [&head.encode()[..], payload].concat()
}

/// Feeds the settings, then `bytes` again and again in pieces, until an error or 64 MiB.
fn flood(bytes: &[u8]) -> Option<ConnectionError> {
    let mut reader = Reader::default();
    let mut settings = Vec::new();
    write_settings(&mut settings, &[]);
    let mut sink = |_: Event<'_>| Ok::<(), ConnectionError>(());
    reader.feed(&settings, &mut sink).expect("settings");
    let mut fed = 0;
    while fed < 64 << 20 {
        for piece in bytes.chunks(1000) {
            if let Err(error) = reader.feed(piece, &mut sink) {
                return Some(error);
            }
        }
        fed += bytes.len();
    }
    None
}

#[test]
fn a_reader_holds_one_header_block_and_one_small_frame_at_most() {
    assert!(
        most_held(|| drop(Vec::<u8>::with_capacity(70_000))) >= 70_000,
        "the counter counts"
    );
    let begun = [
        frame(kind::HEADERS, 0, 1, b"\x88"),
        frame(kind::CONTINUATION, 0, 1, &[0; 16_000]),
    ]
    .concat();
    let empty = [
        frame(kind::HEADERS, 0, 1, b""),
        frame(kind::CONTINUATION, 0, 1, b"").repeat(8000),
    ]
    .concat();
    let large = frame(kind::DATA, 0, 1, &[7; 16_384]);
    let pings = frame(kind::PING, 0, 0, &[7; 8]);
    let goaway = frame(kind::GOAWAY, 0, 0, &[7; 16_384]);
    let unknown = frame(99, 0xff, 0, &[7; 16_384]);
    let blocks = frame(kind::HEADERS, flag::END_HEADERS, 1, &[0x88; 16_384]);
    let continued = [
        begun.clone(),
        frame(kind::CONTINUATION, 0, 1, &[0; 16_000]).repeat(9),
    ]
    .concat();
    for (bytes, ends) in [
        (continued, Some(ConnectionError::BlockTooLarge)),
        (empty, Some(ConnectionError::BlockTooLarge)),
        (begun, Some(ConnectionError::BlockInterrupted)),
        (large, None),
        (pings, None),
        (goaway, None),
        (unknown, None),
        (blocks, None),
    ] {
        let mut ended = None;
        let held = most_held(|| ended = flood(&bytes));
        assert_eq!(ended, ends, "frame of kind {}", bytes[3]);
        // A vector that grows to N may hold up to 2 N, and the old half while it moves.
        assert!(
            held <= 3 * (65_536 + 16_384),
            "{held} bytes held, kind {}",
            bytes[3]
        );
    }
}

#[test]
fn a_decoder_holds_one_table_and_two_strings_at_most() {
    let long = [
        &[0x40, 0x7f, 0x80, 0x7f][..],
        &[b'n'; 16_383 - 128],
        &[0x00],
    ]
    .concat();
    let held = most_held(|| {
        let mut decoder = hpack::Decoder::new(hpack::DEFAULT_TABLE_SIZE);
        for number in 0..20_000_u32 {
            let value = number.to_be_bytes();
            let entry = [&[0x40, 1, b'n', 4][..], &value, &[0xbe]].concat();
            decoder.decode(&entry, &mut |_, _| {}).expect("a block");
        }
        // Whatever it says, it is no longer than its block.
        let _ = decoder.decode(&long, &mut |_, _| {});
    });
    // Entries of a few bytes cost their 32 and a place in the list: more than the 4096 that HPACK counts.
    assert!(held <= 64 * 1024, "{held} bytes held");
}
