//! The AWS-LC backend.

use aws_lc_rs::agreement::{self, EphemeralPrivateKey, UnparsedPublicKey as UnparsedPeer};
use aws_lc_rs::digest::Context;
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::error::KeyRejected;
use aws_lc_rs::rand::{self, SystemRandom};
use aws_lc_rs::rsa;
use aws_lc_rs::signature::{
    self, EcdsaKeyPair, Ed25519KeyPair, KeyPair, ParsedPublicKey, RsaEncoding, RsaPublicKeyComponents,
};
#[cfg(feature = "ml-dsa")]
use aws_lc_rs::signature::{PqdsaKeyPair, PqdsaSigningAlgorithm};
use zeroize::Zeroizing;

use super::{Agreement, EncryptError, HashAlgorithm, uncompressed};
use crate::algorithm::Algorithm;
use crate::pkcs8::Parts;
use crate::private::RsaSize;
use crate::public::{BadSignature, KeyError, PublicNumbers};
use crate::signer::{SignError, Signature};
use crate::spki::coordinates;

pub(super) fn fill_random(bytes: &mut [u8]) -> Result<(), KeyError> {
    rand::fill(bytes).map_err(|_| KeyError::Random)
}

pub(super) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut digest = [0; 32];
    digest.copy_from_slice(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes).as_ref());
    digest
}

pub(super) fn sha384(bytes: &[u8]) -> [u8; 48] {
    let mut digest = [0; 48];
    digest.copy_from_slice(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA384, bytes).as_ref());
    digest
}

pub(super) fn sha512(bytes: &[u8]) -> [u8; 64] {
    let mut digest = [0; 64];
    digest.copy_from_slice(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA512, bytes).as_ref());
    digest
}

pub(super) fn hmac_sha256(secret: &[u8], message: &[u8]) -> [u8; 32] {
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret);
    let mut tag = [0; 32];
    tag.copy_from_slice(aws_lc_rs::hmac::sign(&key, message).as_ref());
    tag
}

pub(super) fn hmac(algorithm: HashAlgorithm, secret: &[u8], message: &[u8]) -> Zeroizing<Vec<u8>> {
    let algorithm = match algorithm {
        HashAlgorithm::Sha256 => aws_lc_rs::hmac::HMAC_SHA256,
        HashAlgorithm::Sha384 => aws_lc_rs::hmac::HMAC_SHA384,
        HashAlgorithm::Sha512 => aws_lc_rs::hmac::HMAC_SHA512,
    };
    let key = aws_lc_rs::hmac::Key::new(algorithm, secret);
    Zeroizing::new(aws_lc_rs::hmac::sign(&key, message).as_ref().to_vec())
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
    let shared = agreement::agree_ephemeral(private, peer, (), |shared| Ok(Zeroizing::new(shared.to_vec())))
        .map_err(|()| KeyError::NotOnCurve)?;
    Ok((public, shared))
}

pub(super) fn encrypt_oaep(
    key: &PublicNumbers,
    hash: HashAlgorithm,
    label: &[u8],
    secret: &[u8],
) -> Result<Vec<u8>, EncryptError> {
    let algorithm = match hash {
        HashAlgorithm::Sha256 => &rsa::OAEP_SHA256_MGF1SHA256,
        HashAlgorithm::Sha384 => &rsa::OAEP_SHA384_MGF1SHA384,
        HashAlgorithm::Sha512 => &rsa::OAEP_SHA512_MGF1SHA512,
    };
    let key = rsa::PublicEncryptingKey::from_der(&key.to_spki())
        .map_err(|_| EncryptError::Key(KeyError::Malformed))?;
    let key = rsa::OaepPublicEncryptingKey::new(key).map_err(|_| EncryptError::Backend)?;
    let mut sealed = vec![0; key.ciphertext_size()];
    let len =
        key.encrypt(algorithm, secret, &mut sealed, Some(label)).map_err(|_| EncryptError::Backend)?.len();
    sealed.truncate(len);
    Ok(sealed)
}

pub(super) fn hasher(algorithm: HashAlgorithm) -> Context {
    Context::new(match algorithm {
        HashAlgorithm::Sha256 => &aws_lc_rs::digest::SHA256,
        HashAlgorithm::Sha384 => &aws_lc_rs::digest::SHA384,
        HashAlgorithm::Sha512 => &aws_lc_rs::digest::SHA512,
    })
}

pub(super) fn generate(algorithm: Algorithm) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let document = match algorithm {
        Algorithm::EdDsa | Algorithm::Ed25519 => Ed25519KeyPair::generate().and_then(|key| key.to_pkcs8()),
        Algorithm::Es256 => EcdsaKeyPair::generate(&signature::ECDSA_P256_SHA256_FIXED_SIGNING)
            .and_then(|key| key.to_pkcs8v1()),
        Algorithm::Es384 => EcdsaKeyPair::generate(&signature::ECDSA_P384_SHA384_FIXED_SIGNING)
            .and_then(|key| key.to_pkcs8v1()),
        #[cfg(feature = "ml-dsa")]
        Algorithm::MlDsa44 => {
            PqdsaKeyPair::generate(&signature::ML_DSA_44_SIGNING).and_then(|key| key.to_pkcs8v1())
        }
        #[cfg(feature = "ml-dsa")]
        Algorithm::MlDsa65 => {
            PqdsaKeyPair::generate(&signature::ML_DSA_65_SIGNING).and_then(|key| key.to_pkcs8v1())
        }
        #[cfg(not(feature = "ml-dsa"))]
        Algorithm::MlDsa44 | Algorithm::MlDsa65 => return Err(KeyError::Unsupported),
        Algorithm::Ps256 | Algorithm::Ps512 | Algorithm::Rs256 => return generate_rsa(RsaSize::default()),
    };
    let document = document.map_err(|_| KeyError::Random)?;
    Ok(Zeroizing::new(document.as_ref().to_vec()))
}

pub(super) fn generate_rsa(size: RsaSize) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let size = match size {
        RsaSize::Bits2048 => rsa::KeySize::Rsa2048,
        RsaSize::Bits3072 => rsa::KeySize::Rsa3072,
        RsaSize::Bits4096 => rsa::KeySize::Rsa4096,
    };
    let document: Result<Pkcs8V1Der<'_>, _> = rsa::KeyPair::generate(size).and_then(|key| key.as_der());
    let document = document.map_err(|_| KeyError::Random)?;
    Ok(Zeroizing::new(document.as_ref().to_vec()))
}

/// A public key, parsed once.
pub(crate) struct Public(ParsedPublicKey);

impl Public {
    pub(super) fn load(numbers: &PublicNumbers, algorithm: Algorithm) -> Result<Self, KeyError> {
        let parsed = match numbers {
            PublicNumbers::Ed25519 { x } => ParsedPublicKey::new(&signature::ED25519, x),
            PublicNumbers::MlDsa { public } => return ml_dsa::public(algorithm, public).map(Self),
            PublicNumbers::P256 { x, y } => {
                ParsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, uncompressed::<32, 65>(x, y))
            }
            PublicNumbers::P384 { x, y } => {
                ParsedPublicKey::new(&signature::ECDSA_P384_SHA384_FIXED, uncompressed::<48, 97>(x, y))
            }
            PublicNumbers::Rsa { n, e } => {
                let parameters = match algorithm {
                    Algorithm::Ps256 => &signature::RSA_PSS_2048_8192_SHA256,
                    Algorithm::Ps512 => &signature::RSA_PSS_2048_8192_SHA512,
                    Algorithm::Rs256 => &signature::RSA_PKCS1_2048_8192_SHA256,
                    _ => return Err(KeyError::AlgorithmMismatch),
                };
                RsaPublicKeyComponents { n, e }.to_parsed_public_key(parameters)
            }
        };
        parsed.map(Self).map_err(|_| KeyError::Malformed)
    }

    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), BadSignature> {
        self.0.verify_sig(message, signature).map_err(|_| BadSignature)
    }
}

/// A private key. AWS-LC overwrites its memory when it is dropped.
pub(crate) enum Private {
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    #[cfg(feature = "ml-dsa")]
    MlDsa(PqdsaKeyPair, &'static PqdsaSigningAlgorithm),
    Rsa(rsa::KeyPair, &'static dyn RsaEncoding),
}

impl Private {
    pub(super) fn load(parts: &Parts<'_>, algorithm: Algorithm) -> Result<(Self, PublicNumbers), KeyError> {
        match parts {
            Parts::Ed25519 { seed, public } => {
                let key = match public {
                    Some(public) => Ed25519KeyPair::from_seed_and_public_key(*seed, *public),
                    None => Ed25519KeyPair::from_seed_unchecked(*seed),
                };
                let key = key.map_err(|e| rejected(&e))?;
                let x = key.public_key().as_ref().try_into().map_err(|_| KeyError::Malformed)?;
                Ok((Self::Ed25519(key), PublicNumbers::Ed25519 { x }))
            }
            Parts::MlDsa { seed, .. } => ml_dsa::private(algorithm, seed),
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
            Parts::Rsa { der, n, e } => {
                // The public numbers were checked before: AWS-LC refuses what does not belong together.
                let key = rsa::KeyPair::from_der(der).map_err(|_| KeyError::Inconsistent)?;
                let encoding: &'static dyn RsaEncoding = match algorithm {
                    Algorithm::Ps256 => &signature::RSA_PSS_SHA256,
                    Algorithm::Ps512 => &signature::RSA_PSS_SHA512,
                    Algorithm::Rs256 => &signature::RSA_PKCS1_SHA256,
                    _ => return Err(KeyError::AlgorithmMismatch),
                };
                Ok((Self::Rsa(key, encoding), PublicNumbers::Rsa { n: n.to_vec(), e: e.to_vec() }))
            }
        }
    }

    pub(super) fn sign(&self, message: &[u8]) -> Result<Signature, SignError> {
        let random = SystemRandom::new();
        match self {
            Self::Ecdsa(key) => {
                let signature = key.sign(&random, message).map_err(|_| SignError::Backend)?;
                Ok(signature.as_ref().into())
            }
            Self::Ed25519(key) => {
                let signature = key.try_sign(message).map_err(|_| SignError::Backend)?;
                Ok(signature.as_ref().into())
            }
            #[cfg(feature = "ml-dsa")]
            Self::MlDsa(key, algorithm) => {
                let mut signature = vec![0; algorithm.signature_len()];
                let len = key.sign(message, &mut signature).map_err(|_| SignError::Backend)?;
                signature.truncate(len);
                Ok(signature.into())
            }
            Self::Rsa(key, encoding) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(*encoding, &random, message, &mut signature).map_err(|_| SignError::Backend)?;
                Ok(signature.into())
            }
        }
    }
}

#[cfg(feature = "ml-dsa")]
mod ml_dsa {
    use aws_lc_rs::signature::{
        KeyPair, ML_DSA_44, ML_DSA_44_SIGNING, ML_DSA_65, ML_DSA_65_SIGNING, ParsedPublicKey, PqdsaKeyPair,
    };

    use super::{Private, rejected};
    use crate::algorithm::Algorithm;
    use crate::public::{KeyError, PublicNumbers};

    pub(super) fn public(algorithm: Algorithm, public: &[u8]) -> Result<ParsedPublicKey, KeyError> {
        let parameters = if algorithm == Algorithm::MlDsa44 { &ML_DSA_44 } else { &ML_DSA_65 };
        ParsedPublicKey::new(parameters, public).map_err(|_| KeyError::Malformed)
    }

    pub(super) fn private(
        algorithm: Algorithm,
        seed: &[u8; 32],
    ) -> Result<(Private, PublicNumbers), KeyError> {
        let parameters =
            if algorithm == Algorithm::MlDsa44 { &ML_DSA_44_SIGNING } else { &ML_DSA_65_SIGNING };
        let key = PqdsaKeyPair::from_seed(parameters, seed).map_err(|e| rejected(&e))?;
        let public = key.public_key().as_ref().to_vec();
        Ok((Private::MlDsa(key, parameters), PublicNumbers::MlDsa { public }))
    }
}

#[cfg(not(feature = "ml-dsa"))]
mod ml_dsa {
    use aws_lc_rs::signature::ParsedPublicKey;

    use super::Private;
    use crate::algorithm::Algorithm;
    use crate::public::{KeyError, PublicNumbers};

    pub(super) fn public(_: Algorithm, _: &[u8]) -> Result<ParsedPublicKey, KeyError> {
        Err(KeyError::Unsupported)
    }

    pub(super) fn private(_: Algorithm, _: &[u8; 32]) -> Result<(Private, PublicNumbers), KeyError> {
        Err(KeyError::Unsupported)
    }
}

fn ecdsa(
    parameters: &'static signature::EcdsaSigningAlgorithm,
    d: &[u8],
    point: &[u8],
) -> Result<EcdsaKeyPair, KeyError> {
    EcdsaKeyPair::from_private_key_and_public_key(parameters, d, point).map_err(|e| rejected(&e))
}

/// AWS-LC says why in words only; the one reason that matters to a caller is told apart.
fn rejected(error: &KeyRejected) -> KeyError {
    match error.to_string().as_str() {
        "InconsistentComponents" => KeyError::Inconsistent,
        _ => KeyError::Malformed,
    }
}
