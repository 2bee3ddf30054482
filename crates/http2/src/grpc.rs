//! Messages inside the DATA of a stream: a flag, a length, the bytes. Source: gRPC over HTTP/2, "Length-Prefixed-Message".
//!
//! Messages and DATA frames do not line up: one frame may hold many messages, and one message may need many frames.

/// Length of a message's prefix (bytes).
pub const PREFIX: usize = 5;

/// Why a stream's DATA is not a sequence of messages we can read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    #[error("a message is compressed, though no compression was offered")]
    Compressed,
    #[error("a message is longer than the limit")]
    TooLong,
    #[error("the stream ends in the middle of a message")]
    Truncated,
}

/// The prefix of an uncompressed message of `length` (bytes), which the caller appends.
#[inline]
pub fn write_prefix(out: &mut Vec<u8>, length: u32) {
    out.push(0);
    out.extend_from_slice(&length.to_be_bytes());
}

/// One uncompressed message; shorter than 4 GiB.
#[inline]
pub fn write_message(out: &mut Vec<u8>, message: &[u8]) {
    debug_assert!(u32::try_from(message.len()).is_ok());
    write_prefix(out, message.len() as u32);
    out.extend_from_slice(message);
}

/// A part of a stream's messages, in order: `Bytes` any number of times (never empty), then `End`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part<'a> {
    Bytes(&'a [u8]),
    /// The message is whole; its length (bytes), without the prefix.
    End(u32),
}

/// Finds messages in pieces of DATA and keeps none of them: 16 bytes a stream.
#[derive(Debug, Clone, Copy)]
pub struct MessageReader {
    prefix: [u8; PREFIX],
    have: u8,
    left: u32,
    most: u32,
}

impl MessageReader {
    /// Messages longer than `most` (bytes) are refused.
    pub fn new(most: u32) -> Self {
        MessageReader {
            prefix: [0; PREFIX],
            have: 0,
            left: 0,
            most,
        }
    }

    /// Takes in the next piece of DATA.
    ///
    /// # Errors
    /// `Compressed`, `TooLong`; then the reader is of no more use.
    #[inline]
    pub fn feed(
        &mut self,
        mut bytes: &[u8],
        sink: &mut impl FnMut(Part<'_>),
    ) -> Result<(), MessageError> {
        while !bytes.is_empty() {
            if usize::from(self.have) < PREFIX {
                let missing = PREFIX - usize::from(self.have);
                let (part, rest) = bytes.split_at(missing.min(bytes.len()));
                self.prefix[usize::from(self.have)..][..part.len()].copy_from_slice(part);
                self.have += part.len() as u8;
                bytes = rest;
                if usize::from(self.have) < PREFIX {
                    return Ok(());
                }
                self.left = self.length();
                if self.prefix[0] != 0 {
                    return Err(MessageError::Compressed);
                }
                if self.left > self.most {
                    return Err(MessageError::TooLong);
                }
            }
            let (part, rest) = bytes.split_at(bytes.len().min(self.left as usize));
            bytes = rest;
            if !part.is_empty() {
                self.left -= part.len() as u32;
                sink(Part::Bytes(part));
            }
            if self.left == 0 {
                self.have = 0;
                sink(Part::End(self.length()));
            }
        }
        Ok(())
    }

    /// Like [`feed`](Self::feed), for who only wants to know how many messages ended in this piece.
    ///
    /// # Errors
    /// As `feed`.
    #[inline]
    pub fn count(&mut self, bytes: &[u8]) -> Result<u32, MessageError> {
        let mut whole = 0;
        self.feed(bytes, &mut |part| {
            whole += u32::from(matches!(part, Part::End(_)))
        })?;
        Ok(whole)
    }

    /// The stream ended here.
    ///
    /// # Errors
    /// `Truncated` in the middle of a message.
    pub fn finish(&self) -> Result<(), MessageError> {
        if self.have == 0 {
            Ok(())
        } else {
            Err(MessageError::Truncated)
        }
    }

    fn length(&self) -> u32 {
        let [_, a, b, c, d] = self.prefix;
        u32::from_be_bytes([a, b, c, d])
    }
}

/// Reads the value of `grpc-status`; None unless it is 0 to 99.
#[inline]
pub fn parse_status(value: &[u8]) -> Option<u8> {
    match value {
        [one @ b'0'..=b'9'] => Some(one - b'0'),
        [ten @ b'1'..=b'9', one @ b'0'..=b'9'] => Some((ten - b'0') * 10 + (one - b'0')),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{MessageError, MessageReader, Part, parse_status, write_message};

    #[test]
    fn an_empty_message_is_a_message() {
        let mut bytes = Vec::new();
        write_message(&mut bytes, b"");
        write_message(&mut bytes, b"");
        let mut reader = MessageReader::new(10);
        assert_eq!(reader.count(&bytes), Ok(2));
        assert_eq!(reader.finish(), Ok(()));
    }

    #[test]
    fn compressed_long_and_cut_messages_are_refused() {
        assert_eq!(
            MessageReader::new(10).count(&[1, 0, 0, 0, 1]),
            Err(MessageError::Compressed)
        );
        assert_eq!(
            MessageReader::new(10).count(&[0, 0, 0, 0, 11]),
            Err(MessageError::TooLong)
        );
        for cut in [&[0][..], &[0, 0, 0, 0, 1], &[0, 0, 0, 0, 2, 7]] {
            let mut reader = MessageReader::new(10);
            assert_eq!(reader.count(cut), Ok(0));
            assert_eq!(reader.finish(), Err(MessageError::Truncated));
        }
    }

    #[test]
    fn a_status_is_one_or_two_digits() {
        assert_eq!(parse_status(b"0"), Some(0));
        assert_eq!(parse_status(b"16"), Some(16));
        for text in [&b""[..], b"007", b"01", b"-1", b"x"] {
            assert_eq!(parse_status(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn messages_come_out_as_they_went_in_however_they_are_cut(
            messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..8),
            size in 1_usize..20,
        ) {
            let mut bytes = Vec::new();
            for message in &messages {
                write_message(&mut bytes, message);
            }
            let mut reader = MessageReader::new(100);
            let mut read = Vec::new();
            let mut open = Vec::new();
            for piece in bytes.chunks(size) {
                reader.feed(piece, &mut |part| match part {
                    Part::Bytes(part) => open.extend_from_slice(part),
                    Part::End(length) => {
                        assert_eq!(length as usize, open.len());
                        read.push(std::mem::take(&mut open));
                    }
                }).expect("messages");
            }
            prop_assert_eq!(reader.finish(), Ok(()));
            prop_assert_eq!(read, messages);
        }
    }
}
