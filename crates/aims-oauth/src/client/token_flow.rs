//! Asking the token endpoint.

use std::time::Duration;

use aims_credential::Posted;
use aims_jose::{Claims, Limits, UnverifiedJws, json};
use aims_keys::UnixTime;

use super::constraint::HeldBinding;
use super::oauth_client::check_media_type;
use super::refusal::refusal;
use super::tries::Tries;
use super::{ClientError, EndpointRequest, HeldGrant, HeldToken, NotYet, OAuthClient};
use crate::wanted::Wanted;
use crate::{
    Endpoint, ErrorCode, Grant, NewParameters, SecurityToken, TokenRequest, TokenResponse, TokenTypeUrn,
    TokenUse,
};

/// A request for a token that is to be sent: of any grant.
#[derive(Debug)]
#[must_use = "nothing is asked for until it is sent"]
pub struct TokenFlow {
    client: OAuthClient,
    /// Apart: it is much larger than what else comes of an answer.
    request: Box<TokenRequest>,
    /// What a token is good for, where the server does not say.
    assumed: Wanted,
    tries: Tries,
}

/// A request for a token that was sent.
#[derive(Debug)]
#[must_use = "the answer is still to come"]
pub struct SentTokenRequest {
    flow: TokenFlow,
    sent: EndpointRequest,
    binding: HeldBinding,
}

/// What comes of an answer.
#[derive(Debug)]
#[non_exhaustive]
pub enum TokenStep {
    /// The same has to be sent again, with what the server asks for: a nonce, a challenge.
    Again(TokenFlow),
    /// A token that is taken elsewhere, to get another with: a grant for another domain, a transaction token.
    Grant(HeldGrant),
    /// The user has not decided yet. [`PendingApproval`](super::PendingApproval) knows when to ask again.
    Pending(NotYet),
    /// An access token.
    Token(HeldToken),
}

impl TokenFlow {
    pub(super) fn new(client: OAuthClient, request: TokenRequest) -> Self {
        let assumed = request.wanted().clone();
        Self { client, request: Box::new(request), assumed, tries: Tries::default() }
    }

    /// Where the server does not say otherwise, the token is good for this.
    pub(super) fn assuming(mut self, wanted: Wanted) -> Self {
        self.assumed = wanted;
        self
    }

    /// Whom for.
    #[must_use]
    pub fn client(&self) -> &OAuthClient {
        &self.client
    }

    /// What is asked for.
    #[must_use]
    pub fn request(&self) -> &TokenRequest {
        &self.request
    }

    /// Makes the request, to be sent at once: the proofs in it are of time `now`.
    ///
    /// # Errors
    ///
    /// [`ClientError`]: the client has no credential, or nothing can be signed.
    pub async fn send(self, now: UnixTime) -> Result<SentTokenRequest, ClientError> {
        let mut form = NewParameters::new();
        self.request.write(&mut form);
        let binding = self.client.binding(now)?;
        let sent = self.client.request(Endpoint::Token, form, false, now).await?;
        Ok(SentTokenRequest { flow: self, sent, binding })
    }
}

impl SentTokenRequest {
    /// What is to be sent.
    #[must_use]
    pub fn request(&self) -> &EndpointRequest {
        &self.sent
    }

    /// Reads the answer, which came at time `now`.
    ///
    /// # Errors
    ///
    /// [`ClientError`]: [`Refused`](ClientError::Refused) when the server says no.
    pub fn answered(self, answer: &Posted, now: UnixTime) -> Result<TokenStep, ClientError> {
        let news = self.flow.client.learn(&self.sent, answer);
        if answer.status() == 200 {
            check_media_type(answer)?;
            let response = TokenResponse::parse(answer.body())?;
            return self.granted(&response, now);
        }
        let refused = refusal(self.flow.client.issuer(), Some(&self.sent), answer);
        if let Some(not_yet) = self.pending(refused.error_code()) {
            return Ok(TokenStep::Pending(not_yet));
        }
        let mut flow = self.flow;
        flow.client.again(&mut flow.tries, refused, news)?;
        Ok(TokenStep::Again(flow))
    }

    /// HIL-9: no other grant has these.
    fn pending(&self, error: Option<ErrorCode>) -> Option<NotYet> {
        let Grant::Backchannel(_) = self.flow.request.grant() else { return None };
        match error? {
            ErrorCode::AuthorizationPending => Some(NotYet { slow_down: false }),
            ErrorCode::SlowDown => Some(NotYet { slow_down: true }),
            _ => None,
        }
    }

    fn granted(&self, response: &TokenResponse, now: UnixTime) -> Result<TokenStep, ClientError> {
        let Grant::TokenExchange(exchange) = self.flow.request.grant() else {
            // Nobody asks for anything else by another grant.
            if response.issued_type().is_some_and(|kind| *kind != TokenTypeUrn::AccessToken) {
                return Err(ClientError::IssuedType);
            }
            return self.token(response, now).map(TokenStep::Token);
        };
        // RFC 8693 §2.2.1: what is there says what it is, and it is what was asked for.
        let kind = response.issued_type().ok_or(ClientError::IssuedType)?;
        let is_wanted = exchange.requested().is_none_or(|requested| requested == kind);
        if !is_wanted {
            return Err(ClientError::IssuedType);
        }
        if *kind == TokenTypeUrn::AccessToken {
            return self.token(response, now).map(TokenStep::Token);
        }
        if *response.token_use() != TokenUse::NotApplicable {
            return Err(ClientError::TokenUse);
        }
        if *kind == TokenTypeUrn::IdJag {
            self.check_bound(response)?;
        }
        let lifetime = response.lifetime().map(|lifetime| lifetime.min(MAX_LIFETIME));
        let client = &self.flow.client;
        let expires = lifetime.map(|lifetime| now + lifetime);
        Ok(TokenStep::Grant(HeldGrant::new(
            response.token().clone(),
            kind.clone(),
            client.issuer().clone(),
            expires,
        )))
    }

    fn token(&self, response: &TokenResponse, now: UnixTime) -> Result<HeldToken, ClientError> {
        HeldToken::received(&self.flow.client, &self.flow.assumed, self.binding, response, now)
    }

    /// JAG-10: a server that leaves the binding out is found out, though nobody here can verify its signature.
    fn check_bound(&self, response: &TokenResponse) -> Result<(), ClientError> {
        let HeldBinding::Dpop(key) = self.binding else { return Ok(()) };
        let claims = untrusted_claims(response.token()).ok_or(ClientError::NotBound)?;
        let bound = claims.get("cnf").and_then(|cnf| cnf.get("jkt")).and_then(|jkt| jkt.as_str());
        let is_bound = bound.is_some_and(|bound| *bound == *key.to_string());
        if is_bound { Ok(()) } else { Err(ClientError::NotBound) }
    }
}

/// What a grant says, whoever signed it: no client can verify one, and none decides by it but to refuse.
pub(super) fn untrusted_claims(grant: &SecurityToken) -> Option<Claims> {
    let jws = UnverifiedJws::parse(grant.expose(), &Limits::new()).ok()?.peek();
    Claims::read(jws.into_untrusted_payload().0, &json::Limits::new()).ok()
}

/// What a server says beyond that is no lifetime of a token.
pub(super) const MAX_LIFETIME: Duration = Duration::from_secs(30 * 24 * 3600);
