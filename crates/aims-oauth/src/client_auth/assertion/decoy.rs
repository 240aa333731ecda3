//! Keys of nobody: an assertion in the name of a client that is not known is verified, too (CJA-6).

use aims_jose::Jwk;
use aims_keys::{Algorithm, Backend, PublicKey, PublicNumbers};

/// A key for each algorithm. What verifies with one is refused all the same: only the time that it takes counts.
///
/// They are examples of RFC 6979, RFC 7517 and RFC 8037, whose private halves are printed there. It does not matter. That of RSA has 2048 bits: that a client
/// has registered a longer one, who knows how to ask can measure.
#[derive(Clone, Debug)]
pub(super) struct Decoys(Vec<PublicKey>);

impl Decoys {
    pub(super) fn new(backend: Backend) -> Self {
        Self(Algorithm::ALL.into_iter().filter_map(|algorithm| load(algorithm, backend)).collect())
    }

    /// None, where nobody can have a key: the backend has no such algorithm.
    pub(super) fn key(&self, algorithm: Algorithm) -> Option<&PublicKey> {
        self.0.iter().find(|key| key.algorithm() == algorithm)
    }
}

fn load(algorithm: Algorithm, backend: Backend) -> Option<PublicKey> {
    let text = match algorithm {
        Algorithm::EdDsa | Algorithm::Ed25519 => ED25519,
        Algorithm::Es256 => P256,
        Algorithm::Es384 => P384,
        Algorithm::Ps256 | Algorithm::Ps512 | Algorithm::Rs256 => RSA,
        // Any bytes of the right length are a key of ML-DSA.
        Algorithm::MlDsa44 => return load_ml_dsa(1312, algorithm, backend),
        Algorithm::MlDsa65 => return load_ml_dsa(1952, algorithm, backend),
        _ => return None,
    };
    Some(Jwk::parse_as(text, algorithm, backend).ok()?.public_key().clone())
}

fn load_ml_dsa(len: usize, algorithm: Algorithm, backend: Backend) -> Option<PublicKey> {
    PublicKey::load(PublicNumbers::MlDsa { public: vec![0; len] }, algorithm, backend).ok()
}

const ED25519: &str = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

const P256: &str = r#"{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}"#;

const P384: &str = r#"{"kty":"EC","crv":"P-384","x":"7DpOQVtOGaRWhhgCn0J_pdqai8SukuAuBqrlKGswDGTe-PDqkFWGYGSiVFFUgLwT","y":"gBXZty19VyROqO-awMYhiWcIpZNn-d-59UyoSz8cnbEoiyMcOuDU_nNE_SUzJkcg"}"#;

const RSA: &str = concat!(
    r#"{"kty":"RSA","e":"AQAB","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhM"#,
    r#"stn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbI"#,
    r#"SD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"}"#,
);

#[cfg(test)]
mod tests {
    use aims_keys::{AlgorithmSet, backend};

    use super::*;

    #[test]
    fn cja_6_there_is_a_decoy_for_every_algorithm_that_clients_have() {
        let decoys = Decoys::new(backend::ring());
        for algorithm in AlgorithmSet::STANDARD.with(Algorithm::Rs256).with(Algorithm::Ps512).iter() {
            assert_eq!(decoys.key(algorithm).map(PublicKey::algorithm), Some(algorithm));
        }
    }
}
