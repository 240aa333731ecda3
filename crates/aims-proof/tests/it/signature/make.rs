//! What is made, and what is not.

use aims_credential::Holder;
use aims_httpsig::{Component, Digests, RawMessage};
use aims_keys::{Algorithm, SignInput, Signer, backend};
use aims_proof::{
    MakeSignatureError, NewRequestSignature, NewResponseSignature, SignatureProfile, SignatureVerifier,
    http_audience,
};
use aims_testkit::assert_refused;

use super::{BODY, Draft, verifier};
use crate::support::{Agent, NOW, World, new_key, ready, secs};

const URI: &str = "https://tools.example/v1/search?lang=en";

fn request(agent: &Agent) -> RawMessage {
    RawMessage::request("POST", "/v1/search?lang=en")
        .with_scheme("https")
        .with_authority("tools.example")
        .with_header("content-type", "application/json")
        .with_header("content-digest", Digests::field(BODY, backend::ring()))
        .with_header("authorization", "Bearer an-access-token")
        .with_header("workload-identity-token", agent.wit.token())
}

fn new() -> NewRequestSignature<'static> {
    NewRequestSignature::new(http_audience(URI))
}

#[test]
fn hsig_3_to_hsig_5_what_is_made_covers_what_is_there_and_verifies() {
    let world = World::new();
    for algorithm in [Algorithm::Es256, Algorithm::Ed25519] {
        let agent = world.agent_with(algorithm, secs(3600));
        let message = request(&agent);
        let signed = ready(new().sign(&agent.holder, &message, NOW)).unwrap();
        let input = signed.fields().signature_input();
        let expected = r#"sig1=("@method" "@path" "@query" "content-type" "content-digest" "authorization" "workload-identity-token");created=1790000000;expires=1790000060;nonce=""#;
        assert!(input.starts_with(expected), "{input}");
        let rest = r#"";tag="wimse-workload-to-workload";wimse-aud="https://tools.example/v1/search""#;
        assert!(input.ends_with(rest), "{input}");
        // 128 bits in base64url.
        assert_eq!(input.len(), expected.len() + 22 + rest.len());
        let message = message
            .with_header("signature-input", input)
            .with_header("signature", signed.fields().signature());
        let head = verifier().0.build().verify_request(&world.wits, &message, NOW).unwrap();
        head.with_content(BODY, NOW).unwrap();
        assert!(!signed.expected_response().is_demanded());
    }
}

#[test]
fn hsig_4_nonces_differ() {
    let world = World::new();
    let agent = world.agent();
    let made: std::collections::HashSet<String> = (0..50)
        .map(|_| {
            let signed = ready(new().sign(&agent.holder, &request(&agent), NOW)).unwrap();
            let input = signed.fields().signature_input();
            input.split("nonce=").nth(1).unwrap().split('"').nth(1).unwrap().to_owned()
        })
        .collect();
    assert_eq!(made.len(), 50);
}

#[test]
fn hsig_5_more_can_be_covered_and_a_tunnel_is_its_authority() {
    let world = World::new();
    let agent = world.agent();
    let message = request(&agent).with_header("accept", "text/plain");
    let more = new()
        .covering(Component::field("accept").unwrap())
        .covering(Component::method())
        .covering(Component::authority())
        .lifetime(secs(10));
    let signed = ready(more.sign(&agent.holder, &message, NOW)).unwrap();
    let input = signed.fields().signature_input();
    assert!(input.contains(
        r#""workload-identity-token" "accept" "@authority");created=1790000000;expires=1790000010"#
    ));

    let connect = RawMessage::request("CONNECT", "db.example:5432")
        .with_authority("db.example:5432")
        .with_header("workload-identity-token", agent.wit.token());
    let signed =
        ready(NewRequestSignature::new("https://tools.example").sign(&agent.holder, &connect, NOW)).unwrap();
    assert!(
        signed
            .fields()
            .signature_input()
            .starts_with(r#"sig1=("@method" "@authority" "workload-identity-token");"#)
    );
    let connect = connect
        .with_header("signature-input", signed.fields().signature_input())
        .with_header("signature", signed.fields().signature());
    let verifier: SignatureVerifier = verifier().0.build();
    verifier.verify_request(&world.wits, &connect, NOW).unwrap().with_content(b"", NOW).unwrap();
}

#[test]
fn hsig_4_signatures_can_be_made_elsewhere() {
    let world = World::new();
    let agent = world.agent();
    let message = request(&agent);
    let (unsigned, _) = new().prepare(&agent.wit, &message, NOW).unwrap();
    assert!(unsigned.signing_input().starts_with(b"\"@method\": POST\n"));
    let signature = Signer::sign(&*agent.key, SignInput::Message(unsigned.signing_input())).unwrap();
    unsigned.attach(signature.as_bytes()).unwrap();

    let (unsigned, _) = new().prepare(&agent.wit, &message, NOW).unwrap();
    let foreign =
        Signer::sign(&new_key(Algorithm::Es256), SignInput::Message(unsigned.signing_input())).unwrap();
    assert_refused!(unsigned.attach(foreign.as_bytes()), "bad_signature", "HS-SIGN-03");
}

#[test]
fn hsig_1_crd_12_what_nobody_would_take_is_not_made() {
    let world = World::new();
    let agent = world.agent();
    let make = |new: NewRequestSignature<'_>, message: &RawMessage, now| {
        ready(new.sign(&agent.holder, message, now))
    };
    let message = request(&agent);
    assert_refused!(make(NewRequestSignature::new(""), &message, NOW), "empty_audience", "HSIG-4");
    assert_refused!(make(new().lifetime(secs(0)), &message, NOW), "bad_lifetime", "CRD-12");
    assert_refused!(make(new(), &message, NOW + secs(3600)), "expired", "CRD-9");

    // Without its credential, with another, with two.
    let bare = RawMessage::request("GET", "/");
    let other = world.agent();
    for message in [
        bare.clone(),
        bare.clone().with_header("workload-identity-token", other.wit.token()),
        message.clone().with_header("workload-identity-token", agent.wit.token()),
    ] {
        assert_refused!(make(new(), &message, NOW), "credential_field", "HSIG-1");
    }
    // What nobody would take (HS-VAL-06); a digest is a list, which may be taken apart.
    for name in ["content-type", "authorization", "txn-token"] {
        let repeated = message.clone().with_header(name, "a").with_header(name, "b");
        assert_refused!(make(new(), &repeated, NOW), "field_repeated", "HS-VAL-06", "{name}");
    }
    let digest = Digests::field(b"x", backend::ring());
    let digests =
        message.clone().with_header("content-digest", &digest).with_header("content-digest", &digest);
    make(new(), &digests, NOW).unwrap();
    // What cannot be read has all labels.
    let signed = message.with_header("signature-input", "(");
    assert_refused!(make(new(), &signed, NOW), "label_in_use", "HS-SIGN-01");
}

#[test]
fn hsig_2_hs_sign_01_the_label_is_one_that_is_free() {
    let world = World::new();
    let agent = world.agent();
    let message = request(&agent)
        .with_header("signature-input", r#"sig1=("@method");created=1;tag="x", sig3=();created=1"#)
        .with_header("signature", "sig1=:AAAA:, sig3=:AAAA:");
    let signed = ready(new().sign(&agent.holder, &message, NOW)).unwrap();
    assert!(signed.fields().signature_input().starts_with("sig2=("));
    assert!(signed.fields().signature().starts_with("sig2=:"));
    let message = message
        .with_header("signature-input", signed.fields().signature_input())
        .with_header("signature", signed.fields().signature());
    let head = verifier().0.build().verify_request(&world.wits, &message, NOW).unwrap();
    head.with_content(BODY, NOW).unwrap();
}

#[test]
fn crd_12_a_signature_ends_with_its_credential() {
    let world = World::new();
    let agent = world.agent_with(Algorithm::Es256, secs(20));
    let signed = ready(new().lifetime(secs(1000)).sign(&agent.holder, &request(&agent), NOW)).unwrap();
    assert!(signed.fields().signature_input().contains(";expires=1790000020;"));
    let agent = world.agent();
    let signed = ready(new().lifetime(secs(1000)).sign(&agent.holder, &request(&agent), NOW)).unwrap();
    assert!(signed.fields().signature_input().contains(";expires=1790000300;"));
}

#[test]
fn hsig_20_a_response_is_signed_by_its_own_workload() {
    let world = World::new();
    let (agent, server) = (world.agent(), world.agent());
    let verified = Draft::new(&agent).send().verify(&world, &verifier().0.build()).unwrap();
    let response = RawMessage::response(404)
        .with_header("content-type", "text/plain")
        .with_header("workload-identity-token", server.wit.token());
    let sign = |holder: &Holder, message: &RawMessage, now| {
        ready(NewResponseSignature::to(&verified).lifetime(secs(30)).sign(holder, message, now))
    };
    let input = sign(&server.holder, &response, NOW).unwrap().signature_input().to_owned();
    assert!(input.starts_with(
        r#"sig1=("@status" "@method";req "@path";req "@query";req "workload-identity-token" "content-type");created=1790000000;expires=1790000030;nonce=""#
    ), "{input}");
    assert!(
        input.ends_with(r#";tag="wimse-workload-to-workload";wimse-req-nonce="q83vEjRWeJASNFZ4kBI0Vg""#),
        "{input}"
    );

    let refused =
        |result: Result<_, MakeSignatureError>, code: &str, rule: &str| assert_refused!(result, code, rule);
    refused(sign(&agent.holder, &response, NOW), "credential_field", "HSIG-1");
    let repeated = response.clone().with_header("content-type", "text/html");
    refused(sign(&server.holder, &repeated, NOW), "field_repeated", "HS-VAL-06");
    refused(sign(&server.holder, &response, NOW + secs(3600)), "expired", "CRD-9");

    let unsigned = NewResponseSignature::to(&verified).prepare(&server.wit, &response, NOW).unwrap();
    let signature = Signer::sign(&*server.key, SignInput::Message(unsigned.signing_input())).unwrap();
    unsigned.attach(signature.as_bytes()).unwrap();
}

#[test]
fn hsig_26_hs_wimse_12_whoever_asks_asks_for_no_less_than_the_profile() {
    for (is_connect, expected) in [
        (
            false,
            r#"sig1=("@status" "@method";req "@path";req "@query";req "workload-identity-token" "content-type" "content-digest")"#,
        ),
        (
            true,
            r#"sig1=("@status" "@method";req "@authority";req "workload-identity-token" "content-type" "content-digest")"#,
        ),
    ] {
        let asked = SignatureProfile::Draft08.accept_signature(is_connect).to_field().unwrap();
        assert_eq!(asked, format!(r#"{expected};created;expires;tag="wimse-workload-to-workload""#));
    }
}
