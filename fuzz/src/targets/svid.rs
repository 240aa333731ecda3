//! Certificate chains, one certificate behind the other: one that verifies is one that the authority issued.

use aims_credential::x509::{CertificateDer, Role, X509Authority};
use aims_keys::der::Reader;

use super::world::{AGENT, NOW, WORLD};

pub(super) fn run(input: &[u8]) {
    let mut reader = Reader::new(input);
    let mut chain: Vec<CertificateDer<'_>> = Vec::new();
    while let Some(element) = reader.element() {
        chain.push(element.whole.into());
    }
    let Some((leaf, rest)) = chain.split_first() else { return };
    match WORLD.svids.verify(leaf, rest, Role::Server, NOW) {
        Ok(svid) => {
            let issued = [&WORLD.svid_chain[0], &WORLD.constrained_chain[0]];
            assert!(issued.contains(&leaf), "a certificate that nobody issued was accepted");
            assert_eq!(svid.subject().as_str(), AGENT);
        }
        Err(error) => assert!(!error.code().is_empty() && !error.rule().is_empty()),
    }
    if let Err(error) = X509Authority::from_der(leaf) {
        assert!(!error.code().is_empty() && !error.rule().is_empty());
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let (chain, constrained) = (&WORLD.svid_chain, &WORLD.constrained_chain);
    let whole = |chain: &[CertificateDer<'_>]| chain.iter().flat_map(|der| der.to_vec()).collect();
    vec![whole(chain), whole(constrained), chain[0].to_vec(), chain[1].to_vec()]
}
