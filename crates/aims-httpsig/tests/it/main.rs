#![cfg(test)]
//! Tests of the public interface.

mod accept;
mod attacks;
mod components;
mod covered;
mod devices;
mod digests;
mod fields;
#[cfg(feature = "http")]
mod http_types;
mod messages;
mod parts;
mod properties;
mod refusals;
mod rules;
mod structured_fields;
mod support;
mod values;
mod world;
