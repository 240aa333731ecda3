//! An agent acts for a user: by what the user granted, and by nothing else.

mod attack;
mod chain;
mod consent;
mod silence;
mod step_up;
mod world;

use serde_json::json;

use self::world::{AGENT, Call, USER, World, told};
use crate::tour::account::{Account, Broken, Fault, Seen, Step};
use crate::tour::process::Process;

/// What the chapter is about.
pub(super) const INTRO: &str = "  \
A user asks the travel agent to book a trip. The agent gets a grant, and no password: it shows the tool a token that
  says for whom it acts and what it may do, bound to the key that signs its requests. Whoever steals it has nothing. What
  the tool calls in turn gets a token of its own, and what is more than the user agreed to is asked for once more,
  elsewhere. What plans the trip has handles, and never a token. (Separate processes, mutual TLS on loopback. The
  authorization server is the testkit's, until the embedded one exists. After \"record\" stands what the tool wrote down.)";

/// Tells the chapter.
pub(super) async fn tell(account: &mut Account) -> Result<(), Broken> {
    let mut world = begin(account).await?;
    consent::tell(account, &mut world).await?;
    book(account, &mut world, "booked_for_user", "The agent books a trip for the user, by the grant.")
        .await?;
    search(account, &mut world).await?;
    attack::tell(account, &mut world).await?;
    // One that goes through does not keep the others from being tried.
    let _: Result<(), Broken> = consent::refuse(account, &mut world).await;
    let _: Result<(), Broken> = chain::tell(account, &mut world).await;
    let told = "After all that, the agent books for the user again.";
    book(account, &mut world, "booked_again", told).await?;
    let mut world = step_up::tell(account, world).await?;
    silence::tell(account, &mut world).await?;
    end(account, world).await
}

/// Everybody comes up.
async fn begin(account: &mut Account) -> Result<World, Broken> {
    let step = Step {
        name: "authority_up",
        told: "An issuer comes up, and an authorization server, which is a workload like everybody.".into(),
        expect: "2 processes".into(),
    };
    let taken = async {
        let value = World::start_authorities().await?;
        let note = format!("the authority is {}", value.3);
        Ok(Seen { got: "2 processes".into(), note, faults: Vec::new(), value })
    };
    let authorities = account.step(step, taken).await?;

    let step = Step {
        name: "travel_agency_up",
        told: "A tool that books trips, a ticket office behind it, the travel agent, twice, and another agent get their identities."
            .into(),
        expect: "5 processes".into(),
    };
    let taken = async {
        let value = World::start(authorities).await?;
        let note = format!("the tool is {}, the office {}", value.tool_url, value.office_url);
        Ok(Seen { got: "5 processes".into(), note, faults: Vec::new(), value })
    };
    account.step(step, taken).await
}

/// What came of a call that the tool let in, and whether its record says who acted for whom.
async fn seen(world: &World, call: &Call, user: Option<&str>) -> Result<Seen, Fault> {
    let record = world.record(&world.tool, call, "permit").await?;
    let mut faults = Vec::new();
    let agent = record.agent().map(ToString::to_string).unwrap_or_default();
    if agent != format!("{} by signature", AGENT.1) {
        faults.push(format!("the record says of the caller: {agent}"));
    }
    let grant = record.grant.as_ref().ok_or_else(|| Fault::new("the record has no authorization"))?;
    if grant.actor != AGENT.1 || grant.on_behalf_of.as_deref() != user {
        faults.push(format!("the record says of the token: {grant}"));
    }
    let note = format!("{}; caller: {agent}; acts: {grant}", record.note());
    Ok(Seen { got: told(&call.answer)?, note, faults, value: () })
}

async fn book(
    account: &mut Account,
    world: &mut World,
    name: &'static str,
    told: &str,
) -> Result<(), Broken> {
    let step = Step { name, told: told.into(), expect: format!("200 {} for {USER}", AGENT.1) };
    let taken = async {
        let order = json!({ "order": r#"{"price": 300}"# });
        let call = world.call(("POST", "/v1/book"), Some("trip"), order).await?;
        seen(world, &call, Some(USER)).await
    };
    account.step(step, taken).await
}

async fn search(account: &mut Account, world: &mut World) -> Result<(), Broken> {
    let step = Step {
        name: "search_for_itself",
        told: "It searches in its own right: that is another token, and nobody's name is in it but its own."
            .into(),
        expect: format!("200 {} for itself", AGENT.1),
    };
    let taken = async {
        let call = world.call(("GET", "/v1/search"), None, json!({ "scope": "trips:read" })).await?;
        seen(world, &call, None).await
    };
    account.step(step, taken).await
}

/// Everybody leaves, in order.
async fn end(account: &mut Account, world: World) -> Result<(), Broken> {
    let step = Step {
        name: "delegation_all_end",
        told: "All processes end by themselves when the tour lets go of them.".into(),
        expect: "7 processes ended well".into(),
    };
    let taken = async {
        let mut failed = Vec::new();
        let (all, _laptop) = world.processes();
        let count = all.len();
        for process in all {
            let name = process.name();
            if !Process::end(process).await? {
                failed.push(name);
            }
        }
        let got = format!("{} processes ended well", count - failed.len());
        Ok(Seen { got, note: failed.join(", "), faults: Vec::new(), value: () })
    };
    account.step(step, taken).await
}
