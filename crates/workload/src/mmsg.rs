//! Many datagrams for one system call: `recvmmsg` and `sendmmsg`, and what the kernel had to throw away.
//!
//! Beside `sys.rs` the only file with `unsafe`: std receives and sends one datagram a call.

#![allow(unsafe_code)]

use std::io;
use std::mem;
use std::os::fd::RawFd;
use std::ptr;

/// Datagrams in one call.
pub const BATCH: usize = 32;
/// The longest datagram that UDP can carry, rounded up.
const ROOM: usize = 64 * 1024;
/// Index of the dropped packets among the values of SO_MEMINFO, and how many values there are (linux/sock_diag.h).
const MEMINFO_DROPS: usize = 8;
const MEMINFO_VALUES: usize = 9;
/// What std and libc do not name for every C library.
const SO_MEMINFO: libc::c_int = 55;

/// Whoever sent a datagram, as the kernel writes it.
#[derive(Clone, Copy)]
pub struct Peer {
    name: libc::sockaddr_storage,
    length: libc::socklen_t,
}

impl Peer {
    fn bytes(&self) -> &[u8] {
        let length = (self.length as usize).min(mem::size_of::<libc::sockaddr_storage>());
        // SAFETY: the storage is plain memory that was zeroed and then filled by the kernel; the length is within it.
        unsafe { std::slice::from_raw_parts(ptr::from_ref(&self.name).cast(), length) }
    }
}

impl PartialEq for Peer {
    fn eq(&self, other: &Self) -> bool {
        self.bytes() == other.bytes()
    }
}

/// The datagrams of one receiving call.
pub struct Batch {
    memory: Box<[u8]>,
    peers: [Peer; BATCH],
    lengths: [usize; BATCH],
}

impl Batch {
    pub fn new() -> Self {
        // SAFETY: an all-zero socket address is a valid one, of no family.
        let nobody = Peer {
            name: unsafe { mem::zeroed() },
            length: 0,
        };
        Batch {
            memory: vec![0; BATCH * ROOM].into_boxed_slice(),
            peers: [nobody; BATCH],
            lengths: [0; BATCH],
        }
    }

    /// Takes what has arrived, at most `BATCH` datagrams, without waiting. Returns how many.
    pub fn receive(&mut self, fd: RawFd) -> io::Result<usize> {
        // SAFETY: all-zero headers and pieces are valid; those that the kernel reads are filled below.
        let mut pieces: [libc::iovec; BATCH] = unsafe { mem::zeroed() };
        let mut headers: [libc::mmsghdr; BATCH] = unsafe { mem::zeroed() };
        for (index, room) in self.memory.chunks_exact_mut(ROOM).enumerate() {
            pieces[index].iov_base = room.as_mut_ptr().cast();
            pieces[index].iov_len = ROOM;
            let header = &mut headers[index].msg_hdr;
            header.msg_iov = &mut pieces[index];
            header.msg_iovlen = 1;
            header.msg_name = ptr::from_mut(&mut self.peers[index].name).cast();
            header.msg_namelen = mem::size_of::<libc::sockaddr_storage>() as libc::socklen_t;
        }
        // SAFETY: headers, pieces, names and memory live during the call, and the count is that of the headers.
        let result = unsafe {
            libc::recvmmsg(
                fd,
                headers.as_mut_ptr(),
                BATCH as libc::c_uint,
                libc::MSG_DONTWAIT,
                ptr::null_mut(),
            )
        };
        let n = usize::try_from(result).map_err(|_| io::Error::last_os_error())?;
        for (index, header) in headers[..n].iter().enumerate() {
            self.peers[index].length = header.msg_hdr.msg_namelen;
            self.lengths[index] = (header.msg_len as usize).min(ROOM);
        }
        Ok(n)
    }

    pub fn peer(&self, index: usize) -> Peer {
        self.peers[index]
    }

    pub fn payload(&self, index: usize) -> &[u8] {
        &self.memory[index * ROOM..][..self.lengths[index]]
    }
}

/// Sends datagrams in their order without waiting. Returns how many of them, from the first on, were taken.
pub fn send<'a>(
    fd: RawFd,
    datagrams: impl Iterator<Item = (&'a Peer, &'a [u8])>,
) -> io::Result<usize> {
    // SAFETY: as in `receive`.
    let mut pieces: [libc::iovec; BATCH] = unsafe { mem::zeroed() };
    let mut headers: [libc::mmsghdr; BATCH] = unsafe { mem::zeroed() };
    let mut n = 0;
    for ((header, piece), (peer, payload)) in
        headers.iter_mut().zip(pieces.iter_mut()).zip(datagrams)
    {
        // The kernel only reads through these pointers, although its structures say otherwise.
        piece.iov_base = payload.as_ptr().cast_mut().cast();
        piece.iov_len = payload.len();
        header.msg_hdr.msg_iov = piece;
        header.msg_hdr.msg_iovlen = 1;
        header.msg_hdr.msg_name = ptr::from_ref(&peer.name).cast_mut().cast();
        header.msg_hdr.msg_namelen = peer.length;
        n += 1;
    }
    // SAFETY: the first n headers, and all they point to, live during the call.
    let result = unsafe {
        libc::sendmmsg(
            fd,
            headers.as_mut_ptr(),
            n as libc::c_uint,
            libc::MSG_DONTWAIT,
        )
    };
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}

/// Datagrams that reached the socket and were thrown away by the kernel because its buffer was full.
pub fn overruns(fd: RawFd) -> io::Result<u64> {
    let mut values = [0u32; MEMINFO_VALUES];
    let mut length = mem::size_of_val(&values) as libc::socklen_t;
    // SAFETY: the values are live and of the given length, which the kernel keeps to.
    let result = unsafe {
        libc::getsockopt(
            fd,
            libc::SOL_SOCKET,
            SO_MEMINFO,
            values.as_mut_ptr().cast(),
            &mut length,
        )
    };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(u64::from(values[MEMINFO_DROPS]))
}
