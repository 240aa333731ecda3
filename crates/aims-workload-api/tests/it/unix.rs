//! Callers that are real processes (ATT-41 to ATT-45).

use aims_keys::backend;
use aims_testkit::assert_refused;
use aims_workload_api::{Attestor, Endpoint, Socket, UnixAttestor, WorkloadApi, WorkloadApiServer};
use tokio::net::UnixListener;

use crate::support::*;

fn own_uid() -> u32 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn serve(server: &WorkloadApiServer) -> WorkloadApi {
    let path = socket_path();
    let listener = UnixListener::bind(&path).unwrap();
    let server = server.clone();
    tokio::spawn(async move { server.serve_unix(listener).await.unwrap() });
    WorkloadApi::new(&Endpoint::Unix(path), backend::ring())
}

#[tokio::test]
async fn att_41_att_43_a_process_gets_what_its_user_and_its_program_are_registered_for() {
    let program = std::env::current_exe().unwrap();
    let (uid, program) = (format!("unix:uid:{}", own_uid()), format!("unix:path:{}", program.display()));
    let all = entries(vec![
        entry(AGENT, &[&uid, &program]),
        entry("spiffe://acme.example/agents/another-program", &[&uid, "unix:path:/bin/sleep"]),
        entry("spiffe://acme.example/agents/another-user", &["unix:uid:4242", &program]),
    ]);
    let server =
        WorkloadApiServer::builder(authority(), all, UnixAttestor::new(backend::ring()), backend::ring())
            .build();
    let api = serve(&server);
    let context = api.fetch_x509().await.unwrap();
    let subjects: Vec<_> = context.identities.iter().map(|one| one.holder.subject().to_string()).collect();
    assert_eq!(subjects, [AGENT]);

    server.set_entries(entries(vec![entry(AGENT, &["unix:uid:4242"])]));
    assert_refused!(api.fetch_x509().await, "permission_denied", "WA-9");
}

#[tokio::test]
async fn we_1_over_tcp_the_kernel_knows_nobody() {
    let uid = format!("unix:uid:{}", own_uid());
    let all = entries(vec![entry(AGENT, &[&uid])]);
    let server =
        WorkloadApiServer::builder(authority(), all, UnixAttestor::new(backend::ring()), backend::ring())
            .build();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint: Endpoint = format!("tcp://{}", listener.local_addr().unwrap()).parse().unwrap();
    let serving = server.clone();
    tokio::spawn(async move { serving.serve_tcp(listener).await });
    assert_refused!(WorkloadApi::new(&endpoint, backend::ring()).fetch_x509().await, "unavailable", "WA-3");
    assert!(server.status().refused["unsupported_type"] > 0);
}

/// Not a test: a caller that is there until it is ended.
#[test]
#[ignore = "run by a test, as a process of its own"]
fn other_process() {
    let Some(path) = std::env::var_os("AIMS_TEST_SOCKET") else { return };
    let mut socket = std::os::unix::net::UnixStream::connect(path).unwrap();
    let _ = std::io::Read::read(&mut socket, &mut [0]);
}

#[tokio::test]
async fn att_42_a_process_that_has_ended_is_nobody_any_more() {
    let path = socket_path();
    let listener = UnixListener::bind(&path).unwrap();
    let mut child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "unix::other_process", "--ignored"])
        .env("AIMS_TEST_SOCKET", &path)
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let (socket, _) = listener.accept().await.unwrap();
    let caller = UnixAttestor::new(backend::ring()).accept(&Socket::Unix(&socket)).unwrap();
    caller.check().unwrap();
    assert_eq!(caller.account(), format!("unix:{}", own_uid()));
    assert_eq!(caller.appraise(now()).unwrap().len(), 1);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_refused!(caller.check(), "process_changed", "ATT-42");
    assert_refused!(caller.appraise(now()), "process_changed", "ATT-42");
    std::fs::remove_file(path).unwrap();
}
