//! Escapes: characters that are written in another way, each for itself.

use super::reading::{Decoded, Kind, Reading};

/// The text without its escapes, if it has any.
pub(super) fn unescape(text: &str, visit: &mut dyn FnMut(&Reading)) {
    if !text.contains(['%', '\\', '&']) {
        return;
    }
    let mut decoded = Decoded::default();
    let mut is_changed = false;
    let mut at = 0;
    while let Some((rest, c)) = text.get(at..).and_then(|rest| Some((rest, rest.chars().next()?))) {
        let (written, end) = match escape(rest) {
            Some((written, after)) => {
                is_changed = true;
                (written, text.len() - after.len())
            }
            None => (Written::Char(c), at + c.len_utf8()),
        };
        match written {
            Written::Byte(byte) => decoded.push(byte, at..end),
            Written::Char(c) => {
                c.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| decoded.push(byte, at..end));
            }
        }
        at = end;
    }
    if is_changed {
        decoded.readings(Kind::Escaped, visit);
    }
}

enum Written {
    Byte(u8),
    Char(char),
}

/// What the escape says that a text begins with, and what follows it.
fn escape(text: &str) -> Option<(Written, &str)> {
    if let Some(rest) = text.strip_prefix('%') {
        return byte(rest, 2, 16);
    }
    if let Some(rest) = text.strip_prefix('\\') {
        return match rest.chars().next()? {
            'x' => rest.get(1..).and_then(|digits| byte(digits, 2, 16)),
            'u' => rest.get(1..).and_then(|digits| unicode(digits, 4)),
            'U' => rest.get(1..).and_then(|digits| unicode(digits, 8)),
            '0'..='3' => byte(rest, 3, 8),
            'n' | 'r' => Some((Written::Char('\n'), rest.get(1..)?)),
            // A line that goes on does so without what ends it.
            'b' | 'f' | 't' | 'v' | '\n' | '\r' => Some((Written::Char(' '), rest.get(1..)?)),
            c if c.is_ascii_punctuation() => Some((Written::Char(c), rest.get(c.len_utf8()..)?)),
            _ => None,
        };
    }
    entity(text.strip_prefix('&')?)
}

fn byte(text: &str, len: usize, radix: u32) -> Option<(Written, &str)> {
    let (digits, rest) = text.split_at_checked(len)?;
    let value = u8::try_from(number(digits, radix)?).ok()?;
    Some((Written::Byte(value), rest))
}

/// `41}` behind `\u{`, or as many digits as there have to be.
fn unicode(text: &str, len: usize) -> Option<(Written, &str)> {
    let (digits, rest) = match text.strip_prefix('{') {
        Some(text) => until(text, '}')?,
        None => text.split_at_checked(len)?,
    };
    Some((Written::Char(char::from_u32(number(digits, 16)?)?), rest))
}

/// A character reference of HTML, without its `&`.
fn entity(text: &str) -> Option<(Written, &str)> {
    let (name, rest) = until(text, ';')?;
    let c = if let Some(digits) = name.strip_prefix("#x").or_else(|| name.strip_prefix("#X")) {
        char::from_u32(number(digits, 16)?)?
    } else if let Some(digits) = name.strip_prefix('#') {
        char::from_u32(number(digits, 10)?)?
    } else {
        match name {
            "amp" => '&',
            "apos" => '\'',
            "bsol" => '\\',
            "colon" => ':',
            "dash" | "hyphen" => '-',
            "gt" => '>',
            "lbrace" | "lcub" => '{',
            "lowbar" => '_',
            "lt" => '<',
            "percnt" => '%',
            "period" => '.',
            "quot" => '"',
            "rbrace" | "rcub" => '}',
            // The others are no letters of any secret.
            _ if name.chars().all(|c| c.is_ascii_alphanumeric()) => ' ',
            _ => return None,
        }
    };
    Some((Written::Char(c), rest))
}

/// What comes before the end of a name or number, and what after it.
fn until(text: &str, end: char) -> Option<(&str, &str)> {
    let at = text.char_indices().take(MAX_NAME).find(|(_, c)| *c == end)?.0;
    Some((text.get(..at)?, text.get(at + end.len_utf8()..)?))
}

fn number(digits: &str, radix: u32) -> Option<u32> {
    // The parser takes a sign.
    if !digits.chars().all(|c| c.is_digit(radix)) {
        return None;
    }
    u32::from_str_radix(digits, radix).ok()
}

/// In characters, of the longest name in use.
const MAX_NAME: usize = 32;
