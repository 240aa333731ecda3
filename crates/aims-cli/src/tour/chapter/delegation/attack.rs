//! Tokens in the wrong hands, or at the wrong door.

use serde_json::{Value, json};

use super::world::{Call, TOOL, World, told, with};
use crate::tour::account::{Account, Broken, Fault, Seen, Step};
use crate::tour::issuer::text;

/// What somebody shows the tool, and how it must be refused.
struct Attack {
    step: &'static str,
    told: &'static str,
    by: By,
    what: What,
    code: &'static str,
    rule: &'static str,
}

/// Who shows it.
#[derive(Clone, Copy, Eq, PartialEq)]
enum By {
    Thief,
    /// The agent's program, started a second time.
    Twin,
}

/// What is shown.
#[derive(Clone, Copy)]
enum What {
    /// The agent's token for the user; somebody got hold of it.
    Stolen,
    /// The same, by somebody who signs nothing.
    Bare,
    /// A token of one's own, for the ticket office.
    Elsewhere,
    /// A token that one's own authority gave out.
    Foreign,
    /// The same, in the name of the right one.
    Forged,
}

/// Each is tried.
pub(super) async fn tell(account: &mut Account, world: &mut World) -> Result<(), Broken> {
    keep_back(account, world).await?;
    // Of the agent, for the user.
    let order = json!({ "order": r#"{"price": 300}"# });
    let Ok(stolen) = steal(world, order).await else { return Err(Broken) };
    for attack in &ATTACKS {
        // One that goes through does not keep the others from being tried.
        let _: Result<(), Broken> = refuse(account, world, attack, &stolen).await;
    }
    Ok(())
}

/// The token that the tool got last for the user.
async fn steal(world: &mut World, order: Value) -> Result<String, Fault> {
    let call = world.call(("POST", "/v1/book"), Some("trip"), order).await?;
    let record = world.record(&world.tool, &call, "permit").await?;
    let shown = record.grant.map(|grant| grant.fingerprint).unwrap_or_default();
    let mut secrets = world.secrets().await?.into_iter();
    let stolen = secrets.find(|secret| aims::oauth::Fingerprint::of(secret).to_string() == shown);
    stolen.ok_or_else(|| Fault::new("the tool was shown a token that the authority never gave out"))
}

/// Before anything is stolen: the agent itself sends a token to nobody but whom it is for.
async fn keep_back(account: &mut Account, world: &mut World) -> Result<(), Broken> {
    let step = Step {
        name: "token_kept_back",
        told: "What plans the trip is talked into calling another address with the user's token. The layer below it sends nothing.".into(),
        expect: "refused: other_resource".into(),
    };
    let taken = async {
        let elsewhere = json!({ "url": format!("{}/v1/issue", world.office_url) });
        let call = world.call(("POST", "/v1/book"), Some("trip"), elsewhere).await?;
        let rule = text(&call.answer, "rule").unwrap_or_default();
        let fault = (rule != "MCP-15").then(|| format!("the rule must be MCP-15, not {rule}"));
        let note = format!("the agent: {rule}");
        Ok(Seen { got: told(&call.answer)?, note, faults: fault.into_iter().collect(), value: () })
    };
    account.step(step, taken).await
}

async fn refuse(
    account: &mut Account,
    world: &mut World,
    attack: &Attack,
    stolen: &str,
) -> Result<(), Broken> {
    let expect = format!("refused: {}", attack.code);
    let step = Step { name: attack.step, told: attack.told.into(), expect };
    let taken = async {
        let place = json!({ "url": format!("{}/v1/book", world.tool_url), "expect": TOOL.1 });
        let message = match attack.what {
            What::Stolen => json!({ "do": "show", "token": stolen }),
            What::Bare => json!({ "do": "show", "token": stolen, "unsigned": true }),
            What::Elsewhere => json!({ "do": "show_own", "resource": world.office_url }),
            What::Foreign => {
                json!({ "do": "show_made", "of": "https://evil.example", "kid": "evil-1", "resource": world.tool_url })
            }
            What::Forged => {
                json!({ "do": "show_made", "of": world.authority_url, "kid": KEY_ID, "resource": world.tool_url })
            }
        };
        let who = if attack.by == By::Twin { &mut world.twin } else { &mut world.thief };
        let call = Call::read(who.ask(&with(message, &place)).await?)?;
        let record = world.record(&world.tool, &call, "deny").await?;
        let mut faults = Vec::new();
        if !record.refuses(attack.code, attack.rule) {
            faults.push(format!("the rule must be {}, not {}", attack.rule, record.rule));
        }
        let public = told(&call.answer)?;
        if public != "refused: invalid_token" {
            faults.push(format!("whoever asks is told more than it should be, or another thing: {public}"));
        }
        let note = format!("told: invalid_token · {}", record.note());
        Ok(Seen { got: format!("refused: {}", record.code), note, faults, value: () })
    };
    account.step(step, taken).await
}

/// Of the testkit's authority.
const KEY_ID: &str = "test-as";

/// In the order in which they are told.
const ATTACKS: [Attack; 6] = [
    Attack {
        step: "token_for_another",
        told: "Another agent shows the tool a good token of its own, for the ticket office.",
        by: By::Thief,
        what: What::Elsewhere,
        code: "audience_mismatch",
        rule: "ACT-4",
    },
    Attack {
        step: "token_overheard",
        told: "It got hold of the token that the agent has for the user, and sends it as it is.",
        by: By::Thief,
        what: What::Bare,
        code: "binding_not_shown",
        rule: "SEC-4",
    },
    Attack {
        step: "token_of_another_agent",
        told: "It sends it again, and signs with its own good key, in its own name.",
        by: By::Thief,
        what: What::Stolen,
        code: "other_client",
        rule: "AIMS-25",
    },
    Attack {
        step: "token_of_another_key",
        told: "Somebody who even runs the agent's program, with its identity and a key of its own, sends it.",
        by: By::Twin,
        what: What::Stolen,
        code: "other_key",
        rule: "DPO-6",
    },
    Attack {
        step: "token_of_another_issuer",
        told: "The other agent has an authority of its own, which says that the user granted all.",
        by: By::Thief,
        what: What::Foreign,
        code: "issuer_mismatch",
        rule: "ACT-4",
    },
    Attack {
        step: "token_forged",
        told: "That authority says that it is the right one.",
        by: By::Thief,
        what: What::Forged,
        code: "bad_signature",
        rule: "ACT-4",
    },
];
