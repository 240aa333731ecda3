//! Asking for signatures (HS-ACC).

use aims_httpsig::sf::BareItem;
use aims_httpsig::{AcceptSignature, Component, Context, RawMessage};
use aims_testkit::assert_refused;

use crate::world::*;

#[test]
fn hs_acc_01_hs_acc_02_what_is_asked_for_is_read_and_written() {
    let text = r#"sig1=("@status" "content-digest";req);created;expires;nonce="n-1";keyid="k1";tag="orders""#;
    let all = AcceptSignature::parse(text.as_bytes()).unwrap();
    let wanted = &all[0];
    assert_eq!(wanted.to_field().unwrap(), text);
    assert_eq!((wanted.nonce(), wanted.key_id(), wanted.tag()), (Some("n-1"), Some("k1"), Some("orders")));
    assert!(wanted.wants_created() && wanted.wants_expires());
    let built =
        AcceptSignature::new("sig1", [Component::status(), field("content-digest").of_request().unwrap()])
            .with_created()
            .and_then(AcceptSignature::with_expires)
            .and_then(|wanted| wanted.with("nonce", BareItem::string("n-1")))
            .and_then(|wanted| wanted.with("keyid", BareItem::string("k1")))
            .and_then(|wanted| wanted.with("tag", BareItem::string("orders")))
            .unwrap();
    assert_eq!(built.to_field().unwrap(), text);
}

#[test]
fn hs_acc_02_hs_acc_05_what_is_no_wish_is_refused() {
    let many = (0..9).map(|at| format!("s{at}=()")).collect::<Vec<_>>().join(", ");
    for (text, code, rule) in [
        ("s=1", "member_type", "HS-ACC-01"),
        ("s=()x", "malformed_accept_signature", "HS-SF-01"),
        ("s=(), s=()", "duplicate_label", "HS-SF-03"),
        ("s=();created=1", "parameter_type", "HS-ACC-02"),
        ("s=();created=?0", "parameter_type", "HS-ACC-02"),
        ("s=();nonce", "parameter_type", "HS-ACC-02"),
        ("s=();tag=t;tag=t", "parameter_type", "HS-ACC-02"),
        ("s=(\"@a\")", "unknown_derived_component", "HS-ID-08"),
        ("s=(\"@path\" \"@path\")", "component_duplicate", "HS-ID-04"),
        (&many, "too_many_signatures", "HS-ACC-05"),
    ] {
        assert_refused!(AcceptSignature::parse(text.as_bytes()), code, rule, "{text}");
    }
    let twice = AcceptSignature::new("s", [Component::path(), Component::path()]);
    assert_refused!(twice.to_field(), "component_duplicate", "HS-ID-04");
    assert_refused!(AcceptSignature::new("S", []).to_field(), "bad_label", "HS-ACC-01");
    assert_refused!(AcceptSignature::new("s", []).with("nonce", true.into()), "parameter_type", "HS-ACC-02");
}

#[test]
fn hs_acc_03_hs_acc_05_the_answer_has_what_was_asked_for_and_the_signers_own_key() {
    let key = key();
    let text = r#"answer=("@status");created;nonce="n-1";x=7;keyid="theirs";alg="hmac-sha256""#;
    let all = AcceptSignature::parse(text.as_bytes()).unwrap();
    let response = RawMessage::response(204);
    let signed = all[0].answer().created(NOW).key_id("ours").prepare(&Context::response(&response)).unwrap();
    let signed = signed.sign(&key).unwrap();
    assert_eq!(
        signed.signature_input(),
        r#"answer=("@status");nonce="n-1";x=7;created=1790000000;keyid="ours""#
    );
    // HS-ACC-04: what a message cannot have.
    let request = RawMessage::request("GET", "/");
    let refused = all[0].answer().prepare(&Context::request(&request));
    assert_refused!(refused, "not_in_this_message", "HS-ID-05");
}
