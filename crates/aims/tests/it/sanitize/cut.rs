//! Tokens that are cut, and that nobody told of.

use aims::Sanitizer;

use super::support::pieces;
use crate::support::{NOW, SEARCH, Tool};

#[test]
fn aims_19_cut_tokens_do_not_reach_a_model() {
    let tool = Tool::new();
    let travel = tool.travel();
    let proof = travel.wpt(SEARCH, NOW);
    let cuts: [(usize, &str); 10] = [
        (64, "\n"),
        (76, "\r\n"),
        (40, "\n    "),
        (40, "\n> "),
        (60, "\" +\n    \""),
        (60, "' + '"),
        (60, "\"\n\""),
        (33, "\\n"),
        (33, "\\\n"),
        (5, " "),
    ];
    for token in [travel.wit(), &proof] {
        for (len, between) in cuts {
            for (before, after) in [("token: ", "\nThat was all."), ("x = \"", "\"; y = \"other\"")] {
                let text = format!("{before}{}{after}", pieces(token, len, between));
                let clean = Sanitizer::new().sanitize(&text);
                assert_eq!(clean, format!("{before}[token removed]{after}"), "{len} {between:?}");
            }
        }
    }
}

#[test]
fn aims_19_cut_tokens_of_other_algorithms_are_found() {
    let nested = r#"{"typ":"dpop+jwt","jwk":{"kty":"EC","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"},"alg":"ES256"}"#;
    for (header, segments) in [
        (nested, format!("e30.{}", "s1G-".repeat(21) + "Ag")),
        (r#"{"alg":"ES256","jwk":{"kty":"EC"},"kid":"a"}"#, format!("e30.{}", "s1G-".repeat(21) + "Ag")),
        (r#"{"alg":"RS256"}"#, format!("e30.{}", "s1G_".repeat(85) + "Ag")),
        (
            r#"{"alg":"RSA-OAEP-256","enc":"A256GCM"}"#,
            format!("{}.aXZpdml2aXZpdml2.{}.dGFndGFndGFndGFndGFndA", "a2V5".repeat(80), "Y3Q0".repeat(60)),
        ),
        (
            r#"{"alg":"dir","enc":"A128CBC-HS256"}"#,
            format!(".aXZpdml2aXZpdml2aXZpdg.{}.dGFndGFndGFndGFndGFndA", "Y3Q0".repeat(60)),
        ),
        (r#"{"alg":"HS256","b64":false,"crit":["b64"]}"#, format!(".{}", "s1G-".repeat(10) + "Ag0")),
    ] {
        let token = format!("{}.{segments}", aims_jose::base64url::encode(header));
        for (len, between) in [(64, "\n"), (50, "\" +\n    \""), (37, "\\n")] {
            let text = format!("(\"{}\")\n\nThat was all.", pieces(&token, len, between));
            let clean = Sanitizer::new().sanitize(&text);
            assert_eq!(clean, "(\"[token removed]\")\n\nThat was all.", "{header} {len} {between:?}");
        }
    }
}

#[test]
fn aims_19_tokens_letter_by_letter_do_not_reach_a_model() {
    let tool = Tool::new();
    let proof = tool.travel().wpt(SEARCH, NOW);
    for between in ["\n", " ", "\n- ", "\n* ", "', '"] {
        let text = format!("token: {}\nThat was all.", pieces(&proof, 1, between));
        let clean = Sanitizer::new().sanitize(&text);
        // Whether a symbol is a bullet or belongs to the signature is not known, so neither is where that ends.
        assert!(
            matches!(&*clean, "token: [token removed] was all." | "token: [token removed]\nThat was all."),
            "{clean}"
        );
    }
}

#[test]
fn aims_19_what_follows_a_token_stays() {
    let tool = Tool::new();
    let proof = tool.travel().wpt(SEARCH, NOW);
    for after in
        ["\nOK\nDONE", "\n\nThe tool failed.", "\",\"exp\":123", " and so on", ". Next", "\n.\n", "...\n"]
    {
        let text = format!("{proof}{after}");
        assert_eq!(Sanitizer::new().sanitize(&text), format!("[token removed]{after}"));
        let text = format!("{}{after}", pieces(&proof, 64, "\n"));
        assert_eq!(Sanitizer::new().sanitize(&text), format!("[token removed]{after}"));
    }
}
