//! `meshperf-workload`: the service that is measured, a plain executable with no interpreter in it.
//!
//! Read `options.rs` for what it does, `server.rs` for how, `truth.rs` for the stalls that load generators are tried on.

#![deny(unsafe_code)]

mod admin;
mod body;
mod connection;
#[cfg(test)]
mod connection_tests;
mod counters;
mod failure;
mod http1;
mod identity;
mod options;
mod quantity;
mod random;
mod reply;
mod server;
mod service;
mod service_time;
mod sys;
mod timers;
mod tls;
mod transport;
mod truth;
mod written;

use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::admin::Ready;
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
    let listeners = listen(options.listen, options.workers)?;
    let admin = options.admin.map(listen_admin).transpose()?;
    let ready = Ready {
        ready: true,
        address: address(&listeners[0])?,
        admin: admin.as_ref().map(address).transpose()?,
        pid: std::process::id(),
        version: VERSION,
        started_monotonic_ns: sys::now_ns(),
    };
    let common = Arc::new(Common {
        start_ns: ready.started_monotonic_ns,
        spin_ns: options.spin_ns,
        stall: options.stall,
        tls,
        stop: AtomicBool::new(false),
    });

    let mut workers = Vec::new();
    let mut all_counters = Vec::new();
    for (number, listener) in (0..).zip(listeners) {
        let counters = Arc::new(Counters::default());
        let wake = Arc::new(Wake::new().map_err(system("make an event descriptor"))?);
        let service = Service::new(options, number, counters.clone());
        let mut worker = Worker::new(common.clone(), listener, wake.clone(), service)
            .map_err(system("use epoll"))?;
        let name = format!("worker-{number}");
        let thread = thread::Builder::new()
            .name(name)
            .spawn(move || worker.run());
        workers.push((thread.map_err(system("start a worker"))?, wake));
        all_counters.push(counters);
    }
    if let Some(listener) = admin {
        let ready = ready.clone();
        let thread = thread::Builder::new().name("admin".to_owned());
        // Never joined: it ends with the process.
        thread
            .spawn(move || admin::serve(&listener, &ready, &all_counters))
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

/// One listener for each worker, all on one address.
fn listen(wanted: SocketAddr, workers: usize) -> Result<Vec<TcpListener>, Failure> {
    let bind = |address, shared| {
        sys::listen(address, shared).map_err(|source| Failure::Bind { address, source })
    };
    if workers == 1 {
        return Ok(vec![bind(wanted, false)?]);
    }
    // A shared address would let a second server join silently and take half of the load: first see that it is free.
    if wanted.port() != 0 {
        drop(bind(wanted, false)?);
    }
    let first = bind(wanted, true)?;
    let actual = first.local_addr().map_err(|source| Failure::Bind {
        address: wanted,
        source,
    })?;
    std::iter::once(Ok(first))
        .chain((1..workers).map(|_| bind(actual, true)))
        .collect()
}

fn listen_admin(wanted: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(wanted).map_err(|source| Failure::Bind {
        address: wanted,
        source,
    })
}

fn address(listener: &TcpListener) -> Result<String, Failure> {
    let name = listener.local_addr().map_err(|source| Failure::System {
        action: "read its own address",
        source,
    })?;
    Ok(name.to_string())
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
