//! The gRPC service `acme.Search`, written by hand where a project would generate it, so that no protoc is needed.

use std::convert::Infallible;
use std::future::{Future, Ready, ready};
use std::pin::Pin;
use std::task::{Context, Poll};

use aims::Permit;
use http::uri::PathAndQuery;
use tonic::body::Body;
use tonic::client::{Grpc as Client, GrpcService};
use tonic::server::{Grpc as Server, NamedService};
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;
use tower_service::Service;

/// What is looked for.
#[derive(Clone, PartialEq, prost::Message)]
#[non_exhaustive]
pub struct FindRequest {
    /// The words.
    #[prost(string, tag = "1")]
    pub query: String,
}

/// What was found, and for whom.
#[derive(Clone, PartialEq, prost::Message)]
#[non_exhaustive]
pub struct FindReply {
    /// A sentence.
    #[prost(string, tag = "1")]
    pub answer: String,
}

/// The service: one method, `Find`, for callers with a [`Permit`].
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Search;

impl Search {
    fn find(request: &Request<FindRequest>) -> Result<Response<FindReply>, Status> {
        let permit =
            request.extensions().get::<Permit>().ok_or_else(|| Status::internal("there is no guard"))?;
        let query = &request.get_ref().query;
        let answer = format!("gRPC: found {query} for {}", permit.caller().subject());
        Ok(Response::new(FindReply { answer }))
    }
}

impl NamedService for Search {
    const NAME: &'static str = "acme.Search";
}

impl Service<http::Request<Body>> for Search {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(async move {
            if request.uri().path() != FIND {
                return Ok(Status::unimplemented("there is no such method").into_http());
            }
            Ok(Server::new(ProstCodec::default()).unary(Find, request).await)
        })
    }
}

/// The method, as tonic calls it.
struct Find;

impl Service<Request<FindRequest>> for Find {
    type Response = Response<FindReply>;
    type Error = Status;
    type Future = Ready<Result<Response<FindReply>, Status>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<FindRequest>) -> Self::Future {
        ready(Search::find(&request))
    }
}

/// Calls `Find` of the service that `channel` leads to.
///
/// # Errors
///
/// The status that the service, the guard before it or the channel answered with.
pub async fn find<C>(channel: C, query: &str) -> Result<String, Status>
where
    C: GrpcService<Body>,
    C::Error: std::fmt::Display,
    C::ResponseBody: http_body::Body<Data = axum::body::Bytes> + Send + 'static,
    <C::ResponseBody as http_body::Body>::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let mut client = Client::new(channel);
    client.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
    let request = Request::new(FindRequest { query: query.to_owned() });
    let codec = ProstCodec::<FindRequest, FindReply>::default();
    let reply = client.unary(request, PathAndQuery::from_static(FIND), codec).await?;
    Ok(reply.into_inner().answer)
}

const FIND: &str = "/acme.Search/Find";
