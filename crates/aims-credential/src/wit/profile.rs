//! Which text a WIT follows.

use aims_id::Scheme;
use aims_keys::Algorithm;

use crate::token::SPIFFE_ALGORITHMS;

/// Which text a WIT follows.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum WitProfile {
    /// draft-ietf-wimse-workload-creds.
    Wit,
    /// WIT-SVID, the SPIFFE profile of it: `spiffe` identifiers, `kid` required, no EdDSA, no `aud`; `iat` does not say
    /// from when on a token is valid.
    #[cfg(feature = "wit-svid")]
    WitSvid,
}

impl WitProfile {
    /// Whether issuers and holders may use this algorithm, apart from any list (WS-3, WS-6).
    pub(crate) fn allows_algorithm(self, algorithm: Algorithm) -> bool {
        !self.is_svid() || SPIFFE_ALGORITHMS.contains(algorithm)
    }

    /// Whether subjects may be of this scheme (WS-5).
    pub(crate) fn allows_scheme(self, scheme: Scheme) -> bool {
        !self.is_svid() || scheme == Scheme::Spiffe
    }

    /// Whether `aud` may be there (WS-10).
    pub(crate) fn allows_audience(self) -> bool {
        !self.is_svid()
    }

    /// Whether `kid` may be missing (WS-1).
    pub(crate) fn allows_missing_key_id(self) -> bool {
        !self.is_svid()
    }

    /// Whether a token counts only from its `iat` on; WS-9 forbids it.
    pub(crate) fn counts_from_issued_at(self) -> bool {
        !self.is_svid()
    }

    fn is_svid(self) -> bool {
        match self {
            Self::Wit => false,
            #[cfg(feature = "wit-svid")]
            Self::WitSvid => true,
        }
    }
}
