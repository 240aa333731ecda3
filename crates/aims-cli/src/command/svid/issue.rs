//! `aims svid issue`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aims::backend;
use aims::credential::x509::{CertificateDer, CertificateRequest, NewSvid, Svid, SvidError, SvidIssuer};
use aims::id::{Origin, WorkloadId};
use aims::jose::Thumbprint;
use aims::keys::{Algorithm, PublicKey};

use crate::algorithm;
use crate::command::certificate::{Outline, fingerprint};
use crate::command::public_key;
use crate::failure::{About, Failure};
use crate::input::Inputs;
use crate::keyfile::KeyFile;
use crate::output::{Facts, Report};
use crate::pem;
use crate::time;

/// What to issue.
#[derive(clap::Args, Debug)]
pub(crate) struct Issue {
    /// The authority's private key: PKCS#8 in PEM or a private JWK; - is standard input.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The algorithm that the authority's key is for, if it is not the usual one of such keys.
    #[arg(long, value_parser = algorithm::parser())]
    alg: Option<Algorithm>,
    /// The authority's certificate, and after it those that lead to the one in the bundle, in PEM or DER; - is standard input.
    #[arg(long, value_name = "FILE")]
    authority: PathBuf,
    /// The authority's scheme and trust domain, such as `spiffe://acme.example`.
    #[arg(long)]
    origin: String,
    /// The workload.
    #[arg(long, value_name = "ID")]
    subject: String,
    #[command(flatten)]
    holder: Holder,
    /// How long the certificate is good for, at most 24h, and not beyond the end of the authority's.
    #[arg(long, default_value = "1h", value_parser = time::duration)]
    lifetime: Duration,
    /// Adds a DNS name, for peers that find the workload by host name; may be repeated.
    #[arg(long = "dns", value_name = "NAME")]
    dns_names: Vec<String>,
}

/// Who gets it.
#[derive(clap::Args, Debug)]
#[group(required = true, multiple = false)]
struct Holder {
    /// The workload's public key: a JWK; - is standard input.
    #[arg(long = "for", value_name = "FILE")]
    public_key: Option<PathBuf>,
    /// The workload's certificate request, in PEM or DER. Its key is taken from it, and nothing else.
    #[arg(long, value_name = "FILE")]
    request: Option<PathBuf>,
}

impl Issue {
    pub(super) fn run(self, inputs: &mut Inputs) -> Result<Report, Failure> {
        let origin: Origin = self.origin.parse().about_option("--origin")?;
        let subject: WorkloadId = self.subject.parse().about_option("--subject")?;
        let key = KeyFile::open(&self.key, self.alg, inputs)?.key;
        let authority = pem::certificates(&self.authority, inputs)?;
        let holder = self.holder.read(inputs)?;
        // The library would shorten it.
        if self.lifetime > MAX_LIFETIME {
            let why = "certificates of workloads are good for 24 h at most";
            return Err(Failure::refused("bad_lifetime", "AIMS-7", why));
        }

        let issuer = SvidIssuer::new(origin, Arc::new(key), authority.items).about_option(&authority.name)?;
        let mut request = NewSvid::new(&subject, &holder).lifetime(self.lifetime);
        for name in &self.dns_names {
            request = request.dns_name(name);
        }
        let chain = presented(&issuer.sign(&request, time::now()?)?)?;
        let lines: Vec<_> = chain.iter().flat_map(|der| pem::certificate_lines(der)).collect();
        let svid = Svid::from_issuer(chain.into_iter().map(CertificateDer::from).collect(), backend::ring())?;
        let facts = Facts::new()
            .with("chain", lines.join("\n"))
            .with("subject", svid.subject().as_str())
            .with("thumbprint", Thumbprint::of(svid.public_key()).to_string())
            .with_some("fingerprint", svid.chain().first().map(|leaf| fingerprint(leaf)))
            .with("not_after", svid.not_after());
        Ok(Report::Lines(lines, facts))
    }
}

impl Holder {
    fn read(&self, inputs: &mut Inputs) -> Result<PublicKey, Failure> {
        if let Some(path) = &self.request {
            let request = pem::request(path, inputs)?;
            let der = request.items.first().map(Vec::as_slice).unwrap_or_default();
            let verified = CertificateRequest::verify(der, backend::ring()).about_option(&request.name)?;
            return Ok(verified.key().clone());
        }
        let Some(path) = &self.public_key else {
            return Err(Failure::Unusable("name the workload's key with --for or --request".into()));
        };
        Ok(public_key::read(&inputs.file(path)?, None)?.public_key().clone())
    }
}

/// What is presented of a chain: the authority in the bundle, if it comes last, is left out.
pub(super) fn presented(chain: &[CertificateDer<'_>]) -> Result<Vec<Vec<u8>>, SvidError> {
    let mut presented: Vec<_> = chain.iter().map(|der| der.to_vec()).collect();
    if let [_, .., last] = chain
        && Outline::read(last)?.is_root()
    {
        presented.pop();
    }
    Ok(presented)
}

const MAX_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);
