//! Issuing a grant for another domain.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aims_jose::{ClaimsError, JwsError, NewClaims, NewHeader, Thumbprint, base64url};
use aims_keys::{SignError, Signer, UnixTime};

use super::GrantProfile;
use crate::{AuthorizationDetails, Issuer, NewActor, Resource, Scope, SecurityToken};

/// What a grant shall say: about whom, and for which server.
///
/// It says no more than the other domain needs (AIMS-49): what is not asked for by name is not in it.
#[derive(Clone, Debug)]
#[must_use = "a request does nothing until a grant is issued for it"]
pub struct GrantRequest<'a> {
    profile: GrantProfile,
    subject: &'a str,
    audience: &'a Issuer,
    client_id: Option<&'a str>,
    scope: Scope,
    resource: Option<&'a Resource>,
    details: Option<&'a AuthorizationDetails>,
    key: Option<Thumbprint>,
    actor: Option<NewActor<'a>>,
    transaction: Option<&'a str>,
    tenant: Option<&'a str>,
    not_after: Option<UnixTime>,
}

impl<'a> GrantRequest<'a> {
    /// A grant about this subject, for this server alone (XD-3).
    pub fn chaining(subject: &'a str, audience: &'a Issuer) -> Self {
        Self::new(GrantProfile::Chaining, subject, audience, None)
    }

    /// An ID-JAG: for the client that goes by `client_id` **at that server** (JAG-9).
    pub fn id_jag(subject: &'a str, audience: &'a Issuer, client_id: &'a str) -> Self {
        Self::new(GrantProfile::IdJag, subject, audience, Some(client_id))
    }

    /// What goes on there of this transaction (XD-43).
    pub fn transaction_chain(subject: &'a str, audience: &'a Issuer, transaction: &'a str) -> Self {
        let request = Self::new(GrantProfile::TransactionChain, subject, audience, None);
        Self { transaction: Some(transaction), ..request }
    }

    /// For this client alone, by its name at that server.
    pub fn for_client(mut self, client_id: &'a str) -> Self {
        self.client_id = Some(client_id);
        self
    }

    /// Good for this scope at most.
    pub fn scope(mut self, scope: Scope) -> Self {
        self.scope = scope;
        self
    }

    /// Good for this resource of that server's.
    pub fn resource(mut self, resource: &'a Resource) -> Self {
        self.resource = Some(resource);
        self
    }

    /// Good for these details at most.
    pub fn details(mut self, details: &'a AuthorizationDetails) -> Self {
        self.details = Some(details);
        self
    }

    /// For whoever shows this key there, too (JAG-10).
    pub fn bound_to(mut self, key: Thumbprint) -> Self {
        self.key = Some(key);
        self
    }

    /// This one acts for the subject.
    pub fn acting(mut self, actor: NewActor<'a>) -> Self {
        self.actor = Some(actor);
        self
    }

    /// In this transaction.
    pub fn transaction(mut self, id: &'a str) -> Self {
        self.transaction = Some(id);
        self
    }

    /// Of this part of the issuer (JAG-7).
    pub fn tenant(mut self, tenant: &'a str) -> Self {
        self.tenant = Some(tenant);
        self
    }

    /// Until this at most: as long as what it comes from.
    pub fn not_after(mut self, time: UnixTime) -> Self {
        self.not_after = Some(time);
        self
    }

    fn new(
        profile: GrantProfile,
        subject: &'a str,
        audience: &'a Issuer,
        client_id: Option<&'a str>,
    ) -> Self {
        Self {
            profile,
            subject,
            audience,
            client_id,
            scope: Scope::none(),
            resource: None,
            details: None,
            key: None,
            actor: None,
            transaction: None,
            tenant: None,
            not_after: None,
        }
    }

    fn lifetime(&self) -> Duration {
        if self.profile == GrantProfile::IdJag { ID_JAG_LIFETIME } else { LIFETIME }
    }
}

/// Issues the grants of an authorization server.
pub struct GrantIssuer {
    issuer: Issuer,
    signer: Arc<dyn Signer>,
    key_id: String,
}

/// A grant that was issued.
#[derive(Debug)]
pub struct IssuedGrant {
    grant: SecurityToken,
    id: String,
    expires: UnixTime,
}

impl GrantIssuer {
    /// Issues as `issuer`, and signs with a key that is published as `key_id`.
    ///
    /// # Errors
    ///
    /// [`GrantIssueError::KeyId`].
    pub fn new(issuer: Issuer, signer: Arc<dyn Signer>, key_id: &str) -> Result<Self, GrantIssueError> {
        NewHeader::with_key_id("JWT", signer.public_key(), key_id).map_err(|_| GrantIssueError::KeyId)?;
        Ok(Self { issuer, signer, key_id: key_id.to_owned() })
    }

    /// Issues a grant.
    ///
    /// # Errors
    ///
    /// [`GrantIssueError`] names the first check that failed.
    pub fn issue(&self, request: &GrantRequest<'_>, now: UnixTime) -> Result<IssuedGrant, GrantIssueError> {
        if *request.audience == self.issuer {
            return Err(GrantIssueError::Audience);
        }
        let end = now + request.lifetime();
        let expires = request.not_after.map_or(end, |not_after| not_after.min(end));
        if expires <= now {
            return Err(GrantIssueError::Lifetime);
        }
        let key = self.signer.public_key();
        let mut id = [0; 16];
        key.backend().fill_random(&mut id).map_err(|_| GrantIssueError::Sign(SignError::Backend))?;
        let id = base64url::encode(id);
        let mut claims = NewClaims::new();
        claims.issuer(self.issuer.as_str()).subject(request.subject).audience(request.audience.as_str());
        claims.issued_at(now).expires(expires).token_id(&id);
        let more = claims.extensions();
        for (name, value) in [
            ("client_id", request.client_id),
            ("scope", Some(request.scope.as_str()).filter(|scope| !scope.is_empty())),
            ("resource", request.resource.map(Resource::as_str)),
            ("txn", request.transaction),
            ("tenant", request.tenant),
        ] {
            if let Some(value) = value {
                more.str(name, value);
            }
        }
        if let Some(details) = request.details {
            more.value("authorization_details", details.as_value());
        }
        if let Some(key) = request.key {
            more.object("cnf", |cnf| {
                cnf.str("jkt", &key.to_string());
            });
        }
        if let Some(actor) = &request.actor {
            actor.write(more);
        }
        let claims = claims.finish().map_err(GrantIssueError::Claims)?;
        let header = NewHeader::with_key_id(request.profile.typ(), key, &self.key_id)
            .map_err(|_: JwsError| GrantIssueError::KeyId)?;
        let grant = header.unsigned(claims).sign(&*self.signer).map_err(GrantIssueError::Sign)?;
        Ok(IssuedGrant { grant: grant.parse().map_err(|_| GrantIssueError::TooLong)?, id, expires })
    }
}

impl IssuedGrant {
    /// The grant, for the client.
    #[must_use]
    pub fn grant(&self) -> &SecurityToken {
        &self.grant
    }

    /// `jti`.
    #[must_use]
    pub fn token_id(&self) -> &str {
        &self.id
    }

    /// `exp`.
    #[must_use]
    pub fn not_after(&self) -> UnixTime {
        self.expires
    }
}

impl fmt::Debug for GrantIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GrantIssuer")
            .field("issuer", &self.issuer)
            .field("key_id", &self.key_id)
            .finish_non_exhaustive()
    }
}

/// Why a grant was not issued, one reason per check.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum GrantIssueError {
    /// It is for the issuer itself.
    #[error("a grant is for another server")]
    Audience,
    /// Subject, client or another claim is one that no verifier reads.
    #[error("the claims cannot be written")]
    Claims(#[source] ClaimsError),
    /// The identifier of the issuer's key is malformed.
    #[error("the key identifier is malformed")]
    KeyId,
    /// What it comes from has ended.
    #[error("the grant would have ended already")]
    Lifetime,
    /// The issuer's key did not sign.
    #[error("the grant could not be signed")]
    Sign(#[source] SignError),
    /// It would be longer than verifiers take.
    #[error("the grant would be too long")]
    TooLong,
}

impl GrantIssueError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Audience => "own_audience",
            Self::Claims(_) => "bad_claims",
            Self::KeyId => "malformed_key_id",
            Self::Lifetime => "bad_lifetime",
            Self::Sign(error) => error.code(),
            Self::TooLong => "token_too_long",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Audience => "XD-3",
            Self::Claims(error) => error.rule(),
            Self::KeyId => "JO-HDR-05",
            Self::Lifetime => "XD-7",
            Self::Sign(error) => error.rule(),
            Self::TooLong => "WIR-9",
        }
    }
}

/// XD-7.
const LIFETIME: Duration = Duration::from_secs(60);

/// JAG-4.
const ID_JAG_LIFETIME: Duration = Duration::from_secs(300);
