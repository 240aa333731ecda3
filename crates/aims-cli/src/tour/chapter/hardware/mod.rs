//! Keys that cannot be carried away, and how an issuer knows.

mod uses;
mod world;

use serde_json::{Value, json};

use self::world::{AGENT, ORIGIN, World};
use crate::tour::account::{Account, Broken, Seen, Step};
use crate::tour::issuer::{member, refused, text, with};
use crate::tour::process::Process;

/// What the chapter is about.
pub(super) const INTRO: &str = "  \
An agent whose keys are in a TPM, and an issuer that wants to know it. The TPM's maker says which TPM it is, a
  credential that only this TPM opens shows which key speaks for it, and that key says of each new one that it is in the
  TPM, and what started the machine. Proofs, message signatures and handshakes are made in the TPM, and there are tools that
  take keys in hardware and no others. Then somebody tries with what they have: another key, what was said yesterday or to
  somebody else, a copy of the certificate, another TPM. (Separate processes, and swtpm, a TPM in software.)";

/// Tells the chapter.
pub(super) async fn tell(account: &mut Account) -> Result<(), Broken> {
    let mut world = begin(account).await?;
    enrol(account, &mut world).await?;
    let certificate = credentials(account, &mut world).await?;
    uses::prove(account, &mut world).await?;
    uses::connect(account, &mut world).await?;
    uses::sign(account, &mut world).await?;
    for trick in &TRICKS {
        // One that goes through does not keep the others from being tried.
        let _: Result<(), Broken> = attempt(account, &mut world, trick).await;
    }
    uses::copy(account, &mut world, &certificate).await?;
    other_tpm(account, &mut world).await?;
    let world = other_boot(account, world).await?;
    end(account, world).await
}

/// Everybody comes up.
async fn begin(account: &mut Account) -> Result<World, Broken> {
    let step = Step {
        name: "hardware_up",
        told: format!(
            "A machine with a TPM is switched on. The issuer of {ORIGIN} comes up; the agent asks, and nobody knows its TPM yet."
        ),
        expect: "refused: permission_denied".into(),
    };
    let taken = async {
        let mut world = World::begin().await?;
        let before = world.issuer.refused("subject_not_allowed").await?;
        let answer = world.agent.ask(&json!({ "do": "ask", "with": "its own" })).await?;
        let seen = refused(&mut world.issuer, ("subject_not_allowed", before), &answer).await?;
        Ok(Seen { got: seen.got, note: seen.note, faults: seen.faults, value: world })
    };
    account.step(step, taken).await
}

/// Once for each machine: the maker's certificate, and a credential that only this TPM opens.
async fn enrol(account: &mut Account, world: &mut World) -> Result<(), Broken> {
    let step = Step {
        name: "enrol",
        told: "The TPM is enrolled: its maker's certificate is good, and it opens a credential made for it and for its attestation key."
            .into(),
        expect: "enrolled".into(),
    };
    let taken = async {
        let endorsement = world.agent.ask(&json!({ "do": "endorsement" })).await?;
        let credential = world.issuer.process.ask(&with(endorsement, "do", "enrol")).await?;
        let secret = world.agent.ask(&with(credential, "do", "activate")).await?;
        let enrolled = world.issuer.process.ask(&with(secret, "do", "activated")).await?;
        let note = format!("made by {}", text(&enrolled, "manufacturer")?);
        Ok(Seen { got: "enrolled".into(), note, faults: Vec::new(), value: () })
    };
    account.step(step, taken).await
}

/// A token and a certificate; the chain of the latter is for who copies it.
async fn credentials(account: &mut Account, world: &mut World) -> Result<Value, Broken> {
    let step = Step {
        name: "hardware_credential",
        told: "The agent makes two keys in the TPM, for a token and a certificate, and brings evidence that each is there. The token says what the issuer found."
            .into(),
        expect: format!("{AGENT}, level 4, key in hardware"),
    };
    let taken = async {
        let answer = world.agent.ask(&json!({ "do": "start" })).await?;
        let (level, key) = (member(&answer, "level")?, text(&answer, "key")?);
        let got = format!("{}, level {level}, key in {key}", text(&answer, "subject")?);
        let [wit, x509] = [text(&answer, "wit_key")?, text(&answer, "x509_key")?];
        let fault = (wit == x509).then(|| "both credentials are for one key".to_owned());
        let value = member(&answer, "chain")?;
        Ok(Seen { got, note: String::new(), faults: fault.into_iter().collect(), value })
    };
    account.step(step, taken).await
}

/// Something that is tried with the agent's own TPM.
struct Trick {
    step: &'static str,
    told: &'static str,
    with: &'static str,
    /// What the issuer counts.
    noted: &'static str,
}

async fn attempt(account: &mut Account, world: &mut World, trick: &Trick) -> Result<(), Broken> {
    let step =
        Step { name: trick.step, told: trick.told.into(), expect: "refused: permission_denied".into() };
    let taken = async {
        let before = world.issuer.refused(trick.noted).await?;
        let answer = world.agent.ask(&json!({ "do": "ask", "with": trick.with })).await?;
        refused(&mut world.issuer, (trick.noted, before), &answer).await
    };
    account.step(step, taken).await
}

/// The keys cannot be carried away; a machine of one's own can be brought.
async fn other_tpm(account: &mut Account, world: &mut World) -> Result<(), Broken> {
    let step = Step {
        name: "other_tpm",
        told: "The same program brings evidence of another TPM, of the same maker, that nobody has enrolled."
            .into(),
        expect: "refused: permission_denied".into(),
    };
    let taken = async {
        let mut other = world.on_other_machine().await?;
        let before = world.issuer.refused("subject_not_allowed").await?;
        let answer = other.ask(&json!({ "do": "ask", "with": "its own" })).await?;
        world.others.push(other);
        refused(&mut world.issuer, ("subject_not_allowed", before), &answer).await
    };
    account.step(step, taken).await
}

/// What started the machine is not what may.
async fn other_boot(account: &mut Account, world: World) -> Result<World, Broken> {
    let step = Step {
        name: "changed_pcr",
        told: "Something else is measured into the machine's boot PCR. Its own agent asks with its own key."
            .into(),
        expect: "refused: permission_denied".into(),
    };
    let taken = async {
        let mut world = world.restart_with_other_boot().await?;
        let before = world.issuer.refused("measurement_mismatch").await?;
        let answer = world.agent.ask(&json!({ "do": "ask", "with": "its own" })).await?;
        let seen = refused(&mut world.issuer, ("measurement_mismatch", before), &answer).await?;
        Ok(Seen { got: seen.got, note: seen.note, faults: seen.faults, value: world })
    };
    account.step(step, taken).await
}

/// Everybody leaves, in order.
async fn end(account: &mut Account, world: World) -> Result<(), Broken> {
    let step = Step {
        name: "hardware_all_end",
        told: "All processes end by themselves when the tour lets go of them.".into(),
        expect: "5 processes ended well".into(),
    };
    let taken = async {
        let (all, _machines) = world.processes();
        let (mut count, mut failed) = (0, Vec::new());
        for process in all {
            let name = Process::name(&process);
            if process.end().await? { count += 1 } else { failed.push(name) }
        }
        let got = format!("{count} processes ended well");
        Ok(Seen { got, note: failed.join(", "), faults: Vec::new(), value: () })
    };
    account.step(step, taken).await
}

/// In the order in which they are told.
const TRICKS: [Trick; 5] = [
    Trick {
        step: "other_key_certified",
        told: "It asks for one key, with evidence that another one is in the TPM.",
        with: "another key",
        noted: "key_mismatch",
    },
    Trick {
        step: "old_nonce",
        told: "It answers a challenge with what the TPM said about the one before.",
        with: "an old challenge",
        noted: "nonce_mismatch",
    },
    Trick {
        step: "other_audience",
        told: "It brings a quote that was made for another issuer.",
        with: "another audience",
        noted: "nonce_mismatch",
    },
    Trick {
        step: "software_key",
        told: "It asks for a key in its memory, with a quote of the TPM that is good and speaks of no key.",
        with: "a software key",
        noted: "evidence_insufficient",
    },
    Trick {
        step: "glued_proofs",
        told: "It glues two honest proofs together: the TPM's for a key in it, and its own that it holds another.",
        with: "two honest proofs",
        noted: "nonce_mismatch",
    },
];
