//! Objects that a TPM wrapped for itself, version 1. Numbers are big-endian.
//!
//! | Bytes | Field |
//! | --- | --- |
//! | 8 | `aims-tpm` |
//! | 1 | version: 1 |
//! | 1 | kind: 1 signing key, 2 attestation key, 3 sealed data |
//! | 1 | 1 when an authorization value is needed, else 0 |
//! | 2, 4 | PCR policy: the hash function of the bank, bit i for PCR i; zero without one |
//! | 1, n | length and name of the parent (`TPM2B_NAME`, 34 bytes) |
//! | 2, n | length and bytes of the public part (`TPMT_PUBLIC`) |
//! | 2, n | length and bytes of the private part, encrypted by the TPM to its parent (`TPM2B_PRIVATE`) |
//! | 32 | SHA-256 of all before, to tell damage from the blob of another TPM |

use core::fmt;

use ring::digest::{SHA256, digest};

use crate::error::TpmError;
use crate::pcr::{PcrBank, PcrSelection};

/// The longest there is: what a TPM wraps is much shorter.
pub(crate) const MAX: usize = 4096;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    SigningKey = 1,
    AttestationKey = 2,
    Sealed = 3,
}

/// An object that one TPM can load. It is no secret by itself; whoever has it, the TPM and the authorization value can use it.
#[derive(Clone, Eq, PartialEq)]
pub(crate) struct Blob {
    pub(crate) kind: Kind,
    pub(crate) needs_auth: bool,
    pub(crate) policy: Option<PcrSelection>,
    pub(crate) parent: Vec<u8>,
    pub(crate) public: Vec<u8>,
    pub(crate) private: Vec<u8>,
}

impl Blob {
    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>, TpmError> {
        let mut bytes = Vec::with_capacity(512);
        bytes.extend(MAGIC);
        bytes.extend([VERSION, self.kind as u8, u8::from(self.needs_auth)]);
        let (bank, bits) = self.policy.map_or((0, 0), |pcrs| (pcrs.bank().algorithm_id(), pcrs.bits()));
        bytes.extend(bank.to_be_bytes());
        bytes.extend(bits.to_be_bytes());
        bytes.push(u8::try_from(self.parent.len()).map_err(|_| TpmError::Backend)?);
        bytes.extend(&self.parent);
        for part in [&self.public, &self.private] {
            bytes.extend(u16::try_from(part.len()).map_err(|_| TpmError::Backend)?.to_be_bytes());
            bytes.extend(part);
        }
        bytes.extend(digest(&SHA256, &bytes).as_ref());
        if bytes.len() > MAX {
            return Err(TpmError::Backend);
        }
        Ok(bytes)
    }

    /// Reads one of this kind.
    pub(crate) fn from_bytes(bytes: &[u8], kind: Kind) -> Result<Self, TpmError> {
        let blob = Self::read(bytes).ok_or(TpmError::BlobCorrupt)?;
        if blob.kind == kind { Ok(blob) } else { Err(TpmError::WrongUse) }
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        if bytes.len() > MAX {
            return None;
        }
        let (content, sum) = bytes.split_last_chunk::<CHECKSUM>()?;
        if digest(&SHA256, content).as_ref() != sum {
            return None;
        }
        let rest = content.strip_prefix(MAGIC)?;
        let (&[VERSION, kind, auth], rest) = rest.split_first_chunk()? else {
            return None;
        };
        let (&bank, rest) = rest.split_first_chunk()?;
        let (&bits, rest) = rest.split_first_chunk()?;
        let policy = match (u16::from_be_bytes(bank), u32::from_be_bytes(bits)) {
            (0, 0) => None,
            (bank, bits) => Some(PcrSelection::from_bits(PcrBank::from_id(bank)?, bits)?),
        };
        let (&parent_len, rest) = rest.split_first()?;
        let (parent, rest) = rest.split_at_checked(usize::from(parent_len))?;
        let (public, rest) = sized(rest)?;
        let (private, rest) = sized(rest)?;
        let well_formed = rest.is_empty() && [parent, public, private].iter().all(|part| !part.is_empty());
        well_formed.then_some(())?;
        Some(Self {
            kind: [Kind::SigningKey, Kind::AttestationKey, Kind::Sealed]
                .into_iter()
                .find(|known| *known as u8 == kind)?,
            needs_auth: match auth {
                0 => false,
                1 => true,
                _ => return None,
            },
            policy,
            parent: parent.to_vec(),
            public: public.to_vec(),
            private: private.to_vec(),
        })
    }

    /// The name of the object: what certifies it names it so.
    pub(crate) fn name(&self) -> Vec<u8> {
        name_sha256(&self.public)
    }
}

/// Tells nothing of what is wrapped.
impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Blob")
            .field("kind", &self.kind)
            .field("needs_auth", &self.needs_auth)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

/// The name of an object whose name algorithm is SHA-256: the number of that, and the hash of its public part.
pub(crate) fn name_sha256(public: &[u8]) -> Vec<u8> {
    let mut name = vec![0x00, 0x0b];
    name.extend(digest(&SHA256, public).as_ref());
    name
}

fn sized(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&len, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(len)))
}

const MAGIC: &[u8] = b"aims-tpm";
const VERSION: u8 = 1;
const CHECKSUM: usize = 32;
