//! The profile `https_web`.

use std::time::Duration;

use aims_credential::{BundleSource, Freshness, WitProfile};
use aims_testkit::assert_refused;
use aims_workload_api::federation::Federation;

use super::support::{BANK, Endpoint, authority, bank, begin, bundle, document, now, service, verify};
use crate::fetch::support::{Server, WebAuthority, ok, redirect, reply};

#[tokio::test]
async fn fed_1_fed_3_fed_6_a_bundle_comes_from_a_server_known_by_its_host_name() {
    let (web, ca) = (WebAuthority::new(), authority(BANK));
    let endpoint = Endpoint::web(&web, bundle(&[&ca], 1)).await;
    let (bundles, federations) = service(web.trust(), &[endpoint.url.port()]);
    assert_refused!(verify(&bundles, &ca), "unknown_trust_domain", "X5V-2");
    let began = now();
    let state = begin(&federations, Federation::https_web(bank(), endpoint.url.clone())).await;
    verify(&bundles, &ca).unwrap();
    assert_eq!(
        (state.sequence(), state.freshness(), state.last_error()),
        (Some(1), Some(Freshness::Newer), None)
    );
    assert_eq!((state.last_success(), state.skipped()), (state.last_attempt(), 0));
    assert!(state.last_success().unwrap() >= began);
    assert_eq!(federations.origins(), [bank()]);
    // What the endpoint gives out next is taken next.
    let next = authority(BANK);
    endpoint.bundles.insert(bundle(&[&next], 2));
    assert_eq!(federations.refresh(&bank()).await, Ok(Freshness::Newer));
    verify(&bundles, &next).unwrap();
    assert_eq!(federations.refresh(&bank()).await, Ok(Freshness::Same));
}

#[tokio::test]
async fn fed_3_a_server_of_another_name_or_authority_brings_nothing() {
    let (web, ca) = (WebAuthority::new(), authority(BANK));
    let endpoint = Endpoint::web(&web, bundle(&[&ca], 1)).await;
    for (trust, host, code) in
        [(web.trust(), "b.test", "host_name"), (WebAuthority::new().trust(), "a.test", "unknown_issuer")]
    {
        let (bundles, federations) = service(trust, &[endpoint.url.port()]);
        let url = endpoint.url.as_str().replace("a.test", host).parse().unwrap();
        let state = begin(&federations, Federation::https_web(bank(), url)).await;
        assert_refused!(Err::<(), _>(state.last_error().unwrap().clone()), code, "FED-3", "{host}");
        assert_eq!((state.last_success(), state.sequence()), (None, None));
        assert!(bundles.bundle(BANK).is_none());
    }
}

#[tokio::test]
async fn fed_3_a_workload_certificate_is_none_of_the_web() {
    let ca = authority(BANK);
    let endpoint = Endpoint::spiffe(ca.current("/bundles", now()), bundle(&[&ca], 1)).await;
    let (_, federations) = service(WebAuthority::new().trust(), &[endpoint.url.port()]);
    let state = begin(&federations, Federation::https_web(bank(), endpoint.url.clone())).await;
    assert_refused!(Err::<(), _>(state.last_error().unwrap().clone()), "unknown_issuer", "FED-3");
}

#[tokio::test]
async fn fed_7_redirects_are_followed_each_time_anew_and_not_at_all_where_told_so() {
    let (web, ca) = (WebAuthority::new(), authority(BANK));
    let endpoint = Endpoint::web(&web, bundle(&[&ca], 1)).await;
    let to = endpoint.url.to_string();
    let first = Server::start(web.server(&["a.test"]), move |_| redirect(&to)).await;
    let (bundles, federations) = service(web.trust(), &[endpoint.url.port(), first.port()]);
    let federation = Federation::https_web(bank(), first.url("a.test", "/"));
    begin(&federations, federation.clone()).await;
    verify(&bundles, &ca).unwrap();
    // The new location is not stored.
    federations.refresh(&bank()).await.unwrap();
    assert_eq!(first.heads().len(), 2);

    let (bundles, federations) = service(web.trust(), &[endpoint.url.port(), first.port()]);
    let state = begin(&federations, federation.without_redirects()).await;
    assert_refused!(Err::<(), _>(state.last_error().unwrap().clone()), "too_many_redirects", "FED-7");
    assert!(bundles.bundle(BANK).is_none());
}

#[tokio::test]
async fn fed_7_fed_2_fed_14_redirects_lead_neither_to_http_nor_inside() {
    let (web, ca) = (WebAuthority::new(), authority(BANK));
    let inside = Server::start(web.server(&["private.test"]), move |_| ok(&document(&[&ca], 1))).await;
    for (location, code, rule) in [
        (format!("http://a.test:{}/", inside.port()), "url_scheme", "FED-2"),
        (format!("https://x@a.test:{}/", inside.port()), "url_userinfo", "FED-2"),
        (inside.url("private.test", "/").to_string(), "address_not_allowed", "FED-14"),
    ] {
        let server = Server::start(web.server(&["a.test"]), move |_| redirect(&location)).await;
        let (bundles, federations) = service(web.trust(), &[server.port(), inside.port()]);
        let state = begin(&federations, Federation::https_web(bank(), server.url("a.test", "/"))).await;
        assert_refused!(Err::<(), _>(state.last_error().unwrap().clone()), code, rule);
        assert!(bundles.bundle(BANK).is_none());
    }
    assert!(inside.heads().is_empty());
}

#[tokio::test]
async fn fed_14_an_endpoint_on_an_address_that_was_not_allowed_is_not_asked() {
    let (web, ca) = (WebAuthority::new(), authority(BANK));
    let server = Server::start(web.server(&["private.test"]), move |_| ok(&document(&[&ca], 1))).await;
    let (_, federations) = service(web.trust(), &[server.port()]);
    let state = begin(&federations, Federation::https_web(bank(), server.url("private.test", "/"))).await;
    assert_refused!(Err::<(), _>(state.last_error().unwrap().clone()), "address_not_allowed", "FED-14");
    assert!(server.heads().is_empty());
}

#[tokio::test]
async fn fed_14_bnd_9_bnd_17_bnd_19_documents_that_are_none_change_nothing() {
    let (web, ca) = (WebAuthority::new(), authority(BANK));
    let good = document(&[&ca], 1);
    let twice = good.replacen('{', r#"{"spiffe_sequence":9,"#, 1);
    let leak = r#"{"keys":[{"kty":"oct","use":"jwt-svid","kid":"a","k":"AAAA"}],"spiffe_sequence":9}"#;
    let not_text = [b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n".to_vec(), vec![0xff, 0xfe]].concat();
    let cases = [
        (ok("garbage"), "json_not_an_object", "BND-17"),
        (ok(""), "json_truncated", "BND-17"),
        (ok(&twice), "json_duplicate_name", "BND-17"),
        (ok(leak), "symmetric_key", "BND-19"),
        (ok(r#"{"spiffe_sequence":9}"#), "no_keys", "BND-9"),
        (ok(&format!("{good}{}", " ".repeat(1024 * 1024 + 1 - good.len()))), "document_too_large", "FED-14"),
        (crate::fetch::support::Reply::Bytes(not_text), "content_encoding", "FED-6"),
        (reply("404 Not Found", "", &good), "http_status", "FED-6"),
    ];
    for (answer, code, rule) in cases {
        let first = ok(&good);
        let asked = std::sync::atomic::AtomicUsize::new(0);
        let server = Server::start(web.server(&["a.test"]), move |_| {
            let is_first = asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 0;
            if is_first { first.clone() } else { answer.clone() }
        })
        .await;
        let (bundles, federations) = service(web.trust(), &[server.port()]);
        begin(&federations, Federation::https_web(bank(), server.url("a.test", "/"))).await;
        let before = bundles.bundle(BANK).unwrap();
        let refused = federations.refresh(&bank()).await.unwrap_err();
        assert_eq!((refused.rule(), refused.to_string().is_empty()), (rule, false), "{code}: {refused:?}");
        assert!(std::sync::Arc::ptr_eq(&before, &bundles.bundle(BANK).unwrap()));
        let state = federations.state(&bank()).unwrap();
        assert_eq!((state.last_error(), state.sequence()), (Some(&refused), Some(1)));
        assert_refused!(Err::<(), _>(refused), code, rule);
    }
}

#[tokio::test]
async fn fed_14_an_endpoint_that_never_answers_ends_with_the_time_of_an_attempt() {
    let web = WebAuthority::new();
    let server = Server::start(web.server(&["a.test"]), |_| crate::fetch::support::Reply::Never).await;
    let fetch = super::support::fetcher(web.trust(), &[server.port()]);
    let set = aims_credential::BundleSet::new();
    let federations =
        aims_workload_api::federation::Federations::builder(set, fetch, aims_keys::backend::ring())
            .timeout(Duration::from_millis(200))
            .build();
    let state = begin(&federations, Federation::https_web(bank(), server.url("a.test", "/"))).await;
    assert_refused!(Err::<(), _>(state.last_error().unwrap().clone()), "timed_out", "FED-14");
}

#[tokio::test]
async fn what_no_document_says_is_set_on_each_and_the_pair_stays_a_pair() {
    let (web, ca) = (WebAuthority::new(), authority(BANK));
    let endpoint = Endpoint::web(&web, bundle(&[&ca], 1)).await;
    let (bundles, federations) = service(web.trust(), &[endpoint.url.port()]);
    let federation = Federation::https_web(bank(), endpoint.url.clone());
    begin(&federations, federation.clone().adjust(|bundle| bundle.with_profile(WitProfile::WitSvid))).await;
    assert_eq!(bundles.bundle(BANK).unwrap().profile(), WitProfile::WitSvid);

    let (bundles, federations) = service(web.trust(), &[endpoint.url.port()]);
    let other = authority("spiffe://evil.example").trust();
    let state = begin(&federations, federation.adjust(move |_| other.clone())).await;
    assert_refused!(Err::<(), _>(state.last_error().unwrap().clone()), "foreign_bundle", "FED-11");
    assert!(bundles.bundle("spiffe://evil.example").is_none() && bundles.bundle(BANK).is_none());
}
