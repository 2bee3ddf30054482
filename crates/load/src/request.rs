//! A request on its way, in the slot that it occupies.

/// Times are monotonic nanoseconds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Request {
    pub(crate) due: u64,
    pub(crate) sent: u64,
    pub(crate) bytes_out: u64,
    pub(crate) counted: bool,
    /// Its slot is taken.
    pub(crate) under_way: bool,
    /// Redirects followed.
    pub(crate) hops: u8,
    /// The connection that the slot belongs to.
    pub(crate) connection: u32,
    /// Since when the slot could have taken a request.
    pub(crate) free_since: u64,
}
