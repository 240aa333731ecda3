//! Evidence in files (ATT-2, ATT-5).

use aims_attest::{Evidence, EvidenceType};
use aims_testkit::assert_refused;

use crate::support::NOW;

#[test]
fn att_2_evidence_is_written_and_read_byte_for_byte() {
    let payload = br#"{"ak":"AAt7","quote":{"attest":"AQ"}}"#.to_vec();
    for kind in [EvidenceType::Tpm2Quote, EvidenceType::Other("application/vnd.acme.badge+json".into())] {
        let evidence = Evidence::new(kind.clone(), payload.clone(), NOW).unwrap().with_format_version(2);
        let text = evidence.to_json().unwrap();
        let begins = format!(r#"{{"type":"{kind}","format_version":2,"payload":{{"ak""#);
        assert!(text.starts_with(&begins), "{text}");
        let again = Evidence::from_json(text.as_bytes(), NOW).unwrap();
        assert_eq!((again.payload(), &again), (&*payload, &evidence));
    }
    // What is no JSON has no place in it.
    let badge = Evidence::new(EvidenceType::Eat, b"eyJ".to_vec(), NOW).unwrap();
    assert_refused!(badge.to_json(), "json_not_an_object", "JO-JSON-01");
}

#[test]
fn att_5_att_2_what_is_not_evidence_to_the_member_is_refused() {
    let good = r#"{"type":"tpm2-quote","format_version":1,"payload":{}}"#;
    Evidence::from_json(good.as_bytes(), NOW).unwrap();
    let long = format!("{good}{}", " ".repeat(1536 * 1024));
    let other = format!(r#"{{"type":"eat","format_version":1,"payload":"{}"}}"#, "a".repeat(70_000));
    for (text, code, rule) in [
        (good.replacen("\"type\":\"tpm2-quote\",", "", 1), "malformed", "ATT-2"),
        (good.replacen("\"format_version\":1,", "", 1), "malformed", "ATT-2"),
        (good.replacen(":1,", ":4294967296,", 1), "malformed", "ATT-2"),
        (good.replacen(":1,", ":\"1\",", 1), "malformed", "ATT-2"),
        (good.replacen(",\"payload\":{}", "", 1), "malformed", "ATT-2"),
        (good.replacen("{}", "{},\"more\":1", 1), "malformed", "ATT-2"),
        (good.replacen("\"tpm2-quote\"", "7", 1), "malformed", "ATT-2"),
        (good.replacen("tpm2-quote", "tpm2-qoute", 1), "unsupported_type", "ATT-2"),
        (good.replacen("{}", "{},\"payload\":{}", 1), "json_duplicate_name", "JO-JSON-02"),
        (
            good.replacen("{}", &format!("{}{}", "[".repeat(8), "]".repeat(8)), 1),
            "json_depth_limit",
            "JO-JSON-03",
        ),
        (long, "json_input_limit", "JO-JSON-03"),
        (other, "too_large", "ATT-5"),
    ] {
        let shown: String = text.chars().take(80).collect();
        assert_refused!(Evidence::from_json(text.as_bytes(), NOW), code, rule, "{shown}");
    }
}

#[test]
fn att_2_a_type_is_a_name_that_is_known_or_a_media_type() {
    for name in EvidenceType::names() {
        assert_eq!(name.parse::<EvidenceType>().unwrap(), EvidenceType::from_name(name));
    }
    assert_eq!(EvidenceType::names().count(), 22);
    let own = "application/vnd.acme.badge+jwt";
    assert_eq!(own.parse(), Ok(EvidenceType::Other(own.into())));
    let long = format!("application/{}", "a".repeat(128));
    let no_names = ["", "tpm2-qoute", "TPM2-quote", "x-acme", "/", "a/", "/a", "a/b/c", "a/b; c=d", "a/é"];
    for bad in no_names.into_iter().chain(["Application/vnd.acme", "application/VND.acme", &long]) {
        let refused = bad.parse::<EvidenceType>();
        assert_refused!(refused, "unsupported_type", "ATT-2", "{bad}");
        let words = refused.unwrap_err().to_string();
        assert!(words.contains("nor one of aws-iid, ") && words.contains("tpm2-quote"), "{words}");
    }
}
