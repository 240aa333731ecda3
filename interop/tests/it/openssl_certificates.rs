//! The `openssl` program reads our certificates and requests, and we read its requests.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aims_credential::x509::{CertificateRequest, NewSvid, Role, SvidIssuer, SvidVerifier};
use aims_credential::{BundleSet, TrustBundle};
use aims_id::WorkloadId;
use aims_keys::{Algorithm, SoftwareKey, UnixTime, backend};

const ALGORITHMS: [Algorithm; 3] = [Algorithm::Es256, Algorithm::Es384, Algorithm::Ed25519];

fn openssl(dir: &Path, arguments: &[&str]) -> (bool, String) {
    let output = Command::new("openssl").args(arguments).current_dir(dir).output().expect("openssl runs");
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

fn folder(name: &str) -> std::path::PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&dir).unwrap();
    dir
}

fn key(algorithm: Algorithm) -> Arc<SoftwareKey> {
    Arc::new(SoftwareKey::generate(algorithm, backend::ring()).unwrap())
}

/// X5-1 to X5-9: what is issued is what RFC 5280 says, by another reading of it.
#[test]
fn openssl_verifies_our_chains() {
    let now = UnixTime::try_from(SystemTime::now()).unwrap();
    let subject: WorkloadId = "spiffe://acme.example/agents/travel".parse().unwrap();
    let day = Duration::from_secs(86_400);
    for algorithm in ALGORITHMS {
        let dir = folder(algorithm.name());
        let root =
            SvidIssuer::root("spiffe://acme.example".parse().unwrap(), key(algorithm), day, now).unwrap();
        let issuer = root.intermediate(key(algorithm), day, now).unwrap();
        let workload = key(algorithm);
        let request = NewSvid::new(&subject, workload.public_key()).dns_name("tools.example");
        let chain = issuer.sign(&request, now).unwrap();
        for (name, der) in
            [("root", root.authority().unwrap().der()), ("middle", &chain[1]), ("leaf", &chain[0])]
        {
            std::fs::write(dir.join(format!("{name}.der")), der).unwrap();
            let (input, output) = (format!("{name}.der"), format!("{name}.pem"));
            let (ok, text) = openssl(&dir, &["x509", "-inform", "DER", "-in", &input, "-out", &output]);
            assert!(ok, "{text}");
        }
        for purpose in ["sslclient", "sslserver"] {
            let verify = [
                "verify",
                "-x509_strict",
                "-CAfile",
                "root.pem",
                "-untrusted",
                "middle.pem",
                "-purpose",
                purpose,
            ];
            let (ok, text) =
                openssl(&dir, &[&verify[..], &["-verify_hostname", "tools.example", "leaf.pem"]].concat());
            assert!(ok && text.contains("leaf.pem: OK"), "{purpose}: {text}");
            // And refuses it where the middle is missing.
            let (ok, _) = openssl(&dir, &["verify", "-CAfile", "root.pem", "-purpose", purpose, "leaf.pem"]);
            assert!(!ok);
        }
        let (_, text) = openssl(&dir, &["x509", "-in", "leaf.pem", "-noout", "-text"]);
        for expected in [
            "URI:spiffe://acme.example/agents/travel, DNS:tools.example",
            "X509v3 Subject Alternative Name: critical",
            "Digital Signature",
            "CA:FALSE",
            "TLS Web Server Authentication, TLS Web Client Authentication",
        ] {
            assert!(text.contains(expected), "{expected}: {text}");
        }
        let bundle = TrustBundle::for_x509(root.origin().clone(), vec![root.authority().unwrap()]);
        let verifier = SvidVerifier::builder(BundleSet::from(bundle), backend::ring()).build();
        verifier.verify(&chain[0], &chain[1..], Role::Client, now).unwrap();
    }
}

/// AIMS-6, both ways.
#[test]
fn openssl_and_we_read_each_others_requests() {
    for (algorithm, options) in [
        (Algorithm::Es256, &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"][..]),
        (Algorithm::Es384, &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384", "-sha384"]),
        (Algorithm::Ed25519, &["-newkey", "ed25519"]),
        (Algorithm::Rs256, &["-newkey", "rsa:2048"]),
    ] {
        let dir = folder(&format!("request-{}", algorithm.name()));
        let names =
            ["-subj", "/CN=admin", "-addext", "subjectAltName=URI:spiffe://acme.example/agents/admin"];
        let files = ["-nodes", "-keyout", "key.pem", "-outform", "DER", "-out", "request.der"];
        let (ok, text) =
            openssl(&dir, &[&["req", "-new", "-batch"], options, &names[..], &files[..]].concat());
        assert!(ok, "{text}");
        let theirs = std::fs::read(dir.join("request.der")).unwrap();
        let request = CertificateRequest::verify(&theirs, backend::ring()).unwrap();
        assert_eq!(request.key().algorithm(), algorithm);
        if algorithm == Algorithm::Rs256 {
            continue;
        }
        let own = key(algorithm);
        let ours = CertificateRequest::prepare(own.public_key()).unwrap().sign(&*own).unwrap();
        std::fs::write(dir.join("ours.der"), ours).unwrap();
        let (ok, text) = openssl(&dir, &["req", "-inform", "DER", "-in", "ours.der", "-verify", "-noout"]);
        assert!(ok && text.contains("verify OK"), "{text}");
    }
}
