//! Users who are asked, and what they grant.

use std::time::Duration;

use super::{TokenClient, UserGrant};
use crate::{
    AskStep, AuthorizationFlow, AuthorizationStart, BackchannelRequest, ClientError, ErrorCode,
    ExpectedIdToken, HeldToken, Issuer, OAuthClient, Parameters, PendingApproval, PendingAuthorization,
    PushStep, TokenStep,
};

impl TokenClient {
    /// Begins to ask a user: the request is pushed where the server has that. The user's browser is sent to [`PendingAuthorization::url`], and nowhere else.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub async fn begin(&self, flow: AuthorizationFlow) -> Result<PendingAuthorization, ClientError> {
        if flow.is_pushed() {
            self.challenge(flow.client()).await?;
        }
        let mut sent = match flow.begin(self.now()?).await? {
            AuthorizationStart::Ready(pending) => return Ok(*pending),
            AuthorizationStart::Push(sent) => sent,
        };
        loop {
            let answer = self.send(sent.request()).await?;
            match sent.answered(&answer)? {
                PushStep::Ready(pending) => return Ok(*pending),
                PushStep::Again(flow) => {
                    self.challenge(flow.client()).await?;
                    *sent = flow.send(self.now()?).await?;
                }
            }
        }
    }

    /// The user is back: redeems the code in the query of the redirect URI. What comes is what the user granted, to get tokens with.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub async fn redeem(
        &self,
        pending: PendingAuthorization,
        query: &Parameters,
    ) -> Result<UserGrant, ClientError> {
        let client = self.client(pending.issuer()).await?;
        let (nonce, max_age) = (pending.nonce.clone(), pending.max_age);
        let acr_values = pending.acr_values.clone();
        let flow = pending.redeem(&client, query, self.now()?)?;
        let token = self.access_token(flow).await?;
        let Some(nonce) = nonce else { return self.granted(&client, &token) };

        let acr_values: Vec<&str> = acr_values.iter().map(String::as_str).collect();
        let expected = ExpectedIdToken::with_nonce(&nonce)
            .access_token(token.token())
            .refresh_token(token.refresh_token())
            .acr_values(&acr_values);
        let expected = match max_age {
            Some(age) => expected.max_age(Duration::from_secs(age)),
            None => expected,
        };
        self.identified(&client, &token, &expected).await
    }

    /// Asks a user elsewhere (CIBA): the server does, while the agent waits, or does something else.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub async fn ask_user(
        &self,
        issuer: &Issuer,
        request: BackchannelRequest,
    ) -> Result<PendingApproval, ClientError> {
        let mut flow = self.client(issuer).await?.ask_user(request)?;
        loop {
            self.challenge(flow.client()).await?;
            let began = self.now()?;
            let sent = flow.send(began).await?;
            let answer = self.send(sent.request()).await?;
            match sent.answered(&answer, began)? {
                AskStep::Pending(pending) => return Ok(*pending),
                AskStep::Again(again) => flow = *again,
            }
        }
    }

    /// Asks whether a user has decided; `None`, while that is not so, or it is [too early](PendingApproval::next_poll) to ask.
    ///
    /// # Errors
    ///
    /// [`ClientError`]: the user said no, the request has expired, or there was no answer. Of these only the last can be asked again: after a refusal, and after the
    /// tokens came, it is [`ClientError::Expired`] without asking anybody (HIL-42).
    pub async fn poll(&self, pending: &mut PendingApproval) -> Result<Option<UserGrant>, ClientError> {
        let client = self.client(pending.issuer()).await?;
        if self.now()? < pending.next_poll() && self.now()? < pending.expires() {
            return Ok(None);
        }
        let flow = pending.poll(&client, self.now()?)?;
        let step = match self.run(flow).await {
            Ok(TokenStep::Pending(not_yet)) => {
                pending.wait(not_yet);
                return Ok(None);
            }
            Err(error) if !is_final(&error) => return Err(error),
            outcome => outcome,
        };
        pending.end();
        match step? {
            TokenStep::Token(token) if pending.wants_id_token() => {
                let expected = ExpectedIdToken::without_nonce()
                    .access_token(token.token())
                    .refresh_token(token.refresh_token());
                self.identified(&client, &token, &expected).await.map(Some)
            }
            TokenStep::Token(token) => self.granted(&client, &token).map(Some),
            _ => Err(ClientError::IssuedType),
        }
    }

    fn granted(&self, client: &OAuthClient, token: &HeldToken) -> Result<UserGrant, ClientError> {
        let grant = UserGrant::new(token, client.client_id(), self.0.backend)?;
        self.0.grants.know(&grant);
        Ok(grant)
    }

    /// What a user granted whom the ID Token names.
    async fn identified(
        &self,
        client: &OAuthClient,
        token: &HeldToken,
        expected: &ExpectedIdToken<'_>,
    ) -> Result<UserGrant, ClientError> {
        let server = self.server(client.issuer()).await?;
        let id_token = token.id_token().ok_or(ClientError::NoIdToken)?;
        let id_token = &*self.signed(client.issuer(), id_token)?;
        server.id_tokens.prepare(id_token, self.now()?).await?;
        let user = server.id_tokens.verify(id_token, expected, self.now()?)?;
        let grant = self.granted(client, token)?;
        grant.set_user(user);
        Ok(grant)
    }
}

/// Whether the server has decided: there is nothing to ask for again (HIL-9, HIL-42).
fn is_final(error: &ClientError) -> bool {
    use ErrorCode as E;

    matches!(
        error.error_code(),
        Some(E::AccessDenied | E::ExpiredToken | E::InvalidGrant | E::InvalidRequest | E::UnauthorizedClient)
    )
}
