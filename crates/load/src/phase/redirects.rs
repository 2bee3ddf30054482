//! Requests that are asked to look elsewhere. They stay the same requests: their time runs on from their first send.

use crate::LoadError;
use crate::dialogue::Reply;
use crate::phase::PhaseLoop;
use crate::reason::Reason;
use crate::redirect::{MOST_HOPS, Redirect};

impl PhaseLoop<'_> {
    pub(super) fn redirected(
        &mut self,
        slot: u32,
        target: usize,
        reply: Reply,
        redirect: Redirect,
        received: u64,
        now: u64,
    ) -> Result<(), LoadError> {
        let request = &mut self.pool.requests[slot as usize];
        let connection = request.connection;
        if !matches!(redirect, Redirect::To { .. }) || request.hops >= MOST_HOPS {
            self.outstanding[target].remove(slot);
            self.recorder.broken(request, now, Reason::Redirect);
            return self.free(slot, reply.keep, received, now);
        }
        request.hops += 1;
        let entry = &mut self.pool.connections[connection as usize];
        if reply.keep && !entry.retiring && !entry.dialogue().closing() {
            return self.follow(slot, &redirect);
        }
        if self.pool.endpoints[target].places > 1 {
            // Others are under way on it; a place on another connection may be long in coming.
            self.outstanding[target].remove(slot);
            let request = &self.pool.requests[slot as usize];
            self.recorder.broken(request, now, Reason::Closed);
            return self.free(slot, true, received, now);
        }
        self.moving.insert(slot, redirect);
        if let Err(failure) = self.pool.open_again_for(slot) {
            self.not_carried(slot, failure.reason);
        }
        Ok(())
    }

    /// Ask where the redirect says, on the connection that brought it or the one that was opened for it.
    pub(super) fn follow(&mut self, slot: u32, redirect: &Redirect) -> Result<(), LoadError> {
        let connection = self.pool.connection_of(slot);
        let written = self.pool.connections[connection as usize].follow(slot, redirect);
        if self.pool.has_gathered(connection) {
            // It goes out with the others at the end of this turn.
            self.pool.requests[slot as usize].bytes_out += written;
            return Ok(());
        }
        match self.pool.flush(connection) {
            Ok(bytes) => {
                self.pool.requests[slot as usize].bytes_out += bytes;
                Ok(())
            }
            Err(failure) => self.broken(connection, failure),
        }
    }
}
