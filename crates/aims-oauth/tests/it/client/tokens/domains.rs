//! Tokens in another domain: grants, and identity assertions.

use std::sync::Arc;

use aims_credential::{
    Fetch, FetchError, FetchRequest, Fetched, HttpsUrl, Mark, MarkKey, MarkTable, Post, PostRequest, Posted,
};
use aims_keys::{BoxFuture, SoftwareKey, backend};
use aims_oauth::{
    AccessTokenVerifier, AuthorizationDetails, ClientCredential, ClientKey, Grant, GrantProfile, IdToken,
    Parameters, Resource, SecurityToken, SenderConstraint, TokenClient, TokenExchange, TokenNeed,
    TokenRequest, TokenTypeUrn, TypedToken,
};
use aims_testkit::{TestAuthorizationServer, assert_refused};

use super::super::support::*;
use super::same;
use crate::client_auth::support::{key, sign};
use crate::world::*;

/// A server of another domain, which takes grants of the first.
fn other_domain(world: &World, key: &SoftwareKey) -> TestAuthorizationServer {
    TestAuthorizationServer::builder("https://as.bank.example", world.clock.reader())
        .client(CLIENT, key, &[])
        .resource("https://pay.bank.example", "trips:read trips:book")
        .trust(world.server.trusted(), &[GrantProfile::Chaining, GrantProfile::IdJag])
        .build()
}

/// Two servers behind one client.
#[derive(Clone, Debug)]
struct Both(TestAuthorizationServer, TestAuthorizationServer);

impl Both {
    fn of(&self, url: &HttpsUrl) -> &TestAuthorizationServer {
        let is_first = url.authority() == self.0.issuer().as_url().authority();
        if is_first { &self.0 } else { &self.1 }
    }
}

impl Fetch for Both {
    fn fetch<'a>(&'a self, request: FetchRequest<'a>) -> BoxFuture<'a, Result<Fetched, FetchError>> {
        self.of(request.url()).fetch(request)
    }
}

impl Post for Both {
    fn post<'a>(&'a self, request: PostRequest<'a>) -> BoxFuture<'a, Result<Posted, FetchError>> {
        self.of(request.url()).post(request)
    }
}

#[tokio::test]
async fn aims_36_azr_5_xd_1_xd_16_jag_1_jag_10_a_token_in_another_domain_comes_by_a_grant_of_ones_own() {
    let world = World::new();
    let agent = key();
    let bank = other_domain(&world, &agent);
    let tokens =
        TokenClient::builder(Both(world.server.clone(), bank.clone()), world.clock.reader(), backend::ring())
            .server(issuer(), world.credential(), world.constraint())
            .server(
                bank.issuer().clone(),
                ClientCredential::key(ClientKey::new(CLIENT, Arc::new(agent), None).unwrap()),
                world.constraint(),
            )
            .build();
    let grant = granted(&world, &tokens).await;
    let own = grant.first_token().unwrap();
    let subject = TypedToken::new(own.token().clone().into(), TokenTypeUrn::AccessToken);
    let pay: Resource = "https://pay.bank.example".parse().unwrap();
    let need = TokenNeed::of(pay.clone()).from(bank.issuer().clone()).scope("trips:book".parse().unwrap());
    for need in [
        need.clone().across_from(issuer(), subject.clone()),
        need.clone().by_identity_assertion(issuer(), subject.clone()),
    ] {
        let token = tokens.token(&need).await.unwrap();
        let reader = AccessTokenVerifier::builder(pay.clone(), bank.trusted(), backend::ring()).build();
        let verified = reader.verify(token.token(), world.clock.now()).unwrap();
        assert_eq!((&*verified.subject(), verified.scope().as_str()), (USER, "trips:book"));
        // Who acted at home is told by the name that it has there, and the grant is what the token ends with.
        let acted: Vec<_> = verified.actors().iter().map(|actor| actor.issuer().map(String::from)).collect();
        assert_eq!(acted, [None, Some(ISSUER.to_owned())]);
        assert_eq!(verified.lineage().ids().len(), 2);
        // It is kept, as any other.
        assert!(same(&token, &tokens.token(&need).await.unwrap()));
    }
    // More than the token has that speaks for the user.
    let more = need.clone().scope("trips:pay".parse().unwrap()).across_from(issuer(), subject.clone());
    assert_eq!(tokens.token(&more).await.unwrap_err().code(), "refused");
    let details = AuthorizationDetails::parse(r#"[{"type":"payment"}]"#).unwrap();
    let more = need.clone().details(details).across_from(issuer(), subject);
    assert_eq!(tokens.token(&more).await.unwrap_err().code(), "refused");
}

#[tokio::test]
async fn azr_10_xd_1_what_crossed_is_not_used_once_its_user_or_its_client_is_cut_off_at_home() {
    let world = World::new();
    let agent = key();
    let bank = other_domain(&world, &agent);
    let marks = Arc::new(MarkTable::with_capacity(100));
    let credential = ClientKey::new(CLIENT, Arc::new(agent), None).unwrap();
    let both = Both(world.server.clone(), bank.clone());
    let tokens = TokenClient::builder(both, world.clock.reader(), backend::ring())
        .server(issuer(), world.credential(), world.constraint())
        .server(bank.issuer().clone(), ClientCredential::key(credential), world.constraint())
        .marks(Arc::clone(&marks))
        .build();
    let own = granted(&world, &tokens).await.first_token().unwrap();
    let subject = TypedToken::new(own.token().clone().into(), TokenTypeUrn::AccessToken);
    let pay: Resource = "https://pay.bank.example".parse().unwrap();
    let need = TokenNeed::of(pay).from(bank.issuer().clone()).scope("trips:book".parse().unwrap());
    let plain = need.clone().across_from(issuer(), subject.clone());
    // Whom it is about can be said before or after, of each server that knows them.
    let both = |need: TokenNeed| need.about(&issuer(), USER).about(bank.issuer(), "user-at-bank");
    let of_user = both(need).across_from(issuer(), subject);
    assert!(!format!("{of_user:?}").contains(USER));
    let there = bank.issuer().as_str();
    for (key, is_about_user) in [
        (MarkKey::Client { issuer: ISSUER, client: CLIENT }, false),
        (MarkKey::Client { issuer: there, client: CLIENT }, false),
        (MarkKey::Subject { issuer: ISSUER, subject: USER }, true),
        (MarkKey::Subject { issuer: there, subject: "user-at-bank" }, true),
    ] {
        let kept = tokens.token(&of_user).await.unwrap();
        marks.add(&key, Mark::dead()).unwrap();
        assert_refused!(tokens.token(&of_user).await, "revoked", "AIMS-55", "{key:?}");
        assert!(!kept.is_live(world.clock.now()), "{key:?}");
        // Where nobody says whom it is about, that is not known here.
        assert_eq!(tokens.token(&plain).await.is_ok(), is_about_user, "{key:?}");
        marks.clear(&key);
    }
    // Names of others, and names at another server, are not these.
    for key in [
        MarkKey::Client { issuer: ISSUER, client: "another" },
        MarkKey::Subject { issuer: ISSUER, subject: "user-at-bank" },
        MarkKey::Subject { issuer: there, subject: USER },
    ] {
        marks.add(&key, Mark::dead()).unwrap();
        tokens.token(&of_user).await.unwrap();
    }
}

#[tokio::test]
async fn aims_36_aims_43_aims_48_a_handler_leads_into_another_domain_without_a_token() {
    let tool_key = Arc::new(key());
    let world = World::with(|server| server.client("tool", &*tool_key, &[]).serves(TOOL));
    let bank = TestAuthorizationServer::builder("https://as.bank.example", world.clock.reader())
        .client("tool", &*tool_key, &[])
        .resource("https://pay.bank.example", "trips:read trips:book")
        .trust(world.server.trusted(), &[GrantProfile::Chaining])
        .build();
    let inbound = granted(&world, &world.tokens(Between::of(&world.server))).await.first_token().unwrap();
    let caller = world.called_with(&inbound).await;

    let credential = || ClientCredential::key(ClientKey::new("tool", tool_key.clone(), None).unwrap());
    let constraint = SenderConstraint::dpop(prover());
    let marks = Arc::new(MarkTable::with_capacity(9));
    let both = Both(world.server.clone(), bank.clone());
    let tokens = TokenClient::builder(both, world.clock.reader(), backend::ring())
        .server(issuer(), credential(), constraint.clone())
        .server(bank.issuer().clone(), credential(), constraint)
        .marks(Arc::clone(&marks))
        .build();
    let pay: Resource = "https://pay.bank.example".parse().unwrap();
    let need = TokenNeed::of(pay.clone()).from(bank.issuer().clone()).scope("trips:book".parse().unwrap());
    let need = need.across_for(&caller);
    assert!(!format!("{need:?}").contains(inbound.token().expose()));
    let token = tokens.token(&need).await.unwrap();
    let reader = AccessTokenVerifier::builder(pay, bank.trusted(), backend::ring()).build();
    let verified = reader.verify(token.token(), world.clock.now()).unwrap();
    assert_eq!((&*verified.subject(), &*verified.client_id()), (USER, "tool"));
    let acted: Vec<_> = verified.actors().iter().map(|actor| actor.subject().into_owned()).collect();
    assert_eq!(acted, ["tool", "tool"], "here, and at home");
    // Who called is known, and so is the end: of the agent, and of whom it is about.
    marks.add(&MarkKey::Client { issuer: ISSUER, client: CLIENT }, Mark::dead()).unwrap();
    assert_refused!(tokens.token(&need).await, "revoked", "AIMS-55");
    marks.clear(&MarkKey::Client { issuer: ISSUER, client: CLIENT });
    tokens.token(&need).await.unwrap();
    marks.add(&MarkKey::Subject { issuer: ISSUER, subject: USER }, Mark::dead()).unwrap();
    assert_refused!(tokens.token(&need).await, "revoked", "AIMS-55");
}

#[tokio::test]
async fn mcp_31_an_identity_assertion_is_for_the_resource_and_the_server_that_it_names() {
    let world = World::new();
    let bank = "https://as.bank.example";
    let between = Between::of(&world.server);
    let mcp = "https://pay.bank.example/mcp";
    between.page(
        "https://pay.bank.example/.well-known/oauth-protected-resource/mcp",
        &format!(r#"{{"resource":"{mcp}","authorization_servers":["{bank}"],"scopes_supported":["pay"]}}"#),
    );
    between.other_domain(bank);
    let tokens = TokenClient::builder(between.clone(), world.clock.reader(), backend::ring())
        .server(issuer(), world.credential(), world.constraint())
        .server(bank.parse().unwrap(), world.credential(), world.constraint())
        .ask_for_supported_scopes()
        .build();
    let user =
        TypedToken::new(SecurityToken::from("a.b.c".parse::<IdToken>().unwrap()), TokenTypeUrn::IdToken);
    let refused = |kind: &str, id: &str| {
        json(
            200,
            &format!(
                r#"{{"access_token":"x.y.z","issued_token_type":"{kind}","token_type":"N_A","expires_in":60,"client_id":"{id}"}}"#
            ),
        )
    };
    between.answers(Ok(refused(TokenTypeUrn::IdJag.as_str(), CLIENT)));
    between.answers(Ok(json(200, r#"{"access_token":"at-1","token_type":"DPoP"}"#)));
    let need = TokenNeed::of(mcp.parse().unwrap()).by_identity_assertion(issuer(), user);
    let _ = tokens.token(&need).await;
    let posted = between.posted();
    let asked = Parameters::parse(posted[0].as_bytes()).unwrap();
    for (name, value) in [
        ("audience", bank),
        ("resource", mcp),
        ("scope", "pay"),
        ("requested_token_type", TokenTypeUrn::IdJag.as_str()),
        ("subject_token_type", TokenTypeUrn::IdToken.as_str()),
    ] {
        assert_eq!(asked.get(name).unwrap(), Some(value), "{name}");
    }
    assert_eq!(asked.get("actor_token").unwrap(), None);
    // The client shows at its own server who it is, as at any.
    assert!(asked.get("client_assertion").unwrap().is_some());
    // A token of another type is no such grant.
    let again = Between::of(&world.server);
    let tokens = TokenClient::builder(again.clone(), world.clock.reader(), backend::ring())
        .server(issuer(), world.credential(), world.constraint())
        .build();
    again.answers(Ok(refused(TokenTypeUrn::AccessToken.as_str(), CLIENT)));
    let exchange = TokenExchange::of(TypedToken::new(
        SecurityToken::from("a.b.c".parse::<IdToken>().unwrap()),
        TokenTypeUrn::IdToken,
    ))
    .requesting(TokenTypeUrn::IdJag);
    let request = TokenRequest::new(Grant::TokenExchange(exchange));
    assert!(tokens.exchange(&issuer(), request).await.is_err());
}

#[tokio::test]
async fn jag_10_a_grant_that_is_not_bound_is_found_out() {
    let world = World::new();
    let client = world.client();
    let subject = TypedToken::new("a-token".parse().unwrap(), TokenTypeUrn::IdToken);
    let exchange = TokenExchange::of(subject).requesting(TokenTypeUrn::IdJag).audience("https://b.example");
    let request = || TokenRequest::new(Grant::TokenExchange(exchange.clone()));
    let other = prover().thumbprint();
    let own = world.prover.thumbprint();
    for (claims, is_bound) in [
        (r#"{"sub":"user-1"}"#.to_owned(), false),
        (format!(r#"{{"sub":"user-1","cnf":{{"jkt":"{other}"}}}}"#), false),
        (format!(r#"{{"sub":"user-1","cnf":{{"jkt":"{own}"}}}}"#), true),
    ] {
        let header = r#"{"alg":"ES256","typ":"oauth-id-jag+jwt"}"#;
        let grant = sign(header, &claims, &key());
        let body = format!(
            r#"{{"access_token":"{grant}","token_type":"N_A","issued_token_type":"{}"}}"#,
            TokenTypeUrn::IdJag.as_str()
        );
        let sent = client.token(request()).unwrap().send(NOW).await.unwrap();
        let answered = sent.answered(&json(200, &body), NOW);
        if is_bound {
            answered.unwrap();
        } else {
            assert_refused!(answered, "grant_not_bound", "JAG-10");
        }
    }
    let opaque = format!(
        r#"{{"access_token":"opaque","token_type":"N_A","issued_token_type":"{}"}}"#,
        TokenTypeUrn::IdJag.as_str()
    );
    let sent = client.token(request()).unwrap().send(NOW).await.unwrap();
    assert_refused!(sent.answered(&json(200, &opaque), NOW), "grant_not_bound", "JAG-10");
}
