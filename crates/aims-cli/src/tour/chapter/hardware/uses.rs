//! What the keys in the TPM are for: proofs, message signatures, handshakes. And what a copy is worth of all that is not in it.

use std::time::SystemTime;

use aims::backend;
use aims::credential::x509::Role;
use aims::keys::{Algorithm, PrivateKey};
use serde_json::{Value, json};

use super::world::{AGENT, DESK, NAME, World};
use crate::tour::account::{Account, Broken, Fault, Seen, Step};
use crate::tour::issuer::{member, text};
use crate::tour::process::Process;
use crate::tour::record::Record;
use crate::tour::stranger::{self, Door, Presented, certificates, refused_connection};
use crate::tour::wire::{Answer, Request};

/// A proof, by the token's key.
pub(super) async fn prove(account: &mut Account, world: &mut World) -> Result<(), Broken> {
    let step = Step {
        name: "hardware_call",
        told: "It calls a tool that takes keys in hardware alone. The TPM signs the proof.".into(),
        expect: format!("200 {AGENT}"),
    };
    let taken = async {
        let url = format!("{}/v1/search?to=LIS", world.tool_url);
        let answer = world.agent.ask(&json!({ "do": "call", "url": url })).await?;
        let request = Request::from_json(&member(&answer, "sent")?)?;
        let got = Answer::from_json(&answer)?.to_string();
        let who = [format!("{AGENT} by wpt"), String::new()];
        seen(&world.tool, (got, &answer, &request.traceparent), who, [1, 0]).await
    };
    account.step(step, taken).await
}

/// A handshake, by the certificate's key.
pub(super) async fn connect(account: &mut Account, world: &mut World) -> Result<(), Broken> {
    let step = Step {
        name: "hardware_mtls",
        told: "It calls over mutual TLS, with its certificate alone. The TPM signs the handshake, by the certificate's key."
            .into(),
        expect: format!("200 {AGENT}"),
    };
    let taken = async {
        let url = format!("{}/v1/search?to=LIS", world.desk.search_url);
        let call = json!({ "do": "call_over_tls", "url": url, "expect": DESK });
        let answer = world.agent.ask(&call).await?;
        let got = Answer::from_json(&answer)?.to_string();
        let who = [format!("{AGENT} by mtls"), String::new()];
        seen(&world.desk.process, (got, &answer, &text(&answer, "traceparent")?), who, [0, 1]).await
    };
    account.step(step, taken).await
}

/// A message, by the token's key, over a connection that the certificate's key has made.
pub(super) async fn sign(account: &mut Account, world: &mut World) -> Result<(), Broken> {
    let step = Step {
        name: "hardware_signed",
        told: "It books, signed as a whole, where keys in hardware are wanted. The TPM signs handshake and request, each by a key of its own."
            .into(),
        expect: format!("200 {AGENT}, signed by {DESK}"),
    };
    let taken = async {
        let book = json!({
            "do": "book",
            "url": format!("{NAME}/v1/book?seat=4A"),
            "via": world.desk.book_url,
            "expect": DESK,
            "tool": DESK,
        });
        let answer = world.agent.ask(&book).await?;
        let got = format!("{}, signed by {}", Answer::from_json(&answer)?, text(&answer, "signer")?);
        let who = [format!("{AGENT} by signature"), format!("{AGENT} by mtls")];
        seen(&world.desk.process, (got, &answer, &text(&answer, "traceparent")?), who, [1, 1]).await
    };
    account.step(step, taken).await
}

/// Somebody has the agent's certificates, and no way to the key: they bring one of their own.
pub(super) async fn copy(account: &mut Account, world: &mut World, chain: &Value) -> Result<(), Broken> {
    let step = Step {
        name: "copied_certificate",
        told:
            "Somebody connects with a copy of the agent's certificate, and a key of their own: the agent's is in the TPM."
                .into(),
        expect: "refused: bad_signature".into(),
    };
    let taken = async {
        let (bundle, url) = (world.issuer.bundle().await?, &world.desk.search_url);
        let door = Door { url, tool: DESK, bundle };
        let chain = certificates(chain)?;
        // Nothing is wrong with the copy, so that the signature that is refused is the one of the handshake.
        let (leaf, others) = chain.split_first().ok_or_else(|| Fault::new("an empty chain"))?;
        let now = SystemTime::now().try_into()?;
        let subject = door.svids()?.verify(leaf, others, Role::Client, now)?.subject().to_string();
        let mut faults = Vec::new();
        if subject != AGENT {
            faults.push(format!("the copy is of {subject}"));
        }
        let key = PrivateKey::generate(Algorithm::Es256, backend::ring())?;
        let connecting = stranger::present(&door, Presented { chain, key });
        let (got, rule) = refused_connection(&world.desk.process, connecting).await?;
        if rule != "X5V-3" {
            faults.push(format!("the rule must be X5V-3, not {rule}"));
        }
        Ok(Seen { got, note: format!("during the handshake ({rule})"), faults, value: () })
    };
    account.step(step, taken).await
}

/// What came of a call: who called by the tool's record, and whose connection it was; and how often the TPM has signed for it, by the
/// token's key and by the certificate's.
async fn seen(
    tool: &Process,
    (got, answer, traceparent): (String, &Value, &str),
    who: [String; 2],
    signatures: [u64; 2],
) -> Result<Seen, Fault> {
    let record = Record::of(tool, traceparent).await?;
    let said =
        [record.agent(), record.transport()].map(|who| who.map(ToString::to_string).unwrap_or_default());
    let mut faults = Vec::new();
    if !record.permits(AGENT) || said != who {
        faults.push(format!("the record must say: {who:?}; it says: {said:?}"));
    }
    let signed = member(answer, "signed")?;
    if signed != json!(signatures) {
        faults.push(format!("the TPM must sign {signatures:?} times, not {signed}"));
    }
    let [caller, connection] = who;
    let connection = if connection.is_empty() { connection } else { format!("; connection: {connection}") };
    let by = match signatures {
        [_, 0] => "the token's key",
        [0, _] => "the certificate's key",
        _ => "both keys",
    };
    let note = format!("{}; caller: {caller}{connection}; signed in the TPM by {by}", record.note());
    Ok(Seen { got, note, faults, value: () })
}
