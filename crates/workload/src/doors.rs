//! Opening the sockets that the workers serve on, one of each kind for each worker.

use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};

use crate::failure::Failure;
use crate::options::Options;
use crate::sys;

/// The sockets of one worker.
pub struct Doors {
    pub http: TcpListener,
    pub tcp: Option<TcpListener>,
    pub udp: Option<UdpSocket>,
}

/// The doors of all workers; those of one kind have one address.
pub fn open(options: &Options) -> Result<Vec<Doors>, Failure> {
    let workers = options.workers;
    let mut tcp = each(options.tcp, workers, sys::listen, TcpListener::local_addr)?;
    let mut udp = each(
        options.udp,
        workers,
        sys::listen_datagrams,
        UdpSocket::local_addr,
    )?;
    let http = spread(
        options.listen,
        workers,
        sys::listen,
        TcpListener::local_addr,
    )?;
    let doors = http.into_iter().map(|http| Doors {
        http,
        tcp: tcp.pop(),
        udp: udp.pop(),
    });
    Ok(doors.collect())
}

fn each<S>(
    wanted: Option<SocketAddr>,
    workers: usize,
    open: fn(SocketAddr, bool) -> io::Result<S>,
    name: fn(&S) -> io::Result<SocketAddr>,
) -> Result<Vec<S>, Failure> {
    wanted.map_or(Ok(Vec::new()), |wanted| spread(wanted, workers, open, name))
}

/// One socket for each worker, all on one address.
fn spread<S>(
    wanted: SocketAddr,
    workers: usize,
    open: fn(SocketAddr, bool) -> io::Result<S>,
    name: fn(&S) -> io::Result<SocketAddr>,
) -> Result<Vec<S>, Failure> {
    let bind =
        |address, shared| open(address, shared).map_err(|source| Failure::Bind { address, source });
    if workers == 1 {
        return Ok(vec![bind(wanted, false)?]);
    }
    // A shared address would let a second server join silently and take half of the load: first see that it is free.
    if wanted.port() != 0 {
        drop(bind(wanted, false)?);
    }
    let first = bind(wanted, true)?;
    let actual = name(&first).map_err(|source| Failure::Bind {
        address: wanted,
        source,
    })?;
    std::iter::once(Ok(first))
        .chain((1..workers).map(|_| bind(actual, true)))
        .collect()
}
