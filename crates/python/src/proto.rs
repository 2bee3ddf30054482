//! `.proto` sources into an encoded descriptor set.
//!
//! *Why this way*: the compiler is a library and its parser descends once for each open bracket, so a file that opens
//! very many would end the whole process. Files are looked at before they are parsed, and the work is done on a thread whose
//! stack holds what is let through.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use miette::Diagnostic;
use protox::Compiler;
use protox::file::{
    ChainFileResolver, File, FileResolver, GoogleFileResolver, IncludeFileResolver,
};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::error::{Error, ProtoFailure};

/// Bytes of one source file that are read at most.
const LARGEST: u64 = 16 << 20;
/// Brackets open at a time. Hand-written files have a handful.
const DEEPEST: usize = 100;
const STACK: usize = 64 << 20;

/// Compile `.proto` files and all their imports to an encoded `FileDescriptorSet`. Imports are looked for in `includes`,
/// in that order.
#[pyfunction]
pub(crate) fn compile_proto<'py>(
    py: Python<'py>,
    files: Vec<PathBuf>,
    includes: Vec<PathBuf>,
) -> Result<Bound<'py, PyBytes>, Error> {
    let compiled = py.detach(|| {
        let thread = std::thread::Builder::new().stack_size(STACK);
        let worker = thread.spawn(move || compile(&files, includes));
        let failure = |message: String| ProtoFailure {
            message,
            ..ProtoFailure::default()
        };
        match worker.map(std::thread::JoinHandle::join) {
            Ok(Ok(compiled)) => compiled,
            Ok(Err(_)) => Err(failure("the compiler failed on it".into())),
            Err(error) => Err(failure(format!("no thread for the compiler: {error}"))),
        }
    });
    Ok(PyBytes::new(py, &compiled?))
}

fn compile(files: &[PathBuf], includes: Vec<PathBuf>) -> Result<Vec<u8>, ProtoFailure> {
    let mut resolver = ChainFileResolver::new();
    for include in includes {
        resolver.add(Guarded {
            paths: IncludeFileResolver::new(include.clone()),
            include,
        });
    }
    resolver.add(GoogleFileResolver::new());
    let mut compiler = Compiler::with_file_resolver(resolver);
    compiler.include_imports(true).include_source_info(false);
    for file in files {
        compiler.open_file(file).map_err(|error| placed(&error))?;
    }
    Ok(compiler.encode_file_descriptor_set())
}

/// Files below one folder, none of which the parser cannot bear.
struct Guarded {
    include: PathBuf,
    paths: IncludeFileResolver,
}

impl FileResolver for Guarded {
    fn resolve_path(&self, path: &Path) -> Option<String> {
        self.paths.resolve_path(path)
    }

    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        let path = self.include.join(name);
        if !path.is_file() {
            return Err(protox::Error::file_not_found(name));
        }
        let refuse = |why: String| protox::Error::new(format!("{name}: {why}"));
        let mut source = String::new();
        fs::File::open(&path)
            .and_then(|file| file.take(LARGEST + 1).read_to_string(&mut source))
            .map_err(|error| refuse(format!("cannot be read: {error}")))?;
        if source.len() as u64 > LARGEST {
            return Err(refuse(format!("larger than {} MiB", LARGEST >> 20)));
        }
        if let Some(line) = too_deep(&source) {
            return Err(refuse(format!(
                "more than {DEEPEST} brackets are open at line {line}"
            )));
        }
        File::from_source(name, &source)
    }
}

/// The line at which more than `DEEPEST` brackets are open, comments and quoted text left out.
fn too_deep(source: &str) -> Option<usize> {
    let (mut depth, mut line) = (0_usize, 1);
    let mut bytes = source.bytes().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\n' => line += 1,
            b'{' | b'[' | b'(' | b'<' => depth += 1,
            b'}' | b']' | b')' | b'>' => depth = depth.saturating_sub(1),
            b'/' if bytes.peek() == Some(&b'/') => {
                while bytes.next_if(|&next| next != b'\n').is_some() {}
            }
            b'/' if bytes.peek() == Some(&b'*') => {
                bytes.next();
                let mut last = 0;
                for next in bytes.by_ref() {
                    line += usize::from(next == b'\n');
                    if (last, next) == (b'*', b'/') {
                        break;
                    }
                    last = next;
                }
            }
            quote @ (b'"' | b'\'') => {
                while let Some(next) = bytes.next_if(|&next| next != b'\n') {
                    if next == b'\\' {
                        bytes.next_if(|&next| next != b'\n');
                    } else if next == quote {
                        break;
                    }
                }
            }
            _ => {}
        }
        if depth > DEEPEST {
            return Some(line);
        }
    }
    None
}

/// The compiler's words with the place they speak of; lines and columns count from 1.
fn placed(error: &protox::Error) -> ProtoFailure {
    let place = error
        .labels()
        // Of a thing that is there twice both places are labelled: the later one is to be corrected.
        .and_then(Iterator::last)
        .and_then(|label| {
            let source = error.source_code()?;
            let found = source.read_span(label.inner(), 0, 0).ok()?;
            Some((found.line() + 1, found.column() + 1))
        });
    ProtoFailure {
        message: error.to_string(),
        file: error.file().map(str::to_owned),
        line: place.map(|(line, _)| line),
        column: place.map(|(_, column)| column),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_in_comments_and_quotes_are_not_open() {
        let many = "{".repeat(DEEPEST + 1);
        assert_eq!(too_deep(&format!("\n\n{many}")), Some(3));
        assert_eq!(too_deep(&many[1..]), None);
        for harmless in [
            format!("// {many}\n"),
            format!("/* {many} **/"),
            format!("/*/ {many} */"),
            format!("\"{many}\\\"{many}\""),
            format!("'{many}'"),
            "{}".repeat(DEEPEST * 2),
        ] {
            assert_eq!(too_deep(&harmless), None, "{harmless}");
        }
        assert_eq!(too_deep(&format!("/**/{many}")), Some(1));
        assert_eq!(too_deep(&format!("\"a\n{many}")), Some(2));
    }
}
