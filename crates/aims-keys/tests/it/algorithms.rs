//! Names of algorithms, sets of them, and keys bound to one (JO-ALG).

use aims_keys::{
    Algorithm, AlgorithmSet, BadSignature, KeyError, PublicKey, PublicNumbers, SignInput, Signer,
    SoftwareKey, backend,
};
use aims_testkit::assert_refused;

use crate::support::{backends, openssl_key};

#[test]
fn jo_alg_01_a_name_is_exact_or_unknown() {
    for algorithm in Algorithm::ALL {
        assert_eq!(algorithm.name().parse(), Ok(algorithm));
        assert_eq!(algorithm.to_string(), algorithm.name());
        let name = algorithm.name();
        for wrong in [
            name.to_lowercase(),
            format!("{name} "),
            format!(" {name}"),
            format!("{name}\0"),
            format!("{name}\n"),
            name.chars().skip(1).collect(),
            format!("{name}{name}"),
        ] {
            assert_refused!(wrong.parse::<Algorithm>(), "unknown_algorithm", "JO-ALG-01", "{wrong:?}");
        }
    }
}

#[test]
fn jo_alg_01_jo_alg_05_none_macs_and_encryption_are_unknown() {
    for name in [
        "",
        "none",
        "None",
        "NONE",
        "nOnE",
        "HS256",
        "HS384",
        "HS512",
        "RSA-OAEP",
        "RSA-OAEP-256",
        "RSA1_5",
        "dir",
        "ECDH-ES",
        "A128KW",
        "A256GCM",
        "A128CBC-HS256",
        "PBES2-HS256+A128KW",
        "ES512",
        "ES256K",
        "RS384",
        "RS512",
        "PS384",
        "Ed448",
        "EDDSA",
        "eddsa",
        "ed25519",
        "ES 256",
        "ЕS256",
        "ＥＳ256",
        "ES２56",
        "ML-DSA-87",
        "ML-DSA",
        "ML-DSA-044",
        "SHA256",
        "null",
        "0",
    ] {
        assert_refused!(name.parse::<Algorithm>(), "unknown_algorithm", "JO-ALG-01", "{name:?}");
    }
}

#[test]
fn jo_alg_02_a_set_allows_what_was_named_and_the_empty_one_nothing() {
    assert!(AlgorithmSet::EMPTY.is_empty());
    assert_eq!(AlgorithmSet::of(&[]), AlgorithmSet::EMPTY);
    for algorithm in Algorithm::ALL {
        assert!(!AlgorithmSet::EMPTY.contains(algorithm));
        let alone = AlgorithmSet::of(&[algorithm]);
        assert_eq!(alone.iter().collect::<Vec<_>>(), [algorithm]);
        assert!(!alone.is_empty());
        assert_eq!(AlgorithmSet::EMPTY.with(algorithm), alone);
        assert_eq!(std::iter::once(algorithm).collect::<AlgorithmSet>(), alone);
    }
    let all: AlgorithmSet = Algorithm::ALL.into_iter().collect();
    assert_eq!(all.iter().collect::<Vec<_>>(), Algorithm::ALL);

    // Names, not algorithms: one does not bring the other.
    assert!(!AlgorithmSet::of(&[Algorithm::Ed25519]).contains(Algorithm::EdDsa));
    assert!(!AlgorithmSet::of(&[Algorithm::EdDsa]).contains(Algorithm::Ed25519));
    for not_by_default in [Algorithm::Rs256, Algorithm::MlDsa44, Algorithm::MlDsa65] {
        assert!(!AlgorithmSet::STANDARD.contains(not_by_default));
    }
    assert_eq!(format!("{:?}", AlgorithmSet::STANDARD), "{EdDsa, Ed25519, Es256, Es384, Ps256}");
}

#[test]
fn jo_alg_03_eddsa_and_ed25519_are_one_algorithm_under_two_names() {
    for a in Algorithm::ALL {
        for b in Algorithm::ALL {
            let edwards = |x| matches!(x, Algorithm::EdDsa | Algorithm::Ed25519);
            assert_eq!(a.is_same_algorithm(b), a == b || edwards(a) && edwards(b));
        }
    }
    for backend in backends() {
        let key = SoftwareKey::generate(Algorithm::EdDsa, backend).unwrap();
        let numbers = Signer::public_key(&key).numbers().clone();
        let other_name = PublicKey::load(numbers, Algorithm::Ed25519, backend).unwrap();
        assert_eq!((Signer::algorithm(&key), other_name.algorithm()), (Algorithm::EdDsa, Algorithm::Ed25519));
        assert_eq!(*Signer::public_key(&key), other_name, "equal, whatever the name");
        let signature = Signer::sign(&key, SignInput::Message(b"m")).unwrap();
        assert_eq!(other_name.verify(b"m", signature.as_bytes()), Ok(()));
    }
}

#[test]
fn jo_alg_03_jo_alg_04_a_key_verifies_the_one_algorithm_it_is_bound_to() {
    for backend in backends() {
        // The same numbers, bound to either of two: the key decides, and nothing in the call can change that.
        let (ps256, rs256) = (openssl_key(Algorithm::Ps256, backend), openssl_key(Algorithm::Rs256, backend));
        for (key, other) in [(&ps256, &rs256), (&rs256, &ps256)] {
            let signature = Signer::sign(key, SignInput::Message(b"message")).unwrap();
            assert_eq!(Signer::public_key(key).verify(b"message", signature.as_bytes()), Ok(()));
            let confused = Signer::public_key(other).verify(b"message", signature.as_bytes());
            assert_refused!(confused, "bad_signature", "JO-B64-03");
        }
        assert_ne!(Signer::public_key(&ps256), Signer::public_key(&rs256));
    }
}

#[test]
fn jo_alg_03_numbers_of_one_kind_are_no_key_of_another() {
    for backend in backends() {
        let numbers: Vec<(PublicNumbers, Vec<Algorithm>)> =
            [Algorithm::Es256, Algorithm::Es384, Algorithm::Ed25519, Algorithm::Ps256]
                .map(|algorithm| {
                    let own = match algorithm {
                        Algorithm::Ed25519 => vec![Algorithm::EdDsa, Algorithm::Ed25519],
                        Algorithm::Ps256 => vec![Algorithm::Ps256, Algorithm::Ps512, Algorithm::Rs256],
                        other => vec![other],
                    };
                    (Signer::public_key(&openssl_key(algorithm, backend)).numbers().clone(), own)
                })
                .into();
        for (numbers, own) in numbers {
            for algorithm in Algorithm::ALL {
                let loaded = PublicKey::load(numbers.clone(), algorithm, backend);
                if own.contains(&algorithm) {
                    assert_eq!(loaded.unwrap().algorithm(), algorithm);
                } else {
                    assert_refused!(loaded, "key_algorithm_mismatch", "JO-KEY-02", "{algorithm}");
                }
            }
        }
        for algorithm in [Algorithm::Es256, Algorithm::Ed25519, Algorithm::Rs256] {
            let numbers = PublicNumbers::MlDsa { public: vec![0; 1312] };
            let loaded = PublicKey::load(numbers, algorithm, backend);
            assert_refused!(loaded, "key_algorithm_mismatch", "JO-KEY-02");
        }
    }
}

#[test]
fn jo_key_06_ml_dsa_keys_have_exact_lengths_and_need_a_backend_that_has_them() {
    for (algorithm, right) in [(Algorithm::MlDsa44, 1312), (Algorithm::MlDsa65, 1952)] {
        for len in [0, 32, 1311, 1312, 1313, 1951, 1952, 1953, 2592] {
            let numbers = PublicNumbers::MlDsa { public: vec![1; len] };
            for backend in backends() {
                let loaded = PublicKey::load(numbers.clone(), algorithm, backend);
                if len != right {
                    assert_refused!(loaded, "key_length", "JO-KEY-06", "{algorithm}, {len} bytes");
                } else if backend.name() == "aws-lc" && cfg!(feature = "ml-dsa") {
                    assert!(loaded.is_ok());
                } else {
                    assert_refused!(loaded, "key_unsupported", "TPM-44");
                }
            }
        }
    }
}

#[test]
fn tpm_44_key_errors_have_codes_of_their_own() {
    let errors = [
        KeyError::AlgorithmMismatch,
        KeyError::Inconsistent,
        KeyError::Length,
        KeyError::Malformed,
        KeyError::NotCanonical,
        KeyError::NotOnCurve,
        KeyError::Pem,
        KeyError::PublicMissing,
        KeyError::Random,
        KeyError::RsaExponent,
        KeyError::RsaModulus,
        KeyError::SmallOrder,
        KeyError::Unsupported,
    ];
    let codes: std::collections::BTreeSet<_> = errors.iter().map(KeyError::code).collect();
    assert_eq!(codes.len(), errors.len());
    let _: fn(&BadSignature) -> &'static str = BadSignature::code;
}

#[test]
fn jo_alg_06_backends_are_values_with_randomness_of_their_own() {
    let names: Vec<_> = backends().iter().map(|backend| backend.name()).collect();
    assert_eq!(names[0], "ring");
    assert_eq!(names.len(), if cfg!(feature = "aws-lc") { 2 } else { 1 });
    assert_eq!(format!("{:?}", backend::ring()), "ring");
    let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    for backend in backends() {
        assert_eq!(backend.sha256(b"abc")[..], crate::support::unhex(abc));
        let (mut one, mut two) = ([0; 32], [0; 32]);
        backend.fill_random(&mut one).unwrap();
        backend.fill_random(&mut two).unwrap();
        assert_ne!(one, two);
    }
}
