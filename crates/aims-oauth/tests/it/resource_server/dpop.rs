//! Tokens that are shown to be one's own by `DPoP`.

use std::sync::Arc;

use aims_keys::{Algorithm, SoftwareKey, backend};
use aims_oauth::{
    AccessToken, BindingPolicy, DpopProver, DpopRequest, DpopTarget, DpopVerifier, Possession,
    ResourceServer, Shown, TokenBinding,
};
use aims_proof::ReplayMemory;
use aims_testkit::{TestAuthority, assert_refused};

use super::{URI, authorize, presented, server_of, signed};
use crate::world::*;

#[tokio::test(flavor = "current_thread")]
async fn dpo_6_dpo_9_sec_4_a_token_that_is_bound_by_dpop_is_used_with_its_key() {
    let server = Server::new();
    let rs = server_of(&server, BindingPolicy::bound());
    let prover = |key| DpopProver::new(Arc::new(key)).unwrap();
    let new_key = || SoftwareKey::generate(Algorithm::Es256, backend::ring()).unwrap();
    let (agent, thief) = (prover(new_key()), prover(new_key()));
    let target: DpopTarget = URI.parse().unwrap();
    let bound =
        |prover: &DpopProver| server.issue(&request().bound_to(TokenBinding::Key(prover.thumbprint())));
    let (token, other) = (bound(&agent), bound(&agent));
    let proof_of = async |prover: &DpopProver, token: &AccessToken| {
        let proof = prover.proof("GET", &target).with_token(token).sign(NOW).await.unwrap();
        let presented = presented("DPoP", token);
        let verified = rs.verify(&presented, NOW).unwrap();
        rs.verify_dpop(&presented, &verified, [proof], "GET", &target, NOW).map(Option::unwrap)
    };
    let good = proof_of(&agent, &token).await.unwrap();
    let authorized = authorize(&rs, "DPoP", &token, Possession::Dpop(&good)).unwrap();
    assert_eq!((authorized.shown_by(), authorized.shown_by().name()), (Shown::Dpop, "dpop"));
    assert_eq!((&*authorized.actor(), authorized.on_behalf_of().as_deref()), (AGENT, Some(USER)));

    assert_refused!(proof_of(&thief, &token).await, "other_key", "DPO-6");
    let of_thief = bound(&thief);
    let by_thief = proof_of(&thief, &of_thief).await.unwrap();
    assert_refused!(authorize(&rs, "DPoP", &token, Possession::Dpop(&by_thief)), "other_token", "DPO-6");
    // A proof about this token that was not held to its key when it was verified.
    let stolen = thief.proof("GET", &target).with_token(&token).sign(NOW).await.unwrap();
    let alone = DpopVerifier::builder(ReplayMemory::with_capacity(10), backend::ring()).build();
    let stolen = alone.verify([stolen], &DpopRequest::new("GET", &target).with_token(&token), NOW).unwrap();
    assert_refused!(authorize(&rs, "DPoP", &token, Possession::Dpop(&stolen)), "other_key", "DPO-6");
    let of_other = proof_of(&agent, &other).await.unwrap();
    assert_refused!(authorize(&rs, "DPoP", &token, Possession::Dpop(&of_other)), "other_token", "DPO-6");
    let (used, mine) = (presented("DPoP", &token), rs.verify(&presented("DPoP", &other), NOW).unwrap());
    assert_refused!(rs.authorize(&used, &mine, Possession::Dpop(&good)), "other_token", "DPO-6");
    assert_refused!(authorize(&rs, "DPoP", &token, Possession::Nothing), "binding_not_shown", "SEC-4");
    let refused = authorize(&rs, "Bearer", &token, Possession::Nothing).unwrap_err();
    assert_eq!(refused.status(), 401);
    assert_refused!(Err::<(), _>(refused), "binding_not_shown", "SEC-4");
    assert_refused!(authorize(&rs, "Bearer", &token, Possession::Dpop(&good)), "wrong_scheme", "DPO-9");
    // A proof beside a bearer token proves nothing.
    let verified = rs.verify(&presented("DPoP", &token), NOW).unwrap();
    let beside =
        rs.verify_dpop(&presented("Bearer", &token), &verified, ["not looked at"], "GET", &target, NOW);
    assert!(beside.unwrap().is_none());
    // The nonce and the reasons of a proof are those of `DpopVerifier`.
    let missing =
        rs.verify_dpop(&presented("DPoP", &token), &verified, [""; 0], "GET", &target, NOW).unwrap_err();
    assert_eq!((missing.status(), missing.error_code().unwrap().as_str()), (401, "invalid_dpop_proof"));
    let without = ResourceServer::new(server.verifier().build(), BindingPolicy::bound());
    let refused = without.verify_dpop(&presented("DPoP", &token), &verified, ["a"], "GET", &target, NOW);
    assert_refused!(refused, "binding_not_accepted", "SEC-4");
    assert!(without.dpop_nonce(NOW).is_none() && rs.dpop_nonce(NOW).is_none());
}

#[tokio::test(flavor = "current_thread")]
async fn dpo_7_dpo_6_keys_that_were_made_for_a_token_take_no_room_in_the_memory() {
    let server = Server::new();
    let memory = Arc::new(ReplayMemory::with_capacity(5));
    let dpop = DpopVerifier::builder(Arc::clone(&memory), backend::ring()).build();
    let rs = ResourceServer::new(server.verifier().build(), BindingPolicy::bound()).with_dpop(dpop);
    let new = || {
        let key = SoftwareKey::generate(Algorithm::Es256, backend::ring()).unwrap();
        DpopProver::new(Arc::new(key)).unwrap()
    };
    let (agent, target) = (new(), URI.parse::<DpopTarget>().unwrap());
    let token = server.issue(&request().bound_to(TokenBinding::Key(agent.thumbprint())));
    let presented = presented("DPoP", &token);
    let verified = rs.verify(&presented, NOW).unwrap();
    let show = async |prover: &DpopProver| {
        let proof = prover.proof("GET", &target).with_token(&token).sign(NOW).await.unwrap();
        rs.verify_dpop(&presented, &verified, [proof], "GET", &target, NOW)
    };
    for _ in 0..20 {
        assert_refused!(show(&new()).await, "other_key", "DPO-6");
    }
    assert!(show(&agent).await.unwrap().is_some());
    // Neither does a proof for a token that no proof shows.
    for binding in [None, Some(TokenBinding::Certificate([7; 32]))] {
        let token = binding.map_or_else(request, |binding| request().bound_to(binding));
        let presented = self::presented("DPoP", &server.issue(&token));
        let verified = rs.verify(&presented, NOW).unwrap();
        let refused = rs.verify_dpop(&presented, &verified, ["not looked at"], "GET", &target, NOW);
        assert_refused!(refused, "wrong_scheme", "DPO-9");
    }
}

#[tokio::test(flavor = "current_thread")]
async fn aims_25_dpo_14_a_workload_may_have_another_key_for_its_tokens() {
    let (server, acme) = (Server::new(), TestAuthority::new("spiffe://acme.example"));
    let rs = server_of(&server, BindingPolicy::bound());
    let (agent, thief) = (acme.agent("/agents/travel", NOW), acme.agent("/agents/thief", NOW));
    let key = SoftwareKey::generate(Algorithm::Es256, backend::ring()).unwrap();
    let (prover, target) = (DpopProver::new(Arc::new(key)).unwrap(), URI.parse::<DpopTarget>().unwrap());
    let token = server.issue(&request().bound_to(TokenBinding::Key(prover.thumbprint())));
    let presented = presented("DPoP", &token);
    let verified = rs.verify(&presented, NOW).unwrap();
    let proof = prover.proof("GET", &target).with_token(&token).sign(NOW).await.unwrap();
    let proof = rs.verify_dpop(&presented, &verified, [proof], "GET", &target, NOW).unwrap().unwrap();
    let field = format!("DPoP {}", token.expose());
    let (agent, thief) =
        (signed(&acme, &agent, Some(&field)).await, signed(&acme, &thief, Some(&field)).await);
    let authorized = rs.authorize(&presented, &verified, Possession::WorkloadDpop(&agent, &proof)).unwrap();
    assert_eq!(authorized.shown_by(), Shown::Dpop);
    // Whoever else has got both.
    let refused = rs.authorize(&presented, &verified, Possession::WorkloadDpop(&thief, &proof));
    assert_refused!(refused, "other_client", "AIMS-25");
}
