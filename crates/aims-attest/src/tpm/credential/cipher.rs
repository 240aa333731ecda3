//! AES in CFB mode (SP 800-38A §6.3), whole blocks fed back, as TPMs protect what leaves them.

use aes::cipher::{Block, BlockCipherEncrypt, KeyInit};
use aes::{Aes128, Aes256};

/// Encrypts in place, from an initialization vector of zeros: keys are used once. `None` for a key that is none of AES-128 or AES-256.
pub(super) fn encrypt_cfb(key: &[u8], bytes: &mut [u8]) -> Option<()> {
    match key.len() {
        16 => encrypt(&Aes128::new_from_slice(key).ok()?, bytes),
        32 => encrypt(&Aes256::new_from_slice(key).ok()?, bytes),
        _ => return None,
    }
    Some(())
}

fn encrypt<C: BlockCipherEncrypt>(cipher: &C, bytes: &mut [u8]) {
    let mut feedback = Block::<C>::default();
    for chunk in bytes.chunks_mut(feedback.len()) {
        cipher.encrypt_block(&mut feedback);
        for (byte, mask) in chunk.iter_mut().zip(feedback.iter_mut()) {
            *byte ^= *mask;
            *mask = *byte;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hex::hexadecimal;

    /// Computed with `openssl enc -aes-128-cfb` and `-aes-256-cfb`.
    #[test]
    fn tpm_3_cfb_is_that_of_openssl() {
        for (len, expected) in [
            (16, "c6a03934838a5d8567468b69adc5d676a59b0277ccb9bf8cc1a95a409958eba40ab0"),
            (32, "f29102b52e4c99d7a1fa9061d123798f8af4819cc14fd031e0499c25bf6d87cb8338"),
        ] {
            let key: Vec<u8> = (0..len).collect();
            let mut bytes: Vec<u8> = (0..34).collect();
            encrypt_cfb(&key, &mut bytes).unwrap();
            assert_eq!(hexadecimal(&bytes), expected);
        }
        assert_eq!(encrypt_cfb(&[0; 24], &mut [0; 16]), None);
    }
}
