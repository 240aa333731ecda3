//! Verifying a grant (`docs/spec/cross-domain.md` section 5).

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use aims_credential::{LineageId, Marks, ReplayStore};
use aims_jose::json::{Kind, Value};
use aims_jose::jwt::claim;
use aims_jose::{
    Claims, ClaimsError, Confirmation, Header, JwsError, Limits, Thumbprint, UnverifiedJws, base64url, json,
};
use aims_keys::{Backend, UnixTime};

use super::verified::Cuts;
use super::{GrantError, GrantProfile, GrantReuse, VerifiedGrant};
use crate::access_token::check_actors;
use crate::{
    AccessTokenError, AuthorizationDetails, Issuer, IssuerKeysError, Lineage, Resource, Scope, SecurityToken,
    TrustedIssuer, VerifiedDpopProof, lineage,
};

/// Verifies the grants of other domains, at the authorization server that they are for.
#[derive(Clone, Debug)]
pub struct GrantVerifier {
    own: Issuer,
    trusted: BTreeMap<Box<str>, (TrustedIssuer, Vec<GrantProfile>)>,
    reuse: HashMap<GrantProfile, GrantReuse>,
    replay: Arc<dyn ReplayStore>,
    marks: Option<Arc<dyn Marks>>,
    backend: Backend,
    leeway: Duration,
}

impl GrantVerifier {
    /// Starts from what has no safe default: who this server is, and what remembers grants that were used.
    pub fn builder(
        own: Issuer,
        replay: impl ReplayStore + 'static,
        backend: Backend,
    ) -> GrantVerifierBuilder {
        GrantVerifierBuilder(Self {
            own,
            trusted: BTreeMap::new(),
            reuse: HashMap::new(),
            replay: Arc::new(replay),
            marks: None,
            backend,
            leeway: LEEWAY,
        })
    }

    /// Has the keys fetched that a grant needs, of an issuer that is [followed](TrustedIssuer::following): call it before [`verify`](Self::verify).
    ///
    /// # Errors
    ///
    /// [`IssuerKeysError`]: nobody knows the keys of the issuer now, so that the grant may be good.
    pub async fn prepare(&self, grant: &SecurityToken, now: UnixTime) -> Result<(), IssuerKeysError> {
        let Ok(jws) = UnverifiedJws::parse(grant.expose(), &Limits::new()) else { return Ok(()) };
        let key_id = jws.header().key_id().map(ToOwned::to_owned);
        let (payload, _) = jws.peek().into_untrusted_payload();
        let Ok(claims) = Claims::read(payload, &json::Limits::new()) else { return Ok(()) };
        match claims.issuer().and_then(|issuer| self.trusted.get(&*issuer)) {
            Some((issuer, _)) => issuer.prepare(key_id.as_deref(), now).await,
            None => Ok(()),
        }
    }

    /// Checks a grant that a client has shown which authenticated as `client_id`, with this `DPoP` proof if it sent one.
    ///
    /// # Errors
    ///
    /// [`GrantError`] names the first check that failed.
    pub fn verify(
        &self,
        grant: &SecurityToken,
        client_id: &str,
        proof: Option<&VerifiedDpopProof>,
        now: UnixTime,
    ) -> Result<VerifiedGrant, GrantError> {
        let jws = UnverifiedJws::parse(grant.expose(), &Limits::new())?;
        let profile = profile_of(jws.header())?;
        if jws.header().is_nested() {
            return Err(JwsError::Nested.into());
        }
        // Only the issuer is used before the signature is checked, and only to choose the key.
        let (payload, jws) = jws.peek().into_untrusted_payload();
        let claims = Claims::read(payload, &json::Limits::new())?;
        let issuer = claims.issuer().ok_or(ClaimsError::Missing("iss"))?;
        if *issuer == *self.own.as_str() {
            return Err(GrantError::SelfIssued);
        }
        let trusted = self.trusted.get(&*issuer).filter(|(_, profiles)| profiles.contains(&profile));
        let (trusted, _) = trusted.ok_or(GrantError::UnknownIssuer)?;
        let key = trusted.key_for::<GrantError>(jws.header(), now)?;
        jws.verify(&key, trusted.algorithms())?;
        let signer = Thumbprint::of(&key);

        self.check_audience(&claims)?;
        let expires = self.check_times(&claims, profile, now)?;
        refuse_other_kinds(&claims)?;
        check_client(&claims, profile, client_id)?;
        if let Some(act) = claims.get("act") {
            check_actors(act).map_err(|error| match error {
                AccessTokenError::ActorsTooDeep => GrantError::TooManyActors,
                _ => GrantError::Actor,
            })?;
            // Who acts there is known there: no other domain says who of this one does.
            if act.get("iss").is_some_and(|issuer| issuer.is_str(self.own.as_str())) {
                return Err(GrantError::Actor);
            }
        }
        let key = self.check_key(&claims, proof)?;
        let scope = text(&claims, "scope")?.map(|scope| scope.parse::<Scope>()).transpose()?;
        let resources = resources(claims.get("resource"))?;
        let details =
            claims.get("authorization_details").map(AuthorizationDetails::from_value).transpose()?;
        for name in ["txn", "tenant", "acr"] {
            text(&claims, name)?;
        }
        let auth_time = claims.get("auth_time").map(|time| claim::date("auth_time", time)).transpose()?;
        let lineage = claims.get(lineage::CLAIM).map(Lineage::read).transpose()?.unwrap_or_default();
        if matches!(profile, GrantProfile::TransactionChain) && claims.get("txn").is_none() {
            return Err(ClaimsError::Missing("txn").into());
        }
        let issuer = trusted.issuer().clone();
        let own_id = match claims.token_id() {
            Some(id) => LineageId::of(issuer.as_str(), &id, self.backend),
            None => LineageId::of(issuer.as_str(), &self.hash_of_signed(grant), self.backend),
        };
        let client = client_id.into();
        let verified = VerifiedGrant {
            profile,
            issuer,
            claims,
            expires,
            scope,
            resources,
            details,
            key,
            auth_time,
            client,
            lineage,
            own_id,
            shown: proof.map(|proof| *proof.thumbprint()),
            cuts: Cuts { own: self.own.clone(), marks: self.marks.clone(), leeway: self.leeway },
        };
        verified.check_marks().map_err(GrantError::Lapsed)?;
        // Last: what is refused is not used up. What names no client is nobody's to use again (JAG-25).
        if self.reuse_of(profile) == GrantReuse::Once || verified.claims().get("client_id").is_none() {
            self.use_up(grant, &verified, &signer, now)?;
        }
        Ok(verified)
    }

    /// JAG-20, XD-11, XD-18: one, and it is this server.
    fn check_audience(&self, claims: &Claims) -> Result<(), GrantError> {
        let audience = claims.audience().ok_or(ClaimsError::Missing("aud"))?;
        if audience.as_array().is_some_and(|all| all.count() != 1) {
            return Err(ClaimsError::MultipleAudiences.into());
        }
        if claim::audience_is_one_of(audience, &[self.own.as_str()])? {
            Ok(())
        } else {
            Err(GrantError::AudienceMismatch)
        }
    }

    fn check_times(
        &self,
        claims: &Claims,
        profile: GrantProfile,
        now: UnixTime,
    ) -> Result<UnixTime, GrantError> {
        let expires = claims.expires().ok_or(ClaimsError::Missing("exp"))?;
        if profile == GrantProfile::IdJag {
            claims.issued_at().ok_or(ClaimsError::Missing("iat"))?;
            claims.token_id().ok_or(ClaimsError::Missing("jti"))?;
        }
        claims.check_times(now, self.leeway)?;
        if expires > now + MAX_LIFETIME + self.leeway {
            return Err(GrantError::LifetimeTooLong);
        }
        Ok(expires)
    }

    /// JAG-23, XD-17.
    fn check_key(
        &self,
        claims: &Claims,
        proof: Option<&VerifiedDpopProof>,
    ) -> Result<Option<Thumbprint>, GrantError> {
        let Some(cnf) = claims.get("cnf").or_else(|| claims.get("requested_cnf")) else { return Ok(None) };
        match Confirmation::read(cnf, self.backend)? {
            Confirmation::Thumbprint(key) => {
                let is_shown = proof.is_some_and(|proof| *proof.thumbprint() == key);
                if is_shown { Ok(Some(key)) } else { Err(GrantError::KeyMismatch) }
            }
            _ => Err(GrantError::Confirmation),
        }
    }

    /// XD-15: by `jti`, or by what was signed where it has none.
    fn use_up(
        &self,
        grant: &SecurityToken,
        verified: &VerifiedGrant,
        signer: &Thumbprint,
        now: UnixTime,
    ) -> Result<(), GrantError> {
        let id = match verified.token_id() {
            Some(id) => format!("grant {} {id}", verified.issuer()),
            None => format!("grant {}", self.hash_of_signed(grant)),
        };
        let until = verified.not_after() + self.leeway + Duration::from_secs(1);
        self.replay.remember_from_anyone(signer, &id, until, now).map_err(GrantError::Replay)
    }

    /// JO-ALG-06: of what was signed, for there are several signatures over one text.
    fn hash_of_signed(&self, grant: &SecurityToken) -> String {
        let signed = grant.expose().rsplit_once('.').map(|(signed, _)| signed).unwrap_or_default();
        base64url::encode(self.backend.sha256(signed.as_bytes()))
    }

    fn reuse_of(&self, profile: GrantProfile) -> GrantReuse {
        self.reuse.get(&profile).copied().unwrap_or_else(|| profile.reuse())
    }
}

/// Options of a [`GrantVerifier`].
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct GrantVerifierBuilder(GrantVerifier);

impl GrantVerifierBuilder {
    /// Believes grants of these kinds by this issuer, by its own keys alone (JBG-2, XD-13).
    pub fn trust(mut self, issuer: TrustedIssuer, profiles: &[GrantProfile]) -> Self {
        self.0.trusted.insert(issuer.issuer().as_str().into(), (issuer, profiles.to_vec()));
        self
    }

    /// What was cut off here before its time: grants, their subjects and clients, and what they come from (AZR-10). Default: nothing is known.
    pub fn marks(mut self, marks: impl Marks + 'static) -> Self {
        self.0.marks = Some(Arc::new(marks));
        self
    }

    /// How often grants of a kind count. Default: [`GrantProfile::reuse`].
    pub fn reuse(mut self, profile: GrantProfile, reuse: GrantReuse) -> Self {
        self.0.reuse.insert(profile, reuse);
        self
    }

    /// Finishes; it cannot fail, since what is required was asked for first.
    #[must_use]
    pub fn build(self) -> GrantVerifier {
        self.0
    }
}

/// JBG-5.
fn profile_of(header: &Header) -> Result<GrantProfile, GrantError> {
    if header.typ().is_none() {
        return Ok(GrantProfile::Chaining);
    }
    let known = [GrantProfile::Chaining, GrantProfile::IdJag, GrantProfile::TransactionChain];
    known
        .into_iter()
        .find(|known| header.require_media_type(known.typ()).is_ok())
        .ok_or(GrantError::WrongType)
}

/// JO-CLM-10: what has the same type, and says by its claims that it is something else.
fn refuse_other_kinds(claims: &Claims) -> Result<(), GrantError> {
    let subject = claims.subject().ok_or(ClaimsError::Missing("sub"))?;
    if claims.issuer() == Some(subject) {
        return Err(GrantError::IssuerIsSubject);
    }
    if claims.get("events").is_some() {
        return Err(GrantError::Events);
    }
    match OF_ID_TOKENS.iter().find(|name| claims.get(name).is_some()) {
        Some(name) => Err(GrantError::ForeignClaim(name)),
        None => Ok(()),
    }
}

/// JAG-21: the claim is there in an ID-JAG; where another grant has it, it means the same.
fn check_client(claims: &Claims, profile: GrantProfile, client_id: &str) -> Result<(), GrantError> {
    match claims.get("client_id") {
        None if profile == GrantProfile::IdJag => Err(ClaimsError::Missing("client_id").into()),
        None => Ok(()),
        Some(value) if value.is_str(client_id) => Ok(()),
        Some(value) if value.kind() != Kind::String => Err(ClaimsError::WrongType("client_id").into()),
        Some(_) => Err(GrantError::ClientMismatch),
    }
}

fn text<'c>(claims: &'c Claims, name: &'static str) -> Result<Option<std::borrow::Cow<'c, str>>, GrantError> {
    Ok(claims.get(name).map(|value| claim::text(name, value)).transpose()?)
}

/// One, or a list of them.
fn resources(value: Option<Value<'_>>) -> Result<Vec<Resource>, GrantError> {
    let Some(value) = value else { return Ok(Vec::new()) };
    let wrong = ClaimsError::WrongType("resource");
    if let Some(one) = value.as_str() {
        return Ok(vec![one.parse()?]);
    }
    let mut all = Vec::new();
    for one in value.as_array().ok_or(wrong.clone())? {
        all.push(one.as_str().ok_or(wrong.clone())?.parse()?);
    }
    if all.is_empty() { Err(wrong.into()) } else { Ok(all) }
}

/// IDT-6.
const OF_ID_TOKENS: [&str; 4] = ["at_hash", "azp", "c_hash", "nonce"];

const LEEWAY: Duration = Duration::from_secs(30);

/// Grants of other domains are for now.
const MAX_LIFETIME: Duration = Duration::from_secs(300);
