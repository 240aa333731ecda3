//! Grants of other domains: what is accepted is for this server and this client, says one of the known kinds, and is used once where that is the rule.

use std::sync::LazyLock;
use std::time::Duration;

use aims_credential::ReplayStore;
use aims_keys::backend;
use aims_oauth::{
    AccessTokenVerifier, CommonMembers, Grant, GrantError, GrantIssuer, GrantProfile, GrantRequest,
    GrantVerifier, Issuer, Parameters, Redemption, Resource, Scope, SecurityToken, TokenRequest,
    VerifiedGrant,
};
use aims_proof::ReplayMemory;

use super::world::{APP, NOW, SERVER, Server, form};

const OWN: &str = "https://inner.example";

const KINDS: [GrantProfile; 3] =
    [GrantProfile::Chaining, GrantProfile::IdJag, GrantProfile::TransactionChain];

static TOOLS: LazyLock<Resource> = LazyLock::new(|| "https://tools.example".parse().expect("a resource"));

/// One of each kind.
static MADE: LazyLock<Vec<String>> = LazyLock::new(|| {
    let issuer =
        GrantIssuer::new(SERVER.issuer.clone(), SERVER.party.key.clone(), Server::KEY_ID).expect("an issuer");
    let own: Issuer = OWN.parse().expect("an issuer");
    let requests = [
        GrantRequest::chaining("user-1", own.clone()).tenant("t"),
        GrantRequest::id_jag("user-1", own.clone(), APP).scope("trips:book".parse().expect("a scope")),
        GrantRequest::transaction_chain("user-1", own, "x-1"),
    ];
    let grant = |request| issuer.issue(&request, NOW).expect("a grant").grant().expose().to_owned();
    requests.map(grant).to_vec()
});

/// A grant, or claims that are signed here as each kind.
pub(super) fn run(input: &[u8]) {
    if input.starts_with(b"{") {
        for kind in KINDS {
            if let Some(grant) = verify(&SERVER.signed(kind.typ(), input)) {
                assert_eq!(grant.profile(), kind, "one kind became another");
            }
        }
        assert!(verify(&SERVER.signed("at+jwt", input)).is_none(), "an access token became a grant");
    } else if let Ok(text) = str::from_utf8(input)
        && verify(text).is_some()
    {
        assert!(MADE.iter().any(|made| made == text), "a grant was accepted that nobody made");
    }
}

fn verify(text: &str) -> Option<VerifiedGrant> {
    let token: SecurityToken = text.parse().ok()?;
    let verifier = verifier(ReplayMemory::with_capacity(2));
    let grant = match verifier.verify(&token, APP, None, NOW) {
        Ok(grant) => grant,
        Err(error) => {
            refused(&error);
            return None;
        }
    };
    check(&grant);
    let again = verifier.verify(&token, APP, None, NOW);
    match grant.profile() {
        // JAG-19: until it ends, for its client.
        GrantProfile::IdJag => assert!(again.is_ok() && grant.token_id().is_some()),
        _ => assert_eq!(again.expect_err("it counts once").code(), "replay"),
    }
    let other = verifier.verify(&token, "another", None, NOW);
    assert!(other.is_err() || grant.claims().get("client_id").is_none(), "another client's grant");
    Some(grant)
}

fn check(grant: &VerifiedGrant) {
    assert_eq!(grant.issuer(), &SERVER.issuer);
    assert!(!grant.subject().is_empty() && grant.subject() != SERVER.issuer.as_str());
    let (leeway, longest) = (Duration::from_secs(30), Duration::from_secs(330));
    assert!(grant.not_after() + leeway > NOW && grant.not_after() <= NOW + longest);
    assert!(grant.key().is_none(), "no key was shown");
    for name in ["events", "nonce", "at_hash", "azp", "cnf"] {
        assert!(grant.claims().get(name).is_none(), "{name}");
    }
    assert!(grant.actors().iter().count() <= 8);
    assert!(grant.profile() != GrantProfile::TransactionChain || grant.transaction().is_some());
    redeem(grant, "");
    redeem(grant, "scope=trips%3Abook+other&resource=https%3A%2F%2Ftools.example");
    redeem(
        grant,
        "authorization_details=%5B%7B%22type%22%3A%22booking%22%2C%22actions%22%3A%5B%22read%22%5D%7D%5D",
    );
}

/// Nothing is given beyond what is granted, and who acted there is not lost.
fn redeem(grant: &VerifiedGrant, wanted: &str) {
    let form = form(|form| TokenRequest::new(Grant::ClientCredentials).write(form));
    let form = [&*form, wanted].join("&");
    let request =
        TokenRequest::read(&Parameters::parse(form.as_bytes()).expect("a form")).expect("a request");
    match grant.redeem(&request, &CommonMembers) {
        Ok(most) => {
            let within = |scope: &Scope| grant.scope().is_none_or(|granted| scope.is_subset_of(granted));
            assert!(most.scope().is_none_or(within), "more scope");
            let is_granted = |resource| grant.resources().is_empty() || grant.resources().contains(resource);
            assert!(most.resources().iter().all(is_granted), "another resource");
            assert!(most.details().is_none_or(|most| {
                grant.details().is_some_and(|granted| most.is_within(granted, &CommonMembers))
            }));
            issue(grant, &most);
        }
        Err(error) => refused(&error),
    }
}

/// What is issued for it is a token that verifies.
fn issue(grant: &VerifiedGrant, most: &Redemption<'_>) {
    let resource = most.resources().first().unwrap_or(&TOOLS);
    let request = match most.token("somebody", resource) {
        Ok(request) => request,
        Err(error) => return refused(&error),
    };
    // More than fits into a token is not issued.
    let Ok(issued) = SERVER.access_tokens().issue(&request, NOW) else { return };
    let verifier = AccessTokenVerifier::builder(resource.clone(), SERVER.trusted(), backend::ring()).build();
    let token = verifier.verify(issued.token(), NOW).expect("what is issued verifies");
    assert_eq!((&*token.subject(), &*token.client_id()), ("somebody", APP));
    assert_eq!(token.actors().iter().count(), grant.actors().iter().count() + 1);
    assert!(token.actors().iter().skip(1).all(|actor| actor.issuer().is_some()), "whose name is it");
    assert_eq!(token.lineage().ids().last(), Some(grant.lineage_id()));
}

fn refused(error: &GrantError) {
    assert!(!error.code().is_empty() && !error.rule().is_empty());
}

fn verifier(replay: impl ReplayStore + 'static) -> GrantVerifier {
    GrantVerifier::builder(OWN.parse().expect("an issuer"), replay, backend::ring())
        .trust(SERVER.trusted(), &KINDS)
        .build()
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = super::texts(&[
        r#"{"iss":"https://as.example","sub":"user-1","aud":"https://inner.example","client_id":"travel-app","exp":1790000060,"iat":1790000000,"jti":"g-1",
        "scope":"trips:book trips:read","resource":"https://tools.example","txn":"x-1","tenant":"t","act":{"sub":"a","act":{"sub":"b"}},"aims_lineage":["AAAAAAAAAAAAAAAAAAAAAA"],"auth_time":1790000000,
        "authorization_details":[{"type":"booking","actions":["read","book"]}]}"#,
        r#"{"iss":"https://as.example","sub":"user-1","aud":["https://inner.example"],"exp":1790000300.5,"nbf":1790000000,"txn":"x-1","resource":["https://tools.example","urn:a"]}"#,
        r#"{"iss":"https://as.example","sub":"u","aud":"https://inner.example","exp":1790000060,"iat":1790000000,"jti":"g-2","client_id":"travel-app",
        "requested_cnf":{"jkt":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}}"#,
        r#"{"iss":"https://inner.example","sub":"https://as.example","aud":"https://inner.example","exp":1790000060,"nonce":"n"}"#,
    ]);
    seeds.extend(MADE.iter().map(|grant| grant.clone().into_bytes()));
    seeds
}
