//! Machines whose owner set passwords.

use aims_testkit::{SoftTpm, assert_refused};
use aims_tpm::{AuthValue, EndorsementKind, Tpm, TpmKeyStore};

use crate::support::{Dir, connect, key, settings, signs};
use crate::tools;

#[test]
fn tpm_15_the_owner_hierarchy_wants_its_value() {
    if !tools::have("tpm2_changeauth") {
        return;
    }
    let Some(soft) = SoftTpm::start() else { return };
    let dir = Dir::new();
    tools::run(dir.path(), Some(&soft), "tpm2_changeauth", &["-c", "owner", "of the owner"]).unwrap();
    assert_refused!(Tpm::connect(settings(&soft)), "auth_failed", "TPM-15");
    let auth = |value: &str| AuthValue::new(value.as_bytes().to_vec()).unwrap();
    let wrong = Tpm::connect(settings(&soft).owner_auth(auth("of another")));
    assert_refused!(wrong, "auth_failed", "TPM-15");
    let tpm = Tpm::connect(settings(&soft).owner_auth(auth("of the owner"))).unwrap();
    let store = TpmKeyStore::open(&tpm, dir.store()).unwrap();
    signs(&key(&store, "a"));
}

#[test]
fn tpm_15_the_endorsement_hierarchy_wants_its_value() {
    if !tools::have("tpm2_changeauth") {
        return;
    }
    let Some(soft) = SoftTpm::start() else { return };
    let dir = Dir::new();
    tools::run(dir.path(), Some(&soft), "tpm2_changeauth", &["-c", "endorsement", "of the maker"]).unwrap();
    {
        let tpm = connect(&soft);
        assert_refused!(tpm.endorsement(EndorsementKind::EccP384), "auth_failed", "TPM-15");
        // Keys need none of it.
        signs(&key(&TpmKeyStore::open(&tpm, dir.store()).unwrap(), "a"));
    }
    let auth = AuthValue::new(b"of the maker".to_vec()).unwrap();
    let tpm = Tpm::connect(settings(&soft).endorsement_auth(auth)).unwrap();
    tpm.endorsement(EndorsementKind::EccP384).unwrap();
}
