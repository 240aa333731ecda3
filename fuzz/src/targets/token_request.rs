//! Requests to the token endpoint, and about tokens (introspection, revocation): what is read is written so that it reads the same.

use aims_oauth::{Grant, GrantType, MessageError, Parameters, TokenQuery, TokenRequest};

use super::world;

pub(super) fn run(input: &[u8]) {
    let Ok(form) = Parameters::parse(input) else { return };
    match TokenRequest::read(&form) {
        Ok(request) => check(&request, &form),
        Err(error) => refused(&error),
    }
    match TokenQuery::read(&form) {
        Ok(query) => {
            let written = world::form(|form| query.write(form));
            let again = Parameters::parse(written.as_bytes()).expect("what was written is read");
            let again = TokenQuery::read(&again).expect("our own spelling");
            assert!(again.token().is_same(query.token()) && again.hint() == query.hint());
            assert_eq!(form.get("token"), Ok(Some(query.token().expose())));
        }
        Err(error) => refused(&error),
    }
}

fn check(request: &TokenRequest, form: &Parameters) {
    let kind = request.grant().grant_type();
    assert!(!matches!(kind, GrantType::DeviceCode | GrantType::JwtDpop), "known by name alone");
    assert_eq!(form.get("grant_type"), Ok(Some(kind.as_str())));
    assert!(request.resources().len() <= 16);
    assert!(request.wanted_scope().is_none_or(|scope| !scope.is_empty()), "an empty scope is none");
    match request.grant() {
        Grant::AuthorizationCode(grant) => assert!((43..=128).contains(&grant.verifier().expose().len())),
        Grant::TokenExchange(exchange) => {
            assert!(exchange.audiences().len() <= 16);
            // An empty value is none.
            let is_sent = |name| matches!(form.get(name), Ok(Some(_)));
            assert_eq!(exchange.actor().is_some(), is_sent("actor_token"), "an actor appeared, or got lost");
            assert_eq!(is_sent("actor_token"), is_sent("actor_token_type"));
        }
        _ => {}
    }
    let text = written(request);
    // Escapes can make it longer than what is read.
    if text.len() > 64 * 1024 {
        return;
    }
    let form = Parameters::parse(text.as_bytes()).expect("what was written is read");
    let again = TokenRequest::read(&form).expect("our own spelling");
    assert_eq!(written(&again), text, "a second spelling");
}

fn refused(error: &MessageError) {
    assert!(!error.code().is_empty() && !error.rule().is_empty() && error.error_code().status() >= 400);
}

fn written(request: &TokenRequest) -> String {
    world::form(|form| request.write(form))
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    super::texts(&[
        "grant_type=client_credentials&scope=trips%3Aread+trips%3Abook&resource=https%3A%2F%2Fa&resource=urn%3Ab",
        "grant_type=authorization_code&code=SplxlOBeZQQYbYS6WxSbIA&code_verifier=dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk&redirect_uri=https%3A%2F%2Fa%2Fcb",
        "grant_type=refresh_token&refresh_token=tGzv3JOkF0XG5Qx2TlKWIA&authorization_details=%5B%7B%22type%22%3A%22a%22%7D%5D",
        "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=a.b.c&scope=a",
        "grant_type=urn%3Aopenid%3Aparams%3Agrant-type%3Aciba&auth_req_id=1c266114-a1be",
        "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange&subject_token=a.b.c&subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Aaccess_token&\
         actor_token=d.e.f&actor_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Ajwt&requested_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Aid-jag&audience=a&audience=b",
        "token=45ghiukldjahdnhzdauz&token_type_hint=refresh_token",
        "token=a&token_type_hint=another",
        "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code&device_code=a",
    ])
}
