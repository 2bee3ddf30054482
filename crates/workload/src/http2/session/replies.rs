//! The way out of a session: service given, replies put into frames.

use std::cmp::Reverse;

use meshperf_http2::frame::{
    self, code, write_data, write_headers, write_rst_stream, write_window_update,
};
use meshperf_http2::hpack::encode_no_table;

use super::super::blocks::head;
use super::super::stream::Work;
use super::{FULL, Session};
use crate::grpc::{Answer, CALL_FAILED, Failed};
use crate::http1::Route;
use crate::reply;
use crate::service::Service;
use crate::sys::now_ns;

impl Session {
    pub(super) fn make_ready(&mut self, id: u32) {
        if let Some(open) = self.streams.get(id)
            && open.has_work()
        {
            open.in_service = true;
            self.ready.push_back(id);
        }
    }

    /// Gives service to what is ready, and answers what is due.
    pub fn serve(&mut self, service: &mut Service, out: &mut Vec<u8>) {
        while let Some(id) = self.ready.pop_front() {
            let Some(open) = self.streams.get(id) else {
                continue;
            };
            let served = open.is_served();
            match if served { service.serve() } else { None } {
                Some(due) => self.dues.push(Reverse((due, id))),
                None => self.after_service(id, service, out),
            }
            if served && service.is_busy() {
                break;
            }
        }
        if self.dues.is_empty() {
            return;
        }
        let now = now_ns();
        while let Some(Reverse((due, id))) = self.dues.peek().copied()
            && due <= now
        {
            self.dues.pop();
            self.after_service(id, service, out);
        }
    }

    /// The service time of a stream is over: others are called for it, or its reply begins.
    fn after_service(&mut self, id: u32, service: &mut Service, out: &mut Vec<u8>) {
        if service.calls.is_some()
            && let Some(open) = self.streams.get(id)
            && open.is_served()
            && service.call_others(id, open.passed.clone())
        {
            return;
        }
        self.answer(id, service, out);
    }

    /// The calls for a stream have ended.
    pub fn called(&mut self, id: u32, failed: bool, service: &mut Service, out: &mut Vec<u8>) {
        // A stream that was reset meanwhile is gone.
        let Some(open) = self.streams.get(id) else {
            return;
        };
        match open.work {
            Work::Call if failed => {
                open.in_service = false;
                return self.fail(id, CALL_FAILED, service, out);
            }
            Work::Echo { is_head, .. } if failed => {
                let (status, text) = reply::CALL_FAILED;
                open.body.own.extend_from_slice(text);
                open.work = Work::Text {
                    status,
                    kind: "text/plain",
                    is_head,
                };
            }
            _ => {}
        }
        self.answer(id, service, out);
    }

    /// The service of a stream is done: its reply begins.
    fn answer(&mut self, id: u32, service: &mut Service, out: &mut Vec<u8>) {
        let mut block = std::mem::take(&mut self.block);
        block.clear();
        // A stream that was reset meanwhile is gone.
        let Some(open) = self.streams.get(id) else {
            self.block = block;
            return;
        };
        open.in_service = false;
        open.answered = true;
        let status = match open.work {
            Work::Echo { route, is_head } => {
                let echo = service.draw_status();
                let status = service.book.status(echo);
                let bytes = match route {
                    Route::EchoBytes(bytes) => {
                        head(&mut block, status, "application/octet-stream", bytes)
                    }
                    _ => {
                        let (prepared, bytes) = service.blocks.echo(echo);
                        block.extend_from_slice(prepared);
                        bytes
                    }
                };
                open.body.fill(if is_head { 0 } else { bytes });
                status
            }
            Work::Text {
                status,
                kind,
                is_head,
            } => {
                head(&mut block, status, kind, open.body.own.len() as u64);
                if is_head {
                    open.body.clear();
                }
                status
            }
            Work::Call => {
                open.body.clear();
                match open.call.answer(service, open.ended, &mut open.body.own) {
                    Answer::Failed(failed) => self.fail(id, failed, service, out),
                    Answer::Reply { times } => {
                        open.body.repeat(times);
                        if !std::mem::replace(&mut open.head_sent, true) {
                            self.write_head(id, &service.blocks.grpc_head, false, out);
                            service.counters.answered(200);
                        }
                        self.put_in_line(id);
                    }
                }
                self.block = block;
                return;
            }
        };
        // Counted first: a client that has its reply must find it counted.
        service.counters.answered(status);
        let ends = open.body.is_sent();
        self.write_head(id, &block, ends, out);
        self.block = block;
        if ends {
            self.streams.close(id);
        } else {
            self.put_in_line(id);
        }
    }

    /// All of a call is answered.
    pub(super) fn end_call(&mut self, id: u32, service: &Service, out: &mut Vec<u8>) {
        let Some(open) = self.streams.get(id) else {
            return;
        };
        if open.ended
            && let Err(failed) = open.call.finish()
        {
            return self.fail(id, failed, service, out);
        }
        let ended = open.ended;
        if !open.head_sent {
            // Nothing was asked, so there was no reply to begin with.
            self.write_head(id, &service.blocks.grpc_head, false, out);
            service.counters.answered(200);
        }
        service.counters.answered_grpc(0);
        self.write_head(id, &service.blocks.grpc_well, true, out);
        self.close(id, ended, out);
    }

    /// Ends a call with a status other than 0.
    pub(super) fn fail(&mut self, id: u32, failed: Failed, service: &Service, out: &mut Vec<u8>) {
        let Some(open) = self.streams.get(id) else {
            return;
        };
        let (whole, ended) = (!open.head_sent, open.ended);
        let mut block = Vec::new();
        service.blocks.failed(&mut block, failed, whole);
        if whole {
            service.counters.answered(200);
        }
        service.counters.answered_grpc(failed.status);
        self.write_head(id, &block, true, out);
        self.close(id, ended, out);
    }

    /// All of a stream is said; the client need not go on either (RFC 9113 §8.1).
    fn close(&mut self, id: u32, ended: bool, out: &mut Vec<u8>) {
        if !ended {
            write_rst_stream(out, id, code::NO_ERROR);
        }
        self.streams.close(id);
    }

    pub(super) fn reset(&mut self, id: u32, code: u32, out: &mut Vec<u8>) {
        write_rst_stream(out, id, code);
        self.streams.close(id);
    }

    pub(super) fn write_head(&mut self, id: u32, block: &[u8], ends: bool, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.said_no_table, true) {
            return write_headers(out, id, block, ends, self.max_frame_size);
        }
        let mut first = Vec::new();
        encode_no_table(&mut first);
        first.extend_from_slice(block);
        write_headers(out, id, &first, ends, self.max_frame_size);
    }

    pub(super) fn put_in_line(&mut self, id: u32) {
        if let Some(open) = self.streams.get(id)
            && open.answered
            && !open.in_line
            && !open.body.is_sent()
        {
            open.in_line = true;
            self.line.push_back(id);
        }
    }

    /// Puts bodies into frames, a frame of each stream in turn, until `out` is full, a window is used up, or all is there.
    pub fn fill(&mut self, service: &mut Service, out: &mut Vec<u8>) {
        loop {
            self.fill_from_line(service, out);
            // A reply that just ended may have let the next one of its call begin.
            if !self.has_ready() || service.is_busy() || out.len() >= FULL {
                return;
            }
            self.serve(service, out);
        }
    }

    fn fill_from_line(&mut self, service: &Service, out: &mut Vec<u8>) {
        while out.len() < FULL
            && self.send.available() > 0
            && let Some(id) = self.line.pop_front()
        {
            let Some(open) = self.streams.get(id) else {
                continue;
            };
            open.in_line = false;
            let filler = service.filler();
            let piece = open.body.next(filler);
            let most = piece.len().min(self.max_frame_size as usize) as u32;
            let room = most.min(open.send.available()).min(self.send.available());
            if room == 0 {
                // It comes back with the WINDOW_UPDATE of its stream.
                continue;
            }
            open.send.take(room);
            self.send.take(room);
            let start = out.len();
            write_data(out, id, &piece[..room as usize], false);
            open.body.advance(room as usize, filler);
            if !open.body.is_sent() {
                self.put_in_line(id);
            } else if open.work == Work::Call {
                self.go_on(id, service, out);
            } else {
                // The flags are the fifth byte of the head.
                out[start + 4] |= frame::flag::END_STREAM;
                self.streams.close(id);
            }
        }
    }

    /// A call's replies so far are in frames: what next?
    fn go_on(&mut self, id: u32, service: &Service, out: &mut Vec<u8>) {
        let Some(open) = self.streams.get(id) else {
            return;
        };
        let ended = open.ended;
        if open.call.is_over(ended) {
            return self.end_call(id, service, out);
        }
        open.body.clear();
        if let Some(increment) = open.window_due() {
            write_window_update(out, id, increment);
        }
        self.make_ready(id);
    }
}
