//! Grants of other domains: to whom they are shown.

use aims_keys::backend;
use aims_oauth::{Grant, TokenClient, TokenNeed, TokenRequest, TokenTypeUrn, TypedToken};
use aims_testkit::assert_refused;

use super::support::*;
use crate::client_auth::support::{key, sign};
use crate::world::*;

#[tokio::test]
async fn aims_36_xd_3_xd_11_xd_18_a_grant_is_shown_to_no_server_but_the_one_that_it_is_for() {
    let world = World::new();
    let client = world.client();
    let grant = |claims: &str| {
        let claims = format!(r#"{{"iss":"https://home.example","sub":"user-1"{claims}}}"#);
        sign(r#"{"alg":"ES256","typ":"JWT"}"#, &claims, &key())
    };
    let redeem =
        |grant: &str| client.token(TokenRequest::new(Grant::JwtBearer(grant.parse().unwrap()))).map(drop);
    for own in [r#""https://as.example""#, r#"["https://as.example"]"#, r#""https://as.example/token""#] {
        assert_eq!(redeem(&grant(&format!(r#","aud":{own}"#))), Ok(()), "{own}");
    }
    for other in [
        "",
        r#","aud":"https://as.bank.example""#,
        r#","aud":"https://as.example/""#,
        r#","aud":"https://as.example.bank.example""#,
        r#","aud":[]"#,
        r#","aud":["https://as.bank.example","https://as.example"]"#,
        r#","aud":["https://as.example","https://as.example"]"#,
        r#","aud":7"#,
        r#","aud":"https://home.example""#,
    ] {
        assert_refused!(redeem(&grant(other)), "other_server", "AIMS-36", "{other}");
    }
    // What says nothing that can be read, is for nobody.
    assert_refused!(redeem("opaque"), "other_server", "AIMS-36");
}

#[tokio::test]
async fn aims_36_xd_18_what_a_server_gives_for_another_than_was_asked_goes_nowhere() {
    let bank = "https://as.bank.example";
    for (audience, is_sent) in [(bank, true), ("https://evil.example", false), ("https://as.example", false)]
    {
        let world = World::new();
        let between = Between::of(&world.server);
        between.other_domain(bank);
        let tokens = TokenClient::builder(between.clone(), world.clock.reader(), backend::ring())
            .server(issuer(), world.credential(), world.constraint())
            .server(bank.parse().unwrap(), world.credential(), world.constraint())
            .build();
        let claims = format!(r#"{{"iss":"{ISSUER}","sub":"user-1","aud":"{audience}"}}"#);
        let grant = sign(r#"{"alg":"ES256","typ":"JWT"}"#, &claims, &key());
        between.answers(Ok(json(
            200,
            &format!(
                r#"{{"access_token":"{grant}","issued_token_type":"{}","token_type":"N_A"}}"#,
                TokenTypeUrn::Jwt.as_str()
            ),
        )));
        between.answers(Ok(json(400, r#"{"error":"invalid_grant"}"#)));
        let subject = TypedToken::new("a-token".parse().unwrap(), TokenTypeUrn::AccessToken);
        let need = TokenNeed::of("https://pay.bank.example".parse().unwrap())
            .from(bank.parse().unwrap())
            .across_from(issuer(), subject);
        let answer = tokens.token(&need).await;
        assert_eq!(between.posted().len(), if is_sent { 2 } else { 1 }, "{audience}");
        if is_sent {
            assert_eq!(answer.unwrap_err().code(), "refused");
        } else {
            assert_refused!(answer, "other_server", "AIMS-36", "{audience}");
        }
    }
}
