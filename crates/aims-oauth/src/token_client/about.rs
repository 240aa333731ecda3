//! Asking about tokens, and having them end.

use std::fmt;

use aims_keys::BoxFuture;

use super::{TokenClient, UserGrant};
use crate::{
    AccessToken, ClientError, Endpoint, EndpointRequest, HeldToken, Introspect, IntrospectError,
    IntrospectionAnswer, Issuer, NewParameters, NoAnswer, OAuthClient, SecurityToken, TokenHint, TokenQuery,
};

impl TokenClient {
    /// Has the server end the grant of a user, and what came by it (REV-1): the agent is done with it, or the user is. It is forgotten here, whatever the server says.
    ///
    /// # Errors
    ///
    /// [`ClientError`]: the server may not have ended it.
    pub async fn revoke_grant(&self, grant: &UserGrant) -> Result<(), ClientError> {
        let refresh = grant.refresh_token();
        self.forget_grant(grant);
        let Some(token) = refresh else { return Ok(()) };
        let token = token.expose().parse().map_err(ClientError::Token)?;
        self.revoke(grant.issuer(), &TokenQuery::about(token).thought_to_be(TokenHint::RefreshToken)).await
    }

    /// Has the server end a token. It is discarded here, whatever the server says.
    ///
    /// # Errors
    ///
    /// [`ClientError`]: the server may not have ended it.
    pub async fn revoke_token(&self, token: &HeldToken) -> Result<(), ClientError> {
        token.discard();
        let text: SecurityToken = token.token().clone().into();
        self.revoke(token.issuer(), &TokenQuery::about(text).thought_to_be(TokenHint::AccessToken)).await
    }

    async fn revoke(&self, issuer: &Issuer, query: &TokenQuery) -> Result<(), ClientError> {
        let client = self.client(issuer).await?;
        let request = self.about(&client, Endpoint::Revocation, query).await?;
        let answer = self.0.http.post(request.as_post()).await;
        let answer = answer.map_err(|error| NoAnswer::of(request.url(), error))?;
        if answer.status() == 200 {
            Ok(())
        } else {
            Err(crate::client::refusal(issuer, Some(&request), &answer))
        }
    }

    /// Asks this server about opaque tokens, as the resource server that this client is: for [`Introspection::new`](crate::Introspection::new). Signed answers are asked
    /// for where `signed` says so (RFC 9701).
    #[must_use]
    pub fn introspection(&self, issuer: Issuer, signed: bool) -> IntrospectionEndpoint {
        IntrospectionEndpoint { tokens: self.clone(), issuer, signed }
    }

    /// A request about a token, which is to be sent at once.
    async fn about(
        &self,
        client: &OAuthClient,
        endpoint: Endpoint,
        query: &TokenQuery,
    ) -> Result<EndpointRequest, ClientError> {
        self.challenge(client).await?;
        let mut form = NewParameters::new();
        query.write(&mut form);
        client.request(endpoint, form, false, self.now()?).await
    }
}

/// The introspection endpoint of a server, asked by a [`TokenClient`].
#[derive(Clone)]
pub struct IntrospectionEndpoint {
    tokens: TokenClient,
    issuer: Issuer,
    signed: bool,
}

impl IntrospectionEndpoint {
    async fn ask(&self, token: &AccessToken) -> Result<IntrospectionAnswer, IntrospectError> {
        let unavailable = |_| IntrospectError::Unavailable;
        let client = self.tokens.client(&self.issuer).await.map_err(unavailable)?;
        let query = TokenQuery::about(token.clone().into()).thought_to_be(TokenHint::AccessToken);
        let accept = if self.signed { IntrospectionAnswer::JWT } else { IntrospectionAnswer::JSON };
        let request =
            self.tokens.about(&client, Endpoint::Introspection, &query).await.map_err(unavailable)?;
        let answer = self.tokens.0.http.post(request.as_post().accept(accept)).await;
        let answer = answer.map_err(|_| IntrospectError::Unavailable)?;
        match (answer.status(), answer.media_type()) {
            // What was asked for signed is not taken as what anybody on the way could have written.
            (200, Some(IntrospectionAnswer::JSON)) if !self.signed => {
                Ok(IntrospectionAnswer::Json(answer.body().to_vec()))
            }
            (200, Some(IntrospectionAnswer::JWT)) if self.signed => {
                let text = str::from_utf8(answer.body()).map_err(|_| IntrospectError::Unavailable)?;
                Ok(IntrospectionAnswer::Jwt(text.to_owned()))
            }
            (400..=403, _) => Err(IntrospectError::Refused),
            _ => Err(IntrospectError::Unavailable),
        }
    }
}

impl Introspect for IntrospectionEndpoint {
    fn introspect<'a>(
        &'a self,
        token: &'a AccessToken,
    ) -> BoxFuture<'a, Result<IntrospectionAnswer, IntrospectError>> {
        Box::pin(self.ask(token))
    }
}

/// Shows the server.
impl fmt::Debug for IntrospectionEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IntrospectionEndpoint").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}
