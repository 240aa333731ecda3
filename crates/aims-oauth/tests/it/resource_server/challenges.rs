//! What a resource server wants of a caller, and how it says so.

use std::time::Duration;

use aims_oauth::{
    AuthorizationDetails, BindingPolicy, CommonMembers, Possession, PresentedToken, ResourceError, Shown,
};
use aims_testkit::assert_refused;

use super::{authorize, presented, server_of};
use crate::world::*;

#[test]
fn cha_1_cha_3_cha_4_what_is_wanted_is_said() {
    let server = Server::new();
    let rs = server_of(&server, BindingPolicy::bound().dangerous_or_bearer());
    let lines = |error: &ResourceError, needed: Option<&str>| {
        let needed = needed.map(|scope| scope.parse().unwrap());
        rs.challenges(error, needed.as_ref()).iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let metadata = "resource_metadata=\"https://tools.example/.well-known/oauth-protected-resource/v1\"";
    let algs = "algs=\"EdDSA Ed25519 ES256 ES384 PS256\"";
    assert_eq!(ResourceError::Missing.status(), 401);
    let wanted = lines(&ResourceError::Missing, Some("trips:book"));
    assert_eq!(wanted.len(), 2);
    assert_eq!(wanted[0], format!("Bearer scope=\"trips:book\", {metadata}"));
    assert!(
        wanted[1].starts_with("DPoP scope=\"trips:book\"") && wanted[1].contains("algs=\""),
        "{wanted:?} {algs}"
    );

    let token = server.issue(&request().authenticated(NOW - Duration::from_secs(100), Some("pwd")));
    let authorized = authorize(&rs, "Bearer", &token, Possession::Nothing).unwrap();
    authorized.require_scope(&"trips:read".parse().unwrap()).unwrap();
    let needed = "trips:read trips:cancel".parse().unwrap();
    let short: ResourceError = authorized.require_scope(&needed).unwrap_err().into();
    assert_eq!(short.status(), 403);
    assert_eq!(
        lines(&short, None)[0],
        format!("Bearer error=\"insufficient_scope\", scope=\"trips:read trips:cancel\", {metadata}")
    );
    assert_refused!(Err::<(), _>(short), "insufficient_scope", "CHA-3");

    authorized.require_authentication(&["phr", "pwd"], Some(Duration::from_secs(100)), NOW).unwrap();
    authorized.require_authentication(&[], None, NOW).unwrap();
    for (acr, age) in [(&["phr"][..], None), (&[], Some(99)), (&["pwd"], Some(99))] {
        let refused = authorized.require_authentication(acr, age.map(Duration::from_secs), NOW);
        assert_refused!(refused, "insufficient_user_authentication", "CHA-4", "{acr:?} {age:?}");
    }
    let short = authorized
        .require_authentication(&["phr", "mfa"], Some(Duration::from_secs(5)), NOW)
        .unwrap_err()
        .into();
    assert_eq!(
        lines(&short, None)[0],
        format!(
            "Bearer error=\"insufficient_user_authentication\", acr_values=\"phr mfa\", max_age=\"5\", {metadata}"
        )
    );
    assert_eq!(short.status(), 401);
    // Nobody knows when, or it lies ahead.
    let never = authorize(&rs, "Bearer", &server.issue(&request()), Possession::Nothing).unwrap();
    assert!(never.require_authentication(&[], Some(Duration::from_secs(99)), NOW).is_err());
    let ahead = server.issue(&request().authenticated(NOW + Duration::from_secs(31), None));
    let ahead = authorize(&rs, "Bearer", &ahead, Possession::Nothing).unwrap();
    assert!(ahead.require_authentication(&[], Some(Duration::from_secs(99)), NOW).is_err());

    let details = AuthorizationDetails::parse(r#"[{"type":"booking","actions":["book"]}]"#).unwrap();
    let short = authorized.require_details(&details, &CommonMembers).unwrap_err();
    assert_refused!(Err::<(), _>(short.clone()), "insufficient_scope", "RAR-4");
    assert!(
        lines(&short.into(), None)[0]
            .contains("authorization_details=\"W3sidHlwZSI6ImJvb2tpbmciLCJhY3Rpb25zIjpbImJvb2siXX1d\"")
    );
    let detailed =
        authorize(&rs, "Bearer", &server.issue(&request().details(details.clone())), Possession::Nothing)
            .unwrap();
    detailed.require_details(&details, &CommonMembers).unwrap();
    assert_eq!(detailed.not_after(), NOW + Duration::from_secs(300));
    // Where a token is malformed, and where it does not count.
    let malformed: ResourceError = PresentedToken::read(["Bearer"]).unwrap_err().into();
    assert_eq!((malformed.status(), malformed.error_code().unwrap().as_str()), (400, "invalid_request"));
    let wrong = rs.verify(&presented("Bearer", &"nope".parse().unwrap()), NOW).unwrap_err();
    assert_eq!((wrong.status(), wrong.error_code().unwrap().as_str()), (401, "invalid_token"));
    assert!(lines(&wrong, None)[0].starts_with("Bearer error=\"invalid_token\", resource_metadata"));
    // One that takes proofs alone says so.
    let strict = server_of(&server, BindingPolicy::only(&[Shown::Dpop]));
    let schemes: Vec<_> =
        strict.challenges(&ResourceError::Missing, None).iter().map(|one| one.scheme().to_owned()).collect();
    assert_eq!(schemes, ["DPoP"]);
}
