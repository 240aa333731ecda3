//! What must not compile.

/// Each program in `ui/` tries to get a `VerifiedWit` or `VerifiedSvid` other than from a verifier, or a credential that is no credential.
#[test]
fn wid_14_wit_14_aims_6_aims_12_evidence_comes_from_a_verifier_only() {
    trybuild::TestCases::new().compile_fail("tests/it/ui/*.rs");
}
