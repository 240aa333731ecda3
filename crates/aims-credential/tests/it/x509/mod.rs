//! X.509-SVIDs and Workload Identity Certificates.

mod authority;
mod bundle;
mod forge;
mod forge_list;
mod issue;
mod leaf;
mod lists;
mod name_constraints;
mod new_list;
mod path;
mod pem;
mod request;
mod revocation;
mod unverified;
mod vectors;
mod verified;
