/// The index of the first quote, backslash or control character of `bytes` at or after `at`, or its length.
#[inline]
pub(super) fn plain_end(bytes: &[u8], mut at: usize) -> usize {
    while let Some(word) = bytes.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        let found = special(u64::from_le_bytes(*word));
        if found != 0 {
            return at + (found.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    while bytes.get(at).is_some_and(|&byte| byte >= 0x20 && byte != b'"' && byte != b'\\') {
        at += 1;
    }
    at
}

/// The characters of a checked string, given as written between its quotes.
pub(super) fn unescaped(written: &str) -> impl Iterator<Item = char> {
    let mut rest = written.chars();
    std::iter::from_fn(move || {
        let first = rest.next()?;
        if first != '\\' {
            return Some(first);
        }
        Some(match rest.next()? {
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => {
                let unit = hex4(&mut rest);
                if unit & 0xfc00 == 0xd800 {
                    // The reader has seen the other half: six characters that begin with `\u`.
                    rest.next();
                    rest.next();
                    let low = hex4(&mut rest);
                    char::from_u32(0x1_0000 + ((unit & 0x3ff) << 10) + (low & 0x3ff))
                } else {
                    char::from_u32(unit)
                }
                .unwrap_or(char::REPLACEMENT_CHARACTER)
            }
            itself => itself,
        })
    })
}

pub(super) fn unescape(written: &str) -> String {
    // Not `collect`: it would grow step by step, and the text never gets longer.
    let mut text = String::with_capacity(written.len());
    text.extend(unescaped(written));
    text
}

/// Appends `text` as a JSON string: quoted, with the shortest escapes, and none that is not needed.
pub(super) fn write_string(out: &mut String, text: &str) {
    out.push('"');
    let mut written = 0;
    loop {
        let end = plain_end(text.as_bytes(), written);
        // What `plain_end` stops at is ASCII, so both ends are character boundaries.
        out.push_str(text.get(written..end).unwrap_or_default());
        match text.as_bytes().get(end) {
            None => break,
            Some(b'"') => out.push_str("\\\""),
            Some(b'\\') => out.push_str("\\\\"),
            Some(0x08) => out.push_str("\\b"),
            Some(0x0c) => out.push_str("\\f"),
            Some(b'\n') => out.push_str("\\n"),
            Some(b'\r') => out.push_str("\\r"),
            Some(b'\t') => out.push_str("\\t"),
            Some(&control) => {
                out.push_str("\\u00");
                for digit in [control >> 4, control & 15] {
                    out.push(char::from_digit(u32::from(digit), 16).unwrap_or('0'));
                }
            }
        }
        written = end + 1;
    }
    out.push('"');
}

fn hex4(characters: &mut std::str::Chars<'_>) -> u32 {
    characters.by_ref().take(4).fold(0, |unit, digit| (unit << 4) | digit.to_digit(16).unwrap_or(0))
}

/// Sets the high bit of each byte that is a quote, a backslash or below 0x20. A byte above a found one may be marked
/// wrongly (a borrow), never one below the first.
#[inline]
fn special(word: u64) -> u64 {
    let quote = word ^ (ONES * 0x22);
    let backslash = word ^ (ONES * 0x5c);
    let found = quote.wrapping_sub(ONES) | backslash.wrapping_sub(ONES) | word.wrapping_sub(ONES * 0x20);
    // None of them has the high bit, which the two differences above left as it was.
    found & !word & (ONES * 0x80)
}

const ONES: u64 = 0x0101_0101_0101_0101;
