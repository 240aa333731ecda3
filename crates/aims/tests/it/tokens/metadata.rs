//! What a guard says of itself to anybody.

use aims::oauth::{
    AccessTokenVerifier, BindingPolicy, DpopVerifier, Resource, ResourceMetadata, ResourceServer, Shown,
};
use aims::proof::ReplayMemory;
use aims::{Accept, Audiences, BundleSet, Callers, Guard, GuardBuilder, GuardError, RecordMemory, backend};
use aims_testkit::assert_refused;
use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt;
use tower::ServiceExt;

use super::world::*;

const PLACE: &str = "/.well-known/oauth-protected-resource";

fn dpop() -> DpopVerifier {
    DpopVerifier::builder(ReplayMemory::with_capacity(100), backend::ring()).build()
}

fn ask(method: Method, uri: &str) -> Request<Body> {
    Request::builder().method(method).uri(uri).body(Body::empty()).unwrap()
}

#[tokio::test]
async fn prm_1_cha_1_aims_50_a_guard_says_what_it_takes() {
    let world = Setup::new()
        .resource(|tokens| {
            let about = ResourceMetadata::builder(tool()).scopes("trips:book".parse().unwrap()).name("Trips");
            let tokens = tokens.also_known_as("https://tools.example/mcp?v=1".parse().unwrap());
            ResourceServer::new(tokens.build(), BindingPolicy::bound())
                .with_dpop(dpop())
                .with_metadata(about.build().unwrap())
        })
        .build();
    let (status, headers, body) = world.call(ask(Method::GET, PLACE)).await;
    assert_eq!((status, headers["content-type"].to_str().unwrap()), (StatusCode::OK, "application/json"));
    assert_eq!(headers["cache-control"], "public, max-age=300");
    assert_eq!(headers["x-content-type-options"], "nosniff");
    let metadata = ResourceMetadata::parse(body.as_bytes(), &tool()).unwrap();
    assert_eq!(metadata.authorization_servers(), [issuer()]);
    assert_eq!((metadata.scopes().unwrap().as_str(), metadata.name()), ("trips:book", Some("Trips")));
    assert!(metadata.dpop_algorithms().is_some() && !metadata.requires_dpop());
    assert!(!metadata.binds_to_certificates(), "no connection says who calls here");

    // HEAD is the same without the document; nothing else is an answer.
    let (status, head, none) = world.call(ask(Method::HEAD, PLACE)).await;
    assert_eq!((status, none.as_str()), (StatusCode::OK, ""));
    assert_eq!(head["content-length"].to_str().unwrap(), body.len().to_string());
    assert_eq!(head["content-type"], "application/json");
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS] {
        let (status, headers, _) = world.call(ask(method, PLACE)).await;
        assert_eq!(
            (status, &headers["allow"]),
            (StatusCode::METHOD_NOT_ALLOWED, &"GET, HEAD".parse().unwrap())
        );
    }
    // Under each of its names, each in its own place (PRM-2); and nowhere else.
    let other: Resource = "https://tools.example/mcp?v=1".parse().unwrap();
    let (_, _, body) = world.call(ask(Method::GET, &format!("{PLACE}/mcp?v=1"))).await;
    assert_eq!(ResourceMetadata::parse(body.as_bytes(), &other).unwrap().name(), Some("Trips"));
    for wrong in ["/mcp", "/", "?v=1", "/mcp?v=2", "/%6dcp?v=1", "x"] {
        let (status, headers, _) = world.call(ask(Method::GET, &format!("{PLACE}{wrong}"))).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{wrong}");
        let wanted = headers["www-authenticate"].to_str().unwrap();
        assert_eq!(wanted, format!("Bearer resource_metadata=\"https://tools.example{PLACE}\""));
    }
    // Without the layer.
    let (head, ()) = Request::get(PLACE).body(()).unwrap().into_parts();
    assert_eq!(world.guard.resource_metadata(&head).unwrap().status(), StatusCode::OK);
    let (head, ()) = Request::get("/v1/book").body(()).unwrap().into_parts();
    assert!(world.guard.resource_metadata(&head).is_none());
}

#[tokio::test]
async fn cha_1_dpo_9_whoever_is_not_known_learns_where_to_ask() {
    let world = Setup::new()
        .resource(|tokens| ResourceServer::new(tokens.build(), BindingPolicy::bound()).with_dpop(dpop()))
        .build();
    let place = format!("resource_metadata=\"https://tools.example{PLACE}\"");
    let algorithms = "algs=\"";
    let plain = |authorization: Option<&str>| {
        let mut request = ask(Method::POST, "/v1/book");
        if let Some(authorization) = authorization {
            request.headers_mut().insert("authorization", authorization.parse().unwrap());
        }
        request
    };
    let wanted = world.assert_refused(plain(None), 401, "no_token", "no_token", "CHA-1").await;
    assert_eq!(wanted[0], format!("Bearer {place}"));
    assert!(wanted[1].starts_with(&format!("DPoP {place}, {algorithms}")), "{wanted:?}");
    // A token, and nothing that shows whose it is.
    let token = world.issue(&for_user(&world.travel()));
    let bearer = plain(Some(&format!("Bearer {token}")));
    let wanted = world.assert_refused(bearer, 401, "invalid_token", "binding_not_shown", "SEC-4").await;
    assert_eq!(wanted[0], format!("Bearer error=\"invalid_token\", {place}"));
    let basic = plain(Some("Basic a"));
    world.assert_refused(basic, 400, "invalid_request", "unknown_scheme", "MCP-2").await;
    // Alone, DPoP is not enough, unless that was asked for.
    let alone = plain(Some(&format!("DPoP {token}")));
    world.assert_refused(alone, 400, "proof_not_accepted", "proof_not_accepted", "CRD-14").await;
    // What has the place of a token, and is none.
    let mut proof = plain(None);
    proof.headers_mut().insert("workload-identity-token", "not.a.token".parse().unwrap());
    proof.headers_mut().insert("authorization", "WPT not.a.token".parse().unwrap());
    world.assert_refused(proof, 400, "proof_not_accepted", "proof_not_accepted", "CRD-14").await;
}

#[tokio::test]
async fn prm_1_metadata_stand_in_front_of_every_router() {
    let world = World::new();
    let routes = |path: &str, guard: &Guard| Router::new().route(path, get(|| async {})).layer(guard.layer());
    let open = Router::new().route("/health", get(|| async { "up" }));
    let signed = world.guard.accepting(Accept::signature()).unwrap();
    // The last one's fallback is that of all of them.
    let app = open.merge(routes("/v1/read", &world.guard)).merge(routes("/v1/book", &signed));
    let answer = async |path: &str| {
        let response = app.clone().oneshot(ask(Method::GET, path)).await.unwrap();
        let status = response.status();
        (status, response.into_body().collect().await.unwrap().to_bytes())
    };
    let (status, body) = answer(PLACE).await;
    assert_eq!(status, StatusCode::OK);
    ResourceMetadata::parse(&body, &tool()).unwrap();
    assert_eq!(answer("/health").await.0, StatusCode::OK);
    assert_eq!(answer("/v1/book").await.0, StatusCode::UNAUTHORIZED);
}

#[cfg(feature = "mtls")]
#[tokio::test]
async fn mtl_3_a_guard_speaks_of_certificates_where_a_connection_says_who_calls() {
    let accept_connections: fn(GuardBuilder) -> GuardBuilder = GuardBuilder::accept_connections;
    let by_dpop = [Shown::Dpop, Shown::Signature];
    for (policy, configure, says) in [
        (BindingPolicy::bound(), accept_connections, true),
        (BindingPolicy::bound(), |guard| guard.accept(Accept::connection().or(Accept::dpop())), true),
        (BindingPolicy::only(&by_dpop), accept_connections, false),
        (BindingPolicy::bound(), |guard| guard, false),
        // Over a connection comes who is known by something else.
        (BindingPolicy::bound(), |guard| guard.accept(Accept::dpop().with_connection()), false),
        (BindingPolicy::bound(), |guard| guard.accept(Accept::signature().with_connection()), false),
    ] {
        let world = Setup::new()
            .resource(move |tokens| ResourceServer::new(tokens.build(), policy).with_dpop(dpop()))
            .guard(configure)
            .build();
        let (_, _, body) = world.call(ask(Method::GET, PLACE)).await;
        let metadata = ResourceMetadata::parse(body.as_bytes(), &tool()).unwrap();
        assert_eq!(metadata.binds_to_certificates(), says);
    }
}

#[test]
fn prm_1_dpo_10_what_would_not_be_true_is_refused() {
    let server = aims::keys::SoftwareKey::generate(aims::keys::Algorithm::Es256, backend::ring()).unwrap();
    let trusted = || aims::oauth::TrustedIssuer::new(issuer(), published(&server));
    let tokens = |name: &str| AccessTokenVerifier::builder(name.parse().unwrap(), trusted(), backend::ring());
    let guard = |audiences: Audiences, resource: ResourceServer| -> Result<Guard, GuardError> {
        let builder = Guard::builder(audiences, BundleSet::default(), Callers::new());
        builder.recorder(RecordMemory::new()).access_tokens(resource).build()
    };
    let own = || Audiences::http("https://tools.example").unwrap();
    let of = |name: &str| ResourceServer::new(tokens(name).build(), BindingPolicy::bound());
    for name in ["https://tools.example", "https://tools.example/", "https://tools.example/mcp", "urn:tool:1"]
    {
        guard(own(), of(name)).unwrap();
    }
    for name in [
        "https://other.example",
        "http://tools.example",
        "https://tools.example:8443",
        "https://tools.example.evil.example",
        "https://TOOLS.example",
    ] {
        assert_refused!(guard(own(), of(name)), "resource_elsewhere", "PRM-1", "{name}");
    }
    let alias = tokens("https://tools.example").also_known_as("https://other.example".parse().unwrap());
    let alias = ResourceServer::new(alias.build(), BindingPolicy::bound());
    assert_refused!(guard(own(), alias.clone()), "resource_elsewhere", "PRM-1");
    guard(own().and_http("https://other.example").unwrap(), alias).unwrap();
    // Proofs by DPoP are for a URI: it has to be known which.
    let urn = || of("urn:tool:1").with_dpop(dpop());
    guard(own(), urn()).unwrap();
    for audiences in [own().and_http("https://other.example").unwrap(), Audiences::exact("tool").unwrap()] {
        assert_refused!(guard(audiences, urn()), "resource_elsewhere", "PRM-1");
    }
    // Where none comes, none has to be for any: until a route takes them.
    let several = own().and_http("https://other.example").unwrap();
    let loose = BindingPolicy::bound().dangerous_or_bearer();
    let loose = ResourceServer::new(tokens("urn:tool:1").build(), loose).with_dpop(dpop());
    let without = Guard::builder(several, BundleSet::default(), Callers::new()).access_tokens(loose);
    let without = without.accept(Accept::dangerous_bearer()).build().unwrap();
    assert_refused!(without.accepting(Accept::dpop()), "resource_elsewhere", "PRM-1");
    let only =
        ResourceServer::new(tokens("https://tools.example").build(), BindingPolicy::only(&[Shown::Dpop]));
    assert_refused!(guard(own(), only.clone()), "dpop_not_verified", "DPO-10");
    guard(own(), only.with_dpop(dpop())).unwrap();
    let says = ResourceMetadata::builder(tool()).require_dpop().build().unwrap();
    let says = of("https://tools.example").with_dpop(dpop()).with_metadata(says);
    assert_refused!(guard(own(), says), "metadata_not_enforced", "PRM-1");
}
