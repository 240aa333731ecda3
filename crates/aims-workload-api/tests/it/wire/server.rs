//! Our server at requests that another encoder made, and what it answers, field by field (WA-1, WA-4, WA-7, WA-8, WE-2).

use std::collections::BTreeMap;

use base64::prelude::{BASE64_URL_SAFE_NO_PAD as BASE64, Engine as _};
use bytes::Bytes;
use serde_json::Value as Json;

use super::grpc::{Raw, framed};
use super::protobuf::{Value, bytes, fields, lengths, read_entry, unknown};
use crate::support::*;

fn served() -> Served {
    let two = "spiffe://acme.example/agents/two";
    Served::new(vec![
        entry(AGENT, &["unix:uid:1"]).hint("internal"),
        entry(two, &["unix:uid:1"]),
        entry("spiffe://acme.example/agents/other", &["unix:uid:2"]),
    ])
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn json(bytes: &[u8]) -> Json {
    serde_json::from_slice(bytes).unwrap()
}

fn decode(text: &str) -> Vec<u8> {
    BASE64.decode(text).unwrap()
}

/// Header and claims of a token whose signature is by a key of this set, and by the one that it names.
fn verified(token: &str, jwks: &Json) -> (Json, Json) {
    let (input, signature) = token.rsplit_once('.').unwrap();
    let (header, claims) = input.split_once('.').unwrap();
    let (header, claims) = (json(&decode(header)), json(&decode(claims)));
    let keys = jwks["keys"].as_array().unwrap();
    let key = keys.iter().find(|key| key["kid"] == header["kid"]).unwrap();
    assert_eq!((&key["kty"], &key["crv"]), (&"EC".into(), &"P-256".into()));
    let number = |name: &str| decode(key[name].as_str().unwrap());
    let point = [vec![4], number("x"), number("y")].concat();
    let public = ring::signature::UnparsedPublicKey::new(&ring::signature::ECDSA_P256_SHA256_FIXED, point);
    public.verify(input.as_bytes(), &decode(signature)).unwrap();
    (header, claims)
}

/// The entries of the only map in a message.
fn map(message: &[u8]) -> BTreeMap<String, Vec<u8>> {
    lengths(message)
        .into_iter()
        .map(|(number, entry)| {
            assert_eq!(number, 1);
            read_entry(&entry)
        })
        .collect()
}

#[tokio::test]
async fn wa_1_wa_8_wits_have_the_form_of_the_specification() {
    let served = served();
    let mut client = Raw::connect(&served.path).await;
    let bundles = client.call("FetchWITBundles", &[]).await.next().await.unwrap();
    let bundles = map(&bundles);
    assert_eq!(bundles.keys().collect::<Vec<_>>(), [ORIGIN]);
    let jwks = json(&bundles[ORIGIN]);
    // WA-7: each with its name, and for nothing else.
    for key in jwks["keys"].as_array().unwrap() {
        assert!(!key["kid"].as_str().unwrap().is_empty() && key.get("d").is_none(), "{key}");
        assert!(key.get("use").is_none_or(|what| what == "wit-svid"), "{key}");
    }

    let message = client.call("FetchWITSVID", &[]).await.next().await.unwrap();
    let svids = lengths(&message);
    assert_eq!(svids.len(), 2);
    for ((number, svid), (id, hint)) in
        svids.iter().zip([(AGENT, Some("internal")), ("spiffe://acme.example/agents/two", None)])
    {
        assert_eq!(*number, 1);
        let fields: BTreeMap<_, _> = lengths(svid).into_iter().collect();
        // Each field once, and no others; an empty one is not there.
        let numbers: Vec<_> = fields.keys().copied().collect();
        assert_eq!(numbers, if hint.is_some() { vec![1, 2, 3, 4] } else { vec![1, 2, 3] });
        assert_eq!(lengths(svid).len(), numbers.len());
        assert_eq!(text(&fields[&1]), id);
        assert_eq!(fields.get(&4).map(|hint| text(hint)), hint);
        let (header, claims) = verified(text(&fields[&2]), &jwks);
        assert_eq!((header["typ"].as_str(), header["alg"].as_str()), (Some("wit+jwt"), Some("ES256")));
        assert_eq!(claims["sub"], id);
        let exp = claims["exp"].as_u64().unwrap();
        assert!((1..=86_400).contains(&(exp - now().as_secs())), "{exp}");
        // The key is that of the token, and it signs.
        let key = json(&fields[&3]);
        let (public, cnf) = (["kty", "crv", "x", "y"], &claims["cnf"]["jwk"]);
        assert!(public.iter().all(|name| key[name] == cnf[name] && key[name].is_string()), "{cnf}");
        assert!(cnf.get("d").is_none());
        let number = |name: &str| decode(key[name].as_str().unwrap());
        let point = [vec![4], number("x"), number("y")].concat();
        let rng = ring::rand::SystemRandom::new();
        let algorithm = &ring::signature::ECDSA_P256_SHA256_FIXED_SIGNING;
        ring::signature::EcdsaKeyPair::from_private_key_and_public_key(algorithm, &number("d"), &point, &rng)
            .unwrap();
    }
}

#[tokio::test]
async fn wa_1_wa_9_a_wit_is_asked_for_by_name_and_what_is_new_in_a_request_changes_nothing() {
    let served = served();
    let mut client = Raw::connect(&served.path).await;
    let two = "spiffe://acme.example/agents/two";
    // `WITSVIDRequest { spiffe_id=1 }`; of a field that is there twice the last one counts.
    for request in [bytes(1, two), [unknown(), bytes(1, AGENT), unknown(), bytes(1, two)].concat()] {
        let message = client.call("FetchWITSVID", &request).await.next().await.unwrap();
        let svids = lengths(&message);
        assert_eq!(svids.len(), 1);
        assert_eq!(text(&lengths(&svids[0].1)[0].1), two);
    }
    // Messages without fields of their own.
    for method in ["FetchX509SVID", "FetchX509Bundles", "FetchJWTBundles", "FetchWITBundles"] {
        client.call(method, &unknown()).await.next().await.unwrap();
    }
    let denied = Err((7, "no identity issued".to_owned()));
    for id in ["spiffe://acme.example/agents/other", "spiffe://bank.example/x", "nonsense"] {
        assert_eq!(client.call("FetchWITSVID", &bytes(1, id)).await.next().await, denied);
    }
    served.says.set(&["unix:uid:3"]);
    for method in ["FetchWITSVID", "FetchWITBundles"] {
        assert_eq!(client.call(method, &[]).await.next().await, denied);
    }
}

#[tokio::test]
async fn wa_4_a_stream_of_wits_goes_on_with_the_whole_state() {
    let served = served();
    let mut client = Raw::connect(&served.path).await;
    let mut svids = client.call("FetchWITSVID", &[]).await;
    let mut bundles = client.call("FetchWITBundles", &[]).await;
    let first = svids.next().await.unwrap();
    let keys = |message: &[u8]| json(&map(message)[ORIGIN])["keys"].as_array().unwrap().len();
    assert_eq!(keys(&bundles.next().await.unwrap()), 1);
    served.server.authority().rotate(now()).unwrap();
    served.server.bundles_changed();
    assert_eq!(keys(&bundles.next().await.unwrap()), 2);
    let second = svids.next().await.unwrap();
    assert_eq!(lengths(&second).len(), 2);
    assert_ne!(second, first);
    served.server.set_entries(entries(vec![entry(AGENT, &["unix:uid:2"])]));
    for call in [&mut svids, &mut bundles] {
        assert_eq!(call.next().await, Err((7, "no identity issued".to_owned())));
    }
}

#[tokio::test]
async fn wa_1_wa_7_wa_13_the_other_methods_have_the_form_of_the_specification() {
    let served = served();
    let mut client = Raw::connect(&served.path).await;
    let root = served.server.authority().trust_bundle().x509_authorities()[0].der().to_vec();
    let x509 = client.call("FetchX509SVID", &[]).await.next().await.unwrap();
    let svids = lengths(&x509);
    assert_eq!(svids.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [1, 1]);
    let svid = lengths(&svids[0].1);
    assert_eq!(svid.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    assert_eq!((text(&svid[0].1), &svid[3].1, text(&svid[4].1)), (AGENT, &root, "internal"));
    // Certificates by their own lengths, one after the other, and a key that *ring* takes for theirs.
    let chain = certificates(&svid[1].1);
    assert!(chain.len() == 1 && contains(chain[0], AGENT.as_bytes()));
    let rng = ring::rand::SystemRandom::new();
    let algorithm = &ring::signature::ECDSA_P256_SHA256_ASN1_SIGNING;
    let key = ring::signature::EcdsaKeyPair::from_pkcs8(algorithm, &svid[2].1, &rng).unwrap();
    assert!(contains(chain[0], ring::signature::KeyPair::public_key(&key).as_ref()));

    let bundles = client.call("FetchX509Bundles", &[]).await.next().await.unwrap();
    // `X509BundlesResponse { repeated bytes crl=1; map<string,bytes> bundles=2 }`
    let [(2, own)] = &lengths(&bundles)[..] else { panic!("{bundles:?}") };
    assert_eq!(read_entry(own), (ORIGIN.to_owned(), root));

    let jwks = map(&client.call("FetchJWTBundles", &[]).await.next().await.unwrap());
    let jwks = json(&jwks[ORIGIN]);
    let request = [bytes(1, "a"), bytes(1, "b"), unknown(), bytes(2, AGENT)].concat();
    let tokens = client.call("FetchJWTSVID", &request).await.only().await;
    let [(1, svid)] = &lengths(&tokens)[..] else { panic!("{tokens:?}") };
    let [(1, id), (2, token), (3, hint)] = &lengths(svid)[..] else { panic!("{svid:?}") };
    assert_eq!((text(id), text(hint)), (AGENT, "internal"));
    let (_, claims) = verified(text(token), &jwks);
    assert_eq!((&claims["sub"], &claims["aud"]), (&AGENT.into(), &serde_json::json!(["a", "b"])));

    let request = [bytes(2, token), unknown(), bytes(1, "b")].concat();
    let valid = client.call("ValidateJWTSVID", &request).await.only().await;
    let [(1, id), (2, structure)] = &lengths(&valid)[..] else { panic!("{valid:?}") };
    assert_eq!(text(id), AGENT);
    // `google.protobuf.Struct`: the same claims, each with its type.
    let members = map(structure);
    let mut names: Vec<_> = claims.as_object().unwrap().keys().collect();
    names.sort();
    assert_eq!(members.keys().collect::<Vec<_>>(), names);
    assert_eq!(fields(&members["sub"]), [(3, Value::Bytes(AGENT.into()))]);
    let exp = claims["exp"].as_f64().unwrap().to_le_bytes();
    assert_eq!(fields(&members["exp"]), [(2, Value::Fixed64(exp))]);
    let list = [bytes(1, bytes(3, "a")), bytes(1, bytes(3, "b"))].concat();
    assert_eq!(fields(&members["aud"]), [(6, Value::Bytes(list))]);
}

/// Elements of DER with lengths of two bytes, one after the other.
fn certificates(mut der: &[u8]) -> Vec<&[u8]> {
    let mut all = Vec::new();
    while !der.is_empty() {
        assert_eq!(der[..2], [0x30, 0x82]);
        let (certificate, rest) = der.split_at(4 + usize::from(u16::from_be_bytes([der[2], der[3]])));
        all.push(certificate);
        der = rest;
    }
    all
}

fn contains(all: &[u8], part: &[u8]) -> bool {
    all.windows(part.len()).any(|window| window == part)
}

#[tokio::test]
async fn we_2_the_header_counts_once_and_to_the_letter_whatever_else_is_there() {
    let served = served();
    let mut client = Raw::connect(&served.path).await;
    let refused = Err((3, "security header missing from request".to_owned()));
    for headers in [
        &[][..],
        &[("workload.spiffe.io", "True")],
        &[("workload.spiffe.io", "true,true")],
        &[("workload.spiffe.io", "true"), ("workload.spiffe.io", "true")],
        &[("workload.spiffe.io-bin", "dHJ1ZQ")],
    ] {
        for method in ["FetchWITSVID", "FetchWITBundles", "FetchX509SVID"] {
            assert_eq!(client.send(method, headers, framed(&[])).await.next().await, refused, "{headers:?}");
        }
    }
    let headers = [("workload.spiffe.io", "true"), ("user-agent", "grpc-go/1.80.0"), ("grpc-timeout", "10S")];
    client.send("FetchWITSVID", &headers, framed(&[])).await.next().await.unwrap();
}

#[tokio::test]
async fn aims_17_a_request_that_is_none_ends_itself_and_not_the_connection() {
    let served = served();
    let mut client = Raw::connect(&served.path).await;
    let header = [("workload.spiffe.io", "true")];
    let huge = framed(&vec![0; 65 * 1024]);
    let compressed = Bytes::from_static(&[1, 0, 0, 0, 0]);
    let cases: [(&str, Bytes, u32); 7] = [
        // A length that is longer than the message, a tag of field 0, text that is none.
        ("FetchWITSVID", framed(&[0x0a, 0x7f]), 13),
        ("FetchWITSVID", framed(&[0x00]), 13),
        ("FetchWITSVID", framed(&bytes(1, [0xff, 0xfe])), 13),
        ("FetchWITSVID", compressed.clone(), 13),
        ("FetchWITSVID", huge, 11),
        // Half a message, and none at all.
        ("FetchWITSVID", framed(&bytes(1, AGENT)).slice(..10), 13),
        ("FetchTPMSVID", framed(&[]), 12),
    ];
    for (method, body, code) in cases {
        let status = client.send(method, &header, body.clone()).await.next().await.unwrap_err();
        assert_eq!(status.0, code, "{method} {:?}: {}", &body[..body.len().min(16)], status.1);
        client.call("FetchWITSVID", &[]).await.next().await.unwrap();
    }
    let header = [header[0], ("grpc-encoding", "gzip")];
    let status = client.send("FetchWITSVID", &header, compressed).await.next().await.unwrap_err();
    assert_eq!(status.0, 12, "{}", status.1);
    assert_eq!(served.server.status().connections, 1);
}
