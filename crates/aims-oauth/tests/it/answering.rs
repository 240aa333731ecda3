//! What an authorization server answers about tokens: told by its types, read by those of the resource server.

use std::time::Duration;

use aims_jose::json::{Limits, Object};

use aims_oauth::{
    AccessTokenVerifier, IntrospectionAnswer, IntrospectionResponse, IntrospectionSigner, NewActor, Resource,
    TokenBinding,
};
use aims_testkit::assert_refused;

use crate::world::*;

const OTHER: &str = "https://other.example";

/// What the server knows of a token: the usual, and these members.
fn known(members: &str) -> Object {
    let text = format!(
        r#"{{"iss":"{ISSUER}","sub":"{USER}","client_id":"{AGENT}","aud":["{}","{OTHER}"],"exp":1790000300{members}}}"#,
        tool().as_str()
    );
    Object::parse(text, &Limits::new()).unwrap()
}

fn about(members: &str) -> IntrospectionResponse {
    IntrospectionResponse::about(&known(members), &[tool()], NOW).unwrap()
}

/// The members of a response.
fn told(response: &IntrospectionResponse) -> Object {
    Object::parse(response.to_json().unwrap(), &Limits::new()).unwrap()
}

fn verifier(server: &Server) -> AccessTokenVerifier {
    server.verifier().build()
}

fn signer(server: &Server) -> IntrospectionSigner {
    IntrospectionSigner::new(issuer(), server.key.clone(), "as-1").unwrap()
}

#[test]
fn int_1_of_what_does_not_count_nothing_else_is_said() {
    let (unknown, claims) = (IntrospectionResponse::inactive(), known(""));
    let stranger: Resource = "https://strange.example".parse().unwrap();
    // Not quite its name.
    let alike: Resource = "https://tools.example/v1/".parse().unwrap();
    let about = |claims: &Object, asks: &[Resource], later| {
        IntrospectionResponse::about(claims, asks, NOW + Duration::from_secs(later)).unwrap()
    };
    for (why, response) in [
        ("unknown, or revoked", unknown),
        ("for others", about(&claims, &[stranger], 0)),
        ("for others alike", about(&claims, &[alike], 0)),
        ("nobody asks", about(&claims, &[], 0)),
        ("expired", about(&claims, &[tool()], 300)),
        ("not yet", about(&known(r#","nbf":1790000001"#), &[tool()], 0)),
    ] {
        assert!(!response.is_active(), "{why}");
        assert_eq!(response.to_json().unwrap(), r#"{"active":false}"#, "{why}");
        // Nor does a scope that it is told within make it count.
        let within = response.within(&"trips:book".parse().unwrap());
        assert_eq!(within.to_json().unwrap(), r#"{"active":false}"#, "{why}");
    }
    assert!(about(&claims, &[tool()], 299).is_active());
    assert!(about(&known(r#","nbf":1790000000"#), &[tool()], 0).is_active());
}

#[test]
fn int_2_what_is_told_is_what_the_token_says() {
    let server = Server::new();
    let key = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo".parse().unwrap();
    let details = r#"[{"type":"booking","actions":["book"]}]"#;
    let request = request()
        .details(aims_oauth::AuthorizationDetails::parse(details).unwrap())
        .bound_to(TokenBinding::Key(key))
        .acting(NewActor::new("spiffe://acme.example/x").known_to(OTHER))
        .authenticated(NOW, Some("phr"))
        .transaction("txn-1");
    let token = server.issue(&request);
    let verifier = verifier(&server);
    let own = verifier.verify(&token, NOW).unwrap();
    let response = IntrospectionResponse::about(own.claims(), &[tool()], NOW).unwrap();
    assert!(told(&response).get("token_type").unwrap().is_str("DPoP"));

    let body = response.to_json().unwrap();
    let plain = verifier.introspected(&token, &issuer(), body.as_bytes(), NOW).unwrap();
    let IntrospectionAnswer::Jwt(jwt) = signer(&server).sign(&response, tool().as_str(), NOW).unwrap() else {
        panic!("not signed")
    };
    let signed = verifier.introspected_jwt(&token, &issuer(), &jwt, NOW).unwrap();
    for read in [plain, signed] {
        assert_eq!((read.subject(), read.client_id()), (own.subject(), own.client_id()));
        assert_eq!(
            (read.scope(), read.details(), read.binding()),
            (own.scope(), own.details(), own.binding())
        );
        assert_eq!(format!("{:?}", read.actors()), format!("{:?}", own.actors()));
        assert_eq!(
            (read.token_id(), read.issued_at(), read.not_after()),
            (own.token_id(), own.issued_at(), own.not_after())
        );
        assert_eq!(
            (read.auth_time(), read.acr(), read.transaction()),
            (own.auth_time(), own.acr(), own.transaction())
        );
        assert_eq!((read.lineage(), read.lineage_id()), (own.lineage(), own.lineage_id()));
    }
    assert!(told(&about("")).get("token_type").unwrap().is_str("Bearer"));
    let certificate = about(r#","cnf":{"x5t#S256":"47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"}"#);
    assert!(told(&certificate).get("token_type").unwrap().is_str("Bearer"));
}

#[test]
fn int_1_int_2_a_resource_server_is_told_what_is_for_it() {
    let details = format!(
        r#"[{{"type":"a","locations":["{OTHER}"]}},{{"type":"e","locations":[]}},{{"type":"b"}},{{"type":"c","locations":["{OTHER}","{0}"]}},{{"type":"d","locations":["{0}"]}}]"#,
        tool().as_str()
    );
    let response = about(&format!(
        r#","scope":"trips:book mail:send","authorization_details":{details},"note":"internal","email":"a@b.example""#
    ));
    let said = told(&response.clone().within(&"trips:read trips:book".parse().unwrap()));
    assert!(said.get("aud").unwrap().is_str(tool().as_str()), "no other audience");
    assert!(said.get("scope").unwrap().is_str("trips:book"), "no other scope");
    assert!(said.get("note").is_none() && said.get("email").is_none(), "no other claim");
    let kinds = said.get("authorization_details").unwrap().as_array().unwrap();
    let kinds: Vec<_> = kinds.into_iter().map(|one| one.get("type").unwrap().as_str().unwrap()).collect();
    assert_eq!(kinds, ["b", "c", "d"], "no details for other places");
    // Unless it says so, its scope is not cut.
    assert!(told(&response).get("scope").unwrap().is_str("trips:book mail:send"));
    // Nothing of a member whose every part is for others.
    let for_others = about(&format!(
        r#","scope":"mail:send","authorization_details":[{{"type":"a","locations":["{OTHER}"]}}]"#
    ));
    let said = told(&for_others.within(&"trips:book".parse().unwrap()));
    assert!(said.get("scope").is_none() && said.get("authorization_details").is_none());
    // Who goes by both names, is told of both.
    let both = [tool(), OTHER.parse().unwrap()];
    let said = told(&IntrospectionResponse::about(&known(""), &both, NOW).unwrap());
    assert_eq!(said.get("aud").unwrap().raw(), format!(r#"["{}","{OTHER}"]"#, tool().as_str()));
}

#[test]
fn int_2_what_no_resource_server_would_read_is_not_told() {
    for (members, code, rule) in [
        (r#","act":{}"#, "bad_actor", "EXC-4"),
        (r#","scope":"a  b""#, "scope_empty_token", "WIR-7"),
        (r#","scope":7"#, "scope_type", "WIR-7"),
        (r#","authorization_details":[{}]"#, "details_type", "RAR-1"),
        (r#","events":{}"#, "events_claim", "SSF-14"),
        (r#","iat":"now""#, "malformed", "ACT-4"),
        (r#","amr":"pwd""#, "malformed", "ACT-4"),
        (r#","aims_lineage":[]"#, "malformed_lineage", "WIR-9"),
    ] {
        assert_refused!(
            IntrospectionResponse::about(&known(members), &[tool()], NOW),
            code,
            rule,
            "{members}"
        );
    }
    for text in
        ["{}", r#"{"active":true}"#, r#"{"sub":"user-1","client_id":"c","aud":"https://tools.example/v1"}"#]
    {
        let claims = Object::parse(text, &Limits::new()).unwrap();
        assert_refused!(
            IntrospectionResponse::about(&claims, &[tool()], NOW),
            "malformed",
            "ACT-4",
            "{text}"
        );
    }
}

#[test]
fn int_3_a_signed_answer_has_its_type_and_whom_it_is_for() {
    let server = Server::new();
    let (signer, verifier) = (signer(&server), verifier(&server));
    let token = "an-opaque-token".parse().unwrap();
    for response in [about(""), IntrospectionResponse::inactive()] {
        let answer = signer.sign(&response, tool().as_str(), NOW).unwrap();
        assert_eq!(answer.media_type(), "application/token-introspection+jwt");
        let text = std::str::from_utf8(answer.body()).unwrap();
        let jws = aims_jose::UnverifiedJws::parse(text, &aims_jose::Limits::new()).unwrap();
        assert_eq!(jws.header().require_media_type("token-introspection+jwt"), Ok(()));
        let payload = Object::parse(jws.peek().untrusted_payload(), &Limits::new()).unwrap();
        let names: Vec<_> = payload.iter().map(|(name, _)| name.as_str().into_owned()).collect();
        assert_eq!(names, ["iss", "aud", "iat", "token_introspection"], "no `sub`, no `exp`");
        assert!(
            payload.get("iss").unwrap().is_str(ISSUER) && payload.get("aud").unwrap().is_str(tool().as_str())
        );
        assert_eq!(payload.get("iat").unwrap().raw(), NOW.as_secs().to_string());
        assert_eq!(payload.get("token_introspection").unwrap().raw(), response.to_json().unwrap());

        let read = verifier.introspected_jwt(&token, &issuer(), text, NOW);
        if response.is_active() {
            assert_eq!(&*read.unwrap().subject(), USER);
        } else {
            assert_refused!(read, "inactive", "INT-1");
        }
    }
    // Another resource server does not take it.
    let IntrospectionAnswer::Jwt(other) = signer.sign(&about(""), OTHER, NOW).unwrap() else { panic!() };
    let refused = verifier.introspected_jwt(&token, &issuer(), &other, NOW);
    assert_refused!(refused, "audience_mismatch", "ACT-4");
    // One that is a client takes what is for that.
    let IntrospectionAnswer::Jwt(client) = signer.sign(&about(""), "tool-1", NOW).unwrap() else { panic!() };
    let asking = server.verifier().asks_as(issuer(), "tool-1").build();
    assert!(asking.introspected_jwt(&token, &issuer(), &client, NOW).is_ok());

    assert!(signer.sign(&about(""), "", NOW).is_err(), "an answer is for somebody");
    let long = "a".repeat(20_000);
    assert_refused!(signer.sign(&about(""), &long, NOW), "token_too_long", "WIR-9");
    let unnamed = IntrospectionSigner::new(issuer(), server.key.clone(), "");
    assert_refused!(unnamed, "malformed_key_id", "JO-HDR-05");
}

#[test]
fn azr_8_aims_47_what_is_told_is_not_shown() {
    let server = Server::new();
    let shown = format!("{:?} {:?}", about(""), signer(&server));
    assert!(!shown.contains(USER), "{shown}");
    assert!(shown.contains("active: true"), "{shown}");
}
