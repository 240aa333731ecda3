//! An authorization server and a tool on this machine, over TLS, as good or as bad as a test wants them.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use aims::backend;
use aims::keys::{Algorithm, PrivateKey, SoftwareKey, SystemClock};
use aims_testkit::{TestAuthorizationServer, TestAuthorizationServerBuilder};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::Value;

use crate::support::{Folder, ORIGIN, Output};

pub(super) const CLIENT: &str = "travel-agent";
pub(super) const SCOPE: &str = "trips:book trips:read";

/// A request.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) method: String,
    /// With its query.
    pub(super) target: String,
    pub(super) fields: Vec<(String, Vec<u8>)>,
    pub(super) body: Vec<u8>,
}

/// An answer that is not the server's own.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) fields: Vec<(&'static str, String)>,
    pub(super) body: String,
}

impl Answer {
    pub(super) fn json(status: u16, body: impl std::fmt::Display) -> Self {
        let fields = vec![("content-type", "application/json".to_owned())];
        Self { status, fields, body: format!("{body}") }
    }

    pub(super) fn with(mut self, name: &'static str, value: impl std::fmt::Display) -> Self {
        self.fields.push((name, format!("{value}")));
        self
    }
}

/// What answers before the server does.
type Before = Box<dyn Fn(&Place, &Asked) -> Option<Answer> + Send + Sync>;

/// A host, `localhost` at some port, with an authorization server at its root and a tool at `/v1`.
#[derive(Clone)]
pub(super) struct Place(Arc<Inner>);

struct Inner {
    port: u16,
    server: TestAuthorizationServer,
    before: Mutex<Before>,
    asked: Mutex<Vec<Asked>>,
    secrets: Mutex<Vec<String>>,
}

impl Place {
    /// With the client [`CLIENT`], whose key is `client.pem` of the folder, and whose users come back to these URIs.
    pub(super) fn new(folder: &Folder, redirect_uris: &[&str]) -> Self {
        Self::with(folder, redirect_uris, |server| server)
    }

    pub(super) fn with(
        folder: &Folder,
        redirect_uris: &[&str],
        further: impl FnOnce(TestAuthorizationServerBuilder) -> TestAuthorizationServerBuilder,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let builder = TestAuthorizationServer::builder(&issuer(port), SystemClock::default())
            .client(CLIENT, &key(folder, "client"), redirect_uris)
            .serves(&format!("{}/v1", issuer(port)))
            .resource(&format!("{}/v1", issuer(port)), SCOPE)
            .resource("https://inner.example", SCOPE);
        let place = Self(Arc::new(Inner {
            port,
            server: further(builder).build(),
            before: Mutex::new(Box::new(|_, _| None)),
            asked: Mutex::default(),
            secrets: Mutex::default(),
        }));
        let tls = tls(folder);
        let serving = place.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (place, tls) = (serving.clone(), Arc::clone(&tls));
                thread::spawn(move || place.serve(stream, tls));
            }
        });
        place
    }

    /// Answers so, where this yields an answer.
    pub(super) fn before(&self, answer: impl Fn(&Self, &Asked) -> Option<Answer> + Send + Sync + 'static) {
        *self.0.before.lock().unwrap() = Box::new(answer);
    }

    /// Answers so at this path.
    pub(super) fn at(&self, path: &'static str, answer: impl Fn(&Self) -> Answer + Send + Sync + 'static) {
        self.before(move |place, asked| (asked.path() == path).then(|| answer(place)));
    }

    pub(super) fn server(&self) -> &TestAuthorizationServer {
        &self.0.server
    }

    pub(super) fn port(&self) -> u16 {
        self.0.port
    }

    pub(super) fn issuer(&self) -> String {
        issuer(self.0.port)
    }

    pub(super) fn resource(&self) -> String {
        format!("{}/v1", self.issuer())
    }

    /// What was asked so far.
    pub(super) fn asked(&self) -> Vec<Asked> {
        self.0.asked.lock().unwrap().clone()
    }

    /// What the server says of itself, with these changes: `null` takes a member away.
    pub(super) fn metadata(&self, changes: &Value) -> Answer {
        let mut document: Value = serde_json::from_str(&self.server().metadata().to_json()).unwrap();
        change(&mut document, changes);
        Answer::json(200, document)
    }

    /// What the tool says of itself, with these changes.
    pub(super) fn resource_metadata(&self, changes: &Value) -> Answer {
        let mut document = serde_json::json!({
            "resource": self.resource(),
            "authorization_servers": [self.issuer()],
            "dpop_signing_alg_values_supported": ["ES256"],
        });
        change(&mut document, changes);
        Answer::json(200, document)
    }

    /// The options with which the program reaches the place, and asks as the client.
    pub(super) fn reaching(&self) -> Vec<String> {
        let port = self.0.port.to_string();
        let options =
            ["--authorities", "root.crt", "--allow-private-host", "localhost", "--allow-port", &port];
        options.map(ToOwned::to_owned).to_vec()
    }

    pub(super) fn asking(&self) -> Vec<String> {
        let issuer = self.issuer();
        let options = ["--issuer", &issuer, "--client-id", CLIENT, "--client-key", "client.pem"];
        [options.map(ToOwned::to_owned).to_vec(), self.reaching()].concat()
    }

    /// The command line of `aims oauth get`: a grant, and what it needs.
    pub(super) fn get(&self, grant: &str, options: &[&str]) -> Vec<String> {
        let grant = ["oauth", "get", grant].map(ToOwned::to_owned).to_vec();
        let options: Vec<_> = options.iter().map(ToString::to_string).collect();
        [grant, self.asking(), options].concat()
    }

    /// Asserts that nobody who reads what the program said has a token by that (AZR-9).
    #[track_caller]
    pub(super) fn told_no_token(&self, output: &Output) {
        let secrets = self.0.secrets.lock().unwrap();
        for secret in secrets.iter() {
            assert!(!output.stdout.contains(secret) && !output.stderr.contains(secret), "{output:?}");
        }
    }

    /// How many secrets were given out.
    pub(super) fn given(&self) -> usize {
        self.0.secrets.lock().unwrap().len()
    }

    fn serve(&self, stream: TcpStream, tls: Arc<ServerConfig>) {
        let _ = stream.set_read_timeout(Some(Duration::from_secs(10)));
        let mut stream = StreamOwned::new(ServerConnection::new(tls).unwrap(), stream);
        let Some(asked) = read(&mut stream) else { return };
        self.0.asked.lock().unwrap().push(asked.clone());
        let before = (self.0.before.lock().unwrap())(self, &asked);
        let answer = before.unwrap_or_else(|| self.own(&asked));
        if asked.path() == "/token" {
            self.remember(&answer.body);
        }
        let mut text = format!("HTTP/1.1 {} X\r\nconnection: close\r\n", answer.status);
        for (name, value) in &answer.fields {
            write!(text, "{name}: {value}\r\n").unwrap();
        }
        write!(text, "content-length: {}\r\n\r\n{}", answer.body.len(), answer.body).unwrap();
        let _ = stream.write_all(text.as_bytes());
        stream.conn.send_close_notify();
        let _ = stream.flush();
    }

    /// What the server, or the tool, answers by itself.
    pub(super) fn own(&self, asked: &Asked) -> Answer {
        match asked.path() {
            "/v1" => {
                let metadata = format!("{}/.well-known/oauth-protected-resource/v1", self.issuer());
                let challenge = format!("DPoP resource_metadata=\"{metadata}\"");
                Answer::json(401, "").with("www-authenticate", challenge)
            }
            "/.well-known/oauth-protected-resource/v1" => self.resource_metadata(&Value::Null),
            path => {
                let fields: Vec<_> =
                    asked.fields.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
                let answer = self.server().answer(&asked.method, path, &fields, &asked.body);
                let body = String::from_utf8(answer.body().to_vec()).unwrap();
                let mut fields = answer.fields().to_vec();
                fields.extend(answer.content_type().map(|kind| ("content-type", kind.to_owned())));
                Answer { status: answer.status(), fields, body }
            }
        }
    }

    fn remember(&self, body: &str) {
        let Ok(body) = serde_json::from_str::<Value>(body) else { return };
        let members = ["access_token", "refresh_token", "id_token"];
        let secrets = members.iter().filter_map(|member| body[*member].as_str()).map(ToOwned::to_owned);
        self.0.secrets.lock().unwrap().extend(secrets);
    }
}

impl Asked {
    pub(super) fn path(&self) -> &str {
        self.target.split('?').next().unwrap()
    }

    /// The parameters of the body.
    pub(super) fn form(&self) -> HashMap<String, String> {
        let text = String::from_utf8(self.body.clone()).unwrap();
        let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    pub(super) fn has_field(&self, wanted: &str) -> bool {
        self.fields.iter().any(|(name, _)| name == wanted)
    }
}

/// A folder with what a place needs: an authority (`root.crt`), a certificate for `localhost` (`web.crt`, `web.pem`), and the client's key (`client.pem`).
pub(super) fn folder() -> Folder {
    let folder = Folder::new();
    for name in ["root", "web", "client"] {
        folder.key(name, "ES256", name);
    }
    folder.authority("root", ORIGIN);
    let by = ["svid", "issue", "--key", "root.pem", "--authority", "root.crt", "--origin", ORIGIN];
    let about = ["--subject", "spiffe://acme.example/as", "--for", "web.jwk", "--dns", "localhost"];
    folder.aims(&[&by[..], &about].concat()).saved(&folder, "web.crt");
    folder
}

/// Runs the program.
pub(super) fn run(folder: &Folder, args: &[String]) -> Output {
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    folder.aims(&args)
}

/// The key of a file of the folder.
pub(super) fn key(folder: &Folder, name: &str) -> SoftwareKey {
    let pem = folder.read(&format!("{name}.pem"));
    PrivateKey::from_pem(&pem).unwrap().load(Algorithm::Es256, backend::ring()).unwrap()
}

fn tls(folder: &Folder) -> Arc<ServerConfig> {
    let chain =
        CertificateDer::pem_slice_iter(folder.read("web.crt").as_bytes()).map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_slice(folder.read("web.pem").as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    Arc::new(config.with_no_client_auth().with_single_cert(chain, key).unwrap())
}

fn read(stream: &mut impl Read) -> Option<Asked> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut fields = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        fields.push((name.to_ascii_lowercase(), value.as_bytes().to_vec()));
    }
    let len = fields.iter().find(|(name, _)| name == "content-length");
    let len = len.and_then(|(_, len)| str::from_utf8(len).ok()?.parse().ok()).unwrap_or(0);
    let mut body = vec![0; len];
    reader.read_exact(&mut body).ok()?;
    Some(Asked { method, target, fields, body })
}

fn change(document: &mut Value, changes: &Value) {
    let Value::Object(changes) = changes else { return };
    let document = document.as_object_mut().unwrap();
    for (member, value) in changes {
        if value.is_null() {
            document.remove(member);
        } else {
            document.insert(member.clone(), value.clone());
        }
    }
}

fn issuer(port: u16) -> String {
    format!("https://localhost:{port}")
}
