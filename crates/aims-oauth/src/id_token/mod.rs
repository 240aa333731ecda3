//! ID Tokens: what an issuer tells one client about the user that it authenticated (`OpenID` Connect Core 1.0, `docs/spec/oauth.md` section 17).

mod error;
mod expected;
mod hash;
mod issue;
mod verified;
mod verify;

pub use self::error::IdTokenError;
pub use self::expected::ExpectedIdToken;
pub use self::issue::{IdTokenIssueError, IdTokenIssuer, IdTokenRequest, IssuedIdToken, UnsignedIdToken};
pub use self::verified::VerifiedIdToken;
pub use self::verify::{IdTokenVerifier, IdTokenVerifierBuilder};

/// `typ`, as it is written; it may be left out.
const ID_TOKEN_TYPE: &str = "JWT";

/// The claim that binds an ID Token to a request that a user was asked about elsewhere (HIL-12).
const AUTH_REQ_ID: &str = "urn:openid:params:jwt:claim:auth_req_id";

/// The claim that binds it to the refresh token that came with it (HIL-12).
const RT_HASH: &str = "urn:openid:params:jwt:claim:rt_hash";

/// IDT-3, in bytes.
const MAX_SUBJECT: usize = 255;

/// IDT-3.
fn is_subject(subject: &str) -> bool {
    subject.len() <= MAX_SUBJECT && subject.is_ascii()
}

/// IDT-6: whether it is called as workloads are, also where nobody would read it as the identifier of one (ACT-2).
fn is_workload(subject: &str) -> bool {
    let scheme = subject.split_once(':').map(|(scheme, _)| scheme);
    scheme.is_some_and(|scheme| ["spiffe", "wimse"].iter().any(|known| scheme.eq_ignore_ascii_case(known)))
}
