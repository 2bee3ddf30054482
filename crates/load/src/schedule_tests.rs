use proptest::prelude::*;

use super::*;

const BEGIN: u64 = 1_000_000_000_000;
const WHOLE: Lane = Lane { number: 0, of: 1 };

fn window(lead_ns: u64, window_ns: u64) -> Window {
    Window {
        lead: BEGIN - lead_ns,
        begin: BEGIN,
        end: BEGIN + window_ns,
    }
}

fn all(mut schedule: Schedule) -> Vec<u64> {
    let mut due = Vec::new();
    schedule.rest(|time| due.push(time));
    due
}

fn constant(rate: f64, lead: u64, length: u64, number: u64, of: u64) -> Vec<u64> {
    let lane = Lane { number, of };
    all(Schedule::constant(
        rate,
        None,
        window(lead, length),
        lane,
        None,
        0,
    ))
}

fn poisson(rate: f64, share: f64, length: u64, seed: u64) -> Vec<u64> {
    let random = SplitMix::stream(seed, &[0, 0]);
    all(Schedule::poisson(
        rate,
        None,
        window(0, length),
        share,
        random,
        0,
    ))
}

proptest! {
    #[test]
    fn lanes_share_the_schedule_of_one(rate in 1.0..50_000f64, lead in 0..50_000_000u64,
                                       length in 0..200_000_000u64, lanes in 1..9u64) {
        let mut shared: Vec<u64> = (0..lanes).flat_map(|lane| constant(rate, lead, length, lane, lanes)).collect();
        shared.sort_unstable();
        prop_assert_eq!(shared, constant(rate, lead, length, 0, 1));
    }

    #[test]
    fn the_parts_of_a_mix_are_the_whole(rate in 10.0..20_000f64, length in 1..200_000_000u64,
                                        border in 0.0..1f64, seed: u64, lanes in 1..4u64) {
        let part = |low, high, number| {
            let (lane, pick) = (Lane { number, of: lanes }, Pick { seed, low, high });
            all(Schedule::constant(rate, None, window(0, length), lane, Some(pick), 0))
        };
        let mut both: Vec<u64> = (0..lanes).flat_map(|lane| [part(0.0, border, lane), part(border, 1.0, lane)].concat())
            .collect();
        both.sort_unstable();
        prop_assert_eq!(both, constant(rate, 0, length, 0, 1));
    }

    #[test]
    fn the_window_holds_rate_times_duration(rate in 1..20_000u32, tenths in 1..20u32) {
        // whole numbers of requests only: then the count is exact, whatever the lead-in
        let length = u64::from(tenths) * 1_000_000_000 / 10;
        prop_assume!((rate * tenths) % 10 == 0);
        let due = constant(f64::from(rate), 12_345_678, length, 0, 1);
        prop_assert_eq!(due.iter().filter(|&&t| t >= BEGIN).count() as u32, rate * tenths / 10);
        prop_assert!(due.iter().all(|&t| t + 12_345_679 >= BEGIN));
    }

    #[test]
    fn a_ramp_holds_the_mean_of_its_ends(first in 0..5_000u32, last in 1..5_000u32, seconds in 1..5u32) {
        let length = u64::from(seconds) * 1_000_000_000;
        let ramp = Schedule::constant(f64::from(first), Some(f64::from(last)), window(0, length), WHOLE, None, 0);
        let expected = f64::from(first + last) * f64::from(seconds) / 2.0;
        prop_assert!((all(ramp).len() as f64 - expected).abs() <= 1.0);
    }

    #[test]
    fn a_poisson_stream_is_reproducible_and_rises(seed: u64) {
        let due = poisson(10_000.0, 0.5, 50_000_000, seed);
        prop_assert!(due.windows(2).all(|pair| pair[0] <= pair[1]));
        prop_assert_eq!(&due, &poisson(10_000.0, 0.5, 50_000_000, seed));
        prop_assert_ne!(due, poisson(10_000.0, 0.5, 50_000_000, seed.wrapping_add(1)));
    }

    #[test]
    fn a_trace_is_dealt_out_whole(times in prop::collection::vec(0..1_000_000u64, 0..100), lanes in 1..5u64) {
        let mut times = times;
        times.sort_unstable();
        let shared: Arc<[u64]> = times.clone().into();
        let part = |number| all(Schedule::trace(shared.clone(), window(0, 500_000), Lane { number, of: lanes }, None, 0));
        let mut dealt: Vec<u64> = (0..lanes).flat_map(part).collect();
        dealt.sort_unstable();
        let due: Vec<u64> = times.into_iter().filter(|&time| time < 500_000).map(|time| BEGIN + time).collect();
        prop_assert_eq!(dealt, due);
    }

    #[test]
    fn a_quantum_puts_off_to_its_next_multiple(rate in 100.0..50_000f64, quantum in 1..5_000_000u64) {
        let exact = constant(rate, 0, 100_000_000, 0, 1);
        let rounded = all(Schedule::constant(rate, None, window(0, 100_000_000), WHOLE, None, quantum));
        prop_assert_eq!(exact.len(), rounded.len());
        for (exact, rounded) in exact.into_iter().zip(rounded) {
            // Nothing is put off beyond the window.
            prop_assert!((rounded - BEGIN).is_multiple_of(quantum) || rounded == BEGIN + 100_000_000);
            prop_assert!(rounded >= exact && rounded - exact < quantum);
        }
    }

    #[test]
    fn taking_some_leaves_the_rest(rate in 10.0..10_000f64, taken in 0..50usize) {
        let mut schedule = Schedule::constant(rate, None, window(0, 100_000_000), WHOLE, None, 0);
        let whole = constant(rate, 0, 100_000_000, 0, 1);
        (0..taken).for_each(|_| schedule.advance());
        prop_assert_eq!(all(schedule), &whole[taken.min(whole.len())..]);
    }

    #[test]
    fn a_change_of_rate_leaves_no_gap_and_no_repeat(before in 100.0..10_000f64, after in 100.0..10_000f64,
                                                   at in 1..99_000_000u64, lanes in 1..4u64) {
        let steered = |number| {
            let mut schedule =
                Schedule::constant(before, None, window(0, 100_000_000), Lane { number, of: lanes }, None, 0);
            schedule.steer(BEGIN + at, after);
            all(schedule)
        };
        let mut due: Vec<u64> = (0..lanes).flat_map(steered).collect();
        due.sort_unstable();
        let first: Vec<u64> = constant(before, 0, 100_000_000, 0, 1).into_iter()
            .filter(|&time| time < BEGIN + at).collect();
        prop_assert_eq!(&due[..first.len()], &first[..]);
        // What was owed by the change is not forgotten: the count goes on at the new rate from where it was.
        let owed = before * at as f64 * 1e-9;
        for (number, time) in due.iter().enumerate().skip(first.len()) {
            let expected = at as f64 + (number as f64 - owed) / after * 1e9;
            prop_assert!(((time - BEGIN) as f64 - expected).abs() <= 2.0, "{number}: {time} {expected}");
        }
        let area = owed + after * (100_000_000 - at) as f64 * 1e-9;
        prop_assert!((due.len() as f64 - area).abs() <= 1.0, "{} {area}", due.len());
    }
}

#[test]
fn poisson_gaps_have_the_mean_and_spread_of_an_exponential() {
    let due = poisson(200_000.0, 0.5, 2_000_000_000, 7);
    let gaps: Vec<f64> = due
        .windows(2)
        .map(|pair| (pair[1] - pair[0]) as f64)
        .collect();
    let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
    let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
    assert!((mean / 10_000.0 - 1.0).abs() < 0.02, "{mean}");
    assert!(
        (variance.sqrt() / mean - 1.0).abs() < 0.02,
        "{}",
        variance.sqrt() / mean
    );
}

#[test]
fn a_cut_schedule_ends_at_the_cut() {
    let mut schedule = Schedule::constant(1000.0, None, window(0, 1_000_000_000), WHOLE, None, 0);
    schedule.cut(BEGIN + 10_000_000);
    assert_eq!(all(schedule).len(), 10);
}

#[test]
fn a_closed_loop_has_as_many_under_way_as_it_was_given() {
    let mut schedule = Schedule::closed(window(0, 1_000));
    schedule.follow(BEGIN);
    schedule.follow(BEGIN);
    assert_eq!(schedule.peek(), Some(BEGIN));
    schedule.advance();
    schedule.advance();
    assert_eq!(schedule.peek(), None);
    schedule.follow(BEGIN + 7);
    assert_eq!(schedule.peek(), Some(BEGIN + 7));
    schedule.follow(BEGIN + 1_000);
    schedule.advance();
    assert_eq!(schedule.peek(), None, "the window is over");
}
