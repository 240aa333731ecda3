//! Public areas of TPM objects: `TPMT_PUBLIC` (TPM 2.0 Library Part 2 §12.2.4), and the names that follow from them.

use std::fmt::{self, Write};

use aims_keys::backend::HashAlgorithm;
use aims_keys::{Backend, KeyError, PublicNumbers};

/// The public area of a key or of a sealed object, as its TPM describes it.
///
/// Nothing says yet that a TPM made it: that is for a certification or an activated credential to show. What exists is well-formed to the
/// byte, with hashes from SHA-256 on, and a key in it passed the checks of [`PublicNumbers::check`].
#[derive(Clone, Eq, PartialEq)]
pub struct TpmPublic {
    bytes: Vec<u8>,
    name_algorithm: HashAlgorithm,
    attributes: TpmAttributes,
    auth_policy: Vec<u8>,
    kind: TpmPublicKind,
}

/// What kind of object it is, with its parameters.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum TpmPublicKind {
    /// A key on P-256 or P-384.
    #[non_exhaustive]
    Ecc {
        /// The point; its coordinates have their full length.
        point: PublicNumbers,
        /// What it is used with.
        scheme: TpmScheme,
        /// How a storage key protects what is below it; none for other keys.
        symmetric: Option<TpmSymmetric>,
    },
    /// Sealed data, or a key for MACs.
    #[non_exhaustive]
    KeyedHash {
        /// What it is used with.
        scheme: TpmScheme,
        /// The hash that binds the sensitive part to this one.
        unique: Vec<u8>,
    },
    /// An RSA key of at least 2048 bits.
    #[non_exhaustive]
    Rsa {
        /// The length of the modulus.
        bits: u16,
        /// Modulus and exponent.
        key: PublicNumbers,
        /// What it is used with.
        scheme: TpmScheme,
        /// How a storage key protects what is below it; none for other keys.
        symmetric: Option<TpmSymmetric>,
    },
}

/// What a key may be used with, by its own public area.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum TpmScheme {
    /// ECDH, with this hash for the key derivation.
    Ecdh(HashAlgorithm),
    /// ECDSA over this hash.
    Ecdsa(HashAlgorithm),
    /// HMAC by this hash.
    Hmac(HashAlgorithm),
    /// Whatever the caller of the TPM asks for, or nothing.
    Null,
    /// RSAES-OAEP by this hash.
    Oaep(HashAlgorithm),
    /// RSASSA-PKCS1-v1.5 over this hash.
    RsaPkcs1(HashAlgorithm),
    /// RSASSA-PSS over this hash.
    RsaPss(HashAlgorithm),
}

/// The cipher by which a storage key protects what is below it, in CFB mode.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum TpmSymmetric {
    /// AES-128.
    Aes128,
    /// AES-256.
    Aes256,
}

impl TpmPublic {
    /// Reads the bytes of one `TPMT_PUBLIC`, without the size that precedes it in a `TPM2B_PUBLIC`.
    ///
    /// Integers of an EC point may come without their leading zero bytes (TPM-11); everything else has one form.
    ///
    /// # Errors
    ///
    /// [`TpmPublicError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, TpmPublicError> {
        use TpmPublicError as E;

        if bytes.len() > MAX_PUBLIC {
            return Err(E::TooLarge);
        }
        let mut fields = Fields(bytes);
        let object_type = fields.u16()?;
        let name_algorithm = fields.hash()?;
        let attributes = TpmAttributes(fields.u32()?);
        if attributes.0 & !TpmAttributes::KNOWN != 0 {
            return Err(E::Malformed);
        }
        let auth_policy = fields.sized(name_algorithm.output_len())?;
        // A policy is a digest by the name algorithm, or is not there.
        if !auth_policy.is_empty() && auth_policy.len() != name_algorithm.output_len() {
            return Err(E::Malformed);
        }
        let kind = match object_type {
            TYPE_ECC => ecc(&mut fields)?,
            TYPE_KEYED_HASH => keyed_hash(&mut fields, name_algorithm)?,
            TYPE_RSA => rsa(&mut fields)?,
            _ => return Err(E::UnsupportedAlgorithm),
        };
        if !fields.0.is_empty() {
            return Err(E::Malformed);
        }
        let (bytes, auth_policy) = (bytes.to_vec(), auth_policy.to_vec());
        Ok(Self { bytes, name_algorithm, attributes, auth_policy, kind })
    }

    /// The bytes that were read, which are those that the name is made of.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The hash of its name, and of its policy.
    #[must_use]
    pub fn name_algorithm(&self) -> HashAlgorithm {
        self.name_algorithm
    }

    /// What the TPM promises about it.
    #[must_use]
    pub fn attributes(&self) -> TpmAttributes {
        self.attributes
    }

    /// The digest of the policy that its use needs; empty if there is none.
    #[must_use]
    pub fn auth_policy(&self) -> &[u8] {
        &self.auth_policy
    }

    /// What it is.
    #[must_use]
    pub fn kind(&self) -> &TpmPublicKind {
        &self.kind
    }

    /// What it is used with.
    #[must_use]
    pub fn scheme(&self) -> TpmScheme {
        match &self.kind {
            TpmPublicKind::Ecc { scheme, .. }
            | TpmPublicKind::KeyedHash { scheme, .. }
            | TpmPublicKind::Rsa { scheme, .. } => *scheme,
        }
    }

    /// The public key; none for what has no public key, such as sealed data.
    #[must_use]
    pub fn public_numbers(&self) -> Option<&PublicNumbers> {
        match &self.kind {
            TpmPublicKind::Ecc { point: key, .. } | TpmPublicKind::Rsa { key, .. } => Some(key),
            TpmPublicKind::KeyedHash { .. } => None,
        }
    }

    /// Its name: the identifier of the name algorithm, and the hash of [`as_bytes`](Self::as_bytes) by it (Part 1 §16). Names that are sent along are not
    /// trusted; this one is computed.
    #[must_use]
    pub fn name(&self, backend: Backend) -> TpmName {
        let mut hasher = backend.hasher(self.name_algorithm);
        hasher.update(&self.bytes);
        let mut name = hash_id(self.name_algorithm).to_be_bytes().to_vec();
        name.extend_from_slice(hasher.finish().as_ref());
        TpmName(name)
    }
}

/// Shows the name algorithm, the attributes and the kind.
impl fmt::Debug for TpmPublic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TpmPublic")
            .field("name_algorithm", &self.name_algorithm)
            .field("attributes", &self.attributes)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

/// What a TPM promises about an object: `TPMA_OBJECT` (Part 2 §8.3). Bits that are reserved are zero.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct TpmAttributes(u32);

impl TpmAttributes {
    /// All that have a meaning.
    const KNOWN: u32 = 0x000f_0ff6;

    /// As they are sent.
    #[must_use]
    pub fn bits(self) -> u32 {
        self.0
    }

    /// It never leaves its TPM.
    #[must_use]
    pub fn fixed_tpm(self) -> bool {
        self.has(1)
    }

    /// It never gets another parent.
    #[must_use]
    pub fn fixed_parent(self) -> bool {
        self.has(4)
    }

    /// The TPM itself made its secret part.
    #[must_use]
    pub fn sensitive_data_origin(self) -> bool {
        self.has(5)
    }

    /// Its authorization value lets it be used.
    #[must_use]
    pub fn user_with_auth(self) -> bool {
        self.has(6)
    }

    /// Administration of it needs its policy.
    #[must_use]
    pub fn admin_with_policy(self) -> bool {
        self.has(7)
    }

    /// Wrong authorization values are not counted.
    #[must_use]
    pub fn no_da(self) -> bool {
        self.has(10)
    }

    /// It works on nothing but what the TPM made itself.
    #[must_use]
    pub fn restricted(self) -> bool {
        self.has(16)
    }

    /// It decrypts.
    #[must_use]
    pub fn decrypt(self) -> bool {
        self.has(17)
    }

    /// It signs.
    #[must_use]
    pub fn sign(self) -> bool {
        self.has(18)
    }

    fn has(self, bit: u32) -> bool {
        self.0 >> bit & 1 == 1
    }
}

impl fmt::Debug for TpmAttributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TpmAttributes({:#010x})", self.0)
    }
}

/// The name of a TPM object: the identifier of a hash, and the hash of its public area.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct TpmName(Vec<u8>);

impl TpmName {
    /// Takes a name by SHA-256, SHA-384 or SHA-512. Whether an object has it is another question.
    ///
    /// # Errors
    ///
    /// [`TpmNameError`] for anything else, names by SHA-1 and handles included.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, TpmNameError> {
        let (id, digest) = bytes.split_first_chunk().ok_or(TpmNameError)?;
        let algorithm = hash_of(u16::from_be_bytes(*id)).ok_or(TpmNameError)?;
        if digest.len() == algorithm.output_len() { Ok(Self(bytes.to_vec())) } else { Err(TpmNameError) }
    }

    /// The bytes, identifier included.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// In hexadecimal digits.
impl fmt::Display for TpmName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for TpmName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TpmName(")?;
        fmt::Display::fmt(self, f)?;
        f.write_char(')')
    }
}

/// The bytes are not the name of a TPM object by SHA-256 or better.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the bytes are not the name of a TPM object")]
#[non_exhaustive]
pub struct TpmNameError;

impl TpmNameError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        "malformed"
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        "TPM-20"
    }
}

/// Why bytes are not the public area of a TPM object that is accepted.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TpmPublicError {
    /// The key in it is one that is refused everywhere.
    #[error("the key of the TPM object is not acceptable")]
    Key(#[source] KeyError),
    /// They end early, go on too long, or have a value that cannot stand there.
    #[error("the public area of the TPM object is malformed")]
    Malformed,
    /// There are more than 2048.
    #[error("the public area of the TPM object is too large")]
    TooLarge,
    /// A hash, curve, cipher, scheme or type of object in it is not accepted; SHA-1, for instance.
    #[error("the public area of the TPM object has an algorithm that is not accepted")]
    UnsupportedAlgorithm,
}

impl TpmPublicError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Key(error) => error.code(),
            Self::Malformed => "malformed",
            Self::TooLarge => "too_large",
            Self::UnsupportedAlgorithm => "unsupported_algorithm",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Key(error) => error.rule(),
            Self::Malformed => "TPM-20",
            Self::TooLarge => "ATT-5",
            Self::UnsupportedAlgorithm => "TPM-22",
        }
    }
}

/// `TPMS_ECC_PARMS` and the point.
fn ecc(fields: &mut Fields<'_>) -> Result<TpmPublicKind, TpmPublicError> {
    let (symmetric, scheme) = (fields.symmetric()?, fields.scheme(&[SCHEME_ECDSA, SCHEME_ECDH])?);
    let curve = fields.u16()?;
    // The key derivation is always the one of the command: TPMs know no other.
    if fields.u16()? != NULL {
        return Err(TpmPublicError::UnsupportedAlgorithm);
    }
    let point = match curve {
        CURVE_P256 => PublicNumbers::P256 { x: fields.coordinate()?, y: fields.coordinate()? },
        CURVE_P384 => PublicNumbers::P384 { x: fields.coordinate()?, y: fields.coordinate()? },
        _ => return Err(TpmPublicError::UnsupportedAlgorithm),
    };
    point.check().map_err(TpmPublicError::Key)?;
    Ok(TpmPublicKind::Ecc { point, scheme, symmetric })
}

/// `TPMS_RSA_PARMS` and the modulus.
fn rsa(fields: &mut Fields<'_>) -> Result<TpmPublicKind, TpmPublicError> {
    let symmetric = fields.symmetric()?;
    let scheme = fields.scheme(&[SCHEME_RSASSA, SCHEME_RSAPSS, SCHEME_OAEP])?;
    let (bits, exponent) = (fields.u16()?, fields.u32()?);
    // Zero stands for the usual one.
    let e = if exponent == 0 { vec![1, 0, 1] } else { without_zeros(&exponent.to_be_bytes()).to_vec() };
    let n = fields.sized(MAX_MODULUS)?.to_vec();
    if n.len() * 8 != usize::from(bits) || n.first().is_some_and(|&first| first < 0x80) {
        return Err(TpmPublicError::Malformed);
    }
    let key = PublicNumbers::Rsa { n, e };
    key.check().map_err(TpmPublicError::Key)?;
    Ok(TpmPublicKind::Rsa { bits, key, scheme, symmetric })
}

/// `TPMS_KEYEDHASH_PARMS` and the hash that is unique to it.
fn keyed_hash(
    fields: &mut Fields<'_>,
    name_algorithm: HashAlgorithm,
) -> Result<TpmPublicKind, TpmPublicError> {
    let scheme = fields.scheme(&[SCHEME_HMAC])?;
    let unique = fields.sized(name_algorithm.output_len())?.to_vec();
    if unique.len() != name_algorithm.output_len() {
        return Err(TpmPublicError::Malformed);
    }
    Ok(TpmPublicKind::KeyedHash { scheme, unique })
}

/// What is left to read; all numbers are big-endian.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn array<const LEN: usize>(&mut self) -> Result<[u8; LEN], TpmPublicError> {
        let (array, rest) = self.0.split_first_chunk().ok_or(TpmPublicError::Malformed)?;
        self.0 = rest;
        Ok(*array)
    }

    fn u16(&mut self) -> Result<u16, TpmPublicError> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    fn u32(&mut self) -> Result<u32, TpmPublicError> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    /// A `TPM2B` of at most `max` bytes.
    fn sized(&mut self, max: usize) -> Result<&'a [u8], TpmPublicError> {
        let len = usize::from(self.u16()?);
        if len > max {
            return Err(TpmPublicError::Malformed);
        }
        let (content, rest) = self.0.split_at_checked(len).ok_or(TpmPublicError::Malformed)?;
        self.0 = rest;
        Ok(content)
    }

    /// A coordinate, filled up to its full length (TPM-11).
    fn coordinate<const LEN: usize>(&mut self) -> Result<[u8; LEN], TpmPublicError> {
        let number = self.sized(LEN)?;
        // A point of no length is that of a template, and of no key.
        if number.is_empty() {
            return Err(TpmPublicError::Malformed);
        }
        let mut coordinate = [0; LEN];
        for (to, from) in coordinate.iter_mut().rev().zip(number.iter().rev()) {
            *to = *from;
        }
        Ok(coordinate)
    }

    fn hash(&mut self) -> Result<HashAlgorithm, TpmPublicError> {
        hash_of(self.u16()?).ok_or(TpmPublicError::UnsupportedAlgorithm)
    }

    /// `TPMT_SYM_DEF_OBJECT`.
    fn symmetric(&mut self) -> Result<Option<TpmSymmetric>, TpmPublicError> {
        match self.u16()? {
            NULL => return Ok(None),
            AES => {}
            _ => return Err(TpmPublicError::UnsupportedAlgorithm),
        }
        match (self.u16()?, self.u16()?) {
            (128, CFB) => Ok(Some(TpmSymmetric::Aes128)),
            (256, CFB) => Ok(Some(TpmSymmetric::Aes256)),
            _ => Err(TpmPublicError::UnsupportedAlgorithm),
        }
    }

    /// One of the schemes that the type of the object may have, or none.
    fn scheme(&mut self, allowed: &[u16]) -> Result<TpmScheme, TpmPublicError> {
        let id = self.u16()?;
        if id == NULL {
            return Ok(TpmScheme::Null);
        }
        if !allowed.contains(&id) {
            return Err(TpmPublicError::UnsupportedAlgorithm);
        }
        let hash = self.hash()?;
        match id {
            SCHEME_ECDH => Ok(TpmScheme::Ecdh(hash)),
            SCHEME_ECDSA => Ok(TpmScheme::Ecdsa(hash)),
            SCHEME_HMAC => Ok(TpmScheme::Hmac(hash)),
            SCHEME_OAEP => Ok(TpmScheme::Oaep(hash)),
            SCHEME_RSASSA => Ok(TpmScheme::RsaPkcs1(hash)),
            SCHEME_RSAPSS => Ok(TpmScheme::RsaPss(hash)),
            _ => Err(TpmPublicError::UnsupportedAlgorithm),
        }
    }
}

fn without_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|&&byte| byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}

/// The hash of a `TPM_ALG_ID`; SHA-1 is none.
pub(super) fn hash_of(id: u16) -> Option<HashAlgorithm> {
    match id {
        0x000b => Some(HashAlgorithm::Sha256),
        0x000c => Some(HashAlgorithm::Sha384),
        0x000d => Some(HashAlgorithm::Sha512),
        _ => None,
    }
}

/// The inverse of [`hash_of`].
pub(super) fn hash_id(algorithm: HashAlgorithm) -> u16 {
    match algorithm {
        HashAlgorithm::Sha384 => 0x000c,
        HashAlgorithm::Sha512 => 0x000d,
        _ => 0x000b,
    }
}

/// An RSA key of 8192 bits, and some more.
const MAX_PUBLIC: usize = 2048;

/// In bytes.
const MAX_MODULUS: usize = 1024;

// `TPM_ALG_ID` (Part 2 §6.3).
const TYPE_RSA: u16 = 0x0001;
const SCHEME_HMAC: u16 = 0x0005;
const AES: u16 = 0x0006;
const TYPE_KEYED_HASH: u16 = 0x0008;
const NULL: u16 = 0x0010;
const SCHEME_RSASSA: u16 = 0x0014;
const SCHEME_RSAPSS: u16 = 0x0016;
const SCHEME_OAEP: u16 = 0x0017;
const SCHEME_ECDSA: u16 = 0x0018;
const SCHEME_ECDH: u16 = 0x0019;
const TYPE_ECC: u16 = 0x0023;
const CFB: u16 = 0x0043;

// `TPM_ECC_CURVE` (§6.4).
const CURVE_P256: u16 = 0x0003;
const CURVE_P384: u16 = 0x0004;
