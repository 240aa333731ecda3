//! Handshakes: who gets in, and who holds up nobody.

use std::time::Duration;

use aims::{BundleSet, Connector};
use aims_testkit::{TestCertificates, assert_refused};
use http::Uri;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::support::{LONG, OFTEN, says};
use crate::behind::{Behind, TRAVEL};
use crate::support::NOW;

#[tokio::test]
async fn mtls_7_both_ends_know_each_other() {
    let behind = Behind::new(|guard| guard);
    let (mut listener, address, _) = behind.listener(behind.acceptor()).await;
    let url: Uri = format!("https://{address}").parse().unwrap();
    let connector = behind.connector("/agents/travel");
    let (connected, (accepted, from)) = tokio::join!(connector.connect(&url), listener.accept());
    let connected = connected.unwrap();
    assert_eq!(connected.peer().subject().as_str(), "spiffe://acme.example/tools/search");
    assert_eq!(connected.protocol(), Some(&b"h2"[..]));
    assert_eq!(accepted.protocol(), Some(&b"h2"[..]));
    assert_eq!(accepted.peer().subject().as_str(), TRAVEL);
    assert_eq!(accepted.connection().peer().subject().as_str(), TRAVEL);
    assert_eq!(accepted.get_ref().peer_addr().unwrap(), from);
    assert_eq!(connected.get_ref().local_addr().unwrap(), from);
    assert_eq!(listener.local_addr().unwrap(), address);
}

#[tokio::test]
async fn mtls_7_x5v_2_a_refused_client_hears_an_alert_and_the_server_is_told_why() {
    let behind = Behind::new(|guard| guard);
    let echo = behind.echo(behind.acceptor()).await;
    let elsewhere = TestCertificates::new("spiffe://evil.example", NOW);
    let own = elsewhere.current("/agents/travel", NOW);
    let tls = elsewhere.mutual_tls(own, &behind.bundles, "spiffe://acme.example/**", &behind.tool.clock);
    let stranger = Connector::new(tls.client().unwrap()).with_clock(behind.tool.clock.reader());
    // With TLS 1.3 a client is finished before it is looked at.
    let mut stream = echo.connect(&stranger).await;
    let error = says(&mut stream).await.unwrap_err();
    assert!(!format!("{error:?}").contains("evil"), "{error:?}");
    assert_eq!(echo.refused.first().await, ("unknown_trust_domain".into(), "X5V-2"));
}

#[tokio::test]
async fn mtls_4_mtls_7_a_server_that_is_not_the_expected_one_is_refused() {
    let behind = Behind::new(|guard| guard);
    let echo = behind.echo(behind.acceptor()).await;
    let own = behind.acme.current("/agents/travel", NOW);
    let other = "spiffe://acme.example/tools/other";
    let tls = behind.acme.mutual_tls(own.clone(), &behind.bundles, other, &behind.tool.clock);
    let connector = Connector::new(tls.client().unwrap()).with_clock(behind.tool.clock.reader());
    assert_refused!(connector.connect(&echo.url()).await, "unexpected_peer", "X5V-7");
    let nobody = behind.acme.mutual_tls(own, &BundleSet::new(), other, &behind.tool.clock);
    let connector = Connector::new(nobody.client().unwrap()).with_clock(behind.tool.clock.reader());
    assert_refused!(connector.connect(&echo.url()).await, "unknown_trust_domain", "X5V-2");
}

#[tokio::test]
async fn mtls_1_nothing_but_https_is_connected_to() {
    let behind = Behind::new(|guard| guard);
    let connector = behind.connector("/agents/travel");
    for target in ["http://127.0.0.1:1/", "/v1/search", "ftp://127.0.0.1/"] {
        let target: Uri = target.parse().unwrap();
        assert_refused!(connector.connect(&target).await, "not_https", "MTLS-1", "{target}");
    }
    let name: Uri = "https://not_a_name!/".parse().unwrap();
    assert_refused!(connector.connect(&name).await, "invalid_server_name", "MTLS-1");
    let nobody = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let target: Uri = format!("https://{nobody}").parse().unwrap();
    assert_refused!(connector.connect(&target).await, "connection_failed", "MTLS-1");
}

#[tokio::test]
async fn mtls_1_whoever_does_not_shake_hands_holds_up_nobody_and_is_dropped() {
    let behind = Behind::new(|guard| guard);
    let mut echo = behind.echo(behind.acceptor().handshake_timeout(Duration::from_millis(300))).await;
    let mut silent = Vec::new();
    for _ in 0..50 {
        silent.push(TcpStream::connect(echo.address).await.unwrap());
    }
    let mut stream = echo.connect(&behind.connector("/agents/travel")).await;
    says(&mut stream).await.unwrap();
    assert_eq!(echo.refused.first().await, ("handshake_timeout".into(), "MTLS-1"));
    for stream in &mut silent {
        let mut byte = [0];
        assert!(matches!(timeout(LONG, stream.read(&mut byte)).await.unwrap(), Ok(0) | Err(_)));
    }
    assert!(echo.goes_on());
}

#[tokio::test]
async fn mtls_1_handshakes_under_way_are_bounded() {
    let behind = Behind::new(|guard| guard);
    let acceptor = behind.acceptor().handshake_timeout(LONG);
    let (listener, address, refused) = behind.listener(acceptor).await;
    let mut listener = listener.max_handshakes(2);
    let mut silent = silent(5, address).await;
    let accepted = tokio::spawn(async move { listener.accept().await });
    let url: Uri = format!("https://{address}").parse().unwrap();
    // The oldest give way, whatever time they have left.
    let begun = std::time::Instant::now();
    behind.connector("/agents/travel").connect(&url).await.unwrap();
    accepted.await.unwrap();
    assert!(begun.elapsed() < LONG / 2, "{:?}", begun.elapsed());
    assert_eq!(refused.first().await, ("too_many_handshakes".into(), "MTLS-1"));
    assert_eq!(refused.count(), 4);
    let gone = timeout(LONG, silent[0].read(&mut [0])).await.unwrap();
    assert!(matches!(gone, Ok(0) | Err(_)));
}

async fn silent(count: usize, address: std::net::SocketAddr) -> Vec<TcpStream> {
    let mut streams = Vec::new();
    for _ in 0..count {
        streams.push(TcpStream::connect(address).await.unwrap());
    }
    streams
}

#[tokio::test]
async fn mtls_1_a_server_that_does_not_answer_is_given_up() {
    let behind = Behind::new(|guard| guard);
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url: Uri = format!("https://{}", silent.local_addr().unwrap()).parse().unwrap();
    let connector = behind.connector("/agents/travel").handshake_timeout(OFTEN);
    assert_refused!(connector.connect(&url).await, "handshake_timeout", "MTLS-1");
}

#[tokio::test]
async fn mtls_10_renewed_certificates_are_presented_on_the_same_listener() {
    let behind = Behind::new(|guard| guard);
    let tool = behind.acme.current("/tools/search", NOW);
    let tls =
        behind.acme.mutual_tls(tool.clone(), &behind.bundles, "spiffe://acme.example/**", &behind.tool.clock);
    let acceptor = aims::Acceptor::new(tls.server().unwrap()).with_clock(behind.tool.clock.reader());
    let echo = behind.echo(acceptor).await;
    let connector = behind.connector("/agents/travel");
    let mut before = echo.connect(&connector).await;
    tool.replace(behind.acme.holder("/tools/search", NOW)).unwrap();
    let mut after = echo.connect(&connector).await;
    assert_ne!(before.peer().svid().serial(), after.peer().svid().serial());
    // The older connection goes on: the certificate it rests on has not ended.
    says(&mut before).await.unwrap();
    says(&mut after).await.unwrap();
}
