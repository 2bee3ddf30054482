//! The command line.

use lexopt::prelude::*;

pub const USAGE: &str = "\
meshperf-link: joins two TAP devices by a cable that delays every frame, one way.

usage: meshperf-link --left DEVICE --right DEVICE [--delay TIME]

  --left DEVICE --right DEVICE   TAP devices of this network namespace, made and up already
  --delay TIME                   one way, such as 500us or 1ms; 0 passes frames on at once (0)
  --help, --version

It prints one JSON line when it is ready and one with its counts at the end, and runs until SIGTERM.
Exit codes: 2 usage, 5 a device cannot be used.
";

const LONGEST_NS: u64 = 10_000_000_000;

pub enum Request {
    Run(Options),
    Help,
    Version,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Options {
    pub left: String,
    pub right: String,
    pub delay_ns: u64,
}

pub fn read() -> Result<Request, String> {
    parse(lexopt::Parser::from_env())
}

fn parse(mut parser: lexopt::Parser) -> Result<Request, String> {
    let (mut left, mut right, mut delay_ns) = (None, None, 0);
    while let Some(argument) = parser.next().map_err(|error| error.to_string())? {
        match argument {
            Long("left") => left = Some(device(&mut parser)?),
            Long("right") => right = Some(device(&mut parser)?),
            Long("delay") => delay_ns = time(&text(&mut parser)?)?,
            Short('h') | Long("help") => return Ok(Request::Help),
            Short('V') | Long("version") => return Ok(Request::Version),
            other => return Err(other.unexpected().to_string()),
        }
    }
    let left = left.ok_or("--left is missing")?;
    let right = right.ok_or("--right is missing")?;
    if left == right {
        return Err(format!("--left and --right are both {left}"));
    }
    Ok(Request::Run(Options {
        left,
        right,
        delay_ns,
    }))
}

fn text(parser: &mut lexopt::Parser) -> Result<String, String> {
    let value = parser.value().map_err(|error| error.to_string())?;
    value
        .into_string()
        .map_err(|value| format!("not text: {}", value.display()))
}

/// A name that fits into the kernel's sixteen bytes with its end.
fn device(parser: &mut lexopt::Parser) -> Result<String, String> {
    let name = text(parser)?;
    let fits = (1..16).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'/');
    if fits {
        Ok(name)
    } else {
        Err(format!("not the name of a device: {name:?}"))
    }
}

fn time(written: &str) -> Result<u64, String> {
    let wrong = || format!("not a time: {written:?}; write for example 500us or 1ms");
    if written == "0" {
        return Ok(0);
    }
    let digits = written.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let scale = match &written[digits.len()..] {
        "ns" => 1,
        "us" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        _ => return Err(wrong()),
    };
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    match number.checked_mul(scale) {
        Some(delay) if delay <= LONGEST_NS => Ok(delay),
        _ => Err(format!("a delay is at most 10s, not {written}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &[&str]) -> Result<Options, String> {
        let line = std::iter::once("meshperf-link").chain(arguments.iter().copied());
        match parse(lexopt::Parser::from_iter(line))? {
            Request::Run(options) => Ok(options),
            _ => Err("help".into()),
        }
    }

    #[test]
    fn a_delay_has_its_unit() {
        let read = |delay| {
            parsed(&["--left", "a", "--right", "b", "--delay", delay])
                .map(|options| options.delay_ns)
        };
        assert_eq!(read("1500us"), Ok(1_500_000));
        assert_eq!(read("1ms"), Ok(1_000_000));
        assert_eq!(read("0"), Ok(0));
        for wrong in [
            "",
            "1",
            "ms",
            "-1ms",
            "1.5ms",
            "11s",
            "99999999999999999999ns",
            "1h",
        ] {
            assert!(read(wrong).is_err(), "{wrong} was taken");
        }
    }

    #[test]
    fn two_ends_are_needed_and_differ() {
        assert!(parsed(&["--left", "a"]).is_err());
        assert!(parsed(&["--left", "a", "--right", "a"]).is_err());
        assert!(parsed(&["--left", "a", "--right", "a-name-that-is-too-long"]).is_err());
        assert!(parsed(&["--left", "a", "--right", "b", "--speed", "1"]).is_err());
    }
}
