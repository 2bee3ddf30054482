//! The streams under way on one HTTP/2 connection: found by their number, kept by their place.

use std::sync::Arc;

use meshperf_http2::frame::LARGEST_WINDOW;
use meshperf_http2::grpc::MessageReader;
use meshperf_http2::{ReceiveWindow, SendWindow};

use crate::dialogue::{Ending, Reply};
use crate::http2_call::Call;

/// What a gRPC call that ends without a status counts as: UNKNOWN.
pub(crate) const UNKNOWN: u16 = 2;

/// One request and its response as far as it has come.
pub(crate) struct Stream {
    /// 0: nothing is under way in this place.
    pub(crate) number: u32,
    pub(crate) call: Option<Arc<Call>>,
    pub(crate) body_sent: usize,
    pub(crate) window: SendWindow,
    pub(crate) receive_window: ReceiveWindow,
    /// 0 before the head has come.
    pub(crate) status: u16,
    pub(crate) grpc: Option<u16>,
    pub(crate) location: Option<Vec<u8>>,
    pub(crate) messages: MessageReader,
    /// gRPC messages that have come whole.
    pub(crate) whole: u32,
    /// What came is not a sequence of gRPC messages.
    pub(crate) spoilt: bool,
    pub(crate) bytes_in: u64,
}

impl Stream {
    fn nothing() -> Self {
        Self {
            number: 0,
            call: None,
            body_sent: 0,
            window: SendWindow::new(0),
            receive_window: ReceiveWindow::stream(LARGEST_WINDOW),
            status: 0,
            grpc: None,
            location: None,
            messages: MessageReader::new(u32::MAX),
            whole: 0,
            spoilt: false,
            bytes_in: 0,
        }
    }

    /// How its request ended, now that the peer has ended the stream.
    pub(crate) fn ending(&mut self, grpc: bool) -> Ending {
        let reply = Reply {
            status: self.status,
            grpc: grpc.then(|| self.grpc.unwrap_or(UNKNOWN)),
            keep: true,
        };
        // A stream that ends with an interim response has none.
        if self.status < 200 {
            return Ending::Malformed;
        }
        // What comes with an error of HTTP, from a proxy as a rule, is text for people and no message.
        if grpc && self.status == 200 {
            // Where the server does not stream, success is exactly one message.
            let one_message = self.call.as_ref().is_some_and(|call| call.one_message);
            let short = one_message && reply.grpc == Some(0) && self.whole != 1;
            if short || self.spoilt || self.messages.finish().is_err() {
                return Ending::Malformed;
            }
        }
        let redirect = self.call.as_ref().and_then(|call| {
            let location = self.location.take();
            call.redirect(self.status, location.as_deref())
        });
        match redirect {
            Some(redirect) => Ending::Redirect(reply, redirect),
            None => Ending::Reply(reply),
        }
    }
}

pub(crate) struct Streams {
    places: Box<[Stream]>,
    /// Place by number, for numbers that differ in their low bits; others are searched for.
    index: Box<[u32]>,
}

impl Streams {
    pub(crate) fn new(places: u32) -> Self {
        let indexed = (places as usize * 2).next_power_of_two();
        Self {
            places: (0..places).map(|_| Stream::nothing()).collect(),
            index: vec![0; indexed].into_boxed_slice(),
        }
    }

    pub(crate) fn places(&self) -> u32 {
        self.places.len() as u32
    }

    #[inline]
    pub(crate) fn at(&self, place: u32) -> &Stream {
        &self.places[place as usize]
    }

    #[inline]
    pub(crate) fn at_mut(&mut self, place: u32) -> &mut Stream {
        &mut self.places[place as usize]
    }

    #[inline]
    fn key(&self, number: u32) -> usize {
        (number >> 1) as usize & (self.index.len() - 1)
    }

    #[inline]
    pub(crate) fn begin(&mut self, place: u32, number: u32, window: SendWindow, call: Arc<Call>) {
        let key = self.key(number);
        self.index[key] = place;
        self.places[place as usize] = Stream {
            number,
            call: Some(call),
            window,
            ..Stream::nothing()
        };
    }

    /// The place of a stream that is under way.
    #[inline]
    pub(crate) fn find(&self, number: u32) -> Option<u32> {
        let likely = self.index[self.key(number)];
        if number != 0 && self.places[likely as usize].number == number {
            return Some(likely);
        }
        self.search(number)
    }

    /// A stream so slow that a later one has taken its entry in the index.
    #[cold]
    fn search(&self, number: u32) -> Option<u32> {
        if number == 0 {
            return None;
        }
        let same = |stream: &Stream| stream.number == number;
        self.places.iter().position(same).map(|place| place as u32)
    }

    #[inline]
    pub(crate) fn end(&mut self, place: u32) {
        self.places[place as usize].number = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Target;

    #[test]
    fn streams_are_found_while_they_are_under_way_however_old() {
        let call = Arc::new(Call::new(&Target::new(([127, 0, 0, 1], 1).into())));
        let mut streams = Streams::new(3);
        let mut begin = |place, number| {
            streams.begin(place, number, SendWindow::new(1), call.clone());
        };
        begin(0, 1);
        begin(1, 3);
        begin(2, 5);
        begin(2, 17); // the same entry of the index as 1
        assert_eq!(streams.find(1), Some(0));
        assert_eq!(streams.find(17), Some(2));
        assert_eq!(streams.find(5), None);
        streams.end(0);
        assert_eq!((streams.find(1), streams.find(0)), (None, None));
        assert_eq!(streams.find(3), Some(1));
    }
}
