//! The features of a run over the whole workspace.

use crate::{apt, packages};

/// Features that need OpenSSL, whichever crate has them.
const WITH_OPENSSL: [&str; 1] = ["jwe"];

/// Every feature; where OpenSSL is missing, every one that does without.
pub(crate) fn all() -> Result<Vec<String>, String> {
    if apt::openssl() {
        return Ok(vec!["--all-features".to_owned()]);
    }
    eprintln!("SKIPPED: {}: {}", WITH_OPENSSL.join(", "), apt::NO_OPENSSL);
    Ok(vec!["--features".to_owned(), without_openssl()?.join(",")])
}

/// As `crate/feature`.
fn without_openssl() -> Result<Vec<String>, String> {
    let mut names = Vec::new();
    for package in packages::all()? {
        let features = package.metadata.get("features").and_then(|features| features.as_object());
        let features = features.into_iter().flatten().map(|(name, _)| name.as_str());
        let kept = features.filter(|name| !WITH_OPENSSL.contains(name));
        names.extend(kept.map(|name| format!("{}/{name}", package.name)));
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_openssl_only_its_features_are_missing() {
        let names = without_openssl().unwrap();
        for there in ["aims-jose/jwe-parse", "aims-jose/ml-dsa", "aims-credential/x509"] {
            assert!(names.iter().any(|name| name == there), "{names:?}");
        }
        assert!(!names.iter().any(|name| name.ends_with("/jwe")), "{names:?}");
    }
}
