//! A client at one authorization server.

use std::fmt;
use std::sync::Arc;

use aims_credential::{HttpsUrl, Posted};
use aims_jose::Thumbprint;
use aims_jose::jwt::claim;
use aims_keys::{Backend, UnixTime};

use super::nonces::is_nonce;
use super::refusal::refusal;
use super::token_flow::untrusted_claims;
use super::told::{News, Told};
use super::tries::Tries;
use super::{
    AskFlow, AuthorizationFlow, ClientCredential, ClientError, EndpointRequest, SenderConstraint, TokenFlow,
};
use crate::client::constraint::HeldBinding;
use crate::{
    BackchannelRequest, ClientAuthMethod, DpopTarget, Endpoint, ErrorCode, Grant, GrantType, Issuer,
    NewParameters, RedirectUri, SecurityToken, ServerMetadata, Signed, TokenRequest,
};

/// A client at one authorization server: how it shows who it is, and what its tokens are bound to. Cloning is cheap.
///
/// It yields requests and reads answers, and sends nothing itself: a [`TokenClient`](crate::TokenClient) does.
///
/// ```
/// use std::sync::Arc;
/// use aims_credential::Posted;
/// use aims_keys::{Algorithm, SoftwareKey, UnixTime, backend};
/// use aims_oauth::{ClientCredential, ClientKey, DpopProver, Grant, OAuthClient, SenderConstraint, ServerMetadata, TokenRequest, TokenStep};
///
/// # async fn example(send: impl AsyncFn(&aims_oauth::EndpointRequest) -> Posted) -> Result<(), Box<dyn std::error::Error>> {
/// let server = ServerMetadata::parse(br#"{"issuer":"https://as.example","token_endpoint":"https://as.example/token",
///     "grant_types_supported":["client_credentials"],"token_endpoint_auth_methods_supported":["private_key_jwt"]}"#, &"https://as.example".parse()?)?;
/// let key = Arc::new(SoftwareKey::generate(Algorithm::Es256, backend::ring())?);
/// let credential = ClientCredential::key(ClientKey::new("spiffe://acme.example/agents/travel", key, None)?);
/// let proofs = DpopProver::new(Arc::new(SoftwareKey::generate(Algorithm::Es256, backend::ring())?))?;
/// let client = OAuthClient::new(server, credential, SenderConstraint::dpop(proofs), backend::ring())?;
///
/// let request = TokenRequest::new(Grant::ClientCredentials).resource("https://tools.example".parse()?).scope("trips:book".parse()?);
/// let mut flow = client.token(request)?;
/// # let now = UnixTime::from_secs(1_790_000_000);
/// let token = loop {
///     let sent = flow.send(now).await?;
///     let answer = send(sent.request()).await;
///     match sent.answered(&answer, now)? {
///         TokenStep::Token(token) => break token,
///         // The server wants a nonce in the proof; once.
///         TokenStep::Again(again) => flow = again,
///         _ => return Err("this grant has no other step".into()),
///     }
/// };
/// # let _ = token;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct OAuthClient(Arc<Inner>);

struct Inner {
    server: Arc<ServerMetadata>,
    credential: ClientCredential,
    constraint: SenderConstraint,
    backend: Backend,
    told: Arc<Told>,
}

impl OAuthClient {
    /// At this server, with this credential, for tokens that are bound like this.
    ///
    /// # Errors
    ///
    /// [`ClientError::OtherClient`] when the credential is for another server alone; [`ClientError::Constraint`] when tokens are to be bound to the key of a WIT,
    /// and the server is not shown that key; or when one proof is to show the client and bind its tokens, and they are to be bound to something else (ABC-3).
    pub fn new(
        server: impl Into<Arc<ServerMetadata>>,
        credential: ClientCredential,
        constraint: SenderConstraint,
        backend: Backend,
    ) -> Result<Self, ClientError> {
        let server = server.into();
        if !credential.is_for(server.issuer()) {
            return Err(ClientError::OtherClient);
        }
        let is_shown = !constraint.is_signature() || credential.shows_key();
        // A request has one `DPoP` proof: what it is by is what tokens are bound to.
        let is_one = credential.prover().is_none_or(|by| {
            let same = constraint.prover().is_some_and(|prover| prover.thumbprint() == by.thumbprint());
            same || constraint.is_signature()
        });
        if !is_shown || !is_one {
            return Err(ClientError::Constraint);
        }
        Ok(Self(Arc::new(Inner { server, credential, constraint, backend, told: Arc::default() })))
    }

    /// The same client, for what the server says of itself now. What it said that proofs must hold is kept.
    ///
    /// # Errors
    ///
    /// [`ClientError::OtherClient`] when it is another server.
    pub fn with_server(&self, server: impl Into<Arc<ServerMetadata>>) -> Result<Self, ClientError> {
        let server = server.into();
        if server.issuer() != self.issuer() {
            return Err(ClientError::OtherClient);
        }
        let Inner { credential, constraint, backend, told, .. } = &*self.0;
        let (credential, constraint) = (credential.clone(), constraint.clone());
        Ok(Self(Arc::new(Inner {
            server,
            credential,
            constraint,
            backend: *backend,
            told: Arc::clone(told),
        })))
    }

    /// The server.
    #[must_use]
    pub fn issuer(&self) -> &Issuer {
        self.0.server.issuer()
    }

    /// What the server says of itself.
    #[must_use]
    pub fn server(&self) -> &ServerMetadata {
        &self.0.server
    }

    /// The client.
    #[must_use]
    pub fn client_id(&self) -> &str {
        self.0.credential.client_id()
    }

    /// Asks for a token.
    ///
    /// # Errors
    ///
    /// [`ClientError::NoGrant`], [`ClientError::NoEndpoint`] or [`ClientError::NoSuchMethod`] when the server says that it cannot give one;
    /// [`ClientError::OtherServer`] when it would be shown a grant (`Grant::JwtBearer`) that is for another, or that cannot be read (an encrypted one).
    pub fn token(&self, request: TokenRequest) -> Result<TokenFlow, ClientError> {
        let grant = request.grant().grant_type();
        // Who has the code grant has refresh tokens, though older servers do not say so.
        if !self.server().supports_grant(grant) && grant != GrantType::RefreshToken {
            return Err(ClientError::NoGrant(grant));
        }
        let url = self.url(Endpoint::Token)?;
        if let Grant::JwtBearer(assertion) = request.grant() {
            self.check_addressee(assertion, url)?;
        }
        Ok(TokenFlow::new(self.clone(), request))
    }

    /// Asks a user for a grant, whose browser comes back to `redirect_uri`.
    ///
    /// # Errors
    ///
    /// [`ClientError::NoPkce`] (MCP-10), and as [`token`](Self::token).
    pub fn authorize(&self, redirect_uri: &RedirectUri) -> Result<AuthorizationFlow, ClientError> {
        AuthorizationFlow::new(self.clone(), redirect_uri)
    }

    /// Asks a user elsewhere, in their own time (CIBA).
    ///
    /// # Errors
    ///
    /// As [`token`](Self::token).
    pub fn ask_user(&self, request: BackchannelRequest) -> Result<AskFlow, ClientError> {
        AskFlow::new(self.clone(), request)
    }

    /// AIMS-36: whoever is shown a grant for another server could redeem it there. A server is named by its issuer, or its token endpoint (XD-11), and alone (XD-3).
    fn check_addressee(&self, assertion: &SecurityToken, endpoint: &HttpsUrl) -> Result<(), ClientError> {
        let claims = untrusted_claims(assertion).ok_or(ClientError::OtherServer)?;
        let audience = claims.audience().ok_or(ClientError::OtherServer)?;
        let is_alone = audience.as_array().is_none_or(|all| all.count() == 1);
        let names = [self.issuer().as_str(), endpoint.as_str()];
        let is_for = claim::audience_is_one_of(audience, &names).is_ok_and(|is_for| is_for);
        if is_alone && is_for { Ok(()) } else { Err(ClientError::OtherServer) }
    }

    pub(super) fn backend(&self) -> Backend {
        self.0.backend
    }

    pub(super) fn constraint(&self) -> &SenderConstraint {
        &self.0.constraint
    }

    pub(crate) fn binding(&self, now: UnixTime) -> Result<HeldBinding, ClientError> {
        let binding = self.0.constraint.binding(now)?;
        // The server binds tokens to the key that it is shown.
        if let (HeldBinding::Signature(key), Some(shown)) = (binding, self.attested_key())
            && key != shown
        {
            return Err(ClientError::Constraint);
        }
        Ok(binding)
    }

    pub(super) fn attested_key(&self) -> Option<Thumbprint> {
        self.0.credential.attested_key()
    }

    /// Whether a `DPoP` proof shows who the client is (ABC-3).
    pub(super) fn is_shown_by_dpop(&self) -> bool {
        self.0.credential.prover().is_some()
    }

    /// Where an endpoint is for this client, if it takes its credential.
    pub(super) fn url(&self, endpoint: Endpoint) -> Result<&HttpsUrl, ClientError> {
        let server = self.server();
        let has_certificate = self.0.credential.is_certificate() || self.0.constraint.is_certificate();
        let url = if has_certificate { server.mtls_endpoint(endpoint) } else { server.endpoint(endpoint) };
        let url = url.ok_or(ClientError::NoEndpoint(endpoint))?;
        if !server.takes_clients_by(self.0.credential.method(), endpoint) {
            return Err(ClientError::NoSuchMethod);
        }
        // MCP-30: what the server says that it verifies.
        let taken = server.algorithms(Signed::ClientAssertion);
        if self
            .0
            .credential
            .algorithm()
            .zip(taken)
            .is_some_and(|(algorithm, taken)| !taken.contains(algorithm))
        {
            return Err(ClientError::NoSuchMethod);
        }
        Ok(url)
    }

    /// A request to an endpoint, with what shows who asks. A form that names the client already is not told again.
    pub(crate) async fn request(
        &self,
        endpoint: Endpoint,
        mut form: NewParameters,
        names_client: bool,
        now: UnixTime,
    ) -> Result<EndpointRequest, ClientError> {
        let url = self.url(endpoint)?.clone();
        if !names_client && self.0.credential.method() != ClientAuthMethod::ClientSecretBasic {
            form.add("client_id", self.client_id());
        }
        let mut request = EndpointRequest { url, form, fields: Vec::new() };
        let challenge = self.0.told.challenge();
        let credential = &self.0.credential;
        credential.add_to(&mut request, self.issuer(), challenge.as_deref(), now).await?;
        let binds = self.0.constraint.prover().filter(|_| endpoint == Endpoint::Token);
        if let Some(prover) = credential.prover().or(binds) {
            let target: DpopTarget =
                request.url.as_str().parse().map_err(|_| ClientError::NoEndpoint(endpoint))?;
            // ABC-3: where the proof shows who the client is, a challenge is its nonce.
            let challenge = challenge.filter(|_| credential.prover().is_some());
            let nonce = challenge.or_else(|| self.0.told.nonce(&request.url));
            let mut proof = prover.proof("POST", &target);
            if let Some(nonce) = &nonce {
                proof = proof.with_nonce(nonce);
            }
            request.fields.push((crate::DPOP_FIELD, proof.sign(now).await?.into()));
        }
        Ok(request)
    }

    /// Where a challenge has to be asked for before the client can show who it is, with a form that is empty (ABC-5); `None` where none is needed.
    #[must_use]
    pub fn challenge_url(&self) -> Option<&HttpsUrl> {
        if !self.0.credential.shows_key() || self.0.told.challenge().is_some() {
            return None;
        }
        self.server().endpoint(Endpoint::Challenge)
    }

    /// Reads the answer to that.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub fn challenged(&self, answer: &Posted) -> Result<(), ClientError> {
        if answer.status() != 200 {
            return Err(refusal(self.issuer(), None, answer));
        }
        check_media_type(answer)?;
        let object = aims_jose::json::Object::parse(answer.body(), &crate::token::RESPONSE_LIMITS)
            .map_err(crate::MessageError::from)?;
        let challenge = object.get("attestation_challenge").and_then(|text| text.as_str());
        let challenge = challenge.filter(|text| is_nonce(text));
        let challenge = challenge.ok_or(crate::MessageError::Member("attestation_challenge"))?;
        self.0.told.set_challenge(&challenge);
        Ok(())
    }

    /// Whether the same is sent once more. A challenge that does not count any more is forgotten: where the server has a place for challenges, another comes from there
    /// (ABC-5).
    ///
    /// # Errors
    ///
    /// As [`Tries::again`].
    pub(super) fn again(
        &self,
        tries: &mut Tries,
        refused: ClientError,
        mut news: News,
    ) -> Result<(), ClientError> {
        if refused.error_code() == Some(ErrorCode::UseAttestationChallenge) && !news.challenge {
            self.0.told.forget_challenge();
            news.challenge = self.challenge_url().is_some();
        }
        // One proof has one nonce: the server wants that in place of the challenge.
        if refused.error_code() == Some(ErrorCode::UseDpopNonce) && news.nonce && self.is_shown_by_dpop() {
            self.0.told.forget_challenge();
        }
        tries.again(refused, news)
    }

    /// Learns what proofs must hold, and reads an error: whether the same may be sent again, or what the error is.
    pub(super) fn learn(&self, request: &EndpointRequest, answer: &Posted) -> News {
        self.0.told.learn(&request.url, answer)
    }
}

/// What is not JSON was not made by the endpoint.
pub(crate) fn check_media_type(answer: &Posted) -> Result<(), ClientError> {
    if answer.media_type() == Some("application/json") { Ok(()) } else { Err(ClientError::MediaType) }
}

/// Shows the server and the client.
impl fmt::Debug for OAuthClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OAuthClient")
            .field("issuer", self.issuer())
            .field("credential", &self.0.credential)
            .field("constraint", &self.0.constraint)
            .finish_non_exhaustive()
    }
}
