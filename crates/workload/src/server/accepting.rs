//! New connections: accepted, or visibly refused where no descriptor is left for them.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpStream};

use meshperf_tls::rustls::ServerConnection;

use super::{STREAM_LISTENER, Slot, Worker};
use crate::connection::Connection;
use crate::guest::{Guest, Speech};
use crate::stream::Stream;
use crate::sys;
use crate::transport::Transport;

/// Connections accepted in one turn.
const ACCEPTS: usize = 64;

impl Worker {
    /// Accepts what waits at the listener that `door` is the token of.
    pub(super) fn accept(&mut self, door: u64) {
        for _ in 0..ACCEPTS {
            let listener = match &self.stream_listener {
                Some(listener) if door == STREAM_LISTENER => listener,
                _ => &self.listener,
            };
            match listener.accept() {
                Ok((stream, peer)) => {
                    if let Err(error) = self.open(stream, peer, door) {
                        eprintln!("cannot serve {peer}: {error}");
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                // Out of descriptors: closing one visibly is better than leaving it to wait for ever.
                Err(error) if matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE)) => {
                    drop(self.reserve.take());
                    drop(listener.accept());
                    self.reserve = reserve();
                }
                // The client was gone before it was accepted, or the kernel is short of memory: the next may do.
                Err(_) => {}
            }
        }
    }

    fn open(&mut self, stream: TcpStream, peer: SocketAddr, door: u64) -> io::Result<()> {
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        let config = match door {
            STREAM_LISTENER => &self.common.stream_tls,
            _ => &self.common.tls,
        };
        let session = match config {
            Some(config) => Some(
                ServerConnection::new(config.clone())
                    .map_err(io::Error::other)?
                    .into(),
            ),
            None => None,
        };
        let stops = self
            .common
            .stall
            .is_some_and(|stall| stall.stops_connection(self.accepted));
        let transport = Transport::new(stream, session);
        let fd = transport.fd();
        let speech = match door {
            STREAM_LISTENER => {
                Speech::Stream(Box::new(Stream::new(transport, self.common.tcp_mode)))
            }
            _ => Speech::Http(Box::new(Connection::new(transport, peer))),
        };
        let index = match self.free.pop() {
            Some(index) => index,
            None => {
                self.slots.push(Slot::default());
                self.slots.len() as u32 - 1
            }
        };
        let slot = &mut self.slots[index as usize];
        let token = u64::from(slot.generation) << 32 | u64::from(index);
        let flags = sys::READABLE | sys::WRITABLE | sys::PEER_CLOSED | sys::EDGE;
        if let Err(error) = self.epoll.add(fd, flags, token) {
            self.free.push(index);
            return Err(error);
        }
        let guest = Box::new(Guest::new(speech, stops));
        guest.count_opened(&self.counters);
        slot.guest = Some(guest);
        self.accepted += 1;
        Ok(())
    }
}

/// A descriptor to give up when there is no other.
pub(super) fn reserve() -> Option<File> {
    File::open("/dev/null").ok()
}
