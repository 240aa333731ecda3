//! Who made a TPM, and which of its keys are its keys.

mod public;
mod support;
