//! `cargo xtask conformance`: every requirement of `docs/spec/`, and the tests that exercise it.

use std::fs;

mod coverage;
mod report;
mod spec;
mod status;
mod tokens;
mod tree;

use crate::{Failure, map, process};
use coverage::Coverage;
use report::Row;
use spec::Definition;
use status::Status;

const DOCUMENT: &str = "docs/conformance.md";

pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    let (mut json, mut checks) = (false, false);
    for arg in args {
        match arg.as_str() {
            "--check" => checks = true,
            "--json" => json = true,
            other => return Err(Failure::Usage(format!("conformance: unexpected argument `{other}`"))),
        }
    }
    if json {
        print!("{}", report::json(&State::read()?.rows));
    }
    if checks {
        check()?;
    }
    if !json && !checks {
        write()?;
    }
    Ok(())
}

/// Fails unless every binding requirement has a test or a reason, and the documents say so.
pub(crate) fn check() -> Result<(), String> {
    let state = State::read()?;
    let mut faults = state.faults()?;
    let document = document();
    faults.extend(state.lost(&document));
    if document != report::markdown(&state.rows) {
        faults.push(format!("{DOCUMENT} is out of date: run `cargo xtask conformance`"));
    }
    for fault in &faults {
        eprintln!("{fault}");
    }
    eprintln!("{}", state.summary());
    if faults.is_empty() { Ok(()) } else { Err(format!("{} faults", faults.len())) }
}

/// Writes the document, unless a requirement would no longer be tested.
fn write() -> Result<(), String> {
    let state = State::read()?;
    let lost = state.lost(&document());
    if !lost.is_empty() {
        return Err(lost.join("\n"));
    }
    fs::write(process::root().join(DOCUMENT), report::markdown(&state.rows))
        .map_err(|e| format!("{DOCUMENT}: {e}"))?;
    println!("{}", state.summary());
    Ok(())
}

/// The document as it stands; empty before there is one.
fn document() -> String {
    fs::read_to_string(process::root().join(DOCUMENT)).unwrap_or_default()
}

/// Everything that was read.
struct State {
    definitions: Vec<Definition>,
    coverage: Coverage,
    status: Status,
    rows: Vec<Row>,
}

impl State {
    fn read() -> Result<Self, String> {
        let definitions = spec::read()?;
        let coverage = coverage::find(&definitions, &tree::read()?);
        let status = Status::read()?;
        let rows = report::rows(&definitions, &coverage, &status);
        Ok(Self { definitions, coverage, status, rows })
    }

    fn faults(&self) -> Result<Vec<String>, String> {
        let tested = |id: &str| self.coverage.tests.contains_key(id);
        let mut faults = self.status.faults(&self.definitions, tested, &map::read()?);
        for row in self.rows.iter().filter(|row| row.is_open()) {
            let id = &row.definition.id;
            faults.push(match self.coverage.only_named.get(id) {
                None => format!("{id}: neither a test nor a reason"),
                Some(tests) => {
                    let tests: Vec<&str> = tests.iter().map(String::as_str).collect();
                    format!("{id}: named, but no test asserts this `rule()`: {}", tests.join(", "))
                }
            });
        }
        Ok(faults)
    }

    /// What the document calls tested, and is not.
    fn lost(&self, document: &str) -> Vec<String> {
        let tested = report::tested_in(document);
        let lost = tested.into_iter().filter(|id| !self.coverage.tests.contains_key(*id));
        lost.map(|id| format!("{id}: was tested ({DOCUMENT}), and no test exercises it any more")).collect()
    }

    fn summary(&self) -> String {
        let count = |keep: fn(&Row) -> bool| self.rows.iter().filter(|row| keep(row)).count();
        format!(
            "conformance: {} requirements, {} tested, {} open",
            self.rows.len(),
            count(|row| !row.tests.is_empty()),
            count(Row::is_open)
        )
    }
}
