//! There is no default identity.

fn main() {
    let _ = <aims_credential::VerifiedWit as Default>::default();
}
