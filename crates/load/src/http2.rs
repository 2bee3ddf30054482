//! HTTP/2 and gRPC on the client's side: many requests at a time on a connection, each in a stream of its own.
//!
//! *Why this way*: the header block of a request is encoded once, and everything that a turn of the loop asks for on a
//! connection goes out in one write: frames per write decide what a request costs, not how they are made.

use std::sync::Arc;

use meshperf_http2::frame::{self, LARGEST_WINDOW, code, setting};
use meshperf_http2::grpc::parse_status;
use meshperf_http2::hpack::{self, Decoder};
use meshperf_http2::{ConnectionError, Event, PREFACE, ReceiveWindow, SendWindow, Settings};

use crate::dialogue::{Answer, Dialogue, Ending};
use crate::http2_call::Call;
use crate::reason::{Failure, Reason};
use crate::redirect::Redirect;
use crate::streams::{Streams, UNKNOWN};

/// The largest stream number; a connection that comes near it is replaced.
const LAST_STREAM: u32 = (1 << 31) - 1;

pub(crate) struct Http2 {
    reader: meshperf_http2::Reader,
    inner: Inner,
}

/// Everything but the reader, which calls into it.
struct Inner {
    call: Arc<Call>,
    decoder: Decoder,
    streams: Streams,
    next_stream: u32,
    /// What the peer announced; None before it has.
    max_streams: Option<u32>,
    max_frame: u32,
    initial_window: u32,
    send_window: SendWindow,
    receive_window: ReceiveWindow,
    closing: bool,
}

impl From<ConnectionError> for Failure {
    fn from(error: ConnectionError) -> Self {
        Self::new(Reason::Malformed, error.to_string())
    }
}

impl Http2 {
    pub(crate) fn new(call: Arc<Call>, places: u32) -> Self {
        Self {
            reader: meshperf_http2::Reader::default(),
            inner: Inner::new(call, places),
        }
    }
}

impl Dialogue for Http2 {
    fn open(&mut self, out: &mut Vec<u8>) {
        let places = self.inner.streams.places();
        self.reader = meshperf_http2::Reader::default();
        self.inner = Inner::new(self.inner.call.clone(), places);
        out.extend_from_slice(PREFACE);
        frame::write_settings(
            out,
            &[
                (setting::ENABLE_PUSH, 0),
                (setting::INITIAL_WINDOW_SIZE, LARGEST_WINDOW),
            ],
        );
        if let Some(increment) = self.inner.receive_window.top_up() {
            frame::write_window_update(out, 0, increment);
        }
    }

    fn room(&self) -> Option<u32> {
        let most = self.inner.max_streams?;
        Some(most.min(self.inner.streams.places()))
    }

    fn allowed(&self) -> Option<u32> {
        self.inner.max_streams.filter(|&most| most < u32::MAX)
    }

    #[inline]
    fn begin(&mut self, place: u32, out: &mut Vec<u8>) {
        let call = self.inner.call.clone();
        self.inner.begin(place, call, out);
    }

    fn follow(&mut self, place: u32, redirect: &Redirect, out: &mut Vec<u8>) {
        let before = self.inner.streams.at(place).call.clone();
        let call = before.unwrap_or_else(|| self.inner.call.clone());
        if let Some(moved) = call.moved(redirect) {
            self.inner.begin(place, Arc::new(moved), out);
        }
    }

    #[inline]
    fn feed(
        &mut self,
        bytes: &[u8],
        out: &mut Vec<u8>,
        answers: &mut Vec<Answer>,
    ) -> Result<(), Failure> {
        let inner = &mut self.inner;
        self.reader
            .feed(bytes, &mut |event| inner.take(event, out, answers))
    }

    fn give_up(&mut self, place: u32, out: &mut Vec<u8>) -> bool {
        let stream = self.inner.streams.at(place).number;
        if stream != 0 {
            frame::write_rst_stream(out, stream, code::CANCEL);
            self.inner.streams.end(place);
        }
        true
    }

    fn closing(&self) -> bool {
        self.inner.closing
    }
}

impl Inner {
    fn new(call: Arc<Call>, places: u32) -> Self {
        Self {
            call,
            decoder: Decoder::new(hpack::DEFAULT_TABLE_SIZE),
            streams: Streams::new(places),
            next_stream: 1,
            max_streams: None,
            max_frame: frame::DEFAULT_FRAME_SIZE,
            initial_window: frame::DEFAULT_WINDOW,
            send_window: SendWindow::new(frame::DEFAULT_WINDOW),
            receive_window: ReceiveWindow::connection(LARGEST_WINDOW),
            closing: false,
        }
    }

    #[inline]
    fn begin(&mut self, place: u32, call: Arc<Call>, out: &mut Vec<u8>) {
        let number = self.next_stream;
        self.next_stream += 2;
        // The connection ends with the streams that are under way while there are numbers left for them.
        self.closing |= self.next_stream > LAST_STREAM - 2 * self.streams.places();
        let window = SendWindow::new(self.initial_window);
        let empty = call.body.is_empty();
        if number == 1 {
            // A peer that allows a smaller table than the standard's wants to hear that it is not used.
            let mut block = Vec::with_capacity(call.block.len() + 1);
            hpack::encode_no_table(&mut block);
            block.extend_from_slice(&call.block);
            frame::write_headers(out, number, &block, empty, self.max_frame);
        } else {
            frame::write_headers(out, number, &call.block, empty, self.max_frame);
        }
        self.streams.begin(place, number, window, call);
        if !empty {
            self.send_body(place, out);
        }
    }

    /// Send what the windows allow of a request's body.
    fn send_body(&mut self, place: u32, out: &mut Vec<u8>) {
        let stream = self.streams.at_mut(place);
        let Some(call) = stream.call.clone() else {
            return;
        };
        while stream.body_sent < call.body.len() {
            let left = (call.body.len() - stream.body_sent).min(self.max_frame as usize) as u32;
            let allowed = left.min(self.send_window.available());
            let length = stream.window.take(allowed);
            if length == 0 {
                return;
            }
            self.send_window.take(length);
            let piece = &call.body[stream.body_sent..stream.body_sent + length as usize];
            stream.body_sent += length as usize;
            let end = stream.body_sent == call.body.len();
            frame::write_data(out, stream.number, piece, end);
        }
    }

    /// A window has opened: bodies that waited for it go on.
    fn send_bodies(&mut self, out: &mut Vec<u8>) {
        for place in 0..self.streams.places() {
            let stream = self.streams.at(place);
            let unsent = |call: &Arc<Call>| stream.body_sent < call.body.len();
            if stream.number != 0 && stream.call.as_ref().is_some_and(unsent) {
                self.send_body(place, out);
            }
        }
    }

    #[inline]
    fn take(
        &mut self,
        event: Event<'_>,
        out: &mut Vec<u8>,
        answers: &mut Vec<Answer>,
    ) -> Result<(), Failure> {
        match event {
            Event::Headers {
                stream,
                block,
                end_stream,
            } => self.headers(stream, block, end_stream, out, answers),
            Event::Data {
                stream,
                bytes,
                flow,
                last,
                end_stream,
            } => self.data(stream, bytes, flow, last && end_stream, out, answers),
            Event::Settings(settings) => self.settings(settings, out),
            Event::WindowUpdate { stream, increment } => self.window(stream, increment, out),
            Event::Ping { ack: false, data } => {
                frame::write_ping(out, true, data);
                Ok(())
            }
            Event::Reset { stream, .. } => {
                if let Some(place) = self.streams.find(stream) {
                    self.streams.end(place);
                    answers.push(Answer::new(place, Ending::Reset));
                }
                Ok(())
            }
            Event::GoAway { last_stream, .. } => {
                self.closing = true;
                for place in 0..self.streams.places() {
                    let number = self.streams.at(place).number;
                    if number > last_stream {
                        self.streams.end(place);
                        answers.push(Answer::new(place, Ending::Reset));
                    }
                }
                Ok(())
            }
            Event::SettingsAck | Event::Ping { ack: true, .. } => Ok(()),
        }
    }

    fn settings(&mut self, settings: Settings<'_>, out: &mut Vec<u8>) -> Result<(), Failure> {
        let mut opened = false;
        for (name, value) in settings.iter() {
            match name {
                setting::MAX_CONCURRENT_STREAMS => self.max_streams = Some(value),
                setting::MAX_FRAME_SIZE => self.max_frame = value,
                setting::INITIAL_WINDOW_SIZE => {
                    for place in 0..self.streams.places() {
                        let stream = self.streams.at_mut(place);
                        // What is left of a window whose stream has ended may be so large that this would overflow it.
                        if stream.number != 0 {
                            stream.window.change_initial(self.initial_window, value)?;
                        }
                    }
                    opened = value > self.initial_window;
                    self.initial_window = value;
                }
                _ => {}
            }
        }
        self.max_streams.get_or_insert(u32::MAX);
        frame::write_settings_ack(out);
        if opened {
            self.send_bodies(out);
        }
        Ok(())
    }

    fn window(&mut self, stream: u32, increment: u32, out: &mut Vec<u8>) -> Result<(), Failure> {
        if stream == 0 {
            self.send_window.open(increment)?;
            self.send_bodies(out);
        } else if let Some(place) = self.streams.find(stream) {
            self.streams.at_mut(place).window.open(increment)?;
            self.send_body(place, out);
        }
        Ok(())
    }

    fn headers(
        &mut self,
        number: u32,
        block: &[u8],
        end_stream: bool,
        out: &mut Vec<u8>,
        answers: &mut Vec<Answer>,
    ) -> Result<(), Failure> {
        let Some(place) = self.streams.find(number) else {
            // Late, of a stream that was given up: only the tables must stay in step.
            return Ok(self.decoder.decode(block, &mut |_, _| {})?);
        };
        let stream = self.streams.at_mut(place);
        stream.bytes_in += (frame::HEAD + block.len()) as u64;
        let follow = stream.call.as_ref().is_some_and(|call| call.follows());
        self.decoder.decode(block, &mut |name, value| match name {
            b":status" => stream.status = status(value),
            b"grpc-status" => stream.grpc = Some(parse_status(value).map_or(UNKNOWN, u16::from)),
            b"location" if follow => stream.location = Some(value.to_vec()),
            _ => {}
        })?;
        if stream.status == 0 {
            return Err(Failure::new(Reason::Malformed, "a response has no status"));
        }
        if end_stream {
            self.finish(place, out, answers);
        } else if (100..200).contains(&stream.status) {
            // Only a foretaste; the response itself follows.
            stream.status = 0;
        }
        Ok(())
    }

    #[inline]
    fn data(
        &mut self,
        number: u32,
        bytes: &[u8],
        flow: u32,
        end: bool,
        out: &mut Vec<u8>,
        answers: &mut Vec<Answer>,
    ) -> Result<(), Failure> {
        self.receive_window.receive(flow)?;
        if let Some(increment) = self.receive_window.due() {
            frame::write_window_update(out, 0, increment);
        }
        let Some(place) = self.streams.find(number) else {
            return Ok(());
        };
        let grpc = self.call.grpc;
        let stream = self.streams.at_mut(place);
        stream.bytes_in += bytes.len() as u64;
        if flow > 0 {
            stream.bytes_in += frame::HEAD as u64;
            stream.receive_window.receive(flow)?;
        }
        if stream.status == 0 {
            return Err(Failure::new(
                Reason::Malformed,
                "a body came before its head",
            ));
        }
        if grpc {
            match stream.messages.count(bytes) {
                Ok(whole) => stream.whole = stream.whole.saturating_add(whole),
                Err(_) => stream.spoilt = true,
            }
        }
        if end {
            self.finish(place, out, answers);
        } else if let Some(increment) = stream.receive_window.due() {
            frame::write_window_update(out, number, increment);
        }
        Ok(())
    }

    /// The peer has ended a stream.
    fn finish(&mut self, place: u32, out: &mut Vec<u8>, answers: &mut Vec<Answer>) {
        let grpc = self.call.grpc;
        let stream = self.streams.at_mut(place);
        let unsent = |call: &Arc<Call>| stream.body_sent < call.body.len();
        if stream.call.as_ref().is_some_and(unsent) {
            // It has answered without hearing us out: there is no sense in going on.
            frame::write_rst_stream(out, stream.number, code::NO_ERROR);
        }
        let mut answer = Answer::new(place, stream.ending(grpc));
        answer.bytes_in = stream.bytes_in;
        answers.push(answer);
        self.streams.end(place);
    }
}

/// Three digits, 100 or more (RFC 9110 §15); 0 for anything else.
fn status(text: &[u8]) -> u16 {
    match *text {
        [a @ b'1'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9'] => [a, b, c]
            .iter()
            .fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0')),
        _ => 0,
    }
}
