//! `aims key`.

use std::fs;

use aims_testkit::assert_refused;

use crate::support::Folder;

// RFC 8037 appendix A.1.
const ED25519: &str = r#"{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","kid":"rfc","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
const SECRET: &str = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";
const THUMBPRINT: &str = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k";

#[test]
fn a_new_key_is_described_and_not_shown() {
    let folder = Folder::new();
    for (alg, kind) in [("ES256", "EC P-256"), ("ES384", "EC P-384"), ("Ed25519", "OKP Ed25519")] {
        let file = format!("{alg}.pem");
        let made = folder.aims(&["key", "new", "--alg", alg, "--out", &file, "--json"]).json();
        assert_eq!((&made["file"], &made["alg"]), (&file.as_str().into(), &alg.into()));
        let pem = folder.read(&file);
        assert!(pem.starts_with("-----BEGIN PRIVATE KEY-----\n"));

        let inspected = folder.aims(&["key", "inspect", &file, "--json"]).json();
        assert_eq!(inspected["thumbprint"], made["thumbprint"]);
        assert_eq!((&inspected["alg"], &inspected["type"]), (&alg.into(), &kind.into()));
        let jwk = folder.aims(&["key", "public", &file, "--kid", "k"]).json();
        assert_eq!((&jwk["alg"], &jwk["kid"], jwk.get("d")), (&alg.into(), &"k".into(), None));
        folder.write("public.jwk", jwk.to_string());
        let thumbprint = folder.aims(&["jwk", "thumbprint", "public.jwk"]).accepted();
        assert_eq!(thumbprint.trim_end(), made["thumbprint"]);
    }
}

#[test]
#[cfg(unix)]
fn key_files_are_for_their_owner_and_never_overwritten_by_accident() {
    use std::os::unix::fs::PermissionsExt;

    let folder = Folder::new();
    let mode = |name| fs::metadata(folder.path().join(name)).unwrap().permissions().mode() & 0o7777;
    folder.aims(&["key", "new", "--out", "a.pem"]).accepted();
    assert_eq!(mode("a.pem"), 0o600);

    let first = folder.read("a.pem");
    let said = folder.aims(&["key", "new", "--out", "a.pem"]).unusable();
    assert!(said.contains("a.pem: there is a file already"), "{said}");
    assert_eq!(folder.read("a.pem"), first);

    // A file that others could read does not hand its mode on.
    fs::set_permissions(folder.path().join("a.pem"), fs::Permissions::from_mode(0o644)).unwrap();
    folder.aims(&["key", "new", "--out", "a.pem", "--force"]).accepted();
    assert_ne!(folder.read("a.pem"), first);
    assert_eq!(mode("a.pem"), 0o600);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "something was left behind");

    let said = folder.aims(&["key", "new", "--out", "missing/a.pem", "--force"]).unusable();
    assert!(said.contains("missing/a.pem"), "{said}");
}

/// A device under such a name would be gone, for all who use it.
#[test]
#[cfg(unix)]
fn force_replaces_files_and_nothing_else() {
    use std::os::unix::fs::{FileTypeExt, symlink};
    use std::os::unix::net::UnixListener;

    use nix::sys::stat::Mode;

    let folder = Folder::new();
    let path = |name: &str| folder.path().join(name);
    let kind = |name: &str| fs::symlink_metadata(path(name)).unwrap().file_type();
    folder.write("elsewhere", "kept");
    symlink("elsewhere", path("link")).unwrap();
    symlink("nowhere", path("dangling")).unwrap();
    nix::unistd::mkfifo(&path("pipe"), Mode::from_bits_truncate(0o600)).unwrap();
    fs::create_dir(path("directory")).unwrap();
    // The path of a socket is short.
    let socket = path("socket");
    let _listening = UnixListener::bind(&socket).ok();
    let before = fs::read_dir(folder.path()).unwrap().count();
    for (name, why) in [
        ("link", "symbolic link"),
        ("dangling", "symbolic link"),
        ("pipe", "not a file"),
        ("directory", "not a file"),
    ] {
        for force in [&[][..], &["--force"]] {
            for made in [&["key", "new", "--out", name][..], &["key", "sealing", "--out", name]] {
                let said = folder.aims(&[made, force].concat()).unusable();
                assert!(said.starts_with(&format!("error: {name}: ")) && said.contains(why), "{said}");
            }
        }
    }
    assert!(kind("link").is_symlink() && kind("dangling").is_symlink() && kind("directory").is_dir());
    assert!(kind("pipe").is_fifo() && !path("nowhere").exists());
    if socket.exists() {
        folder.aims(&["key", "new", "--out", "socket", "--force"]).unusable();
        assert!(kind("socket").is_socket());
    }
    assert_eq!(folder.read("elsewhere"), "kept");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), before, "something was left behind");
}

#[test]
fn a_key_is_printed_when_asked_and_never_as_json() {
    let folder = Folder::new();
    for args in [&["key", "new", "--out", "-"][..], &["key", "new"]] {
        let pem = folder.aims(args).accepted();
        let piped = folder.aims_with_input(&["key", "inspect", "-"], pem.as_bytes()).accepted();
        assert!(piped.starts_with("form: private key in PEM (PKCS#8)\nalg: ES256\n"), "{piped}");
    }
    for args in [&["key", "new", "--json"][..], &["key", "new", "--out", "-", "--json"]] {
        assert!(folder.aims(args).unusable().contains("never printed as JSON"));
    }
}

#[test]
fn tpm_44_what_the_backend_cannot_make_is_refused() {
    let folder = Folder::new();
    for alg in ["RS256", "PS256", "ML-DSA-65"] {
        let made = folder.aims(&["key", "new", "--alg", alg, "--out", "a.pem"]);
        assert_refused!(made.refusal().err(), "key_unsupported", "TPM-44", "{alg}");
        assert!(!folder.path().join("a.pem").exists());
    }
}

#[test]
fn names_of_algorithms_have_one_case_and_that_is_said() {
    let folder = Folder::new();
    for (text, name) in [("es256", "ES256"), ("ed25519", "Ed25519"), ("RSA256", "RS256")] {
        let said = folder.aims(&["key", "new", "--alg", text, "--out", "a.pem"]).unusable();
        assert!(said.contains(&format!("'{name}'")), "{said}");
    }
    folder.key("a", "ES256", "a");
    let http = ["http", "sign", "-", "--key", "a.pem", "--alg", "ECDSA-P256-SHA256"];
    assert!(folder.aims(&http).unusable().contains("a similar value exists: 'ecdsa-p256-sha256'"));
}

#[test]
fn private_jwks_are_read_and_their_secrets_kept() {
    let folder = Folder::new();
    folder.write("ed.jwk", ED25519);
    let inspected = folder.aims(&["key", "inspect", "ed.jwk"]).accepted();
    assert_eq!(
        inspected,
        format!("form: private JWK\nalg: EdDSA\ntype: OKP Ed25519\nkid: rfc\nthumbprint: {THUMBPRINT}\n"),
    );
    let public = folder.aims(&["key", "public", "ed.jwk"]).accepted();
    assert!(public.contains(r#""kid":"rfc""#) && !public.contains(SECRET), "{public}");
    folder.write("unbound.jwk", ED25519.replace(r#""alg":"EdDSA","#, ""));
    assert_eq!(folder.aims(&["key", "inspect", "unbound.jwk", "--json"]).json()["alg"], "Ed25519");
    let renamed = folder.aims(&["key", "public", "ed.jwk", "--kid", "other"]).json();
    assert_eq!(renamed["kid"], "other");
}

#[test]
fn jo_key_07_broken_keys_are_refused_without_showing_them() {
    let folder = Folder::new();
    let foreign_half = ED25519.replace(
        "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        "FFoqWGaHdK2IkjWpFfnnEJQzzXr3L1lNCjUV7R7RmRE",
    );
    let sec1 = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIA==\n-----END EC PRIVATE KEY-----\n";
    for (text, code, rule) in [
        (sec1, "key_pem", "JO-KEY-07"),
        ("", "key_pem", "JO-KEY-07"),
        ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "key_malformed", "JO-KEY-07"),
        (&ED25519.replace("\"kid\"", "\"alg\""), "json_duplicate_name", "JO-JSON-02"),
        (&ED25519.replace("EdDSA", "ES256"), "key_type", "JO-KEY-02"),
        (&foreign_half, "key_inconsistent", "JO-KEY-07"),
    ] {
        folder.write("key", text);
        for command in ["inspect", "public"] {
            let output = folder.aims(&["key", command, "key"]);
            assert!(!output.stderr.contains(SECRET) && !output.stderr.contains("MHcCAQEE"), "{output:?}");
            assert_refused!(output.refusal().err(), code, rule, "{text}");
        }
    }
}

#[test]
fn jo_key_02_alg_binds_and_does_not_convert() {
    let folder = Folder::new();
    folder.key("a", "ES256", "a");
    let bound = folder.aims(&["key", "inspect", "a.pem", "--alg", "ES384"]);
    assert_refused!(bound.refusal().err(), "key_algorithm_mismatch", "JO-KEY-02");
    folder.aims(&["key", "inspect", "a.pem", "--alg", "ES256"]).accepted();
    folder.key("e", "Ed25519", "e");
    let named = folder.aims(&["key", "public", "e.pem", "--alg", "EdDSA"]).json();
    assert_eq!(named["alg"], "EdDSA");
}

#[test]
fn jo_hdr_05_key_identifiers_are_checked() {
    let folder = Folder::new();
    folder.key("a", "ES256", "a");
    let named = folder.aims(&["key", "public", "a.pem", "--kid", ""]);
    assert_refused!(named.refusal().err(), "malformed_key_id", "JO-HDR-05");
}
