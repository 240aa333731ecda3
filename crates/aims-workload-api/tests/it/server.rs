//! What the server answers, to a client that can ask for anything.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use aims_keys::backend;
use aims_provision::CredentialType;
use aims_workload_api::WorkloadApiServer;
use aims_workload_api::proto::workload as wire;
use hyper_util::rt::TokioIo;
use tokio::net::{UnixListener, UnixStream};
use tokio::time::{sleep, timeout};
use tonic::metadata::MetadataValue;
use tonic::transport::{Channel, Endpoint, Uri};
use tonic::{Code, Request, Status};
use wire::spiffe_workload_api_client::SpiffeWorkloadApiClient as Client;

use crate::support::*;

pub(crate) async fn raw(path: &Path) -> Client<Channel> {
    let path = path.to_owned();
    let connect = tower::service_fn(move |_: Uri| {
        let path = path.clone();
        async move { UnixStream::connect(path).await.map(TokioIo::new) }
    });
    Client::new(Endpoint::from_static("http://localhost").connect_with_connector(connect).await.unwrap())
}

pub(crate) fn with_header<M>(message: M) -> Request<M> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("workload.spiffe.io", MetadataValue::from_static("true"));
    request
}

/// Every method, asked by requests like this.
async fn every(client: &mut Client<Channel>, header: &[&'static str]) -> Vec<Code> {
    fn request<M>(message: M, header: &[&'static str]) -> Request<M> {
        let mut request = Request::new(message);
        for value in header {
            request.metadata_mut().append("workload.spiffe.io", MetadataValue::from_static(value));
        }
        request
    }
    let code = |result: Result<(), Status>| result.map_or_else(|status| status.code(), |()| Code::Ok);
    macro_rules! streamed {
        ($method:ident, $message:expr) => {
            match client.$method(request($message, header)).await {
                Err(status) => Err(status),
                Ok(messages) => messages.into_inner().message().await.map(drop),
            }
        };
    }
    let jwt = wire::JwtsvidRequest { audience: vec!["a".into()], spiffe_id: String::new() };
    let validate = wire::ValidateJwtsvidRequest { audience: "a".into(), svid: "x".into() };
    vec![
        code(streamed!(fetch_x509svid, wire::X509svidRequest {})),
        code(streamed!(fetch_x509_bundles, wire::X509BundlesRequest {})),
        code(client.fetch_jwtsvid(request(jwt, header)).await.map(drop)),
        code(streamed!(fetch_jwt_bundles, wire::JwtBundlesRequest {})),
        code(client.validate_jwtsvid(request(validate, header)).await.map(drop)),
        code(streamed!(fetch_witsvid, wire::WitsvidRequest { spiffe_id: String::new() })),
        code(streamed!(fetch_wit_bundles, wire::WitBundlesRequest {})),
    ]
}

#[tokio::test]
async fn we_2_no_method_answers_without_the_header_to_the_letter() {
    let served = Served::new(vec![entry(AGENT, &["unix:uid:1"])]);
    let mut client = raw(&served.path).await;
    for header in [vec![], vec!["True"], vec!["1"], vec![""], vec!["true", "true"], vec!["false"]] {
        assert_eq!(every(&mut client, &header).await, [Code::InvalidArgument; 7], "{header:?}");
    }
    assert_eq!(served.server.status().refused["security_header_missing"], 42);
    // With it all of them do: the token that is to be validated is none.
    let mut expected = [Code::Ok; 7];
    expected[4] = Code::InvalidArgument;
    assert_eq!(every(&mut client, &["true"]).await, expected);
}

#[tokio::test]
async fn wa_9_whoever_has_no_entry_is_denied_by_every_method_and_learns_nothing() {
    let served = Served::new(vec![entry(AGENT, &["unix:uid:1"])]);
    let mut client = raw(&served.path).await;
    served.says.set(&["unix:uid:2"]);
    assert_eq!(every(&mut client, &["true"]).await, [Code::PermissionDenied; 7]);
    let status = client.fetch_jwtsvid(with_header(wire::JwtsvidRequest {
        audience: vec!["a".into()],
        spiffe_id: AGENT.into(),
    }));
    assert_eq!(status.await.unwrap_err().message(), "no identity issued");
    assert_eq!(served.server.status().refused["no_entry"], 8);
    served.says.refuse(aims_attest::Reason::ProcessChanged);
    assert_eq!(every(&mut client, &["true"]).await, [Code::PermissionDenied; 7]);
    assert_eq!(served.server.status().refused["process_changed"], 7);
}

#[tokio::test]
async fn wa_8_wa_11_wa_12_each_identity_is_there_with_all_its_fields_and_each_hint_once() {
    let served = Served::new(vec![
        entry(AGENT, &["unix:uid:1"]).hint("internal"),
        entry("spiffe://acme.example/agents/two", &["unix:uid:1"]).hint("internal"),
        entry("spiffe://acme.example/agents/three", &["unix:uid:1"]).types([CredentialType::Jwt]),
        entry("spiffe://acme.example/agents/four", &["unix:uid:2"]),
    ]);
    let mut client = raw(&served.path).await;
    let response = client.fetch_x509svid(with_header(wire::X509svidRequest {})).await.unwrap();
    let message = response.into_inner().message().await.unwrap().unwrap();
    let ids: Vec<_> = message.svids.iter().map(|svid| (&*svid.spiffe_id, &*svid.hint)).collect();
    assert_eq!(ids, [(AGENT, "internal"), ("spiffe://acme.example/agents/two", "")]);
    for svid in &message.svids {
        assert!(!svid.x509_svid.is_empty() && !svid.x509_svid_key.is_empty() && !svid.bundle.is_empty());
    }
    assert_ne!(message.svids[0].x509_svid_key, message.svids[1].x509_svid_key, "a key each");
    let request = wire::JwtsvidRequest { audience: vec!["a".into()], spiffe_id: String::new() };
    let message = client.fetch_jwtsvid(with_header(request)).await.unwrap().into_inner();
    assert_eq!(message.svids.len(), 3);
    // One of them, and one that is not the caller's.
    let one = |id: &str| wire::JwtsvidRequest { audience: vec!["a".into()], spiffe_id: id.into() };
    let message = client.fetch_jwtsvid(with_header(one("spiffe://acme.example/agents/two"))).await.unwrap();
    assert_eq!(message.into_inner().svids.len(), 1);
    let foreign = client.fetch_jwtsvid(with_header(one("spiffe://acme.example/agents/four"))).await;
    assert_eq!(foreign.unwrap_err().code(), Code::PermissionDenied);
    let issued = served.server.status().issued;
    assert_eq!((issued["x509"], issued["jwt"]), (2, 4));
}

#[tokio::test]
async fn wa_11_wa_12_a_wit_is_there_for_each_identity_or_the_one_that_is_asked_for() {
    const TWO: &str = "spiffe://acme.example/agents/two";
    let served = Served::new(vec![
        entry(AGENT, &["unix:uid:1"]).hint("internal"),
        entry(TWO, &["unix:uid:1"]).hint("internal"),
        entry("spiffe://acme.example/agents/three", &["unix:uid:1"]).types([CredentialType::X509]),
    ]);
    let client = raw(&served.path).await;
    let fetch = |id: &str| {
        let (mut client, request) = (client.clone(), wire::WitsvidRequest { spiffe_id: id.into() });
        async move { client.fetch_witsvid(with_header(request)).await.unwrap().into_inner().message().await }
    };
    let all = fetch("").await.unwrap().unwrap().svids;
    let ids: Vec<_> = all.iter().map(|svid| (&*svid.spiffe_id, &*svid.hint)).collect();
    assert_eq!(ids, [(AGENT, "internal"), (TWO, "")]);
    assert_ne!(all[0].wit_svid_key, all[1].wit_svid_key, "a key each");
    let one = fetch(TWO).await.unwrap().unwrap().svids;
    assert_eq!((one.len(), &*one[0].spiffe_id, &*one[0].hint), (1, TWO, "internal"));
    let foreign = fetch("spiffe://acme.example/agents/three").await.unwrap_err();
    assert_eq!(foreign.code(), Code::PermissionDenied);
    let status = served.server.status();
    assert_eq!((status.issued["wit"], status.refused["type_not_granted"]), (3, 1));
}

#[tokio::test]
async fn x5v_10_revocation_lists_go_with_certificates_and_with_bundles() {
    let served = Served::new(vec![entry(AGENT, &["unix:uid:1"])]);
    served.server.authority().revoke("0a", now()).unwrap();
    let list = served.server.authority().trust_bundle().revocation_lists()[0].der().to_vec();
    let mut client = raw(&served.path).await;
    let svids = client.fetch_x509svid(with_header(wire::X509svidRequest {})).await.unwrap();
    assert_eq!(svids.into_inner().message().await.unwrap().unwrap().crl, std::slice::from_ref(&list));
    let bundles = client.fetch_x509_bundles(with_header(wire::X509BundlesRequest {})).await.unwrap();
    assert_eq!(bundles.into_inner().message().await.unwrap().unwrap().crl, [list]);
}

#[tokio::test(start_paused = true)]
async fn fed_10_aims_17_a_server_keeps_its_authority_going_and_says_what_keeps_it_from_it() {
    let ahead = Arc::new(AtomicI64::new(0));
    let read = Arc::clone(&ahead);
    let clock = move || match read.load(Ordering::SeqCst) {
        -1 => SystemTime::UNIX_EPOCH - Duration::from_secs(1),
        seconds => SystemTime::now() + Duration::from_secs(seconds.unsigned_abs()),
    };
    let (all, says) = (entries(vec![entry(AGENT, &["unix:uid:1"])]), Says::new(&["unix:uid:1"]));
    let builder = WorkloadApiServer::builder(authority(), all, says, backend::ring()).with_clock(clock);
    let (server, path) = (builder.build(), socket_path());
    let listener = UnixListener::bind(&path).unwrap();
    let serving = server.clone();
    tokio::spawn(async move { serving.serve_unix(listener).await });
    let mut client = raw(&path).await;
    let mut bundles =
        client.fetch_x509_bundles(with_header(wire::X509BundlesRequest {})).await.unwrap().into_inner();
    let first = bundles.message().await.unwrap().unwrap().bundles[ORIGIN].len();
    let before = server.status();
    assert_eq!((before.entries, before.streams, before.last_error), (1, 1, None));
    assert_eq!(before.sequence, server.authority().trust_bundle().sequence());
    assert_eq!(before.next_step, Some(server.authority().next_step()));

    ahead.store(-1, Ordering::SeqCst);
    sleep(Duration::from_secs(31)).await;
    assert_eq!(server.status().last_error, Some("clock_before_epoch"));
    let request = wire::JwtsvidRequest { audience: vec!["a".into()], spiffe_id: String::new() };
    let status = client.fetch_jwtsvid(with_header(request)).await.unwrap_err();
    assert_eq!((status.code(), server.status().refused["clock_before_epoch"]), (Code::Unavailable, 1));

    // A week later: the next keys are published, and whoever has a stream is told.
    ahead.store(7 * 86_400, Ordering::SeqCst);
    sleep(Duration::from_secs(31)).await;
    let after = server.status();
    assert!(after.sequence > before.sequence && after.last_error.is_none(), "{after:?}");
    let second = bundles.message().await.unwrap().unwrap().bundles[ORIGIN].len();
    assert!(second > first, "{first} {second}");
}

#[tokio::test]
async fn js_7_wa_6_a_token_without_a_proper_audience_is_not_issued() {
    let served = Served::new(vec![entry(AGENT, &["unix:uid:1"])]);
    let mut client = raw(&served.path).await;
    for audience in [
        vec![],
        vec![String::new()],
        vec!["a".into(), String::new()],
        vec!["a".repeat(1025)],
        vec!["a".into(); 17],
    ] {
        let request = wire::JwtsvidRequest { audience, spiffe_id: String::new() };
        assert_eq!(
            client.fetch_jwtsvid(with_header(request)).await.unwrap_err().code(),
            Code::InvalidArgument
        );
    }
    let longest = "a".repeat(1024);
    let validate = |audience: &str, svid: &str| {
        with_header(wire::ValidateJwtsvidRequest { audience: audience.into(), svid: svid.into() })
    };
    for (audience, svid) in [("", "x"), ("a", ""), (&format!("{longest}a"), "x")] {
        let status = client.validate_jwtsvid(validate(audience, svid)).await.unwrap_err();
        assert_eq!(status.message(), "audience and svid must be specified");
    }
    assert_eq!(served.server.status().refused["bad_audience"], 8);
    // More than a token has room for.
    let request = wire::JwtsvidRequest { audience: vec![longest.clone(); 16], spiffe_id: String::new() };
    let status = client.fetch_jwtsvid(with_header(request)).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::InvalidArgument, "the request cannot be granted"));
    // As many as there may be, and as long as they may be; what the token says is told.
    let audience = (0..16).map(|number| format!("a{number}")).collect();
    let request = wire::JwtsvidRequest { audience, spiffe_id: String::new() };
    client.fetch_jwtsvid(with_header(request)).await.unwrap();
    let request = wire::JwtsvidRequest { audience: vec![longest.clone()], spiffe_id: String::new() };
    let issued = client.fetch_jwtsvid(with_header(request)).await.unwrap().into_inner();
    let validated = client.validate_jwtsvid(validate(&longest, &issued.svids[0].svid)).await.unwrap();
    let validated = validated.into_inner();
    assert_eq!(validated.spiffe_id, AGENT);
    assert!(validated.claims.unwrap().fields.contains_key("exp"));
}

#[tokio::test]
async fn wa_4_wa_5_every_message_is_the_whole_state_and_comes_when_something_changes() {
    let served = Served::new(vec![entry(AGENT, &["unix:uid:1"])]);
    let mut client = raw(&served.path).await;
    let mut messages =
        client.fetch_x509svid(with_header(wire::X509svidRequest {})).await.unwrap().into_inner();
    // The first one without delay.
    let first = timeout(Duration::from_secs(2), messages.message()).await.unwrap().unwrap().unwrap();
    assert_eq!(first.svids.len(), 1);

    // An entry that is somebody else's changes nothing here.
    let other = || entry("spiffe://acme.example/agents/other", &["unix:uid:2"]);
    served.server.set_entries(entries(vec![entry(AGENT, &["unix:uid:1"]), other()]));
    timeout(Duration::from_millis(200), messages.message()).await.unwrap_err();

    served.server.set_entries(entries(vec![
        entry("spiffe://acme.example/agents/two", &["unix:uid:1"]),
        entry(AGENT, &["unix:uid:1"]),
        other(),
    ]));
    let second = timeout(LONG, messages.message()).await.unwrap().unwrap().unwrap();
    let ids: Vec<_> = second.svids.iter().map(|svid| &*svid.spiffe_id).collect();
    assert_eq!(ids, ["spiffe://acme.example/agents/two", AGENT]);
    assert_ne!(second.svids[1].x509_svid_key, first.svids[0].x509_svid_key, "a fresh key each time");

    // New keys of the authority: the new bundle, and credentials that go with it.
    served.server.authority().rotate(now()).unwrap();
    served.server.bundles_changed();
    let third = timeout(LONG, messages.message()).await.unwrap().unwrap().unwrap();
    assert!(third.svids[0].bundle.len() > second.svids[0].bundle.len());

    // Nothing is left: the stream ends, and says so.
    served.server.set_entries(entries(vec![other()]));
    let status = timeout(LONG, messages.message()).await.unwrap().unwrap_err();
    assert_eq!(status.code(), Code::PermissionDenied);
    timeout(LONG, async {
        while served.server.status().streams > 0 {
            sleep(Duration::from_millis(10)).await;
        }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn att_42_who_calls_is_asked_again_before_each_message() {
    let served = Served::new(vec![entry(AGENT, &["unix:uid:1"])]);
    let mut client = raw(&served.path).await;
    let mut messages =
        client.fetch_x509svid(with_header(wire::X509svidRequest {})).await.unwrap().into_inner();
    messages.message().await.unwrap().unwrap();
    served.says.refuse(aims_attest::Reason::ProcessChanged);
    served.server.bundles_changed();
    let status = timeout(LONG, messages.message()).await.unwrap().unwrap_err();
    assert_eq!(status.code(), Code::PermissionDenied);
}

#[tokio::test]
async fn wa_7_bundles_hold_the_keys_of_their_own_kind() {
    let served = Served::new(vec![entry(AGENT, &["unix:uid:1"])]);
    let mut client = raw(&served.path).await;
    let jwt = client.fetch_jwt_bundles(with_header(wire::JwtBundlesRequest {})).await.unwrap();
    let jwt = jwt.into_inner().message().await.unwrap().unwrap();
    let jwt = String::from_utf8(jwt.bundles[ORIGIN].clone()).unwrap();
    let wit = client.fetch_wit_bundles(with_header(wire::WitBundlesRequest {})).await.unwrap();
    let wit = wit.into_inner().message().await.unwrap().unwrap().bundles[ORIGIN].clone();
    assert!(jwt.contains("\"kid\":\"jwt-") && !jwt.contains("\"kid\":\"wit-") && !jwt.contains("x5c"));
    assert!(wit.contains("\"kid\":\"wit-") && !wit.contains("\"kid\":\"jwt-") && !wit.contains("x5c"));
    let x509 = client.fetch_x509_bundles(with_header(wire::X509BundlesRequest {})).await.unwrap();
    let x509 = x509.into_inner().message().await.unwrap().unwrap();
    assert_eq!(x509.bundles.len(), 1);
    assert_eq!(x509.bundles[ORIGIN], served.server.authority().trust_bundle().x509_authorities()[0].der());
}

#[tokio::test]
async fn aims_17_issuance_and_streams_are_limited_by_account() {
    let served = Served::with(vec![entry(AGENT, &["unix:uid:1"])], |builder| builder.quota(2, 3, 1));
    let mut client = raw(&served.path).await;
    let request = || wire::JwtsvidRequest { audience: vec!["a".into()], spiffe_id: String::new() };
    let mut codes = Vec::new();
    for _ in 0..6 {
        let answer = client.fetch_jwtsvid(with_header(request())).await;
        codes.push(answer.map_or_else(|status| status.code(), |_| Code::Ok));
    }
    assert_eq!(codes[..3], [Code::Ok; 3]);
    let refused = codes.iter().filter(|code| **code == Code::Unavailable).count();
    assert!(refused > 0 && served.server.status().refused["too_many_jwt"] == refused as u64, "{codes:?}");

    let mut open = Vec::new();
    for _ in 0..2 {
        open.push(client.fetch_jwt_bundles(with_header(wire::JwtBundlesRequest {})).await.unwrap());
    }
    let third = client.fetch_jwt_bundles(with_header(wire::JwtBundlesRequest {})).await;
    assert_eq!(third.unwrap_err().code(), Code::ResourceExhausted);
    drop(open);
    timeout(LONG, async {
        while client.fetch_jwt_bundles(with_header(wire::JwtBundlesRequest {})).await.is_err() {
            sleep(Duration::from_millis(20)).await;
        }
    })
    .await
    .expect("streams that ended do not count");
}

#[tokio::test]
async fn aims_17_streams_are_bounded_for_all_together() {
    let served = Served::with(vec![entry(AGENT, &["unix:uid:1"])], |builder| builder.limits(10, 2));
    let mut client = raw(&served.path).await;
    let mut open = Vec::new();
    for _ in 0..2 {
        open.push(client.fetch_jwt_bundles(with_header(wire::JwtBundlesRequest {})).await.unwrap());
    }
    for refused in 1..3 {
        let third = client.fetch_jwt_bundles(with_header(wire::JwtBundlesRequest {})).await;
        assert_eq!(third.unwrap_err().code(), Code::Unavailable);
        let status = served.server.status();
        assert_eq!((status.streams, status.refused["server_full"]), (2, refused));
    }
    drop(open.pop());
    timeout(LONG, async {
        while client.fetch_jwt_bundles(with_header(wire::JwtBundlesRequest {})).await.is_err() {
            sleep(Duration::from_millis(20)).await;
        }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn aims_17_connections_are_bounded_and_garbage_harms_nobody() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let served = Served::with(vec![entry(AGENT, &["unix:uid:1"])], |builder| builder.limits(2, 100));
    let _first = raw(&served.path).await;
    let mut garbage = UnixStream::connect(&served.path).await.unwrap();
    garbage.write_all(&[0x5a; 1000]).await.unwrap();
    let mut answer = Vec::new();
    let _ = timeout(LONG, garbage.read_to_end(&mut answer)).await.expect("garbage is dropped");
    drop(garbage);
    timeout(LONG, async {
        while served.server.status().connections > 1 {
            sleep(Duration::from_millis(10)).await;
        }
    })
    .await
    .unwrap();
    let mut second = raw(&served.path).await;
    assert_eq!(every(&mut second, &["true"]).await[0], Code::Ok);
    // A third is closed unseen.
    let mut third = UnixStream::connect(&served.path).await.unwrap();
    assert_eq!(timeout(LONG, third.read(&mut [0; 1])).await.unwrap().unwrap_or(0), 0);
    assert_eq!(served.server.status().refused["too_large"], 1);
    assert_eq!(every(&mut second, &["true"]).await[0], Code::Ok);
}
