//! `aims tpm activate`.

use std::path::PathBuf;

use aims::jose::base64url;

use super::Store;
use crate::document::Activation;
use crate::failure::{About, Failure};
use crate::input::Inputs;
use crate::output::{Facts, Report};

#[derive(clap::Args, Debug)]
pub(crate) struct Activate {
    #[command(flatten)]
    store: Store,
    /// What `aims attest credential` printed; - is standard input.
    credential: PathBuf,
}

impl Activate {
    pub(super) fn run(self, inputs: &mut Inputs) -> Result<Report, Failure> {
        let input = inputs.file(&self.credential)?;
        let credential = Activation::parse(&input.text).about(&input)?;
        let (kind, Activation { id_object, encrypted_secret, .. }) = (credential.kind.into(), credential);
        let secret = self.store.with_attestation_key(|tpm, _, ak| {
            tpm.activate(ak, kind, &id_object, &encrypted_secret).about(&input)
        })?;
        let secret = base64url::encode(&*secret);
        let facts = Facts::new().with("secret", secret.clone());
        Ok(Report::Lines(vec![secret], facts))
    }
}
