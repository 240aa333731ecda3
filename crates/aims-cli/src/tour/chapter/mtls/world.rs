//! Who is in the chapter.

use serde_json::{Value, json};

use crate::tour::account::Fault;
use crate::tour::issuer::{Issuer, member};
use crate::tour::laptop::Laptop;
use crate::tour::process::Process;
use crate::tour::record::Record;
use crate::tour::role::Role;
use crate::tour::wire::Answer;

/// Everybody, once they are up.
pub(super) struct World {
    pub(super) acme: Issuer,
    pub(super) bank: Issuer,
    pub(super) tool: Process,
    pub(super) tool_url: String,
    pub(super) proxy: Process,
    pub(super) proxy_url: String,
    pub(super) agent: Process,
    /// A workload of the same trust domain that is no agent.
    pub(super) batch: Process,
    /// An agent of the bank.
    pub(super) teller: Process,
    /// The last to go.
    pub(super) laptop: Laptop,
}

/// Starts a workload, which gets its certificate and whom to trust from its issuer; and says who it is.
pub(super) async fn start_workload(
    laptop: &Laptop,
    issuer: &Issuer,
    name: &'static str,
) -> Result<(Process, Value), Fault> {
    let (workload, first) = issuer.workload(laptop, Role::Workload, name, &json!({})).await?;
    Ok((workload, member(&first, "subject")?))
}

impl World {
    /// What the tool wrote about a request.
    pub(super) async fn record(&self, traceparent: &str) -> Result<Record, Fault> {
        Record::of(&self.tool, traceparent).await
    }

    pub(super) fn processes(self) -> ([Process; 7], Laptop) {
        let Self { acme, bank, tool, proxy, agent, batch, teller, laptop, .. } = self;
        ([agent, batch, teller, proxy, tool, acme.process, bank.process], laptop)
    }
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

pub(super) const ACME: &str = "spiffe://acme.example";
pub(super) const BANK: &str = "spiffe://bank.example";
pub(super) const TOOL: &str = "spiffe://acme.example/tools/search";
pub(super) const PROXY: &str = "spiffe://acme.example/proxies/edge";
pub(super) const AGENT: &str = "spiffe://acme.example/agents/travel";
pub(super) const BATCH: &str = "spiffe://acme.example/batch/reports";
pub(super) const TELLER: &str = "spiffe://bank.example/agents/pay";
