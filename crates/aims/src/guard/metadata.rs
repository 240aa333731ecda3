//! Serving the metadata of a protected resource (RFC 9728 §3).

use http::header::{ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderValue, Method, Response, StatusCode};

use super::Guard;

/// A document, and where it is asked for.
#[derive(Debug)]
pub(super) struct Document {
    path_and_query: Box<str>,
    json: Box<str>,
}

impl Document {
    pub(super) fn new(path_and_query: &str, json: String) -> Self {
        Self { path_and_query: path_and_query.into(), json: json.into() }
    }

    /// Whether another is at the same place.
    #[cfg(feature = "mcp")]
    pub(super) fn is_at_place_of(&self, other: &Self) -> bool {
        self.path_and_query == other.path_and_query
    }

    pub(super) fn is_asked_for(&self, head: &Parts) -> bool {
        head.uri.path_and_query().is_some_and(|asked| *asked.as_str() == *self.path_and_query)
    }

    pub(super) fn respond(&self, method: &Method) -> Response<String> {
        let is_head = *method == Method::HEAD;
        if !is_head && *method != Method::GET {
            let mut response = Response::new(String::new());
            *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
        let mut response = Response::new(if is_head { String::new() } else { self.json.to_string() });
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
        headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
        headers.insert(CONTENT_LENGTH, self.json.len().into());
        response
    }
}

impl Guard {
    /// The answer to a request for the metadata of this resource, if that is what it is: who may issue tokens for it, and what they have to be (PRM-1). The
    /// [layer](Self::layer) gives it to anybody, before anything of the request is verified; whoever [admits](Self::admit) requests without the layer asks here
    /// first. Every challenge of this guard names the place, for resources that are `https` URLs: others have none.
    ///
    /// There is one for each resource: it says what the guard takes that was [built](crate::GuardBuilder::build), for all that are made of that one by
    /// [`accepting`](Self::accepting). So build it with all that the routes take, and give each route less.
    #[must_use]
    pub fn resource_metadata(&self, head: &Parts) -> Option<Response<String>> {
        let tokens = self.inner.tokens.as_ref()?;
        let document = tokens.documents.iter().find(|document| document.is_asked_for(head))?;
        Some(document.respond(&head.method))
    }
}
