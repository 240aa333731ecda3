//! Verifying a WIT.

use std::sync::Arc;
use std::time::Duration;

use aims_id::WorkloadId;
use aims_jose::json::Object;
use aims_jose::jwt::claim;
use aims_jose::{Header, Limits, Thumbprint, UnverifiedJws};
use aims_keys::{Algorithm, Backend, PublicKey, UnixTime};

use super::claims::WitClaims;
use super::{JSON_LIMITS, MAX_WIT, WIT_TYPE, WitError, WitProfile};
use crate::bundle::bundle_of;
use crate::{BundleSource, Lapsed, MarkKey, Marks, TrustBundle};

/// Verifies Workload Identity Tokens.
///
/// What comes out is **not** an authenticated caller: a WIT is copied easily. It becomes one together with a proof by the
/// key it names (WIT-14), which `aims-proof` verifies.
#[derive(Clone, Debug)]
pub struct WitVerifier {
    bundles: Arc<dyn BundleSource>,
    marks: Option<Arc<dyn Marks>>,
    backend: Backend,
    leeway: Duration,
    max_lifetime: Duration,
    limits: Limits,
    max_token_len: usize,
}

impl WitVerifier {
    /// Starts from what has no safe default: whom to trust, and the backend that confirmation keys are loaded with.
    pub fn builder(bundles: impl BundleSource + 'static, backend: Backend) -> WitVerifierBuilder {
        WitVerifierBuilder(Self {
            bundles: Arc::new(bundles),
            marks: None,
            backend,
            leeway: DEFAULT_LEEWAY,
            max_lifetime: MAX_LIFETIME,
            limits: Limits::new().token(MAX_WIT).json(JSON_LIMITS),
            max_token_len: MAX_WIT,
        })
    }

    /// Checks `token`, the whole value of the `Workload-Identity-Token` field, at time `now`.
    ///
    /// # Errors
    ///
    /// [`WitError`] names the first check that failed, in the order of `docs/spec/wimse.md` section 4.3.
    pub fn verify(&self, token: &str, now: UnixTime) -> Result<VerifiedWit, WitError> {
        let jws = self.parse(token)?;
        self.verify_parsed(jws, self.hash(token), now)
    }

    /// As [`verify`](Self::verify), for a caller that has computed the token's hash.
    pub(super) fn verify_hashed(
        &self,
        token: &str,
        hash: [u8; 32],
        now: UnixTime,
    ) -> Result<VerifiedWit, WitError> {
        self.verify_parsed(self.parse(token)?, hash, now)
    }

    fn parse<'t>(&self, token: &'t str) -> Result<UnverifiedJws<'t>, WitError> {
        Ok(UnverifiedJws::parse(token, &self.limits)?)
    }

    fn verify_parsed(
        &self,
        jws: UnverifiedJws<'_>,
        hash: [u8; 32],
        now: UnixTime,
    ) -> Result<VerifiedWit, WitError> {
        jws.header().require_typ(WIT_TYPE)?;

        // Only the subject is used before the signature is checked, and only to choose the key.
        let jws = jws.peek();
        let claims = WitClaims::read(jws.untrusted_payload().to_vec(), &JSON_LIMITS)?;
        if !claims.subject.has_path() {
            return Err(WitError::SubjectWithoutPath);
        }
        let bundle = bundle_of(&*self.bundles, &claims.subject).ok_or(WitError::UnknownTrustDomain)?;
        let algorithm = jws.header().algorithm();
        if !bundle.algorithms().contains(algorithm) || !bundle.profile().allows(algorithm) {
            return Err(WitError::UnsupportedAlgorithm);
        }
        let key = issuer_key(&bundle, jws.header())?;
        let jws = jws.verify(key, bundle.algorithms())?;

        check_profile(&bundle, &claims)?;
        self.check_times(bundle.profile(), &claims, now)?;
        let confirmation = claims.confirmation_key(self.backend)?;
        let proof_algorithm = confirmation.public_key().algorithm();
        if !bundle.algorithms().contains(proof_algorithm) || !bundle.profile().allows(proof_algorithm) {
            return Err(WitError::ConfirmationAlgorithm(proof_algorithm));
        }
        if !bundle.allows_issuer(claims.issuer.as_deref()) {
            return Err(WitError::IssuerNotAllowed);
        }
        self.check_lifetime(&claims)?;

        let wit = VerifiedWit(Arc::new(Facts {
            thumbprint: confirmation.thumbprint(),
            key: confirmation.public_key().clone(),
            hash,
            header: jws.into_parts().0,
            leeway: self.leeway,
            claims,
            bundle,
        }));
        self.check_marks(&wit, now)?;
        Ok(wit)
    }

    /// Whether a token that was verified before would be verified again: its bundle is still the one it was verified with,
    /// and neither time nor a mark has ended it.
    pub(super) fn check_again(&self, wit: &VerifiedWit, now: UnixTime) -> Result<bool, WitError> {
        let current = bundle_of(&*self.bundles, wit.subject()).ok_or(WitError::UnknownTrustDomain)?;
        if !Arc::ptr_eq(&current, &wit.0.bundle) {
            return Ok(false);
        }
        self.check_times(current.profile(), &wit.0.claims, now)?;
        self.check_marks(wit, now)?;
        Ok(true)
    }

    pub(super) fn max_token_len(&self) -> usize {
        self.max_token_len
    }

    pub(super) fn hash(&self, token: &str) -> [u8; 32] {
        self.backend.sha256(token.as_bytes())
    }

    fn check_times(&self, profile: WitProfile, claims: &WitClaims, now: UnixTime) -> Result<(), WitError> {
        claim::check_expiry(claims.expires, now, self.leeway)?;
        if let Some(nbf) = claims.not_before {
            claim::check_not_before(nbf, now, self.leeway)?;
        }
        // WS-9: in a WIT-SVID `iat` says nothing about when it starts to be valid.
        if let (WitProfile::Wit, Some(iat)) = (profile, claims.issued_at) {
            claim::check_issued_at(iat, now, self.leeway)?;
        }
        Ok(())
    }

    fn check_lifetime(&self, claims: &WitClaims) -> Result<(), WitError> {
        let Some(start) = claims.issued_at.or(claims.not_before) else { return Ok(()) };
        if claims.expires.since(start) > self.max_lifetime { Err(WitError::LifetimeTooLong) } else { Ok(()) }
    }

    fn check_marks(&self, wit: &VerifiedWit, now: UnixTime) -> Result<(), WitError> {
        let Some(marks) = &self.marks else { return Ok(()) };
        wit.still_valid(now, &**marks).map_err(|lapsed| match lapsed {
            Lapsed::Expired => WitError::Expired,
            lapsed => WitError::Lapsed(lapsed),
        })
    }
}

/// WIT-6: the key that the token names, or the only one.
fn issuer_key<'b>(bundle: &'b TrustBundle, header: &Header) -> Result<&'b PublicKey, WitError> {
    let key = match header.key_id() {
        Some(kid) => bundle.keys().find(kid, header.algorithm())?,
        #[cfg(feature = "wit-svid")]
        None if bundle.profile() == WitProfile::WitSvid => return Err(WitError::KeyIdMissing),
        None => bundle.keys().only().map_err(|_| WitError::KeyIdMissing)?,
    };
    Ok(key.public_key())
}

#[cfg(feature = "wit-svid")]
fn check_profile(bundle: &TrustBundle, claims: &WitClaims) -> Result<(), WitError> {
    if bundle.profile() != WitProfile::WitSvid {
        return Ok(());
    }
    if claims.subject.scheme() != aims_id::Scheme::Spiffe {
        return Err(WitError::SubjectScheme);
    }
    if claims.has_audience { Err(WitError::AudienceForbidden) } else { Ok(()) }
}

#[cfg(not(feature = "wit-svid"))]
#[expect(clippy::unnecessary_wraps, reason = "the only profile without the feature adds no check")]
fn check_profile(_: &TrustBundle, _: &WitClaims) -> Result<(), WitError> {
    Ok(())
}

/// Options of a [`WitVerifier`]; the defaults are those of `docs/spec/wimse.md` section 8.
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct WitVerifierBuilder(WitVerifier);

impl WitVerifierBuilder {
    /// Refuses tokens that were cut off before their time. Default: nothing is known to be.
    pub fn marks(mut self, marks: impl Marks + 'static) -> Self {
        self.0.marks = Some(Arc::new(marks));
        self
    }

    /// How far clocks may disagree. Default: 30 s; at most 120 s.
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.0.leeway = leeway.min(MAX_LEEWAY);
        self
    }

    /// The longest `exp - iat` (or `exp - nbf`). Default and maximum: 24 h.
    pub fn max_lifetime(mut self, lifetime: Duration) -> Self {
        self.0.max_lifetime = lifetime.min(MAX_LIFETIME);
        self
    }

    /// The longest token, in bytes. Default: 8192; tokens signed with ML-DSA need more.
    pub fn max_token_len(mut self, bytes: usize) -> Self {
        self.0.limits = self.0.limits.token(bytes);
        self.0.max_token_len = bytes;
        self
    }

    /// Finishes; it cannot fail, since what is required was asked for first.
    #[must_use]
    pub fn build(self) -> WitVerifier {
        self.0
    }
}

/// A WIT that passed every check of a [`WitVerifier`]; there is no other way to get one. Cloning is cheap.
///
/// It says what its issuer vouches for, not who sent it: see [`WitVerifier`].
#[derive(Clone)]
pub struct VerifiedWit(Arc<Facts>);

struct Facts {
    claims: WitClaims,
    key: PublicKey,
    thumbprint: Thumbprint,
    hash: [u8; 32],
    header: Header,
    leeway: Duration,
    bundle: Arc<TrustBundle>,
}

impl VerifiedWit {
    /// The workload.
    #[must_use]
    pub fn subject(&self) -> &WorkloadId {
        &self.0.claims.subject
    }

    /// `cnf.jwk`: the key with which the workload must prove possession.
    #[must_use]
    pub fn confirmation_key(&self) -> &PublicKey {
        &self.0.key
    }

    /// The thumbprint of the confirmation key.
    #[must_use]
    pub fn thumbprint(&self) -> &Thumbprint {
        &self.0.thumbprint
    }

    /// SHA-256 of the token as it was received: what a proof's `wth` must be.
    #[must_use]
    pub fn hash(&self) -> &[u8; 32] {
        &self.0.hash
    }

    /// `exp`: from then on (plus the verifier's leeway) it counts for nothing.
    #[must_use]
    pub fn not_after(&self) -> UnixTime {
        self.0.claims.expires
    }

    /// When it began: `iat`, else `nbf`; if it says neither, the epoch, so that every cut ends it.
    #[must_use]
    pub fn begun(&self) -> UnixTime {
        self.0.claims.issued_at.or(self.0.claims.not_before).unwrap_or(UnixTime::EPOCH)
    }

    /// `jti`.
    #[must_use]
    pub fn token_id(&self) -> Option<&str> {
        self.0.claims.token_id.as_deref()
    }

    /// `iss`, for records; it decided nothing unless the bundle named issuers.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.0.claims.issuer.as_deref()
    }

    /// The algorithm the issuer signed with.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.0.header.algorithm()
    }

    /// The `kid` of the issuer's key.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.0.header.key_id()
    }

    /// All claims, those unknown to this crate included.
    #[must_use]
    pub fn claims(&self) -> &Object {
        &self.0.claims.object
    }

    /// The names under which it can be cut off.
    pub fn mark_keys(&self) -> impl Iterator<Item = MarkKey<'_>> {
        let subject = self.subject();
        let credential = self.token_id().map(|id| MarkKey::Credential { origin: subject.origin_str(), id });
        std::iter::once(MarkKey::Agent(subject)).chain(credential)
    }

    /// Whether it still counts at `now`. To be asked at every use: its time passes, and it can be cut off before.
    ///
    /// # Errors
    ///
    /// [`Lapsed`] says what ended it.
    pub fn still_valid(&self, now: UnixTime, marks: &dyn Marks) -> Result<(), Lapsed> {
        claim::check_expiry(self.not_after(), now, self.0.leeway).map_err(|_| Lapsed::Expired)?;
        for key in self.mark_keys() {
            if let Some(mark) = marks.mark(&key)? {
                mark.check(self.begun(), self.0.leeway)?;
            }
        }
        Ok(())
    }
}

/// Shows the subject and the times, and none of the other claims.
impl std::fmt::Debug for VerifiedWit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VerifiedWit")
            .field("subject", self.subject())
            .field("not_after", &self.not_after())
            .field("thumbprint", self.thumbprint())
            .finish_non_exhaustive()
    }
}

const DEFAULT_LEEWAY: Duration = Duration::from_secs(30);

const MAX_LEEWAY: Duration = Duration::from_secs(120);

const MAX_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);
