//! Connections over loopback: made, kept, and ended.

mod accept;
mod ends;
mod frameworks;
mod support;
