//! The open streams of one connection, by their numbers; memory of closed ones is used again.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::stream::Stream;

#[derive(Default)]
pub struct Streams {
    places: HashMap<u32, usize, BuildHasherDefault<Spread>>,
    slots: Vec<Stream>,
    free: Vec<usize>,
}

/// Stream numbers are chosen by the client in rising order, so nothing is gained by a hash that resists an attacker: a
/// client that aims for collisions slows down its own connection.
#[derive(Default)]
struct Spread(u64);

impl Hasher for Spread {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u32(u32::from(*byte));
        }
    }

    fn write_u32(&mut self, number: u32) {
        self.0 = (self.0 ^ u64::from(number)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

impl Streams {
    pub fn len(&self) -> usize {
        self.places.len()
    }

    pub fn get(&mut self, id: u32) -> Option<&mut Stream> {
        self.slots.get_mut(*self.places.get(&id)?)
    }

    /// A new stream with its windows at their starts; what it is for is up to the caller.
    pub fn open(&mut self, id: u32, initial_send: u32) -> &mut Stream {
        let place = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Stream::new());
            self.slots.len() - 1
        });
        self.places.insert(id, place);
        let stream = &mut self.slots[place];
        stream.reset(initial_send);
        stream
    }

    pub fn close(&mut self, id: u32) {
        if let Some(place) = self.places.remove(&id) {
            self.slots[place].forget();
            self.free.push(place);
        }
    }

    pub fn ids(&self) -> Vec<u32> {
        self.places.keys().copied().collect()
    }
}
