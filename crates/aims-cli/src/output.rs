//! What commands print: lines of `name: value` for people, one line of JSON for programs.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;

use aims::jose::json::{Kind, Number, Object, ObjectWriter, Value};
use aims::keys::UnixTime;
use zeroize::Zeroizing;

use crate::time::date;

/// The result of a command.
pub(crate) enum Report {
    /// Bytes that mean something only as they are, and the facts that programs get. A terminal gets them [`printable`].
    Bytes(Vec<u8>, Facts),
    /// As [`Lines`](Self::Lines), of what was compared and is not the same.
    Different(Vec<String>, Facts),
    /// A JSON document, the same for people and programs.
    Document(String),
    /// Facts.
    Facts(Facts),
    /// What people and shells want alone, and the facts that programs get.
    Lines(Vec<String>, Facts),
    /// A private key that was asked for.
    Secret(Zeroizing<String>),
}

impl Report {
    /// What the program ends with: 1 for a difference, as `diff` does.
    pub(crate) fn exit_code(&self) -> ExitCode {
        if matches!(self, Self::Different(..)) { ExitCode::from(1) } else { ExitCode::SUCCESS }
    }

    /// Writes the result to standard output.
    pub(crate) fn print(&self, json: bool) -> io::Result<()> {
        let mut out = io::stdout().lock();
        match self {
            Self::Bytes(bytes, _) if !json && !out.is_terminal() => out.write_all(bytes)?,
            Self::Bytes(bytes, _) if !json => {
                for line in String::from_utf8_lossy(bytes).lines() {
                    writeln!(out, "{}", printable(line))?;
                }
            }
            Self::Document(document) => writeln!(out, "{}", printable_json(document))?,
            Self::Bytes(_, facts)
            | Self::Facts(facts)
            | Self::Different(_, facts)
            | Self::Lines(_, facts)
                if json =>
            {
                writeln!(out, "{}", facts.to_json())?;
            }
            Self::Bytes(_, facts) | Self::Facts(facts) => write!(out, "{}", facts.to_text())?,
            Self::Different(lines, _) | Self::Lines(lines, _) => {
                for line in lines {
                    writeln!(out, "{}", printable(line))?;
                }
            }
            Self::Secret(text) => write!(out, "{}", **text)?,
        }
        out.flush()
    }
}

/// Named facts, in the order in which they are shown.
#[derive(Default)]
pub(crate) struct Facts {
    facts: Vec<(&'static str, Fact)>,
    note: Option<&'static str>,
}

/// One fact.
pub(crate) enum Fact {
    Date(UnixTime),
    Each(Vec<Facts>),
    Flag(bool),
    Json(Object),
    /// One line each.
    List(Vec<String>),
    Number(u64),
    Text(String),
    Texts(Vec<String>),
}

impl Facts {
    /// No facts yet.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// A line for people above the facts.
    pub(crate) fn note(mut self, note: &'static str) -> Self {
        self.note = Some(note);
        self
    }

    /// Adds a fact.
    pub(crate) fn with(mut self, name: &'static str, fact: impl Into<Fact>) -> Self {
        self.facts.push((name, fact.into()));
        self
    }

    /// Adds a fact, if there is one.
    pub(crate) fn with_some(self, name: &'static str, fact: Option<impl Into<Fact>>) -> Self {
        match fact {
            Some(fact) => self.with(name, fact),
            None => self,
        }
    }

    /// Adds all facts of another, but not its note.
    pub(crate) fn with_all(mut self, other: Self) -> Self {
        self.facts.extend(other.facts);
        self
    }

    /// The facts for people, without those that are dates of now.
    pub(crate) fn text(&self) -> String {
        let mut text = self.to_text();
        if self.facts.first().is_some_and(|(name, _)| *name == "at") {
            text = text.split_once('\n').map(|(_, rest)| rest.to_owned()).unwrap_or_default();
        }
        text
    }

    fn to_text(&self) -> String {
        let mut out = String::new();
        if let Some(note) = self.note {
            out.push_str(note);
            out.push('\n');
        }
        self.write_lines("", &mut out);
        out
    }

    fn write_lines(&self, prefix: &str, out: &mut String) {
        for (name, fact) in &self.facts {
            let name = format!("{prefix}{name}");
            match fact {
                Fact::Date(at) => line(out, &name, &date(*at)),
                Fact::Each(each) => {
                    for (index, facts) in each.iter().enumerate() {
                        facts.write_lines(&format!("{name}.{index}."), out);
                    }
                }
                Fact::Flag(flag) => line(out, &name, &flag.to_string()),
                Fact::Json(object) => {
                    for (member, value) in object {
                        let member = member.as_str();
                        line(out, &format!("{name}.{member}"), &member_text(&member, value));
                    }
                }
                Fact::List(texts) => {
                    for (index, text) in texts.iter().enumerate() {
                        line(out, &format!("{name}.{index}"), text);
                    }
                }
                Fact::Number(number) => line(out, &name, &number.to_string()),
                Fact::Text(text) => line(out, &name, text),
                Fact::Texts(texts) => line(out, &name, &texts.join(" ")),
            }
        }
    }

    fn to_json(&self) -> String {
        let mut writer = ObjectWriter::new();
        self.write_members(&mut writer);
        // INVARIANT: the names differ, the only thing `finish` can object to.
        printable_json(&writer.finish().unwrap_or_default())
    }

    fn write_members(&self, writer: &mut ObjectWriter) {
        for (name, fact) in &self.facts {
            match fact {
                Fact::Date(at) => writer.u64(name, at.as_secs()),
                Fact::Each(each) => writer.array(name, |items| {
                    for facts in each {
                        items.object(|item| facts.write_members(item));
                    }
                }),
                Fact::Flag(flag) => writer.bool(name, *flag),
                Fact::Json(object) => writer.value(name, object.as_value()),
                Fact::Number(number) => writer.u64(name, *number),
                Fact::Text(text) => writer.str(name, text),
                Fact::List(texts) | Fact::Texts(texts) => writer.strs(name, texts),
            };
        }
    }
}

impl From<&str> for Fact {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Fact {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<UnixTime> for Fact {
    fn from(at: UnixTime) -> Self {
        Self::Date(at)
    }
}

impl From<Object> for Fact {
    fn from(object: Object) -> Self {
        Self::Json(object)
    }
}

impl From<bool> for Fact {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

/// The text with every character spelled out that a terminal would obey, or that would hide or reorder others.
///
/// Tokens come from strangers, and so does whatever stands in them.
pub(crate) fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || is_invisible(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing to a `String` cannot fail.
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(c);
        }
    }
    out
}

/// As [`printable`], of a JSON document: the same document on one line.
pub(crate) fn printable_json(json: &str) -> String {
    // Between the strings, where alone they can stand, line ends and tabs are white space.
    printable(&json.replace(['\n', '\r', '\t'], " "))
}

fn line(out: &mut String, name: &str, value: &str) {
    let space = if value.is_empty() { "" } else { " " };
    // Writing to a `String` cannot fail.
    let _ = writeln!(out, "{}:{space}{}", printable(name), printable(value));
}

/// A member of a token for people: dates also as dates.
fn member_text<'a>(name: &str, value: Value<'a>) -> Cow<'a, str> {
    let seconds = value.as_number().and_then(Number::floor_u64);
    match (value.kind(), seconds) {
        (Kind::String, _) => value.as_str().unwrap_or_default(),
        (_, Some(seconds)) if matches!(name, "exp" | "iat" | "nbf") => {
            date(UnixTime::from_secs(seconds)).into()
        }
        _ => value.raw().into(),
    }
}

/// Characters of the kind `Cf` and line separators: they have no glyph, and change how others are shown.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}
