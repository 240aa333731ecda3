//! A TPM, swtpm with tpm2-tools, that activates the credentials that we make.

mod process;

use aims_attest::tpm::{
    EndorsementRoots, EndorsementVerifier, EnrolledTpm, Enrolment, TpmCredential, TpmName, TpmPublic,
};
use aims_credential::x509::from_pem;
use aims_keys::{Backend, backend};
use aims_testkit::assert_refused;

use self::process::{Tpm, is_there};
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

impl Tpm {
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

/// TPM-28, TPM-29: certificates of swtpm's own authority, the endorsement keys they are for, and the secret that comes back.
#[test]
fn tpm_29_a_software_tpm_is_enrolled() {
    if !is_there() {
        return;
    }
    let tpm = Tpm::start("enrolled");
    tpm.write("policy_a", &unhex(POLICY_A_SHA384));
    tpm.write("policy_c", &unhex(POLICY_C_SHA384));
    let ak = tpm.attestation_key();
    let text = |name| String::from_utf8(tpm.read(name)).unwrap();
    let intermediate = from_pem(&text("ca/issuercert.pem")).unwrap().remove(0);
    let now = now();
    for Key { handle, certificate, policy, backend } in KEYS {
        tpm.must(&format!("tpm2_nvread {certificate} -C o -o certificate"));
        let chain = [tpm.read("certificate"), intermediate.to_vec()];
        let roots = EndorsementRoots::from_pem("swtpm", &text("ca/swtpm-localca-rootca-cert.pem")).unwrap();
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
    if !is_there() {
        return;
    }
    let tpm = Tpm::start("refused");
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
    let elsewhere = Tpm::start("elsewhere");
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
