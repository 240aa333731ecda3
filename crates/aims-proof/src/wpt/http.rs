//! WPTs in HTTP requests: `Authorization: WPT <token>` beside `Workload-Identity-Token`.

use aims_credential::{WIT_FIELD, WitCache, WitError};
use aims_keys::UnixTime;

use super::{VerifiedProof, WptError, WptRequest, WptVerifier};
use crate::audience::Target;
use crate::fields::{Fields, Single, single};

/// The HTTP field that carries a transaction token, in lower case.
pub const TXN_TOKEN_FIELD: &str = "txn-token";

/// The value of `WWW-Authenticate` in a refusal; the scheme has no parameters.
pub const CHALLENGE: &str = "WPT";

impl WptVerifier {
    /// Checks credential and proof of an HTTP request: its fields, and its path as received.
    ///
    /// # Errors
    ///
    /// [`ProofError`]; its [`status`](ProofError::status) is what the caller is told.
    pub fn verify_http(
        &self,
        wits: &WitCache,
        fields: &(impl Fields + ?Sized),
        path: &str,
        now: UnixTime,
    ) -> Result<VerifiedProof, ProofError> {
        let token = match single(fields, "authorization") {
            Single::Absent => return Err(WptError::NoProof.into()),
            Single::Invalid => return Err(WptError::MalformedField.into()),
            Single::Value(credentials) => wpt_credentials(credentials)?,
        };
        let wit = match single(fields, WIT_FIELD) {
            Single::Absent => return Err(ProofError::NoCredential),
            Single::Invalid => return Err(ProofError::MalformedCredential),
            Single::Value(wit) => wits.verify(wit, now)?,
        };
        let txn_token = match single(fields, TXN_TOKEN_FIELD) {
            Single::Absent => None,
            Single::Invalid => return Err(WptError::MalformedField.into()),
            Single::Value(token) => Some(token),
        };
        let mut context = Vec::new();
        for name in self.context_fields() {
            match single(fields, name) {
                Single::Absent => {}
                Single::Invalid => return Err(WptError::MalformedField.into()),
                Single::Value(value) => context.push((name.as_str(), value)),
            }
        }
        let request = WptRequest::new(token, Target::HttpPath(path)).txn_token(txn_token).context(&context);
        Ok(self.verify(&wit, &request, now)?)
    }
}

/// The token of `WPT 1*SP token68`; the scheme's name is case-insensitive.
fn wpt_credentials(credentials: &str) -> Result<&str, WptError> {
    let (scheme, token) = credentials.split_once(' ').ok_or(WptError::NoProof)?;
    if !scheme.eq_ignore_ascii_case(CHALLENGE) {
        return Err(WptError::NoProof);
    }
    Ok(token.trim_start_matches(' '))
}

/// Why the caller of an HTTP request is not known.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ProofError {
    /// The field with the WIT stands twice, or is not ASCII.
    #[error("the credential's field is malformed or stands twice")]
    MalformedCredential,
    /// The request has a proof and no WIT.
    #[error("the request has no credential")]
    NoCredential,
    /// The WIT was refused.
    #[error(transparent)]
    Wit(#[from] WitError),
    /// The proof was refused, or there is none.
    #[error(transparent)]
    Wpt(#[from] WptError),
}

impl ProofError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::MalformedCredential => "malformed",
            Self::NoCredential => "no_credential",
            Self::Wit(error) => error.code(),
            Self::Wpt(error) => error.code(),
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::MalformedCredential | Self::NoCredential => "WIT-1",
            Self::Wit(error) => error.rule(),
            Self::Wpt(error) => error.rule(),
        }
    }

    /// The HTTP status to answer with: always 401 here, together with the [`CHALLENGE`], since the caller either used the
    /// `WPT` scheme or must learn that it has to (`docs/spec/wimse.md` sections 5.3 and 10).
    #[must_use]
    pub fn status(&self) -> u16 {
        401
    }
}
