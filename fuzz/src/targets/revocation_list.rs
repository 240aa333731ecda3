//! Revocation lists: one that counts is one that the issuer signed.

use aims_credential::x509::{RevocationList, Role};

use super::world::{NOW, WORLD};

pub(super) fn run(input: &[u8]) {
    let list = match RevocationList::from_der(input) {
        Ok(list) => list,
        Err(error) => {
            assert!(!error.code().is_empty() && !error.rule().is_empty());
            return;
        }
    };
    assert_eq!(list.der(), input);
    let is_good = WORLD.lists.contains(&list);
    let chain = &WORLD.svid_chain;
    match WORLD.demanding(list).verify(&chain[0], &chain[1..], Role::Client, NOW) {
        Ok(_) => assert!(is_good, "a list that nobody signed was honoured"),
        // Nothing is revoked by who issued, so nobody else revokes anything.
        Err(error) => assert!(error.code() != "revoked" && !error.rule().is_empty(), "{error:?}"),
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    WORLD.lists.iter().map(|list| list.der().to_vec()).collect()
}
