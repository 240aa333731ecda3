//! The public parts of what is made in a TPM.

use aims_keys::Algorithm;
use tss_esapi::attributes::{ObjectAttributes, ObjectAttributesBuilder};
use tss_esapi::interface_types::algorithm::{HashingAlgorithm, PublicAlgorithm};
use tss_esapi::interface_types::ecc::EccCurve;
use tss_esapi::structures::{
    Digest, EccPoint, EccScheme, HashScheme, KeyDerivationFunctionScheme, KeyedHashScheme, Public,
    PublicBuilder, PublicEccParameters, PublicEccParametersBuilder, PublicKeyedHashParameters,
    SymmetricDefinitionObject,
};

use super::fault::Fault;
use crate::error::TpmError;

/// The key below which all others are made: ECC P-256, shared by all stores, the same each time it is made until the owner clears the
/// TPM.
pub(super) fn primary() -> Result<Public, Fault> {
    let attributes = base().with_user_with_auth(true).with_restricted(true).with_decrypt(true).build()?;
    let parameters = PublicEccParametersBuilder::new_restricted_decryption_key(
        SymmetricDefinitionObject::AES_128_CFB,
        EccCurve::NistP256,
    )
    .build()?;
    ecc(attributes, parameters, Digest::default())
}

/// A key that signs digests from outside. Never restricted: an attestation key is another (TPM-13).
pub(super) fn signing(algorithm: Algorithm, policy: Digest) -> Result<Public, Fault> {
    let attributes = base().with_user_with_auth(policy.is_empty()).with_sign_encrypt(true).build()?;
    ecc(attributes, ecdsa(algorithm)?, policy)
}

/// A key that signs what the TPM itself made or hashed, and nothing else.
pub(super) fn attestation() -> Result<Public, Fault> {
    let attributes =
        base().with_user_with_auth(true).with_restricted(true).with_sign_encrypt(true).build()?;
    ecc(attributes, ecdsa(Algorithm::Es256)?, Digest::default())
}

/// Data that only this policy opens.
pub(super) fn sealed(policy: Digest) -> Result<Public, Fault> {
    let attributes = ObjectAttributesBuilder::new().with_fixed_tpm(true).with_fixed_parent(true);
    let attributes = attributes.with_no_da(true).with_admin_with_policy(true).build()?;
    let public = PublicBuilder::new()
        .with_public_algorithm(PublicAlgorithm::KeyedHash)
        .with_name_hashing_algorithm(HashingAlgorithm::Sha256)
        .with_object_attributes(attributes)
        .with_auth_policy(policy)
        .with_keyed_hash_parameters(PublicKeyedHashParameters::new(KeyedHashScheme::Null))
        .with_keyed_hash_unique_identifier(Digest::default())
        .build()?;
    Ok(public)
}

/// Made in this TPM, bound to it, and without the lock-out of passwords: one wrong value must not stop all keys (TPM-15).
fn base() -> ObjectAttributesBuilder {
    ObjectAttributesBuilder::new()
        .with_fixed_tpm(true)
        .with_fixed_parent(true)
        .with_sensitive_data_origin(true)
        .with_no_da(true)
}

fn ecdsa(algorithm: Algorithm) -> Result<PublicEccParameters, Fault> {
    let (curve, hash) = match algorithm {
        Algorithm::Es256 => (EccCurve::NistP256, HashingAlgorithm::Sha256),
        Algorithm::Es384 => (EccCurve::NistP384, HashingAlgorithm::Sha384),
        _ => return Err(TpmError::Unsupported.into()),
    };
    Ok(PublicEccParameters::new(
        SymmetricDefinitionObject::Null,
        EccScheme::EcDsa(HashScheme::new(hash)),
        curve,
        KeyDerivationFunctionScheme::Null,
    ))
}

fn ecc(
    attributes: ObjectAttributes,
    parameters: PublicEccParameters,
    policy: Digest,
) -> Result<Public, Fault> {
    let public = PublicBuilder::new()
        .with_public_algorithm(PublicAlgorithm::Ecc)
        .with_name_hashing_algorithm(HashingAlgorithm::Sha256)
        .with_object_attributes(attributes)
        .with_auth_policy(policy)
        .with_ecc_parameters(parameters)
        .with_ecc_unique_identifier(EccPoint::default())
        .build()?;
    Ok(public)
}
