//! `aims svid fetch` and `watch`, at a server of ours.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aims::keys::backend;
use aims::workload_api::{UnixAttestor, WorkloadApiServer};
use aims_provision::{Authority, AuthoritySettings, CredentialType, Entries, Entry};
use serde_json::Value;
use tokio::net::UnixListener;
use tokio::runtime::Runtime;

use crate::support::{Folder, SUBJECT};

pub(crate) struct Api {
    server: WorkloadApiServer,
    pub(crate) socket: String,
    pub(crate) bundle: aims::TrustBundle,
    _runtime: Runtime,
    _folder: Folder,
}

fn entries(lifetime: u64) -> Entries {
    let uid = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").unwrap());
    let entry = Entry::builder(SUBJECT.parse().unwrap())
        .selector(format!("unix:uid:{uid}").parse().unwrap())
        .lifetime(CredentialType::X509, Duration::from_secs(lifetime))
        .hint("internal");
    Entries::new("spiffe://acme.example".parse().unwrap(), [entry.build().unwrap()]).unwrap()
}

pub(crate) fn api(lifetime: u64) -> Api {
    let folder = Folder::new();
    let socket = folder.path().join("api.sock");
    let now = SystemTime::now().try_into().unwrap();
    let settings = AuthoritySettings::new();
    let authority =
        Authority::in_memory("acme.example".parse().unwrap(), settings, backend::ring(), now).unwrap();
    let bundle = (*authority.trust_bundle()).clone();
    let attestor = UnixAttestor::new(backend::ring());
    let server =
        WorkloadApiServer::builder(Arc::new(authority), entries(lifetime), attestor, backend::ring()).build();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let listener = {
        let _inside = runtime.enter();
        UnixListener::bind(&socket).unwrap()
    };
    let serving = server.clone();
    runtime.spawn(async move { serving.serve_unix(listener).await });
    Api { server, socket: format!("unix://{}", socket.display()), bundle, _runtime: runtime, _folder: folder }
}

fn aims(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aims"));
    command.args(args).env_remove("SPIFFE_ENDPOINT_SOCKET");
    command
}

#[test]
fn we_4_fetch_shows_who_this_workload_is_and_the_socket_comes_from_the_option_or_the_environment() {
    let api = api(600);
    let by_option = aims(&["svid", "fetch", "--socket", &api.socket, "--json"]).output().unwrap();
    // What is configured goes before the environment.
    let configured = aims(&["svid", "fetch", "--socket", &api.socket, "--json"])
        .env("SPIFFE_ENDPOINT_SOCKET", "unix:///nonexistent/api.sock")
        .output()
        .unwrap();
    let by_environment =
        aims(&["svid", "fetch", "--json"]).env("SPIFFE_ENDPOINT_SOCKET", &api.socket).output().unwrap();
    for output in [by_option, configured, by_environment] {
        assert!(output.status.success(), "{output:?}");
        let json: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(
            (&json["certificates"][0]["subject"], &json["wits"][0]["subject"]),
            (&SUBJECT.into(), &SUBJECT.into())
        );
        assert_eq!(json["certificates"][0]["hint"], "internal");
        assert_eq!(json["bundles"][0]["trust_domain"], "spiffe://acme.example");
        assert!(json["certificates"][0]["not_after"].as_u64().is_some());
    }
    let nowhere = aims(&["svid", "fetch"]).output().unwrap();
    assert_eq!(nowhere.status.code(), Some(1));
    let said = String::from_utf8(nowhere.stderr).unwrap();
    assert!(said.starts_with("refused: endpoint_not_set (WE-4)"), "{said}");

    api.server.set_entries(Entries::none("spiffe://acme.example".parse().unwrap()));
    let nobody = aims(&["svid", "fetch", "--socket", &api.socket]).output().unwrap();
    let said = String::from_utf8(nobody.stderr).unwrap();
    assert!(said.starts_with("refused: permission_denied (WA-9)"), "{said}");
}

#[test]
fn wa_3_watch_shows_rotations_as_they_come_and_what_ends_them() {
    let api = api(4);
    let mut watch =
        aims(&["svid", "watch", "--socket", &api.socket, "--json"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    let mut next = move |what: &dyn Fn(&Value) -> bool| loop {
        let line: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        if what(&line) {
            return line;
        }
    };
    let x509 = |line: &Value| {
        let streams = line["streams"].as_array().unwrap().clone();
        streams.into_iter().find(|stream| stream["name"] == "x509").unwrap()
    };
    let first = next(&|line| line["subject"] == SUBJECT);
    let second = next(&|line| x509(line)["updates"].as_u64() > x509(&first)["updates"].as_u64());
    assert_eq!(x509(&second)["state"], "valid");
    api.server.set_entries(Entries::none("spiffe://acme.example".parse().unwrap()));
    let gone = next(&|line| x509(line)["state"] == "withdrawn");
    assert!(gone.get("subject").is_none());
    assert_eq!(x509(&gone)["last_error"], "permission_denied (WA-9)");
    watch.kill().unwrap();
    watch.wait().unwrap();

    // Both streams may come as one change: the next is a rotation, soon.
    api.server.set_entries(entries(4));
    let output = aims(&["svid", "watch", "--socket", &api.socket, "--changes", "2"]).output().unwrap();
    assert!(output.status.success());
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        said.contains("streams.0.name: jwt_bundles\n") && said.contains("streams.1.name: x509\n"),
        "{said}"
    );
}
