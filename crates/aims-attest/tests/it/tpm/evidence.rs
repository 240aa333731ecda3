//! The format of evidence `tpm2-quote` (ATT-2, ATT-5).

use aims_attest::EvidenceType;
use aims_attest::tpm::{PcrBank, PcrValues, TpmEvidence, TpmName};
use aims_testkit::assert_refused;

use super::support::Machine;
use crate::support::NOW;

fn small() -> TpmEvidence {
    let ak = TpmName::from_bytes(&[&[0, 0x0b][..], &[7; 32]].concat()).unwrap();
    let mut pcrs = PcrValues::new();
    pcrs.insert(PcrBank::Sha256, 7, &[0xff; 32]).unwrap();
    pcrs.insert(PcrBank::Sha256, 10, &[0; 32]).unwrap();
    pcrs.insert(PcrBank::Sha384, 0, &[0; 48]).unwrap();
    TpmEvidence::new(ak, (b"attest", b"signature"), pcrs)
}

fn text(evidence: &TpmEvidence) -> String {
    String::from_utf8(evidence.to_evidence(NOW).unwrap().payload().to_vec()).unwrap()
}

#[test]
fn att_2_evidence_of_a_tpm_is_read_as_it_was_written() {
    let full = small().certify(b"public", (b"attest 2", b"signature 2")).event_log(b"log".to_vec());
    for made in [small(), full.clone(), small().event_log(Vec::new()), Machine::new().full()] {
        let evidence = made.to_evidence(NOW).unwrap();
        assert_eq!((evidence.evidence_type(), evidence.format_version()), (&EvidenceType::Tpm2Quote, 1));
        let read = TpmEvidence::parse(evidence.payload()).unwrap();
        assert_eq!(read, made);
        assert_eq!(read.to_evidence(NOW).unwrap(), evidence);
    }
    let zeros = "A".repeat(43);
    let expected = [
        r#"{"ak":"AAsHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBw","quote":{"attest":"YXR0ZXN0","signature":"c2lnbmF0dXJl"},"#,
        &format!(
            r#""pcrs":{{"sha256":{{"7":"{}8","10":"{zeros}"}},"sha384":{{"0":"{}"}}}},"#,
            "_".repeat(42),
            "A".repeat(64)
        ),
        r#""certify":{"public":"cHVibGlj","attest":"YXR0ZXN0IDI","signature":"c2lnbmF0dXJlIDI"},"event_log":"bG9n"}"#,
    ];
    assert_eq!(text(&full), expected.concat());
    let shown = format!("{full:?}");
    assert_eq!(shown, "TpmEvidence { certify: true, event_log: Some(3), .. }");
}

#[test]
fn att_2_tpm_25_evidence_is_put_together_from_what_a_tpm_gives() {
    let ak = [&[0, 0x0b][..], &[7; 32]].concat();
    let (quote, zeros) = ((b"attest", b"signature"), [0_u8; 48]);
    let pcrs = [(0x0b, 7, &[0xff; 32][..]), (0x0b, 10, &zeros[..32]), (0x0c, 0, &zeros[..])];
    assert_eq!(TpmEvidence::of_quote(&ak, quote, pcrs).unwrap(), small());
    for (pcrs, code) in [
        (vec![(0x04, 7, &zeros[..20])], "pcr_weak_bank"),
        (vec![(0x0b, 32, &zeros[..32])], "pcr_index"),
        (vec![(0x0b, 7, &zeros[..])], "pcr_length"),
        (vec![(0x0b, 7, &zeros[..32]), (0x0b, 7, &zeros[..32])], "pcr_twice"),
    ] {
        assert_refused!(TpmEvidence::of_quote(&ak, quote, pcrs), code, "TPM-25");
    }
    let [_, name @ ..] = &ak[..] else { panic!("a name has bytes") };
    assert_refused!(TpmEvidence::of_quote(name, quote, [(0x0b, 7, [0; 32])]), "tpm_ak_name", "TPM-23");
}

#[test]
fn att_2_att_5_what_is_not_evidence_of_a_tpm_is_refused_by_its_reason() {
    let full = text(&small().certify(b"public", (b"attest 2", b"signature 2")).event_log(b"log".to_vec()));
    TpmEvidence::parse(full.as_bytes()).unwrap();
    for (from, to, code, rule) in [
        ("\"ak\":\"AAs", "\"ak\":\"AAQ", "tpm_ak_name", "TPM-23"),
        ("\"ak\":\"AAsH", "\"ak\":\"", "tpm_ak_name", "TPM-23"),
        ("\"ak\"", "\"AK\"", "tpm_evidence_member", "ATT-2"),
        ("\"pcrs\":{", "\"pcrs\":[{", "json_syntax", "JO-JSON-01"),
        ("\"sha256\":{", "\"sha1\":{", "pcr_weak_bank", "TPM-25"),
        ("\"7\"", "\"07\"", "pcr_index", "TPM-25"),
        ("\"7\"", "\"+7\"", "pcr_index", "TPM-25"),
        ("\"7\"", "\"32\"", "pcr_index", "TPM-25"),
        ("\"7\"", "\"256\"", "pcr_index", "TPM-25"),
        ("\"7\"", "\"10\"", "json_duplicate_name", "JO-JSON-02"),
        ("\"7\":\"_", "\"7\":\"", "base64_trailing_bits", "JO-B64-02"),
        ("\"7\":\"____", "\"7\":\"", "pcr_length", "TPM-25"),
        ("\"YXR0ZXN0\"", "7", "tpm_evidence_member", "ATT-2"),
        ("\"YXR0ZXN0\"", "\"YXR0ZXN0=\"", "base64_length", "JO-B64-02"),
        ("\"YXR0ZXN0\"", "\"YXR+ZXN0\"", "base64_character", "JO-B64-02"),
        ("\"YXR0ZXN0\"", "\"\\u0059XR0ZXN0\"", "tpm_evidence_member", "ATT-2"),
        ("\"attest\":\"YXR0ZXN0\",", "", "tpm_evidence_missing", "ATT-2"),
        (",\"signature\":\"c2lnbmF0dXJl\"", "", "tpm_evidence_missing", "ATT-2"),
        ("\"public\":\"cHVibGlj\",", "", "tpm_evidence_missing", "ATT-2"),
        ("\"quote\":{", "\"quote\":{\"public\":\"\",", "tpm_evidence_member", "ATT-2"),
        ("\"quote\":{", "\"quote\":{\"nonce\":\"\",", "tpm_evidence_member", "ATT-2"),
        ("{\"ak\"", "{\"ek\":\"AA\",\"ak\"", "tpm_evidence_member", "ATT-2"),
        ("\"event_log\":\"bG9n\"", "\"event_log\":null", "tpm_evidence_member", "ATT-2"),
        ("\"event_log\"", "\"certify\"", "json_duplicate_name", "JO-JSON-02"),
    ] {
        assert!(full.contains(from), "{from}");
        let changed = full.replacen(from, to, 1);
        assert_refused!(TpmEvidence::parse(changed.as_bytes()), code, rule, "{from} -> {to}");
    }
    let quoteless = r#"{"ak":"AAsHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBw","pcrs":{}}"#;
    assert_refused!(TpmEvidence::parse(quoteless.as_bytes()), "tpm_evidence_missing", "ATT-2");
}

#[test]
fn att_5_a_log_of_1_mib_fits_and_nothing_else_may_be_that_long() {
    let whole = small().event_log(vec![0xab; 1024 * 1024]);
    assert_eq!(TpmEvidence::parse(whole.to_evidence(NOW).unwrap().payload()).unwrap(), whole);
    // Beside the log there are 64 KiB, for all else.
    let padded = |len| {
        let mut text = small().to_evidence(NOW).unwrap().payload().to_vec();
        text.resize(len, b' ');
        TpmEvidence::parse(&text)
    };
    let most = 64 * 1024 + (1024_usize * 1024).div_ceil(3) * 4;
    assert_eq!(padded(most).unwrap(), small());
    assert_refused!(padded(most + 1), "json_input_limit", "JO-JSON-03");
    let longer = small().event_log(vec![0xab; 1024 * 1024 + 1]);
    assert_refused!(TpmEvidence::parse(longer.to_evidence(NOW).unwrap().payload()), "too_large", "ATT-5");
    assert_refused!(small().event_log(vec![0; 1200 * 1024]).to_evidence(NOW), "too_large", "ATT-5");
    let ak = small().claimed_ak().clone();
    for (attest, signature) in [(vec![0; 2049], vec![]), (vec![], vec![0; 2049])] {
        let long = TpmEvidence::new(ak.clone(), (attest, signature), PcrValues::new());
        assert_refused!(TpmEvidence::parse(long.to_evidence(NOW).unwrap().payload()), "too_large", "ATT-5");
    }
}
