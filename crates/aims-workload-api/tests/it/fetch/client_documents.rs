//! Documents of clients: whoever sends a client identifier says which URL is asked.

use aims_credential::{FetchError, FetchRequest, Fetched, HttpsUrl};
use aims_testkit::assert_refused;
use aims_workload_api::fetch::GuardedFetch;

use super::support::*;

/// As `ClientIdUrl::request` of aims-oauth asks.
async fn document(fetch: &GuardedFetch, url: &HttpsUrl) -> Result<Fetched, FetchError> {
    let request = FetchRequest::new(url).accept(&["application/json"]).max_len(5120);
    aims_credential::Fetch::fetch(fetch, request).await
}

#[tokio::test]
async fn cmd_3_one_address_of_special_use_refuses_a_client_document_and_nothing_is_dialled() {
    let authority = WebAuthority::new();
    let names = ["agents.test", "both.test", "metadata.test", "127.0.0.1"];
    let server = Server::start(authority.server(&names), |_| ok("{}")).await;
    let resolver = Names::loopback(&["agents.test"])
        .with("both.test", &["8.8.8.8".parse().unwrap(), "127.0.0.1".parse().unwrap()])
        .with("metadata.test", &["169.254.169.254".parse().unwrap()]);
    let strict = || GuardedFetch::builder(authority.trust(), provider()).allow_port(server.port());
    let fetch = strict().resolver(resolver.clone()).build().unwrap();
    for host in names {
        let refused = document(&fetch, &server.url(host, "/travel.json")).await;
        assert_refused!(refused, "address_not_allowed", "FED-14", "{host}");
    }
    assert!(server.heads().is_empty());
    // Where the server itself is on loopback, loopback is allowed by name, and nothing else with it.
    let local = strict().resolver(resolver).allow_network("127.0.0.0/8".parse().unwrap()).build().unwrap();
    document(&local, &server.url("agents.test", "/travel.json")).await.unwrap();
    let refused = document(&local, &server.url("metadata.test", "/travel.json")).await;
    assert_refused!(refused, "address_not_allowed", "FED-14");
}

#[tokio::test]
async fn cmd_3_no_more_of_a_client_document_is_read_and_no_failure_is_kept() {
    let authority = WebAuthority::new();
    let asked = std::sync::atomic::AtomicUsize::new(0);
    let server = Server::start(authority.server(&["a.test"]), move |path| match path {
        "/fits" => ok(&"x".repeat(5120)),
        "/long" => ok(&"x".repeat(5121)),
        "/moved" => redirect("/fits"),
        _ if asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 0 => {
            let cached = "content-type: application/json\r\ncache-control: max-age=3600\r\n";
            reply("503 Service Unavailable", cached, "{}")
        }
        _ => ok("{}"),
    })
    .await;
    let fetch = guarded(authority.trust(), &[&server]).build().unwrap();
    let fetched = async |path: &str| document(&fetch, &server.url("a.test", path)).await;
    assert_eq!(fetched("/fits").await.unwrap().body().len(), 5120);
    assert_refused!(fetched("/long").await, "document_too_large", "FED-14");
    assert_refused!(fetched("/moved").await, "too_many_redirects", "FED-7");
    assert_eq!(fetched("/later").await.unwrap_err(), FetchError::Status(503));
    assert_eq!(fetched("/later").await.unwrap().body(), b"{}");
}
