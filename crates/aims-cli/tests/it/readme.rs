//! The session of the README, typed in as it stands there.

use std::process::Command;

use crate::support::Folder;

#[test]
fn the_session_of_the_readme_is_true() {
    let steps = steps(include_str!("../../README.md"), "```console");
    assert!(steps.len() > 15, "the README lost its session");
    type_in(&Folder::new(), steps, "");
}

#[test]
#[cfg(feature = "tpm")]
fn the_session_with_a_tpm_is_true() {
    let Some(machine) = crate::tpm::Machine::endorsed() else { return };
    let steps = steps(include_str!("../../README.md"), "```console tpm");
    assert!(steps.len() > 10, "the README lost its session");
    for (here, there) in [("root.crt", "makers.pem"), ("issuer.crt", "maker-ca.pem")] {
        machine.folder.write(there, machine.folder.read(here));
    }
    type_in(&machine.folder, steps, &machine.tcti());
}

/// What `docs/hardware.md` has its reader paste, but for the ports.
#[test]
#[cfg(feature = "tpm")]
fn what_the_page_about_hardware_says_to_type_in_works() {
    use std::net::TcpListener;

    let Some(block) = include_str!("../../../../docs/hardware.md").split("```sh swtpm\n").nth(1) else {
        panic!("the page lost its session");
    };
    if aims_testkit::SoftTpm::with_endorsement().is_none() {
        return;
    }
    let (commands, _) = block.split_once("```\n").unwrap();
    let pair = || {
        let first = TcpListener::bind("127.0.0.1:0").ok()?;
        let port = first.local_addr().ok()?.port();
        TcpListener::bind(("127.0.0.1", port + 1)).ok().map(|_| port)
    };
    let port = (0..10).find_map(|_| pair()).unwrap();
    let commands = commands.replace("=2321", &format!("={port}")).replace("=2322", &format!("={}", port + 1));
    let folder = Folder::new();
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_aims"));
    let path = format!("{}:{}", std::env::var("PATH").unwrap(), program.parent().unwrap().display());
    // A TPM that goes on would hold what is read here open.
    let script = format!("set -euo pipefail\ntrap 'kill $(cat pid)' EXIT\n{commands}");
    let output = aims_testkit::SoftTpm::command("/bin/bash")
        .args(["-c", &script])
        .env("PATH", path)
        .env("TMPDIR", folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout.clone()).unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(said.contains("verdict: accepted\n") && said.contains("bound_key: hardware\n"), "{said}");
}

fn type_in(folder: &Folder, steps: Vec<(&str, Vec<&str>)>, tcti: &str) {
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_aims"));
    let path = format!("{}:{}", program.parent().unwrap().display(), std::env::var("PATH").unwrap());
    let mut exit_code = 0;
    for (command, expected) in steps {
        let output = Command::new("sh")
            .args(["-c", &format!("(exit {exit_code}); {command} 2>&1")])
            .current_dir(folder.path())
            .env("PATH", &path)
            .env("TCTI", tcti)
            .output()
            .unwrap();
        exit_code = output.status.code().unwrap();
        let got = String::from_utf8(output.stdout).unwrap();
        let got: Vec<_> = got.lines().collect();
        assert_eq!(got.len(), expected.len(), "{command}\n{got:#?}");
        for (got, expected) in got.iter().zip(expected) {
            assert!(is_like(got, expected), "{command}\nexpected: {expected}\ngot:      {got}");
        }
    }
}

#[test]
fn the_table_of_the_readme_is_that_of_the_program() {
    let revisions = Folder::new().aims(&["revisions", "--json"]).json();
    let rows: Vec<_> = revisions["specifications"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            let text = |name: &str| row[name].as_str().unwrap().to_owned();
            format!("| {} | {} | {} |", text("name"), text("revision"), text("date"))
        })
        .collect();
    assert!(rows.len() >= 5);
    let table = format!("| Document | Revision | Date |\n|---|---|---|\n{}\n\n", rows.join("\n"));
    assert!(include_str!("../../README.md").contains(&table), "{table}");
}

#[test]
fn an_ellipsis_stands_for_something() {
    assert!(is_like("a: 1, b: 2", "a: …, b: …"));
    assert!(is_like("abc", "abc"));
    for (got, expected) in
        [("a: ", "a: …"), ("abcd", "abc"), ("ab", "abc"), ("a: , b: 2", "a: …, b: …"), ("a: 1", "…b")]
    {
        assert!(!is_like(got, expected), "{got} {expected}");
    }
}

/// The commands of all blocks of a kind, each with the lines it prints.
fn steps<'a>(readme: &'a str, fence: &str) -> Vec<(&'a str, Vec<&'a str>)> {
    let mut steps: Vec<(&str, Vec<&str>)> = Vec::new();
    let mut inside = false;
    for line in readme.lines() {
        match (line, line.strip_prefix("$ ")) {
            _ if line == fence => inside = true,
            ("```", _) => inside = false,
            (_, Some(command)) if inside => steps.push((command, Vec::new())),
            _ if inside => steps.last_mut().unwrap().1.push(line),
            _ => {}
        }
    }
    steps
}

/// Whether `got` is `expected`, where each `…` stands for at least one character.
fn is_like(got: &str, expected: &str) -> bool {
    let mut pieces = expected.split('…');
    let Some(mut rest) = got.strip_prefix(pieces.next().unwrap()) else { return false };
    let Some(last) = pieces.next_back() else { return rest.is_empty() };
    for piece in pieces {
        let Some((_, after)) = without_first(rest).split_once(piece) else { return false };
        rest = after;
    }
    !rest.is_empty() && without_first(rest).ends_with(last)
}

fn without_first(text: &str) -> &str {
    let mut chars = text.chars();
    chars.next();
    chars.as_str()
}
