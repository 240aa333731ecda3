//! Relationships that end.

use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use aims_credential::{BundleSet, BundleSource};
use aims_keys::backend;
use aims_testkit::assert_refused;
use aims_workload_api::federation::{BundleStore, Federation, Federations, MemoryBundleStore};

use super::support::{
    BANK, Endpoint, attempted, authority, bank, begin, bundle, document, fetcher, service, verify,
};
use crate::fetch::support::{Reply, Server, WebAuthority, ok};

#[tokio::test]
async fn fed_12_the_end_deletes_the_bundle_stops_the_poll_and_tells_validators() {
    let (web, ca, other) = (WebAuthority::new(), authority(BANK), authority("spiffe://other.example"));
    let body = bundle(&[&ca], 1).with_refresh_hint(Duration::from_secs(1)).to_spiffe_json().unwrap();
    let server = Server::start(web.server(&["a.test"]), move |_| ok(&body)).await;
    let (bundles, store) = (BundleSet::from(other.trust()), MemoryBundleStore::new());
    let fetch = fetcher(web.trust(), &[server.port()]);
    let federations = Federations::builder(bundles.clone(), fetch, backend::ring())
        .store(store.clone())
        .min_interval(Duration::from_secs(1))
        .build();
    begin(&federations, Federation::https_web(bank(), server.url("a.test", "/"))).await;
    verify(&bundles, &ca).unwrap();
    assert!(store.load(&bank()).unwrap().is_some());

    assert_eq!(federations.end(&bank()).await, Ok(true));
    assert_refused!(verify(&bundles, &ca), "unknown_trust_domain", "X5V-2");
    assert_eq!(store.load(&bank()).unwrap(), None);
    assert_eq!((federations.state(&bank()), federations.origins().len()), (None, 0));
    assert_refused!(federations.refresh(&bank()).await, "not_federated", "FED-12");
    verify(&bundles, &other).unwrap();
    let asked = server.heads().len();
    tokio::time::sleep(Duration::from_millis(1300)).await;
    assert_eq!(server.heads().len(), asked);
    assert!(bundles.bundle(BANK).is_none());
    // It can begin anew.
    begin(&federations, Federation::https_web(bank(), server.url("a.test", "/"))).await;
    verify(&bundles, &ca).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn fed_12_an_attempt_under_way_when_the_relationship_ends_changes_nothing() {
    let (web, ca) = (WebAuthority::new(), authority(BANK));
    let body = document(&[&ca], 1);
    let (go, wait) = channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let server = Server::start(web.server(&["a.test"]), move |_| {
        tokio::task::block_in_place(|| wait.lock().unwrap().recv()).unwrap();
        ok(&body)
    })
    .await;
    let (bundles, store) = (BundleSet::new(), MemoryBundleStore::new());
    let fetch = fetcher(web.trust(), &[server.port()]);
    let federations =
        Federations::builder(bundles.clone(), fetch, backend::ring()).store(store.clone()).build();
    let federations = Arc::new(federations);
    federations.begin(Federation::https_web(bank(), server.url("a.test", "/"))).await.unwrap();
    go.send(()).unwrap();
    attempted(&federations, &bank()).await;
    let refreshing = Arc::clone(&federations);
    let refresh = tokio::spawn(async move { refreshing.refresh(&bank()).await });
    while server.heads().len() < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(federations.end(&bank()).await, Ok(true));
    go.send(()).unwrap();
    assert_refused!(refresh.await.unwrap(), "federation_ended", "FED-12");
    assert!(bundles.bundle(BANK).is_none());
    assert_eq!(store.load(&bank()).unwrap(), None);
}

#[tokio::test]
async fn fed_12_the_end_does_not_wait_for_an_endpoint_that_hangs() {
    let web = WebAuthority::new();
    let server = Server::start(web.server(&["a.test"]), |_| Reply::Never).await;
    let (bundles, federations) = service(web.trust(), &[server.port()]);
    federations.begin(Federation::https_web(bank(), server.url("a.test", "/"))).await.unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(2), federations.end(&bank())).await;
    assert_eq!(ended.unwrap(), Ok(true));
    assert!(bundles.bundle(BANK).is_none());
}

#[tokio::test]
async fn fed_12_the_end_of_none_leaves_what_others_have_put_there() {
    let (web, ca) = (WebAuthority::new(), authority(BANK));
    let endpoint = Endpoint::web(&web, bundle(&[&ca], 1)).await;
    let (bundles, federations) = service(web.trust(), &[endpoint.url.port()]);
    bundles.insert(ca.trust());
    assert_eq!(federations.end(&bank()).await, Ok(false));
    verify(&bundles, &ca).unwrap();
}
