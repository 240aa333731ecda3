//! The curve check of this crate against those of the backends, on more points than a table has (JO-KEY-03).

use aims_keys::{Algorithm, PublicKey, PublicNumbers, Signer, SoftwareKey, backend};
use proptest::prelude::*;
use ring::agreement::{self, EphemeralPrivateKey, UnparsedPublicKey};
use ring::rand::SystemRandom;

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn jo_key_03_made_keys_are_on_the_curve_and_their_neighbours_are_judged_as_ring_judges_them(
        at in 0..96_usize, xor in 1..=255_u8,
    ) {
        let key = SoftwareKey::generate(Algorithm::Es256, backend::ring()).unwrap();
        let PublicNumbers::P256 { x, y } = *Signer::public_key(&key).numbers() else { panic!() };
        let mut point = [&x[..], &y].concat();
        prop_assert!(p256(&point) && on_curve_says_ring(&agreement::ECDH_P256, &point));
        point[at % 64] ^= xor;
        prop_assert_eq!(p256(&point), on_curve_says_ring(&agreement::ECDH_P256, &point));

        let key = SoftwareKey::generate(Algorithm::Es384, backend::ring()).unwrap();
        let PublicNumbers::P384 { x, y } = *Signer::public_key(&key).numbers() else { panic!() };
        let mut point = [&x[..], &y].concat();
        prop_assert!(p384(&point) && on_curve_says_ring(&agreement::ECDH_P384, &point));
        point[at] ^= xor;
        prop_assert_eq!(p384(&point), on_curve_says_ring(&agreement::ECDH_P384, &point));
    }

    #[test]
    fn jo_key_03_random_coordinates_are_judged_as_the_backends_judge_them(
        point in prop::collection::vec(prop_oneof![Just(0), Just(0xff), any::<u8>()], 96),
    ) {
        let short = &point[..64];
        prop_assert_eq!(p256(short), on_curve_says_ring(&agreement::ECDH_P256, short));
        prop_assert_eq!(p384(&point), on_curve_says_ring(&agreement::ECDH_P384, &point));
        #[cfg(feature = "aws-lc")]
        {
            use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ParsedPublicKey};
            let uncompressed = |point: &[u8]| [&[4], point].concat();
            let aws_lc = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, uncompressed(short)).is_ok();
            prop_assert_eq!(p256(short), aws_lc);
            let aws_lc = ParsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, uncompressed(&point)).is_ok();
            prop_assert_eq!(p384(&point), aws_lc);
        }
    }
}

fn p256(point: &[u8]) -> bool {
    let (x, y) = point.split_at(32);
    let numbers = PublicNumbers::P256 { x: x.try_into().unwrap(), y: y.try_into().unwrap() };
    PublicKey::load(numbers, Algorithm::Es256, backend::ring()).is_ok()
}

fn p384(point: &[u8]) -> bool {
    let (x, y) = point.split_at(48);
    let numbers = PublicNumbers::P384 { x: x.try_into().unwrap(), y: y.try_into().unwrap() };
    PublicKey::load(numbers, Algorithm::Es384, backend::ring()).is_ok()
}

/// *ring* checks the point of the other side before it agrees on a key with it.
fn on_curve_says_ring(curve: &'static agreement::Algorithm, point: &[u8]) -> bool {
    let own = EphemeralPrivateKey::generate(curve, &SystemRandom::new()).unwrap();
    let peer = UnparsedPublicKey::new(curve, [&[4], point].concat());
    agreement::agree_ephemeral(own, &peer, |_| ()).is_ok()
}
