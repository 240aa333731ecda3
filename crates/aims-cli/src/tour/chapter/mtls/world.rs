//! Who is in the chapter.

use aims::TraceParent;
use aims::jose::base64;
use serde_json::{Value, json};

use crate::tour::account::Fault;
use crate::tour::process::Process;
use crate::tour::record::Record;
use crate::tour::role::Role;
use crate::tour::wire::Answer;

/// Everybody, once they are up.
pub(super) struct World {
    pub(super) acme: Authority,
    pub(super) bank: Authority,
    pub(super) tool: Process,
    pub(super) tool_url: String,
    pub(super) proxy: Process,
    pub(super) proxy_url: String,
    pub(super) agent: Process,
    /// A workload of the same trust domain that is no agent.
    pub(super) batch: Process,
    /// An agent of the bank.
    pub(super) teller: Process,
}

/// The authority of a trust domain.
pub(super) struct Authority {
    pub(super) process: Process,
    pub(super) origin: &'static str,
    pub(super) bundle: Value,
}

impl Authority {
    pub(super) async fn start(name: &'static str, origin: &'static str) -> Result<Self, Fault> {
        let (process, first) = Process::start(Role::Authority, name, &json!({ "origin": origin })).await?;
        let bundle = first.get("bundle").cloned().ok_or_else(|| Fault::new("it says no bundle"))?;
        Ok(Self { process, origin, bundle })
    }

    /// A certificate for whoever made the request, `ago` seconds ago.
    pub(super) async fn issue(&mut self, subject: &str, request: &Value, ago: u64) -> Result<Value, Fault> {
        let message = json!({ "do": "issue", "subject": subject, "request": request, "ago": ago });
        member(&self.process.ask(&message).await?, "chain")
    }

    /// Has a workload make a key, and gives it a certificate for it.
    pub(super) async fn certify(&mut self, workload: &mut Process, subject: &str) -> Result<(), Fault> {
        let request = member(&workload.ask(&json!({ "do": "request" })).await?, "request")?;
        let chain = self.issue(subject, &request, 0).await?;
        workload.ask(&json!({ "do": "certificate", "chain": chain })).await?;
        Ok(())
    }

    /// Signs whatever it is told to.
    pub(super) async fn sign(&mut self, body: &[u8]) -> Result<Vec<u8>, Fault> {
        let message = json!({ "do": "sign", "body": base64::encode(body) });
        let signature = member(&self.process.ask(&message).await?, "signature")?;
        Ok(base64::decode(signature.as_str().unwrap_or_default())?)
    }

    /// Has a workload trust this authority.
    pub(super) async fn is_trusted_by(&self, workload: &mut Process) -> Result<(), Fault> {
        let message = json!({ "do": "trust", "origin": self.origin, "bundle": self.bundle });
        workload.ask(&message).await.map(drop)
    }
}

/// Starts a workload, with a certificate and trust in its own authority.
pub(super) async fn start_workload(
    name: &'static str,
    authority: &mut Authority,
    subject: &str,
) -> Result<Process, Fault> {
    let (mut workload, _) = Process::start(Role::Workload, name, &json!({})).await?;
    authority.certify(&mut workload, subject).await?;
    authority.is_trusted_by(&mut workload).await?;
    Ok(workload)
}

impl World {
    /// What the tool wrote about a request.
    pub(super) async fn record(&self, traceparent: &str) -> Result<Record, Fault> {
        let trace = TraceParent::parse(traceparent)?.trace_id();
        let line = self.tool.log().wait_for(|lines| lines.iter().find(|line| line.contains(&trace)).cloned());
        Record::parse(&line.await?)
    }

    /// Has the tool refuse a connection, and says why it did: `refused: CODE`, and the rule.
    pub(super) async fn refused_connection(
        tool: &Process,
        connecting: impl Future<Output = Result<(), Fault>>,
    ) -> Result<(String, String), Fault> {
        let before = connections(&tool.log().lines()).count();
        connecting.await?;
        let line = tool.log().wait_for(|lines| connections(lines).nth(before).cloned()).await?;
        let line: Value = serde_json::from_str(&line)?;
        let text = |name| line.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        Ok((format!("refused: {}", text("refused")), text("rule")))
    }

    pub(super) fn processes(self) -> [Process; 7] {
        let Self { acme, bank, tool, proxy, agent, batch, teller, .. } = self;
        [agent, batch, teller, proxy, tool, acme.process, bank.process]
    }
}

fn connections(lines: &[String]) -> impl Iterator<Item = &String> {
    lines.iter().filter(|line| line.contains(r#""kind":"connection""#))
}

/// A call, and what came of it.
pub(super) struct Call {
    pub(super) answer: Answer,
    pub(super) traceparent: String,
}

/// Has a workload call; `more` are the further members of what it is told.
pub(super) async fn call(
    caller: &mut Process,
    url: &str,
    expect: &str,
    more: &[(&str, &str)],
) -> Result<Call, Fault> {
    let mut message = json!({ "do": "call", "url": format!("{url}/v1/search?to=LIS"), "expect": expect });
    for (name, value) in more {
        if let Some(members) = message.as_object_mut() {
            members.insert((*name).to_owned(), json!(value));
        }
    }
    let answer = caller.ask(&message).await?;
    let traceparent = member(&answer, "traceparent")?.as_str().unwrap_or_default().to_owned();
    Ok(Call { answer: Answer::from_json(&answer)?, traceparent })
}

pub(super) fn member(answer: &Value, name: &str) -> Result<Value, Fault> {
    answer.get(name).cloned().ok_or_else(|| Fault::new(format!("an answer without `{name}`")))
}

pub(super) const ACME: &str = "spiffe://acme.example";
pub(super) const BANK: &str = "spiffe://bank.example";
pub(super) const TOOL: &str = "spiffe://acme.example/tools/search";
pub(super) const PROXY: &str = "spiffe://acme.example/proxies/edge";
pub(super) const AGENT: &str = "spiffe://acme.example/agents/travel";
pub(super) const BATCH: &str = "spiffe://acme.example/batch/reports";
pub(super) const TELLER: &str = "spiffe://bank.example/agents/pay";
