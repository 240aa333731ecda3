#![doc = include_str!("../README.md")]

mod component;
mod message;
mod raw;
pub mod sf;
mod value;

pub use crate::component::{Component, ComponentError};
pub use crate::message::{Context, FieldType, Message, Part};
pub use crate::raw::RawMessage;
