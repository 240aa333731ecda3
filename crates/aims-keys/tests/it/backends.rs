//! One suite over each backend, and over all of them at once in one process (D3).

use std::sync::Arc;

use aims_keys::{
    Algorithm, AsyncSigner, PrivateKey, Protection, PublicKey, SignInput, Signer, SoftwareKey, backend,
};
use aims_testkit::assert_refused;
use proptest::prelude::*;

use crate::support::unhex;
use crate::support::{backends, makes, openssl_key};

/// A key for every algorithm that some backend of this build signs with, each loaded on every backend that takes it.
fn keys() -> Vec<SoftwareKey> {
    let mut keys = Vec::new();
    for backend in backends() {
        for algorithm in Algorithm::ALL {
            if makes(backend).contains(&algorithm) {
                keys.push(SoftwareKey::generate(algorithm, backend).unwrap());
            } else if matches!(algorithm, Algorithm::Ps256 | Algorithm::Ps512 | Algorithm::Rs256) {
                keys.push(openssl_key(algorithm, backend));
            } else {
                assert!(matches!(algorithm, Algorithm::MlDsa44 | Algorithm::MlDsa65));
                let made = SoftwareKey::generate(algorithm, backend);
                assert_refused!(made, "key_unsupported", "TPM-44", "{algorithm} on {backend:?}");
            }
        }
    }
    keys
}

#[test]
fn jo_alg_01_every_backend_verifies_what_every_other_signed() {
    let mut crossed = 0;
    for key in keys() {
        let public = Signer::public_key(&key).clone();
        assert_eq!(Signer::protection(&key), Protection::Software);
        for message in [&b""[..], b"m", &vec![0x5a; 100_000]] {
            let signature = Signer::sign(&key, SignInput::Message(message)).unwrap();
            if let Some(len) = public.algorithm().signature_len() {
                assert_eq!(signature.as_bytes().len(), len);
            }
            for verifier in backends() {
                let Ok(loaded) = PublicKey::load(public.numbers().clone(), public.algorithm(), verifier)
                else {
                    assert_eq!(verifier, backend::ring());
                    assert!(matches!(public.algorithm(), Algorithm::MlDsa44 | Algorithm::MlDsa65));
                    continue;
                };
                assert_eq!(loaded, public);
                assert_eq!(loaded.backend(), verifier);
                assert_eq!(loaded.verify(message, signature.as_ref()), Ok(()), "{loaded:?}");
                let other = [message, b"!"].concat();
                assert_refused!(loaded.verify(&other, signature.as_ref()), "bad_signature", "JO-B64-03");
                crossed += usize::from(verifier != public.backend());
            }
        }
    }
    if backends().len() > 1 {
        // Seven algorithms, three messages, both ways.
        assert_eq!(crossed, 7 * 3 * 2);
    }
}

#[test]
fn tpm_41_software_keys_take_messages_and_no_digests() {
    for key in keys() {
        let refused = Signer::sign(&key, SignInput::Digest(&[0; 32]));
        assert_refused!(refused, "unsupported_input", "TPM-41");
    }
}

#[test]
fn tpm_41_signers_are_objects_and_may_be_shared() {
    let key = Arc::new(SoftwareKey::generate(Algorithm::Es256, backend::ring()).unwrap());
    let blocking: Arc<dyn Signer> = key.clone();
    let asynchronous: Arc<dyn AsyncSigner> = key.clone();
    assert_eq!(algorithm_of(&blocking), Algorithm::Es256);
    assert_eq!(public_of(&asynchronous), Signer::public_key(&key));
    assert_eq!(Signer::protection(&blocking), Protection::Software);

    let mut future = asynchronous.sign(SignInput::Message(b"m"));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let std::task::Poll::Ready(signature) = future.as_mut().poll(&mut context) else {
        panic!("a software key signs at once");
    };
    assert_eq!(Signer::public_key(&key).verify(b"m", signature.unwrap().as_bytes()), Ok(()));
}

#[test]
fn jo_b64_03_any_changed_bit_of_a_signature_is_refused() {
    for key in keys() {
        let public = Signer::public_key(&key);
        let signature = Signer::sign(&key, SignInput::Message(b"message")).unwrap();
        let good = signature.as_bytes();
        // All bits of short signatures; of long ones a bit of each byte, another from byte to byte.
        for at in 0..good.len() {
            for bit in 0..8 {
                if good.len() > 96 && bit != at % 8 {
                    continue;
                }
                let mut bad = good.to_vec();
                bad[at] ^= 1 << bit;
                let verified = public.verify(b"message", &bad);
                assert_refused!(verified, "bad_signature", "JO-B64-03", "{public:?} bit {bit} of {at}");
            }
        }
        for len in [0, 1, good.len() - 1] {
            assert_refused!(public.verify(b"message", &good[..len]), "bad_signature", "JO-B64-03");
        }
        let longer = [good, &[0]].concat();
        assert_refused!(public.verify(b"message", &longer), "bad_signature", "JO-B64-03");
    }
}

#[test]
fn jo_b64_03_a_signature_of_another_key_is_refused() {
    for key in keys() {
        let (algorithm, backend) = (Signer::algorithm(&key), Signer::public_key(&key).backend());
        if !makes(backend).contains(&algorithm) {
            continue;
        }
        let stranger = SoftwareKey::generate(algorithm, backend).unwrap();
        let signature = Signer::sign(&stranger, SignInput::Message(b"message")).unwrap();
        let verified = Signer::public_key(&key).verify(b"message", signature.as_bytes());
        assert_refused!(verified, "bad_signature", "JO-B64-03");
        assert_ne!(Signer::public_key(&key), Signer::public_key(&stranger));
    }
}

#[test]
fn hashes_and_macs_are_those_of_the_specifications() {
    use aims_keys::backend::HashAlgorithm;

    for backend in backends() {
        let abc = unhex(
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        );
        assert_eq!(backend.sha512(b"abc").as_slice(), abc);
        let shorter = unhex(
            "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
        );
        assert_eq!(backend.sha384(b"abc").as_slice(), shorter);
        for (algorithm, whole) in [
            (HashAlgorithm::Sha256, backend.sha256(b"abc").to_vec()),
            (HashAlgorithm::Sha384, shorter.clone()),
            (HashAlgorithm::Sha512, abc.clone()),
        ] {
            assert_eq!(algorithm.output_len(), whole.len());
            let mut hasher = backend.hasher(algorithm);
            hasher.update(b"a");
            let begun = hasher.clone();
            hasher.update(b"bc");
            assert_eq!(hasher.finish().as_ref(), whole);
            assert_ne!(begun.finish().as_ref(), whole);
            assert_eq!(format!("{:?}", backend.hasher(algorithm)), "Hasher");
        }
        // RFC 4231, test case 2.
        let tag = backend.hmac_sha256(b"Jefe", b"what do ya want for nothing?");
        assert_eq!(tag.as_slice(), unhex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"));
        for (algorithm, expected) in [
            (HashAlgorithm::Sha256, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
            (
                HashAlgorithm::Sha384,
                "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649",
            ),
            (
                HashAlgorithm::Sha512,
                "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
            ),
        ] {
            let tag = backend.hmac(algorithm, b"Jefe", b"what do ya want for nothing?");
            assert_eq!(*tag, unhex(expected), "{algorithm:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn jo_b64_03_any_changed_bit_of_a_message_is_refused(
        message in prop::collection::vec(any::<u8>(), 1..300),
        at in any::<prop::sample::Index>(),
        bit in 0..8_u8,
    ) {
        for backend in backends() {
            for algorithm in [Algorithm::Es256, Algorithm::Es384, Algorithm::Ed25519, Algorithm::Ps256, Algorithm::Ps512, Algorithm::Rs256] {
                let key = openssl_key(algorithm, backend);
                let signature = Signer::sign(&key, SignInput::Message(&message)).unwrap();
                let public = Signer::public_key(&key);
                prop_assert_eq!(public.verify(&message, signature.as_bytes()), Ok(()));
                let mut changed = message.clone();
                let at = at.index(changed.len());
                changed[at] ^= 1 << bit;
                prop_assert!(public.verify(&changed, signature.as_bytes()).is_err());
            }
        }
    }

    #[test]
    fn jo_key_07_any_bytes_are_read_without_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        text in ".{0,200}",
    ) {
        for backend in backends() {
            for algorithm in Algorithm::ALL {
                let key = PrivateKey::from_pkcs8(zeroize::Zeroizing::new(bytes.clone()));
                prop_assert!(key.load(algorithm, backend).is_err());
            }
        }
        prop_assert!(PrivateKey::from_pem(&text).is_err());
    }

    #[test]
    fn jo_key_07_a_changed_byte_of_pkcs8_is_refused_or_another_key(at in any::<prop::sample::Index>(), xor in 1..=255_u8) {
        for backend in backends() {
            for algorithm in [Algorithm::Es256, Algorithm::Es384, Algorithm::Ed25519, Algorithm::Rs256] {
                let own = openssl_key(algorithm, backend);
                let mut der = pkcs8(algorithm);
                let at = at.index(der.len());
                der[at] ^= xor;
                if let Ok(other) = PrivateKey::from_pkcs8(zeroize::Zeroizing::new(der)).load(algorithm, backend) {
                    // A seed without its public key is one as good as another; a private exponent is not used on ring.
                    let unseen = Signer::public_key(&other) == Signer::public_key(&own);
                    prop_assert!(
                        algorithm == Algorithm::Ed25519 && !unseen
                            || algorithm == Algorithm::Rs256 && unseen && backend == backend::ring(),
                        "{algorithm} on {backend:?} at {at}"
                    );
                }
            }
        }
    }
}

/// Takes a signer by its type: `Arc` of one is one.
fn algorithm_of(signer: &impl Signer) -> Algorithm {
    signer.algorithm()
}

fn public_of(signer: &impl AsyncSigner) -> &PublicKey {
    assert_eq!((signer.protection(), signer.algorithm()), (Protection::Software, Algorithm::Es256));
    signer.public_key()
}

fn pkcs8(algorithm: Algorithm) -> Vec<u8> {
    let pem = match algorithm {
        Algorithm::Es256 => include_str!("keys/p256.pem"),
        Algorithm::Es384 => include_str!("keys/p384.pem"),
        Algorithm::Ed25519 => include_str!("keys/ed25519.pem"),
        _ => include_str!("keys/rsa2048.pem"),
    };
    PrivateKey::from_pem(pem).unwrap().expose_pkcs8().to_vec()
}
