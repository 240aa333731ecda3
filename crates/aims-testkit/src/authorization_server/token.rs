//! The token endpoint.

use aims_oauth::{
    AccessTokenRequest, AuthenticatedClient, CheckedExchange, ClientAuthError, CodeGrant, CommonMembers,
    DPOP_FIELD, DpopError, DpopRequest, DpopTarget, Endpoint, ErrorCode, ErrorResponse, ExchangeParties,
    Grant, IdTokenRequest, NewActor, Parameters, PresentedClient, RefreshToken, Resource, Scope,
    SecurityToken, TokenBinding, TokenExchange, TokenRequest, TokenResponse, TokenTypeUrn, TokenUse,
    VerifiedDpopProof,
};

use super::state::{Granted, Refresh};
use super::{TestAnswer, TestAuthorizationServer};

/// Who asks, and what shows it.
pub(super) struct Asking<'a> {
    pub(super) client: &'a AuthenticatedClient,
    request: &'a TokenRequest,
    proof: Option<&'a VerifiedDpopProof>,
}

impl Asking<'_> {
    /// What tokens are bound to: the key of the proof, or that of the client's own credential.
    fn binding(&self) -> Option<TokenBinding> {
        let by_proof = self.proof.map(|proof| TokenBinding::Key(*proof.thumbprint()));
        by_proof.or_else(|| self.client.binding().copied())
    }

    /// RFT-2, ABC-6: what a refresh token is bound to besides its client, where that is public or attested. Any other proves anew who it is, and its keys may take turns.
    fn instance(&self) -> Option<TokenBinding> {
        match self.client.attested_key() {
            Some(key) => Some(TokenBinding::Key(*key)),
            None if self.client.is_public() => self.binding(),
            None => None,
        }
    }

    pub(super) fn client_id(&self) -> &str {
        self.client.client_id()
    }
}

impl TestAuthorizationServer {
    pub(super) fn token(&self, fields: &[(&str, &[u8])], body: &[u8]) -> Result<TestAnswer, ErrorResponse> {
        let form = Parameters::parse(body).map_err(|_| refused(ErrorCode::InvalidRequest))?;
        let (client, proof) = self.asker(Endpoint::Token, fields, &form)?;
        let request = TokenRequest::read(&form).map_err(|error| refused(error.error_code()))?;
        let asking = Asking { client: &client, request: &request, proof: proof.as_ref() };
        let response = match request.grant() {
            Grant::ClientCredentials => self.own(&asking),
            Grant::AuthorizationCode(code) => self.code(&asking, code),
            Grant::Refresh(token) => self.refresh(&asking, token),
            Grant::TokenExchange(exchange) => self.exchange(&asking, exchange),
            Grant::JwtBearer(assertion) => self.foreign(&asking, assertion),
            Grant::Backchannel(id) => {
                self.answered(&asking, id).and_then(|granted| self.granted(&asking, &granted))
            }
            _ => Err(refused(ErrorCode::UnsupportedGrantType)),
        }?;
        let body = response.to_json().map_err(|_| refused(ErrorCode::ServerError))?;
        Ok(TestAnswer::json(200, body))
    }

    /// The client of a request to an endpoint, and the `DPoP` proof in it, which may be what shows the client (ABC-3).
    pub(super) fn asker(
        &self,
        endpoint: Endpoint,
        fields: &[(&str, &[u8])],
        form: &Parameters,
    ) -> Result<(AuthenticatedClient, Option<VerifiedDpopProof>), ErrorResponse> {
        let proof = self.proof(endpoint, fields)?;
        let presented =
            PresentedClient::read(form, fields.iter().copied()).map_err(|error| client(&error))?;
        let presented = match &proof {
            Some(proof) => presented.with_dpop_proof(proof),
            None => presented,
        };
        Ok((self.authenticate(presented)?, proof))
    }

    fn authenticate(&self, presented: PresentedClient<'_>) -> Result<AuthenticatedClient, ErrorResponse> {
        let known = self.0.clients.iter().find(|client| client.is(&presented.lookup()));
        let registered = known.map(|client| &client.registered);
        let now = self.now();
        self.0.authenticator.authenticate(presented, registered, now).map_err(|error| client(&error))
    }

    fn proof(
        &self,
        endpoint: Endpoint,
        fields: &[(&str, &[u8])],
    ) -> Result<Option<VerifiedDpopProof>, ErrorResponse> {
        let lines: Vec<_> =
            fields.iter().filter(|(name, _)| *name == DPOP_FIELD).map(|(_, value)| *value).collect();
        if lines.is_empty() {
            return Ok(None);
        }
        let url = self.metadata().endpoint(endpoint).map(|url| url.as_str().parse::<DpopTarget>());
        let Some(Ok(target)) = url else { return Err(refused(ErrorCode::ServerError)) };
        let request = DpopRequest::new("POST", &target);
        let proof = self.0.dpop.verify(lines, &request, self.now());
        proof.map(Some).map_err(|error: DpopError| refused(error.error_code()).describe(&error.to_string()))
    }

    /// The agent's own right (ACT-2).
    fn own(&self, asking: &Asking<'_>) -> Result<TokenResponse, ErrorResponse> {
        let resource = self.one_resource(asking.request.resources())?;
        let scope = self.scope(asking.request.wanted_scope(), &resource, None)?;
        let mut request =
            AccessTokenRequest::new(asking.client_id(), asking.client_id(), resource).scope(scope);
        if let Some(details) = asking.request.wanted_details() {
            request = request.details(details.clone());
        }
        self.access_token(asking, request, None)
    }

    /// AUT-4: once, whoever comes with it; a second time ends what came of it.
    fn code(&self, asking: &Asking<'_>, grant: &CodeGrant) -> Result<TokenResponse, ErrorResponse> {
        let code = {
            let mut state = self.state();
            let known = state.codes.get_mut(grant.code().expose()).ok_or(refused(ErrorCode::InvalidGrant))?;
            let is_used = std::mem::replace(&mut known.is_used, true);
            let code = known.clone();
            if is_used {
                state.ended.push(code.granted.id);
                return Err(refused(ErrorCode::InvalidGrant));
            }
            code
        };
        let is_its = code.granted.client_id == asking.client_id()
            && code.challenge.is_of(grant.verifier(), self.0.backend)
            && grant.redirect_uri().is_none_or(|uri| uri == code.redirect_uri)
            && code
                .keys
                .key
                .is_none_or(|bound| asking.proof.map(VerifiedDpopProof::thumbprint) == Some(&bound))
            && code.keys.attested_key.is_none_or(|bound| asking.client.attested_key() == Some(&bound))
            && self.now() < code.expires;
        if !is_its {
            return Err(refused(ErrorCode::InvalidGrant));
        }
        self.granted(asking, &code.granted)
    }

    /// RFT-1, RFT-2
    fn refresh(&self, asking: &Asking<'_>, token: &RefreshToken) -> Result<TokenResponse, ErrorResponse> {
        let granted = {
            let mut state = self.state();
            let known = state.refresh.get_mut(token.expose()).ok_or(refused(ErrorCode::InvalidGrant))?;
            // Nobody else uses it up.
            if known.granted.client_id != asking.client_id() || known.instance != asking.instance() {
                return Err(refused(ErrorCode::InvalidGrant));
            }
            let is_used = std::mem::replace(&mut known.is_used, true);
            let granted = known.granted.clone();
            if is_used {
                state.ended.push(granted.id);
            }
            if state.ended.contains(&granted.id) {
                return Err(refused(ErrorCode::InvalidGrant));
            }
            granted
        };
        self.granted(asking, &granted)
    }

    fn granted(&self, asking: &Asking<'_>, granted: &Granted) -> Result<TokenResponse, ErrorResponse> {
        let wanted = asking.request.resources();
        if !wanted.iter().all(|resource| granted.resources.contains(resource)) {
            return Err(
                refused(ErrorCode::InvalidTarget).describe("the resource is not one that was granted")
            );
        }
        let resource = self.one_resource(if wanted.is_empty() { &granted.resources } else { wanted })?;
        let scope = self.scope(asking.request.wanted_scope(), &resource, granted.scope.as_ref())?;
        let mut request = AccessTokenRequest::new(&*granted.user, asking.client_id(), resource)
            .scope(scope)
            .authenticated(granted.auth_time, None);
        if let Some(details) = &granted.details {
            request = request.details(details.clone());
        }
        if self.0.names_actors {
            request = request.acting(NewActor::new(asking.client_id()));
        }
        let response = self.access_token(asking, request, Some(granted.id))?;
        let text = self.random()?;
        let token = text.parse().map_err(|_| refused(ErrorCode::ServerError))?;
        let refresh = Refresh { granted: granted.clone(), instance: asking.instance(), is_used: false };
        self.state().refresh.insert(text, refresh);
        let response = response.with_refresh_token(token);
        if !granted.wants_id_token() {
            return Ok(response);
        }
        let id_token =
            IdTokenRequest::new(&granted.user, asking.client_id()).authenticated(granted.auth_time, None);
        let id_token = match &granted.nonce {
            Some(nonce) => id_token.nonce(nonce),
            None => id_token,
        };
        let id_token = self.0.id_tokens.issue(&id_token, self.now());
        Ok(response.with_id_token(id_token.map_err(|_| refused(ErrorCode::ServerError))?.into_token()))
    }

    /// EXC-*
    fn exchange(
        &self,
        asking: &Asking<'_>,
        exchange: &TokenExchange,
    ) -> Result<TokenResponse, ErrorResponse> {
        if *exchange.subject().kind() != TokenTypeUrn::AccessToken || exchange.actor().is_some() {
            return Err(refused(ErrorCode::InvalidRequest));
        }
        let now = self.now();
        let token =
            exchange.subject().token().expose().parse().map_err(|_| refused(ErrorCode::InvalidRequest))?;
        let subject = self.0.verifier.verify(&token, now).map_err(|_| refused(ErrorCode::InvalidRequest))?;
        let client = self.0.clients.iter().find(|known| known.goes_by(asking.client_id()));
        let serves = client.map(|client| client.serves.as_slice()).unwrap_or_default();
        let checked = ExchangeParties::new(asking.client, &subject)
            .client_serves(serves)
            .with_dpop(asking.proof)
            .check(now)
            .map_err(|error| refused(error.error_code()))?;
        match exchange.requested() {
            None | Some(TokenTypeUrn::AccessToken) => {
                let resource = self.one_resource(asking.request.resources())?;
                let derivation = checked.derive(resource);
                let derivation = match asking.request.wanted_scope() {
                    Some(scope) => derivation.scope(scope.clone()),
                    None => derivation,
                };
                let derivation = match asking.request.wanted_details() {
                    Some(details) => derivation.details(details.clone()),
                    None => derivation,
                };
                let derived = derivation.derive(now).map_err(|error| refused(error.error_code()))?;
                let grant = subject.token_id().and_then(|id| self.state().tokens.get(&*id).copied());
                let response = self.issue(asking, derived.request(), grant)?;
                Ok(response.of_type(TokenTypeUrn::AccessToken))
            }
            Some(kind @ (TokenTypeUrn::Jwt | TokenTypeUrn::IdJag)) => {
                self.grant_for(asking, exchange, kind, &checked)
            }
            Some(_) => Err(refused(ErrorCode::InvalidRequest)),
        }
    }

    /// XD-3, XD-4, JAG-3, MCP-31
    fn grant_for(
        &self,
        asking: &Asking<'_>,
        exchange: &TokenExchange,
        kind: &TokenTypeUrn,
        checked: &CheckedExchange<'_>,
    ) -> Result<TokenResponse, ErrorResponse> {
        let now = self.now();
        let [audience] = exchange.audiences() else { return Err(refused(ErrorCode::InvalidTarget)) };
        let audience = audience.parse().map_err(|_| refused(ErrorCode::InvalidTarget))?;
        let resources = asking.request.resources();
        let mut grant = if *kind == TokenTypeUrn::IdJag {
            if resources.is_empty() {
                let why = "an identity assertion is for a resource";
                return Err(refused(ErrorCode::InvalidTarget).describe(why));
            }
            checked.id_jag(audience, asking.client_id())
        } else {
            checked.chaining(audience, asking.client_id())
        };
        for resource in resources {
            grant = grant.resource(resource.clone());
        }
        if let Some(scope) = asking.request.wanted_scope() {
            grant = grant.scope(scope.clone());
        }
        if let Some(details) = asking.request.wanted_details() {
            grant = grant.details(details.clone());
        }
        let grant = grant.derive(&*self.0.targets, now).map_err(|error| refused(error.error_code()))?;
        let request = grant.request();
        let issued = self.0.grants.issue(request, now).map_err(|_| refused(ErrorCode::InvalidRequest))?;
        let response = TokenResponse::new(issued.grant().clone(), TokenUse::NotApplicable)
            .expires_in(issued.not_after().since(now))
            .scope(request.granted_scope().clone())
            .of_type(kind.clone());
        Ok(match request.granted_details() {
            Some(details) => response.details(details.clone()),
            None => response,
        })
    }

    /// XD-10, JAG-20. Users go by the same names here.
    fn foreign(
        &self,
        asking: &Asking<'_>,
        assertion: &SecurityToken,
    ) -> Result<TokenResponse, ErrorResponse> {
        let now = self.now();
        let grant = self.0.foreign.verify(assertion, asking.client_id(), asking.proof, now);
        let grant = grant.map_err(|error| refused(error.error_code()))?;
        let redemption = grant.redeem(asking.request, &CommonMembers);
        let redemption = redemption.map_err(|error| refused(error.error_code()))?;
        let resource = self.one_resource(redemption.resources())?;
        let scope = redemption.scope().or(asking.request.wanted_scope());
        let scope = self.scope(scope, &resource, None)?;
        let subject = grant.subject();
        let request = redemption.by_default(scope.clone()).at_most(&scope).token(&subject, &resource);
        self.access_token(asking, request.map_err(|error| refused(error.error_code()))?, None)
    }

    fn access_token(
        &self,
        asking: &Asking<'_>,
        request: AccessTokenRequest<'_>,
        grant: Option<u64>,
    ) -> Result<TokenResponse, ErrorResponse> {
        let request = match asking.binding() {
            Some(binding) => request.bound_to(binding),
            None => request,
        };
        // MTL-4, D8: what is bound to a credential ends with it.
        let request = match asking.client.not_after() {
            Some(end) => request.not_after(end),
            None => request,
        };
        self.issue(asking, &request, grant)
    }

    /// A token that ends with this grant of a user, if it came by one.
    fn issue(
        &self,
        asking: &Asking<'_>,
        request: &AccessTokenRequest<'_>,
        grant: Option<u64>,
    ) -> Result<TokenResponse, ErrorResponse> {
        let now = self.now();
        let issued = self.0.tokens.issue(request, now).map_err(|_| refused(ErrorCode::InvalidRequest))?;
        let lifetime = issued.not_after().since(now);
        if let Some(grant) = grant {
            self.state().tokens.insert(issued.token_id().to_owned(), grant);
        }
        let token_use = if matches!(asking.binding(), Some(TokenBinding::Key(_))) {
            TokenUse::Dpop
        } else {
            TokenUse::Bearer
        };
        let response = TokenResponse::new(issued.into_token().into(), token_use);
        let response = response.expires_in(lifetime).scope(request.granted_scope().clone());
        Ok(match request.granted_details() {
            Some(details) => response.details(details.clone()),
            None => response,
        })
    }

    /// ACT-3: one token, one resource server.
    fn one_resource(&self, resources: &[Resource]) -> Result<Resource, ErrorResponse> {
        match resources {
            [resource] if self.scope_of(resource).is_some() => Ok(resource.clone()),
            [_] => Err(refused(ErrorCode::InvalidTarget).describe("there is no such resource here")),
            _ => Err(refused(ErrorCode::InvalidTarget).describe("a token is for one resource")),
        }
    }

    /// What is asked for, within what was granted, and what the resource has.
    fn scope(
        &self,
        wanted: Option<&Scope>,
        resource: &Resource,
        granted: Option<&Scope>,
    ) -> Result<Scope, ErrorResponse> {
        // `openid` is about the user, and of no resource.
        let known = self.scope_of(resource).cloned().unwrap_or_default();
        let known =
            known.or(&OPENID.parse().unwrap_or_default()).map_err(|_| refused(ErrorCode::InvalidScope))?;
        let ceiling = granted.map_or(known.clone(), |granted| granted.and(&known));
        match wanted {
            None => Ok(ceiling.without(&OPENID.parse().unwrap_or_default())),
            Some(wanted) if wanted.is_subset_of(&ceiling) => Ok(wanted.clone()),
            Some(_) => Err(too_wide()),
        }
    }
}

pub(super) fn refused(error: ErrorCode) -> ErrorResponse {
    ErrorResponse::new(error)
}

fn too_wide() -> ErrorResponse {
    refused(ErrorCode::InvalidScope).describe("more scope than was granted, or than the resource has")
}

/// A server that is asked by anybody says less.
fn client(error: &ClientAuthError) -> ErrorResponse {
    refused(error.error_code()).describe(&error.to_string())
}

const OPENID: &str = "openid";
