//! Live connections end with what they rest on.

use std::time::Duration;

use aims::credential::x509::SvidVerifier;
use aims::credential::{Mark, MarkKey, MarkTable};
use aims::id::IdSet;
use aims::tls::MutualTls;
use aims::{Acceptor, backend};
use std::sync::Arc;
use std::task::Poll;
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{sleep, timeout};

use super::support::{LONG, OFTEN, reason, says};
use crate::behind::Behind;
use crate::support::NOW;

#[tokio::test]
async fn mtls_10_x5v_2_a_quiet_connection_ends_with_the_bundle() {
    let behind = Behind::new(|guard| guard);
    let mut echo = behind.echo(behind.acceptor()).await;
    let mut stream = echo.connect(&behind.connector("/agents/travel")).await;
    says(&mut stream).await.unwrap();
    sleep(5 * OFTEN).await;
    assert!(echo.goes_on());
    behind.trust_nobody();
    assert_eq!(echo.ended().await, Some(("unknown_trust_domain", "X5V-2")));
    // The client sees a connection that was cut, not a message that ended.
    let cut = timeout(LONG, stream.read(&mut [0])).await.unwrap();
    assert_eq!(cut.unwrap_err().kind(), std::io::ErrorKind::UnexpectedEof);
}

#[tokio::test]
async fn mtls_10_x5v_3_a_quiet_connection_ends_with_the_certificate() {
    let behind = Behind::new(|guard| guard);
    let mut echo = behind.echo(behind.acceptor()).await;
    let mut stream = echo.connect(&behind.connector("/agents/travel")).await;
    says(&mut stream).await.unwrap();
    behind.tool.clock.advance(Duration::from_secs(3601));
    assert_eq!(echo.ended().await, Some(("expired", "X5V-3")));
}

#[tokio::test]
async fn mtls_10_another_bundle_for_the_domain_ends_what_the_old_one_vouched_for() {
    let behind = Behind::new(|guard| guard);
    let mut echo = behind.echo(behind.acceptor()).await;
    let mut stream = echo.connect(&behind.connector("/agents/travel")).await;
    says(&mut stream).await.unwrap();
    // The same authority again: nothing changes for its workloads.
    behind.bundles.insert(behind.acme.trust());
    sleep(5 * OFTEN).await;
    says(&mut stream).await.unwrap();
    behind.bundles.insert(aims_testkit::TestCertificates::new("spiffe://acme.example", NOW).trust());
    assert_eq!(echo.ended().await, Some(("unknown_issuer", "X5V-3")));
}

#[tokio::test]
async fn mtls_10_what_is_under_way_has_its_grace_and_no_more() {
    let behind = Behind::new(|guard| guard);
    let grace = Duration::from_millis(400);
    let mut echo = behind.echo(behind.acceptor().grace(grace)).await;
    let mut stream = echo.connect(&behind.connector("/agents/travel")).await;
    says(&mut stream).await.unwrap();
    behind.trust_nobody();
    let withdrawn = std::time::Instant::now();
    sleep(5 * OFTEN).await;
    says(&mut stream).await.unwrap();
    assert_eq!(echo.ended().await, Some(("unknown_trust_domain", "X5V-2")));
    assert!(withdrawn.elapsed() >= grace);
    assert!(says(&mut stream).await.is_err());
}

#[tokio::test]
async fn mtls_10_trust_that_comes_back_in_time_keeps_the_connection() {
    let behind = Behind::new(|guard| guard);
    let grace = Duration::from_millis(300);
    let mut echo = behind.echo(behind.acceptor().grace(grace)).await;
    let mut stream = echo.connect(&behind.connector("/agents/travel")).await;
    says(&mut stream).await.unwrap();
    behind.trust_nobody();
    sleep(grace / 2).await;
    behind.bundles.insert(behind.acme.trust());
    sleep(grace).await;
    says(&mut stream).await.unwrap();
    assert!(echo.goes_on());
    // A later withdrawal has its whole grace again.
    behind.trust_nobody();
    sleep(grace / 2).await;
    says(&mut stream).await.unwrap();
}

#[tokio::test]
async fn aims_55_whoever_was_cut_off_has_no_grace() {
    let behind = Behind::new(|guard| guard);
    let marks = Arc::new(MarkTable::with_capacity(8));
    let svids = SvidVerifier::builder(behind.bundles.clone(), backend::ring()).marks(marks.clone()).build();
    let everybody = IdSet::new().pattern("spiffe://acme.example/**".parse().unwrap());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = MutualTls::new(behind.acme.current("/tools/search", NOW), svids, everybody, provider)
        .time_provider(Arc::new(behind.tool.clock.clone()));
    let acceptor = Acceptor::new(tls.server().unwrap()).check_every(OFTEN).grace(LONG);
    let mut echo = behind.echo(acceptor.with_clock(behind.tool.clock.reader())).await;
    let mut stream = echo.connect(&behind.connector("/agents/travel")).await;
    says(&mut stream).await.unwrap();
    marks
        .add(&MarkKey::Agent(&"spiffe://acme.example/agents/travel".parse().unwrap()), Mark::dead())
        .unwrap();
    let begun = std::time::Instant::now();
    assert_eq!(echo.ended().await.map(|(_, rule)| rule), Some("AIMS-55"));
    assert!(begun.elapsed() < LONG);
}

/// Marks that come and go.
#[derive(Debug, Default)]
struct Unsteady(std::sync::atomic::AtomicBool);

impl aims::credential::Marks for Unsteady {
    fn mark(&self, _: &MarkKey<'_>) -> Result<Option<Mark>, aims::credential::MarksUnavailable> {
        if self.0.load(std::sync::atomic::Ordering::SeqCst) {
            Err(aims::credential::MarksUnavailable::new())
        } else {
            Ok(None)
        }
    }
}

#[tokio::test]
async fn aims_55_while_nobody_can_say_who_was_cut_off_connections_have_their_grace() {
    let behind = Behind::new(|guard| guard);
    let marks = Arc::new(Unsteady::default());
    let svids = SvidVerifier::builder(behind.bundles.clone(), backend::ring()).marks(marks.clone()).build();
    let everybody = IdSet::new().pattern("spiffe://acme.example/**".parse().unwrap());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = MutualTls::new(behind.acme.current("/tools/search", NOW), svids, everybody, provider)
        .time_provider(Arc::new(behind.tool.clock.clone()));
    let grace = Duration::from_millis(300);
    let acceptor = Acceptor::new(tls.server().unwrap()).check_every(OFTEN).grace(grace);
    let mut echo = behind.echo(acceptor.with_clock(behind.tool.clock.reader())).await;
    let mut stream = echo.connect(&behind.connector("/agents/travel")).await;
    says(&mut stream).await.unwrap();
    marks.0.store(true, std::sync::atomic::Ordering::SeqCst);
    sleep(grace / 2).await;
    says(&mut stream).await.unwrap();
    assert_eq!(echo.ended().await, Some(("marks_unavailable", "AIMS-55")));
}

#[tokio::test]
async fn mtls_10_a_client_ends_the_connection_to_a_server_it_no_longer_trusts() {
    let behind = Behind::new(|guard| guard);
    let echo = behind.echo(behind.acceptor().check_every(LONG)).await;
    let mut stream = echo.connect(&behind.connector("/agents/travel").check_every(OFTEN)).await;
    says(&mut stream).await.unwrap();
    behind.trust_nobody();
    let error = timeout(LONG, stream.read(&mut [0])).await.unwrap().unwrap_err();
    assert_eq!(reason(&error), ("unknown_trust_domain", "X5V-2"));
    // Ended is ended, though trust comes back.
    behind.bundles.insert(behind.acme.trust());
    assert!(stream.read(&mut [0]).await.is_err());
    assert!(stream.write(b"x").await.is_err());
}

#[tokio::test]
async fn mtls_10_a_clock_before_1970_ends_connections() {
    let behind = Behind::new(|guard| guard);
    let clock = || std::time::UNIX_EPOCH - Duration::from_secs(1);
    let (mut listener, address, refused) = behind.listener(behind.acceptor().with_clock(clock)).await;
    tokio::spawn(async move { listener.accept().await });
    let url = format!("https://{address}").parse().unwrap();
    let _stream = behind.connector("/agents/travel").connect(&url).await.unwrap();
    assert_eq!(refused.first().await.0, "clock_before_epoch");
}

#[tokio::test]
async fn mtls_10_a_stream_that_is_blocked_ends_too() {
    let behind = Behind::new(|guard| guard);
    let (mut listener, address, _) = behind.listener(behind.acceptor()).await;
    let url = format!("https://{address}").parse().unwrap();
    let connector = behind.connector("/agents/travel");
    let (client, (mut server, _)) = tokio::join!(connector.connect(&url), listener.accept());
    let client = client.unwrap();
    // The server sends more than anybody takes.
    let sending = tokio::spawn(async move {
        loop {
            if let Err(error) = server.write_all(&[0; 16_000]).await {
                return reason(&error);
            }
        }
    });
    sleep(20 * OFTEN).await;
    assert!(!sending.is_finished());
    behind.trust_nobody();
    let ended = timeout(LONG, sending).await.expect("a blocked connection does not end").unwrap();
    assert_eq!(ended, ("unknown_trust_domain", "X5V-2"));
    drop(client);
}

#[tokio::test]
async fn mtls_10_both_halves_of_a_split_stream_end() {
    let behind = Behind::new(|guard| guard);
    let (mut listener, address, _) = behind.listener(behind.acceptor()).await;
    let url = format!("https://{address}").parse().unwrap();
    let connector = behind.connector("/agents/travel");
    let (client, (server, _)) = tokio::join!(connector.connect(&url), listener.accept());
    let client = client.unwrap();
    let (mut reading, mut writing) = tokio::io::split(server);
    let writing = tokio::spawn(async move { while writing.write_all(&[0; 16_000]).await.is_ok() {} });
    let reading = tokio::spawn(async move { reading.read(&mut [0]).await.map(drop).unwrap_err() });
    sleep(20 * OFTEN).await;
    behind.trust_nobody();
    timeout(LONG, reading).await.expect("the reading half does not end").unwrap();
    timeout(LONG, writing).await.expect("the writing half does not end").unwrap();
    drop(client);
}

#[tokio::test]
async fn mtls_10_a_stream_that_has_flushed_and_reads_nothing_ends_too() {
    let behind = Behind::new(|guard| guard);
    let (mut listener, address, _) = behind.listener(behind.acceptor()).await;
    let url = format!("https://{address}").parse().unwrap();
    let connector = behind.connector("/agents/travel");
    let (client, (server, _)) = tokio::join!(connector.connect(&url), listener.accept());
    let _client = client.unwrap();
    let mut server = Box::pin(server);
    // Nobody reads, and all is sent: what hyper does between two messages of a response, with another request in hand.
    let idle = std::future::poll_fn(move |cx| match AsyncWrite::poll_flush(server.as_mut(), cx) {
        Poll::Ready(Err(error)) => Poll::Ready(reason(&error)),
        _ => Poll::Pending,
    });
    let idle = tokio::spawn(idle);
    sleep(5 * OFTEN).await;
    behind.trust_nobody();
    let ended = timeout(LONG, idle).await.expect("an idle connection does not end").unwrap();
    assert_eq!(ended, ("unknown_trust_domain", "X5V-2"));
}

#[tokio::test]
async fn mtls_10_no_interval_is_too_long_to_be_waited_for() {
    let behind = Behind::new(|guard| guard);
    let forever = Duration::MAX;
    let mut echo = behind.echo(behind.acceptor().check_every(forever).grace(forever)).await;
    let mut stream =
        echo.connect(&behind.connector("/agents/travel").check_every(forever).grace(forever)).await;
    says(&mut stream).await.unwrap();
    assert!(echo.goes_on());
}

#[tokio::test]
async fn mtls_10_whoever_is_done_says_so_to_the_other_end() {
    let behind = Behind::new(|guard| guard);
    let mut echo = behind.echo(behind.acceptor()).await;
    let mut stream = echo.connect(&behind.connector("/agents/travel")).await;
    says(&mut stream).await.unwrap();
    stream.shutdown().await.unwrap();
    assert_eq!(echo.ended().await, None, "an end, and no error");
}
