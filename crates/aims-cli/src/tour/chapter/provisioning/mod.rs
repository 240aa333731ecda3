//! Who gets an identity: by its process, for a key of its own, by a token of the operator's. And who gets nothing.

mod redirect;
mod world;

use serde_json::{Value, json};

use self::world::{AGENT, BATCH, ORIGIN, REMOTE, World, begin_register};
use crate::tour::account::{Account, Broken, Fault, Seen, Step};
use crate::tour::issuer::{member, refused, text};
use crate::tour::process::Process;
use crate::tour::role::Role;
use crate::tour::wire::{Answer, Request};

/// What the chapter is about.
pub(super) const INTRO: &str = "  \
Who gets an identity, and who gets none. One agent keeps its own key, and is given a credential for it; another runs
  where nobody vouches for it, and begins with a token of the operator's. Somebody asks for what is not theirs: by
  their process, by the key of another, by a name, by a token that was used. And an issuer that federates is led
  astray. (Separate processes. After \"noted\" stands what the issuer counts, and does not tell callers.)";

/// Tells the chapter.
pub(super) async fn tell(account: &mut Account) -> Result<(), Broken> {
    let mut world = begin(account).await?;
    other_user(account, &mut world).await?;
    own_key(account, &mut world).await?;
    for intrusion in &INTRUSIONS {
        // One that goes through does not keep the others from being tried.
        let _: Result<(), Broken> = intrude(account, &mut world, intrusion).await;
    }
    join(account, &mut world).await?;
    registers(account, &mut world).await?;
    wrong_endpoint(account, &mut world).await?;
    private_address(account, &mut world).await?;
    end(account, world).await
}

/// Everybody comes up.
async fn begin(account: &mut Account) -> Result<World, Broken> {
    let step = Step {
        name: "register_up",
        told: format!("The Workload API of {ORIGIN} comes up. A program that no entry names asks who it is."),
        expect: "refused: permission_denied".into(),
    };
    let taken = async {
        let mut world = World::begin().await?;
        let mut stranger = world.start(Role::Intruder, "stranger", &json!({})).await?.0;
        let before = world.issuer.refused("no_entry").await?;
        let answer = stranger.ask(&json!({ "do": "fetch" })).await?;
        let seen = refused(&mut world.issuer, ("no_entry", before), &answer).await?;
        world.others.push(stranger);
        Ok(Seen { got: seen.got, note: seen.note, faults: seen.faults, value: world })
    };
    account.step(step, taken).await
}

/// The program is the one of an entry; the user is not.
async fn other_user(account: &mut Account, world: &mut World) -> Result<(), Broken> {
    let step = Step {
        name: "other_user",
        told: "A program asks. An entry names it, but only when another user runs it.".into(),
        expect: "refused: permission_denied".into(),
    };
    let taken = async {
        let mut payroll = world.start(Role::Intruder, "payroll", &json!({})).await?.0;
        let before = world.issuer.refused("no_entry").await?;
        let answer = payroll.ask(&json!({ "do": "fetch" })).await?;
        world.others.push(payroll);
        refused(&mut world.issuer, ("no_entry", before), &answer).await
    };
    account.step(step, taken).await
}

/// An agent that makes its own key.
async fn own_key(account: &mut Account, world: &mut World) -> Result<(), Broken> {
    let step = Step {
        name: "own_key",
        told: "An agent makes its own key, answers a challenge with it, and gets a credential for it. The key stays where it is."
            .into(),
        expect: AGENT.into(),
    };
    let taken = async {
        let (agent, first) = world.start(Role::Agent, "travel agent", &json!({ "key": "own" })).await?;
        world.agent_key = member(&first, "key")?;
        let note = format!("for {} minutes", member(&first, "minutes")?);
        let got = text(&first, "subject")?;
        Ok(Seen { got, note, faults: Vec::new(), value: agent })
    };
    let mut agent = account.step(step, taken).await?;
    let called = call(account, world, &mut agent, ("own_key_call", "It calls the tool.", AGENT)).await;
    world.others.push(agent);
    called
}

/// Calls the tool, and is let in.
async fn call(
    account: &mut Account,
    world: &World,
    agent: &mut Process,
    (name, told, who): (&'static str, &str, &str),
) -> Result<(), Broken> {
    let step = Step { name, told: told.into(), expect: format!("200 {who}") };
    let taken = async {
        let url = format!("{}/v1/search?to=LIS", world.tool_url);
        let answer = agent.ask(&json!({ "do": "call", "url": url })).await?;
        let request = Request::from_json(&member(&answer, "sent")?)?;
        let record = world.record(&request).await?;
        let fault = (!record.permits(who)).then(|| "the record does not say so".to_owned());
        let got = Answer::from_json(&answer)?.to_string();
        Ok(Seen { got, note: record.note(), faults: fault.into_iter().collect(), value: () })
    };
    account.step(step, taken).await
}

/// What somebody tries who has a program that the register names, and the public half of another's key.
struct Intrusion {
    step: &'static str,
    told: &'static str,
    attempt: Attempt,
    /// What the caller is told.
    public: &'static str,
    /// What the issuer counts.
    noted: &'static str,
}

#[derive(Clone, Copy)]
enum Attempt {
    /// The same proof twice; the first time it is good.
    Again,
    /// A proof for the agent's key, by one's own.
    ForKey,
    /// A certificate request in the name of the agent.
    ForName,
}

async fn intrude(account: &mut Account, world: &mut World, intrusion: &Intrusion) -> Result<(), Broken> {
    let expect = format!("refused: {}", intrusion.public);
    let step = Step { name: intrusion.step, told: intrusion.told.into(), expect };
    let taken = async {
        let before = world.issuer.refused(intrusion.noted).await?;
        let answer = match intrusion.attempt {
            Attempt::Again => {
                let first = world.intruder.ask(&json!({ "do": "ask" })).await?;
                if text(&first, "subject")? != BATCH {
                    return Err(Fault::new("the proof was not accepted the first time"));
                }
                world.intruder.ask(&json!({ "do": "again" })).await?
            }
            Attempt::ForKey => world.intruder.ask(&json!({ "do": "ask", "key": world.agent_key })).await?,
            Attempt::ForName => world.intruder.ask(&json!({ "do": "ask", "name": AGENT })).await?,
        };
        refused(&mut world.issuer, (intrusion.noted, before), &answer).await
    };
    account.step(step, taken).await
}

/// An agent for which no kernel vouches, and somebody who has read its token.
async fn join(account: &mut Account, world: &mut World) -> Result<(), Broken> {
    let step = Step {
        name: "join",
        told: "An agent that no entry knows by its process begins with a join token, for a key of its own."
            .into(),
        expect: REMOTE.into(),
    };
    let taken = async {
        let message = json!({ "do": "join_token", "selector": "join:agent:remote" });
        let token = text(&world.issuer.process.ask(&message).await?, "token")?;
        let config = json!({ "key": "own", "join_token": token });
        let (agent, first) = world.start(Role::Agent, "remote agent", &config).await?;
        let got = text(&first, "subject")?;
        Ok(Seen { got, note: String::new(), faults: Vec::new(), value: (agent, token) })
    };
    let (mut agent, secret) = account.step(step, taken).await?;

    let step = Step {
        name: "join_token_reuse",
        told: "Somebody who has read the token uses it a second time.".into(),
        expect: "refused: permission_denied".into(),
    };
    let taken = async {
        let mut thief = world.start(Role::Intruder, "thief", &json!({})).await?.0;
        let before = world.issuer.refused("join_token_unknown").await?;
        let answer = thief.ask(&json!({ "do": "ask", "join_token": secret })).await?;
        world.others.push(thief);
        refused(&mut world.issuer, ("join_token_unknown", before), &answer).await
    };
    account.step(step, taken).await?;
    let told = "The agent that was the first to use it calls the tool.";
    let called = call(account, world, &mut agent, ("joined_call", told, REMOTE)).await;
    world.others.push(agent);
    called
}

/// The operator changes the register.
async fn registers(account: &mut Account, world: &mut World) -> Result<(), Broken> {
    let step = Step {
        name: "bad_register",
        told: "The operator puts a register in force that has a mistake in it. The one before stays.".into(),
        expect: "refused: unknown_key".into(),
    };
    let taken = async {
        let register = begin_register(&world.laptop)?.replace("selectors", "selector");
        let answer = world.issuer.put_in_force(&register).await?;
        let note = format!("line {}; {} entries", member(&answer, "line")?, member(&answer, "entries")?);
        let got = format!("refused: {}", text(&answer, "refused")?);
        Ok(Seen { got, note, faults: Vec::new(), value: () })
    };
    account.step(step, taken).await?;

    let step = Step {
        name: "withdrawn",
        told: "A batch job gets its identity. Its entry is taken out, and it has none any more.".into(),
        expect: format!("{BATCH}, then withdrawn"),
    };
    let taken = async {
        let (mut batch, first) = world.start(Role::Agent, "batch job", &json!({ "key": "given" })).await?;
        let began = std::time::Instant::now();
        let register = world.register_without(BATCH)?;
        world.issuer.put_in_force(&register).await?;
        let answer = batch.ask(&json!({ "do": "withdrawn" })).await?;
        world.others.push(batch);
        let got = format!("{}, then {}", text(&first, "subject")?, text(&answer, "state")?);
        let note = format!("{} ms after its entry", began.elapsed().as_millis());
        Ok(Seen { got, note, faults: Vec::new(), value: () })
    };
    account.step(step, taken).await
}

/// Somebody else has the address of another trust domain's bundle endpoint.
async fn wrong_endpoint(account: &mut Account, world: &mut World) -> Result<(), Broken> {
    let step = Step {
        name: "wrong_endpoint",
        told: "The issuer fetches the bundle of a partner. Who answers is another workload than its operator said."
            .into(),
        expect: "refused: unexpected_peer".into(),
    };
    let taken = async {
        let message = json!({
            "do": "federate",
            "origin": world.partner.origin,
            "url": world.partner.url,
            "endpoint": format!("{}/keeper", world.partner.origin),
            "bundle": world.partner.bundle().await?,
        });
        Ok(answered(&world.issuer.process.ask(&message).await?, "FED-4"))
    };
    account.step(step, taken).await
}

/// A document that is somewhere else now: where only the issuer can go.
async fn private_address(account: &mut Account, world: &mut World) -> Result<(), Broken> {
    let step = Step {
        name: "private_address",
        told: "It fetches another one, and is sent on to https://169.254.169.254/, where a cloud keeps its secrets."
            .into(),
        expect: "refused: address_not_allowed".into(),
    };
    let taken = async {
        let elsewhere = redirect::serve("https://169.254.169.254/latest/meta-data").await?;
        let message = json!({
            "do": "federate",
            "origin": "spiffe://evil.example",
            "url": elsewhere.url,
            "web_authority": elsewhere.authority,
        });
        let mut seen = answered(&world.issuer.process.ask(&message).await?, "FED-14");
        if !elsewhere.was_asked() {
            seen.faults.push("nobody was sent on".to_owned());
        }
        Ok(seen)
    };
    account.step(step, taken).await
}

/// What the issuer's operator is told, and whether it is for the right reason.
fn answered(answer: &Value, rule: &str) -> Seen {
    let found = |name: &str| answer.get(name).and_then(Value::as_str).unwrap_or_default();
    let fault = (found("rule") != rule).then(|| format!("the rule must be {rule}, not {}", found("rule")));
    let (got, note) = (format!("refused: {}", found("refused")), found("rule").to_owned());
    Seen { got, note, faults: fault.into_iter().collect(), value: () }
}

/// Everybody leaves, in order.
async fn end(account: &mut Account, world: World) -> Result<(), Broken> {
    let step = Step {
        name: "provisioning_all_end",
        told: "All processes end by themselves when the tour lets go of them.".into(),
        expect: "10 processes ended well".into(),
    };
    let taken = async {
        let (all, _laptop) = world.processes();
        let (mut count, mut failed) = (0, Vec::new());
        for process in all {
            let name = process.name();
            if process.end().await? { count += 1 } else { failed.push(name) }
        }
        let got = format!("{count} processes ended well");
        Ok(Seen { got, note: failed.join(", "), faults: Vec::new(), value: () })
    };
    account.step(step, taken).await
}

/// In the order in which they are told.
const INTRUSIONS: [Intrusion; 3] = [
    Intrusion {
        step: "possession",
        told: "Another workload asks for a credential for the agent's key, which it does not hold.",
        attempt: Attempt::ForKey,
        public: "invalid_argument",
        noted: "bad_signature",
    },
    Intrusion {
        step: "other_name",
        told: "It sends a certificate request for its own key, in the agent's name.",
        attempt: Attempt::ForName,
        public: "invalid_argument",
        noted: "name_mismatch",
    },
    Intrusion {
        step: "challenge_reuse",
        told: "It gets what is its own, and sends the same answer to the same challenge again.",
        attempt: Attempt::Again,
        public: "invalid_argument",
        noted: "unknown_challenge",
    },
];
