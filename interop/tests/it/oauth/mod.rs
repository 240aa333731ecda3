//! OAuth with libraries of others: oauth4webapi for Node and Authlib for Python.

mod authlib_assertions;
mod authlib_tokens;
mod client;
mod documents;
mod node_tokens;
mod offer;
mod users;

use std::process::Command;
use std::sync::{Arc, LazyLock};

use aims_jose::{Jwk, JwkSet, base64url};
use aims_keys::{Algorithm, SignInput, Signer, SoftwareKey, UnixTime, backend};
use aims_oauth::{
    AccessToken, AccessTokenIssuer, AccessTokenRequest, AccessTokenVerifier, BindingPolicy, DpopVerifier,
    Issuer, Resource, ResourceServer, TrustedIssuer,
};
use aims_proof::ReplayMemory;
use serde_json::{Value, json};

use crate::peer::{Peer, installed, or_skip, script};
use crate::support::{key_for, now};

const ISSUER: &str = "https://as.example";
const TOOL: &str = "https://tools.example/v1";
const TOKEN_ENDPOINT: &str = "https://as.example/token";
const AGENT: &str = "spiffe://acme.example/agents/travel";
const USER: &str = "user-1";

/// oauth4webapi.
fn node() -> Option<&'static Peer> {
    static NODE: LazyLock<Option<Peer>> = LazyLock::new(|| {
        let mut command = Command::new("node");
        command.arg(script("node/oauth.mjs")).arg(installed("node")?);
        Peer::start(&mut command, "3.8.8")
    });
    or_skip(NODE.as_ref(), "oauth4webapi for Node")
}

/// Authlib.
fn python() -> Option<&'static Peer> {
    static PYTHON: LazyLock<Option<Peer>> = LazyLock::new(|| {
        let mut command = Command::new(installed("python")?.join("bin/python"));
        Peer::start(command.arg(script("python/oauth.py")), "1.9.10")
    });
    or_skip(PYTHON.as_ref(), "Authlib for Python")
}

/// A pair of keys that a peer holds, by name: its public key.
fn key_of(peer: &Peer, name: &str, algorithm: Algorithm) -> Jwk {
    let question = json!({ "task": "key", "name": name, "algorithm": algorithm.name() });
    let mut jwk = peer.ask(&question).unwrap();
    jwk["alg"] = algorithm.name().into();
    jwk["kid"] = name.into();
    Jwk::parse(&jwk.to_string(), backend::ring()).unwrap()
}

fn set(jwk: &Jwk) -> JwkSet {
    JwkSet::new(vec![jwk.clone()]).unwrap()
}

/// The keys as they are published.
fn published(jwk: &Jwk) -> Value {
    serde_json::from_str(&set(jwk).to_json()).unwrap()
}

fn issuer() -> Issuer {
    ISSUER.parse().unwrap()
}

fn tool() -> Resource {
    TOOL.parse().unwrap()
}

/// An authorization server with one key.
struct Server {
    key: Arc<SoftwareKey>,
    jwk: Jwk,
}

impl Server {
    fn new(algorithm: Algorithm) -> Self {
        let key = key_for(algorithm);
        let jwk = Jwk::new(key.public_key().clone()).with_key_id("as-1").unwrap();
        Self { key, jwk }
    }

    fn issuer_called(&self, name: &str) -> AccessTokenIssuer {
        AccessTokenIssuer::new(name.parse().unwrap(), self.key.clone(), "as-1").unwrap()
    }

    /// A token as this server issues it.
    fn issue(&self, request: &AccessTokenRequest<'_>) -> AccessToken {
        self.issuer_called(ISSUER).issue(request, now()).unwrap().into_token()
    }

    /// A token of this type, with these claims.
    fn sign(&self, typ: &str, claims: &Value) -> AccessToken {
        self.sign_text(typ, &claims.to_string())
    }

    /// The same, whatever the type and the claims are.
    fn sign_text(&self, typ: &str, claims: &str) -> AccessToken {
        let algorithm = self.jwk.public_key().algorithm().name();
        self.sign_with(&json!({ "alg": algorithm, "kid": self.jwk.key_id(), "typ": typ }), claims)
    }

    /// The same, whatever the header is.
    fn sign_with(&self, header: &Value, claims: &str) -> AccessToken {
        let input = format!("{}.{}", base64url::encode(header.to_string()), base64url::encode(claims));
        let signature = self.key.sign(SignInput::Message(input.as_bytes())).unwrap();
        format!("{input}.{}", base64url::encode(signature.as_bytes())).parse().unwrap()
    }

    /// A token whose "secret" is the public key: for who takes the algorithm from the token, and any key for it.
    fn confused(&self, claims: &Value) -> AccessToken {
        let mut header = josekit::jws::JwsHeader::new();
        header.set_token_type("at+jwt");
        let secret = crate::support::pem(&self.key.public_key().numbers().to_spki())
            .replace("CERTIFICATE", "PUBLIC KEY");
        let signer = josekit::jws::HS256.signer_from_bytes(secret).unwrap();
        let token = josekit::jws::serialize_compact(claims.to_string().as_bytes(), &header, &signer).unwrap();
        token.parse().unwrap()
    }

    /// A tool that believes it. It has seen no proof yet.
    fn tool(&self, policy: BindingPolicy) -> ResourceServer {
        let trusted = TrustedIssuer::new(issuer(), set(&self.jwk));
        let tokens = AccessTokenVerifier::builder(tool(), trusted, backend::ring()).build();
        ResourceServer::new(tokens, policy).with_dpop(proofs())
    }
}

fn proofs() -> DpopVerifier {
    DpopVerifier::builder(ReplayMemory::with_capacity(100), backend::ring()).build()
}

/// What the agent asks for.
fn request() -> AccessTokenRequest<'static> {
    AccessTokenRequest::new(USER, AGENT, tool()).scope("trips:read trips:book".parse().unwrap())
}

/// The claims of a good token, to be changed.
fn claims(at: UnixTime) -> Value {
    json!({
        "iss": ISSUER,
        "sub": USER,
        "aud": TOOL,
        "client_id": AGENT,
        "jti": "at-1",
        "iat": at.as_secs(),
        "exp": at.as_secs() + 300,
    })
}

/// A question with more members, or others.
fn with(mut question: Value, more: Value) -> Value {
    let Value::Object(more) = more else { panic!("an object") };
    question.as_object_mut().unwrap().extend(more);
    question
}

/// What one side says: nothing, or why it refuses.
type Verdict = Result<(), &'static str>;

/// Both sides are asked, and each must say this, the peer by a text that has this in it.
#[track_caller]
fn compare(name: &str, ours: (Result<(), &'static str>, Verdict), theirs: (Result<Value, String>, Verdict)) {
    assert_eq!(ours.0, ours.1, "{name}: ours");
    match theirs {
        (Ok(_), Ok(())) => {}
        (Err(said), Err(expected)) if said.contains(expected) => {}
        (said, expected) => panic!("{name}: the peer was to say {expected:?}, and says {said:?}"),
    }
}
