//! What comes out of which bytes.

use proptest::prelude::*;

use super::{MAX_HEADER_BLOCK, Reader};
use crate::frame::{
    HEAD, Head, flag, kind, setting, write_data, write_goaway, write_headers, write_ping,
    write_rst_stream, write_settings, write_settings_ack, write_window_update,
};
use crate::{ConnectionError, Event};

/// Events that can be kept; pieces of DATA put together.
#[derive(Debug, PartialEq, Clone)]
enum Seen {
    Data {
        stream: u32,
        bytes: Vec<u8>,
        flow: u32,
        last: bool,
        end: bool,
    },
    Headers(u32, Vec<u8>, bool),
    Settings(Vec<(u16, u32)>),
    Other(String),
}

fn read(reader: &mut Reader, bytes: &[u8], seen: &mut Vec<Seen>) -> Result<(), ConnectionError> {
    reader.feed(bytes, &mut |event| {
        let kept = match event {
            Event::Data {
                stream,
                bytes,
                flow,
                last,
                end_stream,
            } => {
                if flow == 0
                    && let Some(Seen::Data {
                        bytes: before,
                        last: done @ false,
                        end,
                        ..
                    }) = seen.last_mut()
                {
                    before.extend_from_slice(bytes);
                    (*done, *end) = (last, end_stream);
                    return Ok(());
                }
                Seen::Data {
                    stream,
                    bytes: bytes.to_vec(),
                    flow,
                    last,
                    end: end_stream,
                }
            }
            Event::Headers {
                stream,
                block,
                end_stream,
            } => Seen::Headers(stream, block.to_vec(), end_stream),
            Event::Settings(settings) => Seen::Settings(settings.iter().collect()),
            other => Seen::Other(format!("{other:?}")),
        };
        seen.push(kept);
        Ok(())
    })
}

fn after_settings(bytes: &[u8]) -> Result<Vec<Seen>, ConnectionError> {
    let mut all = Vec::new();
    write_settings(&mut all, &[]);
    all.extend_from_slice(bytes);
    let mut seen = Vec::new();
    read(&mut Reader::default(), &all, &mut seen)?;
    seen.remove(0);
    Ok(seen)
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

#[test]
fn frames_come_out_as_they_went_in() {
    let mut bytes = Vec::new();
    write_settings(&mut bytes, &[(setting::MAX_FRAME_SIZE, 20_000), (99, 7)]);
    write_settings_ack(&mut bytes);
    write_headers(&mut bytes, 1, b"block", false, 2);
    write_data(&mut bytes, 1, b"hello", true);
    write_ping(&mut bytes, true, *b"12345678");
    write_window_update(&mut bytes, 0, 5);
    write_rst_stream(&mut bytes, 3, 8);
    write_goaway(&mut bytes, 3, 11, "enough");
    let mut seen = Vec::new();
    let mut reader = Reader::default();
    read(&mut reader, &bytes, &mut seen).expect("frames");
    assert!(reader.is_between_frames());
    let data = Seen::Data {
        stream: 1,
        bytes: b"hello".to_vec(),
        flow: 5,
        last: true,
        end: true,
    };
    let other = |event: Event<'_>| Seen::Other(format!("{event:?}"));
    assert_eq!(
        seen,
        [
            Seen::Settings(vec![(5, 20_000), (99, 7)]),
            other(Event::SettingsAck),
            Seen::Headers(1, b"block".to_vec(), false),
            data,
            other(Event::Ping {
                ack: true,
                data: *b"12345678"
            }),
            other(Event::WindowUpdate {
                stream: 0,
                increment: 5
            }),
            other(Event::Reset { stream: 3, code: 8 }),
            other(Event::GoAway {
                last_stream: 3,
                code: 11
            }),
        ]
    );
}

#[test]
fn padding_and_priority_are_stripped_and_padding_counts_for_the_window() {
    let data = frame(
        kind::DATA,
        flag::PADDED | flag::END_STREAM,
        1,
        b"\x03hello\0\0\0",
    );
    let expected = Seen::Data {
        stream: 1,
        bytes: b"hello".to_vec(),
        flow: 9,
        last: true,
        end: true,
    };
    assert_eq!(after_settings(&data), Ok(vec![expected]));
    let flags = flag::PADDED | flag::PRIORITY | flag::END_HEADERS;
    let headers = frame(kind::HEADERS, flags, 1, b"\x02\0\0\0\0\x10block\0\0");
    assert_eq!(
        after_settings(&headers),
        Ok(vec![Seen::Headers(1, b"block".to_vec(), false)])
    );
    let empty = frame(kind::DATA, flag::PADDED, 1, b"\x01\0");
    let expected = Seen::Data {
        stream: 1,
        bytes: vec![],
        flow: 2,
        last: true,
        end: false,
    };
    assert_eq!(after_settings(&empty), Ok(vec![expected]));
}

#[test]
fn unknown_kinds_and_priority_are_skipped() {
    let bytes = [
        frame(99, 0xff, 7, b"whatever"),
        frame(kind::PRIORITY, 0, 1, b"12345"),
        frame(99, 0, 0, b""),
    ]
    .concat();
    assert_eq!(after_settings(&bytes), Ok(vec![]));
}

#[test]
fn violations_are_named() {
    use ConnectionError as Wrong;
    let cases: Vec<(Vec<u8>, Wrong)> = vec![
        (frame(kind::DATA, 0, 0, b""), Wrong::StreamMissing),
        (frame(kind::SETTINGS, 0, 1, b""), Wrong::StreamUnexpected),
        (frame(kind::PING, 0, 0, b"1234567"), Wrong::FrameLength),
        (
            frame(kind::SETTINGS, flag::ACK, 0, b"123456"),
            Wrong::FrameLength,
        ),
        (
            frame(kind::WINDOW_UPDATE, 0, 1, &[0x80, 0, 0, 0]),
            Wrong::EmptyIncrement,
        ),
        (frame(kind::PUSH_PROMISE, 0, 1, b"1234"), Wrong::Push),
        (
            frame(kind::CONTINUATION, 0, 1, b""),
            Wrong::StrayContinuation,
        ),
        (frame(kind::DATA, flag::PADDED, 1, b""), Wrong::FrameLength),
        (
            frame(kind::DATA, flag::PADDED, 1, b"\x05abcd"),
            Wrong::Padding,
        ),
        (
            frame(kind::HEADERS, flag::PADDED, 1, b"\x05abcd"),
            Wrong::Padding,
        ),
        (
            frame(kind::HEADERS, flag::PRIORITY, 1, b"abcd"),
            Wrong::FrameLength,
        ),
        (
            frame(kind::SETTINGS, 0, 0, &[0, 4, 0x80, 0, 0, 0]),
            Wrong::InitialWindow,
        ),
        (
            frame(kind::SETTINGS, 0, 0, &[0, 5, 0, 0, 0, 1]),
            Wrong::SettingValue,
        ),
        (
            frame(kind::SETTINGS, 0, 0, &[0, 2, 0, 0, 0, 2]),
            Wrong::SettingValue,
        ),
        (
            frame(kind::DATA, 0, 1, &vec![0; 16_385]),
            Wrong::FrameTooLarge,
        ),
        (
            [frame(kind::HEADERS, 0, 1, b"a"), frame(99, 0, 1, b"")].concat(),
            Wrong::BlockInterrupted,
        ),
        (
            [
                frame(kind::HEADERS, 0, 1, b"a"),
                frame(kind::CONTINUATION, 0, 3, b""),
            ]
            .concat(),
            Wrong::BlockInterrupted,
        ),
    ];
    for (bytes, expected) in cases {
        assert_eq!(after_settings(&bytes), Err(expected));
    }
    let mut seen = Vec::new();
    for first in [
        frame(kind::PING, 0, 0, b"12345678"),
        frame(kind::SETTINGS, flag::ACK, 0, b""),
    ] {
        assert_eq!(
            read(&mut Reader::default(), &first, &mut seen),
            Err(Wrong::NoSettings)
        );
    }
}

#[test]
fn a_header_block_ends_at_its_limit_and_so_do_empty_continuations() {
    let mut bytes = Vec::new();
    write_headers(&mut bytes, 1, &[b'x'; 60_000], true, 16_384);
    assert_eq!(
        after_settings(&bytes),
        Ok(vec![Seen::Headers(1, vec![b'x'; 60_000], true)])
    );
    bytes.clear();
    write_headers(&mut bytes, 1, &[b'x'; MAX_HEADER_BLOCK + 1], true, 16_384);
    assert_eq!(after_settings(&bytes), Err(ConnectionError::BlockTooLarge));
    let mut flood = frame(kind::HEADERS, 0, 1, b"");
    for _ in 0..MAX_HEADER_BLOCK / HEAD + 2 {
        flood.extend_from_slice(&frame(kind::CONTINUATION, 0, 1, b""));
    }
    assert_eq!(after_settings(&flood), Err(ConnectionError::BlockTooLarge));
}

#[test]
fn an_error_of_the_sink_comes_out() {
    let mut bytes = Vec::new();
    write_settings(&mut bytes, &[]);
    let result = Reader::default().feed(&bytes, &mut |_| Err(ConnectionError::FlowControl));
    assert_eq!(result, Err(ConnectionError::FlowControl));
}

fn any_frame() -> impl Strategy<Value = Vec<u8>> {
    let payload = || prop::collection::vec(any::<u8>(), 0..40);
    prop_oneof![
        (1_u32..9, payload(), any::<bool>()).prop_map(|(stream, bytes, end)| {
            let mut out = Vec::new();
            write_data(&mut out, stream, &bytes, end);
            out
        }),
        (1_u32..9, payload(), 0_u8..20).prop_map(|(stream, bytes, padding)| {
            let padded = [&[padding][..], &bytes, &vec![0; padding.into()]].concat();
            frame(kind::DATA, flag::PADDED, stream, &padded)
        }),
        (1_u32..9, payload(), any::<bool>(), 1_u32..20).prop_map(|(stream, block, end, most)| {
            let mut out = Vec::new();
            write_headers(&mut out, stream, &block, end, most);
            out
        }),
        any::<[u8; 8]>().prop_map(|data| frame(kind::PING, 0, 0, &data)),
        (0_u32..9, 1_u32..1 << 31).prop_map(|(stream, by)| frame(
            kind::WINDOW_UPDATE,
            0,
            stream,
            &by.to_be_bytes()
        )),
        (10_u8.., any::<u8>(), payload())
            .prop_map(|(kind, flags, bytes)| frame(kind, flags, 1, &bytes)),
        Just(frame(kind::SETTINGS, 0, 0, &[0, 4, 0, 1, 0, 0])),
    ]
}

proptest! {
    #[test]
    fn events_do_not_depend_on_how_the_bytes_were_cut(
        frames in prop::collection::vec(any_frame(), 0..12),
        cuts in prop::collection::vec(1_usize..30, 1..10),
    ) {
        let mut bytes = frame(kind::SETTINGS, 0, 0, b"");
        bytes.extend(frames.concat());
        let mut whole = Vec::new();
        let mut reader = Reader::default();
        read(&mut reader, &bytes, &mut whole).expect("frames");
        prop_assert!(reader.is_between_frames());
        let (mut pieces, mut rest, mut reader) = (Vec::new(), &bytes[..], Reader::default());
        for size in cuts.iter().cycle() {
            let (piece, after) = rest.split_at(rest.len().min(*size));
            read(&mut reader, piece, &mut pieces).expect("frames");
            rest = after;
            if rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!(pieces, whole);
    }

    #[test]
    fn no_bytes_make_it_panic(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..6)) {
        let mut reader = Reader::default();
        let mut seen = Vec::new();
        read(&mut reader, &frame(kind::SETTINGS, 0, 0, b""), &mut seen).expect("settings");
        for piece in pieces {
            if read(&mut reader, &piece, &mut seen).is_err() {
                break;
            }
        }
    }

    #[test]
    fn no_frames_make_it_panic(
        frames in prop::collection::vec((0_u8..12, any::<u8>(), 0_u32..4, prop::collection::vec(any::<u8>(), 0..20)), 0..9),
    ) {
        let mut reader = Reader::default();
        let mut seen = Vec::new();
        read(&mut reader, &frame(kind::SETTINGS, 0, 0, b""), &mut seen).expect("settings");
        for (kind, flags, stream, payload) in frames {
            if read(&mut reader, &frame(kind, flags, stream, &payload), &mut seen).is_err() {
                break;
            }
        }
    }

    #[test]
    fn a_head_comes_out_as_it_went_in(length in 0_u32..1 << 24, kind: u8, flags: u8, stream in 0_u32..1 << 31) {
        let head = Head { length, kind, flags, stream };
        prop_assert_eq!(Head::parse(&head.encode()), head);
    }
}
