//! What nobody said, and nobody wrote down.

use std::collections::BTreeSet;

use aims::oauth::Fingerprint;

use super::world::World;
use crate::tour::account::{Account, Broken, Seen, Step};

/// Nothing that an agent or a tool said has a token in it. The authority tells what it gave out.
pub(super) async fn tell(account: &mut Account, world: &mut World) -> Result<(), Broken> {
    let step = Step {
        name: "no_token_told",
        told: "The tour has every line that agents, tool and office said or wrote, and the authority tells what it gave out: codes, tokens, requests."
            .into(),
        expect: "none of it was told".into(),
    };
    let taken = async {
        let secrets = world.secrets().await?;
        let agents = [
            world.heard.clone(),
            world.agent.transcript(),
            world.twin.transcript(),
            world.thief.transcript(),
        ];
        let tools = [world.tool.transcript(), world.office.transcript()];
        let all = [agents.join("\n"), tools.join("\n")].join("\n");
        let mut faults = Vec::new();
        for secret in &secrets {
            // Of a token, what nobody else can make is its signature.
            let proof = secret.rsplit('.').next().unwrap_or(secret);
            if all.contains(secret.as_str()) || all.contains(proof) {
                faults.push(format!("the one with the fingerprint {} was told", Fingerprint::of(secret)));
            }
        }
        if all.contains("eyJ") {
            faults.push("something is there that looks like a token".to_owned());
        }
        // What names them is there: whoever audits knows which of them was used.
        let named: BTreeSet<_> = secrets
            .iter()
            .map(|secret| Fingerprint::of(secret).to_string())
            .filter(|name| tools.concat().contains(name))
            .collect();
        if secrets.len() < 10 || named.len() < 5 || world.heard.is_empty() {
            faults.push(format!("there is too little to look for: {} and {}", secrets.len(), named.len()));
        }
        let got = if faults.is_empty() { "none of it was told" } else { "something was told" };
        let note =
            format!("{} secrets, of which the records name {} by fingerprint", secrets.len(), named.len());
        Ok(Seen { got: got.into(), note, faults, value: () })
    };
    account.step(step, taken).await
}
