//! `aims http base`.

use std::path::PathBuf;

use aims_httpsig::{Difference, SignatureFields, SignatureOutline, differences};

use super::exchange::Source;
use crate::failure::Failure;
use crate::input::Inputs;
use crate::output::{Fact, Facts, Report, printable};

/// Which base to print.
#[derive(clap::Args, Debug)]
pub(crate) struct Base {
    #[command(flatten)]
    source: Source,
    /// The label of the signature, where there are several.
    #[arg(long)]
    label: Option<String>,
    /// The base that it should be, such as the one of the other side: lines of which it is not so are marked with < for this
    /// message and > for the other, and ^ where they part, and the program ends with 1;
    /// - is standard input.
    #[arg(long, value_name = "FILE")]
    expected: Option<PathBuf>,
}

impl Base {
    pub(super) fn run(self, inputs: &mut Inputs) -> Result<Report, Failure> {
        self.source.with(
            inputs,
            |_| Ok(None),
            |exchange, inputs| {
                let fields = SignatureFields::of(&exchange.context)?;
                let outline = self.choose(&fields)?;
                let base = outline.base()?;
                let facts = Facts::new().with("label", outline.label()).with("base", base.as_str());
                let Some(path) = &self.expected else {
                    return Ok(Report::Bytes(format!("{base}\n").into_bytes(), facts));
                };
                let expected = inputs.file(path)?;
                let found = differences(&base, &expected.text);
                let (lines, facts) = (marked(&base, &found), facts.with_all(told(&found)));
                Ok(if found.is_empty() {
                    Report::Lines(lines, facts)
                } else {
                    Report::Different(lines, facts)
                })
            },
        )
    }

    fn choose<'f>(&self, fields: &'f SignatureFields<'_>) -> Result<SignatureOutline<'f>, Failure> {
        let mut outlines = fields.outlines()?;
        let Some(label) = &self.label else {
            return match (outlines.pop(), outlines.is_empty()) {
                (Some(one), true) => Ok(one?),
                (None, _) => Err(Failure::refused("no_candidate", "HS-FLD-04", "there is no signature")),
                (Some(_), false) => Err(Failure::Unusable(format!(
                    "the message has {} signatures: name one with --label",
                    outlines.len() + 1
                ))),
            };
        };
        let is_it = |outline: &SignatureOutline<'_>| outline.label() == label;
        let mut others = None;
        for outline in outlines {
            match outline {
                Ok(outline) if is_it(&outline) => return Ok(outline),
                Ok(_) => {}
                // Which one it is, nobody can say.
                Err(error) => others = Some(error),
            }
        }
        match others {
            Some(error) => Err(error.into()),
            None => Err(Failure::refused("no_candidate", "HS-FLD-04", "no signature has this label")),
        }
    }
}

/// The base line by line; those of the other one in the places where they should be.
fn marked(base: &str, found: &[Difference<'_>]) -> Vec<String> {
    let own_lines = base.split('\n').count();
    let mut lines = vec![summary(found, own_lines)];
    let mut found = found.iter().peekable();
    for (own, number) in base.split('\n').zip(1..) {
        match found.next_if(|difference| difference.line == number) {
            Some(difference) => mark(difference, &mut lines),
            None => lines.push(format!("  {own}")),
        }
    }
    // What the other base has behind the last line.
    for difference in found {
        mark(difference, &mut lines);
    }
    lines
}

fn summary(found: &[Difference<'_>], lines: usize) -> String {
    match found.len() {
        0 => format!("the same in all {lines} lines"),
        1 => "another in 1 line: < of this message, > expected".into(),
        count => format!("another in {count} lines: < of this message, > expected"),
    }
}

fn mark(difference: &Difference<'_>, lines: &mut Vec<String>) {
    lines.extend(difference.own.map(|own| format!("< {own}")));
    lines.extend(difference.other.map(|other| format!("> {other}")));
    if let (Some(own), Some(other)) = (difference.own, difference.other) {
        // In what is shown, where some characters are spelled out.
        let (own, other) = (printable(own), printable(other));
        lines.push(format!("  {}^", " ".repeat(common(&own, &other))));
    }
}

/// How many characters two texts begin with that are the same.
fn common(one: &str, other: &str) -> usize {
    one.chars().zip(other.chars()).take_while(|(one, other)| one == other).count()
}

fn told(found: &[Difference<'_>]) -> Facts {
    let each = found.iter().map(|difference| {
        Facts::new()
            .with("line", Fact::Number(difference.line as u64))
            .with_some("own", difference.own)
            .with_some("expected", difference.other)
    });
    Facts::new().with("same", found.is_empty()).with("differences", Fact::Each(each.collect()))
}
