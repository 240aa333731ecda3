//! Authlib as a resource server: our tokens, good ones and attacks (RFC 9068). It knows no `DPoP`: what a token is bound to, it does not ask.

use aims_keys::{Algorithm, UnixTime};
use aims_oauth::{AccessToken, TokenBinding};
use serde_json::{Value, json};

use super::offer::{Client, Offer};
use super::{AGENT, ISSUER, Server, TOOL, Verdict, claims, compare, published, python, request};
use crate::peer::Peer;
use crate::support::{key, now};

struct World {
    server: Server,
    now: UnixTime,
}

impl World {
    fn new(algorithm: Algorithm) -> Self {
        Self { server: Server::new(algorithm), now: now() }
    }

    fn with(&self, typ: &str, claims: &Value) -> AccessToken {
        self.server.sign(typ, claims)
    }

    fn changed(&self, name: &str, value: impl Into<Value>) -> AccessToken {
        let mut claims = claims(self.now);
        claims[name] = value.into();
        self.with("at+jwt", &claims)
    }

    fn theirs(&self, peer: &Peer, token: &AccessToken) -> Result<Value, String> {
        peer.ask(&json!({
            "task": "access_token",
            "issuer": ISSUER,
            "resource": TOOL,
            "token": token.expose(),
            "keys": published(&self.server.jwk),
        }))
    }

    #[track_caller]
    fn compare(&self, peer: &Peer, name: &str, token: &AccessToken, ours: Verdict, theirs: Verdict) {
        let said = Offer::bearer(token).ours(&self.server, self.now);
        compare(name, (said, ours), (self.theirs(peer, token), theirs));
    }

    fn secs(&self, ahead: i64) -> i64 {
        i64::try_from(self.now.as_secs()).unwrap() + ahead
    }
}

#[test]
fn authlib_takes_our_tokens() {
    let Some(python) = python() else { return };
    let world = World::new(Algorithm::Es256);
    let token = world.server.issue(&request());
    world.compare(python, "good", &token, Ok(()), Ok(()));
    let read = world.theirs(python, &token).unwrap();
    assert_eq!((&read["iss"], &read["client_id"]), (&json!(ISSUER), &json!(AGENT)));
    for (name, token) in [
        ("type", world.with("application/AT+JWT", &claims(world.now))),
        ("audiences", world.changed("aud", json!(["https://other.example", TOOL]))),
        ("methods", world.changed("amr", json!(["pwd", "otp"]))),
    ] {
        world.compare(python, name, &token, Ok(()), Ok(()));
    }
}

#[test]
fn authlib_and_we_refuse_the_same_tokens() {
    let Some(python) = python() else { return };
    let world = World::new(Algorithm::Es256);
    let elsewhere = world.server.issuer_called("https://evil.example").issue(&request(), world.now).unwrap();
    let before = UnixTime::from_secs(world.now.as_secs() - 3600);
    let expired = world.server.issuer_called(ISSUER).issue(&request(), before).unwrap();
    let by_other = Server::new(Algorithm::Es256).issue(&request());
    let mut strange = Server::new(Algorithm::Es256);
    strange.jwk = strange.jwk.with_key_id("as-2").unwrap();
    for (name, token, ours, theirs) in [
        ("iss", elsewhere.into_token(), "issuer_mismatch", "'iss'"),
        ("aud", world.changed("aud", "https://other.example"), "audience_mismatch", "'aud'"),
        ("aud, a prefix", world.changed("aud", "https://tools.example"), "audience_mismatch", "'aud'"),
        ("exp", expired.into_token(), "expired", "expired"),
        ("nbf", world.changed("nbf", world.secs(120)), "not_yet_valid", "invalid_token"),
        ("iat", world.changed("iat", world.secs(120)), "not_yet_valid", "invalid_token"),
        ("typ", world.with("JWT", &claims(world.now)), "wrong_type", "'typ'"),
        ("typ, of a proof", world.with("dpop+jwt", &claims(world.now)), "wrong_type", "'typ'"),
        ("key", by_other, "bad_signature", "bad_signature"),
        ("kid", strange.sign("at+jwt", &claims(world.now)), "unknown_key", "invalid"),
        ("alg, confused", world.server.confused(&claims(world.now)), "unsupported_alg", "requires 'oct' key"),
        ("exp, a text", world.changed("exp", "tomorrow"), "malformed", "'exp'"),
        ("amr", world.changed("amr", "pwd"), "malformed", "invalid_claim: pwd"),
        ("auth_time", world.changed("auth_time", "now"), "malformed", "'auth_time'"),
    ] {
        world.compare(python, name, &token, Err(ours), Err(theirs));
    }
    for missing in ["iss", "sub", "aud", "client_id", "jti", "iat", "exp"] {
        let mut claims = claims(world.now);
        claims.as_object_mut().unwrap().remove(missing);
        let token = world.with("at+jwt", &claims);
        world.compare(python, missing, &token, Err("malformed"), Err("missing_claim"));
    }
}

#[test]
fn authlib_takes_what_we_refuse() {
    let Some(python) = python() else { return };
    let world = World::new(Algorithm::Es256);
    let mut twice = claims(world.now).to_string();
    twice.insert_str(1, r#""aud":"https://other.example","#);
    let bound = TokenBinding::Key(Client::new(key()).thumbprint());
    for (name, token, ours) in [
        // A token that was stolen is as good as any: it does not look at `cnf`.
        ("bound", world.server.issue(&request().bound_to(bound)), "binding_not_shown"),
        ("bound in a way nobody knows", world.changed("cnf", json!({ "magic": "x" })), "malformed"),
        ("a claim is there twice", world.server.sign_text("at+jwt", &twice), "malformed"),
        ("an actor that is none", world.changed("act", "somebody"), "bad_actor"),
        ("events", world.changed("events", json!({})), "events_claim"),
    ] {
        world.compare(python, name, &token, Err(ours), Ok(()));
    }
}

#[test]
fn authlib_takes_tokens_without_a_type() {
    let Some(python) = python() else { return };
    let world = World::new(Algorithm::Es256);
    // RFC 9068 §4 has it refused; an ID Token of the same issuer would pass.
    let header = json!({ "alg": "ES256", "kid": "as-1" });
    let token = world.server.sign_with(&header, &claims(world.now).to_string());
    world.compare(python, "typ", &token, Err("wrong_type"), Ok(()));
}

/// joserfc takes RS256, ES256 and HS256 where it is told of no others, and the validator tells it of none.
#[test]
fn authlib_knows_few_algorithms() {
    let Some(python) = python() else { return };
    for algorithm in [Algorithm::Es384, Algorithm::Ed25519] {
        let world = World::new(algorithm);
        let token = world.server.issue(&request());
        world.compare(python, algorithm.name(), &token, Ok(()), Err("is not recommended"));
    }
}

/// It allows no difference between clocks; we do for half a minute.
#[test]
fn authlib_has_no_leeway() {
    let Some(python) = python() else { return };
    let world = World::new(Algorithm::Es256);
    for (name, seconds) in [("exp", -10), ("nbf", 10), ("iat", 10)] {
        let token = world.changed(name, world.secs(seconds));
        world.compare(python, name, &token, Ok(()), Err("invalid_token"));
    }
}
