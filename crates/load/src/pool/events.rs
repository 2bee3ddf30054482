//! What happens on connections, one event after another.

use std::io;

use crate::connection::{State, Step};
use crate::dialogue::{Answer, Ending};
use crate::poller::WAKE;
use crate::pool::{Event, Pool};

impl Pool {
    /// Wait for readiness; the events are then taken with `next_event` from position 0 on.
    #[inline]
    pub(crate) fn wait(&mut self, until: u64, precise: bool) -> io::Result<()> {
        if self.pending.is_empty() {
            self.poller.wait(until, precise)
        } else {
            self.poller.wait(0, false)
        }
    }

    /// Handle the ready socket at `position` of the last wait and go on from there; None when all are handled.
    #[inline]
    pub(crate) fn next_event(&mut self, position: &mut usize) -> Option<Event> {
        loop {
            if self.handed < self.answers.len() {
                let slot = self.connections[self.answering as usize].first_slot;
                let answer = std::mem::replace(
                    &mut self.answers[self.handed],
                    Answer::new(0, Ending::Reset),
                );
                self.handed += 1;
                return Some(Event::Answer(slot + answer.place, answer));
            }
            if self.handed > 0 {
                self.answers.clear();
                self.handed = 0;
            }
            if let Some(event) = self.next_pending() {
                return Some(event);
            }
            let (token, flags) = self.poller.event(*position)?;
            *position += 1;
            if token == WAKE {
                // Whoever woke us has changed a flag that is looked at in every turn.
                self.wake.quiet();
                continue;
            }
            let connection = token as u32;
            let entry = &mut self.connections[connection as usize];
            // An event of a socket that was closed earlier in this very batch.
            if entry.generation != (token >> 32) as u32 {
                continue;
            }
            let before = entry.state;
            let target = entry.target as usize;
            let endpoint = &self.endpoints[target];
            let step = entry.ready(flags, endpoint, &mut self.buffers, &mut self.answers);
            let generation = entry.generation;
            self.answering = connection;
            if !self.answers.is_empty() {
                self.spoke[target] = true;
            }
            match step {
                // The peer says that it takes no more: what is under way may end.
                Step::Nothing if entry.state == State::Open && entry.dialogue().closing() => {
                    self.retire(connection);
                }
                Step::Nothing => self.watch_room(connection),
                Step::Opened => self.opened(connection),
                Step::Failed(failure) => match before {
                    State::Connecting | State::Handshaking | State::Greeting => {
                        self.not_opened(connection, failure);
                    }
                    State::Open | State::Closed => {
                        let event = Event::Broken {
                            connection,
                            failure,
                        };
                        // The answers that came before its end are still to be handed on: nothing may follow them.
                        entry.retiring = true;
                        self.forget_idle(connection);
                        self.pending.push_back((generation, event));
                    }
                },
            }
        }
    }

    /// The next event that is still about the socket it was noted for.
    fn next_pending(&mut self) -> Option<Event> {
        while let Some((generation, event)) = self.pending.pop_front() {
            let connection = match &event {
                Event::Answer(slot, _) | Event::Carried(slot) => self.connection_of(*slot),
                Event::Broken { connection, .. } | Event::NotOpened { connection, .. } => {
                    *connection
                }
            };
            if self.connections[connection as usize].generation == generation {
                return Some(event);
            }
        }
        None
    }
}
