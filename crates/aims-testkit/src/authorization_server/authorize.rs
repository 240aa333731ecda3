//! Users who are asked.

use std::time::Duration;

use aims_oauth::{
    AuthorizationCode, AuthorizationRequest, AuthorizationResponse, Endpoint, ErrorCode, ErrorResponse,
    Parameters, PushedResponse, RedirectUri, RequestUri, VerifiedDpopProof,
};

use super::state::{Code, Granted, Keys, Pushed};
use super::{TestAnswer, TestAuthorizationServer};

impl TestAuthorizationServer {
    /// What the browser of a user does who is sent to `url`, is logged in as `user`, and agrees: says where it is sent then, the redirect URI with the answer in its
    /// query.
    ///
    /// # Panics
    ///
    /// When the request is one that no user is asked about: of an unknown client, or with a redirect URI that is not registered.
    #[must_use]
    pub fn approve(&self, url: &str, user: &str) -> String {
        self.visit(url, Some(user))
    }

    /// The same of a user who does not agree.
    ///
    /// # Panics
    ///
    /// As [`approve`](Self::approve).
    #[must_use]
    pub fn refuse(&self, url: &str) -> String {
        self.visit(url, None)
    }

    #[expect(clippy::expect_used, reason = "a test helper: what a test got wrong must fail it")]
    fn visit(&self, url: &str, user: Option<&str>) -> String {
        let (_, query) = url.split_once('?').expect("a query");
        let query = Parameters::parse(query.as_bytes()).expect("a query");
        let client_id = query.require("client_id").expect("a client").to_owned();
        let pushed = query.get("request_uri").expect("one request").map(ToOwned::to_owned);
        let pushed =
            pushed.map(|uri| self.state().pushed.remove(&uri).expect("a request that was pushed, once"));
        let Pushed { request, keys } = pushed.unwrap_or_else(|| {
            let request = AuthorizationRequest::read(&query).expect("a request");
            let keys = Keys { key: request.bound_key().copied(), ..Keys::default() };
            Pushed { request, keys }
        });
        assert_eq!(request.client_id(), client_id, "a request of this client");
        let redirect_uri = self.redirect_uri(&request).expect("a client with this redirect URI");
        let answer = match user {
            Some(user) => self.grant(&request, keys, &redirect_uri, user),
            None => Err(ErrorCode::AccessDenied),
        };
        let issuer = self.issuer();
        match &answer {
            Ok(code) => AuthorizationResponse::granted(issuer, code),
            Err(error) => AuthorizationResponse::refused(issuer, *error, None),
        }
        .with_state(request.sent_state())
        .location(&redirect_uri)
    }

    /// PAR-1
    pub(super) fn pushed(&self, fields: &[(&str, &[u8])], body: &[u8]) -> Result<TestAnswer, ErrorResponse> {
        let form = Parameters::parse(body).map_err(|_| ErrorResponse::new(ErrorCode::InvalidRequest))?;
        let (client, proof) = self.asker(Endpoint::PushedAuthorization, fields, &form)?;
        let request =
            AuthorizationRequest::read(&form).map_err(|error| ErrorResponse::new(error.error_code()))?;
        if request.client_id() != client.client_id() || self.redirect_uri(&request).is_none() {
            let why = "the request is another client's, or its redirect URI is not registered";
            return Err(ErrorResponse::new(ErrorCode::InvalidRequest).describe(why));
        }
        // PAR-5
        let proof = proof.as_ref().map(VerifiedDpopProof::thumbprint);
        if request.bound_key().zip(proof).is_some_and(|(named, shown)| named != shown) {
            return Err(ErrorResponse::new(ErrorCode::InvalidDpopProof).describe("dpop_jkt is another key"));
        }
        let key = request.bound_key().or(proof).copied();
        let keys = Keys { key, attested_key: client.attested_key().copied() };
        let uri = format!("{}{}", RequestUri::PREFIX, self.random()?);
        self.state().pushed.insert(uri.clone(), Pushed { request, keys });
        let uri = uri.parse().map_err(|_| ErrorResponse::new(ErrorCode::ServerError))?;
        Ok(TestAnswer::json(201, PushedResponse::new(uri, LIFETIME).to_json()))
    }

    fn grant(
        &self,
        request: &AuthorizationRequest,
        keys: Keys,
        redirect_uri: &str,
        user: &str,
    ) -> Result<AuthorizationCode, ErrorCode> {
        if request.resources().iter().any(|resource| self.scope_of(resource).is_none()) {
            return Err(ErrorCode::InvalidTarget);
        }
        let code = self.random().map_err(|_| ErrorCode::ServerError)?;
        let now = self.now();
        // HIL-41: the user agrees at this moment, also to single actions.
        let details = request.wanted_details().map(|details| details.confirmed(self.0.backend, now));
        let details = details.transpose().map_err(|error| error.error_code())?;
        let mut state = self.state();
        state.grants += 1;
        let granted = Granted {
            id: state.grants,
            client_id: request.client_id().to_owned(),
            user: user.to_owned(),
            resources: request.resources().to_vec(),
            scope: request.wanted_scope().cloned(),
            details,
            auth_time: now,
            nonce: request.sent_nonce().map(ToOwned::to_owned),
        };
        let challenge = request.challenge().clone();
        let redirect_uri = redirect_uri.to_owned();
        let expires = now + LIFETIME;
        let made = Code { granted, challenge, redirect_uri, keys, expires, is_used: false };
        state.codes.insert(code.clone(), made);
        code.parse().map_err(|_| ErrorCode::ServerError)
    }

    /// AUT-2: the one that is asked for, where the client that the request names registered it; at a loopback address, with any port.
    fn redirect_uri(&self, request: &AuthorizationRequest) -> Option<String> {
        let uri = request.redirect_uri()?;
        let client = self.0.clients.iter().find(|client| client.goes_by(request.client_id()))?;
        let asked = uri.parse::<RedirectUri>().ok();
        let is_it = |known: &String| {
            known == uri
                || asked.as_ref().zip(known.parse().ok()).is_some_and(|(asked, known)| asked.matches(&known))
        };
        client.redirect_uris.iter().any(is_it).then(|| uri.to_owned())
    }
}

/// AUT-4, PAR-3
const LIFETIME: Duration = Duration::from_secs(60);
