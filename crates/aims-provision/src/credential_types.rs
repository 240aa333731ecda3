//! The kinds of credential that are issued.

use std::fmt;

/// A kind of credential.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum CredentialType {
    /// A JWT-SVID: a bearer token for one audience.
    Jwt,
    /// A Workload Identity Token, bound to a key.
    Wit,
    /// An X.509-SVID, bound to a key.
    X509,
}

impl CredentialType {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Jwt, Self::Wit, Self::X509];

    /// Its name in registration files and records.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Jwt => "jwt",
            Self::Wit => "wit",
            Self::X509 => "x509",
        }
    }

    /// The kind of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    fn bit(self) -> u8 {
        match self {
            Self::Jwt => 1,
            Self::Wit => 2,
            Self::X509 => 4,
        }
    }
}

/// A set of kinds of credential.
#[derive(Clone, Copy, Default, Eq, Hash, PartialEq)]
pub struct CredentialTypes(u8);

impl CredentialTypes {
    /// Every kind.
    pub const ALL: Self = Self(7);

    /// No kind.
    pub const NONE: Self = Self(0);

    /// Whether `kind` is one of them.
    #[must_use]
    pub fn contains(self, kind: CredentialType) -> bool {
        self.0 & kind.bit() != 0
    }

    /// Those that are in both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// These, and `kind`.
    #[must_use]
    pub fn with(self, kind: CredentialType) -> Self {
        Self(self.0 | kind.bit())
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self == Self::NONE
    }

    /// Whether each of them is in `other`.
    #[must_use]
    pub fn is_within(self, other: Self) -> bool {
        self.and(other) == self
    }

    /// Each of them, by name.
    pub fn iter(self) -> impl Iterator<Item = CredentialType> {
        CredentialType::ALL.into_iter().filter(move |kind| self.contains(*kind))
    }
}

impl FromIterator<CredentialType> for CredentialTypes {
    fn from_iter<I: IntoIterator<Item = CredentialType>>(kinds: I) -> Self {
        kinds.into_iter().fold(Self::NONE, Self::with)
    }
}

impl fmt::Debug for CredentialTypes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}
