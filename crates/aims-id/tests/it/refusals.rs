//! What is refused, with the reason: every check of the grammar, for either scheme.

use aims_id::{Origin, ParseIdError, Scheme, SpiffeId, TrustDomain, WorkloadId};
use aims_testkit::assert_refused;

/// Text, code, rule. The texts of the vector files are here too, except those of 2049 bytes and the like.
pub(crate) const REFUSED: &[(&str, &str, &str)] = &[
    // No scheme, or another.
    ("", "unknown_scheme", "WID-1"),
    ("example.org/x", "unknown_scheme", "WID-1"),
    ("//example.org/x", "unknown_scheme", "WID-1"),
    ("http://example.org/x", "unknown_scheme", "WID-1"),
    ("spiffes://example.org/x", "unknown_scheme", "WID-1"),
    (" spiffe://example.org/a", "unknown_scheme", "WID-1"),
    ("\u{feff}spiffe://example.org/a", "unknown_scheme", "WID-1"),
    ("spiffe", "unknown_scheme", "WID-1"),
    ("spiffe:", "no_authority", "SPF-ID-1"),
    ("spiffe:example.org/x", "no_authority", "SPF-ID-1"),
    ("spiffe:/example.org/x", "no_authority", "SPF-ID-1"),
    ("Spiffe:/example.org/x", "no_authority", "SPF-ID-1"),
    ("wimse:trust.example/a", "no_authority", "WID-1"),
    ("wimse:/trust.example/a", "no_authority", "WID-1"),
    ("SPIFFE://example.org/a", "upper_case_scheme", "SPF-ID-9"),
    ("spiffE://example.org/a", "upper_case_scheme", "SPF-ID-9"),
    ("WIMSE://trust.example/a", "upper_case_scheme", "WID-9"),
    // No trust domain.
    ("spiffe://", "empty_trust_domain", "SPF-ID-1"),
    ("spiffe:///x", "empty_trust_domain", "SPF-ID-1"),
    ("spiffe://?x", "empty_trust_domain", "SPF-ID-1"),
    ("wimse://", "empty_trust_domain", "WID-1"),
    ("wimse:///a", "empty_trust_domain", "WID-1"),
    ("wimse://#x", "empty_trust_domain", "WID-1"),
    // Userinfo and port, be they empty.
    ("spiffe://user@example.org/a", "userinfo", "SPF-ID-2"),
    ("spiffe://user:pw@example.org/a", "userinfo", "SPF-ID-2"),
    ("spiffe://User%20@example.org/a", "userinfo", "SPF-ID-2"),
    ("spiffe://@example.org/a", "userinfo", "SPF-ID-2"),
    ("spiffe://example.org@", "userinfo", "SPF-ID-2"),
    ("wimse://u@trust.example/a", "userinfo", "WID-2"),
    ("wimse://@trust.example/a", "userinfo", "WID-2"),
    ("spiffe://example.org:443/a", "port", "SPF-ID-2"),
    ("spiffe://example.org:/a", "port", "SPF-ID-2"),
    ("spiffe://example.org:", "port", "SPF-ID-2"),
    ("spiffe://:443/a", "port", "SPF-ID-2"),
    ("spiffe://example.org:443/a@b", "port", "SPF-ID-2"),
    ("wimse://trust.example:443/a", "port", "WID-2"),
    ("wimse://trust.example:/a", "port", "WID-2"),
    // Query and fragment, be they empty.
    ("spiffe://example.org?x", "query", "SPF-ID-1"),
    ("spiffe://example.org?x#y", "query", "SPF-ID-1"),
    ("spiffe://example.org?x@y", "query", "SPF-ID-1"),
    ("spiffe://example.org/a?x=1", "query", "SPF-ID-1"),
    ("spiffe://example.org/a?", "query", "SPF-ID-1"),
    ("spiffe://example.org/?x", "query", "SPF-ID-1"),
    ("wimse://trust.example/a?x", "query", "WID-2"),
    ("wimse://trust.example/a?", "query", "WID-2"),
    ("wimse://trust.example?", "query", "WID-2"),
    ("spiffe://example.org#f", "fragment", "SPF-ID-1"),
    ("spiffe://example.org#f?x", "fragment", "SPF-ID-1"),
    ("spiffe://example.org/a#f", "fragment", "SPF-ID-1"),
    ("spiffe://example.org/a#", "fragment", "SPF-ID-1"),
    ("wimse://trust.example/a#x", "fragment", "WID-2"),
    ("wimse://trust.example/a#", "fragment", "WID-2"),
    ("wimse://trust.example#", "fragment", "WID-2"),
    // The trust domain.
    ("spiffe://Example.org/a", "upper_case_trust_domain", "SPF-ID-9"),
    ("spiffe://example.orG", "upper_case_trust_domain", "SPF-ID-9"),
    ("wimse://Trust.example/a", "upper_case_trust_domain", "WID-9"),
    ("spiffe://exa%6Dple.org/a", "trust_domain_percent_encoding", "SPF-ID-3"),
    ("spiffe://example%2eorg", "trust_domain_percent_encoding", "SPF-ID-3"),
    ("wimse://tr%75st.example/a", "trust_domain_percent_encoding", "WID-9"),
    ("spiffe://[::1]/a", "trust_domain_char", "SPF-ID-3"),
    ("spiffe://exämple.org/a", "trust_domain_char", "SPF-ID-3"),
    ("spiffe://example.org /a", "trust_domain_char", "SPF-ID-3"),
    ("spiffe://example.org\\a", "trust_domain_char", "SPF-ID-3"),
    ("spiffe://example~org/a", "trust_domain_char", "SPF-ID-3"),
    ("spiffe://example.org\n", "trust_domain_char", "SPF-ID-3"),
    ("wimse://[::1]/a", "trust_domain_char", "WID-9"),
    ("wimse://trust~domain/a", "trust_domain_char", "WID-9"),
    ("wimse://tru\u{0455}t.example/a", "trust_domain_char", "WID-9"),
    ("wimse://trust.example./a", "trailing_dot", "WID-9"),
    ("wimse://./a", "trailing_dot", "WID-9"),
    ("wimse://192.0.2.1./a", "trailing_dot", "WID-9"),
    ("wimse://192.0.2.1/a", "ipv4_trust_domain", "WID-5"),
    ("wimse://0.0.0.0/a", "ipv4_trust_domain", "WID-5"),
    ("wimse://255.255.255.255/a", "ipv4_trust_domain", "WID-5"),
    ("wimse://192.0.2.1", "ipv4_trust_domain", "WID-5"),
    // The path.
    ("wimse://trust.example", "missing_path", "WID-10"),
    ("wimse://trust.example/", "trailing_slash", "WID-10"),
    ("wimse://trust.example/a/", "trailing_slash", "WID-10"),
    ("spiffe://example.org/", "trailing_slash", "SPF-ID-5"),
    ("spiffe://example.org/a/", "trailing_slash", "SPF-ID-5"),
    ("spiffe://example.org//", "empty_segment", "SPF-ID-5"),
    ("spiffe://example.org//a", "empty_segment", "SPF-ID-5"),
    ("spiffe://example.org/a//b", "empty_segment", "SPF-ID-5"),
    ("wimse://trust.example/a//b", "empty_segment", "WID-10"),
    ("spiffe://example.org/.", "dot_segment", "SPF-ID-5"),
    ("spiffe://example.org/..", "dot_segment", "SPF-ID-5"),
    ("spiffe://example.org/./a", "dot_segment", "SPF-ID-5"),
    ("spiffe://example.org/a/../b", "dot_segment", "SPF-ID-5"),
    ("spiffe://example.org/a/..", "dot_segment", "SPF-ID-5"),
    ("wimse://trust.example/a/../b", "dot_segment", "WID-10"),
    ("wimse://trust.example/a/./b", "dot_segment", "WID-10"),
    ("wimse://trust.example/a/.", "dot_segment", "WID-10"),
    ("spiffe://example.org/%61", "path_percent_encoding", "SPF-ID-5"),
    ("spiffe://example.org/%2e%2e/b", "path_percent_encoding", "SPF-ID-5"),
    ("wimse://trust.example/service/%70ayment", "path_percent_encoding", "WID-10"),
    ("wimse://trust.example/a%2Fb", "path_percent_encoding", "WID-10"),
    ("spiffe://example.org/a b", "segment_char", "SPF-ID-5"),
    ("spiffe://example.org/aé", "segment_char", "SPF-ID-5"),
    ("spiffe://example.org/a;b", "segment_char", "SPF-ID-5"),
    ("spiffe://example.org/a~b", "segment_char", "SPF-ID-5"),
    ("spiffe://example.org/a:b", "segment_char", "SPF-ID-5"),
    ("spiffe://example.org/a@b", "segment_char", "SPF-ID-5"),
    ("spiffe://example.org/a*", "segment_char", "SPF-ID-5"),
    ("spiffe://example.org/a\\b", "segment_char", "SPF-ID-5"),
    ("spiffe://example.org/a\n", "segment_char", "SPF-ID-5"),
    ("spiffe://example.org/a\0", "segment_char", "SPF-ID-5"),
    ("wimse://trust.example/a:b", "segment_char", "WID-10"),
    ("wimse://trust.example/a@b", "segment_char", "WID-10"),
    ("wimse://trust.example/a+b", "segment_char", "WID-10"),
    ("wimse://trust.example/é", "segment_char", "WID-10"),
    ("wimse://trust.example/a\u{7f}", "segment_char", "WID-10"),
];

#[test]
fn every_text_is_refused_for_its_reason() {
    for &(text, code, rule) in REFUSED {
        assert_refused!(text.parse::<WorkloadId>(), code, rule, "{text:?}");
    }
}

#[test]
fn wid_8_other_ways_in_refuse_the_same() {
    for &(text, code, rule) in REFUSED {
        assert_refused!(WorkloadId::try_from(text), code, rule, "{text:?}");
        assert_refused!(WorkloadId::try_from(text.to_owned()), code, rule, "{text:?}");
    }
}

/// The published counterexample: a consumer that tidies a subject up before it compares lets another spelling speak for
/// the one that policy names. Here no two spellings of an identifier exist, so there is nothing to tidy.
#[test]
fn wid_8_wid_11_wid_12_spellings_that_a_normaliser_would_merge_are_refused() {
    for (alias, code, rule) in [
        ("wimse://trust.example/service/%70ayment", "path_percent_encoding", "WID-10"),
        ("wimse://trust.example/service//payment", "empty_segment", "WID-10"),
        ("wimse://trust.example/service/./payment", "dot_segment", "WID-10"),
        ("wimse://trust.example/service/x/../payment", "dot_segment", "WID-10"),
        ("wimse://trust.example/service/payment/", "trailing_slash", "WID-10"),
        ("wimse://trust.example/service/payment?", "query", "WID-2"),
        ("wimse://trust.example/service/payment#", "fragment", "WID-2"),
        ("wimse://trust.example:/service/payment", "port", "WID-2"),
        ("wimse://@trust.example/service/payment", "userinfo", "WID-2"),
        ("wimse://trust.example./service/payment", "trailing_dot", "WID-9"),
        ("wimse://TRUST.example/service/payment", "upper_case_trust_domain", "WID-9"),
        ("wimse://trus%74.example/service/payment", "trust_domain_percent_encoding", "WID-9"),
        ("Wimse://trust.example/service/payment", "upper_case_scheme", "WID-9"),
        (" wimse://trust.example/service/payment", "unknown_scheme", "WID-1"),
        ("wimse://trust.example/service/payment ", "segment_char", "WID-10"),
        ("wimse://trust.example/service/payment\u{200b}", "segment_char", "WID-10"),
    ] {
        assert_refused!(alias.parse::<WorkloadId>(), code, rule, "{alias:?}");
    }
}

#[test]
fn spf_id_1_a_spiffe_id_is_refused_for_the_same_reason_or_its_scheme() {
    for &(text, code, rule) in REFUSED {
        let (code, rule) =
            if rule.starts_with("SPF-ID-") { (code, rule) } else { ("not_spiffe", "SPF-ID-1") };
        assert_refused!(text.parse::<SpiffeId>(), code, rule, "{text:?}");
        assert_refused!(SpiffeId::try_from(text), code, rule, "{text:?}");
        assert_refused!(SpiffeId::try_from(text.to_owned()), code, rule, "{text:?}");
    }
}

#[test]
fn spf_id_1_a_canonical_wimse_identifier_is_no_spiffe_id() {
    let text = "wimse://acme.example/agents/travel";
    assert_refused!(text.parse::<SpiffeId>(), "not_spiffe", "SPF-ID-1");
    assert_refused!(SpiffeId::try_from(text.parse::<WorkloadId>().unwrap()), "not_spiffe", "SPF-ID-1");
}

#[test]
fn wid_3_spf_id_6_length() {
    let longest = "a".repeat(WorkloadId::MAX_LEN - "wimse://t/".len());
    let id: WorkloadId = format!("wimse://t/{longest}").parse().unwrap();
    assert_eq!(id.as_str().len(), 2048);
    assert_refused!(format!("wimse://t/{longest}a").parse::<WorkloadId>(), "id_too_long", "WID-3");

    let longest = "a".repeat(WorkloadId::MAX_LEN - "spiffe://t/".len());
    let id: SpiffeId = format!("spiffe://t/{longest}").parse().unwrap();
    assert_eq!(id.as_str().len(), 2048);
    assert_refused!(format!("spiffe://t/{longest}a").parse::<SpiffeId>(), "id_too_long", "SPF-ID-6");
}

#[test]
fn wid_3_spf_id_6_length_comes_before_everything() {
    for bad in ["\0", "http://x/", "spiffe://UPPER/", "wimse://192.0.2.1/%", "spiffe://a?"] {
        let text = bad.repeat(2049);
        let refusal = assert_refused!(text.parse::<WorkloadId>(), "id_too_long", "WID-3");
        assert_eq!(refusal, ParseIdError::TooLong { scheme: Scheme::Wimse, len: text.len() });
        assert_refused!(text.parse::<SpiffeId>(), "id_too_long", "SPF-ID-6");
        assert_refused!(text.parse::<Origin>(), "id_too_long", "WID-3");
        assert_refused!(text.parse::<TrustDomain>(), "id_too_long", "WID-3");
    }
}

#[test]
fn spf_id_6_trust_domain_of_spiffe_has_255_bytes_at_most() {
    let longest = "a".repeat(SpiffeId::MAX_TRUST_DOMAIN_LEN);
    for path in ["", "/a"] {
        let id: WorkloadId = format!("spiffe://{longest}{path}").parse().unwrap();
        assert_eq!(id.trust_domain(), longest);

        let text = format!("spiffe://{longest}a{path}");
        let refusal = assert_refused!(text.parse::<WorkloadId>(), "trust_domain_too_long", "SPF-ID-6");
        assert_eq!(refusal, ParseIdError::TrustDomainTooLong { len: 256 });
    }
}

#[test]
fn wid_9_trust_domain_of_wimse_is_limited_by_the_whole_only() {
    let name = "a".repeat(WorkloadId::MAX_LEN - "wimse:///x".len());
    let id: WorkloadId = format!("wimse://{name}/x").parse().unwrap();
    assert_eq!((id.trust_domain(), id.path()), (&*name, "/x"));
    assert_refused!(format!("wimse://{name}a/x").parse::<WorkloadId>(), "id_too_long", "WID-3");
}

#[test]
fn names_are_refused_for_their_reason() {
    for (text, code, rule) in [
        ("", "empty_trust_domain", "WID-1"),
        ("Acme.example", "upper_case_trust_domain", "WID-9"),
        ("acme%2eexample", "trust_domain_percent_encoding", "WID-9"),
        ("spiffe://acme.example", "trust_domain_char", "WID-9"),
        ("acme.example/", "trust_domain_char", "WID-9"),
        ("acme.example:443", "trust_domain_char", "WID-9"),
        ("user@acme.example", "trust_domain_char", "WID-9"),
        ("acme.example?", "trust_domain_char", "WID-9"),
        ("acme.example ", "trust_domain_char", "WID-9"),
        ("äcme.example", "trust_domain_char", "WID-9"),
        ("acme~example", "trust_domain_char", "WID-9"),
    ] {
        assert_refused!(text.parse::<TrustDomain>(), code, rule, "{text:?}");
        assert_refused!(TrustDomain::try_from(text), code, rule, "{text:?}");
        assert_refused!(TrustDomain::try_from(text.to_owned()), code, rule, "{text:?}");
    }
}

#[test]
fn a_refusal_shows_one_character_at_most() {
    let refusal = "spiffe://acme.example/secret\u{1b}token".parse::<WorkloadId>().unwrap_err();
    assert_eq!(refusal, ParseIdError::SegmentChar { scheme: Scheme::Spiffe, found: '\u{1b}' });
    assert_eq!(refusal.to_string(), r"'\u{1b}' is not allowed in the path of a spiffe identifier");

    let refusal = "a-secret-that-was-put-in-the-wrong-field".parse::<WorkloadId>().unwrap_err();
    assert_eq!(refusal.to_string(), "the scheme is neither spiffe nor wimse");
    assert_eq!(format!("{refusal:?}"), "UnknownScheme");
}
