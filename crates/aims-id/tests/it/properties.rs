//! Properties, among them two independent readings of the grammar: one written from it, and the `url` crate.

use std::net::Ipv4Addr;

use aims_id::{IdPattern, Origin, ParseIdError, Scheme, SpiffeId, TrustDomain, WorkloadId};
use proptest::prelude::*;
use url::Url;

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn wid_8_wid_11_what_goes_in_comes_out(text in canonical()) {
        let id: WorkloadId = text.parse().unwrap();
        prop_assert_eq!(id.as_str(), &text);
        prop_assert_eq!(id.to_string(), &*text);
        prop_assert_eq!(format!("{}://{}{}", id.scheme(), id.trust_domain(), id.path()), &*text);
        prop_assert_eq!(format!("{}{}", id.origin_str(), id.path()), &*text);
        prop_assert_eq!(id.segments().flat_map(|segment| ["/", segment]).collect::<String>(), id.path());
        prop_assert_eq!(id.origin().workload(id.path()), Ok(id.clone()));
        prop_assert_eq!(id.scheme() == Scheme::Spiffe, SpiffeId::try_from(id).is_ok());
    }

    #[test]
    fn wid_13_the_url_crate_reads_the_same(text in prop_oneof![canonical(), near_canonical()]) {
        if let Ok(id) = text.parse::<WorkloadId>() {
            let url = Url::parse(&text).unwrap();
            // It normalises, and here found nothing to do.
            prop_assert_eq!(url.as_str(), id.as_str());
            prop_assert_eq!(url.scheme(), id.scheme().as_str());
            prop_assert_eq!(url.host_str(), Some(id.trust_domain()));
            prop_assert_eq!(url.path(), id.path());
            prop_assert_eq!((url.username(), url.password(), url.port()), ("", None, None));
            prop_assert_eq!((url.query(), url.fragment()), (None, None));
        }
    }

    #[test]
    fn wid_9_wid_10_spf_id_3_spf_id_5_accepts_the_grammar_and_nothing_else(
        text in prop_oneof![canonical(), near_canonical(), "\\PC{0,40}"]
    ) {
        prop_assert_eq!(text.parse::<WorkloadId>().is_ok(), in_grammar(&text), "{:?}", text);
        prop_assert_eq!(
            text.parse::<SpiffeId>().is_ok(),
            in_grammar(&text) && text.starts_with("spiffe:"),
            "{:?}", text
        );
    }

    #[test]
    fn wid_8_wid_11_no_byte_can_be_changed_unnoticed(
        text in canonical(), at in any::<prop::sample::Index>(), byte in 0_u8..128
    ) {
        let id: WorkloadId = text.parse().unwrap();
        let mut bytes = text.into_bytes();
        let at = at.index(bytes.len());
        prop_assume!(bytes[at] != byte);
        bytes[at] = byte;
        let changed = String::from_utf8(bytes).unwrap();
        if let Ok(other) = changed.parse::<WorkloadId>() {
            prop_assert_ne!(&other, &id);
            prop_assert!(!IdPattern::exact(&id).matches(&other));
        }
    }

    #[test]
    fn every_refusal_names_a_rule_of_the_scheme(text in near_canonical()) {
        if let Err(refusal) = text.parse::<WorkloadId>() {
            let rule = refusal.rule();
            let spiffe = text.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("spiffe:"));
            prop_assert_eq!(rule.starts_with("SPF-ID-"), spiffe, "{:?}: {:?}", text, refusal);
            prop_assert!(refusal.code().bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_')));
        }
    }

    #[test]
    fn wid_5_ipv4_addresses_and_nothing_else(name in "[0-9]{1,4}(\\.[0-9]{1,4}){0,4}|[0-9.xa]{1,16}") {
        let refused = matches!(format!("wimse://{name}/x").parse::<WorkloadId>(), Err(ParseIdError::Ipv4TrustDomain));
        prop_assert_eq!(refused, is_ipv4(&name));
    }

    #[test]
    fn wid_19_origins_and_names(name in "[a-z0-9._-]{1,40}", scheme in scheme()) {
        let trust_domain: TrustDomain = name.parse().unwrap();
        prop_assert_eq!(trust_domain.as_str(), &name);
        let text = format!("{scheme}://{name}");
        let parsed = text.parse::<Origin>();
        prop_assert_eq!(&Origin::new(scheme, &trust_domain), &parsed);
        prop_assert_eq!(parsed.is_ok(), in_grammar(&format!("{text}/x")));
    }

    #[test]
    fn wid_17_patterns_match_by_whole_segments(
        text in canonical(), other in canonical(), wild in prop::collection::vec(any::<bool>(), 8), cut in 0_usize..6
    ) {
        let id: WorkloadId = text.parse().unwrap();
        let other: WorkloadId = other.parse().unwrap();
        let mut segments: Vec<&str> =
            id.segments().zip(&wild).map(|(segment, &wild)| if wild { "*" } else { segment }).collect();
        let deep = cut < segments.len();
        if deep {
            segments.truncate(cut);
            segments.push("**");
        }
        let pattern = segments.iter().fold(id.origin_str().to_owned(), |text, segment| text + "/" + segment);
        let pattern: IdPattern = pattern.parse().unwrap();
        prop_assert!(pattern.matches(&id), "{} {}", pattern, id);

        // The same question asked of lists.
        let found: Vec<&str> = other.segments().collect();
        let fits = |wanted: &[&str], found: &[&str]| {
            wanted.len() == found.len() && wanted.iter().zip(found).all(|(w, f)| *w == "*" || w == f)
        };
        let expected = id.origin_str() == other.origin_str() && if deep {
            found.len() > cut && fits(&segments[..cut], &found[..cut])
        } else {
            fits(&segments, &found)
        };
        prop_assert_eq!(pattern.matches(&other), expected, "{} {}", pattern, other);
    }

    #[test]
    fn wid_17_a_text_is_an_identifier_or_has_a_wildcard(text in near_canonical()) {
        if let Ok(pattern) = text.parse::<IdPattern>() {
            prop_assert_eq!(pattern.as_str(), &text);
            prop_assert_eq!(text.parse::<WorkloadId>().is_ok(), !text.contains('*'));
        } else {
            prop_assert!(text.parse::<WorkloadId>().is_err());
        }
    }
}

/// A canonical identifier. The alphabet is small, so that two of them often share segments.
fn canonical() -> impl Strategy<Value = String> {
    prop_oneof![
        "spiffe://(a|b|[a-z0-9._-]{1,20})(/(a|b|[a-zA-Z0-9_-][a-zA-Z0-9._-]{0,9}|\\.{3,5})){0,6}",
        "wimse://(a|b|[a-z0-9._-]{0,20}[a-z_-])(/(a|b|[a-zA-Z0-9~_-][a-zA-Z0-9.~_-]{0,9}|\\.{3,5})){1,6}",
    ]
}

/// Text made of pieces that matter to the grammar.
fn near_canonical() -> impl Strategy<Value = String> {
    let start = prop::sample::select(vec!["spiffe://", "wimse://", "spiffe:", "WIMSE://", "https://", ""]);
    let piece = prop::sample::select(vec![
        "a",
        "b.example",
        "A",
        "9",
        "192.0.2.1",
        "/",
        "/",
        "/",
        "//",
        ".",
        "..",
        "~",
        "-",
        "_",
        "%41",
        "%",
        "?",
        "#",
        "@",
        ":",
        "*",
        "**",
        "[",
        "\\",
        " ",
        "\n",
        "\0",
        "é",
        "\u{0430}",
    ]);
    let name = prop::sample::select(vec!["", "a", "acme.example", "a.", "1.2.3.4"]);
    (start, name, prop::collection::vec(piece, 0..7)).prop_map(|(start, name, pieces)| {
        let mut text = format!("{start}{name}");
        text.extend(pieces);
        text
    })
}

fn scheme() -> impl Strategy<Value = Scheme> {
    prop::sample::select(vec![Scheme::Spiffe, Scheme::Wimse])
}

/// The grammar of `docs/spec/wimse.md` section 2 and `docs/spec/spiffe.md` section 2, read piece by piece.
fn in_grammar(text: &str) -> bool {
    let name_char = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-_".contains(c);
    let segment_char = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
    let mut pieces = text.split('/');
    let scheme = pieces.next();
    if text.len() > 2048 || pieces.next() != Some("") {
        return false;
    }
    let Some(name) = pieces.next().filter(|name| !name.is_empty() && name.chars().all(name_char)) else {
        return false;
    };
    let mut segments = pieces.peekable();
    let has_path = segments.peek().is_some();
    let tilde = match scheme {
        Some("spiffe:") if name.len() <= 255 => false,
        Some("wimse:") if has_path && !name.ends_with('.') && !is_ipv4(name) => true,
        _ => return false,
    };
    segments.all(|segment| {
        !["", ".", ".."].contains(&segment) && segment.chars().all(|c| segment_char(c) || (tilde && c == '~'))
    })
}

/// `IPv4address` of RFC 3986, section 3.2.2: four of `dec-octet`, which is a number that is printed as it is written.
fn is_ipv4(name: &str) -> bool {
    let octets: Vec<Option<u8>> = name
        .split('.')
        .map(|part| part.parse::<u8>().ok().filter(|octet| octet.to_string() == part))
        .collect();
    let expected = octets.len() == 4 && octets.iter().all(Option::is_some);
    assert_eq!(name.parse::<Ipv4Addr>().is_ok(), expected, "{name}: the standard library reads it otherwise");
    expected
}
