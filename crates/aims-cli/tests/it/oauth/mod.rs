//! `aims oauth`, and authorization servers that it meets.

mod ask;
mod attacks;
mod code;
mod discover;
mod get;
mod place;
mod verify;
