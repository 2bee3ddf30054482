//! A client that speaks HTTP/2 frame by frame to a connection that is driven by hand.

use std::io::{Read, Write};
use std::net::TcpStream;

use meshperf_http2::frame::{write_headers, write_settings};
use meshperf_http2::hpack::{Decoder, encode_header};
use meshperf_http2::{ConnectionError, Event, PREFACE, Reader};

use crate::connection::{Connection, Step};
use crate::connection_tests::{pair, service};
use crate::service::Service;

/// A client that writes frames and tells what comes back, and the server's end of its connection.
pub struct Bench {
    pub client: TcpStream,
    pub server: Connection,
    pub service: Service,
    reader: Reader,
    decoder: Decoder,
    /// Bytes on their way each way: the kernel may take a moment to bring them over.
    to_server: u64,
    to_client: u64,
}

/// What came back, in short.
#[derive(Debug, PartialEq, Eq, Clone)]
pub enum Got {
    /// Stream, status or grpc-status, whether it ends.
    Headers(u32, String, bool),
    Data(u32, usize, bool),
    Reset(u32, u32),
    GoAway(u32, u32),
    Window(u32, u32),
    Pong([u8; 8]),
    Settings,
}

impl Bench {
    pub fn new(line: &str, settings: &[(u16, u32)]) -> Self {
        let (client, server) = pair();
        client.set_nodelay(true).expect("an option");
        let (reader, decoder) = (Reader::default(), Decoder::new(0));
        let mut bench = Bench {
            client,
            server,
            service: service(line),
            reader,
            decoder,
            to_server: 0,
            to_client: 0,
        };
        let mut hello = PREFACE.to_vec();
        write_settings(&mut hello, settings);
        let seen = bench.exchange(&hello);
        assert_eq!(
            seen,
            [
                Got::Settings,
                Got::Window(0, (16 << 20) - 65_535),
                Got::Settings
            ]
        );
        bench
    }

    pub fn send(&mut self, bytes: &[u8]) {
        self.client.write_all(bytes).expect("sent");
        self.to_server += bytes.len() as u64;
    }

    /// Lets the server go on until it waits and has read all; returns what it waits for.
    pub fn go_on(&mut self) -> Step {
        let mut asked = None;
        loop {
            self.server.transport.note_ready(true, false);
            let step = self.server.advance(&mut self.service);
            self.count();
            match step {
                // Asked for once, although more was still to be read.
                Step::Time(_) if self.to_server > 0 => asked = Some(step),
                Step::Socket | Step::Turn if self.to_server > 0 => {}
                Step::Socket => return asked.unwrap_or(step),
                _ => return step,
            }
        }
    }

    pub fn timer(&mut self) -> Step {
        let step = self.server.timer(&mut self.service);
        self.count();
        step
    }

    fn count(&mut self) {
        let (received, sent) = self.server.transport.take_byte_counts();
        self.to_server -= received;
        self.to_client += sent;
    }

    /// Sends, lets the server go on until it waits, and reads what it said.
    pub fn exchange(&mut self, bytes: &[u8]) -> Vec<Got> {
        self.send(bytes);
        while self.go_on() == Step::Turn {}
        self.received()
    }

    pub fn received(&mut self) -> Vec<Got> {
        let (mut buffer, mut seen) = (vec![0; 1 << 16], Vec::new());
        while self.to_client > 0 {
            let n = self.client.read(&mut buffer).expect("bytes on their way");
            self.to_client -= n as u64;
            seen.extend(self.read(&buffer[..n]));
        }
        seen
    }

    fn read(&mut self, bytes: &[u8]) -> Vec<Got> {
        let mut seen = Vec::new();
        let Bench {
            reader, decoder, ..
        } = self;
        let result: Result<(), ConnectionError> = reader.feed(bytes, &mut |event| {
            seen.push(match event {
                Event::Headers {
                    stream,
                    block,
                    end_stream,
                } => {
                    let mut status = String::new();
                    decoder.decode(block, &mut |name, value| {
                        if name.ends_with(b"status") {
                            status = String::from_utf8_lossy(value).into_owned();
                        }
                    })?;
                    Got::Headers(stream, status, end_stream)
                }
                Event::Data {
                    stream,
                    bytes,
                    end_stream,
                    ..
                } => Got::Data(stream, bytes.len(), end_stream),
                Event::Reset { stream, code } => Got::Reset(stream, code),
                Event::GoAway { last_stream, code } => Got::GoAway(last_stream, code),
                Event::WindowUpdate { stream, increment } => Got::Window(stream, increment),
                Event::Ping { data, .. } => Got::Pong(data),
                Event::Settings(_) | Event::SettingsAck => Got::Settings,
            });
            Ok(())
        });
        result.expect("the server keeps to the protocol");
        seen
    }
}

pub fn ask(
    out: &mut Vec<u8>,
    stream: u32,
    method: &str,
    path: &str,
    more: &[(&str, &str)],
    ends: bool,
) {
    let mut block = Vec::new();
    let usual = [
        (":method", method),
        (":scheme", "http"),
        (":path", path),
        (":authority", "x"),
    ];
    for (name, value) in usual.iter().chain(more) {
        encode_header(&mut block, name.as_bytes(), value.as_bytes());
    }
    write_headers(out, stream, &block, ends, 16_384);
}

pub fn get(stream: u32, path: &str) -> Vec<u8> {
    let mut out = Vec::new();
    ask(&mut out, stream, "GET", path, &[], true);
    out
}

pub fn call(stream: u32, method: &str, ends: bool) -> Vec<u8> {
    let mut out = Vec::new();
    let kind = [("content-type", "application/grpc"), ("te", "trailers")];
    ask(
        &mut out,
        stream,
        "POST",
        &format!("/meshperf.echo.v1.Echo/{method}"),
        &kind,
        ends,
    );
    out
}

pub fn ok(stream: u32, ends: bool) -> Got {
    Got::Headers(stream, "200".to_owned(), ends)
}
