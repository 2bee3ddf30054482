//! Places for requests, kept in the order they were put in.
//!
//! A slot is a place for one request under way: a connection has one, or as many as it has streams. A linked list through
//! an array: adding, removing from the middle and looking at either end cost the same few instructions whatever the number
//! of slots, and nothing is allocated while requests run.

use std::ops::Range;

const NONE: u32 = u32::MAX;

#[derive(Clone, Copy)]
struct Link {
    before: u32,
    after: u32,
    linked: bool,
}

/// A list without repeats of slots out of a range.
pub(crate) struct SlotList {
    links: Box<[Link]>,
    base: u32,
    first: u32,
    last: u32,
    len: usize,
}

impl SlotList {
    pub(crate) fn new(slots: Range<u32>) -> Self {
        let unlinked = Link {
            before: NONE,
            after: NONE,
            linked: false,
        };
        Self {
            links: vec![unlinked; slots.len()].into_boxed_slice(),
            base: slots.start,
            first: NONE,
            last: NONE,
            len: 0,
        }
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub(crate) fn first(&self) -> Option<u32> {
        (self.first != NONE).then(|| self.base + self.first)
    }

    #[inline]
    pub(crate) fn last(&self) -> Option<u32> {
        (self.last != NONE).then(|| self.base + self.last)
    }

    /// Whether a slot is in the list.
    #[inline]
    pub(crate) fn holds(&self, slot: u32) -> bool {
        self.links[(slot - self.base) as usize].linked
    }

    /// Put a slot at the end, out of its old place.
    #[inline]
    pub(crate) fn push(&mut self, slot: u32) {
        self.remove(slot);
        let slot = slot - self.base;
        self.links[slot as usize] = Link {
            before: self.last,
            after: NONE,
            linked: true,
        };
        match self.last {
            NONE => self.first = slot,
            last => self.links[last as usize].after = slot,
        }
        self.last = slot;
        self.len += 1;
    }

    /// True when the slot was in the list.
    #[inline]
    pub(crate) fn remove(&mut self, slot: u32) -> bool {
        let slot = slot - self.base;
        let Link {
            before,
            after,
            linked,
        } = self.links[slot as usize];
        if !linked {
            return false;
        }
        match before {
            NONE => self.first = after,
            before => self.links[before as usize].after = after,
        }
        match after {
            NONE => self.last = before,
            after => self.links[after as usize].before = before,
        }
        self.links[slot as usize].linked = false;
        self.len -= 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_behaves_like_a_list_without_repeats(steps in prop::collection::vec((0..8u32, any::<bool>()), 0..100)) {
            let (mut list, mut model) = (SlotList::new(100..108), Vec::<u32>::new());
            for (slot, add) in steps {
                let slot = 100 + slot;
                let known = model.contains(&slot);
                model.retain(|&other| other != slot);
                if add {
                    list.push(slot);
                    model.push(slot);
                } else {
                    prop_assert_eq!(list.remove(slot), known);
                }
                prop_assert_eq!(list.first(), model.first().copied());
                prop_assert_eq!(list.last(), model.last().copied());
                prop_assert_eq!(list.holds(slot), add);
                prop_assert_eq!(list.len(), model.len());
            }
            while let Some(first) = list.first() {
                prop_assert_eq!(first, model.remove(0));
                list.remove(first);
            }
            prop_assert!(model.is_empty());
        }
    }
}
