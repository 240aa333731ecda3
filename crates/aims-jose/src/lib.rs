#![doc = include_str!("../README.md")]

pub mod base64url;
pub mod json;
