//! Who is in the chapter.

use aims::TraceParent;
use serde_json::{Value, json};

use crate::tour::account::Fault;
use crate::tour::issuer::{Entry, Issuer, member, text};
use crate::tour::laptop::Laptop;
use crate::tour::process::Process;
use crate::tour::record::Record;
use crate::tour::role::Role;
use crate::tour::wire::Answer;

/// Everybody, once they are up.
pub(super) struct World {
    pub(super) issuer: Issuer,
    pub(super) authority: Process,
    pub(super) authority_url: String,
    pub(super) office: Process,
    pub(super) office_url: String,
    pub(super) tool: Process,
    pub(super) tool_url: String,
    pub(super) agent: Process,
    /// The same program and the same identity, with keys of its own.
    pub(super) twin: Process,
    /// Another agent.
    pub(super) thief: Process,
    /// What agents said that are gone.
    pub(super) heard: String,
    /// The last to go.
    pub(super) laptop: Laptop,
}

/// A call, and what came of it.
pub(super) struct Call {
    pub(super) answer: Value,
    trace: String,
}

impl World {
    /// An issuer and an authority, which gives nobody tokens yet.
    pub(super) async fn start_authorities() -> Result<(Laptop, Issuer, Process, String), Fault> {
        let laptop = Laptop::new(&[ISSUER, AUTHORITY, OFFICE, TOOL, AGENT, THIEF].map(|who| who.0))?;
        let entries = [AUTHORITY, OFFICE, TOOL, AGENT, THIEF].map(|(name, id)| Entry(name, id, ""));
        let issuer = Issuer::start(&laptop, ISSUER.0, ACME, &entries).await?;
        let config = json!({ "peers": [format!("{ACME}/**")] });
        let (authority, first) = issuer.workload(&laptop, Role::Authority, AUTHORITY.0, &config).await?;
        is_who(&first, AUTHORITY)?;
        Ok((laptop, issuer, authority, text(&first, "url")?))
    }

    /// The rest of them; the authority is told who serves what, and opens.
    pub(super) async fn start(
        (laptop, issuer, mut authority, authority_url): (Laptop, Issuer, Process, String),
    ) -> Result<Self, Fault> {
        let known = json!({ "issuer": authority_url, "authority": AUTHORITY.1 });
        let mut office = workload(&laptop, &issuer, OFFICE).await?;
        let serve = json!({ "do": "serve_tickets", "peers": [TOOL.1], "callers": TOOL.1 });
        let office_url = text(&office.ask(&with(serve, &known)).await?, "url")?;

        let mut tool = workload(&laptop, &issuer, TOOL).await?;
        let serve = json!({
            "do": "serve_trips",
            "peers": [AGENTS],
            "callers": AGENTS,
            "inner": office_url,
            "expect": OFFICE.1,
        });
        let tool_url = text(&tool.ask(&with(serve, &known)).await?, "url")?;

        let open = json!({
            "do": "open",
            "agents": AGENTS,
            "redirect": REDIRECT,
            "tool": TOOL.1,
            "front": tool_url,
            "inner": office_url,
        });
        authority.ask(&open).await?;
        let mut agents = Vec::new();
        for who in [AGENT, AGENT, THIEF] {
            agents.push(start_agent(&laptop, &issuer, &authority_url, who).await?);
        }
        let (Some(thief), Some(twin), Some(agent)) = (agents.pop(), agents.pop(), agents.pop()) else {
            return Err(Fault::new("no agents"));
        };
        let heard = String::new();
        Ok(Self {
            issuer,
            authority,
            authority_url,
            office,
            office_url,
            tool,
            tool_url,
            agent,
            twin,
            thief,
            heard,
            laptop,
        })
    }

    /// Has the agent call the tool for a user, by the name of the grant, or in its own right.
    pub(super) async fn call(
        &mut self,
        (method, path): (&str, &str),
        grant: Option<&str>,
        more: Value,
    ) -> Result<Call, Fault> {
        let message = json!({
            "do": "call",
            "method": method,
            "url": format!("{}{path}", self.tool_url),
            "tool": self.tool_url,
            "expect": TOOL.1,
        });
        let message = with(message, &more);
        let message = match grant {
            Some(grant) => with(message, &json!({ "grant": grant })),
            None => message,
        };
        Call::read(self.agent.ask(&message).await?)
    }

    /// Has the user's browser go where it was sent, and the user agree: what comes back with it.
    pub(super) async fn user_agrees(&mut self, url: &str) -> Result<String, Fault> {
        let approve = json!({ "do": "approve", "url": url, "user": USER });
        let back = text(&self.authority.ask(&approve).await?, "back")?;
        let query = back.strip_prefix(REDIRECT).and_then(|rest| rest.strip_prefix('?'));
        query.map(str::to_owned).ok_or_else(|| Fault::new("the browser is sent elsewhere"))
    }

    /// Has the agent ask for a user's leave: where the browser is to go.
    pub(super) async fn send_user(&mut self, session: &str) -> Result<String, Fault> {
        let send = json!({
            "do": "send_user",
            "session": session,
            "redirect": REDIRECT,
            "resource": self.tool_url,
            "scope": "trips:book",
        });
        text(&self.agent.ask(&send).await?, "url")
    }

    /// Everything secret that the authority gave out so far.
    pub(super) async fn secrets(&mut self) -> Result<Vec<String>, Fault> {
        let answer = self.authority.ask(&json!({ "do": "secrets" })).await?;
        let secrets = member(&answer, "secrets")?;
        let secrets = secrets.as_array().into_iter().flatten();
        Ok(secrets.filter_map(Value::as_str).map(str::to_owned).collect())
    }

    /// What the tool, or the office, wrote about a call that it permitted or not.
    pub(super) async fn record(&self, of: &Process, call: &Call, effect: &str) -> Result<Record, Fault> {
        let effect = format!("\"effect\":\"{effect}\"");
        let is_it = |line: &&String| line.contains(&call.trace) && line.contains(&effect);
        Record::parse(&of.log().wait_for(|lines| lines.iter().find(is_it).cloned()).await?)
    }

    /// Ends the agent's process, and then starts it again: whether it ended well.
    pub(super) async fn restart_agent(mut self) -> Result<(Self, bool), Fault> {
        self.heard.push_str(&self.agent.transcript());
        let well = self.agent.end().await?;
        self.agent = start_agent(&self.laptop, &self.issuer, &self.authority_url, AGENT).await?;
        Ok((self, well))
    }

    pub(super) fn processes(self) -> ([Process; 7], Laptop) {
        let Self { issuer, authority, office, tool, agent, twin, thief, laptop, .. } = self;
        ([agent, twin, thief, tool, office, authority, issuer.process], laptop)
    }
}

impl Call {
    pub(super) fn read(answer: Value) -> Result<Self, Fault> {
        let trace = TraceParent::parse(&text(&answer, "traceparent")?)?.trace_id();
        Ok(Self { answer, trace })
    }
}

/// `STATUS CALLER for USER`, or what else came of it.
pub(super) fn told(answer: &Value) -> Result<String, Fault> {
    if let Ok(refused) = text(answer, "refused") {
        return Ok(format!("refused: {refused}"));
    }
    if let Ok(scope) = text(answer, "step_up") {
        return Ok(format!("step-up: {scope}"));
    }
    let answer = Answer::from_json(answer)?;
    Ok(match answer.text("caller") {
        Some(_) => format!("{answer} for {}", answer.text("for").unwrap_or("itself")),
        None => answer.to_string(),
    })
}

/// The members of both.
pub(super) fn with(mut message: Value, more: &Value) -> Value {
    if let (Some(members), Some(more)) = (message.as_object_mut(), more.as_object()) {
        members.extend(more.iter().map(|(name, value)| (name.clone(), value.clone())));
    }
    message
}

async fn workload(laptop: &Laptop, issuer: &Issuer, who: Who) -> Result<Process, Fault> {
    let (process, first) = issuer.workload(laptop, Role::Workload, who.0, &json!({})).await?;
    is_who(&first, who)?;
    Ok(process)
}

async fn start_agent(laptop: &Laptop, issuer: &Issuer, authority: &str, who: Who) -> Result<Process, Fault> {
    let mut agent = workload(laptop, issuer, who).await?;
    let home = laptop.file(&format!("{}.home", who.0));
    let home = home.to_str().ok_or_else(|| Fault::new("a path that is no text"))?;
    let known = json!({ "do": "act_for_users", "issuer": authority, "authority": AUTHORITY.1, "home": home });
    agent.ask(&known).await?;
    Ok(agent)
}

fn is_who(first: &Value, (name, id): Who) -> Result<(), Fault> {
    let is = text(first, "subject")? == id;
    if is { Ok(()) } else { Err(Fault::new(format!("{name} is somebody else"))) }
}

/// The name of a program, and its identity.
type Who = (&'static str, &'static str);

const ISSUER: Who = ("the issuer", "");
pub(super) const AUTHORITY: Who = ("the authority", "spiffe://acme.example/authority");
pub(super) const OFFICE: Who = ("the ticket office", "spiffe://acme.example/services/tickets");
pub(super) const TOOL: Who = ("the trip desk", "spiffe://acme.example/tools/trips");
pub(super) const AGENT: Who = ("the travel agent", "spiffe://acme.example/agents/travel");
pub(super) const THIEF: Who = ("the other agent", "spiffe://acme.example/agents/other");

const ACME: &str = "spiffe://acme.example";
const AGENTS: &str = "spiffe://acme.example/agents/*";

/// Where browsers come back to.
const REDIRECT: &str = "https://travel.example/back";
pub(super) const USER: &str = "user-1";
