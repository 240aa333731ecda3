//! What a user has confirmed, once.

use std::sync::Arc;
use std::time::Duration;

use aims_keys::backend;
use aims_oauth::{
    AccessToken, AccessTokenRequest, AccessTokenVerifier, Action, AuthorizationDetails, AuthorizationRequest,
    Authorized, BackchannelClient, BackchannelRequest, BindingPolicy, Challenges, CommonMembers,
    ConfirmedActions, Derivation, Detail, DetailRule, DpopProver, DpopVerifier, ErrorCode, NewParameters,
    Parameters, Possession, PresentedToken, ResourceError, ResourceServer, StepUp, StepUps, TokenBinding,
    TokenRequest,
};
use aims_proof::ReplayMemory;
use aims_testkit::assert_refused;

use crate::client::support::prover;
use crate::crossing::{There, ask, issue, targets, to_b};
use crate::world::*;

const ARGUMENTS: &str = r#"{"to":"hotel","amount":12.5}"#;

fn action(arguments: &str) -> Action<'static> {
    let resource = Box::leak(Box::new(tool()));
    Action::new("pay", arguments, resource, USER).unwrap()
}

fn details(action: &Action<'_>) -> AuthorizationDetails {
    action.details("call-1", backend::ring()).unwrap()
}

/// What the server that asked the user makes of them.
fn by_user(details: &AuthorizationDetails) -> AuthorizationDetails {
    details.confirmed(backend::ring(), NOW).unwrap()
}

fn confirmed(details: &AuthorizationDetails, prover: &DpopProver) -> AccessTokenRequest<'static> {
    granted(by_user(details), prover)
}

fn granted(details: AuthorizationDetails, prover: &DpopProver) -> AccessTokenRequest<'static> {
    request()
        .details(details)
        .bound_to(TokenBinding::Key(prover.thumbprint()))
        .lifetime(Duration::from_secs(120))
}

/// A request with this token, and the proof that it is the sender's own.
async fn authorize(server: &Server, request: &AccessTokenRequest<'_>, prover: &DpopProver) -> Authorized {
    show(server.verifier().build(), &server.issue(request), prover).await
}

async fn show(tokens: AccessTokenVerifier, token: &AccessToken, prover: &DpopProver) -> Authorized {
    let dpop = DpopVerifier::builder(ReplayMemory::with_capacity(10), backend::ring()).build();
    let policy = BindingPolicy::bound().dangerous_or_bearer();
    let resource = ResourceServer::new(tokens, policy).with_dpop(dpop);
    let target = "https://tools.example/v1".parse().unwrap();
    let proof = prover.proof("POST", &target).with_token(token).sign(NOW).await.unwrap();
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
    let authorized = authorize(&server, &confirmed(&details(&action(ARGUMENTS)), &prover), &prover).await;
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
        let several = authorize(&server, &confirmed(&several, &prover), &prover).await;
        assert_refused!(actions().redeem(&several, &this, NOW), "not_confirmed", "HIL-40");
    }
    // More of it than was asked for: another action, another place.
    for (from, to) in
        [(r#""actions":["pay"]"#, r#""actions":["pay","all"]"#), ("/v1\"]", "/v1\",\"https://b.example\"]")]
    {
        let wider = AuthorizationDetails::parse(&format!("[{}]", one.replace(from, to))).unwrap();
        // Nobody asks a user for that, and nobody takes it from whoever does.
        assert_refused!(wider.confirmed(backend::ring(), NOW), "ambiguous_action", "HIL-41");
        let given = by_user(&AuthorizationDetails::parse(&format!("[{one}]")).unwrap());
        let wider = AuthorizationDetails::parse(&given.as_json().replace(from, to)).unwrap();
        // Of several, one does not come by asking for less.
        assert!(!given.is_within(&wider, &CommonMembers));
        let wider = authorize(&server, &granted(wider, &prover), &prover).await;
        assert_refused!(actions().redeem(&wider, &this, NOW), "other_action", "HIL-40");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hil_41_of_many_at_once_exactly_one_is_done() {
    let (server, prover) = (Server::new(), prover());
    let authorized = authorize(&server, &confirmed(&details(&action(ARGUMENTS)), &prover), &prover).await;
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

/// Another confirmation of the same action is a new one; all that comes of one is that one.
#[tokio::test]
async fn hil_41_whatever_comes_of_a_confirmation_uses_up_the_same() {
    let (server, prover, other) = (Server::new(), prover(), prover());
    let this = action(ARGUMENTS);
    let there = There::b(&server);
    let tokens = || server.verifier().trust(there.trusted()).build();
    let grant = by_user(&details(&this));
    let token = server.issue(&granted(grant.clone(), &prover));
    let parent = server.verifier().build().verify(&token, NOW).unwrap();
    let mut all = vec![show(tokens(), &token, &prover).await];
    // Of a refresh token.
    all.push(authorize(&server, &granted(grant.clone(), &prover), &prover).await);
    // By exchange, for the same agent, and for another with a key of its own.
    for (agent, holder) in [(AGENT, &prover), ("spiffe://acme.example/agents/other", &other)] {
        let derived = Derivation::of(&parent, agent, tool()).derive(NOW).unwrap();
        let derived = derived.bound_to(TokenBinding::Key(holder.thumbprint()));
        all.push(authorize(&server, derived.request(), holder).await);
    }
    // By grants for another domain, whose tokens are good at this tool, too.
    for _ in 0..2 {
        let derived = to_b(&parent).details(grant.clone()).derive(&targets(), NOW).unwrap();
        let foreign = there.judge(&issue(&server, derived.request())).unwrap();
        let redeemed = foreign.redeem(&ask(), &CommonMembers).unwrap();
        let request = redeemed.token(USER, &tool()).unwrap();
        let request =
            request.bound_to(TokenBinding::Key(prover.thumbprint())).lifetime(Duration::from_secs(60));
        all.push(show(tokens(), &there.issue(&request), &prover).await);
    }
    // Whichever comes first is done.
    for first in 0..all.len() {
        let memory = actions();
        memory.redeem(&all[first], &this, NOW).unwrap();
        for again in &all {
            assert_refused!(memory.redeem(again, &this, NOW), "replay", "HIL-41");
        }
        let anew = authorize(&server, &confirmed(&details(&this), &prover), &prover).await;
        memory.redeem(&anew, &this, NOW).unwrap();
    }
}

/// For as long as it is remembered: what comes of it later, by a refresh token, is worth nothing.
#[tokio::test]
async fn hil_41_a_confirmation_counts_for_two_minutes_in_whichever_token() {
    let (server, prover) = (Server::new(), prover());
    let this = action(ARGUMENTS);
    let secs = Duration::from_secs;
    for (at, counts) in [
        (NOW, true),
        (NOW - secs(119), true),
        (NOW - secs(120), false),
        (NOW - secs(100_000), false),
        (NOW + secs(30), true),
        (NOW + secs(31), false),
        (aims_keys::UnixTime::from_secs(0), false),
        (aims_keys::UnixTime::MAX, false),
    ] {
        let given = details(&this).confirmed(backend::ring(), at).unwrap();
        let given = authorize(&server, &granted(given, &prover), &prover).await;
        let memory = actions();
        if counts {
            memory.redeem(&given, &this, NOW).unwrap();
            let last = at + secs(119);
            assert_refused!(memory.redeem(&given, &this, last), "replay", "HIL-41", "{at}");
        } else {
            assert_refused!(memory.redeem(&given, &this, NOW), "confirmation_time", "HIL-41", "{at}");
        }
    }
}

#[tokio::test]
async fn hil_41_what_has_no_identifier_of_256_bits_and_no_time_is_no_confirmation() {
    let (server, prover) = (Server::new(), prover());
    let this = action(ARGUMENTS);
    let one = details(&this);
    let id = "A".repeat(43);
    for members in [
        String::new(),
        format!(r#","confirmation":"{id}""#),
        r#","confirmed_at":1790000000"#.to_owned(),
        format!(r#","confirmation":"{id}","confirmed_at":"1790000000""#),
        format!(r#","confirmation":"{id}","confirmed_at":1790000000.5"#),
        format!(r#","confirmation":"{id}","confirmed_at":-1"#),
        format!(r#","confirmation":"{id}","confirmed_at":null"#),
        r#","confirmation":"1","confirmed_at":1790000000"#.to_owned(),
        r#","confirmation":1,"confirmed_at":1790000000"#.to_owned(),
        format!(r#","confirmation":"{id}A","confirmed_at":1790000000"#),
        // The same bytes, spelt otherwise.
        format!(r#","confirmation":"{}B","confirmed_at":1790000000"#, "A".repeat(42)),
    ] {
        let text = one.as_json().replace("}]", &format!("{members}}}]"));
        let text = AuthorizationDetails::parse(&text).unwrap();
        let given = authorize(&server, &granted(text, &prover), &prover).await;
        let refused = actions().redeem(&given, &this, NOW).unwrap_err();
        assert_eq!(refused.error_code(), ErrorCode::InvalidToken);
        assert_refused!(Err::<(), _>(refused), "confirmation_id_missing", "HIL-41", "{members}");
    }
}

/// For rules that look at other members than these.
struct Any;

impl DetailRule for Any {
    fn is_within(&self, _: &Detail<'_>, _: &Detail<'_>) -> bool {
        true
    }
}

#[test]
fn hil_41_a_confirmation_is_the_servers_that_asked_and_nobody_changes_it() {
    let one = details(&action(ARGUMENTS));
    let (given, again) = (by_user(&one), by_user(&one));
    assert_ne!(given, again);
    for rule in [&Any as &dyn DetailRule, &CommonMembers] {
        assert!(given.is_within(&given, rule));
        assert!(!again.is_within(&given, rule) && !one.is_within(&given, rule));
        assert!(!given.is_within(&one, rule));
    }
    for members in [r#","confirmation":"x""#, r#","confirmed_at":0"#, r#","c\u006fnfirmation":null"#] {
        let own = one.as_json().replace("}]", &format!("{members}}}]"));
        let refused = AuthorizationDetails::parse(&own).unwrap().confirmed(backend::ring(), NOW).unwrap_err();
        assert_eq!(refused.error_code(), ErrorCode::InvalidAuthorizationDetails);
        assert_refused!(Err::<(), _>(refused), "already_confirmed", "HIL-41", "{members}");
    }
    // Each action has its own; what is no action is left as it is.
    let (first, last) = (one.as_json().trim_matches(['[', ']']), r#"{"type":"trip","confirmation":"x"}"#);
    let several = by_user(&AuthorizationDetails::parse(&format!("[{first},{first},{last}]")).unwrap());
    let several: Vec<_> = several.iter().map(|detail| detail.as_value().raw().to_owned()).collect();
    assert!(several[0].starts_with(first.trim_end_matches('}')) && several[0] != several[1]);
    assert_eq!(several[2], last);
}

#[test]
fn hil_41_no_request_brings_the_word_of_a_user() {
    let one = details(&action(ARGUMENTS));
    let given = by_user(&one);
    let half = AuthorizationDetails::parse(&one.as_json().replace("}]", r#","confirmed_at":1}]"#)).unwrap();
    let forms = |details: &AuthorizationDetails| {
        let form = |fields: &[(&str, &str)]| {
            let mut form = NewParameters::new();
            for (name, value) in fields {
                form.add(name, value);
            }
            form.add("authorization_details", details.as_json());
            Parameters::parse(form.as_str().as_bytes()).unwrap()
        };
        let code = [
            ("response_type", "code"),
            ("client_id", "a"),
            ("redirect_uri", "https://a.example/cb"),
            ("code_challenge_method", "S256"),
        ];
        let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
        let code = [&code[..], &[("code_challenge", challenge), ("state", "s"), ("scope", "a")]].concat();
        (
            form(&[("grant_type", "client_credentials")]),
            form(&code),
            form(&[("scope", "openid"), ("login_hint", "u")]),
        )
    };
    let (own, code, elsewhere) = forms(&one);
    TokenRequest::read(&own).unwrap();
    AuthorizationRequest::read(&code).unwrap();
    BackchannelRequest::read(&elsewhere, BackchannelClient::polling()).unwrap();
    for details in [&given, &half] {
        let (own, code, elsewhere) = forms(details);
        let refused = TokenRequest::read(&own).unwrap_err();
        assert_eq!(refused.error_code(), ErrorCode::InvalidAuthorizationDetails);
        assert_refused!(Err::<(), _>(refused), "already_confirmed", "HIL-41");
        assert_refused!(AuthorizationRequest::read(&code), "already_confirmed", "HIL-41");
        let refused = BackchannelRequest::read(&elsewhere, BackchannelClient::polling());
        assert_refused!(refused, "already_confirmed", "HIL-41");
    }
}

#[tokio::test]
async fn hil_41_a_confirmation_is_short_bound_and_remembered_or_it_is_none() {
    let (server, prover) = (Server::new(), prover());
    let this = action(ARGUMENTS);
    let long = confirmed(&details(&this), &prover).lifetime(Duration::from_secs(121));
    let long = authorize(&server, &long, &prover).await;
    assert_refused!(actions().redeem(&long, &this, NOW), "confirmation_too_long", "HIL-41");
    let loose = request().details(by_user(&details(&this))).lifetime(Duration::from_secs(60));
    let loose = authorize(&server, &loose, &prover).await;
    assert_refused!(actions().redeem(&loose, &this, NOW), "confirmation_not_bound", "HIL-41");
    let full = ConfirmedActions::new(ReplayMemory::with_capacity(0), backend::ring());
    let good = authorize(&server, &confirmed(&details(&this), &prover), &prover).await;
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
