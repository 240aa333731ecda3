//! A key in a service on the network, and services that are slow, crowded, broken or false (TPM-42, TPM-43, TPM-44).

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use aims_credential::WitIssuer;
use aims_examples::remote_signer::client::{Form, RemoteSignerBuilder};
use aims_examples::remote_signer::{KeyService, RemoteSigner, RemoteSignerError};
use aims_jose::base64url;
use aims_keys::{
    Algorithm, AsyncSigner, Protection, SignError, SignInput, SoftwareKey, UnixTime, backend, der,
};
use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::programs::printed;

const TOKEN: &str = "a-token-of-the-service";

/// Where the routes are served, up to the name of the key.
async fn serve(routes: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let place = format!("http://{}/keys/agents", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, routes).await });
    place
}

fn builder(place: &str) -> RemoteSignerBuilder {
    RemoteSigner::builder(place, TOKEN).timeout(Duration::from_millis(300))
}

async fn connect(builder: RemoteSignerBuilder) -> Result<RemoteSigner, RemoteSignerError> {
    builder.connect(Algorithm::Es256, backend::ring()).await
}

fn key() -> SoftwareKey {
    SoftwareKey::generate(Algorithm::Es256, backend::ring()).unwrap()
}

fn about(key: &SoftwareKey) -> String {
    let pem = key.public_key().numbers().to_pem();
    json!({ "key": "agents/1", "algorithm": "ES256", "public_key": pem }).to_string()
}

/// A service with a good description of `key`, whose `sign` is this.
async fn with<F, R>(key: &SoftwareKey, sign: impl Fn() -> F + Clone + Send + Sync + 'static) -> String
where
    F: Future<Output = R> + Send + 'static,
    R: IntoResponse + 'static,
{
    let about = about(key);
    let routes = Router::new()
        .route("/keys/agents", get(async move || about))
        .route("/keys/agents/sign", post(async move || sign().await.into_response()));
    serve(routes).await
}

/// What comes of a sign with a service that answers so.
async fn answered(answer: Response) -> (SignError, usize) {
    let (parts, body) = answer.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let place = with(&key(), move || {
        counter.fetch_add(1, Ordering::SeqCst);
        let answer: Response = Response::from_parts(parts.clone(), body.clone().into());
        async { answer }
    })
    .await;
    let error = sign(&connect(builder(&place)).await.unwrap()).await.unwrap_err();
    (error, asked.load(Ordering::SeqCst))
}

async fn sign(signer: &RemoteSigner) -> Result<(), SignError> {
    let signature = signer.sign(SignInput::Message(b"message")).await?;
    assert_eq!(signer.public_key().verify(b"message", signature.as_bytes()), Ok(()));
    Ok(())
}

fn signed(bytes: &[u8]) -> Response {
    json!({ "key": "agents/1", "signature": base64url::encode(bytes) }).to_string().into_response()
}

#[test]
fn remote_signer_issues_with_a_key_that_is_elsewhere() {
    assert_eq!(
        printed(env!("CARGO_BIN_EXE_remote_signer"), [""; 0]),
        "key: ES256 in cloud_kms\nissued: spiffe://acme.example/agents/travel\n\
         refused: key_busy (TPM-44): Busy { retry_after: Some(1s) }\n\
         refused: the authorization of the key failed\n"
    );
}

#[tokio::test]
async fn tpm_43_a_key_service_signs_and_shows_no_token() {
    let service = Arc::new(KeyService::new(TOKEN, 16).unwrap());
    let public = service.public_key().clone();
    let place = serve(service.routes()).await;
    let signer = connect(builder(&place).expecting(&public)).await.unwrap();
    assert_eq!((signer.algorithm(), signer.protection()), (Algorithm::Es256, Protection::CloudKms));
    assert_eq!(signer.public_key(), &public);
    for _ in 0..20 {
        assert_eq!(sign(&signer).await, Ok(()));
    }
    let shown = format!("{signer:?}");
    assert!(!shown.contains(TOKEN) && !shown.contains("127.0.0.1"), "{shown}");

    // It takes messages, and no more of them than anybody has.
    let long = vec![7; 64 << 10];
    assert!(signer.sign(SignInput::Message(&long)).await.is_ok());
    for input in [SignInput::Digest(&[1; 32]), SignInput::Message(&[&long[..], b"!"].concat())] {
        assert_eq!(signer.sign(input).await.unwrap_err(), SignError::UnsupportedInput);
    }
    let other = builder(&place).expecting(key().public_key());
    assert!(matches!(connect(other).await, Err(RemoteSignerError::OtherKey)));
    let es384 = builder(&place).connect(Algorithm::Es384, backend::ring()).await;
    assert!(matches!(es384, Err(RemoteSignerError::Key)));
}

#[tokio::test]
async fn tpm_44_tokens_go_over_tls_or_stay_on_the_machine() {
    for place in [
        "http://kms.example/keys/agents",
        "http://192.0.2.1/keys/agents",
        "http://127.0.0.1.example/keys/agents",
        "http://localhost.example/keys/agents",
        "ftp://127.0.0.1/keys/agents",
        "unix:/run/kms",
        "",
    ] {
        assert!(matches!(connect(builder(place)).await, Err(RemoteSignerError::Config)), "{place}");
    }
    let bad = RemoteSigner::builder("https://kms.example/keys/agents", "a\r\nb");
    assert!(matches!(connect(bad).await, Err(RemoteSignerError::Config)));
}

#[tokio::test]
async fn tpm_44_what_a_service_refuses_has_a_reason_and_is_not_asked_again() {
    let busy = |after| SignError::Busy { retry_after: after };
    let after = |value: &'static str| [(header::RETRY_AFTER, value)];
    let cases = [
        ((StatusCode::TOO_MANY_REQUESTS, after("7")).into_response(), busy(Some(Duration::from_secs(7)))),
        ((StatusCode::SERVICE_UNAVAILABLE, after("0")).into_response(), busy(Some(Duration::ZERO))),
        (
            (StatusCode::TOO_MANY_REQUESTS, after("99999999999")).into_response(),
            busy(Some(Duration::from_secs(3600))),
        ),
        ((StatusCode::TOO_MANY_REQUESTS, after("-1")).into_response(), busy(None)),
        ((StatusCode::TOO_MANY_REQUESTS, after("Fri, 27 Nov 2026 18:00:00 GMT")).into_response(), busy(None)),
        (StatusCode::TOO_MANY_REQUESTS.into_response(), busy(None)),
        (StatusCode::UNAUTHORIZED.into_response(), SignError::AuthFailed),
        (StatusCode::FORBIDDEN.into_response(), SignError::Policy),
        (StatusCode::NOT_FOUND.into_response(), SignError::NotFound),
        (StatusCode::INTERNAL_SERVER_ERROR.into_response(), SignError::Backend),
        (StatusCode::NO_CONTENT.into_response(), SignError::Backend),
        ((StatusCode::FOUND, [(header::LOCATION, "/keys/agents")]).into_response(), SignError::Backend),
    ];
    for (answer, expected) in cases {
        let shown = format!("{answer:?}");
        assert_eq!(answered(answer).await, (expected, 1), "{shown}");
    }
}

#[tokio::test]
async fn tpm_42_a_signature_that_is_not_of_this_key_over_this_message_is_never_given_out() {
    let (ours, theirs) = (Arc::new(key()), key());
    let der = |key: &SoftwareKey, message: &[u8]| {
        let signature = key.sign(SignInput::Message(message)).unwrap();
        der::ecdsa_to_der(Algorithm::Es256, signature.as_bytes()).unwrap()
    };
    let good = der(&ours, b"message");
    let mut flipped = good.clone();
    *flipped.last_mut().unwrap() ^= 1;
    let long_form = [&[0x30, 0x81, good[1]], &good[2..]].concat();
    for wrong in [
        der(&theirs, b"message"),
        der(&ours, b"another message"),
        flipped,
        [&good[..], &[0]].concat(),
        long_form,
        good[..good.len() - 1].to_vec(),
        SoftwareKey::sign(&ours, SignInput::Message(b"message")).unwrap().as_bytes().to_vec(),
        vec![0x30, 0x06, 2, 1, 0, 2, 1, 0],
        Vec::new(),
    ] {
        let answer = wrong.clone();
        let place = with(&ours, move || {
            let answer = signed(&answer);
            async { answer }
        })
        .await;
        let signer = Arc::new(connect(builder(&place)).await.unwrap());
        assert_eq!(sign(&signer).await, Err(SignError::Backend), "{wrong:02x?}");

        // Nor does an issuer make a token of it.
        let origin: aims_id::Origin = "spiffe://acme.example".parse().unwrap();
        let issuer = WitIssuer::with_async_signer(origin.clone(), signer, "1").unwrap();
        let agent = origin.workload("/agents/travel").unwrap();
        let now = UnixTime::from_secs(1_790_000_000);
        assert!(issuer.issue_async(&agent, theirs.public_key(), now).await.is_err());
    }

    // Another version of the key is another key.
    let rotated = json!({ "key": "agents/2", "signature": base64url::encode(&good) }).to_string();
    let place = with(&ours, move || {
        let answer = rotated.clone();
        async { answer }
    })
    .await;
    assert_eq!(sign(&connect(builder(&place)).await.unwrap()).await, Err(SignError::NotFound));
}

#[tokio::test]
async fn tpm_42_r_and_s_of_fixed_length_are_taken_where_the_service_gives_them() {
    let key = Arc::new(key());
    let signer = Arc::clone(&key);
    let place = with(&key, move || {
        let answer = signed(SoftwareKey::sign(&signer, SignInput::Message(b"message")).unwrap().as_bytes());
        async { answer }
    })
    .await;
    let raw = connect(builder(&place).form(Form::Raw)).await.unwrap();
    assert_eq!(sign(&raw).await, Ok(()));
    assert_eq!(sign(&connect(builder(&place)).await.unwrap()).await, Err(SignError::Backend));
}

#[tokio::test]
async fn tpm_43_a_slow_service_is_busy_and_the_executor_goes_on() {
    let place = with(&key(), async || tokio::time::sleep(Duration::from_secs(60)).await).await;
    let signer = connect(builder(&place).at_once(1)).await.unwrap();
    let begun = Instant::now();
    let ticks = async {
        let mut ticks = 0;
        while begun.elapsed() < Duration::from_millis(200) {
            tokio::time::sleep(Duration::from_millis(10)).await;
            ticks += 1;
        }
        ticks
    };
    // One at once: the second is not even sent.
    let (first, second, ticks) = tokio::join!(sign(&signer), sign(&signer), ticks);
    assert_eq!(first, Err(SignError::Busy { retry_after: None }));
    assert_eq!(second, Err(SignError::Busy { retry_after: None }));
    assert!(begun.elapsed() < Duration::from_secs(5) && ticks >= 5, "{ticks}");
}

#[tokio::test]
async fn tpm_44_answers_that_are_too_long_or_make_no_sense_are_refused() {
    let long = format!(r#"{{"key":"agents/1","signature":"AA","more":"{}"}}"#, "x".repeat(20_000));
    for text in [
        long,
        "x".repeat(100 << 20),
        String::new(),
        "null".to_owned(),
        "[]".to_owned(),
        "{}".to_owned(),
        r#"{"key":"agents/1"}"#.to_owned(),
        r#"{"key":"agents/1","signature":7}"#.to_owned(),
        r#"{"key":"agents/1","signature":"!"}"#.to_owned(),
        "[".repeat(16_000),
    ] {
        let start = text.chars().take(30).collect::<String>();
        assert_eq!(answered(text.into_response()).await, (SignError::Backend, 1), "{start}");
    }
    for about in [
        String::new(),
        about(&key()).replace("ES256", "ES384"),
        about(&key()).replace("PUBLIC", "PRIVATE"),
        about(&key()).replace("\"key\"", "\"name\""),
    ] {
        let place = serve(Router::new().route("/keys/agents", get(async move || about))).await;
        assert!(connect(builder(&place)).await.is_err());
    }
}

/// Describes the key, and then cuts every connection after so many bytes of the answer; says how many it cut.
async fn cuts(answer: &'static [u8]) -> (RemoteSigner, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let place = format!("http://{}/keys/agents", listener.local_addr().unwrap());
    let about = about(&key());
    let cut = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&cut);
    tokio::spawn(async move {
        loop {
            let (mut connection, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            let read = connection.read(&mut request).await.unwrap();
            if request[..read].starts_with(b"GET") {
                let len = about.len();
                let answer =
                    format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {len}\r\n\r\n{about}");
                connection.write_all(answer.as_bytes()).await.unwrap();
            } else {
                counter.fetch_add(1, Ordering::SeqCst);
                connection.write_all(answer).await.unwrap();
            }
        }
    });
    (connect(builder(&place)).await.unwrap(), cut)
}

#[tokio::test]
async fn tpm_44_a_connection_that_is_cut_is_tried_once_more_and_no_third_time() {
    for answer in
        [&b""[..], b"HTTP/1.1 200", b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"key\":\"agents/1\""]
    {
        let (signer, cut) = cuts(answer).await;
        assert_eq!(sign(&signer).await, Err(SignError::DeviceGone));
        assert_eq!(cut.load(Ordering::SeqCst), 2);
    }
}

#[tokio::test]
async fn tpm_44_a_service_that_is_not_there_is_a_device_that_is_gone() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let place = format!("http://{}/keys/agents", listener.local_addr().unwrap());
    drop(listener);
    let refused = connect(builder(&place)).await.unwrap_err();
    assert!(matches!(refused, RemoteSignerError::Service(SignError::DeviceGone)), "{refused}");
}
