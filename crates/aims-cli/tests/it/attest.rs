//! `aims attest`, without a TPM: what one would say is written by keys in software, or was written down once.

use std::fs;
use std::path::PathBuf;

use aims::backend;
use aims::jose::{Thumbprint, base64url};
use aims::keys::{PublicKey, UnixTime};
use aims_attest::KeyBinding;
use aims_attest::tpm::{PcrBank, PcrValues, TpmEvidence, TpmName, TpmPublic};
use aims_testkit::{TestTpm, assert_refused, vectors};
use serde_json::{Value, json};

use crate::support::{Folder, ORIGIN, Output};

/// What of the evidence is as it is asked for, or not.
struct Case<'a> {
    tpm: &'a TestTpm,
    audience: &'a str,
    nonce: [u8; 32],
    /// What the evidence is about.
    key: &'a PublicKey,
    /// What the TPM certifies.
    certified: Option<&'a [u8]>,
}

const NONCE: [u8; 32] = [0xfb; 32];

/// `FILE` of a TPM that is enrolled from 1000 seconds ago for another 1000.
fn enrolled(folder: &Folder, file: &str, tpm: &TestTpm, now: u64) {
    let text = json!({
        "version": 1,
        "ek_sha256": "e1".repeat(32),
        "ak_public": base64url::encode(tpm.ak_public()),
        "manufacturer": "id:41494D53",
        "model": "swtpm",
        "tpm_version": "id:1",
        "roots": "makers",
        "enrolled_at": now - 1000,
        "not_after": now + 1000,
    });
    folder.write(file, text.to_string());
}

fn jwk(folder: &Folder, file: &str, key: &PublicKey) {
    folder.write(file, aims::jose::Jwk::new(key.clone()).to_json());
}

impl Case<'_> {
    fn evidence(&self) -> Value {
        let thumbprint = Thumbprint::of(self.key);
        let binding = KeyBinding::of(self.audience, &self.nonce, &thumbprint, backend::ring());
        let quote = self.tpm.quote(binding.as_bytes(), &[0, 7]);
        let mut pcrs = PcrValues::new();
        for index in [0, 7] {
            pcrs.insert(PcrBank::Sha256, index, &self.tpm.pcr(index)).unwrap();
        }
        let name = TpmPublic::parse(self.tpm.ak_public()).unwrap().name(backend::ring());
        let mut evidence = TpmEvidence::new(TpmName::from_bytes(name.as_bytes()).unwrap(), quote, pcrs);
        if let Some(public) = self.certified {
            evidence = evidence.certify(public, self.tpm.certify(public, binding.as_bytes()));
        }
        let evidence = evidence.to_evidence(UnixTime::from_secs(0)).unwrap();
        let payload: Value = serde_json::from_slice(evidence.payload()).unwrap();
        json!({"type": "tpm2-quote", "format_version": 1, "payload": payload})
    }
}

/// Asks about `evidence.json` of the device `tpm.json` and the key `key.jwk`; later options come on top.
fn verify(folder: &Folder, options: &[&str]) -> Output {
    let nonce = base64url::encode(NONCE);
    let asked = ["--audience", ORIGIN, "--nonce", &nonce, "--key", "key.jwk", "--device", "tpm.json"];
    folder.aims(&[&["attest", "verify", "evidence.json"], &asked[..], options].concat())
}

fn selector(tpm: &TestTpm, pcr: u8) -> String {
    tpm.pcr(pcr).iter().fold(format!("tpm:pcr:sha256:{pcr}:"), |text, byte| format!("{text}{byte:02x}"))
}

fn now() -> u64 {
    UnixTime::try_from(std::time::SystemTime::now()).unwrap().as_secs()
}

#[test]
fn att_21_tpm_30_an_answer_about_a_key_in_the_tpm_is_accepted() {
    let (folder, mut tpm) = (Folder::new(), TestTpm::new());
    tpm.extend(7, &[0x77; 32]);
    let (key, public) = tpm.key();
    let key = key.public_key();
    enrolled(&folder, "tpm.json", &tpm, now());
    jwk(&folder, "key.jwk", key);
    let case = Case { tpm: &tpm, audience: ORIGIN, nonce: NONCE, key, certified: Some(&public) };
    folder.write("evidence.json", case.evidence().to_string());

    let said = verify(&folder, &["--json"]).json();
    assert_eq!((&said["verified"], &said["verdict"]), (&json!(true), &json!("accepted")));
    assert_eq!((&said["type"], &said["level"]), (&json!("tpm2-quote"), &json!(4)));
    assert_eq!((&said["bound_key"], &said["freshness"]), (&json!("hardware"), &json!("nonce")));
    assert_eq!(said["thumbprint"], Thumbprint::of(key).to_string());
    assert_eq!((&said["claims"]["hw_bound"], &said["reasons"]), (&json!("true"), &json!([])));
    let (pcr, ek) = (selector(&tpm, 7), "e1".repeat(32));
    let selectors = said["selectors"].as_array().unwrap();
    for proven in [pcr, format!("tpm:ek_sha256:{ek}")] {
        assert!(selectors.contains(&json!(proven)), "{selectors:?}");
    }
    assert_eq!(said["replay_memory"], "none");

    let text = verify(&folder, &[]).accepted();
    for line in
        ["verdict: accepted\n", "level: 4\n", "claims.hw_bound: true\n", "\nselectors.0: tpm:ak_name:000b"]
    {
        assert!(text.contains(line), "{text}");
    }
    let piped = fs::read(folder.path().join("evidence.json")).unwrap();
    let nonce = base64url::encode(NONCE);
    let asked = ["--audience", ORIGIN, "--nonce", &nonce, "--key", "key.jwk", "--device", "tpm.json"];
    folder.aims_with_input(&[&["attest", "verify", "-"], &asked[..]].concat(), &piped).accepted();
}

#[test]
fn tpm_30_without_a_certification_nothing_says_where_the_key_is() {
    let (folder, tpm) = (Folder::new(), TestTpm::new());
    folder.key("key", "Ed25519", "k");
    let key = aims::jose::Jwk::parse(&folder.read("key.jwk"), backend::ring()).unwrap();
    enrolled(&folder, "tpm.json", &tpm, now());
    let case = Case { tpm: &tpm, audience: ORIGIN, nonce: NONCE, key: key.public_key(), certified: None };
    folder.write("evidence.json", case.evidence().to_string());
    let said = verify(&folder, &["--json"]).json();
    assert_eq!((&said["level"], &said["bound_key"]), (&json!(3), &json!("none")));
    assert_eq!((said.get("thumbprint"), said["claims"].get("hw_bound")), (None, None));
}

#[test]
fn tpm_24_tpm_22_tpm_30_what_answers_something_else_is_refused() {
    let (folder, tpm, stranger) = (Folder::new(), TestTpm::new(), TestTpm::new());
    let ((key, public), (other, other_public)) = (tpm.key(), tpm.key());
    let (key, other) = (key.public_key(), other.public_key());
    enrolled(&folder, "tpm.json", &tpm, now());
    jwk(&folder, "key.jwk", key);
    let good = || Case { tpm: &tpm, audience: ORIGIN, nonce: NONCE, key, certified: Some(&public) };
    let loose = tpm.key_with(0x0004_0460).1;
    let bank = "spiffe://bank.example";
    for (case, code, rule, what) in [
        (Case { audience: bank, ..good() }, "nonce_mismatch", "TPM-24", "audience"),
        (Case { nonce: [0; 32], ..good() }, "nonce_mismatch", "TPM-24", "nonce"),
        (Case { key: other, certified: Some(&other_public), ..good() }, "nonce_mismatch", "TPM-24", "key"),
        (Case { certified: Some(&other_public), ..good() }, "key_mismatch", "TPM-30", "certified"),
        (Case { certified: Some(&loose), ..good() }, "key_mismatch", "TPM-30", "attributes"),
        (Case { tpm: &stranger, ..good() }, "subject_not_allowed", "TPM-22", "device"),
    ] {
        folder.write("evidence.json", case.evidence().to_string());
        let refusal = verify(&folder, &[]).refusal();
        assert!(refusal.message.starts_with("evidence.json: "), "{refusal:?}");
        assert_refused!(refusal.err(), code, rule, "{what}");
        assert_refused!(verify(&folder, &["--json"]).json_refusal().err(), code, rule, "{what}");
    }
    // A signature of another, under the name of the one that is enrolled.
    let mut forged = good().evidence();
    forged["payload"]["quote"]["signature"] =
        Case { tpm: &stranger, ..good() }.evidence()["payload"]["quote"]["signature"].clone();
    folder.write("evidence.json", forged.to_string());
    assert_refused!(verify(&folder, &[]).refusal().err(), "bad_signature", "TPM-22");
}

#[test]
fn att_2_att_5_tpm_20_what_is_no_evidence_is_refused() {
    let (folder, tpm) = (Folder::new(), TestTpm::new());
    let (key, public) = tpm.key();
    enrolled(&folder, "tpm.json", &tpm, now());
    jwk(&folder, "key.jwk", key.public_key());
    let good =
        Case { tpm: &tpm, audience: ORIGIN, nonce: NONCE, key: key.public_key(), certified: Some(&public) };
    let good = good.evidence();
    let with = |change: &dyn Fn(&mut Value)| {
        let mut evidence = good.clone();
        change(&mut evidence);
        folder.write("evidence.json", evidence.to_string());
        verify(&folder, &[]).refusal().err()
    };
    assert_refused!(with(&|e| e["type"] = json!("tdx")), "unsupported_type", "ATT-2");
    assert_refused!(with(&|e| e["format_version"] = json!(2)), "unsupported_version", "ATT-2");
    assert_refused!(with(&|e| e["more"] = json!(1)), "malformed", "ATT-2");
    assert_refused!(with(&|e| e["payload"]["more"] = json!(1)), "malformed", "TPM-20");
    assert_refused!(with(&|e| e["payload"] = json!("AAAA")), "malformed", "TPM-20");
    assert_refused!(with(&|e| e["payload"]["quote"]["attest"] = json!("AAAA")), "malformed", "TPM-20");
    folder.write("evidence.json", format!("{good}{}", " ".repeat(1536 * 1024)));
    assert_refused!(verify(&folder, &[]).refusal().err(), "json_input_limit", "JO-JSON-03");
    folder.write("evidence.json", " ".repeat(2 * 1024 * 1024 + 1));
    assert!(verify(&folder, &[]).unusable().contains("more than 2097152 bytes"));
}

#[test]
fn tpm_25_tpm_27_pcrs_and_the_log_are_asked_for() {
    let (folder, tpm) = (Folder::new(), TestTpm::new());
    let (key, public) = tpm.key();
    enrolled(&folder, "tpm.json", &tpm, now());
    jwk(&folder, "key.jwk", key.public_key());
    let case =
        Case { tpm: &tpm, audience: ORIGIN, nonce: NONCE, key: key.public_key(), certified: Some(&public) };
    folder.write("evidence.json", case.evidence().to_string());
    let policy = |pcrs: Value| {
        folder.write("policy.json", json!({"name": "edge", "version": 3, "pcrs": pcrs}).to_string());
        verify(&folder, &["--pcr-policy", "policy.json", "--json"])
    };
    let (zero, one) = ("00".repeat(32), "11".repeat(32));
    let said = policy(json!({"sha256": {"0": [one, zero], "7": [zero]}})).json();
    assert_eq!((&said["policy"], &said["vector"]["executables"]), (&json!("edge@3"), &json!("3")));
    for (pcrs, which) in [
        (json!({"sha256": {"0": [one]}}), format!("PCR sha256:0 is {zero}, and has to be {one}")),
        (
            json!({"sha256": {"0": [zero], "1": [one]}}),
            format!("PCR sha256:1 was not quoted, and has to be {one}"),
        ),
    ] {
        let refused = policy(pcrs).json_refusal();
        assert!(refused.message.ends_with(&format!(": {which}")), "{refused:?}");
        assert_refused!(refused.err(), "measurement_mismatch", "TPM-25");
    }
    assert_refused!(
        policy(json!({"sha256": {"16": [zero]}})).json_refusal().err(),
        "pcr_resettable",
        "TPM-25"
    );
    assert_refused!(policy(json!({})).json_refusal().err(), "pcr_policy_empty", "ATT-125");
    assert_refused!(verify(&folder, &["--require-event-log"]).refusal().err(), "inconclusive", "TPM-27");
}

#[test]
fn att_24_nothing_is_accepted_beyond_the_endorsement_of_the_tpm() {
    let (folder, tpm, other) = (Folder::new(), TestTpm::new(), TestTpm::new());
    let (key, public) = tpm.key();
    let now = now();
    enrolled(&folder, "tpm.json", &tpm, now);
    // Another that has ended is nobody's concern.
    enrolled(&folder, "other.json", &other, now - 5000);
    jwk(&folder, "key.jwk", key.public_key());
    let case =
        Case { tpm: &tpm, audience: ORIGIN, nonce: NONCE, key: key.public_key(), certified: Some(&public) };
    folder.write("evidence.json", case.evidence().to_string());
    let at = |time: u64| verify(&folder, &["--device", "other.json", "--at", &time.to_string(), "--json"]);
    let end = now + 1000;
    assert_eq!(at(end).json()["not_after"], end + 1);
    assert_eq!(at(end - 999).json()["not_after"], end + 1);
    assert_eq!(at(end - 4000).json()["not_after"], end - 400);
    assert_refused!(at(end + 1).json_refusal().err(), "expired", "ATT-24");
}

#[test]
fn att_21_a_challenge_has_32_bytes_and_an_audience() {
    let folder = Folder::new();
    let asked = |audience: &str, nonce: &str| {
        let rest = ["--key", "k", "--device", "d"];
        folder
            .aims(&[&["attest", "verify", "e", "--audience", audience, "--nonce", nonce], &rest[..]].concat())
    };
    let good = base64url::encode(NONCE);
    for (audience, nonce, why) in [
        (ORIGIN, base64url::encode([1; 31]), "32 bytes"),
        (ORIGIN, format!("{good}="), "32 bytes"),
        ("", good.clone(), "1 to 2048"),
        (&"a".repeat(2049), good.clone(), "1 to 2048"),
    ] {
        let said = asked(audience, &nonce).unusable();
        assert!(said.contains(why), "{said}");
    }
    // A nonce may begin with a hyphen.
    assert!(asked(ORIGIN, &good.replace("-_", "--")).unusable().starts_with("error: k: "));
}

/// A folder with what a software TPM wrote down, and who certified it.
fn world() -> Option<Folder> {
    let golden = |name: &str| {
        vectors::path(&format!("attestation/tpm/swtpm/{name}")).map(|path| fs::read(path).unwrap())
    };
    let folder = Folder::new();
    folder.write("root.pem", golden("ca_root.pem")?);
    folder.write("issuer.pem", golden("ca_intermediate.pem")?);
    let provision = json!({
        "version": 1,
        "ak_public": base64url::encode(golden("ak_p256_public.tpmt")?),
        "endorsement_keys": [{
            "kind": "ecc-p384",
            "public": base64url::encode(golden("ek_p384_public.tpmt")?),
            "certificate": base64url::encode(golden("ek_p384_cert.der")?),
        }],
    });
    folder.write("provision.json", provision.to_string());
    Some(folder)
}

/// Asks for a credential; later options come on top.
fn credential(folder: &Folder, options: &[&str]) -> Output {
    let by = ["--roots", "root.pem", "--provision", "provision.json", "--pending", "pending.json"];
    folder.aims(&[&["attest", "credential"], &by[..], options].concat())
}

const THROUGH: [&str; 2] = ["--intermediates", "issuer.pem"];

fn pending(folder: &Folder) -> PathBuf {
    folder.path().join("pending.json")
}

/// The secret that waits: the TPM would give it out.
fn secret(folder: &Folder) -> String {
    let pending: Value = serde_json::from_str(&folder.read("pending.json")).unwrap();
    pending["secret"].as_str().unwrap().to_owned()
}

fn enrol(folder: &Folder, secret: &str) -> Output {
    folder.aims(&["attest", "enrol", "--pending", "pending.json", secret])
}

#[test]
fn tpm_28_tpm_29_an_endorsed_tpm_is_enrolled_between_two_runs() {
    let Some(folder) = world() else { return };
    let made = credential(&folder, &THROUGH).json();
    assert_eq!((&made["version"], &made["kind"]), (&json!(1), &json!("ecc-p384")));
    let waiting: Value = serde_json::from_str(&folder.read("pending.json")).unwrap();
    assert_eq!(waiting["expires"], made["expires"]);
    let left = made["expires"].as_u64().unwrap() - waiting["begun"].as_u64().unwrap();
    assert_eq!(left, 60);
    assert!(!made.to_string().contains(&secret(&folder)), "the secret was printed");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let permissions = fs::metadata(pending(&folder)).unwrap().permissions();
        assert_eq!(permissions.mode() & 0o7777, 0o600);
    }

    let enrolled = enrol(&folder, &secret(&folder)).json();
    assert_eq!((&enrolled["version"], &enrolled["manufacturer"]), (&json!(1), &json!("id:00001014")));
    assert!(enrolled["roots"].as_str().unwrap().starts_with("sha256:"), "{enrolled}");
    assert!(!pending(&folder).exists(), "the enrolment waits for a second answer");
    // What was printed is what evidence is verified with.
    folder.write("tpm.json", enrolled.to_string());
    folder.key("key", "ES256", "k");
    let tpm = TestTpm::new();
    let key = aims::jose::Jwk::parse(&folder.read("key.jwk"), backend::ring()).unwrap();
    let case = Case { tpm: &tpm, audience: ORIGIN, nonce: NONCE, key: key.public_key(), certified: None };
    folder.write("evidence.json", case.evidence().to_string());
    assert_refused!(verify(&folder, &[]).refusal().err(), "subject_not_allowed", "TPM-22");
}

#[test]
fn tpm_29_a_wrong_secret_uses_the_enrolment_up() {
    let Some(folder) = world() else { return };
    credential(&folder, &THROUGH).accepted();
    let right = secret(&folder);
    // What is no secret at all is told before.
    assert_refused!(enrol(&folder, "se=cret").refusal().err(), "base64_character", "JO-B64-02");
    assert!(pending(&folder).exists());
    assert_refused!(enrol(&folder, &base64url::encode([7; 32])).refusal().err(), "nonce_mismatch", "TPM-29");
    let said = enrol(&folder, &right).unusable();
    assert!(said.contains("pending.json"), "{said}");
}

#[test]
fn att_21_an_enrolment_that_lapsed_is_used_up_too() {
    let Some(folder) = world() else { return };
    credential(&folder, &[&THROUGH[..], &["--lifetime", "10m"]].concat()).accepted();
    let mut waiting: Value = serde_json::from_str(&folder.read("pending.json")).unwrap();
    for name in ["begun", "expires"] {
        waiting[name] = json!(waiting[name].as_u64().unwrap() - 601);
    }
    folder.write("pending.json", waiting.to_string());
    assert_refused!(enrol(&folder, &secret(&folder)).refusal().err(), "expired", "ATT-21");
    assert!(!pending(&folder).exists());
    let long = credential(&folder, &[&THROUGH[..], &["--lifetime", "11m"]].concat());
    assert!(long.unusable().contains("at most 10m"));
    folder.write("pending.json", "{}");
    assert_refused!(enrol(&folder, "AAAA").refusal().err(), "malformed", "TPM-29");
    assert!(pending(&folder).exists(), "what is no enrolment was left as it is");
}

#[test]
fn tpm_28_tpm_29_nobody_is_enrolled_on_their_word() {
    let Some(folder) = world() else { return };
    let refused = |options: &[&str]| credential(&folder, options).refusal().err();
    // The path to the root is not there.
    let unknown = credential(&folder, &[]).refusal();
    let wanted = "an authority in root.pem: looked for \"CN=swtpm-localca\"; --intermediates";
    assert!(unknown.message.contains(wanted), "{unknown:?}");
    assert_refused!(unknown.err(), "untrusted_root", "TPM-28");
    folder.key("other", "ES256", "o");
    folder.authority("other", ORIGIN);
    let roots = [&THROUGH[..], &["--roots-id", "not one"]].concat();
    assert_refused!(refused(&roots), "roots_id", "ATT-125");
    let kind = [&THROUGH[..], &["--endorsement", "rsa2048"]].concat();
    assert_refused!(refused(&kind), "no_endorsement_key", "TPM-29");
    let good: Value = serde_json::from_str(&folder.read("provision.json")).unwrap();
    let with = |change: &dyn Fn(&mut Value)| {
        let mut provision = good.clone();
        change(&mut provision);
        folder.write("provision.json", provision.to_string());
        refused(&THROUGH)
    };
    assert_refused!(with(&|p| p["more"] = json!(1)), "malformed", "TPM-29");
    assert_refused!(with(&|p| p["ak_public"] = json!("AAAA")), "malformed", "TPM-20");
    let ek = good["endorsement_keys"][0]["public"].clone();
    assert_refused!(with(&|p| p["ak_public"] = ek.clone()), "tpm_ak_attributes", "TPM-23");
    let without =
        |p: &mut Value| drop(p["endorsement_keys"][0].as_object_mut().unwrap().remove("certificate"));
    assert_refused!(with(&without), "no_endorsement_certificate", "TPM-28");
    assert_refused!(with(&|p| p["endorsement_keys"] = json!([])), "no_endorsement_key", "TPM-29");
    assert!(!pending(&folder).exists(), "something waits after a refusal");
    folder.write("provision.json", good.to_string());

    // One that is not believed any more.
    credential(&folder, &THROUGH).accepted();
    let enrolled = enrol(&folder, &secret(&folder)).json();
    let denied = [&THROUGH[..], &["--deny", enrolled["ek_sha256"].as_str().unwrap()]].concat();
    assert_refused!(refused(&denied), "revoked", "TPM-28");
    // What waits is not lost by accident.
    folder.write("pending.json", "kept");
    assert!(credential(&folder, &THROUGH).unusable().contains("--force"));
    assert_eq!(folder.read("pending.json"), "kept");
    credential(&folder, &[&THROUGH[..], &["--force"]].concat()).accepted();
}
