//! `aims jwk`.

use std::path::PathBuf;

use aims::jose::{Jwk, JwkSet, Thumbprint};
use aims::keys::Algorithm;
use clap::Subcommand;

use super::public_key::{self, Document};
use crate::algorithm;
use crate::failure::{About, Failure};
use crate::input::Inputs;
use crate::output::{Fact, Facts, Report};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Shows a public key, or every key of a set and which would be left out.
    Inspect {
        /// A JWK or a JWK Set; - is standard input.
        file: PathBuf,
        #[command(flatten)]
        bound: Bound,
    },
    /// Puts public keys together into a JWK Set.
    Set {
        /// JWKs; - is standard input.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        #[command(flatten)]
        bound: Bound,
    },
    /// Prints the SHA-256 thumbprint of a public key (RFC 7638).
    Thumbprint {
        /// A JWK; - is standard input.
        file: PathBuf,
        /// Prints the URI form (RFC 9278).
        #[arg(long)]
        uri: bool,
        #[command(flatten)]
        bound: Bound,
    },
    /// Checks that a public key, or every key of a set, passes all checks.
    Verify {
        /// A JWK or a JWK Set; - is standard input.
        file: PathBuf,
        /// The thumbprint that the key must have, in either form; a set must have such a key.
        #[arg(long)]
        thumbprint: Option<String>,
        #[command(flatten)]
        bound: Bound,
    },
}

/// What keys are for that do not say it.
#[derive(clap::Args, Debug)]
pub(crate) struct Bound {
    /// The algorithm that the keys are for. Default: what they say; else what their curve stands for, PS256 for RSA.
    #[arg(long, value_parser = algorithm::parser())]
    alg: Option<Algorithm>,
}

impl Command {
    pub(crate) fn run(self, inputs: &mut Inputs) -> Result<Report, Failure> {
        match self {
            Self::Inspect { file, bound } => {
                Ok(Report::Facts(inspect(&Document::read(&inputs.file(&file)?, bound.alg)?)))
            }
            Self::Set { files, bound } => {
                let mut keys = Vec::new();
                for file in files {
                    keys.push(public_key::read(&inputs.file(&file)?, bound.alg)?);
                }
                Ok(Report::Document(JwkSet::new(keys)?.to_json()))
            }
            Self::Thumbprint { file, uri, bound } => {
                let thumbprint = public_key::read(&inputs.file(&file)?, bound.alg)?.thumbprint();
                let line = if uri { thumbprint.to_uri() } else { thumbprint.to_string() };
                let facts =
                    Facts::new().with("thumbprint", thumbprint.to_string()).with("uri", thumbprint.to_uri());
                Ok(Report::Lines(vec![line], facts))
            }
            Self::Verify { file, thumbprint, bound } => {
                let input = inputs.file(&file)?;
                verify(Document::read(&input, bound.alg)?, thumbprint.as_deref()).about(&input)
            }
        }
    }
}

fn inspect(document: &Document) -> Facts {
    match document {
        Document::One(jwk) => public_key::facts(jwk),
        Document::Set(set) => {
            let used = set.iter().flatten().map(public_key::facts).collect();
            let skipped = set.iter().enumerate().filter_map(|(index, key)| {
                let reason = key.as_ref().err()?;
                let facts = Facts::new()
                    .with("index", Fact::Number(index as u64))
                    .with("code", reason.code())
                    .with("rule", reason.rule());
                Some(facts.with("message", reason.to_string()))
            });
            Facts::new().with("keys", Fact::Each(used)).with("skipped", Fact::Each(skipped.collect()))
        }
    }
}

fn verify(document: Document, thumbprint: Option<&str>) -> Result<Report, Failure> {
    let wanted = thumbprint.map(read_thumbprint).transpose()?;
    let keys = match document {
        Document::One(jwk) => vec![jwk],
        Document::Set(set) => set.into_iter().collect::<Result<Vec<Jwk>, _>>()?,
    };
    let found = |wanted: &Thumbprint| keys.iter().any(|key| key.thumbprint() == *wanted);
    if wanted.is_some_and(|wanted| !found(&wanted)) {
        return Err(Failure::refused("thumbprint_mismatch", "JO-KEY-09", "the thumbprint is another"));
    }
    // Two keys of one name are refused here.
    let keys = JwkSet::new(keys)?;
    Ok(Report::Facts(Facts::new().with("verified", Fact::Each(keys.iter().map(public_key::facts).collect()))))
}

fn read_thumbprint(text: &str) -> Result<Thumbprint, Failure> {
    let thumbprint = if text.starts_with("urn:") { Thumbprint::from_uri(text) } else { text.parse() };
    thumbprint.about_option("--thumbprint")
}
