//! A crate depends only on crates of lower layers.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use xtask::packages::{self, Package};

#[test]
fn dependencies_point_down() {
    let crates = packages::crates().unwrap();
    let mut checked = 0;
    for package in &crates {
        for dependency in dependencies(package) {
            checked += 1;
            assert_eq!(fault(&layers(&crates), &package.name, dependency), None);
        }
    }
    assert!(checked > 0, "no dependency was looked at");
}

#[test]
fn a_dependency_on_the_same_or_a_higher_layer_is_a_fault() {
    let layers = [("aims", 9), ("aims-id", 0), ("aims-keys", 1), ("aims-testkit", 9), ("aims-tpm", 2)].into();
    let fault =
        |name: &str, below: &str, kind: Value| fault(&layers, name, &json!({"name": below, "kind": kind}));
    assert_eq!(fault("aims", "aims-tpm", Value::Null), None);
    assert_eq!(fault("aims", "serde", Value::Null), None, "not ours");
    assert!(fault("aims-id", "aims-tpm", Value::Null).is_some());
    assert!(fault("aims-tpm", "aims-tpm", Value::Null).is_some(), "the same layer");
    assert!(fault("aims-id", "aims-tpm", "dev".into()).is_some());
    assert_eq!(fault("aims-id", "aims-testkit", "dev".into()), None);
    assert!(fault("aims-id", "aims-testkit", Value::Null).is_some());
    assert!(fault("aims-id", "aims-testkit", "build".into()).is_some());
}

fn layers(crates: &[Package]) -> BTreeMap<&str, u64> {
    crates.iter().map(|package| (package.name.as_str(), package.layer.unwrap())).collect()
}

fn dependencies(package: &Package) -> &[Value] {
    package.metadata["dependencies"].as_array().unwrap()
}

/// What is wrong with a dependency of `name`, if it is one of ours.
fn fault(layers: &BTreeMap<&str, u64>, name: &str, dependency: &Value) -> Option<String> {
    let below = dependency["name"].as_str().unwrap();
    let (own_layer, below_layer) = (layers[name], layers.get(below)?);
    // What a test uses to test may depend on what it tests.
    let testkit = dependency["kind"] == "dev" && below == "aims-testkit";
    let down = *below_layer < own_layer || testkit;
    (!down).then(|| format!("{name} (layer {own_layer}) must not depend on {below} (layer {below_layer})"))
}
