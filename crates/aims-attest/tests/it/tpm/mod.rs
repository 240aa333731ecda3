//! What TPMs say, and what is made of it.

mod attest;
mod boots;
mod device;
mod event_log;
mod evidence;
mod golden;
mod hostile;
mod pcr;
mod pcr_policy;
mod refusals;
mod signature;
mod support;
mod verifier;
