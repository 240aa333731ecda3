//! `aims tpm`, in a program that was built without it.

use crate::support::Folder;

/// TPM-1: the program that needs no libtss2 has the command, and says how to get what is behind it.
#[test]
fn tpm_1_without_the_feature_the_program_says_how_to_build_it() {
    let folder = Folder::new();
    for args in [
        &["tpm"][..],
        &["tpm", "info"],
        &["tpm", "quote", "--nonce", "-A", "--dir", "keys"],
        &["tpm", "--help"],
        &["tpm", "key", "list", "--", "-"],
    ] {
        let said = folder.aims(args).unusable();
        assert!(said.starts_with("error: this program was built without `aims tpm`: "), "{said}");
        for named in ["--features tpm", "libtss2-dev", "aims attest"] {
            assert!(said.contains(named), "{said}");
        }
        assert_eq!(said.lines().count(), 1, "{said}");
    }
    for args in [&["tpm", "info", "--json"][..], &["--json", "tpm", "info"]] {
        let said = folder.aims(args).unusable();
        assert!(said.starts_with(r#"{"error":{"message":"this program was built without"#), "{said}");
    }
    // Nor is a key in a TPM taken for a file.
    let said = folder.aims(&["key", "inspect", "tpm:keys/web"]).unusable();
    assert!(said.contains("--features tpm"), "{said}");
    assert!(folder.aims(&["--help"]).accepted().contains("built without it (feature `tpm`)"));
}
