//! Strings that are mostly short.

use core::fmt;
use core::ops::Deref;

/// A string; up to 46 bytes need no allocation. A `typ` or a `kid` (a thumbprint has 43) mostly fits.
#[derive(Clone)]
pub(crate) struct ShortStr(Text);

#[derive(Clone)]
enum Text {
    Inline { bytes: [u8; INLINE], len: u8 },
    Heap(Box<str>),
}

const INLINE: usize = 46;

impl From<&str> for ShortStr {
    fn from(text: &str) -> Self {
        let mut bytes = [0; INLINE];
        match (bytes.get_mut(..text.len()), u8::try_from(text.len())) {
            (Some(room), Ok(len)) => {
                room.copy_from_slice(text.as_bytes());
                Self(Text::Inline { bytes, len })
            }
            _ => Self(Text::Heap(text.into())),
        }
    }
}

impl Deref for ShortStr {
    type Target = str;

    fn deref(&self) -> &str {
        match &self.0 {
            // INVARIANT: the bytes were copied from a whole `str`.
            Text::Inline { bytes, len } => {
                bytes.get(..usize::from(*len)).and_then(|text| str::from_utf8(text).ok()).unwrap_or_default()
            }
            Text::Heap(text) => text,
        }
    }
}

impl fmt::Debug for ShortStr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
