//! When an endpoint is asked, and which of its answers count.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aims_credential::x509::NewRevocationList;
use aims_credential::{BundleSet, BundleSource, Freshness};
use aims_keys::backend;
use aims_testkit::assert_refused;
use aims_workload_api::federation::{Federation, Federations};

use super::support::{
    BANK, Endpoint, authority, bank, begin, bundle, document, fetcher, now, service, verify, verify_holder,
};
use crate::fetch::support::{Server, WebAuthority, ok, reply};

#[tokio::test]
async fn fed_8_an_endpoint_is_asked_as_often_as_its_hint_says() {
    let (web, ca) = (WebAuthority::new(), authority(BANK));
    let body = bundle(&[&ca], 1).with_refresh_hint(Duration::from_secs(1)).to_spiffe_json().unwrap();
    let server = Server::start(web.server(&["a.test"]), move |_| ok(&body)).await;
    let fetch = fetcher(web.trust(), &[server.port()]);
    let asked = Arc::new(AtomicUsize::new(0));
    let told = Arc::clone(&asked);
    let federations = Federations::builder(BundleSet::new(), fetch, backend::ring())
        .min_interval(Duration::ZERO)
        .on_attempt(move |origin, state| {
            assert_eq!((origin, state.sequence()), (&bank(), Some(1)));
            told.fetch_add(1, Ordering::Relaxed);
            panic!("a listener that panics ends nothing");
        })
        .build();
    begin(&federations, Federation::https_web(bank(), server.url("a.test", "/"))).await;
    tokio::time::sleep(Duration::from_millis(2500)).await;
    let heads = server.heads().len();
    assert!((2..=3).contains(&heads), "{heads}");
    // One may be under way.
    assert!(heads - asked.load(Ordering::Relaxed) <= 1);
    // The end of the service is the end of the polling.
    drop(federations);
    tokio::time::sleep(Duration::from_millis(1300)).await;
    assert_eq!(server.heads().len(), heads);
}

#[tokio::test]
async fn fed_8_a_failure_is_followed_by_the_next_interval_and_not_by_another_try() {
    let web = WebAuthority::new();
    let server = Server::start(web.server(&["a.test"]), |_| reply("503 Busy", "", "")).await;
    let (_, federations) = service(web.trust(), &[server.port()]);
    let state = begin(&federations, Federation::https_web(bank(), server.url("a.test", "/"))).await;
    assert_refused!(Err::<(), _>(state.last_error().unwrap().clone()), "http_status", "FED-6");
    let wait = state.next_attempt().unwrap().since(state.last_attempt().unwrap()).as_secs();
    assert!((269..=301).contains(&wait), "{wait}");
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(server.heads().len(), 1);
}

#[tokio::test]
async fn fed_8_the_floor_holds_whatever_the_hint_says() {
    let (web, ca) = (WebAuthority::new(), authority(BANK));
    let endpoint = Endpoint::web(&web, bundle(&[&ca], 1).with_refresh_hint(Duration::from_secs(1))).await;
    let (_, federations) = service(web.trust(), &[endpoint.url.port()]);
    let state = begin(&federations, Federation::https_web(bank(), endpoint.url.clone())).await;
    let wait = state.next_attempt().unwrap().since(state.last_attempt().unwrap()).as_secs();
    assert!((29..=31).contains(&wait), "{wait}");
}

#[tokio::test]
async fn fed_9_bnd_8_an_older_edition_is_refused_and_reported() {
    let (web, ca, old) = (WebAuthority::new(), authority(BANK), authority(BANK));
    let endpoint = Endpoint::web(&web, bundle(&[&ca], 5)).await;
    let (bundles, federations) = service(web.trust(), &[endpoint.url.port()]);
    begin(&federations, Federation::https_web(bank(), endpoint.url.clone())).await;
    endpoint.bundles.insert(bundle(&[&old], 4));
    assert_refused!(federations.refresh(&bank()).await, "older_bundle", "BND-8");
    verify(&bundles, &ca).unwrap();
    assert!(verify(&bundles, &old).is_err());
    let state = federations.state(&bank()).unwrap();
    assert_eq!((state.sequence(), state.freshness()), (Some(5), Some(Freshness::Older)));
    assert!(state.freshness().unwrap().is_to_be_reported() && state.last_error().is_some());
    // A newer one ends that.
    endpoint.bundles.insert(bundle(&[&ca], 6));
    assert_eq!(federations.refresh(&bank()).await, Ok(Freshness::Newer));
    assert_eq!(federations.state(&bank()).unwrap().last_error(), None);
}

#[tokio::test]
async fn fed_9_fed_11_what_was_fetched_last_replaces_and_is_not_merged() {
    let (web, first, second) = (WebAuthority::new(), authority(BANK), authority(BANK));
    let endpoint = Endpoint::web(&web, bundle(&[&first], 5)).await;
    let (bundles, federations) = service(web.trust(), &[endpoint.url.port()]);
    begin(&federations, Federation::https_web(bank(), endpoint.url.clone())).await;
    endpoint.bundles.insert(bundle(&[&second], 5));
    assert_eq!(federations.refresh(&bank()).await, Ok(Freshness::Changed));
    assert_eq!(bundles.bundle(BANK).unwrap().x509_authorities(), second.trust().x509_authorities());
    assert!(verify(&bundles, &first).is_err());
    endpoint.bundles.insert(first.trust());
    assert_eq!(federations.refresh(&bank()).await, Ok(Freshness::Unordered));
    assert_eq!(bundles.bundle(BANK).unwrap().x509_authorities(), first.trust().x509_authorities());
    // Everything is revoked.
    endpoint.bundles.insert(first.trust().with_x509_authorities(vec![]).with_sequence(6));
    assert_eq!(federations.refresh(&bank()).await, Ok(Freshness::Unordered));
    assert!(verify(&bundles, &first).is_err() && bundles.bundle(BANK).is_some());
}

#[tokio::test]
async fn fed_11_bnd_2_anothers_keys_count_for_nobody_but_the_domain_that_served_them() {
    let (web, ca, evil) = (WebAuthority::new(), authority(BANK), authority("spiffe://evil.example"));
    // The bank's endpoint gives out the keys of another.
    let body = document(&[&evil], 1);
    let server = Server::start(web.server(&["a.test"]), move |_| ok(&body)).await;
    let (bundles, federations) = service(web.trust(), &[server.port()]);
    begin(&federations, Federation::https_web(bank(), server.url("a.test", "/"))).await;
    assert_refused!(verify(&bundles, &evil), "unknown_trust_domain", "X5V-2");
    assert!(verify(&bundles, &ca).is_err());
    // Nor do they become the other's when that one is federated with.
    let own = authority("spiffe://evil.example");
    let endpoint = Endpoint::web(&web, bundle(&[&own], 1)).await;
    let (bundles, federations) = service(web.trust(), &[server.port(), endpoint.url.port()]);
    begin(&federations, Federation::https_web(bank(), server.url("a.test", "/"))).await;
    let other = own.issuer().origin().clone();
    begin(&federations, Federation::https_web(other, endpoint.url.clone())).await;
    assert_eq!(
        bundles.bundle("spiffe://evil.example").unwrap().x509_authorities(),
        own.trust().x509_authorities()
    );
    assert!(verify(&bundles, &evil).is_err());
    verify(&bundles, &own).unwrap();
}

#[tokio::test]
async fn fed_8_an_endpoint_that_is_gone_and_back_is_asked_again() {
    let (web, ca) = (WebAuthority::new(), authority(BANK));
    let answer = Arc::new(Mutex::new(Some(document(&[&ca], 1))));
    let says = Arc::clone(&answer);
    let server = Server::start(web.server(&["a.test"]), move |_| {
        says.lock().unwrap().as_deref().map_or(reply("502 Gone", "", ""), ok)
    })
    .await;
    let (bundles, federations) = service(web.trust(), &[server.port()]);
    begin(&federations, Federation::https_web(bank(), server.url("a.test", "/"))).await;
    *answer.lock().unwrap() = None;
    assert_refused!(federations.refresh(&bank()).await, "http_status", "FED-6");
    // What was trusted stays so.
    verify(&bundles, &ca).unwrap();
    let next = authority(BANK);
    *answer.lock().unwrap() = Some(document(&[&next], 2));
    federations.refresh(&bank()).await.unwrap();
    verify(&bundles, &next).unwrap();
    drop(server);
    assert_refused!(federations.refresh(&bank()).await, "unreachable", "FED-14");
    verify(&bundles, &next).unwrap();
}

#[tokio::test]
async fn revocation_lists_outlive_the_edition_they_came_beside() {
    let (web, ca) = (WebAuthority::new(), authority(BANK));
    let endpoint = Endpoint::web(&web, bundle(&[&ca], 1)).await;
    let (bundles, federations) = service(web.trust(), &[endpoint.url.port()]);
    begin(&federations, Federation::https_web(bank(), endpoint.url.clone())).await;
    let holder = ca.holder("/agents/teller", now());
    let verified = verify_holder(&bundles, &holder).unwrap();
    let list = NewRevocationList::new(1).revoke(verified.serial(), now());
    bundles.set_revocation_lists(&bank(), &[ca.issuer().sign_list(&list, now()).unwrap()]);
    endpoint.bundles.insert(bundle(&[&ca], 2));
    assert_eq!(federations.refresh(&bank()).await, Ok(Freshness::Newer));
    assert_eq!(bundles.bundle(BANK).unwrap().sequence(), Some(2));
    assert_refused!(verify_holder(&bundles, &holder), "revoked", "X5V-3");
    verify(&bundles, &ca).unwrap();
}

#[tokio::test]
async fn fed_11_a_trust_domain_is_federated_with_once() {
    let (web, ca) = (WebAuthority::new(), authority(BANK));
    let endpoint = Endpoint::web(&web, bundle(&[&ca], 1)).await;
    let (_, federations) = service(web.trust(), &[endpoint.url.port()]);
    let federation = Federation::https_web(bank(), endpoint.url.clone());
    begin(&federations, federation.clone()).await;
    assert_refused!(federations.begin(federation).await, "already_federated", "FED-11");
}
