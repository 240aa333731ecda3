//! Ed25519 public keys under which nobody can forge (JO-KEY-05).

use crate::KeyError;

/// Refuses encodings that are not canonical, and the points of small order.
///
/// Under a small-order key anyone can write a signature that fits the verification equation for chosen messages;
/// *ring* and OpenSSL accept such keys.
pub(crate) fn ed25519_point(key: &[u8; 32]) -> Result<(), KeyError> {
    // The sign of x. x = 0 only where y is 1 or -1, which are of small order: no sign needs a check of its own.
    let mut y = *key;
    y[31] &= 0x7f;

    if !is_below_p(&y) {
        return Err(KeyError::NotCanonical);
    }
    if SMALL_ORDER_Y.contains(&y) {
        return Err(KeyError::SmallOrder);
    }
    Ok(())
}

/// Whether the little-endian number is below 2^255 - 19; its top bit is clear.
fn is_below_p(y: &[u8; 32]) -> bool {
    let [low, middle @ .., high] = y;
    !(*high == 0x7f && middle.iter().all(|&byte| byte == 0xff) && *low >= 0xed)
}

/// The y coordinates, little-endian, of the eight points of small order: 0, 1, -1 and the two of order 8.
const SMALL_ORDER_Y: [[u8; 32]; 5] = [
    [0; 32],
    {
        let mut one = [0; 32];
        one[0] = 1;
        one
    },
    {
        let mut minus_one = [0xff; 32];
        minus_one[0] = 0xec;
        minus_one[31] = 0x7f;
        minus_one
    },
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5,
        0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a,
        0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ],
];
