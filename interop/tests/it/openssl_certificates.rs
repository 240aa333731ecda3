//! The `openssl` program reads our certificates and requests, and we read its requests.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aims_credential::x509::{
    CertificateRequest, NewCertificateRequest, NewRevocationList, NewSvid, RevocationList, Role, SvidIssuer,
    SvidVerifier,
};
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

/// AIMS-14, ATT-21, both ways: names and a challenge in requests.
#[test]
fn openssl_and_we_read_names_and_challenges_in_each_others_requests() {
    const AGENT: &str = "spiffe://acme.example/agents/travel";
    // With characters that a PrintableString has, and with one it has not.
    for (index, challenge) in
        ["n0nce", "0ahVYYBBSPeXMX9zwyqiK6NQupxUX36aTStq1BlbDA_", "a b-c"].into_iter().enumerate()
    {
        let dir = folder(&format!("request-names-{index}"));
        let configuration = format!(
            "[req]\nprompt=no\ndistinguished_name=dn\nattributes=own\nreq_extensions=names\n[dn]\nCN=travel\n\
            [own]\nchallengePassword={challenge}\n[names]\nkeyUsage=digitalSignature\n\
            subjectAltName=URI:{AGENT},DNS:tools.example\n"
        );
        std::fs::write(dir.join("own.cnf"), configuration).unwrap();
        let new =
            ["req", "-new", "-config", "own.cnf", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
        let files = ["-nodes", "-keyout", "key.pem", "-outform", "DER", "-out", "request.der"];
        let (ok, text) = openssl(&dir, &[&new[..], &files[..]].concat());
        assert!(ok, "{text}");
        let theirs = std::fs::read(dir.join("request.der")).unwrap();
        let request = CertificateRequest::verify(&theirs, backend::ring()).unwrap();
        assert_eq!(request.challenge(), Some(challenge));
        assert_eq!(request.uris().collect::<Vec<_>>(), [AGENT]);
        assert_eq!(request.dns_names().collect::<Vec<_>>(), ["tools.example"]);
        assert!(request.has_subject() && !request.has_other_names());
        request.check_names(&AGENT.parse().unwrap(), &["tools.example"]).unwrap();

        for algorithm in ALGORITHMS {
            let (own, subject) = (key(algorithm), AGENT.parse().unwrap());
            let new =
                NewCertificateRequest::new(own.public_key()).subject(&subject).dns_name("tools.example");
            let ours = new.challenge(challenge).prepare().unwrap().sign(&*own).unwrap();
            std::fs::write(dir.join("ours.der"), ours).unwrap();
            let read = ["req", "-inform", "DER", "-in", "ours.der", "-verify", "-noout", "-text"];
            let (ok, text) = openssl(&dir, &read);
            assert!(ok && text.contains("verify OK"), "{text}");
            let line = text.lines().find(|line| line.contains("challengePassword")).expect("a challenge");
            assert_eq!(line.split_once(':').map(|(_, value)| value.trim()), Some(challenge), "{text}");
            assert!(text.contains(&format!("URI:{AGENT}, DNS:tools.example")), "{text}");
        }
    }
}

fn write_pem(dir: &Path, kind: &str, name: &str, der: &[u8]) {
    std::fs::write(dir.join(format!("{name}.der")), der).unwrap();
    let (input, output) = (format!("{name}.der"), format!("{name}.pem"));
    let (ok, text) = openssl(dir, &[kind, "-inform", "DER", "-in", &input, "-out", &output]);
    assert!(ok, "{text}");
}

/// MTLS-10, X5-11: revocation lists and name constraints of ours, as OpenSSL reads them.
#[test]
fn openssl_honours_our_revocation_lists_and_name_constraints() {
    let now = UnixTime::try_from(SystemTime::now()).unwrap();
    let day = Duration::from_secs(86_400);
    for algorithm in ALGORITHMS {
        let dir = folder(&format!("lists-{}", algorithm.name()));
        let issuer_of = |origin: &str| {
            SvidIssuer::root(origin.parse().unwrap(), key(algorithm), day, now)
                .unwrap()
                .with_name_constraints()
        };
        let root = issuer_of("spiffe://acme.example");
        let issuer = root.intermediate(key(algorithm), day, now).unwrap();
        let workload = key(algorithm);
        let chain =
            issuer.issue(&"spiffe://acme.example/agents/travel".parse().unwrap(), workload.public_key(), now);
        let chain = chain.unwrap();
        write_pem(&dir, "x509", "root", root.authority().unwrap().der());
        write_pem(&dir, "x509", "middle", &chain[1]);
        write_pem(&dir, "x509", "leaf", &chain[0]);
        let (_, text) = openssl(&dir, &["x509", "-in", "middle.pem", "-noout", "-text"]);
        assert!(text.contains("Name Constraints: critical") && text.contains("URI:acme.example"), "{text}");

        let bundle = TrustBundle::for_x509(root.origin().clone(), vec![root.authority().unwrap()]);
        let bundles = BundleSet::from(bundle);
        let verifier =
            SvidVerifier::builder(bundles.clone(), backend::ring()).require_revocation_lists().build();
        let upper = root.sign_list(&NewRevocationList::new(1), now).unwrap();
        let serial = openssl(&dir, &["x509", "-in", "leaf.pem", "-noout", "-serial"]).1;
        let serial = serial.trim().strip_prefix("serial=").unwrap();
        for (revoked, number) in [(false, 0x7f), (true, 0x80)] {
            let list = NewRevocationList::new(number).revoke("00ff", now);
            let list = if revoked { list.revoke(serial, now) } else { list };
            let lower = issuer.sign_list(&list, now).unwrap();
            write_pem(&dir, "crl", "upper", upper.der());
            write_pem(&dir, "crl", "lower", lower.der());
            let (ok, text) =
                openssl(&dir, &["crl", "-in", "lower.pem", "-CAfile", "middle.pem", "-noout", "-text"]);
            assert!(ok && text.contains("verify OK") && text.contains("X509v3 CRL Number"), "{text}");
            let lists = ["upper.pem", "lower.pem"]
                .map(|name| std::fs::read_to_string(dir.join(name)).unwrap())
                .concat();
            std::fs::write(dir.join("lists.pem"), lists).unwrap();
            let (ok, text) = openssl(
                &dir,
                &[
                    "verify",
                    "-x509_strict",
                    "-crl_check_all",
                    "-CAfile",
                    "root.pem",
                    "-CRLfile",
                    "lists.pem",
                    "-untrusted",
                    "middle.pem",
                    "leaf.pem",
                ],
            );
            assert_eq!(ok, !revoked, "{text}");
            assert!(!revoked || text.contains("certificate revoked"), "{text}");
            bundles.set_revocation_lists(root.origin(), &[upper.clone(), lower]);
            let ours = verifier.verify(&chain[0], &chain[1..], Role::Client, now);
            assert_eq!(ours.err().map(|error| error.code()), revoked.then_some("revoked"));
        }
    }
}

/// And those of OpenSSL, as we read them.
#[test]
fn we_read_the_revocation_lists_of_openssl() {
    let dir = folder("openssl-lists");
    let configuration = "[ca]\ndefault_ca=own\n[own]\ndatabase=index.txt\ncrlnumber=number\n\
        default_md=sha256\ndefault_crl_days=7\ncrl_extensions=lists\n[lists]\nauthorityKeyIdentifier=keyid\n";
    let index = "R\t400101000000Z\t260101000000Z,keyCompromise\t51AB\tunknown\t/CN=a\n\
        R\t400101000000Z\t260101000000Z\t00FF12\tunknown\t/CN=b\n";
    for (name, text) in [("own.cnf", configuration), ("index.txt", index), ("number", "1000\n")] {
        std::fs::write(dir.join(name), text).unwrap();
    }
    let new = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-batch"];
    let files = ["-subj", "/CN=own", "-keyout", "own.key", "-out", "own.pem", "-days", "30"];
    let (ok, text) = openssl(&dir, &[&new[..], &files[..]].concat());
    assert!(ok, "{text}");
    let (ok, text) = openssl(
        &dir,
        &[
            "ca", "-gencrl", "-config", "own.cnf", "-keyfile", "own.key", "-cert", "own.pem", "-out",
            "own.crl",
        ],
    );
    assert!(ok, "{text}");
    let (ok, text) = openssl(&dir, &["crl", "-in", "own.crl", "-outform", "DER", "-out", "own.der"]);
    assert!(ok, "{text}");
    let list = RevocationList::from_der(&std::fs::read(dir.join("own.der")).unwrap()).unwrap();
    assert_eq!(list.len(), 2);
}
