//! Enrolled TPMs as text: what is read is written in one spelling, and its key is an attestation key.

use aims_attest::tpm::EnrolledTpm;
use aims_jose::base64url;
use aims_keys::backend;

use super::tpm_public::attestation_key;

pub(super) fn run(input: &[u8]) {
    match EnrolledTpm::from_json(input, backend::ring()) {
        Ok(enrolled) => {
            let text = enrolled.to_json();
            assert_eq!(EnrolledTpm::from_json(text.as_bytes(), backend::ring()).as_ref(), Ok(&enrolled));
            assert!(enrolled.ak_public().attributes().restricted());
            assert_eq!(*enrolled.ak_name(), enrolled.ak_public().name(backend::ring()));
            assert!(enrolled.enrolled_at() <= enrolled.not_after());
        }
        Err(error) => assert!(!error.code().is_empty() && !error.rule().is_empty()),
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let text = |enrolled_at: u64| {
        format!(
            r#"{{"version":1,"ek_sha256":"{}","ak_public":"{}","manufacturer":"id:41494D53","model":"m","tpm_version":"id:1","roots":"r","enrolled_at":{enrolled_at},"not_after":1893456000}}"#,
            "5a".repeat(32),
            base64url::encode(attestation_key())
        )
        .into_bytes()
    };
    vec![text(1_790_000_000), text(1_900_000_000)]
}
