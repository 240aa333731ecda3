//! What the identifier types promise beside the grammar.

use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasher, RandomState};

use aims_id::{
    IdPattern, Origin, ParseIdError, ParsePatternError, Scheme, SpiffeId, TrustDomain, WorkloadId,
};

#[test]
fn accessors_of_spiffe_spf_id_7() {
    let id = id("spiffe://acme.example/agents/travel");
    assert_eq!(id.scheme(), Scheme::Spiffe);
    assert_eq!(id.trust_domain(), "acme.example");
    assert_eq!(id.origin_str(), "spiffe://acme.example");
    assert_eq!(id.path(), "/agents/travel");
    assert!(id.has_path());
    assert!(id.segments().eq(["agents", "travel"]));
    assert!(id.segments().rev().eq(["travel", "agents"]));

    let authority = self::id("spiffe://acme.example");
    assert_eq!((authority.path(), authority.has_path()), ("", false));
    assert_eq!(authority.origin_str(), authority.as_str());
    assert_eq!(authority.segments().count(), 0);
}

#[test]
fn accessors_of_wimse() {
    let id = id("wimse://acme.example/a~b/c");
    assert_eq!(id.scheme(), Scheme::Wimse);
    assert_eq!(id.trust_domain(), "acme.example");
    assert_eq!(id.origin_str(), "wimse://acme.example");
    assert_eq!(id.path(), "/a~b/c");
    assert!(id.segments().eq(["a~b", "c"]));
}

#[test]
fn spiffe_id_answers_as_its_workload_id() {
    for text in ["spiffe://acme.example/agents/travel", "spiffe://acme.example"] {
        let spiffe: SpiffeId = text.parse().unwrap();
        let plain = id(text);
        assert_eq!(spiffe.as_str(), plain.as_str());
        assert_eq!(spiffe.trust_domain(), plain.trust_domain());
        assert_eq!(spiffe.path(), plain.path());
        assert_eq!(spiffe.has_path(), plain.has_path());
        assert!(spiffe.segments().eq(plain.segments()));
        assert_eq!(spiffe.origin_str(), plain.origin_str());
        assert_eq!(spiffe.origin(), plain.origin());
        assert!(spiffe.is_in(&plain.origin()));
        assert!(!spiffe.is_in(&"spiffe://another.example".parse().unwrap()));
        assert_eq!(AsRef::<WorkloadId>::as_ref(&spiffe), &plain);
        assert_eq!(WorkloadId::from(spiffe.clone()), plain);
        assert_eq!(SpiffeId::try_from(plain), Ok(spiffe));
    }
}

#[test]
fn spf_id_3_spf_id_4_any_name_of_the_allowed_characters_is_taken_as_it_is() {
    for name in ["192.0.2.1", "1.2.3.4.", "-._", "a..b", ".", "xn--bcher-kva.example", "under_score", "0"] {
        let id: SpiffeId = format!("spiffe://{name}/x").parse().unwrap();
        assert_eq!(id.trust_domain(), name);
    }
}

#[test]
fn wid_5_wid_9_names_that_only_look_like_addresses_are_names() {
    for name in [
        "1.2.3",
        "0x7f.1",
        "256.1.1.1",
        "01.2.3.4",
        "2130706433",
        "1.2.3.4.5",
        "1.2.3.4.example",
        "1.2.3.-4",
        "999.999.999.999",
        "1..2.3",
        "1.2.3.4a",
        ".1.2.3.4",
        ".a",
        "a..b",
        "-a",
        "_",
    ] {
        assert_eq!(id(&format!("wimse://{name}/x")).trust_domain(), name);
    }
}

#[test]
fn spf_id_5_wid_10_segments_that_only_look_like_dots_are_segments() {
    for segment in ["...", ".a", "a.", "..a", "-", "_", ".-"] {
        for scheme in ["spiffe", "wimse"] {
            let id = id(&format!("{scheme}://acme.example/{segment}/{segment}"));
            assert!(id.segments().eq([segment, segment]));
        }
    }
    assert!(id("wimse://acme.example/~").segments().eq(["~"]));
}

#[test]
fn spf_id_8_wid_10_paths_are_case_sensitive() {
    for scheme in ["spiffe", "wimse"] {
        let lower = id(&format!("{scheme}://acme.example/agents/a"));
        let upper = id(&format!("{scheme}://acme.example/agents/A"));
        assert_ne!(lower, upper);
        assert_eq!(upper.path(), "/agents/A");
        assert!(!IdPattern::exact(&lower).matches(&upper));
    }
}

#[test]
fn wid_6_arch_9_a_path_means_something_within_its_trust_domain_only() {
    let ours = id("spiffe://acme.example/agents/travel");
    let theirs = id("spiffe://bank.example/agents/travel");
    let other_scheme = id("wimse://acme.example/agents/travel");
    assert_eq!(ours.path(), theirs.path());
    assert_eq!(ours.trust_domain(), other_scheme.trust_domain());
    assert_ne!(ours, theirs);
    assert_ne!(ours, other_scheme);

    let pattern: IdPattern = "spiffe://acme.example/agents/*".parse().unwrap();
    assert!(pattern.matches(&ours));
    assert!(!pattern.matches(&theirs));
    assert!(!pattern.matches(&other_scheme));
}

#[test]
fn aims_3_wid_11_one_comparison_for_both_schemes() {
    let texts = [
        "spiffe://acme.example",
        "spiffe://acme.example/a",
        "spiffe://acme.example/a/b",
        "spiffe://acme.example/a0",
        "wimse://acme.example/a",
    ];
    let ids: Vec<WorkloadId> = texts.iter().copied().map(id).collect();
    let sorted: BTreeSet<&WorkloadId> = ids.iter().rev().collect();
    let sorted: Vec<&str> = sorted.into_iter().map(WorkloadId::as_str).collect();
    let mut bytes = texts;
    bytes.sort_unstable();
    assert_eq!(sorted, bytes);

    for (i, one) in ids.iter().enumerate() {
        for (j, other) in ids.iter().enumerate() {
            assert_eq!(one == other, i == j);
            assert_eq!(one.cmp(other), one.as_str().as_bytes().cmp(other.as_str().as_bytes()));
        }
        assert_eq!(one, &one.as_str().parse().unwrap());
    }
}

#[test]
fn wid_11_hashes_agree_with_the_text() {
    let hasher = RandomState::new();
    let id = id("spiffe://acme.example/agents/travel");
    let name: TrustDomain = "acme.example".parse().unwrap();
    assert_eq!(hasher.hash_one(&id), hasher.hash_one(id.as_str()));
    assert_eq!(hasher.hash_one(id.origin()), hasher.hash_one(id.origin_str()));
    assert_eq!(hasher.hash_one(SpiffeId::try_from(id.clone()).unwrap()), hasher.hash_one(id.as_str()));
    assert_eq!(hasher.hash_one(&name), hasher.hash_one("acme.example"));

    let map = HashMap::from([(id.clone(), 1)]);
    assert_eq!(map.get(id.as_str()), Some(&1));
}

#[test]
fn aims_4_clones_share_the_text_and_change_nothing() {
    let id = id("spiffe://acme.example/agents/travel");
    let clone = id.clone();
    assert_eq!(clone, id);
    assert!(std::ptr::eq(clone.as_str(), id.as_str()));
}

#[test]
fn debug_and_display() {
    let id = id("spiffe://acme.example/agents/travel");
    assert_eq!(format!("{id:?}"), r#"WorkloadId("spiffe://acme.example/agents/travel")"#);
    assert_eq!(format!("{id}"), "spiffe://acme.example/agents/travel");
    assert_eq!(format!("{:?}", id.origin()), r#"Origin("spiffe://acme.example")"#);
    assert_eq!(format!("[{:>8}]", Scheme::Wimse), "[   wimse]");
}

#[test]
fn types_are_send_and_sync() {
    fn assert_send_sync<T: Send + Sync + 'static>() {}
    fn assert_error<T: std::error::Error + Send + Sync + 'static>() {}

    assert_send_sync::<WorkloadId>();
    assert_send_sync::<SpiffeId>();
    assert_send_sync::<Origin>();
    assert_send_sync::<TrustDomain>();
    assert_send_sync::<IdPattern>();
    assert_error::<ParseIdError>();
    assert_error::<ParsePatternError>();
}

/// Fails to compile if the type implements the trait: the call would then be ambiguous.
macro_rules! assert_not_impl {
    ($type:ty: $($bound:tt)+) => {{
        trait Ambiguous<Marker> {
            fn check() {}
        }
        impl<T: ?Sized> Ambiguous<()> for T {}
        struct Implemented;
        impl<T: ?Sized + $($bound)+> Ambiguous<Implemented> for T {}
        <$type as Ambiguous<_>>::check();
    }};
}

/// `TryFrom<&str>` and `TryFrom<String>` leave no room for `From` of the same; the compiler sees to that.
#[test]
fn aims_1_wid_12_there_is_no_anonymous_identifier_and_no_way_around_the_parser() {
    assert_not_impl!(WorkloadId: Default);
    assert_not_impl!(SpiffeId: Default);
    assert_not_impl!(Origin: Default);
    assert_not_impl!(TrustDomain: Default);
    assert_not_impl!(IdPattern: Default);
}

#[test]
fn wid_17_a_pattern_cannot_pass_for_an_identifier() {
    assert_not_impl!(IdPattern: AsRef<str>);
    assert_not_impl!(IdPattern: std::borrow::Borrow<str>);
    assert_not_impl!(IdPattern: Into<WorkloadId>);
    assert_not_impl!(WorkloadId: Into<IdPattern>);
}

fn id(text: &str) -> WorkloadId {
    text.parse().unwrap_or_else(|e| panic!("{text}: {e}"))
}
