//! oauth4webapi as a resource server: our tokens and proofs, good ones and attacks (RFC 9068, RFC 9449).

use std::time::Duration;

use aims_jose::base64url;
use aims_keys::{Algorithm, UnixTime};
use aims_oauth::{AccessToken, AccessTokenRequest, BindingPolicy, PresentedToken, TokenBinding};
use serde_json::{Value, json};

use super::offer::{Client, Offer, URI, proof_claims};
use super::{AGENT, ISSUER, Server, TOOL, USER, Verdict, claims, compare, node, request};
use crate::peer::Peer;
use crate::support::{key_for, now};

/// A server, the client that its tokens are for, and a thief of tokens.
struct World {
    server: Server,
    client: Client,
    thief: Client,
    now: UnixTime,
}

impl World {
    fn new(server: Algorithm, client: Algorithm) -> Self {
        let client_of = |algorithm| Client::new(key_for(algorithm));
        Self { server: Server::new(server), client: client_of(client), thief: client_of(client), now: now() }
    }

    fn bound(&self) -> TokenBinding {
        TokenBinding::Key(self.client.thumbprint())
    }

    /// A token that is bound to the client's key.
    fn token(&self) -> AccessToken {
        self.server.issue(&request().bound_to(self.bound()))
    }

    /// The claims of one, to be changed.
    fn claims(&self) -> Value {
        let mut claims = claims(self.now);
        claims["cnf"] = json!({ "jkt": self.client.thumbprint().to_string() });
        claims
    }

    /// The client's request with this token.
    async fn offer(&self, token: &AccessToken) -> Offer {
        Offer::dpop(token, self.client.proof("GET", URI, token, self.now).await)
    }

    /// The same, with a token of these claims.
    async fn with(&self, typ: &str, claims: &Value) -> Offer {
        self.offer(&self.server.sign(typ, claims)).await
    }

    /// The same, with this claim changed.
    async fn changed(&self, name: &str, value: impl Into<Value>) -> Offer {
        let mut claims = self.claims();
        claims[name] = value.into();
        self.with("at+jwt", &claims).await
    }

    /// The same, with this claim of the proof changed.
    fn proof_changed(&self, name: &str, value: impl Into<Value>) -> Offer {
        let token = self.token();
        let mut claims = proof_claims(&token, self.now);
        claims[name] = value.into();
        Offer::dpop(&token, self.client.sign("dpop+jwt", &claims))
    }

    #[track_caller]
    fn compare(&self, peer: &Peer, name: &str, offer: &Offer, ours: Verdict, theirs: Verdict) {
        let theirs = (offer.theirs(peer, &self.server), theirs);
        compare(name, (offer.ours(&self.server, self.now), ours), theirs);
    }

    fn secs(&self, ahead: i64) -> i64 {
        i64::try_from(self.now.as_secs()).unwrap() + ahead
    }
}

#[tokio::test(flavor = "current_thread")]
async fn node_takes_our_tokens_with_our_proofs() {
    let Some(node) = node() else { return };
    for algorithm in [Algorithm::Es256, Algorithm::Es384, Algorithm::Ed25519] {
        let world = World::new(algorithm, algorithm);
        let offer = world.offer(&world.token()).await;
        world.compare(node, algorithm.name(), &offer, Ok(()), Ok(()));
        let read = offer.theirs(node, &world.server).unwrap();
        assert_eq!((&read["client_id"], &read["aud"]), (&json!(AGENT), &json!(TOOL)));
        assert_eq!(read["scope"], "trips:read trips:book");
    }
    let world = World::new(Algorithm::Es256, Algorithm::Es256);
    let unbound = world.server.issue(&request());
    world.compare(node, "bearer", &Offer::bearer(&unbound), Ok(()), Ok(()));
    // Spelled otherwise, and the same.
    for (name, offer) in [
        ("type", world.with("application/AT+JWT", &world.claims()).await),
        ("audiences", world.changed("aud", json!(["https://other.example", TOOL])).await),
        ("query", Offer { uri: "https://tools.example/v1/search?q=1", ..world.offer(&world.token()).await }),
        ("target", world.proof_changed("htu", "HTTPS://TOOLS.example:443/v1/./search")),
        ("scheme", Offer { scheme: "dpop", ..world.offer(&world.token()).await }),
    ] {
        world.compare(node, name, &offer, Ok(()), Ok(()));
    }
}

#[tokio::test(flavor = "current_thread")]
async fn node_and_we_refuse_the_same_tokens() {
    const CLAIM: &str = "OAUTH_JWT_CLAIM_COMPARISON_FAILED: unexpected JWT";
    const INVALID: &str = "OAUTH_INVALID_RESPONSE";
    const TYPE: &str = "OAUTH_INVALID_REQUEST: unexpected JWT";

    let Some(node) = node() else { return };
    let world = World::new(Algorithm::Es256, Algorithm::Es256);
    let bound = || request().bound_to(world.bound());
    let elsewhere = world.server.issuer_called("https://evil.example").issue(&bound(), world.now).unwrap();
    let other_tool = AccessTokenRequest::new(USER, AGENT, "https://other.example".parse().unwrap());
    let before = UnixTime::from_secs(world.now.as_secs() - 3600);
    let expired = world.server.issuer_called(ISSUER).issue(&bound(), before).unwrap();
    let mut forged = Server::new(Algorithm::Es256);
    let by_other = forged.issue(&bound());
    forged.jwk = forged.jwk.with_key_id("as-2").unwrap();
    let token = world.token();
    let cut = token.expose().rsplit_once('.').unwrap().0.parse::<AccessToken>().unwrap();
    let unsigned: AccessToken = format!(
        "{}.{}.",
        base64url::encode(br#"{"alg":"none","typ":"at+jwt"}"#),
        token.expose().split('.').nth(1).unwrap()
    )
    .parse()
    .unwrap();
    for (name, offer, ours, theirs) in [
        ("iss", world.offer(elsewhere.token()).await, "issuer_mismatch", CLAIM),
        (
            "aud",
            world.offer(&world.server.issue(&other_tool.bound_to(world.bound()))).await,
            "audience_mismatch",
            CLAIM,
        ),
        ("aud, none", world.changed("aud", json!([])).await, "malformed", CLAIM),
        ("aud, a prefix", world.changed("aud", "https://tools.example").await, "audience_mismatch", CLAIM),
        ("exp", world.offer(expired.token()).await, "expired", "OAUTH_JWT_TIMESTAMP_CHECK_FAILED"),
        (
            "nbf",
            world.changed("nbf", world.secs(120)).await,
            "not_yet_valid",
            "OAUTH_JWT_TIMESTAMP_CHECK_FAILED",
        ),
        ("typ", world.with("JWT", &world.claims()).await, "wrong_type", INVALID),
        ("typ, of a proof", world.with("dpop+jwt", &world.claims()).await, "wrong_type", INVALID),
        ("key", world.offer(&by_other).await, "bad_signature", INVALID),
        (
            "kid",
            world.offer(&forged.sign("at+jwt", &world.claims())).await,
            "unknown_key",
            "OAUTH_KEY_SELECTION_FAILED",
        ),
        ("alg", world.offer(&unsigned).await, "malformed", INVALID),
        (
            "alg, confused",
            world.offer(&world.server.confused(&world.claims())).await,
            "unsupported_alg",
            INVALID,
        ),
        ("signature", world.offer(&cut).await, "malformed", INVALID),
        ("client_id", world.changed("client_id", 7).await, "malformed", TYPE),
        ("sub", world.changed("sub", json!(["user-1"])).await, "malformed", TYPE),
        ("jti", world.changed("jti", json!(null)).await, "malformed", TYPE),
        ("exp, a text", world.changed("exp", "tomorrow").await, "malformed", INVALID),
        ("cnf", world.changed("cnf", json!("key")).await, "malformed", TYPE),
    ] {
        world.compare(node, name, &offer, Err(ours), Err(theirs));
    }
    for missing in ["iss", "sub", "aud", "client_id", "jti", "iat", "exp"] {
        let mut claims = world.claims();
        claims.as_object_mut().unwrap().remove(missing);
        let offer = world.with("at+jwt", &claims).await;
        world.compare(node, missing, &offer, Err("malformed"), Err(INVALID));
    }
}

#[tokio::test(flavor = "current_thread")]
async fn node_and_we_refuse_the_same_proofs() {
    const CLAIM: &str = "OAUTH_JWT_CLAIM_COMPARISON_FAILED";
    const INVALID: &str = "OAUTH_INVALID_RESPONSE";

    let Some(node) = node() else { return };
    let world = World::new(Algorithm::Es256, Algorithm::Es256);
    let token = world.token();
    let good = world.offer(&token).await;
    let (client, thief, at) = (&world.client, &world.thief, world.now);
    let proof = client.proof("GET", URI, &token, at).await;
    let tampered = {
        let mut parts: Vec<_> = proof.split('.').collect();
        let claims = proof_claims(&token, at).to_string();
        let claims = base64url::encode(claims.as_bytes());
        parts[1] = &claims;
        parts.join(".")
    };
    let unbound = world.server.issue(&request());
    let old = UnixTime::from_secs(at.as_secs() - 3600);
    let other = world.token();
    for (name, offer, ours, theirs) in [
        (
            "ath",
            Offer::dpop(&token, client.proof("GET", URI, &other, at).await),
            "token_mismatch",
            "DPoP Proof ath mismatch",
        ),
        ("ath, none", world.proof_changed("ath", json!(null)), "malformed", CLAIM),
        (
            "htm",
            Offer::dpop(&token, client.proof("POST", URI, &token, at).await),
            "method_mismatch",
            "DPoP Proof htm mismatch",
        ),
        ("htm, its case", world.proof_changed("htm", "get"), "method_mismatch", CLAIM),
        (
            "htu",
            Offer::dpop(&token, client.proof("GET", "https://tools.example/v1/pay", &token, at).await),
            "target_mismatch",
            "DPoP Proof htu mismatch",
        ),
        (
            "htu, its host",
            world.proof_changed("htu", "https://evil.example/v1/search"),
            "target_mismatch",
            CLAIM,
        ),
        (
            "htu, its scheme",
            world.proof_changed("htu", "http://tools.example/v1/search"),
            "target_mismatch",
            CLAIM,
        ),
        (
            "iat",
            Offer::dpop(&token, client.proof("GET", URI, &token, old).await),
            "too_old",
            "OAUTH_JWT_TIMESTAMP_CHECK_FAILED",
        ),
        ("jti", world.proof_changed("jti", 1), "malformed", INVALID),
        ("typ", Offer::dpop(&token, client.sign("JWT", &proof_claims(&token, at))), "wrong_type", INVALID),
        ("signature", Offer::dpop(&token, tampered), "bad_signature", INVALID),
        ("key", Offer::dpop(&token, thief.proof("GET", URI, &token, at).await), "other_key", CLAIM),
        ("no proof", Offer { proofs: Vec::new(), ..good.clone() }, "no_proof", INVALID),
        ("two proofs", Offer { proofs: vec![proof.clone(), proof], ..good.clone() }, "several_proofs", "JWE"),
        // A token that was stolen, as a bearer token, without and with what was stolen beside it.
        ("bearer", Offer::bearer(&token), "binding_not_shown", INVALID),
        ("bearer with a proof", Offer { scheme: "Bearer", ..good }, "binding_not_shown", INVALID),
        ("bound to nothing", world.offer(&unbound).await, "wrong_scheme", INVALID),
    ] {
        world.compare(node, name, &offer, Err(ours), Err(theirs));
    }
}

/// What oauth4webapi takes and we do not: each is a decision of ours, or a check that it leaves to the application.
#[tokio::test(flavor = "current_thread")]
async fn node_takes_what_we_refuse() {
    let Some(node) = node() else { return };
    let world = World::new(Algorithm::Es256, Algorithm::Es256);
    let mut twice = world.claims().to_string();
    twice.insert_str(1, r#""aud":"https://other.example","#);
    let later = |seconds| UnixTime::from_secs(world.now.as_secs()) + Duration::from_secs(seconds);
    let token = world.token();
    // The last character of a signature holds two bits, and four that are to be zero.
    let (signed, last) = token.expose().split_at(token.expose().len() - 1);
    let last = char::from(last.as_bytes()[0] + 1);
    let respelled = format!("{signed}{last}").parse().unwrap();
    let padded = format!("{}==", token.expose()).parse().unwrap();
    for (name, offer, ours) in [
        // JO-B64: a token with two spellings has two fingerprints, of which one may be revoked.
        ("another spelling of the signature", world.offer(&respelled).await, "malformed"),
        ("padding", world.offer(&padded).await, "malformed"),
        // JO-JSON: which of the two counts, readers do not agree on.
        ("a claim is there twice", world.offer(&world.server.sign_text("at+jwt", &twice)).await, "malformed"),
        ("a token of tomorrow", world.changed("iat", world.secs(86_400)).await, "not_yet_valid"),
        ("no subject", world.changed("sub", "").await, "malformed"),
        ("an actor that is none", world.changed("act", "somebody").await, "bad_actor"),
        ("a scope that is none", world.changed("scope", json!(["trips:read"])).await, "scope_type"),
        ("events", world.changed("events", json!({})).await, "events_claim"),
        // DPO-3: five seconds ahead, a minute behind.
        (
            "a proof of in four minutes",
            Offer::dpop(&token, world.client.proof("GET", URI, &token, later(240)).await),
            "not_yet_valid",
        ),
        ("a proof of four minutes ago", world.proof_changed("iat", world.secs(-240)), "too_old"),
    ] {
        world.compare(node, name, &offer, Err(ours), Ok(()));
    }
}

/// It remembers no proofs, as its documentation says; we take each once.
#[tokio::test(flavor = "current_thread")]
async fn node_takes_a_proof_again() {
    let Some(node) = node() else { return };
    let world = World::new(Algorithm::Es256, Algorithm::Es256);
    let token = world.token();
    let proof = world.client.proof("GET", URI, &token, world.now).await;
    let offer = Offer::dpop(&token, &proof);
    for _ in 0..2 {
        offer.theirs(node, &world.server).unwrap();
    }
    let tool = world.server.tool(BindingPolicy::bound());
    let presented = PresentedToken::read([format!("DPoP {}", token.expose())]).unwrap().unwrap();
    let target = URI.parse().unwrap();
    let verified = tool.verify(&presented, world.now).unwrap();
    let verify = || tool.verify_dpop(&presented, &verified, [&proof], "GET", &target, world.now);
    verify().unwrap();
    assert_eq!(verify().unwrap_err().code(), "replay");
}

/// What we take and oauth4webapi does not.
#[tokio::test(flavor = "current_thread")]
async fn node_refuses_what_we_take() {
    let Some(node) = node() else { return };
    let world = World::new(Algorithm::Es256, Algorithm::Es256);
    // RFC 9449 §4.3: after normalization by RFC 3986 §6.2.2.2 they are the same; it compares as the URL standard does.
    let escaped = world.proof_changed("htu", "https://tools.example/v1/%73earch");
    world.compare(node, "an escape", &escaped, Ok(()), Err("DPoP Proof htu mismatch"));
    // A field that stands beside a bearer token proves nothing, and harms nothing (DPO-9).
    let unbound = world.server.issue(&request());
    let proof = world.client.proof("GET", URI, &unbound, world.now).await;
    let beside = Offer { proofs: vec![proof], ..Offer::bearer(&unbound) };
    world.compare(node, "a proof beside a bearer token", &beside, Ok(()), Err("\"cnf\""));
}
