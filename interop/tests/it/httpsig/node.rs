//! http-message-sig 0.3.0, for Node. It brings Ed25519 and RSA-PSS; other algorithms would be the caller's.

use std::process::Command;
use std::sync::LazyLock;

use aims_httpsig::sf::{BareItem, Decimal};

use super::case::{Case, Parts, Signature, TAG};
use super::{Other, both_ways, cases, keys};
use crate::peer::{Peer, installed, or_skip, script};

const VERSION: &str = "0.3.0";

const ALGORITHMS: [&str; 2] = ["ed25519", "rsa-pss-sha512"];

struct Node(Peer);

fn node() -> Option<&'static Node> {
    static NODE: LazyLock<Option<Node>> = LazyLock::new(|| {
        let mut command = Command::new("node");
        command.arg(script("node/server.mjs")).arg(installed("node")?);
        Peer::start(&mut command, VERSION).map(Node)
    });
    or_skip(NODE.as_ref(), "http-message-sig for Node")
}

impl Other for Node {
    fn sign(&self, case: &Case, keys: &keys::Keys) -> Result<Signature, String> {
        self.0.ask(&case.to_sign(keys)).map(Signature::from)
    }

    fn verify(&self, case: &Case, keys: &keys::Keys, signature: &Signature) -> Result<(), String> {
        self.0.ask(&case.to_verify(keys, std::slice::from_ref(signature))).map(drop)
    }
}

#[test]
fn node_and_we_agree_about_common_messages() {
    let Some(node) = node() else { return };
    for algorithm in ALGORITHMS {
        for case in cases::common() {
            both_ways(node, &case, keys::keys(algorithm));
        }
    }
}

#[test]
fn node_and_we_agree_about_parameters_of_a_profile() {
    let Some(node) = node() else { return };
    both_ways(node, &cases::parameters(), keys::keys("ed25519"));
}

#[test]
fn node_and_we_agree_about_methods_in_lower_case() {
    let Some(node) = node() else { return };
    let case = Case::new("lower case", Parts::request("purge", "/"), &[r#""@method""#]);
    both_ways(node, &case, keys::keys("ed25519"));
}

#[test]
fn node_signs_beside_us() {
    let Some(node) = node() else { return };
    let keys = keys::keys("ed25519");
    let mut case = cases::common().remove(2);
    let ours = case.sign(keys);
    case.message = case.message.with("Signature-Input", &ours.input).with("Signature", &ours.signature);
    let mut question = case.to_sign(keys);
    question["label"] = "other".into();
    question["tag"] = "of-another".into();
    let both = node.0.ask(&question).map(Signature::from).unwrap();

    // Each by its tag here, and by its label there.
    let signed = cases::common().remove(2);
    signed.verify(keys, &both).unwrap();
    for (label, tag, verifies) in
        [("sig1", TAG, true), ("other", "of-another", true), ("sig1", "of-another", false)]
    {
        let mut question = signed.to_verify(keys, std::slice::from_ref(&both));
        question["label"] = label.into();
        question["tag"] = tag.into();
        assert_eq!(node.0.ask(&question).is_ok(), verifies, "{label} {tag}");
    }
}

/// Both ways the two disagree: neither verifies the other.
fn neither_way(node: &Node, case: &Case) {
    let keys = keys::keys("ed25519");
    let error = node.verify(case, keys, &case.sign(keys)).unwrap_err();
    assert_eq!(error, "VerificationFailed: Signature verification failed", "{}", case.name);
    let theirs = node.sign(case, keys).unwrap();
    assert_eq!(case.verify(keys, &theirs).unwrap_err().code(), "bad_signature", "{}", case.name);
}

/// RFC 9421 section 2.1: a fold becomes one space, and the white space before the line break is part of it (RFC 9112 section 5.2). Here it stays.
#[test]
fn node_keeps_white_space_before_a_fold() {
    let Some(node) = node() else { return };
    let message = Parts::request("GET", "/").with("X-Folded", "a \r\n b");
    neither_way(node, &Case::new("fold", message, &[r#""x-folded""#]));
}

/// Section 2.2.3: the host is normalised as RFC 9110 section 4.2.3 does it, which is its case. Here it is read as browsers do, and addresses are written anew.
#[test]
fn node_writes_addresses_anew() {
    let Some(node) = node() else { return };
    for authority in ["[2001:db8:0::1]", "127.1"] {
        neither_way(
            node,
            &Case::new("address", Parts::request("GET", "/").at(authority), &[r#""@authority""#]),
        );
    }
}

/// RFC 9651 section 4.1.5: the decimal 1.0 is written with its fraction, so that it is not the integer 1. Here one number is as good as the other.
#[test]
fn node_takes_a_decimal_for_an_integer() {
    let Some(node) = node() else { return };
    let keys = keys::keys("ed25519");
    let one = BareItem::Decimal(Decimal::from_thousandths(1000).unwrap());
    let case = Case::new("decimal", Parts::request("GET", "/"), &[r#""@method""#]).parameter("x-share", one);
    let error = node.verify(&case, keys, &case.sign(keys)).unwrap_err();
    assert_eq!(error, "VerificationFailed: Signature verification failed");
}

/// As its documentation says: neither dates nor display strings (RFC 9651), and of components no `sf`, `bs`, `tr` and `@query-param`.
#[test]
fn node_has_no_newer_values_and_not_all_components() {
    let Some(node) = node() else { return };
    let keys = keys::keys("ed25519");
    let get = || Parts::request("GET", "/?to=LIS").with("Priority", "i");
    let of = |covered: &str| Case::new("unsupported", get(), &[covered]);
    let cases = [
        of(r#""@method""#).parameter("x-at", BareItem::Date(1_659_578_233)),
        of(r#""@method""#).parameter("x-name", BareItem::DisplayString("ü".into())),
        of(r#""priority";sf"#),
        of(r#""priority";bs"#),
        of(r#""@query-param";name="to""#),
    ];
    for case in cases {
        let signature = case.sign(keys);
        case.verify(keys, &signature).unwrap();
        let mut question = case.to_verify(keys, &[signature]);
        // It is to find out by itself.
        question["components"] = serde_json::json!([]);
        let error = node.0.ask(&question).unwrap_err();
        assert!(error.starts_with("UnsupportedFeature: "), "{error}");
    }
}
