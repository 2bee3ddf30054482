//! What ends a connection: the peer broke the protocol. Sources: RFC 9113 §5.4.1 and §7.

use crate::frame::code;

/// A violation after which nothing more may be read from the connection.
///
/// Errors that RFC 9113 gives to one stream only are treated as the connection's here, as its §5.4.2 allows: a peer
/// that is measured makes none, and a peer that makes one cannot be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ConnectionError {
    #[error("the first frame is not SETTINGS")]
    NoSettings,
    #[error("a frame is longer than the announced maximum")]
    FrameTooLarge,
    #[error("a frame has a length that its kind cannot have")]
    FrameLength,
    #[error("a frame that belongs to a stream came without one")]
    StreamMissing,
    #[error("a frame that belongs to the connection came with a stream")]
    StreamUnexpected,
    #[error("a frame came for a stream that was never opened")]
    IdleStream,
    #[error("a stream was opened with a number that is even or not above the last one")]
    StreamNumber,
    #[error("a frame came between HEADERS and its CONTINUATION")]
    BlockInterrupted,
    #[error("CONTINUATION came without HEADERS before it")]
    StrayContinuation,
    #[error("a header block is longer than 64 KiB")]
    BlockTooLarge,
    #[error("the decoded headers of one block are longer than 256 KiB")]
    HeadersTooLarge,
    #[error("the padding is longer than the frame")]
    Padding,
    #[error("PUSH_PROMISE came although push is off")]
    Push,
    #[error("a setting has a value that it cannot have")]
    SettingValue,
    #[error("the initial window size lies above 2^31 - 1")]
    InitialWindow,
    #[error("a window was opened by 0")]
    EmptyIncrement,
    #[error("a window was opened above 2^31 - 1, or more was sent than it allowed")]
    FlowControl,
    #[error("a header block ends in the middle of a field")]
    Truncated,
    #[error("an integer in a header block is too large")]
    Integer,
    #[error("a header block names an index that is in no table")]
    Index,
    #[error("a table size update is above the announced limit, or not at the start of its block")]
    TableSize,
    #[error("a Huffman string has a wrong code or a wrong padding")]
    Huffman,
}

impl ConnectionError {
    /// The code to put into GOAWAY.
    pub fn code(self) -> u32 {
        match self {
            Self::FrameTooLarge | Self::FrameLength => code::FRAME_SIZE_ERROR,
            Self::FlowControl | Self::InitialWindow => code::FLOW_CONTROL_ERROR,
            Self::BlockTooLarge | Self::HeadersTooLarge => code::ENHANCE_YOUR_CALM,
            Self::Truncated | Self::Integer | Self::Index | Self::TableSize | Self::Huffman => {
                code::COMPRESSION_ERROR
            }
            _ => code::PROTOCOL_ERROR,
        }
    }
}
