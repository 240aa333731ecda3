//! Signature algorithms and sets of them.

use core::fmt;
use core::str::FromStr;

/// A signature algorithm, by its registered JOSE name.
///
/// A closed list: asymmetric signatures only. There is no `none`, no MAC and no encryption algorithm, so no code can
/// be steered into one.
///
/// [`EdDsa`](Self::EdDsa) and [`Ed25519`](Self::Ed25519) are two names of one algorithm (RFC 9864 deprecates the
/// former). The name is kept as received, because some profiles compare names; [`is_same_algorithm`] compares what
/// they stand for.
///
/// [`is_same_algorithm`]: Self::is_same_algorithm
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Algorithm {
    /// `EdDSA`: Ed25519 under its older, deprecated name (RFC 8037). Never Ed448.
    EdDsa,
    /// `Ed25519` (RFC 8032), under the name of RFC 9864.
    Ed25519,
    /// `ES256`: ECDSA on P-256 with SHA-256 (RFC 7518 §3.4).
    Es256,
    /// `ES384`: ECDSA on P-384 with SHA-384 (RFC 7518 §3.4).
    Es384,
    /// `ML-DSA-44` (FIPS 204), with an empty context string. Experimental.
    MlDsa44,
    /// `ML-DSA-65` (FIPS 204), with an empty context string. Experimental.
    MlDsa65,
    /// `PS256`: RSASSA-PSS with SHA-256, MGF1 with SHA-256, salt of 32 bytes (RFC 7518 §3.5).
    Ps256,
    /// `PS512`: RSASSA-PSS with SHA-512, MGF1 with SHA-512, salt of 64 bytes (RFC 7518 §3.5). In no default set.
    Ps512,
    /// `RS256`: RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 §3.3). In no default set.
    Rs256,
}

impl Algorithm {
    /// Every algorithm these crates know, whether or not a backend of this build can compute it.
    pub const ALL: [Self; 9] = [
        Self::EdDsa,
        Self::Ed25519,
        Self::Es256,
        Self::Es384,
        Self::MlDsa44,
        Self::MlDsa65,
        Self::Ps256,
        Self::Ps512,
        Self::Rs256,
    ];

    /// The registered name, as it stands in `alg`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Ed25519 => "Ed25519",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::MlDsa44 => "ML-DSA-44",
            Self::MlDsa65 => "ML-DSA-65",
            Self::Ps256 => "PS256",
            Self::Ps512 => "PS512",
            Self::Rs256 => "RS256",
        }
    }

    /// Whether both names stand for the same algorithm: equal, or `EdDSA` and `Ed25519`.
    #[must_use]
    pub const fn is_same_algorithm(self, other: Self) -> bool {
        self.canonical() as u8 == other.canonical() as u8
    }

    /// The length of every signature in bytes; `None` for RSA, where it is that of the modulus.
    #[must_use]
    pub const fn signature_len(self) -> Option<usize> {
        match self {
            Self::EdDsa | Self::Ed25519 | Self::Es256 => Some(64),
            Self::Es384 => Some(96),
            Self::MlDsa44 => Some(2420),
            Self::MlDsa65 => Some(3309),
            Self::Ps256 | Self::Ps512 | Self::Rs256 => None,
        }
    }

    const fn canonical(self) -> Self {
        match self {
            Self::EdDsa => Self::Ed25519,
            other => other,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The exact registered name; anything else, other case included, is an [`UnknownAlgorithm`].
impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    fn from_str(name: &str) -> Result<Self, UnknownAlgorithm> {
        match name {
            "EdDSA" => Ok(Self::EdDsa),
            "Ed25519" => Ok(Self::Ed25519),
            "ES256" => Ok(Self::Es256),
            "ES384" => Ok(Self::Es384),
            "ML-DSA-44" => Ok(Self::MlDsa44),
            "ML-DSA-65" => Ok(Self::MlDsa65),
            "PS256" => Ok(Self::Ps256),
            "PS512" => Ok(Self::Ps512),
            "RS256" => Ok(Self::Rs256),
            _ => Err(UnknownAlgorithm),
        }
    }
}

/// The name is not that of an algorithm these crates know; `none`, `HS256` and `RSA-OAEP` all end here.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the algorithm is not a known asymmetric signature algorithm")]
#[non_exhaustive]
pub struct UnknownAlgorithm;

impl UnknownAlgorithm {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        "unknown_algorithm"
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        "JO-ALG-01"
    }
}

/// A set of algorithm *names*: `EdDSA` and `Ed25519` are two members.
///
/// An empty set allows nothing; no value means "all".
///
/// ```
/// use aims_keys::{Algorithm, AlgorithmSet};
///
/// let allowed = AlgorithmSet::of(&[Algorithm::Es256, Algorithm::Ed25519]);
/// assert!(allowed.contains(Algorithm::Es256));
/// assert!(!allowed.contains(Algorithm::EdDsa));
/// ```
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct AlgorithmSet(u16);

impl AlgorithmSet {
    /// No algorithm at all: whatever is verified against it is refused.
    pub const EMPTY: Self = Self(0);

    /// What a verifier allows when nothing else is said: ES256, ES384, Ed25519 under both names, PS256.
    pub const STANDARD: Self = Self::of(&[
        Algorithm::EdDsa,
        Algorithm::Ed25519,
        Algorithm::Es256,
        Algorithm::Es384,
        Algorithm::Ps256,
    ]);

    /// The set of these algorithms.
    #[must_use]
    pub const fn of(algorithms: &[Algorithm]) -> Self {
        let mut bits = 0;
        let mut rest = algorithms;
        while let [first, tail @ ..] = rest {
            bits |= 1 << *first as u16;
            rest = tail;
        }
        Self(bits)
    }

    /// This set and `algorithm`.
    #[must_use]
    pub const fn with(self, algorithm: Algorithm) -> Self {
        Self(self.0 | 1 << algorithm as u16)
    }

    /// Whether this very name is in the set.
    #[must_use]
    pub const fn contains(self, algorithm: Algorithm) -> bool {
        self.0 & (1 << algorithm as u16) != 0
    }

    /// Whether the set allows nothing.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The members, in the order of [`Algorithm::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Algorithm> {
        Algorithm::ALL.into_iter().filter(move |&algorithm| self.contains(algorithm))
    }
}

impl fmt::Debug for AlgorithmSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl FromIterator<Algorithm> for AlgorithmSet {
    fn from_iter<I: IntoIterator<Item = Algorithm>>(algorithms: I) -> Self {
        algorithms.into_iter().fold(Self::EMPTY, Self::with)
    }
}
