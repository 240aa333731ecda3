//! The programs of the story. Each runs in a process of its own, and uses nothing but the public API of `aims`.
//!
//! Who started one talks to it over its standard input and output, a JSON object per line: the first line in is its
//! configuration, every later one a request that is answered by one line out. When the input ends, so does the program: none
//! outlives the tour.

mod agent;
mod authority;
mod caller;
#[cfg(feature = "tpm")]
mod device;
mod intruder;
mod issuer;
mod tool;
mod workload;

use std::error::Error;
use std::io::Write;
use std::process::ExitCode;

use aims::jose::json::{Limits, Number, Object, Value};
use serde_json::json;

use tokio::sync::mpsc;

/// Which program this process is.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum Role {
    /// Calls tools.
    Agent,
    /// Gives agents access tokens, and asks users.
    Authority,
    /// Has its keys in a TPM.
    #[cfg(feature = "tpm")]
    Device,
    /// Asks for what is not its own.
    Intruder,
    /// Gives workloads their identity.
    Issuer,
    /// Answers those who may call it.
    Tool,
    /// Talks over mutual TLS.
    Workload,
}

impl Role {
    /// As on the command line.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Authority => "authority",
            #[cfg(feature = "tpm")]
            Self::Device => "device",
            Self::Intruder => "intruder",
            Self::Issuer => "issuer",
            Self::Tool => "tool",
            Self::Workload => "workload",
        }
    }
}

/// Runs one of the programs until its input ends.
pub(super) async fn run(role: Role) -> ExitCode {
    let control = Control::new();
    let ended = match role {
        Role::Agent => agent::run(control).await,
        Role::Authority => authority::run(control).await,
        #[cfg(feature = "tpm")]
        Role::Device => device::run(control).await,
        Role::Intruder => intruder::run(control).await,
        Role::Issuer => issuer::run(control).await,
        Role::Tool => tool::run(control).await,
        Role::Workload => workload::run(control).await,
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Whoever started this may be gone already.
            let _ = say(&json!({ "error": error.to_string() }));
            ExitCode::FAILURE
        }
    }
}

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// What whoever started this program says to it.
struct Control(mpsc::Receiver<String>);

impl Control {
    fn new() -> Self {
        let (sender, lines) = mpsc::channel(1);
        // Reading blocks until the input ends, so it has a thread, which ends with the process.
        std::thread::spawn(move || {
            std::io::stdin().lines().map_while(Result::ok).try_for_each(|line| sender.blocking_send(line))
        });
        Self(lines)
    }

    /// The next line; `None` when there are no more.
    async fn next(&mut self) -> Outcome<Option<Message>> {
        let Some(line) = self.0.recv().await else { return Ok(None) };
        Ok(Some(Message(Object::parse(line, &LIMITS)?)))
    }

    /// The first line.
    async fn config(&mut self) -> Outcome<Message> {
        self.next().await?.ok_or_else(|| "no configuration".into())
    }

    /// Waits until whoever started this is gone.
    async fn closed(&mut self) -> Outcome<()> {
        while self.next().await?.is_some() {}
        Ok(())
    }
}

/// A line that was said to this program.
struct Message(Object);

impl Message {
    fn get(&self, name: &'static str) -> Outcome<Value<'_>> {
        self.0.get(name).ok_or_else(|| format!("`{name}` is missing").into())
    }

    fn text(&self, name: &'static str) -> Outcome<String> {
        let text = self.get(name)?.as_str();
        text.map(Into::into).ok_or_else(|| format!("`{name}` is not a string").into())
    }

    fn number(&self, name: &'static str) -> Outcome<u64> {
        let number = self.get(name)?.as_number().and_then(Number::as_u64);
        number.ok_or_else(|| format!("`{name}` is not a whole number").into())
    }
}

/// Answers with one line.
fn say(answer: &serde_json::Value) -> Outcome<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{answer}")?;
    Ok(out.flush()?)
}

/// A line holds a few tokens at most.
const LIMITS: Limits = Limits::new().bytes(64 * 1024);
