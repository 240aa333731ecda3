//! Which servers are believed.

use aims_credential::x509::CertificateDer;
use aims_testkit::assert_refused;
use aims_workload_api::fetch::WebTrust;
use rcgen::date_time_ymd;

use super::support::{Server, WebAuthority, get, guarded, ok};

#[tokio::test]
async fn fed_3_a_server_is_known_by_its_host_name() {
    let authority = WebAuthority::new();
    let server = Server::start(authority.server(&["a.test"]), |_| ok("{}")).await;
    let fetch = guarded(authority.trust(), &[&server]).build().unwrap();
    get(&fetch, &server.url("a.test", "/")).await.unwrap();
    assert_refused!(get(&fetch, &server.url("b.test", "/")).await, "host_name", "FED-3");
}

#[tokio::test]
async fn fed_3_a_server_of_an_authority_that_is_not_trusted_is_refused() {
    let server = Server::start(WebAuthority::new().server(&["a.test"]), |_| ok("{}")).await;
    let fetch = guarded(WebAuthority::new().trust(), &[&server]).build().unwrap();
    assert_refused!(get(&fetch, &server.url("a.test", "/")).await, "unknown_issuer", "FED-3");
}

#[tokio::test]
async fn fed_3_certificates_out_of_their_time_are_refused() {
    let authority = WebAuthority::new();
    for (from, to, code) in [(2019, 2020, "expired"), (2090, 2091, "not_yet_valid")] {
        let config = authority.server_with(&["a.test"], |params| {
            params.not_before = date_time_ymd(from, 1, 1);
            params.not_after = date_time_ymd(to, 1, 1);
        });
        let server = Server::start(config, |_| ok("{}")).await;
        let fetch = guarded(authority.trust(), &[&server]).build().unwrap();
        assert_refused!(get(&fetch, &server.url("a.test", "/")).await, code, "FED-3", "{code}");
    }
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_is_said_to_fail() {
    let tcp = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = tcp.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (stream, _) = tcp.accept().await.unwrap();
        stream.writable().await.unwrap();
        stream.try_write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").unwrap();
    });
    let fetch = guarded(WebAuthority::new().trust(), &[]).allow_port(port).build().unwrap();
    let url = format!("https://a.test:{port}/").parse().unwrap();
    assert_refused!(get(&fetch, &url).await, "tls_handshake", "FED-13");
}

#[test]
fn fed_3_there_is_something_to_trust_or_no_fetcher() {
    assert_refused!(WebTrust::anchors([]), "no_anchor", "FED-3");
    assert_refused!(WebTrust::anchors([CertificateDer::from(vec![1, 2, 3])]), "malformed_anchor", "FED-3");
    assert_eq!(format!("{:?}", WebAuthority::new().trust()), "WebTrust(1)");
}
