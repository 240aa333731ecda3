//! Signed authorization requests: what is accepted is this client's, for this server, and says the same when it is signed again.

use std::sync::{Arc, LazyLock};

use aims_jose::{Jwk, JwkSet, NewHeader};
use aims_keys::{Algorithm, SignInput, SoftwareKey, backend};
use aims_oauth::{
    AuthorizationRequest, ClientKey, ClientKeys, Issuer, NewParameters, Parameters, PresentedRequestObject,
    RequestObjectVerifier, VerifiedRequestObject,
};

use super::world::NOW;

struct Made {
    key: Arc<SoftwareKey>,
    header: NewHeader,
    client: ClientKey,
    registered: ClientKeys,
    issuer: Issuer,
    verifier: RequestObjectVerifier,
}

const CLIENT: &str = "travel-app";

static MADE: LazyLock<Made> = LazyLock::new(|| {
    let key = Arc::new(SoftwareKey::generate(Algorithm::Es256, backend::ring()).expect("a key"));
    let jwk = Jwk::new(key.public_key().clone()).with_key_id("k").expect("a kid");
    let issuer: Issuer = "https://as.example".parse().expect("an issuer");
    Made {
        header: NewHeader::for_jwk("oauth-authz-req+jwt", &jwk).expect("a header"),
        client: ClientKey::new(CLIENT, key.clone(), Some("k")).expect("a client"),
        registered: ClientKeys::new(JwkSet::new(vec![jwk]).expect("a set")),
        verifier: RequestObjectVerifier::builder(issuer.clone()).build(),
        issuer,
        key,
    }
});

/// A token, or claims that are signed here.
pub(super) fn run(input: &[u8]) {
    let made = &*MADE;
    let is_claims = input.starts_with(b"{");
    let token = if is_claims {
        made.header.unsigned(input).sign(&*made.key).expect("a signature")
    } else {
        let Ok(text) = str::from_utf8(input) else { return };
        text.to_owned()
    };
    let Some(verified) = verify(&token) else { return };
    assert!(is_claims, "a request object was accepted that nobody made");
    assert_eq!(verified.client_id(), CLIENT);
    match AuthorizationRequest::read(verified.parameters()) {
        Ok(request) => {
            assert_eq!(request.client_id(), CLIENT, "another client's request");
            let unsigned =
                made.client.request_object(&made.issuer, &request).prepare(NOW).expect("a request object");
            let signature = made.key.sign(SignInput::Message(unsigned.signing_input())).expect("a signature");
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
    let mut query = NewParameters::new();
    query.add("client_id", CLIENT).add("request", token).add("state", "outside");
    let query = Parameters::parse(query.as_str().as_bytes()).ok()?;
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
    let mut form = NewParameters::new();
    request.write(&mut form);
    form.as_str().to_owned()
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
