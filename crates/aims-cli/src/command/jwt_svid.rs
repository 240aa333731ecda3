//! `aims jwt-svid`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aims::credential::{JwtSvid, JwtSvidIssuer, JwtSvidRequest, JwtSvidVerifier, VerifiedJwtSvid};
use aims::id::{SpiffeId, TrustDomain};
use aims::keys::Algorithm;
use clap::Subcommand;

use super::anchors::Bundles;
use super::token;
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
    /// Issues a token: whoever has it is taken for the workload, so it is as secret as a password.
    Issue(Box<Issue>),
    /// Verifies a token: its issuer, its form, its audience and its time.
    ///
    /// Who sent it is not known by that: it is a bearer token, which the workload had, and each of its audiences.
    Verify {
        /// The token; @FILE reads it from a file, - from standard input.
        token: String,
        /// Whom tokens have to be for.
        #[arg(long, value_name = "AUDIENCE")]
        audience: String,
        #[command(flatten)]
        bundles: Bundles,
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
    /// The issuer's trust domain, such as `acme.example`.
    #[arg(long, value_name = "NAME")]
    trust_domain: String,
    /// The workload.
    #[arg(long, value_name = "ID")]
    subject: String,
    /// Whom the token is for; each of several can show it to the others.
    #[arg(long = "audience", value_name = "AUDIENCE", required = true)]
    audiences: Vec<String>,
    /// How long the token is good for, at most 1h.
    #[arg(long, default_value = "5m", value_parser = time::duration)]
    lifetime: Duration,
    /// `iss`: the URI of the issuer, for verifiers that look up keys by it.
    #[arg(long, value_name = "URI")]
    issuer: Option<String>,
}

impl Command {
    pub(crate) fn run(self, inputs: &mut Inputs) -> Result<Report, Failure> {
        match self {
            Self::Inspect { token } => token::inspect(&inputs.token(&token)?, UNVERIFIED),
            Self::Issue(issue) => issue.run(inputs),
            Self::Verify { token, audience, bundles } => {
                let token = inputs.token(&token)?;
                let given = bundles.read(inputs, &[])?;
                let verifier = JwtSvidVerifier::builder(given.bundles.clone(), audience).build();
                let svid = verifier.verify(&token.text, given.now).about(&token)?;
                given.check_subject(svid.subject().as_workload_id()).about(&token)?;
                Ok(Report::Facts(facts(&svid)))
            }
        }
    }
}

impl Issue {
    fn run(self, inputs: &mut Inputs) -> Result<Report, Failure> {
        let trust_domain: TrustDomain = self.trust_domain.parse().about_option("--trust-domain")?;
        let subject: SpiffeId = self.subject.parse().about_option("--subject")?;
        let key = KeyFile::open(&self.key, self.alg, inputs)?;
        let kid = self.kid.or(key.key_id).ok_or_else(|| {
            Failure::Unusable("the issuer's key has no identifier: give one with --kid".into())
        })?;

        let mut issuer = JwtSvidIssuer::new(trust_domain, Arc::new(key.key), &kid)?;
        if let Some(uri) = self.issuer {
            issuer = issuer.with_issuer(uri);
        }
        let Some((first, rest)) = self.audiences.split_first() else {
            return Err(Failure::Unusable("--audience: whom is the token for?".into()));
        };
        let request = JwtSvidRequest::new(&subject, first).lifetime(self.lifetime);
        let request = rest.iter().fold(request, |request, audience| request.and_audience(audience));
        let token = issuer.sign(&request, time::now()?)?;
        let svid = JwtSvid::from_issuer(&token)?;
        let facts = Facts::new()
            .with("jwt_svid", svid.token())
            .with("bearer", true)
            .with("subject", svid.subject().as_str())
            .with("not_after", svid.not_after());
        Ok(Report::Lines(vec![token], facts))
    }
}

/// What a verified token says.
fn facts(svid: &VerifiedJwtSvid) -> Facts {
    Facts::new()
        .note("verified, a BEARER token: it is about the workload, and may have been sent by whoever got hold of it")
        .with("verified", true)
        .with("bearer", true)
        .with("subject", svid.subject().as_str())
        .with("audience", svid.audience())
        .with("alg", svid.algorithm().name())
        .with_some("kid", svid.key_id())
        .with_some("jti", svid.token_id())
        .with("not_after", svid.not_after())
        .with("claims", svid.claims().clone())
}

const UNVERIFIED: &str = "UNVERIFIED: anybody could have written this; `aims jwt-svid verify` checks it";
