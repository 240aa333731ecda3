//! Kinds of grants, each with rules of its own.

/// The kind of a grant: what its `typ` says (JBG-5).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum GrantProfile {
    /// `JWT`, or none: identity chaining (draft-ietf-oauth-identity-chaining).
    Chaining,
    /// `oauth-id-jag+jwt`: the word of an identity provider about a user of its own (ID-JAG).
    IdJag,
    /// `txn-chain+jwt`: what goes on elsewhere of a transaction (draft-fletcher-transaction-token-chaining-profile, experimental).
    TransactionChain,
}

/// How often a grant counts.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum GrantReuse {
    /// As often as its client shows it, until it ends (JAG-25).
    ByItsClient,
    /// Once (XD-15).
    Once,
}

impl GrantProfile {
    /// `typ`, as it is written.
    #[must_use]
    pub fn typ(self) -> &'static str {
        match self {
            Self::Chaining => "JWT",
            Self::IdJag => "oauth-id-jag+jwt",
            Self::TransactionChain => "txn-chain+jwt",
        }
    }

    /// How often a grant of this kind counts, unless a verifier is told otherwise.
    #[must_use]
    pub fn reuse(self) -> GrantReuse {
        if matches!(self, Self::IdJag) { GrantReuse::ByItsClient } else { GrantReuse::Once }
    }
}
