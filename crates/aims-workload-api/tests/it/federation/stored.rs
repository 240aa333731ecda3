//! What survives a restart.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aims_credential::{BundleSet, BundleSource, Freshness};
use aims_id::Origin;
use aims_keys::backend;
use aims_testkit::assert_refused;
use aims_workload_api::federation::{
    BundleStore, BundleStoreError, Federation, Federations, FileBundleStore, MemoryBundleStore,
};

use super::file_store::Directory;
use super::support::{BANK, Endpoint, authority, bank, begin, bundle, document, fetcher, verify};
use crate::fetch::support::{Server, WebAuthority, reply};

fn service(web: &WebAuthority, port: u16, store: impl BundleStore + 'static) -> (BundleSet, Federations) {
    let bundles = BundleSet::new();
    let fetch = fetcher(web.trust(), &[port]);
    let federations = Federations::builder(bundles.clone(), fetch, backend::ring()).store(store).build();
    (bundles, federations)
}

#[tokio::test]
async fn fed_9_fed_11_the_latest_bundle_counts_after_a_restart_before_the_endpoint_answers() {
    let (web, ca, dir) = (WebAuthority::new(), authority(BANK), Directory::new());
    let store = || FileBundleStore::open(dir.path("bundles"), backend::ring()).unwrap();
    let endpoint = Endpoint::web(&web, bundle(&[&ca], 5)).await;
    let (_, federations) = service(&web, endpoint.url.port(), store());
    begin(&federations, Federation::https_web(bank(), endpoint.url.clone())).await;
    drop(federations);

    let broken = Server::start(web.server(&["a.test"]), |_| reply("500 No", "", "")).await;
    let (bundles, federations) = service(&web, broken.port(), store());
    federations.begin(Federation::https_web(bank(), broken.url("a.test", "/"))).await.unwrap();
    verify(&bundles, &ca).unwrap();
    assert_eq!(federations.state(&bank()).unwrap().sequence(), Some(5));
    drop(federations);

    // Nor is an older edition taken then.
    endpoint.bundles.insert(bundle(&[&authority(BANK)], 4));
    let (bundles, federations) = service(&web, endpoint.url.port(), store());
    let state = begin(&federations, Federation::https_web(bank(), endpoint.url.clone())).await;
    assert_refused!(Err::<(), _>(state.last_error().unwrap().clone()), "older_bundle", "BND-8");
    verify(&bundles, &ca).unwrap();
}

#[tokio::test]
async fn fed_9_documents_are_stored_as_they_came() {
    let (web, ca) = (WebAuthority::new(), authority(BANK));
    let text = format!("{}\n ", document(&[&ca], 1).replacen('{', r#"{"other" : [1], "#, 1));
    let body = text.clone();
    let server = Server::start(web.server(&["a.test"]), move |_| reply("200 OK", "", &body)).await;
    let store = MemoryBundleStore::new();
    let (_, federations) = service(&web, server.port(), store.clone());
    begin(&federations, Federation::https_web(bank(), server.url("a.test", "/"))).await;
    assert_eq!(store.load(&bank()).unwrap(), Some(text));
    assert_eq!(store.load(&"spiffe://other.example".parse().unwrap()).unwrap(), None);
    assert_eq!(format!("{store:?}"), r#"{"spiffe://bank.example"}"#);
}

#[tokio::test]
async fn fed_9_bnd_17_a_relationship_does_not_begin_with_a_store_that_is_damaged() {
    let (web, ca) = (WebAuthority::new(), authority(BANK));
    let endpoint = Endpoint::web(&web, bundle(&[&ca], 5)).await;
    let store = MemoryBundleStore::new();
    store.save(&bank(), "garbage").unwrap();
    let (bundles, federations) = service(&web, endpoint.url.port(), store.clone());
    let federation = Federation::https_web(bank(), endpoint.url.clone());
    assert_refused!(federations.begin(federation.clone()).await, "json_not_an_object", "BND-17");
    assert!(bundles.bundle(BANK).is_none() && federations.state(&bank()).is_none());
    // Whoever decides that it may go ends what is not there.
    assert_eq!(federations.end(&bank()).await, Ok(false));
    begin(&federations, federation).await;
    verify(&bundles, &ca).unwrap();
}

/// A disk that is full at times.
#[derive(Debug)]
struct Unreliable(MemoryBundleStore, Arc<AtomicBool>);

impl Unreliable {
    fn check(&self) -> Result<(), BundleStoreError> {
        if self.1.load(Ordering::Relaxed) {
            let kind = std::io::ErrorKind::StorageFull;
            return Err(BundleStoreError::Io { file: "bundles".into(), kind });
        }
        Ok(())
    }
}

impl BundleStore for Unreliable {
    fn load(&self, origin: &Origin) -> Result<Option<String>, BundleStoreError> {
        self.check().and_then(|()| self.0.load(origin))
    }

    fn save(&self, origin: &Origin, document: &str) -> Result<(), BundleStoreError> {
        self.check().and_then(|()| self.0.save(origin, document))
    }

    fn delete(&self, origin: &Origin) -> Result<(), BundleStoreError> {
        self.check().and_then(|()| self.0.delete(origin))
    }
}

#[tokio::test]
async fn fed_9_fed_12_a_store_that_fails_is_reported_and_holds_up_no_revocation() {
    let (web, ca, next) = (WebAuthority::new(), authority(BANK), authority(BANK));
    let endpoint = Endpoint::web(&web, bundle(&[&ca], 1)).await;
    let (memory, fails) = (MemoryBundleStore::new(), Arc::new(AtomicBool::new(false)));
    let store = Unreliable(memory.clone(), Arc::clone(&fails));
    let (bundles, federations) = service(&web, endpoint.url.port(), Arc::new(store));
    let federation = Federation::https_web(bank(), endpoint.url.clone());
    begin(&federations, federation.clone()).await;

    fails.store(true, Ordering::Relaxed);
    endpoint.bundles.insert(bundle(&[&next], 2));
    assert_refused!(federations.refresh(&bank()).await, "bundle_store_io", "FED-9");
    verify(&bundles, &next).unwrap();
    assert!(verify(&bundles, &ca).is_err());
    assert!(memory.load(&bank()).unwrap().unwrap().ends_with(r#""spiffe_sequence":1}"#));
    // It is stored as soon as that is possible.
    fails.store(false, Ordering::Relaxed);
    assert_eq!(federations.refresh(&bank()).await, Ok(Freshness::Same));
    assert!(memory.load(&bank()).unwrap().unwrap().ends_with(r#""spiffe_sequence":2}"#));

    // Ending is not held up either.
    fails.store(true, Ordering::Relaxed);
    assert_refused!(federations.end(&bank()).await, "bundle_store_io", "FED-9");
    assert!(bundles.bundle(BANK).is_none() && federations.state(&bank()).is_none());
    assert_refused!(federations.begin(federation).await, "bundle_store_io", "FED-9");
    fails.store(false, Ordering::Relaxed);
    assert_eq!(federations.end(&bank()).await, Ok(false));
    assert_eq!(memory.load(&bank()).unwrap(), None);
}

/// Whatever it is made of, it does not hold.
#[derive(Debug)]
struct Broken;

impl BundleStore for Broken {
    fn load(&self, _: &Origin) -> Result<Option<String>, BundleStoreError> {
        Ok(None)
    }

    fn save(&self, _: &Origin, _: &str) -> Result<(), BundleStoreError> {
        panic!("broken")
    }

    fn delete(&self, _: &Origin) -> Result<(), BundleStoreError> {
        Ok(())
    }
}

#[tokio::test]
async fn fed_8_a_store_that_panics_fails_the_attempt_and_ends_no_polling() {
    let (web, ca) = (WebAuthority::new(), authority(BANK));
    let endpoint = Endpoint::web(&web, bundle(&[&ca], 1)).await;
    let (bundles, federations) = service(&web, endpoint.url.port(), Broken);
    let state = begin(&federations, Federation::https_web(bank(), endpoint.url.clone())).await;
    assert_refused!(Err::<(), _>(state.last_error().unwrap().clone()), "stopped", "FED-8");
    assert!(state.next_attempt().is_some());
    verify(&bundles, &ca).unwrap();
    assert_eq!(federations.end(&bank()).await, Ok(true));
    assert!(bundles.bundle(BANK).is_none());
}
