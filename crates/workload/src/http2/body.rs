//! What a stream still has to send, without having all of it in memory.

/// A reply's bytes: some of its own, that once or several times, then filler.
#[derive(Default)]
pub struct Body {
    pub own: Vec<u8>,
    sent: usize,
    /// How often `own` is sent again from its start.
    again: u32,
    filler: u64,
    filler_at: usize,
}

/// Memory that a sent body leaves to the next one (bytes).
const MOST_KEPT: usize = 64 * 1024;

impl Body {
    pub fn clear(&mut self) {
        self.own.clear();
        self.own.shrink_to(MOST_KEPT);
        (self.sent, self.again, self.filler, self.filler_at) = (0, 0, 0, 0);
    }

    /// Adds `bytes` of filler.
    pub fn fill(&mut self, bytes: u64) {
        self.filler = bytes;
    }

    /// Sends what is in `own` this often in all.
    pub fn repeat(&mut self, times: u32) {
        self.again = times.saturating_sub(1);
    }

    pub fn is_sent(&self) -> bool {
        self.sent == self.own.len() && self.again == 0 && self.filler == 0
    }

    /// The next piece; empty only where all is sent.
    pub fn next<'a>(&'a self, filler: &'a [u8]) -> &'a [u8] {
        if self.sent < self.own.len() {
            return &self.own[self.sent..];
        }
        let rest = &filler[self.filler_at..];
        &rest[..rest
            .len()
            .min(usize::try_from(self.filler).unwrap_or(usize::MAX))]
    }

    /// Notes that `n` bytes of `next` were sent; `filler` is the same as there.
    pub fn advance(&mut self, n: usize, filler: &[u8]) {
        if self.sent < self.own.len() {
            self.sent += n;
            if self.sent == self.own.len() && self.again > 0 {
                self.again -= 1;
                self.sent = 0;
            }
        } else {
            self.filler -= n as u64;
            self.filler_at = (self.filler_at + n) % filler.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Body;

    #[test]
    fn a_body_is_whole_whatever_is_sent_at_a_time() {
        for step in 1..9 {
            let mut body = Body::default();
            body.own.extend_from_slice(b"abc");
            body.repeat(3);
            body.fill(7);
            let mut all = Vec::new();
            while !body.is_sent() {
                let piece = body.next(b"01234");
                let n = piece.len().min(step);
                all.extend_from_slice(&piece[..n]);
                body.advance(n, b"01234");
            }
            assert_eq!(all, b"abcabcabc0123401", "{step}");
            body.clear();
            assert!(body.is_sent() && body.next(b"01234").is_empty());
        }
    }
}
