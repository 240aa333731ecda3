//! A guard behind the listener, with the servers and clients that people use.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};
use std::time::Duration;

use aims::{Agent, Connection, CurrentCredential, GuardBuilder, Permit};
use axum::body::Body;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Extension, Router};
use http::{Request, Response, StatusCode, Uri};
use http_body_util::BodyExt;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tonic::server::NamedService;
use tower::{Layer, Service, ServiceExt};

use super::support::{LONG, OFTEN};
use crate::behind::{Behind, TRAVEL};
use crate::support::{NOW, SEARCH};

/// The tool's handler on a real socket, and where.
async fn serve(behind: &Behind, acceptor: aims::Acceptor) -> Uri {
    let handler = |Extension(permit): Extension<Permit>| async move { permit.caller().subject().to_string() };
    let drip = || async {
        // A message now and then, without end.
        let drops = tokio_stream::wrappers::IntervalStream::new(tokio::time::interval(OFTEN));
        Body::from_stream(tokio_stream::StreamExt::map(drops, |_| Ok::<_, Infallible>("drop")))
            .into_response()
    };
    let app = Router::new()
        .route("/v1/search", get(handler).post(handler))
        .route("/v1/drip", post(drip))
        .layer(behind.tool.guard.layer());
    let (listener, address, _) = behind.listener(acceptor).await;
    let app = app.into_make_service_with_connect_info::<Connection>();
    tokio::spawn(async move { axum::serve(listener, app).await });
    format!("https://{address}").parse().unwrap()
}

fn request(base: &Uri, method: http::Method, path: &str) -> Request<Body> {
    Request::builder().method(method).uri(format!("{base}{path}")).body(Body::empty()).unwrap()
}

async fn text(response: Response<hyper::body::Incoming>) -> (StatusCode, String) {
    let (head, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (head.status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn mtls_7_arch_1_a_guard_behind_axum_knows_its_callers_by_their_connections() {
    let behind = Behind::new(GuardBuilder::accept_connections);
    let base = serve(&behind, behind.acceptor()).await;
    for protocol in ["h2", "http/1.1"] {
        let connector = behind.connector("/agents/travel").protocols([protocol]);
        let client = Client::builder(TokioExecutor::new()).build(connector);
        for _ in 0..2 {
            let response = client.request(request(&base, http::Method::GET, "v1/search")).await.unwrap();
            let version = if protocol == "h2" { http::Version::HTTP_2 } else { http::Version::HTTP_11 };
            assert_eq!(response.version(), version);
            assert_eq!(text(response).await, (StatusCode::OK, TRAVEL.into()), "{protocol}");
        }
        let record = behind.tool.records.last();
        assert_eq!(record["agent"]["auth"]["method"], "mtls");
    }
    let other = Client::builder(TokioExecutor::new()).build(behind.connector("/agents/other"));
    let response = other.request(request(&base, http::Method::GET, "v1/search")).await.unwrap();
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
}

/// Calls by another name than the one that the proof is for, as behind a load balancer.
fn addressed_to(target: &Uri) -> impl Fn(Request<Body>) -> Request<Body> + Clone + use<> {
    let authority = target.authority().cloned();
    move |mut request| {
        let mut parts = request.uri().clone().into_parts();
        parts.authority = authority.clone();
        *request.uri_mut() = Uri::from_parts(parts).unwrap();
        request
    }
}

#[tokio::test]
async fn arch_1_arch_2_an_agent_over_mtls_proves_twice_and_both_are_recorded() {
    let behind = Behind::new(|guard| guard);
    let base = serve(&behind, behind.acceptor()).await;
    let agent = Agent::new(CurrentCredential::new(behind.tool.travel().holder()))
        .with_clock(behind.tool.clock.reader());
    let client = Client::builder(TokioExecutor::new()).build(behind.connector("/proxies/edge"));
    let client = tower::util::MapRequest::new(client, addressed_to(&base));
    let response = agent
        .layer()
        .layer(client)
        .oneshot(Request::post(SEARCH).body(Body::empty()).unwrap())
        .await
        .unwrap();
    assert_eq!(text(response).await, (StatusCode::OK, TRAVEL.into()));
    let record = behind.tool.records.last();
    assert_eq!((&record["agent"]["id"], &record["agent"]["auth"]["method"]), (&TRAVEL.into(), &"wpt".into()));
    assert_eq!(record["transport"]["id"], "spiffe://acme.example/proxies/edge");
}

#[tokio::test]
async fn mtls_10_a_response_is_cut_in_the_middle_when_its_caller_is_not_trusted_any_more() {
    for protocol in ["h2", "http/1.1"] {
        let behind = Behind::new(GuardBuilder::accept_connections);
        let base = serve(&behind, behind.acceptor()).await;
        let client = Client::builder(TokioExecutor::new())
            .build(behind.connector("/agents/travel").protocols([protocol]));
        let response = client.request(request(&base, http::Method::POST, "v1/drip")).await.unwrap();
        let mut body = response.into_body();
        for _ in 0..3 {
            assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "drop");
        }
        behind.trust_nobody();
        let cut = tokio::time::timeout(LONG, async {
            loop {
                match body.frame().await {
                    Some(Ok(_)) => {}
                    Some(Err(_)) => return true,
                    None => return false,
                }
            }
        });
        assert!(cut.await.expect("the response goes on"), "{protocol}: it looks as if it had ended");
    }
}

#[tokio::test]
async fn mtls_10_during_the_grace_of_a_connection_a_guard_admits_nothing() {
    let behind = Behind::new(GuardBuilder::accept_connections);
    let base = serve(&behind, behind.acceptor().grace(LONG)).await;
    let client = Client::builder(TokioExecutor::new()).build(behind.connector("/agents/travel"));
    let ask = || client.request(request(&base, http::Method::GET, "v1/search"));
    assert_eq!(ask().await.unwrap().status(), StatusCode::OK);
    behind.trust_nobody();
    tokio::time::sleep(5 * OFTEN).await;
    assert_eq!(ask().await.unwrap().status(), StatusCode::UNAUTHORIZED);
    assert_eq!(behind.tool.records.last()["decision"]["reasons"][0], "unknown_trust_domain");
}

/// A service of gRPC that says who called.
#[derive(Clone)]
struct WhoCalls;

impl NamedService for WhoCalls {
    const NAME: &'static str = "acme.WhoCalls";
}

impl Service<Request<tonic::body::Body>> for WhoCalls {
    type Response = Response<tonic::body::Body>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<tonic::body::Body>) -> Self::Future {
        let permit = request.extensions().get::<Permit>().unwrap();
        let caller = permit.caller().subject().to_string();
        ready(Ok(Response::new(tonic::body::Body::new(caller))))
    }
}

#[tokio::test]
async fn mtls_7_a_guard_behind_tonic_knows_its_callers_by_their_connections() {
    let behind = Behind::new(GuardBuilder::accept_connections);
    let (listener, address, _) = behind.listener(behind.acceptor()).await;
    let server = tonic::transport::Server::builder().layer(behind.tool.guard.layer()).add_service(WhoCalls);
    tokio::spawn(async move { server.serve_with_incoming(listener).await });
    let endpoint = tonic::transport::Endpoint::from_shared(format!("https://{address}")).unwrap();
    let mut channel = endpoint.connect_with_connector(behind.connector("/agents/travel")).await.unwrap();
    let call = || {
        Request::post(format!("https://{address}/acme.WhoCalls/Ask"))
            .header("content-type", "application/grpc")
            .body(tonic::body::Body::empty())
            .unwrap()
    };
    let response = channel.ready().await.unwrap().call(call()).await.unwrap();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, TRAVEL);
    assert_eq!(behind.tool.records.last()["agent"]["auth"]["method"], "mtls");

    // The connection is there, and not trusted any more; a new one is not made.
    behind.trust_nobody();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let failed = match channel.ready().await {
        Ok(channel) => channel.call(call()).await.is_err(),
        Err(_) => true,
    };
    assert!(failed);
    assert_eq!(NOW, behind.tool.clock.now());
}
