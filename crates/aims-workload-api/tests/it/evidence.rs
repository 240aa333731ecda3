//! Credentials on evidence: what a workload brings for its key, and what comes of it (ATT-3, ATT-112, ATT-121).

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aims_attest::{
    Appraisal, Asked, BoundKey, Evidence, EvidenceRule, EvidenceType, Freshness, KeyBinding, Level, Policy,
    Reason, Verdict, Verifier, Verifiers,
};
use aims_credential::{
    BundleSet, Credential, Holder, Mark, MarkKey, MarkTable, Marks, TrustBundle, WitVerifier,
};
use aims_jose::Thumbprint;
use aims_keys::{Algorithm, AsyncSigner, BoxFuture, PublicKey, SignError, SoftwareKey, backend};
use aims_provision::{Challenge, CollectError, EvidenceSource};
use aims_testkit::assert_refused;
use aims_workload_api::proto::key_holder as wire;
use aims_workload_api::{HeldKeySource, IssuedForKey, KeyHolderApi, KeyHolderError, KeyRequest};
use tonic::Code;
use wire::issue_request::Proof;

use crate::key_holder::raw;
use crate::server::with_header;
use crate::support::*;

const AUDIENCE: &str = "spiffe://acme.example";

/// A device that says of a key that it holds it: its word is the binding. What becomes of that is for the test to say.
#[derive(Clone, Debug)]
struct Device(Arc<Mutex<Mood>>);

#[derive(Clone, Copy, Debug)]
enum Mood {
    Fine,
    Gone,
    Judged(Verdict),
    /// It answers another challenge.
    Old,
    /// It says what the machine is, and nothing of where the key is.
    Vouches,
    Silent,
}

impl Device {
    fn new() -> Self {
        Self(Arc::new(Mutex::new(Mood::Fine)))
    }

    fn set(&self, mood: Mood) {
        *self.0.lock().unwrap() = mood;
    }

    fn mood(&self) -> Mood {
        *self.0.lock().unwrap()
    }
}

impl EvidenceSource for Device {
    fn collect<'a>(
        &'a self,
        binding: &'a KeyBinding,
        _: &'a PublicKey,
    ) -> BoxFuture<'a, Result<Vec<Evidence>, CollectError>> {
        let said = match self.mood() {
            Mood::Gone => return Box::pin(async { Err(CollectError::Device(SignError::DeviceGone)) }),
            Mood::Silent => return Box::pin(async { Ok(Vec::new()) }),
            Mood::Old => [9; 32],
            Mood::Fine | Mood::Judged(_) | Mood::Vouches => *binding.as_bytes(),
        };
        let evidence = Evidence::new(EvidenceType::Tpm2Quote, said.to_vec(), now());
        Box::pin(async move { Ok(vec![evidence?]) })
    }
}

/// Believes it.
impl Verifier for Device {
    fn evidence_type(&self) -> &EvidenceType {
        &EvidenceType::Tpm2Quote
    }

    fn appraise(&self, evidence: &Evidence, asked: &Asked<'_>) -> Appraisal {
        let refused = |verdict| Appraisal::refused(evidence, "device", verdict, asked.now(), backend::ring());
        if let Mood::Judged(verdict) = self.mood() {
            return refused(verdict);
        }
        let (Some(binding), Some(key)) = (asked.binding(), asked.key()) else {
            return refused(Verdict::Inconclusive("challenge"));
        };
        if evidence.payload() != binding.as_bytes() {
            return refused(Verdict::Rejected(Reason::NonceMismatch));
        }
        let until = asked.now() + Duration::from_secs(600);
        if let Mood::Vouches = self.mood() {
            return Appraisal::accepted(evidence, "device", (asked.now(), until), backend::ring())
                .level(Level::VOUCHED)
                .freshness(Freshness::Nonce)
                .build();
        }
        Appraisal::accepted(evidence, "device", (asked.now(), until), backend::ring())
            .level(Level::HARDWARE)
            .bound(BoundKey::Hardware(*key), *binding)
            .selector("tpm:device:1".parse().unwrap())
            .build()
    }
}

struct World {
    served: Served,
    device: Device,
    marks: Arc<MarkTable>,
}

impl World {
    fn new() -> Self {
        Self::asking(EvidenceRule::of(EvidenceType::Tpm2Quote).key_in_hardware())
    }

    fn asking(rule: EvidenceRule) -> Self {
        let (device, marks) = (Device::new(), Arc::new(MarkTable::with_capacity(100)));
        let policy = Policy::from(rule);
        let served = Served::with(vec![entry(AGENT, &["unix:uid:1"]).evidence(policy)], |builder| {
            builder
                .key_holders(AUDIENCE)
                .evidence(Verifiers::new(backend::ring()).with(device.clone()))
                .revokes(Arc::clone(&marks))
        });
        Self { served, device, marks }
    }

    fn api(&self) -> KeyHolderApi {
        KeyHolderApi::new(&self.served.endpoint(), AUDIENCE, backend::ring())
    }

    fn asked(&self) -> KeyRequest {
        KeyRequest::new().evidence(Arc::new(self.device.clone()))
    }

    async fn issue(&self, key: &Arc<dyn AsyncSigner>) -> Result<IssuedForKey, KeyHolderError> {
        self.api().issue(key, &self.asked(), now()).await
    }

    async fn renew(
        &self,
        key: &Arc<dyn AsyncSigner>,
        previous: &Arc<dyn AsyncSigner>,
    ) -> Result<IssuedForKey, KeyHolderError> {
        self.api().issue(key, &self.asked().previous(Arc::clone(previous)), now()).await
    }

    fn refused(&self, code: &str) -> u64 {
        self.served.server.status().refused.get(code).copied().unwrap_or_default()
    }

    fn is_marked(&self, key: &Arc<dyn AsyncSigner>) -> bool {
        let thumbprint = Thumbprint::of(key.public_key());
        self.marks.mark(&MarkKey::Key(&thumbprint)).unwrap().is_some()
    }
}

fn key() -> Arc<dyn AsyncSigner> {
    Arc::new(SoftwareKey::generate(Algorithm::Es256, backend::ring()).unwrap())
}

fn verifier(world: &World) -> WitVerifier {
    let bundles = BundleSet::from(TrustBundle::clone(&world.served.server.authority().trust_bundle()));
    WitVerifier::builder(bundles, backend::ring()).marks(Arc::clone(&world.marks)).build()
}

fn token(holder: &Holder) -> String {
    let Credential::Wit(wit) = holder.credential() else { panic!("another credential") };
    wit.token().to_owned()
}

#[tokio::test]
async fn aims_15_att_115_a_credential_says_what_was_found_and_lives_no_longer() {
    let world = World::new();
    let key = key();
    let issued = world.issue(&key).await.unwrap();
    let wit = verifier(&world).verify(&token(issued.wit.as_ref().unwrap()), now()).unwrap();
    let attested = wit.attested().unwrap();
    assert_eq!((attested.level(), attested.is_key_in_hardware()), (4, true));
    assert_eq!(attested.types().collect::<Vec<_>>(), ["tpm2-quote", "unix-peer"]);
    let ends = now() + Duration::from_secs(601);
    assert!(wit.not_after() <= ends && issued.x509.unwrap().not_after() <= ends);
}

/// A key in memory, of a machine that a TPM vouches for: the credential says software, and an entry that asks for hardware gives none.
#[tokio::test]
async fn aims_16_att_113_a_software_key_that_stands_in_is_called_one() {
    let world = World::asking(EvidenceRule::of(EvidenceType::Tpm2Quote).about_key());
    world.device.set(Mood::Vouches);
    let issued = world.issue(&key()).await.unwrap();
    let wit = verifier(&world).verify(&token(issued.wit.as_ref().unwrap()), now()).unwrap();
    let attested = wit.attested().unwrap();
    assert_eq!((attested.level(), attested.is_key_in_hardware()), (3, false));

    let world = World::new();
    world.device.set(Mood::Vouches);
    assert_refused!(world.issue(&key()).await, "permission_denied", "WA-9");
    assert_eq!(world.refused("evidence_insufficient"), 1);
}

#[tokio::test]
async fn att_112_evidence_of_another_challenge_or_without_any_gets_nothing() {
    let world = World::new();
    for (mood, code) in [(Mood::Old, "nonce_mismatch"), (Mood::Silent, "evidence_insufficient")] {
        world.device.set(mood);
        assert_refused!(world.issue(&key()).await, "permission_denied", "WA-9");
        assert_eq!(world.refused(code), if code == "nonce_mismatch" { 1 } else { 2 }, "{code}");
    }
    // ATT-111: the operator is told what was missing.
    let unmet: Vec<_> = world.served.server.status().unmet.iter().map(ToString::to_string).collect();
    assert_eq!(unmet, ["evidence_missing (tpm2-quote)"]);
    // A caller that keeps its keys, and speaks of no evidence.
    assert_refused!(world.api().issue(&key(), &KeyRequest::new(), now()).await, "permission_denied", "WA-9");
    // And the Workload API, which makes the keys, has no entry for it either.
    assert!(world.served.api().fetch_x509().await.is_err());
}

#[tokio::test]
async fn att_121_evidence_that_is_rejected_ends_the_credential_before() {
    let world = World::new();
    let (first, second) = (key(), key());
    let issued = world.issue(&first).await.unwrap();
    let wit = token(issued.wit.as_ref().unwrap());
    let verified = verifier(&world).verify(&wit, now()).unwrap();

    // Nobody can tell: what there was goes on, and nothing new is issued.
    let unavailable = Verdict::Unavailable { dependency: "boot_records", retry_after: None };
    for verdict in [unavailable, Verdict::Error] {
        world.device.set(Mood::Judged(verdict));
        assert_refused!(world.renew(&second, &first).await, "unavailable", "WA-3");
        assert!(!world.is_marked(&first));
    }
    // Nothing was shown: nothing is issued, and nobody is at fault.
    for mood in [Mood::Silent, Mood::Judged(Verdict::Inconclusive("challenge"))] {
        world.device.set(mood);
        assert_refused!(world.renew(&second, &first).await, "permission_denied", "WA-9");
        assert!(!world.is_marked(&first));
    }
    verified.still_valid(now(), &*world.marks).unwrap();

    world.device.set(Mood::Judged(Verdict::Rejected(Reason::MeasurementMismatch)));
    assert_refused!(world.renew(&second, &first).await, "permission_denied", "WA-9");
    assert!(world.is_marked(&first) && !world.is_marked(&second));
    assert_eq!(world.refused("measurement_mismatch"), 1);
    assert_refused!(verified.still_valid(now(), &*world.marks), "revoked", "AIMS-55");
    assert_refused!(verifier(&world).verify(&wit, now()), "revoked", "AIMS-55");

    // Whoever has no credential yet loses none.
    assert_refused!(world.issue(&second).await, "permission_denied", "WA-9");
    assert!(!world.is_marked(&second));
}

#[tokio::test]
async fn att_121_no_room_for_a_mark_is_told_and_issues_nothing() {
    let world = World::new();
    let first = key();
    world.issue(&first).await.unwrap();
    for n in 0..100_u8 {
        let id: aims_id::WorkloadId = format!("spiffe://acme.example/{n}").parse().unwrap();
        world.marks.add(&MarkKey::Agent(&id), Mark::dead()).unwrap();
    }
    world.device.set(Mood::Judged(Verdict::Rejected(Reason::BadSignature)));
    assert_refused!(world.renew(&key(), &first).await, "permission_denied", "WA-9");
    assert_eq!(world.refused("marks_full"), 1);
}

#[tokio::test]
async fn att_41_att_5_what_only_the_issuer_can_have_seen_nobody_brings_nor_too_much() {
    let world = World::new();
    let mut client = raw(&world.served).await;
    let bring = async |client: &mut wire::key_holder_client::KeyHolderClient<_>,
                       evidence: Vec<wire::Evidence>| {
        let key = key();
        let nonce = client.challenge(with_header(wire::ChallengeRequest {})).await.unwrap();
        let challenge = Challenge::new(AUDIENCE, &nonce.into_inner().nonce).unwrap();
        let proof = challenge.prepare_proof(key.public_key(), now()).unwrap().sign_async(&key).await.unwrap();
        let message = wire::IssueRequest { proof: Some(Proof::Jws(proof)), evidence, ..Default::default() };
        client.issue(with_header(message)).await.map_err(|status| status.code())
    };
    let of =
        |kind: &str, len| wire::Evidence { r#type: kind.into(), format_version: 1, payload: vec![0; len] };
    for kind in ["unix-peer", "process", "container-image", "join-token"] {
        let refused = bring(&mut client, vec![of(kind, 1)]).await.unwrap_err();
        assert_eq!(refused, Code::InvalidArgument, "{kind}");
    }
    assert_eq!(world.refused("evidence_is_hearsay"), 4);
    for (evidence, code) in [
        (vec![of("", 1)], "unsupported_type"),
        (vec![of(&"x".repeat(129), 1)], "unsupported_type"),
        (vec![of("eat", 64 * 1024 + 1)], "too_large"),
        ((0..17).map(|_| of("eat", 1)).collect(), "too_much_evidence"),
    ] {
        let before = world.refused(code);
        assert_eq!(bring(&mut client, evidence).await.unwrap_err(), Code::InvalidArgument, "{code}");
        assert_eq!(world.refused(code), before + 1, "{code}");
    }
    // What nobody appraises proves nothing.
    assert_eq!(bring(&mut client, vec![of("x-acme", 1)]).await.unwrap_err(), Code::PermissionDenied);
    // An event log as large as may be comes through, and more than that does not.
    assert_eq!(
        bring(&mut client, vec![of("tpm2-quote", 1_400_000)]).await.unwrap_err(),
        Code::PermissionDenied
    );
    assert_eq!(bring(&mut client, vec![of("tpm2-quote", 3_000_000)]).await.unwrap_err(), Code::OutOfRange);
    // Nor do a million pieces with nothing in them: two bytes each, and fifty once there were room for them.
    let empty = vec![wire::Evidence::default(); 900_000];
    let before = world.refused("too_much_evidence");
    assert_eq!(bring(&mut client, empty).await.unwrap_err(), Code::InvalidArgument);
    assert_eq!(world.refused("too_much_evidence"), before, "refused before it was decoded");
    assert_eq!(bring(&mut client, vec![of("x-acme", 1)]).await.unwrap_err(), Code::PermissionDenied);
}

/// Believes whatever it is shown, which says the same to everybody.
#[derive(Debug)]
struct Copies;

impl Verifier for Copies {
    fn evidence_type(&self) -> &EvidenceType {
        &EvidenceType::SlsaProvenance
    }

    fn appraise(&self, evidence: &Evidence, asked: &Asked<'_>) -> Appraisal {
        let until = asked.now() + Duration::from_secs(600);
        let builder = Appraisal::accepted(evidence, "copies", (asked.now(), until), backend::ring());
        // A payload of one byte says that it answers the challenge; of two, that it is about the key.
        let builder = builder.selector("slsa:builder:ci".parse().unwrap());
        match evidence.payload().len() {
            1 => builder.freshness(aims_attest::Freshness::Nonce).build(),
            2 => builder
                .bound(BoundKey::ProofOfPossession(*asked.key().unwrap()), *asked.binding().unwrap())
                .build(),
            _ => builder.build(),
        }
    }
}

#[tokio::test]
async fn att_20_att_22_what_anybody_may_have_a_copy_of_proves_nothing_of_who_brings_it() {
    let served = Served::with(vec![entry(AGENT, &["unix:uid:1", "slsa:builder:ci"])], |builder| {
        builder.key_holders(AUDIENCE).evidence(Verifiers::new(backend::ring()).with(Copies))
    });
    let mut client = raw(&served).await;
    let mut bring = async |len| {
        let key = key();
        let nonce = client.challenge(with_header(wire::ChallengeRequest {})).await.unwrap();
        let challenge = Challenge::new(AUDIENCE, &nonce.into_inner().nonce).unwrap();
        let proof = challenge.prepare_proof(key.public_key(), now()).unwrap().sign_async(&key).await.unwrap();
        let copy =
            wire::Evidence { r#type: "slsa-provenance".into(), format_version: 1, payload: vec![0; len] };
        let message =
            wire::IssueRequest { proof: Some(Proof::Jws(proof)), evidence: vec![copy], ..Default::default() };
        client.issue(with_header(message)).await.map(drop).map_err(|status| status.code())
    };
    assert_eq!(bring(3).await, Err(Code::PermissionDenied));
    assert_eq!((bring(1).await, bring(2).await), (Ok(()), Ok(())));
}

#[tokio::test]
async fn att_121_a_source_keeps_what_it_has_while_nobody_can_tell_and_gives_it_up_when_it_is_refused() {
    let world = World::new();
    world.device.set(Mood::Gone);
    let started = HeldKeySource::builder(world.api(), || Ok(key()))
        .evidence(world.device.clone())
        .ready_within(Duration::from_millis(300))
        .start()
        .await;
    let refused = started.unwrap_err();
    assert_eq!(refused, KeyHolderError::Evidence(CollectError::Device(SignError::DeviceGone)));
    assert_refused!(Err::<(), _>(refused), "device_gone", "TPM-44");

    world.device.set(Mood::Fine);
    let source = HeldKeySource::builder(world.api(), || Ok(key())).evidence(world.device.clone()).start();
    let source = source.await.unwrap();
    let holder = source.wit().holder().unwrap();
    let wit = verifier(&world).verify(&token(&holder), now()).unwrap();
    assert!(wit.attested().unwrap().is_key_in_hardware());
}

/// A server with these entries, whose device is asked for by some of them.
fn world_of(entries: Vec<aims_provision::EntryBuilder>) -> World {
    let (device, marks) = (Device::new(), Arc::new(MarkTable::with_capacity(100)));
    let served = Served::with(entries, |builder| {
        builder
            .key_holders(AUDIENCE)
            .evidence(Verifiers::new(backend::ring()).with(device.clone()))
            .revokes(Arc::clone(&marks))
    });
    World { served, device, marks }
}

fn hardware() -> Policy {
    EvidenceRule::of(EvidenceType::Tpm2Quote).key_in_hardware().into()
}

const BAD: Mood = Mood::Judged(Verdict::Rejected(Reason::MeasurementMismatch));

#[tokio::test]
async fn att_121_keys_that_nobody_certified_fill_no_marks() {
    let world = World::new();
    let first = key();
    world.issue(&first).await.unwrap();
    world.device.set(BAD);
    // Whoever matches the selectors of an entry with `evidence` fills the table with keys made for that.
    for _ in 0..100 {
        assert_refused!(world.renew(&key(), &key()).await, "permission_denied", "WA-9");
    }
    assert_refused!(world.renew(&key(), &first).await, "permission_denied", "WA-9");
    assert_eq!((world.marks.len(), world.refused("marks_full")), (1, 0));
    assert!(world.is_marked(&first));
}

#[tokio::test]
async fn att_121_bad_evidence_for_a_selector_ends_the_credential_before() {
    let world = world_of(vec![entry(AGENT, &["unix:uid:1", "tpm:device:1"]).evidence(hardware())]);
    let first = key();
    world.issue(&first).await.unwrap();
    world.device.set(BAD);
    assert_refused!(world.renew(&key(), &first).await, "permission_denied", "WA-9");
    assert!(world.is_marked(&first));
}

#[tokio::test]
async fn att_121_bad_evidence_ends_the_credential_before_whatever_else_there_is() {
    let other = "spiffe://acme.example/agents/plain";
    let world =
        world_of(vec![entry(AGENT, &["unix:uid:1"]).evidence(hardware()), entry(other, &["unix:uid:1"])]);
    let first = key();
    let issued = world.issue(&first).await.unwrap();
    assert_eq!(issued.wit.unwrap().subject().as_str(), AGENT);
    world.device.set(BAD);
    // It gets the identity that needs no evidence, and does not keep the other.
    let issued = world.renew(&key(), &first).await.unwrap();
    assert_eq!(issued.wit.unwrap().subject().as_str(), other);
    assert!(world.is_marked(&first));
}

#[tokio::test]
async fn att_121_bad_evidence_ends_what_there_is_for_the_same_key() {
    let world = World::new();
    let first = key();
    world.issue(&first).await.unwrap();
    world.device.set(BAD);
    assert_refused!(world.issue(&first).await, "permission_denied", "WA-9");
    assert!(world.is_marked(&first));
}

#[tokio::test]
async fn att_121_evidence_for_a_selector_that_cannot_be_judged_leaves_things_as_they_are() {
    let world = world_of(vec![entry(AGENT, &["unix:uid:1", "tpm:device:1"]).evidence(hardware())]);
    let first = key();
    world.issue(&first).await.unwrap();
    world.device.set(Mood::Judged(Verdict::Unavailable { dependency: "tpm_devices", retry_after: None }));
    assert_refused!(world.renew(&key(), &first).await, "unavailable", "WA-3");
    assert!(!world.is_marked(&first));
}
