//! Issuing ID Tokens.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aims_jose::json::ObjectWriter;
use aims_jose::{ClaimsError, NewClaims, NewHeader, UnsignedJws};
use aims_keys::{AsyncSigner, PublicKey, SignError, Signer, UnixTime};

use super::hash::left_half;
use super::{AUTH_REQ_ID, ID_TOKEN_TYPE, RT_HASH, is_subject, is_workload};
use crate::{AccessToken, AuthRequestId, AuthorizationCode, IdToken, Issuer, RefreshToken};

/// What an ID Token shall say: about whom, to which client.
///
/// ```
/// # use aims_keys::UnixTime;
/// use aims_oauth::IdTokenRequest;
///
/// # let now = UnixTime::from_secs(1_790_000_000);
/// # let access_token = "a".parse()?;
/// let request = IdTokenRequest::new("user-1", "travel-agent")
///     .authenticated(now, Some("urn:example:two-factors"))
///     .nonce("n-0S6_WzA2Mj")
///     .with_access_token(&access_token);
/// # let _ = request;
/// # Ok::<(), aims_oauth::SecretError>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use = "a request does nothing until a token is issued for it"]
pub struct IdTokenRequest<'a> {
    subject: &'a str,
    client_id: &'a str,
    nonce: Option<&'a str>,
    auth_time: Option<UnixTime>,
    acr: Option<&'a str>,
    amr: &'a [&'a str],
    session: Option<&'a str>,
    access_token: Option<&'a AccessToken>,
    code: Option<&'a AuthorizationCode>,
    refresh_token: Option<&'a RefreshToken>,
    auth_req_id: Option<&'a AuthRequestId>,
    not_after: Option<UnixTime>,
}

impl<'a> IdTokenRequest<'a> {
    /// About this user, for this client alone.
    pub fn new(subject: &'a str, client_id: &'a str) -> Self {
        Self {
            subject,
            client_id,
            nonce: None,
            auth_time: None,
            acr: None,
            amr: &[],
            session: None,
            access_token: None,
            code: None,
            refresh_token: None,
            auth_req_id: None,
            not_after: None,
        }
    }

    /// With the nonce of the request that it answers (IDT-4).
    pub fn nonce(mut self, nonce: &'a str) -> Self {
        self.nonce = Some(nonce);
        self
    }

    /// When and how strongly the user was authenticated (CHA-4).
    pub fn authenticated(mut self, at: UnixTime, acr: Option<&'a str>) -> Self {
        (self.auth_time, self.acr) = (Some(at), acr);
        self
    }

    /// By which methods the user was authenticated.
    pub fn methods(mut self, amr: &'a [&'a str]) -> Self {
        self.amr = amr;
        self
    }

    /// In this session of the user.
    pub fn session(mut self, id: &'a str) -> Self {
        self.session = Some(id);
        self
    }

    /// Together with this access token (IDT-5).
    pub fn with_access_token(mut self, token: &'a AccessToken) -> Self {
        self.access_token = Some(token);
        self
    }

    /// For this code (IDT-5).
    pub fn with_code(mut self, code: &'a AuthorizationCode) -> Self {
        self.code = Some(code);
        self
    }

    /// Together with this refresh token (HIL-12).
    pub fn with_refresh_token(mut self, token: &'a RefreshToken) -> Self {
        self.refresh_token = Some(token);
        self
    }

    /// In answer to this request, which the user was asked about elsewhere (HIL-12).
    pub fn answering(mut self, id: &'a AuthRequestId) -> Self {
        self.auth_req_id = Some(id);
        self
    }

    /// Valid until this at most.
    pub fn not_after(mut self, time: UnixTime) -> Self {
        self.not_after = Some(time);
        self
    }

    /// What RFC 7519 does not register. `azp` is always there: nothing else without a `typ` of its own has it (IDT-6).
    fn write(&self, key: &PublicKey, to: &mut ObjectWriter) -> Result<(), IdTokenIssueError> {
        to.str("azp", self.client_id);
        let hash = |text: Option<&str>| {
            let hash = text.map(|text| left_half(text, key.algorithm(), key.backend()));
            hash.map(|hash| hash.ok_or(IdTokenIssueError::HashUnknown)).transpose()
        };
        let (at_hash, c_hash, rt_hash) = (
            hash(self.access_token.map(AccessToken::expose))?,
            hash(self.code.map(AuthorizationCode::expose))?,
            hash(self.refresh_token.map(RefreshToken::expose))?,
        );
        for (name, value) in [
            ("nonce", self.nonce),
            ("acr", self.acr),
            ("sid", self.session),
            ("at_hash", at_hash.as_deref()),
            ("c_hash", c_hash.as_deref()),
            (RT_HASH, rt_hash.as_deref()),
            (AUTH_REQ_ID, self.auth_req_id.map(AuthRequestId::expose)),
        ] {
            if let Some(value) = value {
                to.str(name, value);
            }
        }
        if let Some(time) = self.auth_time {
            to.u64("auth_time", time.as_secs());
        }
        if !self.amr.is_empty() {
            to.strs("amr", self.amr);
        }
        Ok(())
    }
}

/// Issues the ID Tokens of an authorization server.
///
/// Its key is a [`Signer`]; with [`external`](Self::external) it is wherever the caller has it, and tokens are made in two steps.
pub struct IdTokenIssuer<S: ?Sized = dyn Signer> {
    signer: Arc<S>,
    issuer: Issuer,
    header: NewHeader,
    lifetime: Duration,
}

/// A token that was issued.
#[derive(Debug)]
pub struct IssuedIdToken {
    token: IdToken,
    expires: UnixTime,
}

impl IdTokenIssuer {
    /// Issues as `issuer`, and signs with a key that is published as `key_id`.
    ///
    /// # Errors
    ///
    /// [`IdTokenIssueError::KeyId`].
    pub fn new(issuer: Issuer, signer: Arc<dyn Signer>, key_id: &str) -> Result<Self, IdTokenIssueError> {
        let header = header(signer.public_key(), key_id)?;
        Ok(Self { signer, issuer, header, lifetime: DEFAULT_LIFETIME })
    }

    /// Issues a token.
    ///
    /// # Errors
    ///
    /// [`IdTokenIssueError`] names the first check that failed.
    pub fn issue(
        &self,
        request: &IdTokenRequest<'_>,
        now: UnixTime,
    ) -> Result<IssuedIdToken, IdTokenIssueError> {
        self.prepare(request, now)?.sign(&*self.signer)
    }
}

impl IdTokenIssuer<PublicKey> {
    /// An issuer that only [prepares](Self::prepare) tokens: the owner of `key` signs them elsewhere.
    ///
    /// # Errors
    ///
    /// As [`new`](IdTokenIssuer::new).
    pub fn external(issuer: Issuer, key: PublicKey, key_id: &str) -> Result<Self, IdTokenIssueError> {
        let header = header(&key, key_id)?;
        Ok(Self { signer: Arc::new(key), issuer, header, lifetime: DEFAULT_LIFETIME })
    }
}

impl<S: ?Sized> IdTokenIssuer<S> {
    /// How long tokens are valid. Default: 5 min; at most 1 h.
    #[must_use]
    pub fn with_lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime.min(MAX_LIFETIME);
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
    /// As [`issue`](IdTokenIssuer::issue).
    pub fn prepare(
        &self,
        request: &IdTokenRequest<'_>,
        now: UnixTime,
    ) -> Result<UnsignedIdToken, IdTokenIssueError> {
        // What no verifier of ours takes is not issued (IDT-3, IDT-6).
        if !is_subject(request.subject)
            || request.subject == self.issuer.as_str()
            || is_workload(request.subject)
        {
            return Err(IdTokenIssueError::Subject);
        }
        let end = now + self.lifetime;
        let expires = request.not_after.map_or(end, |not_after| not_after.min(end));
        if expires <= now {
            return Err(IdTokenIssueError::Lifetime);
        }
        let mut claims = NewClaims::new();
        claims.issuer(self.issuer.as_str()).subject(request.subject).audience(request.client_id);
        claims.issued_at(now).expires(expires);
        request.write(self.header.key(), claims.extensions())?;
        let claims = claims.finish().map_err(IdTokenIssueError::Claims)?;
        Ok(UnsignedIdToken { token: self.header.unsigned(claims), expires })
    }
}

/// A token that lacks its issuer's signature.
#[derive(Debug)]
pub struct UnsignedIdToken {
    token: UnsignedJws,
    expires: UnixTime,
}

impl UnsignedIdToken {
    /// The bytes to be signed.
    #[must_use]
    pub fn signing_input(&self) -> &[u8] {
        self.token.signing_input()
    }

    /// Completes the token with a signature made elsewhere, which is verified first.
    ///
    /// # Errors
    ///
    /// [`IdTokenIssueError::Signature`].
    pub fn attach(self, signature: &[u8]) -> Result<IssuedIdToken, IdTokenIssueError> {
        let token = self.token.attach(signature).map_err(|_| IdTokenIssueError::Signature)?;
        IssuedIdToken::of(&token, self.expires)
    }

    /// Signs and completes the token with the issuer's key.
    ///
    /// # Errors
    ///
    /// [`IdTokenIssueError::Sign`], also when `signer` has another key.
    pub fn sign<S: Signer + ?Sized>(self, signer: &S) -> Result<IssuedIdToken, IdTokenIssueError> {
        IssuedIdToken::of(&self.token.sign(signer).map_err(IdTokenIssueError::Sign)?, self.expires)
    }

    /// As [`sign`](Self::sign), without blocking.
    ///
    /// # Errors
    ///
    /// As [`sign`](Self::sign).
    pub async fn sign_async<S: AsyncSigner + ?Sized>(
        self,
        signer: &S,
    ) -> Result<IssuedIdToken, IdTokenIssueError> {
        IssuedIdToken::of(
            &self.token.sign_async(signer).await.map_err(IdTokenIssueError::Sign)?,
            self.expires,
        )
    }
}

impl IssuedIdToken {
    /// The token, for the client.
    #[must_use]
    pub fn token(&self) -> &IdToken {
        &self.token
    }

    /// The same, by value.
    #[must_use]
    pub fn into_token(self) -> IdToken {
        self.token
    }

    /// `exp`.
    #[must_use]
    pub fn not_after(&self) -> UnixTime {
        self.expires
    }

    fn of(token: &str, expires: UnixTime) -> Result<Self, IdTokenIssueError> {
        Ok(Self { token: token.parse().map_err(|_| IdTokenIssueError::TooLong)?, expires })
    }
}

impl<S: ?Sized> fmt::Debug for IdTokenIssuer<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdTokenIssuer")
            .field("issuer", &self.issuer)
            .field("header", &self.header)
            .field("lifetime", &self.lifetime)
            .finish_non_exhaustive()
    }
}

/// Why an ID Token was not issued, one reason per check.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum IdTokenIssueError {
    /// A claim is one that no verifier reads.
    #[error("the claims cannot be written")]
    Claims(#[source] ClaimsError),
    /// The algorithm of the issuer's key names no hash, and access token or code need one.
    #[error("the algorithm of the key names no hash")]
    HashUnknown,
    /// The identifier of the issuer's key is malformed.
    #[error("the key identifier is malformed")]
    KeyId,
    /// The token would have ended already.
    #[error("the token would have ended already")]
    Lifetime,
    /// The issuer's key did not sign.
    #[error("the token could not be signed")]
    Sign(#[source] SignError),
    /// The signature that was attached is not the issuer's over this token.
    #[error("the signature does not verify")]
    Signature,
    /// No user is called that: it is a workload or the issuer, not ASCII, or longer than 255 bytes.
    #[error("the subject is not one that users have")]
    Subject,
    /// The token would be longer than verifiers take.
    #[error("the token would be too long")]
    TooLong,
}

impl IdTokenIssueError {
    /// A stable name for logs, metrics and other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Claims(_) => "bad_claims",
            Self::HashUnknown => "hash_unknown",
            Self::KeyId => "malformed_key_id",
            Self::Lifetime => "bad_lifetime",
            Self::Sign(error) => error.code(),
            Self::Signature => "bad_signature",
            Self::Subject => "bad_subject",
            Self::TooLong => "token_too_long",
        }
    }

    /// The requirement in `docs/spec/` that was broken.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Claims(error) => error.rule(),
            Self::HashUnknown => "IDT-5",
            Self::KeyId => "JO-HDR-05",
            Self::Lifetime => "IDT-3",
            Self::Sign(error) => error.rule(),
            Self::Signature => "JO-SIGN-02",
            Self::Subject => "IDT-6",
            Self::TooLong => "WIR-9",
        }
    }
}

fn header(key: &PublicKey, key_id: &str) -> Result<NewHeader, IdTokenIssueError> {
    NewHeader::with_key_id(ID_TOKEN_TYPE, key, key_id).map_err(|_| IdTokenIssueError::KeyId)
}

const DEFAULT_LIFETIME: Duration = Duration::from_secs(300);

const MAX_LIFETIME: Duration = Duration::from_secs(60 * 60);
