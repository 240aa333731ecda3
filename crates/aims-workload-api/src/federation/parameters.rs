//! What a relationship is made of.

use std::fmt;
use std::sync::Arc;

use aims_credential::{BundleSource, HttpsUrl, TrustBundle};
use aims_id::{Origin, SpiffeId};

use super::FederationError;

/// A relationship with another trust domain: whose bundle is fetched, from where, and how the endpoint shows that it is the right one.
///
/// Each parameter is stated; none is inferred from another. It is one-way: that the other trust domain trusts this one is its own
/// affair (FED-12).
#[derive(Clone)]
#[must_use = "a relationship begins when it is given to `Federations::begin`"]
pub struct Federation {
    pub(super) origin: Origin,
    pub(super) url: HttpsUrl,
    pub(super) profile: Profile,
    pub(super) redirects: u8,
    pub(super) adjust: Option<Adjust>,
}

type Adjust = Arc<dyn Fn(TrustBundle) -> TrustBundle + Send + Sync>;

/// The profile of the endpoint.
#[derive(Clone, Debug)]
pub(super) enum Profile {
    /// The web PKI, by host name.
    Web,
    /// An X.509-SVID, by SPIFFE ID.
    Spiffe { endpoint: SpiffeId, trust: EndpointTrust },
}

/// What the certificate of an endpoint is verified with.
#[derive(Clone, Debug)]
pub(super) enum EndpointTrust {
    /// The bundle that it serves itself; this one, at first.
    SelfServing(Box<TrustBundle>),
    /// That of its own trust domain, which is another.
    Elsewhere(Arc<dyn BundleSource>),
}

impl Federation {
    /// The bundle of `origin` is at `url`, in the profile `https_web`: authorities of the web vouch for the host name (FED-3).
    pub fn https_web(origin: Origin, url: HttpsUrl) -> Self {
        Self { origin, url, profile: Profile::Web, redirects: MAX_REDIRECTS, adjust: None }
    }

    /// The bundle of `origin` is at `url`, in the profile `https_spiffe`, self-serving: the endpoint is the workload `endpoint` of the same
    /// trust domain. At the first contact its certificate is verified with `bootstrap`, from then on with the bundle fetched last (FED-4).
    ///
    /// # Errors
    ///
    /// [`FederationError::ForeignEndpoint`], [`FederationError::ForeignBootstrap`] when either is not of `origin`.
    pub fn https_spiffe(
        origin: Origin,
        url: HttpsUrl,
        endpoint: SpiffeId,
        bootstrap: TrustBundle,
    ) -> Result<Self, FederationError> {
        if !endpoint.is_in(&origin) {
            return Err(FederationError::ForeignEndpoint);
        }
        if *bootstrap.origin() != origin {
            return Err(FederationError::ForeignBootstrap);
        }
        let trust = EndpointTrust::SelfServing(Box::new(bootstrap));
        Ok(Self { profile: Profile::Spiffe { endpoint, trust }, ..Self::https_web(origin, url) })
    }

    /// The bundle of `origin` is at `url`, in the profile `https_spiffe`, where the endpoint is the workload `endpoint` of another trust
    /// domain. `bundles` has the bundle of that one, which is configured by itself: give the set that is kept up to date (FED-4).
    ///
    /// # Errors
    ///
    /// [`FederationError::ForeignEndpoint`] when the endpoint is of `origin` itself.
    pub fn https_spiffe_elsewhere(
        origin: Origin,
        url: HttpsUrl,
        endpoint: SpiffeId,
        bundles: impl BundleSource + 'static,
    ) -> Result<Self, FederationError> {
        if endpoint.is_in(&origin) {
            return Err(FederationError::ForeignEndpoint);
        }
        let trust = EndpointTrust::Elsewhere(Arc::new(bundles));
        Ok(Self { profile: Profile::Spiffe { endpoint, trust }, ..Self::https_web(origin, url) })
    }

    /// Follows no redirect of the endpoint. Default: up to three, by the same rules (FED-7).
    pub fn without_redirects(mut self) -> Self {
        self.redirects = 0;
        self
    }

    /// Sets what a bundle document cannot say, on each that is fetched: the profile of WITs, their algorithms and issuers.
    ///
    /// ```
    /// use aims_credential::{HttpsUrl, WitProfile};
    /// use aims_workload_api::federation::Federation;
    ///
    /// let url: HttpsUrl = "https://bank.example/bundle".parse()?;
    /// let federation = Federation::https_web("spiffe://bank.example".parse()?, url)
    ///     .adjust(|bundle| bundle.with_profile(WitProfile::WitSvid));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn adjust(mut self, adjust: impl Fn(TrustBundle) -> TrustBundle + Send + Sync + 'static) -> Self {
        self.adjust = Some(Arc::new(adjust));
        self
    }

    /// The other trust domain.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Where its bundle is.
    #[must_use]
    pub fn url(&self) -> &HttpsUrl {
        &self.url
    }

    /// The identity of the endpoint, in the profile `https_spiffe`.
    #[must_use]
    pub fn endpoint(&self) -> Option<&SpiffeId> {
        match &self.profile {
            Profile::Spiffe { endpoint, .. } => Some(endpoint),
            Profile::Web => None,
        }
    }
}

/// Shows the parameters.
impl fmt::Debug for Federation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Federation")
            .field("origin", &self.origin.as_str())
            .field("url", &self.url)
            .field("endpoint", &self.endpoint().map(SpiffeId::as_str))
            .field("redirects", &self.redirects)
            .finish_non_exhaustive()
    }
}

const MAX_REDIRECTS: u8 = aims_credential::FetchRequest::MAX_REDIRECTS;
