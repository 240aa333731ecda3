//! Signed authorization requests: what is accepted is this client's, for this server, and says the same when it is signed again.

use std::sync::LazyLock;

use aims_oauth::{
    AuthorizationRequest, ClientKey, ClientKeys, Parameters, PresentedRequestObject, RequestObjectVerifier,
    VerifiedRequestObject,
};

use super::world::{self, APP, NOW, Party, SERVER};

struct Made {
    party: Party,
    client: ClientKey,
    registered: ClientKeys,
    verifier: RequestObjectVerifier,
}

static MADE: LazyLock<Made> = LazyLock::new(|| {
    let party = Party::new("k");
    Made {
        client: ClientKey::new(APP, party.key.clone(), Some("k")).expect("a client"),
        registered: ClientKeys::new(party.keys()),
        verifier: RequestObjectVerifier::builder(SERVER.issuer.clone()).build(),
        party,
    }
});

/// A token, or claims that are signed here.
pub(super) fn run(input: &[u8]) {
    let made = &*MADE;
    let is_claims = input.starts_with(b"{");
    let token = if is_claims {
        made.party.signed("oauth-authz-req+jwt", input)
    } else {
        let Ok(text) = str::from_utf8(input) else { return };
        text.to_owned()
    };
    let Some(verified) = verify(&token) else { return };
    assert!(is_claims, "a request object was accepted that nobody made");
    assert_eq!(verified.client_id(), APP);
    match AuthorizationRequest::read(verified.parameters()) {
        Ok(request) => {
            assert_eq!(request.client_id(), APP, "another client's request");
            let unsigned =
                made.client.request_object(&SERVER.issuer, &request).prepare(NOW).expect("a request object");
            let signature = made.party.sign(unsigned.signing_input());
            let again = unsigned.attach(signature.as_bytes()).expect("a request object");
            // Ours names the time when it was made, too: it may be longer than what is read.
            let Some(again) = verify(again.expose()) else { return assert!(token.len() > 15 * 1024) };
            let again = AuthorizationRequest::read(again.parameters()).expect("our own spelling");
            assert_eq!(written(&again), written(&request), "it says something else");
        }
        Err(error) => assert!(!error.code().is_empty() && !error.rule().is_empty()),
    }
}

fn verify(token: &str) -> Option<VerifiedRequestObject> {
    let made = &*MADE;
    let query = world::form(|query| {
        query.add("client_id", APP).add("request", token).add("state", "outside");
    });
    let query = Parameters::parse(query.as_bytes()).ok()?;
    let presented = PresentedRequestObject::read(&query).ok()??;
    match made.verifier.verify(&presented, &made.registered, NOW) {
        Ok(verified) => Some(verified),
        Err(error) => {
            assert!(!error.code().is_empty() && !error.rule().is_empty());
            None
        }
    }
}

fn written(request: &AuthorizationRequest) -> String {
    world::form(|form| request.write(form))
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    super::texts(&[
        r#"{"iss":"travel-app","aud":"https://as.example","exp":1790000060,"iat":1790000000,"jti":"r","client_id":"travel-app","response_type":"code",
        "redirect_uri":"https://agent.example/cb","code_challenge":"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM","code_challenge_method":"S256","state":"s"}"#,
        r#"{"iss":"travel-app","aud":["https://as.example"],"exp":1790000060,"client_id":"travel-app","response_type":"code","code_challenge_method":"S256",
        "code_challenge":"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM","scope":"a b","resource":["urn:a","urn:b"],"max_age":0,"nonce":"n","prompt":"login",
        "authorization_details":[{"type":"a","actions":["b"]}],"acr_values":"x y","login_hint":"\u00fc","dpop_jkt":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
        r#"{"iss":"travel-app","aud":"https://as.example","exp":1790000060,"client_id":"travel-app","request":"a.b.c","resource":"urn:a"}"#,
        "a.b.c",
    ])
}
