//! Twenty seconds of the soak; `cargo xtask soak` is five minutes of it.

use crate::programs::run;

#[test]
fn aims_13_aims_17_no_request_fails_while_credentials_are_renewed_all_the_time() {
    let output = run(env!("CARGO_BIN_EXE_soak"), ["20", "200"]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains(", failed: 0\n"), "{said}");
}
