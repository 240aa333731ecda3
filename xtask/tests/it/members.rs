//! Which packages a plain `cargo build` builds: all that need no native library.

use serde_json::{Value, json};
use xtask::packages;

/// The one that needs a native library.
const APART: &str = "aims-tpm";

/// TPM-1: a machine without libtss2 compiles and tests all others by default.
#[test]
fn tpm_1_all_but_one_are_default_members() {
    let output = std::process::Command::new(std::env::var_os("CARGO").unwrap())
        .current_dir(packages::root())
        .args(["metadata", "--no-deps", "--format-version", "1", "--locked"])
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let ids = |name: &str| metadata[name].as_array().unwrap().clone();
    let defaults = ids("workspace_default_members");
    let mut apart = ids("workspace_members");
    apart.retain(|id| !defaults.contains(id));
    let names = metadata["packages"].as_array().unwrap().iter();
    let names: Vec<_> =
        names.filter(|package| apart.contains(&package["id"])).map(|package| &package["name"]).collect();
    assert_eq!(names, [&json!(APART)]);
}

/// TPM-1: no other crate depends on it, unless by a feature that is off.
#[test]
fn tpm_1_no_package_needs_it() {
    for package in packages::all().unwrap() {
        let dependencies = package.metadata["dependencies"].as_array().unwrap();
        let needs = dependencies.iter().any(|one| one["name"] == APART && one["optional"] == false);
        assert!(!needs, "{} depends on {APART}", package.name);
        let default = package.metadata["features"]["default"].to_string();
        assert!(!default.contains(APART) && !default.contains("tpm"), "{}: {default}", package.name);
    }
}

/// TPM-2: one crate knows the library below, in one version.
#[test]
fn tpm_2_one_crate_uses_the_tss_in_a_pinned_version() {
    let mut users = Vec::new();
    for package in packages::all().unwrap() {
        for dependency in package.metadata["dependencies"].as_array().unwrap() {
            if dependency["name"] == "tss-esapi" {
                users.push((package.name.clone(), dependency["req"].clone()));
            }
        }
    }
    assert_eq!(users, [(APART.to_owned(), json!("^7.7"))]);
}
