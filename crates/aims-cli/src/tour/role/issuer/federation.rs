//! The bundles of other trust domains, and the own one for them.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

use aims::credential::HttpsUrl;
use aims::credential::x509::CertificateDer;
use aims::id::Origin;
use aims::jose::base64;
use aims::workload_api::WorkloadSource;
use aims::workload_api::federation::{
    BundleEndpoint, BundleServer, EndpointTls, Federation, FederationError, Federations,
};
use aims::workload_api::fetch::{GuardedFetch, WebTrust};
use aims::{BundleSet, TrustBundle, backend};
use aims_provision::Authority;
use rustls::crypto::ring::default_provider;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Mutex;

use super::{Message, Outcome};

/// Serves the bundle to anybody who asks, by a workload of the trust domain; where, it says.
pub(super) async fn serve_bundle(authority: Arc<Authority>, source: &WorkloadSource) -> Outcome<String> {
    let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let url = format!("https://{}/bundle.json", tcp.local_addr()?);
    let origin = authority.origin().clone();
    let endpoint = BundleEndpoint::new(authority, origin, &url.parse()?, backend::ring());
    let server = BundleServer::new(endpoint, EndpointTls::spiffe(source.x509(), &default_provider())?);
    tokio::spawn(async move { server.serve(tcp).await });
    Ok(url)
}

/// The trust domains that are federated with. Their ports are known late, so each has a fetcher of its own, which may dial that one.
pub(super) struct Partners {
    authority: Arc<Authority>,
    /// What the Workload API gives to those whose entries say so.
    bundles: BundleSet,
    federations: Mutex<HashMap<Origin, Federations>>,
}

impl Partners {
    pub(super) fn new(authority: Arc<Authority>, bundles: BundleSet) -> Self {
        Self { authority, bundles, federations: Mutex::default() }
    }

    /// Begins, and says how the first attempt went. One that failed is ended again.
    pub(super) async fn federate(&self, message: &Message) -> Outcome<Value> {
        let origin: Origin = message.text("origin")?.parse()?;
        let url: HttpsUrl = message.text("url")?.parse()?;
        let federations = self.federations(message, &url)?;
        federations.begin(Self::federation(message, &origin, url)?).await?;
        let Err(refused) = federations.refresh(&origin).await else {
            self.federations.lock().await.insert(origin, federations);
            return Ok(json!({}));
        };
        federations.end(&origin).await?;
        Ok(json!({ "refused": refused.code(), "rule": refused.rule() }))
    }

    /// Ends it: nobody of that trust domain is believed any more.
    pub(super) async fn end(&self, message: &Message) -> Outcome<Value> {
        let origin = message.text("origin")?.parse()?;
        let federations = self.federations.lock().await.remove(&origin).ok_or("it is not federated with")?;
        Ok(json!({ "ended": federations.end(&origin).await? }))
    }

    /// Dials this machine on this port, besides the public network on the usual one. Its own authority vouches for host names, and
    /// one that the message names.
    fn federations(&self, message: &Message, url: &HttpsUrl) -> Outcome<Federations> {
        let own = self.authority.trust_bundle();
        let mut web: Vec<_> =
            own.x509_authorities().iter().map(|own| CertificateDer::from(own.der().to_vec())).collect();
        if let Ok(authority) = message.text("web_authority") {
            web.push(CertificateDer::from(base64::decode(&authority)?));
        }
        let fetch = GuardedFetch::builder(WebTrust::anchors(web)?, Arc::new(default_provider()))
            .allow_network("127.0.0.1/32".parse()?)
            .allow_port(url.port())
            .build()?;
        Ok(Federations::builder(self.bundles.clone(), fetch, backend::ring()).build())
    }

    /// By SPIFFE ID where the message names one, else by host name.
    fn federation(message: &Message, origin: &Origin, url: HttpsUrl) -> Outcome<Federation> {
        let Ok(endpoint) = message.text("endpoint") else {
            return Ok(Federation::https_web(origin.clone(), url));
        };
        let bundle = message.get("bundle")?.raw();
        let bundle = TrustBundle::from_spiffe(origin.clone(), bundle, backend::ring())?;
        let federation: Result<_, FederationError> =
            Federation::https_spiffe(origin.clone(), url, endpoint.parse()?, bundle);
        Ok(federation?)
    }
}
