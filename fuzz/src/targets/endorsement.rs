//! Chains of endorsement certificates, one certificate behind the other: one that verifies is one that the authority issued.

use std::sync::LazyLock;

use aims_attest::tpm::{EndorsementRoots, EndorsementVerifier, Enrolment, TpmPublic};
use aims_keys::der::{
    self, BIT_STRING, BOOLEAN, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, Reader, SEQUENCE, SET, write,
};
use aims_keys::{Algorithm, SignInput, SoftwareKey, backend};

use super::tpm_public::{attestation_key, endorsement_key};
use super::world::NOW;

struct Maker {
    verifier: EndorsementVerifier,
    root: Vec<u8>,
    certificate: Vec<u8>,
}

static MAKER: LazyLock<Maker> = LazyLock::new(Maker::new);

pub(super) fn run(input: &[u8]) {
    let mut reader = Reader::new(input);
    let mut chain: Vec<&[u8]> = Vec::new();
    while let Some(element) = reader.element() {
        chain.push(element.whole);
    }
    match MAKER.verifier.verify(&chain, NOW) {
        Ok(endorsement) => {
            assert_eq!(chain[0], MAKER.certificate, "a certificate that nobody issued was accepted");
            assert_eq!(endorsement.manufacturer(), "id:41494D53");
            let enrolment = Enrolment::new(MAKER.verifier.clone());
            let (_, pending) =
                enrolment.begin(&chain, &endorsement_key(), &attestation_key(), NOW).expect("its own key");
            assert!(pending.finish(input, NOW).is_err(), "a secret that nobody gave out was accepted");
        }
        Err(error) => assert!(!error.code().is_empty() && !error.rule().is_empty()),
    }
    if let Err(error) = EndorsementRoots::new("fuzz", chain.get(..1).unwrap_or_default()) {
        assert!(!error.code().is_empty() && !error.rule().is_empty());
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let Maker { root, certificate, .. } = &*MAKER;
    vec![certificate.clone(), [&certificate[..], root].concat(), [&root[..], certificate].concat()]
}

impl Maker {
    fn new() -> Self {
        let key = SoftwareKey::generate(Algorithm::Es256, backend::ring()).expect("a key");
        let spki = key.public_key().numbers().to_spki();
        let root = sign(
            &key,
            &spki,
            &[
                extension(0x13, &write(SEQUENCE, &[&write(BOOLEAN, &[&[0xff]])])),
                extension(0x0f, &write(BIT_STRING, &[&[2, 4]])),
            ],
        );
        let ek = TpmPublic::parse(&endorsement_key()).expect("a key");
        let spki = ek.public_numbers().expect("a key").to_spki();
        let attributes = [(1, "id:41494D53"), (2, "m"), (3, "id:1")].map(|(number, value)| {
            let id = write(OBJECT_IDENTIFIER, &[&[0x67, 0x81, 0x05, 0x02, number]]);
            write(SET, &[&write(SEQUENCE, &[&id, &write(0x0c, &[value.as_bytes()])])])
        });
        let name = write(0xa4, &[&write(SEQUENCE, &[&attributes.concat()])]);
        let purpose = write(OBJECT_IDENTIFIER, &[&[0x67, 0x81, 0x05, 0x08, 0x01]]);
        let certificate = sign(
            &key,
            &spki,
            &[
                extension(0x13, &write(SEQUENCE, &[])),
                extension(0x0f, &write(BIT_STRING, &[&[3, 8]])),
                extension(0x25, &write(SEQUENCE, &[&purpose])),
                extension(0x11, &write(SEQUENCE, &[&name])),
            ],
        );
        let roots = EndorsementRoots::new("fuzz", [&root]).expect("a root");
        Self { verifier: EndorsementVerifier::builder(roots, backend::ring()).build(), root, certificate }
    }
}

/// A certificate by the key, with one name for issuer and subject.
fn sign(key: &SoftwareKey, spki: &[u8], extensions: &[Vec<u8>]) -> Vec<u8> {
    const ES256: &[u8] = &[0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
    let common_name = write(OBJECT_IDENTIFIER, &[&[0x55, 0x04, 0x03]]);
    let attribute = write(SEQUENCE, &[&common_name, &write(0x0c, &[b"maker"])]);
    let name = write(SEQUENCE, &[&write(SET, &[&attribute])]);
    let time = |text: &[u8]| write(0x18, &[text]);
    let body = write(
        SEQUENCE,
        &[
            &write(0xa0, &[&write(INTEGER, &[&[2]])]),
            &write(INTEGER, &[&[7]]),
            ES256,
            &name,
            &write(SEQUENCE, &[&time(b"20250101000000Z"), &time(b"99991231235959Z")]),
            &name,
            spki,
            &write(0xa3, &[&write(SEQUENCE, &[&extensions.concat()])]),
        ],
    );
    let signature = key.sign(SignInput::Message(&body)).expect("a signature");
    let signature = der::ecdsa_to_der(Algorithm::Es256, signature.as_bytes()).expect("a signature");
    write(SEQUENCE, &[&body, ES256, &write(BIT_STRING, &[&[0], &signature])])
}

/// A critical extension, by the last number of its identifier below 2.5.29.
fn extension(number: u8, value: &[u8]) -> Vec<u8> {
    let id = write(OBJECT_IDENTIFIER, &[&[0x55, 0x1d, number]]);
    write(SEQUENCE, &[&id, &write(BOOLEAN, &[&[0xff]]), &write(OCTET_STRING, &[value])])
}
