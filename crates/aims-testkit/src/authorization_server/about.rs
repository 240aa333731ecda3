//! What tokens are worth, and having them end.

use aims_oauth::{
    Endpoint, ErrorCode, ErrorResponse, IntrospectionAnswer, IntrospectionResponse, Parameters, Resource,
    TokenQuery, VerifiedAccessToken,
};

use super::token::refused;
use super::{TestAnswer, TestAuthorizationServer};

impl TestAuthorizationServer {
    /// INT-1, INT-3: what a token says, to the resource server that it is for; signed, where that is asked for.
    pub(super) fn introspect(
        &self,
        fields: &[(&str, &[u8])],
        body: &[u8],
    ) -> Result<TestAnswer, ErrorResponse> {
        let (client, query) = self.query(Endpoint::Introspection, fields, body)?;
        let failed = || refused(ErrorCode::ServerError);
        let known = self.0.clients.iter().find(|known| known.registered.client_id() == Some(&client));
        let asks = known.map(|known| known.serves.as_slice()).unwrap_or_default();
        let response = match self.issued(query.token().expose()) {
            Some(token) => {
                let response = IntrospectionResponse::about(token.claims(), asks, self.now());
                let response = response.map_err(|_| failed())?;
                match self.scope_of(token.resource()) {
                    Some(scope) => response.within(scope),
                    None => response,
                }
            }
            None => IntrospectionResponse::inactive(),
        };
        let is_signed = fields
            .iter()
            .any(|(name, value)| *name == "accept" && *value == IntrospectionAnswer::JWT.as_bytes());
        if !is_signed {
            return Ok(TestAnswer::json(200, response.to_json().map_err(|_| failed())?));
        }
        let audience = asks.first().map_or(&*client, Resource::as_str);
        let answer = self.0.introspection.sign(&response, audience, self.now()).map_err(|_| failed())?;
        let body = str::from_utf8(answer.body()).map_err(|_| failed())?.to_owned();
        Ok(TestAnswer::json(200, body).of_type(answer.media_type()))
    }

    /// REV-1, REV-2
    pub(super) fn revoke(&self, fields: &[(&str, &[u8])], body: &[u8]) -> Result<TestAnswer, ErrorResponse> {
        let (client, query) = self.query(Endpoint::Revocation, fields, body)?;
        let text = query.token().expose();
        let id = self.issued(text).and_then(|token| {
            (token.client_id() == client)
                .then(|| token.token_id().map(std::borrow::Cow::into_owned))
                .flatten()
        });
        let mut state = self.state();
        let family = state.refresh.get(text).filter(|known| known.granted.client_id == client);
        if let Some(id) = family.map(|known| known.granted.id) {
            state.ended.push(id);
        }
        state.revoked.extend(id);
        Ok(TestAnswer::empty(200))
    }

    fn query(
        &self,
        endpoint: Endpoint,
        fields: &[(&str, &[u8])],
        body: &[u8],
    ) -> Result<(String, TokenQuery), ErrorResponse> {
        let form = Parameters::parse(body).map_err(|_| refused(ErrorCode::InvalidRequest))?;
        let (client, _) = self.asker(endpoint, fields, &form)?;
        let query = TokenQuery::read(&form).map_err(|error| refused(error.error_code()))?;
        Ok((client.client_id().to_owned(), query))
    }

    /// A token of this server, unless it was revoked, or the grant that it came by has ended.
    fn issued(&self, text: &str) -> Option<VerifiedAccessToken> {
        let token = self.0.verifier.verify(&text.parse().ok()?, self.now()).ok()?;
        let id = token.token_id()?.into_owned();
        let state = self.state();
        let has_ended = state.tokens.get(&id).is_some_and(|grant| state.ended.contains(grant));
        (!has_ended && !state.revoked.contains(&id)).then_some(token)
    }
}
