//! The `reqwest` adapter, over a real socket.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use aims::credential::{AccessHandle, PeerMap};
use aims::proof::VerifiedResponse;
use aims::{
    Agent, AgentError, AttachError, Audiences, BundleSet, CurrentCredential, Guard, JsonLines, Permit,
    RecordMemory,
};
use aims_testkit::{TestAuthority, TestClock, assert_refused};
use axum::body::Bytes;
use axum::response::Redirect;
use axum::routing::{MethodRouter, get, post};
use axum::{Extension, Router};
use http::HeaderMap;
use http_body_util::StreamBody;
use hyper::body::Frame;
use reqwest::{Client, Method, Request};
use tokio::net::TcpListener;

use crate::support::{NOW, Records, callers};

/// A tool on loopback, with one route that redirects to the other; and its agent.
async fn serve(records: Records) -> (SocketAddr, Agent) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let authority = TestAuthority::new("spiffe://acme.example");
    let clock = TestClock::at(NOW);
    let audiences = Audiences::http(&format!("http://{address}")).unwrap();
    let guard = Guard::builder(audiences, BundleSet::from(authority.trust()), callers())
        .clock(clock.reader())
        .recorder(JsonLines::new(records))
        .build()
        .unwrap();
    let handler = |Extension(permit): Extension<Permit>| async move { permit.caller().subject().to_string() };
    let app = Router::new()
        .route("/v1/search", post(handler).get(handler))
        .route("/moved", get(|| async { Redirect::temporary("/v1/search") }))
        .layer(guard.layer());
    tokio::spawn(async move { axum::serve(listener, app).await });
    let source = CurrentCredential::new(authority.agent("/agents/travel", NOW).holder());
    (address, Agent::new(source).with_clock(clock.reader()))
}

fn request(method: Method, url: &str) -> Request {
    Request::new(method, url.parse().unwrap())
}

#[tokio::test]
async fn aims_20_a_reqwest_client_calls_as_the_agent() {
    let records = Records::default();
    let (address, agent) = serve(records.clone()).await;
    let client = Agent::client().build().unwrap();
    for url in ["/v1/search", "/v1/search?q=x%20y#part"] {
        let response =
            agent.send(&client, request(Method::POST, &format!("http://{address}{url}"))).await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.text().await.unwrap(), "spiffe://acme.example/agents/travel");
    }
    // The same request without the agent.
    let refused =
        client.execute(request(Method::POST, &format!("http://{address}/v1/search"))).await.unwrap();
    assert_eq!(refused.status(), 400);
    let effects: Vec<_> = records.all().iter().map(|record| record["decision"]["effect"].clone()).collect();
    assert_eq!(effects, ["permit", "permit", "deny"]);
}

#[tokio::test]
async fn wpt_6_redirects_are_answers_and_not_followed_with_the_credential() {
    let (address, agent) = serve(Records::default()).await;
    let moved = || request(Method::GET, &format!("http://{address}/moved"));
    let client = Agent::client().build().unwrap();
    assert_eq!(agent.send(&client, moved()).await.unwrap().status(), 307);

    // A client that follows all the same is found out.
    let follows = Client::builder().build().unwrap();
    let found = agent.send(&follows, moved()).await;
    assert!(matches!(found, Err(AgentError::Redirected)), "{found:?}");
}

/// Serves on loopback what `route` says about `/v1/search`; answers where.
async fn serve_search(route: MethodRouter) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = Router::new().route("/v1/search", route);
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

#[tokio::test]
async fn wpt_6_aims_20_a_client_of_the_agent_takes_no_credential_to_where_it_is_redirected() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let record = seen.clone();
    let other = serve_search(post(async move |fields: HeaderMap| record.lock().unwrap().push(fields))).await;
    let to = format!("http://{other}/v1/search");
    let asked = serve_search(post(async move || Redirect::temporary(&to))).await;
    let authority = TestAuthority::new("spiffe://acme.example");
    let source = CurrentCredential::new(authority.agent("/agents/travel", NOW).holder());
    let agent = Agent::new(source).with_clock(TestClock::at(NOW).reader());
    let search = || request(Method::POST, &format!("http://{asked}/v1/search"));

    let response = agent.send(&Agent::client().build().unwrap(), search()).await.unwrap();
    assert_eq!(response.status(), 307);
    assert!(seen.lock().unwrap().is_empty());

    // Any other client would have taken it there.
    let follows = agent.send(&Client::new(), search()).await;
    assert!(matches!(follows, Err(AgentError::Redirected)), "{follows:?}");
    assert!(seen.lock().unwrap().iter().any(|fields| fields.contains_key("workload-identity-token")));
}

#[tokio::test]
async fn wpt_6_what_names_no_service_is_not_sent() {
    let (address, agent) = serve(Records::default()).await;
    let client = Agent::client().build().unwrap();
    let refused =
        agent.send(&client, request(Method::GET, &format!("http://user@{address}/v1/search"))).await;
    let Err(AgentError::Attach(refused)) = refused else { panic!("{refused:?}") };
    assert_refused!(Err::<(), _>(refused), "userinfo_in_target", "WPT-6");

    let refused = agent.send(&client, request(Method::GET, "data:text/plain,x")).await;
    assert!(matches!(refused, Err(AgentError::Attach(AttachError::RelativeTarget))), "{refused:?}");

    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let failed = agent.send(&client, request(Method::GET, &format!("http://{nobody}/"))).await;
    assert!(matches!(failed, Err(AgentError::Client(_))), "{failed:?}");
}

#[tokio::test]
async fn hsig_24_hs_dig_05_a_reqwest_client_signs_and_has_what_it_had_of_the_response() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let authority = TestAuthority::new("spiffe://acme.example");
    let trust = BundleSet::from(authority.trust());
    let clock = TestClock::at(NOW);
    let tool = CurrentCredential::new(authority.agent("/tools/search", NOW).holder());
    let records = RecordMemory::new();
    let guard = Guard::builder(Audiences::http(&base).unwrap(), trust.clone(), callers())
        .clock(clock.reader())
        .recorder(records.clone())
        .sign_responses(tool)
        .build()
        .unwrap();
    let app =
        Router::new().route("/v1/search", post(|content: String| async { content })).layer(guard.layer());
    tokio::spawn(async move { axum::serve(listener, app).await });

    let peers = PeerMap::new();
    peers.insert(AccessHandle::DnsName("127.0.0.1"), "spiffe://acme.example/tools/search".parse().unwrap());
    let agent = Agent::new(CurrentCredential::new(authority.agent("/agents/travel", NOW).holder()))
        .with_clock(clock.reader())
        .signing(trust, peers)
        .with_max_content(8);
    let search = |content: &'static str| {
        let mut request = request(Method::POST, &format!("{base}/v1/search?q=x#part"));
        *request.body_mut() = Some(content.into());
        request
    };
    let client = Agent::client().build().unwrap();
    for (agent, is_signed) in [(agent.clone(), false), (agent.clone().demand_signed_responses(), true)] {
        let response = agent.send(&client, search("12345678")).await.unwrap();
        assert_eq!(response.extensions().get::<VerifiedResponse>().is_some(), is_signed);
        assert_eq!(response.url().as_str(), format!("{base}/v1/search?q=x"));
        assert!(response.remote_addr().is_some());
        assert_eq!(response.text().await.unwrap(), "12345678");
    }

    // As the layer does: what is longer than the bound is not sent.
    let refused = agent.send(&client, search("123456789")).await.unwrap_err();
    let AgentError::Attach(refused) = refused else { panic!("{refused:?}") };
    assert_refused!(Err::<(), _>(refused), "content_too_large", "HS-DIG-05");
    let pieces = tokio_stream::iter([Ok::<_, std::io::Error>(Frame::data(Bytes::from("1234")))]);
    let mut request = search("");
    *request.body_mut() = Some(reqwest::Body::wrap(StreamBody::new(pieces)));
    let refused = agent.send(&client, request).await.unwrap_err();
    let AgentError::Attach(refused) = refused else { panic!("{refused:?}") };
    assert_refused!(Err::<(), _>(refused), "content_in_pieces", "HSIG-9");
    assert_eq!(records.all().len(), 2);
}
