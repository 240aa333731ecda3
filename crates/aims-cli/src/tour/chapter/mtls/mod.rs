//! Workloads of two companies over mutual TLS: who gets in, for how long, and who does not.

mod attack;
mod world;

use serde_json::json;

use self::attack::{ATTACKS, Attack};
use self::world::{ACME, AGENT, BANK, BATCH, Call, PROXY, TELLER, TOOL, World, call, start_workload};
use crate::tour::account::{Account, Broken, Fault, Seen, Step};
use crate::tour::issuer::{Entry, Issuer, member, text};
use crate::tour::laptop::Laptop;
use crate::tour::process::Process;
use crate::tour::record::Who;
use crate::tour::stranger::{self, Door, refused_connection};

/// What the chapter is about.
pub(super) const INTRO: &str = "  \
The same tool, over mutual TLS: both ends of a connection show a certificate, and whoever is at the other end is
  known by it. Certificates, and whom to trust, come from Workload APIs: they are renewed while calls go on; another
  company is federated with, and then is not any more; a proxy says whom it has seen, and is believed because it has
  proved who it is. And a compromised authority signs what no issuer would. (Separate processes, TLS 1.3 on
  loopback. After \"record\" stands what the tool wrote down.)";

/// Tells the chapter.
pub(super) async fn tell(account: &mut Account) -> Result<(), Broken> {
    let mut world = begin(account).await?;
    call_directly(account, &mut world, "mtls_call", "The agent calls, and is known by its connection.")
        .await?;
    call_with_proof(account, &mut world).await?;
    rotate(account, &mut world).await?;
    call_through_proxy(account, &mut world).await?;
    forge_xfcc(account, &mut world).await?;
    federate(account, &mut world).await?;
    for attack in &ATTACKS {
        // An attack that goes through does not keep the others from being tried.
        let _: Result<(), Broken> = refuse(account, &mut world, attack).await;
    }
    let told = "After all that, the agent calls again, and is let in as before.";
    call_directly(account, &mut world, "mtls_call_again", told).await?;
    end(account, world).await
}

/// Everybody comes up.
async fn begin(account: &mut Account) -> Result<World, Broken> {
    let step = Step {
        name: "authorities_up",
        told: format!("The Workload APIs of {ACME} and {BANK} come up, each with an authority of its own."),
        expect: "2 bundles".into(),
    };
    let (laptop, mut acme, mut bank) = account.step(step, start_issuers()).await?;

    let step = Step {
        name: "certificates",
        told: "A tool, a proxy and three callers get keys and certificates; tool and agent for six seconds."
            .into(),
        expect: "5 certificates".into(),
    };
    let taken = async {
        let (tool, who) = start_workload(&laptop, &acme, "the tool").await?;
        let (proxy, is) = start_workload(&laptop, &acme, "the proxy").await?;
        let (agent, it) = start_workload(&laptop, &acme, "the agent").await?;
        let (batch, then) = start_workload(&laptop, &acme, "the batch job").await?;
        let (teller, said) = start_workload(&laptop, &bank, "the bank's agent").await?;
        let right = [who, is, it, then, said] == [TOOL, PROXY, AGENT, BATCH, TELLER];
        let faults = if right { Vec::new() } else { vec!["they are others than they should be".to_owned()] };
        let value = [tool, proxy, agent, batch, teller];
        Ok(Seen { got: format!("{} certificates", value.len()), note: String::new(), faults, value })
    };
    let [mut tool, mut proxy, agent, batch, mut teller] = account.step(step, taken).await?;

    let step = Step {
        name: "listeners_up",
        told: "The tool and the proxy listen. Whoever shows no certificate gets no connection.".into(),
        expect: "refused: no_certificate".into(),
    };
    let taken = async {
        // Who knows the tool's authority can connect to it; whether the tool knows theirs is another matter.
        bank.federate(&mut acme).await?;
        teller.ask(&json!({ "do": "knows", "origin": ACME })).await?;
        let peers = [format!("{ACME}/**"), format!("{BANK}/**")];
        let callers = [format!("{ACME}/agents/*"), format!("{BANK}/agents/*")];
        let serve = json!({ "do": "serve", "peers": peers, "callers": callers, "proxy": PROXY });
        let tool_url = text(&tool.ask(&serve).await?, "url")?;
        let forward = json!({ "do": "forward", "peers": peers, "expect": TOOL, "to": tool_url, "as": PROXY });
        let proxy_url = text(&proxy.ask(&forward).await?, "url")?;
        let door = Door { url: &tool_url, tool: TOOL, bundle: acme.bundle().await? };
        let (got, rule) = refused_connection(&tool, stranger::without_certificate(&door)).await?;
        let note = format!("{tool_url}, {proxy_url} · {rule}");
        Ok(Seen { got, note, faults: Vec::new(), value: (tool_url, proxy_url) })
    };
    let (tool_url, proxy_url) = account.step(step, taken).await?;
    Ok(World { acme, bank, tool, tool_url, proxy, proxy_url, agent, batch, teller, laptop })
}

async fn start_issuers() -> Result<Seen<(Laptop, Issuer, Issuer)>, Fault> {
    let issuers = ["acme's issuer", "the bank's issuer"];
    let workloads = ["the tool", "the proxy", "the agent", "the batch job", "the bank's agent"];
    let laptop = Laptop::new(&[&issuers[..], &workloads].concat())?;
    let entries = [
        Entry("the tool", TOOL, "x509_lifetime = 6\nfederates_with = [\"spiffe://bank.example\"]"),
        Entry("the proxy", PROXY, "federates_with = [\"spiffe://bank.example\"]"),
        Entry("the agent", AGENT, "x509_lifetime = 6"),
        Entry("the batch job", BATCH, ""),
    ];
    let mut acme = Issuer::start(&laptop, issuers[0], ACME, &entries).await?;
    let entries = [Entry("the bank's agent", TELLER, "federates_with = [\"spiffe://acme.example\"]")];
    let mut bank = Issuer::start(&laptop, issuers[1], BANK, &entries).await?;
    let got = if acme.bundle().await? == bank.bundle().await? { "one bundle twice" } else { "2 bundles" };
    Ok(Seen { got: got.into(), note: String::new(), faults: Vec::new(), value: (laptop, acme, bank) })
}

/// The answer to a call, and whether the record says what it must of caller and connection.
async fn seen(
    world: &World,
    Call { answer, traceparent }: Call,
    agent: &str,
    transport: Option<&str>,
) -> Result<Seen, Fault> {
    let record = world.record(&traceparent).await?;
    let said = |who: Option<&Who>| who.map(ToString::to_string);
    let (found_agent, found_transport) = (said(record.agent()), said(record.transport()));
    let mut faults = Vec::new();
    if found_agent.as_deref() != Some(agent) {
        faults.push(format!("the record must say: {agent}; it says: {found_agent:?}"));
    }
    if found_transport.as_deref() != transport {
        faults.push(format!("beside it the record must say: {transport:?}; it says: {found_transport:?}"));
    }
    let connection = found_transport.map(|who| format!("; connection: {who}")).unwrap_or_default();
    let note = format!("{}; caller: {}{connection}", record.note(), found_agent.unwrap_or_default());
    Ok(Seen { got: answer.to_string(), note, faults, value: () })
}

async fn call_directly(
    account: &mut Account,
    world: &mut World,
    name: &'static str,
    told: &str,
) -> Result<(), Broken> {
    let step = Step { name, told: told.into(), expect: format!("200 {AGENT}") };
    let taken = async {
        let call = call(&mut world.agent, &world.tool_url, TOOL, &[]).await?;
        seen(world, call, &format!("{AGENT} by mtls"), None).await
    };
    account.step(step, taken).await
}

/// A proof of its own through the connection: two facts, both recorded.
async fn call_with_proof(account: &mut Account, world: &mut World) -> Result<(), Broken> {
    let step = Step {
        name: "proof_over_mtls",
        told: "It calls with a token and a proof, too. The record has both: who proved it, and whose connection it was."
            .into(),
        expect: format!("200 {AGENT}"),
    };
    let taken = async {
        let audience = format!("{}/v1/search", world.tool_url);
        let call = call(&mut world.agent, &world.tool_url, TOOL, &[("audience", &audience)]).await?;
        seen(world, call, &format!("{AGENT} by wpt"), Some(&format!("{AGENT} by mtls"))).await
    };
    account.step(step, taken).await
}

/// Both ends are renewed while the agent calls.
async fn rotate(account: &mut Account, world: &mut World) -> Result<(), Broken> {
    let step = Step {
        name: "rotation",
        told: "While the agent calls again and again, tool and agent are renewed, each with a fresh key, as half of their time is over."
            .into(),
        expect: "no call failed".into(),
    };
    let taken = async {
        let url = format!("{}/v1/search", world.tool_url);
        world.agent.ask(&json!({ "do": "begin_calls", "url": url, "expect": TOOL })).await?;
        // Its calls go on in a task of their own.
        let renewed = json!({ "do": "renewed" });
        let (tool, agent) = tokio::try_join!(world.tool.ask(&renewed), world.agent.ask(&renewed))?;
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        let calls = world.agent.ask(&json!({ "do": "end_calls" })).await?;
        let number = |name| member(&calls, name).map(|value| value.as_u64().unwrap_or_default());
        let (answered, failed) = (number("answered")?, number("failed")?);
        let got = if failed == 0 { "no call failed".to_owned() } else { format!("{failed} calls failed") };
        let mut faults =
            if answered < 10 { vec![format!("only {answered} calls were made")] } else { Vec::new() };
        for renewed in [tool, agent] {
            if member(&renewed, "before")? == member(&renewed, "after")? {
                faults.push("the key is the one before".to_owned());
            }
        }
        Ok(Seen { got, note: format!("{answered} calls, each over a new connection"), faults, value: () })
    };
    account.step(step, taken).await
}

async fn call_through_proxy(account: &mut Account, world: &mut World) -> Result<(), Broken> {
    let step = Step {
        name: "through_proxy",
        told: "It calls through the proxy, which ends TLS, and says whom it had at the other end.".into(),
        expect: format!("200 {AGENT}"),
    };
    let taken = async {
        let call = call(&mut world.agent, &world.proxy_url, PROXY, &[]).await?;
        seen(world, call, &format!("{AGENT} by forwarded of {PROXY}"), None).await
    };
    account.step(step, taken).await
}

/// A workload that is no proxy says whom it would like to be.
async fn forge_xfcc(account: &mut Account, world: &mut World) -> Result<(), Broken> {
    let step = Step {
        name: "forged_xfcc",
        told:
            "The batch job connects, and writes into the proxy's field that it is the agent. Nobody reads it."
                .into(),
        expect: "refused: forbidden".into(),
    };
    let forged = format!("By={PROXY};URI={AGENT}");
    let taken = async {
        let call = call(&mut world.batch, &world.tool_url, TOOL, &[("xfcc", &forged)]).await?;
        seen(world, call, &format!("{BATCH} by mtls"), None).await
    };
    account.step(step, taken).await?;

    let step = Step {
        name: "forged_xfcc_through_proxy",
        told: "It tries the same through the proxy, which sets the field anew.".into(),
        expect: "refused: forbidden".into(),
    };
    let taken = async {
        let call = call(&mut world.batch, &world.proxy_url, PROXY, &[("xfcc", &forged)]).await?;
        seen(world, call, &format!("{BATCH} by forwarded of {PROXY}"), None).await
    };
    account.step(step, taken).await
}

/// Another company comes and goes.
async fn federate(account: &mut Account, world: &mut World) -> Result<(), Broken> {
    let told = "An agent of the bank connects. The tool does not know the bank.";
    refuse_teller(account, world, "unknown_domain", told).await?;

    let step = Step {
        name: "bundle_added",
        told: "The operators federate: the bank's bundle is fetched, and reaches the tool. The bank's agent calls.".into(),
        expect: format!("200 {TELLER}"),
    };
    let taken = async {
        world.acme.federate(&mut world.bank).await?;
        world.tool.ask(&json!({ "do": "knows", "origin": BANK })).await?;
        let call = call(&mut world.teller, &world.tool_url, TOOL, &[]).await?;
        seen(world, call, &format!("{TELLER} by mtls"), None).await
    };
    account.step(step, taken).await?;

    let step = Step {
        name: "bundle_withdrawn",
        told: "It watches prices. The federation ends while the stream is open.".into(),
        expect: "the stream is cut off".into(),
    };
    let taken = async {
        let url = format!("{}/v1/watch", world.tool_url);
        let watch = world.teller.ask(&json!({ "do": "watch", "url": url, "expect": TOOL })).await?;
        let began = std::time::Instant::now();
        world.acme.end_federation(BANK).await?;
        let end = world.teller.ask(&json!({ "do": "watched" })).await?;
        world.tool.ask(&json!({ "do": "forgot", "origin": BANK })).await?;
        let got = match member(&end, "end")?.as_str() {
            Some("cut off") => "the stream is cut off",
            _ => "the stream ends as if it were complete",
        };
        let note = format!(
            "its first message was {}; cut {} ms after the end",
            member(&watch, "first")?,
            began.elapsed().as_millis()
        );
        Ok(Seen { got: got.into(), note, faults: Vec::new(), value: () })
    };
    account.step(step, taken).await?;
    refuse_teller(account, world, "withdrawn_domain", "It connects again.").await
}

async fn refuse_teller(
    account: &mut Account,
    world: &mut World,
    name: &'static str,
    told: &str,
) -> Result<(), Broken> {
    let step = Step { name, told: told.into(), expect: "refused: unknown_trust_domain".into() };
    let taken = async {
        let World { tool, teller, tool_url, .. } = world;
        let calling = async {
            let call = call(teller, tool_url, TOOL, &[]).await?;
            if call.answer.status == 0 { Ok(()) } else { Err(Fault::new("it was answered")) }
        };
        let (got, rule) = refused_connection(tool, calling).await?;
        let faults = if rule == "X5V-2" { Vec::new() } else { vec!["the rule must be X5V-2".to_owned()] };
        Ok(Seen { got, note: format!("during the handshake ({rule})"), faults, value: () })
    };
    account.step(step, taken).await
}

/// Somebody shows a certificate that is wrong in one thing.
async fn refuse(account: &mut Account, world: &mut World, attack: &Attack) -> Result<(), Broken> {
    let expect = format!("refused: {}", attack.code);
    let step = Step { name: attack.step, told: attack.told.into(), expect };
    let taken = async {
        let presented = attack.change.certificate(world).await?;
        let door = Door { url: &world.tool_url, tool: TOOL, bundle: world.acme.bundle().await? };
        let (got, rule) = refused_connection(&world.tool, stranger::present(&door, presented)).await?;
        let fault = (rule != attack.rule).then(|| format!("the rule must be {}, not {rule}", attack.rule));
        let note = format!("during the handshake ({rule})");
        Ok(Seen { got, note, faults: fault.into_iter().collect(), value: () })
    };
    account.step(step, taken).await
}

/// Everybody leaves, in order.
async fn end(account: &mut Account, world: World) -> Result<(), Broken> {
    let step = Step {
        name: "mtls_all_end",
        told: "All processes end by themselves when the tour lets go of them.".into(),
        expect: "7 processes ended well".into(),
    };
    let taken = async {
        let mut failed = Vec::new();
        let (all, _laptop) = world.processes();
        let count = all.len();
        for process in all {
            let name = process.name();
            if !Process::end(process).await? {
                failed.push(name);
            }
        }
        let got = format!("{} processes ended well", count - failed.len());
        Ok(Seen { got, note: failed.join(", "), faults: Vec::new(), value: () })
    };
    account.step(step, taken).await
}
