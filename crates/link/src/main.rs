//! `meshperf-link`: joins two bridges by a cable that delays, for machines whose kernel cannot.
//!
//! Each end is a TAP device that is there already; a frame read from one is written to the other when its time has come.
//! The delay is the same for every frame and direction, so their order is kept. Read `cable.rs` for how it waits,
//! `tap.rs` for the devices, `options.rs` for the command line.

mod cable;
mod options;
mod sys;
mod tap;

use std::io::{self, Write};
use std::process::ExitCode;

use crate::cable::Cable;
use crate::options::{Options, Request, USAGE};
use crate::sys::Failure;
use crate::tap::Tap;

const VERSION: &str = env!("CARGO_PKG_VERSION");

fn main() -> ExitCode {
    match options::read() {
        Ok(Request::Help) => say(USAGE),
        Ok(Request::Version) => say(&format!("meshperf-link {VERSION}\n")),
        Ok(Request::Run(options)) => match run(&options) {
            Ok(()) => ExitCode::SUCCESS,
            Err(failure) => {
                eprintln!("meshperf-link: {failure}");
                ExitCode::from(5)
            }
        },
        Err(problem) => {
            eprintln!("meshperf-link: {problem}\ntry --help");
            ExitCode::from(2)
        }
    }
}

fn say(text: &str) -> ExitCode {
    match io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(5),
    }
}

fn run(options: &Options) -> Result<(), Failure> {
    let stop = sys::StopSignals::block()?;
    let left = Tap::open(&options.left)?;
    let right = Tap::open(&options.right)?;
    println!("{{\"ready\": true, \"delay_ns\": {}}}", options.delay_ns);
    io::stdout()
        .flush()
        .map_err(|error| Failure::new("standard output", error))?;
    let counts = Cable::new(left, right, options.delay_ns).carry(&stop)?;
    println!("{counts}");
    Ok(())
}
