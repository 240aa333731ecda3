//! Which server a resource believes, and whether the client does.

use aims_oauth::{Challenges, TokenNeed};
use aims_testkit::assert_refused;

use super::super::support::*;
use super::need;
use crate::world::*;

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
    assert_refused!(world.tokens(between.clone()).token(&unknown).await, "unknown_server", "XD-19");
    assert!(between.fetched().is_empty());
}
