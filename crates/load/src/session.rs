//! A session: workers with warm connections that run phases, as often as asked, until it is closed.
//!
//! `start` hands phases to the workers and returns; `wait`, `progress` and `stop` may then be called as often as the
//! caller likes; `finish` collects. So a caller that must look after other things (an interpreter, signals) never blocks for
//! longer than it chooses.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use crate::LoadError;
use crate::border::Border;
use crate::clock;
use crate::endpoint::{ConnectionFacts, Endpoint};
use crate::hand::{self, Hand, Report};
use crate::live::Live;
use crate::merge::merge;
use crate::plan::{Arrivals, Phase, ReceiveClock, SessionPlan};
use crate::recording::{Progress, SessionRecording};
use crate::steering::Steering;
use crate::wake::Wake;
use crate::worker::{Job, Station};

/// Stops the run under way, from any thread.
#[derive(Clone)]
pub struct Stopper(Arc<[Arc<Wake>]>);

impl Stopper {
    pub fn stop(&self) {
        self.0.iter().for_each(|wake| wake.raise());
    }
}

struct Running {
    job: Arc<Job>,
    since: u64,
    reports: Vec<Report>,
}

pub struct Session {
    plan: Arc<SessionPlan>,
    hands: Vec<Hand>,
    reports: Receiver<Report>,
    stopper: Stopper,
    steering: Steering,
    running: Option<Running>,
    facts: Vec<Vec<ConnectionFacts>>,
    tids: Vec<i32>,
    phases_run: u64,
    origin: u64,
    origin_unix_s: f64,
    broken: bool,
}

impl Session {
    /// Open all connections of all targets. `go_on` is asked every 20 ms; false gives up with `Stopped`.
    pub fn open(plan: SessionPlan, mut go_on: impl FnMut() -> bool) -> Result<Self, LoadError> {
        plan.validate()?;
        let stamped = plan.receive_clock != ReceiveClock::User;
        let endpoints: Arc<[Endpoint]> = plan
            .targets
            .iter()
            .map(|target| Endpoint::new(target, stamped))
            .collect::<Result<_, _>>()?;
        let plan = Arc::new(plan);
        let (origin, origin_unix_s) = (clock::now(), clock::unix_seconds());
        let wakes: Vec<Arc<Wake>> = (0..plan.workers)
            .map(|_| Wake::new().map(Arc::new))
            .collect::<Result<_, _>>()
            .map_err(|source| LoadError::System {
                what: "creating an eventfd",
                source,
            })?;
        let (sender, reports) = channel();
        let mut session = Self {
            stopper: Stopper(wakes.clone().into()),
            steering: Steering::new(wakes.clone()),
            hands: Vec::new(),
            reports,
            running: None,
            facts: vec![Vec::new(); plan.workers as usize],
            tids: vec![0; plan.workers as usize],
            phases_run: 0,
            origin,
            origin_unix_s,
            broken: false,
            plan,
        };
        for (index, wake) in wakes.into_iter().enumerate() {
            let live = Arc::new(Live::new());
            let station = Station {
                plan: session.plan.clone(),
                endpoints: endpoints.clone(),
                index: index as u32,
                wake: wake.clone(),
                live: live.clone(),
                steering: session.steering.clone(),
                stamped,
            };
            session
                .hands
                .push(hand::spawn(station, wake, live, sender.clone())?);
        }
        session.await_opening(&mut go_on)?;
        Ok(session)
    }

    fn await_opening(&mut self, go_on: &mut impl FnMut() -> bool) -> Result<(), LoadError> {
        let mut left = self.hands.len();
        while left > 0 {
            match self.reports.recv_timeout(Duration::from_millis(20)) {
                Ok(report) => {
                    left -= 1;
                    self.tids[report.worker] = report.tid;
                    self.facts[report.worker] = report.facts;
                    report.phases?;
                }
                Err(RecvTimeoutError::Timeout) if go_on() => {}
                Err(RecvTimeoutError::Timeout) => return Err(LoadError::Stopped),
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(LoadError::Worker("all workers are gone".into()));
                }
            }
        }
        Ok(())
    }

    pub fn stopper(&self) -> Stopper {
        self.stopper.clone()
    }

    /// Change the offered rate [1/s] of the phase under way, until it ends.
    pub fn set_rate(&self, rate: f64) -> Result<(), LoadError> {
        let Some(running) = &self.running else {
            return Err(LoadError::Plan(
                "no run is under way in this session".into(),
            ));
        };
        if !(rate.is_finite() && rate > 0.0 && rate <= 1e9) {
            return Err(LoadError::Plan(format!(
                "a rate must lie in (0, 1e9] 1/s, found {rate}"
            )));
        }
        let phase = self.progress().phase;
        match running.job.phases.get(phase).map(|phase| phase.arrivals) {
            Some(Arrivals::Constant | Arrivals::Poisson) => {
                self.steering.set_rate(rate);
                Ok(())
            }
            _ => Err(LoadError::Plan(
                "only constant and Poisson arrivals have a rate that can be changed".into(),
            )),
        }
    }

    pub fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// Hand phases to the workers.
    pub fn start(&mut self, phases: Vec<Phase>) -> Result<(), LoadError> {
        if self.running.is_some() {
            return Err(LoadError::Plan(
                "a run is already under way in this session".into(),
            ));
        }
        if self.broken {
            return Err(LoadError::Worker(
                "an earlier run of this session failed; open a new one".into(),
            ));
        }
        phases
            .iter()
            .try_for_each(|phase| self.plan.validate_phase(phase))?;
        for hand in &self.hands {
            hand.wake.lower();
            hand.live.reset();
        }
        let border = Border::new(self.plan.workers);
        let job = Arc::new(Job {
            first: self.phases_run,
            starts: phases
                .iter()
                .map(|phase| phase.start_unix_s.map(clock::monotonic_at))
                .collect(),
            traces: phases
                .iter()
                .map(|phase| {
                    phase
                        .trace_s
                        .iter()
                        .copied()
                        .map(clock::nanoseconds)
                        .collect()
                })
                .collect(),
            phases,
            border,
        });
        self.phases_run += job.phases.len() as u64;
        for hand in &self.hands {
            let told = hand
                .jobs
                .as_ref()
                .is_some_and(|jobs| jobs.send(job.clone()).is_ok());
            if !told {
                self.broken = true;
                self.stopper.stop();
                return Err(LoadError::Worker("a worker is gone".into()));
            }
        }
        self.running = Some(Running {
            job,
            since: clock::now(),
            reports: Vec::new(),
        });
        Ok(())
    }

    /// Wait until all workers are done, at most for `limit`. True when they are (or nothing runs).
    pub fn wait(&mut self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        let Some(running) = &mut self.running else {
            return true;
        };
        while running.reports.len() < self.hands.len() {
            match self
                .reports
                .recv_timeout(deadline.saturating_duration_since(Instant::now()))
            {
                Ok(report) => {
                    // The others would wait for a worker that failed: they stop too.
                    if report.phases.is_err() {
                        self.stopper.stop();
                    }
                    running.reports.push(report);
                }
                Err(RecvTimeoutError::Timeout) => return false,
                Err(RecvTimeoutError::Disconnected) => {
                    self.broken = true;
                    return true;
                }
            }
        }
        true
    }

    /// A look at the run under way, without stopping anything.
    pub fn progress(&self) -> Progress {
        let Some(running) = &self.running else {
            return Progress::default();
        };
        let mut progress = Progress {
            phases: running.job.phases.len(),
            elapsed_s: (clock::now() - running.since) as f64 * 1e-9,
            ..Progress::default()
        };
        self.hands
            .iter()
            .for_each(|hand| hand.live.read_into(&mut progress));
        progress
    }

    /// Collect what the run recorded. Waits for the workers if they are not done.
    pub fn finish(&mut self) -> Result<SessionRecording, LoadError> {
        while !self.wait(Duration::from_secs(1)) {}
        let Some(Running { job, reports, .. }) = self.running.take() else {
            return Err(LoadError::Plan(
                "no run is under way in this session".into(),
            ));
        };
        if reports.len() < self.hands.len() {
            return Err(LoadError::Worker("a worker is gone".into()));
        }
        let (mut parts, mut failure) = (Vec::with_capacity(reports.len()), None);
        for report in reports {
            self.facts[report.worker] = report.facts;
            match report.phases {
                Ok(phases) => parts.push((report.worker, phases)),
                Err(error) => {
                    self.broken |= matches!(error, LoadError::Worker(_));
                    failure = failure.or(Some(error));
                }
            }
        }
        if let Some(error) = failure {
            return Err(error);
        }
        parts.sort_by_key(|&(worker, _)| worker);
        let asked = job.phases.len();
        let phases = merge(
            &job.phases,
            parts.into_iter().map(|(_, phases)| phases).collect(),
            self.origin,
        );
        Ok(SessionRecording {
            interrupted: phases.len() < asked || phases.iter().any(|phase| phase.interrupted),
            phases,
            connections: self.connection_facts(),
            origin_unix_s: self.origin_unix_s,
            wait: self.plan.wait.name(),
            receive_clock: match self.plan.receive_clock {
                ReceiveClock::User => "user",
                ReceiveClock::Auto | ReceiveClock::Kernel => "kernel",
            },
            workers: self.plan.workers,
            worker_tids: self.tids.clone(),
        })
    }

    fn connection_facts(&self) -> Vec<ConnectionFacts> {
        let mut sum = vec![ConnectionFacts::default(); self.plan.targets.len()];
        for facts in &self.facts {
            sum.iter_mut()
                .zip(facts)
                .for_each(|(total, part)| total.add(part));
        }
        sum
    }
}

impl Drop for Session {
    /// Ends the workers and with them the connections.
    fn drop(&mut self) {
        self.stopper.stop();
        for hand in &mut self.hands {
            hand.jobs = None;
        }
        for hand in &mut self.hands {
            if let Some(thread) = hand.thread.take() {
                // A worker that panicked has said so in its report; there is nobody left to tell here.
                let _ = thread.join();
            }
        }
    }
}
