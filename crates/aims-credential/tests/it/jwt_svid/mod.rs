//! JWT-SVIDs.

mod issue;
mod kinds;
mod support;
mod vectors;
mod verified;
mod verify;
