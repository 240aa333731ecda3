//! An agent gets its identity from nothing, proves it with every request, and nobody else can.
//!
//! All of it is plain HTTP on loopback. Elsewhere these messages travel over TLS: a proof can be used by whoever gets it to the
//! tool first.

mod attack;
mod world;

use aims::jose::Jwk;
use serde_json::{Value, json};

use self::attack::{ATTACKS, Attack};
use self::world::{AGENT, BATCH, ORIGIN, TOOLS, Tool, World};
use crate::tour::account::{Account, Broken, Fault, Seen, Step};
use crate::tour::issuer::{Entry, Issuer, text};
use crate::tour::laptop::Laptop;
use crate::tour::process::Process;
use crate::tour::role::Role;
use crate::tour::wire::{Answer, Request, Wire};

/// What the chapter is about.
pub(super) const INTRO: &str = "  \
An agent starts on a laptop with nothing but the address of a socket. It asks who it is: the Workload API looks at
  its process, finds it in a register, and gives it a key and a credential for an hour. With every request it sends
  the credential and a fresh proof. Then somebody who has a copy of the traffic tries everything else, changing one
  thing at a time. (Separate processes, plain HTTP on loopback. After \"record\" stands what the tool wrote down, and
  does not tell callers.)";

/// Tells the chapter.
pub(super) async fn tell(account: &mut Account) -> Result<(), Broken> {
    let mut world = begin(account).await?;
    call(account, &mut world, "call", "The agent calls the tool, which says who called.").await?;
    for attack in &ATTACKS {
        // An attack that goes through does not keep the others from being tried.
        let _: Result<(), Broken> = refuse(account, &mut world, attack).await;
    }
    call_unlisted(account, &mut world).await?;
    call(
        account,
        &mut world,
        "call_again",
        "After all that, the agent calls again, and is let in as before.",
    )
    .await?;
    one_record_each(account, &world).await?;
    no_secret_logged(account, &world).await?;
    end(account, world).await
}

/// Everybody comes up.
async fn begin(account: &mut Account) -> Result<World, Broken> {
    let step = Step {
        name: "issuer_up",
        told: format!(
            "The Workload API of {ORIGIN} comes up. Whoever its register does not name gets nothing."
        ),
        expect: "refused: permission_denied".into(),
    };
    let (laptop, issuer) = account.step(step, start_issuer()).await?;

    let step = Step {
        name: "tool_up",
        told: "A tool comes up, and lets nobody in who proves nothing.".into(),
        expect: "refused: no_proof".into(),
    };
    let (wire, travel, bank) = account.step(step, start_tools(&laptop, &issuer)).await?;

    let step = Step {
        name: "agents_up",
        told: "An agent and another workload start, and ask who they are. Each gets a key of its own.".into(),
        expect: format!("{AGENT}, {BATCH}"),
    };
    let ([agent, batch], secrets) = account.step(step, start_agents(&laptop, &issuer)).await?;
    Ok(World { _laptop: laptop, wire, issuer, travel, bank, agent, batch, secrets })
}

async fn start_issuer() -> Result<Seen<(Laptop, Issuer)>, Fault> {
    let laptop = Laptop::new(&["issuer", "travel agent", "batch job", TOOLS[0].0, TOOLS[1].0])?;
    let entries = [
        Entry("travel agent", AGENT, ""),
        Entry("batch job", BATCH, ""),
        Entry(TOOLS[0].0, TOOLS[0].1, ""),
        Entry(TOOLS[1].0, TOOLS[1].1, ""),
    ];
    let issuer = Issuer::start(&laptop, "issuer", ORIGIN, &entries).await?;
    // The tour itself asks.
    let (got, note) = match issuer.api().fetch_x509().await {
        Ok(context) => (format!("{} identities", context.identities.len()), String::new()),
        Err(error) => (format!("refused: {}", error.code()), error.rule().to_owned()),
    };
    let note = format!("unix://{} · {note}", issuer.socket.display());
    Ok(Seen { got, note, faults: Vec::new(), value: (laptop, issuer) })
}

async fn start_tools(laptop: &Laptop, issuer: &Issuer) -> Result<Seen<(Wire, Tool, Tool)>, Fault> {
    let mut travel = Tool::start(laptop, issuer, TOOLS[0].0).await?;
    let bank = Tool::start(laptop, issuer, TOOLS[1].0).await?;
    let wire = Wire::new()?;
    let answer = wire.get(&format!("{}/v1/search", travel.url)).await?;
    travel.requests += 1;
    let note = travel.url.clone();
    Ok(Seen { got: answer.to_string(), note, faults: Vec::new(), value: (wire, travel, bank) })
}

async fn start_agents(laptop: &Laptop, issuer: &Issuer) -> Result<Seen<([Process; 2], Vec<String>)>, Fault> {
    let config = json!({ "key": "given" });
    let (agent, one) = issuer.workload(laptop, Role::Agent, "travel agent", &config).await?;
    let (batch, other) = issuer.workload(laptop, Role::Agent, "batch job", &config).await?;
    let got = format!("{}, {}", text(&one, "subject")?, text(&other, "subject")?);
    let [a, b] = [thumbprint(&one)?, thumbprint(&other)?];
    let faults = if a == b { vec!["both have one key".to_owned()] } else { Vec::new() };
    let short = |text: &str| text.get(..8).unwrap_or_default().to_owned();
    let minutes = one.get("minutes").and_then(Value::as_u64).unwrap_or_default();
    let note = format!("thumbprints {}.. and {}.., for {minutes} minutes", short(&a), short(&b));
    let secrets = vec![text(&one, "wit")?, text(&other, "wit")?];
    Ok(Seen { got, note, faults, value: ([agent, batch], secrets) })
}

fn thumbprint(agent: &Value) -> Result<String, Fault> {
    let key = agent.get("key").unwrap_or(&Value::Null).to_string();
    Ok(Jwk::parse(&key, aims::backend::ring())?.thumbprint().to_string())
}

/// The agent calls, and is let in.
async fn call(
    account: &mut Account,
    world: &mut World,
    name: &'static str,
    told: &str,
) -> Result<(), Broken> {
    let step = Step { name, told: told.into(), expect: format!("200 {AGENT}") };
    let taken = async {
        let url = world.search();
        let (request, answer) = world.call(&url).await?;
        let record = world.travel.record(&request).await?;
        let fault = (!record.permits(AGENT)).then(|| "the record does not say so".to_owned());
        Ok(Seen {
            got: answer.to_string(),
            note: record.note(),
            faults: fault.into_iter().collect(),
            value: (),
        })
    };
    account.step(step, taken).await
}

/// A request is accepted; the same request with one change is refused, for the right reason.
async fn refuse(account: &mut Account, world: &mut World, attack: &Attack) -> Result<(), Broken> {
    let step =
        Step { name: attack.step, told: attack.told.into(), expect: format!("refused: {}", attack.public) };
    let taken = async {
        let url = world.search();
        let (accepted, first) = world.call(&url).await?;
        let changed = attack.change.apply(world, accepted).await?;
        let answer = world.send(&changed).await?;
        let mut seen = refused(world, &changed, &answer, (401, attack.code, attack.rule)).await?;
        if first.status != 200 {
            seen.faults.push(format!("the request was not accepted before the change: {first}"));
        }
        Ok(seen)
    };
    account.step(step, taken).await
}

/// A workload with a credential that is as good as the agent's, but that nobody listed.
async fn call_unlisted(account: &mut Account, world: &mut World) -> Result<(), Broken> {
    let step = Step {
        name: "caller_not_listed",
        told: "The other workload calls the tool, and proves well who it is; but only agents may call."
            .into(),
        expect: "refused: forbidden".into(),
    };
    let taken = async {
        let url = world.search();
        let (request, answer) = world.call_unlisted(&url).await?;
        refused(world, &request, &answer, (403, "caller_not_listed", "callers")).await
    };
    account.step(step, taken).await
}

/// An answer, and whether the status and the tool's own record are what they must be.
async fn refused(
    world: &mut World,
    request: &Request,
    answer: &Answer,
    (status, code, rule): (u16, &str, &str),
) -> Result<Seen, Fault> {
    let record = world.tool(&request.url)?.record(request).await?;
    let mut faults = Vec::new();
    if answer.status != status {
        faults.push(format!("the status is {}, not {status}", answer.status));
    }
    if !record.refuses(code, rule) {
        faults.push(format!("the record must say: {code} ({rule})"));
    }
    let note = format!("status {} · {}", answer.status, record.note());
    Ok(Seen { got: answer.to_string(), note, faults, value: () })
}

/// Nothing reached a tool that it did not write down, and nothing was written down twice.
async fn one_record_each(account: &mut Account, world: &World) -> Result<(), Broken> {
    let step = Step {
        name: "one_record_each",
        told: "Every request has one record, refused or not.".into(),
        expect: "one record per request".into(),
    };
    let taken = async {
        let (mut requests, mut records) = (0, 0);
        for tool in world.tools() {
            let log = tool.process.log();
            // A record is written before its answer is sent, so what is missing is on its way here.
            log.wait_for(|lines| (lines.len() >= tool.requests).then_some(())).await?;
            requests += tool.requests;
            records += log.lines().len();
        }
        let got = if records == requests {
            "one record per request".to_owned()
        } else {
            format!("{records} records of {requests} requests")
        };
        let note = format!("{records} records of {requests} requests at 2 tools");
        Ok(Seen { got, note, faults: Vec::new(), value: () })
    };
    account.step(step, taken).await
}

/// No token, no part of one, and no secret stands in anything that a process wrote down.
async fn no_secret_logged(account: &mut Account, world: &World) -> Result<(), Broken> {
    let step = Step {
        name: "no_secret_logged",
        told: "No process wrote a token or a secret down.".into(),
        expect: "no token or secret in any log".into(),
    };
    let taken = async {
        let parts: Vec<_> = world.secrets.iter().flat_map(|secret| secret.split('.')).collect();
        let lines = world.processes().map(|process| (process.name(), process.log().lines()));
        let gives_away = |line: &String| parts.iter().any(|part| !part.is_empty() && line.contains(part));
        let leaky: Vec<_> =
            lines.iter().filter(|(_, log)| log.iter().any(gives_away)).map(|(name, _)| *name).collect();
        let got = if leaky.is_empty() {
            "no token or secret in any log".to_owned()
        } else {
            format!("a token or secret in the log of: {}", leaky.join(", "))
        };
        let count: usize = lines.iter().map(|(_, log)| log.len()).sum();
        let note = format!("{count} lines searched for {} tokens and secrets", world.secrets.len());
        Ok(Seen { got, note, faults: Vec::new(), value: () })
    };
    account.step(step, taken).await
}

/// Everybody leaves, in order.
async fn end(account: &mut Account, world: World) -> Result<(), Broken> {
    let step = Step {
        name: "all_end",
        told: "All processes end by themselves when the tour lets go of them.".into(),
        expect: "5 processes ended well".into(),
    };
    let taken = async {
        let all = world.processes().len();
        let failed = world.end().await?;
        let got = format!("{} processes ended well", all - failed.len());
        Ok(Seen { got, note: failed.join(", "), faults: Vec::new(), value: () })
    };
    account.step(step, taken).await
}
