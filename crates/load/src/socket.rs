//! Non-blocking TCP sockets.

use std::io;
use std::mem::size_of;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use libc::{c_int, c_void, sockaddr_in, sockaddr_in6, socklen_t};

pub(crate) struct Socket(OwnedFd);

impl Socket {
    /// Begin to connect. The outcome shows when the socket becomes writable (`outcome`).
    pub(crate) fn connect(address: SocketAddr, source: Option<IpAddr>) -> io::Result<Self> {
        let family = if address.is_ipv4() {
            libc::AF_INET
        } else {
            libc::AF_INET6
        };
        // SAFETY: no pointers; the descriptor returned is ours alone.
        let socket = unsafe {
            let fd = libc::socket(
                family,
                libc::SOCK_STREAM | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC,
                0,
            );
            if fd < 0 {
                return Err(io::Error::last_os_error());
            }
            Self(OwnedFd::from_raw_fd(fd))
        };
        // Requests are whole in one write; waiting for more to send would only delay them.
        socket.set(libc::IPPROTO_TCP, libc::TCP_NODELAY)?;
        if let Some(source) = source {
            // Many connections may leave from one address: pick the port at connect, when the peer is known.
            socket.set(libc::IPPROTO_IP, libc::IP_BIND_ADDRESS_NO_PORT)?;
            socket.with_address(SocketAddr::new(source, 0), libc::bind)?;
        }
        match socket.with_address(address, libc::connect) {
            Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => Err(error),
            _ => Ok(socket),
        }
    }

    fn set(&self, level: c_int, name: c_int) -> io::Result<()> {
        let on: c_int = 1;
        // SAFETY: the option's value outlives the call and its length is given.
        let outcome = unsafe {
            libc::setsockopt(
                self.descriptor(),
                level,
                name,
                (&raw const on).cast(),
                size_of::<c_int>() as socklen_t,
            )
        };
        if outcome == 0 {
            Ok(())
        } else {
            Err(io::Error::last_os_error())
        }
    }

    fn with_address(
        &self,
        address: SocketAddr,
        call: unsafe extern "C" fn(c_int, *const libc::sockaddr, socklen_t) -> c_int,
    ) -> io::Result<()> {
        let outcome = match address {
            SocketAddr::V4(address) => {
                let raw = sockaddr_in {
                    sin_family: libc::AF_INET as libc::sa_family_t,
                    sin_port: address.port().to_be(),
                    sin_addr: libc::in_addr {
                        s_addr: u32::from_ne_bytes(address.ip().octets()),
                    },
                    sin_zero: [0; 8],
                };
                // SAFETY: the address outlives the call and its length is given.
                unsafe {
                    call(
                        self.descriptor(),
                        (&raw const raw).cast(),
                        size_of::<sockaddr_in>() as socklen_t,
                    )
                }
            }
            SocketAddr::V6(address) => {
                let raw = sockaddr_in6 {
                    sin6_family: libc::AF_INET6 as libc::sa_family_t,
                    sin6_port: address.port().to_be(),
                    sin6_flowinfo: address.flowinfo(),
                    sin6_addr: libc::in6_addr {
                        s6_addr: address.ip().octets(),
                    },
                    sin6_scope_id: address.scope_id(),
                };
                // SAFETY: as above.
                unsafe {
                    call(
                        self.descriptor(),
                        (&raw const raw).cast(),
                        size_of::<sockaddr_in6>() as socklen_t,
                    )
                }
            }
        };
        if outcome == 0 {
            Ok(())
        } else {
            Err(io::Error::last_os_error())
        }
    }

    /// How the attempt to connect ended.
    pub(crate) fn outcome(&self) -> io::Result<()> {
        let (mut error, mut length): (c_int, socklen_t) = (0, size_of::<c_int>() as socklen_t);
        // SAFETY: both pointers are valid for writes of the length given.
        let outcome = unsafe {
            let value: *mut c_void = (&raw mut error).cast();
            libc::getsockopt(
                self.descriptor(),
                libc::SOL_SOCKET,
                libc::SO_ERROR,
                value,
                &mut length,
            )
        };
        match (outcome, error) {
            (0, 0) => Ok(()),
            (0, error) => Err(io::Error::from_raw_os_error(error)),
            _ => Err(io::Error::last_os_error()),
        }
    }

    #[inline]
    pub(crate) fn descriptor(&self) -> c_int {
        self.0.as_raw_fd()
    }

    /// Bytes written; None when the socket takes no more now.
    #[inline]
    pub(crate) fn send(&self, bytes: &[u8]) -> io::Result<Option<usize>> {
        // SAFETY: the slice is valid for reads of its length. MSG_NOSIGNAL: a closed peer is an error, not a signal.
        would_block(unsafe {
            libc::send(
                self.descriptor(),
                bytes.as_ptr().cast(),
                bytes.len(),
                libc::MSG_NOSIGNAL,
            )
        })
    }

    /// Bytes read, 0 at the end of the stream; None when there is nothing now.
    #[inline]
    pub(crate) fn receive(&self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        // SAFETY: the slice is valid for writes of its length.
        would_block(unsafe {
            libc::recv(
                self.descriptor(),
                buffer.as_mut_ptr().cast(),
                buffer.len(),
                0,
            )
        })
    }
}

#[inline]
fn would_block(outcome: isize) -> io::Result<Option<usize>> {
    if outcome >= 0 {
        return Ok(Some(outcome as usize));
    }
    let error = io::Error::last_os_error();
    match error.kind() {
        io::ErrorKind::WouldBlock => Ok(None),
        _ => Err(error),
    }
}
