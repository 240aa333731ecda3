//! ECDH with a key that is used once, and secrets that are encrypted to RSA keys.

use aims_keys::backend::HashAlgorithm;
use aims_keys::{Algorithm, PublicNumbers, SoftwareKey, backend};
use aims_testkit::assert_refused;

use crate::support::{backends, openssl_key, unhex};

/// The generators (SP 800-186 §3.2.1): the public keys of the private key 1, so that the owner computes what the other side sends.
fn generators() -> [PublicNumbers; 2] {
    let number = |text| unhex(text);
    [
        PublicNumbers::P256 {
            x: number("6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296").try_into().unwrap(),
            y: number("4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5").try_into().unwrap(),
        },
        PublicNumbers::P384 {
            x: number("aa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a385502f25dbf55296c3a545e3872760ab7")
                .try_into()
                .unwrap(),
            y: number("3617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147ce9da3113b5f0b8c00a60b1ce1d7e819d7a431d7c90ea0e5f")
                .try_into()
                .unwrap(),
        },
    ]
}

fn x_of(numbers: &PublicNumbers) -> Vec<u8> {
    match numbers {
        PublicNumbers::P256 { x, .. } => x.to_vec(),
        PublicNumbers::P384 { x, .. } => x.to_vec(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn tpm_3_keys_agree_on_the_x_coordinate_of_the_common_point() {
    for backend in backends() {
        for peer in generators() {
            let agreed = backend.agree(&peer).unwrap();
            assert_eq!(agreed.ephemeral().check(), Ok(()));
            assert_eq!(agreed.shared_x(), x_of(agreed.ephemeral()), "{backend:?}");
            let again = backend.agree(&peer).unwrap();
            assert_ne!(again.ephemeral(), agreed.ephemeral(), "a key is used once");
            let shown = format!("Agreement {{ ephemeral: {:?}, .. }}", agreed.ephemeral());
            assert_eq!(format!("{agreed:?}"), shown, "the secret does not show");
        }
    }
}

#[test]
fn jo_key_03_nothing_is_agreed_with_a_point_off_its_curve() {
    for backend in backends() {
        for peer in generators() {
            let off = match peer {
                PublicNumbers::P256 { x, .. } => PublicNumbers::P256 { x, y: x },
                PublicNumbers::P384 { x, .. } => PublicNumbers::P384 { x, y: x },
                other => panic!("{other:?}"),
            };
            assert_refused!(backend.agree(&off), "key_not_on_curve", "JO-KEY-03");
        }
        let other = SoftwareKey::generate(Algorithm::Ed25519, backend).unwrap();
        let refused = backend.agree(other.public_key().numbers());
        assert_refused!(refused, "key_algorithm_mismatch", "JO-KEY-02");
    }
}

#[test]
fn tpm_44_what_a_backend_cannot_encrypt_to_is_refused() {
    let rsa = openssl_key(Algorithm::Ps256, backend::ring());
    let rsa = rsa.public_key().numbers();
    let [point, _] = generators();
    for backend in backends() {
        let encrypt =
            |key: &PublicNumbers, hash, secret: &[u8]| backend.encrypt_oaep(key, hash, b"L\0", secret);
        assert_refused!(encrypt(&point, HashAlgorithm::Sha256, b"s"), "key_algorithm_mismatch", "JO-KEY-02");
        let weak = PublicNumbers::Rsa { n: vec![0xff; 128], e: vec![1, 0, 1] };
        assert_refused!(encrypt(&weak, HashAlgorithm::Sha256, b"s"), "rsa_modulus", "JO-KEY-04");
        assert_refused!(encrypt(rsa, HashAlgorithm::Sha256, &[1; 191]), "encrypt_too_long", "TPM-44");
        assert_refused!(encrypt(rsa, HashAlgorithm::Sha384, &[1; 159]), "encrypt_too_long", "TPM-44");
        assert_refused!(encrypt(rsa, HashAlgorithm::Sha512, &[1; 127]), "encrypt_too_long", "TPM-44");
    }
    let refused = backend::ring().encrypt_oaep(rsa, HashAlgorithm::Sha256, b"L\0", &[1; 190]);
    assert_refused!(refused, "key_unsupported", "TPM-44");
}

#[cfg(feature = "aws-lc")]
mod peers {
    use aims_keys::PublicNumbers;
    use aims_keys::backend::{self, HashAlgorithm};
    use aws_lc_rs::agreement::{ECDH_P256, ECDH_P384, PrivateKey, UnparsedPublicKey, agree};
    use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
    use aws_lc_rs::rsa::{
        KeySize, OAEP_SHA256_MGF1SHA256, OAEP_SHA384_MGF1SHA384, OAEP_SHA512_MGF1SHA512,
        OaepPrivateDecryptingKey, PrivateDecryptingKey,
    };

    use crate::support::backends;

    #[test]
    fn tpm_3_the_owner_of_the_peer_computes_the_same() {
        for backend in backends() {
            for curve in [&ECDH_P256, &ECDH_P384] {
                let owner = PrivateKey::generate(curve).unwrap();
                let der: PublicKeyX509Der<'_> = owner.compute_public_key().unwrap().as_der().unwrap();
                let peer = PublicNumbers::from_spki(der.as_ref()).unwrap();
                let agreed = backend.agree(&peer).unwrap();
                let point = match agreed.ephemeral() {
                    PublicNumbers::P256 { x, y } => [&[4], &x[..], &y[..]].concat(),
                    PublicNumbers::P384 { x, y } => [&[4], &x[..], &y[..]].concat(),
                    other => panic!("{other:?}"),
                };
                let theirs =
                    agree(&owner, UnparsedPublicKey::new(curve, point), (), |x| Ok(x.to_vec())).unwrap();
                assert_eq!(theirs, agreed.shared_x());
            }
        }
    }

    #[test]
    fn tpm_3_the_owner_of_an_rsa_key_decrypts_with_the_same_hash_and_label() {
        let private = PrivateDecryptingKey::generate(KeySize::Rsa2048).unwrap();
        let der: PublicKeyX509Der<'_> = private.public_key().as_der().unwrap();
        let key = PublicNumbers::from_spki(der.as_ref()).unwrap();
        let owner = OaepPrivateDecryptingKey::new(private).unwrap();
        let decrypt = |algorithm, sealed: &[u8], label: &[u8]| {
            let mut room = vec![0; 256];
            owner.decrypt(algorithm, sealed, &mut room, Some(label)).ok().map(|secret| secret.to_vec())
        };
        for (hash, algorithm, len) in [
            (HashAlgorithm::Sha256, &OAEP_SHA256_MGF1SHA256, 190),
            (HashAlgorithm::Sha384, &OAEP_SHA384_MGF1SHA384, 158),
            (HashAlgorithm::Sha512, &OAEP_SHA512_MGF1SHA512, 126),
        ] {
            for secret in [&[7; 32][..], &vec![9; len], b""] {
                let sealed = backend::aws_lc().encrypt_oaep(&key, hash, b"IDENTITY\0", secret).unwrap();
                assert_eq!(sealed.len(), 256);
                assert_eq!(decrypt(algorithm, &sealed, b"IDENTITY\0").as_deref(), Some(secret));
                assert_eq!(decrypt(algorithm, &sealed, b"IDENTITY"), None);
            }
        }
    }
}
