//! How the client shows who it is.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use aims::backend;
use aims::credential::{JwtSvid, JwtSvidSource, JwtSvidUnavailable};
use aims::jose::json::{self, Value};
use aims::jose::{Claims, Limits, UnverifiedJws};
use aims::keys::{Algorithm, BoxFuture};
use aims::oauth::{ClientCredential, ClientKey, Issuer};
use aims::workload_api::WorkloadApi;
use aims::{CurrentCredential, Holder, Wit};

use crate::algorithm;
use crate::failure::{About, Failure};
use crate::input::{Input, Inputs};
use crate::keyfile::KeyFile;

/// Who the client is: by one of these ways, none of which is a secret that the server has too (SEC-6).
#[derive(clap::Args, Debug)]
#[command(group = clap::ArgGroup::new("method").required(true))]
pub(super) struct ClientArgs {
    /// What the server knows the client by. A WIT and a JWT-SVID say so themselves.
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,
    /// Signs with this key: PKCS#8 in PEM or a private JWK; - is standard input.
    #[arg(long, value_name = "FILE", group = "method")]
    client_key: Option<PathBuf>,
    /// The algorithm that the client's key is for, if it is not the usual one of such keys.
    #[arg(long, value_name = "ALG", value_parser = algorithm::parser(), requires = "client_key", conflicts_with = "client_wit")]
    client_alg: Option<Algorithm>,
    /// What the server knows the key by. Default: what its JWK says.
    #[arg(long, value_name = "KID", requires = "client_key", conflicts_with = "client_wit")]
    client_kid: Option<String>,
    /// Shows this WIT, and proofs with its key, the one of --client-key.
    #[arg(long, value_name = "FILE", requires = "client_key", conflicts_with = "client_id")]
    client_wit: Option<PathBuf>,
    /// Shows this JWT-SVID, which is for the server alone.
    #[arg(long, value_name = "FILE", group = "method", conflicts_with = "client_id")]
    client_jwt_svid: Option<PathBuf>,
    /// Shows JWT-SVIDs of this Workload API, such as `unix:///run/agent/api.sock`.
    #[arg(long, value_name = "URI", group = "method", requires = "client_id")]
    client_socket: Option<String>,
    /// Shows nothing: the client is a public one.
    #[arg(long, group = "method", requires = "client_id")]
    public: bool,
}

impl ClientArgs {
    pub(super) fn credential(
        &self,
        issuer: &Issuer,
        inputs: &mut Inputs,
    ) -> Result<ClientCredential, Failure> {
        if let Some(path) = &self.client_jwt_svid {
            return one_svid(&inputs.file(path)?, issuer);
        }
        if let (Some(path), Some(wit)) = (&self.client_key, &self.client_wit) {
            return workload(wit, path, inputs);
        }
        let client_id = self.client_id.as_deref().ok_or_else(|| {
            Failure::Unusable("--client-id is missing: what does the server know the client by?".into())
        })?;
        if let Some(path) = &self.client_key {
            let key = KeyFile::open(path, self.client_alg, inputs)?;
            let kid = self.client_kid.as_deref().or(key.key_id.as_deref());
            let key = ClientKey::new(client_id, Arc::new(key.key), kid).about_option("--client-kid")?;
            return Ok(ClientCredential::key(key));
        }
        if let Some(socket) = &self.client_socket {
            let api = WorkloadApi::new(&socket.parse().about_option("--client-socket")?, backend::ring());
            let client = client_id.parse().about_option("--client-id")?;
            return Ok(ClientCredential::jwt_svid(client, api));
        }
        Ok(ClientCredential::none(client_id))
    }
}

fn workload(wit: &Path, key: &Path, inputs: &mut Inputs) -> Result<ClientCredential, Failure> {
    let file = inputs.file(wit)?;
    let wit = Wit::from_issuer(&file.text, backend::ring()).about(&file)?;
    let client = wit.subject().as_str().parse().about(&file)?;
    let key = KeyFile::open(key, Some(wit.confirmation_key().algorithm()), inputs)?;
    let holder = Holder::new(wit, Arc::new(key.key)).about_option(&key.name)?;
    Ok(ClientCredential::wit_svid(client, CurrentCredential::new(holder)))
}

/// A JWT-SVID shows whoever has it as the workload: one that is for others too, or for another server, stays here (OSC-1).
fn one_svid(file: &Input, issuer: &Issuer) -> Result<ClientCredential, Failure> {
    let svid = JwtSvid::from_issuer(&file.text).about(file)?;
    let jws = UnverifiedJws::parse(svid.token(), &Limits::new()).about(file)?.peek();
    let claims = Claims::read(jws.into_untrusted_payload().0, &json::Limits::new()).about(file)?;
    let is_for = |audience: Value<'_>| match audience.as_array() {
        Some(all) => all.map(|one| one.as_str()).eq([Some(issuer.as_str().into())]),
        None => audience.as_str().as_deref() == Some(issuer.as_str()),
    };
    if !claims.audience().is_some_and(is_for) {
        let why = "the JWT-SVID is not for this server alone";
        return Err(Failure::refused("audience_mismatch", "OSC-1", why)).about(file);
    }
    Ok(ClientCredential::jwt_svid(svid.subject().clone(), OneSvid(svid)).registered_at(issuer.clone()))
}

/// The same JWT-SVID each time.
#[derive(Debug)]
struct OneSvid(JwtSvid);

impl JwtSvidSource for OneSvid {
    fn jwt_svid<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<JwtSvid, JwtSvidUnavailable>> {
        Box::pin(std::future::ready(Ok(self.0.clone())))
    }
}
