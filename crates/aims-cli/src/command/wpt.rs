//! `aims wpt`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aims::backend;
use aims::credential::{Holder, Wit};
use aims::keys::{SignInput, Signer};
use aims::proof::{
    Audiences, Authenticated, NewWpt, ReplayMemory, Target, VerifiedProof, WptRequest, WptVerifier,
};
use clap::Subcommand;

use super::trust::Trust;
use super::{context, token};
use crate::failure::{About, Failure};
use crate::input::Inputs;
use crate::keyfile::KeyFile;
use crate::output::{Fact, Facts, Report};
use crate::time;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Shows header and claims of a proof, without checking anything about them.
    Inspect {
        /// The proof; @FILE reads it from a file, - from standard input.
        token: String,
    },
    /// Makes a proof for one request.
    New(Box<New>),
    /// Verifies a WIT and the proof that goes with it: the caller is who the WIT says.
    ///
    /// Which proofs were used is remembered for this run only, so a proof that was used elsewhere is not noticed.
    Verify(Box<Verify>),
}

/// What to prove.
#[derive(clap::Args, Debug)]
pub(crate) struct New {
    /// The workload's private key: PKCS#8 in PEM or a private JWK; - is standard input.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The WIT that goes with the request; - is standard input.
    #[arg(long, value_name = "FILE")]
    wit: PathBuf,
    /// Whom the proof is for: of an HTTP request the target URI, without query and fragment.
    #[arg(long, value_name = "URI")]
    audience: String,
    /// How long the proof can be accepted, at most 5m.
    #[arg(long, default_value = "60s", value_parser = time::duration)]
    lifetime: Duration,
    /// The transaction token that goes with the request; - is standard input.
    #[arg(long, value_name = "FILE")]
    txn_token: Option<PathBuf>,
    /// Another token that goes with the request, in the field NAME; @FILE reads it from a file, - from standard input.
    /// May be repeated.
    #[arg(long, value_name = "NAME=VALUE", value_parser = context::parse)]
    context: Vec<context::Field>,
}

/// What to verify.
#[derive(clap::Args, Debug)]
pub(crate) struct Verify {
    /// The proof; @FILE reads it from a file, - from standard input.
    token: String,
    /// The WIT that came with the request; - is standard input.
    #[arg(long, value_name = "FILE")]
    wit: PathBuf,
    #[command(flatten)]
    trust: Trust,
    /// Who received the request: with --path a scheme and authority such as `https://tools.example`, without it the
    /// exact audience.
    #[arg(long, value_name = "AUDIENCE")]
    audience: String,
    /// The path of the HTTP request as received, without the query.
    #[arg(long)]
    path: Option<String>,
    /// The transaction token that came with the request; - is standard input.
    #[arg(long, value_name = "FILE")]
    txn_token: Option<PathBuf>,
    /// Another token that came with the request and is relied on, in the field NAME; @FILE reads it from a file, - from
    /// standard input. May be repeated.
    #[arg(long, value_name = "NAME=VALUE", value_parser = context::parse)]
    context: Vec<context::Field>,
}

impl Command {
    pub(crate) fn run(self, inputs: &mut Inputs) -> Result<Report, Failure> {
        match self {
            Self::Inspect { token } => token::inspect(&inputs.token(&token)?, UNVERIFIED),
            Self::New(new) => new.run(inputs),
            Self::Verify(verify) => verify.run(inputs),
        }
    }
}

impl New {
    fn run(self, inputs: &mut Inputs) -> Result<Report, Failure> {
        let is_http = self.audience.starts_with("https://") || self.audience.starts_with("http://");
        if is_http && self.audience.contains(['?', '#']) {
            return Err(Failure::Unusable("--audience: leave out the query and the fragment".into()));
        }
        let wit_file = inputs.file(&self.wit)?;
        let wit = Wit::from_issuer(&wit_file.text, backend::ring()).about(&wit_file)?;
        // The name of the algorithm is the WIT's to say; a key that is not of this kind is not its key either.
        let algorithm = Some(wit.confirmation_key().algorithm());
        let KeyFile { key, name, .. } = KeyFile::open(&self.key, algorithm, inputs)?;
        let key = Arc::new(key);
        Holder::new(wit.clone(), key.clone()).about_option(&name)?;
        let txn_token = self.txn_token.map(|path| inputs.file(&path)).transpose()?;
        let context = context::read(&self.context, inputs)?;

        let mut proof = NewWpt::new(&self.audience).lifetime(self.lifetime);
        if let Some(txn_token) = &txn_token {
            proof = proof.txn_token(&txn_token.text);
        }
        for (name, value) in context::pairs(&context) {
            proof = proof.context(name, value);
        }
        let unsigned = proof.prepare(&wit, time::now()?)?;
        let signature = Signer::sign(&*key, SignInput::Message(unsigned.signing_input()))?;
        let token = unsigned.attach(signature.as_bytes())?;
        let facts = Facts::new().with("wpt", token.as_str()).with("subject", wit.subject().as_str());
        Ok(Report::Lines(vec![token], facts.with("audience", self.audience)))
    }
}

impl Verify {
    fn run(self, inputs: &mut Inputs) -> Result<Report, Failure> {
        let (audiences, target) = match &self.path {
            Some(path) => (Audiences::http(&self.audience), Target::HttpPath(path)),
            None => (Audiences::exact(&self.audience), Target::Exact),
        };
        let audiences = audiences.about_option("--audience")?;
        let token = inputs.token(&self.token)?;
        let wit = self.trust.verify(&inputs.file(&self.wit)?, inputs)?;
        let txn_token = self.txn_token.map(|path| inputs.file(&path)).transpose()?;
        let context = context::read(&self.context, inputs)?;

        let pairs = context::pairs(&context);
        let mut builder = WptVerifier::builder(audiences, ReplayMemory::with_capacity(1));
        for (name, _) in &pairs {
            builder = builder.context_field(name);
        }
        let request = WptRequest::new(&token.text, target)
            .txn_token(txn_token.as_ref().map(|input| input.text.as_str()))
            .context(&pairs);
        let proof = builder.build().verify(&wit, &request, self.trust.now()?).about(&token)?;
        Ok(Report::Facts(facts(&proof, &pairs)))
    }
}

/// Who called, and what the proof covers.
fn facts(proof: &VerifiedProof, context: &[(&str, &str)]) -> Facts {
    let caller = Authenticated::by_wpt(proof);
    let covered = context.iter().filter(|(name, _)| proof.context(&name.to_ascii_lowercase()).is_some());
    Facts::new()
        .note("authenticated, if the proof was not used before: this run remembers no earlier one")
        .with("verified", true)
        .with("replay_memory", "this run")
        .with("subject", caller.subject().as_str())
        .with("method", caller.method().name())
        .with("layer", caller.layer().name())
        .with("audience", proof.audience())
        .with("jti", proof.id())
        .with("covers_txn_token", proof.txn_token().is_some())
        .with("covers_context", Fact::Texts(covered.map(|(name, _)| (*name).to_owned()).collect()))
        .with("proof_not_after", proof.proof_not_after())
        .with("not_after", caller.not_after())
}

const UNVERIFIED: &str = "UNVERIFIED: anybody could have written this; `aims wpt verify` checks it";
