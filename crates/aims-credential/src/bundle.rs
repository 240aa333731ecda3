//! Trust bundles: the keys with which the credentials of one origin are verified.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use aims_id::{Origin, WorkloadId};
use aims_jose::json::{Limits, Object, Value};
use aims_jose::{Jwk, JwkError, JwkSet};
use aims_keys::{Algorithm, AlgorithmSet, Backend};

use crate::SkippedKey;
use crate::wit::WitProfile;
#[cfg(feature = "x509")]
use crate::x509::{RevocationList, X509Authority};

/// What is trusted for one origin: its issuer's keys, and which tokens they may sign.
///
/// A bundle belongs to the exact origin, scheme included: keys trusted for `spiffe://a.example` say nothing about
/// `wimse://a.example` (WID-19). It reaches the verifier by configuration or an authenticated channel, never by anything a
/// token says (CRD-1, CRD-2).
///
/// ```
/// use aims_credential::TrustBundle;
/// use aims_keys::backend;
///
/// let jwks = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"a","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
/// let bundle = TrustBundle::from_jwks("spiffe://acme.example".parse().unwrap(), jwks, backend::ring())?;
/// assert_eq!(bundle.keys().len(), 1);
/// # Ok::<(), aims_jose::JwkError>(())
/// ```
#[derive(Clone, Debug)]
pub struct TrustBundle {
    origin: Origin,
    keys: JwkSet,
    jwt_keys: JwkSet,
    sequence: Option<u64>,
    refresh_hint: Option<Duration>,
    skipped: Vec<SkippedKey>,
    algorithms: AlgorithmSet,
    issuers: Option<Vec<String>>,
    profile: WitProfile,
    #[cfg(feature = "x509")]
    x509: X509Authorities,
}

/// The anchors of path validation stand by themselves, in the form in which the path library takes them.
#[cfg(feature = "x509")]
#[derive(Clone, Debug, Default)]
struct X509Authorities {
    all: Vec<X509Authority>,
    anchors: Vec<rustls_pki_types::TrustAnchor<'static>>,
    revocation_lists: Vec<RevocationList>,
}

impl TrustBundle {
    /// Reads the JWK Set (RFC 7517) of an origin.
    ///
    /// A key without `alg` is bound to the one its curve stands for, or, if it is RSA, to PS256. Elements that cannot be
    /// used are [skipped](Self::skipped); so is every key whose `kid` is not unique.
    ///
    /// # Errors
    ///
    /// [`JwkError`] when the document as a whole is refused: not a JWK Set, too large, or with a private or symmetric key.
    pub fn from_jwks(origin: Origin, jwks: &str, backend: Backend) -> Result<Self, JwkError> {
        if jwks.len() > MAX_BUNDLE_TEXT {
            return Err(JwkError::TooLarge);
        }
        let document = Object::parse(jwks, &BUNDLE_LIMITS)?;
        let elements = document.get("keys").and_then(|keys| keys.as_array()).ok_or(JwkError::Set)?;
        let mut keys: Vec<(usize, Jwk)> = Vec::new();
        let mut skipped = Vec::new();
        let mut unusable_names = Vec::new();
        for (index, element) in elements.enumerate() {
            if index >= MAX_KEYS {
                return Err(JwkError::TooLarge);
            }
            match Jwk::from_value(element, algorithm_by_type(element), backend) {
                Ok(key) => keys.push((index, key)),
                Err(reason @ (JwkError::Private | JwkError::Symmetric)) => return Err(reason),
                Err(reason) => {
                    // A key for another use may share the name: no token is verified with it.
                    if reason != JwkError::Use {
                        unusable_names.extend(element.get("kid").and_then(|kid| kid.as_str()));
                    }
                    skipped.push(SkippedKey { index, reason: reason.into() });
                }
            }
        }
        let keys = without_shared_names(keys, &unusable_names, &mut skipped);
        Ok(Self { skipped, ..Self::new(origin, JwkSet::new(keys)?) })
    }

    /// A bundle of these keys, for tokens of the [`WitProfile::Wit`] signed by the [`AlgorithmSet::STANDARD`].
    #[must_use]
    pub fn new(origin: Origin, keys: JwkSet) -> Self {
        Self {
            origin,
            keys,
            jwt_keys: JwkSet::default(),
            sequence: None,
            refresh_hint: None,
            skipped: Vec::new(),
            algorithms: AlgorithmSet::STANDARD,
            issuers: None,
            profile: WitProfile::Wit,
            #[cfg(feature = "x509")]
            x509: X509Authorities::default(),
        }
    }

    /// A bundle of these authorities, for certificates only: no token of its origin is trusted.
    #[cfg(feature = "x509")]
    #[must_use]
    pub fn for_x509(origin: Origin, authorities: Vec<X509Authority>) -> Self {
        Self::new(origin, JwkSet::default()).with_x509_authorities(authorities)
    }

    /// The authorities that vouch for certificates of this origin.
    #[cfg(feature = "x509")]
    #[must_use]
    pub fn with_x509_authorities(mut self, authorities: Vec<X509Authority>) -> Self {
        let anchors = authorities.iter().map(|authority| authority.anchor().clone()).collect();
        (self.x509.all, self.x509.anchors) = (authorities, anchors);
        self
    }

    /// What the authorities of this origin, and the issuers below them, have revoked; in place of the lists that it had.
    ///
    /// A list counts for the issuer that signed it, so that lists which arrive for several trust domains at once can go into the bundle of
    /// each. A certificate that a list of its issuer names is refused; where an issuer has lists, one of them must be current. What is
    /// demanded besides, a verifier is built with. A source gives the newest list of each issuer, and leaves out a list only when
    /// all that it names has expired.
    ///
    /// Bundle documents hold no lists: a bundle that was fetched gets them anew.
    #[cfg(feature = "x509")]
    #[must_use]
    pub fn with_revocation_lists(mut self, lists: Vec<RevocationList>) -> Self {
        self.x509.revocation_lists = lists;
        self
    }

    /// The keys that JWT-SVIDs of this origin are verified with; no other token is.
    #[must_use]
    pub fn with_jwt_keys(mut self, keys: JwkSet) -> Self {
        self.jwt_keys = keys;
        self
    }

    /// The number of this edition of the bundle; it grows with every change.
    #[must_use]
    pub fn with_sequence(mut self, sequence: u64) -> Self {
        self.sequence = Some(sequence);
        self
    }

    /// How often to look for a new edition, in whole seconds; none at all, if less than one.
    #[must_use]
    pub fn with_refresh_hint(mut self, hint: Duration) -> Self {
        let hint = Duration::from_secs(hint.as_secs());
        self.refresh_hint = (!hint.is_zero()).then_some(hint);
        self
    }

    /// The algorithms, by name, that WITs of this origin and the proofs of their holders may use.
    #[must_use]
    pub fn with_algorithms(mut self, algorithms: AlgorithmSet) -> Self {
        self.algorithms = algorithms;
        self
    }

    /// Requires `iss` in WITs of this origin, and one of these. It never decides which keys verify a token.
    #[must_use]
    pub fn with_issuers(mut self, issuers: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.issuers = Some(issuers.into_iter().map(Into::into).collect());
        self
    }

    /// The profile that tokens of this origin follow.
    #[must_use]
    pub fn with_profile(mut self, profile: WitProfile) -> Self {
        self.profile = profile;
        self
    }

    /// The origin: scheme and trust domain.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The keys that WITs are verified with.
    #[must_use]
    pub fn keys(&self) -> &JwkSet {
        &self.keys
    }

    /// The keys that JWT-SVIDs are verified with.
    #[must_use]
    pub fn jwt_keys(&self) -> &JwkSet {
        &self.jwt_keys
    }

    /// `spiffe_sequence`: the number of this edition of the bundle (BND-10).
    #[must_use]
    pub fn sequence(&self) -> Option<u64> {
        self.sequence
    }

    /// `spiffe_refresh_hint`: how often to look for a new edition (BND-11). Without one, about 300 s are usual.
    #[must_use]
    pub fn refresh_hint(&self) -> Option<Duration> {
        self.refresh_hint
    }

    /// The elements of the JWK Set that count for nothing, and why.
    #[must_use]
    pub fn skipped(&self) -> &[SkippedKey] {
        &self.skipped
    }

    /// The algorithms that tokens and proofs may use.
    #[must_use]
    pub fn algorithms(&self) -> AlgorithmSet {
        self.algorithms
    }

    /// The profile that tokens follow.
    #[must_use]
    pub fn profile(&self) -> WitProfile {
        self.profile
    }

    /// The authorities that vouch for certificates.
    #[cfg(feature = "x509")]
    #[must_use]
    pub fn x509_authorities(&self) -> &[X509Authority] {
        &self.x509.all
    }

    /// What their issuers have revoked.
    #[cfg(feature = "x509")]
    #[must_use]
    pub fn revocation_lists(&self) -> &[RevocationList] {
        &self.x509.revocation_lists
    }

    /// The authority whose anchor this is: the very one of [`anchors`](Self::anchors), not one like it.
    #[cfg(feature = "x509")]
    pub(crate) fn authority_of(&self, anchor: &rustls_pki_types::TrustAnchor<'_>) -> Option<&X509Authority> {
        let at = self.x509.anchors.iter().position(|own| std::ptr::addr_eq(own, anchor))?;
        self.x509.all.get(at)
    }

    #[cfg(feature = "x509")]
    pub(crate) fn anchors(&self) -> &[rustls_pki_types::TrustAnchor<'static>] {
        &self.x509.anchors
    }

    /// What else the reader of a document found.
    pub(crate) fn with_read(
        mut self,
        skipped: Vec<SkippedKey>,
        sequence: Option<u64>,
        refresh_hint: Option<Duration>,
    ) -> Self {
        (self.skipped, self.sequence, self.refresh_hint) = (skipped, sequence, refresh_hint);
        self
    }

    /// Whether `iss` is acceptable: any, or none, unless [issuers were named](Self::with_issuers).
    pub(crate) fn allows_issuer(&self, issuer: Option<&str>) -> bool {
        let Some(allowed) = &self.issuers else { return true };
        issuer.is_some_and(|issuer| allowed.iter().any(|allowed| allowed == issuer))
    }
}

/// Where a verifier gets the trust bundle of an origin.
///
/// The answer is a snapshot in memory: a source that fetches does so beforehand, and swaps. What a rotation leaves behind
/// is dropped by giving out another `Arc`; caches of verified credentials compare it.
pub trait BundleSource: std::fmt::Debug + Send + Sync {
    /// The bundle of exactly this origin (such as `spiffe://acme.example`), if it is trusted.
    fn bundle(&self, origin: &str) -> Option<Arc<TrustBundle>>;
}

impl<S: BundleSource + ?Sized> BundleSource for Arc<S> {
    fn bundle(&self, origin: &str) -> Option<Arc<TrustBundle>> {
        (**self).bundle(origin)
    }
}

/// The bundle of `id`'s origin.
pub(crate) fn bundle_of(source: &dyn BundleSource, id: &WorkloadId) -> Option<Arc<TrustBundle>> {
    // A source could answer for another origin than it was asked for; WID-19 is not its to decide.
    source.bundle(id.origin_str()).filter(|bundle| id.is_in(bundle.origin()))
}

/// What a key without `alg` is bound to, by its type and curve alone (BND-19).
pub(crate) fn algorithm_by_type(jwk: Value<'_>) -> Option<Algorithm> {
    if jwk.get("alg").is_some() {
        return None;
    }
    let text = |name| jwk.get(name).and_then(|value| value.as_str());
    match (&*text("kty")?, text("crv").as_deref()) {
        ("EC", Some("P-256")) => Some(Algorithm::Es256),
        ("EC", Some("P-384")) => Some(Algorithm::Es384),
        ("OKP", Some("Ed25519")) => Some(Algorithm::Ed25519),
        ("RSA", None) => Some(Algorithm::Ps256),
        _ => None,
    }
}

/// Leaves out every key whose `kid` another key has too: none of them wins (BND-18).
fn without_shared_names(
    mut keys: Vec<(usize, Jwk)>,
    unusable_names: &[Cow<'_, str>],
    skipped: &mut Vec<SkippedKey>,
) -> Vec<Jwk> {
    let is_shared = |key: &Jwk| key.key_id().is_some_and(|kid| unusable_names.iter().any(|name| name == kid));
    keys.sort_by(|(_, a), (_, b)| a.key_id().cmp(&b.key_id()));
    let mut kept = Vec::with_capacity(keys.len());
    for run in keys.chunk_by(|(_, a), (_, b)| a.key_id().is_some() && a.key_id() == b.key_id()) {
        match run {
            [(_, key)] if !is_shared(key) => kept.push(key.clone()),
            shared => skipped.extend(
                shared
                    .iter()
                    .map(|(index, _)| SkippedKey { index: *index, reason: JwkError::DuplicateKeyId.into() }),
            ),
        }
    }
    skipped.sort_by_key(|skipped| skipped.index);
    kept
}

pub(crate) const MAX_BUNDLE_TEXT: usize = 1024 * 1024;

pub(crate) const MAX_KEYS: usize = 1000;

pub(crate) const BUNDLE_LIMITS: Limits = Limits::new().bytes(MAX_BUNDLE_TEXT).string(64 * 1024);
