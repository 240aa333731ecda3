//! ID Tokens: what is accepted was issued to this client, and is no token of another kind.

use std::sync::LazyLock;

use aims_keys::backend;
use aims_oauth::{
    AccessToken, AuthRequestId, ExpectedIdToken, IdTokenIssuer, IdTokenRequest, IdTokenVerifier,
};

use super::world::{APP, NOW, SERVER, Server};

struct Made {
    verifier: IdTokenVerifier,
    access_token: AccessToken,
    request: AuthRequestId,
    token: String,
}

const NONCE: &str = "n-0S6_WzA2Mj";

static MADE: LazyLock<Made> = LazyLock::new(|| {
    let access_token: AccessToken = "a-token".parse().expect("a token");
    let request: AuthRequestId = "1c266114-a1be".parse().expect("an identifier");
    let server = IdTokenIssuer::new(SERVER.issuer.clone(), SERVER.party.key.clone(), Server::KEY_ID);
    let wanted = IdTokenRequest::new("user-1", APP)
        .nonce(NONCE)
        .authenticated(NOW, Some("gold"))
        .with_access_token(&access_token)
        .answering(&request);
    let token = server.expect("an issuer").issue(&wanted, NOW).expect("a token").token().expose().to_owned();
    Made {
        verifier: IdTokenVerifier::builder(APP, SERVER.trusted(), backend::ring())
            .trust_audience("other")
            .build(),
        access_token,
        request,
        token,
    }
});

/// A token, or claims that are signed here.
pub(super) fn run(input: &[u8]) {
    let made = &*MADE;
    let is_claims = input.starts_with(b"{");
    let token = if is_claims {
        SERVER.signed("JWT", input)
    } else {
        let Ok(text) = str::from_utf8(input) else { return };
        text.to_owned()
    };
    let Ok(token) = token.parse() else { return };
    let expected = ExpectedIdToken::with_nonce(NONCE).access_token(&made.access_token).acr_values(&["gold"]);
    for expected in [expected, expected.auth_req_id(&made.request).with_hashes(), ExpectedIdToken::shown()] {
        match made.verifier.verify(&token, &expected, NOW) {
            Ok(verified) => {
                assert!(is_claims || input == made.token.as_bytes(), "a token was accepted that nobody made");
                assert_eq!(verified.issuer(), &SERVER.issuer);
                let subject = verified.subject();
                assert!(!subject.is_empty() && subject.len() <= 255 && !subject.starts_with("spiffe:"));
                let claims = verified.claims();
                for name in ["events", "cnf", "client_id", "scope"] {
                    assert!(claims.get(name).is_none(), "{name}");
                }
                assert!(claims.get("azp").is_none_or(|party| party.is_str(APP)));
                assert!(verified.issued_at() <= NOW + std::time::Duration::from_secs(30));
            }
            Err(error) => assert!(!error.code().is_empty() && !error.rule().is_empty()),
        }
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = super::texts(&[
        r#"{"iss":"https://as.example","sub":"user-1","aud":"travel-app","exp":1790000300,"iat":1790000000,"nonce":"n-0S6_WzA2Mj","acr":"gold"}"#,
        r#"{"iss":"https://as.example","sub":"u","aud":["travel-app","other"],"azp":"travel-app","exp":1790000300.5,"iat":1790000000,"nonce":"n-0S6_WzA2Mj",
        "acr":"gold","amr":["pwd"],"auth_time":1790000000,"sid":"s","at_hash":"77QmUPtjPfzWtF2AnpK9RQ","urn:openid:params:jwt:claim:auth_req_id":"1c266114-a1be"}"#,
        r#"{"iss":"https://as.example","sub":"spiffe://a.example/b","aud":"travel-app","exp":1790000300,"iat":1790000000,"events":{}}"#,
    ]);
    seeds.push(MADE.token.clone().into_bytes());
    seeds
}
