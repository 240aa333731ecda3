#![cfg(test)]
//! Evidence, appraisals, selectors.

mod appraisal;
mod binding;
mod file;
mod policy;
mod proven;
mod selector;
mod support;
mod tpm;
mod tpm_endorsement;
mod unix;
