//! What only a guard can make, nobody else can.

#[test]
fn arch_3_aims_6_aims_1_permits_cannot_be_made_by_hand() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/it/evidence/*.rs");
}

#[cfg(feature = "mcp")]
#[test]
fn mcp_42_aims_39_what_a_user_answers_to_a_server_authorizes_nobody() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/it/evidence_mcp/*.rs");
}
