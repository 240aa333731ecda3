//! The signatures of certificates and of revocation lists.

use aims_keys::Backend;
use aims_keys::der::{Reader, SEQUENCE};
use rustls_pki_types::SignatureVerificationAlgorithm;

/// Something signed in the form of X.509: what was signed, by which algorithm, and the signature.
#[derive(Clone, Copy, Debug)]
pub(super) struct Signed<'a> {
    /// The whole element.
    pub(super) body: &'a [u8],
    /// The content of the `AlgorithmIdentifier`.
    pub(super) algorithm: &'a [u8],
    pub(super) signature: &'a [u8],
}

impl Signed<'_> {
    /// Whether the key of this `SubjectPublicKeyInfo` signed it, by an algorithm that is accepted.
    pub(super) fn is_by(&self, spki: &[u8], backend: Backend) -> bool {
        let Some((key_algorithm, key)) = key_of(spki) else { return false };
        algorithms(backend)
            .iter()
            .filter(|algorithm| {
                *algorithm.signature_alg_id() == *self.algorithm
                    && *algorithm.public_key_alg_id() == *key_algorithm
            })
            .any(|algorithm| algorithm.verify_signature(key, self.body, self.signature).is_ok())
    }
}

fn key_of(spki: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut outer = Reader::new(spki);
    let mut fields = Reader::new(outer.read(SEQUENCE)?);
    let (algorithm, key) = (fields.read(SEQUENCE)?, fields.whole_bytes()?);
    fields.finish()?;
    outer.finish()?;
    Some((algorithm, key))
}

/// The signatures of certificates that are accepted: SHA-256 or better, RSA from 2048 bits on (X5V-3).
pub(super) fn algorithms(backend: Backend) -> &'static [&'static dyn SignatureVerificationAlgorithm] {
    #[cfg(feature = "aws-lc")]
    if backend == aims_keys::backend::aws_lc() {
        return AWS_LC;
    }
    let _ = backend;
    RING
}

macro_rules! algorithms {
    ($backend:ident) => {
        &[
            webpki::$backend::ECDSA_P256_SHA256,
            webpki::$backend::ECDSA_P384_SHA384,
            webpki::$backend::ECDSA_P256_SHA384,
            webpki::$backend::ECDSA_P384_SHA256,
            webpki::$backend::ED25519,
            webpki::$backend::RSA_PKCS1_2048_8192_SHA256,
            webpki::$backend::RSA_PKCS1_2048_8192_SHA384,
            webpki::$backend::RSA_PKCS1_2048_8192_SHA512,
            webpki::$backend::RSA_PSS_2048_8192_SHA256_LEGACY_KEY,
            webpki::$backend::RSA_PSS_2048_8192_SHA384_LEGACY_KEY,
            webpki::$backend::RSA_PSS_2048_8192_SHA512_LEGACY_KEY,
        ]
    };
}

static RING: &[&dyn SignatureVerificationAlgorithm] = algorithms!(ring);

#[cfg(feature = "aws-lc")]
static AWS_LC: &[&dyn SignatureVerificationAlgorithm] = algorithms!(aws_lc_rs);
