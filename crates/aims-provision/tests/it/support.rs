//! What the tests have in common.

use std::time::Duration;

use aims_attest::{Appraisal, AppraisalBuilder, Evidence, EvidenceType, Level};
use aims_credential::x509::{CertificateDer, Role, SvidError, SvidVerifier};
use aims_credential::{BundleSet, TrustBundle, WitError, WitVerifier};
use aims_keys::{Algorithm, SoftwareKey, UnixTime, backend};
use aims_provision::{Authority, AuthoritySettings, Entries, Entry, EntryBuilder, Grant, Phase, Provisioner};

pub(crate) const NOW: UnixTime = UnixTime::from_secs(1_790_000_000);

pub(crate) const MINUTE: Duration = Duration::from_secs(60);

pub(crate) const HOUR: Duration = Duration::from_secs(3600);

pub(crate) const DAY: Duration = Duration::from_secs(86_400);

pub(crate) const ORIGIN: &str = "spiffe://acme.example";

pub(crate) const AGENT: &str = "spiffe://acme.example/agents/travel";

pub(crate) fn entry(id: &str, selectors: &[&str]) -> EntryBuilder {
    let builder = Entry::builder(id.parse().unwrap());
    selectors.iter().fold(builder, |builder, selector| builder.selector(selector.parse().unwrap()))
}

pub(crate) fn entries(all: Vec<Entry>) -> Entries {
    Entries::new(ORIGIN.parse().unwrap(), all).unwrap()
}

/// What a Unix socket proves about a caller, for an hour.
pub(crate) fn peer(selectors: &[&str]) -> Appraisal {
    appraisal(EvidenceType::UnixPeer, Level::OBSERVED, NOW + HOUR, selectors)
}

pub(crate) fn appraisal(
    kind: EvidenceType,
    level: Level,
    expires: UnixTime,
    selectors: &[&str],
) -> Appraisal {
    let evidence = Evidence::new(kind, b"evidence".to_vec(), NOW).unwrap();
    let builder =
        Appraisal::accepted(&evidence, "test", (UnixTime::EPOCH, expires), backend::ring()).level(level);
    let selectors = selectors.iter().map(|selector| selector.parse().unwrap());
    selectors.fold(builder, AppraisalBuilder::selector).build()
}

/// The grant of one entry for whoever shows its only selector.
pub(crate) fn grant(entry: EntryBuilder) -> Grant {
    let all = entries(vec![entry.build().unwrap()]);
    let mut grants = Provisioner::new().decide(&all, &[peer(&["unix:uid:1"])], Phase::Initial, NOW).unwrap();
    assert_eq!(grants.len(), 1);
    grants.remove(0)
}

pub(crate) fn authority(settings: AuthoritySettings) -> Authority {
    Authority::in_memory("acme.example".parse().unwrap(), settings, backend::ring(), NOW).unwrap()
}

pub(crate) fn key() -> SoftwareKey {
    SoftwareKey::generate(Algorithm::Es256, backend::ring()).unwrap()
}

/// What somebody who has this bundle says about a certificate.
pub(crate) fn verify(
    bundle: &TrustBundle,
    chain: &[CertificateDer<'_>],
    now: UnixTime,
) -> Result<(), SvidError> {
    let verifier = SvidVerifier::builder(BundleSet::from(bundle.clone()), backend::ring()).build();
    verifier.verify(&chain[0], &chain[1..], Role::Client, now).map(drop)
}

pub(crate) fn verify_wit(bundle: &TrustBundle, token: &str, now: UnixTime) -> Result<(), WitError> {
    WitVerifier::builder(BundleSet::from(bundle.clone()), backend::ring())
        .build()
        .verify(token, now)
        .map(drop)
}
