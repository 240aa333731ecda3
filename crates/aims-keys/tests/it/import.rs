//! Private keys from outside: PKCS#8, PEM, the numbers of a JWK (JO-KEY-07).

use aims_keys::{
    Algorithm, Backend, KeyError, PrivateKey, PrivateNumbers, PublicNumbers, RsaSize, SignInput, Signer,
    SoftwareKey, backend,
};
use aims_testkit::{assert_refused, vectors};
use serde_json::Value;
use zeroize::Zeroizing;

use crate::support::{backends, makes, unbase64url, unhex};

const P256: &str = include_str!("keys/p256.pem");
const P384: &str = include_str!("keys/p384.pem");
const ED25519: &str = include_str!("keys/ed25519.pem");
const RSA_2048: &str = include_str!("keys/rsa2048.pem");

const OPENSSL_KEYS: [(&str, Algorithm); 6] = [
    (P256, Algorithm::Es256),
    (P384, Algorithm::Es384),
    (ED25519, Algorithm::Ed25519),
    (ED25519, Algorithm::EdDsa),
    (RSA_2048, Algorithm::Ps256),
    (RSA_2048, Algorithm::Rs256),
];

#[test]
fn jo_key_07_keys_of_openssl_load_on_every_backend() {
    for backend in backends() {
        for (pem, algorithm) in OPENSSL_KEYS {
            let key = load(pem, algorithm, backend).unwrap();
            assert_signs(&key, &format!("{algorithm} on {backend:?}"));
        }
    }
}

#[test]
fn jo_key_07_made_keys_survive_pkcs8_and_pem_and_change_backends() {
    for maker in backends() {
        for algorithm in makes(maker) {
            let made = PrivateKey::generate(algorithm, maker).unwrap();
            let pem = made.expose_pem();
            let read = PrivateKey::from_pem(&pem).unwrap();
            assert_eq!(made.expose_pkcs8(), read.expose_pkcs8());
            assert_eq!(*pem, *read.expose_pem());

            let public = made.load(algorithm, maker).unwrap().public_key().clone();
            for loader in backends() {
                match read.load(algorithm, loader) {
                    Ok(key) => {
                        assert_signs(&key, &format!("{algorithm} of {maker:?} on {loader:?}"));
                        assert_eq!(*Signer::public_key(&key), public);
                    }
                    refused => {
                        assert!(matches!(algorithm, Algorithm::MlDsa44 | Algorithm::MlDsa65));
                        assert_refused!(refused, "key_unsupported", "TPM-44");
                    }
                }
            }
        }
    }
}

#[test]
fn jo_key_07_a_key_is_refused_for_every_other_algorithm() {
    for backend in backends() {
        for (pem, own) in OPENSSL_KEYS {
            for other in Algorithm::ALL {
                let same_kind = matches!(
                    (own, other),
                    (
                        Algorithm::Ps256 | Algorithm::Rs256,
                        Algorithm::Ps256 | Algorithm::Ps512 | Algorithm::Rs256
                    )
                ) || own.is_same_algorithm(other);
                if !same_kind {
                    assert_refused!(
                        load(pem, other, backend),
                        "key_algorithm_mismatch",
                        "JO-KEY-02",
                        "{own} as {other}"
                    );
                }
            }
        }
    }
}

#[test]
fn jo_key_07_jwk_numbers_of_the_rfcs_become_keys() {
    let Some(file) = vectors::json("jose/rfc/jws-examples.json") else { return };
    let mut seen = Vec::new();
    for vector in file["vectors"].as_array().unwrap() {
        let Ok(algorithm) = vector["alg"].as_str().unwrap().parse::<Algorithm>() else { continue };
        let Some(numbers) = numbers(&vector["private_jwk"]) else { continue };
        let stated = numbers.public();
        let key = PrivateKey::from_numbers(numbers).unwrap();
        for backend in backends() {
            let key = key.load(algorithm, backend).unwrap();
            assert_eq!(*Signer::public_key(&key).numbers(), stated);
            assert_signs(&key, vector["name"].as_str().unwrap());
        }
        seen.push(algorithm.name());
    }
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen, ["ES256", "EdDSA", "RS256"]);
}

#[test]
fn jo_key_07_p384_numbers_become_the_same_key_as_its_pkcs8() {
    for backend in backends() {
        let key = PrivateKey::from_numbers(p384()).unwrap().load(Algorithm::Es384, backend).unwrap();
        assert_eq!(key.public_key(), load(P384, Algorithm::Es384, backend).unwrap().public_key());
        assert_signs(&key, "P-384");
    }
}

#[cfg(feature = "ml-dsa")]
#[test]
fn jo_key_06_ml_dsa_seeds_become_keys_and_belong_to_one_public_key() {
    for (file, algorithm) in
        [("jose/rfc/ml-dsa-44.json", Algorithm::MlDsa44), ("jose/rfc/ml-dsa-65.json", Algorithm::MlDsa65)]
    {
        let Some(file) = vectors::json(file) else { return };
        let jwk = &file["private_jwk"];
        let key = PrivateKey::from_numbers(numbers(jwk).unwrap()).unwrap();
        let loaded = key.load(algorithm, backend::aws_lc()).unwrap();
        assert_eq!(*loaded.public_key().numbers(), PublicNumbers::MlDsa { public: bytes(jwk, "pub") });
        assert_signs(&loaded, algorithm.name());

        let other = if algorithm == Algorithm::MlDsa44 { Algorithm::MlDsa65 } else { Algorithm::MlDsa44 };
        assert_refused!(key.load(other, backend::aws_lc()), "key_algorithm_mismatch", "JO-KEY-02");

        let mut public = bytes(jwk, "pub");
        public[100] ^= 1;
        let forged = PrivateNumbers::MlDsa { seed: array(jwk, "priv"), public };
        let forged = PrivateKey::from_numbers(forged).unwrap();
        assert_refused!(forged.load(algorithm, backend::aws_lc()), "key_inconsistent", "JO-KEY-07");
    }
}

#[test]
fn jo_key_06_an_ml_dsa_public_key_of_another_length_is_refused() {
    for len in [0, 32, 1311, 1313, 1951, 1953, 2592] {
        let numbers = PrivateNumbers::MlDsa { seed: Zeroizing::new([7; 32]), public: vec![1; len] };
        assert_refused!(PrivateKey::from_numbers(numbers), "key_length", "JO-KEY-06");
    }
}

#[test]
fn jo_key_07_a_public_half_of_another_key_is_refused() {
    for backend in backends() {
        for algorithm in [Algorithm::Es256, Algorithm::Es384, Algorithm::Ed25519] {
            let stranger = SoftwareKey::generate(algorithm, backend).unwrap();
            let mixed = match stranger.public_key().numbers() {
                PublicNumbers::P256 { x, y } => {
                    PrivateNumbers::P256 { d: Zeroizing::new([0x11; 32]), x: *x, y: *y }
                }
                PublicNumbers::P384 { x, y } => {
                    let PrivateNumbers::P384 { d, .. } = p384() else { panic!() };
                    PrivateNumbers::P384 { d, x: *x, y: *y }
                }
                PublicNumbers::Ed25519 { x } => {
                    PrivateNumbers::Ed25519 { seed: Zeroizing::new([0x11; 32]), x: *x }
                }
                other => panic!("{other:?}"),
            };
            let mixed = PrivateKey::from_numbers(mixed).unwrap();
            assert_refused!(
                mixed.load(algorithm, backend),
                "key_inconsistent",
                "JO-KEY-07",
                "{algorithm} on {backend:?}"
            );
        }
    }
}

#[test]
fn jo_key_07_every_rsa_number_must_belong_to_the_others() {
    let Some(file) = vectors::json("jose/rfc/jws-examples.json") else { return };
    let jwk = file["vectors"].as_array().unwrap().iter().find(|v| v["alg"] == "RS256").unwrap();
    let jwk = &jwk["private_jwk"];
    for backend in backends() {
        for changed in ["n", "p", "q", "dp", "dq", "qi", "d"] {
            let number = |name: &str| {
                let mut number = bytes(jwk, name);
                if name == changed {
                    // Stays odd and of the same length.
                    number[50] ^= 0x10;
                }
                number
            };
            let secret = |name: &str| Zeroizing::new(number(name));
            let numbers = PrivateNumbers::Rsa {
                n: number("n"),
                e: number("e"),
                d: secret("d"),
                p: secret("p"),
                q: secret("q"),
                dp: secret("dp"),
                dq: secret("dq"),
                qi: secret("qi"),
            };
            let loaded = PrivateKey::from_numbers(numbers).unwrap().load(Algorithm::Rs256, backend);
            if changed == "d" && backend.name() == "ring" {
                // A listed deviation: ring signs with the primes and never uses `d`.
                assert_signs(&loaded.unwrap(), "d is not used");
                continue;
            }
            assert_refused!(loaded, "key_inconsistent", "JO-KEY-07", "{changed} on {backend:?}");
        }
    }
}

#[test]
fn jo_key_03_jo_key_07_scalars_out_of_range_are_refused() {
    let n = unhex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
    let PublicNumbers::P256 { x, y } =
        *load(P256, Algorithm::Es256, backend::ring()).unwrap().public_key().numbers()
    else {
        panic!()
    };
    for backend in backends() {
        for d in [[0; 32], n.as_slice().try_into().unwrap(), [0xff; 32]] {
            let key = PrivateKey::from_numbers(PrivateNumbers::P256 { d: Zeroizing::new(d), x, y }).unwrap();
            assert_refused!(key.load(Algorithm::Es256, backend), "key_malformed", "JO-KEY-07", "{backend:?}");
        }
        let off = PrivateNumbers::P256 { d: Zeroizing::new([1; 32]), x, y: x };
        let off = PrivateKey::from_numbers(off).unwrap();
        assert_refused!(off.load(Algorithm::Es256, backend), "key_not_on_curve", "JO-KEY-03");
    }
}

#[test]
fn jo_key_04_weak_rsa_private_keys_are_refused() {
    for backend in backends() {
        for (pem, code) in [
            (include_str!("keys/rsa1024.pem"), "rsa_modulus"),
            (include_str!("keys/rsa2048_e3.pem"), "rsa_exponent"),
        ] {
            for algorithm in [Algorithm::Ps256, Algorithm::Rs256] {
                assert_refused!(load(pem, algorithm, backend), code, "JO-KEY-04", "{backend:?}");
            }
        }
    }
}

#[test]
fn jo_key_04_rsa_numbers_have_one_spelling_and_a_bound() {
    let numbers = |n: Vec<u8>| {
        let one = || Zeroizing::new(vec![1]);
        PrivateNumbers::Rsa {
            n,
            e: vec![1, 0, 1],
            d: one(),
            p: one(),
            q: one(),
            dp: one(),
            dq: one(),
            qi: one(),
        }
    };
    assert_refused!(PrivateKey::from_numbers(numbers(vec![])), "key_malformed", "JO-KEY-07");
    assert_refused!(PrivateKey::from_numbers(numbers(vec![0, 1])), "key_malformed", "JO-KEY-07");
    assert_refused!(PrivateKey::from_numbers(numbers(vec![0xff; 1 << 20])), "rsa_modulus", "JO-KEY-04");
}

#[test]
fn jo_key_04_rsa_keys_are_made_in_three_sizes_where_the_backend_can() {
    assert_eq!(RsaSize::default(), RsaSize::Bits2048);
    for (size, len) in [(RsaSize::Bits2048, 256), (RsaSize::Bits3072, 384), (RsaSize::Bits4096, 512)] {
        for backend in backends() {
            let made = PrivateKey::generate_rsa(size, backend);
            if backend.name() == "ring" {
                assert_refused!(made, "key_unsupported", "TPM-44");
                continue;
            }
            // Whoever made it, both sign with it.
            for loader in backends() {
                let key = made.as_ref().unwrap().load(Algorithm::Ps256, loader).unwrap();
                assert_eq!(Signer::sign(&key, SignInput::Message(b"m")).unwrap().as_bytes().len(), len);
            }
        }
    }
}

#[test]
fn jo_key_07_only_strict_pem_of_pkcs8_is_read() {
    let good = P256;
    let body = good.lines().nth(1).unwrap();
    let (half, other_half) = body.split_at(32);
    let (short, _) = body.split_at(63);
    for (text, why) in [
        (String::new(), "empty"),
        (format!(" {good}"), "leading space"),
        (format!("{good}\n"), "a line after"),
        (format!("{}\r", good.trim_end()), "half a line end"),
        (format!("{good}{good}"), "two blocks"),
        (format!("\u{feff}{good}"), "byte order mark"),
        (good.replace("PRIVATE KEY", "EC PRIVATE KEY"), "label"),
        (good.replace("-----END PRIVATE", "-----END PUBLIC"), "other end"),
        (good.replace("-----END", "----END"), "four hyphens"),
        (good.replace(body, &format!("{half}\n{other_half}")), "short line"),
        (good.replace(body, &format!("{body}\n")), "empty line"),
        (good.replace(body, &format!("{body}AAAA")), "long line"),
        (good.replace(body, &format!("-{short}")), "base64url"),
        (good.replace(body, &format!("{short}=")), "padding inside"),
        (good.replace(body, &format!("{short} ")), "space inside"),
        ("-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n".to_owned(), "nothing inside"),
        ("-----BEGIN PRIVATE KEY-----\nAB==\n-----END PRIVATE KEY-----\n".to_owned(), "unused bits"),
        ("-----BEGIN PRIVATE KEY-----\nAAB=\n-----END PRIVATE KEY-----\n".to_owned(), "unused bits of two"),
        ("-----BEGIN PRIVATE KEY-----\nA===\n-----END PRIVATE KEY-----\n".to_owned(), "too much padding"),
        ("-----BEGIN PRIVATE KEY-----\n====\n-----END PRIVATE KEY-----\n".to_owned(), "padding alone"),
        (format!("-----BEGIN PRIVATE KEY-----\n{}-----END PRIVATE KEY-----\n", "A".repeat(30_000)), "size"),
        (include_str!("keys/sec1.pem").to_owned(), "SEC 1"),
        (include_str!("keys/encrypted.pem").to_owned(), "encrypted"),
    ] {
        assert_refused!(PrivateKey::from_pem(&text), "key_pem", "JO-KEY-07", "{why}");
    }
    let crlf = good.replace('\n', "\r\n");
    let line_ends = good.matches('\n').count();
    for at in 0..line_ends {
        // Of one kind all but one, be it the first.
        let mixed = |ends: [&str; 2]| {
            let lines = good.lines().enumerate();
            lines.map(|(line, text)| [text, ends[usize::from(line == at)]].concat()).collect::<String>()
        };
        for ends in [["\n", "\r\n"], ["\r\n", "\n"], ["\n", "\r"], ["\r\n", "\r"], ["\r\n", "\r\r\n"]] {
            assert_refused!(PrivateKey::from_pem(&mixed(ends)), "key_pem", "JO-KEY-07", "{ends:?} at {at}");
        }
        assert_eq!(mixed(["\n", "\n"]), good);
    }
    for text in [good.trim_end().to_owned(), crlf.trim_end().to_owned(), crlf] {
        assert!(PrivateKey::from_pem(&text).is_ok(), "{text:?}");
    }
}

#[test]
fn jo_key_07_pem_holds_any_bytes() {
    for len in 1..200_u8 {
        let bytes: Vec<u8> = (0..len).map(|at| at.wrapping_mul(89) ^ len.wrapping_mul(7)).collect();
        let pem = PrivateKey::from_pkcs8(Zeroizing::new(bytes.clone())).expose_pem();
        assert_eq!(PrivateKey::from_pem(&pem).unwrap().expose_pkcs8(), bytes);
    }
    // The bound is one of the text.
    for (len, fits) in [(18_000, true), (18_500, false)] {
        let pem = PrivateKey::from_pkcs8(Zeroizing::new(vec![0x5a; len])).expose_pem();
        match PrivateKey::from_pem(&pem) {
            Ok(key) => assert!(fits && key.expose_pkcs8() == vec![0x5a; len], "{len}"),
            refused => {
                assert!(!fits, "{len}");
                assert_refused!(refused, "key_pem", "JO-KEY-07", "{len}");
            }
        }
    }
    let every = PrivateKey::from_pkcs8(Zeroizing::new((0..=255).collect()));
    assert_eq!(PrivateKey::from_pem(&every.expose_pem()).unwrap().expose_pkcs8(), every.expose_pkcs8());
}

#[test]
fn jo_key_07_pkcs8_is_read_strictly_and_alike_on_every_backend() {
    for backend in backends() {
        for (pem, algorithm) in OPENSSL_KEYS {
            let der = der(pem);
            for cut in 0..der.len() {
                let refusal = load_der(&der[..cut], algorithm, backend).unwrap_err();
                assert_eq!(refusal, KeyError::Malformed, "{algorithm} cut to {cut}");
            }
            let longer = [&der[..], &[0]].concat();
            assert_refused!(load_der(&longer, algorithm, backend), "key_malformed", "JO-KEY-07");
        }
        assert_refused!(
            load_der(&vec![0x30; 20_000], Algorithm::Es256, backend),
            "key_malformed",
            "JO-KEY-07"
        );

        // Version 1 with a public key beside, version 2 without one, version 3.
        let seed = [&[0x04, 0x20][..], &[0x11; 32]].concat();
        for (version, public, accepted) in
            [(0, false, true), (0, true, false), (1, false, false), (2, false, false)]
        {
            let mut body = vec![2, 1, version, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 34];
            body.extend(&seed);
            if public {
                body.extend([0x81, 33, 0]);
                body.extend(ed25519_public_of_11());
            }
            let whole = [&[0x30, u8::try_from(body.len()).unwrap()][..], &body].concat();
            let loaded = load_der(&whole, Algorithm::Ed25519, backend);
            if accepted {
                assert_signs(&loaded.unwrap(), "version 1");
            } else {
                assert_refused!(loaded, "key_malformed", "JO-KEY-07", "version {version}, public {public}");
            }
        }
    }
}

#[test]
fn jo_key_07_version_2_and_attributes_are_read() {
    for backend in backends() {
        // Attributes are read over.
        let mut body = vec![2, 1, 1, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 34, 4, 32];
        body.extend([0x11; 32]);
        body.extend([0xa0, 11, 0x30, 9, 6, 3, 0x55, 4, 3, 0x31, 2, 5, 0]);
        body.extend([0x81, 33, 0]);
        body.extend(ed25519_public_of_11());
        let whole = [&[0x30, u8::try_from(body.len()).unwrap()][..], &body].concat();
        assert_signs(&load_der(&whole, Algorithm::Ed25519, backend).unwrap(), "version 2");

        // EC: the point beside the key, as RFC 5958 has it, in place of inside.
        let PublicNumbers::P256 { x, y } =
            *load(P256, Algorithm::Es256, backend).unwrap().public_key().numbers()
        else {
            panic!()
        };
        let inside = der(P256);
        let d = &inside[36..68];
        let ec = [&[0x30, 37, 2, 1, 1, 4, 32][..], d].concat();
        let algorithm = &inside[6..27];
        let bits = [&[0, 4][..], &x, &y].concat();
        let ec_v2 = |point: &[u8]| {
            let mut body = vec![2, 1, 1];
            body.extend(algorithm);
            body.extend([4, 39]);
            body.extend(&ec);
            body.extend([0x81, 66]);
            body.extend(point);
            [&[0x30, 0x81, u8::try_from(body.len()).unwrap()][..], &body].concat()
        };
        assert_signs(&load_der(&ec_v2(&bits), Algorithm::Es256, backend).unwrap(), "version 2, EC");
        let compressed_or_hybrid = [&[0, 6][..], &x, &y].concat();
        let refused = load_der(&ec_v2(&compressed_or_hybrid), Algorithm::Es256, backend);
        assert_refused!(refused, "key_malformed", "JO-KEY-07");
        let unused_bits = [&[1, 4][..], &x, &y].concat();
        let refused = load_der(&ec_v2(&unused_bits), Algorithm::Es256, backend);
        assert_refused!(refused, "key_malformed", "JO-KEY-07");

        // And nowhere at all.
        let bare = load(include_str!("keys/p256_no_public.pem"), Algorithm::Es256, backend);
        assert_refused!(bare, "key_public_missing", "JO-KEY-07");
    }
}

#[test]
fn jo_key_07_attributes_are_well_formed() {
    let name: &[u8] = &[6, 3, 0x55, 4, 3];
    let value = |len: usize| tlv(0x31, &[&tlv(4, &[&vec![0x5a; len]])]);
    let attribute = |values: &[u8]| tlv(0x30, &[name, values]);
    let document = |attributes: &[&[u8]]| {
        let algorithm: &[u8] = &[0x30, 5, 6, 3, 0x2b, 0x65, 0x70];
        let key = tlv(4, &[&tlv(4, &[&[0x11; 32]])]);
        tlv(0x30, &[&[2, 1, 0], algorithm, &key, &tlv(0xa0, attributes)])
    };
    let (null, two): (&[u8], &[u8]) = (&[0x31, 2, 5, 0], &[0x31, 4, 5, 0, 5, 0]);

    for (whole, good, why) in [
        (document(&[]), true, "none"),
        (document(&[&attribute(null)]), true, "one"),
        (document(&[&attribute(null), &attribute(two)]), true, "two, one of two values"),
        (document(&[&attribute(&value(15_000))]), true, "a long one"),
        (document(&[&attribute(&value(17_000))]), false, "longer than a document may be"),
        (document(&[&[0xff, 0xff, 0xff, 0xff]]), false, "no element"),
        (document(&[&[0]]), false, "half an element"),
        (document(&[&[0x31, 0]]), false, "a set around them"),
        (document(&[name]), false, "a name alone"),
        (document(&[&tlv(0x30, &[name])]), false, "no values"),
        (document(&[&tlv(0x30, &[null])]), false, "no name"),
        (document(&[&tlv(0x30, &[&[6, 0], null])]), false, "an empty name"),
        (document(&[&attribute(&[0x31, 0])]), false, "an empty set of values"),
        (document(&[&attribute(&[0x30, 2, 5, 0])]), false, "a sequence of values"),
        (document(&[&attribute(&[0x31, 1, 5])]), false, "half a value"),
        (document(&[&attribute(&[0x31, 2, 5, 1])]), false, "a value that ends outside"),
        (document(&[&attribute(&[0x31, 3, 0x1f, 1, 0])]), false, "a tag of two bytes"),
        (document(&[&attribute(&[null, null].concat())]), false, "values twice"),
        (document(&[&attribute(null), &[0]]), false, "a byte after"),
    ] {
        for backend in backends() {
            let loaded = load_der(&whole, Algorithm::Ed25519, backend);
            if good {
                assert_signs(&loaded.unwrap(), why);
            } else {
                assert_refused!(loaded, "key_malformed", "JO-KEY-07", "{why}");
            }
        }
    }

    // A document of 255 bytes, as lengths count, in the shortest spelling of that and in the next.
    let body = (0..255).map(|len| document(&[&attribute(&value(len))])).find_map(|whole| match &whole[..] {
        [0x30, 0x81, 0xff, body @ ..] => Some(body.to_vec()),
        _ => None,
    });
    let body = body.unwrap();
    for backend in backends() {
        let short = [&[0x30, 0x81, 0xff][..], &body].concat();
        assert_signs(&load_der(&short, Algorithm::Ed25519, backend).unwrap(), "81 ff");
        let long = [&[0x30, 0x82, 0, 0xff][..], &body].concat();
        assert_refused!(load_der(&long, Algorithm::Ed25519, backend), "key_malformed", "JO-KEY-07");
    }
}

#[test]
fn jo_key_07_every_field_of_an_ec_document_is_checked() {
    let whole = der(P256);
    let (d, point) = (&whole[36..68], &whole[73..138]);
    assert_eq!(point[0], 4);
    let stranger = {
        let key = SoftwareKey::generate(Algorithm::Es256, backend::ring()).unwrap();
        let PublicNumbers::P256 { x, y } = *key.public_key().numbers() else { panic!() };
        [&[4][..], &x, &y].concat()
    };
    let p256: &[u8] = &[6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
    let p384: &[u8] = &[6, 5, 0x2b, 0x81, 4, 0, 0x22];
    let bits = |point: &[u8]| tlv(3, &[&[0], point]);
    let ec = |version: u8, d: &[u8], rest: &[Vec<u8>]| {
        tlv(0x30, &[&[2, 1, version], &tlv(4, &[d]), &rest.concat()])
    };
    let document = |version: u8, key: &[u8], rest: &[Vec<u8>]| {
        let algorithm = tlv(0x30, &[&[6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1], p256]);
        tlv(0x30, &[&[2, 1, version], &algorithm, &tlv(4, &[key]), &rest.concat()])
    };
    let (inner, outer) = (|point| tlv(0xa1, &[&bits(point)]), |point: &[u8]| tlv(0x81, &[&[0], point]));
    let good = ec(1, d, &[inner(point)]);

    for (whole, code, why) in [
        (document(0, &good, &[]), "", "version 1"),
        (document(1, &good, &[outer(point)]), "", "version 2, the point twice"),
        (document(0, &ec(1, d, &[tlv(0xa0, &[p256]), inner(point)]), &[]), "", "the curve twice"),
        (document(1, &good, &[outer(&stranger)]), "key_inconsistent", "two points"),
        (document(0, &ec(1, d, &[inner(&stranger)]), &[]), "key_inconsistent", "another point"),
        (document(0, &ec(1, d, &[tlv(0xa0, &[p384]), inner(point)]), &[]), "key_malformed", "two curves"),
        (document(0, &ec(1, d, &[tlv(0xa0, &[p256])]), &[]), "key_public_missing", "no point"),
        (document(0, &ec(0, d, &[inner(point)]), &[]), "key_malformed", "EC version 0"),
        (document(0, &ec(2, d, &[inner(point)]), &[]), "key_malformed", "EC version 2"),
        (document(0, &ec(1, &d[1..], &[inner(point)]), &[]), "key_malformed", "31 bytes"),
        (document(0, &ec(1, &[&[0], d].concat(), &[inner(point)]), &[]), "key_malformed", "33 bytes"),
        (document(0, &ec(1, d, &[inner(point), vec![5, 0]]), &[]), "key_malformed", "a field more"),
        (document(0, &good, &[vec![5, 0]]), "key_malformed", "a field more outside"),
        (
            document(0, &ec(1, d, &[tlv(0xa1, &[&bits(point), &[5, 0]])]), &[]),
            "key_malformed",
            "a field in the tag",
        ),
        (document(0, &[&good[..], &[0]].concat(), &[]), "key_malformed", "a byte after the EC key"),
        (document(0, &ec(1, d, &[inner(&point[..33])]), &[]), "key_malformed", "half a point"),
    ] {
        for backend in backends() {
            let loaded = load_der(&whole, Algorithm::Es256, backend);
            if code.is_empty() {
                assert_signs(&loaded.unwrap(), why);
            } else {
                assert_refused!(loaded, code, "JO-KEY-07", "{why}");
            }
        }
    }
}

#[test]
fn jo_key_07_every_field_of_an_rsa_document_is_checked() {
    let whole = der(RSA_2048);
    // Sequence of 4 bytes, version of 3, algorithm of 15, octet string of 4.
    let key = &whole[26..];
    let numbers = &key[7..];
    let oid: &[u8] = &[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
    let document = |version: u8, parameters: &[u8], key: &[u8], rest: &[u8]| {
        tlv(0x30, &[&[2, 1, version], &tlv(0x30, &[oid, parameters]), &tlv(4, &[key]), rest])
    };
    let public = |n: &[u8], e: &[u8]| tlv(0x81, &[&[0], &tlv(0x30, &[n, e])]);
    let (n, e) = (&numbers[..261], &numbers[261..266]);
    assert_eq!(e, [2, 3, 1, 0, 1]);
    let other_n = [&n[..260], &[n[260] ^ 2]].concat();
    let null: &[u8] = &[5, 0];

    for (whole, code, why) in [
        (document(0, null, key, &[]), "", "version 1"),
        (document(1, null, key, &public(n, e)), "", "version 2"),
        (document(1, null, key, &public(&other_n, e)), "key_inconsistent", "another modulus"),
        (document(1, null, key, &public(n, &[2, 3, 1, 0, 3])), "key_inconsistent", "another exponent"),
        (document(1, null, key, &tlv(0x81, &[&[0], n])), "key_malformed", "no RSA public key"),
        (document(1, null, key, &public(n, &[e, null].concat())), "key_malformed", "a public field more"),
        (document(0, null, &tlv(0x30, &[&[2, 1, 1], numbers]), &[]), "key_malformed", "RSA version 1"),
        (document(0, null, &tlv(0x30, &[&[2, 1, 0], numbers, null]), &[]), "key_malformed", "a field more"),
        (document(0, null, &tlv(0x30, &[&[2, 1, 0], n, e]), &[]), "key_malformed", "only public numbers"),
        (document(0, null, &[key, &[0]].concat(), &[]), "key_malformed", "a byte after the RSA key"),
        (document(0, &[], key, &[]), "key_algorithm_mismatch", "no parameters"),
    ] {
        let rule = if code == "key_algorithm_mismatch" { "JO-KEY-02" } else { "JO-KEY-07" };
        for backend in backends() {
            let loaded = load_der(&whole, Algorithm::Rs256, backend);
            if code.is_empty() {
                assert_signs(&loaded.unwrap(), why);
            } else {
                assert_refused!(loaded, code, rule, "{why}");
            }
        }
    }
}

#[test]
fn jo_key_07_private_material_is_never_shown() {
    let key = PrivateKey::from_pem(P256).unwrap();
    assert_eq!(format!("{key:?}"), "PrivateKey(..)");
    assert_eq!(format!("{:?}", p384()), "P384(..)");
    let numbers = PrivateNumbers::Ed25519 { seed: Zeroizing::new([0x11; 32]), x: [0; 32] };
    assert_eq!(format!("{numbers:?}"), "Ed25519(..)");
    let loaded = key.load(Algorithm::Es256, backend::ring()).unwrap();
    assert_eq!(
        format!("{loaded:?}"),
        "SoftwareKey { public: PublicKey { algorithm: Es256, backend: ring, .. }, .. }"
    );
    let signature = Signer::sign(&loaded, SignInput::Message(b"secret text")).unwrap();
    assert_eq!(format!("{signature:?}"), "Signature(64 bytes)");
    assert_eq!(format!("{:?}", SignInput::Message(b"secret text")), "Message(11 bytes)");
    assert_eq!(format!("{:?}", SignInput::Digest(&[0; 32])), "Digest(32 bytes)");
}

fn assert_signs(key: &SoftwareKey, context: &str) {
    let signature = Signer::sign(key, SignInput::Message(b"message")).unwrap();
    let public = Signer::public_key(key);
    assert_eq!(public.verify(b"message", signature.as_bytes()), Ok(()), "{context}");
}

fn load(pem: &str, algorithm: Algorithm, backend: Backend) -> Result<SoftwareKey, KeyError> {
    PrivateKey::from_pem(pem).unwrap().load(algorithm, backend)
}

fn load_der(der: &[u8], algorithm: Algorithm, backend: Backend) -> Result<SoftwareKey, KeyError> {
    PrivateKey::from_pkcs8(Zeroizing::new(der.to_vec())).load(algorithm, backend)
}

fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let [.., high, low] = content.len().to_be_bytes();
    let len = match (high, low) {
        (0, 0..=0x7f) => vec![low],
        (0, _) => vec![0x81, low],
        _ => vec![0x82, high, low],
    };
    [&[tag][..], &len, &content].concat()
}

fn der(pem: &str) -> Vec<u8> {
    PrivateKey::from_pem(pem).unwrap().expose_pkcs8().to_vec()
}

fn ed25519_public_of_11() -> [u8; 32] {
    let seed =
        [&[0x30, 46, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 34, 4, 32][..], &[0x11; 32]].concat();
    let key = load_der(&seed, Algorithm::Ed25519, backend::ring()).unwrap();
    let PublicNumbers::Ed25519 { x } = *key.public_key().numbers() else { panic!() };
    x
}

/// The numbers of `keys/p384.pem`.
fn p384() -> PrivateNumbers {
    let number = |hex: &str| <[u8; 48]>::try_from(unhex(hex)).unwrap();
    PrivateNumbers::P384 {
        d: Zeroizing::new(number(
            "a60c3f445007c6fadba13d7ff361c4f337d2f5599ddf8c3cc4b0bee6adda0ec9929c3e7bd9fa3d5ff37c4d5781fe8a68",
        )),
        x: number(
            "8364f6cffc95e7e7738a551991c5c1d8acf4376511aee32bb65a24d6abeef3a664c838fc1ad25ef8e6ba522d55a06376",
        ),
        y: number(
            "10cabd74c2eecfb62c54007358aa82a59abdc43bab84c12a3f39cb05c33774eff82c987a83c0329642b93921a8b233e7",
        ),
    }
}

fn numbers(jwk: &Value) -> Option<PrivateNumbers> {
    let secret = |name| Zeroizing::new(bytes(jwk, name));
    match (jwk["kty"].as_str()?, jwk["crv"].as_str()) {
        ("EC", Some("P-256")) => {
            Some(PrivateNumbers::P256 { d: array(jwk, "d"), x: *array(jwk, "x"), y: *array(jwk, "y") })
        }
        ("OKP", Some("Ed25519")) => {
            Some(PrivateNumbers::Ed25519 { seed: array(jwk, "d"), x: *array(jwk, "x") })
        }
        ("AKP", None) => Some(PrivateNumbers::MlDsa { seed: array(jwk, "priv"), public: bytes(jwk, "pub") }),
        ("RSA", None) => Some(PrivateNumbers::Rsa {
            n: bytes(jwk, "n"),
            e: bytes(jwk, "e"),
            d: secret("d"),
            p: secret("p"),
            q: secret("q"),
            dp: secret("dp"),
            dq: secret("dq"),
            qi: secret("qi"),
        }),
        _ => None,
    }
}

fn bytes(jwk: &Value, name: &str) -> Vec<u8> {
    unbase64url(jwk[name].as_str().unwrap_or_else(|| panic!("no {name}")))
}

fn array(jwk: &Value, name: &str) -> Zeroizing<[u8; 32]> {
    Zeroizing::new(bytes(jwk, name).try_into().unwrap())
}
