//! Who may exchange which token.

use std::time::Duration;

#[cfg(feature = "mtls")]
use aims_credential::Credential;
use aims_credential::{BundleSet, VerifiedWit, WitVerifier};
#[cfg(feature = "mtls")]
use aims_jose::Thumbprint;
use aims_jose::{Jwk, JwkSet};
#[cfg(feature = "mtls")]
use aims_keys::AsyncSigner;
use aims_keys::{Signer, SoftwareKey, UnixTime, backend};
use aims_oauth::{
    AccessTokenIssuer, AccessTokenRequest, ActorToken, AuthenticatedClient, ClientKey, CrossDomain,
    Derivation, DpopProver, DpopRequest, DpopTarget, DpopVerifier, ErrorCode, ExchangeParties, GrantIssuer,
    GrantProfile, GrantVerifier, Issuer, NewActor, NewParameters, Parameters, PresentedClient,
    RegisteredClient, Targets, TokenBinding, Transcription, TrustedIssuer, VerifiedAccessToken,
    VerifiedDpopProof,
};
#[cfg(feature = "mtls")]
use aims_oauth::{PeerCertificate, RegisteredMethod};
use aims_proof::ReplayMemory;
#[cfg(feature = "mtls")]
use aims_testkit::TestCertificates;
use aims_testkit::{TestAuthority, assert_refused};

use crate::client::support::prover;
#[cfg(feature = "mtls")]
use crate::client_auth::support::form;
use crate::client_auth::support::{Registry, authenticator, key};
use crate::world::*;

/// A client by its name, authenticated with a key that binds nothing.
pub(crate) async fn client(id: &str) -> AuthenticatedClient {
    let key = std::sync::Arc::new(key());
    let registry = Registry::with_key(id, &key);
    let assertion = ClientKey::new(id, key as std::sync::Arc<SoftwareKey>, Some("k"))
        .unwrap()
        .assertion(&issuer())
        .sign(NOW)
        .await
        .unwrap();
    let mut form = NewParameters::new();
    assertion.add_to(&mut form);
    let form = Parameters::parse(form.as_str().as_bytes()).unwrap();
    let presented = PresentedClient::read(&form, []).unwrap();
    let registered = registry.find(presented.lookup());
    authenticator().build().authenticate(presented, registered, NOW).unwrap()
}

/// The proof of a request to the token endpoint.
pub(crate) async fn proof(prover: &DpopProver) -> VerifiedDpopProof {
    let target: DpopTarget = "https://as.example/token".parse().unwrap();
    let proof = prover.proof("POST", &target).sign(NOW).await.unwrap();
    let verifier = DpopVerifier::builder(ReplayMemory::with_capacity(10), backend::ring()).build();
    verifier.verify([proof], &DpopRequest::new("POST", &target), NOW).unwrap()
}

pub(crate) fn token(server: &Server, request: &AccessTokenRequest<'_>) -> VerifiedAccessToken {
    server.verifier().build().verify(&server.issue(request), NOW).unwrap()
}

pub(crate) fn bound<'a>(request: AccessTokenRequest<'a>, prover: &DpopProver) -> AccessTokenRequest<'a> {
    request.bound_to(TokenBinding::Key(prover.thumbprint()))
}

fn of(client_id: &str) -> AccessTokenRequest<'_> {
    AccessTokenRequest::new(USER, client_id, tool()).scope("trips:read".parse().unwrap())
}

#[tokio::test]
async fn exc_9_a_bound_token_is_exchanged_by_its_holder_or_by_whom_it_was_sent_to() {
    let server = Server::new();
    let (agent, tool_client) = (client(AGENT).await, client("tool").await);
    let holder = prover();
    let subject = token(&server, &bound(of(AGENT), &holder));
    let (own, other) = (proof(&holder).await, proof(&prover()).await);
    let shown = |client, proof| ExchangeParties::new(client, &subject).with_dpop(proof).check(NOW);
    shown(&agent, Some(&own)).unwrap();
    assert_refused!(shown(&agent, None), "subject_not_shown", "EXC-9");
    assert_refused!(shown(&agent, Some(&other)), "subject_not_shown", "EXC-9");

    let parties = ExchangeParties::new(&tool_client, &subject);
    let own_resources = [tool()];
    let checked = parties.client_serves(&own_resources).check(NOW).unwrap();
    // EXC-6: no actor token, so the client acts, and its name needs no issuer.
    let derived = || checked.derive("https://inner.example".parse().unwrap());
    // Of a bound token comes no other by accident.
    assert_refused!(derived().derive(NOW), "unbound", "SEC-4");
    assert!(derived().bound_to(TokenBinding::Key(holder.thumbprint())).derive(NOW).is_ok());
    let derived = derived().dangerous_bearer().derive(NOW).unwrap();
    let issued = server.issuer().issue(derived.request(), NOW).unwrap().into_token();
    let claims = server.verifier().also_known_as("https://inner.example".parse().unwrap()).build();
    let issued = claims.verify(&issued, NOW).unwrap();
    let actor = issued.actors().current().unwrap();
    assert_eq!((&*actor.subject(), actor.issuer()), ("tool", None));

    let elsewhere = ["https://tools.example".parse().unwrap()];
    assert_refused!(parties.client_serves(&elsewhere).check(NOW), "subject_not_shown", "EXC-9");
    assert_refused!(parties.check(NOW), "subject_not_shown", "EXC-9");
    // What is bound to nothing, a policy has to decide about (EXC-1).
    let bearer = token(&server, &of(AGENT));
    ExchangeParties::new(&tool_client, &bearer).check(NOW).unwrap();
    let end = bearer.not_after();
    assert_refused!(ExchangeParties::new(&tool_client, &bearer).check(end), "expired", "EXC-2");
}

#[tokio::test]
async fn exc_7_an_actor_token_is_the_clients_and_shown_to_be() {
    let server = Server::new();
    let agent = client(AGENT).await;
    let holder = prover();
    let own = proof(&holder).await;
    let subject = token(&server, &of("somebody"));
    let judge = |actor: &VerifiedAccessToken, proof| {
        let parties = ExchangeParties::new(&agent, &subject).acting_by(ActorToken::AccessToken(actor));
        parties.with_dpop(proof).check(NOW).map(|_| ())
    };
    let actor = token(&server, &bound(of(AGENT), &holder));
    judge(&actor, Some(&own)).unwrap();
    assert_refused!(judge(&actor, None), "actor_not_shown", "EXC-7");
    let other = proof(&prover()).await;
    assert_refused!(judge(&actor, Some(&other)), "actor_not_shown", "EXC-7");
    // One that has ended, though the subject token has not.
    let short = token(&server, &bound(of(AGENT), &holder).lifetime(Duration::from_secs(100)));
    let parties = ExchangeParties::new(&agent, &subject).acting_by(ActorToken::AccessToken(&short));
    parties.with_dpop(Some(&own)).check(NOW + Duration::from_secs(99)).unwrap();
    let refused = parties.with_dpop(Some(&own)).check(NOW + Duration::from_secs(100));
    assert_refused!(refused, "expired", "EXC-2");
    // A bearer token shows nothing.
    assert_refused!(judge(&token(&server, &of(AGENT)), Some(&own)), "actor_not_shown", "EXC-7");
    // Another's, though its key were shown.
    let others = token(&server, &bound(of("another"), &holder));
    assert_refused!(judge(&others, Some(&own)), "other_actor", "EXC-7");
    // Issued to another client, and naming this one.
    let naming = bound(AccessTokenRequest::new(AGENT, "another", tool()), &holder);
    judge(&token(&server, &naming), Some(&own)).unwrap();
    assert_eq!(aims_oauth::ExchangeError::ActorNotShown.error_code(), ErrorCode::InvalidRequest);
}

#[tokio::test]
async fn exc_6_exc_7_by_an_actor_token_about_somebody_else_nobody_acts_as_that_one() {
    let server = Server::new();
    let search = "spiffe://acme.example/tools/search";
    let (tool_client, holder) = (client(search).await, prover());
    let own = proof(&holder).await;
    let mine = |derivation: Derivation<'_>| {
        let derived = derivation.derive(NOW).unwrap().bound_to(TokenBinding::Key(holder.thumbprint()));
        token(&server, derived.request())
    };
    // What the tool got for the token of an agent that acts for itself: the agent is its subject, and the tool acts.
    let autonomous = token(&server, &AccessTokenRequest::new(AGENT, AGENT, tool()));
    let about_agent = mine(Derivation::of(&autonomous, search, tool()));
    // A user's own, that was given to the tool.
    let about_user = token(&server, &bound(of(search), &holder));
    let users = token(&server, &of("spiffe://acme.example/agents/other"));
    for actor in [&about_agent, &about_user] {
        let parties = ExchangeParties::new(&tool_client, &users).acting_by(ActorToken::AccessToken(actor));
        let checked = parties.with_dpop(Some(&own)).check(NOW).unwrap();
        let result = token(&server, checked.derive(tool()).derive(NOW).unwrap().request());
        let acts = result.actors().current().unwrap();
        assert_eq!((&*acts.subject(), acts.issuer().as_deref()), (search, Some(ISSUER)));
    }
    // By which somebody else acts, though it is about the client.
    let theirs = AccessTokenRequest::new(search, "another", tool()).acting(NewActor::new("another"));
    let theirs = token(&server, &bound(theirs, &holder));
    let parties = ExchangeParties::new(&tool_client, &users).acting_by(ActorToken::AccessToken(&theirs));
    assert_refused!(parties.with_dpop(Some(&own)).check(NOW), "other_actor", "EXC-7");
}

#[tokio::test]
async fn exc_5_exc_7_names_of_another_issuer_are_no_names_here() {
    let (server, other) = (Server::new(), Server::new());
    let theirs: Issuer = "https://as.partner.example".parse().unwrap();
    let jwk = Jwk::new(Signer::public_key(&*other.key).clone()).with_key_id("p-1").unwrap();
    let verifier =
        server.verifier().trust(TrustedIssuer::new(theirs.clone(), JwkSet::new(vec![jwk]).unwrap())).build();
    let partner = AccessTokenIssuer::new(theirs, other.key.clone(), "p-1").unwrap();
    let issued = |request: &AccessTokenRequest<'_>| {
        verifier.verify(partner.issue(request, NOW).unwrap().token(), NOW).unwrap()
    };

    // Its own client is called as ours is.
    let (search, holder) = (client("search").await, prover());
    let own = proof(&holder).await;
    let subject = verifier
        .verify(&server.token_with(r#","may_act":{"sub":"payments-bot"},"scope":"pay""#), NOW)
        .unwrap();
    for actor in [("payments-bot", "search"), ("search", "search")] {
        let actor = issued(&bound(AccessTokenRequest::new(actor.0, actor.1, tool()), &holder));
        let parties = ExchangeParties::new(&search, &subject).acting_by(ActorToken::AccessToken(&actor));
        assert_refused!(parties.with_dpop(Some(&own)).check(NOW), "other_actor", "EXC-7");
    }
    let named =
        Derivation::of(&subject, "search", tool()).acting("payments-bot", Some("https://as.partner.example"));
    assert_refused!(named.derive(NOW), "other_actor", "EXC-5");

    // Its user is no user of ours, whatever both are called.
    let foreign = issued(&AccessTokenRequest::new("alice", "bot", tool()).scope("pay".parse().unwrap()));
    let derived = Derivation::of(&foreign, AGENT, tool()).derive(NOW).unwrap();
    assert_refused!(server.issuer().issue(derived.request(), NOW), "foreign_parent", "EXC-4");
    let there: Issuer = "https://as.b.example".parse().unwrap();
    let targets = Targets::new().with(there.clone(), Transcription::minimal());
    let crossed = CrossDomain::id_jag(&foreign, AGENT, there, "agent-at-b").derive(&targets, NOW).unwrap();
    let grants = GrantIssuer::new(issuer(), server.key.clone(), "as-1").unwrap();
    assert_refused!(grants.issue(crossed.request(), NOW), "foreign_parent", "EXC-4");
}

#[tokio::test]
async fn exc_9_jag_10_sec_4_what_comes_of_an_exchange_is_bound_to_what_was_shown_and_nobody_is_a_tool_by_name()
 {
    let server = Server::new();
    let (agent, holder) = (client(AGENT).await, prover());
    let own = proof(&holder).await;
    let subject = token(&server, &bound(of(AGENT), &holder));
    let checked = ExchangeParties::new(&agent, &subject).with_dpop(Some(&own)).check(NOW).unwrap();
    let derived = token(&server, checked.derive(tool()).derive(NOW).unwrap().request());
    assert_eq!(derived.binding(), Some(&TokenBinding::Key(holder.thumbprint())));
    let there: Issuer = "https://as.b.example".parse().unwrap();
    let targets = Targets::new().with(there.clone(), Transcription::minimal());
    let grants = GrantIssuer::new(issuer(), server.key.clone(), "as-1").unwrap();
    let there_verifier =
        GrantVerifier::builder(there.clone(), ReplayMemory::with_capacity(10), backend::ring())
            .trust(server.trusted(), &[GrantProfile::Chaining, GrantProfile::IdJag])
            .build();
    for crossed in
        [checked.id_jag(there.clone(), "agent-at-b"), checked.chaining(there.clone(), "agent-at-b")]
    {
        let grant = grants.issue(crossed.derive(&targets, NOW).unwrap().request(), NOW).unwrap();
        let judged = there_verifier.verify(grant.grant(), "agent-at-b", None, NOW);
        assert_refused!(judged, "other_key", "JAG-23");
    }

    // A public client that says it is the tool, with a token that was on its way there.
    let form = Parameters::parse(b"client_id=tool").unwrap();
    let presented = PresentedClient::read(&form, []).unwrap();
    let registered = RegisteredClient::public("tool");
    let nobody = authenticator().build().authenticate(presented, Some(&registered), NOW).unwrap();
    let own_resources = [tool()];
    let refused = ExchangeParties::new(&nobody, &subject).client_serves(&own_resources).check(NOW);
    assert_refused!(refused, "subject_not_shown", "EXC-9");
}

#[tokio::test]
async fn exc_7_tokens_of_different_transactions_are_not_spliced() {
    let server = Server::new();
    let agent = client(AGENT).await;
    let holder = prover();
    let own = proof(&holder).await;
    let with = |transaction: Option<&'static str>| {
        let request = bound(of(AGENT), &holder);
        let request = match transaction {
            Some(id) => request.transaction(id),
            None => request,
        };
        token(&server, &request)
    };
    for (subject, actor, is_taken) in [
        (Some("t-1"), Some("t-1"), true),
        (Some("t-1"), None, true),
        (None, Some("t-1"), true),
        (Some("t-1"), Some("t-2"), false),
    ] {
        let (subject, actor) = (with(subject), with(actor));
        let parties = ExchangeParties::new(&agent, &subject).acting_by(ActorToken::AccessToken(&actor));
        let checked = parties.with_dpop(Some(&own)).check(NOW);
        if is_taken {
            checked.unwrap();
        } else {
            assert_refused!(checked, "other_transaction", "EXC-7");
        }
    }
}

#[tokio::test]
async fn exc_6_exc_7_a_wit_says_who_acts_where_its_key_is_shown() {
    let server = Server::new();
    let authority = TestAuthority::new("spiffe://acme.example");
    let agent_key = std::sync::Arc::new(key());
    let agent = authority.agent_with_key("/agents/travel", agent_key.clone(), NOW);
    let verifier = WitVerifier::builder(BundleSet::from(authority.trust()), backend::ring()).build();
    let wit: VerifiedWit = verifier.verify(agent.wit(), NOW).unwrap();
    let own = proof(&DpopProver::new(agent_key).unwrap()).await;
    let subject = token(&server, &of("somebody"));
    let known = client(AGENT).await;
    let judge = |client, proof, now: UnixTime| {
        let parties = ExchangeParties::new(client, &subject).acting_by(ActorToken::Wit(&wit));
        parties.with_dpop(proof).check(now).map(|checked| {
            let derived = checked.derive(tool()).derive(now).unwrap();
            server.issuer().issue(derived.request(), now).unwrap().into_token()
        })
    };
    let issued = judge(&known, Some(&own), NOW).unwrap();
    let issued = server.verifier().build().verify(&issued, NOW).unwrap();
    let actor = issued.actors().current().unwrap();
    assert_eq!(actor.subject(), AGENT);
    assert_eq!(actor.issuer().as_deref(), wit.issuer());
    assert_refused!(judge(&known, None, NOW), "actor_not_shown", "EXC-7");
    let another = client("spiffe://acme.example/agents/other").await;
    assert_refused!(judge(&another, Some(&own), NOW), "other_actor", "EXC-7");
    // Though the subject token lives longer.
    let patient = server.issuer().with_max_lifetime(Duration::from_secs(24 * 3600));
    let long = patient.issue(&of("somebody").lifetime(Duration::from_secs(24 * 3600)), NOW).unwrap();
    let long = server.verifier().build().verify(long.token(), NOW).unwrap();
    assert!(long.not_after() > wit.not_after());
    let parties = ExchangeParties::new(&known, &long).acting_by(ActorToken::Wit(&wit)).with_dpop(Some(&own));
    parties.check(wit.not_after() - Duration::from_secs(1)).unwrap();
    assert_refused!(parties.check(wit.not_after()), "expired", "EXC-2");
}

/// A client that its certificate speaks for, which nobody vouches for.
#[cfg(feature = "mtls")]
fn by_certificate(id: &str) -> (AuthenticatedClient, Thumbprint) {
    let acme = TestCertificates::new("spiffe://acme.example", NOW);
    let holder = acme.holder("/agents/travel", NOW);
    let Credential::Svid(svid) = holder.credential() else { panic!("a certificate") };
    let key = AsyncSigner::public_key(holder.signer(NOW).unwrap()).clone();
    let thumbprint = Thumbprint::of(&key);
    let keys = JwkSet::new(vec![Jwk::new(key)]).unwrap();
    let registered = RegisteredClient::new(id, RegisteredMethod::SelfSignedTls(std::sync::Arc::new(keys)));
    let form = form(&[("client_id", id)]);
    let certificate = PeerCertificate::unverified(&svid.chain()[0], backend::ring());
    let presented = PresentedClient::read(&form, []).unwrap().with_certificate(certificate);
    (authenticator().build().authenticate(presented, Some(&registered), NOW).unwrap(), thumbprint)
}

#[cfg(feature = "mtls")]
#[tokio::test]
async fn exc_7_exc_9_mtl_2_a_client_shows_the_certificate_that_it_authenticated_with() {
    let server = Server::new();
    let (agent, key) = by_certificate(AGENT);
    let own = *agent.binding().unwrap();
    let bound = |binding| token(&server, &of(AGENT).bound_to(binding));
    let (subject, free) = (bound(own), token(&server, &of("somebody")));
    let judge = |client, subject: &VerifiedAccessToken, actor: Option<&VerifiedAccessToken>| {
        let parties = ExchangeParties::new(client, subject);
        let actor = actor.map(ActorToken::AccessToken);
        actor.map_or(parties, |actor| parties.acting_by(actor)).check(NOW).map(drop)
    };
    judge(&agent, &subject, None).unwrap();
    judge(&agent, &free, Some(&subject)).unwrap();
    // Another certificate, or its key, which the certificate does not show.
    for other in [TokenBinding::Certificate([7; 32]), TokenBinding::Key(key)] {
        let other = bound(other);
        assert_refused!(judge(&agent, &other, None), "subject_not_shown", "EXC-9");
        assert_refused!(judge(&agent, &free, Some(&other)), "actor_not_shown", "EXC-7");
    }
    // Whoever has the token, and not the certificate.
    let (thief, by_key) = (by_certificate(AGENT).0, client(AGENT).await);
    for other in [&thief, &by_key] {
        assert_refused!(judge(other, &subject, None), "subject_not_shown", "EXC-9");
        assert_refused!(judge(other, &free, Some(&subject)), "actor_not_shown", "EXC-7");
    }
    let proof = proof(&prover()).await;
    let refused = ExchangeParties::new(&by_key, &subject).with_dpop(Some(&proof)).check(NOW);
    assert_refused!(refused, "subject_not_shown", "EXC-9");
}
