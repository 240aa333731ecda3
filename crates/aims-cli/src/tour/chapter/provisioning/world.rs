//! Who is in the chapter.

use std::iter;

use serde_json::{Value, json};

use crate::tour::account::Fault;
use crate::tour::issuer::{Entry, Issuer, register, text};
use crate::tour::laptop::Laptop;
use crate::tour::process::Process;
use crate::tour::record::Record;
use crate::tour::role::Role;
use crate::tour::wire::Request;

/// Everybody, once they are up.
pub(super) struct World {
    pub(super) issuer: Issuer,
    /// The issuer of another trust domain.
    pub(super) partner: Issuer,
    pub(super) tool: Process,
    pub(super) tool_url: String,
    /// A workload with an identity of its own.
    pub(super) intruder: Process,
    /// The public half of the agent's key.
    pub(super) agent_key: Value,
    /// Those who came later.
    pub(super) others: Vec<Process>,
    /// The last to go.
    pub(super) laptop: Laptop,
}

impl World {
    pub(super) async fn begin() -> Result<Self, Fault> {
        let laptop = Laptop::new(&PROGRAMS)?;
        let mut issuer = Issuer::start(&laptop, "issuer", ORIGIN, &ENTRIES).await?;
        issuer.put_in_force(&begin_register(&laptop)?).await?;
        let partner = Issuer::start(&laptop, "partner's issuer", PARTNER, &[]).await?;
        let config = json!({ "callers": CALLERS });
        let (tool, first) = issuer.workload(&laptop, Role::Tool, "travel tool", &config).await?;
        let (intruder, _) = issuer.workload(&laptop, Role::Intruder, "batch job", &json!({})).await?;
        let (tool_url, agent_key, others) = (text(&first, "url")?, Value::Null, Vec::new());
        Ok(Self { issuer, partner, tool, tool_url, intruder, agent_key, others, laptop })
    }

    /// Starts a program.
    pub(super) async fn start(
        &self,
        role: Role,
        name: &'static str,
        config: &Value,
    ) -> Result<(Process, Value), Fault> {
        self.issuer.workload(&self.laptop, role, name, config).await
    }

    /// What the tool wrote about a request.
    pub(super) async fn record(&self, request: &Request) -> Result<Record, Fault> {
        Record::of(&self.tool, &request.traceparent).await
    }

    /// The register without one of its workloads.
    pub(super) fn register_without(&self, subject: &str) -> Result<String, Fault> {
        let left: Vec<_> = ENTRIES.into_iter().filter(|entry| entry.1 != subject).collect();
        Ok(register(&self.laptop, &left)? + &others(&self.laptop)?)
    }

    pub(super) fn processes(self) -> (impl Iterator<Item = Process>, Laptop) {
        let issuers = [self.tool, self.partner.process, self.issuer.process];
        (iter::once(self.intruder).chain(self.others).chain(issuers), self.laptop)
    }
}

/// The register, as it is in force at first.
pub(super) fn begin_register(laptop: &Laptop) -> Result<String, Fault> {
    Ok(register(laptop, &ENTRIES)? + &others(laptop)?)
}

/// Entries for whom the user and the program of the tour do not stand.
fn others(laptop: &Laptop) -> Result<String, Fault> {
    let payroll = register(laptop, &[Entry("payroll", PAYROLL, "")])?;
    let (user, other) = (laptop.user(), laptop.user().wrapping_add(1));
    let payroll = payroll.replace(&format!("unix:uid:{user}\""), &format!("unix:uid:{other}\""));
    let remote = format!("[[entry]]\nspiffe_id = {REMOTE:?}\nselectors = [\"join:agent:remote\"]\n");
    Ok(payroll + &remote)
}

/// All programs, those included that no entry names.
const PROGRAMS: [&str; 9] = [
    "issuer",
    "partner's issuer",
    "travel tool",
    "travel agent",
    "batch job",
    "payroll",
    "remote agent",
    "stranger",
    "thief",
];

/// Known by their program and the user of the tour.
const ENTRIES: [Entry<'static>; 3] = [
    Entry("travel agent", AGENT, ""),
    Entry("batch job", BATCH, ""),
    Entry("travel tool", "spiffe://acme.example/tools/travel", ""),
];

pub(super) const ORIGIN: &str = "spiffe://acme.example";
const PARTNER: &str = "spiffe://bank.example";
pub(super) const AGENT: &str = "spiffe://acme.example/agents/travel";
pub(super) const REMOTE: &str = "spiffe://acme.example/agents/remote";
pub(super) const BATCH: &str = "spiffe://acme.example/batch/reports";
const PAYROLL: &str = "spiffe://acme.example/agents/payroll";

/// Who may call the tool.
const CALLERS: &str = "spiffe://acme.example/agents/*";
