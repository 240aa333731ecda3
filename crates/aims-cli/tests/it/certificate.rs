//! Certificates that no issuer here would make: those of `aims svid issue`, changed and signed again.

use aims::backend;
use aims::jose::base64;
use aims::keys::der::{BIT_STRING, Reader, SEQUENCE, ecdsa_to_der, write};
use aims::keys::{Algorithm, PrivateKey, SignInput, Signer};
use aims_testkit::assert_refused;

use crate::support::{BUNDLE, Folder, SUBJECT};

#[test]
fn x5v_4_an_authority_is_no_workload() {
    let folder = Folder::with_authority();
    // Its name has no path, which comes first.
    assert_refused!(folder.verify_svid("root.crt", &[]).refusal().err(), "bad_subject", "X5-3");
    let mut der = read(&folder, "travel.crt");
    // basicConstraints without cA becomes one with it; nobody looks at the signature before that.
    let (not, is) = ([0x04, 0x02, 0x30, 0x00], [0x04, 0x05, 0x30, 0x03, 0x01, 0x01, 0xff]);
    let at = der.windows(4).position(|window| window == not).unwrap();
    der.splice(at..at + 4, is);
    folder.write("ca.der", lengthened(der, at, 3));
    assert_refused!(folder.verify_svid("ca.der", &[]).refusal().err(), "authority_as_leaf", "X5V-4");
    let shown = folder.aims(&["svid", "inspect", "ca.der", "--json"]).json();
    assert_eq!(shown["certificates"][0]["authority"], true);
}

#[test]
fn x5_2_two_uris_are_nobody() {
    let folder = Folder::with_authority();
    let name = b"travel.acme.example";
    folder.issue_svid(&["--dns", "travel.acme.example"]).saved(&folder, "named.crt");
    let mut der = read(&folder, "named.crt");
    let with_tag = |tag: u8| [&[tag, 19], &name[..]].concat();
    replace(&mut der, &with_tag(0x82), &with_tag(0x86));
    folder.write("two.der", signed(&folder, &der, "root.pem"));
    assert_refused!(folder.verify_svid("two.der", &[]).refusal().err(), "multiple_identities", "X5-2");
    let shown = folder.aims(&["svid", "inspect", "two.der", "--json"]).json();
    let uris = serde_json::json!([SUBJECT, "travel.acme.example"]);
    assert_eq!(shown["certificates"][0]["uris"], uris);
}

#[test]
fn x5v_5_a_certificate_counts_in_its_roles_only() {
    let folder = Folder::with_authority();
    let mut der = read(&folder, "travel.crt");
    let purpose = |last: u8| [0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, last];
    // clientAuth becomes emailProtection.
    replace(&mut der, &purpose(2), &purpose(4));
    folder.write("server.der", signed(&folder, &der, "root.pem"));
    let as_server = ["svid", "verify", "server.der", "--trust", BUNDLE, "--role", "server"];
    folder.aims(&as_server).accepted();
    assert_refused!(folder.verify_svid("server.der", &[]).refusal().err(), "extended_key_usage", "X5V-5");
    // The one whose signature was not made anew is refused for that.
    folder.write("broken.der", &der);
    let broken = ["svid", "verify", "broken.der", "--trust", BUNDLE, "--role", "server"];
    assert_refused!(folder.aims(&broken).refusal().err(), "bad_signature", "X5V-3");
}

/// The DER of the first certificate in a file.
pub(crate) fn read(folder: &Folder, name: &str) -> Vec<u8> {
    let text = folder.read(name);
    let body = text.lines().skip(1).take_while(|line| !line.starts_with("-----"));
    base64::decode(&body.collect::<String>()).unwrap()
}

/// Puts `to` in place of the only `from`, of the same length.
pub(crate) fn replace(der: &mut [u8], from: &[u8], to: &[u8]) {
    let mut found = der.windows(from.len()).enumerate().filter(|(_, window)| *window == from);
    let (at, _) = found.next().unwrap();
    assert!(found.next().is_none() && from.len() == to.len());
    der[at..at + to.len()].copy_from_slice(to);
}

/// The certificate with a signature by the ES256 key in `key`.
pub(crate) fn signed(folder: &Folder, der: &[u8], key: &str) -> Vec<u8> {
    let mut fields = Reader::new(Reader::new(der).read(SEQUENCE).unwrap());
    let (body, algorithm) = (fields.element().unwrap(), fields.element().unwrap());
    let key = PrivateKey::from_pem(&folder.read(key)).unwrap();
    let key = key.load(Algorithm::Es256, backend::ring()).unwrap();
    let signature = Signer::sign(&key, SignInput::Message(body.whole)).unwrap();
    let signature = ecdsa_to_der(Algorithm::Es256, signature.as_bytes()).unwrap();
    write(SEQUENCE, &[body.whole, algorithm.whole, &write(BIT_STRING, &[&[0], &signature])])
}

/// Makes every element that encloses the place longer, of a certificate that grew there.
fn lengthened(mut der: Vec<u8>, place: usize, by: u8) -> Vec<u8> {
    let mut at = 0;
    while at < place {
        let (header, len) = match der[at + 1] {
            0x82 => (4, usize::from(u16::from_be_bytes([der[at + 2], der[at + 3]]))),
            0x81 => (3, usize::from(der[at + 2])),
            len => (2, usize::from(len)),
        };
        if at + header + len <= place {
            at += header + len;
            continue;
        }
        let last = at + header - 1;
        der[last] = der[last].checked_add(by).unwrap();
        at += header;
    }
    der
}
