//! What a connection's bytes say. Source: RFC 9113 §6.

use crate::ConnectionError;
use crate::frame::{DEFAULT_FRAME_SIZE, LARGEST_FRAME_SIZE, LARGEST_WINDOW, setting};

/// What happened on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event<'a> {
    /// A piece of a DATA frame. A frame comes in one or more of these; empty ones only where a frame has no (more) bytes.
    Data {
        stream: u32,
        bytes: &'a [u8],
        /// The flow-controlled length of the whole frame, padding included, in its first piece; 0 in the others.
        flow: u32,
        /// The last piece of its frame.
        last: bool,
        /// The stream ends after these bytes. Only with `last`.
        end_stream: bool,
    },
    /// A whole header block, still coded: give it to [`crate::hpack::Decoder`], wanted or not.
    Headers {
        stream: u32,
        block: &'a [u8],
        end_stream: bool,
    },
    /// Answer with [`crate::frame::write_settings_ack`].
    Settings(Settings<'a>),
    SettingsAck,
    /// Without `ack`: answer with the same data.
    Ping {
        ack: bool,
        data: [u8; 8],
    },
    /// `stream` 0 is the connection; `increment` is above 0.
    WindowUpdate {
        stream: u32,
        increment: u32,
    },
    Reset {
        stream: u32,
        code: u32,
    },
    /// Streams above `last_stream` were not and will not be served.
    GoAway {
        last_stream: u32,
        code: u32,
    },
}

/// What the peer announced: checked, in its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings<'a>(&'a [u8]);

impl<'a> Settings<'a> {
    /// `payload` is a multiple of six bytes long.
    pub(crate) fn check(payload: &'a [u8]) -> Result<Self, ConnectionError> {
        let settings = Settings(payload);
        settings.iter().try_for_each(check)?;
        Ok(settings)
    }

    /// Pairs of [`crate::frame::setting`] and value; unknown ones are to be ignored.
    pub fn iter(&self) -> impl Iterator<Item = (u16, u32)> + '_ {
        self.0.chunks_exact(6).map(|six| {
            let [a, b, c, d, e, f] = *six else {
                return (0, 0);
            };
            (u16::from_be_bytes([a, b]), u32::from_be_bytes([c, d, e, f]))
        })
    }
}

fn check((id, value): (u16, u32)) -> Result<(), ConnectionError> {
    match id {
        setting::ENABLE_PUSH if value > 1 => Err(ConnectionError::SettingValue),
        setting::INITIAL_WINDOW_SIZE if value > LARGEST_WINDOW => {
            Err(ConnectionError::InitialWindow)
        }
        setting::MAX_FRAME_SIZE if !(DEFAULT_FRAME_SIZE..=LARGEST_FRAME_SIZE).contains(&value) => {
            Err(ConnectionError::SettingValue)
        }
        _ => Ok(()),
    }
}
