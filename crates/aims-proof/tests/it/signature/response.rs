//! Responses, as their clients get them (HSIG-20 to HSIG-25).

use aims_httpsig::sf::BareItem;
use aims_httpsig::{Component, Context, Digests, RawMessage};
use aims_id::IdSet;
use aims_keys::{UnixTime, backend};
use aims_proof::{Answer, ExpectedResponse, MessageSignatureError, NewRequestSignature, VerifiedResponse};
use aims_testkit::assert_refused;

use super::{int, sign, text, verifier};
use crate::support::{Agent, NOW, World, ready, secs};

const CONTENT: &[u8] = b"No flights today.\n";

/// An exchange, up to the response.
struct Exchange {
    world: World,
    server: Agent,
    asked: RawMessage,
    expected: ExpectedResponse,
    nonce: String,
}

impl Exchange {
    fn new(demands: bool) -> Self {
        Self::of("GET", "/v1/search?lang=en", demands)
    }

    fn of(method: &str, target: &str, demands: bool) -> Self {
        let world = World::new();
        let (agent, server) = (world.agent(), world.agent());
        let asked = RawMessage::request(method, target)
            .with_authority(if method == "CONNECT" { target } else { "tools.example" })
            .with_header("workload-identity-token", agent.wit.token());
        let audience = if method == "CONNECT" { "tools-alias" } else { "https://tools.example/v1/search" };
        let new = NewRequestSignature::new(audience);
        let new = if demands { new.demand_signed_response() } else { new };
        let (fields, expected) = ready(new.sign(&agent.holder, &asked, NOW)).unwrap().into_parts();
        let asked = asked
            .with_header("signature-input", fields.signature_input())
            .with_header("signature", fields.signature());
        let recipient = verifier().0.build();
        let verified =
            recipient.verify_request(&world.wits, &asked, NOW).unwrap().with_content(b"", NOW).unwrap();
        assert_eq!(verified.demands_signed_response(), demands);
        Self { nonce: verified.nonce().to_owned(), world, server, asked, expected }
    }

    fn verify_by(
        &self,
        servers: &IdSet,
        response: &RawMessage,
        content: &[u8],
    ) -> Result<Option<VerifiedResponse>, MessageSignatureError> {
        match self.expected.verify(&self.world.wits, servers, response, NOW)? {
            Answer::Signed(signed) => signed.with_content(content).map(Some),
            Answer::Unsigned => Ok(None),
        }
    }

    fn verify(&self, response: &RawMessage) -> Result<Option<VerifiedResponse>, MessageSignatureError> {
        self.verify_by(&servers(), response, CONTENT)
    }
}

fn servers() -> IdSet {
    IdSet::from("spiffe://acme.example/agents/travel".parse::<aims_id::WorkloadId>().unwrap())
}

/// A response, as its sender makes it.
struct Response {
    status: u16,
    covered: Vec<String>,
    fields: Vec<(&'static str, String)>,
    parameters: Vec<(String, BareItem<'static>)>,
}

impl Response {
    fn new(exchange: &Exchange) -> Self {
        let covered = [
            r#""@status""#,
            r#""@method";req"#,
            r#""@path";req"#,
            r#""@query";req"#,
            r#""content-type""#,
            r#""content-digest""#,
            r#""workload-identity-token""#,
        ];
        let parameters = [
            ("created", int(NOW.as_secs())),
            ("expires", int(NOW.as_secs() + 60)),
            ("nonce", text("EjRWeJASNFZ4kBI0VniQEg")),
            ("tag", text("wimse-workload-to-workload")),
            ("wimse-req-nonce", text(&exchange.nonce)),
        ];
        Self {
            status: 200,
            covered: covered.map(Into::into).into(),
            fields: vec![
                ("content-type", "text/plain".into()),
                ("content-digest", Digests::field(CONTENT, backend::ring())),
                ("workload-identity-token", exchange.server.wit.token().into()),
            ],
            parameters: parameters.map(|(name, value)| (name.to_owned(), value)).into(),
        }
    }

    fn set(&mut self, name: &str, value: Option<BareItem<'static>>) {
        self.parameters.retain(|(parameter, _)| parameter != name);
        self.parameters.extend(value.map(|value| (name.to_owned(), value)));
    }

    fn uncover(&mut self, name: &str) {
        self.covered.retain(|component| component != name);
    }

    fn message(&self) -> RawMessage {
        let message = RawMessage::response(self.status);
        self.fields.iter().fold(message, |message, (name, value)| message.with_header(name, value))
    }

    fn sign(&self, exchange: &Exchange) -> RawMessage {
        let message = self.message();
        let context = Context::response(&message).to(&exchange.asked);
        let fields = sign(&self.covered, "any", &self.parameters, &exchange.server.key, &context);
        message
            .with_header("signature-input", fields.signature_input())
            .with_header("signature", fields.signature())
    }
}

#[test]
fn hsig_24_a_signed_response_is_that_of_the_server_to_this_request() {
    for demands in [true, false] {
        let exchange = Exchange::new(demands);
        assert_eq!(exchange.expected.is_demanded(), demands);
        let response = Response::new(&exchange).sign(&exchange);
        let verified = exchange.verify(&response).unwrap().expect("it is signed");
        assert_eq!(verified.wit().subject().as_str(), "spiffe://acme.example/agents/travel");
        assert_eq!(verified.value(&Component::status()), Some("200"));
        assert_eq!(verified.value(&Component::field("server").unwrap()), None);
    }
}

#[test]
fn hsig_24_of_a_tunnel_it_is_the_authority() {
    let exchange = Exchange::of("CONNECT", "db.example:5432", true);
    let mut response = Response::new(&exchange);
    response.covered.retain(|component| component != r#""@path";req"# && component != r#""@query";req"#);
    response.covered.push(r#""@authority";req"#.into());
    exchange.verify(&response.sign(&exchange)).unwrap().unwrap();
    response.uncover(r#""@authority";req"#);
    assert_refused!(exchange.verify(&response.sign(&exchange)), "missing_coverage", "HSIG-5");
}

#[test]
fn hsig_24_the_answer_to_head_has_the_digest_of_what_it_does_not_have() {
    let exchange = Exchange::of("HEAD", "/v1/search?lang=en", true);
    let response = Response::new(&exchange).sign(&exchange);
    exchange.verify_by(&servers(), &response, b"").unwrap().unwrap();
    exchange.verify_by(&servers(), &response, CONTENT).unwrap().unwrap();
    assert_refused!(exchange.verify_by(&servers(), &response, b"x"), "digest_mismatch", "HSIG-9");
    let Answer::Signed(signed) =
        exchange.expected.verify(&exchange.world.wits, &servers(), &response, NOW).unwrap()
    else {
        panic!("it is signed")
    };
    assert!(signed.has_content());
    let (_, content) = signed.with_streamed_content(100);
    content.finish().unwrap();
}

#[test]
fn hsig_9_a_response_says_whether_it_has_content() {
    let exchange = Exchange::new(true);
    let head = |response: &RawMessage| match exchange.expected.verify(
        &exchange.world.wits,
        &servers(),
        response,
        NOW,
    ) {
        Ok(Answer::Signed(head)) => head,
        other => panic!("{other:?}"),
    };
    assert!(head(&Response::new(&exchange).sign(&exchange)).has_content());
    let mut without = Response::new(&exchange);
    without.uncover(r#""content-digest""#);
    without.fields.retain(|(name, _)| *name != "content-digest");
    let without = without.sign(&exchange);
    assert!(!head(&without).has_content());
    head(&without).with_content(b"").unwrap();
}

#[test]
fn hsig_23_hsig_25_an_unsigned_response_is_refused_where_a_signed_one_was_demanded() {
    for status in [200, 400, 501] {
        let (strict, lax) = (Exchange::new(true), Exchange::new(false));
        let response = RawMessage::response(status);
        assert_refused!(strict.verify(&response), "unsigned_response", "HSIG-23");
        assert!(lax.verify(&response).unwrap().is_none());
        // HSIG-24: the signatures of others do not count, and are no reason to refuse it either.
        let others = response
            .with_header("signature-input", r#"x=("@status");created=1;tag="cache""#)
            .with_header("signature", "x=:AAAA:");
        assert_refused!(strict.verify(&others), "unsigned_response", "HSIG-23");
        assert!(lax.verify(&others).unwrap().is_none());
    }
}

#[test]
fn hsig_24_what_does_not_parse_is_no_unsigned_response() {
    let exchange = Exchange::new(false);
    let signed = Response::new(&exchange).sign(&exchange);
    for (name, response, code) in [
        ("one field", RawMessage::response(200).with_header("signature", "x=:AAAA:"), "missing_signature"),
        ("the other", RawMessage::response(200).with_header("signature-input", "x=()"), "missing_signature"),
        ("malformed", signed.clone().with_header("signature-input", "("), "malformed_signature_field"),
        ("a label more", signed.with_header("signature", "x=:AAAA:"), "label_mismatch"),
    ] {
        let error = exchange.verify(&response).unwrap_err();
        assert_eq!(error.code(), code, "{name}");
    }
}

#[test]
fn hsig_24_hs_wimse_02_a_response_that_is_signed_wrongly_is_refused() {
    type Change = fn(&mut Response);
    let cases: [(&str, Change, &str, &str); 17] = [
        ("another request", |r| r.set("wimse-req-nonce", Some(text("another"))), "other_request", "HSIG-24"),
        ("no request", |r| r.set("wimse-req-nonce", None), "missing_parameter", "HSIG-4"),
        ("type", |r| r.set("wimse-req-nonce", Some(int(1))), "malformed_parameter", "HSIG-4"),
        ("audience", |r| r.set("wimse-aud", Some(text("x"))), "forbidden_parameter", "HSIG-4"),
        ("demand", |r| r.set("wimse-sign-response", Some(true.into())), "forbidden_parameter", "HSIG-4"),
        ("nonce", |r| r.set("nonce", None), "missing_parameter", "HSIG-4"),
        ("empty nonce", |r| r.set("nonce", Some(text(""))), "malformed_parameter", "HSIG-4"),
        ("keyid", |r| r.set("keyid", Some(text("x"))), "forbidden_parameter", "HSIG-3"),
        ("alg", |r| r.set("alg", Some(text("ecdsa-p256-sha256"))), "forbidden_parameter", "HSIG-3"),
        (
            "expired",
            |r| {
                r.set("created", Some(int(NOW.as_secs() - 100)));
                r.set("expires", Some(int(NOW.as_secs() - 40)));
            },
            "expired",
            "HSIG-8",
        ),
        ("lifetime", |r| r.set("expires", Some(int(NOW.as_secs() + 301))), "lifetime_too_long", "HSIG-8"),
        ("status", |r| r.uncover(r#""@status""#), "missing_coverage", "HSIG-5"),
        ("path", |r| r.uncover(r#""@path";req"#), "missing_coverage", "HSIG-5"),
        ("credential", |r| r.uncover(r#""workload-identity-token""#), "missing_coverage", "HSIG-5"),
        ("content type", |r| r.uncover(r#""content-type""#), "missing_coverage", "HSIG-5"),
        ("digest", |r| r.uncover(r#""content-digest""#), "missing_coverage", "HSIG-5"),
        (
            "no digest",
            |r| {
                r.uncover(r#""content-digest""#);
                r.fields.retain(|(name, _)| *name != "content-digest");
            },
            "no_digest",
            "HSIG-9",
        ),
    ];
    for (name, change, code, rule) in cases {
        let exchange = Exchange::new(true);
        let mut response = Response::new(&exchange);
        change(&mut response);
        assert_refused!(exchange.verify(&response.sign(&exchange)), code, rule, "{name}");
    }
}

#[test]
fn hsig_24_a_response_that_is_altered_or_moved_is_refused() {
    let exchange = Exchange::new(true);
    let response = Response::new(&exchange);
    let signed = response.sign(&exchange);
    assert_refused!(exchange.verify_by(&servers(), &signed, b"other"), "digest_mismatch", "HSIG-9");
    let Answer::Signed(head) =
        exchange.expected.verify(&exchange.world.wits, &servers(), &signed, NOW).unwrap()
    else {
        panic!("it is signed")
    };
    let (_, mut coming) = head.with_streamed_content(5);
    assert_refused!(coming.update(CONTENT), "content_too_large", "HS-DIG-05");

    // HS-ATK-14: the answer to another request of the same client, to the same server, with the same words.
    let other = Exchange { nonce: "another".into(), ..Exchange::new(true) };
    let mut moved = Response::new(&exchange);
    moved.set("wimse-req-nonce", Some(text(&other.nonce)));
    assert_refused!(exchange.verify(&moved.sign(&exchange)), "other_request", "HSIG-24");
    // The same nonce for another path: whoever signs signs what was asked.
    let elsewhere = RawMessage::request("GET", "/v1/other?lang=en");
    let message = response.message();
    let context = Context::response(&message).to(&elsewhere);
    let fields = sign(&response.covered, "any", &response.parameters, &exchange.server.key, &context);
    let moved = message
        .clone()
        .with_header("signature-input", fields.signature_input())
        .with_header("signature", fields.signature());
    assert_refused!(exchange.verify(&moved), "bad_signature", "HSIG-7");
}

#[test]
fn crd_5_hsig_24_another_workload_does_not_answer_for_the_server() {
    let exchange = Exchange::new(true);
    let signed = Response::new(&exchange).sign(&exchange);
    let others = IdSet::from("spiffe://acme.example/tools/search".parse::<aims_id::WorkloadId>().unwrap());
    assert_refused!(exchange.verify_by(&others, &signed, CONTENT), "unexpected_peer", "CRD-5");
    assert_refused!(exchange.verify_by(&IdSet::new(), &signed, CONTENT), "unexpected_peer", "CRD-5");
    // Whose trust domain nobody knows, or whose credential has expired.
    let stranger = Exchange { world: World::at("spiffe://bank.example"), ..Exchange::new(true) };
    let signed = Response::new(&stranger).sign(&stranger);
    assert_refused!(stranger.verify(&signed), "unknown_trust_domain", "WIT-5");
    let late: UnixTime = NOW + secs(4000);
    let exchange = Exchange::new(true);
    let mut response = Response::new(&exchange);
    response.set("created", Some(int(late.as_secs())));
    response.set("expires", Some(int(late.as_secs() + 60)));
    let answer = exchange.expected.verify(&exchange.world.wits, &servers(), &response.sign(&exchange), late);
    assert_refused!(answer, "expired", "WIT-8");
    // Without a credential, or with two.
    for credentials in [0, 2] {
        let mut response = Response::new(&exchange);
        let token = ("workload-identity-token", exchange.server.wit.token().to_owned());
        response.fields.retain(|(name, _)| *name != "workload-identity-token");
        response.fields.extend(vec![token; credentials]);
        if credentials == 0 {
            let error = exchange.verify(&RawMessage::response(200)).unwrap_err();
            assert_eq!(error.code(), "unsigned_response");
            continue;
        }
        assert_refused!(exchange.verify(&response.sign(&exchange)), "malformed", "WIT-1");
    }
}
