//! What certificates and certificate requests are written with.

use aims_keys::der::{BIT_STRING, BOOLEAN, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, SET, write};
use aims_keys::{
    Algorithm, AsyncSigner, Protection, PublicKey, SignError, SignInput, Signature, Signer, der,
};

use super::oid;

/// A `TBSCertificate` or `CertificationRequestInfo`, to be signed by the owner of a key.
///
/// Both end up in the same form: what was signed, the algorithm, the signature.
pub(super) struct ToBeSigned {
    body: Vec<u8>,
    key: PublicKey,
}

impl ToBeSigned {
    /// INVARIANT: the key's algorithm has an [`algorithm_identifier`].
    pub(super) fn new(body: Vec<u8>, key: PublicKey) -> Self {
        Self { body, key }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.body
    }

    pub(super) fn key(&self) -> &PublicKey {
        &self.key
    }

    /// Completes it with a signature in the form of JOSE, which is verified first.
    pub(super) fn attach(&self, signature: &[u8]) -> Option<Vec<u8>> {
        self.key.verify(&self.body, signature).ok()?;
        self.complete(signature)
    }

    pub(super) fn sign<S: Signer + ?Sized>(&self, signer: &S) -> Result<Vec<u8>, SignError> {
        if signer.public_key() != &self.key {
            return Err(SignError::WrongUse);
        }
        let signature = signer.sign(SignInput::Message(&self.body))?;
        self.accept(&signature, signer.protection())
    }

    pub(super) async fn sign_async<S: AsyncSigner + ?Sized>(&self, signer: &S) -> Result<Vec<u8>, SignError> {
        if signer.public_key() != &self.key {
            return Err(SignError::WrongUse);
        }
        let signature = signer.sign(SignInput::Message(&self.body)).await?;
        self.accept(&signature, signer.protection())
    }

    fn accept(&self, signature: &Signature, protection: Protection) -> Result<Vec<u8>, SignError> {
        let signature = signature.as_bytes();
        match protection {
            Protection::Software => self.complete(signature),
            // JO-SIGN-04: a device may be broken, or not be the one it was.
            _ => self.attach(signature),
        }
        .ok_or(SignError::Backend)
    }

    fn complete(&self, signature: &[u8]) -> Option<Vec<u8>> {
        let algorithm = self.key.algorithm();
        let value = match algorithm {
            Algorithm::Es256 | Algorithm::Es384 => der::ecdsa_to_der(algorithm, signature).ok()?,
            _ => signature.to_vec(),
        };
        Some(write(
            SEQUENCE,
            &[&self.body, algorithm_identifier(algorithm)?, &write(BIT_STRING, &[&[0], &value])],
        ))
    }
}

/// The `AlgorithmIdentifier` of signatures (RFC 5758, RFC 8410, RFC 4055).
pub(super) fn algorithm_identifier(algorithm: Algorithm) -> Option<&'static [u8]> {
    match algorithm {
        Algorithm::EdDsa | Algorithm::Ed25519 => Some(ED25519),
        Algorithm::Es256 => Some(ECDSA_WITH_SHA256),
        Algorithm::Es384 => Some(ECDSA_WITH_SHA384),
        Algorithm::Ps256 => Some(RSA_PSS_SHA256),
        Algorithm::Rs256 => Some(RSA_SHA256),
        _ => None,
    }
}

/// The algorithm of a whole `AlgorithmIdentifier`.
pub(super) fn algorithm_of(identifier: &[u8]) -> Option<Algorithm> {
    [Algorithm::Ed25519, Algorithm::Es256, Algorithm::Es384, Algorithm::Ps256, Algorithm::Rs256]
        .into_iter()
        .find(|&algorithm| algorithm_identifier(algorithm) == Some(identifier))
}

/// A `Name` of one common name.
pub(super) fn name(common_name: &str) -> Vec<u8> {
    let attribute = write(
        SEQUENCE,
        &[&write(OBJECT_IDENTIFIER, &[oid::COMMON_NAME]), &write(UTF8_STRING, &[common_name.as_bytes()])],
    );
    write(SEQUENCE, &[&write(SET, &[&attribute])])
}

pub(super) fn extension(id: &[u8], is_critical: bool, value: &[u8]) -> Vec<u8> {
    let critical = if is_critical { write(BOOLEAN, &[&[0xff]]) } else { Vec::new() };
    write(SEQUENCE, &[&write(OBJECT_IDENTIFIER, &[id]), &critical, &write(OCTET_STRING, &[value])])
}

/// A BIT STRING of named bits, of which at most the first eight are set: without trailing zeros, as DER has it.
pub(super) fn named_bits(bits: u8) -> Vec<u8> {
    match u8::try_from(bits.trailing_zeros()) {
        Ok(unused @ 0..=7) => write(BIT_STRING, &[&[unused, bits]]),
        _ => write(BIT_STRING, &[&[0]]),
    }
}

/// A positive INTEGER of these bytes, whose first bit is not set.
pub(super) fn integer(bytes: &[u8]) -> Vec<u8> {
    write(INTEGER, &[bytes])
}

const UTF8_STRING: u8 = 0x0c;

const ECDSA_WITH_SHA256: &[u8] = &[0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
const ECDSA_WITH_SHA384: &[u8] = &[0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03];
const ED25519: &[u8] = &[0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70];
const RSA_SHA256: &[u8] =
    &[0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b, 0x05, 0x00];

/// With SHA-256 for hash and mask, and a salt of 32 bytes.
const RSA_PSS_SHA256: &[u8] = &[
    0x30, 0x41, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a, 0x30, 0x34, 0xa0, 0x0f,
    0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0xa1, 0x1c,
    0x30, 0x1a, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x08, 0x30, 0x0d, 0x06, 0x09,
    0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0xa2, 0x03, 0x02, 0x01, 0x20,
];
