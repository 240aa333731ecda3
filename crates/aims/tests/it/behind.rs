//! A tool, and connections to it over mutual TLS.

use aims::tls::MutualTls;
use aims::{BundleSet, Connection, GuardBuilder};
use aims_testkit::{TestCertificates, handshake};
use axum::body::Body;
use http::{Method, Request};

use crate::support::{NOW, SEARCH, Tool};

pub(crate) const TRAVEL: &str = "spiffe://acme.example/agents/travel";

/// A tool, and the certificates of whoever connects to it.
pub(crate) struct Behind {
    pub(crate) tool: Tool,
    pub(crate) acme: TestCertificates,
    pub(crate) bundles: BundleSet,
}

impl Behind {
    pub(crate) fn new(configure: impl FnOnce(GuardBuilder) -> GuardBuilder) -> Self {
        Self::with_bundles(|guard, _| configure(guard))
    }

    /// As [`new`](Self::new), for guards that verify certificates themselves.
    pub(crate) fn with_bundles(configure: impl FnOnce(GuardBuilder, &BundleSet) -> GuardBuilder) -> Self {
        let acme = TestCertificates::new("spiffe://acme.example", NOW);
        let bundles = BundleSet::from(acme.trust());
        let tool = Tool::with(|guard| configure(guard, &bundles));
        Self { tool, acme, bundles }
    }

    /// Either end of a connection: a workload such as `/agents/travel`, which expects anybody of the trust domain.
    pub(crate) fn tls(&self, path: &str) -> MutualTls {
        let own = self.acme.current(path, self.tool.clock.now());
        self.acme.mutual_tls(own, &self.bundles, "spiffe://acme.example/**", &self.tool.clock)
    }

    /// Accepts a connection by this workload.
    pub(crate) fn connection(&self, from: &str) -> Connection {
        let (client, server) =
            (self.tls(from).client().unwrap(), self.tls("/tools/search").server().unwrap());
        let done = handshake(client.config(), server.config()).unwrap();
        Connection::accepted(&server, &done.server, NOW).unwrap()
    }

    pub(crate) fn trust_nobody(&self) {
        self.bundles.remove(self.acme.issuer().origin());
    }

    /// A request with a proof by the caller itself.
    pub(crate) fn proven(&self) -> Request<Body> {
        self.tool.travel().request(Method::GET, SEARCH, NOW).body(Body::empty()).unwrap()
    }
}

pub(crate) fn over(connection: &Connection, mut request: Request<Body>) -> Request<Body> {
    request.extensions_mut().insert(connection.clone());
    request
}

/// A request without any proof.
pub(crate) fn plain() -> Request<Body> {
    Request::get(SEARCH).body(Body::empty()).unwrap()
}
