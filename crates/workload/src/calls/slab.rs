//! Values under numbers that are never given twice, so that a late event finds nobody instead of somebody else.

/// Values in places that are used again; a number names the place and how often it was used.
pub struct Slab<T> {
    places: Vec<(u32, Option<T>)>,
    free: Vec<u32>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Slab {
            places: Vec::new(),
            free: Vec::new(),
        }
    }
}

impl<T> Slab<T> {
    /// Keeps a value and returns its number: the place in the low 31 bits, its generation in the high 32.
    pub fn insert(&mut self, value: T) -> u64 {
        let place = self.free.pop().unwrap_or_else(|| {
            self.places.push((0, None));
            self.places.len() as u32 - 1
        });
        let (generation, kept) = &mut self.places[place as usize];
        *kept = Some(value);
        u64::from(*generation) << 32 | u64::from(place)
    }

    pub fn get(&mut self, number: u64) -> Option<&mut T> {
        let (generation, kept) = self.places.get_mut(place(number))?;
        kept.as_mut()
            .filter(|_| u64::from(*generation) == number >> 32)
    }

    pub fn remove(&mut self, number: u64) -> Option<T> {
        self.get(number)?;
        let (generation, kept) = &mut self.places[place(number)];
        *generation = generation.wrapping_add(1);
        self.free.push(place(number) as u32);
        kept.take()
    }
}

fn place(number: u64) -> usize {
    (number & u64::from(u32::MAX)) as usize
}

#[cfg(test)]
mod tests {
    use super::Slab;

    #[test]
    fn an_old_number_does_not_name_the_new_value_of_its_place() {
        let mut slab = Slab::default();
        let (first, second) = (slab.insert('a'), slab.insert('b'));
        assert_eq!(slab.remove(first), Some('a'));
        let third = slab.insert('c');
        assert_ne!(first, third);
        assert_eq!(first as u32, third as u32, "the place is used again");
        assert_eq!(slab.get(first), None);
        assert_eq!(slab.remove(first), None);
        assert_eq!(slab.get(second), Some(&mut 'b'));
        assert_eq!(slab.get(third), Some(&mut 'c'));
        assert_eq!(slab.get(77), None);
    }
}
