//! Wycheproof: every case of every group that is one of ours, on every backend.
//!
//! What is not verified is counted, and the counts are asserted, so that no skip can grow unseen.

use aims_keys::{Algorithm, PublicKey, PublicNumbers, der};
use aims_testkit::{assert_refused, vectors};
use serde_json::Value;

use crate::support::{backends, unbase64url, unhex};

/// How many cases ended how.
#[derive(Debug, Default, Eq, PartialEq)]
struct Counts {
    /// Valid, and verified.
    valid: usize,
    /// Invalid, and refused.
    invalid: usize,
    /// Refused because the key is: valid cases for keys outside our rules included.
    key_refused: usize,
    /// Valid for others, refused here, for a reason that is given where it is asserted.
    stricter: usize,
    /// In groups of other algorithms.
    skipped: usize,
}

#[test]
fn jo_atk_13_tpm_42_ecdsa_of_fixed_length() {
    for (file, algorithm, valid, invalid) in [
        ("ecdsa_secp256r1_sha256_p1363_test.json", Algorithm::Es256, 173, 89),
        ("ecdsa_secp384r1_sha384_p1363_test.json", Algorithm::Es384, 193, 87),
    ] {
        let Some(file) = load(file) else { return };
        for backend in backends() {
            let counts = run(&file, |group, case| {
                let key = PublicKey::load(point(group, algorithm), algorithm, backend).unwrap();
                let verified = key.verify(&hex(case, "msg"), &hex(case, "sig"));
                Outcome::of(verified.is_ok(), case)
            });
            assert_eq!(counts, Counts { valid, invalid, ..Counts::default() }, "{backend:?}");
        }
    }
}

#[test]
fn jo_sign_02_tpm_42_ecdsa_in_der() {
    for (file, algorithm, valid, invalid) in [
        ("ecdsa_secp256r1_sha256_test.json", Algorithm::Es256, 174, 310),
        ("ecdsa_secp384r1_sha384_test.json", Algorithm::Es384, 194, 310),
    ] {
        let Some(file) = load(file) else { return };
        for backend in backends() {
            let mut not_der = 0;
            let counts = run(&file, |group, case| {
                let key = PublicKey::load(point(group, algorithm), algorithm, backend).unwrap();
                let sig = hex(case, "sig");
                let verified = match der::ecdsa_from_der(algorithm, &sig) {
                    Ok(fixed) => {
                        assert_eq!(der::ecdsa_to_der(algorithm, fixed.as_bytes()).unwrap(), sig);
                        key.verify(&hex(case, "msg"), fixed.as_bytes()).is_ok()
                    }
                    Err(refusal) => {
                        assert_eq!(refusal.rule(), "TPM-42");
                        not_der += 1;
                        false
                    }
                };
                // DER is never taken for the other form.
                assert!(key.verify(&hex(case, "msg"), &sig).is_err());
                Outcome::of(verified, case)
            });
            assert_eq!(counts, Counts { valid, invalid, ..Counts::default() }, "{backend:?}");
            assert!(not_der > 200, "{not_der}");
        }
    }
}

#[test]
fn jo_key_05_jo_atk_14_ed25519() {
    let Some(file) = load("ed25519_test.json") else { return };
    for backend in backends() {
        for algorithm in [Algorithm::Ed25519, Algorithm::EdDsa] {
            let counts = run(&file, |group, case| {
                let x = hex(&group["publicKey"], "pk").try_into().unwrap();
                let key = PublicKey::load(PublicNumbers::Ed25519 { x }, algorithm, backend).unwrap();
                Outcome::of(key.verify(&hex(case, "msg"), &hex(case, "sig")).is_ok(), case)
            });
            assert_eq!(counts, Counts { valid: 88, invalid: 63, ..Counts::default() }, "{backend:?}");
        }
    }
}

#[test]
fn jo_alg_01_jo_key_04_rsa_pss() {
    for (file, expected) in [
        ("rsa_pss_2048_sha256_mgf1_32_test.json", Counts { valid: 63, invalid: 45, ..Counts::default() }),
        ("rsa_pss_3072_sha256_mgf1_32_test.json", Counts { valid: 63, invalid: 45, ..Counts::default() }),
        // Of 150 combinations of hash, MGF hash and salt length PS256 is one; five others differ from it in the length
        // of the salt alone, and 144 in a hash. All are valid signatures, and none of them is one of PS256.
        ("rsa_pss_misc_test.json", Counts { valid: 1, stricter: 149, ..Counts::default() }),
        ("rsa_pss_2048_sha384_mgf1_48_test.json", Counts { invalid: 46, stricter: 95, ..Counts::default() }),
        ("rsa_pss_4096_sha512_mgf1_64_test.json", Counts { invalid: 47, stricter: 132, ..Counts::default() }),
    ] {
        let Some(file) = load(file) else { return };
        for backend in backends() {
            let counts = run(&file, |group, case| {
                let key = PublicKey::load(rsa(group), Algorithm::Ps256, backend).unwrap();
                let verified = key.verify(&hex(case, "msg"), &hex(case, "sig")).is_ok();
                let ps256 = group["sha"] == "SHA-256" && group["mgfSha"] == "SHA-256" && group["sLen"] == 32;
                if ps256 || verified { Outcome::of(verified && ps256, case) } else { Outcome::stricter(case) }
            });
            assert_eq!(counts, expected, "{backend:?}");
        }
    }
}

#[test]
fn jo_key_04_jo_atk_15_rsa_pkcs1() {
    for (file, invalid, weak_keys) in [
        // Each file has one `acceptable` case, a DigestInfo without NULL: it is refused. Groups with exponent 3 are
        // refused at load.
        ("rsa_signature_2048_sha256_test.json", 249, 2),
        ("rsa_signature_3072_sha256_test.json", 250, 1),
        ("rsa_signature_4096_sha256_test.json", 250, 0),
    ] {
        let Some(file) = load(file) else { return };
        for backend in backends() {
            let mut missing_null = 0;
            let counts = run(&file, |group, case| {
                let loaded = PublicKey::load(rsa(group), Algorithm::Rs256, backend);
                if group["publicKey"]["publicExponent"] == "03" {
                    assert_refused!(loaded, "rsa_exponent", "JO-KEY-04");
                    return Outcome::KeyRefused;
                }
                let verified = loaded.unwrap().verify(&hex(case, "msg"), &hex(case, "sig")).is_ok();
                if case["result"] == "acceptable" {
                    assert!(!verified, "a DigestInfo without NULL");
                    assert_eq!(case["flags"][0], "MissingNull");
                    missing_null += 1;
                    return Outcome::Stricter;
                }
                Outcome::of(verified, case)
            });
            let expected =
                Counts { valid: 7, invalid, key_refused: weak_keys, stricter: 1, ..Counts::default() };
            assert_eq!((counts, missing_null), (expected, 1), "{backend:?}");
        }
    }
    // What is valid with another digest is no signature of RS256. (What is invalid there may be one: skipped.)
    for (file, key_refused, skipped) in
        [("rsa_signature_2048_sha384_test.json", 0, 250), ("rsa_signature_2048_sha512_test.json", 1, 250)]
    {
        let Some(file) = load(file) else { return };
        for backend in backends() {
            let counts = run(&file, |group, case| {
                let Ok(key) = PublicKey::load(rsa(group), Algorithm::Rs256, backend) else {
                    return Outcome::KeyRefused;
                };
                if case["result"] == "invalid" {
                    return Outcome::Skipped;
                }
                assert!(key.verify(&hex(case, "msg"), &hex(case, "sig")).is_err(), "{}", case["tcId"]);
                Outcome::Stricter
            });
            let expected = Counts { key_refused, stricter: 8, skipped, ..Counts::default() };
            assert_eq!(counts, expected, "{backend:?}");
        }
    }
}

#[cfg(feature = "ml-dsa")]
#[test]
fn jo_key_06_ml_dsa_verification() {
    for (file, algorithm, invalid) in [
        ("mldsa_44_verify_test.json", Algorithm::MlDsa44, 99),
        ("mldsa_65_verify_test.json", Algorithm::MlDsa65, 127),
    ] {
        let Some(file) = load(file) else { return };
        let backend = aims_keys::backend::aws_lc();
        let counts = run(&file, |group, case| {
            let public = hex(group, "publicKey");
            let len = public.len();
            let loaded = PublicKey::load(PublicNumbers::MlDsa { public }, algorithm, backend);
            if !matches!((algorithm, len), (Algorithm::MlDsa44, 1312) | (Algorithm::MlDsa65, 1952)) {
                assert_refused!(loaded, "key_length", "JO-KEY-06", "{len}");
                assert_eq!(case["result"], "invalid");
                return Outcome::KeyRefused;
            }
            let verified = loaded.unwrap().verify(&hex(case, "msg"), &hex(case, "sig")).is_ok();
            // The context string is empty in JOSE: what was signed under another is not a signature here.
            if case["ctx"].as_str().is_some_and(|context| !context.is_empty()) {
                assert!(!verified, "{}", case["tcId"]);
                return Outcome::stricter(case);
            }
            Outcome::of(verified, case)
        });
        let valid = if algorithm == Algorithm::MlDsa44 { 75 } else { 77 };
        let expected = Counts { valid, invalid, key_refused: 4, stricter: 2, ..Counts::default() };
        assert_eq!(counts, expected);
    }
}

/// AWS-LC signs with hedged nonces, so signatures differ from those of the file: what is checked is that the seed becomes
/// the public key of the file, that the file's signatures verify under it, and that ours do.
#[cfg(feature = "ml-dsa")]
#[test]
fn jo_key_06_ml_dsa_seeds() {
    use aims_keys::{PrivateKey, PrivateNumbers, SignInput, Signer};
    use zeroize::Zeroizing;

    for (file, algorithm, valid, skipped) in [
        ("mldsa_44_sign_seed_test.json", Algorithm::MlDsa44, 71, 8),
        ("mldsa_65_sign_seed_test.json", Algorithm::MlDsa65, 81, 17),
    ] {
        let Some(file) = load(file) else { return };
        let backend = aims_keys::backend::aws_lc();
        let counts = run(&file, |group, case| {
            let seed = hex(group, "privateSeed");
            let Ok(seed) = <[u8; 32]>::try_from(seed.as_slice()) else {
                // PKCS#8 around a seed of another length.
                let inner = [&[0x80, u8::try_from(seed.len()).unwrap()][..], &seed].concat();
                let mut body = vec![2, 1, 0, 0x30, 11, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3];
                body.push(if algorithm == Algorithm::MlDsa44 { 0x11 } else { 0x12 });
                body.extend([4, u8::try_from(inner.len()).unwrap()]);
                body.extend(inner);
                let whole = [&[0x30, u8::try_from(body.len()).unwrap()][..], &body].concat();
                let loaded = PrivateKey::from_pkcs8(Zeroizing::new(whole)).load(algorithm, backend);
                assert_refused!(loaded, "key_malformed", "JO-KEY-07");
                return Outcome::KeyRefused;
            };
            let public = hex(group, "publicKey");
            let numbers = PrivateNumbers::MlDsa { seed: Zeroizing::new(seed), public: public.clone() };
            let key = PrivateKey::from_numbers(numbers).unwrap().load(algorithm, backend).unwrap();
            assert_eq!(*Signer::public_key(&key).numbers(), PublicNumbers::MlDsa { public });
            if let Some(pkcs8) = group["privateKeyPkcs8"].as_str() {
                let same =
                    PrivateKey::from_pkcs8(Zeroizing::new(unhex(pkcs8))).load(algorithm, backend).unwrap();
                assert_eq!(Signer::public_key(&same), Signer::public_key(&key));
            }
            // Cases of the internal function have no message, only its digest: JOSE does not sign such.
            let Some(message) = case["msg"].as_str().map(unhex) else { return Outcome::Skipped };

            let own = Signer::sign(&key, SignInput::Message(&message)).unwrap();
            assert_eq!(Signer::public_key(&key).verify(&message, own.as_bytes()), Ok(()));
            let verified = Signer::public_key(&key).verify(&message, &hex(case, "sig")).is_ok();
            if case["ctx"].as_str().is_some_and(|context| !context.is_empty()) {
                assert!(!verified, "{}", case["tcId"]);
                return Outcome::stricter(case);
            }
            Outcome::of(verified, case)
        });
        let expected = Counts { valid, invalid: 1, key_refused: 3, stricter: 3, skipped };
        assert_eq!(counts, expected);
    }
}

enum Outcome {
    Valid,
    Invalid,
    KeyRefused,
    Stricter,
    Skipped,
}

impl Outcome {
    /// What the file says must be what was found.
    fn of(verified: bool, case: &Value) -> Self {
        let expected = case["result"].as_str().unwrap();
        let found = if verified { "valid" } else { "invalid" };
        assert_eq!(found, expected, "tcId {}: {}", case["tcId"], case["comment"]);
        if verified { Self::Valid } else { Self::Invalid }
    }

    /// Refused here, whatever the file says.
    fn stricter(case: &Value) -> Self {
        if case["result"] == "valid" { Self::Stricter } else { Self::Invalid }
    }
}

fn run(file: &Value, mut each: impl FnMut(&Value, &Value) -> Outcome) -> Counts {
    let mut counts = Counts::default();
    for group in file["testGroups"].as_array().unwrap() {
        for case in group["tests"].as_array().unwrap() {
            match each(group, case) {
                Outcome::Valid => counts.valid += 1,
                Outcome::Invalid => counts.invalid += 1,
                Outcome::KeyRefused => counts.key_refused += 1,
                Outcome::Stricter => counts.stricter += 1,
                Outcome::Skipped => counts.skipped += 1,
            }
        }
    }
    let sum = counts.valid + counts.invalid + counts.key_refused + counts.stricter + counts.skipped;
    assert_eq!(sum, usize::try_from(file["numberOfTests"].as_u64().unwrap()).unwrap());
    counts
}

fn load(file: &str) -> Option<Value> {
    vectors::json(&format!("jose/wycheproof/{file}"))
}

fn hex(value: &Value, name: &str) -> Vec<u8> {
    unhex(value[name].as_str().unwrap_or_else(|| panic!("no {name}")))
}

fn point(group: &Value, algorithm: Algorithm) -> PublicNumbers {
    let point = hex(&group["publicKey"], "uncompressed");
    assert_eq!(point[0], 4);
    let (x, y) = point[1..].split_at(point.len() / 2);
    if algorithm == Algorithm::Es256 {
        PublicNumbers::P256 { x: x.try_into().unwrap(), y: y.try_into().unwrap() }
    } else {
        PublicNumbers::P384 { x: x.try_into().unwrap(), y: y.try_into().unwrap() }
    }
}

/// Integers in the files are signed, with a zero byte before a high bit.
fn rsa(group: &Value) -> PublicNumbers {
    let number = |name| {
        let bytes = hex(&group["publicKey"], name);
        let zeros = bytes.iter().take_while(|&&byte| byte == 0).count();
        bytes[zeros..].to_vec()
    };
    PublicNumbers::Rsa { n: number("modulus"), e: number("publicExponent") }
}

/// The JWK Sets of the files that break a rule of key loading.
#[test]
fn jo_key_04_json_web_key_sets_with_exponent_1_are_refused() {
    let Some(file) = load("json_web_key_test.json") else { return };
    let mut refused = 0;
    for group in file["testGroups"].as_array().unwrap() {
        for private in [&group["private"], &group["public"]] {
            let keys = private["keys"].as_array().cloned().unwrap_or_else(|| vec![private.clone()]);
            for jwk in keys.iter().filter(|jwk| jwk["kty"] == "RSA" && jwk["e"] == "AQ") {
                let number = |name| unbase64url(jwk[name].as_str().unwrap());
                let numbers = PublicNumbers::Rsa { n: number("n"), e: number("e") };
                for backend in backends() {
                    let loaded = PublicKey::load(numbers.clone(), Algorithm::Rs256, backend);
                    assert_refused!(loaded, "rsa_exponent", "JO-KEY-04");
                    refused += 1;
                }
            }
        }
    }
    assert!(refused > 0, "the file has none any more");
}
