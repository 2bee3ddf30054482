//! One connection to a callee: bytes moved as far as the socket lets them.

use std::io::{self, ErrorKind};
use std::os::fd::RawFd;

use meshperf_tls::rustls::ClientConnection;

use super::exchange::{Ended, Speech};
use super::plan::Callee;
use super::tally::Tally;
use crate::sys;
use crate::tls::CalleeTls;
use crate::transport::Transport;

/// Reads in one turn; then the other connections get theirs.
const BUDGET: u32 = 16;

/// What became of a connection whose turn it was.
#[derive(Debug, PartialEq, Eq)]
pub enum Turn {
    /// It waits for its socket, or for a call.
    Waits,
    /// There may be more to read.
    Goes,
    Over,
}

pub struct Connection {
    /// Index among the plan's callees.
    pub callee: usize,
    pub speech: Speech,
    /// Whether its pool has it among those with room.
    pub offered: bool,
    /// Whether its turn is coming.
    pub awaits_turn: bool,
    transport: Transport,
    /// Whether any byte went over it: only then it was really opened.
    counted: bool,
    handshake_counted: bool,
}

impl Connection {
    /// Begins to connect; what is sent waits until that is done. `room`: calls that go out before the callee says how many
    /// it takes.
    pub fn open(
        number: usize,
        callee: &Callee,
        tls: Option<&CalleeTls>,
        room: usize,
    ) -> io::Result<Self> {
        let stream = sys::connect(callee.address)?;
        stream.set_nodelay(true)?;
        let session = match tls {
            Some(tls) => {
                let session = ClientConnection::new(tls.config.clone(), tls.name.clone());
                Some(session.map_err(io::Error::other)?.into())
            }
            None => None,
        };
        Ok(Connection {
            callee: number,
            speech: Speech::new(callee.protocol, room),
            offered: false,
            awaits_turn: false,
            transport: Transport::new(stream, session),
            counted: false,
            handshake_counted: false,
        })
    }

    pub fn fd(&self) -> RawFd {
        self.transport.fd()
    }

    /// Notes what epoll told of the socket.
    pub fn note_ready(&mut self, flags: u32) {
        // What is broken is found out, and why, by reading.
        let closed = flags & (sys::PEER_CLOSED | sys::BROKEN) != 0;
        self.transport
            .note_ready(flags & sys::READABLE != 0, closed);
    }

    /// Writes and reads as far as it can; `ended` tells which calls ended with it.
    pub fn go_on(
        &mut self,
        scratch: &mut [u8],
        filler: &[u8],
        ended: &mut Vec<Ended>,
        tally: &Tally,
    ) -> Turn {
        let written = self.write(filler);
        let read = self.read(scratch, ended);
        // What the reply's frames asked for: acknowledgements, and bodies whose windows opened.
        let written = written.and_then(|()| self.write(filler));
        let (received, sent) = self.transport.take_byte_counts();
        tally.bytes_in.add(received);
        tally.bytes_out.add(sent);
        if sent > 0 && !std::mem::replace(&mut self.counted, true) {
            tally.connections.add(1);
        }
        if !self.handshake_counted && self.transport.is_handshaken() {
            self.handshake_counted = true;
            tally.tls_handshakes.add(1);
        }
        match (written, read) {
            (Ok(()), Ok(false)) if self.speech.is_spent() => Turn::Over,
            (Ok(()), Ok(false)) => Turn::Waits,
            (Ok(()), Ok(true)) => Turn::Goes,
            _ => Turn::Over,
        }
    }

    fn write(&mut self, filler: &[u8]) -> io::Result<()> {
        loop {
            let piece = self.speech.piece(filler);
            if piece.is_empty() {
                break;
            }
            match self.transport.write(piece, &[]) {
                Ok(n) => self.speech.advance(n, filler),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        match self.transport.flush() {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
            result => result,
        }
    }

    /// Reads until the socket is empty (false) or the turn is over (true).
    fn read(&mut self, scratch: &mut [u8], ended: &mut Vec<Ended>) -> io::Result<bool> {
        for _ in 0..BUDGET {
            match self.transport.read(scratch) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(n) => {
                    let fed = self.speech.feed(&scratch[..n], ended);
                    fed.map_err(|_| ErrorKind::InvalidData)?;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}
