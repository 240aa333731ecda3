//! Attacks on keys and signatures, each against every backend: JO-ATK-13 to JO-ATK-16.

use aims_keys::{
    Algorithm, KeyError, PublicKey, PublicNumbers, SignInput, Signer, SoftwareKey, backend, der,
};
use aims_testkit::assert_refused;

use crate::support::{P256_ORDER, P384_ORDER, backends, openssl_key, unhex};

const P256_P: &str = "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff";
const P384_P: &str =
    "fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff0000000000000000ffffffff";

#[test]
fn jo_atk_13_ecdsa_numbers_at_the_edges_never_verify() {
    for backend in backends() {
        for (algorithm, order) in [(Algorithm::Es256, P256_ORDER), (Algorithm::Es384, P384_ORDER)] {
            let key = SoftwareKey::generate(algorithm, backend).unwrap();
            let good = sign(&key, b"message");
            let (order, len) = (unhex(order), good.len() / 2);
            let small = |value: u8| [&vec![0; len - 1][..], &[value]].concat();
            let edges = [
                small(0),
                small(1),
                subtract(&order, &small(1)),
                order.clone(),
                add(&order, &small(1)),
                vec![0xff; len],
                good[..len].to_vec(),
                good[len..].to_vec(),
            ];
            let public = Signer::public_key(&key);
            for r in &edges {
                for s in &edges {
                    let forged = [&r[..], s].concat();
                    if forged != good {
                        assert_refused!(public.verify(b"message", &forged), "bad_signature", "JO-B64-03");
                    }
                }
            }
            assert_eq!(public.verify(b"message", &good), Ok(()));
        }
    }
}

#[test]
fn jo_atk_13_tpm_42_ecdsa_has_one_length_and_is_not_der() {
    for backend in backends() {
        for algorithm in [Algorithm::Es256, Algorithm::Es384] {
            let key = SoftwareKey::generate(algorithm, backend).unwrap();
            let good = sign(&key, b"message");
            let half = good.len() / 2;
            let (r, s) = good.split_at(half);
            for wrong in [
                Vec::new(),
                good[..good.len() - 1].to_vec(),
                good[1..].to_vec(),
                [&good[..], &[0]].concat(),
                [&[0], &good[..]].concat(),
                [&[0], r, &[0], s].concat(),
                [s, r].concat(),
                der::ecdsa_to_der(algorithm, &good).unwrap(),
                vec![0; good.len()],
            ] {
                let verified = Signer::public_key(&key).verify(b"message", &wrong);
                assert_refused!(verified, "bad_signature", "JO-B64-03", "{} bytes", wrong.len());
            }
        }
    }
}

/// JWS asks for no low s: both verify, so no signature is a name for what it signs.
#[test]
fn jo_alg_06_a_system_without_randomness_is_an_error_of_its_own() {
    // No backend can be made to fail here; what such a failure is called is part of the contract all the same.
    assert_refused!(Err::<(), _>(KeyError::Random), "no_randomness", "JO-ALG-06");
}

#[test]
fn jo_alg_06_both_s_and_n_minus_s_verify_and_nonces_are_fresh() {
    for backend in backends() {
        for (algorithm, order) in [(Algorithm::Es256, P256_ORDER), (Algorithm::Es384, P384_ORDER)] {
            let key = SoftwareKey::generate(algorithm, backend).unwrap();
            let good = sign(&key, b"message");
            let (r, s) = good.split_at(good.len() / 2);
            let twin = [r, &subtract(&unhex(order), s)].concat();
            assert_ne!(good, twin);
            for signature in [&good, &twin] {
                assert_eq!(Signer::public_key(&key).verify(b"message", signature), Ok(()));
            }
            assert_ne!(sign(&key, b"message")[..r.len()], *r, "a nonce was used twice");
        }
        #[cfg(feature = "ml-dsa")]
        if backend.name() == "aws-lc" {
            let key = SoftwareKey::generate(Algorithm::MlDsa44, backend).unwrap();
            assert_ne!(sign(&key, b"message"), sign(&key, b"message"), "ML-DSA is hedged");
        }
        // EdDSA is deterministic by design.
        let key = SoftwareKey::generate(Algorithm::Ed25519, backend).unwrap();
        assert_eq!(sign(&key, b"message"), sign(&key, b"message"));
    }
}

/// The 14 encodings of the points of small order, canonical or not.
fn small_order_encodings() -> Vec<[u8; 32]> {
    let low = |hex: &str| <[u8; 32]>::try_from(unhex(hex)).unwrap();
    let eighth = [
        low("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
        low("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
    ];
    let zero = [0; 32];
    let mut one = zero;
    one[0] = 1;
    let y_below_2_255 = |first: u8| {
        let mut y = [0xff; 32];
        (y[0], y[31]) = (first, 0x7f);
        y
    };
    let (minus_one, p, p_plus_one) = (y_below_2_255(0xec), y_below_2_255(0xed), y_below_2_255(0xee));
    let mut all = Vec::new();
    for y in [zero, one, minus_one, eighth[0], eighth[1], p, p_plus_one] {
        let mut negative = y;
        negative[31] |= 0x80;
        all.extend([y, negative]);
    }
    all
}

/// Under a key of small order `R = -h A` for S = 0 takes one of at most eight values: a few messages, and one fits.
/// That *ring* accepts the forgery shows why the key must be refused at load.
#[test]
fn jo_key_05_jo_atk_14_keys_of_small_order_are_forged_on_raw_ring_and_refused_here() {
    use ring::signature::{ED25519, UnparsedPublicKey};

    let encodings = small_order_encodings();
    assert_eq!(encodings.len(), 14);
    for key in &encodings {
        let forged = (0..200_u32).any(|counter| {
            let message = counter.to_be_bytes();
            encodings.iter().any(|r| {
                let signature = [&r[..], &[0; 32]].concat();
                UnparsedPublicKey::new(&ED25519, key).verify(&message, &signature).is_ok()
            })
        });
        assert!(forged, "ring no longer accepts a forgery under {key:02x?}: is the check still needed?");

        let canonical = key[0] < 0xed || key[1..31] != [0xff; 30];
        let code = if canonical { "key_small_order" } else { "key_not_canonical" };
        for backend in backends() {
            for algorithm in [Algorithm::Ed25519, Algorithm::EdDsa] {
                let loaded = PublicKey::load(PublicNumbers::Ed25519 { x: *key }, algorithm, backend);
                assert_refused!(loaded, code, "JO-KEY-05", "{key:02x?}");
            }
        }
    }
}

#[test]
fn jo_key_05_jo_atk_14_encodings_that_are_not_canonical_are_refused() {
    for first in 0xed..=0xff {
        for last in [0x7f, 0xff] {
            let mut x = [0xff; 32];
            (x[0], x[31]) = (first, last);
            for backend in backends() {
                let loaded = PublicKey::load(PublicNumbers::Ed25519 { x }, Algorithm::Ed25519, backend);
                assert_refused!(loaded, "key_not_canonical", "JO-KEY-05", "{first:x} {last:x}");
            }
        }
    }
    // All but the highest byte as above, and far below the prime.
    let mut x = [0xff; 32];
    x[31] = 0x7e;
    for backend in backends() {
        assert!(PublicKey::load(PublicNumbers::Ed25519 { x }, Algorithm::Ed25519, backend).is_ok());
    }
}

/// S + L is the same number modulo the order: accepted, it would give each signature a second spelling.
#[test]
fn jo_key_05_jo_atk_14_ed25519_s_is_below_the_order() {
    let order = unhex("1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed");
    for backend in backends() {
        let key = SoftwareKey::generate(Algorithm::Ed25519, backend).unwrap();
        let good = sign(&key, b"message");
        let (r, s) = good.split_at(32);
        let mut s: Vec<u8> = s.iter().rev().copied().collect();
        // 2^256 is less than 16 times L.
        for times in 1..15 {
            s = add(&s, &order);
            let little: Vec<u8> = s.iter().rev().copied().collect();
            let forged = [r, &little].concat();
            let verified = Signer::public_key(&key).verify(b"message", &forged);
            assert_refused!(verified, "bad_signature", "JO-B64-03", "S + {times} L on {backend:?}");
        }
        assert_eq!(Signer::public_key(&key).verify(b"message", &good), Ok(()));
    }
}

#[test]
fn jo_key_04_jo_atk_15_weak_rsa_numbers_are_refused() {
    let modulus = |bytes: usize| {
        let mut n = vec![0xc5; bytes];
        n[bytes - 1] = 0x01;
        n
    };
    let e = vec![1, 0, 1];
    let mut even = modulus(256);
    even[255] = 0;
    let mut bits_2047 = modulus(256);
    bits_2047[0] = 0x7f;
    let mut bits_8193 = modulus(1025);
    bits_8193[0] = 1;
    let bad_moduli = [
        (Vec::new(), "empty"),
        (vec![0], "zero"),
        (modulus(128), "1024 bits"),
        (bits_2047, "2047 bits"),
        (bits_8193, "8193 bits"),
        (modulus(4096), "32768 bits"),
        (modulus(1 << 20), "8388608 bits"),
        (even, "even"),
        ([&[0][..], &modulus(256)].concat(), "leading zero"),
    ];
    let bad_exponents = [
        (Vec::new(), "empty"),
        (vec![0], "zero"),
        (vec![1], "one"),
        (vec![2], "two"),
        (vec![3], "three"),
        (vec![17], "seventeen"),
        (vec![0xff, 0xff], "65535"),
        (vec![1, 0, 0], "65536"),
        (vec![1, 0, 2], "even"),
        (vec![0, 1, 0, 1], "leading zero"),
        (vec![2, 0, 0, 0, 1], "2^33 + 1"),
        (vec![1, 0, 0, 0, 0, 1], "2^40 + 1"),
        (vec![1, 0, 0, 0, 0, 0, 1, 0, 1], "2^64 + 65537"),
        (vec![1; 256], "as long as the modulus"),
    ];
    for backend in backends() {
        for algorithm in [Algorithm::Ps256, Algorithm::Rs256] {
            for (n, why) in &bad_moduli {
                let numbers = PublicNumbers::Rsa { n: n.clone(), e: e.clone() };
                let loaded = PublicKey::load(numbers, algorithm, backend);
                assert_refused!(loaded, "rsa_modulus", "JO-KEY-04", "{why}");
            }
            for (e, why) in &bad_exponents {
                let numbers = PublicNumbers::Rsa { n: modulus(256), e: e.clone() };
                let loaded = PublicKey::load(numbers, algorithm, backend);
                assert_refused!(loaded, "rsa_exponent", "JO-KEY-04", "{why}");
            }
            for (n, e) in [
                (modulus(256), vec![1, 0, 1]),
                (modulus(1024), vec![1, 0, 1]),
                (modulus(256), vec![1, 0xff, 0xff, 0xff, 0xff]),
            ] {
                assert!(PublicKey::load(PublicNumbers::Rsa { n, e }, algorithm, backend).is_ok());
            }
        }
    }
}

#[test]
fn jo_key_04_jo_atk_15_rsa_signatures_have_one_spelling() {
    for backend in backends() {
        for algorithm in [Algorithm::Ps256, Algorithm::Rs256] {
            let key = openssl_key(algorithm, backend);
            let PublicNumbers::Rsa { n, .. } = Signer::public_key(&key).numbers().clone() else { panic!() };
            let public = Signer::public_key(&key);

            let len = n.len();
            let one = [&vec![0; len - 1][..], &[1]].concat();
            let zero = vec![0; len];
            let minus_one = subtract(&n, &one);
            for (forged, why) in [
                (one.clone(), "1"),
                (zero, "0"),
                (minus_one, "n - 1"),
                (n.clone(), "n"),
                (vec![0xff; len], "above n"),
                (Vec::new(), "empty"),
            ] {
                let verified = public.verify(b"message", &forged);
                assert_refused!(verified, "bad_signature", "JO-B64-03", "{algorithm}: {why}");
            }

            // sig + n is the same number modulo n; look for a signature where it keeps the length.
            let mut same_length = 0;
            for counter in 0..64_u32 {
                let message = counter.to_be_bytes();
                let good = sign(&key, &message);
                assert_eq!(public.verify(&message, &good), Ok(()));
                let sum = add(&[&[0], &good[..]].concat(), &[&[0], &n[..]].concat());
                let forged = if sum[0] == 0 { sum[1..].to_vec() } else { sum };
                same_length += usize::from(forged.len() == len);
                assert_refused!(public.verify(&message, &forged), "bad_signature", "JO-B64-03", "sig + n");
                let longer = [&[0], &good[..]].concat();
                assert_refused!(
                    public.verify(&message, &longer),
                    "bad_signature",
                    "JO-B64-03",
                    "leading zero"
                );
                if same_length > 2 {
                    break;
                }
            }
            assert!(same_length > 0, "no signature was short enough");
        }
    }
}

/// With e = 3 the cube root of a padded digest followed by anything passes a verifier that does not look to the end. Such
/// a key is refused; and under a key that is not, the same number is no signature.
#[test]
fn jo_key_04_jo_atk_15_a_cube_root_is_no_signature() {
    let digest_info = unhex("3031300d060960864801650304020105000420");
    let digest = backend::ring().sha256(b"message");
    let mut padded = vec![0x00, 0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00];
    padded.extend(digest_info);
    padded.extend(digest);
    // The smallest number whose cube begins with the padded digest, in 256 bytes.
    padded.resize(256, 0);
    let root = cube_root_above(&padded);
    let cube = multiply(&multiply(&root, &root), &root);
    assert_eq!(cube[cube.len() - 256..][..62], padded[..62], "the forgery is one");

    for backend in backends() {
        let key = openssl_key(Algorithm::Rs256, backend);
        let PublicNumbers::Rsa { n, .. } = Signer::public_key(&key).numbers().clone() else { panic!() };
        let weak = PublicNumbers::Rsa { n, e: vec![3] };
        let loaded = PublicKey::load(weak, Algorithm::Rs256, backend);
        assert_refused!(loaded, "rsa_exponent", "JO-KEY-04");
        let mut forged = vec![0; 256 - root.len()];
        forged.extend(&root);
        let verified = Signer::public_key(&key).verify(b"message", &forged);
        assert_refused!(verified, "bad_signature", "JO-B64-03");
    }

    // The forgery itself, against raw ring with a key of exponent 3: it looks to the end.
    let weak = ring::signature::RsaPublicKeyComponents { n: &[0xff; 256][..], e: &[3][..] };
    let mut forged = vec![0; 256 - root.len()];
    forged.extend(&root);
    assert!(weak.verify(&ring::signature::RSA_PKCS1_2048_8192_SHA256, b"message", &forged).is_err());
}

#[test]
fn jo_key_03_jo_atk_16_points_that_are_not_on_the_curve_are_refused() {
    for backend in backends() {
        let key = SoftwareKey::generate(Algorithm::Es256, backend).unwrap();
        let PublicNumbers::P256 { x, y } = *Signer::public_key(&key).numbers() else { panic!() };
        let p: [u8; 32] = unhex(P256_P).try_into().unwrap();
        let negative_y: [u8; 32] = subtract(&p, &y).try_into().unwrap();
        assert!(PublicKey::load(PublicNumbers::P256 { x, y: negative_y }, Algorithm::Es256, backend).is_ok());
        for (x, y, why) in [
            ([0; 32], [0; 32], "zero, which some write for infinity"),
            (x, [0; 32], "y = 0"),
            ([0; 32], y, "x = 0"),
            (y, x, "swapped"),
            (x, flipped(y), "y + 1 or y - 1"),
            (flipped(x), y, "x + 1 or x - 1"),
            (p, y, "x = p"),
            (x, p, "y = p"),
            ([0xff; 32], [0xff; 32], "above p"),
        ] {
            let loaded = PublicKey::load(PublicNumbers::P256 { x, y }, Algorithm::Es256, backend);
            assert_refused!(loaded, "key_not_on_curve", "JO-KEY-03", "{why}");
        }

        let key = SoftwareKey::generate(Algorithm::Es384, backend).unwrap();
        let PublicNumbers::P384 { x, y } = *Signer::public_key(&key).numbers() else { panic!() };
        let p: [u8; 48] = unhex(P384_P).try_into().unwrap();
        let negative_y: [u8; 48] = subtract(&p, &y).try_into().unwrap();
        assert!(PublicKey::load(PublicNumbers::P384 { x, y: negative_y }, Algorithm::Es384, backend).is_ok());
        for (x, y, why) in [
            ([0; 48], [0; 48], "zero, which some write for infinity"),
            (x, [0; 48], "y = 0"),
            ([0; 48], y, "x = 0"),
            (y, x, "swapped"),
            (x, flipped(y), "y + 1 or y - 1"),
            (flipped(x), y, "x + 1 or x - 1"),
            (p, y, "x = p"),
            (x, p, "y = p"),
            ([0xff; 48], [0xff; 48], "above p"),
        ] {
            let loaded = PublicKey::load(PublicNumbers::P384 { x, y }, Algorithm::Es384, backend);
            assert_refused!(loaded, "key_not_on_curve", "JO-KEY-03", "{why}");
        }
    }
}

/// Points with so small an x that x + p still has the length of the field: the same point in a second spelling.
#[test]
fn jo_key_03_jo_atk_16_coordinates_have_one_spelling() {
    for backend in backends() {
        let y = unhex("459243b9aa581806fe913bce99817ade11ca503c64d9a3c533415c083248fbcc").try_into().unwrap();
        let x = add(&[&[0; 31][..], &[5]].concat(), &[0; 32]);
        let twin = add(&x, &unhex(P256_P)).try_into().unwrap();
        let x = x.try_into().unwrap();
        assert!(PublicKey::load(PublicNumbers::P256 { x, y }, Algorithm::Es256, backend).is_ok());
        let loaded = PublicKey::load(PublicNumbers::P256 { x: twin, y }, Algorithm::Es256, backend);
        assert_refused!(loaded, "key_not_on_curve", "JO-KEY-03");

        let y = unhex(
            "8cdeadbbd04911a3c1931e26df3fa6439dca9c7eb286fbd46fc319f0e2bb780232baf57825fc0c1912ada2fefe84024c",
        );
        let y = y.try_into().unwrap();
        let x = [&[0; 47][..], &[2]].concat();
        let twin = add(&x, &unhex(P384_P)).try_into().unwrap();
        let x = x.try_into().unwrap();
        assert!(PublicKey::load(PublicNumbers::P384 { x, y }, Algorithm::Es384, backend).is_ok());
        let loaded = PublicKey::load(PublicNumbers::P384 { x: twin, y }, Algorithm::Es384, backend);
        assert_refused!(loaded, "key_not_on_curve", "JO-KEY-03");
    }
}

/// The same with y, and points whose square of x is so small in the check's own arithmetic that subtracting 3 borrows.
#[test]
fn jo_key_03_jo_atk_16_rare_points_are_judged_rightly() {
    for backend in backends() {
        let load = |x: &str, y: Vec<u8>| {
            if x.len() == 64 {
                let (x, y) = (unhex(x).try_into().unwrap(), y.try_into().unwrap());
                PublicKey::load(PublicNumbers::P256 { x, y }, Algorithm::Es256, backend)
            } else {
                let (x, y) = (unhex(x).try_into().unwrap(), y.try_into().unwrap());
                PublicKey::load(PublicNumbers::P384 { x, y }, Algorithm::Es384, backend)
            }
        };
        for (x, p) in [
            ("6916fac45e568b6b9e2e2ecd611b282e5fcc40a3067d601057f879ce5a8a73cc", P256_P),
            (
                "2261b2bf605c22f2f3aef6338719b2c486388ad5240719a5257315969ef01ba27f0a104c89704773a81fdabee6ab5c78",
                P384_P,
            ),
        ] {
            let one = [&vec![0; p.len() / 2 - 1][..], &[1]].concat();
            let twin = add(&one, &unhex(p));
            assert!(load(x, one).is_ok());
            assert_refused!(load(x, twin), "key_not_on_curve", "JO-KEY-03", "y + p");
        }
        for (x, y) in [
            (
                "a04a5cf32f3a01bc8aba5d63fa207c7053afd9f49ca101c81924c574f53c1e49",
                "fffffffe00000001fffffffeffffffff00000001fffffffdffffffffffffffff",
            ),
            (
                "886151601632d15072c6e9e2b24912350379f3d3094e3f7f88c36d7044baad877f1e4f254f08e95a2193c3484c9cf705",
                "0000000800000003fffffffffffffffdfffffffdfffffffdfffffffffffffffffffffff7fffffff3fffffffc0000000a",
            ),
            (
                "00000000ffffffff0000000100000000ffffffff000000020000000000000000",
                "b8894cc075e0c14318f7e46e8d4dcd8ec6983411f83752e86fae67f05ebf75ca",
            ),
            (
                "fffffffbfffffffe00000000000000010000000100000000ffffffffffffffff000000030000000600000002fffffffa",
                "82de452a4ea2e31dd06197e54d3b880c6cfbc7a89c9a817be33a21fa650c300d2cc3a6ad7537dd7f9bfc642db05b891c",
            ),
        ] {
            assert!(load(x, unhex(y)).is_ok(), "{x}");
        }
    }
}

/// x = 0 has a point on both curves: it is not mistaken for infinity.
#[test]
fn jo_key_03_the_point_with_x_0_is_a_point() {
    let y = unhex("66485c780e2f83d72433bd5d84a06bb6541c2af31dae871728bf856a174f93f4").try_into().unwrap();
    let p256 = PublicNumbers::P256 { x: [0; 32], y };
    let y = unhex(
        "c306610fb0ae5a159cf45c06069f22a6c5eb3641c602d42dea2c4b4f75550793406d80d2b91ad54f9048bd487af1ade1",
    );
    let p384 = PublicNumbers::P384 { x: [0; 48], y: y.try_into().unwrap() };
    for backend in backends() {
        assert!(PublicKey::load(p256.clone(), Algorithm::Es256, backend).is_ok());
        assert!(PublicKey::load(p384.clone(), Algorithm::Es384, backend).is_ok());
    }
}

fn sign(key: &SoftwareKey, message: &[u8]) -> Vec<u8> {
    Signer::sign(key, SignInput::Message(message)).unwrap().as_bytes().to_vec()
}

fn flipped<const N: usize>(mut number: [u8; N]) -> [u8; N] {
    number[N - 1] ^= 1;
    number
}

/// a + b of big-endian numbers of one length, modulo its power of two.
fn add(a: &[u8], b: &[u8]) -> Vec<u8> {
    assert_eq!(a.len(), b.len());
    let mut carry = 0;
    let mut sum: Vec<u8> = a
        .iter()
        .zip(b)
        .rev()
        .map(|(&a, &b)| {
            let digit = u16::from(a) + u16::from(b) + carry;
            carry = digit >> 8;
            (digit & 0xff) as u8
        })
        .collect();
    sum.reverse();
    sum
}

/// a - b of big-endian numbers of one length, modulo its power of two.
fn subtract(a: &[u8], b: &[u8]) -> Vec<u8> {
    let complement: Vec<u8> = b.iter().map(|byte| !byte).collect();
    let one = [&vec![0; b.len() - 1][..], &[1]].concat();
    add(&add(a, &complement), &one)
}

/// a b of big-endian numbers, as long as both together.
fn multiply(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut product = vec![0_u8; a.len() + b.len()];
    for (i, &x) in a.iter().enumerate().rev() {
        let mut carry = 0;
        for (j, &y) in b.iter().enumerate().rev() {
            let digit = u16::from(x) * u16::from(y) + u16::from(product[i + j + 1]) + carry;
            product[i + j + 1] = (digit & 0xff) as u8;
            carry = digit >> 8;
        }
        product[i] = u8::try_from(carry).unwrap();
    }
    product
}

/// The smallest number of 86 bytes whose cube is not below a big-endian number of 256 bytes.
fn cube_root_above(number: &[u8]) -> Vec<u8> {
    let mut root = vec![0_u8; 86];
    for byte in 0..root.len() {
        for bit in (0..8).rev() {
            root[byte] |= 1 << bit;
            let cube = multiply(&multiply(&root, &root), &root);
            let number = [&vec![0; cube.len() - number.len()][..], number].concat();
            if cube >= number {
                root[byte] &= !(1 << bit);
            }
        }
    }
    let one = [&[0; 85][..], &[1]].concat();
    add(&root, &one)
}
