//! The feature `serde`: strings, through the parsers.

use aims_id::{IdPattern, Origin, SpiffeId, TrustDomain, WorkloadId};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::refusals::REFUSED;

#[test]
fn round_trips_as_a_string() {
    round_trip::<WorkloadId>("wimse://acme.example/agents/travel");
    round_trip::<WorkloadId>("spiffe://acme.example");
    round_trip::<SpiffeId>("spiffe://acme.example/agents/travel");
    round_trip::<TrustDomain>("acme.example");
    round_trip::<Origin>("wimse://acme.example");
    round_trip::<IdPattern>("spiffe://acme.example/agents/**");
}

#[test]
fn wid_8_wid_12_what_the_parser_refuses_is_refused_with_its_reason() {
    for &(text, _, _) in REFUSED {
        refused::<WorkloadId>(text, &text.parse::<WorkloadId>().unwrap_err().to_string());
        refused::<SpiffeId>(text, &text.parse::<SpiffeId>().unwrap_err().to_string());
    }
    refused::<SpiffeId>("wimse://acme.example/a", "the scheme is not spiffe");
    refused::<TrustDomain>("Acme.example", "the trust domain is not in lower case");
    refused::<Origin>("spiffe://acme.example/a", "an origin ends with its trust domain");
    refused::<IdPattern>("spiffe://acme.example/a*", "a wildcard is part of a segment");
}

#[test]
fn other_types_than_strings_are_refused() {
    for json in ["null", "true", "1", "[]", "{}", r#"["spiffe://acme.example"]"#] {
        let refusal = serde_json::from_str::<WorkloadId>(json).unwrap_err().to_string();
        assert!(refusal.contains("expected a workload identifier"), "{json}: {refusal}");
    }
}

/// JSON escapes are undone before the text is looked at, also where that takes a buffer.
#[test]
fn escaped_strings_are_read_as_what_they_stand_for() {
    let id: WorkloadId = serde_json::from_str(r#""spiffe:\/\/acme.example\u002fa""#).unwrap();
    assert_eq!(id.as_str(), "spiffe://acme.example/a");
    let refusal = serde_json::from_str::<WorkloadId>(r#""spiffe://acme.example/\u0000""#).unwrap_err();
    assert!(refusal.to_string().starts_with(r"'\0' is not allowed"), "{refusal}");
}

fn round_trip<T: DeserializeOwned + Serialize>(text: &str) {
    let json = serde_json::to_string(text).unwrap();
    let value: T = serde_json::from_str(&json).unwrap();
    assert_eq!(serde_json::to_string(&value).unwrap(), json);
    let owned: T = serde_json::from_value(text.into()).unwrap();
    assert_eq!(serde_json::to_value(owned).unwrap(), text);
}

fn refused<T: DeserializeOwned>(text: &str, reason: &str) {
    let json = serde_json::to_string(text).unwrap();
    match serde_json::from_str::<T>(&json) {
        Ok(_) => panic!("{text:?} was accepted"),
        Err(refusal) => assert!(refusal.to_string().starts_with(reason), "{text:?}: {refusal}"),
    }
}
