//! `private_key_jwt`.

use std::sync::Arc;
use std::time::Duration;

use aims_credential::{Mark, MarkKey, MarkTable};
use aims_jose::{Jwk, JwkSet, PrivateJwk};
use aims_keys::{Algorithm, AlgorithmSet, SignInput, Signer, SoftwareKey, UnixTime, backend};
use aims_oauth::{
    AudiencePolicy, AuthenticatedClient, ClientAuthError, ClientAuthenticator, ClientKey, ClientKeys,
    ClientProof, ErrorCode, NewParameters, Parameters, PresentedClient, RegisteredClient, RegisteredMethod,
};
use aims_proof::ReplayMemory;
use aims_testkit::assert_refused;
use proptest::prelude::*;

use super::support::*;
use crate::world::*;

const CLIENT: &str = "travel-agent";
const HEADER: &str = r#"{"alg":"ES256","kid":"k","typ":"client-authentication+jwt"}"#;

/// The usual claims, and these in their place.
fn says(of: &[(&str, &str)]) -> String {
    let usual = [
        ("iss", r#""travel-agent""#),
        ("sub", r#""travel-agent""#),
        ("aud", r#""https://as.example""#),
        ("jti", r#""a-1""#),
        ("iat", "1790000000"),
        ("exp", "1790000060"),
    ];
    claims(&usual, of)
}

struct World {
    key: SoftwareKey,
    registry: Registry,
    server: ClientAuthenticator,
}

impl World {
    fn new() -> Self {
        let key = key();
        Self { registry: Registry::with_key(CLIENT, &key), key, server: authenticator().build() }
    }

    fn token(&self, of: &[(&str, &str)]) -> String {
        sign(HEADER, &says(of), &self.key)
    }

    fn judge(&self, token: &str, now: UnixTime) -> Result<AuthenticatedClient, ClientAuthError> {
        judge(&self.server, &self.registry, &assertion(JWT_BEARER, token), now)
    }
}

#[tokio::test(flavor = "current_thread")]
async fn cja_1_cja_2_cja_3_cja_4_what_is_made_is_taken_and_is_new_each_time() {
    let key = Arc::new(key());
    let registry = Registry::with_key(CLIENT, &key);
    let server = authenticator().build();
    let client = ClientKey::new(CLIENT, key.clone(), Some("k")).unwrap();
    assert_eq!(client.client_id(), CLIENT);
    let made = client.assertion(&issuer()).sign(NOW).await.unwrap();
    for made in [made, client.assertion(&issuer()).sign(NOW).await.unwrap()] {
        let mut form = NewParameters::new();
        form.add("client_id", CLIENT);
        made.add_to(&mut form);
        let form = Parameters::parse(form.as_str().as_bytes()).unwrap();
        let presented = PresentedClient::read(&form, []).unwrap();
        let registered = registry.find(presented.lookup());
        let judged = server.authenticate(presented, registered, NOW).unwrap();
        assert_eq!((judged.client_id(), judged.proof()), (CLIENT, ClientProof::PrivateKeyJwt));
        assert!(judged.proof().shows_possession() && !judged.is_public());
        assert_eq!(judged.proof().to_string(), "private_key_jwt");
        assert_eq!((judged.agent(), judged.binding(), judged.not_after()), (None, None, None));
        assert!(!format!("{made:?}").contains(made.expose()) && !format!("{client:?}").contains("signer"));
    }
    // In two steps, for as long as it is wanted.
    let issuer = issuer();
    let longer = client.assertion(&issuer).lifetime(Duration::from_secs(1000));
    let unsigned = longer.prepare(NOW).unwrap();
    let signature = Signer::sign(&*key, SignInput::Message(unsigned.signing_input())).unwrap();
    let made = unsigned.attach(signature.as_bytes()).unwrap();
    assert_ne!(made.fingerprint(), client.assertion(&issuer).sign(NOW).await.unwrap().fingerprint());
    let judge = |now| judge(&server, &registry, &assertion(JWT_BEARER, made.expose()), now);
    assert!(judge(NOW + Duration::from_secs(299)).is_ok());
    assert_refused!(judge(NOW + Duration::from_secs(330)), "expired", "CJA-2");
    let unsigned = client.assertion(&issuer).prepare(NOW).unwrap();
    assert_refused!(unsigned.attach(signature.as_bytes()), "bad_signature", "JO-B64-03");
    assert!(ClientKey::new(CLIENT, key, Some("")).is_err());
}

#[test]
fn cja_2_cja_3_each_claim_is_what_it_must_be() {
    let world = World::new();
    for (of, code, rule) in [
        (("iss", ""), "malformed", "CJA-2"),
        (("sub", ""), "malformed", "CJA-2"),
        (("aud", ""), "malformed", "CJA-3"),
        (("exp", ""), "malformed", "CJA-2"),
        (("jti", ""), "malformed", "CJA-2"),
        (("iss", "1"), "malformed", "CJA-2"),
        (("sub", r#""""#), "malformed", "CJA-2"),
        (("sub", "{}"), "malformed", "CJA-2"),
        (("aud", "7"), "malformed", "CJA-3"),
        (("aud", "[]"), "malformed", "CJA-3"),
        (("aud", r#"["https://as.example",1]"#), "malformed", "CJA-3"),
        (("exp", r#""1790000060""#), "malformed", "CJA-2"),
        (("exp", "1e999"), "malformed", "JO-JSON-04"),
        (("exp", "-1"), "malformed", "CJA-2"),
        (("iat", "true"), "malformed", "CJA-2"),
        (("jti", "1"), "malformed", "CJA-2"),
        (("jti", r#""""#), "malformed", "WIR-9"),
        (("sub", r#""travel-agent","sub":"other""#), "malformed", "JO-JSON-02"),
        (("iss", r#""other""#), "issuer_mismatch", "CJA-2"),
        (("sub", r#""other""#), "issuer_mismatch", "CJA-2"),
        (("aud", r#""https://as.example/""#), "audience_mismatch", "CJA-3"),
        (("aud", r#""https://as.example/token""#), "audience_mismatch", "CJA-3"),
        (("aud", r#""https://AS.example""#), "audience_mismatch", "CJA-3"),
        (("aud", r#""https://as.example.evil.example""#), "audience_mismatch", "CJA-3"),
        (("aud", r#"["https://other.example"]"#), "audience_mismatch", "CJA-3"),
        (("aud", r#"["https://as.example","https://other.example"]"#), "multiple_audiences", "CJA-3"),
        (("aud", r#"["https://as.example","https://as.example"]"#), "multiple_audiences", "CJA-3"),
        (("exp", "1789999970"), "expired", "CJA-2"),
        (("exp", "1790000301"), "lifetime_too_long", "CJA-2"),
        (("iat", "1789999759"), "lifetime_too_long", "CJA-2"),
        (("iat", "1790000031"), "not_yet_valid", "CJA-2"),
        (("nbf", "1790000031"), "not_yet_valid", "CJA-2"),
        (("nbf", r#""now""#), "malformed", "CJA-2"),
        (
            ("cnf", r#"{"jkt":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#),
            "bad_confirmation",
            "JO-KEY-10",
        ),
        (("events", "{}"), "events_claim", "SSF-14"),
    ] {
        let refused = world.judge(&world.token(&[of]), NOW);
        assert_eq!(refused.as_ref().unwrap_err().error_code(), ErrorCode::InvalidClient, "{of:?}");
        assert_refused!(refused, code, rule, "{of:?}");
    }
    for (at, of) in [
        ("aud", r#"["https://as.example"]"#),
        ("aud", r#""https:\/\/as.example""#),
        ("exp", "1789999971"),
        ("exp", "1790000300"),
        ("iat", "1790000030"),
        ("iat", "1789999760"),
        ("nbf", "1790000030"),
        ("more", "{}"),
    ]
    .into_iter()
    .enumerate()
    {
        assert!(world.judge(&world.token(&[of, ("jti", &format!("\"{at}\""))]), NOW).is_ok(), "{of:?}");
    }
    // Without `iat`, it was made now.
    let timeless = |exp: &str| world.judge(&world.token(&[("iat", ""), ("exp", exp), ("jti", "\"t\"")]), NOW);
    assert_refused!(timeless("1790000331"), "lifetime_too_long", "CJA-2");
    assert!(timeless("1790000330").is_ok());
    for (claims, rule) in [("", "CJA-2"), ("[]", "JO-JSON-01"), ("null", "JO-JSON-01")] {
        assert_refused!(world.judge(&sign(HEADER, claims, &world.key), NOW), "malformed", rule, "{claims}");
    }
}

#[test]
fn cja_4_typ_1_typ_2_sec_7_another_type_is_another_token() {
    let world = World::new();
    let typ = |typ: &str, id: &str| {
        let header = format!(r#"{{"alg":"ES256","kid":"k"{typ}}}"#);
        world.judge(&sign(&header, &says(&[("jti", &format!("\"{id}\""))]), &world.key), NOW)
    };
    for (id, of) in
        ["", r#","typ":"JWT""#, r#","typ":"jwt""#, r#","typ":"application/client-authentication+jwt""#]
            .into_iter()
            .enumerate()
    {
        assert!(typ(of, &id.to_string()).is_ok(), "{of}");
    }
    for other in [
        "at+jwt",
        "dpop+jwt",
        "oauth-client-attestation+jwt",
        "oauth-client-attestation-pop+jwt",
        "oauth-authz-req+jwt",
        "token-introspection+jwt",
        "txntoken+jwt",
        "oauth-id-jag+jwt",
        "txn-chain+jwt",
        "wit+jwt",
        "wpt+jwt",
        "secevent+jwt",
        "JOSE",
        "application/jwt+x",
        "text/jwt",
        "of-tomorrow+jwt",
        "",
    ] {
        assert_refused!(typ(&format!(r#","typ":"{other}""#), "o"), "wrong_type", "CJA-4", "{other}");
    }
    assert_refused!(typ(r#","typ":1"#, "o"), "wrong_type", "CJA-4");
    assert_refused!(typ(r#","cty":"JWT""#, "o"), "malformed", "JO-HDR-06");
    assert_refused!(typ(r#","crit":["exp"]"#, "o"), "malformed", "JO-HDR-03");
}

#[test]
fn cja_5_sec_6_sec_8_the_key_is_the_clients_and_so_is_the_algorithm() {
    let world = World::new();
    let stranger = key();
    let claims = says(&[]);
    let judge = |token: &str| world.judge(token, NOW);
    assert_refused!(judge(&sign(HEADER, &claims, &stranger)), "bad_signature", "CJA-5");
    assert_refused!(judge(&forged(&world.token(&[]))), "bad_signature", "CJA-5");
    let unknown = HEADER.replace(r#""k""#, r#""other""#);
    assert_refused!(judge(&sign(&unknown, &claims, &world.key)), "unknown_key", "CJA-5");
    // With the key as a secret: there is no such algorithm here.
    for alg in ["HS256", "none", "NONE", "es256", "ES256K", "RSA-OAEP"] {
        let header = HEADER.replace("ES256", alg);
        assert_refused!(judge(&sign(&header, &claims, &world.key)), "unsupported_alg", "CJA-5", "{alg}");
    }
    let token = world.token(&[]);
    let (input, _) = token.rsplit_once('.').unwrap();
    assert_refused!(judge(&format!("{input}.")), "malformed", "JO-B64-01");
    assert_refused!(
        judge(&sign(&HEADER.replace("ES256", "ES384"), &claims, &world.key)),
        "bad_signature",
        "CJA-5"
    );
    // Keys that the token brings along, or points to.
    let jwk = Jwk::new(stranger.public_key().clone()).to_json();
    for bait in [
        format!(r#","jwk":{jwk}"#),
        r#","jku":"https://evil.example/jwks""#.to_owned(),
        r#","x5u":"https://evil.example/chain""#.to_owned(),
        r#","x5c":["AA=="]"#.to_owned(),
    ] {
        let header = HEADER.replace(r#""typ""#, &format!(r#""x":1{bait},"typ""#));
        assert_refused!(judge(&sign(&header, &claims, &stranger)), "bad_signature", "CJA-5", "{bait}");
    }
    // The key of another client.
    let registry = world.registry.clone().client(
        Registry::with_key("other", &stranger).find(aims_oauth::ClientLookup::Id("other")).unwrap().clone(),
    );
    let token = sign(HEADER, &claims, &stranger);
    let judged = super::support::judge(&world.server, &registry, &assertion(JWT_BEARER, &token), NOW);
    assert_refused!(judged, "bad_signature", "CJA-5");
    // What the client has not registered.
    let ed25519 = SoftwareKey::generate(Algorithm::Ed25519, backend::ring()).unwrap();
    let set = JwkSet::new(vec![
        Jwk::new(world.key.public_key().clone()).with_key_id("k").unwrap(),
        Jwk::new(ed25519.public_key().clone()).with_key_id("e").unwrap(),
    ])
    .unwrap();
    let only = ClientKeys::new(set).with_algorithms(AlgorithmSet::of(&[Algorithm::Ed25519]));
    let registry =
        Registry::default().client(RegisteredClient::new(CLIENT, RegisteredMethod::PrivateKeyJwt(only)));
    let judged =
        |token: &str| super::support::judge(&world.server, &registry, &assertion(JWT_BEARER, token), NOW);
    assert_refused!(judged(&world.token(&[])), "unsupported_alg", "CJA-5");
    let header = r#"{"alg":"Ed25519","kid":"e"}"#;
    assert!(judged(&sign(header, &claims, &ed25519)).is_ok());
    // Which of two keys, a token without a name does not say.
    assert_refused!(judged(&sign(r#"{"alg":"Ed25519"}"#, &claims, &ed25519)), "unknown_key", "CJA-5");
    assert!(world.judge(&sign(r#"{"alg":"ES256"}"#, &claims, &world.key), NOW).is_ok());
}

#[test]
fn cja_6_nobody_learns_which_clients_there_are() {
    let world = World::new();
    let stranger = key();
    let public = Registry::default().client(RegisteredClient::public(CLIENT));
    let nobody = Registry::default();
    let token = world.token(&[]);
    let late = NOW + Duration::from_secs(3600);
    for (registry, token, code, rule) in [
        (&nobody, token.clone(), "unknown_client", "CJA-6"),
        (&public, token.clone(), "method_not_registered", "CJA-6"),
        (&world.registry, forged(&token), "bad_signature", "CJA-5"),
        (&world.registry, sign(HEADER, &says(&[]), &stranger), "bad_signature", "CJA-5"),
    ] {
        // What comes behind the signature is not looked at.
        for now in [NOW, late] {
            let refused = judge(&world.server, registry, &assertion(JWT_BEARER, &token), now);
            let told = refused.as_ref().unwrap_err();
            let told = (told.error_code(), told.error_code().status(), told.scheme());
            assert_eq!(told, (ErrorCode::InvalidClient, 401, None));
            assert_refused!(refused, code, rule);
        }
    }
    // None of them took any room.
    assert!(world.judge(&token, NOW).is_ok());
    // A registry that finds another client than it was asked for finds none.
    let form = form(&assertion(JWT_BEARER, &token));
    let other = Registry::with_key("other", &world.key);
    let other = other.find(aims_oauth::ClientLookup::Id("other"));
    let presented = PresentedClient::read(&form, []).unwrap();
    assert_refused!(world.server.authenticate(presented, other, NOW), "unknown_client", "CJA-6");
}

/// The private halves of some decoys are printed in RFCs.
#[test]
fn cja_6_what_a_decoy_signed_is_refused() {
    let jwk = r#"{"kty":"OKP","crv":"Ed25519","alg":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    let key = PrivateJwk::parse(jwk).unwrap().load(backend::ring()).unwrap();
    let world = World::new();
    let token = |header: &str| sign(header, &says(&[]), &key);
    let judge = |registry, token: &str| judge(&world.server, registry, &assertion(JWT_BEARER, token), NOW);
    let nobody = Registry::default();
    assert_refused!(judge(&nobody, &token(r#"{"alg":"Ed25519"}"#)), "unknown_client", "CJA-6");
    assert_refused!(judge(&world.registry, &token(r#"{"alg":"Ed25519","kid":"x"}"#)), "unknown_key", "CJA-5");
    assert_refused!(
        judge(&world.registry, &token(r#"{"alg":"Ed25519","kid":"k"}"#)),
        "bad_signature",
        "CJA-5"
    );
}

#[test]
fn cja_2_an_assertion_counts_once() {
    let world = World::new();
    let token = world.token(&[]);
    world.judge(&token, NOW).unwrap();
    assert_refused!(world.judge(&token, NOW), "replay", "CJA-2");
    assert_refused!(world.judge(&token, NOW + Duration::from_secs(89)), "replay", "CJA-2");
    assert_refused!(world.judge(&token, NOW + Duration::from_secs(90)), "expired", "CJA-2");
    // The same name in another text is the same.
    assert_refused!(world.judge(&world.token(&[("more", "1")]), NOW), "replay", "CJA-2");
    // What is refused is not remembered.
    let wrong = world.token(&[("jti", r#""a-2""#), ("aud", r#""https://other.example""#)]);
    assert_refused!(world.judge(&wrong, NOW), "audience_mismatch", "CJA-3");
    world.judge(&world.token(&[("jti", r#""a-2""#)]), NOW).unwrap();
    // Two clients with one key have names of their own.
    let shared = Registry::with_key("other", &world.key);
    let others = says(&[("iss", r#""other""#), ("sub", r#""other""#)]);
    let judged =
        judge(&world.server, &shared, &assertion(JWT_BEARER, &sign(HEADER, &others, &world.key)), NOW);
    assert_eq!(judged.unwrap().client_id(), "other");

    let full =
        ClientAuthenticator::builder(issuer(), ReplayMemory::with_capacity(0), backend::ring()).build();
    let refused = judge(&full, &world.registry, &assertion(JWT_BEARER, &token), NOW);
    assert_eq!(refused.as_ref().unwrap_err().error_code(), ErrorCode::TemporarilyUnavailable);
    assert_refused!(refused, "replay_store_full", "CJA-2");
    // One of many threads is the first.
    let (server, token) = (authenticator().build(), world.token(&[("jti", r#""a-3""#)]));
    let accepted: usize = std::thread::scope(|scope| {
        let judge = || judge(&server, &world.registry, &assertion(JWT_BEARER, &token), NOW);
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(move || usize::from(judge().is_ok()))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(accepted, 1);
}

#[test]
fn cja_1_the_parameter_is_the_subject() {
    let world = World::new();
    let token = world.token(&[]);
    let with = |client_id: &str| {
        let [kind, token] = assertion(JWT_BEARER, &token);
        judge(&world.server, &world.registry, &[kind, token, ("client_id", client_id)], NOW)
    };
    for other in ["other", "Travel-agent", "travel-agent ", "travel-agent/"] {
        assert_refused!(with(other), "client_id_mismatch", "CJA-1", "{other}");
    }
    assert!(with(CLIENT).is_ok());
}

#[test]
fn cja_3_the_token_endpoint_is_an_audience_where_that_was_said() {
    let key = key();
    let registry = Registry::with_key(CLIENT, &key);
    let token_endpoint = "https://as.example/token".parse().unwrap();
    let legacy = authenticator().audience_policy(AudiencePolicy::Legacy { token_endpoint }).build();
    let judge = |aud: &str| {
        let claims = says(&[("aud", aud), ("jti", &format!("\"{}\"", aud.len()))]);
        judge(&legacy, &registry, &assertion(JWT_BEARER, &sign(HEADER, &claims, &key)), NOW)
    };
    assert!(judge(r#""https://as.example/token""#).is_ok());
    assert!(judge(r#"["https://as.example/token"]"#).is_ok());
    assert!(judge(r#""https://as.example""#).is_ok());
    let both = r#"["https://as.example","https://as.example/token"]"#;
    assert_refused!(judge(both), "multiple_audiences", "CJA-3");
    for other in ["https://as.example/token/", "https://as.example/par", "https://mtls.as.example/token"] {
        assert_refused!(judge(&format!("\"{other}\"")), "audience_mismatch", "CJA-3", "{other}");
    }
}

#[test]
fn wir_9_cja_6_nothing_is_longer_than_it_may_be() {
    let world = World::new();
    let refused = |token: &str, code, rule| {
        let refused = world.judge(token, NOW);
        assert_eq!(refused.as_ref().unwrap_err().error_code(), ErrorCode::InvalidClient);
        assert_refused!(refused, code, rule);
    };
    refused(&"a".repeat(16 * 1024 + 1), "malformed", "WIR-9");
    refused(&world.token(&[("more", &format!("\"{}\"", "a".repeat(16 * 1024)))]), "malformed", "WIR-9");
    refused(&world.token(&[("jti", &format!("\"{}\"", "j".repeat(257)))]), "malformed", "WIR-9");
    let deep = format!("{}1{}", "[".repeat(40), "]".repeat(40));
    refused(&world.token(&[("more", &deep)]), "malformed", "JO-JSON-03");
    // No client has such a name.
    for name in ["n".repeat(2049), "n\\u0000".to_owned(), "\u{fc}".to_owned()] {
        let name = format!("\"{name}\"");
        refused(&world.token(&[("iss", &name), ("sub", &name)]), "unknown_client", "CJA-6");
    }
}

#[test]
fn azr_10_a_client_that_was_cut_off_is_none() {
    let key = key();
    let registry = Registry::with_key(CLIENT, &key);
    let marks = Arc::new(MarkTable::with_capacity(10));
    let server = authenticator().marks(Arc::clone(&marks)).build();
    let judge = |id: &str, now| {
        let claims = says(&[("jti", &format!("\"{id}\""))]);
        judge(&server, &registry, &assertion(JWT_BEARER, &sign(HEADER, &claims, &key)), now)
    };
    let client = MarkKey::Client { issuer: ISSUER, client: CLIENT };
    judge("1", NOW).unwrap();
    marks.add(&client, Mark::not_before(NOW)).unwrap();
    let refused = judge("2", NOW).unwrap_err();
    assert_eq!((refused.code(), refused.error_code()), ("superseded", ErrorCode::InvalidClient));
    marks.add(&client, Mark::dead()).unwrap();
    assert_eq!(judge("3", NOW).unwrap_err().code(), "revoked");
}

proptest! {
    #[test]
    fn cja_5_a_changed_assertion_is_refused(at in any::<prop::sample::Index>(), letter in "[A-Za-z0-9_.-]") {
        let world = World::new();
        let token = world.token(&[]);
        let at = at.index(token.len());
        let changed = [token.get(..at).unwrap(), &letter, token.get(at + 1..).unwrap()].concat();
        if changed != token {
            prop_assert!(world.judge(&changed, NOW).is_err());
        }
    }
}
