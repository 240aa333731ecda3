//! `aims tpm`, with a TPM in software.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};

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

/// `TPM2_CreatePrimary`: the storage key of the owner hierarchy, in one of the three places for objects, and it stays there.
const TAKE_A_SLOT: [u8; 67] = [
    0x80, 2, 0, 0, 0, 67, 0, 0, 1, 0x31, 0x40, 0, 0, 1, 0, 0, 0, 9, 0x40, 0, 0, 9, 0, 0, 0, 0, 0, 0, 4, 0, 0,
    0, 0, 0, 26, 0, 0x23, 0, 0x0b, 0, 3, 4, 0x72, 0, 0, 0, 6, 0, 0x80, 0, 0x43, 0, 0x10, 0, 3, 0, 0x10, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0,
];

/// `TPM2_Clear` by the lockout hierarchy, with an empty password.
const CLEAR: [u8; 27] =
    [0x80, 2, 0, 0, 0, 27, 0, 0, 1, 0x26, 0x40, 0, 0, 0x0a, 0, 0, 0, 9, 0x40, 0, 0, 9, 0, 0, 0, 0, 0];

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
        self.credential_by("root.crt", &["--intermediates", "issuer.crt"])
    }

    fn credential_by(&self, roots: &str, options: &[&str]) -> Output {
        let by = ["--roots", roots, "--provision", "provision.json", "--pending", "pending.json"];
        self.folder.aims(&[&["attest", "credential"], &by[..], options].concat())
    }

    /// Sends the TPM a command past all libraries; it has to succeed.
    fn send(&self, command: &[u8]) {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.tpm.port())).unwrap();
        stream.write_all(command).unwrap();
        let mut header = [0; 10];
        stream.read_exact(&mut header).unwrap();
        let [_, _, len @ .., a, b, c, d] = header;
        assert_eq!([a, b, c, d], [0; 4], "the TPM refuses");
        let rest = usize::try_from(u32::from_be_bytes(len)).unwrap() - header.len();
        stream.read_exact(&mut vec![0; rest]).unwrap();
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
    // TPMs show their counters to keys of the endorsement hierarchy alone.
    let firmware =
        machine.folder.aims_at(&machine.tcti(), &["tpm", "info", "--json"]).json()["firmware"].clone();
    assert!(said.contains("a constant was added to each"), "{said}");
    assert!(!said.contains(&format!("claims.firmware_version: {}\n", firmware.as_str().unwrap())), "{said}");
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
    let refused = folder.aims(&args).refusal();
    let which = format!("PCR sha256:7 is {}, and has to be {}", extended(&[1; 32]), "00".repeat(32));
    assert!(refused.message.ends_with(&which), "{refused:?}");
    assert_refused!(refused.err(), "measurement_mismatch", "TPM-25");
    // A log that does not make these PCRs is no log of this machine.
    folder.write("log", b"not a log");
    machine.quote(&["--for", "software.jwk", "--event-log", "log"]).saved(folder, "evidence.json");
    let refused = verify(folder, "tpm.json", "software.jwk", ORIGIN, NONCE).refusal();
    assert!(refused.message.ends_with(": the event log is malformed"), "{refused:?}");
    assert_refused!(refused.err(), "malformed", "TPM-20");

    // This TPM keeps one bank.
    let refused = machine.quote(&["--for", "software.jwk", "--pcrs", "sha384:0-4,7"]).refusal();
    assert!(refused.message.contains("sha384 was asked for, and its banks are sha256"), "{refused:?}");
    assert_refused!(refused.err(), "tpm_pcr_absent", "TPM-44");
    machine.quote(&["--for", "software.jwk", "--pcrs", "sha256:0-4,7"]).saved(folder, "evidence.json");
    let said = verify(folder, "tpm.json", "software.jwk", ORIGIN, NONCE).accepted();
    assert!(said.contains(":pcr:sha256:4:") && !said.contains(":pcr:sha256:5:"), "{said}");
}

/// In hexadecimal digits, what extending makes of a PCR that is zero.
fn extended(with: &[u8; 32]) -> String {
    let value = aims::backend::ring().sha256(&[&[0; 32], &with[..]].concat());
    value.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
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
    let refused = machine.credential().refusal();
    assert!(refused.message.contains("no certificate for its endorsement key ecc-p256"), "{refused:?}");
    assert_refused!(refused.err(), "no_endorsement_certificate", "TPM-28");
}

#[test]
fn tpm_28_tpm_29_a_refusal_to_enrol_says_what_was_looked_for_and_what_to_do() {
    let Some(machine) = Machine::endorsed() else { return };
    machine.tpm(&["provision"]).saved(&machine.folder, "provision.json");
    // What issued the certificate of the TPM is not there; then what issued that.
    machine.folder.key("other", "ES256", "o");
    machine.folder.authority("other", ORIGIN);
    for (roots, options) in [("root.crt", &[][..]), ("other.crt", &["--intermediates", "issuer.crt"])] {
        let refused = machine.credential_by(roots, options).refusal();
        assert!(refused.message.contains(&format!("in {roots}: looked for \"CN=")), "{refused:?}");
        assert_refused!(refused.err(), "untrusted_root", "TPM-28");
    }
    let rsa = ["--intermediates", "issuer.crt", "--endorsement", "rsa2048"];
    let refused = machine.credential_by("root.crt", &rsa).refusal();
    for way_out in ["--endorsement ecc-p256 or ecc-p384", "aws-lc"] {
        assert!(refused.message.contains(way_out), "{refused:?}");
    }
    assert_refused!(refused.err(), "key_unsupported", "TPM-44");
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
    let none = machine.tpm(&["key", "show", "none"]).refusal();
    assert!(none.message.starts_with("keys/none: ") && none.message.contains("--dir keys"), "{none:?}");
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
        ("", "tcti_no_address", "TPM-7"),
    ] {
        assert_refused!(info(tcti).json_refusal().err(), code, rule, "{tcti}");
    }
    // That of the machine is another one than whoever set the variable meant.
    let empty = machine.folder.aims_at("", &["tpm", "info"]).refusal();
    assert!(empty.message.starts_with("AIMS_TCTI: it is empty"), "{empty:?}");
    assert_refused!(empty.err(), "tcti_no_address", "TPM-7");
}

#[test]
fn tpm_40_only_what_makes_a_key_makes_a_directory() {
    let Some(machine) = Machine::bare() else { return };
    for args in [&["key", "list"][..], &["key", "show", "web"], &["key", "delete", "web"]] {
        assert_eq!(machine.tpm(args).unusable(), "error: keys: there is no such directory\n");
    }
    machine.quote(&["--key", "web"]).refusal();
    assert!(!machine.folder.path().join("keys").exists());
    let tcti = machine.tcti();
    let args = ["tpm", "key", "create", "web", "--tcti", &tcti, "--dir", "more/keys"];
    let refused = machine.folder.aims(&args).refusal();
    assert!(refused.message.ends_with(": more, where it would be made, is not there"), "{refused:?}");
    assert_refused!(refused.err(), "store_io", "TPM-44");
}

/// TPM-8: without a resource manager nobody else removes what a program that was killed has left behind.
#[test]
fn tpm_8_who_is_alone_with_a_tpm_gets_it_empty() {
    let Some(machine) = Machine::bare() else { return };
    let tcti = machine.tcti();
    let info = |more: &[&str]| machine.folder.aims(&[&["tpm", "info", "--tcti", &tcti], more].concat());
    for _ in 0..3 {
        machine.send(&TAKE_A_SLOT);
    }
    let full = info(&[]);
    assert!(full.stderr.contains("--exclusive"), "{full:?}");
    assert_eq!((full.code, full.stdout.as_str()), (1, ""));
    assert!(full.stderr.contains("refused: tpm_slots_full (TPM-8): "), "{full:?}");
    info(&["--exclusive"]).accepted();
    info(&[]).accepted();
}

#[test]
fn tpm_44_keys_of_a_tpm_that_was_cleared_are_lost_and_that_is_said() {
    let Some(machine) = Machine::bare() else { return };
    machine.tpm(&["provision", "--endorsement", "ecc-p256"]).saved(&machine.folder, "provision.json");
    machine.key("web");
    machine.send(&CLEAR);
    let by_name = machine.folder.aims_at(&machine.tcti(), &["svid", "request", "--key", "tpm:keys/web"]);
    for refused in [
        machine.tpm(&["key", "show", "web"]).refusal(),
        machine.tpm(&["provision"]).refusal(),
        machine.quote(&["--key", "web"]).refusal(),
        by_name.refusal(),
    ] {
        for said in ["before it was cleared", "`aims tpm provision`", "`aims tpm key create`"] {
            assert!(refused.message.contains(said), "{refused:?}");
        }
        assert_refused!(refused.err(), "key_of_other_device", "TPM-44");
    }
    let tcti = machine.tcti();
    for args in [&["provision", "--endorsement", "ecc-p256"][..], &["key", "create", "web"]] {
        machine.folder.aims(&[&["tpm"], args, &["--tcti", &tcti, "--dir", "anew"]].concat()).accepted();
    }
    machine.tpm(&["key", "delete", "web"]).accepted();
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
