//! `aims svid revoke`, and verifiers with revocation lists.

use aims_testkit::assert_refused;

use crate::certificate;
use crate::support::{Folder, ORIGIN};

#[test]
fn x5v_3_what_was_revoked_is_refused() {
    let folder = Folder::with_authority();
    let revoke = |number: &str, options: &[&str]| {
        let by = ["svid", "revoke", "--key", "root.pem", "--authority", "root.crt", "--origin", ORIGIN];
        folder.aims(&[&by[..], &["--number", number], options].concat())
    };
    let serial = folder.verify_svid("travel.crt", &["--json"]).json()["serial"].as_str().unwrap().to_owned();
    let json = revoke("2", &["--serial", &format!("{serial}=1790000000"), "--serial", "1f", "--json"]).json();
    assert_eq!((&json["number"], &json["revoked"]), (&2.into(), &2.into()));
    folder.write("two.crl", json["revocation_list"].as_str().unwrap());
    folder.write("two.crl.der", certificate::read(&folder, "two.crl"));
    revoke("1", &["--lifetime", "1h"]).saved(&folder, "one.crl");

    let by = |list: &str| folder.verify_svid("travel.crt", &["--revocation-list", list]);
    by("one.crl").accepted();
    for list in ["two.crl", "two.crl.der"] {
        assert_refused!(by(list).refusal().err(), "revoked", "X5V-3", "{list}");
    }
    let later = json["not_after"].as_u64().unwrap().to_string();
    folder
        .verify_svid("travel.crt", &["--revocation-list", "one.crl", "--require-revocation-lists"])
        .accepted();
    let without = folder.verify_svid("travel.crt", &["--require-revocation-lists"]);
    assert_refused!(without.refusal().err(), "revocation_unknown", "X5V-3");
    folder.issue_svid(&["--lifetime", "24h"]).saved(&folder, "travel.crt");
    let outdated = ["--revocation-list", "one.crl", "--at", &later];
    assert_refused!(
        folder.verify_svid("travel.crt", &outdated).refusal().err(),
        "revocation_outdated",
        "X5V-3"
    );

    for (file, code) in [
        ("root.crt", "unexpected_pem"),
        ("acme.bundle", "malformed_revocation_list"),
        ("cut.crl", "malformed_revocation_list"),
    ] {
        folder.write("cut.crl", &certificate::read(&folder, "two.crl")[..100]);
        let refusal = by(file).refusal();
        assert!(refusal.message.starts_with(&format!("{file}: ")), "{refusal:?}");
        assert_refused!(refusal.err(), code, "X5V-3", "{file}");
    }
    assert_refused!(revoke("3", &["--serial", "xyz"]).refusal().err(), "bad_serial_number", "MTLS-10");
    assert!(revoke("3", &["--serial", "1f=now"]).unusable().contains("1f=1790000000"));
}
