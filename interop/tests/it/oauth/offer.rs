//! A request with a token, as a client offers it to a resource server.

use std::sync::Arc;

use aims_jose::{NewHeader, Thumbprint};
use aims_keys::{SoftwareKey, UnixTime, backend};
use aims_oauth::{
    AccessToken, BindingPolicy, DpopProver, DpopTarget, Possession, PresentedToken, ResourceError,
};
use serde_json::{Value, json};

use super::{ISSUER, Server, TOOL, published};
use crate::peer::Peer;

/// The URI of the tool that is called.
pub(super) const URI: &str = "https://tools.example/v1/search";

/// A request, whose parts may be wrong.
#[derive(Clone)]
pub(super) struct Offer {
    pub(super) method: &'static str,
    pub(super) uri: &'static str,
    pub(super) scheme: &'static str,
    pub(super) token: String,
    pub(super) proofs: Vec<String>,
}

/// A client that proves with a key of its own.
pub(super) struct Client {
    pub(super) key: Arc<SoftwareKey>,
    prover: DpopProver,
}

impl Client {
    pub(super) fn new(key: Arc<SoftwareKey>) -> Self {
        Self { prover: DpopProver::new(key.clone()).unwrap(), key }
    }

    pub(super) fn thumbprint(&self) -> Thumbprint {
        self.prover.thumbprint()
    }

    /// A proof as it is made here.
    pub(super) async fn proof(&self, method: &str, uri: &str, token: &AccessToken, at: UnixTime) -> String {
        let target: DpopTarget = uri.parse().unwrap();
        self.prover.proof(method, &target).with_token(token).sign(at).await.unwrap()
    }

    /// A proof of this type, with these claims.
    pub(super) fn sign(&self, typ: &str, claims: &Value) -> String {
        let header = NewHeader::with_embedded_key(typ, self.key.public_key()).unwrap();
        header.unsigned(claims.to_string()).sign(&*self.key).unwrap()
    }
}

/// The claims of a good proof, to be changed.
pub(super) fn proof_claims(token: &AccessToken, at: UnixTime) -> Value {
    let hash = aims_jose::base64url::encode(backend::ring().sha256(token.expose().as_bytes()));
    json!({ "jti": "p-1", "htm": "GET", "htu": URI, "iat": at.as_secs(), "ath": hash })
}

impl Offer {
    /// With this token and this proof, and nothing wrong about it.
    pub(super) fn dpop(token: &AccessToken, proof: impl Into<String>) -> Self {
        let token = token.expose().to_owned();
        Self { method: "GET", uri: URI, scheme: "DPoP", token, proofs: vec![proof.into()] }
    }

    pub(super) fn bearer(token: &AccessToken) -> Self {
        let token = token.expose().to_owned();
        Self { method: "GET", uri: URI, scheme: "Bearer", token, proofs: Vec::new() }
    }

    fn fields(&self) -> Vec<(&'static str, String)> {
        let proofs = self.proofs.iter().map(|proof| ("dpop", proof.clone()));
        std::iter::once(("authorization", format!("{} {}", self.scheme, self.token))).chain(proofs).collect()
    }

    /// What our resource server says, which has seen none before.
    pub(super) fn ours(&self, server: &Server, at: UnixTime) -> Result<(), &'static str> {
        let policy = BindingPolicy::bound().dangerous_or_bearer();
        self.authorize(server, policy, at).map_err(|refused| refused.code())
    }

    fn authorize(&self, server: &Server, policy: BindingPolicy, at: UnixTime) -> Result<(), ResourceError> {
        let tool = server.tool(policy);
        let presented = PresentedToken::read([format!("{} {}", self.scheme, self.token)])?.unwrap();
        let token = tool.verify(&presented, at)?;
        let target = self.uri.parse().unwrap();
        let proof = tool.verify_dpop(&presented, &token, &self.proofs, self.method, &target, at)?;
        let possession = proof.as_ref().map_or(Possession::Nothing, Possession::Dpop);
        tool.authorize(&presented, &token, possession).map(drop)
    }

    /// What oauth4webapi says.
    pub(super) fn theirs(&self, peer: &Peer, server: &Server) -> Result<Value, String> {
        peer.ask(&json!({
            "task": "access_token",
            "issuer": ISSUER,
            "audience": TOOL,
            "method": self.method,
            "url": self.uri,
            "fields": self.fields(),
            "keys": published(&server.jwk),
        }))
    }
}
