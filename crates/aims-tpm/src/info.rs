//! What a TPM says about itself.

use aims_keys::Algorithm;

use crate::pcr::PcrBank;

/// What a TPM says about itself. Nobody vouches for it: evidence does that.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct TpmInfo {
    /// Its maker, by the four letters that the TCG gave it: `IBM`, `IFX`, `INTC`.
    pub manufacturer: String,
    /// The name that its maker gave it.
    pub model: String,
    /// The version of its firmware.
    pub firmware: u64,
    /// The revision of the specification it follows, times hundred.
    pub revision: u32,
    /// The algorithms that keys can be made for.
    pub algorithms: Vec<Algorithm>,
    /// The banks of PCRs that are active.
    pub banks: Vec<PcrBank>,
}
