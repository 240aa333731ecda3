//! `aims attest credential`.

use std::path::PathBuf;
use std::time::Duration;

use aims::backend;
use aims::credential::x509::SvidError;
use aims::keys::UnixTime;
use aims_attest::tpm::{
    EndorsementError, EndorsementRoots, EndorsementVerifier, Enrolment, EnrolmentError, TpmCredentialError,
};

use crate::command::certificate::missing_issuer;
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
    /// Which endorsement key to take. Default: the first that has a certificate. Credentials are made for keys on P-256 and P-384, and for none of RSA.
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

        let verifier =
            EndorsementVerifier::builder(roots, backend::ring()).deny(self.deny.iter().copied()).build();
        let enrolment = Enrolment::new(verifier).with_lifetime(self.lifetime);
        let now: UnixTime = time::now()?;
        let begun = enrolment.begin(&chain, &key.public, &provision.ak_public, now);
        let (credential, pending) = begun.map_err(|error| self.refusal(error, key, &chain)).about(&input)?;
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

    /// In the words of the libraries, but where files, options or the other keys of the TPM say more.
    fn refusal(&self, error: EnrolmentError, key: &EndorsementKey, chain: &[Vec<u8>]) -> Failure {
        use EndorsementError as Endorsed;
        use EnrolmentError as E;

        let message = match &error {
            E::Endorsement(Endorsed::Missing) => format!(
                "the TPM has no certificate for its endorsement key {}: one that its maker publishes elsewhere goes beside the key, as \
                 `certificate` in base64url",
                key.kind.name()
            ),
            E::Endorsement(Endorsed::Chain(SvidError::UnknownIssuer)) => {
                let issuer = missing_issuer(chain).map_or_else(|| "its issuer".into(), |name| format!("{name:?}"));
                format!(
                    "the endorsement certificate does not lead to an authority in {}: looked for {issuer}; --intermediates adds \
                     certificates between",
                    self.roots.display(),
                )
            }
            E::Credential(TpmCredentialError::Encrypt(_)) => {
                "this program enrols no endorsement keys of RSA, for it encrypts nothing to them: --endorsement ecc-p256 or ecc-p384 takes \
                 another of the TPM, if that has a certificate; else an issuer does it that is built on aims-attest and the backend aws-lc"
                    .to_owned()
            }
            _ => return error.into(),
        };
        Failure::refused(error.code(), error.rule(), message)
    }

    fn key<'a>(&self, provision: &'a Provision) -> Result<&'a EndorsementKey, Failure> {
        let keys = &provision.endorsement_keys;
        let found = match self.endorsement {
            Some(kind) => keys.iter().find(|key| key.kind == kind),
            // Without a certificate in any, the verifier says what is missing.
            None => keys.iter().find(|key| key.certificate.is_some()).or(keys.first()),
        };
        found.ok_or_else(|| {
            let kinds: Vec<_> = keys.iter().map(|key| key.kind.name()).collect();
            let has = if kinds.is_empty() { "none".to_owned() } else { kinds.join(", ") };
            let missing = format!("the TPM has no such endorsement key: it has {has}");
            Failure::refused("no_endorsement_key", "TPM-29", missing)
        })
    }
}

fn lifetime(text: &str) -> Result<Duration, String> {
    let lifetime = time::duration(text)?;
    if lifetime <= MAX_LIFETIME { Ok(lifetime) } else { Err("an enrolment waits at most 10m".into()) }
}

const MAX_LIFETIME: Duration = Duration::from_secs(600);
