//! The cable: frames wait in the order in which they came, one queue a direction, and leave when they are due.
//!
//! Due is the time at which a frame was read plus the delay. A frame that leaves late is counted with its lateness,
//! because that is delay which was not asked for.

use std::collections::VecDeque;
use std::fmt;
use std::os::fd::AsRawFd;

use crate::sys::{self, Failure, StopSignals};
use crate::tap::{LONGEST_FRAME, Tap};

/// More frames than that in one direction are not kept: a peer that sends so much without an answer is lost anyway.
const MOST_WAITING: usize = 65_536;
/// Frames that are read from one end before the other end and the clock get their turn.
const BATCH: usize = 64;

#[derive(Debug, Default)]
pub struct Counts {
    frames: u64,
    bytes: u64,
    dropped: u64,
    late_ns_total: u64,
    late_ns_most: u64,
}

impl fmt::Display for Counts {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mean = self.late_ns_total.checked_div(self.frames).unwrap_or(0);
        write!(
            out,
            "{{\"frames\": {}, \"bytes\": {}, \"dropped\": {}, \"late_ns_mean\": {mean}, \"late_ns_most\": {}}}",
            self.frames, self.bytes, self.dropped, self.late_ns_most
        )
    }
}

/// Frames on their way in one direction.
#[derive(Default)]
struct Queue {
    waiting: VecDeque<(u64, Vec<u8>)>,
    /// Buffers of frames that have left, to be used again.
    spare: Vec<Vec<u8>>,
}

impl Queue {
    fn put(&mut self, due_ns: u64, frame: &[u8]) -> bool {
        if self.waiting.len() >= MOST_WAITING {
            return false;
        }
        let mut kept = self.spare.pop().unwrap_or_default();
        kept.clear();
        kept.extend_from_slice(frame);
        self.waiting.push_back((due_ns, kept));
        true
    }

    fn next_due_ns(&self) -> Option<u64> {
        self.waiting.front().map(|(due, _)| *due)
    }

    fn take_due(&mut self, now_ns: u64) -> Option<(u64, Vec<u8>)> {
        if self.next_due_ns()? > now_ns {
            None
        } else {
            self.waiting.pop_front()
        }
    }
}

pub struct Cable {
    ends: [Tap; 2],
    /// By the end that the frames came from.
    queues: [Queue; 2],
    delay_ns: u64,
    counts: Counts,
}

impl Cable {
    pub fn new(left: Tap, right: Tap, delay_ns: u64) -> Self {
        Self {
            ends: [left, right],
            queues: [Queue::default(), Queue::default()],
            delay_ns,
            counts: Counts::default(),
        }
    }

    /// Carry frames until a signal to stop comes.
    pub fn carry(mut self, stop: &StopSignals) -> Result<Counts, Failure> {
        sys::without_slack()?;
        let mut buffer = vec![0; LONGEST_FRAME];
        loop {
            let next = self.queues.iter().filter_map(Queue::next_due_ns).min();
            let wait = next.map(|due| due.saturating_sub(sys::now_ns()));
            let [left, right, ended] = sys::readable(
                [
                    self.ends[0].as_raw_fd(),
                    self.ends[1].as_raw_fd(),
                    stop.as_raw_fd(),
                ],
                wait,
            )?;
            if ended {
                return Ok(self.counts);
            }
            for (from, can) in [left, right].into_iter().enumerate() {
                if can {
                    self.read(from, &mut buffer)?;
                }
            }
            self.deliver();
        }
    }

    fn read(&mut self, from: usize, buffer: &mut [u8]) -> Result<(), Failure> {
        for _ in 0..BATCH {
            let Some(length) = self.ends[from].take(buffer)? else {
                break;
            };
            let due = sys::now_ns() + self.delay_ns;
            if !self.queues[from].put(due, &buffer[..length]) {
                self.counts.dropped += 1;
            }
        }
        Ok(())
    }

    fn deliver(&mut self) {
        for from in 0..2 {
            while let Some((due, frame)) = self.queues[from].take_due(sys::now_ns()) {
                let late = sys::now_ns().saturating_sub(due);
                self.counts.frames += 1;
                self.counts.bytes += frame.len() as u64;
                self.counts.late_ns_total += late;
                self.counts.late_ns_most = self.counts.late_ns_most.max(late);
                if !self.ends[1 - from].give(&frame) {
                    self.counts.dropped += 1;
                }
                self.queues[from].spare.push(frame);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_leave_in_order_and_not_before_they_are_due() {
        let mut queue = Queue::default();
        assert!(queue.put(10, b"first") && queue.put(20, b"second"));
        assert_eq!(queue.next_due_ns(), Some(10));
        assert_eq!(queue.take_due(9), None);
        assert_eq!(queue.take_due(15), Some((10, b"first".to_vec())));
        assert_eq!(queue.take_due(15), None);
        assert_eq!(queue.take_due(99), Some((20, b"second".to_vec())));
        assert_eq!(queue.next_due_ns(), None);
    }

    #[test]
    fn a_full_queue_takes_no_more() {
        let mut queue = Queue::default();
        assert!((0..MOST_WAITING).all(|_| queue.put(1, b"x")));
        assert!(!queue.put(1, b"one too many"));
    }
}
