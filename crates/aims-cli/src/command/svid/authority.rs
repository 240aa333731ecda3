//! `aims svid authority`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aims::credential::x509::SvidIssuer;
use aims::id::Origin;
use aims::keys::Algorithm;

use super::issue::presented;
use crate::algorithm;
use crate::command::certificate::Outline;
use crate::failure::{About, Failure};
use crate::input::Inputs;
use crate::keyfile::KeyFile;
use crate::output::{Facts, Report};
use crate::pem;
use crate::time;

/// Whose certificate to make.
#[derive(clap::Args, Debug)]
pub(crate) struct Authority {
    /// The authority's private key: PKCS#8 in PEM or a private JWK; - is standard input.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The algorithm that the authority's key is for, if it is not the usual one of such keys.
    #[arg(long, value_parser = algorithm::parser())]
    alg: Option<Algorithm>,
    /// The authority's scheme and trust domain, such as `spiffe://acme.example`.
    #[arg(long)]
    origin: String,
    /// How long the certificate is good for; below another authority, not beyond its end.
    #[arg(long, default_value = "8760h", value_parser = time::duration)]
    lifetime: Duration,
    /// The certificate of the authority above, and after it those that lead to the one in the bundle, in PEM or DER. Without
    /// it, the certificate is signed by its own key, and goes into the bundle.
    #[arg(long, value_name = "FILE", requires = "below_key")]
    below: Option<PathBuf>,
    /// The private key of the authority above.
    #[arg(long, value_name = "FILE", requires = "below")]
    below_key: Option<PathBuf>,
}

impl Authority {
    pub(super) fn run(self, inputs: &mut Inputs) -> Result<Report, Failure> {
        let origin: Origin = self.origin.parse().about_option("--origin")?;
        let key = Arc::new(KeyFile::open(&self.key, self.alg, inputs)?.key);
        let now = time::now()?;
        let chain = match (&self.below, &self.below_key) {
            (Some(below), Some(below_key)) => {
                let below = pem::certificates(below, inputs)?;
                let above = Arc::new(KeyFile::open(below_key, None, inputs)?.key);
                let above = SvidIssuer::new(origin, above, below.items).about_option(&below.name)?;
                presented(above.intermediate(key, self.lifetime, now)?.chain())?
            }
            _ => vec![SvidIssuer::root(origin, key, self.lifetime, now)?.authority()?.der().to_vec()],
        };
        let lines: Vec<_> = chain.iter().flat_map(|der| pem::certificate_lines(der)).collect();
        let text = lines.join("\n");
        let own = chain.first().map(Vec::as_slice).unwrap_or_default();
        let facts = Facts::new().with("chain", text).with_all(Outline::read(own)?.facts());
        Ok(Report::Lines(lines, facts))
    }
}
