//! `TPMT_SIGNATURE`: how a TPM writes signatures.

use aims_keys::backend::HashAlgorithm;
use aims_keys::{Algorithm, PublicNumbers};

use super::public::hash_of;
use super::reader::Reader;
use super::{TpmReadError, TpmScheme};

/// A `TPMT_SIGNATURE`, by a scheme and a hash function that are accepted (TPM-22).
#[derive(Clone, Copy, Debug)]
pub struct TpmSignature<'a> {
    scheme: TpmScheme,
    hash: HashAlgorithm,
    value: Value<'a>,
}

#[derive(Clone, Copy, Debug)]
enum Value<'a> {
    Ecdsa { r: &'a [u8], s: &'a [u8] },
    Rsa(&'a [u8]),
}

impl<'a> TpmSignature<'a> {
    /// Reads all of `bytes`.
    ///
    /// # Errors
    ///
    /// [`TpmReadError`]; a signature by SHA-1 is [`TpmReadError::SignatureHash`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, TpmReadError> {
        if bytes.len() > MAX_SIGNATURE {
            return Err(TpmReadError::TooLarge);
        }
        let mut reader = Reader::new(bytes);
        let scheme = reader.u16().ok_or(TpmReadError::Malformed)?;
        if ![ECDSA, RSAPSS, RSASSA].contains(&scheme) {
            return Err(TpmReadError::SignatureScheme);
        }
        let hash = reader.u16().ok_or(TpmReadError::Malformed)?;
        let hash = hash_of(hash).ok_or(TpmReadError::SignatureHash)?;
        let (scheme, value) = match scheme {
            ECDSA => (TpmScheme::Ecdsa(hash), ecdsa(&mut reader)),
            RSAPSS => (TpmScheme::RsaPss(hash), reader.sized(MAX_RSA).map(Value::Rsa)),
            _ => (TpmScheme::RsaPkcs1(hash), reader.sized(MAX_RSA).map(Value::Rsa)),
        };
        let value = value.ok_or(TpmReadError::Malformed)?;
        if !reader.is_empty() {
            return Err(TpmReadError::TrailingBytes);
        }
        Ok(Self { scheme, hash, value })
    }

    /// The scheme, with its hash function.
    #[must_use]
    pub fn scheme(&self) -> TpmScheme {
        self.scheme
    }

    /// The hash function.
    #[must_use]
    pub fn hash(&self) -> HashAlgorithm {
        self.hash
    }

    /// The signature as [`PublicKey::verify`](aims_keys::PublicKey::verify) of this algorithm takes it: of ECDSA `r || s`, each as long as the curve
    /// has it, for a TPM may leave out zeros in front (TPM-11).
    ///
    /// # Errors
    ///
    /// [`TpmReadError::SignatureScheme`] if it is of another algorithm; [`TpmReadError::Malformed`] if a number of it is too long for the curve.
    pub fn to_jose(&self, algorithm: Algorithm) -> Result<Vec<u8>, TpmReadError> {
        if !is_of(self.scheme, algorithm) {
            return Err(TpmReadError::SignatureScheme);
        }
        match (self.value, algorithm.signature_len()) {
            (Value::Ecdsa { r, s }, Some(len)) => {
                let mut whole = Vec::with_capacity(len);
                for number in [r, s] {
                    let zeros = (len / 2).checked_sub(number.len()).ok_or(TpmReadError::Malformed)?;
                    whole.resize(whole.len() + zeros, 0);
                    whole.extend_from_slice(number);
                }
                Ok(whole)
            }
            (Value::Rsa(whole), None) => Ok(whole.to_vec()),
            _ => Err(TpmReadError::SignatureScheme),
        }
    }
}

fn ecdsa<'a>(reader: &mut Reader<'a>) -> Option<Value<'a>> {
    Some(Value::Ecdsa { r: reader.sized(MAX_COORDINATE)?, s: reader.sized(MAX_COORDINATE)? })
}

/// What a key with these numbers signs by in this scheme, under its name of JOSE, if that is accepted (TPM-22).
pub(super) fn algorithm_of(scheme: TpmScheme, numbers: &PublicNumbers) -> Option<Algorithm> {
    match (numbers, scheme) {
        (PublicNumbers::P256 { .. }, TpmScheme::Ecdsa(HashAlgorithm::Sha256)) => Some(Algorithm::Es256),
        (PublicNumbers::P384 { .. }, TpmScheme::Ecdsa(HashAlgorithm::Sha384)) => Some(Algorithm::Es384),
        (PublicNumbers::Rsa { .. }, TpmScheme::RsaPss(HashAlgorithm::Sha256)) => Some(Algorithm::Ps256),
        (PublicNumbers::Rsa { .. }, TpmScheme::RsaPss(HashAlgorithm::Sha512)) => Some(Algorithm::Ps512),
        (PublicNumbers::Rsa { .. }, TpmScheme::RsaPkcs1(HashAlgorithm::Sha256)) => Some(Algorithm::Rs256),
        _ => None,
    }
}

fn is_of(scheme: TpmScheme, algorithm: Algorithm) -> bool {
    matches!(
        (scheme, algorithm),
        (TpmScheme::Ecdsa(HashAlgorithm::Sha256), Algorithm::Es256)
            | (TpmScheme::Ecdsa(HashAlgorithm::Sha384), Algorithm::Es384)
            | (TpmScheme::RsaPss(HashAlgorithm::Sha256), Algorithm::Ps256)
            | (TpmScheme::RsaPss(HashAlgorithm::Sha512), Algorithm::Ps512)
            | (TpmScheme::RsaPkcs1(HashAlgorithm::Sha256), Algorithm::Rs256)
    )
}

/// `TPM_ALG_ECDSA`
const ECDSA: u16 = 0x0018;

/// `TPM_ALG_RSAPSS`
const RSAPSS: u16 = 0x0016;

/// `TPM_ALG_RSASSA`
const RSASSA: u16 = 0x0014;

/// That of P-521.
const MAX_COORDINATE: usize = 66;

/// That of 8192 bits.
const MAX_RSA: usize = 1024;

/// An RSA signature, and three numbers of two bytes.
const MAX_SIGNATURE: usize = MAX_RSA + 6;
