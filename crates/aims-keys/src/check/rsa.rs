//! RSA moduli and exponents worth verifying with (JO-KEY-04).

use crate::KeyError;

/// Checks the big-endian numbers of an RSA public key before any arithmetic is done on them.
pub(crate) fn rsa_numbers(modulus: &[u8], exponent: &[u8]) -> Result<(), KeyError> {
    let (&[first, ..], &[.., last]) = (modulus, modulus) else {
        return Err(KeyError::RsaModulus);
    };
    // Bounded before anything else: a giant modulus costs nothing.
    if modulus.len() > MAX_MODULUS_BYTES {
        return Err(KeyError::RsaModulus);
    }
    let bits = modulus.len() * 8 - first.leading_zeros() as usize;
    if first == 0 || last & 1 == 0 || bits < MIN_MODULUS_BITS {
        return Err(KeyError::RsaModulus);
    }

    if exponent.len() > MAX_EXPONENT_BYTES || exponent.first().is_none_or(|&byte| byte == 0) {
        return Err(KeyError::RsaExponent);
    }
    let exponent = exponent.iter().fold(0_u64, |value, &byte| value << 8 | u64::from(byte));
    if !(MIN_EXPONENT..1 << 33).contains(&exponent) || exponent & 1 == 0 {
        return Err(KeyError::RsaExponent);
    }
    Ok(())
}

const MIN_MODULUS_BITS: usize = 2048;
const MAX_MODULUS_BYTES: usize = 8192 / 8;
const MIN_EXPONENT: u64 = 65537;
const MAX_EXPONENT_BYTES: usize = 5;
