//! A workload with its certificate, from the files that the program `certificates` made.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use aims::credential::x509::{Svid, SvidVerifier};
use aims::id::IdSet;
use aims::keys::{Algorithm, PrivateKey};
use aims::tls::MutualTls;
use aims::{BundleSet, CurrentCredential, Holder, TrustBundle, backend};

/// Whom to trust: the bundle of one trust domain.
///
/// # Errors
///
/// When the file cannot be read, or is not such a document.
pub fn bundles(dir: &Path) -> Result<BundleSet, Box<dyn Error>> {
    let document = fs::read_to_string(dir.join("bundle.json"))?;
    let bundle = TrustBundle::from_spiffe("spiffe://acme.example".parse()?, &document, backend::ring())?;
    Ok(BundleSet::from(bundle))
}

/// Mutual TLS as the workload called `name`, with whoever matches `peers`. Renewals would go into the [`CurrentCredential`].
///
/// # Errors
///
/// When a file cannot be read, or certificate and key do not fit.
pub fn mutual_tls(
    dir: &Path,
    name: &str,
    bundles: BundleSet,
    peers: &str,
) -> Result<MutualTls, Box<dyn Error>> {
    let read = |kind| fs::read_to_string(dir.join(format!("{name}.{kind}")));
    let svid = Svid::from_pem(&read("crt")?, backend::ring())?;
    let key = PrivateKey::from_pem(&read("key")?)?.load(Algorithm::Es256, backend::ring())?;
    let credential = CurrentCredential::new(Holder::for_svid(svid, Arc::new(key))?);
    let svids = SvidVerifier::builder(bundles, backend::ring()).build();
    let peers = IdSet::new().pattern(peers.parse()?);
    Ok(MutualTls::new(credential, svids, peers, Arc::new(rustls::crypto::ring::default_provider())))
}
