//! X.509-SVIDs and Workload Identity Certificates.

mod authority;
mod bundle;
mod forge;
mod issue;
mod leaf;
mod path;
mod request;
mod vectors;
mod verified;
