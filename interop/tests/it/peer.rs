//! Programs in other languages, that answer as long as the tests run: a line of JSON in, a line of JSON out.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;

use serde_json::{Value, json};

/// It ends when its standard input does, and so with the tests, however they end.
pub(crate) struct Peer {
    pipes: Mutex<(ChildStdin, BufReader<ChildStdout>)>,
    _child: Child,
}

impl Peer {
    /// Starts it, if what it is made of is there and in the version that the tests are about.
    pub(crate) fn start(command: &mut Command, version: &str) -> Option<Self> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().ok()?;
        let pipes = Mutex::new((child.stdin.take()?, BufReader::new(child.stdout.take()?)));
        let peer = Self { pipes, _child: child };
        (peer.ask(&json!({ "task": "version" })).ok()? == version).then_some(peer)
    }

    /// Its answer, or its error.
    pub(crate) fn ask(&self, question: &Value) -> Result<Value, String> {
        let mut pipes = self.pipes.lock().unwrap();
        let (input, output) = &mut *pipes;
        writeln!(input, "{question}").map_err(|error| error.to_string())?;
        let mut line = String::new();
        output.read_line(&mut line).map_err(|error| error.to_string())?;
        let mut answer: Value = serde_json::from_str(&line).map_err(|error| format!("{error}: {line:?}"))?;
        match answer["error"].as_str() {
            Some(error) => Err(error.to_owned()),
            None => Ok(answer["ok"].take()),
        }
    }
}

/// Where `cargo xtask test` has installed the packages of a language, if it has.
pub(crate) fn installed(language: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("AIMS_PEERS").map(PathBuf::from);
    let folder = folder.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/peers"));
    Some(folder.join(language)).filter(|folder| folder.is_dir())
}

/// A file beside the lock file of the packages.
pub(crate) fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("peers").join(name)
}

/// Says that a test is skipped; in CI nothing is.
pub(crate) fn or_skip<T>(peer: Option<&'static T>, name: &str) -> Option<&'static T> {
    if peer.is_none() {
        let why = format!("no {name}: cargo xtask test installs it");
        assert!(std::env::var_os("CI").is_none(), "{why}");
        // Not by `eprintln!`, which a passing test keeps to itself.
        let _ = writeln!(std::io::stderr(), "SKIPPED, {why}");
    }
    peer
}
