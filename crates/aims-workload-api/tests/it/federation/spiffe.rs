//! The profile `https_spiffe`.

use std::sync::Arc;
use std::time::Duration;

use aims_credential::{BundleSet, BundleSource, Freshness, HttpsUrl, TrustBundle};
use aims_keys::backend;
use aims_testkit::{TestCertificates, assert_refused};
use aims_workload_api::federation::{Federation, FederationError, Federations, MemoryBundleStore};
use rustls::ServerConfig;

use super::support::{
    BANK, ENDPOINT, Endpoint, authority, bank, begin, bundle, document, fetcher, now, service, spiffe_tls,
    verify,
};
use crate::fetch::support::{Server, WebAuthority, ok, redirect};

fn self_serving(url: HttpsUrl, bootstrap: &TestCertificates) -> Federation {
    // As an operator has it: the format of SPIFFE must do.
    let bootstrap = TrustBundle::from_spiffe(bank(), &document(&[bootstrap], 1), backend::ring()).unwrap();
    Federation::https_spiffe(bank(), url, ENDPOINT.parse().unwrap(), bootstrap).unwrap()
}

/// What comes of an endpoint with this TLS.
async fn refusal(tls: Arc<ServerConfig>, ca: &TestCertificates) -> FederationError {
    let body = document(&[ca], 2);
    let server = Server::start(tls, move |_| ok(&body)).await;
    let (bundles, federations) = service(WebAuthority::new().trust(), &[server.port()]);
    let state = begin(&federations, self_serving(server.url("a.test", "/"), ca)).await;
    assert!(bundles.bundle(BANK).is_none() && server.heads().is_empty());
    state.last_error().unwrap().clone()
}

#[tokio::test]
async fn fed_1_fed_4_fed_5_fed_6_a_bundle_comes_from_a_workload_known_by_its_identifier() {
    let ca = authority(BANK);
    let endpoint = Endpoint::spiffe(ca.current("/bundles", now()), bundle(&[&ca], 7)).await;
    // No authority of the web knows it, and its certificate is for no host name.
    let (bundles, federations) = service(WebAuthority::new().trust(), &[endpoint.url.port()]);
    let federation = self_serving(endpoint.url.clone(), &ca);
    assert_eq!(federation.endpoint().unwrap().as_str(), ENDPOINT);
    let state = begin(&federations, federation).await;
    assert_eq!((state.sequence(), state.last_error()), (Some(7), None));
    verify(&bundles, &ca).unwrap();
}

#[tokio::test]
async fn fed_4_the_bootstrap_bundle_is_for_the_first_contact_and_not_for_workloads() {
    let ca = authority(BANK);
    let (bundles, federations) = service(WebAuthority::new().trust(), &[1]);
    let state = begin(&federations, self_serving("https://a.test:1/".parse().unwrap(), &ca)).await;
    assert_refused!(Err::<(), _>(state.last_error().unwrap().clone()), "unreachable", "FED-14");
    assert_refused!(verify(&bundles, &ca), "unknown_trust_domain", "X5V-2");
}

#[tokio::test]
async fn fed_4_another_workload_of_the_trust_domain_is_refused() {
    let ca = authority(BANK);
    let refused = refusal(spiffe_tls(&ca, "/bundles/x", now()), &ca).await;
    assert_refused!(Err::<(), _>(refused), "unexpected_peer", "FED-4");
}

#[tokio::test]
async fn fed_4_the_same_path_in_a_foreign_trust_domain_is_refused() {
    let (ca, evil) = (authority(BANK), authority("spiffe://evil.example"));
    let refused = refusal(spiffe_tls(&evil, "/bundles", now()), &ca).await;
    assert_refused!(Err::<(), _>(refused), "unknown_trust_domain", "FED-4");
}

#[tokio::test]
async fn fed_4_the_right_identifier_by_an_authority_that_is_not_trusted_is_refused() {
    let (ca, evil) = (authority(BANK), authority(BANK));
    let refused = refusal(spiffe_tls(&evil, "/bundles", now()), &ca).await;
    assert_refused!(Err::<(), _>(refused), "unknown_issuer", "FED-4");
}

#[tokio::test]
async fn fed_4_an_expired_certificate_is_refused() {
    let issued = now() - Duration::from_secs(7200);
    let ca = TestCertificates::new(BANK, issued);
    let refused = refusal(spiffe_tls(&ca, "/bundles", issued), &ca).await;
    assert_refused!(Err::<(), _>(refused), "expired", "FED-4");
}

#[tokio::test]
async fn fed_4_a_certificate_of_the_web_is_refused() {
    let ca = authority(BANK);
    let refused = refusal(WebAuthority::new().server(&["a.test"]), &ca).await;
    assert_eq!(refused.rule(), "FED-4");
    assert_refused!(Err::<(), _>(refused), "no_identity", "FED-4");
}

#[tokio::test]
async fn fed_4_fed_9_later_contacts_are_verified_by_the_bundle_stored_last() {
    let (old, new) = (authority(BANK), authority(BANK));
    let own = old.current("/bundles", now());
    let endpoint = Endpoint::spiffe(own.clone(), bundle(&[&old, &new], 2)).await;
    let store = MemoryBundleStore::new();
    let service = |store: &MemoryBundleStore| {
        let bundles = BundleSet::new();
        let fetch = fetcher(WebAuthority::new().trust(), &[endpoint.url.port()]);
        let federations =
            Federations::builder(bundles.clone(), fetch, backend::ring()).store(store.clone()).build();
        (bundles, federations)
    };
    let (bundles, federations) = service(&store);
    begin(&federations, self_serving(endpoint.url.clone(), &old)).await;
    verify(&bundles, &new).unwrap();

    // The old authority is gone, from the endpoint's certificate and from its bundle.
    own.replace(new.holder("/bundles", now())).unwrap();
    endpoint.bundles.insert(bundle(&[&new], 3));
    assert_eq!(federations.refresh(&bank()).await, Ok(Freshness::Newer));
    assert_eq!(federations.refresh(&bank()).await, Ok(Freshness::Same));
    assert!(verify(&bundles, &old).is_err());
    drop(federations);

    // After a restart as well, though the configuration has the old bundle still.
    let (bundles, federations) = service(&store);
    federations.begin(self_serving(endpoint.url.clone(), &old)).await.unwrap();
    verify(&bundles, &new).unwrap();
    assert_eq!(federations.refresh(&bank()).await, Ok(Freshness::Same));

    // Whoever has stored nothing is told to configure a newer one.
    let (_, federations) = service(&MemoryBundleStore::new());
    let state = begin(&federations, self_serving(endpoint.url.clone(), &old)).await;
    assert_refused!(Err::<(), _>(state.last_error().unwrap().clone()), "unknown_issuer", "FED-4");
}

#[tokio::test]
async fn bnd_8_a_first_bundle_older_than_the_configured_one_is_refused() {
    let ca = authority(BANK);
    let endpoint = Endpoint::spiffe(ca.current("/bundles", now()), bundle(&[&ca], 6)).await;
    let (bundles, federations) = service(WebAuthority::new().trust(), &[endpoint.url.port()]);
    let endpoint_id = ENDPOINT.parse().unwrap();
    let federation = Federation::https_spiffe(bank(), endpoint.url.clone(), endpoint_id, bundle(&[&ca], 7));
    let state = begin(&federations, federation.unwrap()).await;
    assert_refused!(Err::<(), _>(state.last_error().unwrap().clone()), "older_bundle", "BND-8");
    assert!(bundles.bundle(BANK).is_none());
}

#[tokio::test]
async fn fed_4_an_endpoint_elsewhere_is_verified_by_the_bundle_of_its_own_trust_domain() {
    const HUB: &str = "spiffe://hub.example";
    let (ca, hub) = (authority(BANK), authority(HUB));
    let endpoint = Endpoint::spiffe(hub.current("/bundles", now()), bundle(&[&ca], 1)).await;
    let federation = |bundles: &BundleSet| {
        let id = "spiffe://hub.example/bundles".parse().unwrap();
        Federation::https_spiffe_elsewhere(bank(), endpoint.url.clone(), id, bundles.clone()).unwrap()
    };
    // It is not inferred from anything.
    let (bundles, federations) = service(WebAuthority::new().trust(), &[endpoint.url.port()]);
    let state = begin(&federations, federation(&bundles)).await;
    assert_refused!(Err::<(), _>(state.last_error().unwrap().clone()), "unknown_trust_domain", "FED-4");
    bundles.insert(hub.trust());
    federations.refresh(&bank()).await.unwrap();
    verify(&bundles, &ca).unwrap();
    // What was fetched is the other's bundle, and says nothing about the endpoint's.
    assert_eq!(bundles.bundle(HUB).unwrap().x509_authorities(), hub.trust().x509_authorities());
    bundles.remove(&HUB.parse().unwrap());
    assert_refused!(federations.refresh(&bank()).await, "unknown_trust_domain", "FED-4");
}

#[test]
fn fed_4_parameters_that_contradict_each_other_are_refused() {
    let url: HttpsUrl = "https://a.test/".parse().unwrap();
    let (ca, evil) = (authority(BANK), authority("spiffe://evil.example"));
    let foreign = "spiffe://evil.example/bundles".parse().unwrap();
    let federation = Federation::https_spiffe(bank(), url.clone(), foreign, ca.trust());
    assert_refused!(federation, "foreign_endpoint", "FED-4");
    let federation = Federation::https_spiffe(bank(), url.clone(), ENDPOINT.parse().unwrap(), evil.trust());
    assert_refused!(federation, "foreign_bootstrap", "FED-4");
    let own = ENDPOINT.parse().unwrap();
    let federation = Federation::https_spiffe_elsewhere(bank(), url, own, BundleSet::new());
    assert_refused!(federation, "foreign_endpoint", "FED-4");
}

#[tokio::test]
async fn fed_7_a_redirect_leads_to_the_same_workload_only() {
    let ca = authority(BANK);
    for (path, code) in [("/bundles", None), ("/other", Some("unexpected_peer"))] {
        let body = document(&[&ca], 2);
        let other = Server::start(spiffe_tls(&ca, path, now()), move |_| ok(&body)).await;
        let to = other.url("b.test", "/x").to_string();
        let server = Server::start(spiffe_tls(&ca, "/bundles", now()), move |_| redirect(&to)).await;
        let (bundles, federations) = service(WebAuthority::new().trust(), &[server.port(), other.port()]);
        let state = begin(&federations, self_serving(server.url("a.test", "/"), &ca)).await;
        match code {
            None => verify(&bundles, &ca).map(drop).unwrap(),
            Some(code) => {
                assert_refused!(Err::<(), _>(state.last_error().unwrap().clone()), code, "FED-4");
                assert!(other.heads().is_empty());
            }
        }
    }
}
