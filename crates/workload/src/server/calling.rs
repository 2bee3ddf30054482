//! The calls that a worker makes for its requests: their sockets in its loop, their ends back to whoever asked.

use std::io;

use super::Worker;
use crate::calls::{Calls, Done, Orders};
use crate::sys::now_ns;
use crate::timers::Purpose;

impl Worker {
    /// Makes this worker, number `number`, call others for its requests.
    pub fn will_call(&mut self, orders: &Orders, number: u64) -> io::Result<()> {
        let counters = self.counters.clone();
        let epoll = self.epoll.share()?;
        let filler = self.service.filler();
        let calls = Calls::new(orders, number, filler, counters, epoll);
        self.service.calls = Some(Box::new(calls));
        Ok(())
    }

    /// epoll told of a connection to a callee.
    pub(super) fn on_callee(&mut self, connection: u64, flags: u32) {
        if let Some(calls) = &mut self.service.calls {
            calls.on_event(connection, flags);
        }
        // Not put off to the end of the turn: with busy workers a turn may be long.
        self.answer_called();
    }

    /// Gives up calls that took too long, and answers requests whose calls have ended.
    pub(super) fn go_on_calling(&mut self) {
        if let Some(calls) = &mut self.service.calls {
            calls.on_time(now_ns());
            self.answer_called();
        }
    }

    /// Answers requests whose calls have ended. Those whose calls end meanwhile have their turn after the others.
    fn answer_called(&mut self) {
        let done = self.service.calls.as_deref_mut().map(Calls::take_done);
        done.unwrap_or_default()
            .into_iter()
            .for_each(|done| self.answer(done));
    }

    /// Answers requests that were held back by a stall.
    pub(super) fn answer_held(&mut self) {
        for done in std::mem::take(&mut self.held) {
            self.answer(done);
        }
    }

    fn answer(&mut self, done: Done) {
        if let Some(end) = self.stall_of(done.guest) {
            self.held.push(done);
            return self.timers.add(end, done.guest, Purpose::Called);
        }
        let Done { stream, failed, .. } = done;
        self.drive(done.guest, |guest, service| {
            guest.called(stream, failed, service)
        });
    }
}
