//! `docs/spec/status.toml`: whose rule it is, and why a rule has no test.
//!
//! The file uses four tables of `key = "value"` lines and comments, nothing else of TOML.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;

use super::spec::{self, Definition};
use crate::map::{Row, State};
use crate::process;

pub(super) const PATH: &str = "docs/spec/status.toml";

/// What the file says.
#[derive(Clone, Debug, Default)]
pub(super) struct Status {
    /// Prefix or ID to the crate that the rules belong to.
    crates: BTreeMap<String, String>,
    /// Prefix to the reason why its rules have no test.
    prefixes: BTreeMap<String, Reason>,
    /// ID to the reason why it has no test.
    ids: BTreeMap<String, Reason>,
    /// IDs that must have a test although their level does not bind, and who says so.
    required: BTreeMap<String, String>,
}

/// Why a rule has no test.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Reason {
    kind: Kind,
    text: String,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Kind {
    /// It binds who runs the software.
    Deployment,
    /// It states something, and asks for nothing.
    Fact,
    /// It binds somebody whose software is not ours.
    OtherParty,
    /// This crate will have it.
    LaterCrate(String),
}

impl Status {
    pub(super) fn read() -> Result<Self, String> {
        let text = fs::read_to_string(process::root().join(PATH)).map_err(|e| format!("{PATH}: {e}"))?;
        Self::parse(&text)
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mut status = Self::default();
        let mut table = "";
        for (number, line) in text.lines().enumerate() {
            let at = |message: &str| format!("{PATH}:{}: {message}", number + 1);
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                table = name;
                continue;
            }
            let (key, value) = entry(line).ok_or_else(|| at("not a `key = \"value\"` line"))?;
            let reason = || Reason::parse(&value).ok_or_else(|| at("not a reason"));
            let known = match table {
                "crates" => status.crates.insert(key.clone(), value).is_some(),
                "ids" => status.ids.insert(key.clone(), reason()?).is_some(),
                "prefixes" => status.prefixes.insert(key.clone(), reason()?).is_some(),
                "required" if Reason::parse(&value).is_some() => {
                    return Err(at("a reason why there is no test: it belongs to ids"));
                }
                "required" => status.required.insert(key.clone(), value).is_some(),
                _ => return Err(at("not in one of the tables crates, prefixes, ids and required")),
            };
            if known {
                return Err(at(&format!("{key} is there twice")));
            }
        }
        Ok(status)
    }

    /// Why this rule has no test; the entry of the ID goes before that of its prefix.
    pub(super) fn reason(&self, id: &str) -> Option<&Reason> {
        self.ids.get(id).or_else(|| self.prefixes.get(spec::prefix(id)))
    }

    /// The crate that this rule belongs to.
    pub(super) fn owner(&self, id: &str) -> &str {
        match self.ids.get(id) {
            Some(Reason { kind: Kind::LaterCrate(name), .. }) => name,
            _ => self.crates.get(id).or_else(|| self.crates.get(spec::prefix(id))).map_or("", String::as_str),
        }
    }

    /// Whether this rule must have a test or a reason.
    pub(super) fn requires(&self, definition: &Definition) -> bool {
        definition.binds() || self.required.contains_key(&definition.id)
    }

    /// What is wrong with the file itself, given the definitions, the tested IDs and the README's map.
    pub(super) fn faults(
        &self,
        definitions: &[Definition],
        tested: impl Fn(&str) -> bool,
        map: &[Row],
    ) -> Vec<String> {
        let mut faults = Vec::new();
        let defined = |id: &str| definitions.iter().any(|d| d.id == id);
        let used = |prefix: &str| definitions.iter().any(|d| d.prefix() == prefix);
        let state = |name: &str| map.iter().find(|row| row.name == name).map(|row| row.state);

        for id in self.ids.keys().chain(self.required.keys()).filter(|id| !defined(id)) {
            faults.push(format!("{PATH}: {id} is not defined in docs/spec/"));
        }
        for id in self.ids.keys().filter(|id| tested(id)) {
            faults.push(format!("{PATH}: {id} has a test by now: remove its reason"));
        }
        let prefixes = self.crates.keys().filter(|key| !defined(key)).chain(self.prefixes.keys());
        for prefix in prefixes.filter(|prefix| !used(prefix)) {
            faults.push(format!("{PATH}: no ID has the prefix {prefix}"));
        }
        for definition in definitions.iter().filter(|d| self.owner(&d.id).is_empty()) {
            faults.push(format!("{PATH}: no crate for the prefix of {}", definition.id));
        }
        for name in self.crates.values().filter(|name| state(name).is_none()) {
            faults.push(format!("{PATH}: {name} is not in the README's map"));
        }
        for (key, reason) in self.ids.iter().chain(&self.prefixes) {
            let Kind::LaterCrate(name) = &reason.kind else { continue };
            if let Some(fault) = match state(name) {
                Some(State::InWork | State::Planned) => None,
                Some(State::Complete) => Some("which the README's map calls complete"),
                None => Some("which is not in the README's map"),
            } {
                faults.push(format!("{PATH}: {key} waits for {name}, {fault}"));
            }
        }
        faults.sort();
        faults.dedup();
        faults
    }
}

impl Reason {
    /// Reads `deployment: ...`, `fact: ...`, `other party: ...` or `later crate NAME: ...`.
    fn parse(text: &str) -> Option<Self> {
        let (kind, text) = text.split_once(": ")?;
        let kind = match kind {
            "deployment" => Kind::Deployment,
            "fact" => Kind::Fact,
            "other party" => Kind::OtherParty,
            _ => Kind::LaterCrate(
                kind.strip_prefix("later crate ").filter(|name| !name.is_empty())?.to_owned(),
            ),
        };
        (!text.trim().is_empty()).then(|| Self { kind, text: text.to_owned() })
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Deployment => write!(f, "deployment: {}", self.text),
            Kind::Fact => write!(f, "fact: {}", self.text),
            Kind::OtherParty => write!(f, "other party: {}", self.text),
            Kind::LaterCrate(name) => write!(f, "later crate {name}: {}", self.text),
        }
    }
}

/// Reads `key = "value"`, without escapes.
fn entry(line: &str) -> Option<(String, String)> {
    let (key, value) = line.split_once('=')?;
    let value = value.trim().strip_prefix('"')?.strip_suffix('"')?;
    (!value.contains(['"', '\\'])).then(|| (key.trim().to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::map;

    const MAP: &str = "\
| 2 | `aims-tpm` | x | planned |
| 1 | [`aims-keys`](crates/aims-keys) | x | complete |
";

    fn definitions() -> Vec<Definition> {
        ["WID-1", "WID-2", "TPM-1"]
            .map(|id| Definition { id: id.to_owned(), level: 'M', file: "x.md".to_owned() })
            .into()
    }

    fn faults(text: &str, tested: &str) -> Vec<String> {
        let map = map::parse(MAP).unwrap();
        let text = format!("[crates]\nWID = \"aims-keys\"\nTPM = \"aims-tpm\"\n{text}");
        Status::parse(&text).unwrap().faults(&definitions(), |id| id == tested, &map)
    }

    #[test]
    fn a_reason_is_one_of_four() {
        for text in ["deployment: TLS", "fact: x", "other party: x", "later crate aims-tpm: quotes"] {
            assert_eq!(Reason::parse(text).unwrap().to_string(), text);
        }
        for text in ["later: x", "fact", "fact: ", "Fact: x", "later crate : x", "untestable: x", ""] {
            assert_eq!(Reason::parse(text), None, "{text}");
        }
    }

    #[test]
    fn an_id_goes_before_its_prefix() {
        let status = Status::parse("[prefixes]\nWID = \"fact: a\"\n[ids]\nWID-1 = \"fact: b\"\n").unwrap();
        assert_eq!(status.reason("WID-1").unwrap().to_string(), "fact: b");
        assert_eq!(status.reason("WID-2").unwrap().to_string(), "fact: a");
        assert_eq!(status.reason("WIT-1"), None);
    }

    #[test]
    fn a_good_file_has_no_fault() {
        let text = "[prefixes]\nTPM = \"later crate aims-tpm: all of it\"\n[ids]\nWID-2 = \"fact: x\"\n";
        assert_eq!(faults(text, "WID-1"), [""; 0]);
    }

    #[test]
    fn unknown_stale_and_overdue_reasons_are_faults() {
        let fault = |text: &str, tested: &str, part: &str| {
            let faults = faults(text, tested);
            assert!(faults.len() == 1 && faults[0].contains(part), "{text}: {faults:?}");
        };
        fault("[ids]\nWID-3 = \"fact: x\"\n", "", "WID-3 is not defined");
        fault("[required]\nWID-3 = \"x\"\n", "", "WID-3 is not defined");
        fault("[ids]\nWID-1 = \"fact: x\"\n", "WID-1", "has a test");
        fault("[prefixes]\nXX = \"fact: x\"\n", "", "no ID has the prefix XX");
        fault("[ids]\nWID-1 = \"later crate aims-keys: x\"\n", "", "complete");
        fault("[prefixes]\nTPM = \"later crate aims-xyz: x\"\n", "", "not in the README's map");
    }

    #[test]
    fn lines_that_are_not_understood_are_errors() {
        for text in
            ["WID = \"x\"", "[ids]\nWID-1", "[ids]\nWID-1 = x", "[other]\na = \"b\"", "[ids]\nA-1 = \"no\""]
        {
            assert!(Status::parse(text).is_err(), "{text}");
        }
        assert!(Status::parse("[crates]\nA = \"b\"\nA = \"c\"").unwrap_err().contains("twice"));
        let misplaced = Status::parse("[required]\nA-1 = \"later crate aims-x: y\"").unwrap_err();
        assert!(misplaced.contains("belongs to ids"), "{misplaced}");
    }
}
