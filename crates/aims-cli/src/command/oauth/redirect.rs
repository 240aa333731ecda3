//! The user's browser: it is sent to the server, and comes back with the answer.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use aims::jose::json::ObjectWriter;
use aims::oauth::{Parameters, PendingAuthorization, RedirectUri};
use axum::Router;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, REFERRER_POLICY};
use axum::http::{Method, StatusCode, Uri};
use axum::response::IntoResponse;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::failure::{About, Failure};
use crate::input::Inputs;
use crate::output::{printable, printable_json};

/// Tells the user where to go. It is for that browser alone, so it is no result: it goes to standard error.
pub(super) fn send_user_to(url: &str, json: bool) {
    if json {
        let mut writer = ObjectWriter::new();
        writer.str("authorization_url", url);
        // INVARIANT: there is one name.
        eprintln!("{}", printable_json(&writer.finish().unwrap_or_default()));
    } else {
        eprintln!("open this in the browser of the user: {}", printable(url));
    }
}

/// Where the browser comes back to.
pub(super) struct Awaited {
    uri: RedirectUri,
    listener: Option<TcpListener>,
}

impl Awaited {
    /// The user brings the URL.
    pub(super) fn paste(uri: RedirectUri) -> Self {
        Self { uri, listener: None }
    }

    /// Listens at a redirect URI on this machine; without a port, at a free one (RFC 8252 §7.3).
    pub(super) async fn listen(uri: &RedirectUri) -> Result<Self, Failure> {
        let rest = uri.as_str().strip_prefix("http://").filter(|_| uri.is_loopback());
        let Some(rest) = rest else {
            let why =
                "--redirect-uri: not one of this machine: read the URL from standard input with --paste";
            return Err(Failure::Unusable(why.into()));
        };
        let host = uri.host();
        let address = match host.trim_matches(['[', ']']).parse::<IpAddr>() {
            Ok(address) => address,
            // What it resolves to is not looked up: it is this machine, or it is nobody's business.
            Err(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        };
        let behind = rest.strip_prefix(host).unwrap_or_default();
        let port_end = behind.find(['/', '?']).unwrap_or(behind.len());
        let (port, path) = behind.split_at(port_end);
        let port = port.strip_prefix(':').and_then(|port| port.parse().ok()).unwrap_or(0);
        let at = SocketAddr::new(address, port);
        let failed = |error| Failure::io(&at.to_string(), &error);
        let listener = TcpListener::bind(at).await.map_err(failed)?;
        let port = listener.local_addr().map_err(failed)?.port();
        let uri = format!("http://{host}:{port}{path}").parse().about_option("--redirect-uri")?;
        Ok(Self { uri, listener: Some(listener) })
    }

    /// The redirect URI, as the server is told.
    pub(super) fn uri(&self) -> &RedirectUri {
        &self.uri
    }

    /// The answer, for as long as it counts. What comes with another `state` was sent by somebody else, and ends nothing (AUT-6).
    pub(super) async fn query(self, state: &str, inputs: &mut Inputs) -> Result<Parameters, Failure> {
        let Some(listener) = self.listener else {
            let url = inputs.line()?;
            let (uri, query) = url.text.split_once('?').unwrap_or((&url.text, ""));
            if uri != self.uri.as_str() {
                return Err(Failure::refused(
                    "other_redirect_uri",
                    "AUT-2",
                    "the URL is not the redirect URI",
                ))
                .about(&url);
            }
            return Ok(Parameters::parse(query.as_bytes()).map_err(aims::oauth::ClientError::from)?);
        };
        let (found, mut answers) = mpsc::channel(1);
        let wanted = Arc::new(Wanted { path: path(&self.uri).to_owned(), state: state.to_owned(), found });
        let router = Router::new().fallback(move |method: Method, uri: Uri| {
            let wanted = Arc::clone(&wanted);
            async move { wanted.answer(&method, &uri) }
        });
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let serving = axum::serve(listener, router).with_graceful_shutdown(async {
            let _ = stopped.await;
        });
        let serving = tokio::spawn(async { serving.await });
        let answer = tokio::time::timeout(PendingAuthorization::LIFETIME, answers.recv()).await;
        let _ = stop.send(());
        // The browser gets its page; who only holds a connection does not hold up the program.
        let _ = tokio::time::timeout(Duration::from_secs(1), serving).await;
        answer.ok().flatten().ok_or_else(|| aims::oauth::ClientError::Expired.into())
    }
}

/// What is waited for.
struct Wanted {
    path: String,
    state: String,
    found: mpsc::Sender<Parameters>,
}

impl Wanted {
    fn answer(&self, method: &Method, uri: &Uri) -> impl IntoResponse + use<> {
        let (status, page) = if uri.path() != self.path {
            (StatusCode::NOT_FOUND, "There is nothing here.\n")
        } else if method != Method::GET {
            (StatusCode::METHOD_NOT_ALLOWED, "There is nothing here.\n")
        } else if self.take(uri.query().unwrap_or_default()) {
            (StatusCode::OK, "The answer has arrived. You can close this page.\n")
        } else {
            (StatusCode::BAD_REQUEST, "This is no answer to what was asked.\n")
        };
        let fields = [
            (CONTENT_TYPE, "text/plain; charset=utf-8"),
            (CACHE_CONTROL, "no-store"),
            (REFERRER_POLICY, "no-referrer"),
        ];
        (status, fields, page)
    }

    fn take(&self, query: &str) -> bool {
        let Ok(query) = Parameters::parse(query.as_bytes()) else { return false };
        let is_answer = query.get("state").ok().flatten() == Some(&self.state);
        is_answer && self.found.try_send(query).is_ok()
    }
}

/// The path of a redirect URI of this machine.
fn path(uri: &RedirectUri) -> &str {
    let rest = uri.as_str().strip_prefix("http://").unwrap_or_default();
    let path = rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/");
    path.split('?').next().unwrap_or("/")
}
