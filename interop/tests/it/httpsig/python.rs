//! http-message-signatures 3.0.0, for Python.

use std::process::Command;
use std::sync::LazyLock;

use aims_httpsig::sf::BareItem;
use aims_testkit::assert_refused;
use serde_json::Value;

use super::case::{Case, KEY_ID, Parts, Signature, TAG};
use super::{Other, both_ways, cases, keys};
use crate::peer::{Peer, installed, or_skip, script};

const VERSION: &str = "3.0.0";

struct Python(Peer);

fn python() -> Option<&'static Python> {
    static PYTHON: LazyLock<Option<Python>> = LazyLock::new(|| {
        let mut command = Command::new(installed("python")?.join("bin/python"));
        command.arg(script("python/server.py"));
        Peer::start(&mut command, VERSION).map(Python)
    });
    or_skip(PYTHON.as_ref(), "http-message-signatures for Python")
}

impl Other for Python {
    fn sign(&self, case: &Case, keys: &keys::Keys) -> Result<Signature, String> {
        self.0.ask(&case.to_sign(keys)).map(Signature::from)
    }

    fn verify(&self, case: &Case, keys: &keys::Keys, signature: &Signature) -> Result<(), String> {
        let answer = self.0.ask(&case.to_verify(keys, std::slice::from_ref(signature)))?;
        assert_eq!(answer["values"].as_object(), Some(&case.values()), "{}", case.name);
        assert_eq!(answer["has_content"], case.content.is_some(), "{}", case.name);
        Ok(())
    }
}

#[test]
fn python_and_we_agree_about_common_messages() {
    let Some(python) = python() else { return };
    for keys in keys::all() {
        for case in cases::common() {
            both_ways(python, &case, keys);
        }
    }
}

/// What few implementations have beside it and us.
#[test]
fn python_and_we_agree_about_what_is_less_common() {
    let Some(python) = python() else { return };
    let cases = [
        Case::new(
            "structured fields",
            Parts::request("GET", "/")
                .with("Priority", "u=1 ,   i=?1")
                .with("Cache-Status", "\"a b\"; hit ,  C;ttl=5"),
            &[r#""priority";sf"#, r#""cache-status";sf"#],
        ),
        Case::new(
            "lines as bytes",
            Parts::response(200).with("Set-Cookie", "a=1, b; Path=/").with("Set-Cookie", " c=\td "),
            &[r#""set-cookie";bs"#, r#""user-agent";bs;req"#, r#""priority";sf;req"#],
        )
        .to(Parts::request("GET", "/").with("User-Agent", "caf\u{e9}").with("Priority", "i=?1")),
        Case::new(
            "query parameters",
            Parts::request("GET", "/?a%20b=c+d~*&&none=&word=%C3%BC&odd=%ff&bare"),
            &[
                r#""@query-param";name="a%20b""#,
                r#""@query-param";name="none""#,
                r#""@query-param";name="word""#,
                r#""@query-param";name="odd""#,
                r#""@query-param";name="bare""#,
            ],
        ),
        Case::new(
            "folded lines",
            Parts::request("GET", "/").with("X-Folded", "a \t\r\n\t  b \r\n c"),
            &[r#""x-folded""#],
        ),
        Case::new(
            "an address",
            Parts::request("GET", "/").at("[2001:DB8:0::1]:443"),
            &[r#""@authority""#, r#""@target-uri""#],
        ),
    ];
    for case in cases {
        both_ways(python, &case, keys::keys("ed25519"));
    }
}

#[test]
fn python_signs_beside_us() {
    let Some(python) = python() else { return };
    let keys = keys::keys("ecdsa-p256-sha256");
    let mut case = cases::common().remove(2);
    let ours = case.sign(keys);
    case.message = case.message.with("Signature-Input", &ours.input).with("Signature", &ours.signature);
    let mut question = case.to_sign(keys);
    question["label"] = "other".into();
    question["tag"] = "of-another".into();
    let both = python.0.ask(&question).map(Signature::from).unwrap();
    assert!(both.input.contains(&ours.input) && both.input.contains("other="), "{both:?}");

    // Each by its tag.
    let signed = cases::common().remove(2);
    signed.verify(keys, &both).unwrap();
    for tag in [TAG, "of-another"] {
        let mut question = signed.to_verify(keys, std::slice::from_ref(&both));
        question["tag"] = tag.into();
        python.0.ask(&question).unwrap();
    }
}

/// RFC 9421 section 2.3 lets profiles have parameters of their own: there this implementation verifies nothing.
#[test]
fn python_takes_no_parameters_of_a_profile() {
    let Some(python) = python() else { return };
    let (case, keys) = (cases::parameters(), keys::keys("ed25519"));
    let error = python.verify(&case, keys, &case.sign(keys)).unwrap_err();
    assert_eq!(error, "InvalidSignature: Unexpected signature metadata parameter \"x-audience\"");
}

/// Section 2.2.1: methods are told apart by case, and none is refused for it.
#[test]
fn python_takes_no_methods_in_lower_case() {
    let Some(python) = python() else { return };
    let keys = keys::keys("ed25519");
    let case = Case::new("lower case", Parts::request("purge", "/"), &[r#""@method""#]);
    let signature = case.sign(keys);
    case.verify(keys, &signature).unwrap();
    let expected = "HTTP request method must be an uppercase string";
    assert!(python.verify(&case, keys, &signature).unwrap_err().ends_with(expected));
    assert!(python.sign(&case, keys).unwrap_err().ends_with(expected));
}

/// Section 2.2.8: `name` is the name of the parameter as it is encoded anew. Here it may be encoded in any way, or not at all, and stands for the same.
#[test]
fn python_takes_names_of_query_parameters_that_are_not_encoded() {
    let Some(python) = python() else { return };
    let keys = keys::keys("ed25519");
    let mut case =
        Case::new("names", Parts::request("GET", "/?a%2Bb=1"), &[r#""@query-param";name="a%2Bb""#]);
    both_ways(python, &case, keys);
    for name in ["a+b", "%61%2bb"] {
        case.covered[0] = format!(r#""@query-param";name="{name}""#).parse().unwrap();
        let theirs = python.sign(&case, keys).unwrap();
        assert_refused!(case.verify(keys, &theirs), "query_param_absent", "HS-VAL-14");
    }
}

/// Stricter than the RFC, which leaves it to the application: a key identifier must be there, and a digest by an unknown algorithm must not, whatever is
/// beside it.
#[test]
fn python_wants_a_key_id_and_known_digests_alone() {
    let Some(python) = python() else { return };
    let keys = keys::keys("ed25519");
    let mut case = cases::common().remove(2);
    let mut nameless = case.sign(keys);
    nameless.input = nameless.input.replace(&format!(";keyid=\"{KEY_ID}\""), "");
    let error = python.verify(&case, keys, &nameless).unwrap_err();
    assert_eq!(error, "InvalidSignature: Signature is missing a required \"keyid\" parameter");

    case.message = case.message.with("Content-Digest", "newer=:AAAA:");
    let signature = case.sign(keys);
    case.verify(keys, &signature).unwrap();
    let error = python.verify(&case, keys, &signature).unwrap_err();
    assert_eq!(error, "InvalidSignature: Unsupported content digest algorithm 'newer'");
}

/// Weaker than we are: one member of `Content-Digest` is enough there, we want all of it covered.
#[test]
fn python_takes_content_for_covered_by_a_member() {
    let Some(python) = python() else { return };
    let keys = keys::keys("ed25519");
    let case =
        Case::new("member", cases::order(), &[r#""content-digest";key="sha-256""#]).content(cases::ORDER);
    let signature = case.sign(keys);
    python.verify(&case, keys, &signature).unwrap();
    assert_refused!(case.verify(keys, &signature), "digest_not_covered", "HS-DIG-04");
}

/// Of a repeated parameter the last counts (RFC 9651 section 4.2.2), and the base has one: RFC 9421 does not forbid it, we do.
#[test]
fn python_takes_repeated_parameters() {
    let Some(python) = python() else { return };
    let (mut case, keys) = (cases::response(), keys::keys("ed25519"));
    case.content = None;
    let mut signature = case.sign(keys);
    signature.input += r#";tag="interop""#;
    python.verify(&case, keys, &signature).unwrap();
    assert_refused!(case.verify(keys, &signature), "parameter_duplicate", "HS-SF-03");
}

/// The answer to a task `sign`.
impl From<Value> for Signature {
    fn from(answer: Value) -> Self {
        let line = |name: &str| answer[name].as_str().unwrap().to_owned();
        Self { input: line("signature-input"), signature: line("signature") }
    }
}

/// Kept apart, since nobody else has them: what a structured field may be since RFC 9651.
#[test]
fn python_reads_dates_and_display_strings() {
    let Some(python) = python() else { return };
    let keys = keys::keys("ed25519");
    for (value, text) in [
        (BareItem::Date(1_659_578_233), "@1659578233"),
        (BareItem::DisplayString("ü".into()), r#"%"%c3%bc""#),
    ] {
        assert_eq!(value.to_string(), text);
        let field = format!("a={text}");
        let message = Parts::request("GET", "/").with("Signature-Agent", &field);
        let case = Case::new("newer values", message, &[r#""signature-agent";key="a""#]);
        both_ways(python, &case, keys);
    }
}
