//! `aims tpm`, with a TPM in software.

use aims::jose::base64url;
use aims_testkit::{SoftTpm, SoftTpmCa, assert_refused};
use serde_json::{Value, json};

use crate::support::{Folder, ORIGIN, Output, SUBJECT, TRUST};

/// A machine with a TPM, in a folder with the authority of its maker (`root.crt`, `issuer.crt`).
pub(crate) struct Machine {
    pub(crate) folder: Folder,
    tpm: SoftTpm,
}

const NONCE: [u8; 32] = [0xfb; 32];

impl Machine {
    pub(crate) fn endorsed() -> Option<Self> {
        let (tpm, ca) = SoftTpm::with_endorsement()?;
        let folder = Folder::new();
        authorities(&folder, &ca);
        Some(Self { folder, tpm })
    }

    fn bare() -> Option<Self> {
        Some(Self { folder: Folder::new(), tpm: SoftTpm::start()? })
    }

    /// `aims tpm` with this TPM and the directory `keys`.
    fn tpm(&self, args: &[&str]) -> Output {
        let tcti = self.tpm.tcti();
        self.folder.aims(&[&["tpm"], args, &["--tcti", &tcti, "--dir", "keys"]].concat())
    }

    pub(crate) fn tcti(&self) -> String {
        self.tpm.tcti()
    }

    /// Leaves `FILE`: the TPM, enrolled.
    fn enrol(&self, file: &str) {
        self.tpm(&["provision"]).saved(&self.folder, "provision.json");
        self.credential().saved(&self.folder, "credential.json");
        self.tpm(&["activate", "credential.json"]).saved(&self.folder, "secret");
        let args = ["attest", "enrol", "--pending", "pending.json", "@secret"];
        self.folder.aims(&args).saved(&self.folder, file);
    }

    fn credential(&self) -> Output {
        let by = ["--roots", "root.crt", "--intermediates", "issuer.crt", "--provision", "provision.json"];
        self.folder.aims(&[&["attest", "credential", "--pending", "pending.json"], &by[..]].concat())
    }

    /// Leaves `NAME.jwk`: a new key in the TPM.
    fn key(&self, name: &str) {
        self.tpm(&["key", "create", name]).accepted();
        self.tpm(&["key", "show", name]).saved(&self.folder, &format!("{name}.jwk"));
    }

    fn quote(&self, options: &[&str]) -> Output {
        let nonce = base64url::encode(NONCE);
        self.tpm(&[&["quote", "--audience", ORIGIN, "--nonce", &nonce], options].concat())
    }
}

/// As PEM, as makers publish them.
fn authorities(folder: &Folder, ca: &SoftTpmCa) {
    for (name, der) in [("root.crt", ca.root()), ("issuer.crt", ca.issuer())] {
        let text = aims::jose::base64::encode(der);
        folder.write(name, format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n"));
    }
}

fn verify(folder: &Folder, device: &str, key: &str, audience: &str, nonce: [u8; 32]) -> Output {
    let nonce = base64url::encode(nonce);
    let asked = ["--audience", audience, "--nonce", &nonce, "--key", key, "--device", device];
    folder.aims(&[&["attest", "verify", "evidence.json"], &asked[..]].concat())
}

/// From the factory to evidence that is accepted, and what is not.
#[test]
fn tpm_29_tpm_30_att_21_a_tpm_is_enrolled_and_vouches_for_its_key_alone() {
    let Some(machine) = Machine::endorsed() else { return };
    let folder = &machine.folder;
    machine.enrol("tpm.json");
    machine.key("web");
    machine.quote(&["--key", "web"]).saved(folder, "evidence.json");
    let said = verify(folder, "tpm.json", "web.jwk", ORIGIN, NONCE).accepted();
    for line in ["verdict: accepted\n", "level: 4\n", "bound_key: hardware\n", "claims.hw_bound: true\n"] {
        assert!(said.contains(line), "{said}");
    }
    let thumbprint = folder.aims(&["jwk", "thumbprint", "web.jwk"]).accepted();
    assert!(said.contains(&format!("thumbprint: {thumbprint}")), "{said}");
    // The same command by its other name.
    let nonce = base64url::encode(NONCE);
    let asked = ["--audience", ORIGIN, "--nonce", &nonce, "--key", "web.jwk", "--device", "tpm.json"];
    folder.aims(&[&["tpm", "verify", "evidence.json"], &asked[..]].concat()).accepted();

    machine.key("other");
    folder.key("software", "ES256", "s");
    let refused = |device: &str, key: &str, audience: &str, nonce: [u8; 32]| {
        verify(folder, device, key, audience, nonce).refusal().err()
    };
    assert_refused!(refused("tpm.json", "web.jwk", ORIGIN, [0; 32]), "nonce_mismatch", "TPM-24");
    assert_refused!(
        refused("tpm.json", "web.jwk", "spiffe://bank.example", NONCE),
        "nonce_mismatch",
        "TPM-24"
    );
    assert_refused!(refused("tpm.json", "other.jwk", ORIGIN, NONCE), "nonce_mismatch", "TPM-24");
    assert_refused!(refused("tpm.json", "software.jwk", ORIGIN, NONCE), "nonce_mismatch", "TPM-24");
    // The same TPM with another attestation key is another device.
    let Some(elsewhere) = Machine::endorsed() else { return };
    elsewhere.enrol("tpm.json");
    folder.write("elsewhere.json", elsewhere.folder.read("tpm.json"));
    assert_refused!(refused("elsewhere.json", "web.jwk", ORIGIN, NONCE), "subject_not_allowed", "TPM-22");
    // A certification of one key says nothing about another, even for one challenge.
    let mut mixed: Value = serde_json::from_str(&folder.read("evidence.json")).unwrap();
    machine.quote(&["--for", "web.jwk"]).saved(folder, "quote.json");
    let quote: Value = serde_json::from_str(&folder.read("quote.json")).unwrap();
    assert_eq!(quote["payload"].get("certify"), None);
    mixed["payload"]["quote"] = quote["payload"]["quote"].clone();
    folder.write("evidence.json", mixed.to_string());
    verify(folder, "tpm.json", "web.jwk", ORIGIN, NONCE).accepted();
    machine.quote(&["--key", "other"]).saved(folder, "quote.json");
    let quote: Value = serde_json::from_str(&folder.read("quote.json")).unwrap();
    mixed["payload"]["certify"] = quote["payload"]["certify"].clone();
    folder.write("evidence.json", mixed.to_string());
    assert_refused!(refused("tpm.json", "web.jwk", ORIGIN, NONCE), "nonce_mismatch", "TPM-24");
}

#[test]
fn tpm_30_a_key_elsewhere_gets_a_quote_and_no_more() {
    let Some(machine) = Machine::endorsed() else { return };
    let folder = &machine.folder;
    machine.enrol("tpm.json");
    folder.key("software", "Ed25519", "s");
    let made = machine.quote(&["--for", "software.jwk", "--out", "evidence.json", "--pcrs", "sha256:7,0"]);
    assert_eq!(made.accepted(), "file: evidence.json\n");
    let said = verify(folder, "tpm.json", "software.jwk", ORIGIN, NONCE).accepted();
    assert!(said.contains("level: 3\n") && said.contains("bound_key: none\n"), "{said}");
    assert!(said.contains(":pcr:sha256:7:") && !said.contains(":pcr:sha256:1:"), "{said}");
    assert!(
        machine.quote(&["--for", "software.jwk", "--out", "evidence.json"]).unusable().contains("--force")
    );

    // PCRs that the machine's firmware extends since are other PCRs.
    machine.tpm.extend_pcr(7, &[1; 32]);
    machine.quote(&["--for", "software.jwk"]).saved(folder, "evidence.json");
    let policy = json!({"name": "edge", "version": 1, "pcrs": {"sha256": {"7": ["00".repeat(32)]}}});
    folder.write("policy.json", policy.to_string());
    let nonce = base64url::encode(NONCE);
    let asked = ["--audience", ORIGIN, "--nonce", &nonce, "--key", "software.jwk", "--device", "tpm.json"];
    let args = [&["tpm", "verify", "evidence.json", "--pcr-policy", "policy.json"], &asked[..]].concat();
    assert_refused!(folder.aims(&args).refusal().err(), "measurement_mismatch", "TPM-25");
    // A log that does not make these PCRs is no log of this machine.
    folder.write("log", b"not a log");
    machine.quote(&["--for", "software.jwk", "--event-log", "log"]).saved(folder, "evidence.json");
    let refused = verify(folder, "tpm.json", "software.jwk", ORIGIN, NONCE).refusal();
    assert_refused!(refused.err(), "malformed", "TPM-20");
}

#[test]
fn tpm_29_a_credential_is_activated_by_its_tpm_and_its_attestation_key_alone() {
    let Some(machine) = Machine::endorsed() else { return };
    let folder = &machine.folder;
    // Without an attestation key there is nothing to activate for, and none is made in passing.
    folder.write(
        "credential.json",
        r#"{"version":1,"kind":"ecc-p384","id_object":"AA","encrypted_secret":"AA","expires":1}"#,
    );
    assert_refused!(machine.tpm(&["activate", "credential.json"]).refusal().err(), "key_not_found", "TPM-44");
    assert!(!folder.path().join("keys").exists());

    machine.tpm(&["provision", "--out", "provision.json"]).accepted();
    machine.credential().saved(folder, "credential.json");
    let credential = folder.read("credential.json");
    // Its length, and what it is encrypted to.
    for part in ["\"id_object\":\"A", "\"encrypted_secret\":\"A"] {
        let changed = format!("{}B", part.trim_end_matches('A'));
        folder.write("broken.json", credential.replacen(part, &changed, 1));
        let refused = machine.tpm(&["activate", "broken.json"]).refusal();
        assert_refused!(refused.err(), "tpm_credential_refused", "TPM-44", "{part}");
    }
    // Another attestation key of the same TPM.
    let tcti = machine.tcti();
    let elsewhere =
        |args: &[&str]| folder.aims(&[&["tpm"], args, &["--tcti", &tcti, "--dir", "more"]].concat());
    elsewhere(&["provision", "--endorsement", "ecc-p384"]).accepted();
    let refused = elsewhere(&["activate", "credential.json"]).refusal();
    assert_refused!(refused.err(), "tpm_credential_refused", "TPM-44");
    // Its own does it, and as JSON too.
    let said = machine.tpm(&["activate", "credential.json", "--json"]).json();
    assert_eq!(said["secret"].as_str().unwrap().len(), 43);
    // The attestation key stays the same.
    let again = machine.tpm(&["provision"]).json();
    assert_eq!(
        again.to_string(),
        serde_json::from_str::<Value>(&folder.read("provision.json")).unwrap().to_string()
    );
}

#[test]
fn tpm_28_a_tpm_without_a_certificate_is_not_enrolled() {
    let Some(machine) = Machine::bare() else { return };
    let folder = &machine.folder;
    machine.tpm(&["provision"]).saved(folder, "provision.json");
    let provision: Value = serde_json::from_str(&folder.read("provision.json")).unwrap();
    let keys = provision["endorsement_keys"].as_array().unwrap();
    let kinds: Vec<_> = keys.iter().map(|key| key["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["ecc-p256", "ecc-p384", "rsa2048"]);
    assert!(keys.iter().all(|key| key.get("certificate").is_none()), "{keys:?}");
    folder.key("root", "ES256", "r");
    folder.authority("root", ORIGIN);
    folder.write("issuer.crt", folder.read("root.crt"));
    assert_refused!(machine.credential().refusal().err(), "malformed", "TPM-28");
}

#[test]
fn tpm_40_keys_are_made_listed_shown_and_deleted() {
    let Some(machine) = Machine::bare() else { return };
    let made = machine.tpm(&["key", "create", "web", "--json"]).json();
    assert_eq!((&made["name"], &made["alg"]), (&json!("web"), &json!("ES256")));
    machine.tpm(&["key", "create", "big", "--algorithm", "ES384"]).accepted();
    assert_eq!(machine.tpm(&["key", "list"]).accepted(), "big\nweb\n");
    assert_eq!(machine.tpm(&["key", "list", "--json"]).json(), json!({"keys": ["big", "web"]}));
    machine.tpm(&["key", "show", "web", "--kid", "k"]).saved(&machine.folder, "web.jwk");
    let shown = machine.folder.aims(&["jwk", "inspect", "web.jwk", "--json"]).json();
    assert_eq!((&shown["thumbprint"], &shown["kid"]), (&made["thumbprint"], &json!("k")));

    let refused = |args: &[&str]| machine.tpm(args).refusal().err();
    assert_refused!(refused(&["key", "create", "web"]), "key_exists", "TPM-44");
    assert_refused!(refused(&["key", "create", "ed", "--alg", "Ed25519"]), "unsupported_algorithm", "TPM-44");
    assert_refused!(refused(&["key", "create", "../web"]), "bad_key_id", "TPM-40");
    assert_refused!(refused(&["key", "show", "none"]), "key_not_found", "TPM-44");
    machine.tpm(&["key", "delete", "web"]).accepted();
    assert_refused!(refused(&["key", "delete", "web"]), "key_not_found", "TPM-44");
    assert_eq!(machine.tpm(&["key", "list"]).accepted(), "big\n");
}

#[test]
#[cfg(unix)]
fn tpm_14_what_the_tpm_wrapped_is_for_its_user_and_its_tpm_alone() {
    use std::os::unix::fs::PermissionsExt;

    let (Some(machine), Some(other)) = (Machine::bare(), Machine::bare()) else { return };
    machine.tpm(&["provision", "--endorsement", "ecc-p256"]).accepted();
    machine.key("web");
    let mode = |name: &str| {
        std::fs::metadata(machine.folder.path().join(name)).unwrap().permissions().mode() & 0o7777
    };
    assert_eq!((mode("keys"), mode("keys/attestation.ak"), mode("keys/web.tpm")), (0o700, 0o600, 0o600));
    // In another machine it is of no use.
    let tcti = other.tcti();
    let args = ["tpm", "key", "show", "web", "--dir", "keys", "--tcti", &tcti];
    assert_refused!(machine.folder.aims(&args).refusal().err(), "key_of_other_device", "TPM-44");
}

#[test]
fn tpm_7_the_tpm_says_what_it_is_at_an_address_that_is_one() {
    let Some(machine) = Machine::bare() else { return };
    let tcti = machine.tcti();
    let info = |tcti: &str| machine.folder.aims(&["tpm", "info", "--tcti", tcti, "--json"]);
    let said = info(&tcti).json();
    assert_eq!((&said["manufacturer"], &said["verified"]), (&json!("IBM"), &json!(false)));
    assert!(said["algorithms"].as_array().unwrap().contains(&json!("ES256")), "{said}");
    assert!(said["banks"].as_array().unwrap().contains(&json!("sha256")), "{said}");
    for (tcti, code, rule) in [
        ("swtpm:path=/run/tpm.sock", "tcti_unknown_key", "TPM-7"),
        ("swtpm", "tcti_no_address", "TPM-7"),
        ("device:/dev/none", "no_tpm", "TPM-44"),
    ] {
        assert_refused!(info(tcti).json_refusal().err(), code, rule, "{tcti}");
    }
}

/// A key in the TPM stands where a key in a file may stand: as an issuer's key, a workload's, and under messages.
#[test]
fn tpm_40_tpm_41_a_key_in_the_tpm_signs_wherever_a_file_does() {
    let Some(machine) = Machine::bare() else { return };
    let folder = &machine.folder;
    let aims = |args: &[&str]| folder.aims_at(&machine.tcti(), args);
    machine.tpm(&["key", "create", "issuer"]).accepted();
    machine.key("travel");
    let (issuer, travel) = ("tpm:keys/issuer", "tpm:keys/travel");
    aims(&["key", "public", "--kid", "t", travel]).saved(folder, "travel.jwk");
    aims(&["key", "public", "--kid", "i", issuer]).saved(folder, "issuer.jwk");
    assert_eq!(aims(&["key", "inspect", issuer, "--json"]).json()["form"], "private key in a TPM");
    aims(&["jwk", "set", "issuer.jwk"]).saved(folder, "acme.jwks");
    let about = ["--origin", ORIGIN, "--subject", SUBJECT, "--for", "travel.jwk"];
    aims(&[&["wit", "issue", "--key", issuer, "--kid", "i"], &about[..]].concat())
        .saved(folder, "travel.wit");
    let proof = ["wpt", "new", "--wit", "travel.wit", "--audience", "https://a.example", "--key"];
    aims(&[&proof[..], &[travel]].concat()).saved(folder, "travel.wpt");
    let asked = ["--wit", "travel.wit", "--trust", TRUST, "--audience", "https://a.example"];
    aims(&[&["wpt", "verify", "@travel.wpt"], &asked[..]].concat()).accepted();
    aims(&["svid", "authority", "--key", issuer, "--origin", ORIGIN]).accepted();
    folder.write("order.http", "POST /v1/orders HTTP/1.1\nHost: shop.example\n\n{}");
    let sign = ["http", "sign", "order.http", "--cover", "\"@method\"", "--key", travel];
    aims(&sign).saved(folder, "signed.http");
    aims(&["http", "verify", "signed.http", "--key", "travel.jwk", "--cover", "\"@method\""]).accepted();

    // Not by another key, nor for another algorithm.
    assert_refused!(aims(&[&proof[..], &[issuer]].concat()).refusal().err(), "foreign_key", "AIMS-5");
    let bound = aims(&["key", "inspect", travel, "--alg", "ES384"]).refusal();
    assert!(bound.message.starts_with("tpm:keys/travel: "), "{bound:?}");
    assert_refused!(bound.err(), "key_algorithm_mismatch", "JO-KEY-02");
    assert_refused!(aims(&["key", "inspect", "tpm:keys/none"]).refusal().err(), "key_not_found", "TPM-44");
    assert_refused!(aims(&["key", "inspect", "tpm:keys/.."]).refusal().err(), "bad_key_id", "TPM-40");
    for (key, why) in [("tpm:travel", "tpm:DIR/NAME"), ("tpm:none/travel", "no such directory")] {
        assert!(aims(&["key", "inspect", key]).unusable().contains(why), "{key}");
    }
    assert!(!folder.path().join("none").exists());
    let nowhere = folder.aims_at("swtpm:path=/x", &["key", "inspect", travel]).refusal();
    assert!(nowhere.message.starts_with("AIMS_TCTI: "), "{nowhere:?}");
    assert_refused!(nowhere.err(), "tcti_unknown_key", "TPM-7");
}

/// TPM-8: each run is a program of its own, and this TPM has nobody who cleans up behind it.
#[test]
fn tpm_8_tpm_16_no_run_leaves_anything_in_the_tpm() {
    let Some(machine) = Machine::bare() else { return };
    machine.tpm(&["provision", "--endorsement", "ecc-p256"]).accepted();
    machine.key("web");
    for _ in 0..6 {
        machine.quote(&["--key", "web"]).accepted();
        machine.quote(&["--key", "none"]).refusal();
    }
}

#[test]
fn a_quote_is_about_one_key() {
    let folder = Folder::new();
    let nonce = base64url::encode(NONCE);
    let quote = |options: &[&str]| {
        let asked = ["tpm", "quote", "--dir", "keys", "--audience", ORIGIN, "--nonce", &nonce];
        folder.aims(&[&asked[..], options].concat()).unusable()
    };
    assert!(quote(&[]).contains("--key"));
    assert!(quote(&["--key", "a", "--for", "b.jwk"]).contains("cannot be used with"));
    assert!(quote(&["--key", "a", "--pcrs", "sha1:0"]).contains("sha256, sha384 or sha512"));
}
