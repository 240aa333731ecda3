//! A caller is authenticated by evidence, never put together.

fn make<T>(from: T) {
    let _ = aims_proof::Authenticated(from);
}

fn main() {}
