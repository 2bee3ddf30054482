//! The account of one worker, request by request.

use super::*;

const REQUEST: Request = Request {
    due: 100,
    sent: 150,
    bytes_out: 1,
    counted: true,
    under_way: true,
    hops: 0,
    connection: 0,
    free_since: 120,
};

fn recorder() -> (Arc<Live>, Recorder) {
    let live = Arc::new(Live::new());
    let mut recorder = Recorder::new(live.clone(), 1_000);
    recorder.begin_run();
    (live, recorder)
}

#[test]
fn a_reader_sees_every_reply_once_across_phases() {
    let (live, mut recorder) = recorder();
    let look = |live: &Live| {
        let mut progress = crate::recording::Progress::default();
        live.read_into(&mut progress);
        (progress.sent, progress.ok, progress.response.total())
    };
    for phase in 0..3 {
        recorder.begin_phase(phase, false, 0, 2_000_000);
        recorder.offered(&REQUEST);
        recorder.sent(&REQUEST);
        recorder.replied(&REQUEST, Reply::OK, 1150, 1157, 2);
        recorder.publish();
        let seen = phase as u64 + 1;
        assert_eq!(look(&live), (seen, seen, seen));
        let tally = recorder.take(2_500_000);
        assert_eq!(look(&live), (seen, seen, seen));
        assert_eq!(tally.histograms.response.0, [(1050, 1)]);
        assert_eq!(tally.histograms.service.0, [(1000, 1)]);
        assert_eq!(tally.histograms.pacing_error.0, [(50, 1)]);
        assert_eq!(tally.histograms.client_delay.0, [(30, 1)]);
        assert_eq!(tally.histograms.late_read.0, [(7, 1)]);
        assert_eq!((tally.counts.bytes_out, tally.counts.bytes_in), (1, 2));
        assert_eq!(tally.sends, [1, 0]);
        let first = &tally.series.intervals[0];
        assert_eq!((first.offered, first.ok, first.failed), (1, 1, 0));
    }
    recorder.begin_run();
    assert_eq!(look(&live), (0, 0, 0));
}

#[test]
fn a_grpc_status_is_an_error_of_its_own_kind() {
    let (_, mut recorder) = recorder();
    let reply = |status, grpc| Reply {
        status,
        grpc,
        keep: true,
    };
    for reply in [
        reply(200, Some(14)),
        reply(503, Some(14)),
        reply(404, None),
        reply(200, Some(0)),
    ] {
        recorder.replied(&REQUEST, reply, 200, 200, 0);
    }
    let tally = recorder.take(0);
    assert_eq!(tally.grpc_statuses, [(14, 1)]);
    assert_eq!(tally.statuses, [(503, 1), (404, 1)]);
    assert_eq!((tally.counts.ok, tally.counts.errors), (1, 3));
}

#[test]
fn what_the_end_cuts_off_is_a_lower_bound() {
    let (_, mut recorder) = recorder();
    recorder.unanswered(&REQUEST, 1_100);
    recorder.not_sent(600, true, 1_100);
    recorder.not_sent(600, false, 1_100);
    let tally = recorder.take(0);
    assert_eq!(tally.histograms.censored.0, [(500, 1), (1000, 1)]);
    assert_eq!((tally.counts.unanswered, tally.counts.not_sent), (1, 1));
}

#[test]
fn lead_in_requests_stay_apart() {
    let (_, mut recorder) = recorder();
    let request = Request {
        counted: false,
        ..Request::default()
    };
    recorder.sent(&request);
    recorder.replied(&request, Reply::OK, 7, 9, 0);
    recorder.broken(&request, 7, Reason::Reset);
    let tally = recorder.take(0);
    assert_eq!(tally.histograms.lead_in.0, [(7, 1)]);
    let apart = [
        &tally.histograms.response,
        &tally.histograms.pacing_error,
        &tally.histograms.late_read,
    ];
    assert!(apart.iter().all(|histogram| histogram.total() == 0));
    assert_eq!(
        (
            tally.lead_in_counts.ok,
            tally.lead_in_counts.errors,
            tally.counts
        ),
        (1, 1, Counts::default())
    );
    assert_eq!(tally.reasons, [0; Reason::ALL.len()]);
    assert!(tally.series.intervals.is_empty() && tally.sends.is_empty());
}
