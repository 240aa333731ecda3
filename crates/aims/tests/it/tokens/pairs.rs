//! Every policy of a resource with every choice of proofs: what is asked for comes in, and nothing else does.

use aims::Accept;
use aims::oauth::{AccessTokenRequest, BindingPolicy, Shown};
use axum::body::Body;
use http::{Request, StatusCode};

use super::accepted::{Takes, accepting, asks_for};
use super::dpop::{Shows, TRAVEL, prover, token_for};
use super::world::*;

/// Each request that somebody honest may send, with a token that is shown in one way.
async fn requests(world: &World) -> [Request<Body>; 5] {
    let (agent, prover) = (world.travel(), prover());
    let own = world.issue(&for_user(&agent));
    let loose = AccessTokenRequest::new("user-1", TRAVEL, tool()).scope("trips:book".parse().unwrap());
    let loose = format!("Bearer {}", world.issue(&loose));
    let bound = world.issue(&token_for(TRAVEL, &prover));
    let shows = Shows::new(&prover, &bound);
    let mut signed_by_dpop = world.request(&agent, Some(&format!("DPoP {bound}"))).await;
    signed_by_dpop.headers_mut().insert("dpop", shows.proof().await.parse().unwrap());
    [
        world.request(&agent, Some(&format!("Bearer {own}"))).await,
        world.request(&agent, Some(&loose)).await,
        Request::post("/v1/book").header("authorization", loose).body(Body::empty()).unwrap(),
        signed_by_dpop,
        shows.request().await,
    ]
}

/// The schemes by which any of them comes in.
async fn comes_in_by(world: &World) -> String {
    let mut schemes = Vec::new();
    for request in requests(world).await {
        let authorization = request.headers()["authorization"].to_str().unwrap().to_owned();
        let scheme = authorization.split(' ').next().unwrap().to_owned();
        if world.call(request).await.0 == StatusCode::OK && !schemes.contains(&scheme) {
            schemes.push(scheme);
        }
    }
    schemes.join(" ")
}

#[tokio::test]
async fn cha_1_prm_1_sec_4_what_a_guard_asks_for_is_what_comes_in() {
    let ways = [Shown::Bearer, Shown::Certificate, Shown::Dpop, Shown::Signature];
    let single = [Accept::signature(), Accept::dpop(), Accept::dangerous_bearer()];
    let mut built = 0;
    for number in 0..32_u8 {
        let policy: Vec<_> =
            (0..4).zip(ways).filter(|(bit, _)| number >> bit & 1 == 1).map(|it| it.1).collect();
        let takes = Takes { policy: BindingPolicy::only(&policy), verifies_dpop: number >= 16 };
        for choice in 1..8_u8 {
            let name = format!("{policy:?}, verified: {}, {choice:03b}", takes.verifies_dpop);
            let chosen: Vec<_> = (0..3)
                .zip(&single)
                .filter(|(bit, _)| choice >> bit & 1 == 1)
                .map(|it| it.1.clone())
                .collect();
            let each_is_sound = chosen.iter().all(|accept| accepting(takes, accept.clone()).is_ok());
            let accept = chosen.into_iter().reduce(Accept::or).unwrap();
            let Ok(world) = accepting(takes, accept) else {
                assert!(!each_is_sound, "{name}: each alone is built, and not all of them");
                continue;
            };
            assert!(each_is_sound, "{name}: built with what can never be met");
            let (asked, comes_in) = (asks_for(&world).await, comes_in_by(&world).await);
            assert_eq!(asked, comes_in, "{name}");
            assert!(!asked.is_empty(), "{name}: nobody comes in");
            built += 1;
        }
    }
    // Of the three proofs, with or without certificates in the policy: 27 choices that are sound for some policy and a verifier, and 14 without one.
    assert_eq!(built, 2 * (27 + 14));
}
