//! The little of protobuf's wire format that the few messages here need: fields in, fields out.

/// A field's content. Fixed-width ones are in none of our messages: they are passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    Other,
}

/// Calls `field` with number and content of each field; None where the message is malformed or `field` says so.
pub fn read<'a>(
    mut message: &'a [u8],
    mut field: impl FnMut(u64, Value<'a>) -> Option<()>,
) -> Option<()> {
    while !message.is_empty() {
        let key = varint(&mut message)?;
        let value = match key & 7 {
            0 => Value::Number(varint(&mut message)?),
            1 => take(&mut message, 8).map(|_| Value::Other)?,
            2 => {
                let length = usize::try_from(varint(&mut message)?).ok()?;
                Value::Bytes(take(&mut message, length)?)
            }
            5 => take(&mut message, 4).map(|_| Value::Other)?,
            _ => return None,
        };
        if key >> 3 == 0 {
            return None;
        }
        field(key >> 3, value)?;
    }
    Some(())
}

/// All contents of field `number` that are bytes.
pub fn all(message: &[u8], number: u64) -> Vec<&[u8]> {
    let mut found = Vec::new();
    let whole = read(message, |field, value| {
        if let (true, Value::Bytes(bytes)) = (field == number, value) {
            found.push(bytes);
        }
        Some(())
    });
    whole.map(|()| found).unwrap_or_default()
}

fn take<'a>(message: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, rest) = message.split_at_checked(length)?;
    *message = rest;
    Some(taken)
}

fn varint(message: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = message.split_first()?;
        *message = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

pub fn write_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// A field that is a number; 0 is left out, as proto3 does.
pub fn write_number(out: &mut Vec<u8>, field: u64, value: u64) {
    if value != 0 {
        write_varint(out, field << 3);
        write_varint(out, value);
    }
}

/// A field of bytes, a text or a message; an empty one is written too.
pub fn write_bytes(out: &mut Vec<u8>, field: u64, bytes: &[u8]) {
    write_varint(out, field << 3 | 2);
    write_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::{Value, read, write_bytes, write_number};

    #[test]
    fn fields_come_out_as_they_went_in() {
        let mut message = Vec::new();
        write_number(&mut message, 1, 300);
        write_number(&mut message, 2, 0);
        write_number(&mut message, 3, u64::MAX);
        write_bytes(&mut message, 20, b"abc");
        message.extend_from_slice(&[5 << 3 | 5, 1, 2, 3, 4, 6 << 3 | 1, 1, 2, 3, 4, 5, 6, 7, 8]);
        let mut seen = Vec::new();
        read(&message, |field, value| {
            seen.push((field, value));
            Some(())
        })
        .expect("well-formed");
        let expected = [
            (1, Value::Number(300)),
            (3, Value::Number(u64::MAX)),
            (20, Value::Bytes(b"abc")),
            (5, Value::Other),
            (6, Value::Other),
        ];
        assert_eq!(seen, expected);
    }

    #[test]
    fn what_is_cut_or_has_no_number_is_malformed() {
        for bytes in [
            &b"\x08"[..],
            b"\x0a\x05ab",
            b"\x00\x01",
            b"\x0b",
            b"\x0d\x01",
            b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
        ] {
            assert_eq!(read(bytes, |_, _| Some(())), None, "{bytes:?}");
        }
    }
}
