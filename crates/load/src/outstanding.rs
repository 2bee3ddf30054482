//! Connections that wait for a reply, in the order their requests were sent.
//!
//! All requests of a phase have the same timeout, so the first in the list is the first to expire. A linked list through
//! an array: adding, removing and looking at the first cost the same few instructions whatever the number of connections,
//! and nothing is allocated while requests run.

const NONE: u32 = u32::MAX;

#[derive(Clone, Copy)]
struct Link {
    before: u32,
    after: u32,
    linked: bool,
}

pub(crate) struct Outstanding {
    links: Box<[Link]>,
    first: u32,
    last: u32,
}

impl Outstanding {
    pub(crate) fn new(connections: usize) -> Self {
        let unlinked = Link {
            before: NONE,
            after: NONE,
            linked: false,
        };
        Self {
            links: vec![unlinked; connections].into_boxed_slice(),
            first: NONE,
            last: NONE,
        }
    }

    #[inline]
    pub(crate) fn first(&self) -> Option<u32> {
        (self.first != NONE).then_some(self.first)
    }

    #[inline]
    pub(crate) fn push(&mut self, connection: u32) {
        self.remove(connection);
        self.links[connection as usize] = Link {
            before: self.last,
            after: NONE,
            linked: true,
        };
        match self.last {
            NONE => self.first = connection,
            last => self.links[last as usize].after = connection,
        }
        self.last = connection;
    }

    /// True when the connection was in the list.
    #[inline]
    pub(crate) fn remove(&mut self, connection: u32) -> bool {
        let Link {
            before,
            after,
            linked,
        } = self.links[connection as usize];
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
        self.links[connection as usize].linked = false;
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
            let (mut list, mut model) = (Outstanding::new(8), Vec::<u32>::new());
            for (connection, add) in steps {
                let known = model.contains(&connection);
                model.retain(|&other| other != connection);
                if add {
                    list.push(connection);
                    model.push(connection);
                } else {
                    prop_assert_eq!(list.remove(connection), known);
                }
                prop_assert_eq!(list.first(), model.first().copied());
            }
            while let Some(first) = list.first() {
                prop_assert_eq!(first, model.remove(0));
                list.remove(first);
            }
            prop_assert!(model.is_empty());
        }
    }
}
