//! Enrolled TPMs as text (TPM-29).

use aims_attest::tpm::{EnrolledDevices, EnrolledTpm, TpmDevices};
use aims_keys::backend;
use aims_testkit::assert_refused;
use proptest::prelude::*;

use super::enrolment::World;
use super::tpm::Curve;

fn read(text: &str) -> Result<EnrolledTpm, aims_attest::tpm::EnrolledTpmError> {
    EnrolledTpm::from_json(text.as_bytes(), backend::ring())
}

#[test]
fn tpm_29_an_enrolled_tpm_is_kept_as_text() {
    let enrolled = World::new(Curve::P256).enrol();
    let text = enrolled.to_json();
    assert!(text.starts_with("{\"version\":1,\"ek_sha256\":\""), "{text}");
    let again = read(&text).unwrap();
    assert_eq!((&again, again.to_json()), (&enrolled, text));
    assert_ne!(again, World::new(Curve::P384).enrol());
    assert_eq!(again.ak_name(), enrolled.ak_name());
    assert_eq!(again.enrolled_at(), enrolled.enrolled_at());
    for one in [&enrolled, &again] {
        assert_eq!(one.device().not_after(), enrolled.not_after());
    }
    assert!(!format!("{again:?}").contains("id:41494D53"), "{again:?}");

    let devices = EnrolledDevices::new();
    devices.enrol(again.device().clone());
    assert!(devices.device(enrolled.ak_name()).unwrap().is_some());
}

#[test]
fn tpm_29_a_text_that_is_not_an_enrolled_tpm_to_the_member_is_refused() {
    let good = World::new(Curve::P256).enrol().to_json();
    for (from, to) in [
        ("\"version\":1,", ""),
        ("\"version\":1", "\"version\":\"1\""),
        ("\"version\":1", "\"version\":1.0"),
        ("\"version\":1,", "\"version\":1,\"version\":1,"),
        ("\"version\":1,", "\"version\":1,\"ak_name\":\"000b\","),
        ("\"manufacturer\":\"id:41494D53\",", ""),
        ("\"id:41494D53\"", "\"\""),
        ("\"id:41494D53\"", "\"a\\nb\""),
        ("\"id:41494D53\"", "null"),
        ("\"model\"", "\"Model\""),
        ("\"makers-2026\"", "\"makers 2026\""),
        ("\"makers-2026\"", "[\"makers-2026\"]"),
        ("\"enrolled_at\":1796000000,", ""),
        ("1796000000", "-1"),
        ("1796000000", "1796000000.5"),
        ("\"not_after\":1893456000", "\"not_after\":1790000000"),
        (",\"not_after\":1893456000", ""),
        ("\"ek_sha256\":\"", "\"ek_sha256\":\"0"),
        ("\"ak_public\":\"", "\"ak_public\":\"="),
        ("}", ""),
        ("{", "[{"),
        ("}", "} "),
        ("{", " {"),
    ] {
        assert!(good.contains(from), "{from}");
        let text = good.replacen(from, to, 1);
        if matches!(to, "} " | " {") {
            assert!(read(&text).is_ok(), "white space around it means nothing");
            continue;
        }
        assert_refused!(read(&text), "malformed", "TPM-29", "{from} -> {to}");
    }
    // What ends in the second in which it was enrolled was enrolled.
    read(&good.replacen("\"not_after\":1893456000", "\"not_after\":1796000000", 1)).unwrap();
    let upper = good.find("ek_sha256").map(|at| {
        let (head, tail) = good.split_at(at + 12);
        let (digits, tail) = tail.split_at(64);
        format!("{head}{}{tail}", digits.to_uppercase())
    });
    assert_refused!(read(&upper.unwrap()), "malformed", "TPM-29");
    let newer = good.replacen("\"version\":1", "\"version\":2", 1);
    assert_refused!(read(&newer), "unsupported_version", "TPM-29");
    let padded = |len: usize| read(&format!("{}{good}", " ".repeat(len - good.len())));
    padded(8192).unwrap();
    assert_refused!(padded(8193), "too_large", "ATT-5");
}

#[test]
fn tpm_23_a_key_that_is_no_attestation_key_is_not_read_from_a_text() {
    let good = World::new(Curve::P256).enrol();
    let mut ak = good.ak_public().as_bytes().to_vec();
    let with = |ak: &[u8]| {
        let encoded = aims_jose::base64url::encode(good.ak_public().as_bytes());
        read(&good.to_json().replace(&encoded, &aims_jose::base64url::encode(ak)))
    };
    assert!(with(&ak).is_ok());
    ak[5] = 4;
    assert_refused!(with(&ak), "tpm_ak_attributes", "TPM-23");
    ak[5] = 5;
    assert_refused!(with(&ak[..80]), "malformed", "TPM-20");
    ak[30] ^= 1;
    assert_refused!(with(&ak), "key_not_on_curve", "JO-KEY-03");
}

proptest! {
    #[test]
    fn tpm_29_reading_texts_never_panics(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        at in any::<prop::sample::Index>(),
        value in any::<u8>(),
    ) {
        let _ = EnrolledTpm::from_json(&bytes, backend::ring());
        let mut text = World::new(Curve::P256).enrol().to_json().into_bytes();
        let at = at.index(text.len());
        text[at] = value;
        if let Ok(read) = EnrolledTpm::from_json(&text, backend::ring()) {
            prop_assert_eq!(EnrolledTpm::from_json(read.to_json().as_bytes(), backend::ring()), Ok(read));
        }
    }
}
