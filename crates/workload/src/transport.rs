//! Bytes in and out of one connection, plain or through TLS, for edge-triggered readiness.
//!
//! The socket remembers whether reading can yield anything: a read that came back short has emptied it, so no second
//! call is spent on being told so, unless the peer has closed its side (then the end is still to be read).

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsRawFd, RawFd};

use meshperf_tls::rustls::{Connection, ProtocolVersion};
use meshperf_tls::uri_names;

pub struct Socket {
    stream: TcpStream,
    readable: bool,
    peer_closed: bool,
    received: u64,
    sent: u64,
}

impl Socket {
    pub fn new(stream: TcpStream) -> Self {
        Socket {
            stream,
            readable: true,
            peer_closed: false,
            received: 0,
            sent: 0,
        }
    }

    fn write_with(&mut self, write: impl Fn(&TcpStream) -> io::Result<usize>) -> io::Result<usize> {
        loop {
            match write(&self.stream) {
                Ok(n) => {
                    self.sent += n as u64;
                    return Ok(n);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl Read for Socket {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if !self.readable {
            return Err(ErrorKind::WouldBlock.into());
        }
        loop {
            match (&self.stream).read(into) {
                Ok(n) => {
                    self.received += n as u64;
                    self.readable = self.peer_closed || n == into.len();
                    return Ok(n);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    self.readable = false;
                    return Err(error);
                }
            }
        }
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_with(|mut stream| stream.write(bytes))
    }

    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        self.write_with(|mut stream| stream.write_vectored(pieces))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub enum Transport {
    Plain(Socket),
    Tls(Box<Tls>),
}

pub struct Tls {
    socket: Socket,
    /// Of either side: the server's towards clients, the client's towards services that are called.
    session: Connection,
    handshaken: bool,
}

/// What the handshake agreed on; all None on a plain connection.
#[derive(Default)]
pub struct TlsFacts {
    pub version: Option<&'static str>,
    pub cipher: Option<String>,
    pub group: Option<String>,
}

impl Transport {
    pub fn new(stream: TcpStream, session: Option<Connection>) -> Self {
        let socket = Socket::new(stream);
        match session {
            None => Transport::Plain(socket),
            Some(session) => Transport::Tls(Box::new(Tls {
                socket,
                session,
                handshaken: false,
            })),
        }
    }

    fn socket(&self) -> &Socket {
        match self {
            Transport::Plain(socket) => socket,
            Transport::Tls(tls) => &tls.socket,
        }
    }

    fn socket_mut(&mut self) -> &mut Socket {
        match self {
            Transport::Plain(socket) => socket,
            Transport::Tls(tls) => &mut tls.socket,
        }
    }

    pub fn fd(&self) -> RawFd {
        self.socket().stream.as_raw_fd()
    }

    /// Notes what epoll told of the socket.
    pub fn note_ready(&mut self, readable: bool, peer_closed: bool) {
        let socket = self.socket_mut();
        socket.peer_closed |= peer_closed;
        socket.readable |= readable || peer_closed;
    }

    /// Bytes received and sent since the last call.
    pub fn take_byte_counts(&mut self) -> (u64, u64) {
        let socket = self.socket_mut();
        (
            std::mem::take(&mut socket.received),
            std::mem::take(&mut socket.sent),
        )
    }

    /// Reads bytes that nobody wants any more, as they are on the wire.
    pub fn discard(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.socket_mut().read(into)
    }

    /// Whether this is TLS whose handshake is over.
    pub fn is_handshaken(&self) -> bool {
        matches!(self, Transport::Tls(tls) if tls.handshaken)
    }

    /// Whether this is TLS whose handshake is not over.
    pub fn is_handshaking(&self) -> bool {
        matches!(self, Transport::Tls(tls) if !tls.handshaken)
    }

    /// Reads plaintext. Ok(0): the peer ended its side. WouldBlock: wait for the socket.
    pub fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Transport::Plain(socket) => socket.read(into),
            Transport::Tls(tls) => tls.read(into),
        }
    }

    /// Writes some of two pieces and returns how many bytes were taken. WouldBlock: wait for the socket.
    pub fn write(&mut self, first: &[u8], second: &[u8]) -> io::Result<usize> {
        match self {
            Transport::Plain(socket) if second.is_empty() => socket.write(first),
            Transport::Plain(socket) => {
                socket.write_vectored(&[IoSlice::new(first), IoSlice::new(second)])
            }
            Transport::Tls(tls) => tls.write(first, second),
        }
    }

    /// Brings what `write` took onto the socket. WouldBlock: wait for the socket.
    pub fn flush(&mut self) -> io::Result<()> {
        match self {
            Transport::Plain(_) => Ok(()),
            Transport::Tls(tls) => tls.flush(),
        }
    }

    /// Says that nothing more will be sent. Failing does not matter: the connection is being closed anyway.
    pub fn end_sending(&mut self) {
        if let Transport::Tls(tls) = self {
            tls.session.send_close_notify();
            let _ = tls.flush();
        }
        let _ = self.socket().stream.shutdown(Shutdown::Write);
    }

    /// Whether HTTP/2 was agreed on in the handshake; None on a plain connection, where nothing is agreed on.
    pub fn agreed_http2(&self) -> Option<bool> {
        match self {
            Transport::Plain(_) => None,
            Transport::Tls(tls) => Some(tls.session.alpn_protocol() == Some(b"h2")),
        }
    }

    pub fn tls_facts(&self) -> TlsFacts {
        let Transport::Tls(tls) = self else {
            return TlsFacts::default();
        };
        TlsFacts {
            version: match tls.session.protocol_version() {
                Some(ProtocolVersion::TLSv1_3) => Some("TLSv1.3"),
                Some(ProtocolVersion::TLSv1_2) => Some("TLSv1.2"),
                _ => None,
            },
            cipher: tls
                .session
                .negotiated_cipher_suite()
                .map(|suite| format!("{:?}", suite.suite())),
            group: tls
                .session
                .negotiated_key_exchange_group()
                .map(|group| format!("{:?}", group.name())),
        }
    }

    /// The peer's first URI name, from a certificate that was verified in the handshake.
    pub fn identity(&self) -> Option<String> {
        let Transport::Tls(tls) = self else {
            return None;
        };
        uri_names(tls.session.peer_certificates()?.first()?)
            .into_iter()
            .next()
    }
}

impl Tls {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.session.reader().read(into) {
                // An end without close_notify is an end all the same: HTTP has its own framing.
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(0),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                result => return result,
            }
            let ended = self.session.read_tls(&mut self.socket)? == 0;
            if let Err(error) = self.session.process_new_packets() {
                // The alert tells the client why; a client that does not listen is not waited for.
                let _ = self.flush();
                return Err(io::Error::new(ErrorKind::InvalidData, error));
            }
            self.handshaken |= !self.session.is_handshaking();
            match self.flush() {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                result => result?,
            }
            if ended && self.session.is_handshaking() {
                return Ok(0);
            }
        }
    }

    fn write(&mut self, first: &[u8], second: &[u8]) -> io::Result<usize> {
        loop {
            let pieces = [IoSlice::new(first), IoSlice::new(second)];
            let taken = self.session.writer().write_vectored(&pieces)?;
            if taken > 0 || first.len() + second.len() == 0 {
                return Ok(taken);
            }
            self.flush()?;
            if self.session.is_handshaking() {
                // It takes more when the handshake is over, which reading brings about.
                return Err(ErrorKind::WouldBlock.into());
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        while self.session.wants_write() {
            self.session.write_tls(&mut self.socket)?;
        }
        Ok(())
    }
}
