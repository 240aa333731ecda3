//! The parsing algorithms of RFC 9651 section 4.2.

use std::borrow::Cow;

use super::names::{Index, Named};
use super::{
    BareItem, Decimal, Dictionary, InnerList, Item, Limits, List, Member, Parameters, ParseError, Reason,
    Span, bytes,
};

impl<'a> Item<'a> {
    /// Parses a field that is one item.
    ///
    /// # Errors
    ///
    /// [`ParseError`].
    pub fn parse(text: &'a [u8], limits: &Limits) -> Result<Self, ParseError> {
        Parser::whole(text, limits, Parser::item)
    }
}

impl<'a> List<'a> {
    /// Parses a field that is a list. An empty text is one without members.
    ///
    /// # Errors
    ///
    /// [`ParseError`].
    pub fn parse(text: &'a [u8], limits: &Limits) -> Result<Self, ParseError> {
        Parser::whole(text, limits, Parser::list)
    }
}

impl<'a> Dictionary<'a> {
    /// Parses a field that is a dictionary. An empty text is one without members.
    ///
    /// # Errors
    ///
    /// [`ParseError`].
    pub fn parse(text: &'a [u8], limits: &Limits) -> Result<Self, ParseError> {
        Parser::whole(text, limits, Parser::dictionary)
    }
}

struct Parser<'a, 'l> {
    text: &'a [u8],
    at: usize,
    limits: &'l Limits,
}

type Parsed<T> = Result<T, ParseError>;

impl<'a, 'l> Parser<'a, 'l> {
    fn whole<T>(text: &'a [u8], limits: &'l Limits, parse: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        let mut parser = Self { text, at: 0, limits };
        if text.len() > limits.bytes {
            return Err(parser.error(Reason::TooLong));
        }
        parser.skip_spaces();
        let value = parse(&mut parser)?;
        parser.skip_spaces();
        if parser.at < text.len() { Err(parser.error(Reason::Trailing)) } else { Ok(value) }
    }

    fn list(&mut self) -> Parsed<List<'a>> {
        let mut members = Vec::new();
        while self.peek().is_some() {
            if members.len() >= self.limits.members {
                return Err(self.error(Reason::TooMany));
            }
            members.push(self.member()?);
            if !self.comma()? {
                break;
            }
        }
        Ok(List { members })
    }

    fn dictionary(&mut self) -> Parsed<Dictionary<'a>> {
        let mut named = Named::default();
        let (mut index, mut count) = (Index::default(), 0);
        while self.peek().is_some() {
            count += 1;
            if count > self.limits.members {
                return Err(self.error(Reason::TooMany));
            }
            let key = self.key()?;
            let member = if self.take(b'=') {
                self.member()?
            } else {
                let start = self.at;
                let parameters = self.parameters()?;
                Member::Item(Item { bare: BareItem::Boolean(true), parameters, span: start..self.at })
            };
            named.insert(Cow::Borrowed(key), member, &mut index);
            if !self.comma()? {
                break;
            }
        }
        Ok(Dictionary { named })
    }

    /// Whether another member follows.
    fn comma(&mut self) -> Parsed<bool> {
        self.skip_whitespace();
        if self.peek().is_none() {
            return Ok(false);
        }
        if !self.take(b',') {
            return Err(self.error(Reason::Trailing));
        }
        self.skip_whitespace();
        if self.peek().is_none() { Err(self.error(Reason::TrailingComma)) } else { Ok(true) }
    }

    fn member(&mut self) -> Parsed<Member<'a>> {
        if self.peek() == Some(b'(') {
            self.inner_list().map(Member::InnerList)
        } else {
            self.item().map(Member::Item)
        }
    }

    fn inner_list(&mut self) -> Parsed<InnerList<'a>> {
        let start = self.at;
        self.at += 1;
        let mut items = Vec::new();
        loop {
            self.skip_spaces();
            if self.take(b')') {
                let parameters = self.parameters()?;
                return Ok(InnerList { items, parameters, span: start..self.at });
            }
            if items.len() >= self.limits.items {
                return Err(self.error(Reason::TooMany));
            }
            if self.peek().is_none() {
                return Err(self.error(Reason::InnerList));
            }
            if items.is_empty() {
                // Most have a few: one allocation, not one at each doubling.
                items.reserve(USUAL_ITEMS);
            }
            items.push(self.item()?);
            if !matches!(self.peek(), Some(b' ' | b')')) {
                return Err(self.error(Reason::InnerList));
            }
        }
    }

    fn item(&mut self) -> Parsed<Item<'a>> {
        let start = self.at;
        let bare = self.bare()?;
        let parameters = self.parameters()?;
        Ok(Item { bare, parameters, span: start..self.at })
    }

    fn parameters(&mut self) -> Parsed<Parameters<'a>> {
        let start = self.at;
        let mut named = Named::default();
        let (mut index, mut count) = (Index::default(), 0);
        while self.take(b';') {
            count += 1;
            if count > self.limits.parameters {
                return Err(self.error(Reason::TooMany));
            }
            self.skip_spaces();
            let key = self.key()?;
            let value = if self.take(b'=') { self.bare()? } else { BareItem::Boolean(true) };
            named.insert(Cow::Borrowed(key), value, &mut index);
        }
        Ok(Parameters { named, span: start..self.at })
    }

    fn key(&mut self) -> Parsed<&'a str> {
        let start = self.at;
        if !matches!(self.peek(), Some(b'a'..=b'z' | b'*')) {
            return Err(self.error(Reason::Key));
        }
        self.take_while(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'.' | b'*'));
        Ok(self.ascii(start..self.at))
    }

    fn bare(&mut self) -> Parsed<BareItem<'a>> {
        match self.peek() {
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b'"') => self.string(),
            Some(b'A'..=b'Z' | b'a'..=b'z' | b'*') => Ok(self.token()),
            Some(b':') => self.bytes(),
            Some(b'?') => self.boolean(),
            Some(b'@') => self.date(),
            Some(b'%') => self.display_string(),
            Some(_) => Err(self.error(Reason::UnknownType)),
            None => Err(self.error(Reason::Empty)),
        }
    }

    /// HS-SF-05: no number that is accepted is beyond an `i64`.
    fn number(&mut self) -> Parsed<BareItem<'a>> {
        let start = self.at;
        let negative = self.take(b'-');
        let whole = self.digits();
        let sign = if negative { -1 } else { 1 };
        let wrong = ParseError::new(start, Reason::Number);
        if self.peek() == Some(b'.') {
            self.at += 1;
            let fraction = self.digits();
            let (whole_len, len) = (whole.len(), fraction.len());
            if !(1..=12).contains(&whole_len) || !(1..=3).contains(&len) {
                return Err(wrong);
            }
            let missing = [100, 10, 1].get(len - 1).copied().unwrap_or(1);
            let thousandths = decimal(whole) * 1000 + decimal(fraction) * missing;
            let value = Decimal::from_thousandths(sign * thousandths).map_err(|_| wrong)?;
            return Ok(BareItem::Decimal(value));
        }
        if !(1..=15).contains(&whole.len()) {
            return Err(wrong);
        }
        Ok(BareItem::Integer(sign * decimal(whole)))
    }

    fn digits(&mut self) -> &'a [u8] {
        let start = self.at;
        self.take_while(|byte| byte.is_ascii_digit());
        self.text.get(start..self.at).unwrap_or_default()
    }

    fn string(&mut self) -> Parsed<BareItem<'a>> {
        let start = self.at;
        self.at += 1;
        let wrong = |at| ParseError::new(at, Reason::String);
        let from = self.at;
        // Mostly there is nothing to unescape, and the text is as it stands.
        self.take_while(|byte| matches!(byte, b' ' | b'!' | b'#'..=b'[' | b']'..=b'~'));
        let plain = self.ascii(from..self.at);
        if self.take(b'"') {
            return Ok(BareItem::String(Cow::Borrowed(plain)));
        }
        let mut text = plain.to_owned();
        loop {
            match self.next() {
                Some(b'"') => return Ok(BareItem::String(Cow::Owned(text))),
                Some(b'\\') => match self.next() {
                    Some(byte @ (b'"' | b'\\')) => text.push(byte.into()),
                    _ => return Err(wrong(self.at)),
                },
                Some(byte @ b' '..=b'~') => text.push(byte.into()),
                Some(_) => return Err(wrong(self.at)),
                None => return Err(wrong(start)),
            }
        }
    }

    fn token(&mut self) -> BareItem<'a> {
        let start = self.at;
        self.take_while(is_token_byte);
        BareItem::Token(Cow::Borrowed(self.ascii(start..self.at)))
    }

    fn bytes(&mut self) -> Parsed<BareItem<'a>> {
        let wrong = ParseError::new(self.at, Reason::ByteSequence);
        self.at += 1;
        let start = self.at;
        self.take_while(|byte| byte != b':');
        let text = self.text.get(start..self.at).unwrap_or_default();
        if !self.take(b':') {
            return Err(wrong);
        }
        bytes::decode(text).map(|bytes| BareItem::Bytes(Cow::Owned(bytes))).ok_or(wrong)
    }

    fn boolean(&mut self) -> Parsed<BareItem<'a>> {
        let wrong = ParseError::new(self.at, Reason::Boolean);
        self.at += 1;
        match self.next() {
            Some(b'0') => Ok(BareItem::Boolean(false)),
            Some(b'1') => Ok(BareItem::Boolean(true)),
            _ => Err(wrong),
        }
    }

    fn date(&mut self) -> Parsed<BareItem<'a>> {
        let wrong = ParseError::new(self.at, Reason::Date);
        self.at += 1;
        match self.peek() {
            Some(b'-' | b'0'..=b'9') => match self.number()? {
                BareItem::Integer(seconds) => Ok(BareItem::Date(seconds)),
                _ => Err(wrong),
            },
            _ => Err(wrong),
        }
    }

    fn display_string(&mut self) -> Parsed<BareItem<'a>> {
        let wrong = ParseError::new(self.at, Reason::DisplayString);
        self.at += 1;
        if !self.take(b'"') {
            return Err(wrong);
        }
        let mut bytes = Vec::new();
        loop {
            match self.next() {
                Some(b'"') => {
                    let text = String::from_utf8(bytes).map_err(|_| wrong)?;
                    return Ok(BareItem::DisplayString(Cow::Owned(text)));
                }
                Some(b'%') => {
                    let (Some(high), Some(low)) = (self.hex(), self.hex()) else { return Err(wrong) };
                    bytes.push(high << 4 | low);
                }
                Some(byte @ b' '..=b'~') => bytes.push(byte),
                _ => return Err(wrong),
            }
        }
    }

    /// A hexadecimal digit, in lower case.
    fn hex(&mut self) -> Option<u8> {
        match self.next()? {
            digit @ b'0'..=b'9' => Some(digit - b'0'),
            digit @ b'a'..=b'f' => Some(digit - b'a' + 10),
            _ => None,
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn take(&mut self, byte: u8) -> bool {
        let taken = self.peek() == Some(byte);
        self.at += usize::from(taken);
        taken
    }

    fn take_while(&mut self, is: impl Fn(u8) -> bool) {
        let rest = self.text.get(self.at..).unwrap_or_default();
        self.at += rest.iter().position(|byte| !is(*byte)).unwrap_or(rest.len());
    }

    fn skip_spaces(&mut self) {
        self.take_while(|byte| byte == b' ');
    }

    fn skip_whitespace(&mut self) {
        self.take_while(|byte| matches!(byte, b' ' | b'\t'));
    }

    /// What was found to be ASCII.
    fn ascii(&self, span: Span) -> &'a str {
        self.text.get(span).and_then(|bytes| str::from_utf8(bytes).ok()).unwrap_or_default()
    }

    fn error(&self, reason: Reason) -> ParseError {
        ParseError::new(self.at, reason)
    }
}

const USUAL_ITEMS: usize = 8;

/// At most fifteen digits.
fn decimal(digits: &[u8]) -> i64 {
    digits.iter().fold(0, |value, digit| value * 10 + i64::from(digit - b'0'))
}

/// Behind the first byte of a token.
pub(super) fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~:/".contains(&byte)
}
