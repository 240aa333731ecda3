//! Handshakes whose key is in a device or a key service (TPM-46).

use std::future::ready;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

use aims::credential::x509::Svid;
use aims::keys::{BoxFuture, Protection, SignError};
use aims::{Acceptor, Connector, CurrentCredential, Holder, backend};
use aims_testkit::{TestCertificates, TestDevice, assert_refused};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::support::{LONG, OFTEN, says};
use crate::behind::{Behind, TRAVEL};
use crate::support::NOW;

type Before = BoxFuture<'static, Result<(), SignError>>;

/// A device that holds up the thread that asks it.
fn sleepy(takes: Duration) -> Arc<TestDevice> {
    Arc::new(TestDevice::new(move || {
        thread::sleep(takes);
        Box::pin(ready(Ok(())))
    }))
}

impl Behind {
    /// The credential of a workload whose key this is.
    fn holder_of(&self, path: &str, key: &Arc<TestDevice>) -> Holder {
        let issuer = self.acme.issuer();
        let id = issuer.origin().workload(path).unwrap();
        let chain = issuer.issue(&id, aims::keys::AsyncSigner::public_key(&**key), NOW).unwrap();
        let key: Arc<TestDevice> = Arc::clone(key);
        Holder::for_svid(Svid::from_issuer(chain, backend::ring()).unwrap(), key).unwrap()
    }

    fn acceptor_of(&self, own: CurrentCredential) -> Acceptor {
        let tls = self.acme.mutual_tls(own, &self.bundles, "spiffe://acme.example/**", &self.tool.clock);
        Acceptor::new(tls.server().unwrap()).check_every(OFTEN).with_clock(self.tool.clock.reader())
    }

    fn connector_of(&self, own: CurrentCredential) -> Connector {
        let tls = self.acme.mutual_tls(own, &self.bundles, "spiffe://acme.example/**", &self.tool.clock);
        Connector::new(tls.client().unwrap()).check_every(LONG).with_clock(self.tool.clock.reader())
    }

    fn device_acceptor(&self, key: &Arc<TestDevice>) -> Acceptor {
        self.acceptor_of(CurrentCredential::new(self.holder_of("/tools/search", key)))
    }

    fn device_connector(&self, key: &Arc<TestDevice>) -> Connector {
        self.connector_of(CurrentCredential::new(self.holder_of("/agents/travel", key)))
    }
}

/// One that signs only once another task of the same executor lets it: on an executor that it holds up, nobody would.
fn held() -> (Arc<TestDevice>, mpsc::Sender<()>) {
    let (release, released) = mpsc::channel();
    let released = Mutex::new(released);
    let key = TestDevice::new(move || {
        let answer = released.lock().unwrap().recv_timeout(LONG).map_err(|_| SignError::DeviceGone);
        Box::pin(ready(answer)) as Before
    });
    (Arc::new(key), release)
}

/// Lets the device go on, as a task of this executor, once it was asked.
async fn release(key: Arc<TestDevice>, release: mpsc::Sender<()>) {
    while key.under_way() == 0 {
        sleep(Duration::from_millis(1)).await;
    }
    release.send(()).unwrap();
}

#[tokio::test]
async fn tpm_46_other_tasks_go_on_while_the_key_of_a_server_signs() {
    let behind = Behind::new(|guard| guard);
    let (key, let_go) = held();
    let echo = behind.echo(behind.device_acceptor(&key)).await;
    let connector = behind.connector("/agents/travel");
    let (mut stream, ()) = tokio::join!(echo.connect(&connector), release(Arc::clone(&key), let_go));
    says(&mut stream).await.unwrap();
    assert_eq!((key.signed(), stream.protocol()), (1, Some(&b"h2"[..])));
    assert_eq!(stream.peer().subject().as_str(), "spiffe://acme.example/tools/search");
}

#[tokio::test]
async fn tpm_46_other_tasks_go_on_while_the_key_of_a_client_signs() {
    let behind = Behind::new(|guard| guard);
    let (key, let_go) = held();
    let (mut listener, address, _) = behind.listener(behind.acceptor()).await;
    let connector = behind.device_connector(&key);
    let url = format!("https://{address}").parse().unwrap();
    let (client, (server, _), ()) =
        tokio::join!(connector.connect(&url), listener.accept(), release(Arc::clone(&key), let_go));
    assert_eq!(client.unwrap().protocol(), Some(&b"h2"[..]));
    assert_eq!((server.peer().subject().as_str(), key.signed()), (TRAVEL, 1));
}

#[tokio::test]
async fn tpm_46_sixteen_slow_signatures_are_made_beside_the_executor() {
    let behind = Behind::new(|guard| guard);
    let key = sleepy(Duration::from_millis(50));
    let echo = behind.echo(behind.device_acceptor(&key)).await;
    let connector = behind.connector("/agents/travel");
    // How long the executor was away, in pieces of half a signature or more: on an executor that signs, 800 ms.
    let done = AtomicBool::new(false);
    let watch = async {
        let (mut away, mut last) = (Duration::ZERO, Instant::now());
        while !done.load(Ordering::SeqCst) {
            tokio::task::yield_now().await;
            away += Some(last.elapsed()).filter(|&gap| gap >= Duration::from_millis(25)).unwrap_or_default();
            last = Instant::now();
        }
        away
    };
    let connect = async {
        let begun = Instant::now();
        let mut streams = Vec::new();
        for _ in 0..4 {
            let (a, b, c, d) = tokio::join!(
                echo.connect(&connector),
                echo.connect(&connector),
                echo.connect(&connector),
                echo.connect(&connector)
            );
            streams.extend([a, b, c, d]);
        }
        done.store(true, Ordering::SeqCst);
        begun.elapsed()
    };
    let (away, took) = tokio::join!(watch, connect);
    assert_eq!(key.signed(), 16);
    assert!((2..=4).contains(&key.most_at_once()), "{}", key.most_at_once());
    assert!(took >= Duration::from_millis(200), "{took:?}");
    assert!(away < Duration::from_millis(400), "{away:?} of {took:?}");
}

#[tokio::test]
async fn tpm_46_no_more_threads_wait_than_are_allowed_and_all_get_their_turn() {
    let behind = Behind::new(|guard| guard);
    for limit in [1, 3] {
        let key = sleepy(Duration::from_millis(20));
        let acceptor = behind.device_acceptor(&key).max_waiting_for_keys(limit).handshake_timeout(LONG);
        let echo = behind.echo(acceptor).await;
        let mut clients = JoinSet::new();
        for _ in 0..12 {
            let (connector, url) = (behind.connector("/agents/travel").handshake_timeout(LONG), echo.url());
            clients.spawn(async move { says(&mut connector.connect(&url).await.unwrap()).await.unwrap() });
        }
        clients.join_all().await;
        assert_eq!(key.signed(), 12);
        assert!((limit.min(2)..=limit).contains(&key.most_at_once()), "{limit}: {}", key.most_at_once());
    }
    // Clones have it together.
    let key = sleepy(Duration::from_millis(20));
    let connector = behind.device_connector(&key).max_waiting_for_keys(0).handshake_timeout(LONG);
    let echo = behind.echo(behind.acceptor()).await;
    let mut clients = JoinSet::new();
    for _ in 0..6 {
        let (connector, url) = (connector.clone(), echo.url());
        clients.spawn(async move { says(&mut connector.connect(&url).await.unwrap()).await.unwrap() });
    }
    clients.join_all().await;
    assert_eq!((key.signed(), key.most_at_once()), (6, 1));
}

#[tokio::test]
async fn tpm_46_who_does_not_shake_hands_takes_no_thread() {
    let behind = Behind::new(|guard| guard);
    let key = sleepy(Duration::ZERO);
    let acceptor = behind.device_acceptor(&key).max_waiting_for_keys(1).handshake_timeout(LONG);
    let echo = behind.echo(acceptor).await;
    let mut silent = Vec::new();
    for _ in 0..20 {
        let mut stream = tokio::net::TcpStream::connect(echo.address).await.unwrap();
        // The beginning of a record that never comes.
        stream.write_all(&[22, 3, 1, 2]).await.unwrap();
        silent.push(stream);
    }
    let mut stream = echo.connect(&behind.connector("/agents/travel")).await;
    says(&mut stream).await.unwrap();
}

#[tokio::test]
async fn tpm_46_tpm_43_a_device_that_does_not_answer_ends_the_handshake_and_keeps_its_place() {
    let behind = Behind::new(|guard| guard);
    let (key, let_go) = held();
    let acceptor = behind.device_acceptor(&key).max_waiting_for_keys(1);
    let echo = behind.echo(acceptor.handshake_timeout(Duration::from_millis(200))).await;
    let connector = behind.connector("/agents/travel");
    for refused in 1..=2 {
        assert!(connector.connect(&echo.url()).await.is_err());
        while echo.refused.count() < refused {
            sleep(OFTEN).await;
        }
        // The second waited for the first, whose thread is in the device still.
        assert_eq!((key.under_way(), key.most_at_once()), (1, 1));
    }
    assert_eq!(echo.refused.first().await, ("handshake_timeout".into(), "MTLS-1"));
    let_go.send(()).unwrap();
    let_go.send(()).unwrap();
    let mut stream = echo.connect(&connector).await;
    says(&mut stream).await.unwrap();
    assert_eq!(key.most_at_once(), 1);
}

#[tokio::test]
async fn tpm_46_a_key_service_that_needs_the_executor_has_it() {
    let behind = Behind::new(|guard| guard);
    let service = || {
        Arc::new(TestDevice::new(|| {
            // As a request over the network would, it waits for the runtime of which this test has one thread.
            Box::pin(async {
                sleep(Duration::from_millis(5)).await;
                Ok(())
            })
        }))
    };
    let (server, client) = (service(), service());
    let echo = behind.echo(behind.device_acceptor(&server)).await;
    let connector = behind.device_connector(&client);
    for signed in 1..=3 {
        let mut stream = timeout(LONG, echo.connect(&connector)).await.expect("it hangs");
        says(&mut stream).await.unwrap();
        assert_eq!((server.signed(), client.signed()), (signed, signed));
    }
}

#[tokio::test]
async fn tpm_46_software_keys_sign_where_they_are_polled() {
    let behind = Behind::new(|guard| guard);
    let here = thread::current().id();
    let software = Arc::new(
        TestDevice::new(move || {
            assert_eq!(thread::current().id(), here);
            Box::pin(ready(Ok(())))
        })
        .guarded_by(Protection::Software),
    );
    let echo = behind.echo(behind.device_acceptor(&software)).await;
    let mut stream = echo.connect(&behind.device_connector(&software)).await;
    says(&mut stream).await.unwrap();
    assert_eq!(software.signed(), 2);

    let device = Arc::new(TestDevice::new(move || {
        assert_ne!(thread::current().id(), here);
        Box::pin(ready(Ok(())))
    }));
    let echo = behind.echo(behind.device_acceptor(&device)).await;
    let mut stream = echo.connect(&behind.device_connector(&device)).await;
    says(&mut stream).await.unwrap();
    assert_eq!(device.signed(), 2);
}

#[tokio::test]
async fn tpm_46_mtls_10_a_key_that_moves_into_a_device_under_way_holds_up_nobody() {
    let behind = Behind::new(|guard| guard);
    let own = behind.acme.current("/tools/search", NOW);
    let acceptor = behind.acceptor_of(own.clone());
    let key = sleepy(Duration::ZERO);
    // It has begun to wait for the client's first message, on the executor.
    let (client, server) = duplex(4096);
    let mut accepted = Box::pin(acceptor.accept(server));
    assert!(std::future::poll_fn(|cx| Poll::Ready(accepted.as_mut().poll(cx).is_pending())).await);
    own.replace(behind.holder_of("/tools/search", &key)).unwrap();
    let connector = behind.connector("/agents/travel");
    let (refused, connected) = tokio::join!(accepted, connector.handshake("tools.example", client));
    assert_refused!(refused, "connection_failed", "MTLS-1");
    assert!(connected.is_err());
    assert_eq!(key.signed(), 0);

    let (client, server) = duplex(4096);
    let (accepted, connected) =
        tokio::join!(acceptor.accept(server), connector.handshake("tools.example", client));
    assert_eq!(accepted.unwrap().peer().subject().as_str(), TRAVEL);
    assert!(connected.is_ok());
    assert_eq!(key.signed(), 1);
}

#[tokio::test]
async fn tpm_46_nothing_is_lost_however_the_bytes_come() {
    let behind = Behind::new(|guard| guard);
    let (server_key, client_key) = (sleepy(Duration::ZERO), sleepy(Duration::ZERO));
    let (acceptor, connector) = (behind.device_acceptor(&server_key), behind.device_connector(&client_key));
    // How much the network holds, and how much is said.
    for (room, lens) in [
        (1, &[1, 3000][..]),
        (7, &[1, 3000, 40_000]),
        (100, &[40_000]),
        (1 << 20, &[1, 3000, 40_000, 200_000]),
    ] {
        for &len in lens {
            let (client, server) = duplex(room);
            let sent: Vec<u8> = (0..len).map(|i| u8::try_from(i % 251).unwrap()).collect();
            let server = async {
                let mut stream = acceptor.accept(server).await.unwrap();
                let mut heard = vec![0; len];
                stream.read_exact(&mut heard).await.unwrap();
                stream.write_all(&heard).await.unwrap();
                stream.shutdown().await.unwrap();
                heard
            };
            let client = async {
                let mut stream = connector.handshake("tools.example", client).await.unwrap();
                // Right behind the last message of the handshake.
                stream.write_all(&sent).await.unwrap();
                stream.flush().await.unwrap();
                let mut heard = Vec::new();
                stream.read_to_end(&mut heard).await.unwrap();
                heard
            };
            let (server, client) =
                timeout(LONG, Box::pin(async { tokio::join!(server, client) })).await.unwrap();
            assert!(server == sent && client == sent, "{len} bytes by {room}");
        }
    }
}

#[tokio::test]
async fn tpm_46_tpm_44_devices_that_fail_or_panic_end_their_handshake_alone() {
    let behind = Behind::new(|guard| guard);
    let failing: [fn() -> Before; 3] = [
        || Box::pin(ready(Err(SignError::DeviceGone))),
        || Box::pin(ready(Err(SignError::Busy { retry_after: None }))),
        || panic!("a device that panics"),
    ];
    for before in failing {
        let key = Arc::new(TestDevice::new(before));
        let echo = behind.echo(behind.device_acceptor(&key).max_waiting_for_keys(1)).await;
        for _ in 0..3 {
            assert!(behind.connector("/agents/travel").connect(&echo.url()).await.is_err());
        }
        assert_eq!(echo.refused.first().await, ("connection_failed".into(), "MTLS-1"));

        let echo = behind.echo(behind.acceptor()).await;
        let connector = behind.device_connector(&key).max_waiting_for_keys(1);
        for _ in 0..3 {
            assert_refused!(connector.connect(&echo.url()).await, "connection_failed", "MTLS-1");
        }
        assert_eq!(key.under_way(), 0);
    }
}

#[tokio::test]
async fn tpm_46_mtls_7_who_is_refused_hears_an_alert_and_the_reason_is_told_as_ever() {
    let behind = Behind::new(|guard| guard);
    let key = sleepy(Duration::ZERO);
    let echo = behind.echo(behind.device_acceptor(&key)).await;
    let elsewhere = TestCertificates::new("spiffe://evil.example", NOW);
    let own = elsewhere.current("/agents/travel", NOW);
    let tls = elsewhere.mutual_tls(own, &behind.bundles, "spiffe://acme.example/**", &behind.tool.clock);
    let stranger = Connector::new(tls.client().unwrap()).with_clock(behind.tool.clock.reader());
    let mut stream = echo.connect(&stranger).await;
    let error = says(&mut stream).await.unwrap_err();
    let alert = error.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>());
    assert!(matches!(alert, Some(rustls::Error::AlertReceived(_))), "{error:?}");
    assert_eq!(echo.refused.first().await, ("unknown_trust_domain".into(), "X5V-2"));

    // And a server that the client does not expect.
    let own = CurrentCredential::new(behind.holder_of("/agents/travel", &key));
    let other = "spiffe://acme.example/tools/other";
    let tls = behind.acme.mutual_tls(own, &behind.bundles, other, &behind.tool.clock);
    let connector = Connector::new(tls.client().unwrap()).with_clock(behind.tool.clock.reader());
    assert_refused!(connector.connect(&echo.url()).await, "unexpected_peer", "X5V-7");

    // Who speaks no TLS at all.
    let mut nobody = tokio::net::TcpStream::connect(echo.address).await.unwrap();
    nobody.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let mut rest = Vec::new();
    timeout(LONG, nobody.read_to_end(&mut rest)).await.unwrap().unwrap();
    assert_eq!(rest.first(), Some(&21), "an alert");
}
