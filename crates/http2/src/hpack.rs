//! Header blocks. Source: RFC 7541.
//!
//! The decoder is whole: a peer may use all of HPACK. The encoder only writes what needs no state (static table, plain
//! literals): a measured client writes the same head again and again, best from a template, and a table that both ends
//! must agree on would make the work of one request depend on those before it.

use crate::frame::LARGEST_FRAME_SIZE;
use crate::table::{Dynamic, Place, find};
use crate::{ConnectionError, huffman};

/// What an encoder may use before it hears otherwise, in bytes (RFC 9113 §6.5.2, SETTINGS_HEADER_TABLE_SIZE).
pub const DEFAULT_TABLE_SIZE: usize = 4096;
/// The most that one block may decode to (bytes): an index of one byte may stand for a whole table.
const MOST_DECODED: usize = 256 * 1024;

/// Decodes the header blocks of one connection, in the order they came.
#[derive(Debug)]
pub struct Decoder {
    table: Dynamic,
    limit: usize,
    name: Vec<u8>,
    value: Vec<u8>,
}

impl Decoder {
    /// `limit` (bytes) is what we announce as SETTINGS_HEADER_TABLE_SIZE. A client that announces 0 in its first frame
    /// may take 0 here, because no reply comes before the server read it. A server must take at least
    /// [`DEFAULT_TABLE_SIZE`]: requests come before its settings arrive.
    pub fn new(limit: usize) -> Self {
        Decoder {
            table: Dynamic::new(limit),
            limit,
            name: Vec::new(),
            value: Vec::new(),
        }
    }

    /// Calls `sink` with name and value of every field, in order. They are as the peer wrote them: nothing is checked of
    /// HTTP's rules. Allocates only where the peer adds to the dynamic table, or a string is longer than any before.
    ///
    /// Every block must come here, also those that nobody wants, or the table falls out of step.
    ///
    /// # Errors
    /// Any of HPACK's; then the connection is over, because the tables no longer agree.
    pub fn decode(
        &mut self,
        block: &[u8],
        sink: &mut impl FnMut(&[u8], &[u8]),
    ) -> Result<(), ConnectionError> {
        let mut rest = block;
        let mut decoded = 0;
        let mut fields = false;
        while let Some(&first) = rest.first() {
            if first & 0xe0 == 0x20 {
                let size = integer(&mut rest, 5)? as usize;
                if fields || size > self.limit {
                    return Err(ConnectionError::TableSize);
                }
                self.table.set_capacity(size);
                continue;
            }
            fields = true;
            decoded += if first & 0x80 != 0 {
                let (name, value) = self.table.get(integer(&mut rest, 7)?)?;
                sink(name, value);
                name.len() + value.len()
            } else {
                self.literal(first & 0x40 != 0, &mut rest, sink)?
            };
            if decoded > MOST_DECODED {
                return Err(ConnectionError::HeadersTooLarge);
            }
        }
        Ok(())
    }

    /// A literal with incremental indexing (6 bits of index), or without or never indexed (4).
    fn literal(
        &mut self,
        indexed: bool,
        rest: &mut &[u8],
        sink: &mut impl FnMut(&[u8], &[u8]),
    ) -> Result<usize, ConnectionError> {
        let index = integer(rest, if indexed { 6 } else { 4 })?;
        let Decoder {
            table,
            name: name_scratch,
            value: value_scratch,
            ..
        } = self;
        if !indexed {
            let name = if index == 0 {
                string(rest, name_scratch)?
            } else {
                table.get(index)?.0
            };
            let value = string(rest, value_scratch)?;
            sink(name, value);
            return Ok(name.len() + value.len());
        }
        let name = if index == 0 {
            string(rest, name_scratch)?
        } else {
            // A copy: the entry may be dropped to make room for the one that takes its name.
            name_scratch.clear();
            name_scratch.extend_from_slice(table.get(index)?.0);
            name_scratch
        };
        let value = string(rest, value_scratch)?;
        sink(name, value);
        table.insert(name, value);
        Ok(name.len() + value.len())
    }
}

/// An integer with a prefix of `bits` (RFC 7541 §5.1); nothing that large may be meant, so 2^28 and more is refused.
#[inline]
fn integer(rest: &mut &[u8], bits: u32) -> Result<u32, ConnectionError> {
    let (first, mut tail) = rest.split_first().ok_or(ConnectionError::Truncated)?;
    let most = (1_u32 << bits) - 1;
    let mut value = u32::from(*first) & most;
    if value == most {
        let mut shift = 0;
        loop {
            let (byte, after) = tail.split_first().ok_or(ConnectionError::Truncated)?;
            tail = after;
            if shift > 21 {
                return Err(ConnectionError::Integer);
            }
            value += u32::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
        }
    }
    *rest = tail;
    Ok(value)
}

/// A string (RFC 7541 §5.2): where it lies, or decoded into `scratch`.
#[inline]
fn string<'a, 'b: 'a>(
    rest: &mut &'b [u8],
    scratch: &'a mut Vec<u8>,
) -> Result<&'a [u8], ConnectionError> {
    let coded = rest.first().ok_or(ConnectionError::Truncated)? & 0x80 != 0;
    let length = integer(rest, 7)? as usize;
    let (bytes, after) = rest
        .split_at_checked(length)
        .ok_or(ConnectionError::Truncated)?;
    *rest = after;
    if !coded {
        return Ok(bytes);
    }
    scratch.clear();
    huffman::decode(bytes, scratch)?;
    Ok(scratch)
}

/// Appends one field: an index of the static table where it has the field, or a literal without indexing, its name from
/// the static table where that has it. `name` in lower case, as HTTP/2 wants it (RFC 9113 §8.2).
pub fn encode_header(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    debug_assert!(name.len().max(value.len()) <= LARGEST_FRAME_SIZE as usize);
    match find(name, value) {
        Place::Field(index) => return write_integer(out, 0x80, 7, index),
        Place::Name(index) => write_integer(out, 0, 4, index),
        Place::Nowhere => {
            out.push(0);
            write_string(out, name);
        }
    }
    write_string(out, value);
}

/// Appends the size update with which an encoder without a table may begin a connection's first block, so that the peer
/// needs none either (RFC 7541 §4.2).
pub fn encode_no_table(out: &mut Vec<u8>) {
    out.push(0x20);
}

fn write_string(out: &mut Vec<u8>, bytes: &[u8]) {
    write_integer(out, 0, 7, bytes.len() as u32);
    out.extend_from_slice(bytes);
}

fn write_integer(out: &mut Vec<u8>, pattern: u8, bits: u32, value: u32) {
    let most = (1_u32 << bits) - 1;
    if value < most {
        out.push(pattern | value as u8);
        return;
    }
    out.push(pattern | most as u8);
    let mut left = value - most;
    while left >= 0x80 {
        out.push(left as u8 | 0x80);
        left >>= 7;
    }
    out.push(left as u8);
}

#[cfg(test)]
#[path = "hpack_tests.rs"]
mod tests;
