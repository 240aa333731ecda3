//! The packages and features of a run over the whole workspace.

use serde_json::Value;

use crate::{apt, packages};

/// Features that need OpenSSL, whichever crate has them.
const WITH_OPENSSL: [&str; 1] = ["jwe"];

/// The crate that needs libtss2 (TPM-1).
pub(crate) const WITH_TSS: &str = "aims-tpm";

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
    Ok(vec!["--features".to_owned(), without(openssl, tss)?.join(",")])
}

/// What is left where one of them is missing, as `crate/feature`.
fn without(openssl: bool, tss: bool) -> Result<Vec<String>, String> {
    let mut names = Vec::new();
    for package in packages::all()?.iter().filter(|package| tss || package.name != WITH_TSS) {
        let features = package.metadata.get("features").and_then(Value::as_object);
        let kept = features.into_iter().flatten().filter(|(name, turns_on)| {
            (openssl || !WITH_OPENSSL.contains(&name.as_str())) && (tss || !needs_tss(turns_on))
        });
        names.extend(kept.map(|(name, _)| format!("{}/{name}", package.name)));
    }
    Ok(names)
}

/// Whether a feature brings the crate that needs libtss2.
fn needs_tss(turns_on: &Value) -> bool {
    let dependency = format!("dep:{WITH_TSS}");
    turns_on.as_array().into_iter().flatten().any(|name| name == dependency.as_str())
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
        let names = without(false, true).unwrap();
        for there in ["aims-jose/jwe-parse", "aims-jose/ml-dsa", "aims-credential/x509"] {
            assert!(names.iter().any(|name| name == there), "{names:?}");
        }
        assert!(!names.iter().any(|name| name.ends_with("/jwe")), "{names:?}");
    }

    /// TPM-1: of the crate that needs libtss2 nothing is built without it, by no feature of another either.
    #[test]
    fn tpm_1_without_libtss2_no_feature_brings_its_crate() {
        let (with, names) = (without(true, true).unwrap(), without(true, false).unwrap());
        for there in ["aims-attest/tpm", "aims-testkit/swtpm", "aims-jose/jwe"] {
            assert!(names.iter().any(|name| name == there), "{names:?}");
        }
        for brings in ["aims-cli/tpm", "aims-examples/tpm"] {
            assert!(with.iter().any(|name| name == brings), "{with:?}");
            assert!(!names.iter().any(|name| name == brings), "{names:?}");
        }
    }
}
