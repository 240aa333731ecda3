//! Bundles of many trust domains in one document.

use std::collections::HashMap;
use std::sync::Arc;

use aims_id::{Origin, ParseIdError, Scheme, TrustDomain};
use aims_jose::JwkError;
use aims_jose::json::{JsonError, Limits, Object};
use aims_keys::Backend;

use crate::bundle::{BUNDLE_LIMITS, MAX_BUNDLE_TEXT};
use crate::{BundleSource, SpiffeBundleError, TrustBundle, spiffe_bundle};

/// The bundles of a SPIFFE bundle map, read all or not at all (BND-6). Clones share them.
///
/// It verifies as it is; to keep it up to date put its [bundles](Self::bundles) into a
/// [`BundleSet`](crate::BundleSet), with [`replace`](crate::BundleSet::replace) in one step. The refresh hints of the single
/// bundles say nothing about when to look for a new map.
///
/// ```
/// use aims_credential::{BundleMap, BundleSource};
/// use aims_keys::backend;
///
/// let map = BundleMap::parse(r#"{"trust_domains":{"acme.example":{"keys":[]}}}"#, backend::ring())?;
/// assert!(map.bundle("spiffe://acme.example").is_some());
/// # Ok::<(), aims_credential::BundleMapError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct BundleMap(Arc<HashMap<Origin, Arc<TrustBundle>>>);

impl BundleMap {
    /// Reads a document.
    ///
    /// # Errors
    ///
    /// [`BundleMapError`]; one bundle that is refused refuses the map, and what was stored before stays in force.
    pub fn parse(document: &str, backend: Backend) -> Result<Self, BundleMapError> {
        if document.len() > MAX_MAP_TEXT {
            return Err(BundleMapError::TooLarge);
        }
        let document = Object::parse(document, &MAP_LIMITS)?;
        let members = document
            .get("trust_domains")
            .and_then(|domains| domains.as_object())
            .ok_or(BundleMapError::NoTrustDomains)?;
        let mut bundles = HashMap::new();
        for (name, value) in members {
            let origin = origin(&name.as_str())?;
            let refused =
                |error| BundleMapError::Bundle { trust_domain: origin.trust_domain().into(), error };
            if value.raw().len() > MAX_BUNDLE_TEXT {
                return Err(refused(JwkError::TooLarge.into()));
            }
            let bundle = spiffe_bundle::read_member(origin.clone(), value, backend).map_err(refused)?;
            // The reader has refused a name that stands there twice, and a name has one spelling.
            bundles.insert(origin, Arc::new(bundle));
        }
        Ok(Self(Arc::new(bundles)))
    }

    /// The bundles, in no order.
    pub fn bundles(&self) -> impl Iterator<Item = &Arc<TrustBundle>> {
        self.0.values()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none: then nothing is trusted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl BundleSource for BundleMap {
    fn bundle(&self, origin: &str) -> Option<Arc<TrustBundle>> {
        self.0.get(origin).cloned()
    }
}

/// Why a bundle map was refused, one reason per check.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BundleMapError {
    /// One of the bundles is refused.
    #[error("the bundle of {trust_domain} is refused")]
    Bundle {
        /// Whose bundle it is.
        trust_domain: Box<str>,
        /// What is wrong with it.
        #[source]
        error: SpiffeBundleError,
    },
    /// The document is not one JSON object in strict form: a name that stands there twice is no map.
    #[error("the bundle map is not well-formed")]
    Json(#[source] JsonError),
    /// `trust_domains` is missing, or not an object.
    #[error("the bundle map has no trust domains")]
    NoTrustDomains,
    /// The document is longer than 16 MiB.
    #[error("the bundle map is too large")]
    TooLarge,
    /// A name in it is not a trust domain in canonical form.
    #[error("a name of the bundle map is not a trust domain")]
    TrustDomain(#[source] ParseIdError),
}

impl BundleMapError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Bundle { error, .. } => error.code(),
            Self::Json(error) => error.code(),
            Self::NoTrustDomains => "no_trust_domains",
            Self::TooLarge => "bundle_map_too_large",
            Self::TrustDomain(_) => "bad_trust_domain",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Bundle { error, .. } => error.rule(),
            Self::Json(_) | Self::TooLarge => "BND-17",
            Self::NoTrustDomains | Self::TrustDomain(_) => "BND-6",
        }
    }
}

impl From<JsonError> for BundleMapError {
    fn from(error: JsonError) -> Self {
        Self::Json(error)
    }
}

fn origin(name: &str) -> Result<Origin, BundleMapError> {
    let refused = BundleMapError::TrustDomain;
    let trust_domain: TrustDomain = name.parse().map_err(refused)?;
    Origin::new(Scheme::Spiffe, &trust_domain).map_err(refused)
}

const MAX_MAP_TEXT: usize = 16 * 1024 * 1024;

/// The names of the trust domains, and those of the bundle that is read, are members.
const MAP_LIMITS: Limits = BUNDLE_LIMITS.bytes(MAX_MAP_TEXT).members(4096);
