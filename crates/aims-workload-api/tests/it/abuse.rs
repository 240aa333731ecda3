//! What one caller can do to the others: nothing (ATT-23, ATT-124, AIMS-17).

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aims_attest::{Appraisal, AppraisalBuilder, Evidence, EvidenceType, Reason};
use aims_keys::{UnixTime, backend};
use aims_provision::{Phase, Posture, PostureAssessor, PostureQuestion, Provisioner, Terms};
use aims_testkit::assert_refused;
use aims_workload_api::proto::key_holder as kept;
use aims_workload_api::proto::workload as wire;
use aims_workload_api::{
    Attested, Attestor, Endpoint, NotAttested, Socket, WorkloadApi, WorkloadApiServer,
    WorkloadApiServerBuilder,
};
use hyper_util::rt::TokioIo;
use kept::key_holder_client::KeyHolderClient;
use tokio::io::AsyncReadExt;
use tokio::net::{UnixListener, UnixStream};
use tokio::time::{Instant, timeout};
use tonic::Code;
use tonic::transport::{Endpoint as Target, Uri};

use crate::server::{raw, with_header};
use crate::support::*;

/// Takes callers for users by turns: whoever connects is the one that was set.
#[derive(Clone, Debug, Default)]
struct Users(Arc<Mutex<User>>);

#[derive(Clone, Debug, Default)]
struct User {
    name: String,
    /// Looking at it takes until this is not set any more, or ten seconds.
    slow: Arc<AtomicBool>,
    looked_at: Arc<AtomicUsize>,
    unavailable: Arc<AtomicBool>,
    /// What becomes of it between the look at it and the answer.
    becomes: Arc<Mutex<Option<NotAttested>>>,
}

impl Users {
    fn is(&self, name: &str) -> User {
        let user = User { name: name.to_owned(), ..User::default() };
        *self.0.lock().unwrap() = user.clone();
        user
    }

    fn serve(
        &self,
        configure: impl FnOnce(WorkloadApiServerBuilder) -> WorkloadApiServerBuilder,
    ) -> (WorkloadApiServer, PathBuf) {
        let all = entries(vec![entry(AGENT, &["unix:uid:1"])]);
        let builder = WorkloadApiServer::builder(authority(), all, self.clone(), backend::ring());
        let (server, path) = (configure(builder).build(), socket_path());
        let listener = UnixListener::bind(&path).unwrap();
        let serving = server.clone();
        tokio::spawn(async move { serving.serve_unix(listener).await });
        (server, path)
    }
}

impl Attestor for Users {
    fn accept(&self, _: &Socket<'_>) -> Result<Arc<dyn Attested>, NotAttested> {
        Ok(Arc::new(self.0.lock().unwrap().clone()))
    }
}

impl Attested for User {
    fn appraise(&self, now: UnixTime) -> Result<Vec<Appraisal>, NotAttested> {
        self.looked_at.fetch_add(1, Ordering::SeqCst);
        for _ in 0..500 {
            if !self.slow.load(Ordering::SeqCst) {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        if self.unavailable.load(Ordering::SeqCst) {
            return Err(NotAttested::unavailable());
        }
        let evidence = Evidence::new(EvidenceType::UnixPeer, b"test".to_vec(), now).unwrap();
        let times = (now, now + Duration::from_secs(3600));
        let builder = Appraisal::accepted(&evidence, "test", times, backend::ring());
        let selectors = ["unix:uid:1".parse().unwrap()].into_iter();
        Ok(vec![selectors.fold(builder, AppraisalBuilder::selector).build()])
    }

    fn check(&self) -> Result<(), NotAttested> {
        self.becomes.lock().unwrap().map_or(Ok(()), Err)
    }

    fn account(&self) -> String {
        self.name.clone()
    }
}

fn api(path: &std::path::Path) -> WorkloadApi {
    WorkloadApi::new(&Endpoint::Unix(path.to_owned()), backend::ring())
}

#[tokio::test]
async fn aims_17_one_user_who_opens_all_connections_leaves_some_to_others() {
    let users = Users::default();
    users.is("greedy");
    let (server, path) = users.serve(|builder| builder.limits(30, 100));
    let mut held = Vec::new();
    for _ in 0..60 {
        held.push(UnixStream::connect(&path).await.unwrap());
    }
    for user in ["one", "another"] {
        users.is(user);
        api(&path).fetch_x509().await.unwrap();
    }
    assert!((20..=24).contains(&server.status().connections), "{}", server.status().connections);
    // What has ended does not count.
    drop(held);
    users.is("greedy");
    let ended = async {
        while api(&path).fetch_x509().await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(LONG, ended).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn aims_17_whoever_connects_and_says_nothing_is_let_go() {
    let users = Users::default();
    let (server, path) = users.serve(|builder| builder);
    let mut silent = UnixStream::connect(&path).await.unwrap();
    let began = Instant::now();
    let mut said = Vec::new();
    let _ = timeout(Duration::from_secs(60), silent.read_to_end(&mut said)).await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    assert_eq!(server.status().connections, 0);
}

#[tokio::test]
async fn att_124_a_user_whom_it_takes_long_to_look_at_keeps_no_other_waiting() {
    let users = Users::default();
    let (_server, path) = users.serve(|builder| builder);
    let greedy = users.is("greedy");
    greedy.slow.store(true, Ordering::SeqCst);
    // More than there are threads.
    let mut held = Vec::new();
    for _ in 0..9 {
        let mut client = raw(&path).await;
        for _ in 0..60 {
            let request = with_header(wire::X509BundlesRequest {});
            held.push(client.fetch_x509_bundles(request).await.unwrap());
        }
    }
    users.is("other");
    timeout(Duration::from_secs(5), api(&path).fetch_x509()).await.expect("the other waits").unwrap();
    assert!(greedy.looked_at.load(Ordering::SeqCst) <= 4);
    greedy.slow.store(false, Ordering::SeqCst);
    timeout(LONG, held.pop().unwrap().into_inner().message()).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn att_121_a_caller_who_cannot_be_looked_at_now_is_not_told_that_it_is_nobody() {
    assert_refused!(Err::<(), _>(NotAttested::unavailable()), "unavailable", "ATT-121");
    let users = Users::default();
    let user = users.is("user");
    let (server, path) = users.serve(|builder| builder);
    let client = api(&path);
    client.fetch_x509().await.unwrap();
    user.unavailable.store(true, Ordering::SeqCst);
    assert_refused!(client.fetch_x509().await, "unavailable", "WA-3");
    assert_refused!(client.fetch_jwt(&["a"], None).await, "unavailable", "WA-3");
    assert_eq!(server.status().refused["unavailable"], 2);
    user.unavailable.store(false, Ordering::SeqCst);
    client.fetch_x509().await.unwrap();
}

#[tokio::test]
async fn att_42_who_becomes_another_while_it_is_looked_at_is_given_nothing() {
    use aims_keys::{Algorithm, AsyncSigner, SoftwareKey};
    use aims_workload_api::{KeyHolderApi, KeyRequest};

    let users = Users::default();
    let user = users.is("user");
    let (server, path) = users.serve(|builder| builder.key_holders(ORIGIN));
    let (client, holder) = (api(&path), KeyHolderApi::new(&Endpoint::Unix(path), ORIGIN, backend::ring()));
    let key: Arc<dyn AsyncSigner> =
        Arc::new(SoftwareKey::generate(Algorithm::Es256, backend::ring()).unwrap());
    for (becomes, reason, code, rule) in [
        (NotAttested::new(Reason::ProcessChanged), "process_changed", "permission_denied", "WA-9"),
        (NotAttested::unavailable(), "unavailable", "unavailable", "WA-3"),
    ] {
        *user.becomes.lock().unwrap() = Some(becomes);
        assert_refused!(client.fetch_x509().await, code, rule);
        assert_refused!(client.fetch_x509_bundles().await, code, rule);
        assert_refused!(client.fetch_jwt(&["a"], None).await, code, rule);
        assert_refused!(client.fetch_jwt_bundles().await, code, rule);
        assert_refused!(client.fetch_wit().await, code, rule);
        assert_refused!(client.fetch_wit_bundles().await, code, rule);
        assert_refused!(holder.issue(&key, &KeyRequest::new(), now()).await, code, rule);
        assert_eq!(server.status().refused[reason], 7);
    }
    *user.becomes.lock().unwrap() = None;
    client.fetch_x509().await.unwrap();
    holder.issue(&key, &KeyRequest::new(), now()).await.unwrap();
}

async fn key_holder(path: &std::path::Path) -> KeyHolderClient<tonic::transport::Channel> {
    let path = path.to_owned();
    let connect = tower::service_fn(move |_: Uri| {
        let path = path.clone();
        async move { UnixStream::connect(path).await.map(TokioIo::new) }
    });
    let channel = Target::from_static("http://localhost").connect_with_connector(connect).await.unwrap();
    KeyHolderClient::new(channel)
}

#[tokio::test]
async fn att_23_challenges_are_shared_out_by_account() {
    let users = Users::default();
    users.is("greedy");
    let (server, path) = users.serve(|builder| builder.key_holders(ORIGIN));
    let mut codes = Vec::new();
    // As many as a connection may have, on one connection after the other.
    'all: for _ in 0..600 {
        let mut client = key_holder(&path).await;
        for _ in 0..8 {
            if let Err(status) = client.challenge(with_header(kept::ChallengeRequest {})).await {
                codes.push(status.code());
                break 'all;
            }
        }
    }
    assert_eq!(codes, [Code::ResourceExhausted]);
    assert_eq!(server.status().refused["too_many_challenges"], 1);
    users.is("other");
    key_holder(&path).await.challenge(with_header(kept::ChallengeRequest {})).await.unwrap();
}

/// Whoever has credentials may renew them; nobody gets a first one.
#[derive(Debug)]
struct NobodyNew;

impl PostureAssessor for NobodyNew {
    fn assess(&self, question: &PostureQuestion<'_>) -> Posture {
        match question.phase {
            Phase::Initial => Posture::refuse("new"),
            Phase::Renewal => Posture::Issue(Terms::of(question.entry)),
        }
    }
}

#[tokio::test]
async fn aims_18_a_caller_does_not_say_itself_that_it_has_credentials() {
    use aims_keys::{Algorithm, AsyncSigner, SoftwareKey};
    use aims_workload_api::{KeyHolderApi, KeyRequest};

    let users = Users::default();
    users.is("new");
    let (_server, path) = users
        .serve(|builder| builder.key_holders(ORIGIN).provisioner(Provisioner::new().with_posture(NobodyNew)));
    let client = api(&path);
    assert_refused!(client.fetch_x509().await, "permission_denied", "WA-9");
    assert_refused!(client.fetch_jwt(&["a"], None).await, "permission_denied", "WA-9");
    assert_refused!(client.validate_jwt("a", "x").await, "permission_denied", "WA-9");
    let key = || -> Arc<dyn AsyncSigner> {
        Arc::new(SoftwareKey::generate(Algorithm::Es256, backend::ring()).unwrap())
    };
    let client = KeyHolderApi::new(&Endpoint::Unix(path), ORIGIN, backend::ring());
    assert_refused!(client.issue(&key(), &KeyRequest::new(), now()).await, "permission_denied", "WA-9");
    let claims = KeyRequest::new().previous(key());
    assert_refused!(client.issue(&key(), &claims, now()).await, "permission_denied", "WA-9");
}

#[tokio::test]
async fn aims_18_att_96_a_join_token_that_was_used_up_is_no_credential() {
    use aims_keys::{Algorithm, AsyncSigner, SoftwareKey};
    use aims_provision::JoinTokens;
    use aims_workload_api::{KeyHolderApi, KeyRequest};

    let users = Users::default();
    users.is("new");
    let tokens = Arc::new(JoinTokens::new(backend::ring()));
    let token = || tokens.create(["join:agent:travel".parse().unwrap()], now()).unwrap();
    let day = Duration::from_secs(86_400);
    let key = || -> Arc<dyn AsyncSigner> {
        Arc::new(SoftwareKey::generate(Algorithm::Es256, backend::ring()).unwrap())
    };
    let (_server, path) = users.serve(|builder| {
        let builder = builder.key_holders_by_token(ORIGIN, Arc::clone(&tokens), day);
        builder.provisioner(Provisioner::new().with_posture(NobodyNew))
    });
    let client = KeyHolderApi::new(&Endpoint::Unix(path), ORIGIN, backend::ring());
    let (first, join) = (key(), KeyRequest::new().join_token(token().expose()));
    assert_refused!(client.issue(&first, &join, now()).await, "permission_denied", "WA-9");
    // It has joined, and was not issued anything: this would be the first time still.
    assert!(tokens.is_empty());
    for next in [&first, &key()] {
        let asked = KeyRequest::new().previous(Arc::clone(&first));
        assert_refused!(client.issue(next, &asked, now()).await, "permission_denied", "WA-9");
    }

    // Where it was, the next time is a renewal.
    let phases = Phases::default();
    let seen = Arc::clone(&phases.0);
    let (_server, path) = users.serve(|builder| {
        let builder = builder.key_holders_by_token(ORIGIN, Arc::clone(&tokens), day);
        builder.provisioner(Provisioner::new().with_posture(phases))
    });
    let client = KeyHolderApi::new(&Endpoint::Unix(path), ORIGIN, backend::ring());
    client.issue(&first, &KeyRequest::new().join_token(token().expose()), now()).await.unwrap();
    client.issue(&key(), &KeyRequest::new().previous(first), now()).await.unwrap();
    assert_eq!(*seen.lock().unwrap(), [Phase::Initial, Phase::Renewal]);
}

/// Remembers what it is asked.
#[derive(Debug, Default)]
struct Phases(Arc<Mutex<Vec<Phase>>>);

impl PostureAssessor for Phases {
    fn assess(&self, question: &PostureQuestion<'_>) -> Posture {
        self.0.lock().unwrap().push(question.phase);
        Posture::Issue(Terms::of(question.entry))
    }
}

#[tokio::test]
async fn aims_18_whoever_was_issued_something_on_its_connection_renews() {
    let (users, phases) = (Users::default(), Phases::default());
    users.is("user");
    let seen = Arc::clone(&phases.0);
    let (_server, path) = users.serve(|builder| builder.provisioner(Provisioner::new().with_posture(phases)));
    let client = api(&path);
    for _ in 0..2 {
        client.fetch_jwt(&["a"], None).await.unwrap();
    }
    assert_eq!(*seen.lock().unwrap(), [Phase::Initial, Phase::Renewal]);
}
