//! The keys of an issuer, as it publishes them.

use std::sync::Arc;
use std::time::Duration;

use aims_credential::{Fetch, FetchError, FetchRequest, Fetched, HttpsUrl, RefreshError, Refreshed};
use aims_jose::{JwkError, JwkSet};
use aims_keys::{Algorithm, AlgorithmSet, Backend, UnixTime};

use crate::metadata::exactly;
use crate::{Issuer, NoAnswer, ServerMetadata, ServerMetadataError};

/// What is fetched for one issuer, and what was.
#[derive(Debug)]
pub(super) struct Published {
    location: Location,
    fetch: Box<dyn Fetch>,
    backend: Backend,
    metadata: Refreshed<HttpsUrl, IssuerKeysError>,
    keys: Refreshed<JwkSet, IssuerKeysError>,
}

/// Where the keys are.
#[derive(Debug)]
pub(super) enum Location {
    /// Where the metadata of the issuer says.
    Metadata(Issuer),
    /// There.
    Url(HttpsUrl),
}

impl Published {
    pub(super) fn new(location: Location, fetch: Box<dyn Fetch>, backend: Backend) -> Self {
        let (metadata, keys) = (Refreshed::default(), Refreshed::default());
        Self { location, fetch, backend, metadata, keys }
    }

    /// ACT-6: asks for the keys where there are none, they are stale, or none of them goes by this name.
    pub(super) async fn prepare(&self, key_id: Option<&str>, now: UnixTime) -> Result<(), IssuerKeysError> {
        let has =
            |keys: &JwkSet| key_id.is_none_or(|wanted| keys.iter().any(|key| key.key_id() == Some(wanted)));
        self.keys.get(now, has, || self.fetch_keys(now)).await?;
        Ok(())
    }

    /// The keys that count now.
    pub(super) fn held(&self, now: UnixTime) -> Result<Arc<JwkSet>, IssuerKeysError> {
        Ok(self.keys.held(now)?)
    }

    async fn fetch_keys(&self, now: UnixTime) -> Result<(JwkSet, Duration), IssuerKeysError> {
        let url = match &self.location {
            Location::Url(url) => url.clone(),
            Location::Metadata(issuer) => {
                let url = self.metadata.get(now, |_| true, || self.fetch_location(issuer)).await?;
                HttpsUrl::clone(&url)
            }
        };
        let request = FetchRequest::new(&url)
            .accept(&["application/jwk-set+json", "application/json"])
            .keep(&Fetched::FRESHNESS_FIELDS)
            .max_len(MAX_LEN)
            .timeout(TIMEOUT);
        let fetched = exactly(&*self.fetch, request).await?;
        // Which algorithms are accepted is decided with each token.
        let algorithms = AlgorithmSet::of(&Algorithm::ALL);
        let keys = JwkSet::parse_for(fetched.text()?, algorithms, self.backend)?;
        Ok((keys, fetched.fresh_for()))
    }

    async fn fetch_location(&self, issuer: &Issuer) -> Result<(HttpsUrl, Duration), IssuerKeysError> {
        let (metadata, fresh) = ServerMetadata::fetch::<IssuerKeysError>(&*self.fetch, issuer).await?;
        let keys = metadata.jwks_uri().ok_or(IssuerKeysError::NoKeys)?;
        Ok((keys.clone(), fresh))
    }
}

/// Why there are no keys of an issuer: not the token is at fault, and it may be sent again.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum IssuerKeysError {
    /// They were asked for too often, for nothing.
    #[error("the keys of the issuer were asked for too often")]
    Busy,
    /// A document cannot be had.
    #[error("the keys of the issuer cannot be fetched: {0}")]
    Fetch(#[from] FetchError),
    /// The keys cannot be read.
    #[error("the keys of the issuer are refused: {0}")]
    Keys(#[from] JwkError),
    /// The metadata cannot be read.
    #[error("the metadata of the issuer are refused: {0}")]
    Metadata(#[from] ServerMetadataError),
    /// The metadata do not say where the keys are.
    #[error("the issuer publishes no keys")]
    NoKeys,
    /// Nobody has asked for them yet: `prepare` does, before a token is verified.
    #[error("the keys of the issuer were not fetched")]
    NotFetched,
}

impl IssuerKeysError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Busy => "issuer_keys_busy",
            Self::Fetch(error) => error.code(),
            Self::Keys(error) => error.code(),
            Self::Metadata(error) => error.code(),
            Self::NoKeys => "issuer_without_keys",
            Self::NotFetched => "issuer_keys_not_fetched",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Busy | Self::NotFetched => "ACT-6",
            Self::Fetch(error) => error.rule(),
            Self::Keys(error) => error.rule(),
            Self::Metadata(error) => error.rule(),
            Self::NoKeys => "MET-4",
        }
    }
}

impl From<NoAnswer> for IssuerKeysError {
    fn from(no_answer: NoAnswer) -> Self {
        Self::Fetch(no_answer.into())
    }
}

impl From<RefreshError<Self>> for IssuerKeysError {
    fn from(error: RefreshError<Self>) -> Self {
        match error {
            RefreshError::Failed(error) => error,
            RefreshError::NotFetched => Self::NotFetched,
            _ => Self::Busy,
        }
    }
}

/// ACT-6.
const MAX_LEN: usize = 256 * 1024;

const TIMEOUT: Duration = Duration::from_secs(5);
