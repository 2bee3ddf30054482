//! `meshperf._native`: the load engine for Python. Bindings only: convert, release the interpreter, call.
//!
//! Only `meshperf/load/native.py` imports this module; JSON goes in, dicts with histograms as bytes come out.

mod convert;
mod error;
mod proto;
mod session;

#[pyo3::pymodule(gil_used = false)]
mod _native {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::error::EngineError;
    #[pymodule_export]
    use crate::error::ProtoError;
    #[pymodule_export]
    use crate::proto::compile_proto;
    #[pymodule_export]
    use crate::session::PySession;

    /// `release` or `debug`: figures of a debug build are not fit for publication.
    #[pyfunction]
    fn build_profile() -> &'static str {
        if cfg!(debug_assertions) {
            "debug"
        } else {
            "release"
        }
    }

    /// Version of the engine.
    #[pyfunction]
    fn version() -> &'static str {
        env!("CARGO_PKG_VERSION")
    }
}
