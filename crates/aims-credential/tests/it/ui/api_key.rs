//! A static secret is no credential of an agent.

use std::sync::Arc;

fn holder(secret: String, signer: Arc<dyn aims_keys::AsyncSigner>) {
    let _ = aims_credential::Holder::new(secret, signer);
}

fn main() {
    let _ = holder;
}
