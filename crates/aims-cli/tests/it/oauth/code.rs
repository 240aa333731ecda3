//! `aims oauth get code` and `refresh`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, ChildStderr, Command, Stdio};

use aims_testkit::{TestAuthorizationServerBuilder, assert_refused};

use super::place::{Place, folder, run};
use crate::support::{Folder, Output};

const ELSEWHERE: &str = "https://agent.example/callback";

/// A program that waits for a browser.
struct Waiting {
    process: Child,
    stderr: BufReader<ChildStderr>,
    url: String,
}

impl Waiting {
    fn start(folder: &Folder, place: &Place, options: &[&str]) -> Self {
        let resource = place.resource();
        let options = [&["--resource", &resource], options].concat();
        Self::start_with(folder, &place.get("code", &options))
    }

    fn start_with(folder: &Folder, args: &[String]) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_aims"))
            .args(args)
            .current_dir(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stderr = BufReader::new(process.stderr.take().unwrap());
        let mut line = String::new();
        stderr.read_line(&mut line).unwrap();
        let url = line.trim_end().strip_prefix("open this in the browser of the user: ").expect(&line);
        Self { process, stderr, url: url.to_owned() }
    }

    fn types(&mut self, line: &str) {
        self.process.stdin.take().unwrap().write_all(line.as_bytes()).unwrap();
    }

    fn ends(mut self) -> Output {
        drop(self.process.stdin.take());
        let mut stderr = String::new();
        self.stderr.read_to_string(&mut stderr).unwrap();
        let output = self.process.wait_with_output().unwrap();
        let stdout = String::from_utf8(output.stdout).unwrap();
        Output { code: output.status.code().unwrap(), stdout, stderr }
    }

    fn killed(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// What a browser does: the status of the answer.
fn browse(url: &str) -> u16 {
    let (host, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    write!(stream, "GET /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

/// A redirect URI at a port that was free a moment ago.
fn redirect_uri() -> String {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    format!("http://127.0.0.1:{port}/callback")
}

#[test]
fn aut_6_pkc_1_a_user_comes_back_to_this_machine_and_no_other_answer_counts() {
    let folder = folder();
    let uri = redirect_uri();
    let place = Place::new(&folder, &[&uri]);
    let waiting = Waiting::start(&folder, &place, &["--redirect-uri", &uri, "--scope", "trips:book"]);

    // Any page that the user looks at can call this.
    let sent = place.server().approve(&waiting.url, "user-1");
    assert!(sent.starts_with(&uri), "{sent}");
    let (_, query) = sent.split_once('?').unwrap();
    let state = query.split('&').find(|pair| pair.starts_with("state=")).unwrap();
    assert_eq!(browse(&format!("{uri}?{}", query.replace(state, "state=of-somebody-else"))), 400);
    assert_eq!(browse(&format!("{uri}?error=access_denied")), 400);
    assert_eq!(browse(&sent.replace("/callback", "/elsewhere")), 404);
    assert_eq!(browse(&sent), 200);

    let output = waiting.ends();
    place.told_no_token(&output);
    let said = output.accepted();
    assert!(said.contains("scope: trips:book\n") && said.contains("refreshable: true\n"), "{said}");
}

#[test]
fn aut_6_iss_2_what_the_user_brings_is_the_answer_to_what_was_asked() {
    let folder = folder();
    let place = Place::new(&folder, &[ELSEWHERE]);
    let paste = ["--redirect-uri", ELSEWHERE, "--paste"];
    let bring = |change: &dyn Fn(String) -> String| {
        let mut waiting = Waiting::start(&folder, &place, &paste);
        let sent = place.server().approve(&waiting.url, "user-1");
        waiting.types(&format!("{}\n", change(sent)));
        let output = waiting.ends();
        place.told_no_token(&output);
        output
    };
    assert!(bring(&|sent| sent).accepted().contains("token_type: DPoP\n"));
    let refused = |change: &dyn Fn(String) -> String| bring(change).refusal().err();
    assert_refused!(refused(&|sent| sent.replace("state=", "state=x")), "state_mismatch", "AUT-6");
    assert_refused!(refused(&|sent| sent.replace("localhost", "evil.example")), "issuer_mismatch", "ISS-2");
    let without_issuer = |sent: String| {
        let kept: Vec<_> = sent.split('&').filter(|pair| !pair.contains("iss=")).collect();
        kept.join("&")
    };
    assert_refused!(refused(&without_issuer), "issuer_missing", "ISS-2");
    let elsewhere = |sent: String| sent.replace("agent.example", "evil.example");
    assert_refused!(refused(&elsewhere), "other_redirect_uri", "AUT-2");

    let mut waiting = Waiting::start(&folder, &place, &paste);
    let sent = place.server().refuse(&waiting.url);
    waiting.types(&sent);
    assert_refused!(waiting.ends().refusal().err(), "authorization_refused", "AUT-3");
}

#[test]
fn aut_6_a_public_client_has_pkce_and_its_key() {
    let folder = folder();
    let app = aims::oauth::RegisteredClient::public("app");
    let place = Place::with(&folder, &[], |server| server.registered(app, &[ELSEWHERE]));
    let (issuer, resource) = (place.issuer(), place.resource());
    let code = ["oauth", "get", "code", "--issuer", &issuer, "--resource", &resource, "--public"];
    let client = ["--client-id", "app", "--redirect-uri", ELSEWHERE, "--paste"];
    let args = code.iter().chain(&client).map(ToString::to_string).collect::<Vec<_>>();
    let mut waiting = Waiting::start_with(&folder, &[args, place.reaching()].concat());
    let sent = place.server().approve(&waiting.url, "user-1");
    waiting.types(&sent);
    let output = waiting.ends();
    place.told_no_token(&output);
    assert!(output.accepted().contains("bearer: false\n"));
    let asked = place.asked();
    let asked = asked.iter().find(|asked| asked.path() == "/token").unwrap();
    assert!(asked.form().contains_key("code_verifier") && !asked.form().contains_key("client_assertion"));
}

#[test]
fn aut_2_it_listens_on_this_machine_alone_at_a_free_port_where_none_is_named() {
    let folder = folder();
    let place = Place::with(&folder, &[], TestAuthorizationServerBuilder::without_pushed_requests);
    let waiting = Waiting::start(&folder, &place, &[]);
    let uri = "redirect_uri=http%3A%2F%2F127.0.0.1%3A";
    assert!(waiting.url.contains(uri) && waiting.url.contains("%2Fcallback"), "{}", waiting.url);
    waiting.killed();
    if TcpListener::bind("[::1]:0").is_ok() {
        let waiting = Waiting::start(&folder, &place, &["--redirect-uri", "http://[::1]/back"]);
        let (_, behind) = waiting.url.split_once("redirect_uri=http%3A%2F%2F%5B%3A%3A1%5D%3A").unwrap();
        assert!(behind.split('&').next().unwrap().ends_with("%2Fback"), "{}", waiting.url);
        waiting.killed();
    }

    let resource = place.resource();
    let code =
        |options: &[&str]| run(&folder, &place.get("code", &[&["--resource", &resource], options].concat()));
    let said = code(&["--redirect-uri", ELSEWHERE]).unusable();
    assert!(said.contains("--paste"), "{said}");
    let refused = code(&["--redirect-uri", "http://agent.example/callback"]).refusal();
    assert_refused!(refused.err(), "redirect_uri_not_loopback", "AUT-2");
}

#[test]
fn rft_1_azr_9_what_a_user_granted_is_kept_sealed_and_renewed() {
    let folder = folder();
    let place = Place::new(&folder, &[ELSEWHERE]);
    folder.aims(&["key", "sealing", "--out", "seal.key"]).accepted();
    let kept = ["--grant-out", "user.grant", "--sealing-key", "seal.key", "--new-dpop-key", "dpop.pem"];
    let options =
        [&["--redirect-uri", ELSEWHERE, "--paste", "--scope", "openid trips:read"], &kept[..]].concat();
    let mut waiting = Waiting::start(&folder, &place, &options);
    let sent = place.server().approve(&waiting.url, "user-1");
    waiting.types(&sent);
    let output = waiting.ends();
    place.told_no_token(&output);
    let said = output.accepted();
    assert!(said.contains("subject: user-1\n") && said.contains("grant: user.grant\n"), "{said}");

    let resource = place.resource();
    let refresh = |options: &[&str]| {
        let by = ["--grant", "user.grant", "--sealing-key", "seal.key", "--resource", &resource];
        run(&folder, &place.get("refresh", &[&by[..], options].concat()))
    };
    let first = folder.read("user.grant");
    for _ in 0..2 {
        let output = refresh(&["--dpop-key", "dpop.pem", "--scope", "trips:read", "--json"]);
        place.told_no_token(&output);
        let said = output.json();
        assert_eq!((&said["subject"], &said["scope"]), (&"user-1".into(), &"trips:read".into()));
    }
    assert_ne!(folder.read("user.grant"), first);

    // It would be bound to a key that nobody has next time.
    refresh(&[]).unusable();
    folder.aims(&["key", "sealing", "--out", "other.key"]).accepted();
    let other = ["--grant", "user.grant", "--sealing-key", "other.key", "--resource", &resource];
    let other = run(&folder, &place.get("refresh", &[&other[..], &["--dpop-key", "dpop.pem"]].concat()));
    assert_eq!(other.refusal().err().map_err(|refused| refused.code().to_owned()), Err("sealed".to_owned()));

    // Two at a time would look the same.
    #[cfg(unix)]
    {
        use nix::fcntl::{Flock, FlockArg};
        let file = std::fs::File::open(folder.path().join("user.grant")).unwrap();
        let lock = Flock::lock(file, FlockArg::LockExclusiveNonblock).unwrap();
        let before = place.asked().len();
        let said = refresh(&["--dpop-key", "dpop.pem"]).unusable();
        assert!(said.contains("another process"), "{said}");
        assert_eq!(place.asked().len(), before);
        drop(lock);
    }

    // An old edition of the file looks like a thief, and ends the grant.
    folder.write("user.grant", first);
    let stolen = refresh(&["--dpop-key", "dpop.pem"]);
    place.told_no_token(&stolen);
    let stolen = stolen.refusal();
    assert!(stolen.message.contains("invalid_grant"), "{stolen:?}");
}
