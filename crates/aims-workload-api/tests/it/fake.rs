//! A Workload API that does not behave, and what becomes of whoever asks it (WA-1, WA-4 to WA-6).

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aims_credential::{BundleSource, Credential, CredentialSource};
use aims_keys::backend;
use aims_provision::RotationState;
use aims_testkit::assert_refused;
use aims_workload_api::proto::workload as wire;
use aims_workload_api::{Endpoint, WorkloadApi, WorkloadSource};
use tokio::net::UnixListener;
use tokio_stream::wrappers::{ReceiverStream, UnixListenerStream};
use tonic::transport::Server;
use tonic::{Code, Request, Response, Status};
use wire::spiffe_workload_api_server::{SpiffeWorkloadApi, SpiffeWorkloadApiServer};

use crate::server::{raw, with_header};
use crate::support::*;

/// What it does when it is asked.
#[derive(Clone, Debug)]
enum Does {
    /// Sends this, and keeps the stream open.
    Answers(Box<wire::X509svidResponse>),
    /// Ends the stream without a message.
    Ends,
    /// Refuses.
    Refuses(Status),
    /// Says nothing, ever.
    Stalls,
}

#[derive(Clone, Debug)]
struct Fake {
    does: Arc<Mutex<Does>>,
    asked: Arc<AtomicUsize>,
    /// What it answers to whoever asks for JWT-SVIDs.
    tokens: Arc<Mutex<wire::JwtsvidResponse>>,
    /// And to whoever has one validated.
    validated: Arc<Mutex<wire::ValidateJwtsvidResponse>>,
    /// The stream of certificates that was opened last.
    open: Arc<Mutex<Option<Sender>>>,
}

type Sender = tokio::sync::mpsc::Sender<Result<wire::X509svidResponse, Status>>;

type Messages<M> = ReceiverStream<Result<M, Status>>;

impl Fake {
    fn new(does: Does) -> (Self, WorkloadApi) {
        let does = Arc::new(Mutex::new(does));
        let (tokens, validated) = (Arc::default(), Arc::default());
        let fake = Self { does, asked: Arc::default(), tokens, validated, open: Arc::default() };
        let path: PathBuf = socket_path();
        let listener = UnixListenerStream::new(UnixListener::bind(&path).unwrap());
        let service = SpiffeWorkloadApiServer::new(fake.clone()).max_encoding_message_size(usize::MAX);
        tokio::spawn(Server::builder().add_service(service).serve_with_incoming(listener));
        let api = WorkloadApi::new(&Endpoint::Unix(path), backend::ring());
        (fake, api.with_timeout(Duration::from_millis(300)))
    }

    fn does(&self) -> Does {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.does.lock().unwrap().clone()
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    fn stream<M: Send + 'static>(
        &self,
        message: impl FnOnce(wire::X509svidResponse) -> M,
    ) -> Result<Response<Messages<M>>, Status> {
        let (sender, receiver) = tokio::sync::mpsc::channel(1);
        match self.does() {
            Does::Refuses(status) => return Err(status),
            Does::Ends => {}
            Does::Stalls => drop(tokio::spawn(async move { sender.closed().await })),
            Does::Answers(answer) => {
                sender.try_send(Ok(message(*answer))).map_err(|_| Status::internal("full"))?;
                tokio::spawn(async move { sender.closed().await });
            }
        }
        Ok(Response::new(ReceiverStream::new(receiver)))
    }

    async fn answer<M>(&self, message: M) -> Result<Response<M>, Status> {
        match self.does() {
            Does::Refuses(status) => Err(status),
            Does::Stalls => std::future::pending().await,
            _ => Ok(Response::new(message)),
        }
    }
}

#[tonic::async_trait]
impl SpiffeWorkloadApi for Fake {
    type FetchX509SVIDStream = Messages<wire::X509svidResponse>;
    type FetchX509BundlesStream = Messages<wire::X509BundlesResponse>;
    type FetchJWTBundlesStream = Messages<wire::JwtBundlesResponse>;
    type FetchWITSVIDStream = Messages<wire::WitsvidResponse>;
    type FetchWITBundlesStream = Messages<wire::WitBundlesResponse>;

    async fn fetch_x509svid(
        &self,
        _: Request<wire::X509svidRequest>,
    ) -> Result<Response<Self::FetchX509SVIDStream>, Status> {
        let Does::Answers(answer) = self.does.lock().unwrap().clone() else {
            return self.stream(|answer| answer);
        };
        self.does();
        let (sender, receiver) = tokio::sync::mpsc::channel(1);
        sender.send(Ok(*answer)).await.map_err(|_| Status::internal("gone"))?;
        *self.open.lock().unwrap() = Some(sender);
        Ok(Response::new(ReceiverStream::new(receiver)))
    }

    async fn fetch_x509_bundles(
        &self,
        _: Request<wire::X509BundlesRequest>,
    ) -> Result<Response<Self::FetchX509BundlesStream>, Status> {
        self.stream(|_| wire::X509BundlesResponse::default())
    }

    async fn fetch_jwtsvid(
        &self,
        _: Request<wire::JwtsvidRequest>,
    ) -> Result<Response<wire::JwtsvidResponse>, Status> {
        let tokens = self.tokens.lock().unwrap().clone();
        self.answer(tokens).await
    }

    async fn fetch_jwt_bundles(
        &self,
        _: Request<wire::JwtBundlesRequest>,
    ) -> Result<Response<Self::FetchJWTBundlesStream>, Status> {
        self.stream(|_| wire::JwtBundlesResponse {
            bundles: [(ORIGIN.to_owned(), br#"{"keys":[]}"#.to_vec())].into(),
        })
    }

    async fn validate_jwtsvid(
        &self,
        _: Request<wire::ValidateJwtsvidRequest>,
    ) -> Result<Response<wire::ValidateJwtsvidResponse>, Status> {
        let validated = self.validated.lock().unwrap().clone();
        self.answer(validated).await
    }

    async fn fetch_witsvid(
        &self,
        _: Request<wire::WitsvidRequest>,
    ) -> Result<Response<Self::FetchWITSVIDStream>, Status> {
        self.stream(|_| wire::WitsvidResponse::default())
    }

    async fn fetch_wit_bundles(
        &self,
        _: Request<wire::WitBundlesRequest>,
    ) -> Result<Response<Self::FetchWITBundlesStream>, Status> {
        self.stream(|_| wire::WitBundlesResponse::default())
    }
}

/// An answer of our own server.
async fn sound() -> wire::X509svidResponse {
    let served = Served::new(vec![entry(AGENT, &["unix:uid:1"])]);
    let mut client = raw(&served.path).await;
    let messages = client.fetch_x509svid(with_header(wire::X509svidRequest {})).await.unwrap();
    messages.into_inner().message().await.unwrap().unwrap()
}

#[tokio::test]
async fn wa_4_an_api_that_stalls_or_ends_without_a_word_is_given_up() {
    let (fake, api) = Fake::new(Does::Stalls);
    assert_refused!(api.fetch_x509().await, "timed_out", "WA-4");
    assert_refused!(api.fetch_jwt(&["a"], None).await, "timed_out", "WA-4");
    assert_refused!(api.validate_jwt("a", "x").await, "timed_out", "WA-4");
    *fake.does.lock().unwrap() = Does::Ends;
    assert_refused!(api.fetch_x509().await, "stream_ended", "WA-4");
    assert_refused!(api.fetch_jwt(&["a"], None).await, "empty_response", "WA-8");
    assert_refused!(api.validate_jwt("a", "x").await, "field_missing", "WA-6");
    let started = WorkloadSource::builder(api).ready_within(Duration::from_millis(500)).start().await;
    assert_refused!(started, "stream_ended", "WA-4");
}

#[tokio::test]
async fn wa_6_a_token_of_another_identity_than_was_asked_for_does_not_count() {
    let served = Served::new(vec![
        entry(AGENT, &["unix:uid:1"]),
        entry("spiffe://acme.example/agents/two", &["unix:uid:1"]),
    ]);
    let two = "spiffe://acme.example/agents/two".parse().unwrap();
    let identities = served.api().fetch_jwt(&["a"], Some(&two)).await.unwrap();
    assert_eq!((identities.len(), identities[0].svid.subject()), (1, &two));
    let request = wire::JwtsvidRequest { audience: vec!["a".into()], spiffe_id: String::new() };
    let tokens = raw(&served.path).await.fetch_jwtsvid(with_header(request)).await.unwrap().into_inner();
    let (fake, api) = Fake::new(Does::Ends);
    *fake.tokens.lock().unwrap() = tokens;
    assert_eq!(api.fetch_jwt(&["a"], None).await.unwrap().len(), 2);
    assert_refused!(api.fetch_jwt(&["a"], Some(&two)).await, "another_subject", "WA-6");
}

#[tokio::test]
async fn wa_6_whom_a_token_is_about_is_said_with_its_claims() {
    let (fake, api) = Fake::new(Does::Ends);
    let claims = || Some(prost_types::Struct::default());
    for (id, claims, code, rule) in [
        ("", None, "field_missing", "WA-6"),
        (AGENT, None, "field_missing", "WA-6"),
        ("", claims(), "field_missing", "WA-6"),
        ("spiffe://acme.example//a", claims(), "empty_segment", "SPF-ID-5"),
    ] {
        *fake.validated.lock().unwrap() = wire::ValidateJwtsvidResponse { spiffe_id: id.into(), claims };
        assert_refused!(api.validate_jwt("a", "x").await, code, rule);
    }
    *fake.validated.lock().unwrap() =
        wire::ValidateJwtsvidResponse { spiffe_id: AGENT.into(), claims: claims() };
    assert_eq!(api.validate_jwt("a", "x").await.unwrap().as_str(), AGENT);
}

#[tokio::test]
async fn we_7_each_status_says_whether_it_helps_to_try_again() {
    let (fake, api) = Fake::new(Does::Ends);
    for (status, code, rule, may_pass) in [
        (Code::InvalidArgument, "invalid_argument", "WE-2", false),
        (Code::Unimplemented, "unimplemented", "WA-1", false),
        (Code::PermissionDenied, "permission_denied", "WA-9", true),
        (Code::DeadlineExceeded, "timed_out", "WA-4", true),
        (Code::Unavailable, "unavailable", "WA-3", true),
        (Code::Unknown, "unavailable", "WA-3", true),
        (Code::Cancelled, "unavailable", "WA-3", true),
        (Code::Internal, "workload_api_failed", "WA-3", true),
        (Code::ResourceExhausted, "workload_api_failed", "WA-3", true),
    ] {
        *fake.does.lock().unwrap() = Does::Refuses(Status::new(status, "no"));
        let error = api.fetch_jwt(&["a"], None).await.unwrap_err();
        assert_eq!((error.code(), error.rule(), error.may_pass()), (code, rule, may_pass), "{status:?}");
    }
    let nowhere = aims_workload_api::WorkloadApiError::from(aims_workload_api::EndpointError::NotSet);
    assert_eq!((nowhere.code(), nowhere.rule(), nowhere.may_pass()), ("endpoint_not_set", "WE-4", false));
}

#[tokio::test]
async fn wa_1_we_2_what_does_not_help_is_not_tried_again() {
    for (status, code, rule) in [
        (Status::unimplemented("no"), "unimplemented", "WA-1"),
        (Status::invalid_argument("no"), "invalid_argument", "WE-2"),
    ] {
        let (fake, api) = Fake::new(Does::Refuses(status));
        assert_refused!(api.fetch_wit().await, code, rule);
        assert_refused!(api.fetch_wit_bundles().await, code, rule);
        let asked = fake.asked();
        // At once, and not when the time is over.
        let source = WorkloadSource::builder(api.clone()).ready_within(LONG).start();
        assert_refused!(tokio::time::timeout(Duration::from_secs(5), source).await.unwrap(), code, rule);
        let source = WorkloadSource::builder(api).start_without_waiting();
        tokio::time::sleep(Duration::from_millis(2500)).await;
        assert!(
            (asked + 2..=asked + 4).contains(&fake.asked()),
            "each stream once: {}",
            fake.asked() - asked
        );
        assert!(source.status().streams.values().all(|stream| stream.next_attempt.is_none()));
    }
}

#[tokio::test]
async fn aims_17_what_may_help_is_tried_again_and_not_at_once() {
    let (fake, api) = Fake::new(Does::Refuses(Status::unavailable("later")));
    let source = WorkloadSource::builder(api).start_without_waiting();
    tokio::time::sleep(Duration::from_millis(3500)).await;
    // Two streams, which wait for one and two seconds.
    assert!((4..=8).contains(&fake.asked()), "{}", fake.asked());
    assert!(source.status().streams.values().all(|stream| stream.next_attempt.is_some()));
}

#[tokio::test]
async fn wa_6_a_message_that_does_not_count_changes_nothing_and_is_reported() {
    let sound = sound().await;
    let (fake, api) = Fake::new(Does::Answers(Box::new(sound.clone())));
    let mut source = WorkloadSource::builder(api).start().await.unwrap();
    let before = source.x509().holder().unwrap();
    let bundle = source.bundles().bundle(ORIGIN).unwrap();
    let mut spoilt = sound.clone();
    spoilt.svids[0].spiffe_id.clear();
    let sender = fake.open.lock().unwrap().clone().unwrap();
    sender.send(Ok(spoilt)).await.unwrap();
    let status = source.changed().await;
    let x509 = &status.streams["x509"];
    assert_eq!(x509.last_error.as_ref().unwrap().code(), "field_missing");
    assert_eq!((x509.state, x509.updates, x509.next_attempt), (RotationState::Valid, 1, None));
    let serial = |holder: &aims_credential::Holder| match holder.credential() {
        Credential::Svid(svid) => svid.chain()[0].to_vec(),
        _ => panic!("no certificate"),
    };
    assert_eq!(serial(&source.x509().holder().unwrap()), serial(&before));
    assert!(Arc::ptr_eq(&bundle, &source.bundles().bundle(ORIGIN).unwrap()));

    // The stream goes on, and the next one counts.
    sender.send(Ok(sound)).await.unwrap();
    let status = source.changed().await;
    assert_eq!((status.streams["x509"].updates, &status.streams["x509"].last_error), (2, &None));
}

#[tokio::test]
async fn wa_8_a_message_of_a_million_entries_is_not_read() {
    let mut many = sound().await;
    let entries = (0..300_000).map(|n| (format!("spiffe://d{n}.example"), vec![0x30, 0]));
    many.federated_bundles.extend(entries);
    let (_fake, api) = Fake::new(Does::Answers(Box::new(many.clone())));
    // Longer than any message that is taken.
    assert_refused!(api.with_timeout(LONG).fetch_x509().await, "workload_api_failed", "WA-3");
    // Of those that are taken, with more entries than anybody has.
    let few = many.federated_bundles.into_iter().take(100_000).collect();
    many.federated_bundles = few;
    let (_fake, api) = Fake::new(Does::Answers(Box::new(many)));
    assert_refused!(api.with_timeout(LONG).fetch_x509().await, "too_many_elements", "WA-8");
}

#[tokio::test]
async fn wa_8_many_bundles_and_many_lists_do_not_multiply() {
    let mut many = sound().await;
    let authority = authority();
    authority.revoke("01", now()).unwrap();
    let list = authority.trust_bundle().revocation_lists()[0].der().to_vec();
    many.crl = vec![list; 5_000];
    many.federated_bundles = (0..5_000).map(|n| (format!("spiffe://d{n}.example"), Vec::new())).collect();
    let read = |message: &wire::X509svidResponse| {
        aims_workload_api::response::read_x509(message.clone(), backend::ring())
    };
    assert_refused!(read(&many), "too_many_elements", "WA-8");
    many.crl.truncate(100);
    assert_eq!(read(&many).unwrap().bundles[0].revocation_lists().len(), 100);
}

#[tokio::test]
async fn wa_3_an_api_that_denies_its_methods_for_a_while_is_asked_again() {
    let answer = Does::Answers(Box::new(sound().await));
    let (fake, api) = Fake::new(answer.clone());
    let mut source = WorkloadSource::builder(api).start().await.unwrap();
    *fake.does.lock().unwrap() = Does::Refuses(Status::unimplemented("starting"));
    let sender = fake.open.lock().unwrap().take().unwrap();
    sender.send(Err(Status::unimplemented("ending"))).await.unwrap();
    drop(sender);
    let status = source.changed().await;
    assert_eq!(status.streams["x509"].last_error.as_ref().unwrap().code(), "unimplemented");
    assert!(status.streams["x509"].next_attempt.is_some());
    source.x509().holder().unwrap();
    *fake.does.lock().unwrap() = answer;
    let again = async {
        while source.status().streams["x509"].updates < 2 {
            source.changed().await;
        }
    };
    tokio::time::timeout(LONG, again).await.expect("it is not asked again");
}

#[tokio::test]
async fn aims_17_an_api_that_sends_without_end_is_not_read_as_fast() {
    let sound = sound().await;
    let (fake, api) = Fake::new(Does::Answers(Box::new(sound.clone())));
    let source = WorkloadSource::builder(api).start().await.unwrap();
    let sender = fake.open.lock().unwrap().clone().unwrap();
    let flood = async {
        loop {
            sender.send(Ok(sound.clone())).await.unwrap();
        }
    };
    let before = source.status().streams["x509"].updates;
    let flooded: Result<(), _> = tokio::time::timeout(Duration::from_secs(1), flood).await;
    flooded.unwrap_err();
    let read = source.status().streams["x509"].updates - before;
    assert!((2..=25).contains(&read), "{read}");
}

#[tokio::test]
async fn wa_3_a_stream_that_ends_is_opened_again_at_once_if_it_lasted() {
    let (fake, api) = Fake::new(Does::Answers(Box::new(sound().await)));
    let source = WorkloadSource::builder(api).start().await.unwrap();
    let asked = fake.asked();
    let again = async |times: usize| {
        while fake.asked() < asked + times {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    // As soon as it had begun: not more often than once a second.
    drop(fake.open.lock().unwrap().take());
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(fake.asked(), asked);
    tokio::time::timeout(LONG, again(1)).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1200)).await;
    drop(fake.open.lock().unwrap().take());
    tokio::time::timeout(Duration::from_millis(700), again(2)).await.unwrap();
    source.x509().holder().unwrap();
    assert!(source.status().streams["x509"].last_error.is_none());
}

#[test]
fn wa_2_the_service_has_the_methods_of_the_specification_and_no_others() {
    let proto = include_str!("../../proto/workload.proto");
    let methods: Vec<_> = proto.lines().filter_map(|line| line.trim().strip_prefix("rpc ")).collect();
    let names: Vec<_> = methods.iter().map(|line| line.split('(').next().unwrap()).collect();
    assert_eq!(
        names,
        [
            "FetchX509SVID",
            "FetchX509Bundles",
            "FetchJWTSVID",
            "FetchJWTBundles",
            "ValidateJWTSVID",
            "FetchWITSVID",
            "FetchWITBundles",
        ]
    );
    assert!(!proto.contains("\npackage"), "its methods have no package");
}
