//! Encrypted tokens: `docs/spec/jose.md` section 11.

mod content;
mod evidence;
mod form;
mod header;
mod keys;
mod properties;
mod secrets;
mod support;
mod vectors;
