//! Keys of issuers, as they publish them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aims_credential::{Fetch, FetchError, FetchRequest, Fetched, HttpsUrl};
use aims_keys::{BoxFuture, UnixTime, backend};
use aims_oauth::{
    AccessToken, AccessTokenRequest, AccessTokenVerifier, BindingPolicy, Introspect, IntrospectError,
    Introspection, IntrospectionAnswer, Issuer, IssuerKeysError, PresentedToken, ResourceServer,
    TrustedIssuer,
};
use aims_testkit::assert_refused;

use crate::world::*;

const METADATA: &str = "https://as.example/.well-known/oauth-authorization-server";
const OPENID: &str = "https://as.example/.well-known/openid-configuration";
const JWKS: &str = "https://keys.as.example/jwks";

/// Whoever serves what, by URL, and what was asked for.
#[derive(Clone, Debug, Default)]
struct Web(Arc<Mutex<Pages>>);

#[derive(Debug, Default)]
struct Pages {
    served: BTreeMap<String, Result<String, FetchError>>,
    asked: Vec<String>,
    elsewhere: Option<HttpsUrl>,
}

impl Web {
    /// With the metadata of the usual issuer, and these keys.
    fn of(server: &Server) -> Self {
        let web = Self::default();
        web.put(METADATA, &format!(r#"{{"issuer":"{ISSUER}","jwks_uri":"{JWKS}"}}"#));
        web.put(JWKS, &server.keys().to_json());
        web
    }

    fn put(&self, url: &str, body: &str) {
        self.0.lock().unwrap().served.insert(url.to_owned(), Ok(body.to_owned()));
    }

    fn fail(&self, url: &str, error: FetchError) {
        self.0.lock().unwrap().served.insert(url.to_owned(), Err(error));
    }

    /// What was asked for since the last look.
    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap().asked)
    }

    fn verifier(&self) -> AccessTokenVerifier {
        let issuer = TrustedIssuer::following(issuer(), self.clone(), backend::ring());
        AccessTokenVerifier::builder(tool(), issuer, backend::ring()).build()
    }
}

impl Fetch for Web {
    fn fetch<'a>(&'a self, request: FetchRequest<'a>) -> BoxFuture<'a, Result<Fetched, FetchError>> {
        let mut web = self.0.lock().unwrap();
        let url = request.url().as_str().to_owned();
        let page = web.served.get(&url).cloned().unwrap_or(Err(FetchError::Status(404)));
        web.asked.push(url);
        assert!(request.redirects() == 0 && request.longest() <= 256 * 1024);
        let from = web.elsewhere.clone().unwrap_or_else(|| request.url().clone());
        let fetched = page.and_then(|body| {
            if body.len() > request.longest() {
                return Err(FetchError::TooLarge);
            }
            let fetched = Fetched::new(from, Some("application/json"), body.into_bytes());
            Ok(fetched.with_field("cache-control", b"max-age=600"))
        });
        Box::pin(std::future::ready(fetched))
    }
}

fn token(server: &Server) -> AccessToken {
    server.issue(&AccessTokenRequest::new(USER, AGENT, tool()))
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Of a server whose key goes by another name.
fn renamed(kid: &str) -> Server {
    let server = Server::new();
    Server { jwk: server.jwk.with_key_id(kid).unwrap(), ..server }
}

async fn prepared(
    verifier: &AccessTokenVerifier,
    token: &AccessToken,
    now: UnixTime,
) -> Result<(), IssuerKeysError> {
    verifier.prepare(token, now).await
}

#[tokio::test(flavor = "current_thread")]
async fn act_6_met_1_met_2_keys_are_found_by_metadata_once() {
    let server = Server::new();
    let web = Web::of(&server);
    let verifier = web.verifier();
    let token = token(&server);
    // Nothing is fetched before it is needed, and nobody is believed before.
    assert!(web.asked().is_empty());
    assert_refused!(verifier.verify(&token, NOW), "issuer_keys_not_fetched", "ACT-6");
    for _ in 0..3 {
        prepared(&verifier, &token, NOW).await.unwrap();
        verifier.verify(&token, NOW).unwrap();
    }
    assert_eq!(web.asked(), [METADATA, JWKS]);
    // As long as the answer says.
    prepared(&verifier, &token, NOW + secs(599)).await.unwrap();
    assert!(web.asked().is_empty());
    prepared(&verifier, &token, NOW + secs(600)).await.unwrap();
    assert_eq!(web.asked(), [METADATA, JWKS]);
}

#[tokio::test(flavor = "current_thread")]
async fn act_6_a_name_that_is_not_known_is_looked_for_once_a_minute() {
    let (old, new) = (Server::new(), renamed("as-2"));
    let web = Web::of(&old);
    let verifier = web.verifier();
    prepared(&verifier, &token(&old), NOW).await.unwrap();
    web.asked();
    // What is made up costs one fetch a minute, and nothing that is known waits for it.
    let made_up = NewToken { kid: "made-up", server: &new }.sign();
    for at in [1, 30, 59] {
        prepared(&verifier, &made_up, NOW + secs(at)).await.unwrap();
    }
    assert!(web.asked().is_empty());
    assert_refused!(verifier.verify(&made_up, NOW), "unknown_key", "ACT-6");
    prepared(&verifier, &made_up, NOW + secs(60)).await.unwrap();
    assert_eq!(web.asked(), [JWKS]);
    // A key that took the place of another counts, and the other does not.
    web.put(JWKS, &new.keys().to_json());
    let fresh = NewToken { kid: "as-2", server: &new }.sign();
    prepared(&verifier, &fresh, NOW + secs(120)).await.unwrap();
    verifier.verify(&fresh, NOW + secs(120)).unwrap();
    assert_refused!(verifier.verify(&token(&old), NOW + secs(120)), "unknown_key", "ACT-6");
}

/// A token by a key, under any name.
struct NewToken<'s> {
    kid: &'s str,
    server: &'s Server,
}

impl NewToken<'_> {
    fn sign(&self) -> AccessToken {
        let issuer = aims_oauth::AccessTokenIssuer::new(issuer(), self.server.key.clone(), self.kid).unwrap();
        issuer.issue(&AccessTokenRequest::new(USER, AGENT, tool()), NOW).unwrap().into_token()
    }
}

#[tokio::test(flavor = "current_thread")]
async fn act_6_whoever_cannot_be_asked_is_no_fault_of_the_token() {
    let server = Server::new();
    let web = Web::of(&server);
    let resource = ResourceServer::new(web.verifier(), BindingPolicy::bound());
    let line = format!("Bearer {}", token(&server).expose());
    let presented = PresentedToken::read([line]).unwrap().unwrap();
    web.fail(JWKS, FetchError::Timeout);
    let refused = resource.prepare(&presented, NOW).await.unwrap_err();
    assert_eq!((refused.code(), refused.status()), (FetchError::Timeout.code(), 503));
    assert!(resource.challenges(&refused, None).is_empty());
    let refused = resource.verify(&presented, NOW).unwrap_err();
    assert_eq!((refused.code(), refused.status()), (FetchError::Timeout.code(), 503));
    // What was fetched counts on, for a day.
    web.put(JWKS, &server.keys().to_json());
    let later = NOW + secs(10);
    resource.prepare(&presented, later).await.unwrap();
    let fresh_until = later + secs(600);
    web.fail(JWKS, FetchError::Timeout);
    resource.prepare(&presented, fresh_until).await.unwrap();
    let keys = TrustedIssuer::following(issuer(), web.clone(), backend::ring());
    assert_eq!(keys.keys(NOW).unwrap_err(), IssuerKeysError::NotFetched);
    assert!(!keys.replace_keys(server.keys()));
    let refused = resource.prepare(&presented, fresh_until + secs(24 * 3600)).await.unwrap_err();
    assert_eq!((refused.code(), refused.status()), (FetchError::Timeout.code(), 503));
}

#[tokio::test(flavor = "current_thread")]
async fn met_1_met_2_metadata_is_looked_for_at_each_place_and_believed_of_its_issuer_alone() {
    let server = Server::new();
    let token = token(&server);
    // At the second place.
    let web = Web::of(&server);
    web.fail(METADATA, FetchError::Status(404));
    web.put(OPENID, &format!(r#"{{"issuer":"{ISSUER}","jwks_uri":"{JWKS}"}}"#));
    prepared(&web.verifier(), &token, NOW).await.unwrap();
    assert_eq!(web.asked(), [METADATA, OPENID, JWKS]);
    // Nowhere.
    web.fail(OPENID, FetchError::Status(404));
    let refused = prepared(&web.verifier(), &token, NOW).await;
    assert_eq!(refused, Err(FetchError::Status(404).into()));
    // A server that fails is not one that has nothing.
    web.fail(METADATA, FetchError::Status(500));
    web.asked();
    assert_eq!(prepared(&web.verifier(), &token, NOW).await, Err(FetchError::Status(500).into()));
    assert_eq!(web.asked(), [METADATA]);
    for (metadata, code, rule) in [
        (
            r#"{"issuer":"https://as.other.example","jwks_uri":"https://keys.as.example/jwks"}"#,
            "issuer_mismatch",
            "MET-2",
        ),
        (r#"{"issuer":"https://as.example"}"#, "issuer_without_keys", "MET-4"),
        (r#"{"issuer":"https://as.example","jwks_uri":"http://as.example/jwks"}"#, "metadata_url", "MET-4"),
    ] {
        web.put(METADATA, metadata);
        assert_refused!(prepared(&web.verifier(), &token, NOW).await, code, rule, "{metadata}");
        assert!(web.asked().iter().all(|url| url == METADATA));
    }
    // An answer from elsewhere is not that of the issuer.
    let web = Web::of(&server);
    web.0.lock().unwrap().elsewhere = Some("https://evil.example/jwks".parse().unwrap());
    assert_eq!(prepared(&web.verifier(), &token, NOW).await, Err(FetchError::Redirects.into()));
}

#[tokio::test(flavor = "current_thread")]
async fn act_6_keys_of_any_spelling_count_within_bounds() {
    let server = Server::new();
    let token = token(&server);
    let web = Web::of(&server);
    // As many servers publish them: without `alg`.
    let bare = server.keys().to_json().replace(r#""alg":"ES256","#, "").replace(r#","alg":"ES256""#, "");
    assert!(!bare.contains("alg"));
    web.put(JWKS, &bare);
    let verifier = web.verifier();
    prepared(&verifier, &token, NOW).await.unwrap();
    verifier.verify(&token, NOW).unwrap();
    // A key that leaked, and a secret, cast doubt on all of them.
    let secret = r#"{"keys":[{"kty":"oct","k":"AAAA","kid":"as-1"}]}"#;
    web.put(JWKS, secret);
    assert!(matches!(prepared(&web.verifier(), &token, NOW).await, Err(IssuerKeysError::Keys(_))));
    let one = server.keys().to_json();
    let key = one.strip_prefix(r#"{"keys":["#).unwrap().strip_suffix("]}").unwrap();
    let many = |count: usize| {
        let keys: Vec<_> = (0..count).map(|at| key.replace("as-1", &format!("as-{}", at + 1))).collect();
        format!(r#"{{"keys":[{}]}}"#, keys.join(","))
    };
    web.put(JWKS, &many(64));
    prepared(&web.verifier(), &token, NOW).await.unwrap();
    web.put(JWKS, &many(65));
    let refused = prepared(&web.verifier(), &token, NOW).await.unwrap_err();
    assert!(matches!(refused, IssuerKeysError::Keys(_)));
    web.put(JWKS, &format!("{}{}", one, " ".repeat(256 * 1024)));
    assert_eq!(prepared(&web.verifier(), &token, NOW).await, Err(FetchError::TooLarge.into()));
}

#[tokio::test(flavor = "current_thread")]
async fn act_6_nothing_is_fetched_for_tokens_that_are_none_or_of_others() {
    let server = Server::new();
    let web = Web::of(&server);
    let verifier = web.verifier();
    let other: Issuer = "https://as.other.example".parse().unwrap();
    let other = aims_oauth::AccessTokenIssuer::new(other, server.key.clone(), "as-1").unwrap();
    let other = other.issue(&AccessTokenRequest::new(USER, AGENT, tool()), NOW).unwrap().into_token();
    for token in [other, "opaque".parse().unwrap(), "a.b.c".parse().unwrap()] {
        prepared(&verifier, &token, NOW).await.unwrap();
    }
    assert!(web.asked().is_empty());
    // Without metadata, at a URL that was given.
    let there = TrustedIssuer::following_keys(issuer(), JWKS.parse().unwrap(), web.clone(), backend::ring());
    let verifier = AccessTokenVerifier::builder(tool(), there, backend::ring()).build();
    prepared(&verifier, &token(&server), NOW).await.unwrap();
    verifier.verify(&token(&server), NOW).unwrap();
    assert_eq!(web.asked(), [JWKS]);
}

#[tokio::test(flavor = "current_thread")]
async fn act_6_idt_1_the_keys_of_id_tokens_are_asked_for_too() {
    use aims_oauth::{ExpectedIdToken, IdTokenIssuer, IdTokenRequest, IdTokenVerifier};

    let server = Server::new();
    let web = Web::of(&server);
    let followed = TrustedIssuer::following(issuer(), web.clone(), backend::ring());
    let verifier = IdTokenVerifier::builder("app", followed, backend::ring()).build();
    let issued = IdTokenIssuer::new(issuer(), server.key.clone(), "as-1").unwrap();
    let token = issued.issue(&IdTokenRequest::new(USER, "app"), NOW).unwrap().into_token();
    let expected = ExpectedIdToken::without_nonce();
    let refused = verifier.verify(&token, &expected, NOW);
    assert_eq!(refused.as_ref().unwrap_err().error_code(), aims_oauth::ErrorCode::TemporarilyUnavailable);
    assert_refused!(refused, "issuer_keys_not_fetched", "ACT-6");
    verifier.prepare(&token, NOW).await.unwrap();
    assert_eq!(web.asked(), [METADATA, JWKS]);
    assert_eq!(&*verifier.verify(&token, &expected, NOW).unwrap().subject(), USER);
    // What is no token asks for nothing, and where nobody knows the keys, the token may be good.
    verifier.prepare(&"no-token".parse().unwrap(), NOW).await.unwrap();
    assert!(web.asked().is_empty());
    let silent = TrustedIssuer::following(issuer(), Web::default(), backend::ring());
    let silent = IdTokenVerifier::builder("app", silent, backend::ring()).build();
    assert!(silent.prepare(&token, NOW).await.is_err());
}

/// Who answers with this, signed.
#[derive(Debug)]
struct Answer(String);

impl Introspect for Answer {
    fn introspect<'a>(
        &'a self,
        _: &'a AccessToken,
    ) -> BoxFuture<'a, Result<IntrospectionAnswer, IntrospectError>> {
        Box::pin(std::future::ready(Ok(IntrospectionAnswer::Jwt(self.0.clone()))))
    }
}

#[tokio::test(flavor = "current_thread")]
async fn act_6_int_3_the_keys_of_signed_answers_are_asked_for_too() {
    let server = Server::new();
    let (tool, iat, exp) = (tool(), NOW.as_secs(), NOW.as_secs() + 300);
    let answer = server.sign(
        "token-introspection+jwt",
        &format!(
            r#"{{"iss":"{ISSUER}","aud":"{tool}","iat":{iat},"token_introspection":
            {{"active":true,"iss":"{ISSUER}","sub":"{USER}","client_id":"{AGENT}","aud":"{tool}","exp":{exp}}}}}"#
        ),
    );
    let answer = answer.expose().to_owned();
    let asking = |web: &Web| {
        let asked = Introspection::new(issuer(), Answer(answer.clone()));
        ResourceServer::new(web.verifier(), BindingPolicy::bound()).with_introspection(asked)
    };
    let presented = PresentedToken::read(["Bearer an-opaque-token"]).unwrap().unwrap();
    // Nobody has seen a token of the issuer whose keys were asked for.
    let web = Web::of(&server);
    let verified = asking(&web).verify_any(&presented, NOW).await.unwrap();
    assert_eq!(&*verified.subject(), USER);
    assert_eq!(web.asked(), [METADATA, JWKS]);
    // Where they cannot be had, nobody is at fault.
    let web = Web::of(&server);
    web.fail(JWKS, FetchError::Timeout);
    let refused = asking(&web).verify_any(&presented, NOW).await;
    assert_eq!(refused.unwrap_err().status(), 503);
    // What is signed for another issuer costs nothing.
    let web = Web::of(&server);
    let other = "https://as.other.example".parse().unwrap();
    web.verifier().prepare_answer(&other, &answer, NOW).await.unwrap();
    web.verifier().prepare_answer(&issuer(), "no answer", NOW).await.unwrap();
    assert!(web.asked().is_empty());
}
