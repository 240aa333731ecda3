//! `aims attest verify`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use aims::backend;
use aims::jose::Thumbprint;
use aims::jose::json::{Limits, Object, ObjectWriter};
use aims::keys::{Algorithm, UnixTime};
use aims_attest::tpm::{EnrolledDevices, EnrolledTpm, PcrPolicy, TpmEvidence, TpmVerifier};
use aims_attest::{Appraisal, Asked, BoundKey, Evidence, Freshness, KeyBinding, Verdict, Verifiers};

use super::Challenge;
use crate::command::{anchors, public_key};
use crate::failure::{About, Failure};
use crate::input::Inputs;
use crate::output::{Fact, Facts, Report};
use crate::{algorithm, hex};

/// Which evidence, what it has to answer, and whom to believe.
#[derive(clap::Args, Debug)]
pub(crate) struct Verify {
    /// The evidence, as `aims tpm quote` writes it; - is standard input.
    evidence: PathBuf,
    /// Believes this TPM, as `aims attest enrol` printed it; may be repeated.
    #[arg(long = "device", value_name = "FILE", required = true)]
    devices: Vec<PathBuf>,
    #[command(flatten)]
    challenge: Challenge,
    /// The public key that the evidence has to be about: a JWK.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The algorithm that the key is for, if its JWK does not say it and it is not the usual one.
    #[arg(long, value_parser = algorithm::parser())]
    alg: Option<Algorithm>,
    /// Which values PCRs have to have: a JSON document.
    #[arg(long, value_name = "FILE")]
    pcr_policy: Option<PathBuf>,
    /// Asks for the log of the firmware. One that is there is replayed in any case.
    #[arg(long)]
    require_event_log: bool,
    /// Verifies as of this time, in seconds since 1970. Default: now.
    #[arg(long, value_name = "UNIXTIME")]
    at: Option<u64>,
}

impl Verify {
    pub(crate) fn run(self, inputs: &mut Inputs) -> Result<Report, Failure> {
        let now = anchors::at(self.at)?;
        let key = public_key::read(&inputs.file(&self.key)?, self.alg)?.thumbprint();
        let input = inputs.evidence(&self.evidence)?;
        let evidence = Evidence::from_json(&input.bytes, now).about_option(&input.name)?;
        let verifiers = Verifiers::new(backend::ring()).with(self.verifier(&evidence, now, inputs)?);
        let Challenge { audience, nonce } = &self.challenge;
        let binding = KeyBinding::of(audience, nonce, &key, backend::ring());
        let appraisal = verifiers.appraise(&evidence, &Asked::bound(now, &binding, &key));
        match appraisal.verdict() {
            Verdict::Accepted => Ok(Report::Facts(facts(&appraisal)?)),
            verdict => {
                let failure = refusal(verdict);
                match appraisal.detail() {
                    Some(detail) => Err(failure.adding(detail)),
                    None => Err(failure),
                }
                .about_option(&input.name)
            }
        }
    }

    /// Who appraises it: an appraisal counts for an hour, and no longer than the endorsement of its TPM (ATT-24).
    fn verifier(
        &self,
        evidence: &Evidence,
        now: UnixTime,
        inputs: &mut Inputs,
    ) -> Result<TpmVerifier, Failure> {
        // A name to look up by, and no more (TPM-22).
        let claimed = TpmEvidence::parse(evidence.payload()).ok();
        let claimed = claimed.as_ref().map(TpmEvidence::claimed_ak);
        let mut max_age = MAX_AGE;
        let devices = EnrolledDevices::new();
        for path in &self.devices {
            let input = inputs.file(path)?;
            let enrolled = EnrolledTpm::from_json(input.text.as_bytes(), backend::ring()).about(&input)?;
            if Some(enrolled.ak_name()) == claimed {
                if now > enrolled.not_after() {
                    let ended = Failure::refused("expired", "ATT-24", "the endorsement of the TPM has ended");
                    return Err(ended).about(&input);
                }
                // The last second counts.
                let left = enrolled.not_after().as_secs().saturating_sub(now.as_secs()).saturating_add(1);
                max_age = max_age.min(Duration::from_secs(left));
            }
            devices.enrol(enrolled.device().clone());
        }
        let mut builder = TpmVerifier::builder(devices, backend::ring()).max_age(max_age);
        if let Some(path) = &self.pcr_policy {
            let input = inputs.file(path)?;
            builder = builder.pcr_policy(PcrPolicy::from_json(input.text.as_bytes()).about(&input)?);
        }
        if self.require_event_log {
            builder = builder.require_event_log();
        }
        Ok(builder.build())
    }
}

/// What an accepted appraisal says.
fn facts(appraisal: &Appraisal) -> Result<Facts, Failure> {
    let (bound, key) = match appraisal.bound_key() {
        BoundKey::Hardware(key) => ("hardware", Some(key)),
        BoundKey::ProofOfPossession(key) => ("proof_of_possession", Some(key)),
        // The challenge is for the key, and nothing says where that is.
        _ => ("none", None),
    };
    let selectors = appraisal.selectors().iter().map(ToString::to_string).collect();
    let reasons = appraisal.reasons().iter().map(|reason| reason.code().to_owned()).collect();
    Ok(Facts::new()
        .note(NOTE)
        .with("verified", true)
        .with("replay_memory", "none")
        .with("verdict", appraisal.verdict().code())
        .with("type", appraisal.evidence_type().name())
        .with("level", Fact::Number(appraisal.level().number().into()))
        .with("bound_key", bound)
        .with_some("thumbprint", key.map(Thumbprint::to_string))
        .with("freshness", freshness(appraisal.freshness()))
        .with("verifier", appraisal.verifier_id())
        .with_some("policy", appraisal.policy_id())
        .with("claims", object(appraisal.claims())?)
        .with("vector", object(appraisal.vector())?)
        .with("selectors", Fact::List(selectors))
        .with("reasons", Fact::List(reasons))
        .with("evidence_sha256", hex::encode(appraisal.evidence_digest()))
        .with("not_before", appraisal.not_before())
        .with("not_after", appraisal.expires()))
}

fn freshness(freshness: Freshness) -> &'static str {
    match freshness {
        Freshness::Nonce => "nonce",
        Freshness::OneTimeUse => "one_time_use",
        Freshness::Timestamp => "timestamp",
        Freshness::Tofu => "tofu",
        _ => "static",
    }
}

fn object(map: &BTreeMap<String, String>) -> Result<Object, Failure> {
    let mut writer = ObjectWriter::new();
    for (name, value) in map {
        writer.str(name, value);
    }
    Ok(Object::parse(writer.finish()?, &Limits::new().bytes(1024 * 1024))?)
}

/// Why evidence was not accepted.
fn refusal(verdict: Verdict) -> Failure {
    use aims_attest::Reason as R;

    let (rule, message) = match verdict {
        Verdict::Rejected(reason) => match reason {
            R::BadSignature => ("TPM-22", "a signature of the TPM does not verify"),
            R::KeyMismatch => {
                ("TPM-30", "the TPM says nothing of this key, or that it is not one of its own")
            }
            R::Malformed => ("TPM-20", "the evidence is not what its type says"),
            R::MeasurementMismatch => ("TPM-25", "the PCRs, or the log, are not what they have to be"),
            R::NonceMismatch => {
                ("TPM-24", "the evidence answers another challenge: another nonce, audience or key")
            }
            R::Replayed => ("TPM-26", "the parts of the evidence are not of one time"),
            R::Revoked => ("TPM-28", "the TPM is not believed any more"),
            R::SubjectNotAllowed => ("TPM-22", "the evidence is of no TPM that was enrolled"),
            R::TooLarge => ("ATT-5", "the evidence is too large"),
            R::UnsupportedAlgorithm => {
                ("TPM-22", "the evidence, or its log, uses an algorithm that is not accepted")
            }
            R::UnsupportedType => ("ATT-2", "nobody verifies evidence of this type"),
            R::UnsupportedVersion => ("ATT-2", "the evidence is of a version that is not read"),
            _ => ("ATT-121", "the evidence is not good"),
        },
        Verdict::Inconclusive("event_log") => ("TPM-27", "the evidence is without the log of the firmware"),
        Verdict::Inconclusive(_) => ("ATT-121", "something else is needed to tell"),
        Verdict::Unavailable { .. } => ("ATT-121", "something that is needed could not be asked"),
        _ => ("ATT-121", "the appraisal failed"),
    };
    Failure::refused(verdict.code(), rule, message)
}

/// The second line is about the claims: nothing in the evidence says in which hierarchy its attestation key is.
const NOTE: &str = "accepted; no earlier run is remembered: the nonce may have been answered before
firmware_version, reset_count and restart_count are the TPM's own only where its attestation key is in the endorsement hierarchy; \
that of `aims tpm` is not, and a constant was added to each";

const MAX_AGE: Duration = Duration::from_secs(3600);
