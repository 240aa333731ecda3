//! What was decrypted does not become evidence, and keys do not multiply (JO-JWE-01, JO-JWE-10).

#[test]
fn jo_jwe_01_jo_jwe_10_nothing_leads_around_the_verifier() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/it/evidence_jwe/*.rs");
}
