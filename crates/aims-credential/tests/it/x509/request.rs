//! Certificate requests.

use aims_credential::x509::{CertificateRequest, CertificateRequestError, NewCertificateRequest};
use aims_keys::der::{BIT_STRING, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, SET, write};
use aims_keys::{Algorithm, SignInput, Signer, SoftwareKey, backend, der};
use aims_testkit::assert_refused;
use proptest::prelude::*;

use crate::support::{SUBJECT, id, key, ready};

const ADMIN: &[u8] = b"spiffe://acme.example/agents/admin";

const CHALLENGE_PASSWORD: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x07];

const EXTENSION_REQUEST: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x0e];

const ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];

const UTF8: u8 = 0x0c;

const PRINTABLE: u8 = 0x13;

fn attribute(id: &[u8], values: &[&[u8]]) -> Vec<u8> {
    write(SEQUENCE, &[&write(OBJECT_IDENTIFIER, &[id]), &write(SET, values)])
}

fn extensions(all: &[&[u8]]) -> Vec<u8> {
    write(SEQUENCE, all)
}

fn extension(id: &[u8], before: &[u8], value: &[u8]) -> Vec<u8> {
    write(SEQUENCE, &[&write(OBJECT_IDENTIFIER, &[id]), before, &write(OCTET_STRING, &[value])])
}

fn alt_names(names: &[(u8, &[u8])]) -> Vec<u8> {
    let names: Vec<u8> = names.iter().flat_map(|(tag, name)| write(*tag, &[name])).collect();
    extension(ALT_NAME, &[], &write(SEQUENCE, &[&names]))
}

/// A request with these attributes, signed by its key.
fn with(attributes: &[&[u8]]) -> Result<CertificateRequest, CertificateRequestError> {
    let key = key(Algorithm::Ed25519);
    let spki = key.public_key().numbers().to_spki();
    let attributes = write(0xa0, attributes);
    let body = write(SEQUENCE, &[&write(INTEGER, &[&[0]]), &write(SEQUENCE, &[]), &spki, &attributes]);
    let signature = key.sign(SignInput::Message(&body)).unwrap();
    let identifier = [0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70];
    let der = write(SEQUENCE, &[&body, &identifier, &write(BIT_STRING, &[&[0], signature.as_bytes()])]);
    CertificateRequest::verify(&der, backend::ring())
}

/// A request for these names.
fn asking(names: &[(u8, &[u8])]) -> Result<CertificateRequest, CertificateRequestError> {
    with(&[&attribute(EXTENSION_REQUEST, &[&extensions(&[&alt_names(names)])])])
}

fn made(key: &SoftwareKey) -> Vec<u8> {
    CertificateRequest::prepare(key.public_key()).unwrap().sign(key).unwrap()
}

#[test]
fn aims_6_the_sender_of_a_request_holds_the_key() {
    for algorithm in [Algorithm::Es256, Algorithm::Es384, Algorithm::Ed25519] {
        let key = key(algorithm);
        let request = CertificateRequest::verify(&made(&key), backend::ring()).unwrap();
        assert_eq!(request.key(), key.public_key());
        let unsigned = CertificateRequest::prepare(key.public_key()).unwrap();
        let later = ready(unsigned.sign_async(&*key)).unwrap();
        CertificateRequest::verify(&later, backend::ring()).unwrap();
    }
}

#[test]
fn aims_6_a_request_signed_by_another_key_is_refused() {
    let (own, other) = (key(Algorithm::Es256), key(Algorithm::Es256));
    let unsigned = CertificateRequest::prepare(own.public_key()).unwrap();
    let signature = other.sign(SignInput::Message(unsigned.signing_input())).unwrap();
    let der = der::ecdsa_to_der(Algorithm::Es256, signature.as_bytes()).unwrap();
    let good = made(&own);
    // As another would send it: the key of somebody else, with a signature of their own.
    let mut stolen = good.clone();
    let body_len = unsigned.signing_input().len();
    let start = good.windows(body_len).position(|it| it == unsigned.signing_input()).unwrap();
    let identifier = &good[start + body_len..start + body_len + 12];
    stolen.clear();
    stolen
        .extend(write(SEQUENCE, &[unsigned.signing_input(), identifier, &write(BIT_STRING, &[&[0], &der])]));
    assert_refused!(CertificateRequest::verify(&stolen, backend::ring()), "bad_signature", "AIMS-6");
    assert_refused!(unsigned.attach(signature.as_bytes()), "bad_signature", "AIMS-6");
    let unsigned = CertificateRequest::prepare(own.public_key()).unwrap();
    assert_eq!(unsigned.sign(&*other), Err(aims_keys::SignError::WrongUse));
}

/// What OpenSSL 3 writes: `openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null -subj /CN=admin
/// -addext subjectAltName=URI:spiffe://acme.example/agents/admin -outform DER`.
#[test]
fn aims_6_names_in_a_request_are_not_heeded() {
    let key = key(Algorithm::Es256);
    let name = [
        0x30, 0x10, 0x31, 0x0e, 0x30, 0x0c, 0x06, 0x03, 0x55, 0x04, 0x03, 0x0c, 0x05, b'a', b'd', b'm', b'i',
        b'n',
    ];
    let body = |attributes: &[u8]| {
        write(SEQUENCE, &[&write(INTEGER, &[&[0]]), &name, &key.public_key().numbers().to_spki(), attributes])
    };
    let sign = |body: &[u8]| {
        let signature = key.sign(SignInput::Message(body)).unwrap();
        let signature = der::ecdsa_to_der(Algorithm::Es256, signature.as_bytes()).unwrap();
        let identifier = [0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
        write(SEQUENCE, &[body, &identifier, &write(BIT_STRING, &[&[0], &signature])])
    };
    // With names, with an attribute nobody knows, with an empty set, and without.
    let names = attribute(EXTENSION_REQUEST, &[&extensions(&[&alt_names(&[(0x86, ADMIN)])])]);
    for attributes in [
        write(0xa0, &[&names]),
        write(0xa0, &[&attribute(&[0x2a, 0x03], &[&[0x05, 0x00]])]),
        write(0xa0, &[]),
        vec![],
    ] {
        let request = CertificateRequest::verify(&sign(&body(&attributes)), backend::ring()).unwrap();
        // The key is all that it proves.
        assert_eq!(request.key(), key.public_key());
        assert!(request.has_subject());
    }
}

#[test]
fn x5v_1_requests_that_are_none() {
    let key = key(Algorithm::Ed25519);
    let good = made(&key);
    let verify = |der: &[u8]| CertificateRequest::verify(der, backend::ring());
    for end in 0..good.len() {
        assert_refused!(verify(&good[..end]), "malformed_request", "X5V-1");
    }
    assert_refused!(verify(&[&good[..], &[0]].concat()), "malformed_request", "X5V-1");
    assert_refused!(verify(&vec![0; 16 * 1024 + 1]), "request_too_large", "X5V-1");
    // SHA-1 with RSA.
    let sha1 = [0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x05, 0x05, 0x00];
    let unsigned = CertificateRequest::prepare(key.public_key()).unwrap();
    let old = write(SEQUENCE, &[unsigned.signing_input(), &sha1, &write(BIT_STRING, &[&[0; 65]])]);
    assert_refused!(verify(&old), "algorithm_not_allowed", "X5V-3");
}

#[test]
fn aims_14_what_a_request_asks_for_comes_out() {
    let key = key(Algorithm::Es256);
    let subject = id(SUBJECT);
    let new = NewCertificateRequest::new(key.public_key()).subject(&subject);
    let new = new.dns_name("tools.example").dns_name("b.example").challenge("n0nce-_");
    assert!(!format!("{new:?}").contains("n0nce"));
    let der = new.prepare().unwrap().sign(&*key).unwrap();
    let request = CertificateRequest::verify(&der, backend::ring()).unwrap();
    assert_eq!(request.uris().collect::<Vec<_>>(), [SUBJECT]);
    assert_eq!(request.dns_names().collect::<Vec<_>>(), ["tools.example", "b.example"]);
    assert_eq!(request.challenge(), Some("n0nce-_"));
    assert!(!request.has_other_names() && !request.has_subject());
    assert!(!format!("{request:?}").contains("n0nce"));

    request.check_names(&subject, &["a.example", "b.example", "Tools.Example"]).unwrap();
    for names in [&[][..], &["tools.example"]] {
        assert_refused!(request.check_names(&subject, names), "name_mismatch", "AIMS-14");
    }
    let other = id("spiffe://acme.example/agents/travel/2");
    let all = ["tools.example", "b.example"];
    assert_refused!(request.check_names(&other, &all), "name_mismatch", "AIMS-14");

    let plain = CertificateRequest::verify(&made(&key), backend::ring()).unwrap();
    plain.check_names(&subject, &[]).unwrap();
    assert_eq!((plain.challenge(), plain.uris().len(), plain.dns_names().len()), (None, 0, 0));
}

#[test]
fn aims_14_a_request_for_another_name_is_refused() {
    let subject = id(SUBJECT);
    let own = SUBJECT.as_bytes();
    asking(&[(0x86, own)]).unwrap().check_names(&subject, &[]).unwrap();
    let refused: &[&[(u8, &[u8])]] = &[
        &[(0x86, ADMIN)][..],
        // Whoever reads the first, or the last.
        &[(0x86, own), (0x86, ADMIN)],
        &[(0x86, ADMIN), (0x86, own)],
        &[(0x86, own), (0x86, own)],
        &[(0x86, b"SPIFFE://acme.example/agents/travel")],
        &[(0x86, b"spiffe://acme.example/agents/travel/")],
        &[(0x86, b"https://acme.example")],
        &[(0x82, b"tools.example.evil.example")],
        &[(0x82, b"*.example")],
        // A mail address, an IP address, a distinguished name, a name of a kind of its own.
        &[(0x86, own), (0x81, b"a@acme.example")],
        &[(0x86, own), (0x87, &[127, 0, 0, 1])],
        &[(0x86, own), (0xa4, &[0x30, 0x00])],
        &[(0x86, own), (0xa0, &[0x06, 0x01, 0x2a])],
    ];
    for names in refused {
        let request = asking(names).unwrap();
        assert_refused!(request.check_names(&subject, &["tools.example"]), "name_mismatch", "AIMS-14");
    }
    assert!(asking(&[(0x87, &[127, 0, 0, 1])]).unwrap().has_other_names());
}

#[test]
fn x5v_1_malformed_names_refuse_a_request() {
    let refused: &[&[(u8, &[u8])]] = &[
        &[][..],
        &[(0x86, b"")],
        &[(0x82, b"")],
        &[(0x86, b"spiffe://acme.example/\0")],
        &[(0x86, "spiffe://acme.example/\u{e4}".as_bytes())],
        &[(0x82, b"tools.example\n")],
        // Not a form of `GeneralName`.
        &[(0x0c, b"text")],
        &[(0x89, b"text")],
    ];
    for names in refused {
        assert_refused!(asking(names), "malformed_attributes", "X5V-1");
    }
    let long = [b"spiffe://acme.example/", &[b'a'; 2048][..]].concat();
    asking(&[(0x86, &long[..2048])]).unwrap();
    assert_refused!(asking(&[(0x86, &long[..2049])]), "malformed_attributes", "X5V-1");
    asking(&[(0x82, &[b'a'; 253])]).unwrap();
    assert_refused!(asking(&[(0x82, &[b'a'; 254])]), "malformed_attributes", "X5V-1");
    let many: Vec<(u8, &[u8])> = vec![(0x82, b"a"); 66];
    assert_eq!(asking(&many[..65]).unwrap().dns_names().len(), 65);
    assert_refused!(asking(&many), "malformed_attributes", "X5V-1");
}

#[test]
fn x5v_1_malformed_extensions_refuse_a_request() {
    let names = alt_names(&[(0x86, ADMIN)]);
    let value = write(SEQUENCE, &[&write(0x86, &[ADMIN])]);
    let request = |values: &[&[u8]]| with(&[&attribute(EXTENSION_REQUEST, values)]);
    request(&[&extensions(&[&extension(ALT_NAME, &[0x01, 0x01, 0xff], &value)])]).unwrap();
    request(&[&extensions(&[&names, &extension(&[0x55, 0x1d, 0x0f], &[], &[3, 2, 7, 0x80])])]).unwrap();
    let refused: &[&[&[u8]]] = &[
        &[][..],
        &[&extensions(&[])],
        // Two lists of extensions, or two of names: which counts?
        &[&extensions(&[&names]), &extensions(&[&names])],
        &[&extensions(&[&names, &names])],
        &[&extensions(&[&extension(ALT_NAME, &[0x01, 0x01, 0x00], &value)])],
        &[&extensions(&[&extension(ALT_NAME, &[0x01, 0x01, 0x01], &value)])],
        &[&extensions(&[&extension(ALT_NAME, &[], &[&value[..], &[0]].concat())])],
        &[&extensions(&[&extension(ALT_NAME, &[], b"")])],
        &[&extensions(&[&extension(b"", &[], &value)])],
        &[&extensions(&[&write(SEQUENCE, &[&write(OBJECT_IDENTIFIER, &[ALT_NAME])])])],
        &[&extensions(&[&[&extension(ALT_NAME, &[], &value)[..], &[5, 0]].concat()])],
        &[&write(SET, &[&names])],
    ];
    for values in refused {
        assert_refused!(request(values), "malformed_attributes", "X5V-1");
    }
    let many: Vec<Vec<u8>> = (0..33).map(|last| extension(&[0x2a, last], &[], b"")).collect();
    let many: Vec<&[u8]> = many.iter().map(Vec::as_slice).collect();
    request(&[&extensions(&many[..32])]).unwrap();
    assert_refused!(request(&[&extensions(&many)]), "malformed_attributes", "X5V-1");
}

#[test]
fn x5v_1_malformed_attributes_refuse_a_request() {
    let one = attribute(&[0x2a, 0x03], &[&[5, 0]]);
    with(&[&one]).unwrap();
    let refused: &[&[&[u8]]] = &[
        &[&[0x30, 0x00][..]][..],
        &[&one, &one],
        &[&attribute(&[0x2a, 0x03], &[])],
        &[&attribute(&[], &[&[5, 0]])],
        &[&attribute(&[0x2a, 0x03], &[&[5, 1]])],
        &[&[5, 0]],
        &[&one, &[0x30]],
        &[&write(SEQUENCE, &[&write(OBJECT_IDENTIFIER, &[&[0x2a]]), &write(SET, &[&[5, 0]]), &[5, 0]])],
        &[&write(SEQUENCE, &[&write(OBJECT_IDENTIFIER, &[&[0x2a]]), &write(SEQUENCE, &[&[5, 0]])])],
    ];
    for attributes in refused {
        assert_refused!(with(attributes), "malformed_attributes", "X5V-1");
    }
    let many: Vec<Vec<u8>> = (0..17).map(|last| attribute(&[0x2a, last], &[&[5, 0]])).collect();
    let many: Vec<&[u8]> = many.iter().map(Vec::as_slice).collect();
    with(&many[..16]).unwrap();
    assert_refused!(with(&many), "malformed_attributes", "X5V-1");
}

#[test]
fn x5v_1_the_challenge_of_a_request_is_one_short_text() {
    let text = |tag: u8, text: &[u8]| attribute(CHALLENGE_PASSWORD, &[&write(tag, &[text])]);
    let read = |attribute: &[u8]| with(&[attribute]).map(|request| request.challenge().map(str::to_owned));
    assert_eq!(read(&text(PRINTABLE, b"a b")).unwrap().as_deref(), Some("a b"));
    assert_eq!(read(&text(UTF8, "a_\u{e4}".as_bytes())).unwrap().as_deref(), Some("a_\u{e4}"));
    read(&text(UTF8, &[b'a'; 255])).unwrap();
    for attribute in [
        text(UTF8, b""),
        text(UTF8, &[b'a'; 256]),
        text(UTF8, &[0xff]),
        text(UTF8, b"a\0b"),
        // Not a character of a PrintableString.
        text(PRINTABLE, b"a_b"),
        text(PRINTABLE, "\u{e4}".as_bytes()),
        // IA5String, T61String, BMPString.
        text(0x16, b"a"),
        text(0x14, b"a"),
        text(0x1e, b"\0a"),
        attribute(CHALLENGE_PASSWORD, &[&write(UTF8, &[b"a"]), &write(UTF8, &[b"b"])]),
        [text(UTF8, b"a"), text(UTF8, b"b")].concat(),
    ] {
        assert_refused!(read(&attribute), "malformed_attributes", "X5V-1");
    }
}

#[test]
fn wic_2_what_cannot_be_asked_for_is_not_written() {
    let key = key(Algorithm::Es256);
    let new = || NewCertificateRequest::new(key.public_key());
    for text in ["", "a\nb", &"a".repeat(256)] {
        assert_refused!(new().challenge(text).prepare(), "malformed_challenge", "X5V-1");
    }
    for name in ["", "*.example", "a b", "a\0"] {
        assert_refused!(new().dns_name(name).prepare(), "bad_dns_name", "WIC-2");
    }
    let many = (0..64).fold(new(), |new, _| new.dns_name("a.example"));
    many.prepare().unwrap();
    assert_refused!(many.dns_name("a.example").prepare(), "bad_dns_name", "WIC-2");
}

proptest! {
    #[test]
    fn aims_14_names_and_challenge_of_any_text_come_back(path in "[a-z0-9._-]{1,40}x", text in "[^\\p{C}]{1,60}") {
        let key = key(Algorithm::Ed25519);
        let subject = id(&format!("spiffe://acme.example/{path}"));
        let der = NewCertificateRequest::new(key.public_key()).subject(&subject).challenge(&text).prepare();
        let request = CertificateRequest::verify(&der.unwrap().sign(&*key).unwrap(), backend::ring()).unwrap();
        prop_assert_eq!(request.challenge(), Some(&*text));
        prop_assert!(request.check_names(&subject, &[]).is_ok());
        prop_assert!(request.check_names(&id("spiffe://acme.example/x/y"), &[]).is_err());
    }

    #[test]
    fn aims_6_tampering_with_any_byte_is_refused(at in 0_usize..120, by in 1_u8..=255) {
        let key = key(Algorithm::Ed25519);
        let mut der = made(&key);
        let at = at % der.len();
        der[at] ^= by;
        let refused = CertificateRequest::verify(&der, backend::ring());
        prop_assert!(refused.is_err(), "byte {at}");
    }
}
