//! The compact form, base64url and JSON of whole tokens (JO-B64, JO-JSON, JO-VER; JO-ATK-07 to -10, -20, -21, -23).

use std::fmt::Write;
use std::time::Instant;

use aims_jose::{Limits, UnverifiedJws, base64url, json};
use aims_keys::AlgorithmSet;
use aims_testkit::assert_refused;

use crate::support::*;

#[test]
fn jo_b64_01_jo_atk_09_only_the_compact_form_is_a_token() {
    let good = token();
    let [header, payload, signature] = parts(&good);
    let form = ("malformed_token", "JO-B64-01");
    let character = ("base64_character", "JO-B64-02");
    let cases = [
        // The number of segments.
        ("", form),
        (".", form),
        ("..", form),
        ("...", form),
        (&*header, form),
        (&*format!("{header}.{payload}"), form),
        (&*format!("{good}."), form),
        (&*format!(".{good}"), form),
        (&*format!("{good}.{signature}"), form),
        (&*format!("{good}.{payload}.{signature}"), form),
        (&*format!("{header}..{payload}.{signature}"), form),
        (&*format!("{header}.{payload}..{signature}"), form),
        (&*format!(".{payload}.{signature}"), form),
        (&*format!("{header}.{payload}."), form),
        (&*good.replace('.', ""), form),
        // Dots that are none.
        (&*good.replace('.', "\u{ff0e}"), form),
        (&*good.replacen('.', "\u{ff0e}", 1), form),
        (&*good.replacen('.', "%2E", 1), form),
        // Around the token.
        (&*format!(" {good}"), character),
        (&*format!("{good} "), character),
        (&*format!("{good}\n"), character),
        (&*format!("\t{good}"), character),
        (&*format!("\"{good}\""), character),
        (&*format!("'{good}'"), character),
        (&*format!("\u{feff}{good}"), character),
        (&*format!("{good}~"), character),
        (&*format!("{good}~disclosure~"), character),
    ];
    for (token, (code, rule)) in cases {
        assert_refused!(builder().build().verify(token, NOW), code, rule, "{token:?}");
    }
    // What a header of HTTP carries before a token has 7 characters: with 2 more its length would be possible.
    for prefix in ["Bearer ", "bearer ", "DPoP ", "Bearer%20"] {
        let prefixed = format!("{prefix}{good}");
        let refusal = UnverifiedJws::parse(&prefixed, &Limits::new()).unwrap_err();
        assert_eq!(refusal.rule(), "JO-B64-02", "{prefix}");
    }
}

#[test]
fn jo_b64_05_jo_atk_09_the_json_serialization_is_refused() {
    let good = token();
    let [header, payload, signature] = parts(&good);
    let flattened = format!(r#"{{"payload":"{payload}","protected":"{header}","signature":"{signature}"}}"#);
    let general = format!(
        r#"{{"payload":"{payload}","signatures":[{{"protected":"{header}","signature":"{signature}"}}]}}"#
    );
    let two_dots =
        format!(r#"{{"payload":"{payload}","protected":"{header}","signature":"{signature}","a":".."}}"#);
    for token in [&*flattened, &general, &two_dots, "{..}", "{\"a\":1}"] {
        assert_refused!(builder().build().verify(token, NOW), "malformed_token", "JO-B64-01", "{token}");
    }
}

#[test]
fn jo_atk_21_encrypted_tokens_are_no_tokens_here() {
    let jwe = "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..48V1_ALb6US04U3b.5eym8TW_c8SuK0ltJ3rpYIzOeDQz7TALvtu6UG9oMo4.XFBoMYUZodetZdvTiFvSkQ";
    assert_refused!(builder().build().verify(jwe, NOW), "malformed_token", "JO-B64-01");
}

#[test]
fn jo_b64_02_jo_atk_08_jo_atk_23_no_segment_has_a_second_spelling() {
    let good = token();
    let verifier = builder().build();
    verifier.verify(&good, NOW).unwrap();
    for (at, segment) in parts(&good).iter().enumerate() {
        let refused = |respelled: &str, code: &str| {
            let mut segments = parts(&good);
            segments[at] = respelled.to_owned();
            assert_refused!(
                verifier.verify(&segments.join("."), NOW),
                code,
                "JO-B64-02",
                "segment {at}: {respelled}"
            );
        };
        for inside in ['=', ' ', '\n', '\0', '+', '/', '?', 'é'] {
            let mut text = segment.clone();
            text.replace_range(1..=1, &inside.to_string());
            let code = if text.len() % 4 == 1 { "base64_length" } else { "base64_character" };
            refused(&text, code);
        }
        for padding in ["=", "==", "==="] {
            let padded = format!("{segment}{padding}");
            refused(&padded, if padded.len() % 4 == 1 { "base64_length" } else { "base64_character" });
        }
        let impossible = (segment.len() - 1) / 4 * 4 + 1;
        refused(segment.split_at(impossible).0, "base64_length");
    }
}

#[test]
fn jo_b64_02_jo_atk_23_trailing_bits_are_refused_in_every_segment() {
    // Lengths for which the last character of each segment has unused bits.
    let verifier = builder().build();
    let (mut seen, mut respellings) = ([false; 3], 0);
    for pad in 0..3 {
        let key = &KEYS.es256;
        let spaces = " ".repeat(pad);
        let good = sign(key, format!("{}{spaces}", header(key)), format!("{}{spaces}", claims("")));
        verifier.verify(&good, NOW).unwrap();
        for (at, segment) in parts(&good).iter().enumerate() {
            let unused = [0, 0, 4, 2][segment.len() % 4];
            seen[at] |= unused > 0;
            let last = ALPHABET.find(segment.chars().next_back().unwrap()).unwrap();
            for bits in 1..1 << unused {
                let mut segments = parts(&good);
                segments[at].pop();
                segments[at].push(ALPHABET.as_bytes()[last | bits] as char);
                let respelled = segments.join(".");
                assert_ne!(respelled, good);
                assert_refused!(verifier.verify(&respelled, NOW), "base64_trailing_bits", "JO-B64-02");
                respellings += 1;
            }
        }
    }
    assert_eq!(seen, [true; 3]);
    assert!(respellings > 40, "{respellings}");
}

#[test]
fn jo_b64_02_base64_of_all_segments_is_checked_before_the_header_is_read() {
    // The header is no JSON at all: what is wrong with the other segments is said all the same.
    let header = base64url::encode("not json");
    for token in [format!("{header}.A.AAAA"), format!("{header}.AAAA.A"), format!("{header}.+A.AAAA")] {
        let refusal = UnverifiedJws::parse(&token, &Limits::new()).unwrap_err();
        assert_eq!(refusal.rule(), "JO-B64-02", "{token}");
    }
    assert_refused!(
        UnverifiedJws::parse(&format!("{header}.AAAA.AAAA"), &Limits::new()),
        "json_not_an_object",
        "JO-JSON-01"
    );
}

#[test]
fn jo_b64_03_the_signature_covers_the_bytes_as_received() {
    // White space in header and claims is part of what was signed; any canonical form would lose it.
    let key = &KEYS.es256;
    let spaced = header(key).replace(',', " ,\t").replace(':', ": ");
    let good = sign(key, &spaced, format!(" {}\n", claims("")));
    builder().build().verify(&good, NOW).unwrap();
    let [_, payload, signature] = parts(&good);
    let other_header = format!("{}.{payload}.{signature}", base64url::encode(header(key)));
    assert_refused!(builder().build().verify(&other_header, NOW), "bad_signature", "JO-B64-03");
    let [header, _, signature] = parts(&good);
    let other_payload = format!("{header}.{}.{signature}", base64url::encode(claims("")));
    assert_refused!(builder().build().verify(&other_payload, NOW), "bad_signature", "JO-B64-03");
}

#[test]
fn jo_b64_04_an_empty_payload_is_a_jws_and_never_a_jwt() {
    let key = &KEYS.es256;
    let empty = sign(key, header(key), "");
    let jws = UnverifiedJws::parse(&empty, &Limits::new()).unwrap();
    assert_eq!(jws.verify(&public(key), AlgorithmSet::STANDARD).unwrap().payload(), b"");
    assert_refused!(builder().build().verify(&empty, NOW), "no_payload", "JO-B64-04");
    // Detached: the payload was signed, and is not there.
    let [header, _, signature] = parts(&token());
    let detached = format!("{header}..{signature}");
    assert_refused!(builder().build().verify(&detached, NOW), "bad_signature", "JO-B64-03");
}

#[test]
fn jo_json_01_jo_json_04_jo_atk_10_headers_and_claims_are_one_json_object_in_utf_8() {
    let object = claims("");
    let utf16: Vec<u8> = object.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let utf16_bom = [&[0xff, 0xfe][..], &utf16].concat();
    let bad = |text: &str, bytes: &[u8]| {
        let (before, after) = text.split_once('@').unwrap();
        [before.as_bytes(), bytes, after.as_bytes()].concat()
    };
    let cases: Vec<(Vec<u8>, &str, &str)> = vec![
        (b"[]".to_vec(), "json_not_an_object", "JO-JSON-01"),
        (b"\"a\"".to_vec(), "json_not_an_object", "JO-JSON-01"),
        (b"1".to_vec(), "json_not_an_object", "JO-JSON-01"),
        (b"null".to_vec(), "json_not_an_object", "JO-JSON-01"),
        (b"{}{}".to_vec(), "json_trailing_data", "JO-JSON-01"),
        ([object.as_bytes(), b"\0"].concat(), "json_trailing_data", "JO-JSON-01"),
        ([b"\xef\xbb\xbf", object.as_bytes()].concat(), "json_byte_order_mark", "JO-JSON-01"),
        (utf16_bom, "json_utf8", "JO-JSON-01"),
        (bad(r#"{"a":"@"}"#, b"\xff"), "json_utf8", "JO-JSON-01"),
        (bad(r#"{"a":"@"}"#, b"\xc0\x80"), "json_utf8", "JO-JSON-01"),
        (bad(r#"{"a":"@"}"#, b"\xed\xa0\x80"), "json_utf8", "JO-JSON-01"),
        (br#"{"a":"\ud800"}"#.to_vec(), "json_lone_surrogate", "JO-JSON-04"),
        (b"{\"a\":\"\n\"}".to_vec(), "json_control_character", "JO-JSON-04"),
        (br#"{"a":NaN}"#.to_vec(), "json_number_form", "JO-JSON-04"),
        (br#"{"a":1e999}"#.to_vec(), "json_number_overflow", "JO-JSON-04"),
        (br#"{"a":1,}"#.to_vec(), "json_trailing_comma", "JO-JSON-04"),
    ];
    let (key, verifier) = (&KEYS.es256, builder().build());
    for (text, code, rule) in cases {
        let shown = String::from_utf8_lossy(&text).into_owned();
        assert_refused!(verifier.verify(&sign(key, header(key), &text), NOW), code, rule, "claims {shown}");
        assert_refused!(verifier.verify(&sign(key, &text, claims("")), NOW), code, rule, "header {shown}");
    }
    // UTF-16 without a mark is ASCII with control characters to a reader of UTF-8.
    assert_refused!(verifier.verify(&sign(key, header(key), utf16), NOW), "json_syntax", "JO-JSON-01");
}

#[test]
fn jo_json_02_jo_atk_07_duplicate_names_are_refused_wherever_they_are() {
    let (key, verifier) = (&KEYS.es256, builder().build());
    let add = |object: &str, member: &str| format!("{},{member}}}", object.strip_suffix('}').unwrap());
    let header_members = [
        r#""alg":"ES256""#,
        r#""alg":"none""#,
        r#""\u0061lg":"ES256""#,
        r#""kid":"es256""#,
        r#""k\u0069d":"other""#,
        r#""typ":"at+jwt""#,
        r#""x":{"y":1,"y":1}"#,
        r#""x":[{"y":{"\u007a":1,"z":2}}]"#,
    ];
    for member in header_members {
        let twice = sign(key, add(&header(key), member), claims(""));
        assert_refused!(verifier.verify(&twice, NOW), "json_duplicate_name", "JO-JSON-02", "{member}");
    }
    let claim_members = [
        r#""exp":1790000300"#,
        r#""\u0065xp":9999999999"#,
        r#""iss":"https://as.example""#,
        r#""sub":"root""#,
        r#""aud":["https://api.example"]"#,
        r#""own":1,"own":1"#,
        r#""act":{"sub":"a","sub":"b"}"#,
        r#""cnf":{"jwk":{"x":"a","\u0078":"a"}}"#,
    ];
    for member in claim_members {
        let twice = sign(key, header(key), add(&claims(""), member));
        assert_refused!(verifier.verify(&twice, NOW), "json_duplicate_name", "JO-JSON-02", "{member}");
    }
}

#[test]
fn jo_json_03_jo_atk_20_depth_numbers_and_members_are_limited_in_header_and_claims() {
    let mut members = String::new();
    for at in 0..300 {
        write!(members, r#","m{at}":1"#).unwrap();
    }
    let nested = |depth: usize| format!(r#","deep":{}{}"#, "[".repeat(depth), "]".repeat(depth));
    let cases = [
        (nested(16), "json_depth_limit"),
        (nested(100), "json_depth_limit"),
        (nested(5000), "json_depth_limit"),
        (format!(r#","deep":{}"#, "{\"a\":".repeat(2000)), "json_depth_limit"),
        (format!(r#","n":{}"#, "1".repeat(11_000)), "json_number_limit"),
        (format!(r#","s":"{}""#, "a".repeat(9000)), "json_string_limit"),
        (members, "json_member_limit"),
    ];
    let (key, verifier) = (&KEYS.es256, builder().limits(Limits::new().token(64 * 1024)).build());
    for (more, code) in cases {
        let big = sign(key, header(key), claims(&more));
        assert_refused!(verifier.verify(&big, NOW), code, "JO-JSON-03", "claims {:.20}", more);
        let big = sign(key, header(key).replace('}', &format!("{more}}}")), claims(""));
        assert_refused!(verifier.verify(&big, NOW), code, "JO-JSON-03", "header {:.20}", more);
    }
    let within = sign(key, header(key).replace('}', &format!("{}}}", nested(15))), claims(&nested(15)));
    verifier.verify(&within, NOW).unwrap();
}

#[test]
fn jo_json_03_the_caller_sets_the_limits() {
    let key = &KEYS.es256;
    let good = sign(key, header(key), claims(r#","deep":[[1]]"#));
    let limited = |limits: Limits| builder().limits(limits).build().verify(&good, NOW);
    limited(Limits::new().token(good.len())).unwrap();
    assert_refused!(limited(Limits::new().token(good.len() - 1)), "token_too_long", "JO-B64-01");
    limited(Limits::new().json(json::Limits::new().depth(3))).unwrap();
    assert_refused!(
        limited(Limits::new().json(json::Limits::new().depth(2))),
        "json_depth_limit",
        "JO-JSON-03"
    );
    assert_refused!(
        limited(Limits::new().json(json::Limits::new().bytes(20))),
        "json_input_limit",
        "JO-JSON-03"
    );
    assert_eq!(Limits::default(), Limits::new());
}

#[test]
fn jo_json_05_claims_are_not_read_before_the_signature_is_good() {
    // Claims that could not be read, under a signature that is not good: the signature is what is said.
    let key = &KEYS.es256;
    let other = sign(&stranger(aims_keys::Algorithm::Es256), header(key), "not json");
    assert_refused!(builder().build().verify(&other, NOW), "bad_signature", "JO-B64-03");
    // Only a payload that was asked for by its name is in reach.
    let peeked = UnverifiedJws::parse(&other, &Limits::new()).unwrap().peek();
    assert_eq!(peeked.untrusted_payload(), b"not json");
    assert_eq!(peeked.header().key_id(), Some("es256"));
    assert_refused!(peeked.verify(&public(key), AlgorithmSet::STANDARD), "bad_signature", "JO-B64-03");
    let good = token();
    let peeked = UnverifiedJws::parse(&good, &Limits::new()).unwrap().peek();
    let verified = peeked.verify(&public(key), AlgorithmSet::STANDARD).unwrap();
    assert_eq!(verified.payload(), claims("").as_bytes());
    assert_eq!(verified.key(), &public(key));
    assert_eq!(verified.header().typ(), Some("at+jwt"));
}

#[test]
fn jo_b64_01_jo_ver_03_jo_atk_20_a_long_token_is_refused_by_its_length() {
    let good = token();
    let long = format!("{good}{}", "A".repeat(2 * 1024 * 1024));
    let dots = ".".repeat(2 * 1024 * 1024);
    let verifier = builder().build();
    let started = Instant::now();
    for _ in 0..100_000 {
        assert_eq!(verifier.verify(&long, NOW).unwrap_err().code(), "token_too_long");
        assert_eq!(verifier.verify(&dots, NOW).unwrap_err().code(), "token_too_long");
    }
    // To look at each byte once would take 400 GB of reading.
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
    assert_refused!(verifier.verify(&long, NOW), "token_too_long", "JO-B64-01");
    let at_limit = "A".repeat(16 * 1024);
    assert_refused!(verifier.verify(&at_limit, NOW), "malformed_token", "JO-B64-01");
    assert_refused!(verifier.verify(&format!("{at_limit}A"), NOW), "token_too_long", "JO-B64-01");
}

#[test]
fn jo_ver_01_the_first_check_that_fails_is_the_one_that_is_told() {
    // Each header is wrong in all that follow, too: mending one thing after the other walks down the order of JO-VER.
    let signer = stranger(aims_keys::Algorithm::Es256);
    let verifier = builder().build();
    let bad_claims = r#"{"iss":"https://other.example","aud":"other","exp":1}"#;
    let steps = [
        (r#"{"typ":1,"crit":[],"b64":1,"kid":""}"#, "algorithm_missing", "JO-HDR-01"),
        (r#"{"alg":"none","typ":1,"crit":[],"b64":1,"kid":""}"#, "unknown_algorithm", "JO-ALG-01"),
        (r#"{"alg":"ML-DSA-65","typ":1,"crit":[],"b64":1,"kid":""}"#, "wrong_type", "JO-HDR-02"),
        (r#"{"alg":"ML-DSA-65","typ":"x","crit":[],"b64":1,"kid":""}"#, "critical_header", "JO-HDR-03"),
        (r#"{"alg":"ML-DSA-65","typ":"x","b64":1,"kid":""}"#, "unencoded_payload", "JO-HDR-03"),
        (r#"{"alg":"ML-DSA-65","typ":"x","kid":"","cty":"JWT"}"#, "malformed_key_id", "JO-HDR-05"),
        (r#"{"alg":"ML-DSA-65","typ":"x","cty":"JWT"}"#, "algorithm_not_allowed", "JO-ALG-02"),
        (r#"{"alg":"ES384","typ":"x","cty":"JWT"}"#, "wrong_type", "JO-HDR-02"),
        (r#"{"alg":"ES384","typ":"at+jwt","cty":"JWT"}"#, "nested_token", "JO-HDR-06"),
        (r#"{"alg":"ES384","typ":"at+jwt"}"#, "key_id_missing", "JO-KEY-01"),
        (r#"{"alg":"ES384","typ":"at+jwt","kid":"x"}"#, "unknown_key", "JO-KEY-01"),
        (r#"{"alg":"ES384","typ":"at+jwt","kid":"es256"}"#, "algorithm_mismatch", "JO-ALG-03"),
        (r#"{"alg":"ES256","typ":"at+jwt","kid":"es256"}"#, "bad_signature", "JO-B64-03"),
    ];
    for (header, code, rule) in steps {
        assert_refused!(verifier.verify(&sign(&signer, header, bad_claims), NOW), code, rule, "{header}");
    }
    let steps = [
        ("x", "json_not_an_object", "JO-JSON-01"),
        (r#"{"iss":"x","aud":"x","exp":"1"}"#, "claim_type", "JO-CLM-02"),
        (r#"{"iss":"x","aud":"x"}"#, "claim_missing", "JO-CLM-03"),
        (r#"{"iss":"x","aud":"x","exp":1}"#, "expired", "JO-CLM-03"),
        (r#"{"iss":"x","aud":"x","exp":1790000300}"#, "issuer_mismatch", "JO-CLM-04"),
        (r#"{"iss":"https://as.example","aud":"x","exp":1790000300}"#, "audience_mismatch", "JO-CLM-05"),
    ];
    let key = &KEYS.es256;
    for (claims, code, rule) in steps {
        assert_refused!(verifier.verify(&sign(key, header(key), claims), NOW), code, rule, "{claims}");
    }
}

#[test]
fn jo_ver_01_refusals_and_debug_text_hold_nothing_of_the_token() {
    let key = &KEYS.es256;
    let secret = sign(key, header(key), claims(r#","email":"alice@example.com""#));
    let encoded_claims = parts(&secret)[1].clone();
    let limits = Limits::new();
    let jws = UnverifiedJws::parse(&secret, &limits).unwrap();
    let mut shown = vec![format!("{jws:?}")];
    shown.push(format!("{:?}", UnverifiedJws::parse(&secret, &limits).unwrap().peek()));
    shown.push(format!("{:?}", jws.verify(&public(key), AlgorithmSet::STANDARD).unwrap()));
    shown.push(format!("{:?}", builder().build().verify(&secret, NOW).unwrap()));
    shown.push(format!("{:?}", aims_jose::UntrustedToken::peek(&secret, &limits).unwrap()));
    let header = aims_jose::NewHeader::new("at+jwt", &public(key)).unwrap();
    shown.push(format!("{:?}", header.unsigned(claims(r#","email":"alice@example.com""#))));
    let refusal = builder().build().verify(&secret, NOW + std::time::Duration::from_secs(9000)).unwrap_err();
    shown.push(format!("{refusal} {refusal:?}"));
    for (text, name) in shown.iter().zip([
        "UnverifiedJws",
        "PeekedJws",
        "VerifiedJws",
        "VerifiedJwt",
        "UntrustedToken",
        "UnsignedJws",
    ]) {
        assert!(text.starts_with(&format!("{name} {{ ")), "{text}");
    }
    for text in shown {
        assert!(!text.contains(&encoded_claims) && !text.contains("alice"), "{text}");
        // Bytes of the payload, as a derived `Debug` would list them.
        assert!(!text.contains("123, 34,"), "{text}");
    }
}

fn parts(token: &str) -> [String; 3] {
    let parts: Vec<_> = token.split('.').map(str::to_owned).collect();
    parts.try_into().unwrap()
}

const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
