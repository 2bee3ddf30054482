//! Bytes of a connection to events. Source: RFC 9113 §4 to §6, §10.5.
//!
//! A small frame that lies whole in the given bytes is read where it is; what a read cut in two is put together in a
//! buffer first. DATA is never kept: its pieces go out as they come.

use crate::frame::{
    DEFAULT_FRAME_SIZE, HEAD, Head, LARGEST_FRAME_SIZE, LARGEST_WINDOW, flag, kind,
};
use crate::{ConnectionError, Event, Settings};

/// The most that HEADERS and its CONTINUATION may hold together (bytes); every frame counts as 9 more, so that a flood of
/// empty ones ends too.
pub const MAX_HEADER_BLOCK: usize = 64 * 1024;

/// What the next bytes belong to.
#[derive(Debug, Clone, Copy)]
enum State {
    /// The head of a frame, of which this many bytes are in `kept`.
    Head,
    /// The payload of a small frame, as far as it came in `kept`.
    Payload(Head),
    /// The length of a DATA frame's padding.
    DataPadding(Head),
    /// Payload of DATA, then padding.
    Data {
        stream: u32,
        left: u32,
        padding: u32,
        flow: u32,
        end_stream: bool,
    },
    /// Bytes that nobody wants.
    Skip(u32),
}

/// Reads one direction of one connection, after the [`PREFACE`](crate::PREFACE).
#[derive(Debug)]
pub struct Reader {
    state: State,
    kept: Vec<u8>,
    max_frame_size: u32,
    started: bool,
    /// The header block that goes on in CONTINUATION: its stream, whether the stream ends, what it cost so far.
    open: Option<(u32, bool, usize)>,
    block: Vec<u8>,
}

impl Default for Reader {
    fn default() -> Self {
        Self::new(DEFAULT_FRAME_SIZE)
    }
}

impl Reader {
    /// `max_frame_size` (bytes) is what we announce as SETTINGS_MAX_FRAME_SIZE; 16384 where we announce none.
    pub fn new(max_frame_size: u32) -> Self {
        Reader {
            state: State::Head,
            kept: Vec::new(),
            max_frame_size: max_frame_size.clamp(DEFAULT_FRAME_SIZE, LARGEST_FRAME_SIZE),
            started: false,
            open: None,
            block: Vec::new(),
        }
    }

    /// Whether the bytes so far end between two frames: an end of the connection here cuts none.
    pub fn is_between_frames(&self) -> bool {
        matches!(self.state, State::Head) && self.kept.is_empty() && self.open.is_none()
    }

    /// Takes in all of `bytes`, and calls `sink` for everything that happened in them.
    ///
    /// # Errors
    /// The peer's, or the first one of the sink. Nothing may be fed after either.
    #[inline]
    pub fn feed<E: From<ConnectionError>>(
        &mut self,
        mut bytes: &[u8],
        sink: &mut impl FnMut(Event<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        loop {
            match self.state {
                State::Head => {
                    if self.kept.is_empty()
                        && let Some((head, rest)) = bytes.split_first_chunk()
                    {
                        bytes = rest;
                        self.begin(Head::parse(head))?;
                    } else {
                        bytes = self.keep(bytes, HEAD);
                        let Some(head) = self.kept.first_chunk() else {
                            return Ok(());
                        };
                        let head = Head::parse(head);
                        self.kept.clear();
                        self.begin(head)?;
                    }
                }
                State::Payload(head) => {
                    let length = head.length as usize;
                    self.state = State::Head;
                    if self.kept.is_empty()
                        && let Some((payload, rest)) = bytes.split_at_checked(length)
                    {
                        bytes = rest;
                        self.small(head, payload, sink)?;
                    } else {
                        bytes = self.keep(bytes, length);
                        if self.kept.len() < length {
                            self.state = State::Payload(head);
                            return Ok(());
                        }
                        let mut kept = std::mem::take(&mut self.kept);
                        let result = self.small(head, &kept, sink);
                        kept.clear();
                        self.kept = kept;
                        result?;
                    }
                }
                State::DataPadding(head) => {
                    let Some((padding, rest)) = bytes.split_first() else {
                        return Ok(());
                    };
                    bytes = rest;
                    let padding = u32::from(*padding);
                    let left = (head.length - 1)
                        .checked_sub(padding)
                        .ok_or(ConnectionError::Padding)?;
                    self.state = data(head, left, padding);
                }
                State::Data {
                    stream,
                    left,
                    padding,
                    flow,
                    end_stream,
                } => {
                    if bytes.is_empty() && left > 0 {
                        return Ok(());
                    }
                    let (piece, rest) = bytes.split_at(bytes.len().min(left as usize));
                    bytes = rest;
                    let left = left - piece.len() as u32;
                    let last = left == 0;
                    self.state = if last {
                        State::Skip(padding)
                    } else {
                        State::Data {
                            stream,
                            left,
                            padding,
                            flow: 0,
                            end_stream,
                        }
                    };
                    sink(Event::Data {
                        stream,
                        bytes: piece,
                        flow,
                        last,
                        end_stream: end_stream && last,
                    })?;
                }
                State::Skip(0) => self.state = State::Head,
                State::Skip(left) => {
                    if bytes.is_empty() {
                        return Ok(());
                    }
                    let skipped = bytes.len().min(left as usize);
                    bytes = &bytes[skipped..];
                    self.state = State::Skip(left - skipped as u32);
                }
            }
        }
    }

    /// Moves bytes to `kept` until that has `wanted`; returns the others.
    fn keep<'a>(&mut self, bytes: &'a [u8], wanted: usize) -> &'a [u8] {
        let missing = wanted.saturating_sub(self.kept.len());
        let (taken, rest) = bytes.split_at(bytes.len().min(missing));
        self.kept.extend_from_slice(taken);
        rest
    }

    /// Looks at a head: may this frame be here, and what to do with its payload.
    #[inline]
    fn begin(&mut self, head: Head) -> Result<(), ConnectionError> {
        use ConnectionError as Wrong;
        if head.length > self.max_frame_size {
            return Err(Wrong::FrameTooLarge);
        }
        if !self.started {
            if head.kind != kind::SETTINGS || head.flags & flag::ACK != 0 {
                return Err(Wrong::NoSettings);
            }
            self.started = true;
        }
        match self.open {
            Some((stream, ..)) if head.kind != kind::CONTINUATION || head.stream != stream => {
                return Err(Wrong::BlockInterrupted);
            }
            None if head.kind == kind::CONTINUATION => return Err(Wrong::StrayContinuation),
            _ => {}
        }
        match head.kind {
            kind::DATA | kind::HEADERS | kind::PRIORITY | kind::RST_STREAM if head.stream == 0 => {
                return Err(Wrong::StreamMissing);
            }
            kind::SETTINGS | kind::PING | kind::GOAWAY if head.stream != 0 => {
                return Err(Wrong::StreamUnexpected);
            }
            kind::PUSH_PROMISE => return Err(Wrong::Push),
            _ => {}
        }
        let fits = match head.kind {
            kind::DATA => head.flags & flag::PADDED == 0 || head.length > 0,
            kind::PRIORITY => head.length == 5,
            kind::RST_STREAM | kind::WINDOW_UPDATE => head.length == 4,
            kind::SETTINGS if head.flags & flag::ACK != 0 => head.length == 0,
            kind::SETTINGS => head.length.is_multiple_of(6),
            kind::PING => head.length == 8,
            kind::GOAWAY => head.length >= 8,
            _ => true,
        };
        if !fits {
            return Err(Wrong::FrameLength);
        }
        self.state = match head.kind {
            kind::DATA if head.flags & flag::PADDED != 0 => State::DataPadding(head),
            kind::DATA => data(head, head.length, 0),
            kind::PRIORITY | 10.. => State::Skip(head.length),
            _ => State::Payload(head),
        };
        Ok(())
    }

    /// A frame other than DATA, whole.
    fn small<E: From<ConnectionError>>(
        &mut self,
        head: Head,
        payload: &[u8],
        sink: &mut impl FnMut(Event<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let stream = head.stream;
        match head.kind {
            kind::HEADERS => {
                let block = strip(head, payload)?;
                let end_stream = head.flags & flag::END_STREAM != 0;
                if head.flags & flag::END_HEADERS != 0 {
                    within_limit(block.len() + HEAD)?;
                    return sink(Event::Headers {
                        stream,
                        block,
                        end_stream,
                    });
                }
                self.block.clear();
                self.go_on(stream, end_stream, 0, block)?;
            }
            kind::CONTINUATION => {
                let Some((_, end_stream, cost)) = self.open.take() else {
                    return Ok(());
                };
                self.go_on(stream, end_stream, cost, payload)?;
                if head.flags & flag::END_HEADERS != 0 {
                    self.open = None;
                    return sink(Event::Headers {
                        stream,
                        block: &self.block,
                        end_stream,
                    });
                }
            }
            kind::SETTINGS if head.flags & flag::ACK != 0 => return sink(Event::SettingsAck),
            kind::SETTINGS => {
                return sink(Event::Settings(Settings::check(payload)?));
            }
            kind::PING => {
                if let Some(&data) = payload.first_chunk() {
                    return sink(Event::Ping {
                        ack: head.flags & flag::ACK != 0,
                        data,
                    });
                }
            }
            kind::WINDOW_UPDATE => {
                let increment = word(payload, 0) & LARGEST_WINDOW;
                if increment == 0 {
                    return Err(ConnectionError::EmptyIncrement.into());
                }
                return sink(Event::WindowUpdate { stream, increment });
            }
            kind::RST_STREAM => {
                return sink(Event::Reset {
                    stream,
                    code: word(payload, 0),
                });
            }
            kind::GOAWAY => {
                let last_stream = word(payload, 0) & LARGEST_WINDOW;
                return sink(Event::GoAway {
                    last_stream,
                    code: word(payload, 4),
                });
            }
            _ => {}
        }
        Ok(())
    }

    /// Adds a part to the block that is open.
    fn go_on(
        &mut self,
        stream: u32,
        end_stream: bool,
        cost: usize,
        part: &[u8],
    ) -> Result<(), ConnectionError> {
        let cost = cost + part.len() + HEAD;
        within_limit(cost)?;
        self.block.extend_from_slice(part);
        self.open = Some((stream, end_stream, cost));
        Ok(())
    }
}

fn within_limit(cost: usize) -> Result<(), ConnectionError> {
    if cost > MAX_HEADER_BLOCK + HEAD {
        Err(ConnectionError::BlockTooLarge)
    } else {
        Ok(())
    }
}

fn data(head: Head, left: u32, padding: u32) -> State {
    let end_stream = head.flags & flag::END_STREAM != 0;
    State::Data {
        stream: head.stream,
        left,
        padding,
        flow: head.length,
        end_stream,
    }
}

/// The header block in a HEADERS frame, without padding and priority (RFC 9113 §6.2).
fn strip(head: Head, payload: &[u8]) -> Result<&[u8], ConnectionError> {
    let mut block = payload;
    let mut padding = 0;
    if head.flags & flag::PADDED != 0 {
        let (first, rest) = block.split_first().ok_or(ConnectionError::FrameLength)?;
        (padding, block) = (usize::from(*first), rest);
    }
    if head.flags & flag::PRIORITY != 0 {
        block = block.get(5..).ok_or(ConnectionError::FrameLength)?;
    }
    block
        .len()
        .checked_sub(padding)
        .and_then(|length| block.get(..length))
        .ok_or(ConnectionError::Padding)
}

/// The 32 bits at `at`; lengths were checked in the head, so there are that many.
fn word(payload: &[u8], at: usize) -> u32 {
    payload
        .get(at..)
        .and_then(<[u8]>::first_chunk)
        .map_or(0, |bytes| u32::from_be_bytes(*bytes))
}

#[cfg(test)]
#[path = "reader_tests.rs"]
mod tests;
