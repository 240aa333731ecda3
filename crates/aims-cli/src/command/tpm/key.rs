//! `aims tpm key`.

use aims::jose::{Jwk, Thumbprint};
use aims::keys::store::{DeleteKeys, GenerateKeys, KeyId, KeyStore, ListKeys};
use aims::keys::{Algorithm, PublicKey};
use clap::Subcommand;

use super::Store;
use crate::algorithm;
use crate::failure::{About, Failure};
use crate::output::{Fact, Facts, Report};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Makes a key in the TPM. Nobody can copy it; it is lost with its TPM, or with its file.
    Create {
        #[command(flatten)]
        store: Store,
        /// What the key goes by: the name of its file, without its ending.
        name: String,
        /// The algorithm that the key is for: ES256, and ES384 where the TPM has P-384. Names of algorithms are written as they are registered, in capitals or not.
        #[arg(
            long = "algorithm",
            visible_alias = "alg",
            default_value = "ES256",
            value_parser = algorithm::parser()
        )]
        algorithm: Algorithm,
    },
    /// Deletes a key: its file, without which the TPM has nothing of it.
    Delete {
        #[command(flatten)]
        store: Store,
        /// What the key goes by.
        name: String,
    },
    /// Lists the keys.
    List {
        #[command(flatten)]
        store: Store,
    },
    /// Prints the public half of a key as a JWK.
    Show {
        #[command(flatten)]
        store: Store,
        /// What the key goes by.
        name: String,
        /// The identifier that the key goes by in sets of keys.
        #[arg(long)]
        kid: Option<String>,
    },
}

impl Command {
    pub(super) fn run(self) -> Result<Report, Failure> {
        match self {
            Self::Create { store, name, algorithm } => {
                let id = id(&name)?;
                let refused = |error| store.refused(error, &name);
                let key = store.with_new(|_, keys| keys.generate(&id, algorithm).map_err(refused))?;
                Ok(Report::Facts(facts(&name, key.public_key())))
            }
            Self::Delete { store, name } => {
                let id = id(&name)?;
                store.with(|_, keys| keys.delete(&id).map_err(|error| store.refused(error, &name)))?;
                Ok(Report::Facts(Facts::new().with("deleted", name)))
            }
            Self::List { store } => {
                let ids = store.with(|_, keys| Ok(keys.list()?))?;
                let names: Vec<String> = ids.iter().map(ToString::to_string).collect();
                Ok(Report::Lines(names.clone(), Facts::new().with("keys", Fact::Texts(names))))
            }
            Self::Show { store, name, kid } => {
                let id = id(&name)?;
                let key =
                    store.with(|_, keys| keys.open(&id).map_err(|error| store.refused(error, &name)))?;
                let mut jwk = Jwk::new(key.public_key().clone());
                if let Some(kid) = kid {
                    jwk = jwk.with_key_id(&kid)?;
                }
                Ok(Report::Document(jwk.to_json()))
            }
        }
    }
}

fn id(name: &str) -> Result<KeyId, Failure> {
    name.parse().about_option("NAME")
}

fn facts(name: &str, key: &PublicKey) -> Facts {
    Facts::new()
        .with("name", name)
        .with("alg", key.algorithm().name())
        .with("thumbprint", Thumbprint::of(key).to_string())
}
