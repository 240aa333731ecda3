//! What the endpoint answers.

use std::convert::Infallible;

use aims_credential::{BundleSet, BundleSource, TrustBundle};
use aims_keys::backend;
use aims_workload_api::federation::BundleEndpoint;
use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use tower_service::Service;

use super::support::{BANK, authority, bank, bundle, document};

fn endpoint(bundles: &BundleSet) -> BundleEndpoint {
    let url = "https://bank.example/bundle.json".parse().unwrap();
    BundleEndpoint::new(bundles.clone(), bank(), &url, backend::ring())
}

async fn ask(
    endpoint: &BundleEndpoint,
    method: Method,
    target: &str,
    known: Option<&str>,
) -> (Response<()>, Bytes) {
    let mut request = Request::builder().method(method).uri(target);
    if let Some(tag) = known {
        request = request.header("if-none-match", tag);
    }
    let answer: Result<Response<Full<Bytes>>, Infallible> =
        endpoint.clone().call(request.body(()).unwrap()).await;
    let (head, body) = answer.unwrap().into_parts();
    (Response::from_parts(head, ()), body.collect().await.unwrap().to_bytes())
}

#[tokio::test]
async fn fed_6_get_returns_the_current_bundle_in_utf_8() {
    let (first, second) = (authority(BANK), authority(BANK));
    let bundles = BundleSet::from(bundle(&[&first], 1));
    let endpoint = endpoint(&bundles);
    for _ in 0..2 {
        let (head, body) = ask(&endpoint, Method::GET, "/bundle.json?x", None).await;
        assert_eq!(
            (head.status().as_u16(), &head.headers()["content-type"]),
            (200, &"application/json".parse().unwrap())
        );
        assert_eq!(body, document(&[&first], 1));
    }
    bundles.insert(bundle(&[&second], 2));
    let (_, body) = ask(&endpoint, Method::GET, "/bundle.json", None).await;
    assert_eq!(body, document(&[&second], 2));
}

#[tokio::test]
async fn fed_6_nothing_else_is_answered() {
    let bundles = BundleSet::from(bundle(&[&authority(BANK)], 1));
    let endpoint = endpoint(&bundles);
    for path in
        ["/", "/bundle.json/", "/bundle", "/Bundle.json", "/x/bundle.json", "/bundle%2ejson", "//bundle.json"]
    {
        let (head, body) = ask(&endpoint, Method::GET, path, None).await;
        assert_eq!((head.status().as_u16(), body.len()), (404, 0), "{path}");
    }
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS, Method::TRACE] {
        let (head, body) = ask(&endpoint, method.clone(), "/bundle.json", None).await;
        assert_eq!((head.status().as_u16(), body.len()), (405, 0), "{method}");
        assert_eq!(head.headers()["allow"], "GET, HEAD");
    }
    bundles.remove(&bank());
    assert_eq!(ask(&endpoint, Method::GET, "/bundle.json", None).await.0.status().as_u16(), 503);
    // At the root, a URL may have no path.
    let root =
        BundleEndpoint::new(BundleSet::new(), bank(), &"https://a.example".parse().unwrap(), backend::ring());
    assert_eq!(ask(&root, Method::GET, "/", None).await.0.status().as_u16(), 503);
}

#[tokio::test]
async fn a_client_that_has_the_document_is_told_so() {
    let bundles = BundleSet::from(bundle(&[&authority(BANK)], 1));
    let endpoint = endpoint(&bundles);
    let (head, document) = ask(&endpoint, Method::GET, "/bundle.json", None).await;
    let tag = head.headers()["etag"].to_str().unwrap().to_owned();
    assert_eq!(head.headers()["cache-control"], "no-cache");
    for known in [tag.clone(), "*".into(), format!("W/{tag}"), format!("\"a\", {tag}")] {
        let (head, body) = ask(&endpoint, Method::GET, "/bundle.json", Some(&known)).await;
        assert_eq!(
            (head.status().as_u16(), body.len(), &head.headers()["etag"]),
            (304, 0, &tag.parse().unwrap())
        );
    }
    let (head, body) = ask(&endpoint, Method::HEAD, "/bundle.json", None).await;
    assert_eq!((head.status().as_u16(), body.len()), (200, 0));
    assert_eq!(head.headers()["content-length"], document.len().to_string());
    bundles.insert(bundle(&[&authority(BANK)], 2));
    let (head, _) = ask(&endpoint, Method::GET, "/bundle.json", Some(&tag)).await;
    assert_eq!(head.status().as_u16(), 200);
}

/// A source that answers with whatever it has.
#[derive(Debug)]
struct Confused(std::sync::Arc<TrustBundle>);

impl BundleSource for Confused {
    fn bundle(&self, _: &str) -> Option<std::sync::Arc<TrustBundle>> {
        Some(self.0.clone())
    }
}

#[tokio::test]
async fn fed_11_the_bundle_of_another_trust_domain_is_not_given_out() {
    let evil = Confused(authority("spiffe://evil.example").trust().into());
    let url = "https://bank.example/bundle.json".parse().unwrap();
    let endpoint = BundleEndpoint::new(evil, bank(), &url, backend::ring());
    assert_eq!(ask(&endpoint, Method::GET, "/bundle.json", None).await.0.status().as_u16(), 503);
}
