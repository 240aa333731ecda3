//! Tokens of others, that are exchanged.

use std::path::{Path, PathBuf};

use aims::oauth::{SecurityToken, TokenTypeUrn, TypedToken};

use crate::failure::{About, Failure};
use crate::input::Inputs;

/// The token that another is given for.
#[derive(clap::Args, Debug)]
pub(super) struct SubjectToken {
    /// The token of whom the new one shall speak; - is standard input.
    #[arg(long, value_name = "FILE")]
    subject_token_file: Option<PathBuf>,
    /// What kind of token that is: `access_token`, `id_token`, `jwt`, `refresh_token`, `txn_token`, or a URN.
    #[arg(long, value_name = "TYPE", default_value = "access_token", value_parser = kind)]
    subject_token_type: TokenTypeUrn,
}

impl SubjectToken {
    pub(super) fn read(&self, inputs: &mut Inputs) -> Result<TypedToken, Failure> {
        let path = self.subject_token_file.as_deref().ok_or_else(|| {
            Failure::Unusable("--subject-token-file is missing: of whom shall the token speak?".into())
        })?;
        Ok(TypedToken::new(token(path, inputs)?, self.subject_token_type.clone()))
    }
}

/// Reads a token, whatever its kind.
pub(super) fn token(path: &Path, inputs: &mut Inputs) -> Result<SecurityToken, Failure> {
    let file = inputs.file(path)?;
    file.text.parse().about(&file)
}

/// Reads the kind of a token, by its URN or by the end of that.
pub(super) fn kind(text: &str) -> Result<TokenTypeUrn, String> {
    let is_urn = text.contains(':');
    let urn = if is_urn { text.to_owned() } else { format!("urn:ietf:params:oauth:token-type:{text}") };
    match TokenTypeUrn::from_text(&urn) {
        TokenTypeUrn::Other(_) if !is_urn => {
            Err("such as access_token, id_token, jwt, id-jag, txn_token, or a URN".into())
        }
        kind => Ok(kind),
    }
}
