//! `aims tpm provision`.

use std::path::PathBuf;

use aims_tpm::{Tpm, TpmError};
use clap::ValueEnum;

use super::{Store, advice};
use crate::document::{self, EndorsementKey, Kind};
use crate::failure::Failure;
use crate::output::Report;
use crate::private_file;

#[derive(clap::Args, Debug)]
pub(crate) struct Provision {
    #[command(flatten)]
    store: Store,
    /// Asks for this endorsement key alone; may be repeated. Default: all that the TPM has.
    #[arg(long, value_enum)]
    endorsement: Vec<Kind>,
    /// The file to write, in place of standard output.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Replaces the file if there is one.
    #[arg(long)]
    force: bool,
}

impl Provision {
    pub(super) fn run(self) -> Result<Report, Failure> {
        if let Some(out) = &self.out {
            private_file::check(out, self.force)?;
        }
        let provision = self.store.with_new(|tpm, store| {
            let ak = store.attestation_key().map_err(|error| advice::store(error, &self.store.dir))?;
            let ak_public = ak.public().to_vec();
            Ok(document::Provision { endorsement_keys: self.endorsement_keys(tpm)?, ak_public })
        })?;
        super::deliver(provision.to_json(), self.out.as_deref(), self.force)
    }

    fn endorsement_keys(&self, tpm: &Tpm) -> Result<Vec<EndorsementKey>, Failure> {
        let asked: &[Kind] =
            if self.endorsement.is_empty() { Kind::value_variants() } else { &self.endorsement };
        let mut keys: Vec<EndorsementKey> = Vec::new();
        for &kind in asked {
            if keys.iter().any(|key| key.kind == kind) {
                continue;
            }
            match tpm.endorsement(kind.into()) {
                Ok(key) => {
                    keys.push(EndorsementKey { kind, public: key.public, certificate: key.certificate });
                }
                // Not every TPM has every kind.
                Err(TpmError::Unsupported) if self.endorsement.is_empty() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(keys)
    }
}
