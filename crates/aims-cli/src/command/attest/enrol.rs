//! `aims attest enrol`.

use std::fs;
use std::path::PathBuf;

use aims::backend;
use aims::jose::base64url;
use aims_attest::tpm::PendingEnrolment;
use zeroize::Zeroizing;

use crate::failure::{About, Failure};
use crate::input::Inputs;
use crate::output::Report;
use crate::private_file::{self, Locked};
use crate::time;

/// Which enrolment, and what its TPM gave out.
#[derive(clap::Args, Debug)]
pub(crate) struct Enrol {
    /// The file that `aims attest credential` wrote; it is used up.
    #[arg(long, value_name = "FILE")]
    pending: PathBuf,
    /// What `aims tpm activate` printed; @FILE reads it from a file, - from standard input.
    #[arg(allow_hyphen_values = true)]
    secret: String,
}

impl Enrol {
    pub(super) fn run(self, inputs: &mut Inputs) -> Result<Report, Failure> {
        // Replacing is what it comes to: the file is there, and will not be.
        private_file::check(&self.pending, true)?;
        let secret = inputs.text(&self.secret)?;
        let secret = Zeroizing::new(base64url::decode(secret.text.as_bytes()).about_option("SECRET")?);
        let name = self.pending.display().to_string();
        let lock = Locked::of(&self.pending)?;
        let file = inputs.binary(&self.pending)?;
        let pending = PendingEnrolment::from_json(&file.bytes, backend::ring()).about_option(&name)?;
        // One answer, right or wrong: nobody has a second try (TPM-29).
        fs::remove_file(&self.pending).map_err(|error| Failure::io(&name, &error))?;
        drop(lock);
        let enrolled = pending.finish(&secret, time::now()?).about_option(&name)?;
        Ok(Report::Document(enrolled.to_json()))
    }
}
