//! What a directory shows by signatures over its answer (HS-WBA-09): that who has a key wants it here.

use std::time::Duration;

use aims_credential::Fetched;
use aims_httpsig::{
    Candidate, Component, ComponentError, Context, Policy, RawMessage, SignatureFields, Tag, VerifyError,
};
use aims_jose::Thumbprint;
use aims_keys::{Backend, UnixTime};

use super::algorithms::ALGORITHMS;
use super::{DIRECTORY_TAG, KeyDirectory, KeySource};

/// A signature by a key of a directory over the answer that brought it, for the authority that was asked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Possession {
    /// The key.
    pub thumbprint: Thumbprint,
    /// When it was made.
    pub created: UnixTime,
    /// Until when it counts.
    pub expires: UnixTime,
}

/// Why a signature over a directory shows nothing.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PossessionError {
    /// It names no key of the directory.
    #[error("the signature names no key of the directory")]
    Key,
    /// It does not verify, is not over what it must be over, or not valid now.
    #[error(transparent)]
    Signature(#[from] VerifyError),
}

impl PossessionError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Key => "directory_signature_key",
            Self::Signature(error) => error.code(),
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Key => "HS-WBA-09",
            Self::Signature(error) => error.rule(),
        }
    }
}

/// What such a signature covers: the authority that was asked, and the document.
pub(super) fn covered() -> Result<[Component<'static>; 2], ComponentError> {
    Ok([Component::authority().of_request()?, Component::field("content-digest")?])
}

/// The request that asks for a directory.
pub(super) fn request(source: &KeySource) -> RawMessage {
    let url = source.url();
    RawMessage::request("GET", &url.target()).with_scheme("https").with_authority(url.authority())
}

/// Looks at each signature over the answer. Nothing is refused by what is found: a directory counts because of who served it.
pub(super) fn verify(
    source: &KeySource,
    fetched: &Fetched,
    directory: &KeyDirectory,
    now: UnixTime,
    backend: Backend,
) -> Vec<Result<Possession, PossessionError>> {
    let mut response = RawMessage::response(200);
    for name in FIELDS {
        for line in fetched.lines(name) {
            response = response.with_header(name, line);
        }
    }
    let request = request(source);
    let context = Context::response(&response).to(&request);
    let candidates = |fields: &SignatureFields<'_>| {
        // INVARIANT: these are components.
        let covered = covered().into_iter().flatten();
        // They are made for a long time, since others pass them on; and one from the future would count more than all later ones, so that
        // there is no leeway.
        let policy = Policy::new(Tag::Is(DIRECTORY_TAG.into()), covered, ALGORITHMS)
            .requiring("expires")
            .requiring("keyid")
            .max_age(Duration::MAX)
            .leeway(Duration::ZERO);
        let candidates = fields.candidates(&policy, now)?.into_iter();
        let checked = candidates.map(|candidate| check(candidate?, fetched.body(), directory, backend));
        Ok(checked.collect())
    };
    match SignatureFields::of(&context) {
        Err(VerifyError::MissingField) => Vec::new(),
        Err(error) => vec![Err(error.into())],
        Ok(fields) => candidates(&fields).unwrap_or_else(|error: VerifyError| vec![Err(error.into())]),
    }
}

fn check(
    candidate: Candidate<'_>,
    body: &[u8],
    directory: &KeyDirectory,
    backend: Backend,
) -> Result<Possession, PossessionError> {
    let named = candidate.key_id().and_then(|name| name.parse().ok());
    let key = named.and_then(|thumbprint| directory.get(&thumbprint)).ok_or(PossessionError::Key)?;
    let verified = candidate.verify(key.public_key())?.with_content(body, backend)?;
    let seconds =
        |time: Option<i64>| UnixTime::from_secs(time.and_then(|time| time.try_into().ok()).unwrap_or(0));
    let parameters = verified.parameters();
    let (created, expires) = (seconds(parameters.created()), seconds(parameters.expires()));
    Ok(Possession { thumbprint: *key.thumbprint(), created, expires })
}

/// What is needed of the answer.
pub(super) const FIELDS: [&str; 3] = ["content-digest", "signature", "signature-input"];
