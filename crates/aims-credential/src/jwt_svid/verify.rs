//! Verifying a JWT-SVID.

use std::sync::Arc;
use std::time::Duration;

use aims_jose::jwt::claim;
use aims_jose::{Header, HeaderMemo, Jwk, UnverifiedJws};
use aims_keys::{Algorithm, AlgorithmSet, PublicKey, UnixTime};

use super::claims::{JwtSvidClaims, check_header};
use super::{JwtSvidError, VerifiedJwtSvid};
use crate::bundle::bundle_of;
use crate::token::{DEFAULT_LEEWAY, DEFAULT_TOKEN_LEN, MAX_TOKEN_LEN, limits};
use crate::{BundleSource, Marks, TrustBundle};

/// Verifies JWT-SVIDs, the bearer tokens of SPIFFE.
///
/// What comes out says whom the token is about, and that it was meant for this verifier. Anybody who came by the token could
/// have sent it: where the caller can prove to hold a key, ask for a WIT and a proof instead.
///
/// ```
/// # use std::sync::Arc;
/// use aims_credential::{BundleSet, JwtSvidIssuer, JwtSvidVerifier, TrustBundle};
/// use aims_jose::{Jwk, JwkSet};
/// # use aims_keys::{Algorithm, SoftwareKey, UnixTime, backend};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let now = UnixTime::from_secs(1_790_000_000);
/// let key = Arc::new(SoftwareKey::generate(Algorithm::Es256, backend::ring())?);
/// let jwk = Jwk::new(key.public_key().clone()).with_key_id("2026-11")?;
/// let bundle = TrustBundle::new("spiffe://acme.example".parse()?, JwkSet::default())
///     .with_jwt_keys(JwkSet::new(vec![jwk])?);
/// let issuer = JwtSvidIssuer::new("acme.example".parse()?, key, "2026-11")?;
/// let token = issuer.issue(&"spiffe://acme.example/agents/travel".parse()?, "https://tools.example", now)?;
///
/// let verifier = JwtSvidVerifier::builder(BundleSet::from(bundle), "https://tools.example").build();
/// let svid = verifier.verify(&token, now)?;
/// assert_eq!(svid.subject().as_str(), "spiffe://acme.example/agents/travel");
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct JwtSvidVerifier {
    bundles: Arc<dyn BundleSource>,
    audiences: Vec<Arc<str>>,
    single_audience: bool,
    algorithms: AlgorithmSet,
    marks: Option<Arc<dyn Marks>>,
    leeway: Duration,
    headers: HeaderMemo,
}

impl JwtSvidVerifier {
    /// Starts from what has no safe default: whom to trust, and by what name tokens call this verifier.
    pub fn builder(
        bundles: impl BundleSource + 'static,
        audience: impl Into<Arc<str>>,
    ) -> JwtSvidVerifierBuilder {
        JwtSvidVerifierBuilder(Self {
            bundles: Arc::new(bundles),
            audiences: vec![audience.into()],
            single_audience: false,
            algorithms: DEFAULT_ALGORITHMS,
            marks: None,
            leeway: DEFAULT_LEEWAY,
            headers: HeaderMemo::new(limits(DEFAULT_TOKEN_LEN)),
        })
    }

    /// Checks the value of the HTTP field or gRPC metadata `authorization`: `Bearer`, in any case, a space, and the token.
    ///
    /// # Errors
    ///
    /// [`JwtSvidError::NotBearer`], and as [`verify`](Self::verify).
    pub fn verify_authorization(&self, value: &str, now: UnixTime) -> Result<VerifiedJwtSvid, JwtSvidError> {
        let (scheme, token) = value.split_once(' ').ok_or(JwtSvidError::NotBearer)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(JwtSvidError::NotBearer);
        }
        self.verify(token, now)
    }

    /// Checks `token` at time `now`.
    ///
    /// # Errors
    ///
    /// [`JwtSvidError`] names the first check that failed, in the order of `docs/spec/jose.md` section 7, `sub` before the key
    /// that it chooses.
    pub fn verify(&self, token: &str, now: UnixTime) -> Result<VerifiedJwtSvid, JwtSvidError> {
        let jws = UnverifiedJws::parse_with(token, &self.headers)?;
        if !self.algorithms.contains(jws.header().algorithm()) {
            return Err(JwtSvidError::UnsupportedAlgorithm);
        }
        check_header(jws.header())?;

        // Only the subject is used before the signature is checked, and only to choose the key.
        let (payload, jws) = jws.peek().into_untrusted_payload();
        let claims = JwtSvidClaims::read(payload)?;
        let bundle = bundle_of(&*self.bundles, claims.subject.as_workload_id())
            .ok_or(JwtSvidError::UnknownTrustDomain)?;
        let key = issuer_key(&bundle, jws.header())?;
        let header = jws.verify(key, self.algorithms)?;

        claim::check_expiry(claims.expires, now, self.leeway)?;
        claims.all.check_times(now, self.leeway)?;
        let audience = Arc::clone(self.own_audience(&claims)?);
        claims.refuse_other_kinds()?;

        let svid = VerifiedJwtSvid::new(claims, header, audience, self.leeway, now);
        if let Some(marks) = &self.marks {
            svid.check_marks(&**marks).map_err(JwtSvidError::Lapsed)?;
        }
        Ok(svid)
    }

    /// JS-7: the name of this verifier that the token calls.
    fn own_audience(&self, claims: &JwtSvidClaims) -> Result<&Arc<str>, JwtSvidError> {
        let received = claims.all.audience().ok_or(JwtSvidError::AudienceMissing)?;
        if self.single_audience && received.as_array().is_some_and(|all| all.count() != 1) {
            return Err(JwtSvidError::MultipleAudiences);
        }
        // An empty name, as of a setting that was forgotten, is nobody's.
        for own in self.audiences.iter().filter(|own| !own.is_empty()) {
            if claim::audience_is_one_of(received, std::slice::from_ref(own))? {
                return Ok(own);
            }
        }
        Err(JwtSvidError::AudienceMismatch)
    }
}

/// JS-11, JS-4: the key that the token names, or the only one; of those for JWT-SVIDs.
fn issuer_key<'b>(bundle: &'b TrustBundle, header: &Header) -> Result<&'b PublicKey, JwtSvidError> {
    let (keys, algorithm) = (bundle.jwt_keys(), header.algorithm());
    if let Some(kid) = header.key_id() {
        return Ok(keys.find(kid, algorithm)?.public_key());
    }
    let only = keys.iter().next().map(Jwk::public_key).ok_or(JwtSvidError::KeyIdMissing)?;
    // One RSA key may be there under each of its algorithms.
    if keys.iter().any(|other| other.public_key().numbers() != only.numbers()) {
        return Err(JwtSvidError::KeyIdMissing);
    }
    Ok(keys.iter().map(Jwk::public_key).find(|key| key.algorithm() == algorithm).unwrap_or(only))
}

/// Options of a [`JwtSvidVerifier`]; every default is the strict one.
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct JwtSvidVerifierBuilder(JwtSvidVerifier);

impl JwtSvidVerifierBuilder {
    /// Adds a name by which tokens may call this verifier.
    pub fn audience(mut self, audience: impl Into<Arc<str>>) -> Self {
        self.0.audiences.push(audience.into());
        self
    }

    /// Refuses tokens for several audiences: each of them can show the token to the others. Default: one must match.
    pub fn single_audience(mut self) -> Self {
        self.0.single_audience = true;
        self
    }

    /// Accepts RS256, too, which older issuers sign with. Default: ES256, ES384 and PS256.
    pub fn accept_rs256(mut self) -> Self {
        self.0.algorithms = self.0.algorithms.with(Algorithm::Rs256);
        self
    }

    /// Refuses tokens that were cut off before their time. Default: nothing is known to be.
    pub fn marks(mut self, marks: impl Marks + 'static) -> Self {
        self.0.marks = Some(Arc::new(marks));
        self
    }

    /// How far clocks may disagree. Default: 30 s; at most 60 s.
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.0.leeway = leeway.min(MAX_LEEWAY);
        self
    }

    /// The longest token, in bytes. Default: 8192, at most 16384.
    pub fn max_token_len(mut self, bytes: usize) -> Self {
        self.0.headers = HeaderMemo::new(limits(bytes.min(MAX_TOKEN_LEN)));
        self
    }

    /// Finishes; it cannot fail, since what is required was asked for first.
    #[must_use]
    pub fn build(self) -> JwtSvidVerifier {
        self.0
    }
}

const DEFAULT_ALGORITHMS: AlgorithmSet =
    AlgorithmSet::of(&[Algorithm::Es256, Algorithm::Es384, Algorithm::Ps256]);

/// JO-CLM-03.
const MAX_LEEWAY: Duration = Duration::from_secs(60);
