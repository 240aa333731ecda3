//! `aims svid request`.

use std::path::PathBuf;

use aims::credential::x509::CertificateRequest;
use aims::jose::Thumbprint;
use aims::keys::Algorithm;

use crate::algorithm;
use crate::failure::Failure;
use crate::input::Inputs;
use crate::keyfile::KeyFile;
use crate::output::{Facts, Report};
use crate::pem;

/// For which key.
#[derive(clap::Args, Debug)]
pub(crate) struct Request {
    /// The workload's private key: PKCS#8 in PEM or a private JWK; - is standard input.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The algorithm that the key is for, if it is not the usual one of such keys.
    #[arg(long, value_parser = algorithm::parser())]
    alg: Option<Algorithm>,
}

impl Request {
    pub(super) fn run(self, inputs: &mut Inputs) -> Result<Report, Failure> {
        let key = KeyFile::open(&self.key, self.alg, inputs)?.key;
        let der = CertificateRequest::prepare(key.public_key())?.sign(&key)?;
        let lines = pem::request_lines(&der);
        let facts = Facts::new()
            .with("request", lines.join("\n"))
            .with("thumbprint", Thumbprint::of(key.public_key()).to_string());
        Ok(Report::Lines(lines, facts))
    }
}
