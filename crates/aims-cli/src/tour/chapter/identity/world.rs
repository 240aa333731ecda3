//! Who is in the chapter, and what they leave behind.

use serde_json::{Value, json};

use crate::tour::account::Fault;
use crate::tour::issuer::{Issuer, text};
use crate::tour::laptop::Laptop;
use crate::tour::process::Process;
use crate::tour::record::Record;
use crate::tour::role::Role;
use crate::tour::wire::{Answer, Request, Wire};

/// Everybody, once they are up.
pub(super) struct World {
    pub(super) wire: Wire,
    pub(super) issuer: Issuer,
    /// The tool that the agent calls.
    pub(super) travel: Tool,
    /// Another tool, of the same trust domain.
    pub(super) bank: Tool,
    pub(super) agent: Process,
    /// A workload that no tool knows.
    pub(super) batch: Process,
    /// Every token that was ever used: none may be in a log.
    pub(super) secrets: Vec<String>,
    /// Goes with everybody.
    pub(super) _laptop: Laptop,
}

/// A protected tool.
pub(super) struct Tool {
    pub(super) process: Process,
    pub(super) url: String,
    /// How many requests it was sent.
    pub(super) requests: usize,
}

impl Tool {
    pub(super) async fn start(laptop: &Laptop, issuer: &Issuer, name: &'static str) -> Result<Self, Fault> {
        let config = json!({ "callers": CALLERS });
        let (process, first) = issuer.workload(laptop, Role::Tool, name, &config).await?;
        Ok(Self { process, url: text(&first, "url")?, requests: 0 })
    }

    /// The record of the request that was sent last, which must be `request`.
    pub(super) async fn record(&self, request: &Request) -> Result<Record, Fault> {
        let last = self.requests.saturating_sub(1);
        let line = self.process.log().wait_for(|lines| lines.get(last).cloned()).await?;
        let record = Record::parse(&line)?;
        if !record.is_of(&request.trace_id()?) {
            return Err(Fault::new("the record is of another request"));
        }
        Ok(record)
    }
}

impl World {
    /// Has the agent call a tool, and keeps a copy of what went over the wire.
    pub(super) async fn call(&mut self, url: &str) -> Result<(Request, Answer), Fault> {
        self.count(url)?;
        call(&mut self.agent, url, &mut self.secrets).await
    }

    /// As [`call`](Self::call), but by the workload that no tool knows.
    pub(super) async fn call_unlisted(&mut self, url: &str) -> Result<(Request, Answer), Fault> {
        self.count(url)?;
        call(&mut self.batch, url, &mut self.secrets).await
    }

    /// Sends a request as it stands.
    pub(super) async fn send(&mut self, request: &Request) -> Result<Answer, Fault> {
        self.count(&request.url)?;
        self.secrets.extend([request.proof().to_owned(), request.wit.clone()]);
        self.wire.send(request).await
    }

    /// The tool that `url` belongs to.
    pub(super) fn tool(&mut self, url: &str) -> Result<&mut Tool, Fault> {
        let mut tools = [&mut self.travel, &mut self.bank].into_iter();
        tools.find(|tool| url.starts_with(&tool.url)).ok_or_else(|| Fault::new("no tool has this address"))
    }

    /// Where the agent searches for trips.
    pub(super) fn search(&self) -> String {
        format!("{}/v1/search?to=LIS", self.travel.url)
    }

    pub(super) fn tools(&self) -> [&Tool; 2] {
        [&self.travel, &self.bank]
    }

    pub(super) fn processes(&self) -> [&Process; 5] {
        let [travel, bank] = self.tools().map(|tool| &tool.process);
        [&self.issuer.process, travel, bank, &self.agent, &self.batch]
    }

    /// Lets everybody go; the names of those that did not end well.
    pub(super) async fn end(self) -> Result<Vec<&'static str>, Fault> {
        let mut failed = Vec::new();
        for process in [self.agent, self.batch, self.travel.process, self.bank.process, self.issuer.process] {
            let name = process.name();
            if !process.end().await? {
                failed.push(name);
            }
        }
        Ok(failed)
    }

    fn count(&mut self, url: &str) -> Result<(), Fault> {
        self.tool(url)?.requests += 1;
        Ok(())
    }
}

async fn call(
    caller: &mut Process,
    url: &str,
    secrets: &mut Vec<String>,
) -> Result<(Request, Answer), Fault> {
    let answer = caller.ask(&json!({ "do": "call", "url": url })).await?;
    let request = Request::from_json(answer.get("sent").unwrap_or(&Value::Null))?;
    secrets.extend([request.proof().to_owned(), request.wit.clone()]);
    Ok((request, Answer::from_json(&answer)?))
}

/// The trust domain of the story.
pub(super) const ORIGIN: &str = "spiffe://acme.example";

/// The agent of the story.
pub(super) const AGENT: &str = "spiffe://acme.example/agents/travel";

/// A workload of the trust domain that is no agent.
pub(super) const BATCH: &str = "spiffe://acme.example/batch/reports";

/// The tools: their programs, and who they are.
pub(super) const TOOLS: [(&str, &str); 2] = [
    ("travel tool", "spiffe://acme.example/tools/travel"),
    ("bank tool", "spiffe://acme.example/tools/bank"),
];

/// Who may call tools.
const CALLERS: &str = "spiffe://acme.example/agents/*";
