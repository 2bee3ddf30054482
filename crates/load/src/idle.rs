//! The idle slots of one target, and which of them takes the next request.

use std::ops::Range;

use crate::plan::Selection;
use crate::random::SplitMix;
use crate::slots::SlotList;

const ABSENT: u32 = u32::MAX;

pub(crate) enum Idle {
    /// First in, first out: the longest idle.
    Fifo(SlotList),
    /// Last in, first out: the one used last.
    Lifo(SlotList),
    Random(Unordered),
}

impl Idle {
    pub(crate) fn new(selection: Selection, slots: Range<u32>, seed: u64) -> Self {
        match selection {
            Selection::Fifo => Self::Fifo(SlotList::new(slots)),
            Selection::Lifo => Self::Lifo(SlotList::new(slots)),
            Selection::Random => Self::Random(Unordered::new(slots, seed)),
        }
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Fifo(list) | Self::Lifo(list) => list.len(),
            Self::Random(set) => set.items.len(),
        }
    }

    #[inline]
    pub(crate) fn push(&mut self, slot: u32) {
        match self {
            Self::Fifo(list) | Self::Lifo(list) => list.push(slot),
            Self::Random(set) => set.push(slot),
        }
    }

    #[inline]
    pub(crate) fn take(&mut self) -> Option<u32> {
        match self {
            Self::Fifo(list) => list.first().inspect(|&slot| {
                list.remove(slot);
            }),
            Self::Lifo(list) => list.last().inspect(|&slot| {
                list.remove(slot);
            }),
            Self::Random(set) => set.take(),
        }
    }

    /// Draw from another stream of random numbers.
    pub(crate) fn reseed(&mut self, seed: u64) {
        if let Self::Random(set) = self {
            set.random = SplitMix::new(seed);
        }
    }

    pub(crate) fn remove(&mut self, slot: u32) {
        match self {
            Self::Fifo(list) | Self::Lifo(list) => {
                list.remove(slot);
            }
            Self::Random(set) => set.remove(slot),
        }
    }
}

/// A set of which any member may be drawn.
pub(crate) struct Unordered {
    items: Vec<u32>,
    /// Where in `items` each slot is.
    position: Box<[u32]>,
    base: u32,
    random: SplitMix,
}

impl Unordered {
    fn new(slots: Range<u32>, seed: u64) -> Self {
        Self {
            items: Vec::with_capacity(slots.len()),
            position: vec![ABSENT; slots.len()].into_boxed_slice(),
            base: slots.start,
            random: SplitMix::new(seed),
        }
    }

    fn push(&mut self, slot: u32) {
        let place = &mut self.position[(slot - self.base) as usize];
        if *place == ABSENT {
            *place = self.items.len() as u32;
            self.items.push(slot);
        }
    }

    fn take(&mut self) -> Option<u32> {
        let drawn = self.random.below(self.items.len())?;
        let slot = self.items[drawn];
        self.remove(slot);
        Some(slot)
    }

    fn remove(&mut self, slot: u32) {
        let place = std::mem::replace(&mut self.position[(slot - self.base) as usize], ABSENT);
        if place == ABSENT {
            return;
        }
        self.items.swap_remove(place as usize);
        if let Some(&moved) = self.items.get(place as usize) {
            self.position[(moved - self.base) as usize] = place;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(selection: Selection) -> Idle {
        let mut idle = Idle::new(selection, 10..20, 1);
        (10..20).for_each(|slot| idle.push(slot));
        idle
    }

    #[test]
    fn the_longest_idle_the_last_used_or_any_comes_first() {
        assert_eq!(filled(Selection::Fifo).take(), Some(10));
        assert_eq!(filled(Selection::Lifo).take(), Some(19));
        let mut random = filled(Selection::Random);
        let mut drawn: Vec<u32> = std::iter::from_fn(|| random.take()).collect();
        assert_ne!(drawn, (10..20).collect::<Vec<_>>());
        drawn.sort_unstable();
        assert_eq!(drawn, (10..20).collect::<Vec<_>>());
    }

    #[test]
    fn a_removed_slot_is_not_taken() {
        for selection in [Selection::Fifo, Selection::Lifo, Selection::Random] {
            let mut idle = filled(selection);
            (10..19).for_each(|slot| idle.remove(slot));
            idle.remove(10);
            assert_eq!((idle.len(), idle.take(), idle.take()), (1, Some(19), None));
        }
    }
}
