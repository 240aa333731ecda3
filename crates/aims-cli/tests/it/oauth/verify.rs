//! `aims token verify --issuer`.

use aims_testkit::assert_refused;
use serde_json::json;

use super::place::{Answer, Place, folder, run};

#[test]
fn act_6_met_2_a_token_is_verified_with_the_keys_that_its_issuer_publishes() {
    let folder = folder();
    let place = Place::new(&folder, &[]);
    let (issuer, resource) = (place.issuer(), place.resource());
    let get = ["--resource", &resource, "--new-dpop-key", "dpop.pem", "--out", "access.jwt"];
    run(&folder, &place.get("client-credentials", &get)).accepted();
    let verify = |issuer: &str, network: &[String]| {
        let args = ["token", "verify", "@access.jwt", "--issuer", issuer, "--resource", &resource, "--json"];
        run(&folder, &[&args.map(ToOwned::to_owned)[..], network].concat())
    };
    let verified = verify(&issuer, &place.reaching()).json();
    assert_eq!((&verified["verified"], &verified["issuer"]), (&true.into(), &issuer.as_str().into()));

    // The token does not say where its keys come from.
    let other = format!("{issuer}/other");
    let refused = verify(&other, &place.reaching()).json_refusal();
    assert_refused!(refused.err(), "issuer_mismatch", "ACT-4");
    let refused = verify(&issuer, &[]).json_refusal();
    let option = format!("port {0} is not allowed: --allow-port {0} allows it", place.port());
    assert!(refused.message.ends_with(&option), "{refused:?}");
    assert_refused!(refused.err(), "port_not_allowed", "FED-14");
    let port = place.port().to_string();
    let refused =
        verify(&issuer, &["--authorities", "root.crt", "--allow-port", &port].map(ToOwned::to_owned));
    let refused = refused.json_refusal();
    assert!(refused.message.contains(": --allow-private-host allows a host"), "{refused:?}");
    assert_refused!(refused.err(), "address_not_allowed", "FED-14");
    place.at("/.well-known/oauth-authorization-server", |place| {
        place.metadata(&json!({ "issuer": "https://evil.example" }))
    });
    assert_refused!(verify(&issuer, &place.reaching()).json_refusal().err(), "issuer_mismatch", "MET-2");
    place.at("/jwks", |_| Answer::json(200, json!({ "keys": [] })));
    let refused = verify(&issuer, &place.reaching());
    assert_eq!((refused.code, refused.stdout.as_str()), (1, ""), "{refused:?}");
    let args = ["token", "verify", "@access.jwt", "--resource", &resource];
    folder.aims(&args).unusable();
}
