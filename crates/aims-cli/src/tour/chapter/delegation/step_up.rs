//! More than the user agreed to: the user is asked once more, elsewhere.

use serde_json::{Value, json};

use super::world::{AGENT, USER, World, told};
use crate::tour::account::{Account, Broken, Fault, Seen, Step};
use crate::tour::issuer::text;

/// A trip that costs more.
pub(super) async fn tell(account: &mut Account, mut world: World) -> Result<World, Broken> {
    want_more(account, &mut world).await?;
    let mut world = restart(account, world).await?;
    let told =
        "By what the user granted at first, the new process books: with a token that is new, as its key is.";
    super::book(account, &mut world, "booked_after_restart", told).await?;
    be_granted(account, &mut world).await?;
    Ok(world)
}

/// It takes more than the user granted, who says no.
async fn want_more(account: &mut Account, world: &mut World) -> Result<(), Broken> {
    let step = Step {
        name: "over_limit",
        told: "The agent books a trip for 900 EUR. The tool wants more scope for that, which is the user's to give.".into(),
        expect: format!("step-up: {WANTED}"),
    };
    let taken = async {
        let call = world.call(("POST", "/v1/book"), Some("trip"), order()).await?;
        let record = world.record(&world.tool, &call, "permit").await?;
        let note = format!("the agent stops, for a user has to be asked · {}", record.note());
        Ok(Seen { got: told(&call.answer)?, note, faults: Vec::new(), value: () })
    };
    account.step(step, taken).await?;

    let step = Step {
        name: "user_denies",
        told: format!("The agent has {USER} asked, on the user's own phone. The user says no."),
        expect: "refused: access_denied".into(),
    };
    let taken = async {
        ask(world).await?;
        world.authority.ask(&json!({ "do": "decide", "agrees": false })).await?;
        let answer = await_user(world).await?;
        Ok(Seen { got: told(&answer)?, note: "the authority".into(), faults: Vec::new(), value: () })
    };
    account.step(step, taken).await
}

/// The user is asked again, and the agent does not live to see the answer.
async fn restart(account: &mut Account, mut world: World) -> Result<World, Broken> {
    let step = Step {
        name: "agent_restarted",
        told: "The agent asks again. While the user thinks it over, its process ends, and another takes its place: with new keys; what the user granted, and the open question, are sealed in files."
            .into(),
        expect: "ended well, and is up again".into(),
    };
    let taken = async {
        let note = ask(&mut world).await?;
        world.agent.ask(&json!({ "do": "put_away" })).await?;
        let home = world.laptop.file(&format!("{}.home", AGENT.0));
        let [approval, grants] = ["approval", "grants"].map(|name| std::fs::read_to_string(home.join(name)));
        let kept = approval? + &grants?;
        let mut faults = Vec::new();
        if world.secrets().await?.iter().any(|secret| kept.contains(secret.as_str())) {
            faults.push("the files have a secret of the authority in them".to_owned());
        }
        let (value, well) = world.restart_agent().await?;
        let got = if well { "ended well, and is up again" } else { "ended badly" };
        Ok(Seen { got: got.into(), note, faults, value })
    };
    account.step(step, taken).await
}

/// The user says yes.
async fn be_granted(account: &mut Account, world: &mut World) -> Result<(), Broken> {
    let step = Step {
        name: "user_agrees_elsewhere",
        told: "The user says yes. The new process, which never asked, has the grant.".into(),
        expect: format!("a grant of {WANTED}"),
    };
    let taken = async {
        world.authority.ask(&json!({ "do": "decide", "agrees": true })).await?;
        let answer = await_user(world).await?;
        let got = match text(&answer, "scope") {
            Ok(scope) => format!("a grant of {scope}"),
            Err(_) => told(&answer)?,
        };
        let note = text(&answer, "grant").unwrap_or_default();
        Ok(Seen { got, note, faults: Vec::new(), value: () })
    };
    account.step(step, taken).await?;

    let step = Step {
        name: "booked_over_limit",
        told: "It books the trip for 900 EUR.".into(),
        expect: format!("200 {} for {USER}", AGENT.1),
    };
    let taken = async {
        let call = world.call(("POST", "/v1/book"), Some("more"), order()).await?;
        super::seen(world, &call, Some(USER)).await
    };
    account.step(step, taken).await
}

fn order() -> Value {
    json!({ "order": r#"{"price": 900}"# })
}

/// Has the user asked, and says what the agent has of it.
async fn ask(world: &mut World) -> Result<String, Fault> {
    let ask = json!({
        "do": "ask_user",
        "user": USER,
        "tool": world.tool_url,
        "scope": WANTED,
        "words": "trip for 900 EUR",
    });
    text(&world.agent.ask(&ask).await?, "asked")
}

async fn await_user(world: &mut World) -> Result<Value, Fault> {
    world.agent.ask(&json!({ "do": "await_user", "grant": "more" })).await
}

const WANTED: &str = "trips:book trips:pay";
