//! `aims bundle serve`.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aims::credential::x509::Svid;
use aims::credential::{Freshness, HttpsUrl};
use aims::id::Origin;
use aims::workload_api::federation::{BundleEndpoint, BundleServer, EndpointTls};
use aims::{BundleSet, BundleSource, CurrentCredential, Holder, TrustBundle, backend};
use tokio::net::TcpListener;

use crate::failure::{About, Failure};
use crate::input::Inputs;
use crate::keyfile::KeyFile;
use crate::output::Report;
use crate::pem;

/// What to serve, and as whom.
#[derive(clap::Args, Debug)]
pub(crate) struct Serve {
    /// The bundle document. It is read again when the file changes; one that is not sound, or older, changes nothing.
    file: PathBuf,
    /// The trust domain, such as `spiffe://acme.example`.
    #[arg(long)]
    origin: String,
    /// The URL that others are given; it decides the path.
    #[arg(long)]
    url: String,
    /// Where to listen, such as 0.0.0.0:8443. The port 0 takes a free one, which is printed.
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: SocketAddr,
    /// The certificate chain to present, in PEM: an X.509-SVID of the trust domain (`https_spiffe`), or with --web one for the host name.
    #[arg(long, value_name = "FILE")]
    certificate: PathBuf,
    /// The key of the certificate.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Serves by the profile `https_web`: authorities of the web vouch for the host name.
    #[arg(long)]
    web: bool,
}

impl Serve {
    pub(super) fn run(self, inputs: &mut Inputs) -> Result<Report, Failure> {
        let origin: Origin = self.origin.parse().about_option("--origin")?;
        let url: HttpsUrl = self.url.parse().about_option("--url")?;
        let bundle = read(&origin, &self.file, inputs)?;
        let bundles = BundleSet::from(bundle);
        let tls = self.tls(inputs)?;
        let endpoint = BundleEndpoint::new(bundles.clone(), origin.clone(), &url, backend::ring());
        super::block_on(async {
            let name = self.listen.to_string();
            let tcp = TcpListener::bind(self.listen).await.map_err(|error| Failure::io(&name, &error))?;
            let address = tcp.local_addr().map_err(|error| Failure::io(&name, &error))?;
            println!("serving {origin} on {address}");
            tokio::spawn(follow(origin, self.file, bundles));
            BundleServer::new(endpoint, tls).serve(tcp).await;
            Ok(Report::Lines(Vec::new(), crate::output::Facts::new()))
        })
    }

    fn tls(&self, inputs: &mut Inputs) -> Result<EndpointTls, Failure> {
        let provider = rustls::crypto::ring::default_provider();
        if self.web {
            let key = inputs.file(&self.key)?;
            let chain = inputs.file(&self.certificate)?;
            return EndpointTls::web(&chain.text, &key.text, &provider).about(&chain);
        }
        let chain = pem::certificates(&self.certificate, inputs)?;
        let svid = Svid::from_issuer(chain.items, backend::ring()).about_option(&chain.name)?;
        let key = KeyFile::open(&self.key, None, inputs)?;
        let holder = Holder::for_svid(svid, Arc::new(key.key)).about_option(&key.name)?;
        Ok(EndpointTls::spiffe(CurrentCredential::new(holder), &provider)?)
    }
}

fn read(origin: &Origin, path: &Path, inputs: &mut Inputs) -> Result<TrustBundle, Failure> {
    let file = inputs.file(path)?;
    TrustBundle::from_spiffe(origin.clone(), &file.text, backend::ring()).about(&file)
}

/// Reads the document again whenever its file changes.
async fn follow(origin: Origin, path: PathBuf, bundles: BundleSet) {
    let changed =
        |path: &Path| -> Option<SystemTime> { fs::metadata(path).and_then(|file| file.modified()).ok() };
    let mut seen = changed(&path);
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let now = changed(&path);
        if now == seen {
            continue;
        }
        seen = now;
        let read = read(&origin, &path, &mut Inputs::default());
        let stored = bundles.bundle(origin.as_str());
        match read {
            Ok(new) if stored.as_ref().is_none_or(|stored| Freshness::of(stored, &new).replaces()) => {
                bundles.insert(new);
            }
            Ok(_) => {}
            Err(failure) => eprintln!("{}; the bundle that was served stays", failure.to_text()),
        }
    }
}
