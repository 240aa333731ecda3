//! The server of the endpoint, over sockets.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aims_testkit::assert_refused;
use aims_workload_api::federation::{EndpointTls, Federation};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::ServerName;
use rustls::{CipherSuite, ClientConfig, ProtocolVersion, RootCertStore, SupportedProtocolVersion};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::support::{BANK, Endpoint, authority, bank, begin, bundle, document, now, service, verify};
use crate::fetch::support::{WebAuthority, provider};

async fn connect(
    endpoint: &Endpoint,
    web: &WebAuthority,
    provider: Arc<CryptoProvider>,
    versions: &[&'static SupportedProtocolVersion],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(web.root()).unwrap();
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let tcp = TcpStream::connect(("127.0.0.1", endpoint.url.port())).await?;
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("a.test").unwrap(), tcp).await
}

async fn ask(stream: &mut TlsStream<TcpStream>, request: &str) -> String {
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

const GET: &str = "GET /bundle.json HTTP/1.1\r\nhost: a.test\r\n\r\n";

#[tokio::test]
async fn fed_13_fed_5_tls_1_2_and_1_3_with_each_suite_of_the_intermediate_profile_and_no_credentials() {
    let (web, ca) = (WebAuthority::new(), authority(BANK));
    let endpoint = Endpoint::web(&web, bundle(&[&ca], 1)).await;
    let mut seen = Vec::new();
    for suite in &provider().cipher_suites {
        // Those of RSA certificates, which this server has none of.
        if format!("{:?}", suite.suite()).contains("RSA_WITH")
            && !format!("{:?}", suite.suite()).contains("ECDSA")
        {
            continue;
        }
        let only = CryptoProvider { cipher_suites: vec![*suite], ..CryptoProvider::clone(&provider()) };
        let mut stream = connect(&endpoint, &web, Arc::new(only), &[suite.version()]).await.unwrap();
        let (version, used) = (
            stream.get_ref().1.protocol_version().unwrap(),
            stream.get_ref().1.negotiated_cipher_suite().unwrap(),
        );
        seen.push((version, used.suite()));
        let answer = ask(&mut stream, GET).await;
        assert!(
            answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with(&document(&[&ca], 1)),
            "{answer}"
        );
    }
    assert!(seen.contains(&(ProtocolVersion::TLSv1_2, CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256)));
    assert!(seen.contains(&(ProtocolVersion::TLSv1_3, CipherSuite::TLS13_AES_128_GCM_SHA256)));
    assert_eq!(seen.len(), 6);
}

#[test]
fn fed_13_a_provider_without_those_suites_makes_no_endpoint() {
    let (web, ca) = (WebAuthority::new(), authority(BANK));
    let none = CryptoProvider { cipher_suites: vec![], ..CryptoProvider::clone(&provider()) };
    let (chain, key) = web.pem(&["a.test"]);
    assert_refused!(EndpointTls::web(&chain, &key, &none), "tls_provider", "FED-13");
    assert_refused!(EndpointTls::spiffe(ca.current("/bundles", now()), &none), "tls_provider", "FED-13");
}

#[test]
fn fed_3_chain_and_key_belong_together() {
    let web = WebAuthority::new();
    let ((chain, key), (_, other)) = (web.pem(&["a.test"]), web.pem(&["a.test"]));
    assert_refused!(EndpointTls::web(&chain, &other, &provider()), "endpoint_key", "FED-3");
    assert_refused!(EndpointTls::web(&chain, "", &provider()), "endpoint_key", "FED-3");
    assert_refused!(EndpointTls::web("", &key, &provider()), "endpoint_certificate", "FED-3");
    assert_refused!(EndpointTls::web(&key, &key, &provider()), "endpoint_certificate", "FED-3");
    let tls = EndpointTls::web(&chain, &key, &provider()).unwrap();
    assert_eq!(format!("{tls:?}"), "EndpointTls { .. }");
}

#[tokio::test]
async fn a_renewed_certificate_counts_from_the_next_connection_on() {
    let (old, new, ca) = (WebAuthority::new(), WebAuthority::new(), authority(BANK));
    let endpoint = Endpoint::web(&old, bundle(&[&ca], 1)).await;
    let (bundles, federations) = service(new.trust(), &[endpoint.url.port()]);
    let state = begin(&federations, Federation::https_web(bank(), endpoint.url.clone())).await;
    assert_eq!(state.last_error().unwrap().rule(), "FED-3");
    let (chain, key) = new.pem(&["a.test"]);
    endpoint.server.set_tls(EndpointTls::web(&chain, &key, &provider()).unwrap());
    federations.refresh(&bank()).await.unwrap();
    verify(&bundles, &ca).unwrap();
}

#[tokio::test]
async fn connections_that_idle_end_and_give_way() {
    let (web, ca) = (WebAuthority::new(), authority(BANK));
    let (chain, key) = web.pem(&["a.test"]);
    let tls = EndpointTls::web(&chain, &key, &provider()).unwrap();
    let options = |server: aims_workload_api::federation::BundleServer| {
        server.max_connections(2).connection_timeout(Duration::from_millis(600))
    };
    let endpoint = Endpoint::start(bundle(&[&ca], 1), tls, options).await;
    // Who says nothing, before or after the handshake, is put out.
    let began = Instant::now();
    let mut silent = TcpStream::connect(("127.0.0.1", endpoint.url.port())).await.unwrap();
    let mut idle = connect(&endpoint, &web, provider(), rustls::ALL_VERSIONS).await.unwrap();
    let mut rest = Vec::new();
    let _ = silent.read_to_end(&mut rest).await;
    let _ = idle.read_to_end(&mut rest).await;
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    // Who takes all the room keeps nobody out.
    let mut many = Vec::new();
    for _ in 0..8 {
        many.push(TcpStream::connect(("127.0.0.1", endpoint.url.port())).await.unwrap());
    }
    let mut stream = connect(&endpoint, &web, provider(), rustls::ALL_VERSIONS).await.unwrap();
    assert!(ask(&mut stream, GET).await.starts_with("HTTP/1.1 200 OK\r\n"));
}

#[tokio::test]
async fn requests_that_are_none_or_too_long_are_refused() {
    let (web, ca) = (WebAuthority::new(), authority(BANK));
    let endpoint = Endpoint::web(&web, bundle(&[&ca], 1)).await;
    let many = "x: y\r\n".repeat(100);
    let long = "y".repeat(20_000);
    for (request, status) in [
        ("garbage\r\n\r\n".to_owned(), "HTTP/1.1 400"),
        (format!("GET /bundle.json HTTP/1.1\r\nhost: a\r\n{many}\r\n"), "HTTP/1.1 431"),
        (format!("GET /bundle.json HTTP/1.1\r\nhost: a\r\nx: {long}\r\n\r\n"), "HTTP/1.1 431"),
    ] {
        let mut stream = connect(&endpoint, &web, provider(), rustls::ALL_VERSIONS).await.unwrap();
        let answer = ask(&mut stream, &request).await;
        assert!(answer.starts_with(status), "{answer}");
    }
    // One request for each connection.
    let mut stream = connect(&endpoint, &web, provider(), rustls::ALL_VERSIONS).await.unwrap();
    let answer = ask(&mut stream, &[GET, GET].concat()).await;
    assert_eq!(answer.matches("HTTP/1.1 200 OK").count(), 1);
}

#[tokio::test]
async fn the_oldest_connection_gives_way_and_no_other() {
    let (web, ca) = (WebAuthority::new(), authority(BANK));
    let (chain, key) = web.pem(&["a.test"]);
    let tls = EndpointTls::web(&chain, &key, &provider()).unwrap();
    let endpoint = Endpoint::start(bundle(&[&ca], 1), tls, |server| {
        server.max_connections(2).connection_timeout(Duration::from_secs(60))
    })
    .await;
    let idle = || connect(&endpoint, &web, provider(), rustls::ALL_VERSIONS);
    let (mut first, mut second) = (idle().await.unwrap(), idle().await.unwrap());
    let mut third = idle().await.unwrap();
    let mut byte = [0];
    let gone = tokio::time::timeout(Duration::from_secs(5), first.read(&mut byte)).await;
    assert!(!matches!(gone.unwrap(), Ok(1..)));
    assert!(ask(&mut second, GET).await.starts_with("HTTP/1.1 200 OK\r\n"));
    assert!(ask(&mut third, GET).await.starts_with("HTTP/1.1 200 OK\r\n"));
}
