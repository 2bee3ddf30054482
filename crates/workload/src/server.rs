//! The loop of one worker: wait, read, serve, reply.
//!
//! *Why hand-written*: a service time of 300 us must be 300 us. Waiting goes to the nanosecond (`epoll_pwait2`, timer
//! slack 1 ns), ends a little early, and the last stretch is spun away while sockets are still looked at. *What it
//! refuses*: an idle timeout (connections of a resident arm stay warm between slices, however long that is), and any
//! client that could end it: a panic in one connection closes that connection.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use meshperf_tls::rustls::{ServerConfig, ServerConnection};

use crate::connection::{Connection, Step};
use crate::counters::Counters;
use crate::service::Service;
use crate::sys::{self, Epoll, Event, NO_EVENT, Wake, now_ns};
use crate::timers::{Purpose, Timers};
use crate::transport::Transport;
use crate::truth::Stall;

const LISTENER: u64 = u64::MAX;
const WAKE: u64 = u64::MAX - 1;
const EVENTS: usize = 256;
/// Connections accepted in one turn.
const ACCEPTS: usize = 64;

/// What all workers of a process have in common.
pub struct Common {
    pub start_ns: u64,
    pub spin_ns: u64,
    pub stall: Option<Stall>,
    pub tls: Option<Arc<ServerConfig>>,
    pub stop: AtomicBool,
}

#[derive(Default)]
struct Slot {
    /// Counts the connections that lived here, so that an old timer does not meet a new one.
    generation: u32,
    connection: Option<Box<Connection>>,
}

pub struct Worker {
    common: Arc<Common>,
    epoll: Epoll,
    listener: TcpListener,
    wake: Arc<Wake>,
    service: Service,
    counters: Arc<Counters>,
    slots: Vec<Slot>,
    free: Vec<u32>,
    timers: Timers,
    turns: Vec<u64>,
    accepted: u64,
    /// Given up to accept and refuse one connection when no other descriptor is left.
    reserve: Option<File>,
}

impl Worker {
    pub fn new(
        common: Arc<Common>,
        listener: TcpListener,
        wake: Arc<Wake>,
        service: Service,
    ) -> io::Result<Self> {
        let epoll = Epoll::new()?;
        epoll.add(listener.as_raw_fd(), sys::READABLE, LISTENER)?;
        epoll.add(wake.fd(), sys::READABLE, WAKE)?;
        let counters = service.counters.clone();
        Ok(Worker {
            common,
            epoll,
            listener,
            wake,
            service,
            counters,
            slots: Vec::new(),
            free: Vec::new(),
            timers: Timers::default(),
            turns: Vec::new(),
            accepted: 0,
            reserve: reserve(),
        })
    }

    /// Serves until it is told to stop.
    pub fn run(&mut self) -> io::Result<()> {
        sys::use_exact_timers()?;
        let mut events = [NO_EVENT; EVENTS];
        let mut turns = Vec::new();
        while !self.common.stop.load(Ordering::Relaxed) {
            let timeout = self.timeout();
            let n = match self.epoll.wait(&mut events, timeout) {
                Err(error) if error.kind() == ErrorKind::Interrupted => 0,
                result => result?,
            };
            self.pause_in_stall();
            for event in &events[..n] {
                self.on_event(event);
            }
            std::mem::swap(&mut turns, &mut self.turns);
            for token in turns.drain(..) {
                self.drive(token, Connection::advance);
            }
            while let Some((token, purpose)) = self.timers.pop_due(now_ns()) {
                self.on_timer(token, purpose);
            }
        }
        Ok(())
    }

    /// How long to sleep: short of the next due time by the stretch that is spun.
    fn timeout(&self) -> Option<u64> {
        if !self.turns.is_empty() {
            return Some(0);
        }
        let due = self.timers.next_ns()?;
        Some(
            due.saturating_sub(now_ns())
                .saturating_sub(self.common.spin_ns),
        )
    }

    /// Stops this worker while the whole server is stalled.
    fn pause_in_stall(&self) {
        let Some(stall) = self.common.stall.filter(Stall::whole_server) else {
            return;
        };
        let Some(end) = stall.ends_at(self.common.start_ns, now_ns()) else {
            return;
        };
        loop {
            let left = end.saturating_sub(now_ns());
            if left == 0 || self.common.stop.load(Ordering::Relaxed) {
                return;
            }
            match left.checked_sub(self.common.spin_ns) {
                Some(sleep) if sleep > 0 => {
                    // Only a stop wakes it early; an error means that it sleeps by spinning.
                    let _ = sys::wait_readable(self.wake.fd(), Some(sleep));
                }
                _ => std::hint::spin_loop(),
            }
        }
    }

    fn on_event(&mut self, event: &Event) {
        self.pause_in_stall();
        let (flags, token) = (event.events, event.u64);
        match token {
            LISTENER => self.accept(),
            WAKE => {}
            _ => {
                if flags & sys::BROKEN != 0 {
                    return self.close(token);
                }
                if let Some(connection) = self.connection(token) {
                    let (readable, closed) =
                        (flags & sys::READABLE != 0, flags & sys::PEER_CLOSED != 0);
                    connection.transport.note_ready(readable, closed);
                    self.drive(token, Connection::advance);
                }
            }
        }
    }

    fn on_timer(&mut self, token: u64, purpose: Purpose) {
        self.pause_in_stall();
        match purpose {
            Purpose::Release => {
                if let Some(connection) = self.connection(token) {
                    connection.held = false;
                    self.drive(token, Connection::advance);
                }
            }
            Purpose::Phase => match self.stall_of(token) {
                Some(end) => self.timers.add(end, token, Purpose::Phase),
                None => self.drive(token, Connection::timer),
            },
        }
    }

    /// When the stall that stops this one connection now ends; None where it may go on.
    fn stall_of(&mut self, token: u64) -> Option<u64> {
        let stall = self.common.stall.filter(|stall| !stall.whole_server())?;
        let end = stall.ends_at(self.common.start_ns, now_ns())?;
        self.connection(token)
            .filter(|connection| connection.stops)
            .map(|_| end)
    }

    /// Lets a connection go on by `how`, and does what it asks for next.
    fn drive(&mut self, token: u64, how: fn(&mut Connection, &mut Service) -> Step) {
        if let Some(end) = self.stall_of(token) {
            if let Some(connection) = self.connection(token)
                && !std::mem::replace(&mut connection.held, true)
            {
                self.timers.add(end, token, Purpose::Release);
            }
            return;
        }
        let (slot, generation) = split(token);
        let Some(Slot {
            connection: Some(connection),
            generation: current,
        }) = self.slots.get_mut(slot)
        else {
            return;
        };
        if *current != generation {
            return;
        }
        let service = &mut self.service;
        let step =
            catch_unwind(AssertUnwindSafe(|| how(connection, service))).unwrap_or(Step::Over);
        let (received, sent) = connection.transport.take_byte_counts();
        self.counters.bytes_in.add(received);
        self.counters.bytes_out.add(sent);
        if connection.transport.is_handshaken()
            && !std::mem::replace(&mut connection.handshake_counted, true)
        {
            self.counters.tls_handshakes.add(1);
        }
        match step {
            Step::Socket => {}
            Step::Time(due) => self.timers.add(due, token, Purpose::Phase),
            Step::Turn => self.turns.push(token),
            Step::Over => self.close(token),
        }
    }

    fn connection(&mut self, token: u64) -> Option<&mut Connection> {
        let (slot, generation) = split(token);
        let slot = self
            .slots
            .get_mut(slot)
            .filter(|slot| slot.generation == generation)?;
        slot.connection.as_deref_mut()
    }

    fn close(&mut self, token: u64) {
        let (index, generation) = split(token);
        let Some(slot) = self
            .slots
            .get_mut(index)
            .filter(|slot| slot.generation == generation)
        else {
            return;
        };
        if let Some(connection) = slot.connection.take() {
            slot.generation = slot.generation.wrapping_add(1);
            self.free.push(index as u32);
            self.counters.connections_closed.add(1);
            if connection.transport.is_handshaking() {
                self.counters.tls_failures.add(1);
            }
        }
    }

    fn accept(&mut self) {
        for _ in 0..ACCEPTS {
            match self.listener.accept() {
                Ok((stream, peer)) => {
                    if let Err(error) = self.open(stream, peer) {
                        eprintln!("cannot serve {peer}: {error}");
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE)) => {
                    self.refuse_one()
                }
                // The client was gone before it was accepted, or the kernel is short of memory: the next may do.
                Err(_) => {}
            }
        }
    }

    /// Out of descriptors: closing one connection visibly is better than leaving it to wait for ever.
    fn refuse_one(&mut self) {
        drop(self.reserve.take());
        drop(self.listener.accept());
        self.reserve = reserve();
    }

    fn open(&mut self, stream: TcpStream, peer: SocketAddr) -> io::Result<()> {
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        let session = match &self.common.tls {
            Some(config) => Some(ServerConnection::new(config.clone()).map_err(io::Error::other)?),
            None => None,
        };
        let stops = self
            .common
            .stall
            .is_some_and(|stall| stall.stops_connection(self.accepted));
        let connection = Box::new(Connection::new(
            Transport::new(stream, session),
            peer,
            stops,
        ));
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
        if let Err(error) = self.epoll.add(connection.transport.fd(), flags, token) {
            self.free.push(index);
            return Err(error);
        }
        slot.connection = Some(connection);
        self.accepted += 1;
        self.counters.connections.add(1);
        Ok(())
    }
}

fn split(token: u64) -> (usize, u32) {
    ((token & u64::from(u32::MAX)) as usize, (token >> 32) as u32)
}

fn reserve() -> Option<File> {
    File::open("/dev/null").ok()
}
