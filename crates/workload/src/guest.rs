//! One accepted connection, whatever is spoken on it.

use crate::connection::{Connection, Step};
use crate::counters::Counters;
use crate::service::Service;
use crate::stream::Stream;
use crate::transport::Transport;

pub enum Speech {
    Http(Box<Connection>),
    Stream(Box<Stream>),
}

pub struct Guest {
    speech: Speech,
    handshake_counted: bool,
    /// Whether a stall of some connections stops this one.
    pub stops: bool,
    /// Whether a stall holds it now.
    pub held: bool,
}

impl Guest {
    pub fn new(speech: Speech, stops: bool) -> Self {
        Guest {
            speech,
            handshake_counted: false,
            stops,
            held: false,
        }
    }

    pub fn transport(&mut self) -> &mut Transport {
        match &mut self.speech {
            Speech::Http(connection) => &mut connection.transport,
            Speech::Stream(stream) => &mut stream.transport,
        }
    }

    /// Goes on as far as it can.
    pub fn advance(&mut self, service: &mut Service) -> Step {
        match &mut self.speech {
            Speech::Http(connection) => connection.advance(service),
            Speech::Stream(stream) => stream.advance(service),
        }
    }

    /// The time it waited for has come.
    pub fn timer(&mut self, service: &mut Service) -> Step {
        match &mut self.speech {
            Speech::Http(connection) => connection.timer(service),
            Speech::Stream(stream) => stream.timer(service),
        }
    }

    /// The calls for the request on `stream` have ended.
    pub fn called(&mut self, stream: u32, failed: bool, service: &mut Service) -> Step {
        match &mut self.speech {
            Speech::Http(connection) => connection.called(stream, failed, service),
            // Bytes without a protocol call nobody.
            Speech::Stream(_) => Step::Socket,
        }
    }

    pub fn count_opened(&self, counters: &Counters) {
        match self.speech {
            Speech::Http(_) => counters.connections.add(1),
            Speech::Stream(_) => counters.tcp_connections.add(1),
        }
    }

    /// Counts what moved since the last call.
    pub fn count_moved(&mut self, counters: &Counters) {
        let (received, sent) = self.transport().take_byte_counts();
        let (bytes_in, bytes_out) = match self.speech {
            Speech::Http(_) => (&counters.bytes_in, &counters.bytes_out),
            Speech::Stream(_) => (&counters.tcp_bytes_in, &counters.tcp_bytes_out),
        };
        bytes_in.add(received);
        bytes_out.add(sent);
        if !self.handshake_counted && self.transport().is_handshaken() {
            self.handshake_counted = true;
            counters.tls_handshakes.add(1);
        }
    }

    pub fn count_closed(&mut self, counters: &Counters) {
        match self.speech {
            Speech::Http(_) => counters.connections_closed.add(1),
            Speech::Stream(_) => counters.tcp_connections_closed.add(1),
        }
        if self.transport().is_handshaking() {
            counters.tls_failures.add(1);
        }
    }
}
