//! Who is in the chapter, and what they leave behind.

use aims::backend;
use aims::jose::{Jwk, base64url};
use serde_json::{Value, json};

use crate::tour::account::Fault;
use crate::tour::process::Process;
use crate::tour::record::Record;
use crate::tour::role::Role;
use crate::tour::wire::{Answer, Request, Wire};

/// Everybody, once they are up.
pub(super) struct World {
    pub(super) wire: Wire,
    pub(super) issuer: Server,
    /// The tool that the agent calls.
    pub(super) travel: Tool,
    /// Another tool, of the same trust domain.
    pub(super) bank: Tool,
    pub(super) agent: Process,
    /// The public half of the agent's key.
    pub(super) agent_key: Jwk,
    /// What the agent was enrolled under.
    pub(super) agent_secret: String,
    /// A workload that no tool knows.
    pub(super) batch: Process,
    /// Every secret and token that was ever used: none may be in a log.
    pub(super) secrets: Vec<String>,
}

/// A process that listens.
pub(super) struct Server {
    pub(super) process: Process,
    pub(super) url: String,
}

/// A protected tool.
pub(super) struct Tool {
    pub(super) server: Server,
    /// How many requests it was sent.
    pub(super) requests: usize,
}

impl Server {
    pub(super) async fn start(role: Role, name: &'static str, config: &Value) -> Result<Self, Fault> {
        let (process, first) = Process::start(role, name, config).await?;
        let url = first
            .get("url")
            .and_then(Value::as_str)
            .ok_or_else(|| Fault::new("it does not say its address"))?;
        Ok(Self { process, url: url.to_owned() })
    }
}

impl Tool {
    pub(super) async fn start(name: &'static str, issuer: &Server) -> Result<Self, Fault> {
        let keys = format!("{}/keys", issuer.url);
        let config = json!({ "keys": keys, "origin": ORIGIN, "callers": CALLERS });
        Ok(Self { server: Server::start(Role::Tool, name, &config).await?, requests: 0 })
    }

    /// The record of the request that was sent last, which must be `request`.
    pub(super) async fn record(&self, request: &Request) -> Result<Record, Fault> {
        let last = self.requests.saturating_sub(1);
        let line = self.server.process.log().wait_for(|lines| lines.get(last).cloned()).await?;
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
        tools
            .find(|tool| url.starts_with(&tool.server.url))
            .ok_or_else(|| Fault::new("no tool has this address"))
    }

    /// Where the agent searches for trips.
    pub(super) fn search(&self) -> String {
        format!("{}/v1/search?to=LIS", self.travel.server.url)
    }

    pub(super) fn tools(&self) -> [&Tool; 2] {
        [&self.travel, &self.bank]
    }

    pub(super) fn processes(&self) -> [&Process; 5] {
        let [travel, bank] = self.tools().map(|tool| &tool.server.process);
        [&self.issuer.process, travel, bank, &self.agent, &self.batch]
    }

    /// Lets everybody go; the names of those that did not end well.
    pub(super) async fn end(self) -> Result<Vec<&'static str>, Fault> {
        let mut failed = Vec::new();
        for process in [
            self.agent,
            self.batch,
            self.travel.server.process,
            self.bank.server.process,
            self.issuer.process,
        ] {
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

/// A secret that works once.
pub(super) fn new_secret() -> Result<String, Fault> {
    let mut secret = [0; 32];
    backend::ring().fill_random(&mut secret)?;
    Ok(base64url::encode(secret))
}

/// The trust domain of the story.
pub(super) const ORIGIN: &str = "spiffe://acme.example";

/// The agent of the story.
pub(super) const AGENT: &str = "spiffe://acme.example/agents/travel";

/// A workload of the trust domain that is no agent.
pub(super) const BATCH: &str = "spiffe://acme.example/batch/reports";

/// Who may call tools.
const CALLERS: &str = "spiffe://acme.example/agents/*";
