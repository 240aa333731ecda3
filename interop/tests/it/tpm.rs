//! A TPM, swtpm with tpm2-tools, that activates the credentials that we make.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use aims_attest::tpm::{
    EndorsementRoots, EndorsementVerifier, EnrolledTpm, Enrolment, TpmCredential, TpmName, TpmPublic,
};
use aims_keys::{Backend, backend};
use aims_testkit::{SoftTpm, assert_refused};

use crate::support::now;

/// An endorsement key, how the TPM lets it be used, and who can encrypt to it.
struct Key {
    handle: &'static str,
    certificate: &'static str,
    policy: &'static [&'static str],
    backend: Backend,
}

/// RSA-2048 and P-384: those that swtpm has certificates for.
const KEYS: [Key; 2] = [
    Key {
        handle: "0x81010016",
        certificate: "0x01c00016",
        policy: &[
            "tpm2_startauthsession --policy-session -g sha384 -S session",
            "tpm2_policysecret -S session -c e",
            "tpm2_policyor -S session -l sha384:policy_a,policy_c",
        ],
        backend: backend::ring(),
    },
    Key { handle: "0x81010001", certificate: "0x01c00002", policy: POLICY_A, backend: backend::aws_lc() },
];

/// The policy of the low-range templates.
const POLICY_A: &[&str] =
    &["tpm2_startauthsession --policy-session -S session", "tpm2_policysecret -S session -c e"];

/// A software TPM, and a folder in which tpm2-tools keep their files.
struct Tpm {
    tpm: SoftTpm,
    folder: PathBuf,
}

impl Tpm {
    fn new(tpm: SoftTpm, name: &str) -> Self {
        let folder =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("tpm-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        Self { tpm, folder }
    }

    /// Runs a program of tpm2-tools in the folder; what it says on standard error, if it fails.
    fn run(&self, line: &str) -> Result<(), String> {
        let mut words = line.split_ascii_whitespace();
        let output = SoftTpm::command(words.next().unwrap())
            .args(words)
            .current_dir(&self.folder)
            .env("TPM2TOOLS_TCTI", self.tpm.tcti())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        if output.status.success() {
            return Ok(());
        }
        Err(format!("{line}: {}", String::from_utf8_lossy(&output.stderr)))
    }

    /// What a file of the folder holds.
    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.folder.join(name), bytes).unwrap();
    }

    fn must(&self, line: &str) {
        self.run(line).unwrap();
    }

    /// Makes an attestation key, and says what it is.
    fn attestation_key(&self) -> Vec<u8> {
        self.must(
            "tpm2_createprimary -C e -G ecc256:ecdsa-sha256:null -c ak \
             -a fixedtpm|fixedparent|sensitivedataorigin|userwithauth|restricted|sign",
        );
        let public = self.public("ak");
        self.must("tpm2_flushcontext -t");
        public
    }

    /// The `TPMT_PUBLIC` of a key, without the size before it.
    fn public(&self, key: &str) -> Vec<u8> {
        self.must(&format!("tpm2_readpublic -c {key} -f tss -o public"));
        self.read("public").split_off(2)
    }

    /// What the TPM makes of a credential for the attestation key.
    fn activate(&self, key: &str, policy: &[&str], credential: &TpmCredential) -> Result<Vec<u8>, String> {
        // Its file format: a magic number, a version, and the two structures with their sizes.
        let size = |bytes: &[u8]| u16::try_from(bytes.len()).unwrap().to_be_bytes();
        let (object, secret) = (credential.id_object(), credential.encrypted_secret());
        let file = [&[0xba, 0xdc, 0xc0, 0xde, 0, 0, 0, 1], &size(object)[..], object, &size(secret), secret]
            .concat();
        self.write("credential", &file);
        for line in policy {
            self.run(line)?;
        }
        let activated = self.run(&format!(
            "tpm2_activatecredential -c ak -C {key} -P session:session -i credential -o secret"
        ));
        self.must("tpm2_flushcontext -t");
        self.must("tpm2_flushcontext -l");
        activated.map(|()| self.read("secret"))
    }
}

impl Drop for Tpm {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Whether tpm2-tools are there; says so where they are not (TPM-9). Of swtpm that is said where it is started.
fn has_tools() -> bool {
    let help = Command::new("tpm2_activatecredential").arg("--help").stdout(Stdio::null()).status();
    let has_tools = help.is_ok_and(|status| status.success());
    if !has_tools {
        assert!(std::env::var_os("CI").is_none(), "no tpm2-tools: apt-get install tpm2-tools");
        // Not by `eprintln!`, which tests that pass keep to themselves.
        let _ = writeln!(std::io::stderr(), "SKIPPED, no tpm2-tools: apt-get install tpm2-tools");
    }
    has_tools
}

/// TPM-28, TPM-29: certificates of swtpm's own authority, the endorsement keys they are for, and the secret that comes back.
#[test]
fn tpm_29_a_software_tpm_is_enrolled() {
    if !has_tools() {
        return;
    }
    let Some((tpm, authority)) = SoftTpm::with_endorsement() else { return };
    let tpm = Tpm::new(tpm, "enrolled");
    tpm.write("policy_a", &unhex(POLICY_A_SHA384));
    tpm.write("policy_c", &unhex(POLICY_C_SHA384));
    let ak = tpm.attestation_key();
    let now = now();
    for Key { handle, certificate, policy, backend } in KEYS {
        tpm.must(&format!("tpm2_nvread {certificate} -C o -o certificate"));
        let chain = [tpm.read("certificate"), authority.issuer().to_vec()];
        let roots = EndorsementRoots::new("swtpm", [authority.root()]).unwrap();
        let enrolment = Enrolment::new(EndorsementVerifier::builder(roots, backend).build());
        let ek = tpm.public(handle);
        let (credential, pending) = enrolment.begin(&chain, &ek, &ak, now).unwrap();
        let secret = tpm.activate(handle, policy, &credential).unwrap();
        let enrolled = pending.finish(&secret, now).unwrap();
        assert_eq!((enrolled.manufacturer(), enrolled.model()), ("id:00001014", "swtpm"));
        assert_eq!(EnrolledTpm::from_json(enrolled.to_json().as_bytes(), backend), Ok(enrolled));

        // Of another enrolment it gives out another secret.
        let (_, pending) = enrolment.begin(&chain, &ek, &ak, now).unwrap();
        assert_refused!(pending.finish(&secret, now), "nonce_mismatch", "TPM-29");
    }
}

/// TPM-29: a credential for another name, or for another TPM, is not activated.
#[test]
fn tpm_29_a_software_tpm_activates_nothing_that_is_not_for_it() {
    if !has_tools() {
        return;
    }
    let (Some(tpm), Some(elsewhere)) = (SoftTpm::start(), SoftTpm::start()) else { return };
    let (tpm, elsewhere) = (Tpm::new(tpm, "refused"), Tpm::new(elsewhere, "elsewhere"));
    let ak = TpmPublic::parse(&tpm.attestation_key()).unwrap();
    // P-256 is made anew each time: there is no certificate for it.
    tpm.must("tpm2_createek -G ecc -c ek");
    tpm.must("tpm2_flushcontext -t");
    let ek = TpmPublic::parse(&tpm.public("ek")).unwrap();
    tpm.must("tpm2_flushcontext -t");
    let make =
        |ek: &TpmPublic, name: &TpmName| TpmCredential::make(ek, name, &[0x5a; 32], backend::ring()).unwrap();
    let name = ak.name(backend::ring());
    let secret = tpm.activate("ek", POLICY_A, &make(&ek, &name)).unwrap();
    assert_eq!(secret, [0x5a; 32]);

    let mut other = name.as_bytes().to_vec();
    other[7] ^= 1;
    let other = TpmName::from_bytes(&other).unwrap();
    let refused = tpm.activate("ek", POLICY_A, &make(&ek, &other)).unwrap_err();
    assert!(refused.contains("integrity check failed"), "{refused}");
    elsewhere.must("tpm2_createek -G ecc -c ek");
    elsewhere.must("tpm2_flushcontext -t");
    let theirs = TpmPublic::parse(&elsewhere.public("ek")).unwrap();
    let refused = tpm.activate("ek", POLICY_A, &make(&theirs, &name)).unwrap_err();
    assert!(refused.contains("integrity check failed"), "{refused}");
}

fn unhex(text: &str) -> Vec<u8> {
    let digit = |byte: u8| u8::try_from(char::from(byte).to_digit(16).unwrap()).unwrap();
    text.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

// The digests of which the policy of the high-range templates is one or the other (TCG EK Credential Profile, appendix B.6).
const POLICY_A_SHA384: &str =
    "8bbf2266537c171cb56e403c4dc1d4b64f432611dc386e6f532050c3278c930e143e8bb1133824ccb431053871c6db53";
const POLICY_C_SHA384: &str =
    "d6032ce61f2fb3c240eb3cf6a33237ef2b6a16f4293c22b455e261cffd217ad5b4947c2d73e63005eed2dc2b3593d165";
