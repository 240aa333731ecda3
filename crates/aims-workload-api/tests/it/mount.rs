//! The services in a gRPC server of somebody else's: beside other services, inside TLS.

use std::sync::Arc;
use std::time::Duration;

use aims_keys::{Algorithm, AsyncSigner, SoftwareKey, backend};
use aims_provision::JoinTokens;
use aims_testkit::assert_refused;
use aims_workload_api::{
    Endpoint, KeyHolderApi, KeyRequest, Socket, Unattested, WorkloadApi, WorkloadApiServer,
};
use tokio::net::UnixListener;
use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_stream::wrappers::UnixListenerStream;

use crate::support::*;

fn server(says: &Says) -> WorkloadApiServer {
    let all = entries(vec![entry(AGENT, &["unix:uid:1"])]);
    WorkloadApiServer::builder(authority(), all, says.clone(), backend::ring()).build()
}

#[tokio::test]
async fn a_server_of_ones_own_serves_it_and_stops_when_it_is_told() {
    let says = Says::new(&["unix:uid:1"]);
    let (server, path) = (server(&says), socket_path());
    let (stop, stopped) = oneshot::channel::<()>();
    let incoming = server.incoming(UnixListener::bind(&path).unwrap());
    let serving = WorkloadApiServer::transport().add_routes(server.routes()).serve_with_incoming_shutdown(
        incoming,
        async {
            let _ = stopped.await;
        },
    );
    let serving = tokio::spawn(serving);
    {
        let api = WorkloadApi::new(&Endpoint::Unix(path.clone()), backend::ring());
        assert_eq!(api.fetch_x509().await.unwrap().identities[0].holder.subject().as_str(), AGENT);
    }
    stop.send(()).unwrap();
    timeout(LONG, serving).await.expect("it goes on").unwrap().unwrap();
    let _ = std::fs::remove_file(path);
}

#[tokio::test]
async fn wa_9_att_42_on_a_listener_of_somebody_elses_all_callers_are_unknown() {
    let says = Says::new(&["unix:uid:1"]);
    let (server, path) = (server(&says), socket_path());
    let incoming = UnixListenerStream::new(UnixListener::bind(&path).unwrap());
    let serving = WorkloadApiServer::transport().add_routes(server.routes()).serve_with_incoming(incoming);
    let serving = tokio::spawn(serving);
    let api = WorkloadApi::new(&Endpoint::Unix(path.clone()), backend::ring());
    assert_refused!(api.fetch_x509().await, "permission_denied", "WA-9");
    assert_eq!(server.status().refused["caller_unknown"], 1);
    serving.abort();
    let _ = std::fs::remove_file(path);
}

#[tokio::test]
async fn att_42_aims_17_connections_from_elsewhere_are_attested_and_counted_as_others() {
    let says = Says::new(&["unix:uid:1"]);
    let all = entries(vec![entry(AGENT, &["unix:uid:1"])]);
    let server =
        WorkloadApiServer::builder(authority(), all, says.clone(), backend::ring()).limits(1, 10).build();
    let (one, _other) = tokio::net::UnixStream::pair().unwrap();
    let accept = || server.accept(&one, |one| Socket::Unix(one));
    let first = accept().unwrap();
    assert_eq!(server.status().connections, 1);
    assert_refused!(accept(), "too_large", "ATT-42");
    drop(first);
    let status = server.status();
    assert_eq!((status.connections, status.refused["too_large"]), (0, 1));
    accept().unwrap();
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn att_42_a_connection_from_elsewhere_that_the_attestor_does_not_know_is_refused() {
    let attestor = aims_workload_api::UnixAttestor::new(backend::ring());
    let server =
        WorkloadApiServer::builder(authority(), entries(Vec::new()), attestor, backend::ring()).build();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stream = tokio::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    assert_refused!(server.accept(stream, |stream| Socket::Tcp(stream)), "unsupported_type", "ATT-42");
    let status = server.status();
    assert_eq!((status.connections, status.refused["unsupported_type"]), (0, 1));
}

/// Agents on other machines: what passes is nobody's business, and the server is who it should be.
#[cfg(feature = "tls")]
mod tls {
    use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
    use rustls::{ClientConfig, RootCertStore, ServerConfig};
    use tokio::io::AsyncReadExt;
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    /// A server that `localhost` is, and whom its certificate can be trusted by.
    fn configs() -> (ServerConfig, ClientConfig) {
        let rcgen::CertifiedKey { cert, signing_key } =
            rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let certificate: CertificateDer<'static> = cert.der().clone();
        let private: PrivateKeyDer<'static> = PrivatePkcs8KeyDer::from(signing_key.serialize_der()).into();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(certificate.clone()).unwrap();
        let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], private);
        let client = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        (server.unwrap(), client)
    }

    async fn served(config: ServerConfig) -> (WorkloadApiServer, Arc<JoinTokens>, u16) {
        let tokens = Arc::new(JoinTokens::new(backend::ring()));
        let all = entries(vec![entry(AGENT, &["join:agent:travel"])]);
        let server = WorkloadApiServer::builder(authority(), all, Unattested::default(), backend::ring())
            .key_holders_by_token(ORIGIN, Arc::clone(&tokens), Duration::from_secs(60))
            .build();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let serving = server.clone();
        tokio::spawn(async move { serving.serve_tls(listener, config).await });
        (server, tokens, port)
    }

    fn api(host: (&str, u16), config: ClientConfig) -> KeyHolderApi {
        KeyHolderApi::over_tls(host, config, ORIGIN, backend::ring()).unwrap()
    }

    fn key() -> Arc<dyn AsyncSigner> {
        Arc::new(SoftwareKey::generate(Algorithm::Es256, backend::ring()).unwrap())
    }

    #[tokio::test]
    async fn att_96_an_agent_joins_inside_tls_and_goes_on() {
        let (serving, calling) = configs();
        let (server, tokens, port) = served(serving).await;
        let token = tokens.create(["join:agent:travel".parse().unwrap()], now()).unwrap();
        let api = api(("localhost", port), calling);
        let first = key();
        let issued = api.issue(&first, &KeyRequest::new().join_token(token.expose()), now()).await.unwrap();
        assert_eq!(issued.wit.unwrap().subject().as_str(), AGENT);
        let renewed = api.issue(&key(), &KeyRequest::new().previous(first), now()).await.unwrap();
        assert!(renewed.x509.is_some());
        assert_eq!(server.status().connections, 1);
    }

    #[tokio::test]
    async fn att_96_no_token_reaches_a_server_that_is_another_or_none() {
        let ((serving, calling), (_, stranger)) = (configs(), configs());
        let (server, tokens, port) = served(serving).await;
        let token = tokens.create(["join:agent:travel".parse().unwrap()], now()).unwrap();
        let join = KeyRequest::new().join_token(token.expose());
        // Whom it does not trust; whose name is another.
        for api in [api(("localhost", port), stranger), api(("127.0.0.1", port), calling.clone())] {
            assert_refused!(api.issue(&key(), &join, now()).await, "unavailable", "WA-3");
        }
        // Without TLS: in either direction.
        let plain = Endpoint::Tcp(std::net::SocketAddr::from(([127, 0, 0, 1], port)));
        let plain = KeyHolderApi::new(&plain, ORIGIN, backend::ring());
        assert_refused!(plain.issue(&key(), &join, now()).await, "unavailable", "WA-3");
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let heard = listener.local_addr().unwrap().port();
        let hearing = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut hello = [0; 5];
            stream.read_exact(&mut hello).await.unwrap();
            hello
        });
        let deaf = api(("localhost", heard), calling.clone());
        assert_refused!(deaf.issue(&key(), &join, now()).await, "unavailable", "WA-3");
        assert_eq!(hearing.await.unwrap()[..2], [0x16, 0x03]);
        // It is good still.
        api(("localhost", port), calling).issue(&key(), &join, now()).await.unwrap();
        assert_eq!(server.status().issued["wit"], 1);
        let refused = KeyHolderApi::over_tls(("a b", 1), configs().1, ORIGIN, backend::ring());
        assert_refused!(refused, "endpoint_not_an_address", "WE-5");
    }

    #[tokio::test]
    async fn aims_17_a_handshake_that_does_not_come_keeps_nobody_waiting_and_ends() {
        let (serving, calling) = configs();
        let (server, tokens, port) = served(serving).await;
        let mut silent = Vec::new();
        for _ in 0..20 {
            silent.push(TcpStream::connect(("127.0.0.1", port)).await.unwrap());
        }
        let token = tokens.create(["join:agent:travel".parse().unwrap()], now()).unwrap();
        let join = KeyRequest::new().join_token(token.expose());
        api(("localhost", port), calling).issue(&key(), &join, now()).await.unwrap();
        let end = timeout(LONG, silent[0].read(&mut [0])).await.expect("it is kept open");
        assert!(matches!(end, Ok(0) | Err(_)));
        assert!(server.status().connections <= 20);
    }
}
