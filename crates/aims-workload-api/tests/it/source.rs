//! A source that follows an API: rotation, withdrawal, outages.

use std::sync::Arc;
use std::time::Duration;

use aims_attest::{EvidenceRule, EvidenceType, Policy};
use aims_credential::{BundleSource, Credential, CredentialSource, HolderError};
use aims_keys::UnixTime;
use aims_provision::{CredentialType, RotationState};
use aims_testkit::assert_refused;
use aims_workload_api::{SourceStatus, WorkloadApiError, WorkloadSource};
use tokio::time::timeout;

use crate::support::*;

fn served() -> Served {
    Served::new(vec![entry(AGENT, &["unix:uid:1"])])
}

async fn until(source: &mut WorkloadSource, what: impl Fn(&SourceStatus) -> bool) -> SourceStatus {
    let wait = async {
        loop {
            let status = source.status();
            if what(&status) {
                return status;
            }
            source.changed().await;
        }
    };
    timeout(LONG, wait).await.expect("the status does not come")
}

fn serial(source: &dyn CredentialSource) -> Vec<u8> {
    match source.holder().unwrap().credential() {
        Credential::Svid(svid) => svid.chain()[0].to_vec(),
        _ => panic!("no certificate"),
    }
}

#[tokio::test]
async fn aims_13_aims_18_a_source_is_ready_with_all_it_follows() {
    let served = served();
    let source = WorkloadSource::builder(served.api()).with_wit().start().await.unwrap();
    let (x509, wit) = (source.x509().holder().unwrap(), source.wit().holder().unwrap());
    assert_eq!((x509.subject().as_str(), wit.subject().as_str()), (AGENT, AGENT));
    let bundle = source.bundles().bundle(ORIGIN).unwrap();
    assert_eq!((bundle.x509_authorities().len(), bundle.jwt_keys().len(), bundle.keys().len()), (1, 1, 1));
    let status = source.status();
    let names: Vec<_> = status.streams.keys().copied().collect();
    assert_eq!(names, ["jwt_bundles", "wit", "wit_bundles", "x509"]);
    let x509 = &status.streams["x509"];
    assert_eq!((x509.state, x509.updates, &x509.last_error), (RotationState::Valid, 1, &None));
    assert!(x509.not_after.is_some() && status.streams["jwt_bundles"].not_after.is_none());
}

/// For a workload whose entry asks for evidence: it gets its credentials elsewhere, and is told here whom to trust, and when that changes.
#[tokio::test]
async fn aims_18_a_source_of_bundles_alone_follows_them() {
    let policy = Policy::from(EvidenceRule::of(EvidenceType::Tpm2Quote));
    let served = Served::new(vec![entry(AGENT, &["unix:uid:1"]).evidence(policy)]);
    let mut source = WorkloadSource::builder(served.api()).bundles_only().with_wit().start().await.unwrap();
    let names: Vec<_> = source.status().streams.keys().copied().collect();
    assert_eq!(names, ["jwt_bundles", "wit_bundles", "x509_bundles"]);
    assert!(source.x509().holder().is_err() && source.wit().holder().is_err());
    let counts = |source: &WorkloadSource| {
        let bundle = source.bundles().bundle(ORIGIN).unwrap();
        (bundle.x509_authorities().len(), bundle.jwt_keys().len(), bundle.keys().len())
    };
    assert_eq!(counts(&source), (1, 1, 1));
    served.server.authority().rotate(now()).unwrap();
    served.server.bundles_changed();
    until(&mut source, |status| status.streams.values().all(|stream| stream.updates == 2)).await;
    assert_eq!(counts(&source), (2, 2, 2));
    // Nobody knows it any more: it is told nothing, and what it was told counts no more.
    served.server.set_entries(entries(Vec::new()));
    let denied = Some(WorkloadApiError::PermissionDenied);
    until(&mut source, |status| status.streams.values().all(|stream| stream.last_error == denied)).await;
    assert!(source.bundles().bundle(ORIGIN).is_none());
}

#[tokio::test]
async fn wa_3_wa_4_a_new_message_takes_the_place_of_the_old_state() {
    let served = served();
    let mut source = WorkloadSource::builder(served.api()).start().await.unwrap();
    let (x509, before) = (source.x509(), serial(&*source.x509()));
    let bundles = source.bundles();
    let old = bundles.bundle(ORIGIN).unwrap();
    served.server.authority().rotate(now()).unwrap();
    served.server.bundles_changed();
    until(&mut source, |status| status.streams.values().all(|stream| stream.updates == 2)).await;
    assert_ne!(serial(&*x509), before);
    let new = bundles.bundle(ORIGIN).unwrap();
    assert!(!Arc::ptr_eq(&old, &new));
    assert_eq!((new.x509_authorities().len(), new.jwt_keys().len()), (2, 2));
}

#[tokio::test]
async fn wa_5_a_bundle_that_is_not_mentioned_any_more_is_not_trusted_any_more() {
    let bank = aims_provision::Authority::in_memory(
        "bank.example".parse().unwrap(),
        aims_provision::AuthoritySettings::new(),
        aims_keys::backend::ring(),
        now(),
    );
    let federated = || entry(AGENT, &["unix:uid:1"]).federates_with("spiffe://bank.example".parse().unwrap());
    let served = Served::with(vec![federated()], |builder| builder.federated(bank.unwrap()));
    let mut source = WorkloadSource::builder(served.api()).start().await.unwrap();
    let own = source.bundles().bundle(ORIGIN).unwrap();
    assert!(source.bundles().bundle("spiffe://bank.example").is_some());
    served.server.set_entries(entries(vec![entry(AGENT, &["unix:uid:1"])]));
    until(&mut source, |status| status.streams.values().all(|stream| stream.updates == 2)).await;
    assert!(source.bundles().bundle("spiffe://bank.example").is_none());
    assert!(Arc::ptr_eq(&own, &source.bundles().bundle(ORIGIN).unwrap()), "what is the same stays the same");
}

#[tokio::test]
async fn x5v_10_a_certificate_that_is_revoked_is_in_the_bundle_of_those_who_follow() {
    let served = served();
    let mut source = WorkloadSource::builder(served.api()).start().await.unwrap();
    let lists = |source: &WorkloadSource| {
        let bundle = source.bundles().bundle(ORIGIN).unwrap();
        bundle.revocation_lists().iter().map(aims_credential::x509::RevocationList::len).collect::<Vec<_>>()
    };
    assert!(lists(&source).is_empty());
    // The second time there is one list as before, and it is another.
    for (serial, updates) in [("0a", 2), ("0b", 3)] {
        served.server.authority().revoke(serial, now()).unwrap();
        served.server.bundles_changed();
        until(&mut source, |status| status.streams["x509"].updates == updates).await;
        assert_eq!(lists(&source), [usize::try_from(updates).unwrap() - 1]);
    }
}

#[tokio::test]
async fn wa_7_a_source_follows_what_it_is_told_to() {
    let served = served();
    let source = WorkloadSource::builder(served.api()).without_x509().start().await.unwrap();
    assert_eq!(source.status().streams.into_keys().collect::<Vec<_>>(), ["jwt_bundles"]);
    for slot in [source.x509(), source.wit()] {
        assert_eq!(slot.holder().unwrap_err(), HolderError::None);
    }
    let bundle = source.bundles().bundle(ORIGIN).unwrap();
    assert_eq!((bundle.x509_authorities().len(), bundle.jwt_keys().len(), bundle.keys().len()), (0, 1, 0));
}

#[tokio::test]
async fn wa_9_aims_18_withdrawn_permission_leaves_nothing_and_comes_back() {
    let served = served();
    let mut source = WorkloadSource::builder(served.api()).start().await.unwrap();
    served.says.set(&["unix:uid:9"]);
    served.server.bundles_changed();
    let status = until(&mut source, |status| {
        status.streams.values().all(|stream| stream.state == RotationState::Withdrawn)
    })
    .await;
    let x509 = &status.streams["x509"];
    assert_eq!(x509.last_error.as_ref().unwrap().code(), "permission_denied");
    assert!(x509.next_attempt.is_some());
    assert_eq!(source.x509().holder().unwrap_err(), HolderError::None);
    assert!(source.bundles().bundle(ORIGIN).is_none());

    served.says.set(&["unix:uid:1"]);
    until(&mut source, |status| status.streams.values().all(|stream| stream.state == RotationState::Valid))
        .await;
    assert_eq!(source.x509().holder().unwrap().subject().as_str(), AGENT);
    assert!(source.bundles().bundle(ORIGIN).is_some());
}

#[tokio::test]
async fn aims_18_wa_3_while_the_api_is_away_what_there_is_serves_until_it_expires() {
    let mut served = served();
    let clock = aims_clock();
    let mut source = WorkloadSource::builder(served.api()).with_clock(clock.1.clone()).start().await.unwrap();
    let before = serial(&*source.x509());
    served.stop();
    until(&mut source, |status| {
        status.streams["x509"].last_error.as_ref().is_some_and(|error| error.code() == "unavailable")
    })
    .await;
    assert_eq!(serial(&*source.x509()), before);
    assert!(source.bundles().bundle(ORIGIN).is_some());
    // An hour later it has expired, and there is none.
    clock.0.store(3601, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(source.x509().holder().unwrap_err(), HolderError::Expired);
    clock.0.store(0, std::sync::atomic::Ordering::SeqCst);

    served.start();
    until(&mut source, |status| status.streams["x509"].updates == 2).await;
    assert_ne!(serial(&*source.x509()), before);
}

type Offset = Arc<std::sync::atomic::AtomicU64>;

/// The system's clock, so many seconds later.
fn aims_clock() -> (Offset, impl Fn() -> std::time::SystemTime + Clone + Send + Sync + 'static) {
    let offset = Offset::default();
    let read = Arc::clone(&offset);
    let clock = move || {
        std::time::SystemTime::now() + Duration::from_secs(read.load(std::sync::atomic::Ordering::SeqCst))
    };
    (offset, clock)
}

#[tokio::test]
async fn aims_4_an_identity_is_one_for_life_and_can_be_chosen() {
    let two = "spiffe://acme.example/agents/two";
    let all = || vec![entry(AGENT, &["unix:uid:1"]), entry(two, &["unix:uid:1"]).hint("second")];
    let served = Served::new(all());
    let subject = |source: &WorkloadSource| source.x509().holder().unwrap().subject().to_string();
    let mut first = WorkloadSource::builder(served.api()).start().await.unwrap();
    assert_eq!(subject(&first), AGENT);
    let hinted = WorkloadSource::builder(served.api()).hint("second").start().await.unwrap();
    assert_eq!(subject(&hinted), two);
    let named = WorkloadSource::builder(served.api()).id(two.parse().unwrap()).start().await.unwrap();
    assert_eq!(subject(&named), two);

    // Another order: the default is another one now, and this workload is still who it was.
    served.server.set_entries(entries(all().into_iter().rev().collect()));
    until(&mut first, |status| status.streams["x509"].updates == 2).await;
    assert_eq!(subject(&first), AGENT);
    // Its identity goes: it does not become somebody else.
    served.server.set_entries(entries(vec![entry(two, &["unix:uid:1"])]));
    until(&mut first, |status| status.streams["x509"].state == RotationState::Withdrawn).await;
    assert_eq!(first.x509().holder().unwrap_err(), HolderError::None);
}

#[tokio::test]
async fn aims_13_a_source_is_not_ready_without_the_identity_that_was_chosen() {
    let served = Served::new(vec![entry(AGENT, &["unix:uid:1"]).hint("internal")]);
    let chosen = || WorkloadSource::builder(served.api()).hint("external");
    let none = chosen().ready_within(Duration::from_millis(500)).start().await;
    let error = none.unwrap_err();
    assert_eq!((error.code(), error.rule()), ("permission_denied", "WA-9"));

    // It waits for it, and says meanwhile what is missing.
    let mut source = chosen().start_without_waiting();
    let status = until(&mut source, |status| status.streams["x509"].updates == 1).await;
    assert_eq!(status.streams["x509"].last_error.as_ref().unwrap().code(), "permission_denied");
    let waiting = tokio::spawn(chosen().start());
    served.server.set_entries(entries(vec![entry(AGENT, &["unix:uid:1"]).hint("external")]));
    let ready = timeout(LONG, waiting).await.expect("it is not ready").unwrap().unwrap();
    assert_eq!(ready.x509().holder().unwrap().subject().as_str(), AGENT);
    until(&mut source, |status| status.streams["x509"].last_error.is_none()).await;
}

#[tokio::test]
async fn aims_13_credentials_are_renewed_at_half_their_life() {
    let served = Served::new(vec![
        entry(AGENT, &["unix:uid:1"])
            .lifetime(CredentialType::X509, Duration::from_secs(4))
            .lifetime(CredentialType::Wit, Duration::from_secs(4)),
    ]);
    let mut source = WorkloadSource::builder(served.api()).with_wit().start().await.unwrap();
    let (x509, wit) = (source.x509(), source.wit());
    let (first, began) = (serial(&*x509), now());
    until(&mut source, |status| status.streams["x509"].updates >= 3 && status.streams["wit"].updates >= 3)
        .await;
    assert_ne!(serial(&*x509), first);
    // Never without one.
    assert!(x509.holder().is_ok() && wit.holder().is_ok());
    assert!(now().since(began) < Duration::from_secs(8));
}

#[tokio::test]
async fn wa_1_what_an_api_does_not_have_is_asked_for_once() {
    let silent = Served::new(vec![entry(AGENT, &["unix:uid:2"])]);
    let started =
        WorkloadSource::builder(silent.api()).ready_within(Duration::from_millis(300)).start().await;
    assert_refused!(started, "permission_denied", "WA-9");
    let nobody = aims_workload_api::WorkloadApi::new(
        &aims_workload_api::Endpoint::Unix("/nonexistent/api.sock".into()),
        aims_keys::backend::ring(),
    );
    let started = WorkloadSource::builder(nobody).ready_within(Duration::from_millis(300)).start().await;
    assert_refused!(started, "unavailable", "WA-3");
    let _: Option<UnixTime> = None;
}
