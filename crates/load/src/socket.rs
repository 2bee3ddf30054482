//! Non-blocking sockets, of streams and of datagrams, and the kernel's times of arrival.

use std::io;
use std::mem::{MaybeUninit, size_of};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use libc::{c_int, c_void, sockaddr_in, sockaddr_in6, socklen_t};

use crate::namespace::Namespace;

/// *Why by number*: the C library's `send` and its kin are cancellation points, which costs a request 5 % of its time in a
/// program with threads; nobody cancels a worker.
pub(crate) struct Socket(OwnedFd);

const NO_ADDRESS: *const c_void = std::ptr::null();

/// What a socket is to be like.
#[derive(Clone, Copy, Default)]
pub(crate) struct Manner<'a> {
    pub(crate) source: Option<IpAddr>,
    pub(crate) datagrams: bool,
    /// Ask the kernel for times of arrival.
    pub(crate) stamped: bool,
    pub(crate) namespace: Option<&'a Namespace>,
}

/// Room for one control message with three times.
const CONTROL: usize = 128;

impl Socket {
    /// Begin to connect. The outcome shows when the socket becomes writable (`outcome`).
    pub(crate) fn connect(address: SocketAddr, manner: Manner<'_>) -> io::Result<Self> {
        let family = if address.is_ipv4() {
            libc::AF_INET
        } else {
            libc::AF_INET6
        };
        let kind = if manner.datagrams {
            libc::SOCK_DGRAM
        } else {
            libc::SOCK_STREAM
        };
        let create = || {
            // SAFETY: no pointers; the descriptor returned is ours alone.
            unsafe {
                let fd = libc::socket(family, kind | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC, 0);
                if fd < 0 {
                    return Err(io::Error::last_os_error());
                }
                Ok(Self(OwnedFd::from_raw_fd(fd)))
            }
        };
        let socket = match manner.namespace {
            Some(namespace) => namespace.inside(create)?,
            None => create()?,
        };
        if !manner.datagrams {
            // Requests are whole in one write; waiting for more to send would only delay them.
            socket.set(libc::IPPROTO_TCP, libc::TCP_NODELAY, 1)?;
        }
        if manner.stamped {
            let flags = libc::SOF_TIMESTAMPING_RX_SOFTWARE | libc::SOF_TIMESTAMPING_SOFTWARE;
            socket.set(libc::SOL_SOCKET, libc::SO_TIMESTAMPING, flags as c_int)?;
        }
        if let Some(source) = manner.source {
            // Many connections may leave from one address: pick the port at connect, when the peer is known.
            socket.set(libc::IPPROTO_IP, libc::IP_BIND_ADDRESS_NO_PORT, 1)?;
            socket.with_address(SocketAddr::new(source, 0), libc::bind)?;
        }
        match socket.with_address(address, libc::connect) {
            Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => Err(error),
            _ => Ok(socket),
        }
    }

    fn set(&self, level: c_int, name: c_int, value: c_int) -> io::Result<()> {
        // SAFETY: the option's value outlives the call and its length is given.
        let outcome = unsafe {
            libc::setsockopt(
                self.descriptor(),
                level,
                name,
                (&raw const value).cast(),
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
            libc::syscall(
                libc::SYS_sendto,
                self.descriptor(),
                bytes.as_ptr(),
                bytes.len(),
                libc::MSG_NOSIGNAL,
                NO_ADDRESS,
                0,
            )
        })
    }

    /// Bytes read, 0 at the end of the stream; None when there is nothing now.
    #[inline]
    pub(crate) fn receive(&self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        // SAFETY: the slice is valid for writes of its length.
        would_block(unsafe {
            libc::syscall(
                libc::SYS_recvfrom,
                self.descriptor(),
                buffer.as_mut_ptr(),
                buffer.len(),
                0,
                NO_ADDRESS,
                NO_ADDRESS,
            )
        })
    }

    /// As `receive`, and when the kernel had the last of the bytes, in nanoseconds of the wall clock; None where it did
    /// not say (bytes that were there before times were asked for carry none).
    #[inline]
    pub(crate) fn receive_stamped(
        &self,
        buffer: &mut [u8],
    ) -> io::Result<(Option<usize>, Option<u64>)> {
        let mut part = libc::iovec {
            iov_base: buffer.as_mut_ptr().cast(),
            iov_len: buffer.len(),
        };
        let mut control = Control(MaybeUninit::uninit());
        // SAFETY: an all-zero msghdr is an empty one, whatever private fields the C library has.
        let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
        message.msg_iov = &raw mut part;
        message.msg_iovlen = 1;
        message.msg_control = control.0.as_mut_ptr().cast();
        message.msg_controllen = CONTROL as _;
        // SAFETY: the message points to one part and one control buffer that both outlive the call.
        let outcome = would_block(unsafe {
            libc::syscall(libc::SYS_recvmsg, self.descriptor(), &raw mut message, 0)
        })?;
        let stamp = match outcome {
            Some(_) => stamp(&message),
            None => None,
        };
        Ok((outcome, stamp))
    }
}

#[repr(align(8))]
struct Control(MaybeUninit<[u8; CONTROL]>);

/// The software time of arrival in a received message's control data.
#[inline]
fn stamp(message: &libc::msghdr) -> Option<u64> {
    // SAFETY: the kernel has set the length of the control data, and the macros stay within it; the times are copied out
    // with the length that was checked.
    unsafe {
        let mut header = libc::CMSG_FIRSTHDR(message);
        while !header.is_null() {
            let entry = &*header;
            if entry.cmsg_level == libc::SOL_SOCKET
                && entry.cmsg_type == libc::SO_TIMESTAMPING
                && entry.cmsg_len as usize
                    >= libc::CMSG_LEN(size_of::<libc::timespec>() as u32) as usize
            {
                let time: libc::timespec = std::ptr::read_unaligned(libc::CMSG_DATA(header).cast());
                let stamp = time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64;
                return (stamp > 0).then_some(stamp);
            }
            header = libc::CMSG_NXTHDR(message, header);
        }
    }
    None
}

#[inline]
fn would_block(outcome: libc::c_long) -> io::Result<Option<usize>> {
    if outcome >= 0 {
        return Ok(Some(outcome as usize));
    }
    let error = io::Error::last_os_error();
    match error.kind() {
        io::ErrorKind::WouldBlock => Ok(None),
        _ => Err(error),
    }
}
