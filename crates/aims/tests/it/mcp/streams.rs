//! Answers that last.

use std::time::Duration;

use aims::credential::{Mark, MarkKey};
use axum::Router;
use axum::body::Body;
use axum::response::IntoResponse;
use http::StatusCode;
use http_body_util::BodyExt;
use tokio::sync::mpsc;
use tokio_stream::StreamExt;
use tower::ServiceExt;

use super::world::*;

#[tokio::test]
async fn aims_55_mcp_2_a_stream_of_events_ends_when_the_permit_does() {
    for (kind, ends) in
        [("text/event-stream", true), ("Text/Event-Stream; charset=utf-8", true), ("application/json", false)]
    {
        let world = World::new();
        let token = world.token("trips");
        let (events, source) = mpsc::channel::<&str>(8);
        let source = std::sync::Arc::new(std::sync::Mutex::new(Some(source)));
        let handler = move || {
            let source = source.lock().unwrap().take().unwrap();
            let stream = tokio_stream::wrappers::ReceiverStream::new(source);
            async move {
                ([("content-type", kind)], Body::from_stream(stream.map(Ok::<_, std::io::Error>)))
                    .into_response()
            }
        };
        let app = Router::new().fallback(handler).layer(world.guard.mcp(scopes()).unwrap());
        let response = app.oneshot(bearer(&token, message("subscriptions/listen", "{}"))).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let mut body = response.into_body();
        let mut next = async || {
            let frame = tokio::time::timeout(Duration::from_secs(5), body.frame()).await.unwrap();
            frame.map(|frame| frame.unwrap().into_data().unwrap())
        };
        events.send("data: 1\n\n").await.unwrap();
        assert_eq!(next().await.unwrap(), "data: 1\n\n");
        // The agent is cut off; the next message is not for it any more.
        let agent = TRAVEL.parse().unwrap();
        world.marks.set(&MarkKey::Agent(&agent), Mark::dead()).unwrap();
        events.send("data: 2\n\n").await.unwrap();
        assert_eq!(next().await.is_none(), ends, "{kind}");
    }
}
