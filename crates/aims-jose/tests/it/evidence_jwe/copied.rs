//! Private keys and what they open are in one place.

use aims_jose::jwe::{DecryptionKey, NestedJws};

fn key(key: &DecryptionKey) -> DecryptionKey {
    key.clone()
}

fn content(nested: &NestedJws) -> NestedJws {
    nested.clone()
}

fn shown(nested: &NestedJws) -> String {
    nested.to_string()
}

fn main() {}
