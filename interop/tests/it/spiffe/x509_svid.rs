//! X.509-SVIDs. `spiffe` has no issuer, so OpenSSL makes what we do not.
//!
//! Its `X509Svid` is one's own certificate, as the Workload API hands it over: it reads the form of chain and key, and leaves authorities,
//! signatures, dates and whether the key fits to whoever uses it. Ours verifies these.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use aims_credential::x509::{
    CertificateDer, NewSvid, Role, Svid, SvidIssuer, SvidVerifier, X509Authority, X509Profile,
};
use aims_credential::{BundleSet, Holder, TrustBundle};
use aims_keys::{Algorithm, PrivateKey, UnixTime, backend};
use aims_testkit::assert_refused;
use spiffe::X509Svid;

use crate::support::{key, key_for, now};

const AGENT: &str = "spiffe://acme.example/agents/travel";
const DAY: Duration = Duration::from_secs(86_400);

fn verifier(authority: X509Authority) -> SvidVerifier {
    let bundle = TrustBundle::for_x509("spiffe://acme.example".parse().unwrap(), vec![authority]);
    SvidVerifier::builder(BundleSet::from(bundle), backend::ring()).profile(X509Profile::X509Svid).build()
}

/// X5-1 to X5-9: a chain of two from us, with and without a host name, for each kind of key.
#[test]
fn spiffe_reads_our_chains() {
    for algorithm in [Algorithm::Es256, Algorithm::Es384, Algorithm::Ed25519] {
        let root = SvidIssuer::root("spiffe://acme.example".parse().unwrap(), key_for(algorithm), DAY, now());
        let issuer = root.unwrap().intermediate(key_for(algorithm), DAY, now()).unwrap();
        let own = PrivateKey::generate(algorithm, backend::ring()).unwrap();
        let public = own.load(algorithm, backend::ring()).unwrap();
        let subject = AGENT.parse().unwrap();
        let plain = NewSvid::new(&subject, public.public_key());
        for request in [plain.clone(), plain.dns_name("tools.example")] {
            let chain = issuer.sign(&request, now()).unwrap();
            let svid = X509Svid::parse_from_der(&concatenated(&chain), own.expose_pkcs8()).unwrap();
            assert_eq!(svid.spiffe_id().to_string(), AGENT);
            assert_eq!(svid.cert_chain().len(), 2);
            assert_eq!(svid.leaf().as_bytes(), &*chain[0]);
            // In the other order, the leaf is an authority.
            let reversed = [&*chain[1], &*chain[0]].concat();
            X509Svid::parse_from_der(&reversed, own.expose_pkcs8()).unwrap_err();
            assert_refused!(
                Svid::from_issuer(vec![chain[1].clone(), chain[0].clone()], backend::ring()),
                "bad_subject",
                "X5-3"
            );
        }
    }
}

/// AIMS-5: a certificate is used with its own key. `spiffe` does not compare them; the TLS library does later.
#[test]
fn spiffe_takes_another_key_and_we_do_not() {
    let issuer = SvidIssuer::root("spiffe://acme.example".parse().unwrap(), key(), DAY, now()).unwrap();
    let chain = issuer.issue(&AGENT.parse().unwrap(), key().public_key(), now()).unwrap();
    let other = PrivateKey::generate(Algorithm::Es256, backend::ring()).unwrap();
    X509Svid::parse_from_der(&concatenated(&chain), other.expose_pkcs8()).unwrap();
    let svid = Svid::from_issuer(chain, backend::ring()).unwrap();
    Holder::for_svid(svid, key()).unwrap_err();
}

/// What `spiffe` leaves to its callers, ours refuses: an authority that is not of the bundle, and dates (both X5V-3).
#[test]
fn spiffe_verifies_neither_signatures_nor_dates() {
    let issuer = |now| SvidIssuer::root("spiffe://acme.example".parse().unwrap(), key(), DAY, now).unwrap();
    let long_ago = UnixTime::from_secs(1_600_000_000);
    let (old, foreign, trusted) = (issuer(long_ago), issuer(now()), issuer(now()));
    for (issuer, issued, bundle, code) in [
        (&trusted, now(), &trusted, None),
        (&foreign, now(), &trusted, Some("unknown_issuer")),
        (&old, long_ago, &old, Some("expired")),
    ] {
        let own = PrivateKey::generate(Algorithm::Es256, backend::ring()).unwrap();
        let public = own.load(Algorithm::Es256, backend::ring()).unwrap();
        let chain = issuer.issue(&AGENT.parse().unwrap(), public.public_key(), issued).unwrap();
        X509Svid::parse_from_der(&concatenated(&chain), own.expose_pkcs8()).unwrap();
        let ours = verifier(bundle.authority().unwrap()).verify(&chain[0], &[], Role::Client, now());
        assert_eq!(ours.err().map(|error| (error.code(), error.rule())), code.map(|code| (code, "X5V-3")));
    }
}

/// A leaf as OpenSSL makes it, and who accepts it.
struct Case {
    name: &'static str,
    extensions: &'static str,
    spiffe_accepts: bool,
    /// Code and rule of our refusal.
    we_refuse: Option<(&'static str, &'static str)>,
}

const CASES: [Case; 17] = [
    Case {
        name: "as it should be",
        extensions: "subjectAltName=critical,URI:spiffe://acme.example/a,DNS:tools.example\nbasicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth,clientAuth",
        spiffe_accepts: true,
        we_refuse: None,
    },
    Case {
        name: "without extended key usage",
        extensions: "subjectAltName=critical,URI:spiffe://acme.example/a\nbasicConstraints=CA:FALSE\nkeyUsage=critical,digitalSignature,keyAgreement",
        spiffe_accepts: true,
        we_refuse: None,
    },
    Case {
        name: "for servers only, shown by a client",
        extensions: "subjectAltName=critical,URI:spiffe://acme.example/a\nbasicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth",
        spiffe_accepts: true,
        we_refuse: Some(("extended_key_usage", "X5V-5")),
    },
    Case {
        name: "for any purpose",
        extensions: "subjectAltName=critical,URI:spiffe://acme.example/a\nbasicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=anyExtendedKeyUsage",
        spiffe_accepts: true,
        we_refuse: Some(("extended_key_usage", "X5V-5")),
    },
    Case {
        name: "key usage not critical",
        extensions: "subjectAltName=critical,URI:spiffe://acme.example/a\nbasicConstraints=critical,CA:FALSE\nkeyUsage=digitalSignature",
        spiffe_accepts: true,
        we_refuse: Some(("key_usage", "X5-6")),
    },
    Case {
        name: "name not critical, subject empty",
        extensions: "subjectAltName=URI:spiffe://acme.example/a\nbasicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature",
        spiffe_accepts: true,
        we_refuse: Some(("alt_name_not_critical", "X5-4")),
    },
    Case {
        name: "an unknown critical extension",
        extensions: "subjectAltName=critical,URI:spiffe://acme.example/a\nbasicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n1.2.3.4=critical,ASN1:NULL",
        spiffe_accepts: true,
        we_refuse: Some(("unknown_extension", "X5V-3")),
    },
    Case {
        name: "without basic constraints",
        extensions: "subjectAltName=critical,URI:spiffe://acme.example/a\nkeyUsage=critical,digitalSignature",
        spiffe_accepts: false,
        we_refuse: Some(("basic_constraints_missing", "X5V-4")),
    },
    Case {
        name: "without key usage",
        extensions: "subjectAltName=critical,URI:spiffe://acme.example/a\nbasicConstraints=critical,CA:FALSE",
        spiffe_accepts: false,
        we_refuse: Some(("key_usage", "X5-6")),
    },
    Case {
        name: "no digital signatures",
        extensions: "subjectAltName=critical,URI:spiffe://acme.example/a\nbasicConstraints=critical,CA:FALSE\nkeyUsage=critical,keyAgreement",
        spiffe_accepts: false,
        we_refuse: Some(("key_usage", "X5-6")),
    },
    Case {
        name: "an authority",
        extensions: "subjectAltName=critical,URI:spiffe://acme.example/a\nbasicConstraints=critical,CA:TRUE\nkeyUsage=critical,digitalSignature",
        spiffe_accepts: false,
        we_refuse: Some(("authority_as_leaf", "X5V-4")),
    },
    Case {
        name: "a signer of lists",
        extensions: "subjectAltName=critical,URI:spiffe://acme.example/a\nbasicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature,cRLSign",
        spiffe_accepts: false,
        we_refuse: Some(("authority_as_leaf", "X5V-4")),
    },
    Case {
        name: "two identities",
        extensions: "subjectAltName=critical,URI:spiffe://acme.example/a,URI:spiffe://acme.example/b\nbasicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature",
        spiffe_accepts: false,
        we_refuse: Some(("multiple_identities", "X5-2")),
    },
    Case {
        name: "no identity",
        extensions: "subjectAltName=critical,DNS:tools.example\nbasicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature",
        spiffe_accepts: false,
        we_refuse: Some(("no_identity", "X5-1")),
    },
    Case {
        name: "a trust domain",
        extensions: "subjectAltName=critical,URI:spiffe://acme.example\nbasicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature",
        spiffe_accepts: false,
        we_refuse: Some(("bad_subject", "X5-3")),
    },
    Case {
        name: "of another scheme",
        extensions: "subjectAltName=critical,URI:https://acme.example/a\nbasicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature",
        spiffe_accepts: false,
        we_refuse: Some(("bad_subject", "WID-1")),
    },
    Case {
        name: "a dot segment",
        extensions: "subjectAltName=critical,URI:spiffe://acme.example/a/../b\nbasicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature",
        spiffe_accepts: false,
        we_refuse: Some(("bad_subject", "SPF-ID-5")),
    },
];

/// What `spiffe` refuses by its form, we refuse too; the rest of the table is where we are stricter.
#[test]
fn both_read_what_openssl_makes() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("spiffe-x509");
    std::fs::create_dir_all(&folder).unwrap();
    openssl(
        &folder,
        "root",
        "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign",
        &["-subj", "/CN=root"],
    );
    let verifier = verifier(X509Authority::from_der(&read(&folder, "root.der")).unwrap());
    for case in &CASES {
        openssl(
            &folder,
            "leaf",
            case.extensions,
            &["-subj", "/", "-CA", "root.der", "-CAkey", "root.key.der"],
        );
        let leaf = read(&folder, "leaf.der");
        let theirs = X509Svid::parse_from_der(&leaf, &read(&folder, "leaf.key.der"));
        assert_eq!(theirs.is_ok(), case.spiffe_accepts, "{}: {:?}", case.name, theirs.err());
        let ours = verifier.verify(&CertificateDer::from(leaf), &[], Role::Client, now());
        let refusal = ours.err().map(|error| (error.code(), error.rule()));
        assert_eq!(refusal, case.we_refuse, "{}", case.name);
    }
}

fn openssl(folder: &Path, name: &str, extensions: &str, more: &[&str]) {
    let file = |kind: &str| format!("{name}.{kind}");
    let text = format!("[req]\ndistinguished_name=dn\nx509_extensions=own\n[dn]\n[own]\n{extensions}\n");
    std::fs::write(folder.join(file("cnf")), text).unwrap();
    let run = |arguments: &[&str]| {
        let output =
            Command::new("openssl").args(arguments).current_dir(folder).output().expect("openssl runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    let (configuration, pem, out, der) = (file("cnf"), file("key"), file("der"), file("key.der"));
    let new = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-batch"];
    let files = ["-config", &configuration, "-keyout", &pem, "-outform", "DER", "-out", &out, "-days", "1"];
    run(&[&new[..], &files[..], more].concat());
    run(&["pkcs8", "-topk8", "-nocrypt", "-in", &pem, "-outform", "DER", "-out", &der]);
}

/// As the Workload API has a chain.
fn concatenated(chain: &[CertificateDer<'_>]) -> Vec<u8> {
    chain.iter().flat_map(|der| der.iter().copied()).collect()
}

fn read(folder: &Path, name: &str) -> Vec<u8> {
    std::fs::read(folder.join(name)).unwrap()
}
