//! Evidence comes from verifiers only (JO-CLM-09, JO-JSON-05, JO-KEY-07).

#[test]
fn jo_clm_09_jo_json_05_jo_key_07_evidence_cannot_be_made_by_hand() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/it/evidence/*.rs");
}
