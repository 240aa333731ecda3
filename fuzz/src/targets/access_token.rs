//! Access tokens, and what an issuer says of one: what is accepted is for this resource server, by its issuer alone, and what is derived from it has no more.

use std::sync::LazyLock;
use std::time::Duration;

use aims_keys::backend;
use aims_oauth::{
    AccessToken, AccessTokenError, AccessTokenIssuer, AccessTokenRequest, AccessTokenVerifier, CommonMembers,
    Derivation, NewActor, PresentedToken, Resource, VerifiedAccessToken,
};

use super::world::{AGENT, AUDIENCE as TOOL, NOW, SERVER};

struct Made {
    verifier: AccessTokenVerifier,
    issuer: AccessTokenIssuer,
    token: String,
    opaque: AccessToken,
}

const OTHER_NAME: &str = "https://tools.example/mcp";

static MADE: LazyLock<Made> = LazyLock::new(|| {
    let tool: Resource = TOOL.parse().expect("a resource");
    let verifier = AccessTokenVerifier::builder(tool.clone(), SERVER.trusted(), backend::ring())
        .also_known_as(OTHER_NAME.parse().expect("a resource"))
        .asks_as(SERVER.issuer.clone(), "tool-1");
    let issuer = SERVER.access_tokens();
    let request = AccessTokenRequest::new("user-1", AGENT, tool)
        .scope("trips:book".parse().expect("a scope"))
        .acting(NewActor::new("spiffe://acme.example/agents/helper"));
    let token = issuer.issue(&request, NOW).expect("a token").into_token().expose().to_owned();
    Made { verifier: verifier.build(), issuer, token, opaque: "an-opaque-token".parse().expect("a token") }
});

/// A token, or claims that are signed here; also what an issuer answers, and the lines of `Authorization`.
pub(super) fn run(input: &[u8]) {
    let made = &*MADE;
    presented(input);
    let verifier = &made.verifier;
    checked(verifier.introspected(&made.opaque, &SERVER.issuer, input, NOW));
    if input.starts_with(b"{") {
        let answer = SERVER.signed("token-introspection+jwt", input);
        checked(verifier.introspected_jwt(&made.opaque, &SERVER.issuer, &answer, NOW));
        let Ok(token) = SERVER.signed("at+jwt", input).parse() else { return };
        if let Some(verified) = checked(verifier.verify(&token, NOW)) {
            assert!(verified.token_id().is_some() && verified.issued_at().is_some(), "RFC 9068 §2.2");
        }
        return;
    }
    let Ok(text) = str::from_utf8(input) else { return };
    let answer = verifier.introspected_jwt(&made.opaque, &SERVER.issuer, text, NOW);
    assert!(checked(answer).is_none(), "an answer was accepted that nobody made");
    let Ok(token) = text.parse() else { return };
    if checked(verifier.verify(&token, NOW)).is_some() {
        assert_eq!(text, made.token, "a token was accepted that nobody made");
    }
}

fn checked(outcome: Result<VerifiedAccessToken, AccessTokenError>) -> Option<VerifiedAccessToken> {
    match outcome {
        Ok(token) => {
            check(&token);
            Some(token)
        }
        Err(error) => {
            assert!(!error.code().is_empty() && !error.rule().is_empty());
            None
        }
    }
}

fn check(token: &VerifiedAccessToken) {
    let made = &*MADE;
    assert_eq!(token.issuer(), &SERVER.issuer);
    assert!([TOOL, OTHER_NAME].contains(&token.resource().as_str()), "a token for somebody else");
    assert!(!token.subject().is_empty() && !token.client_id().is_empty());
    assert!(token.not_after() + LEEWAY > NOW && token.begun() <= NOW + LEEWAY);
    assert!(token.claims().get("events").is_none(), "an event became a token");
    assert!(token.lineage().ids().len() <= 8);
    let actors = token.actors().iter().count();
    assert!(actors <= 8 && token.actors().iter().all(|actor| !actor.subject().is_empty()));
    assert_eq!(token.actors().is_empty(), actors == 0);
    made.verifier.verify_again(token, NOW).expect("what counts, counts");
    let late = token.not_after() + LEEWAY + Duration::from_secs(1);
    assert!(made.verifier.verify_again(token, late).is_err(), "a token counts for ever");
    derive(token, actors);
}

fn derive(token: &VerifiedAccessToken, actors: usize) {
    let made = &*MADE;
    let derivation = Derivation::of(token, "inner", TOOL.parse().expect("a resource")).acting("inner", None);
    let derived = match derivation.derive(NOW) {
        Ok(derived) => derived,
        Err(error) => return assert!(!error.code().is_empty() && !error.rule().is_empty()),
    };
    let issued = match made.issuer.issue(derived.request(), NOW) {
        Ok(issued) => issued,
        Err(error) => return assert!(!error.code().is_empty() && !error.rule().is_empty()),
    };
    let inner = made.verifier.verify(issued.token(), NOW).expect("what is issued is accepted");
    assert!(inner.scope().is_subset_of(token.scope()) && inner.not_after() <= token.not_after());
    assert_eq!(inner.subject(), token.subject());
    let more = inner.actors().iter().count();
    // The client of a token that names no actor is one (EXC-8).
    assert!(more == actors + 1 || actors == 0 && more == 2, "{actors} became {more}");
    assert!(
        inner.details().is_none_or(|inner| {
            token.details().is_some_and(|outer| inner.is_within(outer, &CommonMembers))
        })
    );
    assert!(inner.lineage().ids().contains(token.lineage_id()), "it would outlive what it comes from");
}

fn presented(input: &[u8]) {
    match PresentedToken::read(input.split(|byte| *byte == b'\n')) {
        Ok(token) => {
            let token = token.expect("there is a line");
            let line = format!("{} {}", token.scheme().as_str(), token.token().expose());
            let again = PresentedToken::read([&line]).expect("our own spelling").expect("a token");
            assert!(again.scheme() == token.scheme() && again.token().is_same(token.token()));
        }
        Err(error) => assert!(!error.code().is_empty() && !error.rule().is_empty()),
    }
}

const LEEWAY: Duration = Duration::from_secs(30);

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = super::texts(&[
        r#"{"iss":"https://as.example","sub":"user-1","aud":"https://tools.example","client_id":"spiffe://acme.example/agents/travel","exp":1790000300,"iat":1790000000,
        "jti":"t-1","scope":"trips:read trips:book","cnf":{"jkt":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},"act":{"sub":"a","iss":"https://x.example","act":{"sub":"b"}},
        "auth_time":1789999990,"acr":"gold","amr":["pwd"],"txn":"x-1","authorization_details":[{"type":"booking","actions":["read"],"limit":1e1}]}"#,
        r#"{"iss":"https://as.example","sub":"a","aud":["https://tools.example/mcp","urn:other"],"client_id":"a","exp":1790000000.5,"nbf":1790000000,"iat":1790000000,
        "jti":"t-2","may_act":{"sub":"c"},"aims_lineage":["47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"],"cnf":{"x5t#S256":"47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"}}"#,
        r#"{"active":true,"sub":"user-1","aud":"https://tools.example","client_id":"travel","exp":1790000060,"scope":"a b","token_type":"Bearer"}"#,
        r#"{"iss":"https://as.example","aud":"tool-1","iat":1790000000,"token_introspection":{"active":true,"iss":"https://as.example","sub":"user-1","aud":"https://tools.example",
        "client_id":"travel","exp":1790000300,"act":{"sub":"b"},"authorization_details":[{"type":"a"}]}}"#,
        r#"{"active":false}"#,
        "Bearer mF_9.B5f-4.1JqM",
        "dpop  Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU",
    ]);
    let deep = (0..8).fold(r#"{"sub":"z"}"#.to_owned(), |inner, at| match at {
        7 => inner,
        _ => format!(r#"{{"sub":"a{at}","act":{inner}}}"#),
    });
    seeds.push(
        format!(
            r#"{{"iss":"https://as.example","sub":"u","aud":"{TOOL}","client_id":"c","exp":1790000300,"iat":1790000000,"jti":"t","act":{deep}}}"#
        )
        .into_bytes(),
    );
    seeds.push(MADE.token.clone().into_bytes());
    seeds.push(format!("DPoP {}", MADE.token).into_bytes());
    seeds
}
