//! Connections over loopback: made, kept, and ended.

mod accept;
mod devices;
mod ends;
mod frameworks;
mod support;
