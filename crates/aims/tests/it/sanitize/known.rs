//! Secrets that the sanitizer was told of, in every disguise.

use std::collections::HashSet;

use aims::Sanitizer;
use proptest::prelude::*;

use super::support::{CUTS, ENCODINGS, base64, fold, pieces, shares, standard};

const SECRET: &str = "sk_live-9fQ2.vXr7+Lm4K8pTzW1";

#[test]
fn aims_19_a_known_secret_is_found_in_every_encoding_and_cut() {
    let sanitizer = Sanitizer::new().with_secret(SECRET);
    for (encoding, encode) in ENCODINGS {
        for (cutting, cut) in CUTS {
            let encoded = encode(SECRET);
            if is_lost(encoding, &encoded, cutting) {
                continue;
            }
            let text = format!("The tool said: <{}>, and no more.", cut(&encoded));
            let clean = sanitizer.sanitize(&text);
            assert!(clean.contains("[secret removed]"), "{encoding}, {cutting}: {text}");
            assert!(!shares(&clean, &encoded, 12), "{encoding}, {cutting}: {clean}");
            assert!(clean.starts_with("The tool said: <") && clean.ends_with(", and no more."), "{clean}");
        }
    }
}

#[test]
fn aims_19_a_known_secret_is_found_in_parts() {
    let sanitizer = Sanitizer::new().with_secret(SECRET);
    let text = "first sk_live-9fQ2.vXr7, then after some words +Lm4K8pTzW1 and vXr7+Lm4K8pTz again";
    let clean = sanitizer.sanitize(text);
    assert_eq!(
        clean, "first [secret removed], then after some words +Lm4K8pTzW1 and [secret removed] again",
        "ten letters and digits are no part that is known"
    );
    let halves = pieces(&"0123456789abcdefghijklmnopqrstuvwxyz".repeat(2), 18, " <and then, later on:> ");
    let clean =
        Sanitizer::new().with_secret("0123456789abcdefghijklmnopqrstuvwxyz").sanitize(&halves).into_owned();
    assert_eq!(clean.matches("[secret removed]").count(), 4, "{clean}");
}

#[test]
fn aims_19_short_secrets_are_found_only_exactly() {
    let sanitizer = Sanitizer::new().with_secret("hunter2").with_secret("eight888").with_secret("----====");
    assert_eq!(sanitizer.sanitize("hunter 2, Hunter2, hunter2"), "hunter 2, Hunter2, [secret removed]");
    assert_eq!(sanitizer.sanitize("EIGHT-888 eight88"), "[secret removed] eight88");
    assert_eq!(sanitizer.sanitize("888thgie"), "[secret removed]");
    assert_eq!(sanitizer.sanitize("ZWlnaHQ4ODg"), "[secret removed]");
    assert_eq!(sanitizer.sanitize("====----===="), "====[secret removed]");
    // A row of zeros, as at the end of many a key, is nobody's secret.
    let zeros = Sanitizer::new().with_secret("AAAAAAAAAAAAAAAAAAAAAAAA9x");
    assert_eq!(zeros.sanitize("AAAAAAAAAAAAAAAA"), "AAAAAAAAAAAAAAAA");
}

#[test]
fn aims_19_secrets_of_other_scripts_are_found() {
    let sanitizer = Sanitizer::new().with_secret("Пароль-отдоступа-Ключ");
    for text in ["пароль отдоступа ключ", "П-а-р-о-л-ь-о-т-д-о-с-т-у-п-а-К-л-ю-ч"]
    {
        assert_eq!(sanitizer.sanitize(text), "[secret removed]");
    }
    let encoded = base64("Пароль-отдоступа-Ключ", "");
    assert_eq!(sanitizer.sanitize(&encoded), "[secret removed]");
}

#[test]
fn aims_19_many_secrets_are_looked_for_at_once() {
    let secrets: Vec<String> =
        (0..200).map(|n| format!("token-{:016x}-end", 0x9e37_79b9_u64.pow(2).wrapping_mul(n + 1))).collect();
    let sanitizer = secrets.iter().fold(Sanitizer::new(), |all, secret| all.with_secret(secret));
    let clean = sanitizer.sanitize(&secrets.join("\n")).into_owned();
    assert_eq!(clean.replace("[secret removed]", "").trim(), "", "{clean}");
}

#[test]
fn aims_19_symbols_of_base64_hide_nothing() {
    // The base64 of these has symbols in it, for which the encodings differ.
    let secret = "qR8~aB7?cD6>eF5~gH4?iJ3>kL2~mN1?oP0";
    let sanitizer = Sanitizer::new().with_secret(secret);
    for before in ["", "a", "ab"] {
        let encoded = base64(secret, before);
        assert!(encoded.contains(['-', '_']) || before.len() != 2);
        for encoded in [standard(&encoded), encoded] {
            let text = format!("({encoded}), (\"{}\")", pieces(&encoded, 24, "\" + \""));
            let clean = sanitizer.sanitize(&text).into_owned();
            assert!(!shares(&clean, &encoded, 8), "{text} -> {clean}");
        }
    }
}

/// Whether it has enough letters and digits, and of many kinds throughout.
fn is_varied(secret: &str) -> bool {
    let folded: Vec<char> = fold(secret).chars().collect();
    folded.len() >= 16 && folded.windows(12).all(|window| window.iter().collect::<HashSet<_>>().len() > 3)
}

/// What says something else once it was cut.
fn is_lost(encoding: &str, encoded: &str, cutting: &str) -> bool {
    let has_numbers =
        encoding.starts_with(['\\', 'p', 'H']) || matches!(encoding, "decimal" | "hexadecimal bytes");
    // A symbol that stands alone may be a digit of base64 or cut it.
    let has_symbols = encoding.contains("base64") && encoded.contains(['+', '/', '-', '_']);
    cutting != "not at all" && (has_numbers || has_symbols)
}

proptest! {
    #[test]
    fn aims_19_no_encoding_of_a_known_secret_comes_through(
        // Symbols at its ends may stay, encoded.
        secret in "[a-zA-Z0-9][a-zA-Z0-9_.~+/-]{22,78}[a-zA-Z0-9]",
        before in "[a-zA-Z0-9 .,:;\"{}é]{0,30}[ :\"]",
        after in "[ ,\"][a-zA-Z0-9 .,:;\"{}é]{0,30}",
        encoding in 0..ENCODINGS.len(),
        cut in 0..CUTS.len(),
    ) {
        let ((encoding, encode), (cutting, cut)) = (ENCODINGS[encoding], CUTS[cut]);
        prop_assume!(is_varied(&secret));
        let sanitizer = Sanitizer::new().with_secret(&secret);
        let encoded = encode(&secret);
        let is_cut = !is_lost(encoding, &encoded, cutting);
        let text = format!("{before}{}{after}", if is_cut { cut(&encoded) } else { encoded });
        let clean = sanitizer.sanitize(&text);
        for (_, encode) in ENCODINGS {
            prop_assert!(!shares(&clean, &encode(&secret), 16), "{encoding}, {cutting}: {text} -> {clean}");
        }
    }

    #[test]
    fn aims_19_no_text_makes_it_panic_with_known_secrets(text in any::<String>(), secret in any::<String>()) {
        let sanitizer = Sanitizer::new().with_secret(&secret);
        let _ = sanitizer.sanitize(&text);
        let twice = format!("{text}{secret}{text}");
        let clean = sanitizer.sanitize(&twice);
        prop_assert!(secret.is_empty() || !clean.contains(&secret) || "[secret removed]".contains(&secret));
    }
}
