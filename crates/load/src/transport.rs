//! Bytes of a connection, plain or through TLS.
//!
//! TLS uses rustls's synchronous interface: one large read from the socket, records decrypted from that buffer, so a reply
//! costs one system call with TLS as without.

use std::io::{Read, Write};
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};

use crate::reason::{Failure, Reason};
use crate::socket::Socket;

/// Buffers shared by all connections of a worker: a reply is handled before the next socket is read.
pub(crate) struct Buffers {
    wire: Box<[u8]>,
    plain: Box<[u8]>,
}

const BUFFER: usize = 64 * 1024;

impl Buffers {
    pub(crate) fn new() -> Self {
        Self {
            wire: vec![0; BUFFER].into_boxed_slice(),
            plain: vec![0; BUFFER].into_boxed_slice(),
        }
    }
}

/// How one read ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadEnd {
    /// The socket is empty.
    Empty,
    /// The buffer was filled; there may be more.
    More,
    /// The peer closed.
    End,
}

pub(crate) enum Transport {
    Plain { written: usize },
    Tls(Box<Tls>),
}

pub(crate) struct Tls {
    session: ClientConnection,
    out: Vec<u8>,
    written: usize,
}

impl Transport {
    pub(crate) fn plain() -> Self {
        Self::Plain { written: 0 }
    }

    pub(crate) fn tls(
        config: &Arc<ClientConfig>,
        name: &ServerName<'static>,
    ) -> Result<Self, Failure> {
        let mut session =
            ClientConnection::new(config.clone(), name.clone()).map_err(|error| tls(&error))?;
        // Requests with large bodies are buffered whole, as they are on a plain connection.
        session.set_buffer_limit(None);
        Ok(Self::Tls(Box::new(Tls {
            session,
            out: Vec::new(),
            written: 0,
        })))
    }

    pub(crate) fn session(&self) -> Option<&ClientConnection> {
        match self {
            Self::Plain { .. } => None,
            Self::Tls(stream) => Some(&stream.session),
        }
    }

    pub(crate) fn handshaking(&self) -> bool {
        self.session()
            .is_some_and(|session| session.is_handshaking())
    }

    /// Begin to send a request. Returns the bytes that went to the socket.
    #[inline]
    pub(crate) fn start(&mut self, socket: &Socket, request: &[u8]) -> Result<usize, Failure> {
        match self {
            Self::Plain { written } => *written = 0,
            Self::Tls(stream) => {
                stream
                    .session
                    .writer()
                    .write_all(request)
                    .map_err(|error| Failure::new(Reason::Tls, error.to_string()))?;
            }
        }
        self.flush(socket, request)
    }

    /// Send what is still unsent, as far as the socket takes it. Returns the bytes that went to the socket.
    #[inline]
    pub(crate) fn flush(&mut self, socket: &Socket, request: &[u8]) -> Result<usize, Failure> {
        match self {
            Self::Plain { written } => {
                let before = *written;
                while *written < request.len() {
                    match socket.send(&request[*written..])? {
                        Some(count) => *written += count,
                        None => break,
                    }
                }
                Ok(*written - before)
            }
            Self::Tls(stream) => stream.flush(socket),
        }
    }

    /// Read once and hand the plain bytes to `take`. Returns the bytes that came from the socket.
    #[inline]
    pub(crate) fn read(
        &mut self,
        socket: &Socket,
        buffers: &mut Buffers,
        mut take: impl FnMut(&[u8]) -> Result<(), Failure>,
    ) -> Result<(usize, ReadEnd), Failure> {
        let count = match socket.receive(&mut buffers.wire)? {
            None => return Ok((0, ReadEnd::Empty)),
            Some(0) => return Ok((0, ReadEnd::End)),
            Some(count) => count,
        };
        let end = if count == buffers.wire.len() {
            ReadEnd::More
        } else {
            ReadEnd::Empty
        };
        match self {
            Self::Plain { .. } => {
                take(&buffers.wire[..count])?;
                Ok((count, end))
            }
            Self::Tls(stream) => {
                let closed = stream.decrypt(&buffers.wire[..count], &mut buffers.plain, take)?;
                // Handshake messages and alerts that answer what was read.
                stream.flush(socket)?;
                Ok((count, if closed { ReadEnd::End } else { end }))
            }
        }
    }
}

impl Tls {
    /// True when the peer said that nothing more will come.
    fn decrypt(
        &mut self,
        mut wire: &[u8],
        plain: &mut [u8],
        mut take: impl FnMut(&[u8]) -> Result<(), Failure>,
    ) -> Result<bool, Failure> {
        let mut closed = false;
        while !wire.is_empty() {
            self.session
                .read_tls(&mut wire)
                .map_err(|error| Failure::new(Reason::Tls, error.to_string()))?;
            let state = self
                .session
                .process_new_packets()
                .map_err(|error| tls(&error))?;
            closed |= state.peer_has_closed();
            let mut left = state.plaintext_bytes_to_read();
            while left > 0 {
                let count = self.session.reader().read(plain)?;
                take(&plain[..count])?;
                left = left.saturating_sub(count);
                if count == 0 {
                    break;
                }
            }
        }
        Ok(closed)
    }

    fn flush(&mut self, socket: &Socket) -> Result<usize, Failure> {
        let mut sent = 0;
        loop {
            if self.written == self.out.len() {
                self.out.clear();
                self.written = 0;
                while self.session.wants_write() {
                    self.session.write_tls(&mut self.out)?;
                }
                if self.out.is_empty() {
                    return Ok(sent);
                }
            }
            match socket.send(&self.out[self.written..])? {
                Some(count) => {
                    self.written += count;
                    sent += count;
                }
                None => return Ok(sent),
            }
        }
    }
}

fn tls(error: &rustls::Error) -> Failure {
    Failure::new(Reason::Tls, error.to_string())
}
