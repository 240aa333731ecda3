//! The sealed form of a key, version 1. Numbers are big-endian.
//!
//! | Bytes | Field |
//! | --- | --- |
//! | 8 | `aims-key` |
//! | 1 | version: 1 |
//! | 1 | sealed with: 1 a passphrase (Argon2id), 2 a host key (HKDF-SHA-256) |
//! | 4, 4, 4 | Argon2id: memory in KiB, passes, lanes; zero for a host key |
//! | 32 | salt of the derivation, fresh for each write |
//! | 12 | nonce, fresh for each write |
//! | 1, n | length and name of the algorithm |
//! | 2, n | length and bytes of the ciphertext: PKCS#8 under ChaCha20-Poly1305, with the tag |
//! | 32 | SHA-256 of all before, to tell damage from a wrong passphrase, and before any work is done |
//!
//! Associated data: everything before the ciphertext, then the name of the key.

use std::path::Path;

use argon2::{Argon2, Block};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use ring::hkdf;
use zeroize::Zeroizing;

use super::secret::{Argon2Cost, Kind, Sealing};
use crate::algorithm::Algorithm;
use crate::backend::{self, Backend};
use crate::private::PrivateKey;
use crate::store::{KeyId, StoreError};

/// More than any key takes.
pub(super) const MAX_FILE: usize = 24 * 1024;

pub(super) fn seal(
    sealing: &Sealing,
    id: &KeyId,
    algorithm: Algorithm,
    key: &PrivateKey,
    backend: Backend,
) -> Result<Vec<u8>, StoreError> {
    let (mut salt, mut nonce) = ([0; 32], [0; 12]);
    backend.fill_random(&mut salt)?;
    backend.fill_random(&mut nonce)?;

    let (kind, costs) = match &sealing.0 {
        Kind::Passphrase { cost, .. } => (PASSPHRASE, [cost.memory_kib, cost.passes, cost.lanes]),
        Kind::Host(_) => (HOST_KEY, [0; 3]),
    };
    let sealing_key = derive(sealing, &salt, costs)?;

    let pkcs8 = key.expose_pkcs8();
    let name = algorithm.name().as_bytes();
    let sealed_len = pkcs8.len() + CHACHA20_POLY1305.tag_len();
    let (Ok(name_len), Ok(sealed_len)) = (u8::try_from(name.len()), u16::try_from(sealed_len)) else {
        return Err(StoreError::Backend);
    };

    let mut file = Vec::with_capacity(MAX_FILE);
    file.extend_from_slice(MAGIC);
    file.extend_from_slice(&[VERSION, kind]);
    for cost in costs {
        file.extend_from_slice(&cost.to_be_bytes());
    }
    file.extend_from_slice(&salt);
    file.extend_from_slice(&nonce);
    file.push(name_len);
    file.extend_from_slice(name);
    file.extend_from_slice(&sealed_len.to_be_bytes());

    let mut sealed = Zeroizing::new(Vec::with_capacity(usize::from(sealed_len)));
    sealed.extend_from_slice(pkcs8);
    sealing_key
        .seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(associated(&file, id)),
            &mut *sealed,
        )
        .map_err(|_| StoreError::Backend)?;
    file.extend_from_slice(&sealed);
    file.extend_from_slice(&backend.sha256(&file));
    Ok(file)
}

pub(super) fn unseal(
    sealing: &Sealing,
    id: &KeyId,
    path: &Path,
    file: &[u8],
) -> Result<(PrivateKey, Algorithm), StoreError> {
    let corrupt = || StoreError::Corrupt { file: path.to_owned() };
    let refused = || StoreError::Sealed { file: path.to_owned() };

    let (content, checksum) = file.split_last_chunk::<32>().ok_or_else(corrupt)?;
    if backend::ring().sha256(content) != *checksum {
        return Err(corrupt());
    }
    let parts = Parts::read(content).ok_or_else(corrupt)?;

    match (&sealing.0, parts.kind, parts.costs) {
        (Kind::Host(_), HOST_KEY, [0, 0, 0]) => {}
        (Kind::Passphrase { ceiling, .. }, PASSPHRASE, [memory_kib, passes, lanes]) => {
            let cost = Argon2Cost::new(memory_kib, passes, lanes)
                .map_err(|_| StoreError::FileCost { file: path.to_owned() })?;
            // The passphrase alone tells whether we wrote the file, and only after the work.
            if !cost.is_within(*ceiling) {
                return Err(StoreError::FileCostCeiling { file: path.to_owned() });
            }
        }
        (Kind::Passphrase { .. }, HOST_KEY, [0, 0, 0]) | (Kind::Host(_), PASSPHRASE, _) => {
            return Err(refused());
        }
        _ => return Err(corrupt()),
    }

    let sealing_key = derive(sealing, parts.salt, parts.costs)?;
    let mut opened = Zeroizing::new(parts.sealed.to_vec());
    let len = sealing_key
        .open_in_place(
            Nonce::assume_unique_for_key(*parts.nonce),
            Aad::from(associated(parts.header, id)),
            &mut opened,
        )
        .map_err(|_| refused())?
        .len();
    // The tag is at the end.
    opened.truncate(len);
    Ok((PrivateKey::from_pkcs8(opened), parts.algorithm))
}

struct Parts<'a> {
    header: &'a [u8],
    kind: u8,
    costs: [u32; 3],
    salt: &'a [u8; 32],
    nonce: &'a [u8; 12],
    algorithm: Algorithm,
    sealed: &'a [u8],
}

impl<'a> Parts<'a> {
    fn read(content: &'a [u8]) -> Option<Self> {
        let rest = content.strip_prefix(MAGIC)?;
        let (&[VERSION, kind], rest) = rest.split_first_chunk()? else {
            return None;
        };
        let (&memory_kib, rest) = rest.split_first_chunk()?;
        let (&passes, rest) = rest.split_first_chunk()?;
        let (&lanes, rest) = rest.split_first_chunk()?;
        let (salt, rest) = rest.split_first_chunk()?;
        let (nonce, rest) = rest.split_first_chunk()?;
        let (&name_len, rest) = rest.split_first()?;
        let (name, rest) = rest.split_at_checked(usize::from(name_len))?;
        let (&sealed_len, sealed) = rest.split_first_chunk()?;
        if usize::from(u16::from_be_bytes(sealed_len)) != sealed.len() {
            return None;
        }
        Some(Self {
            header: content.get(..content.len() - sealed.len())?,
            kind,
            costs: [memory_kib, passes, lanes].map(u32::from_be_bytes),
            salt,
            nonce,
            algorithm: core::str::from_utf8(name).ok()?.parse().ok()?,
            sealed,
        })
    }
}

fn derive(sealing: &Sealing, salt: &[u8; 32], costs: [u32; 3]) -> Result<LessSafeKey, StoreError> {
    let key = match &sealing.0 {
        Kind::Host(host) => hkdf::Salt::new(hkdf::HKDF_SHA256, salt)
            .extract(host.expose())
            .expand(&[HKDF_INFO], &CHACHA20_POLY1305)
            .map(UnboundKey::from)
            .map_err(|_| StoreError::Backend)?,
        Kind::Passphrase { passphrase, .. } => {
            let [memory_kib, passes, lanes] = costs;
            let parameters =
                argon2::Params::new(memory_kib, passes, lanes, Some(32)).map_err(|_| StoreError::Cost)?;
            let mut memory = blocks(parameters.block_count())?;
            let mut key = Zeroizing::new([0; 32]);
            Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, parameters)
                .hash_password_into_with_memory(passphrase.expose(), salt, key.as_mut_slice(), &mut **memory)
                .map_err(|_| StoreError::Backend)?;
            UnboundKey::new(&CHACHA20_POLY1305, key.as_slice()).map_err(|_| StoreError::Backend)?
        }
    };
    Ok(LessSafeKey::new(key))
}

/// The memory of Argon2id. It is overwritten when it is dropped: what is left in it tells the key, and lets guesses at the
/// passphrase be checked for less.
fn blocks(count: usize) -> Result<Zeroizing<Box<[Block]>>, StoreError> {
    let mut blocks = Vec::new();
    blocks.try_reserve_exact(count).map_err(|_| StoreError::Backend)?;
    blocks.resize(count, Block::new());
    Ok(Zeroizing::new(blocks.into_boxed_slice()))
}

/// The header tells its own length, so nothing else reads the same.
fn associated(header: &[u8], id: &KeyId) -> Vec<u8> {
    [header, id.as_str().as_bytes()].concat()
}

const MAGIC: &[u8] = b"aims-key";
const VERSION: u8 = 1;
const PASSPHRASE: u8 = 1;
const HOST_KEY: u8 = 2;
const HKDF_INFO: &[u8] = b"aims-keys, sealed key file, version 1";
