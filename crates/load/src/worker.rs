//! One worker: a thread with its own connections, poller, schedule and histograms. Workers share nothing while requests
//! run; they meet at the borders of phases only.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::LoadError;
use crate::border::Border;
use crate::clock::{self, KernelClock, nanoseconds};
use crate::endpoint::{ConnectionFacts, Endpoint};
use crate::live::Live;
use crate::part::{Outcome, Part};
use crate::phase::PhaseLoop;
use crate::plan::{Arrivals, Phase, SessionPlan};
use crate::poller::{Poller, without_timer_slack};
use crate::pool::{Event, Pool};
use crate::reason::Reason;
use crate::recorder::Recorder;
use crate::slots::SlotList;
use crate::steering::Steering;
use crate::transport::Buffers;
use crate::wake::Wake;

/// How long connections may take to come back before a phase; after that it begins with those there are.
const SETTLE_NS: u64 = 250_000_000;
/// How long a server gets to refuse a client certificate once the session is open.
const REFUSAL_NS: u64 = 20_000_000;
const LOOK_NS: u64 = 20_000_000;

/// One call of `run`, the same for all workers.
pub(crate) struct Job {
    pub(crate) phases: Vec<Phase>,
    /// Number in the session of the first of them.
    pub(crate) first: u64,
    /// When each is to begin at the earliest [ns]; the same moment for all workers.
    pub(crate) starts: Vec<Option<u64>>,
    /// Of each: the times of its trace [ns], the same for every schedule.
    pub(crate) traces: Vec<Arc<[u64]>>,
    pub(crate) border: Border,
}

/// One phase of one worker.
pub(crate) struct WorkerPhase {
    pub(crate) outcome: Outcome,
    /// Only from worker 0.
    pub(crate) cpu_begin: BTreeMap<String, u64>,
    pub(crate) cpu_drained: BTreeMap<String, u64>,
}

/// What a worker is told when it is made.
pub(crate) struct Station {
    pub(crate) plan: Arc<SessionPlan>,
    pub(crate) endpoints: Arc<[Endpoint]>,
    pub(crate) index: u32,
    pub(crate) wake: Arc<Wake>,
    pub(crate) live: Arc<Live>,
    pub(crate) steering: Steering,
    /// Whether the kernel tells when replies arrive.
    pub(crate) stamped: bool,
}

pub(crate) struct Worker {
    station: Station,
    pool: Pool,
    recorder: Recorder,
    outstanding: Vec<SlotList>,
}

impl Worker {
    /// Prepare the calling thread and open this worker's connections, all of them or none.
    pub(crate) fn open(station: Station) -> Result<Self, LoadError> {
        let plan = &station.plan;
        if !plan.cpus.is_empty() {
            pin(plan.cpus[station.index as usize % plan.cpus.len()])?;
        }
        without_timer_slack();
        let system = |what| move |source| LoadError::System { what, source };
        let mut poller = Poller::new(plan.wait, station.wake.descriptor())
            .map_err(system("creating an epoll"))?;
        poller.calibrate().map_err(system("waiting for sockets"))?;
        let connect_timeout = nanoseconds(plan.connect_timeout_s);
        let pool = Pool::new(
            station.endpoints.clone(),
            poller,
            Buffers::new(station.stamped.then(KernelClock::new)),
            station.wake.clone(),
            connect_timeout,
            (station.index, plan.workers),
        );
        let mut worker = Self {
            recorder: Recorder::new(station.live.clone(), nanoseconds(plan.series_interval_s)),
            outstanding: (0..plan.targets.len())
                .map(|target| SlotList::new(pool.slots(target)))
                .collect(),
            pool,
            station,
        };
        worker.open_all()?;
        Ok(worker)
    }

    fn open_all(&mut self) -> Result<(), LoadError> {
        let targets = self.pool.endpoints.len();
        while !(0..targets).all(|target| self.pool.settled(target)) {
            if self.station.wake.raised() {
                return Err(LoadError::Stopped);
            }
            self.turn(clock::now() + LOOK_NS, true)?;
        }
        let may_refuse = |endpoint: &Endpoint| {
            endpoint
                .tls
                .as_ref()
                .is_some_and(|tls| tls.with_certificate)
        };
        if self.pool.endpoints.iter().any(may_refuse) {
            let until = clock::now() + REFUSAL_NS;
            while clock::now() < until && !self.station.wake.raised() {
                self.turn(until, true)?;
            }
        }
        Ok(())
    }

    /// Let the connections of a target come back, for a while, before a phase uses them.
    fn settle(&mut self, target: usize) -> Result<(), LoadError> {
        self.turn(0, false)?;
        let limit = clock::now() + SETTLE_NS;
        while !self.pool.settled(target) && !self.station.wake.raised() {
            let now = clock::now();
            if now >= limit {
                break;
            }
            self.turn(now + LOOK_NS, false)?;
        }
        Ok(())
    }

    /// One turn of the loop outside of a phase. `strict`: any failure ends the session.
    fn turn(&mut self, until: u64, strict: bool) -> Result<(), LoadError> {
        let now = clock::now();
        self.pool.housekeeping(now);
        let until = until.min(self.pool.next_housekeeping(now));
        self.pool
            .wait(until, false)
            .map_err(|source| LoadError::System {
                what: "waiting for sockets",
                source,
            })?;
        let mut position = 0;
        while let Some(event) = self.pool.next_event(&mut position) {
            let (connection, failure) = match event {
                Event::Answer(slot, _) | Event::Carried(slot) => {
                    let connection = self.pool.connection_of(slot);
                    self.pool.reopen(connection);
                    continue;
                }
                Event::NotOpened {
                    connection,
                    failure,
                } => (connection, failure),
                Event::Broken {
                    connection,
                    failure,
                    ..
                } => {
                    self.pool.reopen(connection);
                    (connection, failure)
                }
            };
            let target = self.pool.connections[connection as usize].target as usize;
            let refused = failure.reason == Reason::Tls && !self.pool.spoke[target];
            if strict || refused {
                return Err(self.pool.endpoints[target].unusable(failure));
            }
        }
        Ok(())
    }

    pub(crate) fn facts(&self) -> Vec<ConnectionFacts> {
        self.pool.facts.clone()
    }

    /// All phases of a run, as far as it gets.
    pub(crate) fn run(&mut self, job: &Job) -> Result<Vec<WorkerPhase>, LoadError> {
        self.recorder.begin_run();
        let mut done = Vec::with_capacity(job.phases.len());
        for (position, phase) in job.phases.iter().enumerate() {
            let mixed = phase.mix.iter().map(|&(target, _)| target);
            for target in mixed.chain([phase.target]) {
                self.settle(target)?;
            }
            let wake = self.station.wake.clone();
            let Some(start) = job.border.meet(|| wake.raised()) else {
                break;
            };
            let recorded = self.phase(phase, position, job, start)?;
            let interrupted = recorded.outcome.interrupted;
            done.push(recorded);
            if interrupted {
                break;
            }
        }
        Ok(done)
    }

    fn phase(
        &mut self,
        phase: &Phase,
        position: usize,
        job: &Job,
        start: u64,
    ) -> Result<WorkerPhase, LoadError> {
        let Station {
            plan,
            index,
            wake,
            steering,
            ..
        } = &self.station;
        let part = Part {
            phase,
            number: job.first + position as u64,
            start: job.starts[position].map_or(start, |asked| asked.max(start)),
            trace: &job.traces[position],
            worker: *index,
            workers: plan.workers,
            generator: plan.share,
            stop: wake,
            steering,
        };
        let (window, _) = part.line();
        let closed = phase.arrivals == Arrivals::Closed;
        self.recorder
            .begin_phase(position, closed, window.begin, window.end);
        let mut cpu_begin = BTreeMap::new();
        let clocks = |read: &mut BTreeMap<String, u64>| {
            if *index == 0 {
                *read = plan
                    .clocks
                    .iter()
                    .filter_map(|(name, &pid)| {
                        clock::process_cpu(pid).map(|time| (name.clone(), time))
                    })
                    .collect();
            }
        };
        let outcome = PhaseLoop::new(
            part,
            &mut self.pool,
            &mut self.recorder,
            &mut self.outstanding,
        )
        .run(|| clocks(&mut cpu_begin))?;
        // The clocks are read when every worker's replies are in; a stopped run does not wait for the others.
        if !outcome.interrupted {
            job.border.meet(|| wake.raised());
        }
        let mut cpu_drained = BTreeMap::new();
        clocks(&mut cpu_drained);
        Ok(WorkerPhase {
            outcome,
            cpu_begin,
            cpu_drained,
        })
    }
}

fn pin(cpu: usize) -> Result<(), LoadError> {
    if cpu >= libc::CPU_SETSIZE as usize {
        return Err(LoadError::Plan(format!("there is no core {cpu}")));
    }
    // SAFETY: an all-zero cpu_set_t is the empty set, CPU_SET stays inside it as checked above, and the kernel only reads.
    let outcome = unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(cpu, &mut set);
        libc::sched_setaffinity(0, std::mem::size_of::<libc::cpu_set_t>(), &set)
    };
    if outcome == 0 {
        Ok(())
    } else {
        Err(LoadError::last_os("pinning a worker to its core"))
    }
}
