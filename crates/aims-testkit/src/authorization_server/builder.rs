//! What a test authorization server is built with.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aims_credential::{BundleSet, HttpsUrl, TrustBundle, WitProfile};
use aims_id::WorkloadId;
use aims_jose::{Jwk, JwkSet};
use aims_keys::{Algorithm, Clock, Signer, SoftwareKey, backend};
use aims_oauth::{
    AccessTokenIssuer, AccessTokenVerifier, AccessTokenVerifierBuilder, ClaimTranscriber, ClientAttesters,
    ClientAuthMethod, ClientAuthenticator, ClientAuthenticatorBuilder, ClientKeys, ClientLookup,
    CodeChallenge, DeliveryMode, DpopVerifier, Endpoint, GrantIssuer, GrantProfile, GrantType, GrantVerifier,
    IdTokenIssuer, IntrospectionSigner, Issuer, Listed, RegisteredClient, RegisteredMethod, Resource, Scope,
    SealedNonces, ServerMetadata, Signed, SpiffeClientId, SpiffeProof, SpiffeRegistration, Targets,
    TokenTypeUrn, Transcription, TrustedAttester, TrustedIssuer, VerifiedAccessToken,
};
use aims_proof::ReplayMemory;

use super::state::State;
use super::{Inner, TestAuthorizationServer};

/// A client, and what the server allows it.
#[derive(Clone, Debug)]
pub(super) struct Client {
    pub(super) registered: RegisteredClient,
    /// Where it is a workload, or one of several.
    pub(super) workloads: Option<SpiffeClientId>,
    pub(super) redirect_uris: Vec<String>,
    /// The resources that it serves itself.
    pub(super) serves: Vec<Resource>,
}

impl Client {
    pub(super) fn is(&self, lookup: &ClientLookup<'_>) -> bool {
        match lookup {
            ClientLookup::Id(id) => self.registered.client_id() == Some(id),
            ClientLookup::Workload(id) => {
                let is_one = |ids: &SpiffeClientId| ids.matches(id.as_workload_id());
                self.workloads.as_ref().is_some_and(is_one)
                    || self.registered.client_id() == Some(id.as_str())
            }
            _ => false,
        }
    }

    /// Whether it goes by this identifier, which may be that of one workload of several.
    pub(super) fn goes_by(&self, client_id: &str) -> bool {
        let is_one = |ids: &SpiffeClientId| client_id.parse().is_ok_and(|id: WorkloadId| ids.matches(&id));
        self.registered.client_id() == Some(client_id) || self.workloads.as_ref().is_some_and(is_one)
    }
}

/// Options of a [`TestAuthorizationServer`].
#[must_use = "a builder does nothing until `build` is called"]
pub struct TestAuthorizationServerBuilder {
    issuer: Issuer,
    clock: Arc<dyn Clock>,
    clients: Vec<Client>,
    bundles: Vec<TrustBundle>,
    resources: Vec<(Resource, Scope)>,
    trusted: Vec<(TrustedIssuer, Vec<GrantProfile>)>,
    targets: Option<Targets>,
    lifetime: Option<Duration>,
    poll_interval: Option<Duration>,
    attesters: Vec<TrustedAttester>,
    has_nonces: bool,
    challenges: Option<Arc<SealedNonces>>,
    has_pushed_requests: bool,
    names_actors: bool,
}

impl TestAuthorizationServerBuilder {
    #[expect(clippy::expect_used, reason = "a test helper: what a test got wrong must fail it")]
    pub(super) fn new(issuer: &str, clock: Arc<dyn Clock>) -> Self {
        Self {
            issuer: issuer.parse().expect("an issuer such as https://as.example"),
            clock,
            clients: Vec::new(),
            bundles: Vec::new(),
            resources: Vec::new(),
            trusted: Vec::new(),
            targets: None,
            lifetime: None,
            poll_interval: None,
            attesters: Vec::new(),
            has_nonces: false,
            challenges: None,
            has_pushed_requests: true,
            names_actors: false,
        }
    }

    /// A client that signs assertions with this key (`private_key_jwt`), and whose users come back to these URIs. Its tokens are for tools that take `DPoP` proofs; where
    /// these take nothing else of a caller, it has to go by the name of a workload, such as `spiffe://acme.example/agents/travel`.
    ///
    /// # Panics
    ///
    /// When there can be no such key.
    #[expect(clippy::expect_used, reason = "a test helper: what a test got wrong must fail it")]
    pub fn client(self, client_id: &str, key: &dyn Signer, redirect_uris: &[&str]) -> Self {
        let keys = JwkSet::new(vec![Jwk::new(key.public_key().clone())]).expect("one key");
        let method = RegisteredMethod::PrivateKeyJwt(ClientKeys::new(keys));
        self.registered(RegisteredClient::new(client_id, method), redirect_uris)
    }

    /// A client as it is registered, whose users come back to these URIs.
    pub fn registered(mut self, registered: RegisteredClient, redirect_uris: &[&str]) -> Self {
        let redirect_uris = redirect_uris.iter().map(ToString::to_string).collect();
        self.clients.push(Client { registered, workloads: None, redirect_uris, serves: Vec::new() });
        self
    }

    /// A workload, or all below a path (`spiffe://acme.example/agents/*`), that show WIT-SVIDs or JWT-SVIDs of this bundle; users come back to these URIs.
    ///
    /// # Panics
    ///
    /// When the text is no such identifier.
    #[expect(clippy::expect_used, reason = "a test helper: what a test got wrong must fail it")]
    pub fn workloads(mut self, ids: &str, bundle: TrustBundle, redirect_uris: &[&str]) -> Self {
        let ids: SpiffeClientId = ids.parse().expect("identifiers of workloads");
        let registration =
            SpiffeRegistration::new(ids.clone(), SpiffeProof::WitSvid).or(SpiffeProof::JwtSvid);
        let registered = RegisteredClient::workloads(registration);
        let redirect_uris = redirect_uris.iter().map(ToString::to_string).collect();
        self.clients.push(Client { registered, workloads: Some(ids), redirect_uris, serves: Vec::new() });
        // Workloads are clients by WIT-SVIDs alone (SPC-6).
        self.bundles.push(bundle.with_profile(WitProfile::WitSvid));
        self
    }

    /// A client for which this attester vouches, instance by instance: by proofs of their own, or by the `DPoP` proofs of their requests (ABC-3).
    pub fn attested(mut self, client_id: &str, attester: TrustedAttester, redirect_uris: &[&str]) -> Self {
        let method = RegisteredMethod::Attestation(ClientAttesters::new(attester.name()));
        self.attesters.push(attester);
        self.registered(RegisteredClient::new(client_id, method), redirect_uris)
    }

    /// The client that was named last is a tool: this resource, tokens for which it may exchange.
    ///
    /// # Panics
    ///
    /// When the text is no resource, or no client was named.
    #[expect(clippy::expect_used, reason = "a test helper: what a test got wrong must fail it")]
    pub fn serves(mut self, resource: &str) -> Self {
        let client = self.clients.last_mut().expect("a client before");
        client.serves.push(resource.parse().expect("a resource such as https://tools.example"));
        self
    }

    /// Gives tokens for this resource, with this scope or less.
    ///
    /// # Panics
    ///
    /// When either is malformed.
    #[expect(clippy::expect_used, reason = "a test helper: what a test got wrong must fail it")]
    pub fn resource(mut self, resource: &str, scope: &str) -> Self {
        let resource = resource.parse().expect("a resource such as https://tools.example");
        self.resources.push((resource, scope.parse().expect("a scope such as trips:book")));
        self
    }

    /// Takes grants of another server.
    pub fn trust(mut self, issuer: TrustedIssuer, profiles: &[GrantProfile]) -> Self {
        self.trusted.push((issuer, profiles.to_vec()));
        self
    }

    /// Gives grants for this other server, which gets to know this, and for those alone that are named. Default: for any, each of which gets to know the least.
    ///
    /// # Panics
    ///
    /// When the text is no issuer.
    #[expect(clippy::expect_used, reason = "a test helper: what a test got wrong must fail it")]
    pub fn target(mut self, audience: &str, told: Transcription) -> Self {
        let audience = audience.parse().expect("an issuer such as https://as.b.example");
        self.targets = Some(self.targets.unwrap_or_default().with(audience, told));
        self
    }

    /// How long access tokens live. Default: that of the issuer, 5 min.
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = Some(lifetime);
        self
    }

    /// How long a client waits from one question to the next whether a user has decided: whole seconds, at least one. Default: 5 s, without saying so.
    pub fn poll_interval(mut self, interval: Duration) -> Self {
        self.poll_interval = Some(interval.max(Duration::from_secs(1)));
        self
    }

    /// Says in the tokens of users who acts for them, in `act`, though `client_id` says so too: what is exchanged for such a token still names that agent.
    pub fn name_actors(mut self) -> Self {
        self.names_actors = true;
        self
    }

    /// Wants its nonces in `DPoP` proofs.
    pub fn require_nonces(mut self) -> Self {
        self.has_nonces = true;
        self
    }

    /// Wants its challenges in the proofs of attested clients, and has a place where they come from (ABC-5). They are its nonces, where it has those, too.
    ///
    /// # Panics
    ///
    /// When the system has no randomness.
    #[expect(clippy::expect_used, reason = "a test helper: what a test got wrong must fail it")]
    pub fn require_challenges(mut self) -> Self {
        self.challenges = Some(Arc::new(SealedNonces::generate(backend::ring()).expect("a fresh secret")));
        self
    }

    /// Has no endpoint for pushed requests.
    pub fn without_pushed_requests(mut self) -> Self {
        self.has_pushed_requests = false;
        self
    }

    /// Finishes.
    ///
    /// # Panics
    ///
    /// When the system has no randomness, or the resources are too many.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a test helper: what a test got wrong must fail it")]
    pub fn build(self) -> TestAuthorizationServer {
        let backend = backend::ring();
        let key = Arc::new(SoftwareKey::generate(Algorithm::Es256, backend).expect("a fresh key"));
        let jwk = Jwk::new(key.public_key().clone()).with_key_id(KEY_ID).expect("a key ID");
        let keys = JwkSet::new(vec![jwk]).expect("one key");
        let replay = Arc::new(ReplayMemory::with_capacity(10_000));

        let mut authenticator =
            ClientAuthenticator::builder(self.issuer.clone(), Arc::clone(&replay), backend);
        if !self.bundles.is_empty() {
            authenticator = authenticator.bundles(self.bundles.iter().cloned().collect::<BundleSet>());
        }
        authenticator =
            self.attesters.iter().cloned().fold(authenticator, ClientAuthenticatorBuilder::attester);
        if let Some(challenges) = &self.challenges {
            authenticator = authenticator.require_attestation_challenges(Arc::clone(challenges));
        }
        let mut dpop = DpopVerifier::builder(Arc::clone(&replay), backend);
        if self.has_nonces {
            let fresh = || Arc::new(SealedNonces::generate(backend).expect("a fresh secret"));
            dpop = dpop.require_nonces(self.challenges.clone().unwrap_or_else(fresh));
        }
        let issuer =
            AccessTokenIssuer::new(self.issuer.clone(), key.clone(), KEY_ID).expect("an issuer of tokens");
        let tokens = match self.lifetime {
            Some(lifetime) => issuer.with_lifetime(lifetime),
            None => issuer,
        };
        let trusted = TrustedIssuer::new(self.issuer.clone(), keys.clone());
        let mut resources = self.resources.iter().map(|(resource, _)| resource.clone());
        let first = resources.next().unwrap_or_else(|| self.issuer.as_str().parse().expect("a URL"));
        let verifier = AccessTokenVerifier::builder(first, trusted, backend);
        let verifier = resources.fold(verifier, AccessTokenVerifierBuilder::also_known_as).build();
        let foreign = GrantVerifier::builder(self.issuer.clone(), replay, backend);
        let foreign = self
            .trusted
            .iter()
            .cloned()
            .fold(foreign, |foreign, (issuer, profiles)| foreign.trust(issuer, &profiles));
        let metadata = self.metadata(dpop.clone().build().algorithms());

        TestAuthorizationServer(Arc::new(Inner {
            clock: self.clock,
            backend,
            metadata,
            keys,
            clients: self.clients,
            resources: self.resources,
            authenticator: authenticator.build(),
            dpop: dpop.build(),
            tokens,
            verifier,
            id_tokens: IdTokenIssuer::new(self.issuer.clone(), key.clone(), KEY_ID).expect("an issuer"),
            introspection: IntrospectionSigner::new(self.issuer.clone(), key.clone(), KEY_ID)
                .expect("what signs answers"),
            grants: GrantIssuer::new(self.issuer, key, KEY_ID).expect("an issuer of grants"),
            foreign: foreign.build(),
            targets: match self.targets {
                Some(targets) => Box::new(targets),
                None => Box::new(AnyTarget),
            },
            poll_interval: self.poll_interval,
            names_actors: self.names_actors,
            state: Mutex::new(State::default()),
        }))
    }

    #[expect(clippy::expect_used, reason = "the URLs are made from an issuer")]
    fn metadata(&self, dpop: aims_keys::AlgorithmSet) -> ServerMetadata {
        let at = |path: &str| -> HttpsUrl {
            format!("https://{}{path}", self.issuer.as_url().authority()).parse().expect("a URL")
        };
        let mut methods = METHODS.to_vec();
        if !self.attesters.is_empty() {
            methods.extend([ClientAuthMethod::Attestation, ClientAuthMethod::AttestationDpop]);
        }
        let metadata = ServerMetadata::builder(self.issuer.clone())
            .endpoint(Endpoint::Authorization, at("/authorize"))
            .endpoint(Endpoint::Token, at("/token"))
            .endpoint(Endpoint::BackchannelAuthentication, at("/ask"))
            .endpoint(Endpoint::Introspection, at("/introspect"))
            .endpoint(Endpoint::Revocation, at("/revoke"))
            .delivery_modes(&[DeliveryMode::Poll])
            .jwks_uri(at("/jwks"))
            .grants(&[
                GrantType::AuthorizationCode,
                GrantType::Ciba,
                GrantType::ClientCredentials,
                GrantType::JwtBearer,
                GrantType::RefreshToken,
                GrantType::TokenExchange,
            ])
            .auth_methods(&methods)
            .introspection_auth_methods(&methods)
            .revocation_auth_methods(&methods)
            .algorithms(Signed::DpopProof, dpop)
            .algorithms(Signed::Introspection, [Algorithm::Es256].into_iter().collect())
            .list(Listed::CodeChallengeMethods, [CodeChallenge::METHOD])
            .list(Listed::RequestedTokenTypes, [TokenTypeUrn::Jwt.as_str(), TokenTypeUrn::IdJag.as_str()])
            .sends_issuer();
        let metadata = if self.has_pushed_requests {
            metadata.endpoint(Endpoint::PushedAuthorization, at("/par"))
        } else {
            metadata
        };
        let metadata = if self.challenges.is_some() {
            metadata.endpoint(Endpoint::Challenge, at("/challenge"))
        } else {
            metadata
        };
        metadata.build().expect("metadata")
    }
}

/// Every server, with the least.
struct AnyTarget;

impl ClaimTranscriber for AnyTarget {
    fn transcribe(&self, _: &VerifiedAccessToken, _: &Issuer) -> Option<Transcription> {
        Some(Transcription::minimal())
    }
}

const METHODS: [ClientAuthMethod; 4] = [
    ClientAuthMethod::None,
    ClientAuthMethod::PrivateKeyJwt,
    ClientAuthMethod::SpiffeJwt,
    ClientAuthMethod::SpiffeWit,
];

const KEY_ID: &str = "test-as";

/// Shows the issuer.
impl std::fmt::Debug for TestAuthorizationServerBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TestAuthorizationServerBuilder").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}
