//! Fetching it.

use std::time::Duration;

use aims_credential::{Fetch, FetchError, Fetched};

use super::{ServerMetadata, ServerMetadataError};
use crate::{Issuer, NoAnswer};

impl ServerMetadata {
    /// What an issuer says of itself, and for how long that is fresh. Where there is nothing, it is looked for at the next place (MET-1).
    pub(crate) async fn fetch<E: From<NoAnswer> + From<ServerMetadataError>>(
        fetch: &(impl Fetch + ?Sized),
        issuer: &Issuer,
    ) -> Result<(Self, Duration), E> {
        // Of an issuer that is so long that it has no place for metadata, nobody has any.
        let mut last = NoAnswer::of(issuer.as_url(), FetchError::Status(404));
        for url in Self::urls(issuer) {
            let request = Self::request(&url).keep(&Fetched::FRESHNESS_FIELDS).timeout(TIMEOUT);
            match exactly(fetch, request).await {
                Ok(fetched) => return Ok((Self::parse(fetched.body(), issuer)?, fetched.fresh_for())),
                Err(error @ FetchError::Status(400..=499)) => last = NoAnswer::of(&url, error),
                Err(error) => return Err(NoAnswer::of(&url, error).into()),
            }
        }
        Err(last.into())
    }
}

/// What is at this URL, and nowhere else: what came from elsewhere is not what it provides, however it got here.
pub(crate) async fn exactly(
    fetch: &(impl Fetch + ?Sized),
    request: aims_credential::FetchRequest<'_>,
) -> Result<Fetched, FetchError> {
    let url = request.url();
    let fetched = fetch.fetch(request).await?;
    if fetched.url() == url { Ok(fetched) } else { Err(FetchError::Redirects) }
}

const TIMEOUT: Duration = Duration::from_secs(5);
