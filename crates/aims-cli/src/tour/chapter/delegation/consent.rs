//! The user is asked, in a browser that the tour plays.

use serde_json::{Value, json};

use super::world::{USER, World, told};
use crate::tour::account::{Account, Broken, Fault, Seen, Step};
use crate::tour::issuer::text;

/// The agent gets its grant.
pub(super) async fn tell(account: &mut Account, world: &mut World) -> Result<(), Broken> {
    let step = Step {
        name: "user_sent",
        told: "The agent wants to act for a user. What it asks for goes to the authority beforehand; the browser gets a reference to it.".into(),
        expect: "client_id, request_uri".into(),
    };
    let taken = async {
        let url = world.send_user("trip").await?;
        let (place, query) = url.split_once('?').unwrap_or_default();
        let fault = (place != format!("{}/authorize", world.authority_url))
            .then(|| format!("the browser is sent to {place}"));
        let note = format!("the browser is sent to {place}");
        Ok(Seen { got: names(query), note, faults: fault.into_iter().collect(), value: url })
    };
    let url = account.step(step, taken).await?;

    let step = Step {
        name: "user_agrees",
        told: format!(
            "The browser goes there. {USER} agrees, and is sent back: with a code, whose it is, and for which request."
        ),
        expect: "code, iss, state".into(),
    };
    let taken = async {
        let value = world.user_agrees(&url).await?;
        Ok(Seen { got: names(&value), note: String::new(), faults: Vec::new(), value })
    };
    let query = account.step(step, taken).await?;

    let step = Step {
        name: "granted",
        told: "The agent redeems the code, by its own credential and the secret of its request. What it has now is a handle.".into(),
        expect: "a grant of trips:book".into(),
    };
    let taken = async {
        let answer = user_back(world, "trip", &query, json!({})).await?;
        let got = match text(&answer, "scope") {
            Ok(scope) => format!("a grant of {scope}"),
            Err(_) => told(&answer)?,
        };
        let note = text(&answer, "grant").unwrap_or_default();
        Ok(Seen { got, note, faults: Vec::new(), value: () })
    };
    account.step(step, taken).await
}

/// What comes back with a browser is not always what it seems.
pub(super) async fn refuse(account: &mut Account, world: &mut World) -> Result<(), Broken> {
    let told = "Another authority answers with the code of a user: the agent does not take the code there.";
    let taken = async {
        let url = world.send_user("mixed up").await?;
        let query = world.user_agrees(&url).await?;
        let query = changed(&query, "iss", "https%3A%2F%2Fevil.example");
        user_back(world, "mixed up", &query, json!({})).await
    };
    distrust(account, "other_authority", told, ("issuer_mismatch", "ISS-2", "client"), taken).await?;

    let told = "A user is lured to the answer to somebody else's request, which would have them act in that one's name.";
    let taken = async {
        let (_, theirs) = (world.send_user("victim").await?, world.send_user("somebody").await?);
        let query = world.user_agrees(&theirs).await?;
        user_back(world, "victim", &query, json!({})).await
    };
    distrust(account, "other_session", told, ("state_mismatch", "AUT-6", "client"), taken).await?;

    let told = "A host that forgets what is over redeems a code twice. The authority does not.";
    let taken = async {
        let url = world.send_user("twice").await?;
        let query = world.user_agrees(&url).await?;
        let first = user_back(world, "twice", &query, json!({ "again": true })).await?;
        text(&first, "scope")?;
        user_back(world, "twice", &query, json!({ "again": true })).await
    };
    distrust(account, "code_twice", told, ("invalid_grant", "WIR-4", "authority"), taken).await
}

async fn distrust(
    account: &mut Account,
    name: &'static str,
    what: &str,
    (code, rule, by): (&str, &str, &str),
    taken: impl Future<Output = Result<Value, Fault>>,
) -> Result<(), Broken> {
    let step = Step { name, told: what.into(), expect: format!("refused: {code}") };
    let taken = async {
        let answer = taken.await?;
        let (is, whose) = (text(&answer, "rule")?, text(&answer, "by")?);
        let fault = (is != rule || whose != by)
            .then(|| format!("it must be {rule} of the {by}, not {is} of the {whose}"));
        let note = if by == "client" { format!("the agent: {rule}") } else { "the authority".to_owned() };
        Ok(Seen { got: told(&answer)?, note, faults: fault.into_iter().collect(), value: () })
    };
    account.step(step, taken).await
}

/// The browser is back.
async fn user_back(world: &mut World, session: &str, query: &str, more: Value) -> Result<Value, Fault> {
    let back = json!({ "do": "user_back", "session": session, "query": query });
    world.agent.ask(&super::world::with(back, &more)).await
}

/// The names of parameters, in order.
fn names(query: &str) -> String {
    let mut names: Vec<_> = query.split('&').filter_map(|pair| Some(pair.split_once('=')?.0)).collect();
    names.sort_unstable();
    names.join(", ")
}

/// The query with another value of one parameter.
fn changed(query: &str, name: &str, value: &str) -> String {
    let pairs = query.split('&').map(|pair| match pair.split_once('=') {
        Some((known, _)) if known == name => format!("{name}={value}"),
        _ => pair.to_owned(),
    });
    pairs.collect::<Vec<_>>().join("&")
}
