//! Bundles of other trust domains, and the endpoint that gives them out.

mod attempts;
mod end;
mod endpoint;
mod file_store;
mod serve;
mod spiffe;
mod stored;
mod support;
mod web;
