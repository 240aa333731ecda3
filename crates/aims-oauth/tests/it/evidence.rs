//! What cannot be made by hand.

#[test]
fn aims_39_hil_30_act_5_idt_1_jar_1_a_local_yes_is_no_authorization() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
