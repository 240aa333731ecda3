//! `aims attest credential`.

use std::path::PathBuf;
use std::time::Duration;

use aims::backend;
use aims::keys::UnixTime;
use aims_attest::tpm::{EndorsementRoots, EndorsementVerifier, Enrolment};

use crate::document::{self, EndorsementKey, Kind, Provision};
use crate::failure::{About, Failure};
use crate::input::Inputs;
use crate::output::Report;
use crate::{hex, pem, private_file, time};

/// Whom to believe about who made the TPM, and what its machine says.
#[derive(clap::Args, Debug)]
pub(crate) struct Credential {
    /// The authorities of the manufacturers whose TPMs are believed, in PEM or DER.
    #[arg(long, value_name = "FILE")]
    roots: PathBuf,
    /// What this set of authorities goes by in records. Default: the SHA-256 of their certificates.
    #[arg(long, value_name = "ID")]
    roots_id: Option<String>,
    /// Certificates between those of the authorities and that of the TPM, in PEM or DER; may be repeated.
    #[arg(long, value_name = "FILE")]
    intermediates: Vec<PathBuf>,
    /// Refuses the TPM with this endorsement key: SHA-256 of its `SubjectPublicKeyInfo` in hexadecimal digits; may be repeated.
    #[arg(long, value_name = "SHA256", value_parser = hex::sha256)]
    deny: Vec<[u8; 32]>,
    /// What `aims tpm provision` wrote; - is standard input.
    #[arg(long, value_name = "FILE")]
    provision: PathBuf,
    /// Which endorsement key to take. Default: the first that has a certificate.
    #[arg(long, value_enum)]
    endorsement: Option<Kind>,
    /// The file in which the enrolment waits for its secret, for its owner to read alone.
    #[arg(long, value_name = "FILE")]
    pending: PathBuf,
    /// Replaces the file if there is one: what waits in it is lost.
    #[arg(long)]
    force: bool,
    /// How long the enrolment waits, at most 10m.
    #[arg(long, default_value = "60s", value_parser = lifetime)]
    lifetime: Duration,
}

impl Credential {
    pub(super) fn run(self, inputs: &mut Inputs) -> Result<Report, Failure> {
        private_file::check(&self.pending, self.force)?;
        let roots = self.roots(inputs)?;
        let input = inputs.file(&self.provision)?;
        let provision = Provision::read(&input)?;
        let key = self.key(&provision).about(&input)?;
        let mut chain: Vec<Vec<u8>> = key.certificate.clone().into_iter().collect();
        if !chain.is_empty() {
            for path in &self.intermediates {
                chain.extend(pem::certificates(path, inputs)?.items.iter().map(|der| der.to_vec()));
            }
        }

        let verifier = EndorsementVerifier::builder(roots, backend::ring()).deny(self.deny).build();
        let enrolment = Enrolment::new(verifier).with_lifetime(self.lifetime);
        let now: UnixTime = time::now()?;
        let begun = enrolment.begin(&chain, &key.public, &provision.ak_public, now);
        let (credential, pending) = begun.about(&input)?;
        private_file::write(&self.pending, &pending.expose_json(), self.force)?;
        Ok(Report::Document(document::write_activation(key.kind, &credential, pending.expires())))
    }

    fn roots(&self, inputs: &mut Inputs) -> Result<EndorsementRoots, Failure> {
        let read = pem::certificates(&self.roots, inputs)?;
        let id = self.roots_id.clone().unwrap_or_else(|| {
            let all: Vec<u8> = read.items.iter().flat_map(|der| der.to_vec()).collect();
            format!("sha256:{}", hex::encode(&backend::ring().sha256(&all)))
        });
        EndorsementRoots::new(id, read.items).about_option(&read.name)
    }

    fn key<'a>(&self, provision: &'a Provision) -> Result<&'a EndorsementKey, Failure> {
        let keys = &provision.endorsement_keys;
        let found = match self.endorsement {
            Some(kind) => keys.iter().find(|key| key.kind == kind),
            // Without a certificate in any, the verifier says what is missing.
            None => keys.iter().find(|key| key.certificate.is_some()).or(keys.first()),
        };
        let missing = "the TPM has no such endorsement key";
        found.ok_or_else(|| Failure::refused("no_endorsement_key", "TPM-29", missing))
    }
}

fn lifetime(text: &str) -> Result<Duration, String> {
    let lifetime = time::duration(text)?;
    if lifetime <= MAX_LIFETIME { Ok(lifetime) } else { Err("an enrolment waits at most 10m".into()) }
}

const MAX_LIFETIME: Duration = Duration::from_secs(600);
