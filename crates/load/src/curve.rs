//! An offered rate that is constant or changes linearly, and the moment at which a request of it is due.

/// The rate r(t) = r0 + k t from `begin` on, r0 before it. The expected number of requests since `begin` is
///
///   n(t) = r0 t + k t² / 2        t: time since begin, r0: rate there, k: change of the rate
///
/// and request n is due at the t where n(t) = n. Before `begin` the rate is r0 and n is negative.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Curve {
    begin: u64,
    /// r0 [1/ns].
    rate: f64,
    /// k [1/ns²].
    slope: f64,
    /// n at `begin`.
    offset: f64,
}

impl Curve {
    /// `rate` and `rate_end` [1/s], the latter reached at `end` [ns].
    pub(crate) fn new(begin: u64, end: u64, rate: f64, rate_end: Option<f64>) -> Self {
        let (rate, length) = (rate * 1e-9, (end.saturating_sub(begin)) as f64);
        let slope = match rate_end {
            Some(last) if length > 0.0 => (last * 1e-9 - rate) / length,
            _ => 0.0,
        };
        Self {
            begin,
            rate,
            slope,
            offset: 0.0,
        }
    }

    /// The curve that goes on from `moment` at another rate [1/s] and does not lose what was owed by then: however often a
    /// rate is changed, the rate offered is the rate asked for.
    pub(crate) fn turned(&self, moment: u64, rate: f64) -> Self {
        Self {
            offset: self.count(moment),
            ..Self::new(moment, moment, rate, None)
        }
    }

    /// The expected number of requests by `moment`.
    fn count(&self, moment: u64) -> f64 {
        if moment < self.begin {
            return self.offset - self.before(moment);
        }
        let t = (moment - self.begin) as f64;
        self.offset + self.rate * t + self.slope * t * t / 2.0
    }

    /// When the expected number of requests since `begin` reaches `count`; None when it never does.
    #[inline]
    pub(crate) fn moment(&self, count: f64) -> Option<u64> {
        let count = count - self.offset;
        let offset = if count == 0.0 {
            // Also where the rate begins at nothing.
            0.0
        } else if self.slope == 0.0 || count < 0.0 {
            count / self.rate
        } else {
            let root = self.rate * self.rate + 2.0 * self.slope * count;
            if root < 0.0 {
                return None;
            }
            // The form of the quadratic's root that does not cancel when the slope is small.
            2.0 * count / (self.rate + root.sqrt())
        };
        offset
            .is_finite()
            .then(|| self.begin.saturating_add_signed(offset.round() as i64))
    }

    /// The expected number of requests from `moment` to `begin`, for a moment before it.
    pub(crate) fn before(&self, moment: u64) -> f64 {
        self.begin.saturating_sub(moment) as f64 * self.rate
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BEGIN: u64 = 1_000_000_000_000;

    proptest! {
        #[test]
        fn the_count_at_the_moment_of_a_request_is_its_number(rate in 0.0..50_000f64, last in 1.0..50_000f64,
                                                             seconds in 0.1..100f64, part in 0.0..1f64) {
            let end = BEGIN + (seconds * 1e9) as u64;
            let curve = Curve::new(BEGIN, end, rate, Some(last));
            let count = part * (rate + last) / 2.0 * seconds;
            let t = (curve.moment(count).unwrap_or(0) - BEGIN) as f64 * 1e-9;
            let reached = rate * t + (last - rate) / seconds * t * t / 2.0;
            // one nanosecond of rounding at the higher of both rates
            prop_assert!((reached - count).abs() <= 1e-9 * rate.max(last) + 1e-9 * count, "{reached} {count}");
        }

        #[test]
        fn a_constant_rate_is_the_quotient(rate in 1.0..1e6f64, i in 0..100_000_000i64) {
            let due = Curve::new(BEGIN, BEGIN, rate, None).moment(i as f64).map_or(0, |due| due - BEGIN) as f64;
            prop_assert!((due - i as f64 * 1e9 / rate).abs() <= 1.0);
        }
    }

    #[test]
    fn a_rate_that_begins_at_nothing_has_its_first_request_at_once() {
        let curve = Curve::new(BEGIN, BEGIN + 1_000_000_000, 0.0, Some(200.0));
        assert_eq!(curve.moment(0.0), Some(BEGIN));
        assert_eq!(curve.moment(25.0), Some(BEGIN + 500_000_000));
    }

    #[test]
    fn a_rate_that_changes_goes_on_from_what_was_owed() {
        let mut curve = Curve::new(BEGIN, BEGIN, 10.0, None);
        for change in 1..=95 {
            curve = curve.turned(BEGIN + change * 1_000_000, 10.0);
        }
        let due = |count| curve.moment(count).unwrap_or(0).abs_diff(BEGIN);
        assert!(due(1.0).abs_diff(100_000_000) <= 1, "{}", due(1.0));
        let faster = curve.turned(BEGIN + 95_000_000, 1000.0);
        let due = faster.moment(1.0).unwrap_or(0).abs_diff(BEGIN);
        assert!(due.abs_diff(95_050_000) <= 1, "{due}");
    }

    #[test]
    fn a_rate_that_falls_to_nothing_never_reaches_more_than_its_area() {
        let curve = Curve::new(BEGIN, BEGIN + 1_000_000_000, 1000.0, Some(0.0));
        // Where the rate is nothing the moment is only as sharp as the square root of the arithmetic's error.
        let last = curve.moment(500.0).unwrap_or(0);
        assert!(last.abs_diff(BEGIN + 1_000_000_000) < 1_000, "{last}");
        assert_eq!(curve.moment(501.0), None);
    }
}
