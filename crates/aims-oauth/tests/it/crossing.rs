//! From a token of one domain, by a grant, to a token of another.

use std::sync::Arc;
use std::time::Duration;

use aims_credential::{Lapsed, LineageId, Mark, MarkKey, MarkTable};
use aims_jose::{Jwk, JwkSet};
use aims_keys::{Algorithm, SoftwareKey, backend};
use aims_oauth::{
    AccessToken, AccessTokenError, AccessTokenIssuer, AccessTokenRequest, AccessTokenVerifier,
    AuthorizationDetails, CommonMembers, CrossDomain, Derivation, DerivationError, ErrorCode, Grant,
    GrantError, GrantIssuer, GrantProfile, GrantRequest, GrantVerifier, Issuer, NewActor, Resource,
    SecurityToken, Targets, TokenBinding, TokenRequest, Transcription, TrustedIssuer, VerifiedAccessToken,
    VerifiedGrant,
};
use aims_proof::ReplayMemory;
use aims_testkit::assert_refused;

use crate::grants::{proof_of, prover};
use crate::world::*;

/// The agent, as the other domain knows it.
const CLIENT: &str = "agent-at-b";

fn api() -> Resource {
    "https://api.b.example".parse().unwrap()
}

fn more() -> Resource {
    "https://more.b.example".parse().unwrap()
}

fn details(actions: &str) -> AuthorizationDetails {
    AuthorizationDetails::parse(&format!(r#"[{{"type":"booking","actions":[{actions}]}}]"#)).unwrap()
}

/// The other domain: a server, and a resource of its own.
pub(crate) struct There {
    name: &'static str,
    key: Arc<SoftwareKey>,
    marks: Arc<MarkTable>,
    grants: GrantVerifier,
}

impl There {
    fn new(name: &'static str, trusted: TrustedIssuer) -> Self {
        let marks = Arc::new(MarkTable::with_capacity(100));
        let profiles = [GrantProfile::Chaining, GrantProfile::IdJag];
        let grants =
            GrantVerifier::builder(name.parse().unwrap(), ReplayMemory::with_capacity(100), backend::ring())
                .trust(trusted, &profiles)
                .marks(Arc::clone(&marks))
                .build();
        let key = Arc::new(SoftwareKey::generate(Algorithm::Es256, backend::ring()).unwrap());
        Self { name, key, marks, grants }
    }

    pub(crate) fn b(server: &Server) -> Self {
        Self::new("https://as.b.example", server.trusted())
    }

    fn issuer(&self) -> Issuer {
        self.name.parse().unwrap()
    }

    pub(crate) fn trusted(&self) -> TrustedIssuer {
        let jwk = Jwk::new(aims_keys::Signer::public_key(&*self.key).clone()).with_key_id("b-1").unwrap();
        TrustedIssuer::new(self.issuer(), JwkSet::new(vec![jwk]).unwrap())
    }

    pub(crate) fn judge(&self, grant: &SecurityToken) -> Result<VerifiedGrant, GrantError> {
        self.grants.verify(grant, CLIENT, None, NOW)
    }

    pub(crate) fn issue(&self, request: &AccessTokenRequest<'_>) -> AccessToken {
        let issuer = AccessTokenIssuer::new(self.issuer(), self.key.clone(), "b-1").unwrap();
        issuer.issue(request, NOW).unwrap().into_token()
    }

    fn verify(&self, request: &AccessTokenRequest<'_>) -> Result<VerifiedAccessToken, AccessTokenError> {
        let token = self.issue(request);
        let verifier = AccessTokenVerifier::builder(api(), self.trusted(), backend::ring());
        verifier.also_known_as(more()).marks(Arc::clone(&self.marks)).build().verify(&token, NOW)
    }
}

pub(crate) fn ask() -> TokenRequest {
    TokenRequest::new(Grant::JwtBearer("a.b.c".parse().unwrap()))
}

pub(crate) fn issue(server: &Server, request: &GrantRequest<'_>) -> SecurityToken {
    GrantIssuer::new(issuer(), server.key.clone(), "as-1")
        .unwrap()
        .issue(request, NOW)
        .unwrap()
        .grant()
        .clone()
}

fn parent(server: &Server, request: &AccessTokenRequest<'_>) -> VerifiedAccessToken {
    server.verifier().build().verify(&server.issue(request), NOW).unwrap()
}

pub(crate) fn to_b(parent: &VerifiedAccessToken) -> CrossDomain<'_> {
    CrossDomain::id_jag(parent, AGENT, "https://as.b.example".parse().unwrap(), CLIENT)
}

pub(crate) fn targets() -> Targets {
    Targets::new().with("https://as.b.example".parse().unwrap(), Transcription::minimal())
}

fn actors(token: &VerifiedAccessToken) -> Vec<(String, Option<String>)> {
    let one = |actor: aims_oauth::Actor<'_>| (actor.subject().into_owned(), actor.issuer().map(Into::into));
    token.actors().iter().map(one).collect()
}

fn own(name: &str) -> (String, Option<String>) {
    (name.to_owned(), None)
}

fn of(issuer: &str, name: &str) -> (String, Option<String>) {
    (name.to_owned(), Some(issuer.to_owned()))
}

#[test]
fn xd_4_jag_3_jag_22_exc_8_aims_26_what_crosses_is_good_for_no_more_on_either_side() {
    let server = Server::new();
    let there = There::b(&server);
    let token = request()
        .details(details(r#""read","book""#))
        .transaction("txn-1")
        .authenticated(NOW, Some("strong"))
        .lifetime(Duration::from_secs(200));
    let token = parent(&server, &token);
    let derived = to_b(&token)
        .scope("trips:read".parse().unwrap())
        .details(details(r#""read""#))
        .resource(api())
        .resource(more())
        .derive(&targets(), NOW)
        .unwrap();
    assert_eq!(
        derived.narrowing().to_string(),
        "for the domain of https://as.b.example, scope without trips:book"
    );
    assert_eq!(derived.narrowing().domain(), Some(&there.issuer()));
    // What its client is told.
    let granted = derived.request();
    assert_eq!(granted.granted_scope().as_str(), "trips:read");
    assert_eq!(granted.granted_details().unwrap().as_json(), details(r#""read""#).as_json());

    let grant = there.judge(&issue(&server, granted)).unwrap();
    assert_eq!(grant.not_after(), token.not_after(), "a grant ends no later than what it comes from");
    assert_eq!((grant.resources(), grant.client_id()), (&[api(), more()][..], CLIENT));
    assert_eq!((grant.transaction(), grant.auth_time(), grant.acr()), (None, None, None));
    let redeemed = grant.redeem(&ask(), &CommonMembers).unwrap();
    let there_known = "u-77";
    let read = there.verify(&redeemed.token(there_known, &api()).unwrap()).unwrap();
    assert_eq!((&*read.subject(), &*read.client_id(), read.resource()), ("u-77", CLIENT, &api()));
    assert_eq!(read.scope().as_str(), "trips:read");
    assert_eq!(read.details().unwrap().as_json(), details(r#""read""#).as_json());
    assert_eq!(actors(&read), [own(CLIENT), of(ISSUER, AGENT)]);
    assert!(!read.is_autonomous() && read.binding().is_none());

    // Less by the policy over there, and nothing for a resource that was not granted.
    let less = grant
        .redeem(&ask(), &CommonMembers)
        .unwrap()
        .at_most(&"trips:book x".parse().unwrap())
        .without_details();
    let request = less.token(there_known, &more()).unwrap();
    assert_eq!((request.granted_scope().as_str(), request.granted_details().is_none()), ("", true));
    let other: Resource = "https://other.b.example".parse().unwrap();
    assert_refused!(less.token(there_known, &other).map(|_| ()), "resource_widened", "JAG-22");
    // Of what a grant says nothing, the policy over there decides.
    let silent = there.judge(&issue(&server, &GrantRequest::chaining(USER, there.issuer()))).unwrap();
    let all = silent.redeem(&ask(), &CommonMembers).unwrap();
    assert_eq!(all.token("u", &other).unwrap().granted_scope().as_str(), "");
    let asked = ask().scope("admin:everything".parse().unwrap());
    let asked = silent.redeem(&asked, &CommonMembers).unwrap();
    assert_eq!(asked.token("u", &other).unwrap().granted_scope().as_str(), "", "nobody granted it");
    let asked = asked.by_default("y".parse().unwrap()).at_most(&"admin:everything x".parse().unwrap());
    assert_eq!(asked.token("u", &other).unwrap().granted_scope().as_str(), "admin:everything");
    let none = all.clone().at_most(&"x".parse().unwrap());
    assert_eq!(none.token("u", &other).unwrap().granted_scope().as_str(), "", "nobody asked for it");
    let all = all.by_default("x y".parse().unwrap()).at_most(&"x".parse().unwrap());
    assert_eq!(all.token("u", &other).unwrap().granted_scope().as_str(), "x");
}

#[test]
fn xd_2_xd_4_jag_3_what_is_more_is_refused_and_not_cut_down() {
    let server = Server::new();
    let token = parent(&server, &request().details(details(r#""read""#)));
    let other: Issuer = "https://as.c.example".parse().unwrap();
    for (derivation, code, rule, error) in [
        (
            to_b(&token).scope("trips:read trips:pay".parse().unwrap()),
            "scope_widened",
            "EXC-3",
            ErrorCode::InvalidScope,
        ),
        (
            to_b(&token).details(details(r#""book""#)),
            "details_widened",
            "EXC-3",
            ErrorCode::InvalidAuthorizationDetails,
        ),
        (
            CrossDomain::chaining(&token, AGENT, other, CLIENT),
            "unknown_target",
            "XD-2",
            ErrorCode::InvalidTarget,
        ),
    ] {
        let refused = derivation.derive(&targets(), NOW).unwrap_err();
        assert_eq!(refused.error_code(), error);
        assert_refused!(Err::<(), _>(refused), code, rule);
    }
    // Nothing in a grant says that there is no scope.
    let none = to_b(&token).scope(aims_oauth::Scope::none()).derive(&targets(), NOW);
    assert_refused!(none, "no_scope", "XD-4");
    assert_eq!(DerivationError::NoScope.error_code(), ErrorCode::InvalidScope);
    assert_refused!(to_b(&token).derive(&targets(), token.not_after()), "expired", "EXC-2");
    assert_refused!(to_b(&token).derive(&Targets::new(), NOW), "unknown_target", "XD-2");

    // Who may act is said, and it is somebody else.
    let read = |members: &str| server.verifier().build().verify(&server.token_with(members), NOW).unwrap();
    let named = read(r#","scope":"x","may_act":{"sub":"spiffe://acme.example/tools/search"}"#);
    assert_refused!(to_b(&named).derive(&targets(), NOW), "other_actor", "EXC-5");
    assert!(to_b(&named).acting("spiffe://acme.example/tools/search", None).derive(&targets(), NOW).is_ok());

    // Eight who acted are as many as anybody reads; who is not told of them does not care.
    let eight = (0..7).fold(r#"{"sub":"a"}"#.to_owned(), |act, _| format!(r#"{{"sub":"a","act":{act}}}"#));
    let long = read(&format!(r#","scope":"x","act":{eight}"#));
    let all = Targets::new()
        .with("https://as.b.example".parse().unwrap(), Transcription::minimal().with_all_actors());
    assert_refused!(to_b(&long).derive(&all, NOW), "too_many_actors", "WIR-9");
    assert!(to_b(&long).derive(&targets(), NOW).is_ok());
}

#[test]
fn xd_6_aims_49_jag_7_a_domain_is_told_what_is_written_down_for_it() {
    let server = Server::new();
    let token =
        request().details(details(r#""read""#)).transaction("txn-1").authenticated(NOW, Some("strong"));
    let token = parent(&server, &token.acting(NewActor::new("spiffe://acme.example/agents/first")));
    let names = |told: Transcription| {
        let targets = Targets::new().with("https://as.b.example".parse().unwrap(), told);
        let grant = issue(&server, to_b(&token).derive(&targets, NOW).unwrap().request());
        let grant = There::b(&server).judge(&grant).unwrap();
        let mut names: Vec<_> =
            grant.claims().as_object().iter().map(|(name, _)| name.as_str().into_owned()).collect();
        names.sort_unstable();
        let acted: Vec<_> = grant.actors().iter().map(|actor| actor.subject().into_owned()).collect();
        (names.join(" "), acted, grant)
    };
    let (least, acted, _) = names(Transcription::minimal());
    assert_eq!(least, "act aims_lineage aud client_id exp iat iss jti scope sub");
    assert_eq!(acted, [AGENT]);
    let told = Transcription::minimal().of_tenant("t-1").with_authentication();
    let (more, acted, grant) = names(told.with_transaction().with_all_actors());
    assert_eq!(more, "acr act aims_lineage aud auth_time client_id exp iat iss jti scope sub tenant txn");
    assert_eq!(acted, [AGENT, "spiffe://acme.example/agents/first"]);
    assert_eq!((&*grant.subject(), grant.tenant().as_deref()), (USER, Some("t-1")));
    assert_eq!((grant.auth_time(), grant.acr().as_deref()), (Some(NOW), Some("strong")));

    // What another domain calls strong is no word of this one; when the user was there, is.
    let there = There::b(&server);
    let redeemed = grant.redeem(&ask(), &CommonMembers).unwrap();
    let read = there.verify(&redeemed.token("u", &api()).unwrap()).unwrap();
    assert_eq!(
        (read.auth_time(), read.acr(), read.transaction().as_deref()),
        (Some(NOW), None, Some("txn-1"))
    );
    let before = "spiffe://acme.example/agents/first";
    assert_eq!(actors(&read), [own(CLIENT), of(ISSUER, AGENT), of(ISSUER, before)]);
}

#[test]
fn xd_6_subjects_go_by_the_names_that_they_have_there() {
    let server = Server::new();
    let targets =
        targets().names("https://as.b.example".parse().unwrap(), [("alice", "u-77"), ("bob", "u-78")]);
    let crossed = |user: &str| {
        let token = AccessTokenRequest::new(user, AGENT, tool()).scope("x".parse().unwrap());
        let token = parent(&server, &token);
        let derived = to_b(&token).derive(&targets, NOW)?;
        Ok(There::b(&server).judge(&issue(&server, derived.request())).unwrap().subject().into_owned())
    };
    assert_eq!((crossed("alice").unwrap(), crossed("bob").unwrap()), ("u-77".to_owned(), "u-78".to_owned()));
    // Over there, whoever knows no such user says so.
    assert_eq!(GrantError::UnknownSubject.error_code(), ErrorCode::InvalidGrant);
    let refused: Result<String, DerivationError> = crossed("carol");
    assert_refused!(refused, "unknown_subject", "XD-6");
}

#[test]
fn azr_10_jag_24_who_was_cut_off_here_gets_nothing_for_a_grant_from_before() {
    let server = Server::new();
    let there = There::b(&server);
    let grant = issue(&server, to_b(&parent(&server, &request())).derive(&targets(), NOW).unwrap().request());
    let key = MarkKey::Subject { issuer: "https://as.b.example", subject: "u-77" };
    there.marks.set(&key, Mark::not_before(NOW + Duration::from_secs(40))).unwrap();
    let grant = there.grants.verify(&grant, CLIENT, None, NOW + Duration::from_secs(100)).unwrap();
    let redeemed = grant.redeem(&ask(), &CommonMembers).unwrap();
    let refused = redeemed.token("u-77", &api()).map(|_| ());
    assert_refused!(refused, Lapsed::Superseded.code(), Lapsed::Superseded.rule());
    assert!(redeemed.token("u-78", &api()).is_ok());
    // By the name of a workload, likewise.
    let agent = "spiffe://b.example/agents/x";
    there.marks.set(&MarkKey::Agent(&agent.parse().unwrap()), Mark::dead()).unwrap();
    assert_refused!(redeemed.token(agent, &api()).map(|_| ()), Lapsed::Dead.code(), Lapsed::Dead.rule());
}

#[test]
fn azr_10_aims_26_what_crossed_ends_with_what_it_comes_from() {
    let server = Server::new();
    let (b, c) = (There::b(&server), There::new("https://as.c.example", server.trusted()));
    let first = LineageId::of(ISSUER, "grant-1", backend::ring());
    let second = LineageId::of(ISSUER, "token-2", backend::ring());
    let lineage = aims_oauth::Lineage::of(first).and(second).unwrap();
    let token = parent(&server, &request().from(lineage));
    let grants = GrantIssuer::new(issuer(), server.key.clone(), "as-1").unwrap();
    let both = targets().with(c.issuer(), Transcription::minimal());
    let grant_for = |to: &There| {
        let derived = CrossDomain::id_jag(&token, AGENT, to.issuer(), CLIENT).derive(&both, NOW).unwrap();
        grants.issue(derived.request(), NOW).unwrap()
    };
    let (at_b, at_c) = (grant_for(&b), grant_for(&c));
    // Of all that it comes from the first alone, by a name that two domains cannot compare.
    assert_eq!(at_b.crossed(), Some(&first.across("https://as.b.example", backend::ring())));
    assert!(at_b.crossed() != at_c.crossed() && at_b.crossed() != Some(&first));
    let grant = b.judge(at_b.grant()).unwrap();
    assert_eq!(grant.lineage().ids(), [*at_b.crossed().unwrap()]);
    let redeemed = grant.redeem(&ask(), &CommonMembers).unwrap();
    let request = redeemed.token("u", &api()).unwrap();
    let read = b.verify(&request).unwrap();
    let by_jti = LineageId::of(ISSUER, at_b.token_id(), backend::ring());
    assert_eq!(read.lineage().ids(), [*at_b.crossed().unwrap(), by_jti]);
    assert_eq!(grant.lineage_id(), &by_jti);
    assert!(read.still_valid(NOW, &*b.marks).is_ok());

    // The domain that it comes from says that it has ended.
    b.marks.set(&MarkKey::Token(at_b.crossed().unwrap()), Mark::dead()).unwrap();
    assert_eq!(read.still_valid(NOW, &*b.marks), Err(Lapsed::Dead));
    assert_refused!(b.verify(&request), Lapsed::Dead.code(), Lapsed::Dead.rule());
    assert_refused!(b.judge(at_b.grant()).map(|_| ()), Lapsed::Dead.code(), Lapsed::Dead.rule());
    assert!(c.judge(at_c.grant()).is_ok(), "it was not told");

    // Whatever else is cut off over there ends the grant, too.
    for key in [
        MarkKey::Token(&LineageId::of(ISSUER, at_c.token_id(), backend::ring())),
        MarkKey::Subject { issuer: ISSUER, subject: USER },
        MarkKey::Client { issuer: "https://as.c.example", client: CLIENT },
        MarkKey::Agent(&AGENT.parse().unwrap()),
        // Who acted at home, as a client there.
        MarkKey::Client { issuer: ISSUER, client: AGENT },
    ] {
        let c = There::new("https://as.c.example", server.trusted());
        c.marks.set(&key, Mark::dead()).unwrap();
        assert_refused!(
            c.judge(at_c.grant()).map(|_| ()),
            Lapsed::Dead.code(),
            Lapsed::Dead.rule(),
            "{key:?}"
        );
    }
}

#[test]
fn exc_4_aims_55_a_grant_ends_with_each_agent_that_acted() {
    let server = Server::new();
    let (search, index) = ("spiffe://acme.example/tools/search", "spiffe://acme.example/tools/index");
    let users = parent(&server, &request());
    let child = parent(&server, Derivation::of(&users, search, tool()).derive(NOW).unwrap().request());
    let own = parent(&server, &AccessTokenRequest::new(AGENT, AGENT, tool()).scope("x".parse().unwrap()));
    let all = |there: &There| Targets::new().with(there.issuer(), Transcription::minimal().with_all_actors());
    for (token, involved) in [(child, &[AGENT, search, index][..]), (own, &[AGENT, index])] {
        for agent in involved {
            let b = There::b(&server);
            let crossing = CrossDomain::id_jag(&token, index, b.issuer(), CLIENT);
            let grant = issue(&server, crossing.derive(&all(&b), NOW).unwrap().request());
            let agent = agent.parse().unwrap();
            b.marks.set(&MarkKey::Agent(&agent), Mark::dead()).unwrap();
            let judged = b.judge(&grant).map(|_| ());
            assert_refused!(judged, Lapsed::Dead.code(), Lapsed::Dead.rule(), "{agent}");
            b.marks.clear(&MarkKey::Agent(&agent));
            let grant = b.judge(&grant).unwrap();
            // What comes of it over there ends likewise.
            let redeemed = grant.redeem(&ask(), &CommonMembers).unwrap();
            let request = redeemed.token("u", &api()).unwrap();
            let read = b.verify(&request).unwrap();
            b.marks.set(&MarkKey::Agent(&agent), Mark::dead()).unwrap();
            let acted = actors(&read).iter().any(|(name, _)| name == agent.as_str());
            assert_eq!(read.still_valid(NOW, &*b.marks).is_err(), acted, "{agent}");
        }
    }
}

#[test]
fn exc_8_arch_7_aims_25_each_domain_names_its_own_and_who_acts_for_itself_still_does() {
    let server = Server::new();
    let b = There::b(&server);
    let c = There::new("https://as.c.example", b.trusted());
    let grant = b.judge(&issue(
        &server,
        to_b(&parent(&server, &request())).derive(&targets(), NOW).unwrap().request(),
    ));
    let grant = grant.unwrap();
    let redeemed = grant.redeem(&ask(), &CommonMembers).unwrap();
    let at_b = b.verify(&redeemed.token("u-b", &api()).unwrap()).unwrap();
    // Two domains further, each of the names is still that of the domain that gave it.
    let all = Targets::new().with(c.issuer(), Transcription::minimal().with_all_actors());
    let derived = CrossDomain::chaining(&at_b, "tool-at-b", c.issuer(), CLIENT).derive(&all, NOW).unwrap();
    let grants = GrantIssuer::new(b.issuer(), b.key.clone(), "b-1").unwrap();
    let grant = c.judge(grants.issue(derived.request(), NOW).unwrap().grant()).unwrap();
    let redeemed = grant.redeem(&ask(), &CommonMembers).unwrap();
    let at_c = c.verify(&redeemed.token("u-c", &api()).unwrap()).unwrap();
    let there = "https://as.b.example";
    assert_eq!(actors(&at_c), [own(CLIENT), of(there, "tool-at-b"), of(there, CLIENT), of(ISSUER, AGENT)]);

    // An agent that acts for nobody else.
    let own = parent(&server, &AccessTokenRequest::new(AGENT, AGENT, tool()).scope("x".parse().unwrap()));
    let grant = b.judge(&issue(&server, to_b(&own).derive(&targets(), NOW).unwrap().request())).unwrap();
    assert!(grant.actors().is_empty());
    let redeemed = grant.redeem(&ask(), &CommonMembers).unwrap();
    assert!(b.verify(&redeemed.token(CLIENT, &api()).unwrap()).unwrap().is_autonomous());
    // Not so where another acts for it, or where it is a user over there.
    let helper = to_b(&own).acting("spiffe://acme.example/agents/helper", None);
    let grant = b.judge(&issue(&server, helper.derive(&targets(), NOW).unwrap().request())).unwrap();
    let redeemed = grant.redeem(&ask(), &CommonMembers).unwrap();
    assert!(!b.verify(&redeemed.token(CLIENT, &api()).unwrap()).unwrap().is_autonomous());
    let grant = b.judge(&issue(&server, to_b(&own).derive(&targets(), NOW).unwrap().request())).unwrap();
    let redeemed = grant.redeem(&ask(), &CommonMembers).unwrap();
    assert_eq!(
        actors(&b.verify(&redeemed.token("u", &api()).unwrap()).unwrap()),
        [(CLIENT.to_owned(), None)]
    );
}

#[test]
fn wir_9_what_nobody_would_read_is_not_given() {
    let server = Server::new();
    let there = There::b(&server);
    let grant = |members: &str| {
        let claims = format!(
            r#"{{"iss":"{ISSUER}","sub":"{USER}","aud":"https://as.b.example","iat":1790000000,"exp":1790000060,"jti":"g","client_id":"{CLIENT}",{members}}}"#
        );
        let there = There::b(&server);
        there.judge(&server.sign("oauth-id-jag+jwt", &claims).into()).unwrap()
    };
    let eight = (0..7).fold(r#"{"sub":"a"}"#.to_owned(), |act, _| format!(r#"{{"sub":"a","act":{act}}}"#));
    let long = grant(&format!(r#""act":{eight}"#));
    let redeemed = long.redeem(&ask(), &CommonMembers).unwrap();
    assert_refused!(redeemed.token("u", &api()).map(|_| ()), "too_many_actors", "WIR-9");
    let ids = vec![format!("\"{}\"", "A".repeat(22)); 8].join(",");
    let old = grant(&format!(r#""aims_lineage":[{ids}]"#));
    let redeemed = old.redeem(&ask(), &CommonMembers).unwrap();
    assert_refused!(redeemed.token("u", &api()).map(|_| ()), "lineage_too_long", "WIR-9");
    // Nothing but names is taken over from those who acted elsewhere.
    let noisy =
        grant(r#""act":{"sub":"a","iss":"https://x.example","cnf":{"jkt":"x"},"act":{"sub":"b","exp":1}}"#);
    let redeemed = noisy.redeem(&ask(), &CommonMembers).unwrap();
    let read = there.verify(&redeemed.token("u", &api()).unwrap()).unwrap();
    let act = read.claims().get("act").unwrap().raw().to_owned();
    assert_eq!(
        act,
        format!(
            r#"{{"sub":"{CLIENT}","act":{{"sub":"a","iss":"https://x.example","act":{{"sub":"b","iss":"{ISSUER}"}}}}}}"#
        )
    );
}

#[tokio::test(flavor = "current_thread")]
async fn xd_16_xd_17_jag_10_jag_23_the_key_of_a_grant_is_the_key_of_the_token() {
    let server = Server::new();
    let there = There::b(&server);
    let (prover, other) = (prover(), TokenBinding::Key(prover().thumbprint()));
    let token = parent(&server, &request());
    let derived = to_b(&token).derive(&targets(), NOW).unwrap().bound_to(prover.thumbprint());
    let grant = issue(&server, derived.request());
    assert_refused!(there.judge(&grant).map(|_| ()), "other_key", "JAG-23");
    let proof = proof_of(&prover).await;
    let grant = there.grants.verify(&grant, CLIENT, Some(&proof), NOW).unwrap();
    let redeemed = grant.redeem(&ask(), &CommonMembers).unwrap();
    let bound = there.verify(&redeemed.token("u", &api()).unwrap()).unwrap();
    assert_eq!(bound.binding(), Some(&TokenBinding::Key(prover.thumbprint())));
    // Where a grant is bound to nothing, the token may be; and a key that was cut off is none to bind it to.
    let free = issue(&server, to_b(&token).derive(&targets(), NOW).unwrap().request());
    let with_proof = there.grants.verify(&free, CLIENT, Some(&proof_of(&prover).await), NOW).unwrap();
    let redeemed = with_proof.redeem(&ask(), &CommonMembers).unwrap();
    let read = there.verify(&redeemed.token("u", &api()).unwrap()).unwrap();
    assert_eq!(read.binding(), Some(&TokenBinding::Key(prover.thumbprint())));
    there.marks.set(&MarkKey::Key(&prover.thumbprint()), Mark::dead()).unwrap();
    let refused = there.grants.verify(&free, CLIENT, Some(&proof_of(&prover).await), NOW).map(|_| ());
    assert_refused!(refused, Lapsed::Dead.code(), Lapsed::Dead.rule());
    there.marks.clear(&MarkKey::Key(&prover.thumbprint()));
    let free = there.judge(&issue(&server, to_b(&token).derive(&targets(), NOW).unwrap().request())).unwrap();
    let redeemed = free.redeem(&ask(), &CommonMembers).unwrap();
    let bound = redeemed.token("u", &api()).unwrap().bound_to(other);
    assert_eq!(there.verify(&bound).unwrap().binding(), Some(&other));
}
