//! A peer that sends anything but what it should, at our client (WA-3, WA-4, WA-6).

use std::path::PathBuf;

use aims_credential::{BundleSource, CredentialSource};
use aims_keys::backend;
use aims_testkit::assert_refused;
use aims_workload_api::{Endpoint, WorkloadApi, WorkloadApiError, WorkloadSource};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixListener;
use tokio::time::timeout;

use super::grpc::{Agent, Answer, Raw};
use super::protobuf::{bytes, entry};
use crate::support::{AGENT, LONG, ORIGIN, Served, socket_path};

/// Says this to whoever connects, and listens.
fn says(bytes: Vec<u8>) -> PathBuf {
    let path = socket_path();
    let listener = UnixListener::bind(&path).unwrap();
    tokio::spawn(async move {
        while let Ok((mut io, _)) = listener.accept().await {
            let bytes = bytes.clone();
            tokio::spawn(async move {
                let _ = io.write_all(&bytes).await;
                let _ = io.read_to_end(&mut Vec::new()).await;
            });
        }
    });
    path
}

#[tokio::test]
async fn wa_3_a_peer_that_does_not_speak_the_protocol_has_failed_and_may_be_asked_again() {
    // The settings of HTTP/2, and what comes after them.
    let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    let frame = |kind: u8, flags: u8, stream: u8, payload: &[u8]| {
        let len = u8::try_from(payload.len()).unwrap();
        [&[0, 0, len, kind, flags, 0, 0, 0, stream], payload].concat()
    };
    for bytes in [
        vec![0; 4096],
        vec![0xff; 4096],
        b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n".to_vec(),
        b"SSH-2.0-OpenSSH_9.6\r\n".to_vec(),
        // A frame longer than any may be; headers that no table decodes; data of a stream that nobody has opened.
        [&settings[..], &[0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1]].concat(),
        [settings.to_vec(), frame(1, 4, 1, &[0xff; 32])].concat(),
        [settings.to_vec(), frame(0, 0, 9, b"nonsense")].concat(),
        // It goes away, and says that enough is enough.
        [settings.to_vec(), frame(7, 0, 0, &[0, 0, 0, 0, 0, 0, 0, 11])].concat(),
    ] {
        let path = says(bytes);
        let api = WorkloadApi::new(&Endpoint::Unix(path.clone()), backend::ring());
        let answer = timeout(LONG, api.fetch_x509()).await.unwrap();
        assert!(answer.as_ref().is_err_and(WorkloadApiError::may_pass));
        assert_refused!(answer, "workload_api_failed", "WA-3");
        std::fs::remove_file(path).unwrap();
    }
}

const X509: &str = "/SpiffeWorkloadAPI/FetchX509SVID";

#[tokio::test]
async fn wa_6_messages_that_are_none_count_for_nothing_and_end_no_source() {
    let served = Served::new(vec![crate::support::entry(AGENT, &["unix:uid:1"])]);
    let mut client = Raw::connect(&served.path).await;
    let sound = client.call("FetchX509SVID", &[]).await.next().await.unwrap();
    let bundles = client.call("FetchJWTBundles", &[]).await.next().await.unwrap();
    let agent = Agent::new(&[
        (X509, Answer::Stream(sound.clone())),
        ("/SpiffeWorkloadAPI/FetchJWTBundles", Answer::Stream(bundles)),
    ]);
    let mut source = WorkloadSource::builder(agent.api()).start().await.unwrap();
    let before = source.x509().holder().unwrap().not_after();
    for garbage in [
        // A length that is longer than the rest, a tag without a number, a number without an end, text that is none.
        vec![0x0a, 0x7f, 0x00],
        vec![0x00, 0x00],
        [&[0x08][..], &[0xff; 11]].concat(),
        bytes(1, bytes(1, [0xff, 0xfe])),
        entry(3, "", [0xff; 64]),
        // A group that is never ended.
        [0x93, 0x01].repeat(200),
        sound[..sound.len() - 1].to_vec(),
    ] {
        let updates = source.status().streams["x509"].updates;
        agent.send(X509, &garbage).await;
        let missed = async {
            while source.status().streams["x509"].last_error.is_none() {
                source.changed().await;
            }
        };
        timeout(LONG, missed).await.expect("it is not reported");
        let status = source.status().streams["x509"].clone();
        assert_eq!(status.updates, updates, "{garbage:?}");
        assert_eq!(source.x509().holder().unwrap().not_after(), before);
        assert!(source.bundles().bundle(ORIGIN).is_some());
        // What is sound counts, on this stream or the next.
        let counts = async {
            while source.status().streams["x509"].updates == updates {
                source.changed().await;
            }
        };
        if status.next_attempt.is_none() {
            agent.send(X509, &sound).await;
        }
        timeout(LONG, counts).await.expect("what is sound does not count");
    }
    assert!(source.status().streams["x509"].updates >= 8);
}
