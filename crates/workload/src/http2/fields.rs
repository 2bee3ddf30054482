//! The header fields of one request, kept flat so that no request allocates for them.

/// Fields of the block decoded last.
#[derive(Default, Clone)]
pub struct Fields {
    bytes: Vec<u8>,
    /// Where each name and each value ends.
    ends: Vec<(usize, usize)>,
}

impl Fields {
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    pub fn push(&mut self, name: &[u8], value: &[u8]) {
        self.bytes.extend_from_slice(name);
        let split = self.bytes.len();
        self.bytes.extend_from_slice(value);
        self.ends.push((split, self.bytes.len()));
    }

    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let mut start = 0;
        self.ends.iter().map(move |&(split, end)| {
            let from = std::mem::replace(&mut start, end);
            (&self.bytes[from..split], &self.bytes[split..end])
        })
    }

    pub fn get(&self, name: &[u8]) -> Option<&[u8]> {
        self.iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use super::Fields;

    #[test]
    fn fields_come_out_in_order_and_by_name() {
        let mut fields = Fields::default();
        fields.push(b"old", b"x");
        fields.clear();
        fields.push(b"a", b"1");
        fields.push(b"b", b"");
        fields.push(b"a", b"2");
        let all: Vec<_> = fields.iter().collect();
        assert_eq!(all, [(&b"a"[..], &b"1"[..]), (b"b", b""), (b"a", b"2")]);
        assert_eq!(
            (fields.get(b"a"), fields.get(b"b"), fields.get(b"old")),
            (Some(&b"1"[..]), Some(&b""[..]), None)
        );
    }
}
