//! Evidence of TPMs, with ES256 keys on *ring*.

use aims_attest::tpm::{
    EnrolledDevices, PcrBank, PcrValues, TpmDevice, TpmEvidence, TpmSignature, TpmVerifier,
};
use aims_attest::{Asked, Evidence, KeyBinding, Verdict, Verifier};
use aims_jose::Thumbprint;
use aims_keys::{PublicNumbers, backend};
use aims_testkit::TestTpm;
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};

use crate::fixtures::NOW;
use crate::row::Row;

pub(super) fn quote_and_certify() -> Row {
    row(|made| made.certified)
}

pub(super) fn quote() -> Row {
    row(|made| made.quoted)
}

/// What a TPM signed: the bytes, and a signature as *ring* takes it.
type Signed = (Vec<u8>, Vec<u8>);

struct Made {
    quoted: (Evidence, Vec<Signed>),
    certified: (Evidence, Vec<Signed>),
}

/// Eight PCRs of the firmware are quoted, as a machine would.
fn row(chosen: impl FnOnce(Made) -> (Evidence, Vec<Signed>)) -> Row {
    let mut tpm = TestTpm::new();
    let pcrs: Vec<u8> = (0..8).collect();
    let mut values = PcrValues::new();
    for &pcr in &pcrs {
        tpm.extend(pcr, &[pcr; 32]);
        values.insert(PcrBank::Sha256, pcr, &tpm.pcr(pcr)).expect("a value");
    }
    let device = TpmDevice::new(tpm.ak_public(), [0xee; 32], backend::ring()).expect("a key");
    let (key, public) = tpm.key();
    let key = Thumbprint::of(key.public_key());
    let binding = KeyBinding::of("spiffe://acme.example", &[7; 32], &key, backend::ring());
    let (quote, certify) = (tpm.quote(binding.as_bytes(), &pcrs), tpm.certify(&public, binding.as_bytes()));
    let quoted = TpmEvidence::new(device.ak().clone(), quote.clone(), values);
    let certified = quoted.clone().certify(&public, certify.clone());
    let evidence = |made: TpmEvidence| made.to_evidence(*NOW).expect("evidence");
    let signed = |made: &Signed| (made.0.clone(), raw_signature(&made.1, &device));
    let (evidence, signed) = chosen(Made {
        quoted: (evidence(quoted), vec![signed(&quote)]),
        certified: (evidence(certified), vec![signed(&quote), signed(&certify)]),
    });

    let point = point(&device);
    let devices = EnrolledDevices::new();
    devices.enrol(device);
    let verifier = TpmVerifier::builder(devices, backend::ring()).build();
    Row::new(move || {
        let appraisal = verifier.appraise(&evidence, &Asked::bound(*NOW, &binding, &key));
        assert_eq!(std::hint::black_box(appraisal).verdict(), Verdict::Accepted);
    })
    .raw(move || {
        for (bytes, signature) in &signed {
            let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &point);
            key.verify(std::hint::black_box(bytes), signature).expect("a signature");
        }
    })
}

fn raw_signature(tpmt: &[u8], device: &TpmDevice) -> Vec<u8> {
    let signature = TpmSignature::parse(tpmt).expect("a signature");
    signature.to_jose(device.key().algorithm()).expect("a signature of the key")
}

fn point(device: &TpmDevice) -> Vec<u8> {
    match device.key().numbers() {
        PublicNumbers::P256 { x, y } => [&[4][..], x, y].concat(),
        _ => unreachable!("a key of P-256"),
    }
}
