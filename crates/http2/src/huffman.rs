//! Strings coded by Huffman in header blocks: decoding only. Source: RFC 7541 §5.2, Appendix B.
//!
//! The code is canonical: among codes of one length the values rise with the symbols, and each length goes on where the
//! shorter one ended. So the lengths say everything, and the tables are made of them while compiling. Codes of up to 8
//! bits, which is nearly all of real text, take one look into a table; the longer ones a short search by length.

use crate::ConnectionError;

/// Length of every symbol's code (bits); the last is the end of string, which no string may contain.
#[rustfmt::skip]
const LENGTHS: [u8; 257] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,
    28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
    6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
    5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
    13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5,
    6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
    20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
    24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,
    21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
    19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
    20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
    26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
    30,
];
const LONGEST: usize = 30;
const SHORT: usize = 8;
const END_OF_STRING: u16 = 256;
/// The length that stands for it: more than there can be left.
const NEVER: u32 = u32::MAX;

/// What the lengths come to.
struct Tables {
    /// By the next eight bits: symbol and length of a short code; length 0 where the code is longer.
    short: [(u8, u8); 256],
    /// By length: the first code after those of this length, and what to add to a code to get its place in `symbols`.
    after: [u32; LONGEST + 1],
    shift: [i32; LONGEST + 1],
    /// Sorted by length, then by value.
    symbols: [u16; 257],
}

static TABLES: Tables = tables();

const fn tables() -> Tables {
    let mut tables = Tables {
        short: [(0, 0); 256],
        after: [0; LONGEST + 1],
        shift: [0; LONGEST + 1],
        symbols: [0; 257],
    };
    let (mut code, mut place, mut length) = (0_u32, 0_usize, 1_usize);
    while length <= LONGEST {
        tables.shift[length] = place as i32 - code as i32;
        let mut symbol = 0;
        while symbol < LENGTHS.len() {
            if LENGTHS[symbol] as usize == length {
                tables.symbols[place] = symbol as u16;
                if length <= SHORT {
                    let mut tail = 0;
                    while tail < 1 << (SHORT - length) {
                        tables.short[(code << (SHORT - length)) as usize + tail] =
                            (symbol as u8, length as u8);
                        tail += 1;
                    }
                }
                code += 1;
                place += 1;
            }
            symbol += 1;
        }
        tables.after[length] = code;
        code <<= 1;
        length += 1;
    }
    tables
}

/// Appends what `coded` stands for. At most 8/5 of its length.
///
/// # Errors
/// `Huffman` for the end-of-string code, and unless less than a byte of ones follows the last code.
pub fn decode(coded: &[u8], out: &mut Vec<u8>) -> Result<(), ConnectionError> {
    let mut input = coded.iter();
    let (mut bits, mut have) = (0_u64, 0_u32);
    loop {
        while have <= 56 {
            let Some(byte) = input.next() else { break };
            bits = bits << 8 | u64::from(*byte);
            have += 8;
        }
        if have == 0 {
            return Ok(());
        }
        // The next 32 bits; past the end there are ones, as the padding has to be.
        let next = if have >= 32 {
            (bits >> (have - 32)) as u32
        } else {
            ((bits << (32 - have)) as u32) | (u32::MAX >> have)
        };
        let (symbol, length) = match TABLES.short[(next >> 24) as usize] {
            (_, 0) => long(next)?,
            (symbol, length) => (symbol, u32::from(length)),
        };
        if length > have {
            break;
        }
        out.push(symbol);
        have -= length;
    }
    if have < 8 && (bits | u64::MAX << have) == u64::MAX {
        Ok(())
    } else {
        Err(ConnectionError::Huffman)
    }
}

#[cold]
fn long(next: u32) -> Result<(u8, u32), ConnectionError> {
    for length in SHORT + 1..=LONGEST {
        let code = next >> (32 - length);
        if code < TABLES.after[length] {
            let place = code as i32 + TABLES.shift[length];
            return match TABLES.symbols.get(place as usize) {
                // All ones is the padding's prefix too: longer than what is left, so the caller tells them apart.
                Some(&END_OF_STRING) => Ok((0, NEVER)),
                Some(&symbol) => Ok((symbol as u8, length as u32)),
                None => Err(ConnectionError::Huffman),
            };
        }
    }
    Err(ConnectionError::Huffman)
}
