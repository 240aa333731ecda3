//! Certificate requests: only what its own key signed is accepted.

use aims_credential::x509::CertificateRequest;
use aims_keys::backend;

pub(super) fn run(input: &[u8]) {
    match CertificateRequest::verify(input, backend::ring()) {
        Ok(request) => {
            let spki = request.key().numbers().to_spki();
            assert!(
                input.windows(spki.len()).any(|window| window == spki),
                "a key that is not in it came out"
            );
        }
        Err(error) => assert!(!error.code().is_empty() && !error.rule().is_empty()),
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    vec![super::world::WORLD.certificate_request.clone()]
}
