//! The public part of what this crate makes (`TPMT_PUBLIC`), read here before anything else reads it: a file may come from anywhere, the
//! TPM would load keys of every kind, and the library below is written in C.
//!
//! Nothing but what the templates of this crate yield is taken, so that there is little to read.

use aims_keys::backend::Backend;
use aims_keys::{Algorithm, PublicKey, PublicNumbers};

use crate::blob::{Blob, Kind};
use crate::error::TpmError;

/// What the public part of an object says.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Public {
    /// A key for ES256 or ES384, of either kind.
    Key(PublicNumbers, Algorithm),
    /// Data.
    Sealed,
}

/// Reads the public part, and refuses an object that is not what its blob says.
///
/// A TPM gives coordinates without leading zeros, or with them (TPM-11).
pub(crate) fn read(blob: &Blob) -> Result<Public, TpmError> {
    let mut reader = Reader(&blob.public);
    let object = reader.u16()?;
    let (name_hash, attributes) = (reader.u16()?, reader.u32()?);
    let policy = reader.sized(MAX_DIGEST)?;
    let policy_len = if blob.policy.is_some() { SHA256_LEN } else { 0 };
    let (expected_object, expected) = match blob.kind {
        Kind::SigningKey if blob.policy.is_some() => (ECC, SIGNING),
        Kind::SigningKey => (ECC, SIGNING | USER_WITH_AUTH),
        Kind::AttestationKey => (ECC, SIGNING | USER_WITH_AUTH | RESTRICTED),
        Kind::Sealed => (KEYED_HASH, SEALED),
    };
    let of_its_kind = match blob.kind {
        Kind::SigningKey => true,
        Kind::AttestationKey => blob.policy.is_none() && !blob.needs_auth,
        Kind::Sealed => blob.policy.is_some() && !blob.needs_auth,
    };
    let same = object == expected_object
        && name_hash == SHA256
        && attributes == expected
        && policy.len() == policy_len
        && of_its_kind;
    if !same {
        return Err(TpmError::WrongUse);
    }
    let public = match blob.kind {
        Kind::Sealed => reader.sealed()?,
        Kind::AttestationKey => match reader.key()? {
            key @ Public::Key(_, Algorithm::Es256) => key,
            _ => return Err(TpmError::WrongUse),
        },
        Kind::SigningKey => reader.key()?,
    };
    if reader.0.is_empty() { Ok(public) } else { Err(TpmError::BlobCorrupt) }
}

/// The public key in a blob, checked, without asking the TPM.
pub(crate) fn key(blob: &Blob, backend: Backend) -> Result<PublicKey, TpmError> {
    let Public::Key(numbers, algorithm) = read(blob)? else { return Err(TpmError::WrongUse) };
    PublicKey::load(numbers, algorithm, backend).map_err(|_| TpmError::BlobCorrupt)
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn key(&mut self) -> Result<Public, TpmError> {
        let (symmetric, scheme, hash) = (self.u16()?, self.u16()?, self.u16()?);
        let (curve, derivation) = (self.u16()?, self.u16()?);
        if (symmetric, scheme, derivation) != (NULL, ECDSA, NULL) {
            return Err(TpmError::WrongUse);
        }
        match (curve, hash) {
            (NIST_P256, SHA256) => {
                let (x, y) = (self.coordinate()?, self.coordinate()?);
                Ok(Public::Key(PublicNumbers::P256 { x, y }, Algorithm::Es256))
            }
            (NIST_P384, SHA384) => {
                let (x, y) = (self.coordinate()?, self.coordinate()?);
                Ok(Public::Key(PublicNumbers::P384 { x, y }, Algorithm::Es384))
            }
            _ => Err(TpmError::WrongUse),
        }
    }

    fn sealed(&mut self) -> Result<Public, TpmError> {
        let scheme = self.u16()?;
        let unique = self.sized(MAX_DIGEST)?;
        if scheme == NULL && unique.len() == SHA256_LEN {
            Ok(Public::Sealed)
        } else {
            Err(TpmError::WrongUse)
        }
    }

    fn coordinate<const LEN: usize>(&mut self) -> Result<[u8; LEN], TpmError> {
        padded(self.sized(LEN)?)
    }

    fn u16(&mut self) -> Result<u16, TpmError> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    fn u32(&mut self) -> Result<u32, TpmError> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    fn array<const LEN: usize>(&mut self) -> Result<[u8; LEN], TpmError> {
        let (array, rest) = self.0.split_first_chunk().ok_or(TpmError::BlobCorrupt)?;
        self.0 = rest;
        Ok(*array)
    }

    /// Bytes behind their length.
    fn sized(&mut self, max: usize) -> Result<&'a [u8], TpmError> {
        let len = usize::from(self.u16()?);
        let (bytes, rest) =
            self.0.split_at_checked(len).filter(|_| len <= max).ok_or(TpmError::BlobCorrupt)?;
        self.0 = rest;
        Ok(bytes)
    }
}

/// A number of a fixed length, from one that may come without leading zeros (TPM-11).
pub(crate) fn padded<const LEN: usize>(number: &[u8]) -> Result<[u8; LEN], TpmError> {
    let mut fixed = [0; LEN];
    let start = LEN.checked_sub(number.len()).ok_or(TpmError::Backend)?;
    for (byte, given) in fixed.iter_mut().skip(start).zip(number) {
        *byte = *given;
    }
    Ok(fixed)
}

/// `TPM_ALG_ID` and `TPM_ECC_CURVE`.
const KEYED_HASH: u16 = 0x0008;
const SHA256: u16 = 0x000b;
const SHA384: u16 = 0x000c;
const NULL: u16 = 0x0010;
const ECDSA: u16 = 0x0018;
const ECC: u16 = 0x0023;
const NIST_P256: u16 = 0x0003;
const NIST_P384: u16 = 0x0004;

/// `TPMA_OBJECT`: `fixedTPM`, `fixedParent`, `sensitiveDataOrigin`, `noDA` and `sign`.
const SIGNING: u32 = 1 << 1 | 1 << 4 | 1 << 5 | 1 << 10 | 1 << 18;
const USER_WITH_AUTH: u32 = 1 << 6;
const RESTRICTED: u32 = 1 << 16;
/// `fixedTPM`, `fixedParent`, `adminWithPolicy` and `noDA`.
const SEALED: u32 = 1 << 1 | 1 << 4 | 1 << 7 | 1 << 10;

const SHA256_LEN: usize = 32;
const MAX_DIGEST: usize = 64;

#[cfg(test)]
mod tests {
    use aims_testkit::assert_refused;

    use super::*;

    fn key(attributes: u32, tail: &[u8]) -> Blob {
        let mut public = vec![0x00, 0x23, 0x00, 0x0b];
        public.extend(attributes.to_be_bytes());
        public.extend([0, 0, 0x00, 0x10, 0x00, 0x18, 0x00, 0x0b, 0x00, 0x03, 0x00, 0x10]);
        public.extend(tail);
        Blob {
            kind: Kind::SigningKey,
            needs_auth: false,
            policy: None,
            parent: vec![1],
            public,
            private: vec![1],
        }
    }

    /// TPM-11: numbers with leading zeros come shorter, and none comes longer.
    #[test]
    fn tpm_11_short_numbers_are_padded_on_the_left() {
        assert_eq!(padded::<4>(&[7, 9]).unwrap(), [0, 0, 7, 9]);
        assert_eq!(padded::<2>(&[7, 9]).unwrap(), [7, 9]);
        assert_eq!(padded::<1>(&[7, 9]).unwrap_err(), TpmError::Backend);

        let Public::Key(PublicNumbers::P256 { x, y }, _) =
            read(&key(0x0004_0472, &[0, 1, 5, 0, 2, 6, 7])).unwrap()
        else {
            panic!("a key of P-256")
        };
        assert_eq!((x[31], &x[..31], &y[30..]), (5, &[0; 31][..], &[6, 7][..]));
    }

    #[test]
    fn tpm_44_what_is_no_key_of_ours_is_refused() {
        let point = [&[0, 32][..], &[5; 32], &[0, 32], &[6; 32]].concat();
        read(&key(0x0004_0472, &point)).unwrap();
        // Each attribute in turn: restricted, for decryption, importable, without its password, subject to the lock-out.
        for bit in 0..32 {
            assert_refused!(read(&key(0x0004_0472 ^ (1 << bit), &point)), "wrong_use", "TPM-44", "{bit}");
        }
        let long = [&[0, 33][..], &[5; 33], &[0, 32], &[6; 32]].concat();
        let trailing = [&point[..], &[0]].concat();
        for tail in [&long, &trailing, &point[..67], &[0xff, 0xff]] {
            assert_refused!(read(&key(0x0004_0472, tail)), "tpm_blob_corrupt", "TPM-44");
        }
        let mut other = key(0x0004_0472, &point);
        for kind in [Kind::AttestationKey, Kind::Sealed] {
            other.kind = kind;
            assert_refused!(read(&other), "wrong_use", "TPM-44", "{kind:?}");
        }
        let whole = key(0x0004_0472, &point);
        for len in 0..whole.public.len() {
            let mut cut = whole.clone();
            cut.public.truncate(len);
            read(&cut).unwrap_err();
        }
    }
}
