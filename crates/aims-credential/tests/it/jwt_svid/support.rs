//! A trust domain that issues JWT-SVIDs, and tokens that say whatever a test wants.

use std::sync::Arc;

use aims_credential::{BundleSet, JwtSvidIssuer, JwtSvidVerifier, JwtSvidVerifierBuilder, TrustBundle};
use aims_jose::{Jwk, JwkSet};
use aims_keys::{Algorithm, SoftwareKey};
use serde_json::json;

use crate::support::{Forge, IAT, KEY_ID, ORIGIN, SUBJECT, bundle, jwk, key, public};

pub(super) const AUDIENCE: &str = "https://tools.example";

pub(super) const LIFETIME: u64 = 300;

pub(super) const EXP: u64 = IAT + LIFETIME;

/// One trust domain, with a key for JWT-SVIDs.
pub(super) struct Domain {
    pub(super) key: Arc<SoftwareKey>,
}

impl Domain {
    pub(super) fn new() -> Self {
        Self::of(Algorithm::Es256)
    }

    pub(super) fn of(algorithm: Algorithm) -> Self {
        Self { key: key(algorithm) }
    }

    pub(super) fn bundle(&self) -> TrustBundle {
        jwt_bundle(ORIGIN, vec![jwk(&self.key, KEY_ID)])
    }

    pub(super) fn verifier(&self) -> JwtSvidVerifier {
        self.builder().build()
    }

    pub(super) fn builder(&self) -> JwtSvidVerifierBuilder {
        builder(self.bundle())
    }

    pub(super) fn issuer(&self) -> JwtSvidIssuer {
        JwtSvidIssuer::new("acme.example".parse().unwrap(), self.key.clone(), KEY_ID).unwrap()
    }

    /// An acceptable token of this trust domain, still to be changed.
    pub(super) fn forge(&self) -> Forge {
        Forge {
            header: json!({"alg": public(&self.key).algorithm().name(), "kid": KEY_ID, "typ": "JWT"}),
            claims: json!({
                "sub": SUBJECT,
                "aud": AUDIENCE,
                "iat": IAT,
                "exp": EXP,
                "jti": "AAECAwQFBgcICQoLDA0ODw",
            }),
            key: self.key.clone(),
        }
    }
}

/// Trusts these keys for JWT-SVIDs, and nothing for WITs.
pub(super) fn jwt_bundle(origin: &str, keys: Vec<Jwk>) -> TrustBundle {
    bundle(origin, vec![]).with_jwt_keys(JwkSet::new(keys).unwrap())
}

pub(super) fn builder(bundle: TrustBundle) -> JwtSvidVerifierBuilder {
    JwtSvidVerifier::builder(BundleSet::from(bundle), AUDIENCE)
}
