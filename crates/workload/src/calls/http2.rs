//! The client's side of one HTTP/2 connection, for HTTP and for gRPC: each call a stream of its own.
//!
//! Frames gather in `out` and leave in one write; bodies follow as far as the windows and `out` have room.

use std::collections::{HashMap, VecDeque};

use meshperf_http2::frame::{self, LARGEST_WINDOW, code, setting};
use meshperf_http2::grpc::parse_status;
use meshperf_http2::hpack::{DEFAULT_TABLE_SIZE, Decoder, encode_no_table};
use meshperf_http2::{
    ConnectionError, Event, PREFACE, Reader, ReceiveWindow, SendWindow, Settings,
};

use super::exchange::{Broken, Ended, Ending};
use super::request::Prepared;
use super::stream::Stream;
use crate::http2::{Body, Fields};

/// Streams that are opened before a callee ever said how many it takes (RFC 9113 §6.5.2 wants no fewer to be allowed).
pub const FIRST_ROOM: usize = 100;
/// Frames that are waiting for the socket (bytes); more are made when these are gone.
const FULL: usize = 128 * 1024;
/// No frame of ours is longer (bytes), whatever the callee takes.
const LONGEST_FRAME: u32 = 64 * 1024;
/// The last stream that is opened; a connection that comes there is replaced.
const LAST_STREAM: u32 = frame::LAST_STREAM - 2;

impl From<ConnectionError> for Broken {
    fn from(_: ConnectionError) -> Self {
        Broken
    }
}

pub struct Http2 {
    reader: Reader,
    inner: Inner,
}

/// Everything but the reader, which calls into it.
struct Inner {
    grpc: bool,
    decoder: Decoder,
    streams: HashMap<u32, Stream>,
    next: u32,
    /// Streams that the callee takes at a time, as far as we know, and as it said.
    most: usize,
    announced: Option<usize>,
    max_frame: u32,
    initial: u32,
    send: SendWindow,
    receive: ReceiveWindow,
    /// Streams with a body to send, in turn.
    line: VecDeque<u32>,
    out: Vec<u8>,
    sent: usize,
    block: Vec<u8>,
    /// The callee takes no new streams.
    closing: bool,
    /// Whether an earlier call was answered on this connection.
    used: bool,
}

impl Http2 {
    /// `room`: streams that are opened before the callee says how many it takes.
    pub fn new(grpc: bool, room: usize) -> Self {
        let mut out = PREFACE.to_vec();
        let settings = [
            (setting::ENABLE_PUSH, 0),
            (setting::INITIAL_WINDOW_SIZE, LARGEST_WINDOW),
        ];
        frame::write_settings(&mut out, &settings);
        let mut receive = ReceiveWindow::connection(LARGEST_WINDOW);
        if let Some(increment) = receive.top_up() {
            frame::write_window_update(&mut out, 0, increment);
        }
        Http2 {
            reader: Reader::default(),
            inner: Inner {
                grpc,
                decoder: Decoder::new(DEFAULT_TABLE_SIZE),
                streams: HashMap::new(),
                next: 1,
                most: room,
                announced: None,
                max_frame: frame::DEFAULT_FRAME_SIZE,
                initial: frame::DEFAULT_WINDOW,
                send: SendWindow::new(frame::DEFAULT_WINDOW),
                receive,
                line: VecDeque::new(),
                out,
                sent: 0,
                block: Vec::new(),
                closing: false,
                used: false,
            },
        }
    }

    pub fn room(&self) -> usize {
        if self.inner.closing {
            return 0;
        }
        self.inner.most.saturating_sub(self.inner.streams.len())
    }

    /// How many streams the callee said that it takes.
    pub fn announced(&self) -> Option<usize> {
        self.inner.announced
    }

    pub fn is_spent(&self) -> bool {
        self.inner.closing && self.inner.streams.is_empty()
    }

    pub fn begin(&mut self, call: u64, request: &Prepared, passed: &Fields) {
        self.inner.begin(call, request, passed);
    }

    pub fn piece(&mut self, filler: &[u8]) -> &[u8] {
        if self.inner.sent == self.inner.out.len() {
            self.inner.out.clear();
            self.inner.sent = 0;
            self.inner.fill(filler);
        }
        &self.inner.out[self.inner.sent..]
    }

    pub fn advance(&mut self, n: usize) {
        self.inner.sent += n;
    }

    pub fn feed(&mut self, bytes: &[u8], ended: &mut Vec<Ended>) -> Result<(), Broken> {
        let inner = &mut self.inner;
        self.reader
            .feed(bytes, &mut |event| inner.take(event, ended))
    }

    pub fn end(&mut self, ended: &mut Vec<Ended>) {
        let Inner { streams, used, .. } = &mut self.inner;
        for (_, stream) in streams.drain() {
            let unheard = *used && stream.status == 0;
            let ending = if unheard {
                Ending::Unheard
            } else {
                Ending::Failed
            };
            ended.push((stream.call, ending));
        }
    }

    pub fn give_up(&mut self, call: u64) {
        let Inner { streams, out, .. } = &mut self.inner;
        let given_up = streams.extract_if(|_, stream| stream.call == call);
        for (number, _) in given_up {
            frame::write_rst_stream(out, number, code::CANCEL);
        }
    }
}

impl Inner {
    fn begin(&mut self, call: u64, request: &Prepared, passed: &Fields) {
        let number = self.next;
        self.next += 2;
        self.closing |= self.next > LAST_STREAM;
        self.block.clear();
        if number == 1 {
            // A callee that allows a smaller table than the standard's wants to hear that none is used.
            encode_no_table(&mut self.block);
        }
        request.write_block(passed, &mut self.block);
        let empty = request.is_empty();
        frame::write_headers(&mut self.out, number, &self.block, empty, self.max_frame);
        let mut body = Body::default();
        body.own.extend_from_slice(&request.own);
        body.fill(request.filler);
        self.streams
            .insert(number, Stream::new(call, body, self.initial));
        if !empty {
            self.line.push_back(number);
        }
    }

    /// Puts bodies into frames, a frame of each stream in turn.
    fn fill(&mut self, filler: &[u8]) {
        while self.out.len() < FULL
            && self.send.available() > 0
            && let Some(number) = self.line.pop_front()
        {
            let Some(stream) = self.streams.get_mut(&number) else {
                continue;
            };
            let piece = stream.body.next(filler);
            let most = piece.len().min(self.max_frame as usize) as u32;
            let length = most.min(stream.send.available()).min(self.send.available());
            if length == 0 {
                // It comes back with the WINDOW_UPDATE of its stream.
                continue;
            }
            stream.send.take(length);
            self.send.take(length);
            let start = self.out.len();
            frame::write_data(&mut self.out, number, &piece[..length as usize], false);
            stream.body.advance(length as usize, filler);
            if stream.body.is_sent() {
                // The flags are the fifth byte of the head.
                self.out[start + 4] |= frame::flag::END_STREAM;
            } else {
                self.line.push_back(number);
            }
        }
    }

    fn take(&mut self, event: Event<'_>, ended: &mut Vec<Ended>) -> Result<(), Broken> {
        match event {
            Event::Headers {
                stream,
                block,
                end_stream,
            } => return self.on_headers(stream, block, end_stream, ended),
            Event::Data {
                stream,
                bytes,
                flow,
                end_stream,
                ..
            } => return self.on_data(stream, bytes, flow, end_stream, ended),
            Event::Settings(settings) => return self.on_settings(settings),
            Event::Ping { ack: false, data } => frame::write_ping(&mut self.out, true, data),
            Event::WindowUpdate {
                stream: 0,
                increment,
            } => self.send.open(increment)?,
            Event::WindowUpdate { stream, increment } => {
                if let Some(open) = self.streams.get_mut(&stream) {
                    open.send.open(increment)?;
                    self.put_in_line(stream);
                }
            }
            Event::Reset { stream, code } => {
                if let Some(stream) = self.streams.remove(&stream) {
                    let refused = code == code::REFUSED_STREAM;
                    let ending = if refused {
                        Ending::Unheard
                    } else {
                        Ending::Failed
                    };
                    ended.push((stream.call, ending));
                }
            }
            Event::GoAway { last_stream, .. } => {
                self.closing = true;
                let unserved = self.streams.extract_if(|number, _| *number > last_stream);
                ended.extend(unserved.map(|(_, stream)| (stream.call, Ending::Unheard)));
            }
            Event::SettingsAck | Event::Ping { .. } => {}
        }
        Ok(())
    }

    fn put_in_line(&mut self, number: u32) {
        let unsent = |stream: &Stream| !stream.body.is_sent();
        if self.streams.get(&number).is_some_and(unsent) && !self.line.contains(&number) {
            self.line.push_back(number);
        }
    }

    fn on_settings(&mut self, settings: Settings<'_>) -> Result<(), Broken> {
        for (name, value) in settings.iter() {
            match name {
                setting::MAX_CONCURRENT_STREAMS => {
                    self.most = value as usize;
                    self.announced = Some(self.most);
                }
                setting::MAX_FRAME_SIZE => self.max_frame = value.min(LONGEST_FRAME),
                setting::INITIAL_WINDOW_SIZE => {
                    for stream in self.streams.values_mut() {
                        stream.send.change_initial(self.initial, value)?;
                    }
                    self.initial = value;
                    let numbers: Vec<u32> = self.streams.keys().copied().collect();
                    numbers
                        .into_iter()
                        .for_each(|number| self.put_in_line(number));
                }
                _ => {}
            }
        }
        frame::write_settings_ack(&mut self.out);
        Ok(())
    }

    fn on_headers(
        &mut self,
        number: u32,
        block: &[u8],
        ends: bool,
        ended: &mut Vec<Ended>,
    ) -> Result<(), Broken> {
        let Some(stream) = self.streams.get_mut(&number) else {
            // Late, of a stream that was given up: only the tables must stay in step.
            return Ok(self.decoder.decode(block, &mut |_, _| {})?);
        };
        self.decoder.decode(block, &mut |name, value| match name {
            b":status" => stream.status = status(value),
            b"grpc-status" => stream.grpc = parse_status(value),
            _ => {}
        })?;
        match stream.status {
            0 => return Err(Broken),
            // Only a foretaste; the reply itself follows.
            100..=199 if !ends => stream.status = 0,
            _ => {}
        }
        if ends {
            self.finish(number, ended);
        }
        Ok(())
    }

    fn on_data(
        &mut self,
        number: u32,
        bytes: &[u8],
        flow: u32,
        ends: bool,
        ended: &mut Vec<Ended>,
    ) -> Result<(), Broken> {
        self.receive.receive(flow)?;
        if let Some(increment) = self.receive.due() {
            frame::write_window_update(&mut self.out, 0, increment);
        }
        let Some(stream) = self.streams.get_mut(&number) else {
            return Ok(());
        };
        if stream.status == 0 {
            return Err(Broken);
        }
        if self.grpc {
            stream.take_messages(bytes);
        }
        if ends {
            self.finish(number, ended);
        }
        Ok(())
    }

    /// The callee has ended a stream.
    fn finish(&mut self, number: u32, ended: &mut Vec<Ended>) {
        let Some(stream) = self.streams.remove(&number) else {
            return;
        };
        self.used = true;
        if !stream.body.is_sent() {
            // It has answered without hearing us out: there is no sense in going on.
            frame::write_rst_stream(&mut self.out, number, code::NO_ERROR);
        }
        ended.push((stream.call, stream.ending(self.grpc)));
    }
}

/// Three digits, 100 or more; 0 for anything else.
fn status(text: &[u8]) -> u16 {
    let digits = text.len() == 3 && text.iter().all(u8::is_ascii_digit) && text[0] != b'0';
    match std::str::from_utf8(text) {
        Ok(text) if digits => text.parse().unwrap_or(0),
        _ => 0,
    }
}

#[cfg(test)]
#[path = "http2_tests.rs"]
mod tests;
