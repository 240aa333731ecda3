//! Carriers other than plain HTTP/1.1: gRPC, messages, and the fields of other libraries.

use aims_proof::{Audiences, Fields, NewWpt, ReplayMemory, WptVerifier};
use aims_testkit::assert_refused;

use crate::support::{NOW, Parts, World, ready, verifier};

#[test]
fn wpt_6_grpc_is_a_request_to_the_path_of_its_method() {
    let world = World::new();
    let agent = world.agent();
    let own = Audiences::http("https://tools.example").unwrap();
    let verifier = WptVerifier::builder(own, ReplayMemory::with_capacity(10)).build();
    let proof =
        ready(NewWpt::new("https://tools.example/acme.Search/Find").sign(&agent.holder, NOW)).unwrap();
    let credentials = format!("WPT {proof}");
    let metadata = [
        ("content-type", "application/grpc"),
        ("authorization", &*credentials),
        ("workload-identity-token", agent.wit.token()),
    ];
    let other = verifier.verify_http(&world.wits, &metadata[..], "/acme.Search/Book", NOW);
    assert_refused!(other, "audience_mismatch", "WPT-6");
    verifier.verify_http(&world.wits, &metadata[..], "/acme.Search/Find", NOW).unwrap();
}

/// The headers of a record, whose values are bytes.
struct Headers(Vec<(String, Vec<u8>)>);

impl Fields for Headers {
    fn lines<'f>(&'f self, name: &'f str) -> impl Iterator<Item = &'f [u8]> {
        self.0.iter().filter(move |(header, _)| header.eq_ignore_ascii_case(name)).map(|(_, value)| &**value)
    }
}

#[test]
fn wpt_6_wpt_11_a_message_is_for_an_exact_audience_and_delivered_once() {
    let world = World::new();
    let agent = world.agent();
    let topic = "urn:example:topic:orders";
    let own = Audiences::exact(topic).unwrap().and_http("https://tools.example").unwrap();
    let verifier = WptVerifier::builder(own, ReplayMemory::with_capacity(10)).build();
    let headers = |audience: &str| {
        let proof = ready(NewWpt::new(audience).sign(&agent.holder, NOW)).unwrap();
        Headers(vec![
            ("Authorization".into(), format!("WPT {proof}").into_bytes()),
            ("Workload-Identity-Token".into(), agent.wit.token().as_bytes().to_vec()),
        ])
    };
    let message = headers(topic);
    verifier.verify_message(&world.wits, &message, NOW).unwrap();
    assert_refused!(verifier.verify_message(&world.wits, &message, NOW), "replay", "WPT-11");
    // A proof for a request over HTTP is none for a message.
    let request = headers("https://tools.example/");
    assert_refused!(verifier.verify_message(&world.wits, &request, NOW), "audience_mismatch", "WPT-6");
    let other = headers("urn:example:topic:other");
    assert_refused!(verifier.verify_message(&world.wits, &other, NOW), "audience_mismatch", "WPT-6");
}

#[test]
fn wpt_1_bytes_that_are_no_text_are_refused() {
    let world = World::new();
    let agent = world.agent();
    for name in ["authorization", "workload-identity-token", "txn-token", "x-context"] {
        let mut headers: Vec<_> = Parts::new(&agent)
            .send()
            .fields
            .into_iter()
            .map(|(name, value)| (name, value.into_bytes()))
            .collect();
        let verify = |headers: &[(String, Vec<u8>)]| {
            let headers = Headers(headers.to_vec());
            verifier().0.build().verify_http(&world.wits, &headers, "/v1/search", NOW)
        };
        verify(&headers).unwrap();
        headers.iter_mut().find(|(header, _)| header == name).unwrap().1.push(0xff);
        let rule = if name == "workload-identity-token" { "WIT-1" } else { "WPT-1" };
        assert_refused!(verify(&headers), "malformed", rule, "{name}");
    }
}

#[cfg(feature = "http")]
mod header_map {
    use http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};

    use super::*;
    use crate::support::Received;

    fn map(received: &Received) -> HeaderMap {
        let pair = |(name, value): &(String, String)| {
            (name.parse::<HeaderName>().unwrap(), value.parse::<HeaderValue>().unwrap())
        };
        let mut map = HeaderMap::new();
        for (name, value) in received.fields.iter().map(pair) {
            map.append(name, value);
        }
        map
    }

    #[test]
    fn wpt_1_wit_1_a_header_map_shows_every_line() {
        let world = World::new();
        let agent = world.agent();
        let verify =
            |fields: &HeaderMap| verifier().0.build().verify_http(&world.wits, fields, "/v1/search", NOW);
        let fields = map(&Parts::new(&agent).send());
        verify(&fields).unwrap();

        let mut two = fields.clone();
        two.append(AUTHORIZATION, HeaderValue::from_static("Bearer abc"));
        assert_refused!(verify(&two), "malformed", "WPT-1");

        let mut two = fields.clone();
        two.append("workload-identity-token", HeaderValue::from_str(agent.wit.token()).unwrap());
        assert_refused!(verify(&two), "malformed", "WIT-1");

        let mut two = fields.clone();
        two.append("txn-token", HeaderValue::from_static("x.y.z"));
        assert_refused!(verify(&two), "malformed", "WPT-1");

        let mut opaque = fields.clone();
        opaque.insert("x-context", HeaderValue::from_bytes(&[0xff]).unwrap());
        assert_refused!(verify(&opaque), "malformed", "WPT-1");
    }
}
