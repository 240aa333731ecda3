//! Certificate requests: only what its own key signed is accepted, and nothing comes out that is not in it.

use aims_credential::x509::CertificateRequest;
use aims_keys::backend;

use super::world::WORLD;

pub(super) fn run(input: &[u8]) {
    match CertificateRequest::verify(input, backend::ring()) {
        Ok(request) => {
            let spki = request.key().numbers().to_spki();
            assert!(is_in(input, &spki), "a key that is not in it came out");
            let texts = request.uris().chain(request.dns_names()).chain(request.challenge());
            for text in texts {
                assert!(
                    !text.is_empty() && is_in(input, text.as_bytes()),
                    "a text that is not in it came out"
                );
            }
        }
        Err(error) => assert!(!error.code().is_empty() && !error.rule().is_empty()),
    }
}

fn is_in(input: &[u8], part: &[u8]) -> bool {
    input.windows(part.len()).any(|window| window == part)
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    WORLD.certificate_requests.clone()
}
