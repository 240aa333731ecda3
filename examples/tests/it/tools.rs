//! The agent against both tools, and strangers against them.

use std::sync::Arc;
use std::time::SystemTime;

use aims::keys::{Algorithm, PrivateKey, UnixTime};
use aims::proof::NewWpt;
use aims::{Agent, CurrentCredential, Holder, Wit, backend};
use aims_examples::search;
use aims_testkit::TestAuthority;
use reqwest::{Client, Response};
use serde_json::{Value, json};
use tonic::Code;
use tonic::transport::Endpoint;
use tower_layer::Layer;

use crate::programs::{Folder, Tool, printed};

#[tokio::test(flavor = "multi_thread")]
async fn the_agent_calls_both_tools_and_strangers_call_neither() {
    let folder = Folder::with_credential();
    let trust = folder.path().join("trust.json");
    let http = Tool::start(env!("CARGO_BIN_EXE_tool_axum"), &trust);
    let grpc = Tool::start(env!("CARGO_BIN_EXE_tool_tonic"), &trust);
    let call = |folder: &Folder| {
        let arguments = [folder.path().to_str().unwrap(), &http.url, &grpc.url];
        printed(env!("CARGO_BIN_EXE_agent"), arguments)
    };

    assert_eq!(
        call(&folder),
        "200 HTTP: found flights for spiffe://acme.example/agents/travel\n\
         OK gRPC: found hotels for spiffe://acme.example/agents/travel\n"
    );
    // The same name, by an issuer of its own making.
    let stranger = Folder::with_credential();
    let refused = r#"401 {"title":"Unauthorized","status":401,"code":"untrusted_credential"}"#;
    assert_eq!(call(&stranger), format!("{refused}\nUnauthenticated\n"));

    // What the agent sends to one tool counts there once, and at the other not at all.
    let key = PrivateKey::from_pem(&folder.read("agent.pem")).unwrap();
    let key = Arc::new(key.load(Algorithm::Es256, backend::ring()).unwrap());
    let wit = folder.read("agent.wit");
    let holder = Holder::new(Wit::from_issuer(&wit, backend::ring()).unwrap(), key).unwrap();
    let now = UnixTime::try_from(SystemTime::now()).unwrap();
    let target = format!("{}/v1/search", http.url);
    let proof = NewWpt::new(&target).sign(&holder, now).await.unwrap();
    assert_eq!(get(&target, &wit, &proof).await.status(), 200);
    assert_eq!(refusal(get(&target, &wit, &proof).await).await, (401, json!("replay")));
    let other = format!("{}/v1/search", grpc.url);
    let elsewhere = NewWpt::new(&other).sign(&holder, now).await.unwrap();
    assert_eq!(refusal(get(&target, &wit, &elsewhere).await).await, (401, json!("audience_mismatch")));
    let nobody = Client::new().get(&target).send().await.unwrap();
    assert_eq!(refusal(nobody).await, (400, json!("no_proof")));

    // The guard stands before gRPC alike, and beyond it an unknown method is just that.
    let agent = Agent::new(CurrentCredential::new(
        TestAuthority::new("spiffe://evil.example").agent("/x", now).holder(),
    ));
    let channel = Endpoint::from_shared(grpc.url.clone()).unwrap().connect().await.unwrap();
    let evil = agent.layer_for(&grpc.url).unwrap().layer(channel.clone());
    assert_eq!(search::find(evil, "hotels").await.unwrap_err().code(), Code::Unauthenticated);
    assert_ne!(search::find(channel, "hotels").await.unwrap_err().code(), Code::Ok);

    let outcomes = |records: &[Value]| -> Vec<(Value, Value)> {
        records.iter().map(|r| (r["decision"]["effect"].clone(), r["decision"]["reasons"].clone())).collect()
    };
    let deny = |reason: &str| (json!("deny"), json!([reason]));
    let permit = || (json!("permit"), json!([]));
    let expected = [
        permit(),
        deny("bad_signature"),
        permit(),
        deny("replay"),
        deny("audience_mismatch"),
        deny("no_proof"),
    ];
    assert_eq!(outcomes(&http.stop()), expected);
    let records = grpc.stop();
    let expected = [permit(), deny("bad_signature"), deny("unknown_trust_domain"), deny("no_proof")];
    assert_eq!(outcomes(&records), expected);
    assert_eq!(records[0]["resource"]["id"], "/acme.Search/Find");
    assert_eq!(records[0]["agent"]["id"], "spiffe://acme.example/agents/travel");
}

async fn get(target: &str, wit: &str, proof: &str) -> Response {
    let request = Client::new().get(target).header("workload-identity-token", wit);
    request.header("authorization", format!("WPT {proof}")).send().await.unwrap()
}

/// Status, and code of the problem document.
async fn refusal(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let problem: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
    (status, problem["code"].clone())
}
