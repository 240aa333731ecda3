//! What a user has confirmed, once.

use std::sync::Arc;
use std::time::Duration;

use aims_keys::backend;
use aims_oauth::{
    AccessTokenRequest, Action, AuthorizationDetails, Authorized, BindingPolicy, Challenges,
    ConfirmedActions, DpopProver, DpopVerifier, ErrorCode, Possession, PresentedToken, ResourceError,
    ResourceServer, StepUp, StepUps, TokenBinding,
};
use aims_proof::ReplayMemory;
use aims_testkit::assert_refused;

use crate::client::support::prover;
use crate::world::*;

const ARGUMENTS: &str = r#"{"to":"hotel","amount":12.5}"#;

fn action(arguments: &str) -> Action<'static> {
    let resource = Box::leak(Box::new(tool()));
    Action::new("pay", arguments, resource, USER).unwrap()
}

fn details(action: &Action<'_>) -> AuthorizationDetails {
    action.details("call-1", backend::ring()).unwrap()
}

fn confirmed(details: AuthorizationDetails, prover: &DpopProver) -> AccessTokenRequest<'static> {
    request()
        .details(details)
        .bound_to(TokenBinding::Key(prover.thumbprint()))
        .lifetime(Duration::from_secs(120))
}

/// A request with this token, and the proof that it is the sender's own.
async fn authorize(server: &Server, request: &AccessTokenRequest<'_>, prover: &DpopProver) -> Authorized {
    let token = server.issue(request);
    let dpop = DpopVerifier::builder(ReplayMemory::with_capacity(10), backend::ring()).build();
    let policy = BindingPolicy::bound().dangerous_or_bearer();
    let resource = ResourceServer::new(server.verifier().build(), policy).with_dpop(dpop);
    let target = "https://tools.example/v1".parse().unwrap();
    let proof = prover.proof("POST", &target).with_token(&token).sign(NOW).await.unwrap();
    let presented = PresentedToken::read([format!("DPoP {}", token.expose())]).unwrap().unwrap();
    let bearer = PresentedToken::read([format!("Bearer {}", token.expose())]).unwrap().unwrap();
    let verified = resource.verify(&presented, NOW).unwrap();
    if verified.binding().is_none() {
        return resource.authorize(&bearer, &verified, Possession::Nothing).unwrap();
    }
    let proof = resource.verify_dpop(&presented, &verified, [proof], "POST", &target, NOW).unwrap().unwrap();
    resource.authorize(&presented, &verified, Possession::Dpop(&proof)).unwrap()
}

fn actions() -> ConfirmedActions {
    ConfirmedActions::new(ReplayMemory::with_capacity(100), backend::ring())
}

#[tokio::test]
async fn hil_40_any_change_after_the_user_has_confirmed_refuses_the_action() {
    let (server, prover) = (Server::new(), prover());
    let authorized = authorize(&server, &confirmed(details(&action(ARGUMENTS)), &prover), &prover).await;
    let other_tool = "https://tools.example/v2".parse().unwrap();
    let changed = [
        action(r#"{"to":"hotel","amount":125}"#),
        action(r#"{"to":"hotel","amount":12.5,"note":""}"#),
        action(r#"{"amount":12.5}"#),
        action(r#"{"to":"Hotel","amount":12.5}"#),
        action("{}"),
    ];
    for other in &changed {
        let refused = actions().redeem(&authorized, other, NOW).unwrap_err();
        assert_eq!(refused.error_code(), ErrorCode::InsufficientScope);
        assert_refused!(Err::<(), _>(refused), "other_action", "HIL-40");
    }
    for (name, resource, subject) in
        [("refund", tool(), USER), ("pay", other_tool, USER), ("pay", tool(), "user-2")]
    {
        let other = Action::new(name, ARGUMENTS, &resource, subject).unwrap();
        assert_refused!(actions().redeem(&authorized, &other, NOW), "other_action", "HIL-40");
    }
    // Written otherwise, it is the same.
    let same = action("{ \"amount\": 1.250e1, \"to\": \"\\u0068otel\" }");
    actions().redeem(&authorized, &same, NOW).unwrap();
}

#[tokio::test]
async fn hil_40_a_token_without_one_confirmation_confirms_nothing() {
    let (server, prover) = (Server::new(), prover());
    let this = action(ARGUMENTS);
    let none = authorize(&server, &request().bound_to(TokenBinding::Key(prover.thumbprint())), &prover).await;
    assert_refused!(actions().redeem(&none, &this, NOW), "not_confirmed", "HIL-40");
    let one = details(&this);
    let one = one.as_json().trim_matches(['[', ']']);
    for text in [format!("[{one},{one}]"), r#"[{"type":"other","action_hash":"sha-256:a"}]"#.to_owned()] {
        let several = AuthorizationDetails::parse(&text).unwrap();
        let several = authorize(&server, &confirmed(several, &prover), &prover).await;
        assert_refused!(actions().redeem(&several, &this, NOW), "not_confirmed", "HIL-40");
    }
    // More of it than was asked for: another action, another place.
    for (from, to) in
        [(r#""actions":["pay"]"#, r#""actions":["pay","all"]"#), ("/v1\"]", "/v1\",\"https://b.example\"]")]
    {
        let wider = AuthorizationDetails::parse(&format!("[{}]", one.replace(from, to))).unwrap();
        let wider = authorize(&server, &confirmed(wider, &prover), &prover).await;
        assert_refused!(actions().redeem(&wider, &this, NOW), "other_action", "HIL-40");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hil_41_of_many_at_once_exactly_one_is_done() {
    let (server, prover) = (Server::new(), prover());
    let authorized = authorize(&server, &confirmed(details(&action(ARGUMENTS)), &prover), &prover).await;
    let (actions, authorized) = (Arc::new(actions()), Arc::new(authorized));
    let tries: Vec<_> = (0..16)
        .map(|_| {
            let (actions, authorized) = (Arc::clone(&actions), Arc::clone(&authorized));
            tokio::spawn(async move { actions.redeem(&authorized, &action(ARGUMENTS), NOW) })
        })
        .collect();
    let mut done = 0;
    for one in tries {
        match one.await.unwrap() {
            Ok(()) => done += 1,
            Err(error) => assert_eq!((error.code(), error.error_code()), ("replay", ErrorCode::InvalidToken)),
        }
    }
    assert_eq!(done, 1);
    assert_refused!(actions.redeem(&authorized, &action(ARGUMENTS), NOW), "replay", "HIL-41");
}

#[tokio::test]
async fn hil_41_a_confirmation_is_short_bound_and_remembered_or_it_is_none() {
    let (server, prover) = (Server::new(), prover());
    let this = action(ARGUMENTS);
    let long = confirmed(details(&this), &prover).lifetime(Duration::from_secs(121));
    let long = authorize(&server, &long, &prover).await;
    assert_refused!(actions().redeem(&long, &this, NOW), "confirmation_too_long", "HIL-41");
    let loose = request().details(details(&this)).lifetime(Duration::from_secs(60));
    let loose = authorize(&server, &loose, &prover).await;
    assert_refused!(actions().redeem(&loose, &this, NOW), "confirmation_not_bound", "HIL-41");
    let full = ConfirmedActions::new(ReplayMemory::with_capacity(0), backend::ring());
    let good = authorize(&server, &confirmed(details(&this), &prover), &prover).await;
    assert!(full.redeem(&good, &this, NOW).is_err());
}

#[test]
fn hil_44_a_tool_says_what_it_wants_confirmed_and_the_agent_asks_for_that() {
    let this = action(ARGUMENTS);
    let server = Server::new();
    let resource = ResourceServer::new(server.verifier().build(), BindingPolicy::bound());
    let wanted = this.wanted("call-1", backend::ring()).unwrap();
    let lines = resource.challenges(&ResourceError::Shortfall(wanted), None);
    let challenges = Challenges::parse(lines.iter().map(ToString::to_string)).unwrap();
    let StepUp::Details(asked) = StepUps::new().next(&challenges, None).unwrap() else { panic!() };
    assert_eq!(asked, details(&this));
    let detail = asked.iter().next().unwrap();
    assert_eq!((&*detail.kind(), detail.identifier().as_deref()), (Action::DETAIL, Some("call-1")));
    assert_refused!(
        StepUps::new().next(
            &Challenges::parse([r#"Bearer error="insufficient_scope", authorization_details="!""#]).unwrap(),
            None
        ),
        "challenge",
        "CHA-2"
    );
}

#[test]
fn hil_40_arguments_that_not_everybody_reads_alike_are_refused() {
    for arguments in [
        r#"{"amount":9007199254740993}"#,
        r#"{"amount":0.1000000000000000055}"#,
        r#"{"amount":1e-400}"#,
        r#"{"amount":4.9e-324}"#,
    ] {
        let resource = tool();
        let refused = Action::new("pay", arguments, &resource, USER);
        assert_refused!(refused, "json_number_precision", "HIL-40");
    }
    for arguments in ["[]", "{", r#"{"a":1,"a":2}"#] {
        assert!(Action::new("pay", arguments, &tool(), USER).is_err());
    }
    let long = format!(r#"{{"a":"{}"}}"#, "x".repeat(70_000));
    assert!(Action::new("pay", &long, &tool(), USER).is_err());
}
