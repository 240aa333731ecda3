//! Vectors are found by name, or loudly missed.

use aims_testkit::vectors;

#[test]
fn a_file_is_found_by_its_name() {
    let Some(cases) = vectors::json("spiffe/spiffe-id-cases.json") else { return };
    assert!(cases["accept"].as_array().is_some_and(|accept| !accept.is_empty()));
}

#[test]
fn a_file_that_does_not_exist_is_missed_or_fails() {
    let missing = std::panic::catch_unwind(|| vectors::path("no/such/file.json"));
    match std::env::var_os("CI") {
        Some(_) => assert!(missing.is_err(), "CI must not skip"),
        None => assert_eq!(missing.unwrap(), None),
    }
}
