//! Strict base64url without padding (RFC 4648 §5, RFC 7515 §2): one spelling per byte string.
//!
//! A byte string has exactly one text that decodes to it, so a token cannot be respelled around a cache, a replay
//! memory or a denylist (JO-B64-02). Nothing here runs in constant time: it is for public data. Private JWK members
//! go through the same decoder, once, when a key is loaded.
//!
//! ```
//! use aims_jose::base64url;
//!
//! assert_eq!(base64url::encode(b"wit+jwt"), "d2l0K2p3dA");
//! assert_eq!(base64url::decode("d2l0K2p3dA")?, b"wit+jwt");
//!
//! let mut buffer = [0; 64];
//! let len = base64url::decode_into("d2l0K2p3dA", &mut buffer)?;
//! assert_eq!(buffer.get(..len), Some(&b"wit+jwt"[..]));
//!
//! let err = base64url::decode("d2l0K2p3dB").unwrap_err();
//! assert_eq!((err.code(), err.rule()), ("base64_trailing_bits", "JO-B64-02"));
//! # Ok::<(), base64url::Base64Error>(())
//! ```

/// Why a text is not strict base64url.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Base64Error {
    /// The decoded bytes do not fit the caller's buffer.
    #[error("the base64url text is longer than allowed here")]
    BufferTooSmall,
    /// A character outside `A-Z a-z 0-9 - _`; padding, white space, `+` and `/` among them.
    #[error("a character is not in the base64url alphabet")]
    Character,
    /// No byte string has a text of this length (length mod 4 is 1).
    #[error("the length of the base64url text is impossible")]
    Length,
    /// The unused low bits of the last character are not zero.
    #[error("the unused bits of the last base64url character are not zero")]
    TrailingBits,
}

impl Base64Error {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::BufferTooSmall => "base64_too_long",
            Self::Character => "base64_character",
            Self::Length => "base64_length",
            Self::TrailingBits => "base64_trailing_bits",
        }
    }

    /// The requirement in `docs/spec/jose.md` that the text broke.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::BufferTooSmall => "JO-B64-01",
            Self::Character | Self::Length | Self::TrailingBits => "JO-B64-02",
        }
    }
}

/// The number of bytes that `len` characters decode to; `None` if no byte string has a text of that length.
#[must_use]
pub const fn decoded_len(len: usize) -> Option<usize> {
    let whole = len / 4 * 3;
    match len % 4 {
        0 => Some(whole),
        2 => Some(whole + 1),
        3 => Some(whole + 2),
        _ => None,
    }
}

/// Decodes `text` into the front of `out` and returns the number of bytes written.
///
/// After an error the content of `out` is unspecified.
///
/// # Errors
///
/// [`Base64Error`]; the length of `text` is looked at before its characters.
pub fn decode_into(text: impl AsRef<[u8]>, out: &mut [u8]) -> Result<usize, Base64Error> {
    let text = text.as_ref();
    let len = decoded_len(text.len()).ok_or(Base64Error::Length)?;
    let out = out.get_mut(..len).ok_or(Base64Error::BufferTooSmall)?;

    let (blocks, last) = text.as_chunks::<8>();
    let (decoded, rest) = out.as_chunks_mut::<6>();
    let mut seen = 0;
    for (block, bytes) in blocks.iter().zip(decoded) {
        let bits = join(*block);
        seen |= bits;
        if let Some(decoded) = bits.to_le_bytes().first_chunk() {
            *bytes = *decoded;
        }
    }

    // The first character of the alphabet stands for zero bits.
    let mut block = [b'A'; 8];
    for (slot, &character) in block.iter_mut().zip(last) {
        *slot = character;
    }
    let bits = join(block);
    let [unused @ .., _, _] = &mut bits.to_le_bytes();
    for (slot, byte) in rest.iter_mut().zip(&mut *unused) {
        *slot = std::mem::take(byte);
    }

    if (seen | bits) & INVALID != 0 {
        return Err(Base64Error::Character);
    }
    if unused.iter().any(|&byte| byte != 0) {
        return Err(Base64Error::TrailingBits);
    }
    Ok(len)
}

/// Decodes `text`.
///
/// # Errors
///
/// [`Base64Error`]; the length of `text` is looked at before its characters.
pub fn decode(text: impl AsRef<[u8]>) -> Result<Vec<u8>, Base64Error> {
    let text = text.as_ref();
    let mut out = vec![0; decoded_len(text.len()).ok_or(Base64Error::Length)?];
    decode_into(text, &mut out)?;
    Ok(out)
}

/// The text of `bytes`, without padding.
#[must_use]
pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    let mut out = String::new();
    encode_into(&mut out, bytes);
    out
}

/// Appends the text of `bytes` to `out`, without padding.
pub fn encode_into(out: &mut String, bytes: impl AsRef<[u8]>) {
    let bytes = bytes.as_ref();
    out.reserve((bytes.len() * 4).div_ceil(3));
    for part in bytes.chunks(STEPS * BYTES) {
        let mut text = [0; STEPS * CHARACTERS];
        let (blocks, last) = part.as_chunks::<BYTES>();
        let mut room = text.as_chunks_mut::<CHARACTERS>().0.iter_mut();
        for (block, characters) in blocks.iter().zip(&mut room) {
            *characters = encode_block(block);
        }
        if let (false, Some(characters)) = (last.is_empty(), room.next()) {
            let mut block = [0; BYTES];
            for (slot, &byte) in block.iter_mut().zip(last) {
                *slot = byte;
            }
            *characters = encode_block(&block);
        }
        let text = text.get(..(part.len() * 4).div_ceil(3)).unwrap_or_default();
        // Every character is one of the alphabet, so this is always text.
        out.push_str(str::from_utf8(text).unwrap_or_default());
    }
}

/// The characters of a block of bytes.
#[inline]
fn encode_block(bytes: &[u8; BYTES]) -> [u8; CHARACTERS] {
    let mut characters = [0; CHARACTERS];
    for (bytes, values) in bytes.as_chunks::<6>().0.iter().zip(characters.as_chunks_mut::<8>().0) {
        let mut word = [0; 8];
        let [_, _, low @ ..] = &mut word;
        *low = *bytes;
        *values = split(u64::from_be_bytes(word)).to_be_bytes();
    }
    // A loop without a branch or a table is one the compiler can vectorise (`array::map` is not).
    for value in &mut characters {
        *value = character_of(*value);
    }
    characters
}

/// The character of six bits.
#[inline]
fn character_of(value: u8) -> u8 {
    // From `A` on; where the alphabet leaves the order of ASCII, the distance to the next character is made up for.
    let mut character = value + b'A';
    character = character.wrapping_add(if value >= 26 { b'a' - b'Z' - 1 } else { 0 });
    character = character.wrapping_sub(if value >= 52 { b'z' + 1 - b'0' } else { 0 });
    character = character.wrapping_sub(if value >= 62 { b'9' + 1 - b'-' } else { 0 });
    character.wrapping_add(if value >= 63 { b'_' - b'-' - 1 } else { 0 })
}

/// The bytes of eight characters, first in the lowest bits, with [`INVALID`] set if one of them is outside the alphabet.
#[inline]
fn join(characters: [u8; 8]) -> u64 {
    let [first @ .., _, _, _, _] = characters;
    let [_, _, _, _, second @ ..] = characters;
    let (first, second) = (quad(first), quad(second));
    first | second << 24 | first << 24 & INVALID
}

/// The bytes of four characters, with the bit 31 set if one of them is outside the alphabet.
#[inline]
#[expect(clippy::indexing_slicing, reason = "a u8 is always inside a table of 256 entries")]
fn quad([a, b, c, d]: [u8; 4]) -> u64 {
    let bits = TABLES[0][usize::from(a)]
        | TABLES[1][usize::from(b)]
        | TABLES[2][usize::from(c)]
        | TABLES[3][usize::from(d)];
    u64::from(bits)
}

/// Six bytes as eight bytes of six bits each.
#[inline]
fn split(bits: u64) -> u64 {
    let quads = (bits & 0xffff_ff00_0000) << 8 | bits & 0x00ff_ffff;
    let pairs = (quads << 4) & 0x0fff_0000_0fff_0000 | quads & 0x0000_0fff_0000_0fff;
    (pairs << 2) & 0x3f00_3f00_3f00_3f00 | pairs & 0x003f_003f_003f_003f
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Set in what [`join`] makes of characters that are not all in the alphabet; outside the 48 bits of the others.
const INVALID: u64 = 1 << 55;

/// For each place in four characters, what one contributes to their three bytes, the first in the lowest bits; the highest
/// bit if it is not in the alphabet.
static TABLES: [[u32; 256]; 4] = [table(18), table(12), table(6), table(0)];

#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler only")]
const fn table(shift: u32) -> [u32; 256] {
    let mut table = [1 << 31; 256];
    let mut value = 0_u32;
    while value < 64 {
        table[ALPHABET[value as usize] as usize] = (value << shift << 8).swap_bytes();
        value += 1;
    }
    table
}

/// Bytes encoded in one step, and the characters they are.
const BYTES: usize = 24;
const CHARACTERS: usize = 32;

/// Steps between two appends.
const STEPS: usize = 8;
