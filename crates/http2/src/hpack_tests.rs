//! RFC 7541 Appendix C, properties, and another implementation as the oracle.

use proptest::prelude::*;

use super::{DEFAULT_TABLE_SIZE, Decoder, encode_header};
use crate::ConnectionError;

type Fields = Vec<(Vec<u8>, Vec<u8>)>;

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> = text.chars().filter_map(|c| c.to_digit(16)).collect();
    digits
        .chunks(2)
        .map(|two| (two[0] * 16 + two[1]) as u8)
        .collect()
}

fn decode(decoder: &mut Decoder, block: &[u8]) -> Result<Fields, ConnectionError> {
    let mut fields = Vec::new();
    decoder.decode(block, &mut |name, value| {
        fields.push((name.to_vec(), value.to_vec()))
    })?;
    Ok(fields)
}

fn expect(decoder: &mut Decoder, block: &str, size: usize, fields: &[(&str, &str)]) {
    let expected: Fields = fields
        .iter()
        .map(|(name, value)| ((*name).into(), (*value).into()))
        .collect();
    assert_eq!(decode(decoder, &hex(block)), Ok(expected), "{block}");
    assert_eq!(decoder.table.size(), size, "{block}");
}

#[test]
fn fields_of_appendix_c2() {
    let mut decoder = Decoder::new(DEFAULT_TABLE_SIZE);
    let custom = "400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572";
    expect(&mut decoder, custom, 55, &[("custom-key", "custom-header")]);
    let mut decoder = Decoder::new(DEFAULT_TABLE_SIZE);
    expect(
        &mut decoder,
        "040c 2f73 616d 706c 652f 7061 7468",
        0,
        &[(":path", "/sample/path")],
    );
    expect(
        &mut decoder,
        "1008 7061 7373 776f 7264 0673 6563 7265 74",
        0,
        &[("password", "secret")],
    );
    expect(&mut decoder, "82", 0, &[(":method", "GET")]);
}

const REQUESTS: [&[(&str, &str)]; 3] = [
    &[
        (":method", "GET"),
        (":scheme", "http"),
        (":path", "/"),
        (":authority", "www.example.com"),
    ],
    &[
        (":method", "GET"),
        (":scheme", "http"),
        (":path", "/"),
        (":authority", "www.example.com"),
        ("cache-control", "no-cache"),
    ],
    &[
        (":method", "GET"),
        (":scheme", "https"),
        (":path", "/index.html"),
        (":authority", "www.example.com"),
        ("custom-key", "custom-value"),
    ],
];

#[test]
fn requests_of_appendix_c3_and_c4() {
    let plain = [
        "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
        "8286 84be 5808 6e6f 2d63 6163 6865",
        "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
    ];
    let coded = [
        "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
        "8286 84be 5886 a8eb 1064 9cbf",
        "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
    ];
    for blocks in [plain, coded] {
        let mut decoder = Decoder::new(DEFAULT_TABLE_SIZE);
        for (i, size) in [57, 110, 164].into_iter().enumerate() {
            expect(&mut decoder, blocks[i], size, REQUESTS[i]);
        }
    }
}

const DATE: (&str, &str) = ("date", "Mon, 21 Oct 2013 20:13:21 GMT");
const LOCATION: (&str, &str) = ("location", "https://www.example.com");
const COOKIE: (&str, &str) = (
    "set-cookie",
    "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1",
);

#[test]
fn replies_of_appendix_c5_and_c6_with_eviction() {
    let plain = [
        "4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120 474d \
         546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
        "4803 3330 37c1 c0bf",
        "88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 7738 666f \
         6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b \
         2076 6572 7369 6f6e 3d31",
    ];
    let coded = [
        "4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7 \
         8f0b 97c8 e9ae 82ae 43d3",
        "4883 640e ffc1 c0bf",
        "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335 \
         dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07",
    ];
    for blocks in [plain, coded] {
        let mut decoder = Decoder::new(256);
        let private = ("cache-control", "private");
        expect(
            &mut decoder,
            blocks[0],
            222,
            &[(":status", "302"), private, DATE, LOCATION],
        );
        expect(
            &mut decoder,
            blocks[1],
            222,
            &[(":status", "307"), private, DATE, LOCATION],
        );
        let later = ("date", "Mon, 21 Oct 2013 20:13:22 GMT");
        let encoding = ("content-encoding", "gzip");
        expect(
            &mut decoder,
            blocks[2],
            215,
            &[
                (":status", "200"),
                private,
                later,
                LOCATION,
                encoding,
                COOKIE,
            ],
        );
    }
}

#[test]
fn integers_of_appendix_c1_and_their_limits() {
    for (bytes, bits, value) in [
        ("0a", 5, 10),
        ("1f 9a 0a", 5, 1337),
        ("2a", 8, 42),
        ("7f ff ff ff 7f", 7, 0x0fff_ffff + 127),
    ] {
        let bytes = hex(bytes);
        let mut rest = &bytes[..];
        assert_eq!(super::integer(&mut rest, bits), Ok(value));
        assert!(rest.is_empty());
        let mut written = Vec::new();
        super::write_integer(&mut written, 0, bits, value);
        assert_eq!(written, bytes);
    }
    assert_eq!(
        super::integer(&mut &hex("7f 80 80 80 80 01")[..], 7),
        Err(ConnectionError::Integer)
    );
    assert_eq!(
        super::integer(&mut &hex("7f 80")[..], 7),
        Err(ConnectionError::Truncated)
    );
}

#[test]
fn wrong_blocks_are_refused() {
    use ConnectionError as Wrong;
    let wrong = [
        ("80", Wrong::Index),
        ("be", Wrong::Index),
        ("7f 80 01 00", Wrong::Index),
        ("40", Wrong::Truncated),
        ("00 05 61", Wrong::Truncated),
        ("3f e2 1f", Wrong::TableSize),
        ("82 20", Wrong::TableSize),
        ("00 82 64 02 81 00", Wrong::Huffman),
        ("00 84 ff ff ff ff 00", Wrong::Huffman),
        ("00 81 ff 00", Wrong::Huffman),
    ];
    for (block, expected) in wrong {
        assert_eq!(
            decode(&mut Decoder::new(DEFAULT_TABLE_SIZE), &hex(block)),
            Err(expected),
            "{block}"
        );
    }
}

#[test]
fn a_table_of_size_0_takes_no_fields_and_is_no_error() {
    let mut decoder = Decoder::new(0);
    let custom = [(b"a".to_vec(), b"b".to_vec())];
    assert_eq!(
        decode(&mut decoder, &hex("20 40 01 61 01 62")).as_deref(),
        Ok(&custom[..])
    );
    assert_eq!(
        decode(&mut decoder, &hex("be")),
        Err(ConnectionError::Index)
    );
}

#[test]
fn a_small_block_cannot_stand_for_endless_headers() {
    let mut decoder = Decoder::new(DEFAULT_TABLE_SIZE);
    let mut block = Vec::new();
    block.extend_from_slice(&hex("40 01 61 7f 80 1e"));
    block.extend_from_slice(&vec![b'v'; 127 + 30 * 128]);
    block.extend_from_slice(&[0xbe; 100]);
    assert_eq!(
        decode(&mut decoder, &block),
        Err(ConnectionError::HeadersTooLarge)
    );
}

#[test]
fn a_name_of_an_entry_that_is_dropped_for_it_stays_whole() {
    let mut decoder = Decoder::new(40);
    assert!(decode(&mut decoder, &hex("40 03 61 62 63 01 31")).is_ok());
    assert_eq!(
        decode(&mut decoder, &hex("7e 02 32 33")),
        Ok(vec![(b"abc".to_vec(), b"23".to_vec())])
    );
    assert_eq!(
        decode(&mut decoder, &hex("be")),
        Ok(vec![(b"abc".to_vec(), b"23".to_vec())])
    );
}

fn some_fields() -> impl Strategy<Value = Fields> {
    let name = prop_oneof![
        "[a-z-]{1,12}".prop_map(String::into_bytes),
        prop::sample::select(crate::table::STATIC.to_vec()).prop_map(|(name, _)| name.into()),
    ];
    let value = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..60),
        prop::sample::select(crate::table::STATIC.to_vec()).prop_map(|(_, value)| value.into()),
        "[ -~]{0,40}".prop_map(String::into_bytes),
    ];
    prop::collection::vec((name, value), 0..12)
}

proptest! {
    #[test]
    fn what_was_encoded_is_decoded_here_and_elsewhere(fields in some_fields()) {
        let mut block = Vec::new();
        for (name, value) in &fields {
            encode_header(&mut block, name, value);
        }
        let here = decode(&mut Decoder::new(0), &block);
        prop_assert_eq!(here.as_ref(), Ok(&fields));
        let mut elsewhere = Vec::new();
        httlib_hpack::Decoder::default().decode(&mut block, &mut elsewhere).expect("a block");
        let elsewhere: Fields = elsewhere.into_iter().map(|(name, value, _)| (name, value)).collect();
        prop_assert_eq!(elsewhere, fields);
    }

    #[test]
    fn what_another_encoder_wrote_is_decoded(
        blocks in prop::collection::vec((some_fields(), prop::sample::select(vec![0_u8, 3, 4, 7, 8, 0x10, 0x17, 0x1b])), 1..6),
        size in prop::sample::select(vec![0_usize, 60, 300, 4096]),
    ) {
        let mut encoder = httlib_hpack::Encoder::with_dynamic_size(size as u32);
        let mut decoder = Decoder::new(size);
        for (fields, flags) in blocks {
            let mut block = Vec::new();
            for (name, value) in &fields {
                encoder.encode((name.clone(), value.clone(), flags), &mut block).expect("fields");
            }
            prop_assert_eq!(decode(&mut decoder, &block), Ok(fields));
        }
    }

    #[test]
    fn no_block_makes_it_panic(blocks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 1..4)) {
        let mut decoder = Decoder::new(DEFAULT_TABLE_SIZE);
        for block in blocks {
            let _ = decode(&mut decoder, &block);
        }
    }
}
