//! An agent gets its identity from nothing, proves it with every request, and nobody else can.
//!
//! All of it is plain HTTP on loopback. Elsewhere these messages travel over TLS: the enrolment secret is one, and a proof
//! can be used by whoever gets it to the tool first.

mod attack;
mod enrolment;
mod world;

use aims::jose::Jwk;
use aims::{TrustBundle, backend};
use serde_json::{Value, json};

use self::attack::{ATTACKS, Attack};
use self::world::{AGENT, BATCH, ORIGIN, Server, Tool, World, new_secret};
use crate::tour::account::{Account, Broken, Fault, Seen, Step};
use crate::tour::process::Process;
use crate::tour::role::Role;
use crate::tour::wire::{Answer, Request, Wire};

/// What the chapter is about.
pub(super) const INTRO: &str = "  \
An agent starts with nothing but a name somebody enrolled it under. It makes a key, proves to the issuer that it
  holds it, and gets a credential for an hour. With every request it sends the credential and a fresh proof. Then
  somebody who has a copy of the traffic tries everything else, changing one thing at a time. (Separate processes,
  plain HTTP on loopback. After \"record\" stands what the tool wrote down, and does not tell callers.)";

/// Tells the chapter.
pub(super) async fn tell(account: &mut Account) -> Result<(), Broken> {
    let mut world = begin(account).await?;
    enrolment::tell(account, &mut world).await?;
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
        told: format!("The issuer of {ORIGIN} makes its key, and publishes the public half."),
        expect: "200 1 key".into(),
    };
    let (wire, issuer, [agent_secret, batch_secret]) = account.step(step, start_issuer()).await?;

    let step = Step {
        name: "tool_up",
        told: "A tool comes up, and lets nobody in who proves nothing.".into(),
        expect: "refused: no_proof".into(),
    };
    let (travel, bank) = account.step(step, start_tools(&wire, &issuer)).await?;

    let step = Step {
        name: "agents_up",
        told: "An agent and another workload start. Each makes its own key, which never leaves its process."
            .into(),
        expect: "2 different public keys".into(),
    };
    let (agent, agent_key, batch) =
        account.step(step, start_agents(&issuer, &agent_secret, &batch_secret)).await?;
    let secrets = vec![agent_secret.clone(), batch_secret];
    Ok(World { wire, issuer, travel, bank, agent, agent_key, agent_secret, batch, secrets })
}

async fn start_issuer() -> Result<Seen<(Wire, Server, [String; 2])>, Fault> {
    let secrets = [new_secret()?, new_secret()?];
    let [agent, batch] = &secrets;
    let enrolments = json!([{ "secret": agent, "subject": AGENT }, { "secret": batch, "subject": BATCH }]);
    let config = json!({ "origin": ORIGIN, "enrolments": enrolments });
    let issuer = Server::start(Role::Issuer, "issuer", &config).await?;

    let wire = Wire::new()?;
    let answer = wire.get(&format!("{}/keys", issuer.url)).await?;
    let bundle = TrustBundle::from_jwks(ORIGIN.parse()?, &answer.body.to_string(), backend::ring())?;
    let got = format!("{} {} key", answer.status, bundle.keys().len());
    Ok(Seen { got, note: issuer.url.clone(), faults: Vec::new(), value: (wire, issuer, secrets) })
}

async fn start_tools(wire: &Wire, issuer: &Server) -> Result<Seen<(Tool, Tool)>, Fault> {
    let mut travel = Tool::start("travel tool", issuer).await?;
    let bank = Tool::start("bank tool", issuer).await?;
    let answer = wire.get(&format!("{}/v1/search", travel.server.url)).await?;
    travel.requests += 1;
    let note = travel.server.url.clone();
    Ok(Seen { got: answer.to_string(), note, faults: Vec::new(), value: (travel, bank) })
}

async fn start_agents(
    issuer: &Server,
    agent_secret: &str,
    batch_secret: &str,
) -> Result<Seen<(Process, Jwk, Process)>, Fault> {
    let (agent, agent_key) = start_agent("agent", issuer, agent_secret).await?;
    let (batch, batch_key) = start_agent("batch job", issuer, batch_secret).await?;
    let [one, other] = [&agent_key, &batch_key].map(|key| key.thumbprint().to_string());
    let got = if one == other { "the same public key twice" } else { "2 different public keys" };
    let [one, other] = [&one, &other].map(|thumbprint| thumbprint.get(..8).unwrap_or_default());
    let note = format!("thumbprints {one}.. and {other}..");
    Ok(Seen { got: got.into(), note, faults: Vec::new(), value: (agent, agent_key, batch) })
}

async fn start_agent(name: &'static str, issuer: &Server, secret: &str) -> Result<(Process, Jwk), Fault> {
    let config = json!({ "issuer": issuer.url, "enrolment": secret });
    let (process, first) = Process::start(Role::Agent, name, &config).await?;
    let key = first.get("key").unwrap_or(&Value::Null).to_string();
    Ok((process, Jwk::parse(&key, backend::ring())?))
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
        name: "batch_enrols",
        told: "The other workload enrols, as the agent did.".into(),
        expect: format!("200 {BATCH}"),
    };
    account.step(step, enrolment::enrol(&mut world.batch, &mut world.secrets)).await?;

    let step = Step {
        name: "caller_not_listed",
        told: "It calls the tool, and proves well who it is; but only agents may call.".into(),
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
            let log = tool.server.process.log();
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
