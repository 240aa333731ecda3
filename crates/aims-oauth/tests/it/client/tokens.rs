//! The client that keeps tokens.

use std::sync::Arc;
use std::time::Duration;

use aims_credential::{FetchError, Mark, MarkKey, MarkTable};
use aims_keys::{SealingKey, backend};
use aims_oauth::{
    Challenges, ClientError, HeldToken, SecurityToken, TokenClient, TokenNeed, TokenTypeUrn, TypedToken,
    UserGrant,
};
use aims_testkit::{TestAuthorizationServer, assert_refused};

use super::support::*;
use crate::client_auth::support::key;
use crate::world::*;

fn need() -> TokenNeed {
    TokenNeed::of(tool()).from(issuer()).scope("trips:read".parse().unwrap())
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn same(one: &HeldToken, other: &HeldToken) -> bool {
    one.fingerprint() == other.fingerprint()
}

#[tokio::test]
async fn a_token_is_kept_for_what_it_serves_for_and_nothing_else() {
    let world = World::with(|server| server.resource("https://other.example", "x").require_nonces());
    let between = Between::of(&world.server);
    let tokens = world.tokens(between.clone());
    let first = tokens.token(&need()).await.unwrap();
    // A nonce was wanted, once.
    assert_eq!(between.posted().len(), 2);
    assert_eq!(between.fetched(), ["https://as.example/.well-known/oauth-authorization-server"]);
    assert!(same(&first, &tokens.token(&need()).await.unwrap()));
    // The order of a scope says nothing.
    let both = need().scope("trips:read trips:book".parse().unwrap());
    let turned = need().scope("trips:book trips:read".parse().unwrap());
    let wider = tokens.token(&both).await.unwrap();
    assert!(same(&wider, &tokens.token(&turned).await.unwrap()));
    assert_eq!(between.posted().len(), 1);
    for other in [
        need().scope("trips:book".parse().unwrap()),
        TokenNeed::of(tool()).from(issuer()),
        TokenNeed::of("https://other.example".parse().unwrap()).from(issuer()),
    ] {
        let token = tokens.token(&other).await.unwrap();
        assert!(!same(&token, &first) && !same(&token, &wider));
        assert_eq!(between.posted().len(), 1);
    }
}

#[tokio::test]
async fn a_token_is_asked_for_again_before_it_ends_and_kept_when_that_fails() {
    let world = World::new();
    let between = Between::of(&world.server);
    let tokens = world.tokens(between.clone());
    let first = tokens.token(&need()).await.unwrap();
    world.clock.advance(secs(239));
    assert!(same(&first, &tokens.token(&need()).await.unwrap()));
    // In the last minute another is asked for: while that fails, the first serves, and nobody asks at once again.
    world.clock.advance(secs(1));
    between.posted();
    between.answers(Err(FetchError::Unreachable));
    assert!(same(&first, &tokens.token(&need()).await.unwrap()));
    assert!(same(&first, &tokens.token(&need()).await.unwrap()));
    assert_eq!(between.posted().len(), 1);
    world.clock.advance(secs(2));
    let second = tokens.token(&need()).await.unwrap();
    assert!(!same(&first, &second));
    // What has ended serves for nothing.
    world.clock.advance(secs(299));
    between.answers(Err(FetchError::Unreachable));
    assert_refused!(tokens.token(&need()).await, "unreachable", "FED-14");
    // The failure is remembered for a while, and not longer.
    between.posted();
    assert_refused!(tokens.token(&need()).await, "unreachable", "FED-14");
    assert!(between.posted().is_empty());
    world.clock.advance(secs(60));
    tokens.token(&need()).await.unwrap();
}

#[tokio::test]
async fn one_request_asks_while_others_wait() {
    let world = World::new();
    let between = Between::of(&world.server).slow();
    let tokens = world.tokens(between.clone());
    let all: Vec<_> = (0..8)
        .map(|_| {
            let tokens = tokens.clone();
            tokio::spawn(async move { tokens.token(&need()).await })
        })
        .collect();
    let mut got = Vec::new();
    for one in all {
        got.push(one.await.unwrap().unwrap());
    }
    assert_eq!(between.posted().len(), 1);
    assert!(got.iter().all(|token| same(token, &got[0])));
}

#[tokio::test]
async fn who_hangs_up_while_asking_leaves_it_to_the_next() {
    let world = World::new();
    let between = Between::of(&world.server).slow();
    let tokens = world.tokens(between.clone());
    tokens.client(&issuer()).await.unwrap();
    {
        let need = need();
        let asking = tokens.token(&need);
        tokio::pin!(asking);
        let first = futures_poll(asking.as_mut());
        assert!(first.is_pending());
        assert_eq!(between.posted().len(), 1);
    }
    tokens.token(&need()).await.unwrap();
    assert_eq!(between.posted().len(), 1);
}

fn futures_poll<F: Future>(future: std::pin::Pin<&mut F>) -> std::task::Poll<F::Output> {
    future.poll(&mut std::task::Context::from_waker(std::task::Waker::noop()))
}

#[tokio::test]
async fn azr_10_what_was_cut_off_is_not_used_though_it_is_kept() {
    let world = World::new();
    let marks = Arc::new(MarkTable::with_capacity(10));
    let tokens = TokenClient::builder(Between::of(&world.server), world.clock.reader(), backend::ring())
        .server(issuer(), world.credential(), world.constraint())
        .marks(Arc::clone(&marks))
        .build();
    let first = tokens.token(&need()).await.unwrap();
    let client = MarkKey::Client { issuer: ISSUER, client: CLIENT };
    // All before now: what is issued later counts.
    marks.add(&client, Mark::not_before(NOW)).unwrap();
    world.clock.advance(secs(1));
    let second = tokens.token(&need()).await.unwrap();
    assert!(!same(&first, &second) && !first.is_live(world.clock.now()));
    marks.add(&client, Mark::dead()).unwrap();
    assert_refused!(tokens.token(&need()).await, "revoked", "AIMS-55");

    // A resource server says so.
    marks.clear(&client);
    world.clock.advance(secs(60));
    let third = tokens.token(&need()).await.unwrap();
    tokens.forget(&third);
    assert!(!same(&third, &tokens.token(&need()).await.unwrap()));
    let fourth = tokens.token(&need()).await.unwrap();
    tokens.forget_issuer(&issuer());
    let fifth = tokens.token(&need()).await.unwrap();
    tokens.forget_all();
    let sixth = tokens.token(&need()).await.unwrap();
    assert!(!same(&fourth, &fifth) && !same(&fifth, &sixth));
}

#[tokio::test]
async fn azr_10_marks_of_a_user_stop_what_came_by_the_grant() {
    let world = World::new();
    let marks = Arc::new(MarkTable::with_capacity(10));
    let tokens = TokenClient::builder(Between::of(&world.server), world.clock.reader(), backend::ring())
        .server(issuer(), world.credential(), world.constraint())
        .marks(Arc::clone(&marks))
        .build();
    let grant = granted(&world, &tokens).await;
    grant.set_subject(USER);
    let of_user = TokenNeed::of(tool()).by(&grant);
    tokens.token(&of_user).await.unwrap();
    marks.add(&MarkKey::Subject { issuer: ISSUER, subject: USER }, Mark::dead()).unwrap();
    assert_refused!(tokens.token(&of_user).await, "revoked", "AIMS-55");
    // The agent's own right is another.
    tokens.token(&need()).await.unwrap();
}

#[tokio::test]
async fn aims_30_rft_1_tokens_come_by_the_grant_of_a_user_and_its_refresh_token_is_used_once_at_a_time() {
    let world = World::new();
    let between = Between::of(&world.server).slow();
    let tokens = world.tokens(between.clone());
    let grant = granted(&world, &tokens).await;
    between.posted();
    // The token that came with it serves at first.
    let of_user = TokenNeed::of(tool()).by(&grant);
    let first = tokens.token(&of_user).await.unwrap();
    assert!(same(&first, &grant.first_token().unwrap()) && between.posted().is_empty());
    assert_eq!(world.verify(&first).subject(), USER);

    // Two that need different tokens at once: a server that rotates would end the grant, if both sent the same refresh token.
    world.clock.advance(secs(300));
    let read = of_user.clone().scope("trips:read".parse().unwrap());
    let book = of_user.clone().scope("trips:book".parse().unwrap());
    let (one, other) = tokio::join!(tokens.token(&read), tokens.token(&book));
    let (one, other) = (one.unwrap(), other.unwrap());
    assert_eq!(one.scope().unwrap().as_str(), "trips:read");
    assert_eq!(other.scope().unwrap().as_str(), "trips:book");
    assert_eq!(between.posted().len(), 2);
    // More than was granted is not given.
    let pay = of_user.clone().scope("trips:pay".parse().unwrap());
    assert_eq!(tokens.token(&pay).await.unwrap_err().code(), "refused");
}

#[tokio::test]
async fn rft_1_a_grant_that_ended_is_not_tried_again() {
    let world = World::new();
    let between = Between::of(&world.server);
    let tokens = world.tokens(between.clone());
    let grant = granted(&world, &tokens).await;
    let key = SealingKey::generate(backend::ring()).unwrap();
    let sealed = grant.seal(&key).unwrap();
    world.clock.advance(secs(300));
    tokens.token(&TokenNeed::of(tool()).by(&grant)).await.unwrap();
    // Somebody has a copy of what was used meanwhile: the server ends all of it.
    let copy = UserGrant::open(&sealed, &key).unwrap();
    assert_eq!((copy.issuer(), copy.can_be_refreshed()), (&issuer(), true));
    let elsewhere = world.tokens(between.clone());
    let refused = elsewhere.token(&TokenNeed::of(tool()).by(&copy)).await.unwrap_err();
    assert_eq!(refused.code(), "refused");
    world.clock.advance(secs(300));
    let refused = tokens.token(&TokenNeed::of(tool()).by(&grant)).await.unwrap_err();
    assert_eq!(refused.code(), "refused");
    between.posted();
    world.clock.advance(secs(300));
    assert_refused!(tokens.token(&TokenNeed::of(tool()).by(&grant)).await, "user_needed", "AZR-2");
    assert!(between.posted().is_empty());
    assert_refused!(grant.seal(&key), "user_needed", "AZR-2");
}

#[tokio::test]
async fn rft_2_mcp_14_a_grant_is_its_clients_and_its_servers() {
    let world = World::new();
    let tokens = world.tokens(Between::of(&world.server));
    let grant = granted(&world, &tokens).await;
    let other = World::new();
    let elsewhere: aims_oauth::Issuer = "https://other.example".parse().unwrap();
    let refused = other
        .tokens(Between::of(&other.server))
        .token(&TokenNeed::of(tool()).by(&grant).from(elsewhere))
        .await;
    assert_refused!(refused, "no_trusted_server", "XD-19");
    tokens.forget_grant(&grant);
    assert_refused!(tokens.token(&TokenNeed::of(tool()).by(&grant)).await, "user_needed", "AZR-2");
}

#[tokio::test]
async fn prm_2_xd_19_mcp_7_the_server_of_a_resource_is_found_where_it_is_trusted() {
    let world = World::new();
    let between = Between::of(&world.server);
    let metadata = |resource: &str, servers: &str| {
        format!(r#"{{"resource":"{resource}","authorization_servers":[{servers}]}}"#)
    };
    let place = "https://tools.example/.well-known/oauth-protected-resource/v1";
    between.page(place, &metadata(TOOL, r#""https://evil.example","https://as.example""#));
    let tokens = world.tokens(between.clone());
    let token = tokens.token(&TokenNeed::of(tool()).scope("trips:read".parse().unwrap())).await.unwrap();
    assert_eq!(token.issuer(), &issuer());
    let fetched = between.fetched();
    assert_eq!(fetched, [place, "https://as.example/.well-known/oauth-authorization-server"]);

    // Where a challenge says, too; and what another resource says of itself counts for nothing.
    let named = "https://docs.example/metadata";
    let challenge = format!(r#"DPoP resource_metadata="{named}""#);
    let challenges = Challenges::parse([challenge]).unwrap();
    let judge = async |body: String| {
        let between = Between::of(&world.server);
        between.page(named, &body);
        let found = world.tokens(between.clone()).discover(&tool(), Some(&challenges)).await;
        assert_eq!(between.fetched(), [named]);
        found
    };
    let found = judge(metadata(TOOL, r#""https://as.example""#)).await.unwrap();
    assert_eq!((found.issuer(), found.resource()), (&issuer(), &tool()));
    let other = judge(metadata("https://tools.example", r#""https://as.example""#)).await;
    assert_refused!(other, "resource_mismatch", "PRM-2");
    let stranger = judge(metadata(TOOL, r#""https://evil.example""#)).await;
    assert_refused!(stranger, "no_trusted_server", "XD-19");
    assert_refused!(judge(metadata(TOOL, "")).await, "no_trusted_server", "XD-19");
    let http = Challenges::parse([r#"DPoP resource_metadata="http://tools.example/m""#]).unwrap();
    let refused = world.tokens(Between::of(&world.server)).discover(&tool(), Some(&http)).await;
    assert_refused!(refused, "challenge", "CHA-2");
}

#[tokio::test]
async fn mcp_5_mcp_15_no_resource_has_a_client_ask_for_offline_access() {
    let world = World::new();
    let named = "https://docs.example/metadata";
    let asked = async |supported: &str, challenged: &str| {
        let between = Between::of(&world.server);
        between.page(
            named,
            &format!(r#"{{"resource":"{TOOL}","authorization_servers":["https://as.example"]{supported}}}"#),
        );
        let challenges =
            Challenges::parse([format!(r#"DPoP resource_metadata="{named}"{challenged}"#)]).unwrap();
        let found = world.tokens(between).discover(&tool(), Some(&challenges)).await.unwrap();
        found.scope().map(ToString::to_string)
    };
    let supported = r#","scopes_supported":["trips:read","offline_access"]"#;
    assert_eq!(asked(supported, "").await.as_deref(), Some("trips:read"));
    assert_eq!(
        asked(supported, r#", scope="offline_access trips:book""#).await.as_deref(),
        Some("trips:book")
    );
    assert_eq!(asked(r#","scopes_supported":["offline_access"]"#, "").await, None);
    assert_eq!(asked("", r#", scope="offline_access""#).await, None);
}

#[tokio::test]
async fn met_2_sec_17_a_server_that_says_it_is_another_is_told_nothing() {
    let world = World::new();
    for (body, code, rule) in [
        (
            r#"{"issuer":"https://evil.example","token_endpoint":"https://evil.example/token"}"#,
            "issuer_mismatch",
            "MET-2",
        ),
        (r#"{"token_endpoint":"https://evil.example/token"}"#, "no_issuer", "MET-2"),
        (
            r#"{"issuer":"https://as.example","token_endpoint":"http://as.example/token"}"#,
            "metadata_url",
            "MET-4",
        ),
        (
            r#"{"issuer":"https://as.example","issuer":"https://as.example"}"#,
            "json_duplicate_name",
            "JO-JSON-02",
        ),
    ] {
        let between = Between::of(&world.server);
        between.page("https://as.example/.well-known/oauth-authorization-server", body);
        assert_refused!(world.tokens(between.clone()).token(&need()).await, code, rule);
        assert!(between.posted().is_empty());
    }
    let unknown = TokenNeed::of(tool()).from("https://evil.example".parse().unwrap());
    let between = Between::of(&world.server);
    assert_refused!(world.tokens(between.clone()).token(&unknown).await, "no_trusted_server", "XD-19");
    assert!(between.fetched().is_empty());
}

/// A server of another domain, which takes grants of the first.
fn other_domain(world: &World, key: &aims_keys::SoftwareKey) -> TestAuthorizationServer {
    TestAuthorizationServer::builder("https://as.bank.example", world.clock.reader())
        .client(CLIENT, key, &[])
        .resource("https://pay.bank.example", "trips:read trips:book")
        .trust(world.server.trusted(), &[aims_oauth::GrantProfile::Chaining, aims_oauth::GrantProfile::IdJag])
        .build()
}

/// Two servers behind one client.
#[derive(Clone, Debug)]
struct Both(TestAuthorizationServer, TestAuthorizationServer);

impl Both {
    fn of(&self, url: &aims_credential::HttpsUrl) -> &TestAuthorizationServer {
        let is_first = url.authority() == self.0.issuer().as_url().authority();
        if is_first { &self.0 } else { &self.1 }
    }
}

impl aims_credential::Fetch for Both {
    fn fetch<'a>(
        &'a self,
        request: aims_credential::FetchRequest<'a>,
    ) -> aims_keys::BoxFuture<'a, Result<aims_credential::Fetched, FetchError>> {
        self.of(request.url()).fetch(request)
    }
}

impl aims_credential::Post for Both {
    fn post<'a>(
        &'a self,
        request: aims_credential::PostRequest<'a>,
    ) -> aims_keys::BoxFuture<'a, Result<aims_credential::Posted, FetchError>> {
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
                aims_oauth::ClientCredential::key(
                    aims_oauth::ClientKey::new(CLIENT, Arc::new(agent), None).unwrap(),
                ),
                world.constraint(),
            )
            .build();
    let grant = granted(&world, &tokens).await;
    let own = grant.first_token().unwrap();
    let subject = TypedToken::new(own.token().clone().into(), TokenTypeUrn::AccessToken);
    let pay: aims_oauth::Resource = "https://pay.bank.example".parse().unwrap();
    let need = TokenNeed::of(pay.clone()).from(bank.issuer().clone()).scope("trips:book".parse().unwrap());
    for need in [
        need.clone().across_from(issuer(), subject.clone()),
        need.clone().by_identity_assertion(issuer(), subject.clone()),
    ] {
        let token = tokens.token(&need).await.unwrap();
        let reader =
            aims_oauth::AccessTokenVerifier::builder(pay.clone(), bank.trusted(), backend::ring()).build();
        let verified = reader.verify(token.token(), world.clock.now()).unwrap();
        assert_eq!((&*verified.subject(), verified.scope().as_str()), (USER, "trips:book"));
        // It is kept, as any other.
        assert!(same(&token, &tokens.token(&need).await.unwrap()));
    }
    // More than the token has that speaks for the user.
    let more = need.clone().scope("trips:pay".parse().unwrap()).across_from(issuer(), subject);
    assert_eq!(tokens.token(&more).await.unwrap_err().code(), "refused");
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
    let user = TypedToken::new(
        SecurityToken::from("a.b.c".parse::<aims_oauth::IdToken>().unwrap()),
        TokenTypeUrn::IdToken,
    );
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
    let asked = aims_oauth::Parameters::parse(posted[0].as_bytes()).unwrap();
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
    let exchange = aims_oauth::TokenExchange::of(TypedToken::new(
        SecurityToken::from("a.b.c".parse::<aims_oauth::IdToken>().unwrap()),
        TokenTypeUrn::IdToken,
    ))
    .requesting(TokenTypeUrn::IdJag);
    let request = aims_oauth::TokenRequest::new(aims_oauth::Grant::TokenExchange(exchange));
    assert!(tokens.exchange(&issuer(), request).await.is_err());
}

#[tokio::test]
async fn jag_10_a_grant_that_is_not_bound_is_found_out() {
    let world = World::new();
    let client = world.client();
    let subject = TypedToken::new("a-token".parse().unwrap(), TokenTypeUrn::IdToken);
    let exchange =
        aims_oauth::TokenExchange::of(subject).requesting(TokenTypeUrn::IdJag).audience("https://b.example");
    let request = || aims_oauth::TokenRequest::new(aims_oauth::Grant::TokenExchange(exchange.clone()));
    let other = prover().thumbprint();
    let own = world.prover.thumbprint();
    for (claims, is_bound) in [
        (r#"{"sub":"user-1"}"#.to_owned(), false),
        (format!(r#"{{"sub":"user-1","cnf":{{"jkt":"{other}"}}}}"#), false),
        (format!(r#"{{"sub":"user-1","cnf":{{"jkt":"{own}"}}}}"#), true),
    ] {
        let header = r#"{"alg":"ES256","typ":"oauth-id-jag+jwt"}"#;
        let grant = crate::client_auth::support::sign(header, &claims, &key());
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

#[tokio::test]
async fn aims_34_exc_9_a_tool_exchanges_what_was_sent_to_it() {
    let tool_key = Arc::new(key());
    let world = World::with(|server| {
        server.client("tool", &*tool_key, &[]).serves(TOOL).resource("https://inner.example", "trips:read")
    });
    let agent = world.tokens(Between::of(&world.server));
    let grant = granted(&world, &agent).await;
    let inbound = grant.first_token().unwrap();
    let subject: SecurityToken = inbound.token().clone().into();
    let tool_tokens = |client_id: &str, key: Arc<aims_keys::SoftwareKey>| {
        let credential = aims_oauth::ClientKey::new(client_id, key, None).unwrap();
        let constraint = aims_oauth::SenderConstraint::dpop(prover());
        TokenClient::builder(Between::of(&world.server), world.clock.reader(), backend::ring())
            .server(issuer(), aims_oauth::ClientCredential::key(credential), constraint)
            .build()
    };
    let inner: aims_oauth::Resource = "https://inner.example".parse().unwrap();
    let need = TokenNeed::of(inner.clone())
        .from(issuer())
        .scope("trips:read".parse().unwrap())
        .in_exchange_for(TypedToken::new(subject, TokenTypeUrn::AccessToken));
    let token = tool_tokens("tool", tool_key.clone()).token(&need).await.unwrap();
    let reader =
        aims_oauth::AccessTokenVerifier::builder(inner, world.server.trusted(), backend::ring()).build();
    let verified = reader.verify(token.token(), NOW).unwrap();
    assert_eq!((&*verified.subject(), &*verified.client_id()), (USER, "tool"));
    assert_eq!(verified.actors().current().unwrap().subject(), "tool");
    // The same by what a resource server made of the request: the handler sees no token.
    let resource = aims_oauth::AccessTokenVerifier::builder(tool(), world.server.trusted(), backend::ring());
    let dpop = aims_oauth::DpopVerifier::builder(aims_proof::ReplayMemory::with_capacity(9), backend::ring());
    let resource = aims_oauth::ResourceServer::new(resource.build(), aims_oauth::BindingPolicy::bound());
    let resource = resource.with_dpop(dpop.build());
    let fields = inbound.fields("POST", &https(TOOL), None, NOW).await.unwrap();
    let presented = aims_oauth::PresentedToken::read([&**fields[0].1]).unwrap().unwrap();
    let checked = resource.verify(&presented, NOW).unwrap();
    let proof =
        resource.verify_dpop(&presented, &checked, [&**fields[1].1], "POST", &TOOL.parse().unwrap(), NOW);
    let proof = proof.unwrap().unwrap();
    let caller = resource.authorize(&presented, &checked, aims_oauth::Possession::Dpop(&proof)).unwrap();
    assert!(!format!("{caller:?}").contains(inbound.token().expose()));
    let handled = TokenNeed::of("https://inner.example".parse().unwrap()).on_behalf_of(&caller);
    let handled = handled.scope("trips:read".parse().unwrap());
    let again = tool_tokens("tool", tool_key.clone()).token(&handled).await.unwrap();
    assert_eq!(again.issuer(), &issuer());
    // Another client that has the token, and not its key, gets nothing for it.
    let thief = Arc::new(key());
    let world_of_thief = tool_tokens("tool", thief);
    assert_eq!(world_of_thief.token(&need).await.unwrap_err().code(), "refused");
}

#[test]
fn aims_19_what_is_kept_is_not_shown() {
    let world = World::new();
    let shown = format!("{:?} {:?}", world.tokens(Between::of(&world.server)), need());
    assert!(shown.contains("as.example"), "{shown}");
    assert_eq!(ClientError::UserNeeded.rule(), "AZR-2");
}

#[tokio::test]
async fn aims_24_aims_46_act_3_what_is_asked_for_is_what_is_needed_and_no_more() {
    let world = World::new();
    let between = Between::of(&world.server);
    let tokens = world.tokens(between.clone());
    let details = aims_oauth::AuthorizationDetails::parse(r#"[{"type":"trip","actions":["book"]}]"#).unwrap();
    let token = tokens.token(&need().details(details.clone())).await.unwrap();
    let form = between.posted().remove(0);
    let form = aims_oauth::Parameters::parse(form.as_bytes()).unwrap();
    let mut names: Vec<_> = form.names().collect();
    names.sort_unstable();
    let asked = [
        "authorization_details",
        "client_assertion",
        "client_assertion_type",
        "client_id",
        "grant_type",
        "resource",
        "scope",
    ];
    assert_eq!(names, asked);
    assert_eq!(form.get("scope").unwrap(), Some("trips:read"));
    assert_eq!(form.get("resource").unwrap(), Some(TOOL));
    // The token is for that resource, and for less than the resource has.
    let verified = world.verify(&token);
    assert_eq!((verified.resource(), verified.scope().as_str()), (&tool(), "trips:read"));
    assert_eq!(verified.details(), Some(&details));
    let other = aims_oauth::AccessTokenVerifier::builder(
        "https://other.example".parse().unwrap(),
        world.server.trusted(),
        backend::ring(),
    );
    assert_refused!(other.build().verify(token.token(), NOW), "audience_mismatch", "ACT-4");
}

#[cfg(feature = "mtls")]
#[tokio::test]
async fn mtl_4_a_token_that_is_bound_to_a_certificate_is_not_used_with_the_next_one() {
    let world = World::new();
    let certificates = aims_testkit::TestCertificates::new("spiffe://acme.example", NOW);
    let current = aims_credential::CurrentCredential::new(certificates.holder("/agents/travel", NOW));
    let between = Between::of(&world.server);
    let tokens = TokenClient::builder(between.clone(), world.clock.reader(), backend::ring())
        .server(issuer(), world.credential(), aims_oauth::SenderConstraint::certificate(current.clone()))
        .build();
    let body = |token: &str| {
        json(200, &format!(r#"{{"access_token":"{token}","token_type":"Bearer","expires_in":300}}"#))
    };
    between.answers(Ok(body("a")));
    let first = tokens.token(&need()).await.unwrap();
    assert!(matches!(first.binding(), aims_oauth::HeldBinding::Certificate(_)));
    assert!(same(&first, &tokens.token(&need()).await.unwrap()));
    current.replace(certificates.holder("/agents/travel", NOW)).unwrap();
    between.answers(Ok(body("b")));
    let second = tokens.token(&need()).await.unwrap();
    assert!(!same(&first, &second) && first.binding() != second.binding());
}
