//! The packages and features of a run over the whole workspace.

use crate::{apt, packages};

/// Features that need OpenSSL, whichever crate has them.
const WITH_OPENSSL: [&str; 1] = ["jwe"];

/// The crate that needs libtss2 (TPM-1).
pub(crate) const WITH_TSS: &str = "aims-tpm";

/// The features that bring it, as `crate/feature`.
const BRING_TSS: [&str; 1] = ["aims-cli/tpm"];

/// Every package; where libtss2 is missing, every one that does without. CI must have it (TPM-9).
pub(crate) fn packages() -> Result<Vec<String>, String> {
    let mut args = vec!["--workspace".to_owned()];
    if !has_tss()? {
        args.extend(["--exclude".to_owned(), WITH_TSS.to_owned()]);
    }
    Ok(args)
}

/// Whether libtss2 is there; says so if not.
pub(crate) fn has_tss() -> Result<bool, String> {
    tss(apt::tss(), std::env::var_os("CI").is_some())
}

fn tss(there: bool, ci: bool) -> Result<bool, String> {
    if !there {
        if ci {
            return Err(format!("CI has {}", apt::NO_TSS));
        }
        eprintln!("SKIPPED: {WITH_TSS}: {}", apt::NO_TSS);
    }
    Ok(there)
}

/// Every feature; where OpenSSL or libtss2 is missing, every one that does without.
pub(crate) fn all() -> Result<Vec<String>, String> {
    let (openssl, tss) = (apt::openssl(), has_tss()?);
    if openssl && tss {
        return Ok(vec!["--all-features".to_owned()]);
    }
    if !openssl {
        eprintln!("SKIPPED: {}: {}", WITH_OPENSSL.join(", "), apt::NO_OPENSSL);
    }
    if !tss {
        eprintln!("SKIPPED: {}: {}", BRING_TSS.join(", "), apt::NO_TSS);
    }
    Ok(vec!["--features".to_owned(), those_with(openssl, tss)?.join(",")])
}

/// The features that work with what is there, as `crate/feature`.
fn those_with(openssl: bool, tss: bool) -> Result<Vec<String>, String> {
    let mut names = Vec::new();
    for package in packages::all()? {
        let features = package.metadata.get("features").and_then(|features| features.as_object());
        let features = features.into_iter().flatten().map(|(name, _)| name.as_str());
        let kept = features.filter(|name| openssl || !WITH_OPENSSL.contains(name));
        let kept = kept.map(|name| format!("{}/{name}", package.name));
        names.extend(kept.filter(|name| tss || !BRING_TSS.contains(&name.as_str())));
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// TPM-9: what needs libtss2 is left out aloud, and in CI it is not left out.
    #[test]
    fn tpm_9_without_libtss2_one_crate_is_left_out_and_ci_fails() {
        assert_eq!(tss(true, true), Ok(true));
        assert_eq!(tss(true, false), Ok(true));
        assert_eq!(tss(false, false), Ok(false));
        assert!(tss(false, true).unwrap_err().contains("libtss2-dev"));
    }

    #[test]
    fn without_openssl_only_its_features_are_missing() {
        let names = those_with(false, true).unwrap();
        for there in ["aims-jose/jwe-parse", "aims-jose/ml-dsa", "aims-credential/x509", "aims-cli/tpm"] {
            assert!(names.iter().any(|name| name == there), "{names:?}");
        }
        assert!(!names.iter().any(|name| name.ends_with("/jwe")), "{names:?}");
    }

    /// TPM-1: what a machine without libtss2 builds does not ask for it; what verifies evidence is built all the same.
    #[test]
    fn tpm_1_without_libtss2_no_feature_brings_it() {
        let names = those_with(true, false).unwrap();
        for there in ["aims-jose/jwe", "aims-attest/tpm"] {
            assert!(names.iter().any(|name| name == there), "{names:?}");
        }
        let dependents = packages::all().unwrap().into_iter().filter(|package| package.name != WITH_TSS);
        for package in dependents {
            let features = package.metadata.get("features").and_then(|features| features.as_object());
            for (name, enables) in features.into_iter().flatten() {
                let brings = enables.to_string().contains(WITH_TSS);
                let name = format!("{}/{name}", package.name);
                assert_eq!(brings, BRING_TSS.contains(&name.as_str()), "{name}");
                assert!(!brings || !names.contains(&name), "{name}");
            }
        }
    }
}
