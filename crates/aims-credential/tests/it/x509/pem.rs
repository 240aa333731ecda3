//! Certificates as text.

use aims_credential::x509::{CertificateDer, Svid, from_pem, to_pem};
use aims_keys::{Algorithm, backend};
use aims_testkit::assert_refused;
use proptest::prelude::*;

use super::forge::Forge;
use crate::support::{SUBJECT, key};

#[test]
fn x5_1_a_chain_comes_back_from_its_text() {
    let root = key(Algorithm::Es256);
    let chain = [Forge::leaf().signed_by(&root), Forge::authority("root").signed_by(&root)];
    let text = to_pem(&chain);
    assert_eq!(from_pem(&text).unwrap(), chain);
    assert!(text.lines().all(|line| line.len() <= 64));
    let svid = Svid::from_pem(&text, backend::ring()).unwrap();
    assert_eq!((svid.subject().as_str(), svid.chain()), (SUBJECT, &chain[..]));
    // What stands between the blocks counts for nothing: other tools write there what they like.
    let noisy = format!("subject=\n{text}\n-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
    assert_eq!(from_pem(&noisy).unwrap(), chain);
    assert_eq!(from_pem(&text.replace('\n', "\r\n")).unwrap(), chain);
}

#[test]
fn x5v_1_text_without_a_whole_certificate_is_refused() {
    let text = to_pem(&[Forge::leaf().signed_by(&key(Algorithm::Es256))]);
    let cut = |end: usize| text.get(..end).unwrap();
    for (what, text) in [
        ("nothing", ""),
        ("a key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
        ("half", cut(text.len() / 2)),
        ("no last line", cut(text.len() - 27)),
        ("no base64", "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n"),
    ] {
        assert_refused!(from_pem(text), "malformed_certificate", "X5V-1", "{what}");
    }
    let long = format!("{text}{}", " ".repeat(512 * 1024));
    assert_refused!(from_pem(&long), "certificate_too_large", "X5V-1");
}

proptest! {
    #[test]
    fn x5_1_any_bytes_come_back(all in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..200), 1..4)) {
        let all: Vec<CertificateDer<'_>> = all.into_iter().map(Into::into).collect();
        prop_assert_eq!(from_pem(&to_pem(&all)).unwrap(), all);
    }
}
