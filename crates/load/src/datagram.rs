//! UDP: datagrams that say which request they belong to, so that loss, duplicates and reordering show.
//!
//! The first 16 bytes of a datagram are sequence number (8), place (4) and a cookie of the socket (4), big-endian; an echo
//! brings them back. What comes back with another cookie, or shorter, is none of ours and is not counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::dialogue::{Answer, Dialogue, Ending, Reply, Strays};
use crate::reason::Failure;
use crate::redirect::Redirect;

/// Bytes at the start of every datagram that are the engine's.
pub(crate) const MARK: usize = 16;
/// How many of the latest datagrams are remembered, to tell a duplicate from a late answer.
const REMEMBERED: usize = 4096;

static COOKIES: AtomicU32 = AtomicU32::new(1);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Unknown,
    Answered,
    GivenUp,
}

pub(crate) struct Datagrams {
    message: Arc<[u8]>,
    reply: bool,
    cookie: u32,
    next: u64,
    highest_answered: Option<u64>,
    /// By place: the number of the datagram under way.
    under_way: Box<[Option<u64>]>,
    fates: Box<[(u64, Fate)]>,
    /// One-way: places whose datagram is written with the next flush.
    leaving: Vec<u32>,
    strays: Strays,
}

impl Datagrams {
    pub(crate) fn new(message: Arc<[u8]>, reply: bool, places: u32) -> Self {
        Self {
            message,
            reply,
            cookie: 0,
            next: 0,
            highest_answered: None,
            under_way: vec![None; places as usize].into_boxed_slice(),
            fates: vec![(u64::MAX, Fate::Unknown); REMEMBERED].into_boxed_slice(),
            leaving: Vec::new(),
            strays: Strays::default(),
        }
    }

    fn remember(&mut self, number: u64, fate: Fate) {
        self.fates[number as usize % REMEMBERED] = (number, fate);
    }

    /// An answer to a datagram that is not under way any more.
    fn stray(&mut self, number: u64) {
        match self.fates[number as usize % REMEMBERED] {
            (known, Fate::GivenUp) if known == number => {
                self.strays.late += 1;
                self.remember(number, Fate::Answered);
            }
            (known, Fate::Answered) if known == number => self.strays.duplicates += 1,
            _ => self.strays.late += 1,
        }
    }
}

fn mark(bytes: &[u8]) -> Option<(u64, u32, u32)> {
    let (number, rest) = bytes.split_first_chunk::<8>()?;
    let (place, rest) = rest.split_first_chunk::<4>()?;
    let (cookie, _) = rest.split_first_chunk::<4>()?;
    Some((
        u64::from_be_bytes(*number),
        u32::from_be_bytes(*place),
        u32::from_be_bytes(*cookie),
    ))
}

impl Dialogue for Datagrams {
    fn open(&mut self, _out: &mut Vec<u8>) {
        // Answers to the socket before this one must not be taken for answers to it.
        self.cookie = COOKIES.fetch_add(1, Ordering::Relaxed) ^ (std::process::id() << 16);
        self.under_way.fill(None);
        self.leaving.clear();
    }

    fn room(&self) -> Option<u32> {
        Some(self.under_way.len() as u32)
    }

    fn begin(&mut self, place: u32, out: &mut Vec<u8>) {
        let number = self.next;
        self.next += 1;
        self.under_way[place as usize] = Some(number);
        self.remember(number, Fate::Unknown);
        out.extend_from_slice(&number.to_be_bytes());
        out.extend_from_slice(&place.to_be_bytes());
        out.extend_from_slice(&self.cookie.to_be_bytes());
        out.extend_from_slice(self.message.get(MARK..).unwrap_or_default());
        if !self.reply {
            self.leaving.push(place);
        }
    }

    fn follow(&mut self, place: u32, _redirect: &Redirect, out: &mut Vec<u8>) {
        self.begin(place, out);
    }

    fn feed(
        &mut self,
        bytes: &[u8],
        _out: &mut Vec<u8>,
        answers: &mut Vec<Answer>,
    ) -> Result<(), Failure> {
        let Some((number, place, cookie)) = mark(bytes) else {
            return Ok(());
        };
        if cookie != self.cookie || number >= self.next {
            return Ok(());
        }
        let Some(under_way) = self.under_way.get_mut(place as usize) else {
            return Ok(());
        };
        if *under_way != Some(number) {
            self.stray(number);
            return Ok(());
        }
        *under_way = None;
        self.remember(number, Fate::Answered);
        match self.highest_answered {
            Some(highest) if number < highest => self.strays.reordered += 1,
            _ => self.highest_answered = Some(number),
        }
        let mut answer = Answer::new(place, Ending::Reply(Reply::OK));
        answer.bytes_in = bytes.len() as u64;
        answers.push(answer);
        Ok(())
    }

    fn written(&mut self, answers: &mut Vec<Answer>) {
        for place in self.leaving.drain(..) {
            self.under_way[place as usize] = None;
            answers.push(Answer::new(place, Ending::Reply(Reply::OK)));
        }
    }

    fn give_up(&mut self, place: u32, _out: &mut Vec<u8>) -> bool {
        if let Some(number) = self.under_way[place as usize].take() {
            self.remember(number, Fate::GivenUp);
        }
        true
    }

    fn take_strays(&mut self) -> Strays {
        std::mem::take(&mut self.strays)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// `count` datagrams that were sent from one place each.
    fn sent(count: u32) -> (Datagrams, Vec<Vec<u8>>) {
        let mut datagrams = Datagrams::new(vec![0xAB; 20].into(), true, count);
        datagrams.open(&mut Vec::new());
        let wire = (0..count)
            .map(|place| {
                let mut out = Vec::new();
                datagrams.begin(place, &mut out);
                assert_eq!((out.len(), &out[16..]), (20, [0xAB; 4].as_slice()));
                out
            })
            .collect();
        (datagrams, wire)
    }

    fn places(datagrams: &mut Datagrams, wire: &[&Vec<u8>]) -> Vec<u32> {
        let mut answers = Vec::new();
        for bytes in wire {
            datagrams
                .feed(bytes, &mut Vec::new(), &mut answers)
                .unwrap();
        }
        answers.iter().map(|answer| answer.place).collect()
    }

    #[test]
    fn answers_find_their_place_and_what_else_comes_is_counted() {
        let (mut datagrams, wire) = sent(4);
        let order = [&wire[1], &wire[0], &wire[1], &wire[3]];
        assert_eq!(places(&mut datagrams, &order), [1, 0, 3]);
        let seen = Strays {
            duplicates: 1,
            reordered: 1,
            late: 0,
        };
        assert_eq!(datagrams.take_strays(), seen);
        assert!(datagrams.give_up(2, &mut Vec::new()));
        assert_eq!(places(&mut datagrams, &[&wire[2], &wire[2]]), []);
        let seen = Strays {
            duplicates: 1,
            reordered: 0,
            late: 1,
        };
        assert_eq!(datagrams.take_strays(), seen);
    }

    #[test]
    fn an_answer_to_the_datagram_before_does_not_end_the_next_one() {
        let (mut datagrams, wire) = sent(1);
        datagrams.give_up(0, &mut Vec::new());
        let mut again = Vec::new();
        datagrams.begin(0, &mut again);
        assert_eq!(places(&mut datagrams, &[&wire[0]]), []);
        assert_eq!(places(&mut datagrams, &[&again]), [0]);
    }

    #[test]
    fn strangers_are_not_heard() {
        let (mut datagrams, wire) = sent(1);
        let mut foreign = wire[0].clone();
        foreign[15] ^= 1;
        let mut future = wire[0].clone();
        future[7] = 9;
        let mut nowhere = wire[0].clone();
        nowhere[11] = 9;
        assert_eq!(
            places(
                &mut datagrams,
                &[&foreign, &future, &nowhere, &vec![1, 2, 3]]
            ),
            []
        );
        assert_eq!(datagrams.take_strays(), Strays::default());
        assert_eq!(places(&mut datagrams, &[&wire[0]]), [0]);
    }
}
