//! A verified WIT cannot be read from a document.

fn main() {
    let _ = serde_json::from_str::<aims_credential::VerifiedWit>("{}");
}
