//! What a request presents, and how often.

use aims_jose::base64;
use aims_oauth::{
    ClientAuthError, ClientLookup, ClientProof, ErrorCode, Parameters, PresentedClient, RegisteredClient,
    RegisteredMethod,
};
use aims_testkit::assert_refused;
use proptest::prelude::*;

use super::support::*;
use crate::world::*;

/// What is read of a form and fields.
fn read(parameters: &[(&str, &str)], fields: &[(&str, &str)]) -> Result<String, ClientAuthError> {
    let form = form(parameters);
    PresentedClient::read(&form, lines(fields)).map(|presented| format!("{:?}", presented.lookup()))
}

fn basic(credentials: &str) -> String {
    format!("Basic {}", base64::encode(credentials.as_bytes()))
}

#[test]
fn wir_6_a_request_authenticates_in_one_way() {
    let basic = basic("app-1:secret");
    let token = sign(r#"{"alg":"ES256"}"#, "{}", &key());
    let assertion = assertion(JWT_BEARER, &token);
    let svid = super::support::assertion(JWT_SPIFFE, &token);
    let half = [("client_assertion", "x")];
    let secret = [("client_secret", "s")];
    let none: [(&str, &str); 0] = [];
    let id = [("client_id", "app-1")];
    let authorization = ("Authorization", &*basic);
    let attestation = ("OAuth-Client-Attestation", &*token);
    let pop = ("OAuth-Client-Attestation-PoP", &*token);
    for (parameters, fields) in [
        ([&assertion[..], &secret].concat(), vec![]),
        ([&assertion[..], &id].concat(), vec![authorization]),
        ([&svid[..], &id].concat(), vec![authorization]),
        (assertion.to_vec(), vec![attestation]),
        (svid.to_vec(), vec![attestation, pop]),
        (half.to_vec(), vec![pop]),
        ([&half[..], &secret].concat(), vec![]),
        ([&secret[..], &id].concat(), vec![authorization]),
        ([&secret[..], &id].concat(), vec![attestation]),
        (none.to_vec(), vec![authorization, attestation]),
        (none.to_vec(), vec![authorization, pop]),
        (none.to_vec(), vec![authorization, ("authorization", "Basic YTpi")]),
        (assertion.to_vec(), vec![("AUTHORIZATION", "bAsIc x")]),
        (assertion.to_vec(), vec![("Authorization", "Bearer t"), ("Authorization", "basic")]),
    ] {
        let refused = read(&parameters, &fields);
        assert_eq!(refused.as_ref().unwrap_err().error_code(), ErrorCode::InvalidRequest, "{fields:?}");
        assert_refused!(refused, "several_methods", "WIR-6", "{fields:?}");
    }
    // What other schemes carry is not about the client.
    for fields in [
        [("Authorization", "Bearer token")],
        [("Authorization", "DPoP token")],
        [("Authorization", "WPT token")],
        [("Authorization", "Basically x")],
    ] {
        assert_eq!(read(&id, &fields).as_deref(), Ok(r#"Id("app-1")"#));
    }
}

#[test]
fn wir_2_wir_9_cja_1_cja_6_what_names_no_client_is_refused() {
    let long = "c".repeat(2049);
    for (parameters, code, rule, told) in [
        (&[("grant_type", "x")][..], "no_client", "CJA-6", ErrorCode::InvalidClient),
        (&[("client_id", "")], "no_client", "CJA-6", ErrorCode::InvalidClient),
        (&[("client_id", &long)], "client_id_form", "WIR-9", ErrorCode::InvalidRequest),
        (&[("client_id", "a\nb")], "client_id_form", "WIR-9", ErrorCode::InvalidRequest),
        (&[("client_id", "\u{fc}")], "client_id_form", "WIR-9", ErrorCode::InvalidRequest),
        (&[("client_id", "a"), ("client_id", "a")], "parameter_repeated", "WIR-2", ErrorCode::InvalidRequest),
        (
            &[("client_assertion", "a"), ("client_assertion", "a"), ("client_assertion_type", JWT_BEARER)],
            "parameter_repeated",
            "WIR-2",
            ErrorCode::InvalidRequest,
        ),
        (&[("client_assertion", "a")], "assertion_incomplete", "CJA-1", ErrorCode::InvalidRequest),
        (
            &[("client_assertion_type", JWT_BEARER), ("client_id", "a")],
            "assertion_incomplete",
            "CJA-1",
            ErrorCode::InvalidRequest,
        ),
        (
            &assertion("urn:ietf:params:oauth:client-assertion-type:saml2-bearer", "PHg-"),
            "assertion_type",
            "CJA-1",
            ErrorCode::InvalidClient,
        ),
        (&assertion(&JWT_BEARER.to_uppercase(), "x"), "assertion_type", "CJA-1", ErrorCode::InvalidClient),
        (&assertion(&format!("{JWT_BEARER} "), "x"), "assertion_type", "CJA-1", ErrorCode::InvalidClient),
        (&assertion(JWT_BEARER, "not-a-jwt"), "malformed", "JO-B64-01", ErrorCode::InvalidClient),
        (&assertion(JWT_SPIFFE, "not-a-jwt"), "malformed", "JS-1", ErrorCode::InvalidClient),
    ] {
        let refused = read(parameters, &[]);
        assert_eq!(refused.as_ref().unwrap_err().error_code(), told, "{parameters:?}");
        assert_refused!(refused, code, rule, "{parameters:?}");
    }
}

#[cfg(not(feature = "client-secret"))]
#[test]
fn wir_4_sec_6_secrets_are_recognised_and_not_taken() {
    let basic = basic("app-1:secret");
    let refused = read(&[], &[("Authorization", &basic)]).unwrap_err();
    assert_eq!((refused.error_code(), refused.scheme()), (ErrorCode::InvalidClient, Some("Basic")));
    assert_refused!(Err::<(), _>(refused), "client_secret", "SEC-6");
    let refused = read(&[("client_id", "app-1"), ("client_secret", "secret")], &[]).unwrap_err();
    assert_eq!((refused.error_code(), refused.scheme()), (ErrorCode::InvalidClient, None));
    assert_refused!(Err::<(), _>(refused), "client_secret", "SEC-6");
}

#[test]
fn sec_14_azr_8_no_token_is_printed() {
    let key = key();
    let jwk = aims_jose::Jwk::new(key.public_key().clone()).to_json();
    let claims = format!(
        r#"{{"iss":"c","sub":"{AGENT}","aud":"{ISSUER}","exp":1790000060,"jti":"j","cnf":{{"jwk":{jwk}}}}}"#
    );
    let signed = |typ: &str, claims: &str| sign(&format!(r#"{{"alg":"ES256","typ":"{typ}"}}"#), claims, &key);
    let bearer = claims.replace(r#""c""#, &format!("{AGENT:?}")).replace(r#","cnf""#, r#","x""#);
    let svid = claims.replace(r#","cnf""#, r#","x""#);
    let (assertion_token, svid) = (signed("JWT", &bearer), signed("JWT", &svid));
    let attestation = signed("oauth-client-attestation+jwt", &claims);
    let wit = signed("wit+jwt", &claims);
    let mut shown = Vec::new();
    for parameters in [assertion(JWT_BEARER, &assertion_token), assertion(JWT_SPIFFE, &svid)] {
        let form = form(&parameters);
        shown.push(format!("{:?}", PresentedClient::read(&form, []).unwrap()));
    }
    let tokens = if cfg!(feature = "wit-svid") { vec![&attestation, &wit] } else { vec![&attestation] };
    for token in tokens {
        let fields = [("oauth-client-attestation", &**token), ("oauth-client-attestation-pop", &*svid)];
        shown.push(format!("{:?}", PresentedClient::read(&Parameters::default(), lines(&fields)).unwrap()));
    }
    for shown in shown {
        assert!(shown.contains(AGENT) && !shown.contains("eyJ") && !shown.contains("101, 121"), "{shown}");
    }
}

#[test]
fn osc_8_who_is_looked_up() {
    let lookup = |id: &str| read(&[("client_id", id)], &[]).unwrap();
    assert_eq!(lookup("app-1"), r#"Id("app-1")"#);
    assert_eq!(lookup("https://client.example/meta"), r#"Id("https://client.example/meta")"#);
    assert_eq!(lookup(AGENT), format!("Workload(SpiffeId({AGENT:?}))"));
    // Names that look like those of workloads are names.
    for id in ["spiffe://acme.example", "SPIFFE://acme.example/x", "spiffe://acme.example/*", "wimse://a/x"] {
        assert_eq!(lookup(id), format!("Id({id:?})"));
    }
}

#[test]
fn cmd_4_a_public_client_says_who_it_is_and_no_more() {
    let server = authenticator().build();
    let key = key();
    let registry = Registry::with_key("app-2", &key).client(RegisteredClient::public("app-1"));
    let by = |id| judge(&server, &registry, &[("client_id", id)], NOW);
    let client = by("app-1").unwrap();
    assert_eq!((client.client_id(), client.proof()), ("app-1", ClientProof::None));
    assert!(client.is_public() && !client.proof().shows_possession());
    assert_eq!((client.agent(), client.binding(), client.not_after()), (None, None, None));
    // Whoever has a key has to show it.
    assert_refused!(by("app-2"), "credentials_missing", "CJA-6");
    assert_refused!(by("app-3"), "unknown_client", "CJA-6");
    for id in ["app-2", "app-3"] {
        assert_eq!(by(id).unwrap_err().error_code(), ErrorCode::InvalidClient);
    }
    // A registry that finds somebody else finds nobody.
    let form = form(&[("client_id", "app-3")]);
    let presented = PresentedClient::read(&form, []).unwrap();
    let other = RegisteredClient::public("app-1");
    assert_refused!(server.authenticate(presented, Some(&other), NOW), "unknown_client", "CJA-6");
    // Who authenticates at all is not public.
    let keys = registry.find(ClientLookup::Id("app-2")).unwrap().clone();
    assert!(!keys.is_public() && RegisteredClient::public("app-1").is_public());
    let both = RegisteredClient::public("app-1")
        .or(RegisteredMethod::PrivateKeyJwt(aims_oauth::ClientKeys::new(super::support::keys(&key, "k"))));
    assert!(!both.is_public());
    // Nor is a workload that says only who it is.
    let agents =
        Registry::default().workloads("spiffe://acme.example/agents/*", aims_oauth::SpiffeProof::JwtSvid);
    assert_refused!(judge(&server, &agents, &[("client_id", AGENT)], NOW), "credentials_missing", "CJA-6");
}

proptest! {
    #[test]
    fn wir_9_any_request_is_read(
        body in proptest::collection::vec(any::<u8>(), 0..200),
        authorization in proptest::collection::vec(any::<u8>(), 0..50),
        attestation in proptest::collection::vec(any::<u8>(), 0..50),
    ) {
        let form = Parameters::parse(&body).unwrap_or_default();
        let fields = [("authorization", &*authorization), ("oauth-client-attestation", &*attestation)];
        if let Err(error) = PresentedClient::read(&form, fields) {
            prop_assert!(!error.code().is_empty() && !error.rule().is_empty());
        }
    }
}
