//! Servers that the client was not built for, as clients of the Model Context Protocol meet them.

use std::sync::{Arc, Mutex};

use crate::client_auth::support::key;
use aims_keys::backend;
use aims_oauth::{
    ApplicationType, Challenges, ClientAuthMethod, ClientCredential, ClientError, ClientMetadata, Issuer,
    NewParameters, OtherServers, Parameters, PendingAuthorization, RedirectUri, Resource, SenderConstraint,
    TokenClient, TokenNeed,
};
use aims_testkit::{TestAuthorizationServerBuilder, assert_refused};

use super::support::*;
use crate::world::*;

const OTHER: &str = "https://as.other.example";
const MCP: &str = "https://tools.example/mcp";
const DOCUMENT: &str = "https://agents.acme.example/travel.json";
const LOOPBACK: &str = "http://127.0.0.1/callback";

fn server(issuer: &str, members: &str) -> String {
    format!(
        r#"{{"issuer":"{issuer}","authorization_endpoint":"{issuer}/authorize","token_endpoint":"{issuer}/token",
        "code_challenge_methods_supported":["S256"],"grant_types_supported":["authorization_code","refresh_token","client_credentials"],
        "token_endpoint_auth_methods_supported":["none"]{members}}}"#
    )
}

/// A tool that names these servers, and another server of these members.
fn between(world: &World, servers: &str, members: &str) -> Between {
    let between = Between::of(&world.server);
    let about =
        format!(r#"{{"resource":"{MCP}","authorization_servers":[{servers}],"scopes_supported":["a","b"]}}"#);
    between.page("https://tools.example/.well-known/oauth-protected-resource/mcp", &about);
    between.page(&format!("{OTHER}/.well-known/oauth-authorization-server"), &server(OTHER, members));
    between
}

fn resource() -> Resource {
    MCP.parse().unwrap()
}

fn redirect() -> RedirectUri {
    LOOPBACK.parse().unwrap()
}

fn metadata() -> ClientMetadata {
    ClientMetadata::builder(ClientAuthMethod::None)
        .redirect_uris([redirect()])
        .name("Travel")
        .build()
        .unwrap()
}

fn admitted() -> OtherServers {
    let is_other = |issuer: &Issuer| issuer.as_url().host().ends_with(".other.example");
    OtherServers::admitted_by(is_other, SenderConstraint::dangerous_bearer())
}

fn by_document() -> OtherServers {
    admitted().by_document(ClientCredential::none(DOCUMENT)).unwrap()
}

fn registering(others: OtherServers) -> OtherServers {
    others.by_registration(metadata(), |client| Ok(ClientCredential::none(client.client_id())))
}

fn client(world: &World, between: &Between, others: OtherServers) -> TokenClient {
    TokenClient::builder(between.clone(), world.clock.reader(), backend::ring())
        .server(issuer(), world.credential(), world.constraint())
        .other_servers(others)
        .build()
}

/// Who the client is there, and what it asks for.
async fn asked(tokens: &TokenClient) -> Result<(String, PendingAuthorization), ClientError> {
    let pending = tokens.begin(tokens.authorize(&resource(), None, &redirect()).await?).await?;
    let id = query_of(pending.url()).get("client_id").unwrap().unwrap().to_owned();
    Ok((id, pending))
}

const REGISTRATION: &str = r#","registration_endpoint":"https://as.other.example/register""#;
const DOCUMENTS: &str = r#","client_id_metadata_document_supported":true"#;
const BOTH: &str = r#","client_id_metadata_document_supported":true,"registration_endpoint":"https://as.other.example/register""#;

fn registered(id: &str) -> aims_credential::Posted {
    json(
        201,
        &format!(
            r#"{{"client_id":"{id}","redirect_uris":["{LOOPBACK}"],"token_endpoint_auth_method":"none"}}"#
        ),
    )
}

#[tokio::test]
async fn mcp_13_who_is_known_already_comes_first_then_documents_then_registration() {
    let world = World::with(TestAuthorizationServerBuilder::without_pushed_requests);
    let both = format!(r#""{OTHER}","{ISSUER}""#);
    let own = between(&world, &both, BOTH);
    let (id, _) = asked(&client(&world, &own, registering(by_document()))).await.unwrap();
    assert_eq!((id.as_str(), own.posted().len()), (CLIENT, 0));

    let other = format!(r#""https://evil.example","{OTHER}""#);
    for (members, others, expected) in [
        (BOTH, registering(by_document()), DOCUMENT),
        (DOCUMENTS, by_document(), DOCUMENT),
        (BOTH, registering(admitted()), "c-7"),
        (REGISTRATION, registering(by_document()), "c-7"),
    ] {
        let between = between(&world, &other, members);
        between.answers(Ok(registered("c-7")));
        let tokens = client(&world, &between, others);
        assert_eq!(asked(&tokens).await.unwrap().0, expected, "{members}");
        // Once.
        assert_eq!(asked(&tokens).await.unwrap().0, expected, "{members}");
        assert_eq!(between.posted().len(), usize::from(expected == "c-7"), "{members}");
    }
    // Else somebody has to be asked.
    for (members, others) in [
        (BOTH, admitted()),
        (REGISTRATION, by_document()),
        (DOCUMENTS, registering(admitted())),
        ("", registering(by_document())),
    ] {
        let between = between(&world, &other, members);
        assert_refused!(
            asked(&client(&world, &between, others)).await,
            "not_registered",
            "MCP-13",
            "{members}"
        );
        assert!(between.posted().is_empty());
    }
    let no_url = admitted().by_document(ClientCredential::none("travel"));
    assert_refused!(no_url, "not_registered", "MCP-13");
}

#[tokio::test]
async fn mcp_13_a_registration_says_what_kind_of_program_it_is_and_refusals_are_passed_on() {
    let world = World::new();
    let other = format!(r#""{OTHER}""#);
    let one = between(&world, &other, REGISTRATION);
    one.answers(Ok(registered("c-7")));
    let kept = Arc::new(Mutex::new(Vec::new()));
    let keep = Arc::clone(&kept);
    let others = admitted().by_registration(metadata(), move |client| {
        keep.lock().unwrap().push(client.client_id().to_owned());
        Ok(ClientCredential::none(client.client_id()))
    });
    asked(&client(&world, &one, others)).await.unwrap();
    let sent: serde_json::Value = serde_json::from_str(&one.posted()[0]).unwrap();
    assert_eq!((&sent["application_type"], &sent["redirect_uris"][0]), (&"native".into(), &LOOPBACK.into()));
    assert_eq!(*kept.lock().unwrap(), ["c-7"]);
    let at_server =
        ClientMetadata::builder(ClientAuthMethod::None).redirect_uris([REDIRECT.parse().unwrap()]);
    assert_eq!(at_server.build().unwrap().application_type(), ApplicationType::Web);

    for (answer, code) in [
        (json(400, r#"{"error":"invalid_redirect_uri"}"#), "refused"),
        (json(200, r#"{"client_id":"c-7"}"#), "http_status"),
        (json(201, r#"{"client_id":""}"#), "client_id"),
        (json(201, r#"{"client_id":"a","client_id":"b"}"#), "json_duplicate_name"),
        (json(201, &format!(r#"{{"client_id":"a"{}}}"#, " ".repeat(64 * 1024))), "metadata_too_long"),
        (aims_credential::Posted::new(201, Some("text/html"), b"{}".to_vec()), "media_type"),
        (json(503, ""), "http_status"),
    ] {
        let one = between(&world, &other, REGISTRATION);
        one.answers(Ok(answer));
        let tokens = client(&world, &one, registering(admitted()));
        assert_eq!(asked(&tokens).await.unwrap_err().code(), code);
        // Nobody asks again at once.
        assert_eq!(asked(&tokens).await.unwrap_err().code(), code);
        assert_eq!(one.posted().len(), 1);
    }
}

#[tokio::test]
async fn xd_19_mcp_13_no_server_is_used_that_the_host_does_not_admit() {
    let world = World::new();
    let evil = between(&world, r#""https://evil.example""#, BOTH);
    let tokens = client(&world, &evil, registering(by_document()));
    assert_refused!(asked(&tokens).await, "no_trusted_server", "XD-19");
    let need = TokenNeed::of(resource()).from("https://evil.example".parse().unwrap());
    let error = assert_refused!(tokens.token(&need).await, "unknown_server", "XD-19");
    assert_eq!(error.to_string(), "the client was not built for the server https://evil.example");
    // Without a word of the host, none.
    let other = between(&world, &format!(r#""{OTHER}""#), BOTH);
    assert_refused!(asked(&world.tokens(other.clone())).await, "no_trusted_server", "XD-19");
    let places = [other.fetched(), evil.fetched()].concat();
    assert!(places.iter().all(|url| url.starts_with("https://tools.example/")), "{places:?}");
    // The host may change its mind.
    let admits = Arc::new(std::sync::atomic::AtomicBool::new(true));
    let asks = Arc::clone(&admits);
    let others = OtherServers::admitted_by(
        move |_| asks.load(std::sync::atomic::Ordering::SeqCst),
        SenderConstraint::dangerous_bearer(),
    );
    let tokens = client(&world, &other, others.by_document(ClientCredential::none(DOCUMENT)).unwrap());
    asked(&tokens).await.unwrap();
    admits.store(false, std::sync::atomic::Ordering::SeqCst);
    assert_refused!(asked(&tokens).await, "unknown_server", "XD-19");
}

#[tokio::test]
async fn mcp_15_aims_34_a_resource_does_not_choose_who_sees_the_token_of_somebody_else() {
    let world = World::new();
    let other = between(&world, &format!(r#""{OTHER}""#), BOTH);
    let tokens = client(&world, &other, registering(by_document()));
    let token = "a.b.c".parse::<aims_oauth::AccessToken>().unwrap();
    let subject = aims_oauth::TypedToken::new(token.into(), aims_oauth::TokenTypeUrn::AccessToken);
    let need = TokenNeed::of(resource()).in_exchange_for(subject);
    assert_refused!(tokens.token(&need).await, "which_server", "MCP-15");
    assert!(other.posted().is_empty() && other.fetched().is_empty());
}

#[tokio::test]
async fn mcp_14_what_one_server_registered_no_other_is_shown() {
    let world = World::new();
    let second = "https://second.other.example";
    let one = between(&world, &format!(r#""{OTHER}""#), REGISTRATION);
    let members = format!(r#","registration_endpoint":"{second}/register""#);
    one.page(&format!("{second}/.well-known/oauth-authorization-server"), &server(second, &members));
    let about = format!(r#"{{"resource":"https://tools.example/two","authorization_servers":["{second}"]}}"#);
    one.page("https://tools.example/.well-known/oauth-protected-resource/two", &about);
    one.answers(Ok(registered("c-7")));
    one.answers(Ok(registered("c-8")));
    let tokens = client(&world, &one, registering(admitted()));
    let (first, pending) = asked(&tokens).await.unwrap();
    let two = "https://tools.example/two".parse().unwrap();
    let pending_two = tokens.begin(tokens.authorize(&two, None, &redirect()).await.unwrap()).await.unwrap();
    let id = query_of(pending_two.url()).get("client_id").unwrap().unwrap().to_owned();
    assert_eq!((first.as_str(), id.as_str()), ("c-7", "c-8"));
    assert!(pending.url().starts_with(OTHER) && pending_two.url().starts_with(second));
    // A document is the same everywhere.
    let three = between(&world, &format!(r#""{OTHER}""#), DOCUMENTS);
    assert_eq!(asked(&client(&world, &three, by_document())).await.unwrap().0, DOCUMENT);
    // A grant of one is of no use at another.
    one.answers(Ok(json(200, r#"{"access_token":"at-1","token_type":"Bearer","refresh_token":"rt-1"}"#)));
    let grant = tokens.redeem(pending, &back(&query_of(pending_two.url()), None)).await;
    assert_refused!(grant, "state_mismatch", "AUT-6");
}

fn back(query: &Parameters, iss: Option<&str>) -> Parameters {
    let mut form = NewParameters::new();
    form.add("code", "c-1").add_some("state", query.get("state").unwrap()).add_some("iss", iss);
    Parameters::parse(form.as_str().as_bytes()).unwrap()
}

#[tokio::test]
async fn mcp_11_the_four_rows_of_the_table_of_issuers() {
    let world = World::new();
    let advertised = r#","client_id_metadata_document_supported":true,"authorization_response_iss_parameter_supported":true"#;
    for (members, iss, outcome) in [
        (advertised, Some(OTHER), Ok(())),
        (advertised, Some("https://evil.example"), Err("issuer_mismatch")),
        (advertised, None, Err("issuer_missing")),
        (DOCUMENTS, Some(OTHER), Ok(())),
        (DOCUMENTS, Some("https://AS.other.example"), Err("issuer_mismatch")),
        (DOCUMENTS, Some("https://as.other.example/"), Err("issuer_mismatch")),
        (DOCUMENTS, None, Ok(())),
    ] {
        let between = between(&world, &format!(r#""{OTHER}""#), members);
        let tokens = client(&world, &between, by_document());
        let (_, pending) = asked(&tokens).await.unwrap();
        between.answers(Ok(json(200, r#"{"access_token":"at-1","token_type":"Bearer"}"#)));
        let query = back(&query_of(pending.url()), iss);
        let grant = tokens.redeem(pending, &query).await;
        assert_eq!(grant.map(|_| ()).map_err(|error| error.code()), outcome, "{members} {iss:?}");
        // The code of a confused answer was sent to nobody.
        assert_eq!(between.posted().len(), usize::from(outcome.is_ok()));
    }
}

#[tokio::test]
async fn mcp_9_mcp_10_mcp_12_a_user_is_asked_for_what_the_resource_says() {
    let world = World::new();
    let one = between(&world, &format!(r#""{OTHER}""#), DOCUMENTS);
    let tokens = client(&world, &one, by_document());
    let scope = async |challenge: Option<&str>| {
        let challenges = challenge.map(|line| Challenges::parse([line]).unwrap());
        let flow = tokens.authorize(&resource(), challenges.as_ref(), &redirect()).await.unwrap();
        let pending = tokens.begin(flow).await.unwrap();
        let query = query_of(pending.url());
        assert_eq!(query.get("resource").unwrap(), Some(MCP));
        assert_eq!(query.get("code_challenge_method").unwrap(), Some("S256"));
        query.get("scope").unwrap().map(ToOwned::to_owned)
    };
    // All that is supported, unless a challenge says what this needs; what other schemes want is no business of tokens.
    assert_eq!(scope(None).await.as_deref(), Some("a b"));
    assert_eq!(scope(Some(r#"Signature scope="z", Bearer realm="x""#)).await.as_deref(), Some("a b"));
    assert_eq!(scope(Some(r#"Bearer scope="a""#)).await.as_deref(), Some("a"));
    assert_eq!(scope(None).await.as_deref(), Some("a"));
    assert_eq!(scope(Some(r#"DPoP scope="c a""#)).await.as_deref(), Some("c a"));
    let odd = Challenges::parse(["Bearer scope=\"a  b\""]).unwrap();
    assert_refused!(tokens.discover(&resource(), Some(&odd)).await, "challenge", "CHA-2");
    // Where nobody says, none.
    let two = Between::of(&world.server);
    let about = format!(r#"{{"resource":"{MCP}","authorization_servers":["{OTHER}"]}}"#);
    two.page("https://tools.example/.well-known/oauth-protected-resource/mcp", &about);
    two.page(&format!("{OTHER}/.well-known/oauth-authorization-server"), &server(OTHER, DOCUMENTS));
    let (_, pending) = asked(&client(&world, &two, by_document())).await.unwrap();
    assert_eq!(query_of(pending.url()).get("scope").unwrap(), None);
    // Without PKCE, nobody is asked.
    let no_pkce = server(OTHER, DOCUMENTS).replace("code_challenge_methods_supported", "x");
    let page = Between::of(&world.server);
    page.page(&format!("{OTHER}/.well-known/oauth-authorization-server"), &no_pkce);
    page.page("https://tools.example/.well-known/oauth-protected-resource/mcp", &about);
    assert_refused!(asked(&client(&world, &page, by_document())).await, "no_pkce", "MCP-10");
}

#[tokio::test]
async fn mcp_12_the_agents_own_tokens_are_for_what_the_resource_says_where_that_is_wanted() {
    let world = World::with(|server| server.resource(MCP, "a b c"));
    let token_of = async |asks: bool, need: TokenNeed| {
        let between = between(&world, &format!(r#""{ISSUER}""#), "");
        let tokens = TokenClient::builder(between.clone(), world.clock.reader(), backend::ring()).server(
            issuer(),
            world.credential(),
            world.constraint(),
        );
        let tokens = if asks { tokens.ask_for_supported_scopes() } else { tokens }.build();
        tokens.token(&need).await.unwrap();
        let form = Parameters::parse(between.posted()[0].as_bytes()).unwrap();
        assert_eq!(form.get("resource").unwrap(), Some(MCP));
        form.get("scope").unwrap().map(ToOwned::to_owned)
    };
    let need = TokenNeed::of(resource());
    assert_eq!(token_of(true, need.clone()).await.as_deref(), Some("a b"));
    assert_eq!(token_of(true, need.clone().scope("c".parse().unwrap())).await.as_deref(), Some("c"));
    assert_eq!(token_of(false, need).await, None);
}

#[tokio::test]
async fn mcp_15_offline_access_is_asked_for_where_the_server_has_it_and_somebody_wants_it() {
    let world = World::new();
    let offline = format!(r#"{DOCUMENTS},"scopes_supported":["a","offline_access"]"#);
    for (members, lasts, expected) in [
        (offline.as_str(), true, "a b offline_access"),
        (offline.as_str(), false, "a b"),
        (DOCUMENTS, true, "a b"),
    ] {
        let between = between(&world, &format!(r#""{OTHER}""#), members);
        let tokens = client(&world, &between, by_document());
        let flow = tokens.authorize(&resource(), None, &redirect()).await.unwrap();
        let pending = tokens.begin(if lasts { flow.lasting() } else { flow }).await.unwrap();
        let query = query_of(pending.url());
        assert_eq!(query.get("scope").unwrap(), Some(expected));
        // No refresh token has to come.
        between.answers(Ok(json(200, r#"{"access_token":"at-1","token_type":"Bearer"}"#)));
        let grant = tokens.redeem(pending, &back(&query, None)).await.unwrap();
        assert!(!grant.can_be_refreshed());
    }
}

#[tokio::test]
async fn mcp_30_client_credentials_are_of_clients_that_somebody_registered() {
    let world = World::new();
    let one = between(&world, &format!(r#""{OTHER}""#), BOTH);
    let tokens = client(&world, &one, registering(by_document()));
    let refused = tokens.token(&TokenNeed::of(resource())).await;
    assert_refused!(refused, "unknown_server", "XD-19");
    assert!(one.posted().is_empty());
    // And sign with what the server says that it verifies.
    let algorithms = |list: &str| {
        format!(
            r#"{{"issuer":"{ISSUER}","token_endpoint":"{ISSUER}/token","grant_types_supported":["client_credentials"],
            "token_endpoint_auth_methods_supported":["private_key_jwt"],"token_endpoint_auth_signing_alg_values_supported":[{list}]}}"#
        )
    };
    for (list, is_taken) in
        [(r#""ES256""#, true), (r#""RS256","ES256""#, true), (r#""RS256""#, false), ("", false)]
    {
        let two = between(&world, &format!(r#""{ISSUER}""#), "");
        two.page("https://as.example/.well-known/oauth-authorization-server", &algorithms(list));
        two.answers(Ok(json(200, r#"{"access_token":"at-1","token_type":"DPoP"}"#)));
        let token = world.tokens(two.clone()).token(&TokenNeed::of(resource())).await;
        if is_taken {
            token.unwrap();
            let form = Parameters::parse(two.posted()[0].as_bytes()).unwrap();
            assert_eq!(form.get("resource").unwrap(), Some(MCP));
            assert_eq!(form.get("grant_type").unwrap(), Some("client_credentials"));
            assert!(form.get("client_assertion").unwrap().is_some());
        } else {
            assert_refused!(token, "method_not_supported", "MCP-30");
            assert!(two.posted().is_empty());
        }
    }
}

#[tokio::test]
async fn mcp_32_the_token_of_a_platform_is_tried_once_and_with_nothing_else() {
    let world = World::new();
    for error in ["invalid_grant", "invalid_scope", "unauthorized_client"] {
        let one = Between::of(&world.server);
        one.answers(Ok(json(400, &format!(r#"{{"error":"{error}"}}"#))));
        let tokens = world.tokens(one.clone());
        let claims = r#"{"iss":"https://platform.example","sub":"agent","aud":"https://as.example"}"#;
        let token = crate::client_auth::support::sign(r#"{"alg":"ES256"}"#, claims, &key());
        let platform = token.parse::<aims_oauth::SecurityToken>().unwrap();
        let request =
            aims_oauth::TokenRequest::new(aims_oauth::Grant::JwtBearer(platform)).resource(resource());
        let flow = tokens.client(&issuer()).await.unwrap().token(request).unwrap();
        assert_eq!(tokens.run(flow).await.unwrap_err().code(), "refused", "{error}");
        let posted = one.posted();
        assert_eq!(posted.len(), 1);
        let form = Parameters::parse(posted[0].as_bytes()).unwrap();
        assert_eq!(form.get("assertion").unwrap(), Some(&*token));
        assert_eq!(form.get("resource").unwrap(), Some(MCP));
    }
}
