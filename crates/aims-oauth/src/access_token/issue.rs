//! Issuing access tokens.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aims_credential::LineageId;
use aims_jose::json::ObjectWriter;
use aims_jose::{ClaimsError, NewClaims, NewHeader, UnsignedJws, base64url};
use aims_keys::{AsyncSigner, Backend, PublicKey, SignError, Signer, UnixTime};

use super::{ACCESS_TOKEN_TYPE, NewActor, TokenBinding};
use crate::{AccessToken, AuthorizationDetails, Issuer, Lineage, LineageError, Resource, Scope};

/// What an access token shall say: about whom, for which client, for which resource.
///
/// ```
/// # use std::time::Duration;
/// # use aims_jose::Thumbprint;
/// use aims_oauth::{AccessTokenRequest, TokenBinding};
///
/// # let key: Thumbprint = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo".parse()?;
/// let request = AccessTokenRequest::new("user-1", "spiffe://acme.example/agents/travel", "https://tools.example".parse()?)
///     .scope("trips:book".parse()?)
///     .bound_to(TokenBinding::Key(key))
///     .lifetime(Duration::from_secs(120));
/// # let _ = request;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a request does nothing until a token is issued for it"]
pub struct AccessTokenRequest<'a> {
    subject: Cow<'a, str>,
    client_id: Cow<'a, str>,
    resource: Resource,
    scope: Scope,
    details: Option<AuthorizationDetails>,
    binding: Option<TokenBinding>,
    actor: Option<NewActor<'a>>,
    lineage: Lineage,
    lifetime: Option<Duration>,
    not_after: Option<UnixTime>,
    auth_time: Option<UnixTime>,
    acr: Option<&'a str>,
    transaction: Option<Cow<'a, str>>,
    /// Whose names are in it, where it comes from a token.
    names_of: Option<Issuer>,
}

impl<'a> AccessTokenRequest<'a> {
    /// About this subject: the user that the agent acts for, or the agent itself, if it acts for nobody else (ACT-2). For this client, the agent (AIMS-25),
    /// and for one resource server (ACT-3).
    pub fn new(
        subject: impl Into<Cow<'a, str>>,
        client_id: impl Into<Cow<'a, str>>,
        resource: Resource,
    ) -> Self {
        Self {
            subject: subject.into(),
            client_id: client_id.into(),
            resource,
            scope: Scope::none(),
            details: None,
            binding: None,
            actor: None,
            lineage: Lineage::none(),
            lifetime: None,
            not_after: None,
            auth_time: None,
            acr: None,
            transaction: None,
            names_of: None,
        }
    }

    /// With this scope. Default: none.
    pub fn scope(mut self, scope: Scope) -> Self {
        self.scope = scope;
        self
    }

    /// With these details. Default: none.
    pub fn details(mut self, details: AuthorizationDetails) -> Self {
        self.details = Some(details);
        self
    }

    /// For the holder of this key or certificate alone. Default: whoever shows the token may use it (SEC-4).
    pub fn bound_to(mut self, binding: TokenBinding) -> Self {
        self.binding = Some(binding);
        self
    }

    /// This one acts for the subject. Default: the client, without saying so.
    pub fn acting(mut self, actor: NewActor<'a>) -> Self {
        self.actor = Some(actor);
        self
    }

    /// Comes from these, the grant first: it ends with any of them.
    pub fn from(mut self, lineage: Lineage) -> Self {
        self.lineage = lineage;
        self
    }

    /// Valid for this long, in place of the issuer's default.
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = Some(lifetime);
        self
    }

    /// Valid until this at most: as long as the credential that it is bound to, or the token that it comes from (MTL-4, EXC-3, design D8).
    pub fn not_after(mut self, time: UnixTime) -> Self {
        self.not_after = Some(self.not_after.map_or(time, |known| known.min(time)));
        self
    }

    /// When and how strongly the user was authenticated (CHA-4).
    pub fn authenticated(mut self, at: UnixTime, acr: Option<&'a str>) -> Self {
        (self.auth_time, self.acr) = (Some(at), acr);
        self
    }

    /// Comes from a token of this issuer: what that says of subject and actors, it says by names of its own, and nobody else repeats it as their own.
    pub(crate) fn of_issuer(mut self, issuer: Issuer) -> Self {
        self.names_of = Some(issuer);
        self
    }

    /// In this transaction.
    pub fn transaction(mut self, id: impl Into<Cow<'a, str>>) -> Self {
        self.transaction = Some(id.into());
        self
    }
}

/// Issues the access tokens of an authorization server.
///
/// Its key is a [`Signer`]; with [`external`](Self::external) it is wherever the caller has it, and tokens are made in two steps.
pub struct AccessTokenIssuer<S: ?Sized = dyn Signer> {
    signer: Arc<S>,
    issuer: Issuer,
    header: NewHeader,
    lifetime: Duration,
    max_lifetime: Duration,
}

/// A token that was issued, and what its issuer has to remember of it.
#[derive(Debug)]
pub struct IssuedAccessToken {
    token: AccessToken,
    known: Known,
}

/// What is known of a token before it is signed.
#[derive(Debug)]
struct Known {
    issuer: Issuer,
    id: String,
    expires: UnixTime,
    backend: Backend,
}

impl AccessTokenIssuer {
    /// Issues as `issuer`, and signs with a key that is published as `key_id`.
    ///
    /// # Errors
    ///
    /// [`AccessTokenIssueError::KeyId`].
    pub fn new(issuer: Issuer, signer: Arc<dyn Signer>, key_id: &str) -> Result<Self, AccessTokenIssueError> {
        let header = header(signer.public_key(), key_id)?;
        Ok(Self { signer, issuer, header, lifetime: DEFAULT_LIFETIME, max_lifetime: DEFAULT_MAX_LIFETIME })
    }

    /// Issues a token.
    ///
    /// # Errors
    ///
    /// [`AccessTokenIssueError`] names the first check that failed.
    pub fn issue(
        &self,
        request: &AccessTokenRequest<'_>,
        now: UnixTime,
    ) -> Result<IssuedAccessToken, AccessTokenIssueError> {
        self.prepare(request, now)?.sign(&*self.signer)
    }
}

impl AccessTokenIssuer<PublicKey> {
    /// An issuer that only [prepares](Self::prepare) tokens: the owner of `key` signs them elsewhere.
    ///
    /// # Errors
    ///
    /// As [`new`](AccessTokenIssuer::new).
    pub fn external(issuer: Issuer, key: PublicKey, key_id: &str) -> Result<Self, AccessTokenIssueError> {
        let header = header(&key, key_id)?;
        let (lifetime, max_lifetime) = (DEFAULT_LIFETIME, DEFAULT_MAX_LIFETIME);
        Ok(Self { signer: Arc::new(key), issuer, header, lifetime, max_lifetime })
    }
}

impl<S: ?Sized> AccessTokenIssuer<S> {
    /// How long tokens are valid, unless a request says otherwise. Default: 5 min (ACT-7).
    #[must_use]
    pub fn with_lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime.min(self.max_lifetime);
        self
    }

    /// The longest lifetime that a request may ask for. Default: 1 h; at most 24 h.
    #[must_use]
    pub fn with_max_lifetime(mut self, lifetime: Duration) -> Self {
        self.max_lifetime = lifetime.min(MAX_LIFETIME);
        self.lifetime = self.lifetime.min(self.max_lifetime);
        self
    }

    /// Its identifier.
    #[must_use]
    pub fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// Writes a token, to be signed by whoever has the key.
    ///
    /// # Errors
    ///
    /// As [`issue`](AccessTokenIssuer::issue).
    pub fn prepare(
        &self,
        request: &AccessTokenRequest<'_>,
        now: UnixTime,
    ) -> Result<UnsignedAccessToken, AccessTokenIssueError> {
        if request.names_of.as_ref().is_some_and(|issuer| *issuer != self.issuer) {
            return Err(AccessTokenIssueError::ForeignParent);
        }
        let lifetime = request.lifetime.unwrap_or(self.lifetime);
        if lifetime > self.max_lifetime {
            return Err(AccessTokenIssueError::Lifetime);
        }
        let expires = request.not_after.map_or(now + lifetime, |end| end.min(now + lifetime));
        if expires <= now {
            return Err(AccessTokenIssueError::Lifetime);
        }
        let backend = self.header.key().backend();
        let mut id = [0; 16];
        backend.fill_random(&mut id).map_err(|_| AccessTokenIssueError::Sign(SignError::Backend))?;
        let id = base64url::encode(id);

        let mut claims = NewClaims::new();
        claims.issuer(self.issuer.as_str()).subject(&request.subject).audience(request.resource.as_str());
        claims.issued_at(now).expires(expires).token_id(&id);
        request.write(claims.extensions());
        let claims = claims.finish().map_err(AccessTokenIssueError::Claims)?;
        let known = Known { issuer: self.issuer.clone(), id, expires, backend };
        Ok(UnsignedAccessToken { token: self.header.unsigned(claims), known })
    }
}

impl AccessTokenRequest<'_> {
    /// What the client is told that its token is good for, where that is another than it asked for (WIR-7).
    #[must_use]
    pub fn granted_scope(&self) -> &Scope {
        &self.scope
    }

    /// What the client is told that its token is good for (RAR-3).
    #[must_use]
    pub fn granted_details(&self) -> Option<&AuthorizationDetails> {
        self.details.as_ref()
    }

    /// What RFC 7519 does not register.
    fn write(&self, to: &mut ObjectWriter) {
        to.str("client_id", &self.client_id);
        if !self.scope.is_empty() {
            to.str("scope", self.scope.as_str());
        }
        if let Some(details) = &self.details {
            to.value("authorization_details", details.as_value());
        }
        if let Some(binding) = &self.binding {
            to.object("cnf", |cnf| {
                match binding {
                    TokenBinding::Certificate(hash) => cnf.str("x5t#S256", &base64url::encode(hash)),
                    TokenBinding::Key(thumbprint) => cnf.str("jkt", &thumbprint.to_string()),
                };
            });
        }
        if let Some(actor) = &self.actor {
            actor.write(to);
        }
        if let Some(time) = self.auth_time {
            to.u64("auth_time", time.as_secs());
        }
        if let Some(acr) = self.acr {
            to.str("acr", acr);
        }
        if let Some(transaction) = &self.transaction {
            to.str("txn", transaction);
        }
        self.lineage.write(to);
    }
}

/// A token that lacks its issuer's signature.
#[derive(Debug)]
pub struct UnsignedAccessToken {
    token: UnsignedJws,
    known: Known,
}

impl UnsignedAccessToken {
    /// The bytes to be signed.
    #[must_use]
    pub fn signing_input(&self) -> &[u8] {
        self.token.signing_input()
    }

    /// Completes the token with a signature made elsewhere, which is verified first.
    ///
    /// # Errors
    ///
    /// [`AccessTokenIssueError::Signature`].
    pub fn attach(self, signature: &[u8]) -> Result<IssuedAccessToken, AccessTokenIssueError> {
        let token = self.token.attach(signature).map_err(|_| AccessTokenIssueError::Signature)?;
        IssuedAccessToken::of(token, self.known)
    }

    /// Signs and completes the token with the issuer's key.
    ///
    /// # Errors
    ///
    /// [`AccessTokenIssueError::Sign`], also when `signer` has another key.
    pub fn sign<S: Signer + ?Sized>(self, signer: &S) -> Result<IssuedAccessToken, AccessTokenIssueError> {
        let token = self.token.sign(signer).map_err(AccessTokenIssueError::Sign)?;
        IssuedAccessToken::of(token, self.known)
    }

    /// As [`sign`](Self::sign), without blocking.
    ///
    /// # Errors
    ///
    /// As [`sign`](Self::sign).
    pub async fn sign_async<S: AsyncSigner + ?Sized>(
        self,
        signer: &S,
    ) -> Result<IssuedAccessToken, AccessTokenIssueError> {
        let token = self.token.sign_async(signer).await.map_err(AccessTokenIssueError::Sign)?;
        IssuedAccessToken::of(token, self.known)
    }
}

impl IssuedAccessToken {
    /// The token, for the client.
    #[must_use]
    pub fn token(&self) -> &AccessToken {
        &self.token
    }

    /// The same, by value.
    #[must_use]
    pub fn into_token(self) -> AccessToken {
        self.token
    }

    /// `jti`.
    #[must_use]
    pub fn token_id(&self) -> &str {
        &self.known.id
    }

    /// `exp`.
    #[must_use]
    pub fn not_after(&self) -> UnixTime {
        self.known.expires
    }

    /// What names it in the lineage of what is derived from it, and marks it (REV-2).
    #[must_use]
    pub fn lineage_id(&self) -> LineageId {
        LineageId::of(self.known.issuer.as_str(), &self.known.id, self.known.backend)
    }

    fn of(token: String, known: Known) -> Result<Self, AccessTokenIssueError> {
        let token = token.try_into().map_err(|_| AccessTokenIssueError::TooLong)?;
        Ok(Self { token, known })
    }
}

impl<S: ?Sized> fmt::Debug for AccessTokenIssuer<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessTokenIssuer")
            .field("issuer", &self.issuer)
            .field("header", &self.header)
            .field("lifetime", &self.lifetime)
            .finish_non_exhaustive()
    }
}

/// Why an access token was not issued, one reason per check.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AccessTokenIssueError {
    /// Subject, client or another claim is one that no verifier reads.
    #[error("the claims cannot be written")]
    Claims(#[source] ClaimsError),
    /// It would come from a token of another issuer, whose names are not names here.
    #[error("the token that it comes from is of another issuer")]
    ForeignParent,
    /// The identifier of the issuer's key is malformed.
    #[error("the key identifier is malformed")]
    KeyId,
    /// The lifetime is over before it began, or longer than the issuer allows.
    #[error("the lifetime is not one that the issuer allows")]
    Lifetime,
    /// What it comes from has more ancestors than there may be.
    #[error(transparent)]
    Lineage(#[from] LineageError),
    /// The issuer's key did not sign.
    #[error("the token could not be signed")]
    Sign(#[source] SignError),
    /// The signature that was attached is not the issuer's over this token.
    #[error("the signature does not verify")]
    Signature,
    /// The token would be longer than verifiers take.
    #[error("the token would be too long")]
    TooLong,
}

impl AccessTokenIssueError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Claims(_) => "bad_claims",
            Self::ForeignParent => "foreign_parent",
            Self::KeyId => "malformed_key_id",
            Self::Lifetime => "bad_lifetime",
            Self::Lineage(error) => error.code(),
            Self::Sign(error) => error.code(),
            Self::Signature => "bad_signature",
            Self::TooLong => "token_too_long",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Claims(error) => error.rule(),
            Self::ForeignParent => "EXC-4",
            Self::KeyId => "JO-HDR-05",
            Self::Lifetime => "ACT-7",
            Self::Lineage(error) => error.rule(),
            Self::Sign(error) => error.rule(),
            Self::Signature => "JO-SIGN-02",
            Self::TooLong => "WIR-9",
        }
    }
}

fn header(key: &PublicKey, key_id: &str) -> Result<NewHeader, AccessTokenIssueError> {
    NewHeader::with_key_id(ACCESS_TOKEN_TYPE, key, key_id).map_err(|_| AccessTokenIssueError::KeyId)
}

const DEFAULT_LIFETIME: Duration = Duration::from_secs(300);

const DEFAULT_MAX_LIFETIME: Duration = Duration::from_secs(60 * 60);

const MAX_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);
