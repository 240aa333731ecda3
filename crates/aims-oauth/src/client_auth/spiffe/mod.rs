//! Clients that are workloads: SPIFFE client authentication (draft-ietf-oauth-spiffe-client-auth-02, `docs/spec/spiffe.md` section 10).

mod error;
mod ids;
mod jwt;
#[cfg(feature = "wit-svid")]
mod wit;
#[cfg(feature = "mtls")]
mod x509;

pub use self::error::SpiffeClientError;
pub use self::ids::{SpiffeClientId, SpiffeClientIdError, SpiffeProof, SpiffeRegistration};
pub use self::jwt::SvidReplay;

pub(super) use self::ids::Named;
pub(super) use self::jwt::{PresentedJwtSvid, SvidAssertionVerifier};
#[cfg(feature = "wit-svid")]
pub(super) use self::wit::{PresentedWit, WIT_TYPE, WitClientVerifier};
#[cfg(feature = "mtls")]
pub(super) use self::x509::check as check_svid;
