//! Messages that other people signed.

use aims_credential::WitCache;
use aims_httpsig::{Component, Context, Digests, Policy, RawMessage, SignatureFields, Tag};
use aims_id::{IdSet, WorkloadId};
use aims_jose::Jwk;
use aims_keys::{AlgorithmSet, UnixTime, backend};
use aims_proof::{
    Answer, Audiences, ExpectedResponse, MessageSignatureError, ReplayMemory, SignatureProfile,
    SignatureVerifier, VerifiedSignature,
};
use aims_testkit::{assert_refused, vectors};
use serde_json::Value;

use crate::support::World;
use crate::vectors::wits;

fn message(value: &Value, wit: &str) -> (RawMessage, Vec<u8>) {
    let text = |name: &str| value[name].as_str().unwrap_or_default();
    let message = if value["status"].is_null() {
        let query = value["query"].as_str().map_or_else(String::new, |query| format!("?{query}"));
        let target = match text("method") {
            "CONNECT" => text("authority").to_owned(),
            _ => format!("{}{query}", text("path")),
        };
        RawMessage::request(text("method"), &target).with_scheme("https").with_authority(text("authority"))
    } else {
        RawMessage::response(u16::try_from(value["status"].as_u64().unwrap()).unwrap())
    };
    let headers = value["headers"].as_array().unwrap();
    let mut message = headers.iter().fold(message, |message, header| {
        message.with_header(header[0].as_str().unwrap(), header[1].as_str().unwrap())
    });
    if !headers.iter().any(|header| header[0] == "Workload-Identity-Token") {
        message = message.with_header("workload-identity-token", wit);
    }
    (message, text("body").into())
}

fn signed(message: RawMessage, value: &Value) -> RawMessage {
    message
        .with_header("signature-input", value["signature_input"].as_str().unwrap())
        .with_header("signature", value["signature"].as_str().unwrap())
}

fn verifier() -> SignatureVerifier {
    let own = Audiences::http("https://tools.example").unwrap().and_http("https://egress.example").unwrap();
    SignatureVerifier::builder(own, ReplayMemory::with_capacity(100)).build()
}

fn verify(
    wits: &WitCache,
    request: &RawMessage,
    content: &[u8],
    now: UnixTime,
) -> Result<VerifiedSignature, MessageSignatureError> {
    verifier().verify_request(wits, request, now)?.with_content(content, now)
}

/// Requests and responses of wimsey 0.9.0, draft -08: each key of the issuer with each of the workload.
#[test]
fn hsig_1_to_hsig_10_hsig_24_what_wimsey_signs_verifies() {
    let Some(vector) = vectors::json("wimse/third-party-wimsey-0.9.0/current-drafts.json") else { return };
    let now = UnixTime::from_secs(vector["verify_now"].as_u64().unwrap());
    let servers = IdSet::from("wimse://agents.example/team-a/planner".parse::<WorkloadId>().unwrap());
    let mut verified = 0;
    for set in vector["sets"].as_array().unwrap() {
        let wits = wits("wimse://agents.example", &set["issuer_jwk"], "issuer-1");
        let wit = set["wit"].as_str().unwrap();
        for case in set["httpsig"].as_array().unwrap() {
            let (request, content) = message(&case["request"], wit);
            let request = signed(request, case);
            let of_request = verify(&wits, &request, &content, now).unwrap();
            assert_eq!(of_request.wit().subject().as_str(), "wimse://agents.example/team-a/planner");
            assert!(of_request.demands_signed_response());

            let (response, content) = message(&case["response"], wit);
            let response = signed(response, &case["response"]);
            let expected = ExpectedResponse::new(of_request.nonce(), true, &request);
            let Answer::Signed(head) = expected.verify(&wits, &servers, &response, now).unwrap() else {
                panic!("it is signed")
            };
            head.with_content(&content).unwrap();
            verified += 1;
        }
    }
    assert_eq!(verified, 12);
}

/// A message of the drafts, in lines, up to its content.
fn lines(text: &str) -> RawMessage {
    let (head, _) = text.split_once("\n\n").unwrap();
    let mut lines = head.lines();
    let start: Vec<&str> = lines.next().unwrap().split(' ').collect();
    let message = match start[0].strip_prefix("HTTP/") {
        Some(_) => RawMessage::response(start[1].parse().unwrap()),
        None => RawMessage::request(start[0], start[1]).with_scheme("https"),
    };
    lines.fold(message, |message, line| {
        let (name, value) = line.split_once(": ").unwrap();
        message.with_header(name, value)
    })
}

/// The examples of draft -07, with the keys that they name: their signatures verify, and what they cover is what has to be covered.
#[test]
fn hsig_5_hsig_7_the_examples_of_the_draft_verify_by_their_keys() {
    let Some(vector) = vectors::json("wimse/http-signature-07-example.json") else { return };
    let mut verified = 0;
    for exchange in vector["exchanges"].as_array().unwrap() {
        let request = lines(exchange["request"].as_str().unwrap());
        let response = lines(exchange["response"].as_str().unwrap());
        let now = UnixTime::from_secs(1_789_405_140);
        let fields = ["content-type", "content-digest", "workload-identity-token"];
        for (context, key) in [
            (Context::request(&request), &exchange["request_key"]),
            (Context::response(&response).to(&request), &exchange["response_key"]),
        ] {
            let mut key = key.clone();
            key.as_object_mut().unwrap().remove("d");
            let key = Jwk::parse(&key.to_string(), backend::ring()).unwrap();
            let tag = Tag::Is("wimse-workload-to-workload".into());
            let policy = Policy::new(
                tag,
                [Component::field("workload-identity-token").unwrap()],
                AlgorithmSet::STANDARD,
            );
            let policy = fields
                .iter()
                .fold(policy, |policy, &name| policy.covering_if_present(Component::field(name).unwrap()));
            let fields = SignatureFields::of(&context).unwrap();
            let _ = fields.select(&policy, now).unwrap().verify(key.public_key()).unwrap();
            verified += 1;
        }
    }
    assert_eq!(verified, 4);
}

/// Their WITs are of an issuer whose key was not published: they are refused for that, or, where they count for 302 s, for that.
#[test]
fn hsig_1_hsig_8_the_examples_of_the_draft_pass_up_to_what_nobody_can_verify() {
    let Some(vector) = vectors::json("wimse/http-signature-07-example.json") else { return };
    let world = World::at("wimse://example.com");
    let mut codes = Vec::new();
    for exchange in vector["exchanges"].as_array().unwrap() {
        let request = lines(exchange["request"].as_str().unwrap());
        let own = Audiences::http("https://svcb.example.com")
            .unwrap()
            .and_http("https://svcc.example.com")
            .unwrap();
        let verifier = SignatureVerifier::builder(own, ReplayMemory::with_capacity(10)).build();
        let now = UnixTime::from_secs(1_789_405_140);
        let refused = verifier.verify_request(&world.wits, &request, now).unwrap_err();
        codes.push((refused.code(), refused.rule()));
    }
    assert_eq!(codes, [("unknown_key", "WIT-6"), ("lifetime_too_long", "HSIG-8")]);
}

/// Draft -06 covered the request target as one: without the profile nobody takes that.
#[test]
fn hsig_5_the_example_of_draft_06_does_not_cover_what_it_must() {
    let Some(vector) = vectors::json("httpsig/wimse-profile.json") else { return };
    let world = World::at("wimse://example.com");
    let case = &vector["vectors"][0]["request"];
    let request = RawMessage::request("GET", case["request_target"].as_str().unwrap()).with_scheme("https");
    let request = case["headers"].as_array().unwrap().iter().fold(request, |request, field| {
        request.with_header(field[0].as_str().unwrap(), field[1].as_str().unwrap())
    });
    let now = UnixTime::from_secs(1_785_155_800);
    let builder = || {
        let own = Audiences::http("https://svcb.example.com").unwrap();
        SignatureVerifier::builder(own, ReplayMemory::with_capacity(10))
    };
    let verifier = builder().build();
    assert_eq!(verifier.profile(), SignatureProfile::Draft08);
    assert_refused!(verifier.verify_request(&world.wits, &request, now), "missing_coverage", "HSIG-5");
    #[cfg(feature = "legacy-httpsig-06")]
    {
        let verifier = builder().profile(SignatureProfile::Draft06).build();
        let refused = verifier.verify_request(&world.wits, &request, now).unwrap_err();
        assert!(matches!(refused, MessageSignatureError::Wit(_)), "{refused:?}");
    }
}

/// The digest in the example of -06 is of the text with two line feeds at its end, and so is the content of the vector.
#[test]
fn hs_wimse_13_the_example_of_a_response_has_two_line_feeds_at_its_end() {
    let Some(vector) = vectors::json("httpsig/wimse-profile.json") else { return };
    let response = &vector["vectors"][1]["response"];
    let digest =
        response["headers"].as_array().unwrap().iter().find(|field| field[0] == "Content-Digest").unwrap();
    let digests = Digests::parse(digest[1].as_str().unwrap().as_bytes()).unwrap();
    digests.verify(b"No ice cream today.\n\n", backend::ring()).unwrap();
    assert_refused!(
        digests.verify(b"No ice cream today.\n", backend::ring()),
        "digest_mismatch",
        "HS-DIG-03"
    );
}
