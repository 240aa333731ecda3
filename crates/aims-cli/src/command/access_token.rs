//! `aims token`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aims::backend;
use aims::jose::{Claims, JwkSet, Limits, Thumbprint, UnverifiedJws, json};
use aims::keys::{Algorithm, AsyncSigner, SignInput, Signer, UnixTime};
use aims::oauth::{
    AccessToken, AccessTokenIssuer, AccessTokenRequest, AccessTokenVerifier, DpopProver, DpopRequest,
    DpopTarget, DpopVerifier, NewActor, PossessionError, ResourceError, TokenBinding, TrustedIssuer,
    VerifiedAccessToken, VerifiedDpopProof,
};
use aims::proof::ReplayMemory;
use clap::Subcommand;

use super::network::NetworkArgs;
use super::{anchors, block_on, public_key, token};
use crate::algorithm;
use crate::failure::{About, Failure};
use crate::input::{Input, Inputs};
use crate::keyfile::KeyFile;
use crate::output::{Fact, Facts, Report};
use crate::time;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Shows header and claims of a token, without checking anything about them.
    Inspect {
        /// The token; @FILE reads it from a file, - from standard input.
        token: String,
    },
    /// Issues a token, as an authorization server would that has decided to.
    Issue(Box<Issue>),
    /// Makes the DPoP proof for one request with a token, by the key that the token is bound to, where it says which one that is.
    Prove(Box<Prove>),
    /// Verifies a token, with the keys of --trust or of --issuer: its issuer, for whom it is, its form and its time; and a DPoP proof, if there is one.
    ///
    /// Without a proof, who sent it is not known: a token that is bound to a key counts for its holder alone, any other for whoever has it.
    Verify(Box<Verify>),
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
    /// What the issuer's key goes by in its JWK Set. Default: what its JWK says.
    #[arg(long)]
    kid: Option<String>,
    /// The issuer, such as `https://as.example`.
    #[arg(long, value_name = "URL")]
    issuer: String,
    /// The resource that the token is for, such as `https://tools.example`.
    #[arg(long, value_name = "URI")]
    resource: String,
    /// The agent: the client that the token is issued to.
    #[arg(long, value_name = "ID")]
    client_id: String,
    /// Whom the agent acts for. Default: itself.
    #[arg(long, value_name = "ID")]
    subject: Option<String>,
    /// Who acts, where that is not the client.
    #[arg(long, value_name = "ID")]
    actor: Option<String>,
    /// What it may do, separated by spaces.
    #[arg(long)]
    scope: Option<String>,
    /// Binds the token to the holder of this public key: a JWK; - is standard input.
    #[arg(long = "for", value_name = "FILE")]
    holder: Option<PathBuf>,
    /// How long the token is good for, at most 1h.
    #[arg(long, default_value = "5m", value_parser = time::duration)]
    lifetime: Duration,
}

/// What to prove.
#[derive(clap::Args, Debug)]
pub(crate) struct Prove {
    /// The token; @FILE reads it from a file, - from standard input.
    token: String,
    /// The private key that the token is bound to: PKCS#8 in PEM or a private JWK; - is standard input.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The algorithm that the key is for, if it is not the usual one of such keys.
    #[arg(long, value_parser = algorithm::parser())]
    alg: Option<Algorithm>,
    /// The method of the request.
    #[arg(long)]
    method: String,
    /// The URL of the request, as the client calls it.
    #[arg(long)]
    url: String,
    /// The nonce that the server gave last.
    #[arg(long)]
    nonce: Option<String>,
}

/// What to verify.
#[derive(clap::Args, Debug)]
#[command(group = clap::ArgGroup::new("trusted").required(true).multiple(true))]
pub(crate) struct Verify {
    /// The token; @FILE reads it from a file, - from standard input.
    token: String,
    /// Trusts this JWK Set (- is standard input) for tokens of this issuer, such as `https://as.example=as.jwks`; may be repeated.
    #[arg(long = "trust", value_name = "ISSUER=FILE", group = "trusted", value_parser = issuer_and_file)]
    issuers: Vec<anchors::Anchor>,
    /// Trusts the keys that this issuer publishes now, such as `https://as.example`; may be repeated.
    #[arg(long = "issuer", value_name = "URL", group = "trusted")]
    followed: Vec<String>,
    #[command(flatten)]
    network: NetworkArgs,
    /// Whom tokens have to be for, such as `https://tools.example`.
    #[arg(long, value_name = "URI")]
    resource: String,
    /// The DPoP proof that came with the request; @FILE reads it from a file, - from standard input.
    #[arg(long, value_name = "PROOF", requires_all = ["method", "url"])]
    dpop: Option<String>,
    /// The method of the request that the proof came with.
    #[arg(long, requires = "dpop")]
    method: Option<String>,
    /// The URL of the request, as clients call it.
    #[arg(long, requires = "dpop")]
    url: Option<String>,
    /// Verifies as of this time, in seconds since 1970. Default: now.
    #[arg(long, value_name = "UNIXTIME")]
    at: Option<u64>,
}

impl Command {
    pub(crate) fn run(self, inputs: &mut Inputs) -> Result<Report, Failure> {
        match self {
            Self::Inspect { token } => token::inspect(&inputs.token(&token)?, UNVERIFIED),
            Self::Issue(issue) => issue.run(inputs),
            Self::Prove(prove) => prove.run(inputs),
            Self::Verify(verify) => verify.run(inputs),
        }
    }
}

impl Issue {
    fn run(self, inputs: &mut Inputs) -> Result<Report, Failure> {
        let key = KeyFile::open(&self.key, self.alg, inputs)?;
        let kid = self.kid.or(key.key_id).ok_or_else(|| {
            Failure::Unusable("the issuer's key has no identifier: give one with --kid".into())
        })?;
        let issuer = self.issuer.parse().about_option("--issuer")?;
        let issuer = AccessTokenIssuer::new(issuer, Arc::new(key.key), &kid)?;

        let subject = self.subject.as_deref().unwrap_or(&self.client_id);
        let resource = self.resource.parse().about_option("--resource")?;
        let scope = self.scope.as_deref().map(str::parse).transpose().about_option("--scope")?;
        let mut request = AccessTokenRequest::new(subject, &*self.client_id, resource)
            .scope(scope.unwrap_or_default())
            .lifetime(self.lifetime);
        if let Some(actor) = &self.actor {
            request = request.acting(NewActor::new(actor));
        }
        if let Some(path) = &self.holder {
            let holder = public_key::read(&inputs.file(path)?, None)?;
            request = request.bound_to(TokenBinding::Key(Thumbprint::of(holder.public_key())));
        }
        let token = issuer.issue(&request, time::now()?)?;
        let not_after = token.not_after();
        let token = token.into_token();
        let facts = Facts::new()
            .with("access_token", token.expose())
            .with("token_type", if self.holder.is_some() { "DPoP" } else { "Bearer" })
            .with("bearer", self.holder.is_none())
            .with("fingerprint", token.fingerprint().to_string())
            .with("not_after", not_after);
        Ok(Report::Lines(vec![token.expose().to_owned()], facts))
    }
}

impl Prove {
    fn run(self, inputs: &mut Inputs) -> Result<Report, Failure> {
        let token: AccessToken = {
            let input = inputs.token(&self.token)?;
            input.text.parse().about(&input)?
        };
        let KeyFile { key, name, .. } = KeyFile::open(&self.key, self.alg, inputs)?;
        let key = Arc::new(key);
        let target = self.url.parse::<DpopTarget>().about_option("--url")?;
        let prover = DpopProver::new(key.clone() as Arc<dyn AsyncSigner>)?;
        if bound_key(&token).is_some_and(|bound| bound != prover.thumbprint().to_string()) {
            return Err(ResourceError::from(PossessionError::OtherKey)).about_option(&name);
        }
        let mut proof = prover.proof(&self.method, &target).with_token(&token);
        if let Some(nonce) = &self.nonce {
            proof = proof.with_nonce(nonce);
        }
        let unsigned = proof.prepare(time::now()?)?;
        let signature = Signer::sign(&*key, SignInput::Message(unsigned.signing_input()))?;
        let proof = unsigned.attach(signature.as_bytes())?;
        let facts = Facts::new()
            .with("dpop", proof.as_str())
            .with("thumbprint", prover.thumbprint().to_string())
            .with("method", self.method)
            .with("url", target.as_str());
        Ok(Report::Lines(vec![proof], facts))
    }
}

impl Verify {
    fn run(self, inputs: &mut Inputs) -> Result<Report, Failure> {
        let input = inputs.token(&self.token)?;
        let token: AccessToken = input.text.parse().about(&input)?;
        let now = anchors::at(self.at)?;
        let tokens = self.verifier(inputs)?;
        if !self.followed.is_empty() {
            block_on(async { Ok(tokens.prepare(&token, now).await?) })?;
        }
        let verified = tokens.verify(&token, now).about(&input)?;
        let proof = self.proof(&token, &verified, inputs, now)?;
        Ok(Report::Facts(facts(&verified, proof.as_ref())))
    }

    fn verifier(&self, inputs: &mut Inputs) -> Result<AccessTokenVerifier, Failure> {
        let mut issuers = Vec::new();
        for (issuer, path) in &self.issuers {
            let file = inputs.file(path)?;
            let algorithms = TrustedIssuer::ALGORITHMS;
            let keys = JwkSet::parse_for(&file.text, algorithms, backend::ring()).about(&file)?;
            issuers.push(TrustedIssuer::new(issuer.parse().about_option("--trust")?, keys));
        }
        if !self.followed.is_empty() {
            let http = self.network.guarded(inputs)?;
            for issuer in &self.followed {
                let issuer = issuer.parse().about_option("--issuer")?;
                issuers.push(TrustedIssuer::following(issuer, http.clone(), backend::ring()));
            }
        }
        let mut issuers = issuers.into_iter();
        let first = issuers
            .next()
            .ok_or_else(|| Failure::Unusable("--trust or --issuer is missing: whose tokens?".into()))?;
        let resource = self.resource.parse().about_option("--resource")?;
        let builder = AccessTokenVerifier::builder(resource, first, backend::ring());
        Ok(issuers.fold(builder, aims::oauth::AccessTokenVerifierBuilder::trust).build())
    }

    /// The proof, which is by the key that the token is bound to.
    fn proof(
        &self,
        token: &AccessToken,
        verified: &VerifiedAccessToken,
        inputs: &mut Inputs,
        now: UnixTime,
    ) -> Result<Option<VerifiedDpopProof>, Failure> {
        let (Some(proof), Some(method), Some(url)) = (&self.dpop, &self.method, &self.url) else {
            return Ok(None);
        };
        let input: Input = inputs.token(proof)?;
        let target = url.parse::<DpopTarget>().about_option("--url")?;
        let proofs = DpopVerifier::builder(ReplayMemory::with_capacity(1), backend::ring()).build();
        let request = DpopRequest::new(method, &target).with_token(token);
        let proof = proofs.verify([&input.text], &request, now).about(&input)?;
        match verified.binding() {
            Some(TokenBinding::Key(key)) if key == proof.thumbprint() => Ok(Some(proof)),
            Some(_) => Err(ResourceError::from(PossessionError::OtherKey)).about(&input),
            None => Err(ResourceError::from(PossessionError::NotShown)).about(&input),
        }
    }
}

/// `cnf.jkt` of a token that is a JWT, whoever signed it: whoever verifies takes no proof by another key (DPO-6).
fn bound_key(token: &AccessToken) -> Option<String> {
    let jws = UnverifiedJws::parse(token.expose(), &Limits::new()).ok()?.peek();
    let claims = Claims::read(jws.into_untrusted_payload().0, &json::Limits::new()).ok()?;
    claims.get("cnf")?.get("jkt")?.as_str().map(Into::into)
}

/// What a verified token says, and by what it was shown to be its sender's.
fn facts(token: &VerifiedAccessToken, proof: Option<&VerifiedDpopProof>) -> Facts {
    let note = match (token.binding(), proof) {
        (_, Some(_)) => {
            "verified, and shown by its holder, if the proof was not used before: this run remembers no earlier one"
        }
        (Some(_), None) => "verified; who presents it has yet to prove that it holds the key",
        (None, None) => "verified, a BEARER token: it may have been sent by whoever got hold of it",
    };
    let actors = token.actors().iter().map(|actor| actor.subject().into_owned()).collect();
    let facts = Facts::new()
        .note(note)
        .with("verified", true)
        .with("bearer", token.binding().is_none())
        .with("shown", proof.is_some())
        .with("issuer", token.issuer().as_str())
        .with("subject", &*token.subject())
        .with("client_id", &*token.client_id())
        .with("autonomous", token.is_autonomous())
        .with("actors", Fact::Texts(actors))
        .with("resource", token.resource().as_str())
        .with("scope", token.scope().as_str());
    let facts = match token.binding() {
        Some(TokenBinding::Key(key)) => facts.with("thumbprint", key.to_string()),
        Some(TokenBinding::Certificate(hash)) => {
            facts.with("certificate", aims::jose::base64url::encode(hash))
        }
        _ => facts,
    };
    facts
        .with_some("jti", token.token_id().as_deref())
        .with("fingerprint", token.fingerprint().to_string())
        .with("not_after", token.not_after())
        .with("claims", token.claims().clone())
}

fn issuer_and_file(text: &str) -> Result<anchors::Anchor, String> {
    let (issuer, file) =
        text.split_once('=').ok_or("an issuer and a file, such as https://as.example=as.jwks")?;
    Ok((issuer.into(), file.into()))
}

const UNVERIFIED: &str =
    "UNVERIFIED: anybody could have written this; `aims token verify` checks it, with --trust or --issuer";
