//! What a TPM states about itself, its keys and its machine: bytes as it gives them, for a verifier elsewhere.

use crate::pcr::PcrValue;

/// A statement about PCRs, signed by an attestation key.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Quote {
    /// What was signed: `TPMS_ATTEST`.
    pub attest: Vec<u8>,
    /// The signature over it: `TPMT_SIGNATURE`.
    pub signature: Vec<u8>,
    /// The values it is about, in ascending order; what the signature covers is their digest.
    pub pcrs: Vec<PcrValue>,
}

/// A statement that a key is in the TPM of an attestation key, and what kind of key it is.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Certification {
    /// The key: `TPMT_PUBLIC`.
    pub public: Vec<u8>,
    /// What was signed: `TPMS_ATTEST`, with the name of the key.
    pub attest: Vec<u8>,
    /// The signature over it: `TPMT_SIGNATURE`.
    pub signature: Vec<u8>,
}

/// An endorsement key, and what its maker says of it.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Endorsement {
    /// Which of those that a TPM has.
    pub kind: EndorsementKind,
    /// The key: `TPMT_PUBLIC`.
    pub public: Vec<u8>,
    /// Its certificate, in DER; none where the maker left none in the TPM.
    pub certificate: Option<Vec<u8>>,
}

/// The endorsement keys that a TPM may have (TCG EK Credential Profile 2.5).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum EndorsementKind {
    /// ECC P-256, with SHA-256.
    EccP256,
    /// ECC P-384, with SHA-384.
    EccP384,
    /// RSA of 2048 bits, with SHA-256.
    Rsa2048,
}
