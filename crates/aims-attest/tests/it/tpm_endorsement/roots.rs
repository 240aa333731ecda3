//! Sets of authorities (ATT-125).

use aims_attest::tpm::EndorsementRoots;
use aims_testkit::assert_refused;

use super::certificates::*;

#[test]
fn att_125_a_set_of_authorities_has_a_name_and_is_never_empty() {
    let root = Authority::new("root");
    let roots = EndorsementRoots::new("makers/7", [root.root()]).unwrap();
    assert_eq!(roots.id(), "makers/7");
    assert_eq!(format!("{roots:?}"), "EndorsementRoots { id: \"makers/7\", authorities: 1, .. }");
    assert_refused!(EndorsementRoots::new("id", [[0_u8; 0]; 0]), "no_roots", "ATT-125");
    assert_refused!(EndorsementRoots::from_pem("id", ""), "no_roots", "ATT-125");
    let long = "-".repeat(512 * 1024 + 1);
    assert_refused!(EndorsementRoots::from_pem("id", &long), "too_large", "ATT-125");
    for id in ["", "two words", "tab\t", "é", &"x".repeat(129)] {
        assert_refused!(EndorsementRoots::new(id, [root.root()]), "roots_id", "ATT-125", "{id:?}");
    }
    assert_refused!(EndorsementRoots::new("id", vec![root.root(); 257]), "too_large", "ATT-125");
}

#[test]
fn att_125_no_certificate_is_left_out_of_a_set() {
    let root = Authority::new("root");
    let leaf = Certificate::of(root.key.public_key().numbers());
    let leaf = root.certify(&leaf);
    assert_refused!(EndorsementRoots::new("id", [root.root(), leaf]), "not_an_authority", "X5V-9");
    let refused = EndorsementRoots::new("id", [&root.root()[1..]]);
    assert_refused!(refused, "malformed_certificate", "X5V-9");
    assert_refused!(EndorsementRoots::new("id", [vec![0; 16 * 1024 + 1]]), "certificate_too_large", "X5V-9");
}
