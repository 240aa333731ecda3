//! Credentials that one TPM alone activates: `TPM2_MakeCredential` in software (TPM 2.0 Library Part 1 §24, and Part 3 §12.6).

mod cipher;
mod kdf;

use std::fmt;

use aims_keys::backend::EncryptError;
use aims_keys::{Backend, KeyError, PublicNumbers};
use zeroize::Zeroizing;

use self::cipher::encrypt_cfb;
use self::kdf::{Kdf, kdfa, kdfe};
use super::{TpmName, TpmPublic, TpmPublicKind, TpmSymmetric};

/// A secret that a TPM gives out if it has both the endorsement key that the secret was made for and, loaded, the object with the name
/// that it was made for: what `TPM2_ActivateCredential` takes.
///
/// It is sent in the clear: nobody else can read it.
///
/// ```
/// use aims_attest::tpm::{TpmCredential, TpmName, TpmPublic};
/// use aims_keys::{Backend, backend};
///
/// # fn ask(endorsement_key: &TpmPublic, attestation_key: &TpmPublic) -> Result<(), Box<dyn std::error::Error>> {
/// let mut secret = [0; 32];
/// backend::ring().fill_random(&mut secret)?;
/// let name = attestation_key.name(backend::ring());
/// let credential = TpmCredential::make(endorsement_key, &name, &secret, backend::ring())?;
/// // To the TPM: `credential.id_object()` and `credential.encrypted_secret()`; back comes the secret.
/// # Ok(()) }
/// ```
#[derive(Clone, Eq, PartialEq)]
pub struct TpmCredential {
    id_object: Vec<u8>,
    encrypted_secret: Vec<u8>,
}

impl TpmCredential {
    /// Makes one for the TPM with this endorsement key, on P-256, P-384 or RSA, and for the object with this name. RSA keys need the AWS-LC backend.
    ///
    /// The secret has no more bytes than hashes of the endorsement key's name algorithm have.
    ///
    /// # Errors
    ///
    /// [`TpmCredentialError`].
    pub fn make(
        endorsement_key: &TpmPublic,
        name: &TpmName,
        secret: &[u8],
        backend: Backend,
    ) -> Result<Self, TpmCredentialError> {
        use TpmCredentialError as E;

        let hash = endorsement_key.name_algorithm();
        if secret.is_empty() || secret.len() > hash.output_len() {
            return Err(E::SecretLength);
        }
        let attributes = endorsement_key.attributes();
        if !attributes.restricted() || !attributes.decrypt() || attributes.sign() {
            return Err(E::NotStorage);
        }
        let kdf = Kdf { hash, backend };
        let (seed, encrypted_secret, symmetric) = match endorsement_key.kind() {
            TpmPublicKind::Ecc { point, symmetric: Some(symmetric), .. } => {
                let (seed, sent) = agree(point, kdf)?;
                (seed, sent, *symmetric)
            }
            TpmPublicKind::Rsa { key, symmetric: Some(symmetric), .. } => {
                let mut seed = Zeroizing::new(vec![0; hash.output_len()]);
                backend.fill_random(&mut seed).map_err(E::Key)?;
                let sent =
                    backend.encrypt_oaep(key, hash, &terminated(IDENTITY), &seed).map_err(E::Encrypt)?;
                (seed, sent, *symmetric)
            }
            _ => return Err(E::NotStorage),
        };
        let id_object = id_object(&seed, symmetric, name, secret, kdf).ok_or(E::SecretLength)?;
        Ok(Self { id_object, encrypted_secret })
    }

    /// The content of the `TPM2B_ID_OBJECT`, without its size.
    #[must_use]
    pub fn id_object(&self) -> &[u8] {
        &self.id_object
    }

    /// The content of the `TPM2B_ENCRYPTED_SECRET`, without its size.
    #[must_use]
    pub fn encrypted_secret(&self) -> &[u8] {
        &self.encrypted_secret
    }
}

/// Shows the lengths.
impl fmt::Debug for TpmCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TpmCredential")
            .field("id_object", &self.id_object.len())
            .field("encrypted_secret", &self.encrypted_secret.len())
            .finish()
    }
}

/// Why no credential was made.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TpmCredentialError {
    /// Nothing could be encrypted to the RSA key, for one because the backend cannot.
    #[error("nothing can be encrypted to the endorsement key")]
    Encrypt(#[source] EncryptError),
    /// The key is one that is refused, or there is no randomness.
    #[error("nothing can be agreed with the endorsement key")]
    Key(#[source] KeyError),
    /// The endorsement key is not a storage key: restricted, decrypting, with a cipher.
    #[error("the endorsement key is not a storage key")]
    NotStorage,
    /// The secret is empty, or longer than the TPM takes.
    #[error("the secret is empty or too long")]
    SecretLength,
}

impl TpmCredentialError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Encrypt(error) => error.code(),
            Self::Key(error) => error.code(),
            Self::NotStorage => "not_a_storage_key",
            Self::SecretLength => "secret_length",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Encrypt(error) => error.rule(),
            Self::Key(error) => error.rule(),
            Self::NotStorage | Self::SecretLength => "TPM-29",
        }
    }
}

/// The seed, agreed on with the endorsement key, and what is sent of it: a `TPMS_ECC_POINT`.
fn agree(point: &PublicNumbers, kdf: Kdf) -> Result<(Zeroizing<Vec<u8>>, Vec<u8>), TpmCredentialError> {
    let agreed = kdf.backend.agree(point).map_err(TpmCredentialError::Key)?;
    let (Some((ours, y)), Some((theirs, _))) = (coordinates(agreed.ephemeral()), coordinates(point)) else {
        return Err(TpmCredentialError::NotStorage);
    };
    let seed = kdfe(kdf, agreed.shared_x(), IDENTITY, ours, theirs, kdf.hash.output_len());
    // Coordinates have less than 64 KiB.
    let sent = [sized(ours), sized(y)].into_iter().flatten().collect::<Vec<_>>().concat();
    Ok((seed, sent))
}

/// `TPMS_ID_OBJECT`: the MAC, and what it is of. `None` when the secret is longer than 64 KiB.
fn id_object(
    seed: &[u8],
    symmetric: TpmSymmetric,
    name: &TpmName,
    secret: &[u8],
    kdf: Kdf,
) -> Option<Vec<u8>> {
    let key_len = match symmetric {
        TpmSymmetric::Aes128 => 16,
        TpmSymmetric::Aes256 => 32,
    };
    let key = kdfa(kdf, seed, STORAGE, name.as_bytes(), &[], key_len);
    let mut sealed = Zeroizing::new(sized(secret)?);
    encrypt_cfb(&key, &mut sealed)?;
    let mac_key = kdfa(kdf, seed, INTEGRITY, &[], &[], kdf.hash.output_len());
    let mac = kdf.backend.hmac(kdf.hash, &mac_key, &[&sealed, name.as_bytes()].concat());
    Some([&*sized(&mac)?, &sealed].concat())
}

fn coordinates(point: &PublicNumbers) -> Option<(&[u8], &[u8])> {
    match point {
        PublicNumbers::P256 { x, y } => Some((x, y)),
        PublicNumbers::P384 { x, y } => Some((x, y)),
        _ => None,
    }
}

/// The bytes of a `TPM2B`.
fn sized(content: &[u8]) -> Option<Vec<u8>> {
    let len = u16::try_from(content.len()).ok()?;
    // Room for all of it at once: a vector that grows leaves copies behind.
    let mut bytes = Vec::with_capacity(content.len() + 2);
    bytes.extend_from_slice(&len.to_be_bytes());
    bytes.extend_from_slice(content);
    Some(bytes)
}

/// A label as it is hashed: with the zero byte that ends it.
fn terminated(label: &str) -> Vec<u8> {
    [label.as_bytes(), &[0]].concat()
}

const IDENTITY: &str = "IDENTITY";
const INTEGRITY: &str = "INTEGRITY";
const STORAGE: &str = "STORAGE";

#[cfg(test)]
mod tests {
    use aims_keys::backend::HashAlgorithm;

    use super::*;
    use crate::hex::hexadecimal;

    /// Computed with hashlib, hmac and OpenSSL's AES.
    #[test]
    fn tpm_3_identities_are_sealed_as_an_independent_computation_does() {
        let name = [&[0, 0x0b][..], &[0x22; 32]].concat();
        let name = TpmName::from_bytes(&name).unwrap();
        for (hash, symmetric, expected) in [
            (HashAlgorithm::Sha256, TpmSymmetric::Aes128, EXPECTED_128),
            (HashAlgorithm::Sha384, TpmSymmetric::Aes256, EXPECTED_256),
        ] {
            let kdf = Kdf { hash, backend: aims_keys::backend::ring() };
            let seed = vec![0x11; hash.output_len()];
            let secret: Vec<u8> = (0..32).collect();
            let sealed = id_object(&seed, symmetric, &name, &secret, kdf).unwrap();
            assert_eq!(hexadecimal(&sealed), expected);
        }
    }

    const EXPECTED_128: &str = "00206165860ebe1eb042666f5f4b59dba87ce9844487d8fdba7f01f4fa3b209e82bdb28b9b139185eb3741e4b5d4a9cad669474b2c19e9502bdd130ba2369928ef01fbd8";
    const EXPECTED_256: &str = "003062f018b3939012638bc5a14f616e735cf786da68550d0ab85277647af3e21a77fbfbbfea7b1a2895effd729adca0c4dae2e5e18c2a4ea7d3d62b6b9881d38d370527abb2a1888e7db703fa64a2b2146a268d";
}
