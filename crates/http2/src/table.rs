//! The tables that header blocks point into. Source: RFC 7541 §2.3, §4, Appendix A.

use std::collections::VecDeque;

use crate::ConnectionError;

/// What an entry costs beside its bytes (RFC 7541 §4.1).
const OVERHEAD: usize = 32;

/// Index 1 to 61, from 0 here.
#[rustfmt::skip]
pub const STATIC: [(&str, &str); 61] = [
    (":authority", ""), (":method", "GET"), (":method", "POST"), (":path", "/"), (":path", "/index.html"),
    (":scheme", "http"), (":scheme", "https"), (":status", "200"), (":status", "204"), (":status", "206"),
    (":status", "304"), (":status", "400"), (":status", "404"), (":status", "500"), ("accept-charset", ""),
    ("accept-encoding", "gzip, deflate"), ("accept-language", ""), ("accept-ranges", ""), ("accept", ""),
    ("access-control-allow-origin", ""), ("age", ""), ("allow", ""), ("authorization", ""), ("cache-control", ""),
    ("content-disposition", ""), ("content-encoding", ""), ("content-language", ""), ("content-length", ""),
    ("content-location", ""), ("content-range", ""), ("content-type", ""), ("cookie", ""), ("date", ""), ("etag", ""),
    ("expect", ""), ("expires", ""), ("from", ""), ("host", ""), ("if-match", ""), ("if-modified-since", ""),
    ("if-none-match", ""), ("if-range", ""), ("if-unmodified-since", ""), ("last-modified", ""), ("link", ""),
    ("location", ""), ("max-forwards", ""), ("proxy-authenticate", ""), ("proxy-authorization", ""), ("range", ""),
    ("referer", ""), ("refresh", ""), ("retry-after", ""), ("server", ""), ("set-cookie", ""),
    ("strict-transport-security", ""), ("transfer-encoding", ""), ("user-agent", ""), ("vary", ""), ("via", ""),
    ("www-authenticate", ""),
];

/// Where a field stands in the static table; indexes as on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Field(u32),
    Name(u32),
    Nowhere,
}

/// Looks for a field in the static table, or for its name alone.
pub fn find(name: &[u8], value: &[u8]) -> Place {
    let mut place = Place::Nowhere;
    for (index, (known, content)) in (1..).zip(STATIC.iter()) {
        if known.as_bytes() == name {
            if content.as_bytes() == value && !content.is_empty() {
                return Place::Field(index);
            }
            if place == Place::Nowhere {
                place = Place::Name(index);
            }
        } else if place != Place::Nowhere {
            break;
        }
    }
    place
}

/// Fields that the peer's encoder put down, the newest first.
#[derive(Debug)]
pub struct Dynamic {
    /// Name and value one after the other, and where the name ends.
    entries: VecDeque<(Box<[u8]>, usize)>,
    size: usize,
    capacity: usize,
}

impl Dynamic {
    pub fn new(capacity: usize) -> Self {
        Dynamic {
            entries: VecDeque::new(),
            size: 0,
            capacity,
        }
    }

    /// The field at an index of both tables together, as on the wire.
    ///
    /// # Errors
    /// `Index` for 0 and beyond the end.
    #[inline]
    pub fn get(&self, index: u32) -> Result<(&[u8], &[u8]), ConnectionError> {
        let index = (index as usize)
            .checked_sub(1)
            .ok_or(ConnectionError::Index)?;
        if let Some((name, value)) = STATIC.get(index) {
            return Ok((name.as_bytes(), value.as_bytes()));
        }
        let (bytes, split) = self
            .entries
            .get(index - STATIC.len())
            .ok_or(ConnectionError::Index)?;
        Ok(bytes.split_at(*split))
    }

    /// Puts a field down, and drops old ones for it; one that is larger than the table empties it (RFC 7541 §4.4).
    pub fn insert(&mut self, name: &[u8], value: &[u8]) {
        let cost = name.len() + value.len() + OVERHEAD;
        self.shrink_to(self.capacity.saturating_sub(cost));
        if cost <= self.capacity {
            self.entries
                .push_front(([name, value].concat().into_boxed_slice(), name.len()));
            self.size += cost;
        }
    }

    /// A size update.
    pub fn set_capacity(&mut self, capacity: usize) {
        self.capacity = capacity;
        self.shrink_to(capacity);
    }

    fn shrink_to(&mut self, size: usize) {
        while self.size > size {
            let Some((bytes, _)) = self.entries.pop_back() else {
                break;
            };
            self.size -= bytes.len() + OVERHEAD;
        }
    }

    #[cfg(test)]
    pub fn size(&self) -> usize {
        self.size
    }
}
