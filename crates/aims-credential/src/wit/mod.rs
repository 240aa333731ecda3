//! Workload Identity Tokens: issued, held and verified.

mod cache;
mod claims;
mod error;
mod issue;
mod token;
mod verify;

pub use self::cache::WitCache;
pub use self::error::{IssueError, WitError};
pub use self::issue::{UnsignedWit, WitIssuer, WitRequest};
pub use self::token::Wit;
pub use self::verify::{VerifiedWit, WitVerifier, WitVerifierBuilder};

/// The HTTP field that carries a WIT, in lower case.
pub const WIT_FIELD: &str = "workload-identity-token";

/// `typ` of a WIT.
const WIT_TYPE: &str = "wit+jwt";

/// The longest WIT, in bytes.
const MAX_WIT: usize = 8192;

/// Of header and claims (`docs/spec/wimse.md` section 4.2).
const JSON_LIMITS: aims_jose::json::Limits = aims_jose::json::Limits::new().depth(8);

/// Which text a WIT follows.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum WitProfile {
    /// draft-ietf-wimse-workload-creds.
    Wit,
    /// WIT-SVID, the SPIFFE profile of it: `spiffe` identifiers, `kid` required, no EdDSA, no `aud`.
    #[cfg(feature = "wit-svid")]
    WitSvid,
}

impl WitProfile {
    /// Whether the profile's issuers and holders may use this algorithm, apart from any list.
    #[cfg_attr(
        not(feature = "wit-svid"),
        expect(clippy::unused_self, reason = "the profile decides with the feature")
    )]
    pub(crate) fn allows(self, algorithm: aims_keys::Algorithm) -> bool {
        match self {
            Self::Wit => true,
            #[cfg(feature = "wit-svid")]
            Self::WitSvid => {
                use aims_keys::Algorithm;

                matches!(algorithm, Algorithm::Es256 | Algorithm::Es384 | Algorithm::Ps256 | Algorithm::Rs256)
            }
        }
    }
}
