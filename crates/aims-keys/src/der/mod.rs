//! DER, as far as keys, signatures and certificates need it: a strict [`Reader`], a small writer, and ECDSA signatures.
//!
//! JOSE and these crates carry `r || s` of fixed length (RFC 7518 §3.4); security modules, key services and X.509 carry
//! `ECDSA-Sig-Value` in DER (RFC 3279 §2.2.3). [`ecdsa_from_der`] is for what comes out of a device; [`ecdsa_to_der`] is
//! its inverse.
//!
//! ```
//! use aims_keys::{Algorithm, der};
//!
//! let from_device = [&[0x30, 0x06, 0x02, 0x01, 0x05, 0x02, 0x01, 0x07][..]].concat();
//! let signature = der::ecdsa_from_der(Algorithm::Es256, &from_device)?;
//! assert_eq!(signature.as_bytes().len(), 64);
//! assert_eq!(der::ecdsa_to_der(Algorithm::Es256, signature.as_bytes())?, from_device);
//! # Ok::<(), der::SignatureFormError>(())
//! ```

mod reader;
mod writer;

pub use self::reader::{Element, Reader};
pub use self::writer::write;
pub(crate) use self::writer::{tlv, unsigned};
use crate::algorithm::Algorithm;
use crate::signer::Signature;

/// Turns a DER `ECDSA-Sig-Value` into `r || s` of fixed length.
///
/// The DER is strict: shortest lengths and integers, nothing after the value. Both numbers lie from 1 to n - 1.
///
/// # Errors
///
/// [`SignatureFormError`] names the check that failed; [`SignatureFormError::NotEcdsa`] for every algorithm but ES256 and
/// ES384.
pub fn ecdsa_from_der(algorithm: Algorithm, der: &[u8]) -> Result<Signature, SignatureFormError> {
    let order = order(algorithm)?;
    let (r, s) = read(der).ok_or(SignatureFormError::Malformed)?;

    let mut fixed = Vec::with_capacity(2 * order.len());
    for number in [r, s] {
        let pad = order.len().checked_sub(number.len()).ok_or(SignatureFormError::OutOfRange)?;
        let start = fixed.len();
        fixed.resize(start + pad, 0);
        fixed.extend_from_slice(number);
        in_range(fixed.get(start..).unwrap_or_default(), order)?;
    }
    Ok(fixed.as_slice().into())
}

/// Turns `r || s` of fixed length into a DER `ECDSA-Sig-Value`.
///
/// # Errors
///
/// As [`ecdsa_from_der`]; [`SignatureFormError::Malformed`] when the length is not that of the algorithm.
pub fn ecdsa_to_der(algorithm: Algorithm, signature: &[u8]) -> Result<Vec<u8>, SignatureFormError> {
    let order = order(algorithm)?;
    if signature.len() != 2 * order.len() {
        return Err(SignatureFormError::Malformed);
    }
    let (r, s) = signature.split_at(order.len());
    in_range(r, order)?;
    in_range(s, order)?;
    Ok(tlv(SEQUENCE, &[&unsigned(r), &unsigned(s)]).to_vec())
}

/// Why a signature could not be turned into the other form.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureFormError {
    /// The bytes are not one strict DER `ECDSA-Sig-Value`, or not of the fixed length.
    #[error("the signature is not in the form expected")]
    Malformed,
    /// The algorithm is not an ECDSA algorithm.
    #[error("the algorithm is not ES256 or ES384")]
    NotEcdsa,
    /// One of the numbers is zero, or not below the order of the curve.
    #[error("a number of the signature is not from 1 to n - 1")]
    OutOfRange,
}

impl SignatureFormError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed => "signature_form",
            Self::NotEcdsa => "not_ecdsa",
            Self::OutOfRange => "signature_range",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        "TPM-42"
    }
}

/// The tag of a BIT STRING.
pub const BIT_STRING: u8 = 0x03;
/// The tag of a BOOLEAN.
pub const BOOLEAN: u8 = 0x01;
/// The tag of an INTEGER.
pub const INTEGER: u8 = 0x02;
/// The tag of an OBJECT IDENTIFIER.
pub const OBJECT_IDENTIFIER: u8 = 0x06;
/// The tag of an OCTET STRING.
pub const OCTET_STRING: u8 = 0x04;
/// The tag of a SEQUENCE or SEQUENCE OF.
pub const SEQUENCE: u8 = 0x30;
/// The tag of a SET or SET OF.
pub const SET: u8 = 0x31;

fn read(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut outer = Reader::new(der);
    let mut inner = Reader::new(outer.read(SEQUENCE)?);
    outer.finish()?;
    let (r, s) = (inner.unsigned()?, inner.unsigned()?);
    inner.finish()?;
    Some((r, s))
}

/// Both big-endian and of one length, so they compare as text does. Signatures are public.
fn in_range(number: &[u8], order: &[u8]) -> Result<(), SignatureFormError> {
    if number.iter().all(|&byte| byte == 0) || number >= order {
        return Err(SignatureFormError::OutOfRange);
    }
    Ok(())
}

fn order(algorithm: Algorithm) -> Result<&'static [u8], SignatureFormError> {
    match algorithm {
        Algorithm::Es256 => Ok(&P256_ORDER),
        Algorithm::Es384 => Ok(&P384_ORDER),
        _ => Err(SignatureFormError::NotEcdsa),
    }
}

/// n of P-256 (FIPS 186-5, SP 800-186 §3.2.1.3).
const P256_ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc,
    0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

/// n of P-384 (SP 800-186 §3.2.1.4).
const P384_ORDER: [u8; 48] = [
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xc7, 0x63, 0x4d, 0x81, 0xf4, 0x37, 0x2d, 0xdf, 0x58, 0x1a,
    0x0d, 0xb2, 0x48, 0xb0, 0xa7, 0x7a, 0xec, 0xec, 0x19, 0x6a, 0xcc, 0xc5, 0x29, 0x73,
];
