//! One call on its stream: requests as they arrive, and what to answer when their turn comes.

use std::collections::VecDeque;

use meshperf_http2::grpc::{MessageError, MessageReader, Part};

use super::{Answer, Failed, LONGEST_MESSAGE, MALFORMED, Method, echo, health, reflection, status};
use crate::service::Service;

/// Requests that wait for their turn may hold this much before the client is asked to wait.
const MOST_WAITING: usize = 1 << 20;
/// Memory that an ended call leaves to the next one.
const MOST_KEPT: usize = 64 * 1024;

pub struct Call {
    pub method: Method,
    reader: MessageReader,
    /// Requests one after the other: those that wait, then the one that is being read.
    inbox: Vec<u8>,
    /// How many bytes of `inbox` were answered already, and how many belong to whole requests that wait.
    done: usize,
    waiting: usize,
    lengths: VecDeque<u32>,
    received: u64,
    answered: bool,
    /// Whether a status was drawn for this call.
    drawn: bool,
}

impl Call {
    /// As new, with the memory of the one before.
    pub fn reset(&mut self, method: Method) {
        self.forget();
        let (inbox, lengths) = (
            std::mem::take(&mut self.inbox),
            std::mem::take(&mut self.lengths),
        );
        *self = Call {
            inbox,
            lengths,
            ..Call::new(method)
        };
    }

    /// Lets go of its requests, and of memory that few calls need.
    pub fn forget(&mut self) {
        self.inbox.clear();
        self.inbox.shrink_to(MOST_KEPT);
        self.lengths.clear();
    }

    pub fn new(method: Method) -> Self {
        Call {
            method,
            reader: MessageReader::new(LONGEST_MESSAGE),
            inbox: Vec::new(),
            done: 0,
            waiting: 0,
            lengths: VecDeque::new(),
            received: 0,
            answered: false,
            drawn: false,
        }
    }

    /// Takes in a piece of the stream.
    pub fn take(&mut self, bytes: &[u8]) -> Result<(), Failed> {
        let keeps_last = !self.method.answers_each();
        let Call {
            reader,
            inbox,
            lengths,
            done,
            waiting,
            received,
            ..
        } = self;
        let result = reader.feed(bytes, &mut |part| match part {
            Part::Bytes(part) => {
                if keeps_last && !lengths.is_empty() {
                    lengths.clear();
                    inbox.clear();
                }
                inbox.extend_from_slice(part);
            }
            Part::End(length) => {
                if keeps_last {
                    if length == 0 {
                        inbox.clear();
                    }
                    lengths.clear();
                    (*done, *waiting) = (0, 0);
                }
                lengths.push_back(length);
                *waiting += length as usize;
                *received += 1;
            }
        });
        result.map_err(|error| match error {
            MessageError::Compressed => Failed {
                status: status::UNIMPLEMENTED,
                text: "compressed messages are not understood",
            },
            MessageError::TooLong => Failed {
                status: status::RESOURCE_EXHAUSTED,
                text: "a message is longer than 4 MiB",
            },
            MessageError::Truncated => CUT,
        })
    }

    /// Whether something can be answered now; `ended`: the client said all it has to say.
    pub fn has_work(&self, ended: bool) -> bool {
        if self.method.answers_each() {
            !self.lengths.is_empty()
        } else {
            ended && !self.answered
        }
    }

    /// Whether the client may send more for now.
    pub fn has_room(&self) -> bool {
        !self.method.answers_each() || self.waiting < MOST_WAITING
    }

    /// Whether the call is over when what was answered so far is sent.
    pub fn is_over(&self, ended: bool) -> bool {
        match self.method {
            Method::HealthWatch => false,
            method if method.answers_each() => ended && self.lengths.is_empty(),
            _ => self.answered && ended,
        }
    }

    /// The client said all it has to say.
    pub fn finish(&self) -> Result<(), Failed> {
        self.reader.finish().map_err(|_| CUT)
    }

    /// Answers what `has_work` told of: appends the reply to `out`.
    pub fn answer(&mut self, service: &mut Service, ended: bool, out: &mut Vec<u8>) -> Answer {
        self.answered = true;
        if ended && let Err(failed) = self.finish() {
            return Answer::Failed(failed);
        }
        if self.method.takes_one() && self.received != 1 {
            let text = "this method takes exactly one request";
            return Answer::Failed(Failed {
                status: status::UNIMPLEMENTED,
                text,
            });
        }
        if self.method.is_served()
            && !std::mem::replace(&mut self.drawn, true)
            && let Some(status) = service.draw_grpc_status()
        {
            return Answer::Failed(Failed {
                status,
                text: "drawn by the options of this server",
            });
        }
        let length = self.lengths.pop_front().unwrap_or(0) as usize;
        let Some(message) = self.inbox.get(self.done..self.done + length) else {
            return MALFORMED;
        };
        // Those that still wait were received later than this one.
        let received = self.received - self.lengths.len() as u64;
        let answer = match self.method {
            Method::HealthCheck | Method::HealthWatch => health::answer(self.method, message, out),
            Method::Reflection => reflection::answer(message, out),
            method => echo::answer(method, message, received, service.filler(), out),
        };
        self.done += length;
        self.waiting -= length;
        if self.done >= MOST_WAITING || self.lengths.is_empty() {
            self.inbox.drain(..self.done);
            self.done = 0;
        }
        answer
    }
}

const CUT: Failed = Failed {
    status: status::INTERNAL,
    text: "the stream ends in the middle of a message",
};
