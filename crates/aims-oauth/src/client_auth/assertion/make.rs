//! Making an assertion.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aims_jose::{JwsError, NewClaims, NewHeader, UnsignedJws, base64url};
use aims_keys::{AsyncSigner, SignError, UnixTime};

use super::{ASSERTION_TYPE, ClientAssertion};
use crate::request_object::REQUEST_OBJECT_TYPE;
use crate::{AuthorizationRequest, Issuer, NewRequestObject};

/// The key with which a client says who it is (`private_key_jwt`), and what it asks for (JAR).
///
/// ```
/// use std::sync::Arc;
/// use aims_keys::{Algorithm, SoftwareKey, UnixTime, backend};
/// use aims_oauth::{ClientKey, NewParameters};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let key = Arc::new(SoftwareKey::generate(Algorithm::Es256, backend::ring())?);
/// let client = ClientKey::new("spiffe://acme.example/agents/travel", key, Some("2026-11"))?;
///
/// let mut form = NewParameters::new();
/// form.add("grant_type", "client_credentials");
/// let now = UnixTime::from_secs(1_790_000_000);
/// client.assertion(&"https://as.example".parse()?).sign(now).await?.add_to(&mut form);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct ClientKey {
    client_id: Arc<str>,
    signer: Arc<dyn AsyncSigner>,
    header: NewHeader,
    request_header: NewHeader,
}

impl ClientKey {
    /// Of this client, with the `kid` under which it registered the key.
    ///
    /// # Errors
    ///
    /// [`JwsError::KeyId`].
    pub fn new(
        client_id: impl Into<Arc<str>>,
        signer: Arc<dyn AsyncSigner>,
        key_id: Option<&str>,
    ) -> Result<Self, JwsError> {
        let header = |typ| match key_id {
            Some(kid) => NewHeader::with_key_id(typ, signer.public_key(), kid),
            None => NewHeader::new(typ, signer.public_key()),
        };
        let (header, request_header) = (header(ASSERTION_TYPE)?, header(REQUEST_OBJECT_TYPE)?);
        Ok(Self { client_id: client_id.into(), signer, header, request_header })
    }

    /// The client.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// An assertion for this server alone. Each request needs one of its own (CJA-2, CJA-3).
    pub fn assertion<'a>(&'a self, issuer: &'a Issuer) -> NewClientAssertion<'a> {
        NewClientAssertion { key: self, issuer, lifetime: DEFAULT_LIFETIME }
    }

    /// This request as a JWT, for this server alone, so that nobody changes it on its way (JAR-1).
    pub fn request_object<'a>(
        &'a self,
        issuer: &'a Issuer,
        request: &'a AuthorizationRequest,
    ) -> NewRequestObject<'a> {
        NewRequestObject::new(self, issuer, request)
    }

    pub(crate) fn request_header(&self) -> &NewHeader {
        &self.request_header
    }

    pub(crate) fn algorithm(&self) -> aims_keys::Algorithm {
        self.signer.algorithm()
    }

    pub(crate) fn signer(&self) -> &dyn AsyncSigner {
        &*self.signer
    }
}

/// Shows the client and the key.
impl fmt::Debug for ClientKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientKey")
            .field("client_id", &self.client_id)
            .field("key", self.header.key())
            .finish_non_exhaustive()
    }
}

/// An assertion that is to be made.
#[derive(Clone, Copy, Debug)]
#[must_use = "an assertion does nothing until it is signed"]
pub struct NewClientAssertion<'a> {
    key: &'a ClientKey,
    issuer: &'a Issuer,
    lifetime: Duration,
}

impl NewClientAssertion<'_> {
    /// How long it can be used, in whole seconds. Default: 60 s; at most 300 s.
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime.min(MAX_LIFETIME);
        self
    }

    /// Writes it, to be signed by whoever has the key.
    ///
    /// # Errors
    ///
    /// [`SignError::Backend`] without randomness; [`SignError::WrongUse`] when the identifier of the client cannot be written.
    pub fn prepare(&self, now: UnixTime) -> Result<UnsignedClientAssertion, SignError> {
        let mut id = [0; 16];
        self.key.header.key().backend().fill_random(&mut id).map_err(|_| SignError::Backend)?;
        let id = base64url::encode(id);
        let mut claims = NewClaims::new();
        claims.issuer(&self.key.client_id).subject(&self.key.client_id).audience(self.issuer.as_str());
        claims.expires(now + self.lifetime).issued_at(now).token_id(&id);
        let claims = claims.finish().map_err(|_| SignError::WrongUse)?;
        Ok(UnsignedClientAssertion(self.key.header.unsigned(claims)))
    }

    /// Makes it.
    ///
    /// # Errors
    ///
    /// [`SignError`].
    pub async fn sign(&self, now: UnixTime) -> Result<ClientAssertion, SignError> {
        let token = self.prepare(now)?.0.sign_async(&*self.key.signer).await?;
        Ok(ClientAssertion::jwt_bearer(&token))
    }
}

/// An assertion that lacks its signature.
#[derive(Debug)]
pub struct UnsignedClientAssertion(UnsignedJws);

impl UnsignedClientAssertion {
    /// The bytes to be signed.
    #[must_use]
    pub fn signing_input(&self) -> &[u8] {
        self.0.signing_input()
    }

    /// Completes the assertion with a signature made elsewhere, which is verified first.
    ///
    /// # Errors
    ///
    /// [`JwsError::Signature`].
    pub fn attach(self, signature: &[u8]) -> Result<ClientAssertion, JwsError> {
        Ok(ClientAssertion::jwt_bearer(&self.0.attach(signature)?))
    }
}

const DEFAULT_LIFETIME: Duration = Duration::from_secs(60);

/// CJA-2: what servers take.
const MAX_LIFETIME: Duration = Duration::from_secs(300);
