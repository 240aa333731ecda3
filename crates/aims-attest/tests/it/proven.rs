//! What is proven, and what it matches (ATT-102).

use aims_attest::{Appraisal, EvidenceType, Proven, Reason, Verdict};
use aims_keys::{UnixTime, backend};

use crate::support::*;

#[test]
fn att_102_selectors_match_when_each_is_proven_and_an_empty_list_never_does() {
    let process = with(accepted(EvidenceType::UnixPeer, NOW + MINUTE), &["unix:uid:1", "unix:path:/a"]);
    let image = with(accepted(EvidenceType::ContainerImage, NOW + MINUTE * 5), &["oci:digest:x"]);
    let all = [process.clone(), image.clone()];
    let proven = Proven::of(&all, NOW);
    assert!(proven.appraisals().map(Appraisal::id).eq([process.id(), image.id()]));
    for (asked, by, until) in [
        (vec!["unix:uid:1"], vec![&process], NOW + MINUTE),
        (vec!["oci:digest:x"], vec![&image], NOW + MINUTE * 5),
        (vec!["oci:digest:x", "unix:uid:1"], vec![&process, &image], NOW + MINUTE),
    ] {
        let found = proven.matches(&selectors(&asked)).unwrap();
        let mut ids: Vec<_> = by.iter().map(|appraisal| *appraisal.id()).collect();
        ids.sort();
        assert_eq!((found.appraisals(), found.not_after()), (ids.as_slice(), until), "{asked:?}");
    }
    for asked in [vec![], vec!["unix:uid:2"], vec!["unix:uid:1", "unix:uid:2"], vec!["unix:uid:10"]] {
        assert!(proven.matches(&selectors(&asked)).is_none(), "{asked:?}");
    }
    assert!(Proven::of(&[], NOW).matches(&[]).is_none());
}

#[test]
fn att_102_what_was_not_accepted_or_has_expired_proves_nothing() {
    let asked = selectors(&["unix:uid:1"]);
    let appraisal = with(accepted(EvidenceType::UnixPeer, NOW + MINUTE), &["unix:uid:1"]);
    let matches =
        |appraisal: &Appraisal, now: UnixTime| Proven::of([appraisal], now).matches(&asked).is_some();
    assert!(matches(&appraisal, NOW));
    assert!(!matches(&appraisal, NOW + MINUTE));
    assert_eq!(Proven::of([&appraisal], NOW + MINUTE).appraisals().count(), 0);
    assert!(!matches(&appraisal, UnixTime::from_secs(NOW.as_secs() - 1)));
    let rejected = Verdict::Rejected(Reason::Stale);
    let refused =
        Appraisal::refused(&evidence(EvidenceType::UnixPeer), "test", rejected, NOW, backend::ring());
    let child = with(accepted(EvidenceType::UnixPeer, NOW + MINUTE).parent(refused), &["unix:uid:1"]);
    assert!(!matches(&child, NOW));
}

#[test]
fn att_102_of_two_proofs_the_one_that_counts_longer_is_remembered() {
    let short = with(accepted(EvidenceType::UnixPeer, NOW + MINUTE), &["unix:uid:1"]);
    let long = with(accepted(EvidenceType::Process, NOW + MINUTE * 2), &["unix:uid:1"]);
    for order in [[&short, &long], [&long, &short]] {
        let found = Proven::of(order, NOW).matches(&selectors(&["unix:uid:1"])).unwrap();
        assert_eq!((found.appraisals(), found.not_after()), ([*long.id()].as_slice(), NOW + MINUTE * 2));
    }
}
