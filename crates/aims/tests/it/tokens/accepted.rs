//! What a guard accepts, what its resource takes, and what is said of both: one thing, or no guard.

use aims::oauth::{
    BearerMethod, BindingPolicy, DpopVerifier, ResourceMetadata, ResourceMetadataBuilder, ResourceServer,
    Shortfall, Shown,
};
use aims::proof::ReplayMemory;
use aims::{Accept, GuardBuilder, GuardError, backend};
#[cfg(feature = "legacy-wpt-01")]
use aims::{
    oauth::AccessTokenRequest,
    proof::{NewWpt, http_audience},
};
#[cfg(feature = "legacy-wpt-01")]
use aims_testkit::TestAgent;
use aims_testkit::assert_refused;
use axum::body::Body;
use http::Request;

#[cfg(feature = "legacy-wpt-01")]
use super::dpop::{Shows, TRAVEL, prover, token_for};
use super::world::*;
#[cfg(feature = "legacy-wpt-01")]
use crate::support::NOW;
use crate::support::Tool;

const PLACE: &str = "/.well-known/oauth-protected-resource";

/// What a resource takes.
#[derive(Clone, Copy)]
pub(super) struct Takes {
    pub(super) policy: BindingPolicy,
    pub(super) verifies_dpop: bool,
}

fn takes(policy: BindingPolicy) -> Takes {
    Takes { policy, verifies_dpop: true }
}

fn only(ways: &[Shown]) -> Takes {
    takes(BindingPolicy::only(ways))
}

fn unverified(policy: BindingPolicy) -> Takes {
    Takes { policy, verifies_dpop: false }
}

fn or_bearer() -> Takes {
    takes(BindingPolicy::bound().dangerous_or_bearer())
}

fn built(
    takes: Takes,
    configure: impl FnOnce(GuardBuilder) -> GuardBuilder + 'static,
) -> Result<World, GuardError> {
    let resource = Setup::new().resource(move |tokens| {
        let server = ResourceServer::new(tokens.build(), takes.policy);
        if !takes.verifies_dpop {
            return server;
        }
        server.with_dpop(dpop_verifier())
    });
    resource.guard(configure).try_build()
}

fn dpop_verifier() -> DpopVerifier {
    DpopVerifier::builder(ReplayMemory::with_capacity(100), backend::ring()).build()
}

pub(super) fn accepting(takes: Takes, accept: Accept) -> Result<World, GuardError> {
    built(takes, move |guard| guard.accept(accept))
}

/// The schemes of challenges, in their order.
fn schemes<'a>(challenges: impl IntoIterator<Item = &'a str>) -> String {
    let schemes = challenges.into_iter().map(|challenge| challenge.split(' ').next().unwrap());
    schemes.collect::<Vec<_>>().join(" ")
}

/// The schemes that somebody without a token is asked for, which the metadata have, too.
pub(super) async fn asks_for(world: &World) -> String {
    let bare = Request::post("/v1/book").body(Body::empty()).unwrap();
    let wanted = world.assert_refused(bare, 401, "no_token", "no_token", "CHA-1").await;
    let asked = schemes(wanted.iter().map(String::as_str));
    let (_, _, body) = world.call(Request::get(PLACE).body(Body::empty()).unwrap()).await;
    let metadata = ResourceMetadata::parse(body.as_bytes(), &tool()).unwrap();
    let bearer = metadata.supports_bearer_method(BearerMethod::Header).is_some();
    let dpop = metadata.dpop_algorithms().is_some();
    assert_eq!(metadata.requires_dpop(), dpop && !bearer);
    let said = [(bearer, "Bearer"), (dpop, "DPoP")];
    assert_eq!(asked, schemes(said.into_iter().filter_map(|(is_said, scheme)| is_said.then_some(scheme))));
    asked
}

#[tokio::test]
async fn cha_1_prm_1_dpo_9_a_guard_asks_for_what_it_takes_and_for_nothing_else() {
    let (sig, dpop, bearer) = (Accept::signature, Accept::dpop, Accept::dangerous_bearer);
    let bound = || takes(BindingPolicy::bound());
    for (name, takes, accept, expected) in [
        ("bound, signature", bound(), sig(), "Bearer DPoP"),
        ("bound, dpop", bound(), dpop(), "DPoP"),
        ("bound, signature or dpop", bound(), sig().or(dpop()), "Bearer DPoP"),
        ("bearer too, signature", or_bearer(), sig(), "Bearer DPoP"),
        ("bearer too, dpop", or_bearer(), dpop(), "DPoP"),
        ("bearer too, bearer", or_bearer(), bearer(), "Bearer"),
        ("bearer too, dpop or bearer", or_bearer(), dpop().or(bearer()), "Bearer DPoP"),
        ("signature, signature", only(&[Shown::Signature]), sig(), "Bearer"),
        ("dpop, signature", only(&[Shown::Dpop]), sig(), "DPoP"),
        ("dpop, dpop", only(&[Shown::Dpop]), dpop(), "DPoP"),
        ("bearer, signature or bearer", only(&[Shown::Bearer]), sig().or(bearer()), "Bearer"),
        ("bound unverified, signature", unverified(BindingPolicy::bound()), sig(), "Bearer"),
    ] {
        let world = accepting(takes, accept).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(asks_for(&world).await, expected, "{name}");
    }
    // Whoever comes by another scheme learns which one it is.
    let world = accepting(or_bearer(), bearer()).unwrap();
    let by_dpop = Request::post("/v1/book").header("authorization", "DPoP a.b.c").body(Body::empty());
    let wanted =
        world.assert_refused(by_dpop.unwrap(), 401, "invalid_token", "binding_not_shown", "SEC-4").await;
    assert_eq!(schemes(wanted.iter().map(String::as_str)), "Bearer");
    // Nothing was said: a message signature.
    let world = built(bound(), |guard| guard).unwrap();
    assert_eq!(asks_for(&world).await, "Bearer DPoP");
    let own = world.travel();
    let token = world.issue(&for_user(&own));
    assert_eq!(world.call(world.request(&own, Some(&format!("Bearer {token}"))).await).await.0, 200);
}

#[cfg(feature = "mtls")]
#[tokio::test]
async fn cha_1_prm_1_mtl_3_a_guard_that_takes_connections_asks_for_what_they_show() {
    let bound = || takes(BindingPolicy::bound());
    let (connection, bearer) = (Accept::connection, Accept::dangerous_bearer);
    for (name, takes, accept, expected) in [
        ("bound, connection", bound(), connection(), "Bearer DPoP"),
        ("certificate, connection", only(&[Shown::Certificate]), connection(), "Bearer"),
        ("dpop, connection", only(&[Shown::Dpop]), connection(), "DPoP"),
        ("bearer, connection", only(&[Shown::Bearer]), connection(), "Bearer"),
        ("bound, dpop over one", bound(), Accept::dpop().with_connection(), "DPoP"),
        ("bearer too, bearer over one", or_bearer(), bearer().with_connection(), "Bearer"),
    ] {
        let world = accepting(takes, accept).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(asks_for(&world).await, expected, "{name}");
    }
}

#[test]
fn act_4_no_token_says_who_calls_where_none_is_wanted() {
    for accept in [Accept::dpop(), Accept::dangerous_bearer(), Accept::signature().or(Accept::dpop())] {
        let tool = Tool::new();
        let plain = aims::Guard::builder(
            aims::Audiences::http("https://tools.example").unwrap(),
            tool.trust.clone(),
            crate::support::callers(),
        );
        let error = assert_refused!(plain.accept(accept.clone()).build(), "no_access_tokens", "ACT-4");
        assert!(error.to_string().contains("`GuardBuilder::access_tokens`"), "{error}");
        assert_refused!(tool.guard.accepting(accept), "no_access_tokens", "ACT-4");
    }
}

#[test]
fn wpt_1_a_workload_proof_token_has_no_place_beside_an_access_token() {
    let bound = || takes(BindingPolicy::bound());
    assert_refused!(accepting(bound(), Accept::wpt()), "wpt_beside_token", "WPT-1");
    // Not even where something else is taken, too.
    let either = || Accept::signature().or(Accept::wpt());
    assert_refused!(accepting(or_bearer(), either()), "wpt_beside_token", "WPT-1");
    assert_refused!(World::new().guard.accepting(either()), "wpt_beside_token", "WPT-1");
    #[cfg(feature = "mtls")]
    assert_refused!(accepting(bound(), Accept::wpt().with_connection()), "wpt_beside_token", "WPT-1");
}

#[cfg(feature = "legacy-wpt-01")]
#[test]
fn wpt_1_sec_4_a_workload_proof_token_of_its_own_field_leaves_place_for_the_token() {
    let legacy = |takes: Takes| {
        built(takes, |guard| guard.accept(Accept::wpt()).profile(aims::WptProfile::Wpt01)).map(|_| ())
    };
    for takes in [takes(BindingPolicy::bound()), only(&[Shown::Dpop]), only(&[Shown::Bearer])] {
        legacy(takes).unwrap();
    }
    // It shows no token that is bound to its own key.
    for takes in [only(&[Shown::Signature]), only(&[Shown::Certificate])] {
        assert_refused!(legacy(takes), "token_not_shown", "SEC-4");
    }
    assert_refused!(legacy(unverified(BindingPolicy::bound())), "dpop_not_verified", "DPO-10");
}

#[cfg(feature = "legacy-wpt-01")]
#[tokio::test]
async fn wpt_1_aims_25_a_proof_of_its_own_field_says_whose_the_token_is() {
    let world =
        built(or_bearer(), |guard| guard.accept(Accept::wpt()).profile(aims::WptProfile::Wpt01)).unwrap();
    let (agent, thief) = (world.travel(), world.authority.agent("/agents/thief", NOW));
    let (prover, loose) = (prover(), AccessTokenRequest::new("user-1", TRAVEL, tool()));
    let loose = world.issue(&loose.scope("trips:book".parse().unwrap()));
    let bound = world.issue(&token_for(TRAVEL, &prover));
    let request = |agent: &TestAgent, authorization: &str, proof: Option<&str>| {
        let token = authorization.split(' ').nth(1).unwrap();
        let wpt = agent.sign(&NewWpt::new(http_audience(URI)).access_token(token), NOW);
        let mut request = Request::post("/v1/book").header("authorization", authorization);
        request = request.header("workload-identity-token", agent.wit()).header("workload-proof-token", wpt);
        if let Some(proof) = proof {
            request = request.header("dpop", proof);
        }
        request.body(Body::empty()).unwrap()
    };
    let bearer = format!("Bearer {loose}");
    assert_eq!(world.call(request(&agent, &bearer, None)).await.0, 200);
    let shows = Shows::new(&prover, &bound);
    let by_dpop = format!("DPoP {bound}");
    assert_eq!(world.call(request(&agent, &by_dpop, Some(&shows.proof().await))).await.0, 200);
    let stolen = request(&thief, &bearer, None);
    world.assert_refused(stolen, 401, "invalid_token", "other_client", "AIMS-25").await;
}

#[test]
fn dpo_10_tokens_that_come_by_dpop_are_verified() {
    let bound = || unverified(BindingPolicy::bound());
    for (takes, accept) in [
        (bound(), Accept::dpop()),
        (bound(), Accept::signature().or(Accept::dpop())),
        // There is no other way for a signature, either.
        (unverified(BindingPolicy::only(&[Shown::Dpop])), Accept::signature()),
        (unverified(BindingPolicy::only(&[Shown::Dpop, Shown::Certificate])), Accept::signature()),
    ] {
        let error = assert_refused!(accepting(takes, accept), "dpop_not_verified", "DPO-10");
        assert!(error.to_string().contains("`ResourceServer::with_dpop`"), "{error}");
    }
    let world = accepting(bound(), Accept::signature()).unwrap();
    assert_refused!(world.guard.accepting(Accept::dpop()), "dpop_not_verified", "DPO-10");
}

#[test]
fn sec_4_each_proof_that_is_accepted_shows_a_token_that_is_taken() {
    for accept in [Accept::dangerous_bearer(), Accept::signature().or(Accept::dangerous_bearer())] {
        assert_refused!(
            accepting(takes(BindingPolicy::bound()), accept.clone()),
            "bearer_not_taken",
            "SEC-4"
        );
        let error = assert_refused!(World::new().guard.accepting(accept), "bearer_not_taken", "SEC-4");
        assert!(error.to_string().contains("`BindingPolicy::dangerous_or_bearer`"), "{error}");
    }
    for accept in [Accept::dpop(), Accept::signature().or(Accept::dpop())] {
        assert_refused!(accepting(only(&[Shown::Signature]), accept), "dpop_not_taken", "SEC-4");
    }
    for takes in [only(&[Shown::Certificate]), only(&[])] {
        assert_refused!(accepting(takes, Accept::signature()), "token_not_shown", "SEC-4");
        // What follows where nothing was said is no better.
        assert_refused!(built(takes, |guard| guard), "token_not_shown", "SEC-4");
    }
}

#[cfg(feature = "mtls")]
#[test]
fn sec_4_a_connection_shows_no_key_of_a_message() {
    let signature = || only(&[Shown::Signature]);
    assert_refused!(accepting(signature(), Accept::connection()), "token_not_shown", "SEC-4");
    let error =
        assert_refused!(built(signature(), GuardBuilder::accept_connections), "token_not_shown", "SEC-4");
    assert!(error.to_string().contains("mtls"), "{error}");
    // Beside what does.
    let error = accepting(only(&[Shown::Certificate]), Accept::signature().with_connection());
    let error = assert_refused!(error, "token_not_shown", "SEC-4");
    assert!(error.to_string().contains("signature"), "{error}");
    accepting(signature(), Accept::signature().with_connection()).unwrap();
    accepting(only(&[Shown::Certificate]), Accept::connection()).unwrap();
    assert_refused!(
        built(only(&[Shown::Certificate]), GuardBuilder::accept_connections),
        "token_not_shown",
        "SEC-4"
    );
    // In whatever order it is said: neither takes the other back.
    let orders: [fn(GuardBuilder) -> GuardBuilder; 2] = [
        |guard| guard.accept_connections().accept(Accept::signature()),
        |guard| guard.accept(Accept::signature()).accept_connections(),
    ];
    for order in orders {
        assert_refused!(built(signature(), order), "token_not_shown", "SEC-4");
        built(only(&[Shown::Signature, Shown::Certificate]), order).unwrap();
    }
}

#[tokio::test]
async fn cha_1_prm_1_routes_ask_for_their_own_proofs_and_tell_of_one_resource() {
    let world = accepting(or_bearer(), Accept::signature().or(Accept::dpop())).unwrap();
    let head = |request: http::request::Builder| request.body(()).unwrap().into_parts().0;
    let wanted = async |accept: Accept| {
        let guard = world.guard.accepting(accept).unwrap();
        let refusal =
            assert_refused!(guard.admit(&head(Request::post("/v1/book"))).await, "no_token", "CHA-1");
        let of = |response: http::Response<String>| {
            let lines = response.headers().get_all("www-authenticate").iter();
            schemes(lines.map(|line| line.to_str().unwrap()))
        };
        let asked = of(refusal.to_response());
        let step_up = guard.step_up(Shortfall::Scope("trips:book".parse().unwrap()));
        assert_eq!(asked, of(step_up.to_response()));
        let metadata = guard.resource_metadata(&head(Request::get(PLACE))).unwrap();
        (asked, metadata.into_body())
    };
    let (asked, metadata) = wanted(Accept::signature()).await;
    assert_eq!(asked, "Bearer DPoP");
    for (accept, expected) in [(Accept::dpop(), "DPoP"), (Accept::dangerous_bearer(), "Bearer")] {
        assert_eq!(wanted(accept).await, (expected.to_owned(), metadata.clone()));
    }
    // What a route takes is no less than was given for the resource, whatever the guard takes that it is made of.
    let narrow = accepting(or_bearer(), Accept::dpop()).unwrap();
    let wide = narrow.guard.accepting(Accept::signature()).unwrap();
    let agent = narrow.travel();
    let token = narrow.issue(&for_user(&agent));
    let (head, _) = narrow.request(&agent, Some(&format!("Bearer {token}"))).await.into_parts();
    assert_refused!(narrow.guard.admit(&head).await, "proof_not_accepted", "CRD-14");
    wide.admit(&head).await.unwrap();
}

#[test]
fn prm_1_a_resource_does_not_say_what_its_guard_leaves_no_way_for() {
    let said = |about: fn(ResourceMetadataBuilder) -> ResourceMetadataBuilder, accept: Accept| {
        let server = Setup::new().resource(move |tokens| {
            let about = about(ResourceMetadata::builder(tool())).build().unwrap();
            ResourceServer::new(tokens.build(), BindingPolicy::bound().dangerous_or_bearer())
                .with_dpop(dpop_verifier())
                .with_metadata(about)
        });
        server.guard(move |guard| guard.accept(accept)).try_build().map(|_| ())
    };
    let header = |about: ResourceMetadataBuilder| about.bearer_methods(&[BearerMethod::Header]);
    said(header, Accept::signature()).unwrap();
    said(ResourceMetadataBuilder::require_dpop, Accept::dpop()).unwrap();
    for (about, accept) in [
        (header as fn(ResourceMetadataBuilder) -> ResourceMetadataBuilder, Accept::dpop()),
        (ResourceMetadataBuilder::require_dpop, Accept::signature()),
        (ResourceMetadataBuilder::binds_to_certificates, Accept::signature()),
    ] {
        assert_refused!(said(about, accept), "metadata_not_enforced", "PRM-1");
    }
}
