//! The session as Python sees it.
//!
//! *Why this way*: workers are plain threads that never touch Python. The calling thread waits for them without the
//! interpreter and comes back to it every 50 ms at most, for signals and for the progress callback. Ctrl-C ends the run
//! but loses nothing: the partial recording is returned, marked as interrupted. Any other exception (of a callback, of a
//! signal handler) stops the workers first and then goes its way.

use std::mem::ManuallyDrop;
use std::sync::{Mutex, TryLockError};
use std::time::{Duration, Instant};

use meshperf_load::{LoadError, Session, SessionRecording, Stopper};
use pyo3::exceptions::PyKeyboardInterrupt;
use pyo3::prelude::*;

use crate::convert;
use crate::error::Error;

/// Signals are looked at this often at least.
const LOOK: Duration = Duration::from_millis(50);

/// Warm connections to the targets of a plan; runs phases of load on them.
#[pyclass(name = "Session", module = "meshperf._native", frozen)]
pub(crate) struct PySession {
    inner: Mutex<Option<ManuallyDrop<Session>>>,
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
        self.same_process()?;
        let phases = serde_json::from_str(phases_json)?;
        let mut inner = match self.inner.try_lock() {
            Ok(inner) => inner,
            Err(TryLockError::WouldBlock) => return Err(Error::Busy),
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
        };
        let session = inner.as_mut().ok_or(Error::Closed)?;
        session.start(phases)?;
        let raised = attend(py, session, on_progress.as_ref(), interval_s).err();
        if raised.is_some() {
            self.stopper.stop();
        }
        let finished: Result<SessionRecording, LoadError> = py.detach(|| session.finish());
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

    /// Stop the run under way, from any thread; it returns its partial recording, marked as interrupted.
    fn stop(&self) -> Result<(), Error> {
        self.same_process()?;
        self.stopper.stop();
        Ok(())
    }

    /// Close all connections. A closed session stays closed; closing twice is fine.
    fn close(&self, py: Python<'_>) -> Result<(), Error> {
        self.same_process()?;
        let session = match self.inner.try_lock() {
            Ok(mut inner) => inner.take(),
            Err(TryLockError::WouldBlock) => return Err(Error::Busy),
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner().take(),
        };
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

/// Wait for the workers; an exception raised in Python meanwhile ends the wait. A Ctrl-C while the callback runs surfaces
/// as the callback's exception and is treated alike.
fn attend(
    py: Python<'_>,
    session: &mut Session,
    callback: Option<&Bound<'_, PyAny>>,
    interval_s: f64,
) -> PyResult<()> {
    let interval = Duration::try_from_secs_f64(interval_s.max(0.01)).unwrap_or(Duration::MAX);
    let mut next = Instant::now().checked_add(interval);
    loop {
        let left = next.map_or(LOOK, |next| next.saturating_duration_since(Instant::now()));
        let limit = if callback.is_some() {
            LOOK.min(left)
        } else {
            LOOK
        };
        let done = py.detach(|| session.wait(limit));
        py.check_signals()?;
        if done {
            return Ok(());
        }
        let Some(callback) = callback else { continue };
        if next.is_some_and(|next| Instant::now() >= next) {
            next = Instant::now().checked_add(interval);
            let progress = session.progress();
            callback.call1((convert::progress(py, &progress)?,))?;
        }
    }
}
