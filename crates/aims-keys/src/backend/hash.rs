//! Hashing what comes in pieces.

use core::fmt;

/// A hash function.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum HashAlgorithm {
    /// SHA-256 (FIPS 180-4): 32 bytes.
    Sha256,
    /// SHA-384: 48 bytes.
    Sha384,
    /// SHA-512: 64 bytes.
    Sha512,
}

impl HashAlgorithm {
    /// How long its hashes are, in bytes.
    #[must_use]
    pub const fn output_len(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }
}

/// A hash under way: [`Backend::hasher`](super::Backend::hasher) begins one.
///
/// ```
/// use aims_keys::backend::{self, HashAlgorithm};
///
/// let mut hasher = backend::ring().hasher(HashAlgorithm::Sha256);
/// hasher.update(b"mess");
/// hasher.update(b"age");
/// assert_eq!(hasher.finish().as_ref(), backend::ring().sha256(b"message"));
/// ```
#[derive(Clone)]
pub struct Hasher(Context);

#[derive(Clone)]
enum Context {
    #[cfg(feature = "aws-lc")]
    AwsLc(aws_lc_rs::digest::Context),
    Ring(ring::digest::Context),
}

impl Hasher {
    #[cfg(feature = "aws-lc")]
    pub(super) fn aws_lc(context: aws_lc_rs::digest::Context) -> Self {
        Self(Context::AwsLc(context))
    }

    pub(super) fn ring(context: ring::digest::Context) -> Self {
        Self(Context::Ring(context))
    }

    /// Takes in more.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            #[cfg(feature = "aws-lc")]
            Context::AwsLc(context) => context.update(bytes),
            Context::Ring(context) => context.update(bytes),
        }
    }

    /// The hash of all that was taken in.
    #[must_use]
    pub fn finish(self) -> impl AsRef<[u8]> {
        match self.0 {
            #[cfg(feature = "aws-lc")]
            Context::AwsLc(context) => Digest::AwsLc(context.finish()),
            Context::Ring(context) => Digest::Ring(context.finish()),
        }
    }
}

enum Digest {
    #[cfg(feature = "aws-lc")]
    AwsLc(aws_lc_rs::digest::Digest),
    Ring(ring::digest::Digest),
}

impl AsRef<[u8]> for Digest {
    fn as_ref(&self) -> &[u8] {
        match self {
            #[cfg(feature = "aws-lc")]
            Self::AwsLc(digest) => digest.as_ref(),
            Self::Ring(digest) => digest.as_ref(),
        }
    }
}

/// Shows nothing of what was hashed.
impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hasher")
    }
}
