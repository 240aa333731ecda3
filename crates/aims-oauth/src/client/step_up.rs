//! What a resource server wants beyond the token that it was shown.

use std::fmt;

use aims_jose::base64url;

use super::authorization::OFFLINE_ACCESS;
use crate::client::HeldToken;
use crate::{AuthorizationDetails, Challenge, Challenges, ClientError, ErrorCode, Scope};

/// The tries to do one operation at one resource: how often its challenges are answered with another token (CHA-5).
///
/// ```
/// use aims_oauth::{Challenges, StepUp, StepUps};
///
/// let mut tries = StepUps::new();
/// let challenges = Challenges::parse([r#"Bearer error="insufficient_scope", scope="trips:book""#])?;
/// let StepUp::Scope(scope) = tries.next(&challenges, None)? else { panic!() };
/// assert_eq!(scope.as_str(), "trips:book");
/// tries.next(&challenges, None)?;
/// assert_eq!(tries.next(&challenges, None).unwrap_err().code(), "too_many_step_ups");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Default)]
pub struct StepUps {
    tried: u32,
    has_new_token: bool,
    has_nonce: bool,
    asked: Scope,
}

/// What another token needs.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum StepUp {
    /// The proof has to hold the nonce that came with the answer; the token may be the same.
    Nonce,
    /// The token does not count any more: another of the same kind.
    Token,
    /// The user's word for these details: for one action, most often (HIL section 3). The same call is made again with the token that comes of it (HIL-44).
    Details(AuthorizationDetails),
    /// More scope: all that was asked for before, and all that is wanted now (MCP-12), but for `offline_access` (MCP-5).
    Scope(Scope),
    /// The user has to be authenticated again (RFC 9470).
    User {
        /// How, the most wanted first; any way, if there is none.
        acr_values: Vec<String>,
        /// At most so many seconds ago.
        max_age: Option<u64>,
    },
}

/// For people: of details, the types alone, and the first few.
impl fmt::Display for StepUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nonce => f.write_str("another nonce in the proof"),
            Self::Token => f.write_str("another token"),
            Self::Details(details) => {
                f.write_str("details of authorization")?;
                for (at, detail) in details.iter().take(MAX_NAMED).enumerate() {
                    write!(f, "{}{:?}", if at == 0 { " of type " } else { ", " }, detail.kind())?;
                }
                Ok(())
            }
            Self::Scope(scope) => write!(f, "the scope {scope}"),
            Self::User { acr_values, max_age } => {
                f.write_str("the user authenticated again")?;
                if !acr_values.is_empty() {
                    write!(f, " by one of {acr_values:?}")?;
                }
                match max_age {
                    Some(seconds) => write!(f, ", at most {seconds} s ago"),
                    None => Ok(()),
                }
            }
        }
    }
}

impl StepUps {
    /// Of one operation.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What the challenges of an answer want, given the token that was shown, if one was.
    ///
    /// # Errors
    ///
    /// [`ClientError::StepUps`] when they were answered twice, or when the same is wanted again that was just given; [`ClientError::Challenge`] when they want nothing
    /// that is known here, or are malformed.
    pub fn next(
        &mut self,
        challenges: &Challenges,
        shown: Option<&HeldToken>,
    ) -> Result<StepUp, ClientError> {
        let known = challenges.iter().filter(|challenge| is_known(challenge));
        let mut wanted = None;
        for challenge in known {
            match challenge.error()? {
                // What the proof lacks, comes before what the token lacks.
                Some(ErrorCode::UseDpopNonce) => return self.nonce(),
                Some(code) => wanted = wanted.or(Some((code, challenge))),
                None => {}
            }
        }
        match wanted {
            Some((ErrorCode::InvalidToken, _)) => self.another_token(),
            Some((ErrorCode::InsufficientScope, challenge)) => self.scope(challenge, shown),
            Some((ErrorCode::InsufficientUserAuthentication, challenge)) => self.user(challenge),
            _ => Err(ClientError::Challenge),
        }
    }

    /// The server gives no token for all that was wanted so far: the next step-up is to what is wanted then, and no more. The tries count on.
    pub fn forget_scope(&mut self) {
        self.asked = Scope::none();
    }

    /// DPO-12
    fn nonce(&mut self) -> Result<StepUp, ClientError> {
        if std::mem::replace(&mut self.has_nonce, true) {
            Err(ClientError::StepUps)
        } else {
            Ok(StepUp::Nonce)
        }
    }

    fn another_token(&mut self) -> Result<StepUp, ClientError> {
        if std::mem::replace(&mut self.has_new_token, true) {
            Err(ClientError::StepUps)
        } else {
            Ok(StepUp::Token)
        }
    }

    fn scope(&mut self, challenge: &Challenge, shown: Option<&HeldToken>) -> Result<StepUp, ClientError> {
        self.step()?;
        if let Some(details) = challenge.text("authorization_details") {
            let text = base64url::decode(details).ok().and_then(|text| String::from_utf8(text).ok());
            let details = text.and_then(|text| AuthorizationDetails::parse(&text).ok());
            return details.map(StepUp::Details).ok_or(ClientError::Challenge);
        }
        let wanted = challenge.scope()?.as_ref().and_then(of_resource).ok_or(ClientError::Challenge)?;
        let had = shown.and_then(HeldToken::scope).cloned().unwrap_or_default();
        let all = self.asked.or(&had).and_then(|scope| scope.or(&wanted));
        self.asked = all.map_err(|_| ClientError::Challenge)?;
        Ok(StepUp::Scope(self.asked.clone()))
    }

    fn user(&mut self, challenge: &Challenge) -> Result<StepUp, ClientError> {
        self.step()?;
        let acr_values = challenge.acr_values()?.unwrap_or_default();
        let max_age = challenge.max_age()?;
        Ok(StepUp::User { acr_values: acr_values.into_iter().map(Into::into).collect(), max_age })
    }

    /// CHA-5
    fn step(&mut self) -> Result<(), ClientError> {
        self.tried += 1;
        if self.tried > MAX_STEPS { Err(ClientError::StepUps) } else { Ok(()) }
    }
}

/// What a resource may ask for: whether a grant outlasts the user's session is between the user and the server (MCP-5).
pub(crate) fn of_resource(scope: &Scope) -> Option<Scope> {
    let offline = Scope::of([OFFLINE_ACCESS]).ok()?;
    Some(scope.without(&offline)).filter(|scope| !scope.is_empty())
}

/// What other schemes want, no token gives.
pub(crate) fn is_known(challenge: &Challenge) -> bool {
    ["Bearer", "DPoP"].iter().any(|scheme| challenge.scheme().eq_ignore_ascii_case(scheme))
}

const MAX_STEPS: u32 = 2;

/// Details that are named.
const MAX_NAMED: usize = 4;
