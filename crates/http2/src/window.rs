//! Flow control as arithmetic. Source: RFC 9113 §5.2, §6.9.
//!
//! One value per connection and one per stream, on either side. A sender asks both of its windows how much may go and
//! takes that from both; a receiver counts what came (padding too) and says when an update is worth its 13 bytes.

use crate::ConnectionError;
use crate::frame::{DEFAULT_WINDOW, LARGEST_WINDOW};

/// What may still be sent. Negative after the peer made the initial window smaller (RFC 9113 §6.9.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SendWindow(i64);

impl SendWindow {
    /// A connection's starts at [`DEFAULT_WINDOW`], a stream's at what the peer announced as INITIAL_WINDOW_SIZE.
    pub fn new(initial: u32) -> Self {
        SendWindow(i64::from(initial.min(LARGEST_WINDOW)))
    }

    /// Bytes that may be sent now; 0 while the window is negative.
    #[inline]
    pub fn available(self) -> u32 {
        self.0.max(0) as u32
    }

    /// Takes as much of `wanted` (bytes) as there is, and says how much.
    #[inline]
    pub fn take(&mut self, wanted: u32) -> u32 {
        let taken = wanted.min(self.available());
        self.0 -= i64::from(taken);
        taken
    }

    /// The peer sent WINDOW_UPDATE.
    ///
    /// # Errors
    /// `FlowControl` above 2^31 - 1.
    #[inline]
    pub fn open(&mut self, increment: u32) -> Result<(), ConnectionError> {
        self.shift(i64::from(increment))
    }

    /// The peer changed INITIAL_WINDOW_SIZE, which moves every open stream's window, but not the connection's.
    ///
    /// # Errors
    /// `FlowControl` above 2^31 - 1.
    pub fn change_initial(&mut self, before: u32, after: u32) -> Result<(), ConnectionError> {
        self.shift(i64::from(after) - i64::from(before))
    }

    fn shift(&mut self, by: i64) -> Result<(), ConnectionError> {
        let moved = self.0 + by;
        if moved > i64::from(LARGEST_WINDOW) {
            return Err(ConnectionError::FlowControl);
        }
        self.0 = moved;
        Ok(())
    }
}

/// What the peer may still send to us, and when to let it send more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReceiveWindow {
    size: u32,
    left: u32,
}

impl ReceiveWindow {
    /// A stream's: `size` (bytes, at most 2^31 - 1) is what we announced as INITIAL_WINDOW_SIZE.
    pub fn stream(size: u32) -> Self {
        let size = size.min(LARGEST_WINDOW);
        ReceiveWindow { size, left: size }
    }

    /// A connection's, which starts at [`DEFAULT_WINDOW`] whatever is announced: [`due`](Self::due) at once asks for the
    /// rest, if `size` is at least twice that; [`top_up`](Self::top_up) does in any case.
    pub fn connection(size: u32) -> Self {
        let size = size.clamp(DEFAULT_WINDOW, LARGEST_WINDOW);
        ReceiveWindow {
            size,
            left: DEFAULT_WINDOW,
        }
    }

    /// Counts the flow-controlled bytes of a DATA frame.
    ///
    /// # Errors
    /// `FlowControl` when the peer sent more than it may.
    #[inline]
    pub fn receive(&mut self, bytes: u32) -> Result<(), ConnectionError> {
        self.left = self
            .left
            .checked_sub(bytes)
            .ok_or(ConnectionError::FlowControl)?;
        Ok(())
    }

    /// The increment to send once half of the window is used; then it counts as sent.
    #[inline]
    pub fn due(&mut self) -> Option<u32> {
        if self.left > self.size / 2 {
            None
        } else {
            self.top_up()
        }
    }

    /// The increment that fills the window, however little is missing; then it counts as sent.
    pub fn top_up(&mut self) -> Option<u32> {
        let missing = self.size - self.left;
        self.left = self.size;
        (missing > 0).then_some(missing)
    }
}

#[cfg(test)]
mod tests {
    use super::{ReceiveWindow, SendWindow};
    use crate::ConnectionError;

    #[test]
    fn a_sender_takes_no_more_than_there_is() {
        let mut window = SendWindow::new(10);
        assert_eq!((window.take(7), window.take(7), window.take(7)), (7, 3, 0));
        window.open(5).expect("room");
        assert_eq!(window.available(), 5);
    }

    #[test]
    fn a_smaller_initial_window_makes_an_open_one_negative() {
        let mut window = SendWindow::new(100);
        window.take(90);
        window.change_initial(100, 20).expect("smaller");
        assert_eq!(window.available(), 0);
        window.open(70).expect("room");
        assert_eq!(window.available(), 0);
        window.open(1).expect("room");
        assert_eq!(window.available(), 1);
    }

    #[test]
    fn a_window_cannot_be_opened_above_its_largest() {
        let mut window = SendWindow::new((1 << 31) - 1);
        assert_eq!(window.open(1), Err(ConnectionError::FlowControl));
        window.take(1);
        assert_eq!(window.open(1), Ok(()));
        assert_eq!(
            window.change_initial(0, 1),
            Err(ConnectionError::FlowControl)
        );
    }

    #[test]
    fn a_receiver_opens_the_window_when_half_is_used() {
        let mut window = ReceiveWindow::stream(100);
        assert_eq!(window.top_up(), None);
        window.receive(49).expect("room");
        assert_eq!(window.due(), None);
        window.receive(1).expect("room");
        assert_eq!(window.due(), Some(50));
        assert_eq!(window.receive(101), Err(ConnectionError::FlowControl));
    }

    #[test]
    fn a_connections_window_starts_at_the_default() {
        let mut window = ReceiveWindow::connection(1 << 24);
        assert_eq!(window.due(), Some((1 << 24) - 65_535));
        window.receive(1 << 24).expect("all of it");
        let mut plain = ReceiveWindow::connection(65_535);
        assert_eq!(plain.due(), None);
        assert_eq!(plain.receive(65_536), Err(ConnectionError::FlowControl));
    }
}
