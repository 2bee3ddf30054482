//! What must hold for every input, whatever it is: one function for each reader.
//!
//! The fuzz targets and the tests call the same functions, so that an input which a fuzzer finds can be put into the
//! corpus and is tried from then on by everybody. Each function panics when its invariant does not hold.

use meshperf_http2::grpc::{MessageError, MessageReader, Part, parse_status};
use meshperf_http2::{ConnectionError, Event, Reader, hpack};

#[path = "../../../../fuzz/cutting.rs"]
mod cutting;

use cutting::cuts;

/// The longest message that the reader under test takes (bytes).
const LONGEST_MESSAGE: u32 = 1 << 20;
/// The most that one header block may decode to, and what may go beyond it: one field as long as a block with its
/// Huffman code (at least 5 bits a byte).
const MOST_DECODED: usize = 256 * 1024;

/// An event that can be kept, with the pieces of a DATA frame put together.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Data {
        stream: u32,
        bytes: Vec<u8>,
        flow: u32,
        last: bool,
        end_stream: bool,
    },
    Headers {
        stream: u32,
        block: Vec<u8>,
        end_stream: bool,
    },
    Settings(Vec<(u16, u32)>),
    Other(String),
}

fn keep(seen: &mut Vec<Seen>, event: Event<'_>) {
    match event {
        Event::Data {
            stream,
            bytes,
            flow,
            last,
            end_stream,
        } => {
            assert!(!end_stream || last, "a stream ends inside a frame");
            if let Some(Seen::Data {
                stream: same,
                bytes: before,
                last: done @ false,
                end_stream: end,
                ..
            }) = seen.last_mut()
            {
                assert_eq!((*same, 0), (stream, flow), "a frame began inside another");
                before.extend_from_slice(bytes);
                (*done, *end) = (last, end_stream);
                return;
            }
            seen.push(Seen::Data {
                stream,
                bytes: bytes.to_vec(),
                flow,
                last,
                end_stream,
            });
        }
        Event::Headers {
            stream,
            block,
            end_stream,
        } => {
            assert!(
                block.len() <= meshperf_http2::MAX_HEADER_BLOCK,
                "a header block above its limit"
            );
            assert_ne!(stream, 0);
            seen.push(Seen::Headers {
                stream,
                block: block.to_vec(),
                end_stream,
            });
        }
        Event::Settings(settings) => seen.push(Seen::Settings(settings.iter().collect())),
        Event::WindowUpdate { increment: 0, .. } => panic!("a window was opened by nothing"),
        other => seen.push(Seen::Other(format!("{other:?}"))),
    }
}

/// Frames: how the bytes are cut makes no difference to the events, the error, or whether a frame is cut at the end.
pub fn http2_reader(bytes: &[u8]) {
    let read = |pieces: Vec<&[u8]>| {
        let mut reader = Reader::default();
        let mut seen = Vec::new();
        let result: Result<(), ConnectionError> = pieces.into_iter().try_for_each(|piece| {
            reader.feed(piece, &mut |event| {
                keep(&mut seen, event);
                Ok(())
            })
        });
        let between = result.is_ok().then(|| reader.is_between_frames());
        // Of a frame that is cut at the end, whatever came is a piece or none: an empty one says nothing.
        if let Some(Seen::Data {
            bytes, last: false, ..
        }) = seen.last()
            && bytes.is_empty()
        {
            seen.pop();
        }
        (seen, result, between)
    };
    let [whole, single, uneven] = cuts(bytes).map(read);
    assert_eq!(whole, single, "byte by byte");
    assert_eq!(whole, uneven, "in uneven pieces");
    let (seen, ..) = whole;
    let data: usize = seen
        .iter()
        .map(|event| {
            if let Seen::Data { bytes, .. } = event {
                bytes.len()
            } else {
                0
            }
        })
        .sum();
    assert!(data <= bytes.len(), "more DATA came out than went in");
    // Whatever the blocks hold, a connection goes on to decode them in their order.
    let mut decoder = hpack::Decoder::new(hpack::DEFAULT_TABLE_SIZE);
    for event in &seen {
        if let Seen::Headers { block, .. } = event
            && fields(&mut decoder, block).is_err()
        {
            return;
        }
    }
}

type Field = (Vec<u8>, Vec<u8>);

fn fields(decoder: &mut hpack::Decoder, block: &[u8]) -> Result<Vec<Field>, ConnectionError> {
    let (mut fields, mut decoded, mut longest) = (Vec::new(), 0, 0);
    let result = decoder.decode(block, &mut |name, value| {
        let length = name.len() + value.len();
        decoded += length;
        longest = longest.max(length);
        fields.push((name.to_vec(), value.to_vec()));
    });
    assert!(
        decoded <= MOST_DECODED + longest,
        "{decoded} bytes came out of a block of {}",
        block.len()
    );
    assert!(
        longest <= hpack::DEFAULT_TABLE_SIZE.max(2 * block.len()),
        "a field of {longest} bytes"
    );
    result.map(|()| fields)
}

/// Header blocks, each behind its length in two bytes: what was decoded can be written and decoded again.
pub fn hpack(bytes: &[u8]) {
    for limit in [hpack::DEFAULT_TABLE_SIZE, 0] {
        let mut decoder = hpack::Decoder::new(limit);
        let mut rest = bytes;
        while let Some((length, after)) = rest.split_first_chunk::<2>() {
            let length = usize::from(u16::from_be_bytes(*length)).min(after.len());
            let (block, after) = after.split_at(length);
            rest = after;
            let Ok(decoded) = fields(&mut decoder, block) else {
                break;
            };
            let mut written = Vec::new();
            for (name, value) in &decoded {
                hpack::encode_header(&mut written, name, value);
            }
            let again = fields(&mut hpack::Decoder::new(0), &written);
            assert_eq!(again, Ok(decoded), "written and decoded again");
        }
    }
}

/// Messages of gRPC: how the bytes are cut makes no difference, and no message is longer than allowed.
pub fn grpc_messages(bytes: &[u8]) {
    let read = |pieces: Vec<&[u8]>| {
        let mut reader = MessageReader::new(LONGEST_MESSAGE);
        let (mut whole, mut open) = (Vec::new(), Vec::new());
        let result: Result<(), MessageError> = pieces.into_iter().try_for_each(|piece| {
            reader.feed(piece, &mut |part| match part {
                Part::Bytes(part) => {
                    assert!(!part.is_empty());
                    open.extend_from_slice(part);
                }
                Part::End(length) => {
                    assert!(length <= LONGEST_MESSAGE);
                    assert_eq!(open.len(), length as usize);
                    whole.push(std::mem::take(&mut open));
                }
            })
        });
        let finished = result.is_ok().then(|| reader.finish());
        (whole, open, result, finished)
    };
    let [whole, single, uneven] = cuts(bytes).map(read);
    assert_eq!(whole, single, "byte by byte");
    assert_eq!(whole, uneven, "in uneven pieces");
    if whole.2.is_ok() {
        let counted = MessageReader::new(LONGEST_MESSAGE).count(bytes);
        assert_eq!(counted, Ok(whole.0.len() as u32));
    }
    let expected = std::str::from_utf8(bytes)
        .ok()
        .and_then(|text| text.parse::<u8>().ok());
    if let Some(status) = parse_status(bytes) {
        assert!(status <= 99 && expected == Some(status));
    }
}
