//! `aims oauth get refresh`.

use std::path::PathBuf;

use aims::oauth::TokenNeed;

use super::get::{Asking, Target};
use super::grant_file::{self, GrantFile};
use super::obtained::Obtained;
use crate::failure::Failure;
use crate::input::Inputs;
use crate::output::Report;

/// By which grant.
#[derive(clap::Args, Debug)]
pub(crate) struct Refresh {
    /// What the user granted, sealed: the file of --grant-out.
    #[arg(long, value_name = "FILE")]
    grant: PathBuf,
    /// The key that sealed it.
    #[arg(long, value_name = "FILE")]
    sealing_key: PathBuf,
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    asking: Asking,
}

impl Refresh {
    pub(super) fn run(self, inputs: &mut Inputs) -> Result<Report, Failure> {
        let (file, grant) = GrantFile::open(&self.grant, &self.sealing_key, inputs)?;
        let session = self.asking.session(&[], true, inputs)?;
        let need = TokenNeed::of(self.target.resource()?).scope(self.target.scope()?).by(&grant);
        let need = self.target.with_details(need, TokenNeed::details)?;
        let token = super::block_on(async { Ok(session.tokens.token(&need).await?) })?;
        // The server knows the old one no more: before anything else can fail.
        file.keep(&grant)?;
        let obtained = Obtained::token(&token).with(grant_file::facts(&grant, Some(&file)));
        self.asking.report(&session, obtained)
    }
}
