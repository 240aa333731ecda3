//! What an error says of the server that it comes from.

use aims_credential::FetchError;
#[cfg(feature = "client-secret")]
use aims_keys::backend;
#[cfg(feature = "client-secret")]
use aims_oauth::{ClientCredential, SenderConstraint, ServerMetadata};
use aims_oauth::{
    ClientError, Grant, OAuthClient, TokenExchange, TokenNeed, TokenRequest, TokenTypeUrn, TypedToken,
};
use aims_testkit::assert_refused;

use super::support::*;
use crate::world::*;

const TOKEN: &str = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ1c2VyLTEifQ.c2lnbmF0dXJl";

/// What comes of a request that the server answers so.
async fn refused(client: &OAuthClient, request: TokenRequest, body: &str) -> ClientError {
    let sent = client.token(request).unwrap().send(NOW).await.unwrap();
    sent.answered(&json(400, body), NOW).unwrap_err()
}

fn own() -> TokenRequest {
    TokenRequest::new(Grant::ClientCredentials).resource(tool()).scope("trips:read".parse().unwrap())
}

fn exchange() -> TokenRequest {
    let token = TypedToken::new(TOKEN.parse().unwrap(), TokenTypeUrn::AccessToken);
    TokenRequest::new(Grant::TokenExchange(TokenExchange::of(token))).resource(tool())
}

#[tokio::test]
async fn wir_4_a_refusal_says_by_whom_and_in_which_words() {
    let world = World::new();
    let client = world.client();
    for (body, said) in [
        (r#"{"error":"invalid_scope"}"#, "invalid_scope"),
        (r#"{"error":"invalid_scope","error_description":""}"#, "invalid_scope"),
        (
            r#"{"error":"invalid_scope","error_description":"trips:read is not for travel-agent at https://tools.example/v1"}"#,
            r#"invalid_scope, in its words "trips:read is not for travel-agent at https://tools.example/v1""#,
        ),
        // What is no printable ASCII is left out, quotes too: nobody gets out of them.
        (
            r#"{"error":"invalid_scope","error_description":"no\u001b[31m\"\n\u202e, ask us"}"#,
            r#"invalid_scope, in its words "no[31m, ask us""#,
        ),
        (r#"{"error":"No Such Thing"}"#, "an error that is no code"),
    ] {
        let error = refused(&client, own(), body).await;
        assert_eq!(error.to_string(), format!("the server https://as.example refuses: {said}"));
        assert_refused!(Err::<(), _>(error), "refused", "WIR-4");
    }
    let long = format!(r#"{{"error":"invalid_scope","error_description":"{}"}}"#, "no ".repeat(1000));
    assert!(refused(&client, own(), &long).await.to_string().len() < 600);

    let sent = client.token(own()).unwrap().send(NOW).await.unwrap();
    let error = sent.answered(&json(500, "oops"), NOW).unwrap_err();
    assert_eq!(error.to_string(), "the server https://as.example answered with status 500");
    assert_refused!(Err::<(), _>(error), "http_status", "WIR-4");
}

#[tokio::test]
async fn azr_9_a_refusal_repeats_no_secret_whole_or_in_part() {
    let world = World::new();
    let client = world.client();
    let [head, claims, signature] = TOKEN.split('.').collect::<Vec<_>>().try_into().unwrap();
    for words in [
        TOKEN.to_owned(),
        format!("the token {TOKEN} is not known"),
        format!("token={head}."),
        format!("({claims})"),
        format!("...{}", signature.get(..12).unwrap()),
        // Letters that are left out hide nothing.
        TOKEN.replacen("OiJ", "O\u{202e}iJ", 1),
    ] {
        let body = format!(r#"{{"error":"invalid_grant","error_description":"{words}"}}"#);
        let error = refused(&client, exchange(), &body).await;
        assert_eq!(error.to_string(), "the server https://as.example refuses: invalid_grant", "{words}");
        assert!(!format!("{error:?}").contains(signature.get(..12).unwrap()));
    }
    // However it is written.
    let encoded: Vec<_> = signature.bytes().map(|letter| format!("%{letter:02x}")).collect();
    let encoded = encoded.concat();
    for words in
        [signature.to_uppercase(), encoded, signature.chars().flat_map(|letter| [letter, ' ']).collect()]
    {
        let body = format!(r#"{{"error":"invalid_grant","error_description":"so: {words}"}}"#);
        let error = refused(&client, exchange(), &body).await;
        assert_eq!(error.to_string(), "the server https://as.example refuses: invalid_grant", "{words}");
    }
    // In place of a code, too.
    let code = signature.to_lowercase();
    let error = refused(&client, exchange(), &format!(r#"{{"error":"{code}"}}"#)).await;
    assert!(!format!("{error}{error:?}").contains(&code), "{error}");
    let error = refused(&client, exchange(), &format!(r#"{{"error":"{TOKEN}"}}"#)).await;
    assert!(!error.to_string().contains(head), "{error}");
    // Words that repeat nothing stay.
    let body = r#"{"error":"invalid_grant","error_description":"the subject_token has expired"}"#;
    assert!(
        refused(&client, exchange(), body).await.to_string().ends_with("the subject_token has expired\"")
    );
}

#[cfg(feature = "client-secret")]
#[tokio::test]
async fn azr_9_the_secret_of_a_client_is_not_repeated_in_any_encoding() {
    let metadata = format!(
        r#"{{"issuer":"{ISSUER}","token_endpoint":"{ISSUER}/token","grant_types_supported":["client_credentials"],
        "token_endpoint_auth_methods_supported":["client_secret_basic","client_secret_post"]}}"#
    );
    let metadata = ServerMetadata::parse(metadata.as_bytes(), &issuer()).unwrap();
    let secret = || "s3cret:+".parse().unwrap();
    for credential in
        [ClientCredential::secret_basic("a", secret()), ClientCredential::secret_post("a", secret())]
    {
        let constraint = SenderConstraint::dangerous_bearer();
        let client = OAuthClient::new(metadata.clone(), credential, constraint, backend::ring()).unwrap();
        for words in ["s3cret:+ is wrong", "a:s3cret:+", "wrong: s3cret:+."] {
            let body = format!(r#"{{"error":"invalid_client","error_description":"{words}"}}"#);
            let error = refused(&client, own(), &body).await;
            assert!(!format!("{error}{error:?}").contains("s3cret"), "{error:?}");
        }
    }
}

#[tokio::test]
async fn fed_14_who_did_not_answer_is_named_without_the_query() {
    let world = World::new();
    let between = Between::of(&world.server);
    let tokens = world.tokens(between.clone());
    let place = "https://tools.example/.well-known/oauth-protected-resource/v1";
    let error = tokens.token(&TokenNeed::of(tool()).scope("trips:read".parse().unwrap())).await.unwrap_err();
    assert_eq!(error.to_string(), format!("{place}: the answer has status 404"));
    let ClientError::Fetch(no_answer) = &error else { panic!("{error:?}") };
    assert_eq!(no_answer.url().unwrap().as_str(), place);
    assert_eq!(*no_answer.reason(), FetchError::Status(404));
    assert_refused!(Err::<(), _>(error), "http_status", "FED-6");

    let challenges =
        aims_oauth::Challenges::parse([r#"DPoP resource_metadata="https://docs.example/m?q=user""#]);
    let error = world.tokens(between).discover(&tool(), Some(&challenges.unwrap())).await.unwrap_err();
    assert_eq!(error.to_string(), "https://docs.example/m: the answer has status 404");

    // The same of a token endpoint, which was found and does not answer.
    let between = Between::of(&world.server);
    let tokens = world.tokens(between.clone());
    between.answers(Err(FetchError::Timeout));
    let error = tokens.token(&TokenNeed::of(tool()).from(issuer())).await.unwrap_err();
    let ClientError::Fetch(no_answer) = &error else { panic!("{error:?}") };
    assert_eq!(no_answer.url().unwrap().as_str(), "https://as.example/token");
}
