//! Frames as they are on the wire, and how to write them. Source: RFC 9113 §3.4, §4.1, §6, §7.
//!
//! Every writer appends to a `Vec<u8>`, so that a caller puts all it has to say into one buffer and one `write`.

/// What a client sends before its first frame (RFC 9113 §3.4).
pub const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Length of a frame head (bytes).
pub const HEAD: usize = 9;
/// The longest payload before a peer announced another (bytes), which is also the smallest it may announce.
pub const DEFAULT_FRAME_SIZE: u32 = 16_384;
/// The longest payload anybody may announce (bytes).
pub const LARGEST_FRAME_SIZE: u32 = (1 << 24) - 1;
/// The window of a connection, and of a stream, before a peer announced another (bytes).
pub const DEFAULT_WINDOW: u32 = 65_535;
/// The largest window there is (bytes).
pub const LARGEST_WINDOW: u32 = (1 << 31) - 1;
/// The highest stream there is; a client's streams are odd.
pub const LAST_STREAM: u32 = (1 << 31) - 1;

/// Kinds of frames (RFC 9113 §6).
pub mod kind {
    pub const DATA: u8 = 0;
    pub const HEADERS: u8 = 1;
    pub const PRIORITY: u8 = 2;
    pub const RST_STREAM: u8 = 3;
    pub const SETTINGS: u8 = 4;
    pub const PUSH_PROMISE: u8 = 5;
    pub const PING: u8 = 6;
    pub const GOAWAY: u8 = 7;
    pub const WINDOW_UPDATE: u8 = 8;
    pub const CONTINUATION: u8 = 9;
}

/// Flags; which kinds have them is in their sections (RFC 9113 §6).
pub mod flag {
    /// DATA, HEADERS.
    pub const END_STREAM: u8 = 0x01;
    /// SETTINGS, PING.
    pub const ACK: u8 = 0x01;
    /// HEADERS, CONTINUATION.
    pub const END_HEADERS: u8 = 0x04;
    /// DATA, HEADERS.
    pub const PADDED: u8 = 0x08;
    /// HEADERS.
    pub const PRIORITY: u8 = 0x20;
}

/// Settings (RFC 9113 §6.5.2).
pub mod setting {
    pub const HEADER_TABLE_SIZE: u16 = 1;
    pub const ENABLE_PUSH: u16 = 2;
    pub const MAX_CONCURRENT_STREAMS: u16 = 3;
    pub const INITIAL_WINDOW_SIZE: u16 = 4;
    pub const MAX_FRAME_SIZE: u16 = 5;
    pub const MAX_HEADER_LIST_SIZE: u16 = 6;
}

/// Error codes of RST_STREAM and GOAWAY (RFC 9113 §7).
pub mod code {
    pub const NO_ERROR: u32 = 0;
    pub const PROTOCOL_ERROR: u32 = 1;
    pub const INTERNAL_ERROR: u32 = 2;
    pub const FLOW_CONTROL_ERROR: u32 = 3;
    pub const SETTINGS_TIMEOUT: u32 = 4;
    pub const STREAM_CLOSED: u32 = 5;
    pub const FRAME_SIZE_ERROR: u32 = 6;
    pub const REFUSED_STREAM: u32 = 7;
    pub const CANCEL: u32 = 8;
    pub const COMPRESSION_ERROR: u32 = 9;
    pub const CONNECT_ERROR: u32 = 10;
    pub const ENHANCE_YOUR_CALM: u32 = 11;
    pub const INADEQUATE_SECURITY: u32 = 12;
    pub const HTTP_1_1_REQUIRED: u32 = 13;
}

/// Whether a connection's first bytes are the client's preface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preface {
    /// All of it is there: frames begin after [`PREFACE`]'s 24 bytes.
    Whole,
    /// What is there could become it.
    Partial,
    /// Something else: HTTP/1.
    Absent,
}

impl Preface {
    /// Looks at the first bytes of a connection.
    pub fn of(bytes: &[u8]) -> Self {
        let common = bytes.len().min(PREFACE.len());
        match bytes[..common] == PREFACE[..common] {
            true if common == PREFACE.len() => Self::Whole,
            true => Self::Partial,
            false => Self::Absent,
        }
    }
}

/// The head of a frame (RFC 9113 §4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Of the payload (bytes), below 2^24.
    pub length: u32,
    pub kind: u8,
    pub flags: u8,
    /// 0 for the connection; below 2^31.
    pub stream: u32,
}

impl Head {
    /// Reads a head; the reserved bit is dropped.
    #[inline]
    pub fn parse(bytes: &[u8; HEAD]) -> Self {
        let [a, b, c, kind, flags, s3, s2, s1, s0] = *bytes;
        Head {
            length: u32::from_be_bytes([0, a, b, c]),
            kind,
            flags,
            stream: u32::from_be_bytes([s3, s2, s1, s0]) & LAST_STREAM,
        }
    }

    /// The nine bytes of it.
    #[inline]
    pub fn encode(self) -> [u8; HEAD] {
        let [_, a, b, c] = self.length.to_be_bytes();
        let [s3, s2, s1, s0] = (self.stream & LAST_STREAM).to_be_bytes();
        [a, b, c, self.kind, self.flags, s3, s2, s1, s0]
    }
}

#[inline]
fn write_head(out: &mut Vec<u8>, length: usize, kind: u8, flags: u8, stream: u32) {
    debug_assert!(length <= LARGEST_FRAME_SIZE as usize);
    let length = length as u32;
    out.extend_from_slice(
        &Head {
            length,
            kind,
            flags,
            stream,
        }
        .encode(),
    );
}

/// The head of a DATA frame, whose `length` bytes of payload the caller appends. `length` is at most the maximum frame
/// size that the peer announced; windows are the caller's business too.
#[inline]
pub fn write_data_head(out: &mut Vec<u8>, stream: u32, length: u32, end_stream: bool) {
    write_head(
        out,
        length as usize,
        kind::DATA,
        u8::from(end_stream) * flag::END_STREAM,
        stream,
    );
}

/// One DATA frame; the same conditions as [`write_data_head`].
#[inline]
pub fn write_data(out: &mut Vec<u8>, stream: u32, payload: &[u8], end_stream: bool) {
    write_data_head(out, stream, payload.len() as u32, end_stream);
    out.extend_from_slice(payload);
}

/// A header block in HEADERS and, where it is longer than `max_frame_size` (bytes, as the peer announced), CONTINUATION.
#[inline]
pub fn write_headers(
    out: &mut Vec<u8>,
    stream: u32,
    block: &[u8],
    end_stream: bool,
    max_frame_size: u32,
) {
    let most = max_frame_size.max(1) as usize;
    let ends = u8::from(end_stream) * flag::END_STREAM;
    let (first, mut rest) = block.split_at(block.len().min(most));
    let done = u8::from(rest.is_empty()) * flag::END_HEADERS;
    write_head(out, first.len(), kind::HEADERS, ends | done, stream);
    out.extend_from_slice(first);
    while !rest.is_empty() {
        let (piece, left) = rest.split_at(rest.len().min(most));
        let done = u8::from(left.is_empty()) * flag::END_HEADERS;
        write_head(out, piece.len(), kind::CONTINUATION, done, stream);
        out.extend_from_slice(piece);
        rest = left;
    }
}

/// SETTINGS: pairs of [`setting`] and value.
pub fn write_settings(out: &mut Vec<u8>, settings: &[(u16, u32)]) {
    write_head(out, settings.len() * 6, kind::SETTINGS, 0, 0);
    for (id, value) in settings {
        out.extend_from_slice(&id.to_be_bytes());
        out.extend_from_slice(&value.to_be_bytes());
    }
}

/// The answer to SETTINGS.
pub fn write_settings_ack(out: &mut Vec<u8>) {
    write_head(out, 0, kind::SETTINGS, flag::ACK, 0);
}

/// PING, or with `ack` the answer to one.
pub fn write_ping(out: &mut Vec<u8>, ack: bool, data: [u8; 8]) {
    write_head(out, 8, kind::PING, u8::from(ack) * flag::ACK, 0);
    out.extend_from_slice(&data);
}

/// WINDOW_UPDATE of a stream, or with stream 0 of the connection. `increment` in 1..=2^31 - 1.
pub fn write_window_update(out: &mut Vec<u8>, stream: u32, increment: u32) {
    debug_assert!((1..=LARGEST_WINDOW).contains(&increment));
    write_head(out, 4, kind::WINDOW_UPDATE, 0, stream);
    out.extend_from_slice(&increment.to_be_bytes());
}

/// RST_STREAM with a [`code`].
pub fn write_rst_stream(out: &mut Vec<u8>, stream: u32, code: u32) {
    write_head(out, 4, kind::RST_STREAM, 0, stream);
    out.extend_from_slice(&code.to_be_bytes());
}

/// GOAWAY: the last stream that was or might be served, a [`code`], and a text for whoever reads a capture.
pub fn write_goaway(out: &mut Vec<u8>, last_stream: u32, code: u32, text: &str) {
    write_head(out, 8 + text.len(), kind::GOAWAY, 0, 0);
    out.extend_from_slice(&(last_stream & LAST_STREAM).to_be_bytes());
    out.extend_from_slice(&code.to_be_bytes());
    out.extend_from_slice(text.as_bytes());
}
