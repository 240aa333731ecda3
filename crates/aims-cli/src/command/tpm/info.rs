//! `aims tpm info`.

use aims_tpm::PcrBank;

use super::Device;
use crate::failure::Failure;
use crate::output::{Fact, Facts, Report};

#[derive(clap::Args, Debug)]
pub(crate) struct Info {
    #[command(flatten)]
    device: Device,
}

impl Info {
    pub(super) fn run(self) -> Result<Report, Failure> {
        let info = self.device.with(|tpm| Ok(tpm.info()?))?;
        let algorithms = info.algorithms.iter().map(|algorithm| algorithm.name().to_owned()).collect();
        let banks = info.banks.iter().copied().filter_map(bank_name).map(str::to_owned).collect();
        Ok(Report::Facts(
            Facts::new()
                .note("UNVERIFIED: what the TPM says of itself; evidence shows it (aims tpm quote)")
                .with("verified", false)
                .with("manufacturer", info.manufacturer)
                .with("model", info.model)
                .with("firmware", format!("{:016x}", info.firmware))
                .with("revision", Fact::Number(info.revision.into()))
                .with("algorithms", Fact::Texts(algorithms))
                .with("banks", Fact::Texts(banks)),
        ))
    }
}

/// As evidence names it.
pub(super) fn bank_name(bank: PcrBank) -> Option<&'static str> {
    aims_attest::tpm::PcrBank::from_id(bank.algorithm_id()).map(aims_attest::tpm::PcrBank::name)
}
