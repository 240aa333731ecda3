//! Tokens as they come, and those that are nobody's.

use std::sync::Arc;

use aims_credential::{Mark, MarkKey, MarkTable};
use aims_id::WorkloadId;
use aims_oauth::{
    AccessTokenRequest, BindingPolicy, Derivation, NewActor, Possession, PresentedToken, Shown, TokenScheme,
};
use aims_testkit::assert_refused;

use super::{authorize, server_of};
use crate::world::*;

#[test]
fn mcp_2_dpo_9_wir_1_a_request_has_one_token() {
    let read = |lines: &[&str]| PresentedToken::read(lines);
    assert!(read(&[]).unwrap().is_none());
    for (line, scheme) in [
        ("Bearer a", TokenScheme::Bearer),
        ("bearer   a", TokenScheme::Bearer),
        ("DPOP a", TokenScheme::Dpop),
    ] {
        let token = read(&[line]).unwrap().unwrap();
        assert_eq!((token.scheme(), token.token().expose()), (scheme, "a"));
    }
    for (lines, code, rule) in [
        (&["Bearer a", "Bearer a"][..], "several_tokens", "DPO-9"),
        (&["Bearer a", "DPoP a"], "several_tokens", "DPO-9"),
        (&["Bearer"], "malformed_authorization", "MCP-2"),
        (&[""], "malformed_authorization", "MCP-2"),
        (&["Basic a"], "unknown_scheme", "MCP-2"),
        (&["WPT a"], "unknown_scheme", "MCP-2"),
        (&["Bearer "], "token_empty", "ACT-4"),
        (&["Bearer a b"], "token_character", "ACT-4"),
        (&["Bearer a, Bearer b"], "token_character", "ACT-4"),
    ] {
        assert_refused!(read(lines), code, rule, "{lines:?}");
    }
    assert!(PresentedToken::read([&b"Bearer \xff"[..]]).is_err());
}

#[test]
fn azr_10_what_cuts_an_actor_off_ends_its_tokens() {
    let server = Server::new();
    let marks = Arc::new(MarkTable::with_capacity(10));
    let tokens = server.verifier().marks(Arc::clone(&marks)).build();
    let helper: WorkloadId = "spiffe://acme.example/agents/helper".parse().unwrap();
    let token = server.issue(&request().acting(NewActor::new(helper.as_str())));
    let verified = tokens.verify(&token, NOW).unwrap();
    marks.add(&MarkKey::Agent(&helper), Mark::suspended()).unwrap();
    assert_refused!(tokens.verify(&token, NOW), "suspended", "AIMS-55");
    assert_refused!(verified.still_valid(NOW, &*marks), "suspended", "AIMS-55");
    marks.clear(&MarkKey::Agent(&helper));
    assert!(tokens.verify_again(&verified, NOW).is_ok());
}

#[test]
fn exc_4_aims_55_what_was_derived_ends_with_each_agent_that_it_comes_from() {
    let server = Server::new();
    let marks = Arc::new(MarkTable::with_capacity(10));
    let tokens = server.verifier().marks(Arc::clone(&marks)).build();
    let (search, index) = ("spiffe://acme.example/tools/search", "spiffe://acme.example/tools/index");
    let derived = |parent: &AccessTokenRequest<'_>| {
        let parent = tokens.verify(&server.issue(parent), NOW).unwrap();
        let child = Derivation::of(&parent, search, tool()).derive(NOW).unwrap();
        let child = tokens.verify(&server.issue(child.request()), NOW).unwrap();
        server.issue(Derivation::of(&child, index, tool()).derive(NOW).unwrap().request())
    };
    // Of a user's, whose agent acted first; and of one that the agent had in its own right.
    for parent in [request(), AccessTokenRequest::new(AGENT, AGENT, tool())] {
        let token = derived(&parent);
        let verified = tokens.verify(&token, NOW).unwrap();
        for involved in [AGENT, search, index] {
            let involved = involved.parse().unwrap();
            let key = MarkKey::Agent(&involved);
            marks.add(&key, Mark::dead()).unwrap();
            assert_refused!(tokens.verify(&token, NOW), "revoked", "AIMS-55", "{key:?}");
            assert_refused!(tokens.verify_again(&verified, NOW), "revoked", "AIMS-55", "{key:?}");
            assert_refused!(verified.still_valid(NOW, &*marks), "revoked", "AIMS-55", "{key:?}");
            marks.clear(&key);
        }
        let other = "spiffe://acme.example/agents/other".parse().unwrap();
        marks.add(&MarkKey::Agent(&other), Mark::dead()).unwrap();
        assert!(tokens.verify(&token, NOW).is_ok());
    }
}

#[test]
fn sec_4_a_token_that_is_bound_to_nothing_is_refused_unless_that_is_asked_for() {
    let server = Server::new();
    let token = server.issue(&request());
    let bound = server_of(&server, BindingPolicy::bound());
    assert_refused!(authorize(&bound, "Bearer", &token, Possession::Nothing), "bearer_not_accepted", "SEC-4");
    let any = server_of(&server, BindingPolicy::bound().dangerous_or_bearer());
    assert_eq!(authorize(&any, "Bearer", &token, Possession::Nothing).unwrap().shown_by(), Shown::Bearer);
    assert_refused!(authorize(&any, "DPoP", &token, Possession::Nothing), "wrong_scheme", "DPO-9");
    let only = BindingPolicy::only(&[Shown::Signature]);
    assert!(
        only.accepts(Shown::Signature)
            && !only.accepts(Shown::Bearer)
            && !only.accepts(Shown::Dpop)
            && !only.accepts(Shown::Certificate)
    );
}
