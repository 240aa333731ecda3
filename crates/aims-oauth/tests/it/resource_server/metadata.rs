//! What a resource server says of itself.

use aims_keys::{Algorithm, AlgorithmSet};
use aims_oauth::{
    BearerMethod, BindingPolicy, Possession, ResourceError, ResourceMetadata, ResourceServer, Shown,
    TrustedIssuer,
};
use aims_testkit::assert_refused;

use super::{authorize, server_of};
use crate::world::*;

#[test]
fn prm_1_dpo_10_mtl_3_metadata_are_what_is_enforced() {
    let server = Server::new();
    let build = |policy| server_of(&server, policy);
    let about = || ResourceMetadata::builder(tool());
    let metadata = build(BindingPolicy::bound()).metadata().unwrap();
    assert_eq!((metadata.resource(), metadata.authorization_servers()), (&tool(), &[issuer()][..]));
    assert_eq!(metadata.supports_bearer_method(BearerMethod::Header), Some(true));
    assert_eq!(metadata.supports_bearer_method(BearerMethod::Query), Some(false));
    assert_eq!(metadata.dpop_algorithms(), Some(AlgorithmSet::STANDARD));
    assert!(!metadata.requires_dpop() && !metadata.binds_to_certificates());
    let over_tls = build(BindingPolicy::bound()).over_mutual_tls().metadata().unwrap();
    assert!(over_tls.binds_to_certificates());

    let dpop = build(BindingPolicy::only(&[Shown::Dpop]));
    let metadata = dpop.clone().over_mutual_tls().metadata().unwrap();
    assert!(metadata.requires_dpop() && !metadata.binds_to_certificates());
    assert_eq!(metadata.supports_bearer_method(BearerMethod::Header), None);
    let without = ResourceServer::new(server.verifier().build(), BindingPolicy::bound()).metadata().unwrap();
    assert_eq!(without.dpop_algorithms(), None);

    // What is said besides stands, and what is said less: other servers are believed, and not named.
    let other = "https://as.other.example".parse::<aims_oauth::Issuer>().unwrap();
    let trusted = TrustedIssuer::new(other.clone(), server.keys());
    let both = ResourceServer::new(server.verifier().trust(trusted).build(), BindingPolicy::bound());
    assert_eq!(both.metadata().unwrap().authorization_servers().len(), 2);
    let said = about().authorization_servers([issuer()]).scopes("trips:book".parse().unwrap()).name("Trips");
    let said = both.with_metadata(said.build().unwrap()).metadata().unwrap();
    assert_eq!((said.authorization_servers(), said.name()), (&[issuer()][..], Some("Trips")));
    assert_eq!(said.scopes().unwrap().as_str(), "trips:book");

    let es512 = AlgorithmSet::of(&[Algorithm::MlDsa44]);
    for (said, member) in [
        (ResourceMetadata::builder("https://tools.example".parse().unwrap()), "resource"),
        (about().authorization_servers([issuer(), other]), "authorization_servers"),
        (about().bearer_methods(&[BearerMethod::Header, BearerMethod::Query]), "bearer_methods_supported"),
        (about().dpop_algorithms(es512), "dpop_signing_alg_values_supported"),
        (about().require_dpop(), "dpop_bound_access_tokens_required"),
    ] {
        let refused = build(BindingPolicy::bound()).with_metadata(said.build().unwrap()).metadata();
        let refused = assert_refused!(refused, "metadata_not_enforced", "PRM-1", "{member}");
        assert!(refused.to_string().contains(member));
    }
    for (said, member) in [
        (about().bearer_methods(&[BearerMethod::Header]), "bearer_methods_supported"),
        (about().binds_to_certificates(), "tls_client_certificate_bound_access_tokens"),
    ] {
        let refused = dpop.clone().with_metadata(said.build().unwrap()).metadata();
        let refused = assert_refused!(refused, "metadata_not_enforced", "PRM-1", "{member}");
        assert!(refused.to_string().contains(member));
    }
}

#[test]
fn prm_1_cha_1_sec_4_where_fewer_ways_lead_in_no_others_are_told_or_taken() {
    let server = Server::new();
    let whole = server_of(&server, BindingPolicy::bound().dangerous_or_bearer());
    let schemes = |of: &ResourceServer| -> Vec<String> {
        of.challenges(&ResourceError::Missing, None).iter().map(|one| one.scheme().to_owned()).collect()
    };
    assert_eq!(schemes(&whole), ["Bearer", "DPoP"]);
    let dpop = whole.clone().narrowed(BindingPolicy::only(&[Shown::Dpop, Shown::Signature]));
    let dpop = dpop.narrowed(BindingPolicy::only(&[Shown::Dpop, Shown::Bearer]));
    assert_eq!(
        (schemes(&dpop), dpop.policy()),
        (vec!["DPoP".to_owned()], BindingPolicy::only(&[Shown::Dpop]))
    );
    let metadata = dpop.metadata().unwrap();
    assert!(metadata.requires_dpop() && metadata.supports_bearer_method(BearerMethod::Header).is_none());
    let token = server.issue(&request());
    assert!(authorize(&whole, "Bearer", &token, Possession::Nothing).is_ok());
    assert_refused!(authorize(&dpop, "Bearer", &token, Possession::Nothing), "bearer_not_accepted", "SEC-4");
    // What was not taken before is not taken for having been named.
    let bound = server_of(&server, BindingPolicy::bound()).narrowed(BindingPolicy::only(&[Shown::Bearer]));
    assert_eq!((schemes(&bound), bound.policy()), (Vec::new(), BindingPolicy::only(&[])));
    assert_refused!(authorize(&bound, "Bearer", &token, Possession::Nothing), "bearer_not_accepted", "SEC-4");
    // `DPoP` is taken where something verifies it.
    let without = ResourceServer::new(server.verifier().build(), BindingPolicy::bound());
    assert!(dpop.takes(Shown::Dpop) && !dpop.takes(Shown::Bearer) && !without.takes(Shown::Dpop));
    assert!(without.takes(Shown::Signature) && without.takes(Shown::Certificate));
}
