//! Authorization requests and what comes back: what is read is written so that it reads the same, and one answer alone counts.

use aims_keys::backend;
use aims_oauth::{
    AuthorizationRequest, AuthorizationResponse, CodeChallenge, CodeVerifier, ExpectedAuthorization,
    Parameters, RequestOrigin,
};

use super::world::{self, SERVER, Server};

/// A query; by itself it is a request, or an answer.
pub(super) fn run(input: &[u8]) {
    if let Ok(text) = str::from_utf8(input) {
        pkce(text);
    }
    let Ok(form) = Parameters::parse(input) else { return };
    match AuthorizationRequest::read(&form) {
        Ok(request) => check(&request, &form),
        Err(error) => assert!(!error.code().is_empty() && !error.rule().is_empty()),
    }
    for is_issuer_sent in [true, false] {
        answer(&form, is_issuer_sent);
    }
}

fn check(request: &AuthorizationRequest, form: &Parameters) {
    let origin = RequestOrigin::read(form).expect("of any request that is read");
    assert_eq!(origin.client_id(), request.client_id());
    assert_eq!((origin.redirect_uri(), origin.state()), (request.redirect_uri(), request.sent_state()));
    assert!(request.resources().len() <= 16);
    for refused in ["request", "request_uri"] {
        assert!(form.all(refused).next().is_none(), "{refused} would say something else");
    }
    let text = written(request);
    // Escapes can make it longer than what is read.
    if text.len() > 64 * 1024 {
        return;
    }
    let form = Parameters::parse(text.as_bytes()).expect("what was written is read");
    let again = AuthorizationRequest::read(&form).expect("our own spelling");
    assert_eq!(written(&again), text, "a second spelling");
}

fn answer(form: &Parameters, is_issuer_sent: bool) {
    let issuer = &SERVER.issuer;
    match ExpectedAuthorization::new(issuer.clone(), STATE, is_issuer_sent).code(form) {
        Ok(code) => {
            assert_eq!(form.get("state"), Ok(Some(STATE)), "the answer to another request");
            let by = form.get("iss").expect("there once");
            assert!(by == Some(Server::ISSUER) || by.is_none() && !is_issuer_sent, "another server's answer");
            assert!(form.all("error").next().is_none() && code.expose().len() <= 4096);
            // What a server writes is what the client reads, behind any redirect URI.
            for uri in ["https://agent.example/cb", "https://agent.example/cb?a=1", "https://agent.example/?"]
            {
                let location =
                    AuthorizationResponse::granted(issuer, &code).with_state(Some(STATE)).location(uri);
                let (_, query) = location.split_once('?').expect("a query");
                let query = Parameters::parse(query.as_bytes()).expect("a query");
                let again = ExpectedAuthorization::new(issuer.clone(), STATE, true).code(&query);
                assert!(again.expect("our own spelling").is_same(&code));
            }
        }
        Err(error) => assert!(!error.code().is_empty() && !error.rule().is_empty()),
    }
}

fn pkce(text: &str) {
    if let Ok(verifier) = text.parse::<CodeVerifier>() {
        assert_eq!(verifier.expose(), text);
        let challenge = verifier.challenge(backend::ring());
        let read: CodeChallenge = challenge.as_str().parse().expect("our own");
        assert!(read == challenge && read.is_of(&verifier, backend::ring()));
        assert!(text == VERIFIER || !read.is_of(&VERIFIER.parse().expect("a verifier"), backend::ring()));
    }
    if let Ok(challenge) = text.parse::<CodeChallenge>() {
        assert!(challenge.as_str() == text && text.len() == 43);
    }
}

fn written(request: &AuthorizationRequest) -> String {
    world::form(|form| request.write(form))
}

const STATE: &str = "af0ifjsldkj";

const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

pub(super) fn seeds() -> Vec<Vec<u8>> {
    super::texts(&[
        "response_type=code&client_id=travel-app&redirect_uri=https%3A%2F%2Fagent.example%2Fcb&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&\
         code_challenge_method=S256&state=af0ifjsldkj&scope=a+b&resource=urn%3Aa&max_age=0&nonce=n&acr_values=x++y&prompt=login&login_hint=%C3%BC",
        "response_type=code&client_id=spiffe%3A%2F%2Facme.example%2Fa&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256&\
         dpop_jkt=11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo&authorization_details=%5B%7B%22type%22%3A%22a%22%7D%5D",
        "response_type=code&client_id=a&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256&request_uri=urn%3Aa",
        "code=SplxlOBeZQQYbYS6WxSbIA&state=af0ifjsldkj&iss=https%3A%2F%2Fas.example",
        "code=SplxlOBeZQQYbYS6WxSbIA&state=af0ifjsldkj",
        "error=access_denied&error_description=no&state=af0ifjsldkj&iss=https%3A%2F%2Fas.example",
        VERIFIER,
        "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
    ])
}
