//! What a token is not good enough for.

use std::time::Duration;

use aims_jose::base64url;

use crate::{AuthorizationDetails, Challenge, ErrorCode, Scope};

/// What an operation needs, and the request does not have: the client may ask for more, and come again (step-up).
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Shortfall {
    /// The user was not authenticated strongly, or recently, enough (RFC 9470).
    #[error("the user was not authenticated strongly or recently enough")]
    Authentication {
        /// What would do, the most wanted first; any, where there is none.
        acr_values: Vec<String>,
        /// How long ago it may be.
        max_age: Option<Duration>,
    },
    /// These details are needed.
    #[error("the token is not good for these details")]
    Details(AuthorizationDetails),
    /// This scope is needed, all of it.
    #[error("the token is not good for this scope")]
    Scope(Scope),
}

impl Shortfall {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.error_code().as_str()
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Authentication { .. } => "CHA-4",
            Self::Details(_) => "RAR-4",
            Self::Scope(_) => "CHA-3",
        }
    }

    /// What the client is told.
    #[must_use]
    pub fn error_code(&self) -> ErrorCode {
        match self {
            Self::Authentication { .. } => ErrorCode::InsufficientUserAuthentication,
            Self::Details(_) | Self::Scope(_) => ErrorCode::InsufficientScope,
        }
    }

    /// What is missing, in the words of a challenge.
    pub(super) fn describe(&self, challenge: Challenge) -> Challenge {
        match self {
            Self::Authentication { acr_values, max_age } => {
                let challenge = match acr_values.as_slice() {
                    [] => challenge,
                    values => challenge.with("acr_values", &values.join(" ")),
                };
                match max_age {
                    Some(age) => challenge.with("max_age", &age.as_secs().to_string()),
                    None => challenge,
                }
            }
            // Our own parameter, in base64url: JSON in quotes is read differently by everybody (hitl.md section 3).
            Self::Details(details) => {
                challenge.with("authorization_details", &base64url::encode(details.as_json()))
            }
            Self::Scope(scope) => challenge.with("scope", scope.as_str()),
        }
    }
}
