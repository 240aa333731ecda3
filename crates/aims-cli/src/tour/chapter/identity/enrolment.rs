//! How the agent gets its first credential, and how nobody else gets it.

use std::time::SystemTime;

use aims::jose::Jwk;
use aims::keys::{Algorithm, Signer, SoftwareKey};
use aims::{Wit, backend};
use serde_json::{Value, json};

use super::world::{AGENT, World};
use crate::tour::account::{Account, Broken, Fault, Seen, Step};
use crate::tour::process::Process;
use crate::tour::role::possession;
use crate::tour::wire::Answer;

/// Tells the enrolment, and what goes wrong for somebody who has read the agent's secret.
pub(super) async fn tell(account: &mut Account, world: &mut World) -> Result<(), Broken> {
    let step = Step {
        name: "possession",
        told: "Somebody asks for the agent's credential, for the agent's key, which they do not hold.".into(),
        expect: "refused: invalid_proof".into(),
    };
    let taken = async {
        let request = request(world, &new_key()?, &world.agent_key).await?;
        Ok(seen(&ask(world, &request).await?, 403))
    };
    // A secret that was wasted here would show in the next step.
    account.step(step, taken).await?;

    let step = Step {
        name: "enrol",
        told: "The agent proves that it holds its key, and gets its credential.".into(),
        expect: format!("200 {AGENT}"),
    };
    account.step(step, enrol(&mut world.agent, &mut world.secrets)).await?;

    let step = Step {
        name: "enrolment_reuse",
        told: "Somebody uses the agent's secret a second time, with a key of their own.".into(),
        expect: "refused: not_enrolled".into(),
    };
    let taken = async {
        let key = new_key()?;
        let request = request(world, &key, &Jwk::new(Signer::public_key(&key).clone())).await?;
        let Seen { got, note, faults, value: () } = seen(&ask(world, &request).await?, 403);
        Ok(Seen { got, note, faults, value: request })
    };
    let request = account.step(step, taken).await?;

    let step = Step {
        name: "challenge_reuse",
        told: "They send the same answer to the same challenge again.".into(),
        expect: "refused: unknown_challenge".into(),
    };
    let taken = async { Ok(seen(&ask(world, &request).await?, 403)) };
    account.step(step, taken).await
}

/// Has a workload fetch its first credential.
pub(super) async fn enrol(workload: &mut Process, secrets: &mut Vec<String>) -> Result<Seen, Fault> {
    let answer = Answer::from_json(&workload.ask(&json!({ "do": "enrol" })).await?)?;
    let Some(token) = answer.text("wit") else { return Ok(seen(&answer, 200)) };
    secrets.push(token.to_owned());
    let wit = Wit::from_issuer(token, backend::ring())?;
    let got = format!("{} {}", answer.status, wit.subject());
    let minutes = wit.not_after().since(SystemTime::now().try_into()?).as_secs().div_ceil(60);
    Ok(Seen { got, note: format!("for {minutes} minutes"), faults: Vec::new(), value: () })
}

/// What somebody sends who answers a challenge with `signer`, and asks for a token for `key`.
async fn request(world: &World, signer: &SoftwareKey, key: &Jwk) -> Result<Value, Fault> {
    let challenge = world.wire.post(&format!("{}/challenge", world.issuer.url), &Value::Null).await?;
    let nonce = challenge.text("nonce").ok_or_else(|| Fault::new("no challenge"))?;
    let proof = possession(signer, &format!("{}/wit", world.issuer.url), nonce);
    let proof = proof.map_err(|error| Fault::new(error.to_string()))?;
    let key: Value = serde_json::from_str(&key.to_json())?;
    Ok(json!({ "enrolment": world.agent_secret, "key": key, "proof": proof }))
}

async fn ask(world: &World, request: &Value) -> Result<Answer, Fault> {
    world.wire.post(&format!("{}/wit", world.issuer.url), request).await
}

fn seen(answer: &Answer, status: u16) -> Seen {
    let fault = (answer.status != status).then(|| format!("the status is {}, not {status}", answer.status));
    let note = format!("status {}", answer.status);
    Seen { got: answer.to_string(), note, faults: fault.into_iter().collect(), value: () }
}

fn new_key() -> Result<SoftwareKey, Fault> {
    Ok(SoftwareKey::generate(Algorithm::Es256, backend::ring())?)
}
