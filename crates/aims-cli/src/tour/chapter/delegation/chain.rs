//! What a tool calls in turn.

use serde_json::{Value, json};

use super::world::{AGENT, Call, OFFICE, TOOL, USER, World, told};
use crate::tour::account::{Account, Broken, Fault, Seen, Step};
use crate::tour::issuer::{member, text};

/// The tool needs a ticket of the office behind it.
pub(super) async fn tell(account: &mut Account, world: &mut World) -> Result<(), Broken> {
    let _: Result<(), Broken> = forward(account, world).await;
    let _: Result<(), Broken> = widen(account, world).await;
    exchange(account, world).await
}

/// Has the agent want a ticket, and the tool get it in this way: the call, and what the tool says of the office.
async fn ticket(world: &mut World, how: &str) -> Result<(Call, Value), Fault> {
    let call = world.call(("POST", &format!("/v1/tickets/{how}")), Some("trip"), json!({})).await?;
    let body = member(&call.answer, "body")?;
    let office =
        member(&body, "office").map_err(|_| Fault::new(format!("the tool says: {}", call.answer)))?;
    Ok((call, office))
}

async fn forward(account: &mut Account, world: &mut World) -> Result<(), Broken> {
    let step = Step {
        name: "token_passed_on",
        told: "The tool's handler passes on to the ticket office all that it has of the agent's request. There is no token in it.".into(),
        expect: "refused: no_token".into(),
    };
    let taken = async {
        let (call, office) = ticket(world, "forward").await?;
        let record = world.record(&world.office, &call, "deny").await?;
        let mut faults = Vec::new();
        if !record.refuses("no_token", "CHA-1") {
            faults.push(format!("the rule must be CHA-1, not {}", record.rule));
        }
        if member(&office, "status")? != 401 {
            faults.push(format!("the office answered {office}"));
        }
        let note = format!("AIMS-43; the office's {}", record.note());
        Ok(Seen { got: format!("refused: {}", record.code), note, faults, value: () })
    };
    account.step(step, taken).await
}

async fn widen(account: &mut Account, world: &mut World) -> Result<(), Broken> {
    let step = Step {
        name: "exchange_widened",
        told: "It exchanges the token at the authority, and wants to pay with what comes, which the user never granted.".into(),
        expect: "refused: invalid_scope".into(),
    };
    let taken = async {
        let (_, office) = ticket(world, "widen").await?;
        let by = text(&office, "by").unwrap_or_default();
        let fault = (by != "authority").then(|| format!("the authority has to refuse it, not the {by}"));
        Ok(Seen {
            got: told(&office)?,
            note: "the authority".into(),
            faults: fault.into_iter().collect(),
            value: (),
        })
    };
    account.step(step, taken).await
}

async fn exchange(account: &mut Account, world: &mut World) -> Result<(), Broken> {
    let step = Step {
        name: "exchanged",
        told: "It exchanges the token for what it needs, and no more: for the office, for the same user, in its own name and the agent's.".into(),
        expect: format!("200 {} for {USER}, after {}", TOOL.1, AGENT.1),
    };
    let taken = async {
        let (call, office) = ticket(world, "exchange").await?;
        let actors = member(&member(&office, "body")?, "actors")?;
        let actors: Vec<_> = actors.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let before = actors.split_first().map(|(_, before)| before.join(", ")).unwrap_or_default();
        let got = format!("{}, after {before}", told(&office)?);

        // Both wrote it down, under one trace.
        let (first, then) = (
            world.record(&world.tool, &call, "permit").await?,
            world.record(&world.office, &call, "permit").await?,
        );
        let mut faults = Vec::new();
        let (Some(had), Some(got_then)) = (first.grant, &then.grant) else {
            return Err(Fault::new("a record has no authorization"));
        };
        if had.fingerprint == got_then.fingerprint {
            faults.push("it is the same token".to_owned());
        }
        if got_then.ancestors != 1 {
            faults.push(format!("the record has {} tokens that it rests on", got_then.ancestors));
        }
        if got_then.scope != "trips:book" || then.agent().is_none_or(|who| who.id != TOOL.1) {
            faults.push(format!("the record of {} says: {got_then}", OFFICE.0));
        }
        let note = format!("the office's {}; acts: {got_then}", then.note());
        Ok(Seen { got, note, faults, value: () })
    };
    account.step(step, taken).await
}
