//! Appraises evidence `tpm2-quote`.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use aims_jose::Thumbprint;
use aims_keys::{Backend, UnixTime};
use subtle::ConstantTimeEq;

use super::{
    Attest, Boot, BootCounters, CertifiedKey, ClockInfo, EventLog, MemoryBootCounters, PcrPolicy, PcrValues,
    TpmDevice, TpmDevices, TpmEvidence, evidence, pcr_policy, reason,
};
use crate::hex::hexadecimal;
use crate::{
    Appraisal, AppraisalBuilder, Asked, BoundKey, Evidence, EvidenceType, Freshness, KeyBinding, Level,
    Reason, Selector, Verdict, Verifier,
};

/// Appraises what a TPM says: evidence `tpm2-quote`, as [`TpmEvidence`] describes it.
///
/// What is proven is that a TPM that was enrolled answers the challenge, and how its machine was started. With a certification of the key for which a credential is wanted it is proven
/// too that this key is in the same TPM, never to leave it: only then the appraisal is worth [`Level::HARDWARE`] and names the key; otherwise it is worth [`Level::VOUCHED`]. It is
/// not proven which process asks: for that there is evidence of workloads.
///
/// Selectors are `tpm:ek_sha256:<hex>`, `tpm:ak_name:<hex>`, `tpm:manufacturer:<id>`, `tpm:pcr:<bank>:<n>:<hex>` (of all that were quoted but 16 and 23, which software can reset),
/// and, of a log that makes these PCRs, `tpm:event_log:replayed` and `tpm:secure_boot:true` or `false`. Claims are `hw_bound`, `boot` (`first`, `same`, or `rebooted`: then what was found before
/// does not hold any more), `reset_count`, `restart_count` and `firmware_version`. A TPM shows these three as they are to keys in its endorsement hierarchy alone: to the name of any other attestation key it derives
/// constants and adds them (TPM 2.0 Library Part 1, "Obfuscation"), so that they are good for comparison with what the same key said before, and for nothing else.
///
/// ```
/// use std::sync::Arc;
///
/// use aims_attest::Verifiers;
/// use aims_attest::tpm::{EnrolledDevices, PcrBank, PcrPolicy, TpmVerifier};
/// use aims_keys::backend;
///
/// let devices = Arc::new(EnrolledDevices::new());
/// let policy = PcrPolicy::builder("edge-nodes", 1).require(PcrBank::Sha256, 7, [[0x77; 32]]).build()?;
/// let verifier = TpmVerifier::builder(devices.clone(), backend::ring()).pcr_policy(policy).build();
/// let verifiers = Verifiers::new(backend::ring()).with(verifier);
/// # Ok::<(), aims_attest::tpm::PcrPolicyError>(())
/// ```
#[derive(Clone, Debug)]
pub struct TpmVerifier {
    devices: Arc<dyn TpmDevices>,
    boots: Arc<dyn BootCounters>,
    pcr_policy: Option<PcrPolicy>,
    needs_event_log: bool,
    max_age: Duration,
    backend: Backend,
}

impl TpmVerifier {
    /// Starts from the TPMs that are believed. An appraisal counts for an hour, counters are kept in memory, and no PCR has to have a certain value.
    pub fn builder(devices: impl TpmDevices + 'static, backend: Backend) -> TpmVerifierBuilder {
        TpmVerifierBuilder(Self {
            devices: Arc::new(devices),
            boots: Arc::new(MemoryBootCounters::new(DEFAULT_COUNTERS)),
            pcr_policy: None,
            needs_event_log: false,
            max_age: Duration::from_secs(3600),
            backend,
        })
    }

    /// What is cheap comes first (ATT-124): no signature is verified for evidence that does not answer the challenge, and no log is replayed for evidence that is not signed.
    fn examine<'e>(&self, evidence: &'e TpmEvidence, asked: Bound<'_>) -> Result<Found<'e>, Refused> {
        let device = self.device(evidence, asked.now)?;
        let quote = attest(evidence.quote(), asked.binding)?;
        let quoted = quote.quoted().map_err(Refused::by(reason::of_structure))?;
        let key = match evidence.certification() {
            Some(certify) => Some(self.certified(certify, &quote, asked)?),
            None => None,
        };
        let pcrs = evidence.claimed_pcrs();
        pcrs.check(quoted, device.hash(), self.backend).map_err(Refused::by(reason::of_pcrs))?;

        for signed in evidence.signed() {
            device.verify(&signed.attest, &signed.signature).map_err(Refused::by(reason::of_signature))?;
        }

        if let Some(policy) = &self.pcr_policy {
            let wrong: Vec<String> = policy.mismatches(pcrs).map(|one| one.to_string()).collect();
            if !wrong.is_empty() {
                return Err(Refused::from(Reason::MeasurementMismatch).saying(wrong.join("; ")));
            }
        }
        let log = match evidence.log() {
            Some(log) => Some(self.replayed(log, pcrs)?),
            None if self.needs_event_log => return Err(Verdict::Inconclusive("event_log").into()),
            None => None,
        };
        let clock = key.as_ref().map_or(quote.clock(), |(_, clock)| *clock);
        // Last, for it is remembered.
        let boot = self.boots.advance(device.ak(), clock).map_err(reason::of_boots)?;
        let key = key.map(|(thumbprint, _)| thumbprint);
        let firmware_version = quote.firmware_version();
        Ok(Found { device, pcrs, key, log, boot, clock, firmware_version })
    }

    /// The enrolled TPM; what comes with the evidence is no more than a name to look it up by (TPM-22).
    fn device(&self, evidence: &TpmEvidence, now: UnixTime) -> Result<Arc<TpmDevice>, Verdict> {
        let claimed = evidence.claimed_ak();
        let device = self
            .devices
            .device(claimed)
            .map_err(|_| Verdict::Unavailable { dependency: "tpm_devices", retry_after: None })?
            .ok_or(Verdict::Rejected(Reason::SubjectNotAllowed))?;
        if device.ak() != claimed {
            return Err(Verdict::Error);
        }
        if device.is_revoked() {
            return Err(Verdict::Rejected(Reason::Revoked));
        }
        // ATT-24: what its maker said of it has ended.
        if now > device.not_after() { Err(Verdict::Rejected(Reason::Expired)) } else { Ok(device) }
    }

    /// The key that was certified in the same session and the same boot, if it is the one that a credential is wanted for (TPM-30).
    fn certified(
        &self,
        certify: &evidence::Certify,
        quote: &Attest<'_>,
        asked: Bound<'_>,
    ) -> Result<(Thumbprint, ClockInfo), Refused> {
        let attest = attest(&certify.signed, asked.binding)?;
        let certified = attest.certified().map_err(Refused::by(reason::of_structure))?;
        let key = CertifiedKey::check(&certify.public, certified, self.backend)
            .map_err(Refused::by(reason::of_key))?;
        if key.thumbprint() != asked.key {
            return Err(Reason::KeyMismatch.into());
        }
        let (quoted, clock) = (quote.clock(), attest.clock());
        let boots = |clock: ClockInfo| (clock.reset_count(), clock.restart_count());
        if boots(quoted) != boots(clock) {
            return Err(Reason::Replayed.into());
        }
        let later = if clock.clock() >= quoted.clock() { clock } else { quoted };
        Ok((*key.thumbprint(), later))
    }

    fn replayed(&self, log: &[u8], quoted: &PcrValues) -> Result<Log, Refused> {
        let replayed = EventLog::parse(log).and_then(|log| log.replay(quoted, self.backend));
        Ok(Log { secure_boot: replayed.map_err(Refused::by(reason::of_log))?.secure_boot() })
    }
}

impl Verifier for TpmVerifier {
    fn evidence_type(&self) -> &EvidenceType {
        &EvidenceType::Tpm2Quote
    }

    fn appraise(&self, evidence: &Evidence, asked: &Asked<'_>) -> Appraisal {
        let now = asked.now();
        let refused = |why: Refused| {
            let appraisal = Appraisal::refused(evidence, VERIFIER, why.verdict, now, self.backend);
            match why.detail {
                Some(detail) => appraisal.with_detail(detail),
                None => appraisal,
            }
        };
        if evidence.evidence_type() != self.evidence_type() {
            return refused(Reason::UnsupportedType.into());
        }
        if evidence.format_version() != 1 {
            return refused(Reason::UnsupportedVersion.into());
        }
        // Without a challenge a quote can be of any time, and anybody's.
        let (Some(binding), Some(key)) = (asked.binding(), asked.key()) else {
            return refused(Verdict::Inconclusive("challenge").into());
        };
        let read = match TpmEvidence::parse(evidence.payload()) {
            Ok(read) => read,
            Err(error) => return refused(Refused::by(reason::of_evidence)(error)),
        };
        let found = match self.examine(&read, Bound { now, binding, key }) {
            Ok(found) => found,
            Err(why) => return refused(why),
        };
        let expires = (now + self.max_age).min(found.device.not_after() + Duration::from_secs(1));
        let builder = Appraisal::accepted(evidence, VERIFIER, (now, expires), self.backend);
        let builder = found.describe(builder.freshness(Freshness::Nonce), binding);
        match &self.pcr_policy {
            // Known values of the PCRs are known programs and settings.
            Some(policy) => {
                builder.policy(policy.id()).aspect("executables", "3").aspect("configuration", "2").build()
            }
            None => builder.build(),
        }
    }
}

/// Why evidence is refused, and what is wrong with it in words.
struct Refused {
    verdict: Verdict,
    detail: Option<String>,
}

impl Refused {
    /// For the reason that stands for an error, which says more.
    fn by<E: Error + 'static>(reason: impl Fn(E) -> Reason) -> impl Fn(E) -> Self {
        move |error| {
            let mut detail = error.to_string();
            let mut source = error.source();
            while let Some(error) = source {
                detail = format!("{detail}: {error}");
                source = error.source();
            }
            Self::from(reason(error)).saying(detail)
        }
    }

    fn saying(self, detail: String) -> Self {
        Self { detail: Some(detail), ..self }
    }
}

impl From<Verdict> for Refused {
    fn from(verdict: Verdict) -> Self {
        Self { verdict, detail: None }
    }
}

impl From<Reason> for Refused {
    fn from(reason: Reason) -> Self {
        Verdict::Rejected(reason).into()
    }
}

/// What the evidence has to answer.
#[derive(Clone, Copy)]
struct Bound<'a> {
    now: UnixTime,
    binding: &'a KeyBinding,
    key: &'a Thumbprint,
}

/// What was found in evidence that is good.
struct Found<'e> {
    device: Arc<TpmDevice>,
    pcrs: &'e PcrValues,
    key: Option<Thumbprint>,
    log: Option<Log>,
    boot: Boot,
    clock: ClockInfo,
    firmware_version: u64,
}

struct Log {
    secure_boot: Option<bool>,
}

impl Found<'_> {
    fn describe(&self, mut builder: AppraisalBuilder, binding: &KeyBinding) -> AppraisalBuilder {
        builder = builder
            .claim("boot", self.boot.name())
            .claim("reset_count", self.clock.reset_count().to_string())
            .claim("restart_count", self.clock.restart_count().to_string())
            .claim("firmware_version", format!("{:016x}", self.firmware_version))
            .aspect("hardware", "2")
            .aspect("instance-identity", "2");
        builder = match self.key {
            Some(key) => builder
                .claim("hw_bound", "true")
                .level(Level::HARDWARE)
                .bound(BoundKey::Hardware(key), *binding),
            None => builder.level(Level::VOUCHED),
        };
        self.selectors().into_iter().fold(builder, AppraisalBuilder::selector)
    }

    fn selectors(&self) -> Vec<Selector> {
        let mut values = vec![
            format!("ek_sha256:{}", hexadecimal(self.device.ek_sha256())),
            format!("ak_name:{}", self.device.ak()),
        ];
        values.extend(self.device.manufacturer().map(|id| format!("manufacturer:{id}")));
        let fixed = self.pcrs.iter().filter(|(_, index, _)| !pcr_policy::is_resettable(*index));
        values.extend(fixed.map(|(bank, index, value)| format!("pcr:{bank}:{index}:{value}")));
        if let Some(log) = &self.log {
            values.push("event_log:replayed".to_owned());
            values.extend(log.secure_boot.map(|is_on| format!("secure_boot:{is_on}")));
        }
        // A manufacturer with a line break is no selector, and proves nothing.
        values.iter().filter_map(|value| Selector::new("tpm", value).ok()).collect()
    }
}

/// Options of a [`TpmVerifier`].
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct TpmVerifierBuilder(TpmVerifier);

impl TpmVerifierBuilder {
    /// Where it is remembered how often TPMs were started (TPM-26). Default: in memory, for 65536 of them.
    pub fn boot_counters(mut self, boots: impl BootCounters + 'static) -> Self {
        self.0.boots = Arc::new(boots);
        self
    }

    /// Which values PCRs have to have. Default: any; they are proven as selectors.
    pub fn pcr_policy(mut self, policy: PcrPolicy) -> Self {
        self.0.pcr_policy = Some(policy);
        self
    }

    /// Asks for the log of the firmware: evidence without one is inconclusive. One that is there is replayed in any case.
    pub fn require_event_log(mut self) -> Self {
        self.0.needs_event_log = true;
        self
    }

    /// How long what was found counts. Default: 1 h; at most 24 h.
    pub fn max_age(mut self, max_age: Duration) -> Self {
        self.0.max_age = max_age.min(Duration::from_secs(86_400));
        self
    }

    /// Finishes.
    #[must_use]
    pub fn build(self) -> TpmVerifier {
        self.0
    }
}

/// Reads what was signed, and whether it answers the challenge (TPM-24). The signature is verified by the caller.
fn attest<'e>(signed: &'e evidence::Signed, binding: &KeyBinding) -> Result<Attest<'e>, Refused> {
    let attest = Attest::parse(&signed.attest).map_err(Refused::by(reason::of_structure))?;
    let answers: bool = binding.as_bytes().as_slice().ct_eq(attest.extra_data()).into();
    if answers { Ok(attest) } else { Err(Reason::NonceMismatch.into()) }
}

const VERIFIER: &str = "tpm2";

const DEFAULT_COUNTERS: usize = 65_536;
