//! What a tool wrote down.

use std::fmt;

use aims::TraceParent;
use serde_json::Value;

use super::account::Fault;
use super::process::Process;

/// What a tool wrote down about a request.
pub(super) struct Record {
    trace_id: String,
    permitted: bool,
    /// The exact check that failed; empty if none did.
    pub(super) code: String,
    /// The requirement that was broken, or the rule of the policy that decided.
    pub(super) rule: String,
    agent: Option<Who>,
    transport: Option<Who>,
    /// What its access token says.
    pub(super) grant: Option<Grant>,
}

/// The access token of a request, as a record has it.
pub(super) struct Grant {
    pub(super) actor: String,
    /// Nobody, where the agent acts for itself.
    pub(super) on_behalf_of: Option<String>,
    pub(super) scope: String,
    /// What names the token.
    pub(super) fingerprint: String,
    /// How many it was exchanged from, one for another.
    pub(super) ancestors: usize,
}

/// Somebody in a record, and how that was shown.
pub(super) struct Who {
    pub(super) id: String,
    pub(super) method: String,
    /// The proxy on whose word it is known.
    pub(super) via: Option<String>,
}

impl Record {
    /// What the tool wrote about the request that had this `traceparent`.
    pub(super) async fn of(tool: &Process, traceparent: &str) -> Result<Self, Fault> {
        let trace = TraceParent::parse(traceparent)?.trace_id();
        let line = tool.log().wait_for(|lines| lines.iter().find(|line| line.contains(&trace)).cloned());
        Self::parse(&line.await?)
    }

    pub(super) fn parse(line: &str) -> Result<Self, Fault> {
        let record: Value = serde_json::from_str(line).map_err(|_| Fault::new("a line is not a record"))?;
        let text = |pointer: &str| record.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        let effect = text("/decision/effect").ok_or_else(|| Fault::new("a record has no decision"))?;
        Ok(Self {
            trace_id: text("/corr/trace_id").unwrap_or_default(),
            permitted: effect == "permit",
            code: text("/decision/reasons/0").unwrap_or_default(),
            rule: text("/decision/policy_id/0").unwrap_or_default(),
            agent: Who::parse(&record, "agent"),
            transport: Who::parse(&record, "transport"),
            grant: Grant::parse(&record),
        })
    }

    /// Whether it is about the request with this trace identifier.
    pub(super) fn is_of(&self, trace_id: &str) -> bool {
        self.trace_id == trace_id
    }

    /// Whether it says that `agent` was let in.
    pub(super) fn permits(&self, agent: &str) -> bool {
        self.permitted && self.agent.as_ref().is_some_and(|who| who.id == agent)
    }

    /// Who called, by its own proof or by its connection.
    pub(super) fn agent(&self) -> Option<&Who> {
        self.agent.as_ref()
    }

    /// Who was at the other end of the connection, where that is another fact.
    pub(super) fn transport(&self) -> Option<&Who> {
        self.transport.as_ref()
    }

    /// Whether it says that the request was refused for this.
    pub(super) fn refuses(&self, code: &str, rule: &str) -> bool {
        !self.permitted && self.code == code && self.rule == rule
    }

    /// The record in a few words.
    pub(super) fn note(&self) -> String {
        let effect = if self.permitted { "permit" } else { "deny" };
        let reason =
            if self.code.is_empty() { &self.rule } else { &format!("{} ({})", self.code, self.rule) };
        format!("record: {effect} {reason}, trace {}", self.trace_id.get(..8).unwrap_or_default())
    }
}

impl Grant {
    fn parse(record: &Value) -> Option<Self> {
        let grant = record.get("authorization")?;
        let text = |name: &str| grant.get(name).and_then(Value::as_str).map(str::to_owned);
        Some(Self {
            actor: text("actor")?,
            on_behalf_of: text("on_behalf_of"),
            scope: text("scope").unwrap_or_default(),
            fingerprint: text("token").unwrap_or_default(),
            ancestors: grant.get("lineage").and_then(Value::as_array).map_or(0, Vec::len),
        })
    }
}

/// `ACTOR for USER (SCOPE)`.
impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whom = self.on_behalf_of.as_deref().unwrap_or("itself");
        write!(f, "{} for {whom} ({})", self.actor, self.scope)
    }
}

impl Who {
    fn parse(record: &Value, member: &str) -> Option<Self> {
        let text = |name: &str| {
            record.pointer(&format!("/{member}/{name}")).and_then(Value::as_str).map(str::to_owned)
        };
        Some(Self { id: text("id")?, method: text("auth/method").unwrap_or_default(), via: text("auth/via") })
    }
}

/// `ID by METHOD`, and through whom.
impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} by {}", self.id, self.method)?;
        self.via.as_ref().map_or(Ok(()), |proxy| write!(f, " of {proxy}"))
    }
}
