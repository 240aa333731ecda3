//! By what access tokens can be shown, where a guard accepts these proofs.

use aims_oauth::{BindingPolicy, ResourceServer, Shown as Way};
use aims_proof::{Method, WptProfile};

use super::GuardError;
use super::accept::{Accept, Shown};

/// The resource, as far as the proofs that are accepted lead to it. Each alternative has to do so by itself, with some token.
pub(super) fn narrowed(
    resource: &ResourceServer,
    accept: &Accept,
    profile: WptProfile,
) -> Result<ResourceServer, GuardError> {
    let mut all = Vec::new();
    for proofs in accept.alternatives() {
        let method = known_by(proofs);
        let ways = ways(method, profile);
        if !ways.iter().any(|way| resource.takes(*way)) {
            return Err(why_not(method, ways, resource));
        }
        all.extend(ways);
        // Whoever is a workload may sign besides, which proves more than what is asked for, and is not refused for that.
        if !is_token_alone(method) {
            all.push(Way::Signature);
        }
    }
    Ok(resource.clone().narrowed(BindingPolicy::only(&all)))
}

/// That no alternative rests on a token, where none is wanted.
pub(super) fn check_without_tokens(accept: &Accept) -> Result<(), GuardError> {
    if accept.alternatives().any(|proofs| is_token_alone(known_by(proofs))) {
        Err(GuardError::NoTokens)
    } else {
        Ok(())
    }
}

/// By what a caller is known that shows these proofs and no others. Where there is anything else, a connection is but what it comes over.
fn known_by(proofs: Shown) -> Method {
    #[cfg(feature = "mtls")]
    if proofs == Shown::CONNECTION {
        return Method::Mtls;
    }
    let known =
        [(Shown::BEARER, Method::Bearer), (Shown::DPOP, Method::Dpop), (Shown::SIGNATURE, Method::Signature)];
    known.into_iter().find(|(proof, _)| proofs.holds(*proof)).map_or(Method::Wpt, |(_, method)| method)
}

/// Whether nothing but its token says who such a caller is.
fn is_token_alone(method: Method) -> bool {
    matches!(method, Method::Bearer | Method::Dpop)
}

/// How such a caller can show a token to be its own: what it may come with in `Tokens::judge`.
fn ways(method: Method, profile: WptProfile) -> &'static [Way] {
    match method {
        Method::Bearer => &[Way::Bearer],
        Method::Dpop => &[Way::Dpop],
        #[cfg(feature = "mtls")]
        Method::Mtls => &[Way::Certificate, Way::Dpop, Way::Bearer],
        Method::Signature => &[Way::Signature, Way::Dpop, Way::Bearer],
        // WPT-1: in wpt-02 the proof has the place of the token, in wpt-01 a field of its own.
        Method::Wpt if profile != WptProfile::Wpt02 => &[Way::Dpop, Way::Bearer],
        _ => &[],
    }
}

fn why_not(method: Method, ways: &[Way], resource: &ResourceServer) -> GuardError {
    use GuardError as E;

    // The policy takes what nothing verifies.
    let lacks_verifier = ways.contains(&Way::Dpop) && resource.policy().accepts(Way::Dpop);
    match method {
        _ if lacks_verifier => E::NoDpopVerifier,
        Method::Bearer => E::BearerNotTaken,
        Method::Dpop => E::DpopNotTaken,
        Method::Wpt if ways.is_empty() => E::WptBesideToken,
        _ => E::TokenNotShown(method),
    }
}
