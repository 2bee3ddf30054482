//! The one place where errors of the engine become Python exceptions.
//!
//! `EngineError(code, message)` carries the stable code; which class of `meshperf.errors` it becomes, and the hint, is
//! decided in `meshperf/load/native.py`. Using a session wrongly is a `RuntimeError`.

use meshperf_load::LoadError;
use pyo3::create_exception;
use pyo3::exceptions::{PyException, PyRuntimeError};
use pyo3::prelude::*;

create_exception!(
    _native,
    EngineError,
    PyException,
    "The engine could not do what was asked: (code, message)."
);

create_exception!(
    _native,
    ProtoError,
    PyException,
    "A `.proto` file that does not compile: (message, file, line, column), the last three None where unknown."
);

/// Why a `.proto` file does not compile, and where; lines and columns count from 1.
#[derive(Debug, Default)]
pub(crate) struct ProtoFailure {
    pub(crate) message: String,
    pub(crate) file: Option<String>,
    pub(crate) line: Option<usize>,
    pub(crate) column: Option<usize>,
}

/// Everything that can go wrong between Python and the engine.
#[derive(Debug)]
pub(crate) enum Error {
    Load(LoadError),
    /// A plan or phases that are not what the engine expects.
    Json(serde_json::Error),
    Proto(ProtoFailure),
    Closed,
    Forked,
    Busy,
    Running,
    Idle,
    /// An exception that was raised in Python meanwhile: by a callback or a signal handler.
    Python(PyErr),
}

impl From<LoadError> for Error {
    fn from(error: LoadError) -> Self {
        Self::Load(error)
    }
}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Self::Json(error)
    }
}

impl From<ProtoFailure> for Error {
    fn from(failure: ProtoFailure) -> Self {
        Self::Proto(failure)
    }
}

impl From<PyErr> for Error {
    fn from(error: PyErr) -> Self {
        Self::Python(error)
    }
}

impl From<Error> for PyErr {
    fn from(error: Error) -> Self {
        match error {
            Error::Load(error) => EngineError::new_err((error.code(), error.to_string())),
            Error::Json(error) => {
                EngineError::new_err(("MP1001", format!("not a load plan: {error}")))
            }
            Error::Proto(failure) => {
                ProtoError::new_err((failure.message, failure.file, failure.line, failure.column))
            }
            Error::Closed => PyRuntimeError::new_err("the session is closed"),
            Error::Forked => PyRuntimeError::new_err(
                "the session belongs to the process that opened it; a forked child must open its own",
            ),
            Error::Busy => PyRuntimeError::new_err(
                "the session is in use: by another thread, or by the run whose callback this is",
            ),
            Error::Running => PyRuntimeError::new_err(
                "a run is already under way in this session; finish it first",
            ),
            Error::Idle => PyRuntimeError::new_err("no run is under way in this session"),
            Error::Python(error) => error,
        }
    }
}
