//! What does not compile.

#[test]
fn aims_39_hil_30_act_5_idt_1_jar_1_a_local_yes_is_no_authorization() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}

#[test]
fn azr_8_no_token_is_written_into_a_text() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/secrets/*.rs");
}
