//! Callers that are known by their connections, and those behind a proxy.

use std::io;

use aims::{Audiences, Callers, Connection, Guard, JsonLines};
use aims_credential::x509::SvidVerifier;
use aims_credential::{BundleSet, Credential};
use aims_id::WorkloadId;
use aims_jose::base64;
use aims_keys::backend;
use aims_proof::{CLIENT_CERT_FIELD, ForwardedVerifier};
use aims_testkit::{TestCertificates, TestClock, handshake};
use http::Request;

use super::wimse::now_or_never;
use crate::fixtures::{NOW, PATH, ToolClock};
use crate::row::Row;

/// A guard whose callers need no proof of their own: no signature is verified at a request, only asked whether the connection
/// still counts.
pub(super) fn admit() -> Row {
    let Ends { server, bundles, done, .. } = Ends::new("/agents/travel");
    let connection = Connection::accepted(&server, &done.server, *NOW).expect("a connection");
    let callers = Callers::new().pattern("spiffe://acme.example/agents/*".parse().expect("a pattern"));
    let guard =
        Guard::builder(Audiences::http("https://tools.example").expect("an audience"), bundles, callers)
            .accept_connections()
            .recorder(JsonLines::new(io::sink()))
            .clock(ToolClock)
            .build()
            .expect("a sound guard");
    let mut request = Request::post(format!("https://tools.example{PATH}")).body(()).expect("a request");
    request.extensions_mut().insert(connection);
    let head = request.into_parts().0;
    Row::new(move || {
        std::hint::black_box(now_or_never(guard.admit(&head)).expect("a permit"));
    })
}

/// Who is behind a proxy, of whom the certificate was seen before.
pub(super) fn forwarded() -> Row {
    let Ends { acme, server, bundles, done } = Ends::new("/proxies/edge");
    let proxy = server.peer(&done.server, *NOW).expect("the proxy");
    let edge: WorkloadId = "spiffe://acme.example/proxies/edge".parse().expect("an identifier");
    let svids = SvidVerifier::builder(bundles, backend::ring()).build();
    let verifier = ForwardedVerifier::client_cert(edge, svids);
    let holder = acme.holder("/agents/travel", *NOW);
    let Credential::Svid(svid) = holder.credential() else { panic!("no certificate") };
    let field = format!(":{}:", base64::encode(&svid.chain()[0]));
    Row::new(move || {
        let fields = [(CLIENT_CERT_FIELD, &*field)];
        std::hint::black_box(verifier.verify(&proxy, &fields[..], *NOW).expect("a client"));
    })
}

/// Both ends of a connection from this workload to a tool.
struct Ends {
    acme: TestCertificates,
    server: aims_tls::TlsServer,
    bundles: BundleSet,
    done: aims_testkit::Handshake,
}

impl Ends {
    fn new(from: &str) -> Self {
        let (acme, clock) = (TestCertificates::new("spiffe://acme.example", *NOW), TestClock::at(*NOW));
        let bundles = BundleSet::from(acme.trust());
        let tls =
            |path| acme.mutual_tls(acme.current(path, *NOW), &bundles, "spiffe://acme.example/**", &clock);
        let server = tls("/tools/search").server().expect("a server");
        let client = tls(from).client().expect("a client");
        let done = handshake(client.config(), server.config()).expect("a handshake");
        Self { acme, server, bundles, done }
    }
}
