//! A verified WIT cannot be built from its parts.

fn main() {
    let _ = aims_credential::VerifiedWit(std::sync::Arc::new(()));
}
