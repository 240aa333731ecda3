//! A proof is verified, never put together.

fn make<T>(from: T) {
    let _ = aims_proof::VerifiedProof(from);
}

fn main() {}
