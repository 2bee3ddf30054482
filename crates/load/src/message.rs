//! TCP without a protocol above it: a message, and the bytes that answer it.

use std::sync::Arc;

use crate::dialogue::{Answer, Dialogue, Ending, Malformed, Reply};
use crate::reason::Failure;
use crate::redirect::Redirect;

/// One message at a time; its answer is a number of bytes, whatever they are.
pub(crate) struct Message {
    message: Arc<[u8]>,
    /// Bytes of an answer; 0: the message ends when it is written.
    reply: u64,
    /// Bytes still to come; None while nothing is under way.
    left: Option<u64>,
}

impl Message {
    pub(crate) fn new(message: Arc<[u8]>, reply: u64) -> Self {
        Self {
            message,
            reply,
            left: None,
        }
    }

    fn finish(&mut self, answers: &mut Vec<Answer>) {
        self.left = None;
        answers.push(Answer::new(0, Ending::Reply(Reply::OK)));
    }
}

impl Dialogue for Message {
    fn open(&mut self, _out: &mut Vec<u8>) {
        self.left = None;
    }

    fn room(&self) -> Option<u32> {
        Some(1)
    }

    fn begin(&mut self, _place: u32, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.message);
        self.left = Some(self.reply);
    }

    fn follow(&mut self, place: u32, _redirect: &Redirect, out: &mut Vec<u8>) {
        self.begin(place, out);
    }

    fn feed(
        &mut self,
        bytes: &[u8],
        _out: &mut Vec<u8>,
        answers: &mut Vec<Answer>,
    ) -> Result<(), Failure> {
        if bytes.is_empty() {
            return Ok(());
        }
        match self.left {
            // One-way: what the peer may say is not listened to.
            _ if self.reply == 0 => Ok(()),
            Some(left) if (bytes.len() as u64) < left => {
                self.left = Some(left - bytes.len() as u64);
                Ok(())
            }
            Some(left) if bytes.len() as u64 == left => {
                self.finish(answers);
                Ok(())
            }
            Some(_) => Err(Malformed("more bytes came than an answer has").into()),
            None => Err(Malformed("bytes came that nobody asked for").into()),
        }
    }

    fn written(&mut self, answers: &mut Vec<Answer>) {
        if self.reply == 0 && self.left.is_some() {
            self.finish(answers);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn asked(reply: u64) -> Message {
        let mut message = Message::new(b"ping".as_slice().into(), reply);
        let mut out = Vec::new();
        message.begin(0, &mut out);
        assert_eq!(out, b"ping");
        message
    }

    #[test]
    fn an_answer_ends_with_its_last_byte() {
        let (mut message, mut answers) = (asked(4), Vec::new());
        message.feed(b"pon", &mut Vec::new(), &mut answers).unwrap();
        assert!(answers.is_empty());
        message.feed(b"g", &mut Vec::new(), &mut answers).unwrap();
        assert_eq!(answers.len(), 1);
        assert!(message.feed(b"!", &mut Vec::new(), &mut answers).is_err());
    }

    #[test]
    fn more_than_the_answer_is_not_an_answer() {
        assert!(
            asked(4)
                .feed(b"pongo", &mut Vec::new(), &mut Vec::new())
                .is_err()
        );
    }

    #[test]
    fn a_one_way_message_ends_when_it_is_written_and_hears_nothing() {
        let (mut message, mut answers) = (asked(0), Vec::new());
        message.written(&mut answers);
        message.written(&mut answers);
        assert_eq!(answers.len(), 1);
        message
            .feed(b"noise", &mut Vec::new(), &mut answers)
            .unwrap();
        assert_eq!(answers.len(), 1);
    }
}
