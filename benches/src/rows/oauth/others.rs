//! The other tokens: about users, and for other domains.

use aims_keys::backend;
use aims_oauth::{
    ExpectedIdToken, GrantIssuer, GrantProfile, GrantRequest, GrantVerifier, IdTokenIssuer, IdTokenRequest,
    IdTokenVerifier, SecurityToken, TrustedIssuer,
};
use aims_proof::ReplayMemory;

use crate::fixtures::{NOW, Tokens, signed_parts};
use crate::row::Row;

pub(in crate::rows) fn id_token() -> Row {
    let tokens = Tokens::new(backend::ring(), None);
    let issuer = Tokens::ISSUER.parse().expect("an issuer");
    let issuer = IdTokenIssuer::new(issuer, tokens.server.ours.clone(), Tokens::KEY_ID).expect("an issuer");
    let request =
        IdTokenRequest::new("user-1", Tokens::CLIENT).nonce("n-0S6_WzA2Mj").with_access_token(&tokens.token);
    let token = issuer.issue(&request, *NOW).expect("a token").into_token();
    let (raw, (message, signature)) = (tokens.server.ring_public(), signed_parts(token.expose()));
    let trusted = TrustedIssuer::new(Tokens::ISSUER.parse().expect("an issuer"), tokens.keys());
    let verifier = IdTokenVerifier::builder(Tokens::CLIENT, trusted, backend::ring()).build();
    let access_token = tokens.token.clone();
    Row::new(move || {
        let expected = ExpectedIdToken::with_nonce("n-0S6_WzA2Mj").access_token(&access_token);
        std::hint::black_box(verifier.verify(&token, &expected, *NOW).expect("a good token"));
    })
    .raw(move || raw.verify(&message, &signature).expect("a good signature"))
}

/// Each counts once, so there is one for each verification.
pub(in crate::rows) fn grant() -> Row {
    let tokens = Tokens::new(backend::ring(), None);
    let own: aims_oauth::Issuer = "https://as.bank.example".parse().expect("an issuer");
    let issuer = Tokens::ISSUER.parse().expect("an issuer");
    let issuer = GrantIssuer::new(issuer, tokens.server.ours.clone(), Tokens::KEY_ID).expect("an issuer");
    let request = GrantRequest::id_jag("user-1", own.clone(), Tokens::CLIENT)
        .scope("payments:create".parse().expect("a scope"));
    let grants: Vec<SecurityToken> =
        (0..POOL).map(|_| issuer.issue(&request, *NOW).expect("a grant").grant().clone()).collect();
    let (raw, (message, signature)) = (tokens.server.ring_public(), signed_parts(grants[0].expose()));
    let make = {
        let own = own.clone();
        move || {
            let trusted = TrustedIssuer::new(Tokens::ISSUER.parse().expect("an issuer"), tokens.keys());
            GrantVerifier::builder(own.clone(), ReplayMemory::with_capacity(100_000), backend::ring())
                .trust(trusted, &[GrantProfile::IdJag])
                .build()
        }
    };
    let (mut reader, mut next) = (make(), 0);
    Row::new(move || {
        if next == grants.len() {
            next = 0;
            reader = make();
        }
        let grant = reader.verify(&grants[next], Tokens::CLIENT, None, *NOW);
        std::hint::black_box(grant.expect("a good grant"));
        next += 1;
    })
    .raw(move || raw.verify(&message, &signature).expect("a good signature"))
}

const POOL: usize = 2000;
