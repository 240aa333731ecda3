//! As much of the SPIFFE Workload API as an `X509Source` asks for: one answer, on a port of this machine. `spiffe-rustls` takes its
//! certificates from nowhere else.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::LazyLock;

use aims_credential::x509::SvidIssuer;
use aims_keys::{Algorithm, PrivateKey, backend};
use spiffe::X509Source;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tonic::codegen::tokio_stream::{self, StreamExt};
use tonic::codegen::{Service, http};
use tonic::transport::server::{Server, TcpIncoming};
use tonic::{Request, Response, Status};
use tower::service_fn;

use crate::support::now;

/// Sources refresh themselves in it as long as the tests run.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
});

#[derive(Clone, PartialEq, prost::Message)]
struct X509SvidRequest {}

#[derive(Clone, PartialEq, prost::Message)]
struct X509SvidResponse {
    #[prost(message, repeated, tag = "1")]
    svids: Vec<X509Svid>,
    #[prost(map = "string, bytes", tag = "3")]
    federated_bundles: HashMap<String, Vec<u8>>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct X509Svid {
    #[prost(string, tag = "1")]
    spiffe_id: String,
    #[prost(bytes = "vec", tag = "2")]
    chain: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    key: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    bundle: Vec<u8>,
}

/// A workload with a fresh key and a certificate of `issuer`, that trusts `root` and, in their trust domains, `federated`.
pub(super) fn source(
    id: &str,
    issuer: &SvidIssuer,
    root: &SvidIssuer,
    federated: &[&SvidIssuer],
) -> X509Source {
    let algorithm = Algorithm::Es256;
    let own = PrivateKey::generate(algorithm, backend::ring()).unwrap();
    let public = own.load(algorithm, backend::ring()).unwrap();
    let chain = issuer.issue(&id.parse().unwrap(), public.public_key(), now()).unwrap();
    let bundle = |root: &SvidIssuer| root.authority().unwrap().der().to_vec();
    let answer = X509SvidResponse {
        svids: vec![X509Svid {
            spiffe_id: id.to_owned(),
            chain: chain.iter().flat_map(|der| der.iter().copied()).collect(),
            key: own.expose_pkcs8().to_vec(),
            bundle: bundle(root),
        }],
        federated_bundles: federated
            .iter()
            .map(|root| (root.origin().as_str().to_owned(), bundle(root)))
            .collect(),
    };
    RUNTIME.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("tcp://{}", listener.local_addr().unwrap());
        tokio::spawn(Server::builder().serve_with_incoming(api(answer), TcpIncoming::from(listener)));
        X509Source::builder().endpoint(endpoint).build().await.unwrap()
    })
}

/// In the context of the tasks by which `spiffe-rustls` follows a source.
pub(super) fn configured<T>(make: impl FnOnce() -> T) -> T {
    let _entered = RUNTIME.enter();
    make()
}

/// Answers every call alike, and keeps the stream open.
fn api(
    answer: X509SvidResponse,
) -> impl Service<
    http::Request<tonic::body::Body>,
    Response = http::Response<tonic::body::Body>,
    Error = Infallible,
    Future: Send,
> + Clone
+ Send {
    service_fn(move |request: http::Request<tonic::body::Body>| {
        let answer = answer.clone();
        async move {
            let handler = service_fn(move |_: Request<X509SvidRequest>| {
                let answers = tokio_stream::once(Ok::<_, Status>(answer.clone()));
                async move { Ok::<_, Status>(Response::new(answers.chain(tokio_stream::pending()))) }
            });
            let mut grpc = tonic::server::Grpc::new(tonic_prost::ProstCodec::default());
            Ok::<_, Infallible>(grpc.server_streaming(handler, request).await)
        }
    })
}
