//! The programs, and what each of the small ones prints.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Runs a program to its end.
pub(crate) fn run<A: AsRef<OsStr>>(program: &str, arguments: impl IntoIterator<Item = A>) -> Output {
    Command::new(program).args(arguments).output().unwrap()
}

/// What a program prints that succeeds.
pub(crate) fn printed<A: AsRef<OsStr>>(program: &str, arguments: impl IntoIterator<Item = A>) -> String {
    let output = run(program, arguments);
    assert!(output.status.success(), "{program}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// A folder that is removed when the test ends.
pub(crate) struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        let name = format!("aims-examples-{}-{}", std::process::id(), MADE.fetch_add(1, Ordering::SeqCst));
        Self(std::env::temp_dir().join(name))
    }

    /// One that the program `credential` filled.
    pub(crate) fn with_credential() -> Self {
        let folder = Self::new();
        let said = printed(env!("CARGO_BIN_EXE_credential"), [folder.path()]);
        assert!(said.starts_with("issued: spiffe://acme.example/agents/travel until "), "{said}");
        folder
    }

    /// One that the program `certificates` filled.
    pub(crate) fn with_certificates() -> Self {
        let folder = Self::new();
        let said = printed(env!("CARGO_BIN_EXE_certificates"), [folder.path()]);
        assert_eq!(
            said,
            "issued: spiffe://acme.example/tools/search\nissued: spiffe://acme.example/agents/travel\n"
        );
        folder
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.0.join(name)).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A tool that runs until the test ends.
pub(crate) struct Tool {
    process: Child,
    /// Where it listens.
    pub(crate) url: String,
}

impl Tool {
    pub(crate) fn start(program: &str, trust: &Path) -> Self {
        let mut process =
            Command::new(program).arg(trust).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim_end().strip_prefix("listening on ").expect(&line).to_owned();
        Self { process, url }
    }

    /// Ends the tool; the records it wrote.
    pub(crate) fn stop(mut self) -> Vec<serde_json::Value> {
        self.process.kill().unwrap();
        let mut text = String::new();
        self.process.stderr.take().unwrap().read_to_string(&mut text).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

impl Drop for Tool {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn id_shows_the_parts_of_an_identifier() {
    let said = printed(
        env!("CARGO_BIN_EXE_id"),
        ["spiffe://acme.example/agents/travel", "spiffe://acme.example/agents/*"],
    );
    assert_eq!(
        said,
        "origin: spiffe://acme.example\ntrust domain: acme.example\npath: /agents/travel\n\
         matches spiffe://acme.example/agents/*: true\n"
    );
    let refused = run(env!("CARGO_BIN_EXE_id"), ["spiffe://acme.example/agents/../root"]);
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8(refused.stdout).unwrap();
    assert!(said.starts_with("refused: ") && said.contains("(SPF-ID-5)"), "{said}");
}

#[test]
fn keys_signs_and_verifies() {
    let said = printed(env!("CARGO_BIN_EXE_keys"), ["ship it"]);
    assert!(said.contains("signature of 64 bytes: Ok(())\nthe same for another text: Err("), "{said}");
}

#[test]
fn webhook_accepts_what_was_signed_and_nothing_else() {
    let said = printed(env!("CARGO_BIN_EXE_webhook"), ["7 chairs"]);
    let input = r#"signature-input: sig1=("@method" "@authority" "@path" "content-digest");created="#;
    assert!(said.starts_with(input), "{said}");
    assert!(said.contains("received: 7 chairs\n"), "{said}");
    assert!(said.ends_with("changed on the way: digest_mismatch (HS-DIG-03)\n"), "{said}");
}

#[test]
fn bot_is_known_by_the_url_of_its_keys_once_and_nobody_else_is() {
    let said = printed(env!("CARGO_BIN_EXE_bot"), ["https://shop.example/prices?page=2"]);
    let url = "https://bot.example/.well-known/http-message-signatures-directory";
    for expected in [
        &format!("published at {url}: {{\"keys\":[{{\"kid\":"),
        "signature-agent: sig1=\"https://bot.example\"\n",
        "signature-input: sig1=(\"@method\" \"@target-uri\" \"signature-agent\";key=\"sig1\");created=",
        &format!("the site: {url}, admitted\n"),
        "a copy of it: refused, replay (HS-PAR-05)\n",
        "a pretender: unverified, key_not_provided (HS-WBA-07)\n",
    ] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    assert!(said.ends_with("anybody: unverified, unsigned (HS-WBA-12)\n"), "{said}");
}

#[test]
fn jose_reads_what_it_wrote_until_it_expires() {
    let said = printed(env!("CARGO_BIN_EXE_jose"), ["agent"]);
    assert_eq!(said, "subject: agent\nan hour later: expired (JO-CLM-03)\n");
}

#[test]
fn an_appraiser_takes_no_old_no_forged_and_no_lent_badge() {
    let said = printed(env!("CARGO_BIN_EXE_appraiser"), [""; 0]);
    let lines: Vec<_> = said.lines().collect();
    let [granted, yesterday, other, lent] = lines[..] else { panic!("{said}") };
    assert!(granted.starts_with("granted: spiffe://acme.example/agents/travel for "), "{said}");
    assert_eq!(
        (yesterday, other),
        ("yesterday's badge: nonce_mismatch", "another door's badge: bad_signature")
    );
    assert!(lent.starts_with("a lent badge: the evidence does not do: "), "{said}");
}

#[test]
fn proof_is_verified_once() {
    let folder = Folder::with_credential();
    let folder = folder.path().to_str().unwrap();
    let said = printed(env!("CARGO_BIN_EXE_proof"), [folder, "https://tools.example/v1/search?flights"]);
    assert_eq!(
        said,
        "verified: spiffe://acme.example/agents/travel for https://tools.example/v1/search\n\
         refused: replay (WPT-11)\n"
    );
    let said = printed(env!("CARGO_BIN_EXE_proof"), [folder, "https://other.example/v1/search"]);
    assert_eq!(said, "refused: audience_mismatch (WPT-6)\n".repeat(2));
}

#[test]
fn credential_overwrites_no_key() {
    let folder = Folder::with_credential();
    let files = || ["agent.pem", "agent.wit", "trust.json"].map(|name| folder.read(name));
    let before = files();
    assert!(!run(env!("CARGO_BIN_EXE_credential"), [folder.path()]).status.success());
    assert_eq!(files(), before);
}

/// MTLS-4, MTLS-7.
#[test]
fn the_agent_calls_the_tool_over_mtls_and_strangers_do_not() {
    let folder = Folder::with_certificates();
    let tool = Tool::start(env!("CARGO_BIN_EXE_tool_mtls"), folder.path());
    let agent =
        |folder: &Folder| run(env!("CARGO_BIN_EXE_agent_mtls"), [folder.path().to_str().unwrap(), &tool.url]);
    let called = agent(&folder);
    assert!(called.status.success(), "{called:?}");
    assert_eq!(called.stdout, b"200 mTLS: found flights for spiffe://acme.example/agents/travel\n");
    // The same names, by an authority of its own making: neither end believes the other.
    let stranger = agent(&Folder::with_certificates());
    assert!(!stranger.status.success() && stranger.stdout.is_empty(), "{stranger:?}");

    assert!(!run(env!("CARGO_BIN_EXE_certificates"), [folder.path()]).status.success(), "no key is replaced");
}

/// MTLS-7, MTLS-10.
#[test]
fn mtls_shows_both_ends_and_goes_on_with_renewed_certificates() {
    let output = run(env!("CARGO_BIN_EXE_mtls"), [""; 0]);
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stdout).unwrap();
    let call = "200 OK: found it for spiffe://acme.example/agents/travel";
    let connected = "connected to spiffe://acme.example/tools/search";
    assert_eq!(said.lines().collect::<Vec<_>>(), [connected, call, connected, &format!("renewed: {call}")]);
    let records = String::from_utf8(output.stderr).unwrap();
    assert_eq!(records.matches(r#""method":"mtls","layer":"transport""#).count(), 2, "{records}");
}

#[test]
fn signed_books_with_content_and_an_answer_that_are_signed() {
    assert_eq!(
        printed(env!("CARGO_BIN_EXE_signed"), [""; 0]),
        "200 booked LIS to OPO for spiffe://acme.example/agents/travel\nsigned by spiffe://acme.example/tools/booking\n"
    );
}

/// AIMS-25, PRM-1, DPO-9, CHA-3.
#[test]
fn tokens_are_taken_from_whom_they_were_given_to() {
    let output = run(env!("CARGO_BIN_EXE_tokens"), [""; 0]);
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stdout).unwrap();
    let place = "resource_metadata=\"https://tools.example/.well-known/oauth-protected-resource\"";
    let wanted = |status: u16, bearer: &str, dpop: &str| {
        [
            format!("{status} Bearer {bearer}{place}"),
            format!("    DPoP {dpop}{place}, algs=\"EdDSA Ed25519 ES256 ES384 PS256\""),
        ]
    };
    let less = "error=\"insufficient_scope\", scope=\"trips:book\", ";
    let expected = [
        &wanted(401, "", "")[..],
        &[
            "tokens are issued by https://as.example".into(),
            "200 booked by spiffe://acme.example/agents/travel for user-1, shown by signature".into(),
            r#"401 {"title":"Unauthorized","status":401,"code":"invalid_token"}"#.into(),
        ],
        &wanted(401, "", "error=\"use_dpop_nonce\", ")[..],
        &wanted(403, less, less)[..],
    ];
    assert_eq!(said.lines().collect::<Vec<_>>(), expected.concat());
    let records = String::from_utf8(output.stderr).unwrap();
    let reasons: Vec<String> = records
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .map(|record| record["decision"]["reasons"].to_string())
        .collect();
    let admitted = "[]";
    assert_eq!(
        reasons,
        [r#"["no_token"]"#, admitted, r#"["other_client"]"#, r#"["nonce_wanted"]"#, admitted],
        "{records}"
    );
}

#[test]
fn mcp_agents_call_what_their_tokens_are_good_for() {
    let said = printed(env!("CARGO_BIN_EXE_mcp"), [""; 0]);
    let travel = "spiffe://acme.example/agents/travel";
    let expected = format!(
        "asks /.well-known/oauth-protected-resource/mcp\n\
         gets a token\n\
         tools: search, book\n\
         search: 3 flights to Oslo, for {travel}\n\
         gets a token\n\
         asked: In which row would you like to sit?\n\
         book: booked row 7 to Oslo, for {travel}\n\
         book another flight with it: Mcp error: -32602: the request state is of another call\n\
         cancel: refused\n"
    );
    assert_eq!(said, expected);
}
