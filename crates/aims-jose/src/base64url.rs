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

    let (quads, last) = text.as_chunks::<4>();
    let (triples, rest) = out.as_chunks_mut::<3>();
    let mut seen = 0;
    for (quad, triple) in quads.iter().zip(triples) {
        let bits = join(*quad);
        seen |= bits;
        let [_, a, b, c] = bits.to_be_bytes();
        *triple = [a, b, c];
    }

    let mut quad = [b'A'; 4];
    for (slot, &character) in quad.iter_mut().zip(last) {
        *slot = character;
    }
    let bits = join(quad);
    let [_, a, b, c] = bits.to_be_bytes();
    let decoded = [a, b, c];
    let (kept, unused) = decoded.split_at_checked(rest.len()).unwrap_or_default();
    for (slot, &byte) in rest.iter_mut().zip(kept) {
        *slot = byte;
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
    for block in bytes.chunks(BLOCK / 4 * 3) {
        let mut text = [0; BLOCK];
        let (triples, rest) = block.as_chunks::<3>();
        let (quads, _) = text.as_chunks_mut::<4>();
        for (triple, quad) in triples.iter().zip(quads.iter_mut()) {
            *quad = split(*triple);
        }
        if let (Some(quad), [first, more @ ..]) = (quads.get_mut(triples.len()), rest) {
            *quad = split([*first, more.first().copied().unwrap_or(0), 0]);
        }
        let text = text.get(..(block.len() * 4).div_ceil(3)).unwrap_or_default();
        // Every character comes from ALPHABET, so this is always text.
        out.push_str(str::from_utf8(text).unwrap_or_default());
    }
}

/// The 24 bits of four characters, with [`INVALID`] set if one of them is outside the alphabet.
#[inline]
#[expect(clippy::indexing_slicing, reason = "a u8 is always inside a table of 256 entries")]
fn join([a, b, c, d]: [u8; 4]) -> u32 {
    TABLES[0][usize::from(a)]
        | TABLES[1][usize::from(b)]
        | TABLES[2][usize::from(c)]
        | TABLES[3][usize::from(d)]
}

/// The four characters of three bytes.
#[inline]
#[expect(clippy::indexing_slicing, reason = "six bits are always inside an alphabet of 64")]
fn split([a, b, c]: [u8; 3]) -> [u8; 4] {
    let bits = u32::from_be_bytes([0, a, b, c]);
    [18, 12, 6, 0].map(|shift| ALPHABET[(bits >> shift & 63) as usize])
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Set in a table entry whose character is not in the alphabet; outside the 24 bits of a quad.
const INVALID: u32 = 1 << 31;

/// Characters encoded between two appends.
const BLOCK: usize = 256;

/// For each place in a quad, what a character contributes to its 24 bits.
static TABLES: [[u32; 256]; 4] = [table(18), table(12), table(6), table(0)];

#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler only")]
const fn table(shift: u32) -> [u32; 256] {
    let mut table = [INVALID; 256];
    let mut value = 0;
    while value < 64 {
        table[ALPHABET[value as usize] as usize] = value << shift;
        value += 1;
    }
    table
}
