//! Known truth for datagrams: which are lost, doubled and overtaken is counted out, not drawn.
//!
//! ```text
//!   datagram n is not answered         <=>  n mod drop = 0             n = 1, 2, 3, ... received by the worker
//!   answer m is sent twice             <=>  m mod duplicate = 0        m = 1, 2, 3, ... answered by the worker
//!   answer m is overtaken by the next  <=>  m mod reorder = 0 and it is not sent twice
//! ```
//!
//! A counted rule and not a share that is drawn: a test then knows the number to the last datagram.

/// Every how many; None: never.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Faults {
    pub drop: Option<u64>,
    pub duplicate: Option<u64>,
    pub reorder: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Once,
    Twice,
    /// Held back until the next answer to the same client is sent.
    Overtaken,
}

/// What one worker does to its datagrams, in the order in which it meets them.
#[derive(Debug, Default)]
pub struct Fates {
    faults: Faults,
    received: u64,
    answered: u64,
}

impl Fates {
    pub fn new(faults: Faults) -> Self {
        Fates {
            faults,
            received: 0,
            answered: 0,
        }
    }

    /// Whether the datagram that was just received is not to be answered.
    pub fn drops(&mut self) -> bool {
        self.received += 1;
        is_nth(self.received, self.faults.drop)
    }

    /// What becomes of the answer that is about to be sent.
    pub fn next(&mut self) -> Fate {
        self.answered += 1;
        if is_nth(self.answered, self.faults.duplicate) {
            Fate::Twice
        } else if is_nth(self.answered, self.faults.reorder) {
            Fate::Overtaken
        } else {
            Fate::Once
        }
    }
}

fn is_nth(count: u64, every: Option<u64>) -> bool {
    every.is_some_and(|every| count.is_multiple_of(every))
}

#[cfg(test)]
mod tests {
    use super::{Fate, Fates, Faults};

    #[test]
    fn without_faults_every_datagram_is_answered_once() {
        let mut fates = Fates::new(Faults::default());
        assert!((0..100).all(|_| !fates.drops() && fates.next() == Fate::Once));
    }

    #[test]
    fn every_nth_is_counted_from_the_first() {
        let mut fates = Fates::new(Faults {
            drop: Some(3),
            duplicate: Some(4),
            reorder: Some(2),
        });
        let dropped: Vec<u64> = (1..=9).filter(|_| fates.drops()).collect();
        assert_eq!(dropped, [3, 6, 9]);
        let met: Vec<Fate> = (1..=8).map(|_| fates.next()).collect();
        use Fate::{Once, Overtaken, Twice};
        assert_eq!(
            met,
            [Once, Overtaken, Once, Twice, Once, Overtaken, Once, Twice]
        );
    }
}
