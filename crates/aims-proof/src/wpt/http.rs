//! WPTs in requests: `Authorization: WPT <token>` beside `Workload-Identity-Token`.

use aims_credential::{Lapsed, ReplayError, WIT_FIELD, WitCache, WitError};
use aims_jose::JwsError;
use aims_keys::UnixTime;

use super::{VerifiedProof, WptError, WptProfile, WptRequest, WptVerifier};
use crate::audience::Target;
use crate::fields::{Fields, Single, single};

/// The HTTP field that carries a transaction token, in lower case.
pub const TXN_TOKEN_FIELD: &str = "txn-token";

/// The value of `WWW-Authenticate` in a refusal; the scheme has no parameters.
pub const CHALLENGE: &str = "WPT";

/// The HTTP field that carried a WPT before draft -02, in lower case.
#[cfg(feature = "legacy-wpt-01")]
pub const WPT_01_FIELD: &str = "workload-proof-token";

impl WptVerifier {
    /// Checks credential and proof of an HTTP request: its fields, and its path as received.
    ///
    /// The path is that of the request line, without the query and before any router took a prefix off or decoded it. A
    /// call by gRPC is such a request, and the metadata are its fields.
    ///
    /// # Errors
    ///
    /// [`ProofError`]; its [`status`](ProofError::status) is what the caller is told. What the fields alone give away is
    /// refused before a signature is checked, and the credential before the proof.
    pub fn verify_http(
        &self,
        wits: &WitCache,
        fields: &(impl Fields + ?Sized),
        path: &str,
        now: UnixTime,
    ) -> Result<VerifiedProof, ProofError> {
        self.verify_carried(wits, fields, Target::HttpPath(path), now)
    }

    /// Whether the fields have such a proof at all, whatever it is worth.
    #[must_use]
    pub fn is_offered(&self, fields: &(impl Fields + ?Sized)) -> bool {
        match self.profile() {
            WptProfile::Wpt02 => {
                fields.lines(AUTHORIZATION_FIELD).any(|line| after_scheme(line, CHALLENGE).is_some())
            }
            #[cfg(feature = "legacy-wpt-01")]
            WptProfile::Wpt01 => fields.lines(WPT_01_FIELD).next().is_some(),
        }
    }

    /// Checks credential and proof of a message that is no HTTP request, such as a record of an event log: its headers
    /// have the names and values of the HTTP fields, and its audience is one of the
    /// [exact](crate::Audiences::exact) strings. This is a binding of this project.
    ///
    /// # Errors
    ///
    /// As [`verify_http`](Self::verify_http).
    pub fn verify_message(
        &self,
        wits: &WitCache,
        headers: &(impl Fields + ?Sized),
        now: UnixTime,
    ) -> Result<VerifiedProof, ProofError> {
        self.verify_carried(wits, headers, Target::Exact, now)
    }

    fn verify_carried(
        &self,
        wits: &WitCache,
        fields: &(impl Fields + ?Sized),
        target: Target<'_>,
        now: UnixTime,
    ) -> Result<VerifiedProof, ProofError> {
        match self.profile() {
            WptProfile::Wpt02 => {
                let request = WptRequest::new(wpt_credentials(fields)?, target);
                self.verify_request(wits, fields, request, now)
            }
            #[cfg(feature = "legacy-wpt-01")]
            WptProfile::Wpt01 => wpt_01_request(fields, target)
                .and_then(|request| self.verify_request(wits, fields, request, now))
                .map_err(|error| ProofError::Wpt01(Box::new(error))),
        }
    }

    /// Adds what goes with the proof in either profile, and verifies both tokens.
    fn verify_request<'f>(
        &self,
        wits: &WitCache,
        fields: &'f (impl Fields + ?Sized),
        request: WptRequest<'f>,
        now: UnixTime,
    ) -> Result<VerifiedProof, ProofError> {
        let wit = match single(fields, WIT_FIELD) {
            Single::Absent => return Err(ProofError::NoCredential),
            Single::Invalid => return Err(ProofError::MalformedCredential),
            Single::Value(wit) => wit,
        };
        let txn_token = optional(fields, TXN_TOKEN_FIELD)?;
        let mut context = Vec::new();
        for name in self.context_fields() {
            if let Some(value) = optional(fields, name)? {
                context.push((&**name, value));
            }
        }
        let wit = wits.verify(wit, now)?;
        let request = request.txn_token(txn_token).context(&context);
        Ok(self.verify(&wit, &request, now)?)
    }
}

fn optional<'f>(fields: &'f (impl Fields + ?Sized), name: &'f str) -> Result<Option<&'f str>, WptError> {
    match single(fields, name) {
        Single::Absent => Ok(None),
        Single::Invalid => Err(WptError::MalformedField),
        Single::Value(value) => Ok(Some(value)),
    }
}

/// WPT-1, WPT-2: the token of `WPT 1*SP token68`, from the only `Authorization` line.
fn wpt_credentials(fields: &(impl Fields + ?Sized)) -> Result<&str, WptError> {
    let credentials = match single(fields, AUTHORIZATION_FIELD) {
        Single::Absent => return Err(WptError::NoProof),
        Single::Invalid => {
            // Of several lines, one with a proof decides what the caller is told, and nothing else.
            let has_proof =
                fields.lines(AUTHORIZATION_FIELD).any(|line| after_scheme(line, CHALLENGE).is_some());
            return Err(if has_proof { WptError::MalformedField } else { WptError::NoProof });
        }
        Single::Value(credentials) => credentials,
    };
    let rest = after_scheme(credentials.as_bytes(), CHALLENGE).ok_or(WptError::NoProof)?;
    let token = credentials.get(credentials.len() - rest.len()..).unwrap_or_default().trim_start_matches(' ');
    // What follows the scheme without a space, or nothing at all, is not `1*SP token68`.
    if token.is_empty() || token.len() == rest.len() {
        return Err(WptError::MalformedToken(JwsError::Form));
    }
    Ok(token)
}

/// What follows the name of the scheme, if it is this one; names are compared without regard to case (RFC 9110 §11.1).
fn after_scheme<'l>(credentials: &'l [u8], scheme: &str) -> Option<&'l [u8]> {
    let (name, rest) = credentials.split_at_checked(scheme.len())?;
    let ends = rest.first().is_none_or(|&next| !is_token_character(next));
    (name.eq_ignore_ascii_case(scheme.as_bytes()) && ends).then_some(rest)
}

/// RFC 9110 §5.6.2: `tchar`.
fn is_token_character(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// The proof in its own field, and the access token that it must cover where there is one.
#[cfg(feature = "legacy-wpt-01")]
fn wpt_01_request<'f>(
    fields: &'f (impl Fields + ?Sized),
    target: Target<'f>,
) -> Result<WptRequest<'f>, ProofError> {
    let token = optional(fields, WPT_01_FIELD)?.ok_or(WptError::NoProof)?;
    let authorization = optional(fields, AUTHORIZATION_FIELD)?;
    let access_token = authorization.and_then(|credentials| {
        ["Bearer", "DPoP"].iter().find_map(|scheme| {
            let rest = after_scheme(credentials.as_bytes(), scheme)?;
            Some(credentials.get(credentials.len() - rest.len()..)?.trim_matches(' '))
        })
    });
    Ok(WptRequest::new(token, target).access_token(access_token))
}

/// Why the caller of a request is not known.
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
    /// Either was refused by a verifier of the profile `wpt-01`.
    #[cfg(feature = "legacy-wpt-01")]
    #[error(transparent)]
    Wpt01(Box<ProofError>),
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
            #[cfg(feature = "legacy-wpt-01")]
            Self::Wpt01(error) => error.code(),
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::MalformedCredential | Self::NoCredential => "WIT-1",
            Self::Wit(error) => error.rule(),
            Self::Wpt(error) => error.rule(),
            #[cfg(feature = "legacy-wpt-01")]
            Self::Wpt01(error) => error.rule(),
        }
    }

    /// The HTTP status to answer with (`docs/spec/wimse.md` sections 5.3 and 10).
    ///
    /// - 401, with the [`challenge`](Self::challenge): the request used the `WPT` scheme, and its proof or its credential
    ///   was refused;
    /// - 400: it did not use the scheme, or the profile is `wpt-01`;
    /// - 503: neither token is to blame, this recipient cannot tell: its replay memory is full or out of reach, or the
    ///   revocation state is.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::Wit(WitError::Lapsed(Lapsed::MarksUnavailable))
            | Self::Wpt(WptError::Replay(ReplayError::Full | ReplayError::Unavailable)) => 503,
            Self::Wpt(WptError::NoProof) => 400,
            // A verifier looks at the credential only where the scheme was used.
            Self::MalformedCredential | Self::NoCredential | Self::Wit(_) | Self::Wpt(_) => 401,
            #[cfg(feature = "legacy-wpt-01")]
            Self::Wpt01(error) => match error.status() {
                401 => 400,
                other => other,
            },
        }
    }

    /// The value of `WWW-Authenticate` that goes with a [`status`](Self::status) of 401, and with no other.
    #[must_use]
    pub fn challenge(&self) -> Option<&'static str> {
        (self.status() == 401).then_some(CHALLENGE)
    }
}

const AUTHORIZATION_FIELD: &str = "authorization";
