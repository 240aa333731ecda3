//! Every crate is complete: papers, tests, lints, and a manifest that the registry would take.

use std::fs;

use serde_json::Value;
use xtask::packages;

#[test]
fn every_crate_has_its_papers() {
    for package in packages::crates().unwrap() {
        let name = &package.name;
        assert!(package.dir.ends_with(name), "{name}: the folder has another name");
        for file in ["README.md", "tests/it/main.rs"] {
            assert!(package.dir.join(file).is_file(), "{name}: no {file}");
        }
        for field in ["description", "license", "readme", "rust_version"] {
            let text = package.metadata[field].as_str().unwrap_or_default();
            assert!(!text.is_empty(), "{name}: no {field}");
        }
        assert!(package.layer.is_some(), "{name}: no [package.metadata.aims] layer");
        let section = package.metadata["metadata"]["aims"]["section"].as_str().unwrap_or_default();
        assert!(!section.is_empty(), "{name}: no [package.metadata.aims] section");
    }
}

#[test]
fn every_package_obeys_the_lints_of_the_workspace() {
    for package in packages::all().unwrap() {
        let manifest = fs::read_to_string(package.dir.join("Cargo.toml")).unwrap();
        assert!(manifest.contains("\n[lints]\nworkspace = true\n"), "{}", package.name);
    }
}

#[test]
fn every_crate_shows_its_readme_as_its_documentation() {
    for package in packages::crates().unwrap().iter().filter(|package| package.library) {
        let root = fs::read_to_string(package.dir.join("src/lib.rs")).unwrap();
        assert!(root.contains("#![doc = include_str!(\"../README.md\")]"), "{}", package.name);
    }
}

#[test]
fn manifests_can_be_published() {
    let all = packages::all().unwrap();
    let mut published = 0;
    for package in all.iter().filter(|package| package.is_published()) {
        published += 1;
        let dependencies = package.metadata["dependencies"].as_array().unwrap();
        for dependency in dependencies {
            let (name, dev) = (dependency["name"].as_str().unwrap(), dependency["kind"] == "dev");
            // Cargo leaves a development dependency without a version out of what it publishes.
            if dev && dependency["path"].is_string() {
                assert_eq!(
                    dependency["req"], "*",
                    "{}: {name}: a version makes a cycle in the registry",
                    package.name
                );
                continue;
            }
            assert_ne!(dependency["req"], "*", "{}: {name} has no version", package.name);
            let source = &dependency["source"];
            assert!(
                *source == Value::Null || source.as_str().unwrap().contains("crates.io"),
                "{}: {name} comes from {source}",
                package.name
            );
            if dependency["path"].is_string() {
                let below = all.iter().find(|other| other.name == name);
                assert!(
                    below.is_some_and(packages::Package::is_published),
                    "{}: {name} stays here",
                    package.name
                );
            }
        }
    }
    assert!(published > 0);
}

#[test]
fn the_repository_and_only_its_crates_are_published() {
    for package in packages::all().unwrap() {
        assert_eq!(package.is_published(), package.is_crate(), "{}", package.name);
    }
}
