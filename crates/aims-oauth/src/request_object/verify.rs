//! Verifying a request object (RFC 9101 §6).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aims_credential::ReplayStore;
use aims_jose::{Claims, ClaimsError, JwsError, Limits, Thumbprint, UnverifiedJws, json};
use aims_keys::{AlgorithmSet, UnixTime};

use super::{PresentedRequestObject, REQUEST_OBJECT_TYPE, RequestObjectError, parameters};
use crate::{ClientKeys, Issuer, Parameters};

/// Verifies the request objects that are for one authorization server.
///
/// ```
/// use std::sync::Arc;
/// use aims_jose::{Jwk, JwkSet};
/// use aims_keys::{Algorithm, SoftwareKey, UnixTime, backend};
/// use aims_oauth::{
///     AuthorizationRequest, ClientKey, ClientKeys, CodeVerifier, NewParameters, Parameters, PresentedRequestObject,
///     RequestObjectVerifier,
/// };
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let now = UnixTime::from_secs(1_790_000_000);
/// let key = Arc::new(SoftwareKey::generate(Algorithm::Es256, backend::ring())?);
/// let registered = ClientKeys::new(JwkSet::new(vec![Jwk::new(key.public_key().clone()).with_key_id("2026-11")?])?);
/// let client = ClientKey::new("travel-agent", key.clone(), Some("2026-11"))?;
///
/// let challenge = CodeVerifier::generate(backend::ring())?.challenge(backend::ring());
/// let request = AuthorizationRequest::new("travel-agent", "https://agent.example/cb", challenge).state("a state");
/// let issuer = "https://as.example".parse()?;
/// let unsigned = client.request_object(&issuer, &request).prepare(now)?;
/// # use aims_keys::{SignInput, Signer};
/// # let signature = key.sign(SignInput::Message(unsigned.signing_input()))?;
/// let mut query = NewParameters::new();
/// unsigned.attach(signature.as_bytes())?.add_to(&mut query);
///
/// // At the server, which looks up the keys of `presented.client_id()`.
/// let query = Parameters::parse(query.as_str().as_bytes())?;
/// let presented = PresentedRequestObject::read(&query)?.expect("a signed request");
/// let verified = RequestObjectVerifier::builder(issuer).build().verify(&presented, &registered, now)?;
/// assert_eq!(AuthorizationRequest::read(verified.parameters())?.sent_state(), Some("a state"));
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct RequestObjectVerifier {
    issuer: Issuer,
    replay: Option<Arc<dyn ReplayStore>>,
    max_lifetime: Duration,
    leeway: Duration,
}

impl RequestObjectVerifier {
    /// Starts from what has no safe default: who the server is.
    pub fn builder(issuer: Issuer) -> RequestObjectVerifierBuilder {
        RequestObjectVerifierBuilder(Self {
            issuer,
            replay: None,
            max_lifetime: MAX_LIFETIME,
            leeway: DEFAULT_LEEWAY,
        })
    }

    /// Checks a request object with the keys of the client that it [names](PresentedRequestObject::client_id). Nobody is redirected for one that is refused.
    ///
    /// # Errors
    ///
    /// [`RequestObjectError`] names the first check that failed.
    pub fn verify(
        &self,
        presented: &PresentedRequestObject<'_>,
        keys: &ClientKeys,
        now: UnixTime,
    ) -> Result<VerifiedRequestObject, RequestObjectError> {
        let jws = UnverifiedJws::parse(presented.token, &Limits::new())?;
        jws.header().require_media_type(REQUEST_OBJECT_TYPE)?;
        if jws.header().is_nested() {
            return Err(JwsError::Nested.into());
        }
        let key = keys.find(jws.header())?;
        let algorithm = AlgorithmSet::of(&[jws.header().algorithm()]);
        let claims = Claims::read(jws.verify(key, algorithm)?.into_parts().1, &json::Limits::new())?;

        let expires = self.check_times(&claims, now)?;
        check_client(&claims, presented.client_id())?;
        self.check_audience(&claims)?;
        refuse_other_kinds(&claims)?;
        let parameters = parameters::read(claims.as_object())?;
        // Last: what is refused is not used up.
        if let Some(replay) = &self.replay {
            let id = claims.token_id().ok_or(ClaimsError::Missing("jti"))?;
            let id = format!("request_object {} {id}", presented.client_id());
            let until = expires + self.leeway;
            replay.remember(&Thumbprint::of(key), &id, until, now).map_err(RequestObjectError::Replay)?;
        }
        Ok(VerifiedRequestObject { client_id: presented.client_id().into(), parameters, expires })
    }

    /// JAR-2.
    fn check_times(&self, claims: &Claims, now: UnixTime) -> Result<UnixTime, RequestObjectError> {
        let expires = claims.expires().ok_or(ClaimsError::Missing("exp"))?;
        claims.check_times(now, self.leeway)?;
        // What says not when it was made was made now.
        let latest = now + self.leeway;
        let begun = claims.issued_at().map_or(latest, |iat| iat.min(latest));
        if expires.since(begun) > self.max_lifetime {
            return Err(RequestObjectError::LifetimeTooLong);
        }
        Ok(expires)
    }

    /// JAR-1: one, and it is this server.
    fn check_audience(&self, claims: &Claims) -> Result<(), RequestObjectError> {
        let audience = claims.audience().ok_or(ClaimsError::Missing("aud"))?;
        let only = match audience.as_array() {
            None => audience,
            Some(mut all) => match (all.next(), all.next()) {
                (Some(only), None) => only,
                _ => return Err(RequestObjectError::MultipleAudiences),
            },
        };
        if only.is_str(self.issuer.as_str()) { Ok(()) } else { Err(RequestObjectError::AudienceMismatch) }
    }
}

/// JAR-1: whose request it is, is said three times.
fn check_client(claims: &Claims, client_id: &str) -> Result<(), RequestObjectError> {
    let issuer = claims.issuer().ok_or(ClaimsError::Missing("iss"))?;
    let inside = claims.get("client_id").ok_or(ClaimsError::Missing("client_id"))?;
    let inside = inside.as_str().ok_or(ClaimsError::WrongType("client_id"))?;
    if *issuer == *client_id && *inside == *client_id {
        Ok(())
    } else {
        Err(RequestObjectError::ClientMismatch)
    }
}

/// JAR-1, JAR-2.
fn refuse_other_kinds(claims: &Claims) -> Result<(), RequestObjectError> {
    if claims.get("request").or_else(|| claims.get("request_uri")).is_some() {
        return Err(RequestObjectError::Nested);
    }
    if claims.get("events").is_some() {
        return Err(RequestObjectError::Events);
    }
    if claims.get("cnf").is_some() {
        return Err(RequestObjectError::Confirmation);
    }
    if claims.subject().is_some() { Err(RequestObjectError::Subject) } else { Ok(()) }
}

/// Options of a [`RequestObjectVerifier`]; every default is the strict one.
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct RequestObjectVerifierBuilder(RequestObjectVerifier);

impl RequestObjectVerifierBuilder {
    /// Takes each request object once; it must have a `jti` then. Default: as often as it is shown, until it expires. What was pushed counts once anyway (PAR-3).
    pub fn once(mut self, replay: impl ReplayStore + 'static) -> Self {
        self.0.replay = Some(Arc::new(replay));
        self
    }

    /// The longest time from `iat` to `exp`. Default and maximum: 5 min.
    pub fn max_lifetime(mut self, lifetime: Duration) -> Self {
        self.0.max_lifetime = lifetime.min(MAX_LIFETIME);
        self
    }

    /// How far clocks may disagree. Default: 30 s; at most 60 s.
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.0.leeway = leeway.min(MAX_LEEWAY);
        self
    }

    /// Finishes; it cannot fail, since what is required was asked for first.
    #[must_use]
    pub fn build(self) -> RequestObjectVerifier {
        self.0
    }
}

/// A request object that passed every check of a [`RequestObjectVerifier`]; there is no other way to get one.
///
/// What it asks for, [`AuthorizationRequest::read`](crate::AuthorizationRequest::read) and [`RequestOrigin::read`](crate::RequestOrigin::read) take from its
/// [`parameters`](Self::parameters), and from nowhere else: the query that it came in can have been written by anybody.
#[derive(Clone)]
pub struct VerifiedRequestObject {
    client_id: Box<str>,
    parameters: Parameters,
    expires: UnixTime,
}

impl VerifiedRequestObject {
    /// The client that signed it.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// The parameters of the request: those inside alone.
    #[must_use]
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// `exp`.
    #[must_use]
    pub fn not_after(&self) -> UnixTime {
        self.expires
    }
}

/// Shows whose it is, and the names of its parameters.
impl fmt::Debug for VerifiedRequestObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedRequestObject")
            .field("client_id", &self.client_id)
            .field("parameters", &self.parameters)
            .field("not_after", &self.expires)
            .finish()
    }
}

/// JAR-2.
const MAX_LIFETIME: Duration = Duration::from_secs(300);

const DEFAULT_LEEWAY: Duration = Duration::from_secs(30);

/// JO-CLM-03.
const MAX_LEEWAY: Duration = Duration::from_secs(60);
