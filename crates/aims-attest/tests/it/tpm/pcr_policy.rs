//! Policies about PCRs, in files (TPM-25, ATT-125).

use aims_attest::tpm::{PcrBank, PcrPolicy, PcrValues};
use aims_testkit::assert_refused;

#[test]
fn tpm_25_att_125_a_policy_is_read_to_the_member() {
    let value = "11".repeat(32);
    let good = format!(r#"{{"name":"edge","version":3,"pcrs":{{"sha256":{{"7":["{value}"]}}}}}}"#);
    let policy = PcrPolicy::from_json(good.as_bytes()).unwrap();
    assert_eq!(policy.id(), "edge@3");
    let mut pcrs = PcrValues::new();
    pcrs.insert(PcrBank::Sha256, 7, &[0x11; 32]).unwrap();
    policy.check(&pcrs).unwrap();
    let long = format!("\"name\":\"edge\"{}", " ".repeat(1024 * 1024));
    for (from, to, code, rule) in [
        ("\"name\":\"edge\",", "", "malformed", "ATT-125"),
        ("\"edge\"", "\"\"", "pcr_policy_name", "ATT-125"),
        ("\"edge\"", "7", "malformed", "ATT-125"),
        ("\"version\":3,", "", "malformed", "ATT-125"),
        ("\"version\":3", "\"version\":4294967296", "malformed", "ATT-125"),
        ("\"version\":3", "\"version\":3,\"more\":1", "malformed", "ATT-125"),
        ("\"version\":3", "\"version\":3,\"version\":3", "json_duplicate_name", "JO-JSON-02"),
        ("\"name\":\"edge\"", &long, "json_input_limit", "JO-JSON-03"),
        ("sha256", "sha1", "pcr_weak_bank", "TPM-25"),
        ("\"7\"", "\"07\"", "pcr_index", "TPM-25"),
        ("\"7\"", "\"16\"", "pcr_resettable", "TPM-25"),
        ("\"7\"", "\"24\"", "pcr_index", "TPM-25"),
        (&format!("[\"{value}\"]"), "[]", "pcr_policy_empty", "ATT-125"),
        (&format!("{{\"7\":[\"{value}\"]}}"), "{}", "pcr_policy_empty", "ATT-125"),
        ("[\"11", "[\"", "pcr_length", "TPM-25"),
        ("[\"11", "[\"1G", "malformed", "ATT-125"),
        (&format!("[\"{value}\"]"), "[7]", "malformed", "ATT-125"),
    ] {
        assert!(good.contains(from), "{from}");
        let changed = good.replacen(from, to, 1);
        assert_refused!(PcrPolicy::from_json(changed.as_bytes()), code, rule, "{from} -> {to:.60}");
    }
}
