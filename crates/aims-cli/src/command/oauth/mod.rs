//! `aims oauth`.

mod ask;
mod binding;
mod client;
mod client_credentials;
mod code;
mod discover;
mod exchange;
mod findings;
mod get;
mod grant_file;
mod jwt_bearer;
mod obtained;
mod redirect;
mod refresh;
mod subject_token;

use clap::Subcommand;

use crate::command::block_on;
use crate::failure::Failure;
use crate::input::Inputs;
use crate::output::Report;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Walks from a resource to the authorization servers that its tokens come from, and says what it finds, and what is wrong.
    ///
    /// Nothing is sent that says who asks. What is weak is a warning; the program ends with 1 where a client would get no further.
    Discover(discover::Discover),
    /// Gets a token. It goes to the file of --out, or with --show-token to standard output; without either it is not kept.
    #[command(subcommand)]
    Get(get::Command),
}

impl Command {
    pub(crate) fn run(self, inputs: &mut Inputs, json: bool) -> Result<Report, Failure> {
        match self {
            Self::Discover(discover) => discover.run(inputs, json),
            Self::Get(get) => get.run(inputs, json),
        }
    }
}
