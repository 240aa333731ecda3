//! Who has no identity is known by evidence, never put together.

fn make(bot: aims_proof::web_bot_auth::Unaffiliated) {
    let _ = aims_proof::web_bot_auth::Unaffiliated { agent: None, ..bot };
}

fn main() {}
