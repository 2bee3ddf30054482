//! A worker's thread: how it is started, given work and heard of.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

use crate::LoadError;
use crate::endpoint::ConnectionFacts;
use crate::live::Live;
use crate::wake::Wake;
use crate::worker::{Job, Station, Worker, WorkerPhase};

/// What a worker says when it has opened its connections, and after each run.
pub(crate) struct Report {
    pub(crate) worker: usize,
    pub(crate) tid: i32,
    pub(crate) facts: Vec<ConnectionFacts>,
    pub(crate) phases: Result<Vec<WorkerPhase>, LoadError>,
}

pub(crate) struct Hand {
    pub(crate) jobs: Option<Sender<Arc<Job>>>,
    pub(crate) thread: Option<JoinHandle<()>>,
    pub(crate) wake: Arc<Wake>,
    pub(crate) live: Arc<Live>,
}

pub(crate) fn spawn(
    station: Station,
    wake: Arc<Wake>,
    live: Arc<Live>,
    reports: Sender<Report>,
) -> Result<Hand, LoadError> {
    let (jobs, work) = channel::<Arc<Job>>();
    let index = station.index as usize;
    let body = move || {
        let tid = unsignalled_thread();
        let send = |facts, phases| {
            reports
                .send(Report {
                    worker: index,
                    tid,
                    facts,
                    phases,
                })
                .is_ok()
        };
        let mut worker = match guarded(|| Worker::open(station)) {
            Ok(worker) => worker,
            Err(error) => {
                send(Vec::new(), Err(error));
                return;
            }
        };
        if !send(worker.facts(), Ok(Vec::new())) {
            return;
        }
        while let Ok(job) = work.recv() {
            let phases = guarded(|| worker.run(&job));
            if !send(worker.facts(), phases) {
                return;
            }
        }
    };
    let thread = std::thread::Builder::new()
        .name(format!("meshperf-load-{index}"))
        .spawn(body)
        .map_err(|source| LoadError::System {
            what: "starting a worker",
            source,
        })?;
    Ok(Hand {
        jobs: Some(jobs),
        thread: Some(thread),
        wake,
        live,
    })
}

/// A panic of a worker becomes an error of the run.
fn guarded<T>(work: impl FnOnce() -> Result<T, LoadError>) -> Result<T, LoadError> {
    let text = |panic: Box<dyn Any + Send>| {
        let known = panic.downcast_ref::<String>().cloned();
        known
            .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
            .unwrap_or_default()
    };
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(LoadError::Worker(text(panic))))
}

/// Leave all signals to the threads of the program around us, and tell this thread's number.
fn unsignalled_thread() -> i32 {
    // SAFETY: the set is filled before it is used, and the old mask is not asked for.
    unsafe {
        let mut all: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&mut all);
        libc::pthread_sigmask(libc::SIG_BLOCK, &all, std::ptr::null_mut());
        libc::gettid()
    }
}
