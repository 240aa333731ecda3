//! A TPM whose endorsement key everybody knows: what `TPM2_ActivateCredential` does, computed anew.

use aes::cipher::{Block, BlockCipherEncrypt, KeyInit};
use aims_attest::tpm::TpmPublic;
use aims_keys::PublicNumbers;
use aims_keys::backend::{self, HashAlgorithm};

/// Its endorsement key is the generator of a curve: the private key is 1, and what is agreed on is the ephemeral key itself.
pub(crate) struct Tpm {
    pub(crate) ek: Vec<u8>,
    curve: Curve,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Curve {
    P256,
    P384,
}

impl Tpm {
    pub(crate) fn new(curve: Curve) -> Self {
        let (x, y) = generator(curve);
        let (head, policy_len, symmetric, curve_id): ([u8; 8], usize, [u8; 2], u8) = match curve {
            Curve::P256 => ([0, 0x23, 0, 0x0b, 0, 3, 0, 0xb2], 32, [0, 128], 3),
            Curve::P384 => ([0, 0x23, 0, 0x0c, 0, 3, 0, 0xf2], 48, [1, 0], 4),
        };
        let len = |bytes: &[u8]| u8::try_from(bytes.len()).unwrap();
        let ek = [
            &head[..],
            &[0, u8::try_from(policy_len).unwrap()],
            &vec![0xa5; policy_len],
            &[0, 6],
            &symmetric,
            &[0, 0x43, 0, 0x10, 0, curve_id, 0, 0x10, 0, len(&x)],
            &x,
            &[0, len(&y)],
            &y,
        ]
        .concat();
        Self { ek, curve }
    }

    pub(crate) fn key(&self) -> PublicNumbers {
        TpmPublic::parse(&self.ek).unwrap().public_numbers().unwrap().clone()
    }

    /// The secret, if it is for a loaded object with this name.
    pub(crate) fn activate(&self, name: &[u8], id_object: &[u8], encrypted: &[u8]) -> Option<Vec<u8>> {
        let (hash, key_len) = match self.curve {
            Curve::P256 => (HashAlgorithm::Sha256, 16),
            Curve::P384 => (HashAlgorithm::Sha384, 32),
        };
        let (x, rest) = sized(encrypted)?;
        let (_, rest) = sized(rest)?;
        assert!(rest.is_empty(), "something follows the point");
        let seed_of = [&1_u32.to_be_bytes()[..], x, b"IDENTITY\0", x, &generator(self.curve).0].concat();
        let mut hasher = backend::ring().hasher(hash);
        hasher.update(&seed_of);
        let seed = hasher.finish().as_ref().to_vec();

        let (mac, sealed) = sized(id_object)?;
        let mac_key = derive(hash, &seed, b"INTEGRITY\0", &[], hash.output_len());
        let expected = backend::ring().hmac(hash, &mac_key, &[sealed, name].concat());
        if *expected != mac {
            return None;
        }
        let key = derive(hash, &seed, b"STORAGE\0", name, key_len);
        let opened = match key_len {
            16 => decrypt(&aes::Aes128::new_from_slice(&key).unwrap(), sealed),
            _ => decrypt(&aes::Aes256::new_from_slice(&key).unwrap(), sealed),
        };
        let (secret, rest) = sized(&opened)?;
        assert!(rest.is_empty(), "something follows the secret");
        Some(secret.to_vec())
    }
}

/// One block of it is enough for every key here.
fn derive(hash: HashAlgorithm, seed: &[u8], label: &[u8], context: &[u8], len: usize) -> Vec<u8> {
    let bits = u32::try_from(len * 8).unwrap().to_be_bytes();
    let block = backend::ring().hmac(hash, seed, &[&1_u32.to_be_bytes()[..], label, context, &bits].concat());
    block[..len].to_vec()
}

fn decrypt<C: BlockCipherEncrypt>(cipher: &C, sealed: &[u8]) -> Vec<u8> {
    let mut before = vec![0; 16];
    let mut opened = Vec::new();
    for chunk in sealed.chunks(16) {
        let mut mask = Block::<C>::default();
        mask.copy_from_slice(&before);
        cipher.encrypt_block(&mut mask);
        opened.extend(chunk.iter().zip(mask.iter()).map(|(byte, mask)| byte ^ mask));
        before = chunk.to_vec();
    }
    opened
}

fn sized(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(u16::from_be_bytes(*len).into())
}

/// SP 800-186 §3.2.1.
fn generator(curve: Curve) -> (Vec<u8>, Vec<u8>) {
    let (x, y) = match curve {
        Curve::P256 => (
            "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296",
            "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5",
        ),
        Curve::P384 => (
            "aa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a385502f25dbf55296c3a545e3872760ab7",
            "3617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147ce9da3113b5f0b8c00a60b1ce1d7e819d7a431d7c90ea0e5f",
        ),
    };
    (unhex(x), unhex(y))
}

pub(crate) fn unhex(text: &str) -> Vec<u8> {
    let digit = |byte: u8| u8::try_from(char::from(byte).to_digit(16).unwrap()).unwrap();
    text.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}
