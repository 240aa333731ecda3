//! Endorsement certificates, over the signatures in them.

use std::time::SystemTime;

use aims_attest::tpm::{EndorsementRoots, EndorsementVerifier};
use aims_benches::row::Row;
use aims_credential::x509::UnverifiedCertificate;
use aims_keys::der::{Reader, SEQUENCE};
use aims_keys::{PublicNumbers, backend};
use aims_testkit::SoftTpmCa;
use aims_tpm::{EndorsementKind, Tpm};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};

/// The certificate of the TPM, and that of the authority which signed it; both are signed with RSA.
pub(crate) fn verify(tpm: &Tpm, ca: &SoftTpmCa) -> Row {
    let endorsement = tpm.endorsement(EndorsementKind::EccP384).expect("an endorsement key");
    let chain = [endorsement.certificate.expect("its certificate"), ca.issuer().to_vec()];
    let signed = [(&chain[0], ca.issuer()), (&chain[1], ca.root())].map(|(signed, by)| {
        let (body, signature) = parts(signed);
        (key(by), body, signature)
    });
    let roots = EndorsementRoots::new("bench", [ca.root().to_vec()]).expect("a root");
    let verifier = EndorsementVerifier::builder(roots, backend::ring()).build();
    let now = SystemTime::now().try_into().expect("a time");
    Row::new(move || {
        std::hint::black_box(verifier.verify(&chain, now).expect("a good chain"));
    })
    .raw(move || {
        for ((n, e), body, signature) in &signed {
            let key = RsaPublicKeyComponents { n, e };
            key.verify(&RSA_PKCS1_2048_8192_SHA256, body, signature).expect("a signature");
        }
    })
}

fn key(certificate: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let certificate = UnverifiedCertificate::read(certificate).expect("a certificate");
    match PublicNumbers::from_spki(certificate.spki()) {
        Ok(PublicNumbers::Rsa { n, e }) => (n, e),
        other => unreachable!("software TPMs are certified with RSA: {other:?}"),
    }
}

/// What was signed in a certificate, and the signature.
fn parts(der: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let mut outer = Reader::new(der);
    let mut fields = Reader::new(outer.read(SEQUENCE).expect("a certificate"));
    let body = fields.element().expect("a body").whole.to_vec();
    fields.read_any().expect("an algorithm");
    (body, fields.whole_bytes().expect("a signature").to_vec())
}
