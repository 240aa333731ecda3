//! `aims bundle issue`.

use std::path::PathBuf;
use std::time::Duration;

use aims::credential::x509::{SvidIssueError, X509Authority};
use aims::id::Origin;
use aims::jose::JwkSet;
use aims::{TrustBundle, backend};

use crate::command::certificate::Outline;
use crate::command::public_key;
use crate::failure::{About, Failure};
use crate::input::Inputs;
use crate::output::Report;
use crate::pem;
use crate::time;

/// What to put into the bundle.
#[derive(clap::Args, Debug)]
pub(crate) struct Issue {
    /// The scheme and trust domain whose bundle it is, such as `spiffe://acme.example`.
    #[arg(long)]
    origin: String,
    /// Certificates of authorities, in PEM or DER; - is standard input. May be repeated.
    #[arg(long = "authority", value_name = "FILE")]
    authorities: Vec<PathBuf>,
    /// A key that signs JWT-SVIDs: a JWK with `kid`; - is standard input. May be repeated.
    #[arg(long = "jwt-key", value_name = "FILE")]
    jwt_keys: Vec<PathBuf>,
    /// A key that signs WITs: a JWK with `kid`; - is standard input. May be repeated.
    #[arg(long = "wit-key", value_name = "FILE")]
    wit_keys: Vec<PathBuf>,
    /// The number of this edition; larger than that of the last one.
    #[arg(long, value_name = "NUMBER")]
    sequence: Option<u64>,
    /// How often to look for a new edition, such as 5m.
    #[arg(long, value_name = "DURATION", value_parser = time::duration)]
    refresh_hint: Option<Duration>,
}

impl Issue {
    pub(super) fn run(self, inputs: &mut Inputs) -> Result<Report, Failure> {
        let origin: Origin = self.origin.parse().about_option("--origin")?;
        let mut authorities = Vec::new();
        for path in &self.authorities {
            let file = pem::certificates(path, inputs)?;
            for der in &file.items {
                authorities.push(authority(der, &origin).about_option(&file.name)?);
            }
        }
        let jwt_keys = keys(&self.jwt_keys, inputs)?;
        let wit_keys = keys(&self.wit_keys, inputs)?;

        let mut bundle = TrustBundle::new(origin.clone(), wit_keys)
            .with_jwt_keys(jwt_keys)
            .with_x509_authorities(authorities);
        if let Some(sequence) = self.sequence {
            bundle = bundle.with_sequence(sequence);
        }
        if let Some(hint) = self.refresh_hint {
            bundle = bundle.with_refresh_hint(hint);
        }
        let document = bundle.to_spiffe_json()?;
        // What is published is what every reader takes, all of it.
        let read = TrustBundle::from_spiffe_strict(origin, &document, backend::ring())?;
        match read.skipped().first() {
            Some(skipped) => Err(skipped.reason.clone().into()),
            None => Ok(Report::Document(document)),
        }
    }
}

/// Reads an authority of the trust domain.
fn authority(der: &[u8], origin: &Origin) -> Result<X509Authority, Failure> {
    let authority = X509Authority::from_der(der)?;
    if !Outline::read(der)?.fits_origin(origin.as_str()) {
        return Err(SvidIssueError::AuthorityDomain.into());
    }
    Ok(authority)
}

fn keys(paths: &[PathBuf], inputs: &mut Inputs) -> Result<JwkSet, Failure> {
    let mut keys = Vec::new();
    for path in paths {
        keys.push(public_key::read(&inputs.file(path)?, None)?);
    }
    Ok(JwkSet::new(keys)?)
}
