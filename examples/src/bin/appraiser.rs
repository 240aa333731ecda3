//! An appraiser of one's own: evidence that nobody else knows, a policy that asks for it beside other evidence, and what is granted on both.
//!
//! The evidence of this program is a badge: a door controller signs which machine somebody has unlocked, for one challenge and one key. It is no worse than any other evidence, for it has what
//! evidence needs: somebody who is believed signs it, it answers a challenge, and it names the key that a credential is wanted for.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aims_attest::{
    Appraisal, Asked, BoundKey, Evidence, EvidenceRule, EvidenceType, Freshness, KeyBinding, Level, Policy,
    Reason, Selector, UnixProcess, UnixVerifier, Verdict, Verifier, Verifiers,
};
use aims_jose::{NewHeader, Thumbprint, UnverifiedJws};
use aims_keys::{Algorithm, AlgorithmSet, PublicKey, SignInput, Signer, SoftwareKey, UnixTime, backend};
use aims_provision::{Entries, Entry, Phase, Provisioner};
use serde_json::{Value, json};

fn main() -> Result<(), Box<dyn Error>> {
    let now = UnixTime::try_from(SystemTime::now())?;
    let door = Arc::new(SoftwareKey::generate(Algorithm::Es256, backend::ring())?);
    let agent = SoftwareKey::generate(Algorithm::Es256, backend::ring())?;
    let verifiers = Verifiers::new(backend::ring())
        .with(BadgeVerifier { kind: badge(), door: door.public_key().clone() })
        .with(UnixVerifier::new(backend::ring()));

    // What an issuer asked the agent: one value for its challenge, its own name, and the agent's key. A server does this with `Challenges`.
    let key = Thumbprint::of(agent.public_key());
    let binding = KeyBinding::of("spiffe://acme.example", &[7; 32], &key, backend::ring());
    let asked = Asked::bound(now, &binding, &key);

    // What it was brought: the badge, and what its own eyes saw at the other end of the socket. The agent has signed the challenge, so what was seen is about its key.
    let shown = verifiers.appraise(&swipe(&door, "desk-4", &binding, now)?, &asked);
    let mut process = UnixProcess::default();
    (process.pid, process.uid) = (4711, 1000);
    let seen = verifiers.appraise(&process.to_evidence(now)?, &Asked::at(now)).with_possession(key, binding);

    let policy = Policy::all_of([
        EvidenceRule::of(badge())
            .about_key()
            .freshness(Freshness::Nonce)
            .max_age(Duration::from_secs(600))
            .into(),
        EvidenceRule::of(EvidenceType::UnixPeer).into(),
    ]);
    let entry = Entry::builder("spiffe://acme.example/agents/travel".parse()?)
        .selector("badge:desk:desk-4".parse()?)
        .selector("unix:uid:1000".parse()?)
        .evidence(policy.named("desks-1"))
        .build()?;
    let entries = Entries::new("spiffe://acme.example".parse()?, vec![entry])?;
    let decide =
        |appraisals: &[Appraisal]| Provisioner::new().decide(&entries, appraisals, Phase::Initial, now);

    let granted = decide(&[shown.clone(), seen.clone()])?;
    let grant = granted.first().ok_or("nothing was granted")?;
    println!("granted: {} for {}", grant.subject(), grant.key().ok_or("for no key")?);

    // Yesterday's swipe, another door, and a badge that was lent to somebody at the same desk.
    let stranger = SoftwareKey::generate(Algorithm::Es256, backend::ring())?;
    let yesterday = KeyBinding::of("spiffe://acme.example", &[6; 32], &key, backend::ring());
    for (what, evidence) in [
        ("yesterday's", swipe(&door, "desk-4", &yesterday, now)?),
        ("another door's", swipe(&stranger, "desk-4", &binding, now)?),
    ] {
        let appraisal = verifiers.appraise(&evidence, &asked);
        println!("{what} badge: {}", appraisal.verdict().code());
        if decide(&[appraisal, seen.clone()]).is_ok() {
            return Err("it was granted".into());
        }
    }
    let other = Thumbprint::of(stranger.public_key());
    let lent = verifiers.appraise(&process.to_evidence(now)?, &Asked::at(now));
    let lent = lent
        .with_possession(other, KeyBinding::of("spiffe://acme.example", &[7; 32], &other, backend::ring()));
    let refused = decide(&[shown, lent]).err().ok_or("it was granted")?;
    println!("a lent badge: {refused}");
    Ok(())
}

/// Evidence of this kind, by a name that collides with nothing.
fn badge() -> EvidenceType {
    EvidenceType::Other("application/vnd.acme.badge+jwt".into())
}

/// What the controller of a door says: at which desk, for which challenge and key.
fn swipe(
    door: &SoftwareKey,
    desk: &str,
    binding: &KeyBinding,
    now: UnixTime,
) -> Result<Evidence, Box<dyn Error>> {
    let said = json!({ "desk": desk, "binding": binding.to_text() }).to_string();
    let unsigned = NewHeader::new("vnd.acme.badge+jwt", door.public_key())?.unsigned(said);
    let signature = door.sign(SignInput::Message(unsigned.signing_input()))?;
    Ok(Evidence::new(badge(), unsigned.attach(signature.as_bytes())?.into_bytes(), now)?)
}

/// Believes one door.
#[derive(Debug)]
struct BadgeVerifier {
    kind: EvidenceType,
    door: PublicKey,
}

impl BadgeVerifier {
    /// What is cheap first, and nothing of it is read before the signature is verified.
    fn desk(&self, evidence: &Evidence, binding: &KeyBinding) -> Result<String, Reason> {
        let token = str::from_utf8(evidence.payload()).map_err(|_| Reason::Malformed)?;
        let jws = UnverifiedJws::parse(token, &aims_jose::Limits::new()).map_err(|_| Reason::Malformed)?;
        jws.header().require_typ("vnd.acme.badge+jwt").map_err(|_| Reason::UnsupportedType)?;
        let jws = jws.verify(&self.door, AlgorithmSet::STANDARD).map_err(|_| Reason::BadSignature)?;
        let said: Value = serde_json::from_slice(jws.payload()).map_err(|_| Reason::Malformed)?;
        let text = |name: &str| said.get(name).and_then(Value::as_str).ok_or(Reason::Malformed);
        if !binding.matches(text("binding")?) {
            return Err(Reason::NonceMismatch);
        }
        Ok(text("desk")?.to_owned())
    }
}

impl Verifier for BadgeVerifier {
    fn evidence_type(&self) -> &EvidenceType {
        &self.kind
    }

    fn appraise(&self, evidence: &Evidence, asked: &Asked<'_>) -> Appraisal {
        let refused = |verdict| Appraisal::refused(evidence, "badge", verdict, asked.now(), backend::ring());
        let (Some(binding), Some(key)) = (asked.binding(), asked.key()) else {
            return refused(Verdict::Inconclusive("challenge"));
        };
        let desk = match self.desk(evidence, binding) {
            Ok(desk) => desk,
            Err(reason) => return refused(Verdict::Rejected(reason)),
        };
        // Text of somebody else's: what is no selector proves nothing.
        let Ok(desk) = Selector::new("badge", &format!("desk:{desk}")) else {
            return refused(Verdict::Rejected(Reason::Malformed));
        };
        let until = asked.now() + Duration::from_secs(3600);
        Appraisal::accepted(evidence, "badge", (asked.now(), until), backend::ring())
            .level(Level::VOUCHED)
            .freshness(Freshness::Nonce)
            // The door vouches for the key; that hardware holds it, it does not say.
            .bound(BoundKey::ProofOfPossession(*key), *binding)
            .selector(desk)
            .build()
    }
}
