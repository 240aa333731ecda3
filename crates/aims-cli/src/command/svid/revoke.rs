//! `aims svid revoke`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aims::credential::x509::{NewRevocationList, SvidIssuer};
use aims::id::Origin;
use aims::keys::{Algorithm, UnixTime};

use crate::algorithm;
use crate::failure::{About, Failure};
use crate::input::Inputs;
use crate::keyfile::KeyFile;
use crate::output::{Fact, Facts, Report};
use crate::pem;
use crate::time;

/// What to revoke.
#[derive(clap::Args, Debug)]
pub(crate) struct Revoke {
    /// The authority's private key: PKCS#8 in PEM or a private JWK; - is standard input.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The algorithm that the authority's key is for, if it is not the usual one of such keys.
    #[arg(long, value_parser = algorithm::parser())]
    alg: Option<Algorithm>,
    /// The authority's certificate, in PEM or DER; - is standard input.
    #[arg(long, value_name = "FILE")]
    authority: PathBuf,
    /// The authority's scheme and trust domain, such as `spiffe://acme.example`.
    #[arg(long)]
    origin: String,
    /// The number of the list; larger than that of any list that the authority made before.
    #[arg(long, value_name = "NUMBER")]
    number: u64,
    /// Revokes the certificate with this serial number, in hexadecimal digits, since a time in seconds since 1970 (default:
    /// now); may be repeated.
    #[arg(long = "serial", value_name = "SERIAL[=UNIXTIME]", value_parser = serial)]
    serials: Vec<(String, Option<u64>)>,
    /// How long the list counts. Without a successor by then, every certificate of the authority is refused.
    #[arg(long, default_value = "24h", value_parser = time::duration)]
    lifetime: Duration,
}

impl Revoke {
    pub(super) fn run(self, inputs: &mut Inputs) -> Result<Report, Failure> {
        let origin: Origin = self.origin.parse().about_option("--origin")?;
        let key = KeyFile::open(&self.key, self.alg, inputs)?.key;
        let authority = pem::certificates(&self.authority, inputs)?;
        let issuer = SvidIssuer::new(origin, Arc::new(key), authority.items).about_option(&authority.name)?;
        let now = time::now()?;
        let mut list = NewRevocationList::new(self.number).lifetime(self.lifetime);
        for (serial, since) in &self.serials {
            list = list.revoke(serial, since.map_or(now, UnixTime::from_secs));
        }
        let list = issuer.sign_list(&list, now)?;
        let lines = pem::list_lines(list.der());
        let facts = Facts::new()
            .with("revocation_list", lines.join("\n"))
            .with("number", Fact::Number(self.number))
            .with("revoked", Fact::Number(list.len() as u64))
            .with("not_after", list.not_after());
        Ok(Report::Lines(lines, facts))
    }
}

fn serial(text: &str) -> Result<(String, Option<u64>), String> {
    let Some((serial, since)) = text.split_once('=') else { return Ok((text.into(), None)) };
    let since = since
        .parse()
        .map_err(|_| "a serial number and a time in seconds since 1970, such as 1f=1790000000")?;
    Ok((serial.into(), Some(since)))
}
