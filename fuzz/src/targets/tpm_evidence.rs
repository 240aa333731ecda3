//! Evidence of TPMs: what is accepted was signed by the TPM that was enrolled, as it is.

use std::sync::LazyLock;

use aims_attest::tpm::{
    EnrolledDevices, MemoryBootCounters, PcrBank, PcrValues, TpmDevice, TpmEvidence, TpmVerifier,
};
use aims_attest::{Asked, BoundKey, Evidence, EvidenceType, KeyBinding, Level, Verdict, Verifier};
use aims_jose::Thumbprint;
use aims_keys::backend;
use aims_testkit::TestTpm;

use super::event_log;
use super::world::NOW;

pub(super) fn run(input: &[u8]) {
    let Ok(evidence) = Evidence::new(EvidenceType::Tpm2Quote, input.to_vec(), NOW) else { return };
    let read = TpmEvidence::parse(input);
    match &read {
        Ok(read) => {
            let again = read.to_evidence(NOW).expect("no larger than before");
            assert_eq!(TpmEvidence::parse(again.payload()).as_ref(), Ok(read));
        }
        Err(error) => assert!(!error.code().is_empty() && !error.rule().is_empty()),
    }
    let asked = Asked::bound(NOW, &MACHINE.binding, &MACHINE.key);
    let appraisal = MACHINE.verifier.appraise(&evidence, &asked);
    assert!(MACHINE.verifier.appraise(&evidence, &Asked::at(NOW)).verdict() != Verdict::Accepted);
    if appraisal.verdict() == Verdict::Accepted {
        let said = signed(input);
        assert!(seeds().iter().any(|good| signed(good) == said), "the TPM has not said this");
        let is_bound = *appraisal.bound_key() == BoundKey::Hardware(MACHINE.key);
        assert_eq!(is_bound, appraisal.level() == Level::HARDWARE);
    }
}

/// Without the log: what it calls its events is not in a PCR.
fn signed(payload: &[u8]) -> serde_json::Value {
    let mut evidence: serde_json::Value = serde_json::from_slice(payload).expect("JSON");
    evidence.as_object_mut().and_then(|members| members.remove("event_log"));
    evidence
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    MACHINE.good.iter().map(|good| good.to_evidence(NOW).expect("evidence").payload().to_vec()).collect()
}

struct Machine {
    verifier: TpmVerifier,
    binding: KeyBinding,
    key: Thumbprint,
    /// All that the TPM says, and parts of it.
    good: Vec<TpmEvidence>,
}

static MACHINE: LazyLock<Machine> = LazyLock::new(|| {
    let mut tpm = TestTpm::new();
    for digest in event_log::digests() {
        tpm.extend(7, &digest);
    }
    let (key, public) = tpm.key();
    let key = Thumbprint::of(key.public_key());
    let binding = KeyBinding::of("spiffe://acme.example", &[7; 32], &key, backend::ring());
    let device = TpmDevice::new(tpm.ak_public(), [0xee; 32], backend::ring()).expect("a key");
    let mut pcrs = PcrValues::new();
    for pcr in [0, 7] {
        pcrs.insert(PcrBank::Sha256, pcr, &tpm.pcr(pcr)).expect("a value");
    }
    let quote = TpmEvidence::new(device.ak().clone(), tpm.quote(binding.as_bytes(), &[0, 7]), pcrs);
    let full = quote.clone().certify(&public, tpm.certify(&public, binding.as_bytes()));
    let good = [quote, full].into_iter().flat_map(|good| [good.clone().event_log(event_log::log()), good]);
    let good = good.collect();
    let devices = EnrolledDevices::new();
    devices.enrol(device);
    let counters = MemoryBootCounters::new(1);
    let verifier = TpmVerifier::builder(devices, backend::ring()).boot_counters(counters).build();
    Machine { verifier, binding, key, good }
});
