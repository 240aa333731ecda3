//! ECDSA signatures between DER and fixed length (TPM-42, JO-SIGN-02).

use aims_keys::{Algorithm, der};
use aims_testkit::assert_refused;
use proptest::prelude::*;

use crate::support::{P256_ORDER, P384_ORDER, unhex};

#[test]
fn tpm_42_jo_sign_02_strict_der_becomes_fixed_length() {
    let one_two = [0x30, 6, 2, 1, 1, 2, 1, 2];
    for (algorithm, half) in [(Algorithm::Es256, 32), (Algorithm::Es384, 48)] {
        let fixed = der::ecdsa_from_der(algorithm, &one_two).unwrap();
        let mut expected = vec![0; 2 * half];
        (expected[half - 1], expected[2 * half - 1]) = (1, 2);
        assert_eq!(fixed.as_bytes(), expected);
        assert_eq!(der::ecdsa_to_der(algorithm, &expected).unwrap(), one_two);
    }
    // A high bit takes a sign byte, and gives it back.
    let high = [0x30, 8, 2, 2, 0, 0x80, 2, 2, 0, 0xff];
    let fixed = der::ecdsa_from_der(Algorithm::Es256, &high).unwrap();
    assert_eq!((fixed.as_bytes()[31], fixed.as_bytes()[63]), (0x80, 0xff));
    assert_eq!(der::ecdsa_to_der(Algorithm::Es256, fixed.as_bytes()).unwrap(), high);
}

#[test]
fn tpm_42_jo_sign_02_der_that_is_not_strict_is_refused() {
    let long = [&[0x30, 0x82, 0, 0xff, 2, 0x81, 0xf9, 0x7f][..], &[0x7f; 0xf8], &[2, 1, 1]].concat();
    let cases: [(&[u8], &str); 22] = [
        (&[], "empty"),
        (&[0x30], "no length"),
        (&[0x30, 6, 2, 1, 1, 2, 1], "cut short"),
        (&[0x30, 6, 2, 1, 1, 2, 1, 2, 0], "a byte after"),
        (&[0x30, 7, 2, 1, 1, 2, 1, 2, 0], "a byte inside"),
        (&[0x30, 9, 2, 1, 1, 2, 1, 2, 2, 1, 3], "three numbers"),
        (&[0x30, 3, 2, 1, 1], "one number"),
        (&[0x30, 0], "no number"),
        (&[0x31, 6, 2, 1, 1, 2, 1, 2], "a set"),
        (&[0x30, 6, 3, 1, 1, 2, 1, 2], "a bit string"),
        (&[0x30, 0x81, 6, 2, 1, 1, 2, 1, 2], "a long length"),
        (&[0x30, 0x82, 0, 6, 2, 1, 1, 2, 1, 2], "a longer length"),
        (&long, "255 as a length of two bytes"),
        (&[0x30, 0x80, 2, 1, 1, 2, 1, 2, 0, 0], "an indefinite length"),
        (&[0x30, 0x83, 0, 0, 6, 2, 1, 1, 2, 1, 2], "a length of three bytes"),
        (&[0x30, 7, 2, 2, 0, 1, 2, 1, 2], "a leading zero byte"),
        (&[0x30, 7, 2, 2, 0, 0x7f, 2, 1, 2], "a leading zero byte before the largest that needs none"),
        (&[0x30, 5, 2, 0, 2, 1, 2], "an empty number"),
        (&[0x30, 6, 2, 1, 0x80, 2, 1, 2], "a negative r"),
        (&[0x30, 6, 2, 1, 1, 2, 1, 0xff], "a negative s"),
        (&[0x30, 7, 2, 0x81, 1, 1, 2, 1, 2], "a long length of r"),
        (&[0x30, 0xff, 2, 1, 1, 2, 1, 2], "a length of 127 bytes"),
    ];
    for algorithm in [Algorithm::Es256, Algorithm::Es384] {
        for (bad, why) in cases {
            assert_refused!(der::ecdsa_from_der(algorithm, bad), "signature_form", "TPM-42", "{why}");
        }
    }
}

#[test]
fn tpm_42_jo_atk_13_numbers_lie_from_1_to_n_minus_1() {
    for (algorithm, order) in [(Algorithm::Es256, P256_ORDER), (Algorithm::Es384, P384_ORDER)] {
        let n = unhex(order);
        let mut last = n.clone();
        *last.last_mut().unwrap() -= 1;
        let mut above = n.clone();
        *above.last_mut().unwrap() += 1;
        let (zero, one) = (vec![0; n.len()], [&vec![0; n.len() - 1][..], &[1]].concat());
        for good in [[&one[..], &one].concat(), [&last[..], &last].concat(), [&one[..], &last].concat()] {
            let der = der::ecdsa_to_der(algorithm, &good).unwrap();
            assert_eq!(der::ecdsa_from_der(algorithm, &der).unwrap().as_bytes(), good);
        }
        for bad in [&zero, &n, &above, &vec![0xff; n.len()]] {
            for pair in [[&bad[..], &one].concat(), [&one[..], bad].concat()] {
                assert_refused!(der::ecdsa_to_der(algorithm, &pair), "signature_range", "TPM-42");
                let (r, s) = pair.split_at(n.len());
                let der = [integer(r), integer(s)].concat();
                let der = [&[0x30, u8::try_from(der.len()).unwrap()][..], &der].concat();
                assert_refused!(der::ecdsa_from_der(algorithm, &der), "signature_range", "TPM-42");
            }
        }
        let wide = integer(&vec![0x7f; n.len() + 1]);
        let der = [wide.clone(), integer(&one)].concat();
        let der = [&[0x30, u8::try_from(der.len()).unwrap()][..], &der].concat();
        assert_refused!(der::ecdsa_from_der(algorithm, &der), "signature_range", "TPM-42", "too wide");
        for len in [0, 1, n.len(), 2 * n.len() - 1, 2 * n.len() + 1] {
            assert_refused!(der::ecdsa_to_der(algorithm, &vec![1; len]), "signature_form", "TPM-42");
        }
    }
}

#[test]
fn tpm_42_only_ecdsa_has_two_forms() {
    for algorithm in Algorithm::ALL {
        if !matches!(algorithm, Algorithm::Es256 | Algorithm::Es384) {
            assert_refused!(
                der::ecdsa_from_der(algorithm, &[0x30, 6, 2, 1, 1, 2, 1, 2]),
                "not_ecdsa",
                "TPM-42"
            );
            assert_refused!(der::ecdsa_to_der(algorithm, &[1; 64]), "not_ecdsa", "TPM-42");
        }
    }
}

proptest! {
    #[test]
    fn tpm_42_both_forms_round_trip(fixed in prop::collection::vec(any::<u8>(), 96)) {
        for (algorithm, len) in [(Algorithm::Es256, 64), (Algorithm::Es384, 96)] {
            if let Ok(der) = der::ecdsa_to_der(algorithm, &fixed[..len]) {
                let back = der::ecdsa_from_der(algorithm, &der).unwrap();
                prop_assert_eq!(back.as_bytes(), &fixed[..len]);
            }
        }
    }

    #[test]
    fn tpm_42_what_is_read_has_one_spelling(bytes in prop::collection::vec(any::<u8>(), 0..20), body in prop::collection::vec(0..4_u8, 0..12)) {
        let shaped = [&[0x30, u8::try_from(body.len()).unwrap()][..], &body].concat();
        for bytes in [&bytes, &shaped] {
            if let Ok(fixed) = der::ecdsa_from_der(Algorithm::Es256, bytes) {
                prop_assert_eq!(&der::ecdsa_to_der(Algorithm::Es256, fixed.as_bytes()).unwrap(), bytes);
            }
        }
    }
}

fn integer(number: &[u8]) -> Vec<u8> {
    let zeros = number.iter().take_while(|&&byte| byte == 0).count().min(number.len() - 1);
    let number = &number[zeros..];
    let sign: &[u8] = if number[0] >= 0x80 { &[0] } else { &[] };
    [&[2, u8::try_from(sign.len() + number.len()).unwrap()][..], sign, number].concat()
}
