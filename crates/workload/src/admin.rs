//! The second listener: is the server ready, and what did it do.
//!
//! A thread of its own with plain blocking sockets, so that asking takes no turn in the measured loop, and an answer
//! comes during a stall too. One question at a time, each connection closed after it.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::calls::tally;
use crate::counters::{Counters, Totals};
use crate::mmsg;

const PATIENCE: Duration = Duration::from_secs(1);
const LONGEST_QUESTION: usize = 8 * 1024;

/// What is printed when the server is ready, and answered on `/ready`.
#[derive(Serialize, Clone)]
pub struct Ready {
    pub ready: bool,
    pub address: String,
    pub admin: Option<String>,
    pub tcp: Option<String>,
    pub udp: Option<String>,
    pub pid: u32,
    pub version: &'static str,
    /// The origin of the stalls, CLOCK_MONOTONIC.
    pub started_monotonic_ns: u64,
}

#[derive(Serialize)]
struct Answer<'a> {
    #[serde(flatten)]
    totals: Totals,
    version: &'a str,
    started_monotonic_ns: u64,
}

/// What is asked for on `/counters`: the workers' own counts, and the sockets whose losses only the kernel knows.
pub struct Sources {
    pub workers: Vec<Arc<Counters>>,
    pub datagrams: Vec<UdpSocket>,
}

impl Sources {
    fn totals(&self) -> io::Result<Totals> {
        let mut totals = Totals::of(self.workers.iter().map(Arc::as_ref));
        for socket in &self.datagrams {
            totals.udp_overrun += mmsg::overruns(socket.as_raw_fd())?;
        }
        Ok(totals)
    }
}

pub fn serve(listener: &TcpListener, ready: &Ready, sources: &Sources) {
    for stream in listener.incoming() {
        match stream {
            // A client that leaves early or asks nothing harms nobody.
            Ok(stream) => drop(answer(stream, ready, sources)),
            // Most likely out of descriptors, which the measured connections may be using: try again later.
            Err(_) => std::thread::sleep(PATIENCE / 10),
        }
    }
}

fn answer(mut stream: TcpStream, ready: &Ready, sources: &Sources) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut question = Vec::new();
    let mut piece = [0; 1024];
    while !question.windows(4).any(|part| part == b"\r\n\r\n") {
        let n = stream.read(&mut piece)?;
        if n == 0 || question.len() > LONGEST_QUESTION {
            return Ok(());
        }
        question.extend_from_slice(&piece[..n]);
    }
    let (status, body) = match path(&question) {
        Some("/ready") => ("200 OK", serde_json::to_string(ready)?),
        Some("/counters") => {
            let totals = sources.totals()?;
            let started_monotonic_ns = ready.started_monotonic_ns;
            (
                "200 OK",
                serde_json::to_string(&Answer {
                    totals,
                    version: ready.version,
                    started_monotonic_ns,
                })?,
            )
        }
        Some("/calls") => {
            let tallies = sources.workers.iter().map(|counters| &counters.calls);
            ("200 OK", serde_json::to_string(&tally::summaries(tallies))?)
        }
        Some(_) => (
            "404 Not Found",
            r#"{"error":"there are /ready, /counters and /calls"}"#.to_owned(),
        ),
        None => ("400 Bad Request", r#"{"error":"only GET"}"#.to_owned()),
    };
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body.as_bytes())
}

fn path(question: &[u8]) -> Option<&str> {
    let line = std::str::from_utf8(question.split(|byte| *byte == b'\r').next()?).ok()?;
    let mut words = line.split(' ');
    let (method, target) = (words.next()?, words.next()?);
    (method == "GET").then(|| target.split('?').next().unwrap_or(target))
}
