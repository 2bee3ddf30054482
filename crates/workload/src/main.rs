//! `meshperf-workload`: the service that is measured, a plain executable with no interpreter in it.
//!
//! Read `options.rs` for what it does, `server.rs` for how, `truth.rs` for the stalls that load generators are tried on.

#![deny(unsafe_code)]

mod admin;
mod body;
mod calls;
mod connection;
#[cfg(test)]
mod connection_tests;
mod counters;
mod datagram_faults;
mod datagrams;
mod doors;
mod failure;
mod grpc;
mod guest;
mod http1;
mod http2;
#[cfg(test)]
mod http2_bench;
#[cfg(test)]
mod http2_careless_tests;
#[cfg(test)]
mod http2_tests;
mod identity;
mod linger;
mod mmsg;
mod options;
mod quantity;
mod random;
mod reply;
mod server;
mod service;
mod service_time;
mod stream;
mod sys;
mod timers;
mod tls;
mod transport;
mod truth;
mod written;

use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::admin::{Ready, Sources};
use crate::calls::Orders;
use crate::counters::Counters;
use crate::failure::Failure;
use crate::options::{Options, Request, USAGE};
use crate::server::{Common, Worker};
use crate::service::Service;
use crate::sys::{StopSignals, Wake};

const VERSION: &str = env!("CARGO_PKG_VERSION");

fn main() -> ExitCode {
    let result = match options::parse(std::env::args_os().skip(1)) {
        Ok(Request::Help) => print(USAGE),
        Ok(Request::Version) => print(&format!("meshperf-workload {VERSION}\n")),
        Ok(Request::Serve(options)) => serve(&options),
        Err(failure) => Err(failure),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("meshperf-workload: error: {failure}");
            ExitCode::from(failure.exit_code())
        }
    }
}

fn serve(options: &Options) -> Result<(), Failure> {
    let system = |action| move |source| Failure::System { action, source };
    let signals = StopSignals::block().map_err(system("take over stop signals"))?;
    sys::raise_file_limit();
    let tls = options.tls.as_ref().map(tls::configure).transpose()?;
    let orders = orders(options)?;
    let doors = doors::open(options)?;
    let admin = options.admin.map(listen_admin).transpose()?;
    let ready = Ready {
        ready: true,
        address: text(doors[0].http.local_addr())?,
        admin: admin
            .as_ref()
            .map(|admin| text(admin.local_addr()))
            .transpose()?,
        tcp: doors[0]
            .tcp
            .as_ref()
            .map(|tcp| text(tcp.local_addr()))
            .transpose()?,
        udp: doors[0]
            .udp
            .as_ref()
            .map(|udp| text(udp.local_addr()))
            .transpose()?,
        pid: std::process::id(),
        version: VERSION,
        started_monotonic_ns: sys::now_ns(),
    };
    let common = Arc::new(Common {
        start_ns: ready.started_monotonic_ns,
        spin_ns: options.spin_ns,
        stall: options.stall,
        stream_tls: tls.as_ref().map(tls::without_protocol),
        tls,
        tcp_mode: options.tcp_mode,
        udp_faults: options.udp_faults,
        stop: AtomicBool::new(false),
    });

    let mut workers = Vec::new();
    let mut sources = Sources {
        workers: Vec::new(),
        datagrams: doors
            .iter()
            .filter_map(|doors| doors.udp.as_ref().map(UdpSocket::try_clone))
            .collect::<io::Result<_>>()
            .map_err(system("copy a descriptor"))?,
    };
    for (number, doors) in (0..).zip(doors) {
        let counters = Arc::new(match &orders {
            Some(orders) => Counters::with_calls(&orders.plan),
            None => Counters::default(),
        });
        let wake = Arc::new(Wake::new().map_err(system("make an event descriptor"))?);
        let service = Service::new(options, number, counters.clone());
        let mut worker = Worker::new(common.clone(), doors, wake.clone(), service)
            .map_err(system("use epoll"))?;
        if let Some(orders) = &orders {
            worker
                .will_call(orders, number)
                .map_err(system("copy a descriptor"))?;
        }
        let name = format!("worker-{number}");
        let thread = thread::Builder::new()
            .name(name)
            .spawn(move || worker.run());
        workers.push((thread.map_err(system("start a worker"))?, wake));
        sources.workers.push(counters);
    }
    if let Some(listener) = admin {
        let ready = ready.clone();
        let thread = thread::Builder::new().name("admin".to_owned());
        // Never joined: it ends with the process.
        thread
            .spawn(move || admin::serve(&listener, &ready, &sources))
            .map_err(system("start the admin thread"))?;
    }
    print(&format!(
        "{}\n",
        serde_json::to_string(&ready).expect("strings and numbers are always valid JSON")
    ))?;

    signals.wait(options.seconds);
    common.stop.store(true, Ordering::Relaxed);
    for (thread, wake) in workers {
        wake.raise();
        match thread.join() {
            Ok(ended) => ended.map_err(system("wait for events"))?,
            Err(_) => eprintln!("meshperf-workload: a worker panicked; see above"),
        }
    }
    Ok(())
}

/// What its workers are to call, if anything.
fn orders(options: &Options) -> Result<Option<Orders>, Failure> {
    let Some(plan) = options.calls.clone() else {
        return Ok(None);
    };
    let tls = match &options.call_tls {
        Some(files) => tls::configure_calls(files, &plan)?,
        None => Vec::new(),
    };
    let seed = options.seed;
    Ok(Some(Orders { plan, tls, seed }))
}

fn listen_admin(wanted: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(wanted).map_err(|source| Failure::Bind {
        address: wanted,
        source,
    })
}

fn text(address: io::Result<SocketAddr>) -> Result<String, Failure> {
    let address = address.map_err(|source| Failure::System {
        action: "read its own address",
        source,
    })?;
    Ok(address.to_string())
}

/// Writes to stdout. A reader that is gone is no error: whoever started this may not care for the line.
fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Failure::System {
            action: "write to stdout",
            source: error,
        }),
        _ => Ok(()),
    }
}
