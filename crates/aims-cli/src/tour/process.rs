//! The processes of the story, as the tour sees them from outside.

use std::path::Path;
use std::process::Stdio;

use aims::workload_api::{ENDPOINT_VARIABLE, Endpoint};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::watch;

use super::account::Fault;
use super::laptop::Laptop;
use super::role::Role;

/// A running program of the story. It ends with the tour: killed when this is dropped, and by itself when its standard
/// input ends, should the tour be gone without a chance to drop anything.
pub(super) struct Process {
    name: &'static str,
    child: Box<Child>,
    pipes: Box<Pipes>,
    /// The lines that it said.
    said: Vec<String>,
    log: Log,
}

struct Pipes {
    input: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Process {
    /// Starts a process in `role`, tells it `config`, and waits for what it says first.
    ///
    /// The program has this name on the `laptop`, and finds its Workload API at `socket`.
    pub(super) async fn start(
        role: Role,
        laptop: &Laptop,
        name: &'static str,
        socket: Option<&Path>,
        config: &Value,
    ) -> Result<(Self, Value), Fault> {
        let mut command = Command::new(laptop.program(name)?);
        command.env_remove(ENDPOINT_VARIABLE);
        if let Some(socket) = socket {
            command.env(ENDPOINT_VARIABLE, Endpoint::Unix(socket.to_owned()).to_string());
        }
        let mut child = command
            .args(["tour", "--role", role.name()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let (Some(input), Some(output), Some(errors)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(Fault::new(format!("{name} has no pipes")));
        };
        let answers = BufReader::new(output).lines();
        let pipes = Box::new(Pipes { input, answers });
        let log = Log::follow(errors);
        let mut process = Self { name, child: Box::new(child), pipes, said: Vec::new(), log };
        let first = process.ask(config).await?;
        Ok((process, first))
    }

    /// Says one thing to the process, and waits for its answer.
    pub(super) async fn ask(&mut self, message: &Value) -> Result<Value, Fault> {
        self.pipes.input.write_all(format!("{message}\n").as_bytes()).await?;
        self.pipes.input.flush().await?;
        let line = self.pipes.answers.next_line().await?;
        let line = line.ok_or_else(|| Fault::new(format!("{} ended: {}", self.name, self.log.text())))?;
        let answer: Value = serde_json::from_str(&line)?;
        self.said.push(line);
        match answer.get("error") {
            Some(error) => Err(Fault::new(format!("{}: {error}", self.name))),
            None => Ok(answer),
        }
    }

    /// Lets the process end by itself, as it does when its input ends, and says whether all was well with it.
    pub(super) async fn end(self) -> Result<bool, Fault> {
        let Self { mut child, pipes, .. } = self;
        drop(pipes);
        Ok(child.wait().await?.success())
    }

    /// What the process wrote to its standard error.
    pub(super) fn log(&self) -> &Log {
        &self.log
    }

    /// Everything that it said so far, to whoever asked and into its log.
    pub(super) fn transcript(&self) -> String {
        [self.said.join("\n"), self.log.lines().join("\n")].join("\n")
    }

    /// What the process is called in the account.
    pub(super) fn name(&self) -> &'static str {
        self.name
    }
}

/// The lines of a log, as they come.
pub(super) struct Log(watch::Receiver<Vec<String>>);

impl Log {
    fn follow(source: impl AsyncRead + Send + Unpin + 'static) -> Self {
        let (sender, receiver) = watch::channel(Vec::new());
        tokio::spawn(async move {
            let mut lines = BufReader::new(source).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                sender.send_modify(|log| log.push(line));
            }
        });
        Self(receiver)
    }

    /// Waits until `pick` finds something in the log.
    pub(super) async fn wait_for<T>(&self, pick: impl Fn(&[String]) -> Option<T>) -> Result<T, Fault> {
        let mut lines = self.0.clone();
        loop {
            if let Some(found) = pick(&lines.borrow_and_update()) {
                return Ok(found);
            }
            lines.changed().await.map_err(|_| Fault::new("a log ended too early"))?;
        }
    }

    /// The lines so far.
    pub(super) fn lines(&self) -> Vec<String> {
        self.0.borrow().clone()
    }

    fn text(&self) -> String {
        self.0.borrow().join(" / ")
    }
}
