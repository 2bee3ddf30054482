//! Durations as people write them: `300us`, `1.5ms`, `2s`.

const UNITS: [(&str, f64); 6] = [
    ("ns", 1.0),
    ("us", 1e3),
    ("µs", 1e3),
    ("ms", 1e6),
    ("s", 1e9),
    ("m", 60e9),
];

/// No service time or period may be longer than an hour; it is a mistyped unit.
const LONGEST_NS: f64 = 3600e9;

/// Reads a duration with its unit.
///
/// Returns nanoseconds, or what is wrong with the text.
pub fn parse_duration_ns(text: &str) -> Result<u64, String> {
    let split = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .ok_or_else(|| {
            format!("`{text}` has no unit; write for example `{text}us` or `{text}ms`")
        })?;
    let (number, unit) = text.split_at(split);
    let scale = UNITS
        .iter()
        .find(|(name, _)| *name == unit)
        .map(|(_, scale)| scale);
    let value = number.parse::<f64>().ok();
    match (value, scale) {
        (Some(value), Some(scale)) if value * scale <= LONGEST_NS => {
            Ok((value * scale).round() as u64)
        }
        (Some(_), Some(_)) => Err(format!("`{text}` is longer than an hour")),
        _ => Err(format!(
            "`{text}` is not a duration; write for example 300us, 5ms or 1s"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::parse_duration_ns;

    #[test]
    fn durations_are_read_in_every_unit() {
        for (text, ns) in [
            ("7ns", 7),
            ("300us", 300_000),
            ("1.5ms", 1_500_000),
            ("2s", 2_000_000_000),
            ("0ms", 0),
        ] {
            assert_eq!(parse_duration_ns(text), Ok(ns), "{text}");
        }
    }

    #[test]
    fn a_duration_without_a_unit_or_with_a_wrong_one_is_refused() {
        for text in [
            "300", "", "us", "-1ms", "1 ms", "1.2.3s", "5h", "100m", "1e3s",
        ] {
            assert!(parse_duration_ns(text).is_err(), "{text}");
        }
    }
}
