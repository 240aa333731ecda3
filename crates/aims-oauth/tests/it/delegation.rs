//! Tokens that come from tokens.

use std::time::Duration;

use aims_credential::{Lapsed, Mark, MarkKey, MarkTable};
use aims_oauth::{
    AccessTokenRequest, AuthorizationDetails, Derivation, ErrorCode, TokenBinding, VerifiedAccessToken,
};
use aims_testkit::assert_refused;
use proptest::prelude::*;

use crate::world::*;

const TOOL: &str = "spiffe://acme.example/tools/search";

fn inner() -> aims_oauth::Resource {
    "https://inner.example".parse().unwrap()
}

fn read(server: &Server, token: &aims_oauth::AccessToken) -> VerifiedAccessToken {
    let verifier = server.verifier().also_known_as(inner()).build();
    verifier.verify(token, NOW).unwrap()
}

fn details(actions: &str) -> AuthorizationDetails {
    AuthorizationDetails::parse(&format!(r#"[{{"type":"booking","actions":[{actions}]}}]"#)).unwrap()
}

#[test]
fn exc_3_exc_4_exc_8_aims_26_what_is_derived_is_good_for_no_more_and_says_what_is_left_out() {
    let server = Server::new();
    let parent = request()
        .details(details(r#""read","book""#))
        .transaction("txn-1")
        .lifetime(Duration::from_secs(200));
    let parent = read(&server, &server.issue(&parent));
    let derived = Derivation::of(&parent, TOOL, inner())
        .scope("trips:read".parse().unwrap())
        .details(details(r#""read""#))
        .lifetime(Duration::from_secs(60))
        .derive(NOW)
        .unwrap();
    let narrowing = derived.narrowing().clone();
    assert_eq!(
        (narrowing.scope().as_str(), narrowing.earlier(), narrowing.details()),
        ("trips:book", Duration::from_secs(140), 0)
    );
    assert_eq!(narrowing.resource(), Some((&tool(), &inner())));
    assert_eq!(
        narrowing.to_string(),
        "for https://inner.example in place of https://tools.example/v1, scope without trips:book, ends 140 s earlier"
    );
    assert!(!narrowing.is_empty());
    let binding = TokenBinding::Certificate([7; 32]);
    let child = read(&server, &server.issue(derived.bound_to(binding).request()));
    assert_eq!((&*child.subject(), &*child.client_id()), (USER, TOOL));
    assert_eq!((child.resource(), child.scope().as_str()), (&inner(), "trips:read"));
    assert_eq!(child.actors().current().unwrap().subject(), TOOL);
    assert_eq!((child.transaction().as_deref(), child.binding()), (Some("txn-1"), Some(&binding)));
    assert_eq!(child.lineage().ids(), [*parent.lineage_id()]);
    assert!(!child.is_autonomous());
    assert_eq!(child.not_after(), NOW + Duration::from_secs(60));

    // All of it, by default; and no later than what it comes from, however long the issuer's tokens are.
    let same = Derivation::of(&parent, AGENT, tool()).derive(NOW).unwrap();
    assert!(same.narrowing().is_empty() && same.narrowing().to_string() == "nothing");
    let same = read(&server, &server.issue(same.request()));
    assert_eq!((same.scope(), same.not_after()), (parent.scope(), parent.not_after()));
    assert_eq!(same.details().unwrap().as_json(), parent.details().unwrap().as_json());
    let hops: Vec<_> = same.actors().iter().map(|actor| actor.subject().into_owned()).collect();
    assert_eq!(hops, [AGENT, AGENT], "each exchange is a hop, in front of the client that had the token");
    let again = Derivation::of(&same, TOOL, inner())
        .acting("spiffe://b.example/x", Some("https://as.b.example"))
        .derive(NOW)
        .unwrap();
    let again = read(&server, &server.issue(again.request()));
    let actors: Vec<_> = again
        .actors()
        .iter()
        .map(|actor| (actor.subject().into_owned(), actor.issuer().map(Into::into)))
        .collect();
    assert_eq!(
        actors,
        [
            ("spiffe://b.example/x".to_owned(), Some("https://as.b.example".to_owned())),
            (AGENT.to_owned(), None),
            (AGENT.to_owned(), None)
        ]
    );
    assert_eq!(again.lineage().ids(), [*parent.lineage_id(), *same.lineage_id()]);
}

#[test]
fn exc_2_exc_3_exc_5_what_is_more_is_refused_and_not_cut_down() {
    let server = Server::new();
    let parent = read(&server, &server.issue(&request().details(details(r#""read""#))));
    let derivation = || Derivation::of(&parent, TOOL, inner());
    for (derivation, code, rule, error) in [
        (
            derivation().scope("trips:read trips:pay".parse().unwrap()),
            "scope_widened",
            "EXC-3",
            ErrorCode::InvalidScope,
        ),
        (
            derivation().details(details(r#""book""#)),
            "details_widened",
            "EXC-3",
            ErrorCode::InvalidAuthorizationDetails,
        ),
        // No action at all is read as any by those who take an empty list for none.
        (
            derivation().details(details("")),
            "details_widened",
            "EXC-3",
            ErrorCode::InvalidAuthorizationDetails,
        ),
    ] {
        let refused = derivation.derive(NOW).unwrap_err();
        assert_eq!(refused.error_code(), error);
        assert_refused!(Err::<(), _>(refused), code, rule);
    }
    assert_refused!(derivation().derive(parent.not_after()), "expired", "EXC-2");
    let bare = read(&server, &server.issue(&request()));
    let refused = Derivation::of(&bare, TOOL, inner()).details(details(r#""read""#)).derive(NOW);
    assert_refused!(refused, "details_widened", "EXC-3");

    // Who may act is said, and it is somebody else.
    let may_act = |members: &str| read(&server, &server.token_with(&format!(r#","may_act":{members}"#)));
    let own = may_act(r#"{"sub":"spiffe://acme.example/tools/search"}"#);
    assert_eq!(own.may_act().unwrap().subject(), TOOL);
    assert!(Derivation::of(&own, TOOL, inner()).derive(NOW).is_ok());
    let other = may_act(r#"{"sub":"spiffe://acme.example/tools/other"}"#);
    let refused = Derivation::of(&other, TOOL, inner()).derive(NOW).unwrap_err();
    assert_eq!(refused.error_code(), ErrorCode::InvalidRequest);
    assert_refused!(Err::<(), _>(refused), "other_actor", "EXC-5");
    assert!(
        Derivation::of(&other, TOOL, inner())
            .acting("spiffe://acme.example/tools/other", None)
            .derive(NOW)
            .is_ok()
    );
    let foreign = may_act(r#"{"sub":"x","iss":"https://as.b.example"}"#);
    assert_refused!(Derivation::of(&foreign, "x", inner()).derive(NOW), "other_actor", "EXC-5");
    assert!(
        Derivation::of(&foreign, TOOL, inner()).acting("x", Some("https://as.b.example")).derive(NOW).is_ok()
    );

    // Eight ancestors, and no more; and eight who acted, the agent that asked the user among them.
    let often = |first: VerifiedAccessToken, times: usize| {
        (0..times).fold(first, |token, _| {
            let derived = Derivation::of(&token, TOOL, tool()).derive(NOW).unwrap();
            read(&server, &server.issue(derived.request()))
        })
    };
    let own = read(&server, &server.issue(&aims_oauth::AccessTokenRequest::new(AGENT, AGENT, tool())));
    let token = often(own, 8);
    assert_eq!((token.lineage().ids().len(), token.actors().iter().count()), (8, 8));
    assert_refused!(Derivation::of(&token, TOOL, tool()).derive(NOW), "lineage_too_long", "WIR-9");
    let token = often(parent, 7);
    let last = token.actors().iter().last().unwrap();
    assert_eq!((token.actors().iter().count(), &*last.subject()), (8, AGENT));
    assert_refused!(Derivation::of(&token, TOOL, tool()).derive(NOW), "too_many_actors", "WIR-9");
}

#[test]
fn exc_4_aims_55_what_was_derived_ends_with_the_client_that_acted() {
    let server = Server::new();
    let parent = AccessTokenRequest::new(USER, "client-7", tool()).scope("trips:read".parse().unwrap());
    let parent = read(&server, &server.issue(&parent));
    let derived = Derivation::of(&parent, TOOL, tool()).derive(NOW).unwrap();
    let token = server.issue(derived.request());
    let marks = std::sync::Arc::new(MarkTable::with_capacity(9));
    let verifier = server.verifier().marks(std::sync::Arc::clone(&marks)).build();
    verifier.verify(&token, NOW).unwrap();
    let of = |issuer| MarkKey::Client { issuer, client: "client-7" };
    marks.set(&of("https://as.other.example"), Mark::dead()).unwrap();
    verifier.verify(&token, NOW).unwrap();
    marks.set(&of(ISSUER), Mark::dead()).unwrap();
    assert_refused!(verifier.verify(&token, NOW), Lapsed::Dead.code(), Lapsed::Dead.rule());
}

proptest! {
    /// Whatever is asked for: what comes out is within what there was, or nothing comes out.
    #[test]
    fn exc_3_aims_26_derivations_only_narrow(
        granted in prop::collection::btree_set("[a-d]", 1..4),
        asked in prop::collection::btree_set("[a-e]", 1..4),
        seconds in 1_u64..1000,
    ) {
        let server = Server::new();
        let granted = aims_oauth::Scope::of(&granted).unwrap();
        let asked = aims_oauth::Scope::of(&asked).unwrap();
        let parent = read(&server, &server.issue(&request().scope(granted.clone())));
        let derived = Derivation::of(&parent, TOOL, inner()).scope(asked.clone()).lifetime(Duration::from_secs(seconds)).derive(NOW);
        prop_assert_eq!(derived.is_ok(), asked.is_subset_of(&granted));
        if let Ok(derived) = derived {
            let child = read(&server, &server.issue(derived.request()));
            prop_assert!(child.scope().is_subset_of(parent.scope()) && child.not_after() <= parent.not_after());
            prop_assert_eq!(child.scope().or(derived.narrowing().scope()).unwrap(), parent.scope().clone());
        }
    }
}
