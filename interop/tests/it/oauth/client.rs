//! oauth4webapi as a client: what it sends is read and verified as an authorization server and a tool do.

use std::time::Duration;

use aims_jose::Jwk;
use aims_keys::{Algorithm, backend};
use aims_oauth::{
    AccessTokenRequest, AudiencePolicy, AuthenticatedClient, AuthorizationRequest, AuthorizationResponse,
    BindingPolicy, ClientAuthError, ClientAuthenticator, ClientKeys, ClientProof, CodeVerifier, DpopRequest,
    DpopVerifier, Grant, Parameters, Possession, PresentedClient, PresentedToken, PushedResponse,
    RegisteredClient, RegisteredMethod, SealedNonces, TokenBinding, TokenHint, TokenQuery, TokenRequest,
    TokenResponse, TokenUse, VerifiedDpopProof,
};
use aims_proof::ReplayMemory;
use aims_testkit::assert_refused;
use serde_json::{Value, json};

use super::documents::metadata;
use super::{
    AGENT, ISSUER, Server, TOKEN_ENDPOINT, TOOL, USER, issuer, key_of, node, proofs, set, tool, with,
};
use crate::peer::Peer;
use crate::support::now;

const REDIRECT_URI: &str = "https://agent.example/callback";

/// The client, whose keys are in the other program under names of their own.
struct Theirs {
    peer: &'static Peer,
    names: [String; 2],
    jwk: Jwk,
}

/// What it sent.
struct Sent {
    url: String,
    fields: Vec<(String, String)>,
    form: Parameters,
}

impl Theirs {
    fn new(peer: &'static Peer, test: &str, algorithm: Algorithm) -> Self {
        let names = ["client", "dpop"].map(|which| format!("{test} {which} {}", algorithm.name()));
        let [client, dpop] = &names;
        key_of(peer, dpop, algorithm);
        Self { peer, jwk: key_of(peer, client, algorithm), names }
    }

    /// The request of this kind, with its key for `DPoP`.
    fn sends(&self, kind: &str, more: Value) -> Sent {
        let [key, dpop] = &self.names;
        let question = json!({
            "task": "request", "kind": kind, "server": server(), "client": { "client_id": AGENT },
            "key": key, "kid": key, "dpop": dpop,
        });
        let sent = self.peer.ask(&with(question, more)).unwrap();
        let fields = sent["headers"].as_object().unwrap().iter();
        Sent {
            url: text(&sent["url"]),
            fields: fields.map(|(name, value)| (name.clone(), text(value))).collect(),
            form: Parameters::parse(sent["body"].as_str().unwrap().as_bytes()).unwrap(),
        }
    }

    /// What it makes of an answer.
    fn reads(&self, kind: &str, status: u16, body: &str) -> Value {
        let question = json!({
            "task": "response", "kind": kind, "server": server(), "client": { "client_id": AGENT },
            "answer": { "status": status, "headers": { "content-type": "application/json" }, "body": body },
        });
        self.peer.ask(&question).unwrap()["read"].take()
    }

    fn registered(&self) -> RegisteredClient {
        let algorithms = aims_keys::AlgorithmSet::of(&[self.jwk.public_key().algorithm()]);
        let keys = ClientKeys::new(set(&self.jwk)).with_algorithms(algorithms);
        RegisteredClient::new(AGENT, RegisteredMethod::PrivateKeyJwt(keys))
    }

    /// The key that its tokens are bound to.
    fn binding(&self) -> TokenBinding {
        let question =
            json!({ "task": "thumbprint", "client": { "client_id": AGENT }, "dpop": self.names[1] });
        TokenBinding::Key(text(&self.peer.ask(&question).unwrap()).parse().unwrap())
    }
}

impl Sent {
    fn field(&self, name: &str) -> Vec<&str> {
        self.fields.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str()).collect()
    }

    fn authenticated(
        &self,
        server: &ClientAuthenticator,
        client: &RegisteredClient,
    ) -> Result<AuthenticatedClient, ClientAuthError> {
        let fields = self.fields.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
        server.authenticate(PresentedClient::read(&self.form, fields)?, Some(client), now())
    }

    /// The proof, for this request to an endpoint.
    fn proof(&self) -> VerifiedDpopProof {
        let target = self.url.parse().unwrap();
        proofs().verify(self.field("dpop"), &DpopRequest::new("POST", &target), now()).unwrap()
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// Our metadata, as it reads them.
fn server() -> Value {
    serde_json::from_str(&metadata().to_json()).unwrap()
}

fn clients() -> ClientAuthenticator {
    ClientAuthenticator::builder(issuer(), ReplayMemory::with_capacity(100), backend::ring()).build()
}

#[test]
fn node_gets_a_token_of_a_code_and_uses_it() {
    let Some(node) = node() else { return };
    for algorithm in [Algorithm::Es256, Algorithm::Es384, Algorithm::Ed25519] {
        let (theirs, authenticator) = (Theirs::new(node, "code", algorithm), clients());
        let [_, dpop] = &theirs.names;
        let pkce = node.ask(&json!({ "task": "challenge" })).unwrap();
        let TokenBinding::Key(key) = theirs.binding() else { unreachable!("of a key") };

        // Its request is pushed.
        let details = json!([{ "type": "trip", "to": "LIS" }]).to_string();
        let pushed = theirs.sends(
            "pushed",
            json!({ "parameters": {
                "response_type": "code", "redirect_uri": REDIRECT_URI, "scope": "trips:read trips:book",
                "state": "st@te & more", "resource": TOOL, "authorization_details": details,
                "code_challenge": pkce["challenge"], "code_challenge_method": "S256",
                "dpop_jkt": key.to_string(), "acr_values": "urn:strong urn:weak", "max_age": "300",
            } }),
        );
        assert_eq!(pushed.url, "https://as.example/par");
        let client = pushed.authenticated(&authenticator, &theirs.registered()).unwrap();
        assert_eq!((client.client_id(), client.proof()), (AGENT, ClientProof::PrivateKeyJwt));
        assert_eq!(*pushed.proof().thumbprint(), key);
        let read = AuthorizationRequest::read(&pushed.form).unwrap();
        assert_eq!((read.client_id(), read.redirect_uri()), (AGENT, Some(REDIRECT_URI)));
        assert_eq!(read.sent_state(), Some("st@te & more"));
        assert_eq!((read.resources(), read.bound_key()), (&[tool()][..], Some(&key)));
        assert_eq!(read.wanted_scope().unwrap().as_str(), "trips:read trips:book");
        assert_eq!((read.wanted_acr_values().len(), read.wanted_max_age()), (2, Some(300)));
        assert!(read.wanted_details().is_some());
        let uri = "urn:ietf:params:oauth:request_uri:0123456789".parse().unwrap();
        let answer = PushedResponse::new(uri, Duration::from_secs(60));
        let uri = theirs.reads("pushed", 201, &answer.to_json());
        assert_eq!(
            uri,
            json!({ "request_uri": "urn:ietf:params:oauth:request_uri:0123456789", "expires_in": 60 })
        );

        // Its user grants it.
        let (issuer, code) = (issuer(), "a-code/+=&".parse().unwrap());
        let answer = AuthorizationResponse::granted(&issuer, &code).with_state(read.sent_state());
        let redeemed = theirs.sends(
            "code",
            json!({
                "location": answer.location(REDIRECT_URI), "state": "st@te & more", "redirect_uri": REDIRECT_URI,
                "verifier": pkce["verifier"],
            }),
        );
        assert_eq!(redeemed.url, TOKEN_ENDPOINT);
        redeemed.authenticated(&authenticator, &theirs.registered()).unwrap();
        let proof = redeemed.proof();
        let request = TokenRequest::read(&redeemed.form).unwrap();
        let Grant::AuthorizationCode(grant) = request.grant() else { panic!("not a code") };
        assert_eq!((grant.code().expose(), grant.redirect_uri()), (code.expose(), Some(REDIRECT_URI)));
        assert!(read.challenge().is_of(grant.verifier(), backend::ring()));

        // It gets a token for the key that it proved, and uses it.
        let tokens = Server::new(Algorithm::Es256);
        let bound =
            AccessTokenRequest::new(USER, AGENT, tool()).bound_to(TokenBinding::Key(*proof.thumbprint()));
        let token = tokens.issue(&bound.scope("trips:book".parse().unwrap()));
        let answer = TokenResponse::new(token.clone().into(), TokenUse::Dpop)
            .expires_in(Duration::from_secs(300))
            .scope("trips:book".parse().unwrap())
            .with_refresh_token("a-refresh-token".parse().unwrap());
        let read = theirs.reads("code", 200, &answer.to_json().unwrap());
        let expected = json!({
            "access_token": token.expose(), "token_type": "dpop", "expires_in": 300, "scope": "trips:book",
            "refresh_token": "a-refresh-token",
        });
        assert_eq!(read, expected);

        let url = "https://tools.example/v1/book?to=LIS";
        let used = node.ask(&json!({
            "task": "request", "kind": "resource", "method": "PUT", "url": url, "token": token.expose(),
            "client": { "client_id": AGENT }, "dpop": dpop,
        }));
        let used = used.unwrap();
        let service = tokens.tool(BindingPolicy::bound());
        let presented = PresentedToken::read([text(&used["headers"]["authorization"])]).unwrap().unwrap();
        let verified = service.verify(&presented, now()).unwrap();
        let target = url.parse().unwrap();
        let lines = [text(&used["headers"]["dpop"])];
        let proof =
            service.verify_dpop(&presented, &verified, lines, "PUT", &target, now()).unwrap().unwrap();
        let authorized = service.authorize(&presented, &verified, Possession::Dpop(&proof)).unwrap();
        assert_eq!(authorized.actor(), AGENT);
    }
}

#[test]
fn requests_of_node_for_every_grant_are_read() {
    let Some(node) = node() else { return };
    let (theirs, authenticator) = (Theirs::new(node, "grants", Algorithm::Es256), clients());
    let read = |kind: &str, more| {
        let sent = theirs.sends(kind, more);
        sent.authenticated(&authenticator, &theirs.registered()).unwrap();
        sent.proof();
        TokenRequest::read(&sent.form).unwrap()
    };
    let wanted = json!({ "scope": "trips:book", "resource": TOOL });
    let request = read("client_credentials", json!({ "parameters": wanted }));
    assert!(matches!(request.grant(), Grant::ClientCredentials));
    assert_eq!(
        (request.resources(), request.wanted_scope().unwrap().as_str()),
        (&[tool()][..], "trips:book")
    );

    let request = read("refresh", json!({ "token": "a refresh token" }));
    assert!(matches!(request.grant(), Grant::Refresh(token) if token.expose() == "a refresh token"));

    let request = read("backchannel", json!({ "auth_req_id": "1c266114-a1be-4252" }));
    assert!(matches!(request.grant(), Grant::Backchannel(id) if id.expose() == "1c266114-a1be-4252"));

    let request = read(
        "generic",
        json!({ "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "parameters": { "assertion": "a.b.c" } }),
    );
    assert!(matches!(request.grant(), Grant::JwtBearer(assertion) if assertion.expose() == "a.b.c"));

    let request = read(
        "generic",
        json!({ "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange", "parameters": {
            "subject_token": "s.s.s", "subject_token_type": "urn:ietf:params:oauth:token-type:access_token",
            "actor_token": "a.a.a", "actor_token_type": "urn:ietf:params:oauth:token-type:jwt",
            "requested_token_type": "urn:ietf:params:oauth:token-type:id-jag", "audience": "https://bank.example",
        } }),
    );
    let Grant::TokenExchange(exchange) = request.grant() else { panic!("not an exchange") };
    assert_eq!(exchange.subject().token().expose(), "s.s.s");
    assert_eq!(exchange.actor().unwrap().kind().as_str(), "urn:ietf:params:oauth:token-type:jwt");
    assert_eq!(exchange.audiences(), ["https://bank.example"]);

    let query = |kind: &str, more| {
        let sent = theirs.sends(kind, more);
        sent.authenticated(&authenticator, &theirs.registered()).unwrap();
        (sent.url, TokenQuery::read(&sent.form).unwrap())
    };
    let (url, asked) = query("introspection", json!({ "token": "a-token" }));
    assert_eq!(
        (url.as_str(), asked.token().expose(), asked.hint()),
        ("https://as.example/introspect", "a-token", None)
    );
    let hint = json!({ "token_type_hint": "refresh_token" });
    let (url, asked) = query("revocation", json!({ "token": "a-token", "parameters": hint }));
    assert_eq!((url.as_str(), asked.hint()), ("https://as.example/revoke", Some(TokenHint::RefreshToken)));
}

#[test]
fn assertions_of_node_are_taken_once_and_for_us_alone() {
    let Some(node) = node() else { return };
    let theirs = Theirs::new(node, "assertions", Algorithm::Es256);
    let client = theirs.registered();
    let sent = |claims: Value| theirs.sends("client_credentials", json!({ "claims": claims }));
    let authenticator = clients();

    let good = sent(json!({}));
    good.authenticated(&authenticator, &client).unwrap();
    assert_refused!(good.authenticated(&authenticator, &client), "replay", "CJA-2");

    let at = now().as_secs();
    for (name, claims, code, rule) in [
        ("aud", json!({ "aud": "https://evil.example" }), "audience_mismatch", "CJA-3"),
        ("aud, the endpoint", json!({ "aud": TOKEN_ENDPOINT }), "audience_mismatch", "CJA-3"),
        ("aud, two", json!({ "aud": [ISSUER, "https://evil.example"] }), "multiple_audiences", "CJA-3"),
        ("exp", json!({ "exp": at - 120, "iat": at - 180 }), "expired", "CJA-2"),
        ("exp, far ahead", json!({ "exp": at + 3600 }), "lifetime_too_long", "CJA-2"),
        ("nbf", json!({ "nbf": at + 120 }), "not_yet_valid", "CJA-2"),
        ("iss", json!({ "iss": "another" }), "issuer_mismatch", "CJA-2"),
        ("sub", json!({ "iss": "another", "sub": "another" }), "client_id_mismatch", "CJA-1"),
    ] {
        assert_refused!(sent(claims).authenticated(&authenticator, &client), code, rule, "{name}");
    }
    let other = Theirs::new(node, "assertions of another", Algorithm::Es256);
    let jwk = other.jwk.clone().with_key_id(&theirs.names[0]).unwrap();
    let keys = ClientKeys::new(set(&jwk));
    let stranger = RegisteredClient::new(AGENT, RegisteredMethod::PrivateKeyJwt(keys));
    assert_refused!(sent(json!({})).authenticated(&authenticator, &stranger), "bad_signature", "CJA-5");

    // Of clients from before rfc7523bis.
    let legacy = AudiencePolicy::Legacy { token_endpoint: TOKEN_ENDPOINT.parse().unwrap() };
    let authenticator =
        ClientAuthenticator::builder(issuer(), ReplayMemory::with_capacity(100), backend::ring())
            .audience_policy(legacy)
            .build();
    sent(json!({ "aud": TOKEN_ENDPOINT })).authenticated(&authenticator, &client).unwrap();
}

#[test]
fn node_brings_the_nonce_that_we_want() {
    let Some(node) = node() else { return };
    let theirs = Theirs::new(node, "nonces", Algorithm::Es256);
    let verifier = DpopVerifier::builder(ReplayMemory::with_capacity(100), backend::ring())
        .require_nonces(SealedNonces::generate(backend::ring()).unwrap())
        .build();
    let verify = |sent: &Sent| {
        let target = sent.url.parse().unwrap();
        verifier.verify(sent.field("dpop"), &DpopRequest::new("POST", &target), now()).map(drop)
    };
    let nonce = verifier.nonce(now()).unwrap();
    let headers = json!({ "content-type": "application/json", "dpop-nonce": nonce });
    let answer = json!({ "answer": { "status": 400, "headers": headers, "body": "{}" } });
    let without = theirs.sends("client_credentials", answer);
    assert_refused!(verify(&without), "nonce_wanted", "DPO-5");
    verify(&theirs.sends("client_credentials", json!({}))).unwrap();
}

#[test]
fn challenges_of_code_verifiers_are_the_same() {
    let Some(node) = node() else { return };
    let ours = CodeVerifier::generate(backend::ring()).unwrap();
    let theirs = node.ask(&json!({ "task": "challenge", "verifier": ours.expose() })).unwrap();
    assert_eq!(theirs["challenge"], ours.challenge(backend::ring()).as_str());
    let made = node.ask(&json!({ "task": "challenge" })).unwrap();
    let verifier: CodeVerifier = made["verifier"].as_str().unwrap().parse().unwrap();
    assert_eq!(made["challenge"], verifier.challenge(backend::ring()).as_str());
}
