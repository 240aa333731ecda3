//! Sources of credentials for keys that stay with their workload: renewal, failures, and what ends them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aims_attest::{Evidence, KeyBinding};
use aims_credential::{CredentialSource, Holder, HolderError};
use aims_keys::{AsyncSigner, BoxFuture, PublicKey, SignError, backend};
use aims_provision::{CollectError, CredentialType, EvidenceSource, JoinTokens, RotationState};
use aims_testkit::assert_refused;
use aims_workload_api::{HeldKeySource, KeyHolderApi, WorkloadApiError};

use crate::key_holder::{agent, api, key, remote, served, verify};
use crate::support::*;

/// Makes keys, and counts them.
fn counting() -> (Arc<AtomicUsize>, impl Fn() -> Result<Arc<dyn AsyncSigner>, SignError> + Send + Sync) {
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    (count, move || {
        counter.fetch_add(1, Ordering::SeqCst);
        Ok(key())
    })
}

async fn until(source: &mut HeldKeySource, what: impl Fn(&aims_workload_api::StreamStatus) -> bool) {
    let wait = async {
        while !what(&source.status()) {
            source.changed().await;
        }
    };
    tokio::time::timeout(LONG, wait).await.expect("the status does not come");
}

#[tokio::test]
async fn aims_13_att_96_a_source_renews_with_a_fresh_key_each_time() {
    let tokens = Arc::new(JoinTokens::new(backend::ring()));
    let (server, api) = remote(&tokens, 4).await;
    let token = tokens.create(["join:agent:travel".parse().unwrap()], now()).unwrap();
    let (count, make) = counting();
    let mut source = HeldKeySource::builder(api, make).join_token(token.expose()).start().await.unwrap();
    let public =
        |source: &HeldKeySource| source.wit().holder().unwrap().signer(now()).unwrap().public_key().clone();
    let first = public(&source);
    until(&mut source, |status| status.updates >= 3).await;
    assert!(count.load(Ordering::SeqCst) >= 3);
    assert_ne!(public(&source), first);
    let (x509, wit) = (source.x509().holder().unwrap(), source.wit().holder().unwrap());
    assert_eq!((x509.subject().as_str(), wit.subject().as_str()), (AGENT, AGENT));
    verify(&server, &x509);
}

/// What signs handshakes signs no proofs.
#[tokio::test]
async fn crd_9_two_sources_have_a_key_for_each_credential() {
    let served = served(agent());
    let wits = HeldKeySource::builder(api(&served), || Ok(key())).wit_only().start().await.unwrap();
    let certificates = HeldKeySource::builder(api(&served), || Ok(key())).x509_only().start().await.unwrap();
    let (wit, x509) = (wits.wit().holder().unwrap(), certificates.x509().holder().unwrap());
    let public = |holder: &Holder| holder.signer(now()).unwrap().public_key().clone();
    assert_ne!(public(&wit), public(&x509));
    for holder in [&wit, &x509] {
        assert_eq!(holder.subject().as_str(), AGENT);
        verify(&served.server, holder);
    }
    for other in [wits.x509(), certificates.wit()] {
        assert_eq!(other.holder().unwrap_err(), HolderError::None);
    }
}

#[tokio::test]
async fn aims_18_wa_9_a_source_says_what_ended_it() {
    let served = served(vec![
        entry(AGENT, &["unix:uid:1"])
            .lifetime(CredentialType::X509, Duration::from_secs(2))
            .lifetime(CredentialType::Wit, Duration::from_secs(2)),
    ]);
    let mut source = HeldKeySource::builder(api(&served), || Ok(key())).start().await.unwrap();
    served.says.set(&["unix:uid:9"]);
    until(&mut source, |status| status.state == RotationState::Withdrawn).await;
    assert_eq!(source.x509().holder().unwrap_err(), HolderError::None);
    assert_eq!(source.last_error().unwrap().code(), "permission_denied");
    served.says.set(&["unix:uid:1"]);
    until(&mut source, |status| status.state == RotationState::Valid).await;

    // A device that is gone.
    let broken = Arc::new(Mutex::new(false));
    let state = Arc::clone(&broken);
    let make = move || if *state.lock().unwrap() { Err(SignError::DeviceGone) } else { Ok(key()) };
    let mut source = HeldKeySource::builder(api(&served), make).start().await.unwrap();
    *broken.lock().unwrap() = true;
    let wait = async {
        while source.last_error().is_none() {
            source.changed().await;
        }
    };
    tokio::time::timeout(LONG, wait).await.unwrap();
    assert_eq!(source.last_error().unwrap().code(), "device_gone");
    assert!(matches!(source.status().state, RotationState::Renewing | RotationState::Expired));
}

#[tokio::test]
async fn aims_4_a_source_stays_who_it_is_when_the_register_has_another_order() {
    let short = |id| {
        entry(id, &["unix:uid:1"])
            .lifetime(CredentialType::X509, Duration::from_secs(2))
            .lifetime(CredentialType::Wit, Duration::from_secs(2))
    };
    let two = "spiffe://acme.example/agents/two";
    let served = served(vec![short(AGENT), short(two)]);
    let mut source = HeldKeySource::builder(api(&served), || Ok(key())).start().await.unwrap();
    served.server.set_entries(entries(vec![short(two), short(AGENT)]));
    until(&mut source, |status| status.updates >= 2 || status.last_error.is_some()).await;
    for slot in [source.x509(), source.wit()] {
        assert_eq!(slot.holder().unwrap().subject().as_str(), AGENT);
    }
    // Its identity goes: it does not become somebody else.
    served.server.set_entries(entries(vec![short(two)]));
    until(&mut source, |status| status.state == RotationState::Withdrawn).await;
    assert_eq!(source.x509().holder().unwrap_err(), HolderError::None);
}

/// WE-2: what calls the service by another name is refused however often it asks; and is told so at each attempt.
#[tokio::test]
async fn we_2_a_source_does_not_wait_where_its_request_is_refused_as_such() {
    let served = served(agent());
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = Arc::clone(&told);
    let elsewhere = KeyHolderApi::new(&served.endpoint(), "spiffe://other.example", backend::ring());
    let started = HeldKeySource::builder(elsewhere, || Ok(key()))
        .on_failure(move |error| tell.lock().unwrap().push(error.code()))
        .ready_within(LONG)
        .start();
    let started = tokio::time::timeout(Duration::from_secs(10), started).await.expect("it waits");
    assert_refused!(started, "invalid_argument", "WE-2");
    assert_eq!(*told.lock().unwrap(), ["invalid_argument"; 2]);

    // What may be mended meanwhile is waited for.
    served.says.set(&["unix:uid:9"]);
    let (tell, says) = (Arc::clone(&told), served.says.clone());
    let source = HeldKeySource::builder(api(&served), || Ok(key())).on_failure(move |error| {
        tell.lock().unwrap().push(error.code());
        says.set(&["unix:uid:1"]);
    });
    source.start().await.unwrap();
    assert_eq!(told.lock().unwrap().last(), Some(&"permission_denied"));
}

/// A panic of who is told, where nobody reads what it prints for instance, is not the end of renewal; that of who collects evidence is, and is told.
#[tokio::test]
async fn aims_13_panics_of_others_do_not_end_a_source_without_a_word() {
    let served = served(agent());
    served.says.set(&["unix:uid:9"]);
    let says = served.says.clone();
    let source = HeldKeySource::builder(api(&served), || Ok(key())).on_failure(move |_| {
        says.set(&["unix:uid:1"]);
        panic!("as it should, in this test");
    });
    source.ready_within(LONG).start().await.unwrap();

    let started =
        HeldKeySource::builder(api(&served), || Ok(key())).evidence(Panics).ready_within(LONG).start();
    let started = tokio::time::timeout(Duration::from_secs(10), started).await.expect("it waits");
    assert_refused!(started, "panicked", "ATT-121");
}

#[derive(Debug)]
struct Panics;

impl EvidenceSource for Panics {
    fn collect<'a>(
        &'a self,
        _: &'a KeyBinding,
        _: &'a PublicKey,
    ) -> BoxFuture<'a, Result<Vec<Evidence>, CollectError>> {
        Box::pin(async { panic!("as it should, in this test") })
    }
}

/// AIMS-13: a service that was there is asked again, whatever else is on its socket meanwhile.
#[tokio::test]
async fn aims_13_a_service_that_has_answered_once_is_asked_again() {
    let four = Duration::from_secs(4);
    let brief = agent().remove(0).lifetime(CredentialType::Wit, four).lifetime(CredentialType::X509, four);
    let mut served = served(vec![brief]);
    let mut source = HeldKeySource::builder(api(&served), || Ok(key())).start().await.unwrap();
    served.stop();
    // Another begins there, without the service for key holders.
    let mut other = Served::new(agent());
    other.stop();
    other.path.clone_from(&served.path);
    other.start();
    until(&mut source, |status| status.last_error == Some(WorkloadApiError::Unimplemented)).await;
    let before = source.status().updates;
    other.stop();
    served.start();
    until(&mut source, |status| status.updates > before).await;
    source.wit().holder().unwrap();
}
