//! What may come back.

use std::time::{Duration, Instant};

use aims_credential::{Fetch, FetchRequest};
use aims_testkit::assert_refused;

use super::support::{Reply, Server, WebAuthority, get, guarded, ok, redirect, reply};
use aims_workload_api::fetch::GuardedFetch;

async fn one(answer: Reply) -> (Server, GuardedFetch) {
    let authority = WebAuthority::new();
    let server = Server::start(authority.server(&["a.test"]), move |_| answer.clone()).await;
    let fetch = guarded(authority.trust(), &[&server]).build().unwrap();
    (server, fetch)
}

fn chunked(len: usize) -> Reply {
    let mut bytes = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    let mut left = len;
    while left > 0 {
        let chunk = left.min(60_000);
        bytes.extend_from_slice(format!("{chunk:x}\r\n").as_bytes());
        bytes.extend(std::iter::repeat_n(b'x', chunk));
        bytes.extend_from_slice(b"\r\n");
        left -= chunk;
    }
    bytes.extend_from_slice(b"0\r\n\r\n");
    Reply::Bytes(bytes)
}

#[tokio::test]
async fn fed_6_a_document_comes_with_its_media_type_and_nothing_is_said_about_who_asks() {
    let (server, fetch) =
        one(reply("200 OK", "Content-Type: Application/JSON;charset=utf-8\r\nset-cookie: a=b\r\n", "{}"))
            .await;
    for _ in 0..2 {
        let fetched = get(&fetch, &server.url("a.test", "/x?y")).await.unwrap();
        assert_eq!((fetched.media_type(), fetched.text().unwrap()), (Some("application/json"), "{}"));
        assert_eq!(fetched.url(), &server.url("a.test", "/x?y"));
    }
    for head in server.heads() {
        let head = head.to_ascii_lowercase();
        assert!(head.starts_with("get /x?y http/1.1\r\n"), "{head}");
        assert!(head.contains(&format!("host: a.test:{}\r\n", server.port())), "{head}");
        for secret in ["cookie", "authorization", "referer", "gzip"] {
            assert!(!head.contains(secret), "{head}");
        }
    }
}

#[tokio::test]
async fn fed_14_a_document_of_one_mebibyte_and_a_byte_is_too_large() {
    const MAX: usize = 1024 * 1024;
    for (answer, fits) in [
        (chunked(MAX), true),
        (chunked(MAX + 1), false),
        (ok(&"x".repeat(MAX)), true),
        (ok(&"x".repeat(MAX + 1)), false),
        // What ends with the connection.
        (Reply::Bytes([b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), vec![b'x'; MAX + 1]].concat()), false),
        // What only says so is not waited for.
        (Reply::Bytes(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n".to_vec()), false),
    ] {
        let (server, fetch) = one(answer).await;
        let fetched = get(&fetch, &server.url("a.test", "/")).await;
        if fits {
            assert_eq!(fetched.unwrap().body().len(), MAX);
        } else {
            assert_refused!(fetched, "document_too_large", "FED-14");
        }
    }
    let (server, fetch) = one(ok("12345")).await;
    let url = server.url("a.test", "/");
    assert_eq!(fetch.fetch(FetchRequest::new(&url).max_len(5)).await.unwrap().body(), b"12345");
    assert_refused!(fetch.fetch(FetchRequest::new(&url).max_len(4)).await, "document_too_large", "FED-14");
}

#[tokio::test]
async fn fed_14_a_slow_answer_and_none_end_with_the_time_of_the_request() {
    let body = Reply::Slowly(
        b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx".to_vec(),
    );
    for answer in [body, Reply::Never] {
        let (server, fetch) = one(answer).await;
        let (url, began) = (server.url("a.test", "/"), Instant::now());
        let request = FetchRequest::new(&url).timeout(Duration::from_millis(300));
        assert_refused!(fetch.fetch(request).await, "timed_out", "FED-14");
        assert!(began.elapsed() < Duration::from_secs(3));
    }
    // Nobody shakes hands.
    let tcp = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = tcp.local_addr().unwrap().port();
    let fetch = guarded(WebAuthority::new().trust(), &[]).allow_port(port).build().unwrap();
    let url = format!("https://a.test:{port}/").parse().unwrap();
    let request = FetchRequest::new(&url).timeout(Duration::from_millis(300));
    assert_refused!(fetch.fetch(request).await, "timed_out", "FED-14");
}

#[tokio::test]
async fn fed_14_fetches_beyond_the_bound_wait_within_their_time() {
    let authority = WebAuthority::new();
    let config = authority.server(&["a.test"]);
    let server = Server::start(config, |path| if path == "/never" { Reply::Never } else { ok("{}") }).await;
    let fetch = guarded(authority.trust(), &[&server]).max_concurrent(1).build().unwrap();
    let (never, soon) = (server.url("a.test", "/never"), server.url("a.test", "/"));
    let (other, began) = (fetch.clone(), Instant::now());
    let holding = tokio::spawn(async move {
        let _ = other.fetch(FetchRequest::new(&never).timeout(Duration::from_millis(600))).await;
    });
    while server.heads().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let request = FetchRequest::new(&soon).timeout(Duration::from_millis(50));
    assert_refused!(fetch.fetch(request).await, "timed_out", "FED-14");
    fetch.fetch(FetchRequest::new(&soon)).await.unwrap();
    assert!(began.elapsed() >= Duration::from_millis(600));
    holding.await.unwrap();
}

#[tokio::test]
async fn fed_14_garbage_is_refused() {
    let many = "x: y\r\n".repeat(65);
    let long = format!("x: {}\r\n", "y".repeat(17 * 1024));
    let cases = [
        b"garbage\r\n\r\n".to_vec(),
        b"HTTP/2 200 OK\r\n\r\n".to_vec(),
        vec![],
        vec![0; 100],
        b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nfive5".to_vec(),
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}{".to_vec(),
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n".to_vec(),
        format!("HTTP/1.1 200 OK\r\n{many}content-length: 2\r\n\r\n{{}}").into_bytes(),
        format!("HTTP/1.1 200 OK\r\n{long}content-length: 2\r\n\r\n{{}}").into_bytes(),
    ];
    for bytes in cases {
        let text = String::from_utf8_lossy(&bytes[..bytes.len().min(40)]).into_owned();
        let (server, fetch) = one(Reply::Bytes(bytes)).await;
        assert_refused!(
            get(&fetch, &server.url("a.test", "/")).await,
            "malformed_answer",
            "FED-14",
            "{text:?}"
        );
    }
}

#[tokio::test]
async fn fed_6_only_status_200_brings_a_document() {
    for status in [
        "201 Created",
        "204 No Content",
        "206 Partial Content",
        "300 Multiple",
        "304 Not Modified",
        "404 Not Found",
        "500 No",
    ] {
        let (server, fetch) = one(reply(status, "", "")).await;
        assert_refused!(get(&fetch, &server.url("a.test", "/")).await, "http_status", "FED-6", "{status}");
    }
}

#[tokio::test]
async fn nothing_is_decompressed() {
    for coding in ["gzip", "br", "identity, gzip", "x"] {
        let (server, fetch) = one(reply("200 OK", &format!("content-encoding: {coding}\r\n"), "{}")).await;
        assert_refused!(
            get(&fetch, &server.url("a.test", "/")).await,
            "content_encoding",
            "FED-6",
            "{coding}"
        );
    }
    let (server, fetch) = one(reply("200 OK", "content-encoding: identity\r\n", "{}")).await;
    get(&fetch, &server.url("a.test", "/")).await.unwrap();
}

#[tokio::test]
async fn a_media_type_is_asked_for_and_may_be_insisted_on() {
    let (server, fetch) = one(reply("200 OK", "content-type: text/html\r\n", "<html>")).await;
    let url = server.url("a.test", "/");
    let request = FetchRequest::new(&url).accept(&["application/json", "application/jwk-set+json"]);
    fetch.fetch(request.clone()).await.unwrap();
    assert!(
        server.heads()[0]
            .to_ascii_lowercase()
            .contains("accept: application/json, application/jwk-set+json\r\n")
    );
    assert_refused!(fetch.fetch(request.insist_on_media_type()).await, "media_type", "FED-6");
}

#[tokio::test]
async fn fed_6_fields_come_with_a_document_that_were_asked_for_and_no_others() {
    let fields = "Cache-Control: max-age=60\r\nset-cookie: a=b\r\ncache-control: private\r\n";
    let (server, fetch) = one(reply("200 OK", fields, "{}")).await;
    let url = server.url("a.test", "/");
    let fetched = fetch.fetch(FetchRequest::new(&url).keep(&["cache-control", "age"])).await.unwrap();
    assert_eq!(fetched.lines("cache-control").collect::<Vec<_>>(), [&b"max-age=60"[..], b"private"]);
    assert_eq!(fetched.lines("set-cookie").count() + fetched.lines("age").count(), 0);
    assert_eq!(get(&fetch, &url).await.unwrap().lines("cache-control").count(), 0);
}

#[tokio::test]
async fn cha_1_sec_17_a_look_takes_any_answer_without_its_body_and_is_led_nowhere() {
    let authority = WebAuthority::new();
    let server = Server::start(authority.server(&["a.test", "private.test"]), |path| match path {
        "/401" => reply("401 Unauthorized", "www-authenticate: Bearer\r\nwww-authenticate: DPoP\r\n", "no"),
        "/302" => redirect("https://b.test/"),
        "/never" => Reply::Never,
        _ => ok(&"x".repeat(1024 * 1024)),
    })
    .await;
    let fetch = guarded(authority.trust(), &[&server]).build().unwrap();
    let look = async |host: &str, path: &str| {
        let url = server.url(host, path);
        let request = FetchRequest::new(&url).keep(&["www-authenticate"]).timeout(Duration::from_secs(2));
        fetch.look(request).await
    };
    let answer = look("a.test", "/401").await.unwrap();
    let challenges: Vec<_> = answer.lines("www-authenticate").collect();
    assert_eq!((answer.status(), challenges), (401, vec![&b"Bearer"[..], b"DPoP"]));
    for (path, status) in [("/302", 302), ("/long", 200)] {
        let answer = look("a.test", path).await.unwrap();
        assert_eq!((answer.status(), answer.body()), (status, &b""[..]));
    }
    assert_refused!(look("a.test", "/never").await, "timed_out", "FED-14");
    let head = server.heads().first().unwrap().to_ascii_lowercase();
    assert!(head.starts_with("get /401 ") && !head.contains("authorization"), "{head}");
    let private = guarded(authority.trust(), &[]).build().unwrap();
    let url = server.url("a.test", "/401");
    assert_refused!(private.look(FetchRequest::new(&url)).await, "port_not_allowed", "FED-14");
}
