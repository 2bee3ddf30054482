//! The system calls that the standard library does not offer, each behind a safe function.
//!
//! Beside `mmsg.rs` the only file with `unsafe`: epoll, timers in nanoseconds and socket options have no safe form in std.

#![allow(unsafe_code)]

use std::io;
use std::mem;
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;
use std::time::Duration;

pub const READABLE: u32 = libc::EPOLLIN as u32;
pub const WRITABLE: u32 = libc::EPOLLOUT as u32;
pub const PEER_CLOSED: u32 = libc::EPOLLRDHUP as u32;
pub const BROKEN: u32 = (libc::EPOLLHUP | libc::EPOLLERR) as u32;
pub const EDGE: u32 = libc::EPOLLET as u32;

pub type Event = libc::epoll_event;
pub const NO_EVENT: Event = Event { events: 0, u64: 0 };

const BACKLOG: libc::c_int = 4096;
/// Room for datagrams that wait for a stalled or busy worker; the kernel gives what net.core.rmem_max allows.
const RECEIVE_BUFFER: libc::c_int = 4 << 20;

fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}

fn timespec(ns: u64) -> libc::timespec {
    libc::timespec {
        tv_sec: (ns / 1_000_000_000) as libc::time_t,
        tv_nsec: (ns % 1_000_000_000) as libc::c_long,
    }
}

/// CLOCK_MONOTONIC in nanoseconds.
pub fn now_ns() -> u64 {
    let mut time = timespec(0);
    // SAFETY: the pointer is to a live timespec; this clock always exists on Linux.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

pub struct Epoll {
    fd: OwnedFd,
    /// False on kernels before 5.11, which lack epoll_pwait2.
    nanoseconds: bool,
}

impl Epoll {
    pub fn new() -> io::Result<Self> {
        // SAFETY: no pointers; the descriptor is owned by nobody else.
        let fd = unsafe { OwnedFd::from_raw_fd(check(libc::epoll_create1(libc::EPOLL_CLOEXEC))?) };
        Ok(Epoll {
            fd,
            nanoseconds: true,
        })
    }

    /// The same epoll under a descriptor of its own: what is added to one comes out of the other.
    pub fn share(&self) -> io::Result<Self> {
        Ok(Epoll {
            fd: self.fd.try_clone()?,
            nanoseconds: self.nanoseconds,
        })
    }

    pub fn add(&self, fd: RawFd, events: u32, token: u64) -> io::Result<()> {
        let mut event = Event { events, u64: token };
        // SAFETY: the event lives during the call.
        check(unsafe { libc::epoll_ctl(self.fd.as_raw_fd(), libc::EPOLL_CTL_ADD, fd, &mut event) })
            .map(drop)
    }

    /// Waits for events, at most `timeout_ns` (None: for ever). Returns how many came.
    pub fn wait(&mut self, events: &mut [Event], timeout_ns: Option<u64>) -> io::Result<usize> {
        if self.nanoseconds {
            let limit = timeout_ns.map(timespec);
            let limit = limit
                .as_ref()
                .map_or(ptr::null(), |limit| limit as *const libc::timespec);
            // SAFETY: events and limit live during the call; the count is that of the slice.
            let result = unsafe {
                libc::syscall(
                    libc::SYS_epoll_pwait2,
                    self.fd.as_raw_fd(),
                    events.as_mut_ptr(),
                    events.len() as libc::c_int,
                    limit,
                    ptr::null::<libc::sigset_t>(),
                    0usize,
                )
            };
            match check(result as libc::c_int) {
                Err(error) if error.raw_os_error() == Some(libc::ENOSYS) => {
                    self.nanoseconds = false
                }
                result => return result.map(|n| n as usize),
            }
        }
        wait_readable(self.fd.as_raw_fd(), timeout_ns)?;
        // SAFETY: as above.
        let result = unsafe {
            libc::epoll_wait(
                self.fd.as_raw_fd(),
                events.as_mut_ptr(),
                events.len() as libc::c_int,
                0,
            )
        };
        check(result).map(|n| n as usize)
    }
}

/// Waits until the descriptor is readable, at most `timeout_ns` (None: for ever). True when it is.
pub fn wait_readable(fd: RawFd, timeout_ns: Option<u64>) -> io::Result<bool> {
    let mut poll = libc::pollfd {
        fd,
        events: libc::POLLIN,
        revents: 0,
    };
    let limit = timeout_ns.map(timespec);
    let limit = limit
        .as_ref()
        .map_or(ptr::null(), |limit| limit as *const libc::timespec);
    // SAFETY: poll and limit live during the call.
    check(unsafe { libc::ppoll(&mut poll, 1, limit, ptr::null()) }).map(|n| n > 0)
}

/// Wakes one waiting worker, for good: it is raised once and stays readable.
pub struct Wake(OwnedFd);

impl Wake {
    pub fn new() -> io::Result<Self> {
        // SAFETY: no pointers; the descriptor is owned by nobody else.
        let fd = check(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) })?;
        Ok(Wake(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    pub fn raise(&self) {
        let one = 1u64.to_ne_bytes();
        // SAFETY: eight live bytes. It fails only when already raised more often than can be counted.
        unsafe { libc::write(self.0.as_raw_fd(), one.as_ptr().cast(), one.len()) };
    }

    pub fn fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

/// Opens a listening socket. With `shared`, several may listen on one address and the kernel spreads connections.
pub fn listen(address: SocketAddr, shared: bool) -> io::Result<TcpListener> {
    let socket = bound(libc::SOCK_STREAM, address, shared)?;
    // SAFETY: no pointers.
    check(unsafe { libc::listen(socket.as_raw_fd(), BACKLOG) })?;
    Ok(TcpListener::from(socket))
}

/// Opens a socket for datagrams. With `shared`, as in `listen`: the kernel keeps each client with one of them.
pub fn listen_datagrams(address: SocketAddr, shared: bool) -> io::Result<UdpSocket> {
    let socket = bound(libc::SOCK_DGRAM, address, shared)?;
    set(&socket, libc::SO_RCVBUF, RECEIVE_BUFFER)?;
    Ok(UdpSocket::from(socket))
}

/// Begins to connect without waiting for it: the socket is writable when that is done.
pub fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = socket(libc::SOCK_STREAM, address)?;
    match call_with(libc::connect, &socket, address) {
        Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => Err(error),
        _ => Ok(TcpStream::from(socket)),
    }
}

/// A socket that never blocks.
fn socket(kind: libc::c_int, address: SocketAddr) -> io::Result<OwnedFd> {
    let family = if address.is_ipv4() {
        libc::AF_INET
    } else {
        libc::AF_INET6
    };
    let flags = libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    // SAFETY: no pointers; the descriptor is owned by nobody else.
    Ok(unsafe { OwnedFd::from_raw_fd(check(libc::socket(family, kind | flags, 0))?) })
}

fn bound(kind: libc::c_int, address: SocketAddr, shared: bool) -> io::Result<OwnedFd> {
    let socket = socket(kind, address)?;
    // For UDP it would let a second server in silently, not only pass over connections that linger.
    if kind == libc::SOCK_STREAM {
        set(&socket, libc::SO_REUSEADDR, 1)?;
    }
    if shared {
        set(&socket, libc::SO_REUSEPORT, 1)?;
    }
    call_with(libc::bind, &socket, address)?;
    Ok(socket)
}

/// `bind` or `connect`.
type WithName =
    unsafe extern "C" fn(libc::c_int, *const libc::sockaddr, libc::socklen_t) -> libc::c_int;

fn call_with(call: WithName, socket: &OwnedFd, address: SocketAddr) -> io::Result<()> {
    match address {
        SocketAddr::V4(v4) => {
            let name = libc::sockaddr_in {
                sin_family: libc::AF_INET as libc::sa_family_t,
                sin_port: v4.port().to_be(),
                sin_addr: libc::in_addr {
                    s_addr: u32::from_ne_bytes(v4.ip().octets()),
                },
                sin_zero: [0; 8],
            };
            pass(call, socket, &name)
        }
        SocketAddr::V6(v6) => {
            let name = libc::sockaddr_in6 {
                sin6_family: libc::AF_INET6 as libc::sa_family_t,
                sin6_port: v6.port().to_be(),
                sin6_flowinfo: v6.flowinfo(),
                sin6_addr: libc::in6_addr {
                    s6_addr: v6.ip().octets(),
                },
                sin6_scope_id: v6.scope_id(),
            };
            pass(call, socket, &name)
        }
    }
}

fn pass<T>(call: WithName, socket: &OwnedFd, name: &T) -> io::Result<()> {
    // SAFETY: T is one of the two socket addresses above, alive during the call, and its size is given.
    let result = unsafe {
        call(
            socket.as_raw_fd(),
            ptr::from_ref(name).cast(),
            mem::size_of::<T>() as u32,
        )
    };
    check(result).map(drop)
}

fn set(socket: &OwnedFd, option: libc::c_int, value: libc::c_int) -> io::Result<()> {
    // SAFETY: the option's value is a live int of the given size.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            option,
            ptr::from_ref(&value).cast(),
            mem::size_of_val(&value) as u32,
        )
    };
    check(result).map(drop)
}

/// Lets this thread's sleeps end when they were asked to, not up to 50 us later.
pub fn use_exact_timers() -> io::Result<()> {
    // SAFETY: no pointers.
    check(unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 1 as libc::c_ulong) }).map(drop)
}

/// Raises the limit of open files to what this process may have. Failing is no error: the old limit holds.
pub fn raise_file_limit() {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: limit is alive during both calls.
    unsafe {
        if libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) == 0 {
            limit.rlim_cur = limit.rlim_max;
            libc::setrlimit(libc::RLIMIT_NOFILE, &limit);
        }
    }
}

/// SIGTERM and SIGINT, taken as values instead of interrupting.
pub struct StopSignals(libc::sigset_t);

impl StopSignals {
    /// Blocks them in this thread and every thread started after it.
    pub fn block() -> io::Result<Self> {
        // SAFETY: an all-zero set is valid memory for sigemptyset to fill.
        let mut set: libc::sigset_t = unsafe { mem::zeroed() };
        // SAFETY: set is alive; the signal numbers are valid.
        let result = unsafe {
            libc::sigemptyset(&mut set);
            libc::sigaddset(&mut set, libc::SIGTERM);
            libc::sigaddset(&mut set, libc::SIGINT);
            libc::pthread_sigmask(libc::SIG_BLOCK, &set, ptr::null_mut())
        };
        if result == 0 {
            Ok(StopSignals(set))
        } else {
            Err(io::Error::from_raw_os_error(result))
        }
    }

    /// Waits for one of them, at most `limit`.
    pub fn wait(&self, limit: Option<Duration>) {
        let deadline = limit.map(|limit| {
            now_ns().saturating_add(u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX))
        });
        loop {
            let left = deadline.map(|deadline| deadline.saturating_sub(now_ns()));
            let left = left.map(timespec);
            let left = left
                .as_ref()
                .map_or(ptr::null(), |left| left as *const libc::timespec);
            // SAFETY: the set and the time live during the call.
            let signal = unsafe { libc::sigtimedwait(&self.0, ptr::null_mut(), left) };
            let interrupted =
                signal < 0 && io::Error::last_os_error().kind() == io::ErrorKind::Interrupted;
            if !interrupted {
                return;
            }
        }
    }
}
