//! Workloads that keep their own key.

mod binding;
mod challenges;
mod jws;
mod request;
mod support;
