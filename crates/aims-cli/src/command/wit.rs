//! `aims wit`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aims::backend;
use aims::credential::{VerifiedWit, Wit, WitIssuer, WitRequest};
use aims::id::{Origin, WorkloadId};
use aims::jose::Thumbprint;
use aims::keys::Algorithm;
use clap::Subcommand;

use super::trust::{Profile, Trust};
use super::{public_key, token};
use crate::algorithm;
use crate::failure::{About, Failure};
use crate::input::Inputs;
use crate::keyfile::KeyFile;
use crate::output::{Facts, Report};
use crate::time;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Shows header and claims of a token, without checking anything about them.
    Inspect {
        /// The token; @FILE reads it from a file, - from standard input.
        token: String,
    },
    /// Issues a token.
    ///
    /// It does not ask the workload for a proof that it holds the key: see to that first.
    Issue(Box<Issue>),
    /// Verifies a token: its issuer, its form and its time.
    ///
    /// A verified token is not yet an authenticated caller, since tokens are copied easily: it becomes one with a proof by
    /// its key, which `aims wpt verify` checks.
    Verify {
        /// The token; @FILE reads it from a file, - from standard input.
        token: String,
        #[command(flatten)]
        trust: Trust,
    },
}

/// What to issue.
#[derive(clap::Args, Debug)]
pub(crate) struct Issue {
    /// The issuer's private key: PKCS#8 in PEM or a private JWK; - is standard input.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The algorithm that the issuer's key is for, if it is not the usual one of such keys.
    #[arg(long, value_parser = algorithm::parser())]
    alg: Option<Algorithm>,
    /// What the issuer's key goes by in the trust bundle. Default: what its JWK says.
    #[arg(long)]
    kid: Option<String>,
    /// The issuer's scheme and trust domain, such as `spiffe://acme.example`.
    #[arg(long)]
    origin: String,
    /// The workload.
    #[arg(long, value_name = "ID")]
    subject: String,
    /// The workload's public key: a JWK; - is standard input.
    #[arg(long = "for", value_name = "FILE")]
    holder: PathBuf,
    /// How long the token is good for, at most 24h.
    #[arg(long, default_value = "1h", value_parser = time::duration)]
    lifetime: Duration,
    /// `iss`: the URI of the issuer, for audit.
    #[arg(long, value_name = "URI")]
    issuer: Option<String>,
    /// Adds a claim of the deployment, a string; may be repeated.
    #[arg(long = "claim", value_name = "NAME=TEXT", value_parser = claim)]
    claims: Vec<(String, String)>,
    /// The profile that the token follows.
    #[arg(long, value_enum, default_value_t)]
    profile: Profile,
}

impl Command {
    pub(crate) fn run(self, inputs: &mut Inputs) -> Result<Report, Failure> {
        match self {
            Self::Inspect { token } => token::inspect(&inputs.token(&token)?, UNVERIFIED),
            Self::Issue(issue) => issue.run(inputs),
            Self::Verify { token, trust } => {
                let token = inputs.token(&token)?;
                Ok(Report::Facts(facts(&trust.verify(&token, inputs)?)))
            }
        }
    }
}

impl Issue {
    fn run(self, inputs: &mut Inputs) -> Result<Report, Failure> {
        let origin: Origin = self.origin.parse().about_option("--origin")?;
        let subject: WorkloadId = self.subject.parse().about_option("--subject")?;
        let key = KeyFile::open(&self.key, self.alg, inputs)?;
        let holder = public_key::read(&inputs.file(&self.holder)?, None)?;
        let kid = self.kid.or(key.key_id).ok_or_else(|| {
            Failure::Unusable("the issuer's key has no identifier: give one with --kid".into())
        })?;

        let mut issuer =
            WitIssuer::new(origin, Arc::new(key.key), &kid)?.with_profile(self.profile.into())?;
        if let Some(uri) = self.issuer {
            issuer = issuer.with_issuer(uri);
        }
        let mut request = WitRequest::new(&subject, holder.public_key()).lifetime(self.lifetime);
        for (name, value) in &self.claims {
            request = request.claim(name, value);
        }
        let token = issuer.sign(&request, time::now()?)?;
        let wit = Wit::from_issuer(&token, backend::ring())?;
        let facts = Facts::new()
            .with("wit", wit.token())
            .with("subject", wit.subject().as_str())
            .with("thumbprint", Thumbprint::of(wit.confirmation_key()).to_string())
            .with("not_after", wit.not_after());
        Ok(Report::Lines(vec![token], facts))
    }
}

/// What a verified token says.
fn facts(wit: &VerifiedWit) -> Facts {
    Facts::new()
        .note("verified; who presents it has yet to prove that it holds the key (aims wpt verify)")
        .with("verified", true)
        .with("subject", wit.subject().as_str())
        .with_some("issuer", wit.issuer())
        .with("alg", wit.algorithm().name())
        .with_some("kid", wit.key_id())
        .with("thumbprint", wit.thumbprint().to_string())
        .with("not_after", wit.not_after())
        .with("claims", wit.claims().clone())
}

fn claim(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("a name and a text, such as acme.example/team=travel")?;
    Ok((name.into(), value.into()))
}

const UNVERIFIED: &str = "UNVERIFIED: anybody could have written this; `aims wit verify` checks it";
