//! Verifying a WIT.

use std::sync::Arc;
use std::time::Duration;

use aims_id::WorkloadId;
use aims_jose::json::Object;
use aims_jose::jwt::claim;
use aims_jose::{Header, HeaderMemo, JwsError, Thumbprint, UnverifiedJws};
use aims_keys::{Algorithm, Backend, PublicKey, UnixTime};

use super::attested::{self, Attested};
use super::claims::WitClaims;
use super::{MAX_LIFETIME, WIT_TYPE, WitError, WitProfile};
use crate::bundle::bundle_of;
use crate::token::{
    DEFAULT_LEEWAY, DEFAULT_TOKEN_LEN, JSON_LIMITS, MAX_LEEWAY, MAX_TOKEN_LEN, begun, limits, mark_keys,
};
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
    max_token_len: usize,
    headers: HeaderMemo,
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
            max_token_len: DEFAULT_TOKEN_LEN,
            headers: HeaderMemo::new(limits(DEFAULT_TOKEN_LEN)),
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

    fn parse<'t>(&'t self, token: &'t str) -> Result<UnverifiedJws<'t>, WitError> {
        Ok(UnverifiedJws::parse_with(token, &self.headers)?)
    }

    fn verify_parsed(
        &self,
        jws: UnverifiedJws<'_>,
        hash: [u8; 32],
        now: UnixTime,
    ) -> Result<VerifiedWit, WitError> {
        jws.header().require_typ(WIT_TYPE)?;
        if jws.header().is_nested() {
            return Err(JwsError::Nested.into());
        }

        // Only the subject is used before the signature is checked, and only to choose the key.
        let (payload, jws) = jws.peek().into_untrusted_payload();
        let claims = WitClaims::read(payload, &JSON_LIMITS)?;
        if !claims.subject.has_path() {
            return Err(WitError::SubjectWithoutPath);
        }
        let bundle = bundle_of(&*self.bundles, &claims.subject).ok_or(WitError::UnknownTrustDomain)?;
        check_algorithm(&bundle, jws.header().algorithm())?;
        let key = issuer_key(&bundle, jws.header())?;
        let header = jws.verify(key, bundle.algorithms())?;

        check_claims(bundle.profile(), &claims)?;
        self.check_times(bundle.profile(), &claims, now)?;
        let confirmation = claims.confirmation_key(self.backend)?;
        check_confirmation(&bundle, confirmation.public_key().algorithm())?;
        if !bundle.allows_issuer(claims.issuer.as_deref()) {
            return Err(WitError::IssuerNotAllowed);
        }
        self.check_lifetime(&claims, now)?;

        let wit = VerifiedWit(Arc::new(Facts {
            begun: begun(claims.issued_at, claims.not_before, now + self.leeway),
            thumbprint: confirmation.thumbprint(),
            key: confirmation.public_key().clone(),
            hash,
            header,
            leeway: self.leeway,
            claims,
            bundle,
        }));
        self.check_marks(&wit)?;
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
        self.check_marks(wit)?;
        Ok(true)
    }

    /// Whether a token that was verified before still counts: during a stream, for one. Neither time nor a mark has ended it, and
    /// the key that signed it is one of those that are trusted now.
    ///
    /// # Errors
    ///
    /// [`WitError`]: the first of these checks that failed.
    pub fn verify_again(&self, wit: &VerifiedWit, now: UnixTime) -> Result<(), WitError> {
        if self.check_again(wit, now)? {
            return Ok(());
        }
        // The bundle was replaced since: the signature stands, if its key does.
        let bundle = bundle_of(&*self.bundles, wit.subject()).ok_or(WitError::UnknownTrustDomain)?;
        let header = &wit.0.header;
        if issuer_key(&bundle, header)? != issuer_key(&wit.0.bundle, header)? {
            return Err(JwsError::Signature.into());
        }
        check_algorithm(&bundle, header.algorithm())?;
        check_claims(bundle.profile(), &wit.0.claims)?;
        self.check_times(bundle.profile(), &wit.0.claims, now)?;
        check_confirmation(&bundle, wit.confirmation_key().algorithm())?;
        if !bundle.allows_issuer(wit.issuer()) {
            return Err(WitError::IssuerNotAllowed);
        }
        self.check_marks(wit)
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
        match claims.issued_at {
            Some(iat) if profile.counts_from_issued_at() => {
                Ok(claim::check_issued_at(iat, now, self.leeway)?)
            }
            _ => Ok(()),
        }
    }

    fn check_lifetime(&self, claims: &WitClaims, now: UnixTime) -> Result<(), WitError> {
        // What names no beginning, or one that lies ahead, has begun by now.
        let latest = now + self.leeway;
        let start = claims.earliest_start().map_or(latest, |start| start.min(latest));
        if claims.expires.since(start) > self.max_lifetime { Err(WitError::LifetimeTooLong) } else { Ok(()) }
    }

    fn check_marks(&self, wit: &VerifiedWit) -> Result<(), WitError> {
        let Some(marks) = &self.marks else { return Ok(()) };
        wit.check_marks(&**marks).map_err(WitError::Lapsed)
    }
}

fn check_algorithm(bundle: &TrustBundle, algorithm: Algorithm) -> Result<(), WitError> {
    if !bundle.profile().allows_algorithm(algorithm) {
        return Err(WitError::ProfileAlgorithm(algorithm));
    }
    if bundle.algorithms().contains(algorithm) { Ok(()) } else { Err(WitError::UnsupportedAlgorithm) }
}

fn check_claims(profile: WitProfile, claims: &WitClaims) -> Result<(), WitError> {
    if !profile.allows_scheme(claims.subject.scheme()) {
        return Err(WitError::SubjectScheme);
    }
    if claims.has_events {
        return Err(WitError::Events);
    }
    if claims.has_audience && !profile.allows_audience() { Err(WitError::AudienceForbidden) } else { Ok(()) }
}

/// The algorithm of the proofs to come.
fn check_confirmation(bundle: &TrustBundle, algorithm: Algorithm) -> Result<(), WitError> {
    if !bundle.profile().allows_algorithm(algorithm) {
        return Err(WitError::ProfileConfirmationAlgorithm(algorithm));
    }
    if bundle.algorithms().contains(algorithm) {
        Ok(())
    } else {
        Err(WitError::ConfirmationAlgorithm(algorithm))
    }
}

/// WIT-6: the key that the token names, or the only one.
fn issuer_key<'b>(bundle: &'b TrustBundle, header: &Header) -> Result<&'b PublicKey, WitError> {
    let key = match header.key_id() {
        Some(kid) => bundle.keys().find(kid, header.algorithm())?,
        None if bundle.profile().allows_missing_key_id() => {
            bundle.keys().only().map_err(|_| WitError::KeyIdMissing)?
        }
        None => return Err(WitError::ProfileKeyId),
    };
    Ok(key.public_key())
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

    /// The longest time from `iat` or `nbf`, whichever is earlier, to `exp`; from now, where neither is known to have passed.
    /// Default and maximum: 24 h.
    pub fn max_lifetime(mut self, lifetime: Duration) -> Self {
        self.0.max_lifetime = lifetime.min(MAX_LIFETIME);
        self
    }

    /// The longest token, in bytes. Default: 8192, at most 16384; tokens signed with ML-DSA-65 need more than the default.
    pub fn max_token_len(mut self, bytes: usize) -> Self {
        self.0.max_token_len = bytes.min(MAX_TOKEN_LEN);
        self.0.headers = HeaderMemo::new(limits(self.0.max_token_len));
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
    begun: UnixTime,
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

    /// When it began: `iat`, else `nbf`; if neither is known to have passed, the epoch, so that every cut ends it.
    #[must_use]
    pub fn begun(&self) -> UnixTime {
        self.0.begun
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

    /// What evidence its issuer had, if it says so. A claim that is not well-formed says nothing.
    #[must_use]
    pub fn attested(&self) -> Option<Attested> {
        self.claims().get(attested::CLAIM).and_then(Attested::read)
    }

    /// The names under which it can be cut off.
    pub fn mark_keys(&self) -> impl Iterator<Item = MarkKey<'_>> {
        mark_keys(self.subject(), self.token_id()).chain([MarkKey::Key(self.thumbprint())])
    }

    /// Whether it still counts at `now`. To be asked at every use: its time passes, and it can be cut off before.
    ///
    /// # Errors
    ///
    /// [`Lapsed`] says what ended it.
    pub fn still_valid(&self, now: UnixTime, marks: &dyn Marks) -> Result<(), Lapsed> {
        claim::check_expiry(self.not_after(), now, self.0.leeway).map_err(|_| Lapsed::Expired)?;
        self.check_marks(marks)
    }

    fn check_marks(&self, marks: &dyn Marks) -> Result<(), Lapsed> {
        marks.check_each(&mut self.mark_keys(), &|mark| mark.check(self.begun(), self.0.leeway))
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
