//! The serialisation algorithms of RFC 9651 section 4.1. What was parsed can be written; of what was built by hand it is checked.

use std::fmt::{self, Write};

use super::parse::is_token_byte;
use super::{BareItem, Dictionary, InnerList, Item, List, Member, Parameters, WriteError, bytes};

impl BareItem<'_> {
    /// Appends the canonical text.
    ///
    /// # Errors
    ///
    /// [`WriteError`] for a value that no text stands for.
    pub fn write(&self, to: &mut String) -> Result<(), WriteError> {
        self.check()?;
        match self {
            Self::Boolean(value) => to.push_str(if *value { "?1" } else { "?0" }),
            Self::Bytes(value) => {
                to.push(':');
                bytes::encode_into(value, to);
                to.push(':');
            }
            Self::Date(seconds) => append(to, format_args!("@{seconds}")),
            Self::Decimal(value) => append(to, format_args!("{value}")),
            Self::DisplayString(text) => display_string(text, to),
            Self::Integer(value) => append(to, format_args!("{value}")),
            Self::String(text) => string(text, to),
            Self::Token(text) => to.push_str(text),
        }
        Ok(())
    }

    /// Whether a text stands for it.
    pub(crate) fn check(&self) -> Result<(), WriteError> {
        match self {
            Self::Date(number) | Self::Integer(number) if number.unsigned_abs() > MAX_INTEGER => {
                Err(WriteError::Number)
            }
            Self::String(text) if !text.bytes().all(|byte| matches!(byte, b' '..=b'~')) => {
                Err(WriteError::String)
            }
            Self::Token(text) if !is_token(text) => Err(WriteError::Token),
            _ => Ok(()),
        }
    }
}

impl Item<'_> {
    /// Appends the canonical text.
    ///
    /// # Errors
    ///
    /// [`WriteError`] for a value that no text stands for.
    pub fn write(&self, to: &mut String) -> Result<(), WriteError> {
        self.bare.write(to)?;
        self.parameters.write(to)
    }
}

impl Parameters<'_> {
    /// Appends the canonical text: nothing when there are none.
    ///
    /// # Errors
    ///
    /// [`WriteError`] for a value that no text stands for.
    pub fn write(&self, to: &mut String) -> Result<(), WriteError> {
        for (name, value) in self.iter() {
            to.push(';');
            to.push_str(name);
            if *value != BareItem::Boolean(true) {
                to.push('=');
                value.write(to)?;
            }
        }
        Ok(())
    }
}

impl InnerList<'_> {
    /// Appends the canonical text.
    ///
    /// # Errors
    ///
    /// [`WriteError`] for a value that no text stands for.
    pub fn write(&self, to: &mut String) -> Result<(), WriteError> {
        to.push('(');
        for (at, item) in self.items.iter().enumerate() {
            if at > 0 {
                to.push(' ');
            }
            item.write(to)?;
        }
        to.push(')');
        self.parameters.write(to)
    }
}

impl Member<'_> {
    /// Appends the canonical text.
    ///
    /// # Errors
    ///
    /// [`WriteError`] for a value that no text stands for.
    pub fn write(&self, to: &mut String) -> Result<(), WriteError> {
        match self {
            Self::InnerList(list) => list.write(to),
            Self::Item(item) => item.write(to),
        }
    }
}

impl List<'_> {
    /// Appends the canonical text: nothing when there are no members, and then the field is left out.
    ///
    /// # Errors
    ///
    /// [`WriteError`] for a value that no text stands for.
    pub fn write(&self, to: &mut String) -> Result<(), WriteError> {
        for (at, member) in self.members.iter().enumerate() {
            if at > 0 {
                to.push_str(", ");
            }
            member.write(to)?;
        }
        Ok(())
    }
}

impl Dictionary<'_> {
    /// Appends the canonical text: nothing when there are no members, and then the field is left out.
    ///
    /// # Errors
    ///
    /// [`WriteError`] for a value that no text stands for.
    pub fn write(&self, to: &mut String) -> Result<(), WriteError> {
        for (at, (key, member)) in self.iter().enumerate() {
            if at > 0 {
                to.push_str(", ");
            }
            to.push_str(key);
            if let Member::Item(Item { bare: BareItem::Boolean(true), parameters, .. }) = member {
                parameters.write(to)?;
            } else {
                to.push('=');
                member.write(to)?;
            }
        }
        Ok(())
    }
}

macro_rules! display {
    ($($kind:ident),*) => {$(
        /// The canonical text. An error, for a value built by hand that no text stands for.
        impl fmt::Display for $kind<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut text = String::new();
                self.write(&mut text).map_err(|_| fmt::Error)?;
                f.write_str(&text)
            }
        }
    )*};
}

display!(BareItem, Dictionary, InnerList, Item, List, Member, Parameters);

pub(crate) fn check_key(key: &str) -> Result<(), WriteError> {
    let is_rest = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'.' | b'*');
    let begins = key.bytes().next().is_some_and(|first| matches!(first, b'a'..=b'z' | b'*'));
    if begins && key.bytes().all(is_rest) { Ok(()) } else { Err(WriteError::Key) }
}

fn string(text: &str, to: &mut String) {
    to.push('"');
    let mut rest = text;
    // Mostly there is nothing to escape.
    while let Some((plain, behind)) = rest.find(['"', '\\']).and_then(|at| rest.split_at_checked(at)) {
        to.push_str(plain);
        to.push('\\');
        let mut letters = behind.chars();
        to.extend(letters.next());
        rest = letters.as_str();
    }
    to.push_str(rest);
    to.push('"');
}

fn is_token(text: &str) -> bool {
    let begins = text.bytes().next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'*');
    begins && text.bytes().all(is_token_byte)
}

fn display_string(text: &str, to: &mut String) {
    to.push_str("%\"");
    for byte in text.bytes() {
        match byte {
            b'%' | b'"' | ..=0x1f | 0x7f.. => append(to, format_args!("%{byte:02x}")),
            _ => to.push(byte.into()),
        }
    }
    to.push('"');
}

fn append(to: &mut String, text: fmt::Arguments<'_>) {
    // Writing to a `String` cannot fail.
    let _ = to.write_fmt(text);
}

/// Fifteen digits.
const MAX_INTEGER: u64 = 999_999_999_999_999;
