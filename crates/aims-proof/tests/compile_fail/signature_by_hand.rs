//! A signature is verified, never put together; and a request whose content nobody looked at is no caller.

fn make<T>(from: T) {
    let _ = aims_proof::VerifiedSignature(from);
}

fn admit(head: &aims_proof::SignedRequest) {
    let _ = aims_proof::Authenticated::by_signature(head);
}

fn main() {}
