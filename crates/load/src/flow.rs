//! The requests of a phase that go to one target: when they are due, and on which slot each goes out.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;

use crate::pool::Pool;
use crate::schedule::Schedule;

pub(crate) struct Flow {
    pub(crate) target: usize,
    source: Source,
}

enum Source {
    /// Any idle slot takes the next due request.
    Pooled(Schedule),
    /// Every slot has a schedule of its own.
    Pinned(Pinned),
}

struct Pinned {
    /// By slot, from the target's first on.
    schedules: Vec<Schedule>,
    base: u32,
    /// Idle slots by the moment at which their next request is due. A slot whose connection broke meanwhile stays in here
    /// until its turn and is passed over then.
    idle: BinaryHeap<Reverse<(u64, u32)>>,
}

impl Flow {
    pub(crate) fn pooled(target: usize, schedule: Schedule) -> Self {
        Self {
            target,
            source: Source::Pooled(schedule),
        }
    }

    pub(crate) fn pinned(target: usize, slots: Range<u32>, schedules: Vec<Schedule>) -> Self {
        Self {
            target,
            source: Source::Pinned(Pinned {
                schedules,
                base: slots.start,
                idle: BinaryHeap::with_capacity(slots.len()),
            }),
        }
    }

    /// Let slots that have come free know when they are wanted next.
    #[inline]
    pub(crate) fn collect(&mut self, pool: &mut Pool, now: u64) {
        if let Source::Pinned(pinned) = &mut self.source {
            while let Some(slot) = pool.take_idle(self.target, now) {
                let due = pinned.schedules[(slot - pinned.base) as usize].peek();
                pinned.idle.push(Reverse((due.unwrap_or(u64::MAX), slot)));
            }
        }
    }

    /// When the next request can go out; None while it has no slot or nothing is due any more.
    #[inline]
    pub(crate) fn peek(&self, pool: &Pool) -> Option<u64> {
        match &self.source {
            Source::Pooled(schedule) if pool.has_idle(self.target) => schedule.peek(),
            Source::Pooled(_) => None,
            Source::Pinned(pinned) => pinned
                .idle
                .peek()
                .map(|Reverse((due, _))| *due)
                .filter(|&due| due < u64::MAX),
        }
    }

    /// Take a request that is due by `now`, and the slot that it goes out on.
    #[inline]
    pub(crate) fn take(&mut self, pool: &mut Pool, now: u64) -> Option<(u32, u64)> {
        match &mut self.source {
            Source::Pooled(schedule) => {
                let due = schedule.peek().filter(|&due| due <= now)?;
                let slot = pool.take_idle(self.target, now)?;
                schedule.advance();
                Some((slot, due))
            }
            Source::Pinned(pinned) => loop {
                let &Reverse((due, slot)) = pinned.idle.peek()?;
                if due > now {
                    return None;
                }
                pinned.idle.pop();
                let schedule = &mut pinned.schedules[(slot - pinned.base) as usize];
                // A slot that broke and came back is in here twice: its second turn is none.
                if schedule.peek() == Some(due) && pool.still_usable(slot, now) {
                    schedule.advance();
                    return Some((slot, due));
                }
            },
        }
    }

    /// Take a request that is due by `now` for the slot that has just come free, when nobody else waits for it.
    #[inline]
    pub(crate) fn take_for(&mut self, pool: &Pool, now: u64) -> Option<u64> {
        match &mut self.source {
            Source::Pooled(schedule) if !pool.has_idle(self.target) => {
                let due = schedule.peek().filter(|&due| due <= now)?;
                schedule.advance();
                Some(due)
            }
            _ => None,
        }
    }

    /// Take a request that is due by `now` and that a connection which did not open was wanted for.
    pub(crate) fn take_waiting(&mut self, pool: &Pool, slots: Range<u32>, now: u64) -> Option<u64> {
        match &mut self.source {
            Source::Pooled(_) => self.take_for(pool, now),
            Source::Pinned(pinned) => {
                let first = slots.start - pinned.base;
                let schedule = pinned
                    .schedules
                    .get_mut(first as usize..(slots.end - pinned.base) as usize)?
                    .iter_mut()
                    .filter(|schedule| schedule.peek().is_some_and(|due| due <= now))
                    .min_by_key(|schedule| schedule.peek())?;
                let due = schedule.peek()?;
                schedule.advance();
                Some(due)
            }
        }
    }

    /// How many pooled requests are due by `now` and wait for a slot; counted up to `most`.
    #[inline]
    pub(crate) fn waiting(&self, pool: &Pool, now: u64, most: usize) -> usize {
        match &self.source {
            Source::Pooled(schedule) if !pool.has_idle(self.target) => schedule.waiting(now, most),
            _ => 0,
        }
    }

    /// In a closed loop: the request of a slot has ended, another may follow from `moment` on.
    #[inline]
    pub(crate) fn follow(&mut self, slot: Option<u32>, moment: u64) {
        match (&mut self.source, slot) {
            (Source::Pooled(schedule), _) => schedule.follow(moment),
            (Source::Pinned(pinned), Some(slot)) => {
                pinned.schedules[(slot - pinned.base) as usize].follow(moment);
            }
            (Source::Pinned(_), None) => {}
        }
    }

    /// Begin a closed loop in which the first `count` slots have their own requests; false where the slots are pooled.
    pub(crate) fn fill_pinned(&mut self, moment: u64, count: usize) -> bool {
        let Source::Pinned(pinned) = &mut self.source else {
            return false;
        };
        pinned
            .schedules
            .iter_mut()
            .take(count)
            .for_each(|schedule| schedule.follow(moment));
        true
    }

    /// Whether anything is or becomes due before the window ends.
    pub(crate) fn over(&self) -> bool {
        self.schedules()
            .iter()
            .all(|schedule| schedule.peek().is_none())
    }

    pub(crate) fn cut(&mut self, end: u64) {
        self.schedules_mut().iter_mut().for_each(|one| one.cut(end));
        self.order_again();
    }

    /// Change the rate [1/s] of all the phase's requests from `moment` on.
    pub(crate) fn steer(&mut self, moment: u64, rate: f64) {
        self.schedules_mut()
            .iter_mut()
            .for_each(|one| one.steer(moment, rate));
        self.order_again();
    }

    /// Due times have changed: ask every idle slot anew.
    fn order_again(&mut self) {
        if let Source::Pinned(pinned) = &mut self.source {
            let slots = std::mem::take(&mut pinned.idle).into_iter();
            pinned.idle = slots
                .map(|Reverse((_, slot))| {
                    let due = pinned.schedules[(slot - pinned.base) as usize].peek();
                    Reverse((due.unwrap_or(u64::MAX), slot))
                })
                .collect();
        }
    }

    /// Take everything that is left, in no particular order, and let go of the slots.
    pub(crate) fn rest(&mut self, pool: &mut Pool, mut each: impl FnMut(u64)) {
        if let Source::Pinned(pinned) = &mut self.source {
            while let Some(Reverse((_, slot))) = pinned.idle.pop() {
                if pool.usable(slot) {
                    pool.lay_by(slot);
                }
            }
        }
        self.schedules_mut()
            .iter_mut()
            .for_each(|one| one.rest(&mut each));
    }

    fn schedules(&self) -> &[Schedule] {
        match &self.source {
            Source::Pooled(schedule) => std::slice::from_ref(schedule),
            Source::Pinned(pinned) => &pinned.schedules,
        }
    }

    fn schedules_mut(&mut self) -> &mut [Schedule] {
        match &mut self.source {
            Source::Pooled(schedule) => std::slice::from_mut(schedule),
            Source::Pinned(pinned) => &mut pinned.schedules,
        }
    }
}
