//! Bytes of a connection: plain, through TLS, or as datagrams.
//!
//! TLS uses rustls's synchronous interface: one large read from the socket, records decrypted from that buffer, so a reply
//! costs one system call with TLS as without.

use std::io::{Read, Write};
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};

use crate::clock::KernelClock;
use crate::reason::{Failure, Reason};
use crate::socket::Socket;

/// Buffers shared by all connections of a worker: a reply is handled before the next socket is read.
pub(crate) struct Buffers {
    wire: Box<[u8]>,
    plain: Box<[u8]>,
    /// How the kernel's times of arrival become ours; None when they are not asked for.
    pub(crate) arrivals: Option<KernelClock>,
}

const BUFFER: usize = 64 * 1024;

impl Buffers {
    pub(crate) fn new(arrivals: Option<KernelClock>) -> Self {
        Self {
            wire: vec![0; BUFFER].into_boxed_slice(),
            plain: vec![0; BUFFER].into_boxed_slice(),
            arrivals,
        }
    }
}

/// How one read ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadEnd {
    /// The socket is empty.
    Empty,
    /// There may be more.
    More,
    /// The peer closed.
    End,
}

/// What one read brought.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taken {
    /// Bytes that came from the socket.
    pub(crate) count: usize,
    pub(crate) end: ReadEnd,
    /// When the kernel had the last of them [ns]; None where it did not say.
    pub(crate) received: Option<u64>,
}

pub(crate) struct Transport {
    kind: Kind,
    /// Bytes to send, before TLS.
    pub(crate) out: Vec<u8>,
    written: usize,
}

enum Kind {
    Plain,
    /// Every so many bytes of `out` are a datagram of their own.
    Datagrams(usize),
    Tls(Box<Tls>),
}

struct Tls {
    session: ClientConnection,
    wire: Vec<u8>,
    written: usize,
}

impl Transport {
    fn new(kind: Kind) -> Self {
        Self {
            kind,
            out: Vec::new(),
            written: 0,
        }
    }

    pub(crate) fn plain() -> Self {
        Self::new(Kind::Plain)
    }

    pub(crate) fn datagrams(length: usize) -> Self {
        Self::new(Kind::Datagrams(length))
    }

    pub(crate) fn tls(
        config: &Arc<ClientConfig>,
        name: &ServerName<'static>,
    ) -> Result<Self, Failure> {
        let mut session =
            ClientConnection::new(config.clone(), name.clone()).map_err(|error| tls(&error))?;
        // Requests with large bodies are buffered whole, as they are on a plain connection.
        session.set_buffer_limit(None);
        Ok(Self::new(Kind::Tls(Box::new(Tls {
            session,
            wire: Vec::new(),
            written: 0,
        }))))
    }

    pub(crate) fn session(&self) -> Option<&ClientConnection> {
        match &self.kind {
            Kind::Tls(stream) => Some(&stream.session),
            _ => None,
        }
    }

    pub(crate) fn handshaking(&self) -> bool {
        self.session()
            .is_some_and(|session| session.is_handshaking())
    }

    /// Whether everything has gone to the socket.
    #[inline]
    pub(crate) fn flushed(&self) -> bool {
        self.out.is_empty()
            && match &self.kind {
                Kind::Tls(stream) => stream.wire.is_empty() && !stream.session.wants_write(),
                _ => true,
            }
    }

    /// Send what is still unsent, as far as the socket takes it. Returns the bytes that went to the socket.
    #[inline]
    pub(crate) fn flush(&mut self, socket: &Socket) -> Result<usize, Failure> {
        let before = self.written;
        match &mut self.kind {
            Kind::Plain => {
                while self.written < self.out.len() {
                    match socket.send(&self.out[self.written..])? {
                        Some(count) => self.written += count,
                        None => return Ok(self.written - before),
                    }
                }
            }
            Kind::Datagrams(length) => {
                while self.written < self.out.len() {
                    let end = (self.written + *length).min(self.out.len());
                    match socket.send(&self.out[self.written..end])? {
                        Some(_) => self.written = end,
                        None => return Ok(self.written - before),
                    }
                }
            }
            Kind::Tls(stream) => {
                if !self.out.is_empty() {
                    stream
                        .session
                        .writer()
                        .write_all(&self.out)
                        .map_err(|error| Failure::new(Reason::Tls, error.to_string()))?;
                    self.out.clear();
                }
                return stream.flush(socket);
            }
        }
        let sent = self.written - before;
        self.out.clear();
        self.written = 0;
        Ok(sent)
    }

    /// Read once and hand the plain bytes to `take`; a datagram is handed over whole.
    #[inline]
    pub(crate) fn read(
        &mut self,
        socket: &Socket,
        buffers: &mut Buffers,
        mut take: impl FnMut(&[u8], &mut Vec<u8>) -> Result<(), Failure>,
    ) -> Result<Taken, Failure> {
        let (outcome, received) = match &buffers.arrivals {
            None => (socket.receive(&mut buffers.wire)?, None),
            Some(clock) => {
                let (outcome, stamp) = socket.receive_stamped(&mut buffers.wire)?;
                (outcome, stamp.map(|stamp| clock.monotonic(stamp)))
            }
        };
        let read = |count, end| Taken {
            count,
            end,
            received,
        };
        let datagrams = matches!(self.kind, Kind::Datagrams(_));
        let count = match outcome {
            None => return Ok(read(0, ReadEnd::Empty)),
            Some(0) if !datagrams => return Ok(read(0, ReadEnd::End)),
            Some(count) => count,
        };
        let end = if datagrams || count == buffers.wire.len() {
            ReadEnd::More
        } else {
            ReadEnd::Empty
        };
        match &mut self.kind {
            Kind::Plain | Kind::Datagrams(_) => {
                take(&buffers.wire[..count], &mut self.out)?;
                Ok(read(count, end))
            }
            Kind::Tls(stream) => {
                let out = &mut self.out;
                let closed =
                    stream.decrypt(&buffers.wire[..count], &mut buffers.plain, |bytes| {
                        take(bytes, out)
                    })?;
                // Handshake messages and alerts that answer what was read.
                stream.flush(socket)?;
                Ok(read(count, if closed { ReadEnd::End } else { end }))
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
            if self.written == self.wire.len() {
                self.wire.clear();
                self.written = 0;
                while self.session.wants_write() {
                    self.session.write_tls(&mut self.wire)?;
                }
                if self.wire.is_empty() {
                    return Ok(sent);
                }
            }
            match socket.send(&self.wire[self.written..])? {
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
    use rustls::{AlertDescription, Error};
    match error {
        // Not a matter of certificates: it does TLS, and something else inside.
        Error::AlertReceived(AlertDescription::NoApplicationProtocol) => Failure::new(
            Reason::Malformed,
            "the server speaks none of the protocols that were offered in the TLS handshake (ALPN)",
        ),
        _ => Failure::new(Reason::Tls, error.to_string()),
    }
}
