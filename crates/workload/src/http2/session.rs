//! What frames mean: streams opened, requests finished; and in `replies`, service given and replies put into frames.
//!
//! *Order*: requests are served in the order they were finished. A worker that is busy for each (`--busy`) serves one a
//! turn and sends its reply before the next, as it does for HTTP/1; a call answers its requests one after the other.

mod replies;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::net::SocketAddr;

use meshperf_http2::frame::{
    DEFAULT_FRAME_SIZE, DEFAULT_WINDOW, code, setting, write_ping, write_rst_stream,
    write_settings, write_settings_ack, write_window_update,
};
use meshperf_http2::hpack::{DEFAULT_TABLE_SIZE, Decoder};
use meshperf_http2::{ConnectionError, Event, ReceiveWindow, SendWindow, Settings};

use super::fields::Fields;
use super::stream::{WINDOW, Work};
use super::streams::Streams;
use crate::calls::passed;
use crate::grpc::{Failed, Method, status};
use crate::http1::{Route, route};
use crate::identity;
use crate::service::Service;
use crate::transport::Transport;

/// What all of a connection's streams together may send ahead of us (bytes).
const CONNECTION_WINDOW: u32 = 16 << 20;
/// Replies in frames that are waiting for the socket (bytes); more are made when these are gone.
const FULL: usize = 128 * 1024;
/// No frame of ours is longer (bytes), whatever the peer takes.
const LONGEST_FRAME: u32 = 64 * 1024;

pub struct Session {
    peer: SocketAddr,
    decoder: Decoder,
    fields: Fields,
    streams: Streams,
    most_streams: usize,
    /// The highest stream that was opened.
    last: u32,
    /// Streams with something to serve, in order.
    ready: VecDeque<u32>,
    /// Streams in service, by when it ends.
    dues: BinaryHeap<Reverse<(u64, u32)>>,
    /// Streams with something to send and a window to send it in.
    line: VecDeque<u32>,
    send: SendWindow,
    receive: ReceiveWindow,
    initial_send: u32,
    max_frame_size: u32,
    /// Whether the peer was told that our encoder has no table.
    said_no_table: bool,
    block: Vec<u8>,
}

impl Session {
    /// Writes the server's part of the preface to `out`.
    pub fn new(peer: SocketAddr, most_streams: u32, out: &mut Vec<u8>) -> Self {
        let settings = [
            (setting::MAX_CONCURRENT_STREAMS, most_streams),
            (setting::INITIAL_WINDOW_SIZE, WINDOW),
        ];
        write_settings(out, &settings);
        let mut receive = ReceiveWindow::connection(CONNECTION_WINDOW);
        if let Some(increment) = receive.top_up() {
            write_window_update(out, 0, increment);
        }
        Session {
            peer,
            decoder: Decoder::new(DEFAULT_TABLE_SIZE),
            fields: Fields::default(),
            streams: Streams::default(),
            most_streams: most_streams as usize,
            last: 0,
            ready: VecDeque::new(),
            dues: BinaryHeap::new(),
            line: VecDeque::new(),
            send: SendWindow::new(DEFAULT_WINDOW),
            receive,
            initial_send: DEFAULT_WINDOW,
            max_frame_size: DEFAULT_FRAME_SIZE,
            said_no_table: false,
            block: Vec::new(),
        }
    }

    pub fn last(&self) -> u32 {
        self.last
    }

    pub fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// When the next reply is due (CLOCK_MONOTONIC, ns).
    pub fn next_ns(&self) -> Option<u64> {
        self.dues.peek().map(|Reverse((due, _))| *due)
    }

    pub fn on(
        &mut self,
        event: Event<'_>,
        service: &mut Service,
        transport: &Transport,
        out: &mut Vec<u8>,
    ) -> Result<(), ConnectionError> {
        match event {
            Event::Headers {
                stream,
                block,
                end_stream,
            } => {
                let Session {
                    decoder, fields, ..
                } = self;
                fields.clear();
                decoder.decode(block, &mut |name, value| fields.push(name, value))?;
                self.on_headers(stream, end_stream, service, transport, out)
            }
            Event::Data {
                stream,
                bytes,
                flow,
                end_stream,
                ..
            } => self.on_data(stream, bytes, flow, end_stream, service, out),
            Event::Settings(settings) => self.on_settings(settings, out),
            Event::Ping { ack: false, data } => {
                write_ping(out, true, data);
                Ok(())
            }
            Event::WindowUpdate {
                stream: 0,
                increment,
            } => self.send.open(increment),
            Event::WindowUpdate { stream, increment } => {
                self.refuse_idle(stream)?;
                if let Some(open) = self.streams.get(stream) {
                    open.send.open(increment)?;
                    self.put_in_line(stream);
                }
                Ok(())
            }
            Event::Reset { stream, .. } => {
                self.refuse_idle(stream)?;
                self.streams.close(stream);
                Ok(())
            }
            Event::SettingsAck | Event::Ping { .. } | Event::GoAway { .. } => Ok(()),
        }
    }

    fn refuse_idle(&self, stream: u32) -> Result<(), ConnectionError> {
        if stream > self.last || stream.is_multiple_of(2) {
            Err(ConnectionError::IdleStream)
        } else {
            Ok(())
        }
    }

    fn on_settings(
        &mut self,
        settings: Settings<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), ConnectionError> {
        for (id, value) in settings.iter() {
            match id {
                setting::INITIAL_WINDOW_SIZE => {
                    let before = std::mem::replace(&mut self.initial_send, value);
                    for stream in self.streams.ids() {
                        if let Some(open) = self.streams.get(stream) {
                            open.send.change_initial(before, value)?;
                        }
                        self.put_in_line(stream);
                    }
                }
                setting::MAX_FRAME_SIZE => self.max_frame_size = value.min(LONGEST_FRAME),
                _ => {}
            }
        }
        write_settings_ack(out);
        Ok(())
    }

    /// A request begins, or ends with trailers; its fields are in `fields`.
    fn on_headers(
        &mut self,
        id: u32,
        ended: bool,
        service: &mut Service,
        transport: &Transport,
        out: &mut Vec<u8>,
    ) -> Result<(), ConnectionError> {
        if id.is_multiple_of(2) {
            return Err(ConnectionError::StreamNumber);
        }
        if id <= self.last {
            // Trailers; of a stream that we have reset they are too late, and of a live one they must end it.
            match self.streams.get(id) {
                Some(open) if !ended || open.ended => self.reset(id, code::PROTOCOL_ERROR, out),
                Some(_) => self.end_request(id, service, out),
                None => {}
            }
            return Ok(());
        }
        self.last = id;
        if self.streams.len() >= self.most_streams {
            write_rst_stream(out, id, code::REFUSED_STREAM);
            return Ok(());
        }
        let (Some(method), Some(path)) = (self.fields.get(b":method"), self.fields.get(b":path"))
        else {
            write_rst_stream(out, id, code::PROTOCOL_ERROR);
            return Ok(());
        };
        let is_head = method == b"HEAD";
        let is_grpc = self
            .fields
            .get(b"content-type")
            .is_some_and(|kind| kind.starts_with(b"application/grpc"));
        let proceed = !ended
            && self
                .fields
                .get(b"expect")
                .is_some_and(|value| value.eq_ignore_ascii_case(b"100-continue"));
        let called = if is_grpc { Method::of(path) } else { None };
        let route = std::str::from_utf8(path).ok().and_then(route);
        let described = match route {
            Some(Route::WhoAmI) if !is_grpc => identity::describe_fields(
                self.fields.iter(),
                transport,
                self.peer,
                service.identity_header.as_ref(),
            ),
            _ => Vec::new(),
        };
        let open = self.streams.open(id, self.initial_send);
        if service.calls.is_some() {
            open.passed = passed::of_fields(&self.fields);
        }
        open.work = match (is_grpc, route) {
            (true, _) => Work::Call,
            (false, Some(Route::WhoAmI)) => Work::Text {
                status: 200,
                kind: "application/json",
                is_head,
            },
            (false, Some(route)) => Work::Echo { route, is_head },
            (false, None) => Work::Text {
                status: 400,
                kind: "text/plain",
                is_head,
            },
        };
        match (open.work, called) {
            (Work::Call, Some(method)) => open.call.reset(method),
            (Work::Call, None) => {
                open.ended = ended;
                service.counters.requests.add(u64::from(ended));
                let text = "there is no such method here";
                self.fail(
                    id,
                    Failed {
                        status: status::UNIMPLEMENTED,
                        text,
                    },
                    service,
                    out,
                );
                return Ok(());
            }
            (Work::Text { status: 400, .. }, _) => open
                .body
                .own
                .extend_from_slice(b"not a target of this server\n"),
            (Work::Text { .. }, _) => open.body.own.extend_from_slice(&described),
            _ => {}
        }
        if ended {
            self.end_request(id, service, out);
        } else if proceed {
            self.write_head(id, &service.blocks.proceed, false, out);
        }
        Ok(())
    }

    fn on_data(
        &mut self,
        id: u32,
        bytes: &[u8],
        flow: u32,
        ended: bool,
        service: &mut Service,
        out: &mut Vec<u8>,
    ) -> Result<(), ConnectionError> {
        self.refuse_idle(id)?;
        self.receive.receive(flow)?;
        if let Some(increment) = self.receive.due() {
            write_window_update(out, 0, increment);
        }
        let Some(open) = self.streams.get(id) else {
            return Ok(());
        };
        if open.ended {
            self.reset(id, code::STREAM_CLOSED, out);
            return Ok(());
        }
        open.receive.receive(flow)?;
        if open.work == Work::Call
            && let Err(failed) = open.call.take(bytes)
        {
            open.ended = ended;
            self.fail(id, failed, service, out);
            return Ok(());
        }
        if ended {
            self.end_request(id, service, out);
            return Ok(());
        }
        if let Some(increment) = open.window_due() {
            write_window_update(out, id, increment);
        }
        self.make_ready(id);
        Ok(())
    }

    fn end_request(&mut self, id: u32, service: &Service, out: &mut Vec<u8>) {
        service.counters.requests.add(1);
        let Some(open) = self.streams.get(id) else {
            return;
        };
        open.ended = true;
        if open.is_silent() && open.call.is_over(true) {
            self.end_call(id, service, out);
        } else {
            self.make_ready(id);
        }
    }
}
