//! The program in a folder of its own, and what it said.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;

pub(crate) const ORIGIN: &str = "spiffe://acme.example";
pub(crate) const SUBJECT: &str = "spiffe://acme.example/agents/travel";
pub(crate) const TRUST: &str = "spiffe://acme.example=acme.jwks";

pub(crate) const BUNDLE: &str = "spiffe://acme.example=acme.bundle";

/// A fresh folder, removed with everything in it.
pub(crate) struct Folder(PathBuf);

/// What a run said, and how it ended.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Folder {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("aims-cli-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    /// A folder with an issuer (`issuer.pem`, `acme.jwks`) and an agent (`travel.pem`, `travel.jwk`, `travel.wit`).
    pub(crate) fn with_agent() -> Self {
        let folder = Self::new();
        folder.key("issuer", "ES256", "2026-11");
        folder.aims(&["jwk", "set", "issuer.jwk"]).saved(&folder, "acme.jwks");
        folder.key("travel", "ES256", "t");
        folder.issue(&[]).saved(&folder, "travel.wit");
        folder
    }

    /// A folder with an authority (`root.pem`, `root.crt`, `acme.bundle`) and an agent (`travel.pem`, `travel.jwk`, `travel.csr`,
    /// `travel.crt`). The key `tokens.pem` is the one for tokens, `tokens` in the bundle.
    pub(crate) fn with_authority() -> Self {
        let folder = Self::new();
        for (name, kid) in [("root", "r"), ("tokens", "tokens"), ("travel", "t")] {
            folder.key(name, "ES256", kid);
        }
        folder.authority("root", ORIGIN);
        folder.bundle(&["--sequence", "7"]).saved(&folder, "acme.bundle");
        folder.aims(&["svid", "request", "--key", "travel.pem"]).saved(&folder, "travel.csr");
        folder.issue_svid(&[]).saved(&folder, "travel.crt");
        folder
    }

    /// Makes `NAME.crt` of `NAME.pem`.
    pub(crate) fn authority(&self, name: &str, origin: &str) {
        let key = format!("{name}.pem");
        let made = self.aims(&["svid", "authority", "--key", &key, "--origin", origin]);
        made.saved(self, &format!("{name}.crt"));
    }

    /// Issues the bundle of the authority; later options come on top.
    pub(crate) fn bundle(&self, options: &[&str]) -> Output {
        let keys = ["--authority", "root.crt", "--jwt-key", "tokens.jwk"];
        self.aims(&[&["bundle", "issue", "--origin", ORIGIN], &keys[..], options].concat())
    }

    /// Issues a certificate for the agent; later options come on top.
    pub(crate) fn issue_svid(&self, options: &[&str]) -> Output {
        let by = ["svid", "issue", "--key", "root.pem", "--authority", "root.crt", "--origin", ORIGIN];
        let about = ["--subject", SUBJECT, "--request", "travel.csr"];
        self.aims(&[&by[..], &about, options].concat())
    }

    /// Verifies a chain as a client's; later options come on top.
    pub(crate) fn verify_svid(&self, file: &str, options: &[&str]) -> Output {
        let args = ["svid", "verify", file, "--trust", BUNDLE, "--role", "client"];
        self.aims(&[&args[..], options].concat())
    }

    /// Makes `NAME.pem` and `NAME.jwk`.
    pub(crate) fn key(&self, name: &str, alg: &str, kid: &str) {
        let pem = format!("{name}.pem");
        self.aims(&["key", "new", "--alg", alg, "--out", &pem]).accepted();
        self.aims(&["key", "public", "--kid", kid, &pem]).saved(self, &format!("{name}.jwk"));
    }

    /// Issues a token for the agent; later options come on top.
    pub(crate) fn issue(&self, options: &[&str]) -> Output {
        let mut args = vec!["wit", "issue", "--key", "issuer.pem", "--kid", "2026-11", "--origin", ORIGIN];
        args.extend(["--subject", SUBJECT, "--for", "travel.jwk"]);
        args.extend(options);
        self.aims(&args)
    }

    pub(crate) fn aims(&self, args: &[&str]) -> Output {
        self.aims_with_input(args, b"")
    }

    pub(crate) fn aims_with_input(&self, args: &[&str], input: &[u8]) -> Output {
        Self::output(Command::new(env!("CARGO_BIN_EXE_aims")).args(args).current_dir(&self.0), input)
    }

    /// With the TPM at this address.
    #[cfg(feature = "tpm")]
    pub(crate) fn aims_at(&self, tcti: &str, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_aims"));
        Self::output(command.args(args).current_dir(&self.0).env("AIMS_TCTI", tcti), b"")
    }

    fn output(command: &mut Command, input: &[u8]) -> Output {
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // A program that needs no input may have ended already.
        let _ = child.stdin.take().unwrap().write_all(input);
        let output = child.wait_with_output().unwrap();
        Output {
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.join(name)).unwrap()
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.0.join(name), content).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Output {
    /// Asserts that all was well, and returns standard output.
    pub(crate) fn accepted(self) -> String {
        assert_eq!((self.code, self.stderr.as_str()), (0, ""), "{self:?}");
        self.stdout
    }

    /// Asserts that what was compared was not the same, and returns standard output.
    pub(crate) fn different(self) -> String {
        assert_eq!((self.code, self.stderr.as_str()), (1, ""), "{self:?}");
        self.stdout
    }

    /// As [`accepted`](Self::accepted), as JSON.
    pub(crate) fn json(self) -> Value {
        let text = self.accepted();
        assert_eq!(text.lines().count(), 1, "{text}");
        serde_json::from_str(&text).unwrap()
    }

    /// Keeps standard output in a file.
    pub(crate) fn saved(self, folder: &Folder, name: &str) {
        folder.write(name, self.accepted());
    }

    /// What was told as a refusal in text; nothing is on standard output.
    pub(crate) fn refusal(self) -> Refusal {
        assert_eq!((self.code, self.stdout.as_str()), (1, ""), "{self:?}");
        let line = self.stderr.strip_prefix("refused: ").unwrap().strip_suffix('\n').unwrap();
        let (reason, message) = line.split_once("): ").unwrap();
        let (code, rule) = reason.split_once(" (").unwrap();
        Refusal { code: code.into(), rule: rule.into(), message: message.into() }
    }

    /// What was told as a refusal in JSON; nothing is on standard output.
    pub(crate) fn json_refusal(self) -> Refusal {
        assert_eq!((self.code, self.stdout.as_str()), (1, ""), "{self:?}");
        let line: Value = serde_json::from_str(&self.stderr).unwrap();
        let text = |name| line["refused"][name].as_str().unwrap().to_owned();
        Refusal { code: text("code"), rule: text("rule"), message: text("message") }
    }

    /// Asserts that the command line or a file was at fault, and returns what was said about it.
    pub(crate) fn unusable(self) -> String {
        assert_eq!((self.code, self.stdout.as_str()), (2, ""), "{self:?}");
        self.stderr
    }
}

/// A refusal, with the methods that `assert_refused!` asks.
#[derive(Debug)]
pub(crate) struct Refusal {
    code: String,
    rule: String,
    pub(crate) message: String,
}

impl Refusal {
    pub(crate) fn code(&self) -> &str {
        &self.code
    }

    pub(crate) fn rule(&self) -> &str {
        &self.rule
    }

    /// For `assert_refused!`, which takes a result.
    pub(crate) fn err(self) -> Result<(), Self> {
        Err(self)
    }
}
