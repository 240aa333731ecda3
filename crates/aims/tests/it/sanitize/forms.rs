//! Tokens and keys as they are.

use aims::Sanitizer;
use aims_keys::{Algorithm, PrivateKey, backend};
use proptest::prelude::*;

use crate::support::{NOW, SEARCH, Tool};

const HEADERS: [&str; 6] = [
    r#"{"alg":"ES256","typ":"wpt+jwt"}"#,
    "{ \"alg\":\"ES256\"}",
    "{\n  \"alg\": \"ES256\"\n}",
    "{\r\n\"alg\":\"ES256\"}",
    "{\t\"alg\":\"ES256\"}",
    r#"{"alg":"dir","enc":"A256GCM"}"#,
];

#[test]
fn aims_19_tokens_do_not_reach_a_model() {
    let tool = Tool::new();
    let travel = tool.travel();
    let proof = travel.wpt(SEARCH, NOW);
    let sanitizer = Sanitizer::new();
    let around =
        [("", ""), ("Authorization: WPT ", "\n"), ("\"", "\","), ("token=", "&x=1"), ("é", "é"), ("<", ">.")];
    for (before, after) in around {
        for token in [travel.wit(), &proof] {
            let text = format!("{before}{token}{after}");
            assert_eq!(sanitizer.sanitize(&text), format!("{before}[token removed]{after}"));
            let twice = format!("{text} and {text}");
            assert_eq!(sanitizer.sanitize(&twice).matches("[token removed]").count(), 2);
        }
    }
    // Detached, encrypted, and with any spelling of the header.
    for header in HEADERS {
        let header = aims_jose::base64url::encode(header);
        for rest in [
            ".e30.c2lnbmF0dXJlc2lnbmF0dXJl",
            "..c2lnbmF0dXJlc2lnbmF0dXJl",
            "..QUFBQUFBQUFBQUFB.Y2lwaGVy.dGFn",
            // The initialization vector is short, or missing, and so may be what it protects.
            "..c2hvcnQ.Y2lwaGVydGV4dGNpcGhlcnRleHQ.dGFn",
            ".a2V5.c2hvcnQ.Yw.dGFndGFndGFndGFndGFndGFn",
            ".a2V5a2V5a2V5a2V5a2V5a2V5...dGFndGFndGFndGFndGFndGFn",
        ] {
            assert_eq!(
                sanitizer.sanitize(&format!("x {header}{rest} y")),
                "x [token removed] y",
                "{header}{rest}"
            );
        }
    }
}

#[test]
fn aims_19_private_keys_do_not_reach_a_model() {
    let sanitizer = Sanitizer::new();
    let key = PrivateKey::generate(Algorithm::Es256, backend::ring()).unwrap();
    let pem = key.expose_pem();
    let text = format!("before\n{}after", &**pem);
    assert_eq!(sanitizer.sanitize(&text).trim_end(), "before\n[private key removed]\nafter");
    // One that was cut off, and one of another kind.
    let half = text.get(..text.len() / 2).unwrap();
    assert_eq!(sanitizer.sanitize(half), "before\n[private key removed]");
    let old = "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----";
    assert_eq!(sanitizer.sanitize(old), "[private key removed]");
    let pgp = "-----BEGIN PGP PRIVATE KEY BLOCK-----\nlQOY\n-----END PGP PRIVATE KEY BLOCK-----";
    assert_eq!(sanitizer.sanitize(pgp), "[private key removed]");
    // A certificate is no secret, and does not hide the key behind it.
    let chain = format!("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n{old}");
    assert_eq!(
        sanitizer.sanitize(&chain),
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n[private key removed]"
    );

    let d = "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI";
    for jwk in [
        format!(r#"{{"kty":"EC","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","d":"{d}"}}"#),
        format!("{{\n  \"d\" : \"{d}\"\n}}"),
        format!(r#""{{\"d\":\"{d}\"}}""#),
        format!(r#""{{\\\"priv\\\": \\\"{d}\\\"}}""#),
        format!(r#"{{"k":"{d}"}}"#),
        format!(r#"{{"p":"{d}","q":"{d}","dp":"{d}","dq":"{d}","qi":"{d}"}}"#),
    ] {
        let clean = sanitizer.sanitize(&jwk);
        assert!(!clean.contains(d), "{clean}");
        assert_eq!(clean.replace("[private key removed]", d), jwk);
    }
    // RSA with more than two primes: `r` and `t` are secret there, and nowhere else.
    let primes =
        format!(r#"{{"oth":[{{"r":"{d}","d":"{d}","t":"{d}"}}, {{"r":"{d}"}}],"r":"{d}","t":"{d}"}}"#);
    for (jwk, quote) in [
        (primes.clone(), "\""),
        (primes.replace('"', r#"\""#), r#"\""#),
        (primes.replace("[{", " [\n  {").replace(':', " : "), "\""),
        (primes.replace("[{", "\n[\n{").replace(':', "\n:\r\n\t"), "\""),
        (primes.replace("[{", r"\n[\n{").replace(':', r"\n:\r\n \t").replace('"', r#"\""#), r#"\""#),
        (primes.replace(':', r":\\n").replace('"', r#"\\\""#), r#"\\\""#),
    ] {
        let clean = sanitizer.sanitize(&jwk);
        assert_eq!(clean.matches("[private key removed]").count(), 4, "{clean}");
        assert_eq!(clean.matches(d).count(), 2, "{clean}");
        let (_, public) = clean.rsplit_once(']').unwrap();
        assert!(public.starts_with(&format!(",{quote}r{quote}")) && public.contains(d), "{clean}");
    }
    // Cut off, it is as secret.
    let half = primes.split_once(r#","d""#).unwrap().0;
    assert_eq!(sanitizer.sanitize(half), r#"{"oth":[{"r":"[private key removed]""#);

    // In the other alphabet, with padding, it is as secret.
    let standard = r#"{"k":"jpsQnnGQmL+YBIffH1136cspYG6/0iY7X1fCE9+E9LI="}"#;
    assert_eq!(sanitizer.sanitize(standard), r#"{"k":"[private key removed]"}"#);
}

#[test]
fn aims_19_named_secrets_do_not_reach_a_model() {
    let sanitizer = Sanitizer::new().with_secret("hunter2").with_secret("").with_secret("é-secret");
    let clean = sanitizer.sanitize("hunter2hunter2 é-secret hunter3");
    assert_eq!(clean, "[secret removed][secret removed] [secret removed] hunter3");
    // Secrets that overlap leave nothing of either.
    let overlapping = Sanitizer::new().with_secret("abcd").with_secret("cdef").with_secret("bc");
    assert_eq!(overlapping.sanitize("xabcdefx"), "x[secret removed]x");
    assert_eq!(format!("{sanitizer:?}"), "Sanitizer { secrets: 2, .. }");
}

#[test]
fn aims_19_other_text_is_left_alone() {
    let sanitizer = Sanitizer::new();
    for text in [
        "",
        "see docs.example.com/v1.2.3/index.html, or mail eyal@example.com",
        "spiffe://acme.example/agents/travel called https://tools.example/v1/search",
        "{\"d\":\"short\",\"k\":\"v\",\"p\":12,\"q\":\"what is a private key?\"}",
        "-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----",
        "eyJhbGciOiJFUzI1NiJ9 alone, and eyJhbGciOiJFUzI1NiJ9.e30. without a signature",
        "-----BEGIN ",
        "a.b.c... d..e",
        "eyJhbGciOiJkaXIifQ..c2hvcnQ.c2hvcnQ.c2hvcnQ, and eyJhbGciOiJkaXIifQ.a.b.c.d.and-no-more-than-a-name",
        r#"{"oth":"a-long-text-that-is-no-array","r":"a-long-text-that-is-no-key"}"#,
        r#"["oth", {"t":"a-long-text-that-is-no-key"}]"#,
        r#"{"d":n"a-long-text-that-is-no-key"}"#,
    ] {
        let clean = sanitizer.sanitize(text);
        assert_eq!(clean, text);
        assert!(matches!(clean, std::borrow::Cow::Borrowed(_)));
    }
}

proptest! {
    #[test]
    fn aims_19_wherever_a_token_stands_its_signature_is_gone(
        before in "[a-zA-Z0-9_. \"\\\\{}:é-]{0,40}",
        after in "[a-zA-Z0-9_. \"\\\\{}:é-]{0,40}",
        payload in "[a-zA-Z0-9_-]{0,60}",
        signature in "[a-zA-Z0-9_-]{40,90}",
    ) {
        let text = format!("{before}eyJhbGciOiJFUzI1NiJ9.{payload}.{signature}{after}");
        let sanitizer = Sanitizer::new();
        let once = sanitizer.sanitize(&text).into_owned();
        prop_assert!(!once.contains(&signature), "{once}");
        let again = sanitizer.sanitize(&once).into_owned();
        prop_assert_eq!(again, once);
    }

    #[test]
    fn aims_19_no_text_makes_it_panic(text in any::<String>()) {
        let _ = Sanitizer::new().with_secret("é").sanitize(&text);
    }
}
