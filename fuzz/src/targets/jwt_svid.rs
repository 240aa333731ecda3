//! The JWT-SVID verifier, and the reader of one's own JWT-SVID.

use aims_credential::JwtSvid;

use super::world::{AGENT, AUDIENCE, NOW, WORLD};

pub(super) fn run(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    match WORLD.jwt_svids.verify(text, NOW) {
        Ok(svid) => {
            assert_eq!(text, WORLD.jwt_svid, "a JWT-SVID was accepted that nobody issued");
            assert_eq!((svid.subject().as_str(), svid.audience()), (AGENT, AUDIENCE));
        }
        Err(error) => assert!(!error.code().is_empty() && !error.rule().is_empty()),
    }
    match WORLD.jwt_svids.verify_authorization(text, NOW) {
        Ok(_) => assert!(text.ends_with(&*WORLD.jwt_svid), "a JWT-SVID was accepted that nobody issued"),
        Err(error) => assert!(!error.code().is_empty() && !error.rule().is_empty()),
    }
    if let Ok(held) = JwtSvid::from_issuer(text) {
        assert_eq!(held.token(), text);
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let field = format!("Bearer {}", WORLD.jwt_svid);
    [&*WORLD.jwt_svid, &field, &WORLD.wit].map(|seed| seed.as_bytes().to_vec()).to_vec()
}
