//! Making a request object.

use std::fmt;
use std::time::Duration;

use aims_jose::{JwsError, NewClaims, UnsignedJws, base64url};
use aims_keys::{SignError, UnixTime};
use zeroize::Zeroizing;

use super::parameters;
use crate::{AuthorizationRequest, ClientKey, Fingerprint, Issuer, NewParameters};

/// A request object that is to be made: [`ClientKey::request_object`] begins one.
#[derive(Clone, Copy, Debug)]
#[must_use = "a request object does nothing until it is signed"]
pub struct NewRequestObject<'a> {
    key: &'a ClientKey,
    issuer: &'a Issuer,
    request: &'a AuthorizationRequest,
    lifetime: Duration,
}

impl<'a> NewRequestObject<'a> {
    pub(crate) fn new(key: &'a ClientKey, issuer: &'a Issuer, request: &'a AuthorizationRequest) -> Self {
        Self { key, issuer, request, lifetime: DEFAULT_LIFETIME }
    }

    /// How long it can be used, in whole seconds. Default: 60 s; at most 300 s.
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime.min(MAX_LIFETIME);
        self
    }

    /// Writes it, to be signed by whoever has the key.
    ///
    /// # Errors
    ///
    /// [`SignError::Backend`] without randomness; [`SignError::WrongUse`] when the request is another client's, or cannot be written.
    pub fn prepare(&self, now: UnixTime) -> Result<UnsignedRequestObject, SignError> {
        let client_id = self.key.client_id();
        if self.request.client_id() != client_id {
            return Err(SignError::WrongUse);
        }
        let header = self.key.request_header();
        let mut id = [0; 16];
        header.key().backend().fill_random(&mut id).map_err(|_| SignError::Backend)?;
        let id = base64url::encode(id);
        let mut claims = NewClaims::new();
        claims.issuer(client_id).audience(self.issuer.as_str());
        claims.expires(now + self.lifetime).issued_at(now).token_id(&id);
        parameters::write(self.request, claims.extensions());
        let claims = claims.finish().map_err(|_| SignError::WrongUse)?;
        Ok(UnsignedRequestObject { token: header.unsigned(claims), client_id: client_id.into() })
    }

    /// Makes it.
    ///
    /// # Errors
    ///
    /// [`SignError`].
    pub async fn sign(&self, now: UnixTime) -> Result<RequestObject, SignError> {
        let UnsignedRequestObject { token, client_id } = self.prepare(now)?;
        let token = token.sign_async(self.key.signer()).await?;
        Ok(RequestObject::new(&token, client_id))
    }
}

/// A request object that lacks its signature.
#[derive(Debug)]
pub struct UnsignedRequestObject {
    token: UnsignedJws,
    client_id: Box<str>,
}

impl UnsignedRequestObject {
    /// The bytes to be signed.
    #[must_use]
    pub fn signing_input(&self) -> &[u8] {
        self.token.signing_input()
    }

    /// Completes the request object with a signature made elsewhere, which is verified first.
    ///
    /// # Errors
    ///
    /// [`JwsError::Signature`].
    pub fn attach(self, signature: &[u8]) -> Result<RequestObject, JwsError> {
        Ok(RequestObject::new(&self.token.attach(signature)?, self.client_id))
    }
}

/// A signed request, for the query of an authorization request or to be pushed.
///
/// `Debug` shows its fingerprint alone.
pub struct RequestObject {
    token: Zeroizing<Box<str>>,
    client_id: Box<str>,
}

impl RequestObject {
    /// Adds `client_id` and `request` to a form, which holds nothing else of the request (JAR-1).
    pub fn add_to(&self, form: &mut NewParameters) {
        form.add("client_id", &self.client_id).add("request", &self.token);
    }

    /// The token itself, for the one server that it is for.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.token
    }

    /// What names it in a log.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.token)
    }

    fn new(token: &str, client_id: Box<str>) -> Self {
        Self { token: Zeroizing::new(token.into()), client_id }
    }
}

impl fmt::Debug for RequestObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RequestObject").field(&self.fingerprint()).finish()
    }
}

const DEFAULT_LIFETIME: Duration = Duration::from_secs(60);

/// JAR-2: what servers take.
const MAX_LIFETIME: Duration = Duration::from_secs(300);
