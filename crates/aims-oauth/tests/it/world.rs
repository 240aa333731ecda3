//! An authorization server and a resource server.

use std::sync::Arc;

use aims_jose::{Jwk, JwkSet, NewClaims, NewHeader};
use aims_keys::{Algorithm, SoftwareKey, UnixTime, backend};
use aims_oauth::{
    AccessToken, AccessTokenIssuer, AccessTokenRequest, AccessTokenVerifier, AccessTokenVerifierBuilder,
    Issuer, Resource, TrustedIssuer,
};

pub(crate) const NOW: UnixTime = UnixTime::from_secs(1_790_000_000);
pub(crate) const ISSUER: &str = "https://as.example";
pub(crate) const AGENT: &str = "spiffe://acme.example/agents/travel";
pub(crate) const USER: &str = "user-1";

pub(crate) fn tool() -> Resource {
    "https://tools.example/v1".parse().unwrap()
}

pub(crate) fn issuer() -> Issuer {
    ISSUER.parse().unwrap()
}

/// A server with one key.
pub(crate) struct Server {
    pub(crate) key: Arc<SoftwareKey>,
    pub(crate) jwk: Jwk,
}

impl Server {
    pub(crate) fn new() -> Self {
        let key = SoftwareKey::generate(Algorithm::Es256, backend::ring()).unwrap();
        let jwk = Jwk::new(key.public_key().clone()).with_key_id("as-1").unwrap();
        Self { key: Arc::new(key), jwk }
    }

    pub(crate) fn keys(&self) -> JwkSet {
        JwkSet::new(vec![self.jwk.clone()]).unwrap()
    }

    pub(crate) fn trusted(&self) -> TrustedIssuer {
        TrustedIssuer::new(issuer(), self.keys())
    }

    pub(crate) fn issuer(&self) -> AccessTokenIssuer {
        AccessTokenIssuer::new(issuer(), self.key.clone(), "as-1").unwrap()
    }

    pub(crate) fn verifier(&self) -> AccessTokenVerifierBuilder {
        AccessTokenVerifier::builder(tool(), self.trusted(), backend::ring())
    }

    /// A token as it was asked for.
    pub(crate) fn issue(&self, request: &AccessTokenRequest<'_>) -> AccessToken {
        self.issuer().issue(request, NOW).unwrap().into_token()
    }

    /// A token of the usual claims and these members, of which any may be wrong.
    pub(crate) fn token_with(&self, members: &str) -> AccessToken {
        let mut claims = NewClaims::new();
        claims.issuer(ISSUER).subject(USER).audience("https://tools.example/v1").token_id("at-1");
        claims.expires(NOW + std::time::Duration::from_secs(300)).issued_at(NOW);
        let claims = claims.finish().unwrap();
        let claims = format!(r#"{},"client_id":"{AGENT}"{members}}}"#, claims.strip_suffix('}').unwrap());
        self.sign("at+jwt", &claims)
    }

    pub(crate) fn sign(&self, typ: &str, claims: &str) -> AccessToken {
        let token = NewHeader::for_jwk(typ, &self.jwk).unwrap().unsigned(claims).sign(&*self.key).unwrap();
        token.parse().unwrap()
    }
}

/// What the agent asks for.
pub(crate) fn request() -> AccessTokenRequest<'static> {
    AccessTokenRequest::new(USER, AGENT, tool()).scope("trips:read trips:book".parse().unwrap())
}
