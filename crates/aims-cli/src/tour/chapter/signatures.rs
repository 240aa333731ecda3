//! Requests and answers that are signed as a whole, through a gateway that ends TLS.

use aims::TraceParent;
use serde_json::{Value, json};

use crate::tour::account::{Account, Broken, Fault, Seen, Step};
use crate::tour::issuer::{Entry, Issuer, member, text};
use crate::tour::laptop::Laptop;
use crate::tour::process::Process;
use crate::tour::record::Record;
use crate::tour::role::Role;

/// What the chapter is about.
pub(super) const INTRO: &str = "  \
The agent books, through a gateway that ends TLS: the connection to the tool is the gateway's. What the agent
  sends is signed as a whole, by the key that its token names, and it takes no answer that the tool did not sign
  for this very request. The gateway does what gateways do; and then what they must not. (Separate processes.
  After \"record\" stands what the tool wrote down.)";

/// Tells the chapter.
pub(super) async fn tell(account: &mut Account) -> Result<(), Broken> {
    let mut world = begin(account).await?;
    let told = "The agent books. On the way the host is rewritten, fields are added, and all are put in another order.";
    book(account, &mut world, "signed_call", told).await?;
    for attack in &ON_THE_WAY {
        // One that goes through does not keep the others from being tried.
        let _: Result<(), Broken> = refuse(account, &mut world, attack).await;
    }
    for attack in &ON_THE_WAY_BACK {
        let _: Result<(), Broken> = distrust(account, &mut world, attack).await;
    }
    book(account, &mut world, "signed_call_again", "After all that, the agent books again.").await?;
    end(account, world).await
}

/// Everybody, once they are up.
struct World {
    issuer: Issuer,
    tool: Process,
    gateway: Process,
    gateway_url: String,
    agent: Process,
    /// The last to go.
    laptop: Laptop,
}

/// What the gateway does, and how it must be noticed.
struct Attack {
    step: &'static str,
    told: &'static str,
    with: &'static str,
    code: &'static str,
    rule: &'static str,
}

const fn attack(
    step: &'static str,
    told: &'static str,
    with: &'static str,
    (code, rule): (&'static str, &'static str),
) -> Attack {
    Attack { step, told, with, code, rule }
}

/// With requests: the tool refuses them.
const ON_THE_WAY: [Attack; 8] = [
    attack(
        "body_swapped",
        "The gateway puts another order into the request.",
        "body",
        ("digest_mismatch", "HSIG-9"),
    ),
    attack(
        "digest_swapped",
        "It puts in the digest of that order, too.",
        "digest",
        ("bad_signature", "HSIG-7"),
    ),
    attack("method_changed", "It makes a PUT of the POST.", "method", ("bad_signature", "HSIG-7")),
    attack("query_reordered", "It changes the order of the query.", "query", ("bad_signature", "HSIG-7")),
    attack(
        "component_dropped",
        "It takes out the content type, which is covered.",
        "component",
        ("field_absent", "HS-VAL-04"),
    ),
    attack(
        "label_twice",
        "It sends the signature twice, under one label.",
        "label",
        ("duplicate_label", "HS-FLD-02"),
    ),
    attack(
        "second_signature",
        "It sends it twice, under two labels.",
        "tag",
        ("ambiguous_signature", "HSIG-2"),
    ),
    attack("request_replayed", "It sends the whole request a second time.", "replay", ("replay", "HSIG-11")),
];

/// With answers: the agent does not take them.
const ON_THE_WAY_BACK: [Attack; 3] = [
    attack(
        "answer_swapped",
        "The gateway puts something else into the answer.",
        "answer",
        ("digest_mismatch", "HSIG-9"),
    ),
    attack(
        "answer_stripped",
        "It takes the signature out of the answer.",
        "strip",
        ("unsigned_response", "HSIG-23"),
    ),
    attack(
        "other_answer",
        "It answers with what the tool said to an earlier request.",
        "other_answer",
        ("other_request", "HSIG-24"),
    ),
];

async fn begin(account: &mut Account) -> Result<World, Broken> {
    let step = Step {
        name: "gateway_up",
        told: "A tool, a gateway and an agent get their identities, and the gateway stands in front of the tool.".into(),
        expect: "4 processes".into(),
    };
    let taken = async {
        let names = ["the issuer", "the booking tool", "the gateway", "the booking agent"];
        let laptop = Laptop::new(&names)?;
        let entries = [Entry(names[1], TOOL, ""), Entry(names[2], GATEWAY, ""), Entry(names[3], AGENT, "")];
        let issuer = Issuer::start(&laptop, names[0], ACME, &entries).await?;
        let start = async |name| issuer.workload(&laptop, Role::Workload, name, &json!({})).await;
        let (mut tool, is) = start(names[1]).await?;
        let (mut gateway, it) = start(names[2]).await?;
        let (agent, who) = start(names[3]).await?;
        let mut faults = Vec::new();
        for (first, expected) in [(is, TOOL), (it, GATEWAY), (who, AGENT)] {
            if member(&first, "subject")? != expected {
                faults.push(format!("{expected} is somebody else"));
            }
        }
        let serve = json!({
            "do": "serve_signed",
            "name": NAME,
            "peers": [GATEWAY],
            "callers": format!("{ACME}/agents/*"),
        });
        let tool_url = text(&tool.ask(&serve).await?, "url")?;
        let forward = json!({ "do": "gateway", "peers": [AGENT], "expect": TOOL, "to": tool_url });
        let gateway_url = text(&gateway.ask(&forward).await?, "url")?;
        let note = format!("{NAME} is {tool_url}, behind {gateway_url}");
        let value = World { issuer, tool, gateway, gateway_url, agent, laptop };
        Ok(Seen { got: "4 processes".into(), note, faults, value })
    };
    account.step(step, taken).await
}

impl World {
    /// Has the agent book, while the gateway does this.
    async fn book(&mut self, meddling: &str) -> Result<(Value, String), Fault> {
        self.gateway.ask(&json!({ "do": "meddle", "with": meddling })).await?;
        let book = json!({
            "do": "book",
            "url": format!("{NAME}/v1/book?seat=4A&class=Y"),
            "via": self.gateway_url,
            "expect": GATEWAY,
            "tool": TOOL,
        });
        let answer = self.agent.ask(&book).await?;
        let trace = TraceParent::parse(&text(&answer, "traceparent")?)?.trace_id();
        Ok((answer, trace))
    }

    /// What the tool wrote about a request, as far as it permitted it or not.
    async fn record(&self, trace: &str, effect: &str) -> Result<Record, Fault> {
        let effect = format!("\"{effect}\"");
        let is_it = |line: &&String| line.contains(trace) && line.contains(&effect);
        let line = self.tool.log().wait_for(|lines| lines.iter().find(is_it).cloned());
        Record::parse(&line.await?)
    }
}

async fn book(
    account: &mut Account,
    world: &mut World,
    name: &'static str,
    told: &str,
) -> Result<(), Broken> {
    let step = Step { name, told: told.into(), expect: format!("200 {AGENT}, signed by {TOOL}") };
    let taken = async {
        let (answer, trace) = world.book("nothing").await?;
        let body = member(&answer, "body")?;
        let got = format!(
            "{} {}, signed by {}",
            member(&answer, "status")?,
            text(&body, "caller")?,
            text(&answer, "signer")?
        );
        let record = world.record(&trace, "permit").await?;
        let said =
            [record.agent(), record.transport()].map(|who| who.map(ToString::to_string).unwrap_or_default());
        let right = [format!("{AGENT} by signature"), format!("{GATEWAY} by mtls")];
        let faults = if said == right { Vec::new() } else { vec![format!("the record says: {said:?}")] };
        let note = format!("{}; caller: {}; connection: {}", record.note(), right[0], right[1]);
        Ok(Seen { got, note, faults, value: () })
    };
    account.step(step, taken).await
}

/// The tool refuses what came.
async fn refuse(account: &mut Account, world: &mut World, attack: &Attack) -> Result<(), Broken> {
    let step =
        Step { name: attack.step, told: attack.told.into(), expect: format!("refused: {}", attack.code) };
    let taken = async {
        let (answer, trace) = world.book(attack.with).await?;
        let record = world.record(&trace, "deny").await?;
        let mut faults = Vec::new();
        if !record.refuses(attack.code, attack.rule) {
            faults.push(format!("the rule must be {}, not {}", attack.rule, record.rule));
        }
        // Nobody signs the answer to a request that is nobody's; and of one that is sent twice, the first is answered.
        let first = answer.get("status").is_some();
        if first != (attack.with == "replay") {
            faults.push(format!("the agent must not take this for an answer: {answer}"));
        }
        Ok(Seen { got: format!("refused: {}", record.code), note: record.note(), faults, value: () })
    };
    account.step(step, taken).await
}

/// The agent does not take the answer.
async fn distrust(account: &mut Account, world: &mut World, attack: &Attack) -> Result<(), Broken> {
    let step = Step {
        name: attack.step,
        told: attack.told.into(),
        expect: format!("the agent refuses: {}", attack.code),
    };
    let taken = async {
        let (answer, trace) = world.book(attack.with).await?;
        let (code, rule) = (text(&answer, "code")?, text(&answer, "rule")?);
        let record = world.record(&trace, "permit").await?;
        let fault = (rule != attack.rule).then(|| format!("the rule must be {}, not {rule}", attack.rule));
        let note = format!("{rule}; {}", record.note());
        Ok(Seen {
            got: format!("the agent refuses: {code}"),
            note,
            faults: fault.into_iter().collect(),
            value: (),
        })
    };
    account.step(step, taken).await
}

/// Everybody leaves, in order.
async fn end(account: &mut Account, world: World) -> Result<(), Broken> {
    let step = Step {
        name: "signatures_all_end",
        told: "All processes end by themselves when the tour lets go of them.".into(),
        expect: "4 processes ended well".into(),
    };
    let taken = async {
        let World { issuer, tool, gateway, agent, laptop, .. } = world;
        let mut failed = Vec::new();
        let all = [agent, gateway, tool, issuer.process];
        let count = all.len();
        for process in all {
            let name = process.name();
            if !Process::end(process).await? {
                failed.push(name);
            }
        }
        drop(laptop);
        let got = format!("{} processes ended well", count - failed.len());
        Ok(Seen { got, note: failed.join(", "), faults: Vec::new(), value: () })
    };
    account.step(step, taken).await
}

/// By what name callers know the tool.
const NAME: &str = "https://tools.example";

const ACME: &str = "spiffe://acme.example";
const TOOL: &str = "spiffe://acme.example/tools/booking";
const GATEWAY: &str = "spiffe://acme.example/proxies/gateway";
const AGENT: &str = "spiffe://acme.example/agents/travel";
