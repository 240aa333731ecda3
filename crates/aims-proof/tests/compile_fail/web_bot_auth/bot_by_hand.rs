//! A bot is verified, never put together.

fn make(bot: aims_proof::web_bot_auth::VerifiedBot) {
    let _ = aims_proof::web_bot_auth::VerifiedBot { agent: None, ..bot };
}

fn main() {}
