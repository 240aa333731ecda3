//! The *ring* backend.

use ring::agreement::{self, EphemeralPrivateKey, UnparsedPublicKey as UnparsedPeer};
use ring::digest::Context;
use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::{
    self, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RsaKeyPair, RsaPublicKeyComponents, UnparsedPublicKey,
};
use zeroize::Zeroizing;

use super::{Agreement, HashAlgorithm, uncompressed};
use crate::algorithm::Algorithm;
use crate::pkcs8::Parts;
use crate::private::RsaSize;
use crate::public::{BadSignature, KeyError, PublicNumbers};
use crate::signer::{SignError, Signature};
use crate::spki::coordinates;

pub(super) fn fill_random(bytes: &mut [u8]) -> Result<(), KeyError> {
    SystemRandom::new().fill(bytes).map_err(|_| KeyError::Random)
}

pub(super) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut digest = [0; 32];
    digest.copy_from_slice(ring::digest::digest(&ring::digest::SHA256, bytes).as_ref());
    digest
}

pub(super) fn sha384(bytes: &[u8]) -> [u8; 48] {
    let mut digest = [0; 48];
    digest.copy_from_slice(ring::digest::digest(&ring::digest::SHA384, bytes).as_ref());
    digest
}

pub(super) fn sha512(bytes: &[u8]) -> [u8; 64] {
    let mut digest = [0; 64];
    digest.copy_from_slice(ring::digest::digest(&ring::digest::SHA512, bytes).as_ref());
    digest
}

pub(super) fn hmac_sha256(secret: &[u8], message: &[u8]) -> [u8; 32] {
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret);
    let mut tag = [0; 32];
    tag.copy_from_slice(ring::hmac::sign(&key, message).as_ref());
    tag
}

pub(super) fn hmac(algorithm: HashAlgorithm, secret: &[u8], message: &[u8]) -> Zeroizing<Vec<u8>> {
    let algorithm = match algorithm {
        HashAlgorithm::Sha256 => ring::hmac::HMAC_SHA256,
        HashAlgorithm::Sha384 => ring::hmac::HMAC_SHA384,
        HashAlgorithm::Sha512 => ring::hmac::HMAC_SHA512,
    };
    let key = ring::hmac::Key::new(algorithm, secret);
    Zeroizing::new(ring::hmac::sign(&key, message).as_ref().to_vec())
}

/// The peer has been checked.
pub(super) fn agree(peer: &PublicNumbers) -> Result<Agreement, KeyError> {
    match peer {
        PublicNumbers::P256 { x, y } => {
            let (ephemeral, shared) = agree_on(&agreement::ECDH_P256, &uncompressed::<32, 65>(x, y))?;
            let (x, y) = coordinates(ephemeral.as_ref())?;
            Ok(Agreement::new(PublicNumbers::P256 { x, y }, shared))
        }
        PublicNumbers::P384 { x, y } => {
            let (ephemeral, shared) = agree_on(&agreement::ECDH_P384, &uncompressed::<48, 97>(x, y))?;
            let (x, y) = coordinates(ephemeral.as_ref())?;
            Ok(Agreement::new(PublicNumbers::P384 { x, y }, shared))
        }
        _ => Err(KeyError::AlgorithmMismatch),
    }
}

fn agree_on(
    curve: &'static agreement::Algorithm,
    peer: &[u8],
) -> Result<(agreement::PublicKey, Zeroizing<Vec<u8>>), KeyError> {
    let private = EphemeralPrivateKey::generate(curve, &SystemRandom::new()).map_err(|_| KeyError::Random)?;
    let public = private.compute_public_key().map_err(|_| KeyError::Random)?;
    let peer = UnparsedPeer::new(curve, peer);
    let shared = agreement::agree_ephemeral(private, &peer, |shared| Zeroizing::new(shared.to_vec()))
        .map_err(|_| KeyError::NotOnCurve)?;
    Ok((public, shared))
}

pub(super) fn hasher(algorithm: HashAlgorithm) -> Context {
    Context::new(match algorithm {
        HashAlgorithm::Sha256 => &ring::digest::SHA256,
        HashAlgorithm::Sha384 => &ring::digest::SHA384,
        HashAlgorithm::Sha512 => &ring::digest::SHA512,
    })
}

pub(super) fn generate(algorithm: Algorithm) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let random = SystemRandom::new();
    let document = match algorithm {
        Algorithm::EdDsa | Algorithm::Ed25519 => Ed25519KeyPair::generate_pkcs8(&random),
        Algorithm::Es256 => {
            EcdsaKeyPair::generate_pkcs8(&signature::ECDSA_P256_SHA256_FIXED_SIGNING, &random)
        }
        Algorithm::Es384 => {
            EcdsaKeyPair::generate_pkcs8(&signature::ECDSA_P384_SHA384_FIXED_SIGNING, &random)
        }
        // ring cannot make RSA keys and has no ML-DSA.
        _ => return Err(KeyError::Unsupported),
    };
    let document = document.map_err(|_| KeyError::Random)?;
    Ok(Zeroizing::new(document.as_ref().to_vec()))
}

/// *ring* cannot.
pub(super) fn generate_rsa(_: RsaSize) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    Err(KeyError::Unsupported)
}

/// A public key; *ring* parses EC and Ed25519 keys anew for each signature, from the form that is kept here.
pub(crate) enum Public {
    P256([u8; 65]),
    P384([u8; 97]),
    /// The numbers are used as they are.
    Plain,
}

impl Public {
    pub(super) fn load(numbers: &PublicNumbers, algorithm: Algorithm) -> Result<Self, KeyError> {
        match (numbers, algorithm) {
            (PublicNumbers::P256 { x, y }, _) => Ok(Self::P256(uncompressed(x, y))),
            (PublicNumbers::P384 { x, y }, _) => Ok(Self::P384(uncompressed(x, y))),
            (PublicNumbers::Ed25519 { .. } | PublicNumbers::Rsa { .. }, _) => Ok(Self::Plain),
            (PublicNumbers::MlDsa { .. }, _) => Err(KeyError::Unsupported),
        }
    }

    pub(super) fn verify(
        &self,
        numbers: &PublicNumbers,
        algorithm: Algorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), BadSignature> {
        let verified =
            match (self, numbers) {
                (Self::P256(point), _) => UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, point)
                    .verify(message, signature),
                (Self::P384(point), _) => UnparsedPublicKey::new(&signature::ECDSA_P384_SHA384_FIXED, point)
                    .verify(message, signature),
                (Self::Plain, PublicNumbers::Ed25519 { x }) => {
                    UnparsedPublicKey::new(&signature::ED25519, x).verify(message, signature)
                }
                (Self::Plain, PublicNumbers::Rsa { n, e }) => {
                    let parameters = match algorithm {
                        Algorithm::Ps256 => &signature::RSA_PSS_2048_8192_SHA256,
                        Algorithm::Ps512 => &signature::RSA_PSS_2048_8192_SHA512,
                        Algorithm::Rs256 => &signature::RSA_PKCS1_2048_8192_SHA256,
                        _ => return Err(BadSignature),
                    };
                    RsaPublicKeyComponents { n, e }.verify(parameters, message, signature)
                }
                _ => return Err(BadSignature),
            };
        verified.map_err(|_| BadSignature)
    }
}

/// A private key. *ring* does not overwrite it when it is dropped: a listed deviation.
pub(crate) enum Private {
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(RsaKeyPair, &'static dyn signature::RsaEncoding),
}

impl Private {
    pub(super) fn load(parts: &Parts<'_>, algorithm: Algorithm) -> Result<(Self, PublicNumbers), KeyError> {
        match parts {
            Parts::P256 { d, point } => {
                let key = ecdsa(&signature::ECDSA_P256_SHA256_FIXED_SIGNING, *d, *point)?;
                let (x, y) = coordinates(key.public_key().as_ref())?;
                Ok((Self::Ecdsa(key), PublicNumbers::P256 { x, y }))
            }
            Parts::P384 { d, point } => {
                let key = ecdsa(&signature::ECDSA_P384_SHA384_FIXED_SIGNING, *d, *point)?;
                let (x, y) = coordinates(key.public_key().as_ref())?;
                Ok((Self::Ecdsa(key), PublicNumbers::P384 { x, y }))
            }
            Parts::Ed25519 { seed, public } => {
                let key = match public {
                    Some(public) => Ed25519KeyPair::from_seed_and_public_key(*seed, *public),
                    None => Ed25519KeyPair::from_seed_unchecked(*seed),
                };
                let key = key.map_err(|e| rejected(&e))?;
                let x = key.public_key().as_ref().try_into().map_err(|_| KeyError::Malformed)?;
                Ok((Self::Ed25519(key), PublicNumbers::Ed25519 { x }))
            }
            Parts::Rsa { der, .. } => {
                let key = RsaKeyPair::from_der(der).map_err(|e| rejected(&e))?;
                let public = RsaPublicKeyComponents::<Vec<u8>>::from(key.public());
                let encoding: &'static dyn signature::RsaEncoding = match algorithm {
                    Algorithm::Ps256 => &signature::RSA_PSS_SHA256,
                    Algorithm::Ps512 => &signature::RSA_PSS_SHA512,
                    Algorithm::Rs256 => &signature::RSA_PKCS1_SHA256,
                    _ => return Err(KeyError::AlgorithmMismatch),
                };
                Ok((Self::Rsa(key, encoding), PublicNumbers::Rsa { n: public.n, e: public.e }))
            }
            Parts::MlDsa { .. } => Err(KeyError::Unsupported),
        }
    }

    pub(super) fn sign(&self, message: &[u8]) -> Result<Signature, SignError> {
        let random = SystemRandom::new();
        match self {
            Self::Ecdsa(key) => {
                let signature = key.sign(&random, message).map_err(|_| SignError::Backend)?;
                Ok(signature.as_ref().into())
            }
            Self::Ed25519(key) => Ok(key.sign(message).as_ref().into()),
            Self::Rsa(key, encoding) => {
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(*encoding, &random, message, &mut signature).map_err(|_| SignError::Backend)?;
                Ok(signature.into())
            }
        }
    }
}

fn ecdsa(
    parameters: &'static signature::EcdsaSigningAlgorithm,
    d: &[u8],
    point: &[u8],
) -> Result<EcdsaKeyPair, KeyError> {
    EcdsaKeyPair::from_private_key_and_public_key(parameters, d, point, &SystemRandom::new())
        .map_err(|e| rejected(&e))
}

/// *ring* says why in words only; the reasons that matter to a caller are told apart.
fn rejected(error: &ring::error::KeyRejected) -> KeyError {
    match error.to_string().as_str() {
        "InconsistentComponents" => KeyError::Inconsistent,
        // The public numbers were checked before: what is left are limits of *ring* alone.
        "TooSmall" | "TooLarge" | "PrivateModulusLenNotMultipleOf512Bits" => KeyError::Unsupported,
        "RNG failed" => KeyError::Random,
        _ => KeyError::Malformed,
    }
}
