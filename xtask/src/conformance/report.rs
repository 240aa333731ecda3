//! The conformance report, as JSON lines and as `docs/conformance.md`.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::json;

use super::coverage::Coverage;
use super::spec::Definition;
use super::status::Status;

/// What is known about one requirement.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) definition: Definition,
    /// The crate that it belongs to.
    owner: String,
    pub(super) tests: BTreeSet<String>,
    /// Why it has no test.
    untestable: Option<String>,
    required: bool,
}

impl Row {
    /// Whether it must have a test or a reason, and has neither.
    pub(super) fn is_open(&self) -> bool {
        self.required && self.tests.is_empty() && self.untestable.is_none()
    }

    fn state(&self) -> String {
        if !self.tests.is_empty() {
            let crates: BTreeSet<&str> =
                self.tests.iter().filter_map(|test| test.split("::").next()).collect();
            return format!("{TESTED}{}", crates.into_iter().collect::<Vec<_>>().join(", "));
        }
        match &self.untestable {
            Some(reason) => reason.clone(),
            None if self.required => "open".to_owned(),
            None => "not binding, no test".to_owned(),
        }
    }
}

/// Puts together what the digests, the tests and the status file say.
pub(super) fn rows(definitions: &[Definition], coverage: &Coverage, status: &Status) -> Vec<Row> {
    let row = |definition: &Definition| {
        let tests = coverage.tests.get(&definition.id).cloned().unwrap_or_default();
        Row {
            owner: status.owner(&definition.id).to_owned(),
            untestable: status.reason(&definition.id).filter(|_| tests.is_empty()).map(ToString::to_string),
            required: status.requires(definition),
            tests,
            definition: definition.clone(),
        }
    };
    definitions.iter().map(row).collect()
}

/// One line for each requirement.
pub(super) fn json(rows: &[Row]) -> String {
    let mut text = String::new();
    for Row { definition, owner, tests, untestable, .. } in rows {
        // In the order in which one reads it; a `Value` would sort its names.
        let _ = writeln!(
            text,
            r#"{{"id":{},"level":{},"crate":{},"tests":{},"untestable":{}}}"#,
            json!(definition.id),
            json!(definition.level),
            json!(owner),
            json!(tests),
            json!(untestable)
        );
    }
    text
}

/// The document, the same for the same tree.
pub(super) fn markdown(rows: &[Row]) -> String {
    let mut text = HEAD.to_owned();
    let files: BTreeSet<&str> = rows.iter().map(|row| row.definition.file.as_str()).collect();
    for file in &files {
        let rows: Vec<&Row> = rows.iter().filter(|row| row.definition.file == *file).collect();
        let _ = writeln!(text, "{}", sum(&format!("[{file}](spec/{file})"), &rows));
    }
    let _ = writeln!(text, "{}", sum("all", &rows.iter().collect::<Vec<_>>()));
    for file in files {
        let _ = write!(text, "\n## {file}\n\n| ID | Level | Crate | State |\n|---|---|---|---|\n");
        for row in rows.iter().filter(|row| row.definition.file == file) {
            let Definition { id, level, .. } = &row.definition;
            let _ = writeln!(text, "| {id} | {level} | `{}` | {} |", row.owner, row.state());
        }
    }
    text
}

/// The IDs that a document calls tested.
pub(super) fn tested_in(text: &str) -> BTreeSet<&str> {
    let tested = |line: &'_ str| line.split(" | ").nth(3).is_some_and(|state| state.starts_with(TESTED));
    let rows = text.lines().filter_map(|line| line.strip_prefix("| ")).filter(|line| tested(line));
    rows.filter_map(|line| line.split(' ').next()).collect()
}

const TESTED: &str = "tested: ";

const HEAD: &str = "\
# Conformance

Written by `cargo xtask conformance`, checked by `cargo xtask check`; do not edit. For every requirement of
[docs/spec](spec/README.md): the packages whose tests exercise it, or why there is no test
([status.toml](spec/status.toml)). `cargo xtask conformance --json` names the tests. A requirement that is tested here
stays tested: the list may only grow.

| Digest | IDs | Tested | With a reason | Open | Not binding, no test |
|---|---|---|---|---|---|
";

/// A row of the table of sums.
fn sum(name: &str, rows: &[&Row]) -> String {
    let count = |keep: fn(&Row) -> bool| rows.iter().filter(|row| keep(row)).count();
    let tested = count(|row| !row.tests.is_empty());
    let reasons = count(|row| row.untestable.is_some());
    let open = count(Row::is_open);
    let rest = rows.len() - tested - reasons - open;
    format!("| {name} | {} | {tested} | {reasons} | {open} | {rest} |", rows.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: &str, tests: &[&str], untestable: Option<&str>) -> Row {
        Row {
            definition: Definition { id: id.to_owned(), level: 'M', file: "x.md".to_owned() },
            owner: "aims-x".to_owned(),
            tests: tests.iter().map(|&test| test.to_owned()).collect(),
            untestable: untestable.map(ToOwned::to_owned),
            required: true,
        }
    }

    #[test]
    fn the_document_says_which_ids_are_tested() {
        let rows = [
            row("WID-1", &["aims-id::it::a", "aims-jose::it::b", "aims-id::it::c"], None),
            row("WID-2", &[], Some("fact: tested: x")),
            row("WID-3", &[], None),
        ];
        let text = markdown(&rows);
        assert!(text.contains("| WID-1 | M | `aims-x` | tested: aims-id, aims-jose |\n"), "{text}");
        assert!(text.contains("| WID-3 | M | `aims-x` | open |\n"), "{text}");
        assert!(text.contains("| all | 3 | 1 | 1 | 1 | 0 |\n"), "{text}");
        assert_eq!(tested_in(&text), ["WID-1"].into());
    }

    #[test]
    fn each_id_is_one_json_line() {
        let text = json(&[row("WID-1", &["aims-id::it::a"], None), row("WID-2", &[], Some("fact: x"))]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2);
        let value: serde_json::Value = serde_json::from_str(lines[0]).unwrap();
        let want = json!({"id": "WID-1", "level": "M", "crate": "aims-x", "tests": ["aims-id::it::a"], "untestable": null});
        assert_eq!(value, want);
        assert!(lines[1].contains(r#""untestable":"fact: x""#), "{}", lines[1]);
    }
}
