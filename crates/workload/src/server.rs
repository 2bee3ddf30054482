//! The loop of one worker: wait, read, serve, reply.
//!
//! *Why hand-written*: a service time of 300 us must be 300 us. Waiting goes to the nanosecond (`epoll_pwait2`, timer
//! slack 1 ns), ends a little early, and the last stretch is spun away while sockets are still looked at. *What it
//! refuses*: an idle timeout (connections of a resident arm stay warm between slices, however long that is), and any
//! client that could end it: a panic in one connection closes that connection.

mod accepting;
mod calling;

use std::fs::File;
use std::io::{self, ErrorKind};
use std::net::TcpListener;
use std::os::fd::AsRawFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use meshperf_tls::rustls::ServerConfig;

use self::accepting::reserve;
use crate::calls::{Calls, Done, OUTGOING};
use crate::connection::Step;
use crate::counters::Counters;
use crate::datagram_faults::Faults;
use crate::datagrams::Datagrams;
use crate::doors::Doors;
use crate::guest::Guest;
use crate::service::Service;
use crate::stream::Mode;
use crate::sys::{self, Epoll, Event, NO_EVENT, Wake, now_ns};
use crate::timers::{Purpose, Timers};
use crate::truth::Stall;

const LISTENER: u64 = u64::MAX;
const WAKE: u64 = u64::MAX - 1;
const STREAM_LISTENER: u64 = u64::MAX - 2;
const DATAGRAMS: u64 = u64::MAX - 3;
const EVENTS: usize = 256;

/// What all workers of a process have in common.
pub struct Common {
    pub start_ns: u64,
    pub spin_ns: u64,
    pub stall: Option<Stall>,
    pub tls: Option<Arc<ServerConfig>>,
    /// As `tls`, without a protocol to agree on.
    pub stream_tls: Option<Arc<ServerConfig>>,
    pub tcp_mode: Mode,
    pub udp_faults: Faults,
    pub stop: AtomicBool,
}

#[derive(Default)]
struct Slot {
    /// Counts the connections that lived here, so that an old timer does not meet a new one.
    generation: u32,
    guest: Option<Box<Guest>>,
}

pub struct Worker {
    common: Arc<Common>,
    epoll: Epoll,
    listener: TcpListener,
    stream_listener: Option<TcpListener>,
    datagrams: Option<Datagrams>,
    wake: Arc<Wake>,
    service: Service,
    counters: Arc<Counters>,
    slots: Vec<Slot>,
    free: Vec<u32>,
    timers: Timers,
    turns: Vec<u64>,
    /// Requests whose calls have ended while a stall holds their connections.
    held: Vec<Done>,
    accepted: u64,
    /// Given up to accept and refuse one connection when no other descriptor is left.
    reserve: Option<File>,
}

impl Worker {
    pub fn new(
        common: Arc<Common>,
        doors: Doors,
        wake: Arc<Wake>,
        service: Service,
    ) -> io::Result<Self> {
        let epoll = Epoll::new()?;
        epoll.add(doors.http.as_raw_fd(), sys::READABLE, LISTENER)?;
        if let Some(listener) = &doors.tcp {
            epoll.add(listener.as_raw_fd(), sys::READABLE, STREAM_LISTENER)?;
        }
        let faults = common.udp_faults;
        let datagrams = doors.udp.map(|socket| Datagrams::new(socket, faults));
        if let Some(datagrams) = &datagrams {
            epoll.add(datagrams.fd(), sys::READABLE, DATAGRAMS)?;
        }
        epoll.add(wake.fd(), sys::READABLE, WAKE)?;
        let counters = service.counters.clone();
        Ok(Worker {
            common,
            epoll,
            listener: doors.http,
            stream_listener: doors.tcp,
            datagrams,
            wake,
            service,
            counters,
            slots: Vec::new(),
            free: Vec::new(),
            timers: Timers::default(),
            turns: Vec::new(),
            held: Vec::new(),
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
            let n = match self.wait(&mut events) {
                Err(error) if error.kind() == ErrorKind::Interrupted => 0,
                result => result?,
            };
            self.pause_in_stall();
            for event in &events[..n] {
                self.on_event(event);
            }
            std::mem::swap(&mut turns, &mut self.turns);
            for token in turns.drain(..) {
                self.drive(token, Guest::advance);
            }
            self.send_datagrams();
            while let Some((token, purpose)) = self.timers.pop_due(now_ns()) {
                self.on_timer(token, purpose);
            }
            self.go_on_calling();
        }
        Ok(())
    }

    fn wait(&mut self, events: &mut [Event]) -> io::Result<usize> {
        let timeout = self.timeout();
        if self.service.is_busy() {
            let ready = self.epoll.wait(events, Some(0))?;
            if ready > 0 || timeout == Some(0) {
                return Ok(ready);
            }
            self.service.rest();
        }
        self.epoll.wait(events, timeout)
    }

    /// How long to sleep: short of the next due time by the stretch that is spun.
    fn timeout(&mut self) -> Option<u64> {
        if !self.turns.is_empty() {
            return Some(0);
        }
        let datagrams = self.datagrams.as_ref().and_then(Datagrams::next_ns);
        let calls = self.service.calls.as_deref_mut().and_then(Calls::next_ns);
        let own = self.timers.next_ns().into_iter();
        let due = own.chain(datagrams).chain(calls).min()?;
        Some(
            due.saturating_sub(now_ns())
                .saturating_sub(self.common.spin_ns),
        )
    }

    /// Stops this worker while the whole server is stalled.
    fn pause_in_stall(&mut self) {
        let Some(stall) = self.common.stall.filter(Stall::whole_server) else {
            return;
        };
        let Some(end) = stall.ends_at(self.common.start_ns, now_ns()) else {
            return;
        };
        self.service.rest();
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
            LISTENER | STREAM_LISTENER => self.accept(token),
            DATAGRAMS => self.receive_datagrams(),
            WAKE => {}
            _ if token & OUTGOING != 0 => self.on_callee(token & !OUTGOING, flags),
            _ => {
                if flags & sys::BROKEN != 0 {
                    return self.close(token);
                }
                if let Some(guest) = self.guest(token) {
                    let (readable, closed) =
                        (flags & sys::READABLE != 0, flags & sys::PEER_CLOSED != 0);
                    guest.transport().note_ready(readable, closed);
                    self.drive(token, Guest::advance);
                }
            }
        }
    }

    fn on_timer(&mut self, token: u64, purpose: Purpose) {
        self.pause_in_stall();
        match purpose {
            Purpose::Release => {
                if let Some(guest) = self.guest(token) {
                    guest.held = false;
                    self.drive(token, Guest::advance);
                }
            }
            Purpose::Called => self.answer_held(),
            Purpose::Phase => match self.stall_of(token) {
                Some(end) => self.timers.add(end, token, Purpose::Phase),
                None => self.drive(token, Guest::timer),
            },
        }
    }

    /// When the stall that stops this one connection now ends; None where it may go on.
    fn stall_of(&mut self, token: u64) -> Option<u64> {
        let stall = self.common.stall.filter(|stall| !stall.whole_server())?;
        let end = stall.ends_at(self.common.start_ns, now_ns())?;
        self.guest(token).filter(|guest| guest.stops).map(|_| end)
    }

    /// Lets a connection go on by `how`, and does what it asks for next.
    fn drive(&mut self, token: u64, how: impl FnOnce(&mut Guest, &mut Service) -> Step) {
        if let Some(end) = self.stall_of(token) {
            if let Some(guest) = self.guest(token)
                && !std::mem::replace(&mut guest.held, true)
            {
                self.timers.add(end, token, Purpose::Release);
            }
            return;
        }
        let (slot, generation) = split(token);
        let Some(Slot {
            guest: Some(guest),
            generation: current,
        }) = self.slots.get_mut(slot)
        else {
            return;
        };
        if *current != generation {
            return;
        }
        let service = &mut self.service;
        service.guest = token;
        let step = catch_unwind(AssertUnwindSafe(|| how(guest, service))).unwrap_or(Step::Over);
        guest.count_moved(&self.counters);
        match step {
            Step::Socket => {}
            Step::Time(due) => self.timers.add(due, token, Purpose::Phase),
            Step::Turn => self.turns.push(token),
            Step::Over => self.close(token),
        }
    }

    fn guest(&mut self, token: u64) -> Option<&mut Guest> {
        let (slot, generation) = split(token);
        let slot = self
            .slots
            .get_mut(slot)
            .filter(|slot| slot.generation == generation)?;
        slot.guest.as_deref_mut()
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
        if let Some(mut guest) = slot.guest.take() {
            slot.generation = slot.generation.wrapping_add(1);
            self.free.push(index as u32);
            guest.count_closed(&self.counters);
        }
    }

    fn receive_datagrams(&mut self) {
        if let Some(datagrams) = &mut self.datagrams
            && let Err(error) = datagrams.on_readable(&mut self.service)
        {
            eprintln!("cannot receive datagrams: {error}");
        }
    }

    fn send_datagrams(&mut self) {
        let due = self.datagrams.as_ref().and_then(Datagrams::next_ns);
        if due.is_some_and(|due| due <= now_ns()) {
            self.pause_in_stall();
            if let Some(datagrams) = &mut self.datagrams {
                datagrams.on_time(&mut self.service);
            }
        }
    }
}

fn split(token: u64) -> (usize, u32) {
    ((token & u64::from(u32::MAX)) as usize, (token >> 32) as u32)
}
