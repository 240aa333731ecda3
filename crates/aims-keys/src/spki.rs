//! Public keys as certificates carry them: `SubjectPublicKeyInfo` (RFC 5280 §4.1.2.7; RFC 3279 and RFC 4055 for RSA, RFC
//! 5480 for EC, RFC 8410 for Ed25519, RFC 9881 for ML-DSA).

use crate::algorithm::Algorithm;
use crate::der::{BIT_STRING, Reader, SEQUENCE, unsigned, write};
use crate::pem;
use crate::public::{KeyError, PublicNumbers};

impl PublicNumbers {
    /// Reads the DER of a `SubjectPublicKeyInfo`: one spelling per key, EC points uncompressed on a named curve.
    ///
    /// Nothing is checked of the numbers yet: that is for [`PublicKey::load`](crate::PublicKey::load).
    ///
    /// # Errors
    ///
    /// [`KeyError::AlgorithmMismatch`] for kinds of keys that have no algorithm here, [`KeyError::Malformed`] for anything but
    /// strict DER of the others, [`KeyError::Length`] when it is longer than any of them.
    pub fn from_spki(der: &[u8]) -> Result<Self, KeyError> {
        if der.len() > MAX_SPKI {
            return Err(KeyError::Length);
        }
        let (algorithm, key) = fields(der).ok_or(KeyError::Malformed)?;
        match algorithm {
            ED25519 => Ok(Self::Ed25519 { x: key.try_into().map_err(|_| KeyError::Malformed)? }),
            ML_DSA_44 | ML_DSA_65 => Ok(Self::MlDsa { public: key.to_vec() }),
            P256 => {
                let (x, y) = coordinates(key)?;
                Ok(Self::P256 { x, y })
            }
            P384 => {
                let (x, y) = coordinates(key)?;
                Ok(Self::P384 { x, y })
            }
            RSA => {
                let (n, e) = rsa_public_key(key).ok_or(KeyError::Malformed)?;
                Ok(Self::Rsa { n: n.to_vec(), e: e.to_vec() })
            }
            _ => Err(KeyError::AlgorithmMismatch),
        }
    }

    /// The DER of the `SubjectPublicKeyInfo`.
    #[must_use]
    pub fn to_spki(&self) -> Vec<u8> {
        let point = |algorithm, x: &[u8], y: &[u8]| spki(algorithm, &[&[4], x, y]);
        match self {
            Self::Ed25519 { x } => spki(ED25519, &[x]),
            Self::MlDsa { public } if public.len() == ML_DSA_44_LEN => spki(ML_DSA_44, &[public]),
            Self::MlDsa { public } => spki(ML_DSA_65, &[public]),
            Self::P256 { x, y } => point(P256, x, y),
            Self::P384 { x, y } => point(P384, x, y),
            Self::Rsa { n, e } => spki(RSA, &[&write(SEQUENCE, &[&unsigned(n), &unsigned(e)])]),
        }
    }

    /// The same as [`from_spki`](Self::from_spki), of PEM: one block labelled `PUBLIC KEY` in the strict form of RFC 7468, with nothing around it.
    ///
    /// ```
    /// use aims_keys::{Algorithm, PublicKey, PublicNumbers, backend};
    ///
    /// let text = "-----BEGIN PUBLIC KEY-----
    /// MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=
    /// -----END PUBLIC KEY-----
    /// ";
    /// let numbers = PublicNumbers::from_pem(text)?;
    /// assert_eq!(numbers.to_pem(), text);
    /// let key = PublicKey::load(numbers, Algorithm::Ed25519, backend::ring())?;
    /// # Ok::<(), aims_keys::KeyError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`KeyError::Pem`] for any other text, blocks labelled `RSA PUBLIC KEY` and certificates included, and those of `from_spki`.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        Self::from_spki(&pem::read(&pem::PUBLIC_KEY, text).ok_or(KeyError::Pem)?)
    }

    /// The `SubjectPublicKeyInfo` in PEM.
    #[must_use]
    pub fn to_pem(&self) -> String {
        std::mem::take(&mut *pem::write(&pem::PUBLIC_KEY, &self.to_spki()))
    }

    /// The algorithm that a key of this kind is bound to when nobody says which: of the two for RSA, PS256.
    #[must_use]
    pub fn usual_algorithm(&self) -> Algorithm {
        match self {
            Self::Ed25519 { .. } => Algorithm::Ed25519,
            Self::MlDsa { public } if public.len() == ML_DSA_44_LEN => Algorithm::MlDsa44,
            Self::MlDsa { .. } => Algorithm::MlDsa65,
            Self::P256 { .. } => Algorithm::Es256,
            Self::P384 { .. } => Algorithm::Es384,
            Self::Rsa { .. } => Algorithm::Ps256,
        }
    }
}

/// The content of the `AlgorithmIdentifier`, and the key.
fn fields(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut outer = Reader::new(der);
    let mut fields = Reader::new(outer.read(SEQUENCE)?);
    outer.finish()?;
    let (algorithm, key) = (fields.read(SEQUENCE)?, fields.whole_bytes()?);
    fields.finish()?;
    Some((algorithm, key))
}

fn spki(algorithm: &[u8], key: &[&[u8]]) -> Vec<u8> {
    let mut bits: Vec<&[u8]> = vec![&[0]];
    bits.extend_from_slice(key);
    write(SEQUENCE, &[&write(SEQUENCE, &[algorithm]), &write(BIT_STRING, &bits)])
}

/// `RSAPublicKey` (RFC 8017 §A.1.1).
pub(crate) fn rsa_public_key(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut outer = Reader::new(der);
    let mut fields = Reader::new(outer.read(SEQUENCE)?);
    outer.finish()?;
    let numbers = (fields.unsigned()?, fields.unsigned()?);
    fields.finish()?;
    Some(numbers)
}

/// An uncompressed point (SEC 1 §2.3.3) as its coordinates.
pub(crate) fn coordinates<const HALF: usize>(point: &[u8]) -> Result<([u8; HALF], [u8; HALF]), KeyError> {
    let [4, coordinates @ ..] = point else {
        return Err(KeyError::Malformed);
    };
    let (x, y) = coordinates.split_at_checked(HALF).ok_or(KeyError::Malformed)?;
    match (x.try_into(), y.try_into()) {
        (Ok(x), Ok(y)) => Ok((x, y)),
        _ => Err(KeyError::Malformed),
    }
}

pub(crate) const ML_DSA_44_LEN: usize = 1312;
pub(crate) const ML_DSA_65_LEN: usize = 1952;

/// An ML-DSA-65 key of 1952 bytes, an RSA key of 8192 bits, and some more.
const MAX_SPKI: usize = 4096;

// The contents of the `AlgorithmIdentifier`s: object identifier and parameters.
pub(crate) const ED25519: &[u8] = &[0x06, 0x03, 0x2b, 0x65, 0x70];
pub(crate) const ML_DSA_44: &[u8] = &[0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 0x11];
pub(crate) const ML_DSA_65: &[u8] = &[0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 0x12];
pub(crate) const P256: &[u8] = &[
    0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03,
    0x01, 0x07,
];
pub(crate) const P256_CURVE: &[u8] = &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
pub(crate) const P384: &[u8] =
    &[0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22];
pub(crate) const P384_CURVE: &[u8] = &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22];
pub(crate) const RSA: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
