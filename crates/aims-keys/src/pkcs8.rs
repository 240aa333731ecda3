//! Private keys in PKCS#8: RFC 5208 (v1), RFC 5958 (v2), RFC 5915 (EC), RFC 8017 §A.1.2 (RSA), RFC 8410 (Ed25519), RFC
//! 9881 (ML-DSA).
//!
//! Read here and not by the backends, which differ in what they let through.

use zeroize::Zeroizing;

use crate::algorithm::Algorithm;
use crate::der::{BIT_STRING, OBJECT_IDENTIFIER, OCTET_STRING, Reader, SEQUENCE, SET, tlv, unsigned};
use crate::private::PrivateNumbers;
use crate::public::{KeyError, PublicNumbers};
use crate::spki::{
    ED25519, ML_DSA_44, ML_DSA_65, P256, P256_CURVE, P384, P384_CURVE, RSA, coordinates, rsa_public_key,
};

/// The parts of a private key, in the buffer they were read from.
pub(crate) enum Parts<'a> {
    Ed25519 {
        seed: &'a [u8; 32],
        public: Option<&'a [u8; 32]>,
    },
    MlDsa {
        algorithm: Algorithm,
        seed: &'a [u8; 32],
        public: Option<&'a [u8]>,
    },
    P256 {
        d: &'a [u8; 32],
        point: &'a [u8; 65],
    },
    P384 {
        d: &'a [u8; 48],
        point: &'a [u8; 97],
    },
    Rsa {
        /// The whole `RSAPrivateKey`.
        der: &'a [u8],
        n: &'a [u8],
        e: &'a [u8],
    },
}

impl<'a> Parts<'a> {
    /// Reads a PKCS#8 document of version 1 or 2.
    pub(crate) fn read(der: &'a [u8]) -> Result<Self, KeyError> {
        let document = document(der).ok_or(KeyError::Malformed)?;
        let Document { algorithm, private, public } = document;
        match algorithm {
            ED25519 => ed25519(private, public).ok_or(KeyError::Malformed),
            ML_DSA_44 => ml_dsa(Algorithm::MlDsa44, private, public).ok_or(KeyError::Malformed),
            ML_DSA_65 => ml_dsa(Algorithm::MlDsa65, private, public).ok_or(KeyError::Malformed),
            P256 => {
                let (d, point) = ec(private, public, P256_CURVE)?;
                Ok(Self::P256 { d, point })
            }
            P384 => {
                let (d, point) = ec(private, public, P384_CURVE)?;
                Ok(Self::P384 { d, point })
            }
            RSA => rsa(private, public),
            _ => Err(KeyError::AlgorithmMismatch),
        }
    }

    /// Whether the key is of the kind that the algorithm signs with.
    pub(crate) fn fits(&self, algorithm: Algorithm) -> bool {
        match self {
            Self::Ed25519 { .. } => matches!(algorithm, Algorithm::EdDsa | Algorithm::Ed25519),
            Self::MlDsa { algorithm: own, .. } => *own == algorithm,
            Self::P256 { .. } => algorithm == Algorithm::Es256,
            Self::P384 { .. } => algorithm == Algorithm::Es384,
            Self::Rsa { .. } => matches!(algorithm, Algorithm::Ps256 | Algorithm::Ps512 | Algorithm::Rs256),
        }
    }

    /// The public numbers, where the document has them.
    pub(crate) fn public(&self) -> Result<Option<PublicNumbers>, KeyError> {
        match self {
            Self::Ed25519 { public, .. } => Ok(public.map(|x| PublicNumbers::Ed25519 { x: *x })),
            Self::MlDsa { public, .. } => {
                Ok(public.map(|public| PublicNumbers::MlDsa { public: public.to_vec() }))
            }
            Self::P256 { point, .. } => {
                let (x, y) = coordinates(*point)?;
                Ok(Some(PublicNumbers::P256 { x, y }))
            }
            Self::P384 { point, .. } => {
                let (x, y) = coordinates(*point)?;
                Ok(Some(PublicNumbers::P384 { x, y }))
            }
            Self::Rsa { n, e, .. } => Ok(Some(PublicNumbers::Rsa { n: n.to_vec(), e: e.to_vec() })),
        }
    }
}

/// Writes the document of a private key: version 2 where only that has room for the public half.
pub(crate) fn write(numbers: &PrivateNumbers) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    match numbers {
        PrivateNumbers::Ed25519 { seed, x } => {
            Ok(version_2(ED25519, &tlv(OCTET_STRING, &[seed.as_slice()]), x))
        }
        PrivateNumbers::MlDsa { seed, public } => {
            let algorithm = match public.len() {
                1312 => ML_DSA_44,
                1952 => ML_DSA_65,
                _ => return Err(KeyError::Length),
            };
            Ok(version_2(algorithm, &tlv(ML_DSA_SEED, &[seed.as_slice()]), public))
        }
        PrivateNumbers::P256 { d, x, y } => Ok(ec_document(P256, d.as_slice(), x, y)),
        PrivateNumbers::P384 { d, x, y } => Ok(ec_document(P384, d.as_slice(), x, y)),
        PrivateNumbers::Rsa { n, e, d, p, q, dp, dq, qi } => {
            let numbers = [n, e, d.as_ref(), p, q, dp, dq, qi];
            // One spelling each, and a bound before they are copied about.
            if numbers.iter().any(|number| number.first().is_none_or(|&first| first == 0)) {
                return Err(KeyError::Malformed);
            }
            if numbers.iter().map(|number| number.len()).sum::<usize>() > MAX_DOCUMENT / 2 {
                return Err(KeyError::RsaModulus);
            }
            let integers = numbers.map(|number| unsigned(number));
            let mut parts: Vec<&[u8]> = vec![&VERSION_1];
            parts.extend(integers.iter().map(|integer| integer.as_slice()));
            Ok(version_1(RSA, &tlv(SEQUENCE, &parts)))
        }
    }
}

/// `OneAsymmetricKey` (RFC 5958 §2), taken apart.
struct Document<'a> {
    /// The content of the `AlgorithmIdentifier`.
    algorithm: &'a [u8],
    private: &'a [u8],
    public: Option<&'a [u8]>,
}

fn document(der: &[u8]) -> Option<Document<'_>> {
    if der.len() > MAX_DOCUMENT {
        return None;
    }
    let mut outer = Reader::new(der);
    let mut fields = Reader::new(outer.read(SEQUENCE)?);
    outer.finish()?;

    let version = fields.unsigned()?;
    let algorithm = fields.read(SEQUENCE)?;
    let private = fields.read(OCTET_STRING)?;
    if fields.peek(ATTRIBUTES) {
        attributes(fields.read(ATTRIBUTES)?)?;
    }
    let public = match version {
        [0] => None,
        [1] => Some(whole_bytes(fields.read(PUBLIC_KEY)?)?),
        _ => return None,
    };
    fields.finish()?;
    Some(Document { algorithm, private, public })
}

/// The content of `SET OF Attribute` (RFC 5958 §2): well-formed, and otherwise not heeded.
fn attributes(set: &[u8]) -> Option<()> {
    let mut attributes = Reader::new(set);
    while !attributes.is_empty() {
        let mut attribute = Reader::new(attributes.read(SEQUENCE)?);
        let name = attribute.read(OBJECT_IDENTIFIER)?;
        let mut values = Reader::new(attribute.read(SET)?);
        attribute.finish()?;
        if name.is_empty() || values.is_empty() {
            return None;
        }
        while !values.is_empty() {
            values.read_any()?;
        }
    }
    Some(())
}

fn ed25519<'a>(private: &'a [u8], public: Option<&'a [u8]>) -> Option<Parts<'a>> {
    let mut reader = Reader::new(private);
    let seed = reader.read(OCTET_STRING)?.try_into().ok()?;
    reader.finish()?;
    let public = match public {
        Some(public) => Some(public.try_into().ok()?),
        None => None,
    };
    Some(Parts::Ed25519 { seed, public })
}

/// Of the three forms of RFC 9881 §6 only the seed: the expanded key cannot be checked, and JOSE has the seed alone.
fn ml_dsa<'a>(algorithm: Algorithm, private: &'a [u8], public: Option<&'a [u8]>) -> Option<Parts<'a>> {
    let mut reader = Reader::new(private);
    let seed = reader.read(ML_DSA_SEED)?.try_into().ok()?;
    reader.finish()?;
    Some(Parts::MlDsa { algorithm, seed, public })
}

/// `ECPrivateKey` (RFC 5915 §3). The public point may stand in it, in the document around it, or in both.
fn ec<'a, const D: usize, const POINT: usize>(
    private: &'a [u8],
    public: Option<&'a [u8]>,
    curve: &[u8],
) -> Result<(&'a [u8; D], &'a [u8; POINT]), KeyError> {
    let (d, inner) = ec_private_key(private, curve).ok_or(KeyError::Malformed)?;
    let point = match (inner, public) {
        (Some(inner), Some(outer)) if inner != outer => return Err(KeyError::Inconsistent),
        (Some(point), _) | (None, Some(point)) => point,
        (None, None) => return Err(KeyError::PublicMissing),
    };
    match (d.try_into(), point.try_into()) {
        (Ok(d), Ok(point)) => Ok((d, point)),
        _ => Err(KeyError::Malformed),
    }
}

fn ec_private_key<'a>(der: &'a [u8], curve: &[u8]) -> Option<(&'a [u8], Option<&'a [u8]>)> {
    let mut outer = Reader::new(der);
    let mut fields = Reader::new(outer.read(SEQUENCE)?);
    outer.finish()?;

    if fields.unsigned()? != [1] {
        return None;
    }
    let d = fields.read(OCTET_STRING)?;
    if fields.peek(EC_PARAMETERS) && fields.read(EC_PARAMETERS)? != curve {
        return None;
    }
    let public = if fields.peek(EC_PUBLIC_KEY) {
        let mut tagged = Reader::new(fields.read(EC_PUBLIC_KEY)?);
        let bits = tagged.read(BIT_STRING)?;
        tagged.finish()?;
        Some(whole_bytes(bits)?)
    } else {
        None
    };
    fields.finish()?;
    Some((d, public))
}

fn rsa<'a>(private: &'a [u8], public: Option<&'a [u8]>) -> Result<Parts<'a>, KeyError> {
    let (n, e) = rsa_private_key(private).ok_or(KeyError::Malformed)?;
    if let Some(public) = public
        && rsa_public_key(public).ok_or(KeyError::Malformed)? != (n, e)
    {
        return Err(KeyError::Inconsistent);
    }
    Ok(Parts::Rsa { der: private, n, e })
}

fn rsa_private_key(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut outer = Reader::new(der);
    let mut fields = Reader::new(outer.read(SEQUENCE)?);
    outer.finish()?;

    // Version 1 has more than two primes.
    if fields.unsigned()? != [0] {
        return None;
    }
    let (n, e) = (fields.unsigned()?, fields.unsigned()?);
    for _ in ["d", "p", "q", "dp", "dq", "qi"] {
        fields.unsigned()?;
    }
    fields.finish()?;
    Some((n, e))
}

/// The bytes of a BIT STRING that has no unused bits.
fn whole_bytes(bits: &[u8]) -> Option<&[u8]> {
    match bits {
        [0, bytes @ ..] => Some(bytes),
        _ => None,
    }
}

fn ec_document(algorithm: &[u8], d: &[u8], x: &[u8], y: &[u8]) -> Zeroizing<Vec<u8>> {
    let point = tlv(BIT_STRING, &[&[0, 4], x, y]);
    let key = tlv(SEQUENCE, &[&VERSION_2, &tlv(OCTET_STRING, &[d]), &tlv(EC_PUBLIC_KEY, &[&point])]);
    version_1(algorithm, &key)
}

fn version_1(algorithm: &[u8], private: &[u8]) -> Zeroizing<Vec<u8>> {
    tlv(SEQUENCE, &[&VERSION_1, &tlv(SEQUENCE, &[algorithm]), &tlv(OCTET_STRING, &[private])])
}

fn version_2(algorithm: &[u8], private: &[u8], public: &[u8]) -> Zeroizing<Vec<u8>> {
    let (algorithm, private) = (tlv(SEQUENCE, &[algorithm]), tlv(OCTET_STRING, &[private]));
    tlv(SEQUENCE, &[&VERSION_2, &algorithm, &private, &tlv(PUBLIC_KEY, &[&[0], public])])
}

/// An RSA key of 8192 bits takes 4.7 KiB.
const MAX_DOCUMENT: usize = 16 * 1024;

const VERSION_1: [u8; 3] = [0x02, 0x01, 0x00];
const VERSION_2: [u8; 3] = [0x02, 0x01, 0x01];

const ATTRIBUTES: u8 = 0xa0;
const EC_PARAMETERS: u8 = 0xa0;
const EC_PUBLIC_KEY: u8 = 0xa1;
const ML_DSA_SEED: u8 = 0x80;
const PUBLIC_KEY: u8 = 0x81;
