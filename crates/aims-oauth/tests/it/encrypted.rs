//! Tokens that travel encrypted: what is taken of them, and by whom.

use std::sync::Arc;

use aims_credential::{Fetch, FetchError, FetchRequest, Fetched, Post, PostRequest, Posted};
use aims_jose::jwe::{Decrypter, DecryptionKey, EncryptionKey, JweError, KeyManagement};
use aims_jose::{Limits, base64url};
use aims_keys::{Algorithm, BoxFuture, PrivateKey, backend};
use aims_oauth::{
    AccessTokenVerifier, BindingPolicy, ClientCredential, ClientKey, ExpectedIdToken, Grant, GrantIssuer,
    GrantProfile, GrantRequest, GrantVerifier, IdToken, IdTokenIssuer, IdTokenRequest, IdTokenVerifier,
    Introspect, IntrospectError, Introspection, IntrospectionAnswer, IntrospectionResponse,
    IntrospectionSigner, PresentedToken, ResourceServer, SecurityToken, SenderConstraint, TokenClient,
    TokenExchange, TokenNeed, TokenRecipient, TokenRequest, TokenTypeUrn, TypedToken, VerifiedGrant,
    encrypt_to,
};
use aims_proof::ReplayMemory;
use aims_testkit::{TestIntrospection, assert_refused};

use crate::client::support::{Between, CLIENT, REDIRECT, TOOL, World, json, query_of};
use crate::client_auth::support::key;
use crate::world::*;

const APP: &str = "travel-app";
const NONCE: &str = "n-0S6_WzA2Mj";
const THERE: &str = "https://as.b.example";

/// Whom tokens are encrypted to, and the key that everybody has for that.
fn recipient() -> (TokenRecipient, EncryptionKey) {
    let key = PrivateKey::generate(Algorithm::Es256, backend::ring()).unwrap();
    let key = DecryptionKey::load(&key, KeyManagement::EcdhEsA256Kw).unwrap().with_key_id("enc-1").unwrap();
    let public = key.encryption_key().clone();
    (TokenRecipient::new(Decrypter::new(vec![key]).unwrap()), public)
}

fn id_token(server: &Server) -> IdToken {
    let issuer = IdTokenIssuer::new(issuer(), server.key.clone(), "as-1").unwrap();
    issuer.issue(&IdTokenRequest::new(USER, APP).nonce(NONCE), NOW).unwrap().into_token()
}

fn grant(server: &Server) -> SecurityToken {
    let issuer = GrantIssuer::new(issuer(), server.key.clone(), "as-1").unwrap();
    let request = GrantRequest::chaining(USER, THERE.parse().unwrap()).for_client(APP);
    issuer.issue(&request.scope("trips:book".parse().unwrap()), NOW).unwrap().grant().clone()
}

fn said(server: &Server) -> IntrospectionAnswer {
    let signer = IntrospectionSigner::new(issuer(), server.key.clone(), "as-1").unwrap();
    let token = server.verifier().build().verify(&server.issue(&request()), NOW).unwrap();
    let response = IntrospectionResponse::about(token.claims(), &[tool()], NOW).unwrap();
    signer.sign(&response, tool().as_str(), NOW).unwrap()
}

fn jwt(answer: &IntrospectionAnswer) -> &str {
    let IntrospectionAnswer::Jwt(text) = answer else { panic!("{answer:?}") };
    text
}

/// The same encrypted token with another header; whoever has no key of the recipient's cannot do that, for the header is authenticated.
fn with_header(token: &str, header: &str) -> String {
    let (_, rest) = token.split_once('.').unwrap();
    format!("{}.{rest}", base64url::encode(header))
}

fn header_of(token: &str) -> String {
    String::from_utf8(base64url::decode(token.split('.').next().unwrap()).unwrap()).unwrap()
}

struct Verifiers {
    ids: IdTokenVerifier,
    grants: GrantVerifier,
    tokens: AccessTokenVerifier,
}

impl Verifiers {
    fn of(server: &Server) -> Self {
        let replay = ReplayMemory::with_capacity(100);
        let grants = GrantVerifier::builder(THERE.parse().unwrap(), replay, backend::ring());
        Self {
            ids: IdTokenVerifier::builder(APP, server.trusted(), backend::ring()).build(),
            grants: grants.trust(server.trusted(), &[GrantProfile::Chaining]).build(),
            tokens: server.verifier().build(),
        }
    }

    fn id(&self, token: &IdToken) -> Result<aims_oauth::VerifiedIdToken, aims_oauth::IdTokenError> {
        self.ids.verify(token, &ExpectedIdToken::with_nonce(NONCE), NOW)
    }

    fn grant(&self, grant: &SecurityToken) -> Result<VerifiedGrant, aims_oauth::GrantError> {
        self.grants.verify(grant, APP, None, NOW)
    }

    fn said(&self, answer: &str) -> Result<aims_oauth::VerifiedAccessToken, aims_oauth::AccessTokenError> {
        self.tokens.introspected_jwt(&"an-opaque-token".parse().unwrap(), &issuer(), answer, NOW)
    }
}

/// Each of the three, encrypted to this key, as text.
fn all(server: &Server, key: &EncryptionKey) -> [(&'static str, String); 3] {
    [
        ("ID Token", encrypt_to(&id_token(server), key).unwrap().expose().to_owned()),
        ("grant", encrypt_to(&grant(server), key).unwrap().expose().to_owned()),
        ("answer", jwt(&encrypt_to(&said(server), key).unwrap()).to_owned()),
    ]
}

/// What comes of a text in the place of each of the three.
fn decrypt_all(recipient: &TokenRecipient, text: &str) -> [Result<(), JweError>; 3] {
    [
        recipient.decrypt(&text.parse::<IdToken>().unwrap()).map(drop),
        recipient.decrypt(&text.parse::<SecurityToken>().unwrap()).map(drop),
        recipient.decrypt(&IntrospectionAnswer::Jwt(text.to_owned())).map(drop),
    ]
}

#[test]
fn sec_9_jo_jwe_01_what_was_asked_for_encrypted_is_decrypted_and_then_verified_by_the_verifier_of_its_type() {
    let (server, (recipient, key)) = (Server::new(), recipient());
    let verifiers = Verifiers::of(&server);
    let sent = encrypt_to(&id_token(&server), &key).unwrap();
    assert_eq!(&*verifiers.id(&recipient.decrypt(&sent).unwrap()).unwrap().subject(), USER);
    let sent = encrypt_to(&grant(&server), &key).unwrap();
    assert_eq!(&*verifiers.grant(&recipient.decrypt(&sent).unwrap()).unwrap().subject(), USER);
    let sent = encrypt_to(&said(&server), &key).unwrap();
    assert_eq!(&*verifiers.said(jwt(&recipient.decrypt(&sent).unwrap())).unwrap().subject(), USER);
    assert_eq!(sent.media_type(), IntrospectionAnswer::JWT);
}

#[tokio::test]
async fn sec_9_no_verifier_takes_what_nobody_asked_to_have_encrypted() {
    let (server, (_, key)) = (Server::new(), recipient());
    let verifiers = Verifiers::of(&server);
    for (what, text) in all(&server, &key) {
        assert_refused!(verifiers.id(&text.parse().unwrap()), "malformed", "JO-B64-01", "{what}");
        assert_refused!(verifiers.grant(&text.parse().unwrap()), "malformed", "JO-B64-01", "{what}");
        assert_refused!(verifiers.said(&text), "malformed", "JO-B64-01", "{what}");
        let token = text.parse().unwrap();
        assert_refused!(verifiers.tokens.verify(&token, NOW), "malformed", "JO-B64-01", "{what}");
        // Nor is anybody asked for keys because of one.
        verifiers.ids.prepare(&text.parse().unwrap(), NOW).await.unwrap();
        verifiers.grants.prepare(&text.parse().unwrap(), NOW).await.unwrap();
    }
}

#[test]
fn jo_jwe_02_a_recipient_that_asked_for_encryption_takes_nothing_else() {
    let (server, (recipient, _)) = (Server::new(), recipient());
    for text in [id_token(&server).expose(), grant(&server).expose(), jwt(&said(&server)), "an-opaque-token"]
    {
        for refused in decrypt_all(&recipient, text) {
            assert_refused!(refused, "malformed_token", "JO-JWE-02");
        }
    }
    let unsigned = IntrospectionAnswer::Json(br#"{"active":true}"#.to_vec());
    assert_refused!(recipient.decrypt(&unsigned), "malformed_token", "JO-JWE-02");
    // Nor is anything else encrypted.
    let (_, key) = self::recipient();
    assert_refused!(encrypt_to(&unsigned, &key), "not_a_signed_token", "JO-JWE-11");
    let opaque: SecurityToken = "an-opaque-token".parse().unwrap();
    assert_refused!(encrypt_to(&opaque, &key), "not_a_signed_token", "JO-JWE-11");
}

#[test]
fn jo_jwe_11_there_is_no_second_envelope() {
    let (server, (recipient, key)) = (Server::new(), recipient());
    let once = encrypt_to(&id_token(&server), &key).unwrap();
    assert_refused!(encrypt_to(&once, &key), "not_a_signed_token", "JO-JWE-11");
    let signed = recipient.decrypt(&once).unwrap();
    assert_refused!(recipient.decrypt(&signed), "malformed_token", "JO-JWE-02");
}

#[test]
fn jo_jwe_01_typ_2_what_is_inside_is_held_to_its_type() {
    let (server, (recipient, key)) = (Server::new(), recipient());
    let verifiers = Verifiers::of(&server);
    // An envelope says nothing of what is in it, nor of who wrote that.
    let [(_, id), (_, granted), (_, answer)] = all(&server, &key);
    let opened = |text: &str| recipient.decrypt(&text.parse::<SecurityToken>().unwrap()).unwrap();
    for (text, code, rule) in [(&granted, "audience_mismatch", "IDT-2"), (&answer, "wrong_type", "IDT-6")] {
        assert_refused!(verifiers.id(&opened(text).expose().parse().unwrap()), code, rule);
    }
    assert_refused!(verifiers.grant(&opened(&id)), "audience_mismatch", "XD-11");
    assert_refused!(verifiers.grant(&opened(&answer)), "wrong_type", "JBG-5");
    assert_refused!(verifiers.said(opened(&id).expose()), "wrong_type", "ACT-1");
    assert_refused!(verifiers.said(opened(&granted).expose()), "wrong_type", "ACT-1");
    let access = encrypt_to(&SecurityToken::from(server.issue(&request())), &key).unwrap();
    assert_refused!(verifiers.grant(&recipient.decrypt(&access).unwrap()), "wrong_type", "JBG-5");

    // Whoever has the public key can encrypt what somebody else signed.
    let stranger = Server::new();
    let forged = encrypt_to(&id_token(&stranger), &key).unwrap();
    assert_refused!(verifiers.id(&recipient.decrypt(&forged).unwrap()), "bad_signature", "IDT-1");
}

#[test]
fn jo_jwe_06_jo_jwe_09_what_is_not_as_its_sender_made_it_is_refused() {
    let (server, (recipient, key)) = (Server::new(), recipient());
    for (_, text) in all(&server, &key) {
        let header = header_of(&text);
        assert!(header.contains(r#""cty":"JWT","#), "{header}");
        for cty in ["", r#""cty":"jwt","#, r#""cty":"at+jwt","#] {
            let other = with_header(&text, &header.replace(r#""cty":"JWT","#, cty));
            for refused in decrypt_all(&recipient, &other) {
                assert_refused!(refused, "not_nested", "JO-JWE-06", "{cty}");
            }
        }
        let other = with_header(&text, &header.replacen('{', r#"{"zip":"DEF","#, 1));
        for refused in decrypt_all(&recipient, &other) {
            assert_refused!(refused, "compressed", "JO-JWE-05");
        }
        let (rest, tag) = text.rsplit_once('.').unwrap();
        let rest_of_tag = tag.get(1..).unwrap();
        let other = if tag.starts_with('A') { format!("B{rest_of_tag}") } else { format!("A{rest_of_tag}") };
        for refused in decrypt_all(&recipient, &format!("{rest}.{other}")) {
            assert_refused!(refused, "decryption_failed", "JO-JWE-09");
        }
    }
}

#[test]
fn jo_jwe_08_jo_jwe_09_nobody_else_reads_it() {
    let (server, (_, key)) = (Server::new(), recipient());
    let (other, _) = recipient();
    for (_, text) in all(&server, &key) {
        for refused in decrypt_all(&other, &text) {
            assert_refused!(refused, "decryption_failed", "JO-JWE-09");
        }
        let renamed = with_header(&text, &header_of(&text).replace("enc-1", "enc-2"));
        for refused in decrypt_all(&other, &renamed) {
            assert_refused!(refused, "unknown_key", "JO-JWE-08");
        }
    }
}

#[test]
fn jo_jwe_02_wir_9_what_is_too_long_is_not_decrypted() {
    let (server, (recipient, key)) = (Server::new(), recipient());
    let text = encrypt_to(&id_token(&server), &key).unwrap().expose().to_owned();
    let own = PrivateKey::generate(Algorithm::Es256, backend::ring()).unwrap();
    let own = DecryptionKey::load(&own, KeyManagement::EcdhEsA256Kw).unwrap();
    let bounded = Decrypter::new(vec![own]).unwrap().with_limits(Limits::new().token(text.len() - 1));
    for refused in decrypt_all(&TokenRecipient::new(bounded), &text) {
        assert_refused!(refused, "token_too_long", "JO-JWE-02");
    }
    let long = IntrospectionAnswer::Jwt("a".repeat(16 * 1024 + 1));
    assert_refused!(recipient.decrypt(&long), "token_too_long", "JO-JWE-02");
    // Nor is anything encrypted that nobody would read.
    let scope = format!("a{}", " trips:book".repeat(1200));
    let request = GrantRequest::chaining(USER, THERE.parse().unwrap()).for_client(APP);
    let issuer = GrantIssuer::new(issuer(), server.key.clone(), "as-1").unwrap();
    if let Ok(long) = issuer.issue(&request.scope(scope.parse().unwrap()), NOW) {
        assert_eq!(encrypt_to(long.grant(), &key).unwrap_err().rule(), "JO-JWE-02");
    }
}

/// The server of a world, which encrypts what it signs to whoever asked for that.
#[derive(Clone)]
struct Enveloping {
    server: Between,
    key: Option<EncryptionKey>,
}

impl std::fmt::Debug for Enveloping {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Enveloping")
    }
}

impl Fetch for Enveloping {
    fn fetch<'a>(&'a self, request: FetchRequest<'a>) -> BoxFuture<'a, Result<Fetched, FetchError>> {
        self.server.fetch(request)
    }
}

impl Post for Enveloping {
    fn post<'a>(&'a self, request: PostRequest<'a>) -> BoxFuture<'a, Result<Posted, FetchError>> {
        Box::pin(async move {
            let answer = self.server.post(request).await?;
            let Some(key) = &self.key else { return Ok(answer) };
            let encrypted = |text: &str| {
                encrypt_to(&text.parse::<SecurityToken>().unwrap(), key).unwrap().expose().to_owned()
            };
            if answer.media_type() == Some(IntrospectionAnswer::JWT) {
                let body = encrypted(str::from_utf8(answer.body()).unwrap());
                return Ok(Posted::new(200, Some(IntrospectionAnswer::JWT), body.into_bytes()));
            }
            let mut body: serde_json::Value = serde_json::from_slice(answer.body()).unwrap();
            for name in ["id_token", "access_token"] {
                let is_grant = body["token_type"] == "N_A";
                if let Some(text) = body[name].as_str().filter(|_| name == "id_token" || is_grant) {
                    body[name] = encrypted(text).into();
                }
            }
            Ok(json(answer.status(), &body.to_string()))
        })
    }
}

/// A user who is asked in a browser, and says who they are.
async fn identified(
    world: &World,
    tokens: &TokenClient,
) -> Result<aims_oauth::UserGrant, aims_oauth::ClientError> {
    let client = tokens.client(&issuer()).await.unwrap();
    let flow = client.authorize(&REDIRECT.parse().unwrap()).unwrap().resource(tool());
    let pending = tokens.begin(flow.scope("openid trips:read".parse().unwrap())).await.unwrap();
    let back = world.server.approve(pending.url(), USER);
    tokens.redeem(pending, &query_of(&back)).await
}

#[tokio::test]
async fn sec_9_idt_1_a_client_that_asked_for_encrypted_id_tokens_takes_these_and_no_others() {
    let world = World::new();
    let (recipient, key) = recipient();
    let (_, strange) = self::recipient();
    let tokens = |key: Option<&EncryptionKey>, asked: bool| {
        let http = Enveloping { server: Between::of(&world.server), key: key.cloned() };
        let builder = TokenClient::builder(http, world.clock.reader(), backend::ring());
        let builder = builder.server(issuer(), world.credential(), world.constraint());
        let builder = if asked { builder.encrypted_id_tokens(issuer(), recipient.clone()) } else { builder };
        builder.build()
    };
    let asking = tokens(Some(&key), true);
    let grant = identified(&world, &asking).await.unwrap();
    assert_eq!(&*grant.user().unwrap().subject(), USER);
    // What came is as it came: only the client reads it.
    let came = grant.first_token().unwrap().id_token().unwrap().clone();
    assert_eq!(came.expose().split('.').count(), 5);
    assert_eq!(recipient.decrypt(&came).unwrap().expose().split('.').count(), 3);
    // So does the one that says the same once more (IDT-4).
    world.clock.advance(std::time::Duration::from_secs(290));
    asking.token(&TokenNeed::of(tool()).by(&grant)).await.unwrap();

    let refused = identified(&world, &tokens(None, true)).await;
    assert_refused!(refused, "malformed_token", "JO-JWE-02");
    let refused = identified(&world, &tokens(Some(&strange), true)).await;
    assert_refused!(refused, "decryption_failed", "JO-JWE-09");
    let refused = identified(&world, &tokens(Some(&key), false)).await;
    assert_refused!(refused, "malformed", "JO-B64-01");
}

#[tokio::test]
async fn sec_9_int_3_a_resource_server_that_asked_for_encrypted_answers_takes_these_and_no_others() {
    let tool_key = Arc::new(key());
    let world = World::with(|server| server.client("tool", &*tool_key, &[]).serves(TOOL));
    let (recipient, key) = recipient();
    let (_, strange) = self::recipient();
    let token = world.tokens(Between::of(&world.server)).token(&TokenNeed::of(tool()).from(issuer())).await;
    let token = token.unwrap();
    let asked = |key: Option<&EncryptionKey>, signed: bool| {
        let http = Enveloping { server: Between::of(&world.server), key: key.cloned() };
        let own = ClientCredential::key(ClientKey::new("tool", tool_key.clone(), None).unwrap());
        let asking = TokenClient::builder(http, world.clock.reader(), backend::ring())
            .server(issuer(), own, SenderConstraint::dangerous_bearer())
            .build();
        asking.introspection(issuer(), signed)
    };
    let verifier = AccessTokenVerifier::builder(tool(), world.server.trusted(), backend::ring()).build();
    let endpoint = recipient.clone().introspecting(asked(Some(&key), true));
    let answer = endpoint.introspect(token.token()).await.unwrap();
    let read = verifier.introspected_jwt(token.token(), &issuer(), jwt(&answer), NOW).unwrap();
    assert_eq!(&*read.client_id(), CLIENT);
    for (key, signed) in [(None, true), (Some(&strange), true), (None, false)] {
        let endpoint = recipient.clone().introspecting(asked(key, signed));
        assert_eq!(endpoint.introspect(token.token()).await.unwrap_err(), IntrospectError::Unavailable);
    }
    // Where nobody asked for that, it is no answer.
    let answer = asked(Some(&key), true).introspect(token.token()).await.unwrap();
    let refused = verifier.introspected_jwt(token.token(), &issuer(), jwt(&answer), NOW);
    assert_refused!(refused, "malformed", "JO-B64-01");
}

#[tokio::test]
async fn sec_9_azr_7_an_opaque_token_is_worth_what_an_encrypted_answer_says() {
    let (server, (recipient, key)) = (Server::new(), recipient());
    let (known, verifier) = (TestIntrospection::new(), server.verifier().build());
    known.say("good", encrypt_to(&said(&server), &key).unwrap());
    known.say("plain", said(&server));
    let asked = Introspection::new(issuer(), recipient.introspecting(known));
    let tool = ResourceServer::new(verifier, BindingPolicy::bound()).with_introspection(asked);
    let verify = async |token: &str| {
        let presented = PresentedToken::read([format!("Bearer {token}")]).unwrap().unwrap();
        tool.verify_any(&presented, NOW).await
    };
    assert_eq!(&*verify("good").await.unwrap().subject(), USER);
    assert_refused!(verify("plain").await, "introspection_unavailable", "INT-1");
}

#[tokio::test]
async fn sec_9_aims_36_a_grant_that_its_bearer_cannot_read_is_shown_to_nobody_by_our_client() {
    let world = World::new();
    let (recipient, key) = recipient();
    let http = Enveloping { server: Between::of(&world.server), key: Some(key) };
    let tokens = world.tokens(http);
    let own = tokens.token(&TokenNeed::of(tool()).from(issuer())).await.unwrap();
    let subject = TypedToken::new(own.token().clone().into(), TokenTypeUrn::AccessToken);
    let exchange = TokenExchange::of(subject).requesting(TokenTypeUrn::Jwt).audience(THERE);
    let exchange = TokenRequest::new(Grant::TokenExchange(exchange)).scope("trips:read".parse().unwrap());
    let held = tokens.exchange(&issuer(), exchange).await.unwrap();
    // The server that it is for reads it, and verifies it then.
    let replay = ReplayMemory::with_capacity(100);
    let verifier = GrantVerifier::builder(THERE.parse().unwrap(), replay, backend::ring())
        .trust(world.server.trusted(), &[GrantProfile::Chaining])
        .build();
    assert_refused!(verifier.verify(held.token(), CLIENT, None, NOW), "malformed", "JO-B64-01");
    let inner = recipient.decrypt(held.token()).unwrap();
    let proof = crate::grants::proof_of(&world.prover).await;
    let read = verifier.verify(&inner, CLIENT, Some(&proof), NOW).unwrap();
    assert_eq!(read.profile(), GrantProfile::Chaining);
    let redeem = TokenRequest::new(Grant::JwtBearer(held.token().clone()));
    assert_refused!(world.client().token(redeem), "other_server", "AIMS-36");
}
