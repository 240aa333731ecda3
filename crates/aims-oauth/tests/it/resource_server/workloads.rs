//! Tokens of workloads, shown by their signatures and their certificates.

#[cfg(feature = "mtls")]
use aims_credential::BundleSet;
use aims_keys::AsyncSigner;
use aims_oauth::{AccessTokenRequest, BindingPolicy, NewActor, Possession, Shown, TokenBinding};
#[cfg(feature = "mtls")]
use aims_proof::Authenticated;
use aims_testkit::{TestAgent, TestAuthority, assert_refused};
#[cfg(feature = "mtls")]
use aims_testkit::{TestCertificates, TestClock, handshake};

use super::{authorize, server_of, signed};
use crate::world::*;

#[tokio::test(flavor = "current_thread")]
async fn aims_25_sec_4_a_token_of_an_agent_is_used_by_that_agent_with_its_own_key() {
    let (server, acme) = (Server::new(), TestAuthority::new("spiffe://acme.example"));
    let rs = server_of(&server, BindingPolicy::bound());
    let (agent, other) = (acme.agent("/agents/travel", NOW), acme.agent("/agents/thief", NOW));
    let key_of = |agent: &TestAgent| {
        let holder = agent.holder();
        TokenBinding::Key(aims_jose::Thumbprint::of(AsyncSigner::public_key(holder.signer(NOW).unwrap())))
    };
    let token = server.issue(&request().bound_to(key_of(&agent)));
    let field = format!("Bearer {}", token.expose());
    let caller = signed(&acme, &agent, Some(&field)).await;
    let authorized = authorize(&rs, "Bearer", &token, Possession::Workload(&caller)).unwrap();
    assert_eq!((authorized.shown_by(), &*authorized.actor()), (Shown::Signature, AGENT));

    // Stolen, and used by another with a good proof of its own.
    let thief = signed(&acme, &other, Some(&field)).await;
    assert_refused!(
        authorize(&rs, "Bearer", &token, Possession::Workload(&thief)),
        "other_client",
        "AIMS-25"
    );
    // The thief's own name in a token that is bound to the agent's key, and the agent's name with another key.
    let named =
        server.issue(&AccessTokenRequest::new(USER, other.id().as_str(), tool()).bound_to(key_of(&agent)));
    let thief = signed(&acme, &other, Some(&format!("Bearer {}", named.expose()))).await;
    assert_refused!(authorize(&rs, "Bearer", &named, Possession::Workload(&thief)), "other_key", "DPO-6");
    // The agent signed, but not this token.
    for authorization in [None, Some("Bearer another"), Some("another")] {
        let caller = signed(&acme, &agent, authorization).await;
        let refused = authorize(&rs, "Bearer", &token, Possession::Workload(&caller));
        assert_refused!(refused, "token_not_covered", "SEC-4", "{authorization:?}");
    }
    // Who acts is the outermost actor, and not the client that asked for the token.
    let acted = server.issue(&request().bound_to(key_of(&other)).acting(NewActor::new(other.id().as_str())));
    let field = format!("Bearer {}", acted.expose());
    let caller = signed(&acme, &other, Some(&field)).await;
    let authorized = authorize(&rs, "Bearer", &acted, Possession::Workload(&caller)).unwrap();
    assert_eq!(&*authorized.actor(), other.id().as_str());
    let client = signed(&acme, &agent, Some(&field)).await;
    assert_refused!(
        authorize(&rs, "Bearer", &acted, Possession::Workload(&client)),
        "other_client",
        "AIMS-25"
    );
    // A token that is bound to nothing is not bound by the proof that comes with it; and it is still nobody else's.
    let loose = server.issue(&request());
    let caller = signed(&acme, &agent, Some(&format!("Bearer {}", loose.expose()))).await;
    assert_refused!(
        authorize(&rs, "Bearer", &loose, Possession::Workload(&caller)),
        "bearer_not_accepted",
        "SEC-4"
    );
    let any = server_of(&server, BindingPolicy::bound().dangerous_or_bearer());
    assert!(authorize(&any, "Bearer", &loose, Possession::Workload(&caller)).is_ok());
    let thief = signed(&acme, &other, Some(&format!("Bearer {}", loose.expose()))).await;
    assert_refused!(
        authorize(&any, "Bearer", &loose, Possession::Workload(&thief)),
        "other_client",
        "AIMS-25"
    );
    // Where signatures are not the way.
    let dpop = server_of(&server, BindingPolicy::only(&[Shown::Dpop]));
    let caller = signed(&acme, &agent, Some(&format!("Bearer {}", token.expose()))).await;
    assert_refused!(
        authorize(&dpop, "Bearer", &token, Possession::Workload(&caller)),
        "binding_not_accepted",
        "SEC-4"
    );
}

#[cfg(feature = "mtls")]
#[test]
fn mtl_2_mtl_5_a_token_of_a_certificate_is_used_over_its_connection() {
    let (server, acme) = (Server::new(), TestCertificates::new("spiffe://acme.example", NOW));
    let rs = server_of(&server, BindingPolicy::bound());
    let (bundles, clock) = (BundleSet::from(acme.trust()), TestClock::at(NOW));
    let tls = |path| acme.mutual_tls(acme.current(path, NOW), &bundles, "spiffe://acme.example/**", &clock);
    let peer = |path| {
        let (client, end) = (tls(path).client().unwrap(), tls("/tools/search").server().unwrap());
        let done = handshake(client.config(), end.config()).unwrap();
        end.peer(&done.server, NOW).unwrap()
    };
    let (agent, again) = (peer("/agents/travel"), peer("/agents/travel"));
    let hash = agent.svid().fingerprint();
    let token = server.issue(&request().bound_to(TokenBinding::Certificate(hash)));
    let caller = Authenticated::by_mtls(&agent);
    let authorized = authorize(&rs, "Bearer", &token, Possession::Workload(&caller)).unwrap();
    assert_eq!(authorized.shown_by(), Shown::Certificate);
    // The same workload with another certificate; another workload; nobody.
    let renewed = Authenticated::by_mtls(&again);
    assert_refused!(
        authorize(&rs, "Bearer", &token, Possession::Workload(&renewed)),
        "other_certificate",
        "MTL-2"
    );
    let other = Authenticated::by_mtls(&peer("/agents/thief"));
    assert_refused!(
        authorize(&rs, "Bearer", &token, Possession::Workload(&other)),
        "other_client",
        "AIMS-25"
    );
    assert_refused!(authorize(&rs, "Bearer", &token, Possession::Nothing), "binding_not_shown", "SEC-4");
    // A token of a key is not shown by a certificate.
    let of_key = server.issue(
        &request()
            .bound_to(TokenBinding::Key("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo".parse().unwrap())),
    );
    assert_refused!(
        authorize(&rs, "Bearer", &of_key, Possession::Workload(&caller)),
        "binding_not_shown",
        "SEC-4"
    );
}
