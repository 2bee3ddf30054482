//! The session as Python sees it.
//!
//! *Why this way*: workers are plain threads that never touch Python. A thread that waits for them does so without the
//! interpreter and comes back to it every 50 ms at most, for signals and for the progress callback. Between two looks it
//! lets go of the session, so that any thread, a callback too, may ask for the progress meanwhile.
//!
//! Ctrl-C ends a `run` but loses nothing: the partial recording is returned, marked as interrupted. Any other exception (of
//! a callback, of a signal handler) stops the workers first and then goes its way. Of a run that `start` began, Ctrl-C
//! ends the waiting only: whoever holds the session decides.

use std::mem::ManuallyDrop;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use meshperf_load::{LoadError, Phase, Session, SessionRecording, Stopper};
use pyo3::exceptions::PyKeyboardInterrupt;
use pyo3::prelude::*;

use crate::convert;
use crate::error::Error;

/// Signals are looked at this often at least.
const LOOK: Duration = Duration::from_millis(50);
/// And so often by those of whom several may wait, so that one who asks something need not wait long.
const SHARED_LOOK: Duration = Duration::from_millis(5);
/// What a thread that waits for the workers leaves to one that asks for the progress.
const GIVE_WAY: Duration = Duration::from_millis(1);

type Held = Option<ManuallyDrop<Session>>;

/// Warm connections to the targets of a plan; runs phases of load on them.
#[pyclass(name = "Session", module = "meshperf._native", frozen)]
pub(crate) struct PySession {
    inner: Mutex<Held>,
    /// A `run` is under way; until it returns, the session is its own.
    attended: AtomicBool,
    /// Threads that want the session for a moment while another waits for the workers.
    asking: AtomicUsize,
    stopper: Stopper,
    pid: u32,
}

#[pymethods]
impl PySession {
    /// Open all connections of all targets of a plan given as JSON.
    #[new]
    fn new(py: Python<'_>, plan_json: &str) -> Result<Self, Error> {
        let plan = serde_json::from_str(plan_json)?;
        let mut raised = None;
        let opened = py.detach(|| {
            Session::open(plan, || {
                raised = Python::attach(|py| py.check_signals()).err();
                raised.is_none()
            })
        });
        match (opened, raised) {
            (_, Some(exception)) => Err(exception.into()),
            (Ok(session), None) => Ok(Self {
                stopper: session.stopper(),
                inner: Mutex::new(Some(ManuallyDrop::new(session))),
                attended: AtomicBool::new(false),
                asking: AtomicUsize::new(0),
                pid: std::process::id(),
            }),
            (Err(error), None) => Err(error.into()),
        }
    }

    /// Run phases given as a JSON list; returns the recording as a dict. `on_progress` is called with a dict every
    /// `interval_s` seconds.
    #[pyo3(signature = (phases_json, on_progress=None, interval_s=0.25))]
    fn run<'py>(
        &self,
        py: Python<'py>,
        phases_json: &str,
        on_progress: Option<Bound<'py, PyAny>>,
        interval_s: f64,
    ) -> Result<Bound<'py, PyAny>, Error> {
        let phases = serde_json::from_str(phases_json)?;
        let _attendance = self.attend()?;
        self.with_session(py, |session| begin(session, phases))??;
        let raised = match self.look_after(py, on_progress.as_ref(), interval_s) {
            Ok(()) => None,
            Err(Error::Python(exception)) => Some(exception),
            Err(other) => return Err(other),
        };
        if raised.is_some() {
            self.stopper.stop();
        }
        let finished: Result<SessionRecording, LoadError> =
            self.with_session(py, Session::finish)?;
        match raised {
            Some(exception) if !exception.is_instance_of::<PyKeyboardInterrupt>(py) => {
                Err(exception.into())
            }
            Some(_) => {
                let mut recording = finished?;
                // The last reply may have come just before the stop: the caller still must know of the Ctrl-C.
                recording.interrupted = true;
                Ok(convert::recording(py, &recording)?.into_any())
            }
            None => Ok(convert::recording(py, &finished?)?.into_any()),
        }
    }

    /// Begin phases given as a JSON list, and return at once.
    fn start(&self, py: Python<'_>, phases_json: &str) -> Result<(), Error> {
        let phases = serde_json::from_str(phases_json)?;
        let _attendance = self.attend()?;
        self.with_session(py, |session| begin(session, phases))?
    }

    /// Wait until the phases that `start` began are over, for at most `limit_s`; without a limit, until they are.
    /// Returns whether they are.
    #[pyo3(signature = (limit_s=None))]
    fn wait(&self, py: Python<'_>, limit_s: Option<f64>) -> Result<bool, Error> {
        let limit = limit_s.map_or(Duration::MAX, |limit| {
            Duration::try_from_secs_f64(limit.max(0.0)).unwrap_or(Duration::MAX)
        });
        let deadline = Instant::now().checked_add(limit);
        loop {
            let now = Instant::now();
            let left = deadline.map_or(LOOK, |deadline| deadline.saturating_duration_since(now));
            let done = self.look(py, left.min(SHARED_LOOK))?;
            py.check_signals()?;
            if done || left.is_zero() {
                return Ok(done);
            }
        }
    }

    /// A look at the run under way, as a dict; also during `run`, from a callback or another thread.
    fn progress<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>, Error> {
        let progress = self.with_session(py, |session| session.progress())?;
        Ok(convert::progress(py, &progress)?.into_any())
    }

    /// Wait for the phases that `start` began, and return their recording as a dict.
    fn finish<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>, Error> {
        if self.attended.load(Ordering::Acquire) {
            return Err(Error::Busy);
        }
        self.wait(py, None)?;
        let _attendance = self.attend()?;
        let finished =
            self.with_session(py, |session| session.is_running().then(|| session.finish()))?;
        let recording = finished.ok_or(Error::Idle)??;
        Ok(convert::recording(py, &recording)?.into_any())
    }

    /// Stop the run under way, from any thread; it returns its partial recording, marked as interrupted.
    fn stop(&self) -> Result<(), Error> {
        self.same_process()?;
        self.stopper.stop();
        Ok(())
    }

    /// From now on `rate` requests per second are due, over all workers, until the phase under way ends; from any
    /// thread, and from a callback.
    fn set_rate(&self, py: Python<'_>, rate: f64) -> Result<(), Error> {
        self.with_session(py, |session| {
            if !session.is_running() {
                return Err(Error::Idle);
            }
            Ok(session.set_rate(rate)?)
        })?
    }

    /// Close all connections. A closed session stays closed; closing twice is fine.
    fn close(&self, py: Python<'_>) -> Result<(), Error> {
        let _attendance = self.attend()?;
        let session = py.detach(|| self.held().take());
        py.detach(|| drop(session.map(ManuallyDrop::into_inner)));
        Ok(())
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(
        &self,
        py: Python<'_>,
        _exception: &Bound<'_, pyo3::types::PyTuple>,
    ) -> Result<(), Error> {
        self.close(py)
    }
}

impl PySession {
    fn same_process(&self) -> Result<(), Error> {
        if std::process::id() == self.pid {
            Ok(())
        } else {
            Err(Error::Forked)
        }
    }

    /// Have the session for oneself, except for looks at its progress, until what is returned is dropped.
    fn attend(&self) -> Result<Attendance<'_>, Error> {
        self.same_process()?;
        if self.attended.swap(true, Ordering::AcqRel) {
            return Err(Error::Busy);
        }
        Ok(Attendance(&self.attended))
    }

    /// Never while the interpreter is held: whoever has the lock may need the interpreter before it lets go.
    fn held(&self) -> MutexGuard<'_, Held> {
        self.asking.fetch_add(1, Ordering::Relaxed);
        let held = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        self.asking.fetch_sub(1, Ordering::Relaxed);
        held
    }

    fn with_session<T: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&mut Session) -> T + Send,
    ) -> Result<T, Error> {
        self.same_process()?;
        py.detach(|| {
            let mut held = self.held();
            Ok(work(held.as_mut().ok_or(Error::Closed)?))
        })
    }

    /// Wait for the workers for at most `limit`. True when they are done. Whoever asks something goes first, and of
    /// several that wait one waits for the workers and the others for it.
    fn look(&self, py: Python<'_>, limit: Duration) -> Result<bool, Error> {
        if limit.is_zero() {
            return self.with_session(py, |session| session.wait(limit));
        }
        self.same_process()?;
        py.detach(|| {
            if self.asking.load(Ordering::Relaxed) > 0 {
                std::thread::sleep(GIVE_WAY);
                return Ok(false);
            }
            let mut held = match self.inner.try_lock() {
                Ok(held) => held,
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => {
                    std::thread::sleep(limit.min(SHARED_LOOK));
                    return Ok(false);
                }
            };
            Ok(held.as_mut().ok_or(Error::Closed)?.wait(limit))
        })
    }

    /// Wait for the workers; an exception raised in Python meanwhile ends the wait. A Ctrl-C while the callback runs
    /// surfaces as the callback's exception and is treated alike.
    fn look_after(
        &self,
        py: Python<'_>,
        callback: Option<&Bound<'_, PyAny>>,
        interval_s: f64,
    ) -> Result<(), Error> {
        let interval = Duration::try_from_secs_f64(interval_s.max(0.01)).unwrap_or(Duration::MAX);
        let mut next = Instant::now().checked_add(interval);
        loop {
            let left = next.map_or(LOOK, |next| next.saturating_duration_since(Instant::now()));
            let limit = if callback.is_some() {
                LOOK.min(left)
            } else {
                LOOK
            };
            let done = self.look(py, limit)?;
            py.check_signals()?;
            if done {
                return Ok(());
            }
            let Some(callback) = callback else { continue };
            if next.is_some_and(|next| Instant::now() >= next) {
                next = Instant::now().checked_add(interval);
                let progress = self.progress(py)?;
                callback.call1((progress,))?;
            }
        }
    }
}

fn begin(session: &mut Session, phases: Vec<Phase>) -> Result<(), Error> {
    if session.is_running() {
        return Err(Error::Running);
    }
    Ok(session.start(phases)?)
}

struct Attendance<'a>(&'a AtomicBool);

impl Drop for Attendance<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

impl Drop for PySession {
    /// In a forked child the workers do not exist, and waiting for them would never end: there the session is left as
    /// it is and only its memory is lost.
    fn drop(&mut self) {
        let inner = match self.inner.get_mut() {
            Ok(inner) => inner,
            Err(poisoned) => poisoned.into_inner(),
        };
        if std::process::id() == self.pid
            && let Some(session) = inner.take()
        {
            drop(ManuallyDrop::into_inner(session));
        }
    }
}
