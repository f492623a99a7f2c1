//! `GET /v1/events?topics=`: what happens, as server-sent events. SPEC API-11.

use crate::api::ApiState;
use crate::api::caller::Caller;
use crate::api::paging::{bad_query, part_of};
use crate::api::problem::ApiError;
use crate::api::stream::Reader;
use axum::Extension;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use blockchat_client::shapes::{EventTopic, TOPICS_MAX};
use futures::{Stream, StreamExt, stream};
use serde::Deserialize;
use std::time::Duration;

/// A stream on which nothing happens says so this often.
const SIGN_OF_LIFE: Duration = Duration::from_secs(15);

/// The query of a request.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct Wanted {
    /// With commas between them.
    topics: Option<String>,
}

/// Streams events from now on, or after the event that `Last-Event-ID` names. A stream ends early only if the store
/// cannot be read.
pub(in crate::api) async fn events(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    query: Result<Query<Wanted>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, axum::Error>> + use<>>, ApiError> {
    let topics = topics(part_of(query)?.topics.as_deref())?;
    let hold = state.stream(&caller)?;
    let last_id = headers.get("last-event-id").map(|id| id.to_str().unwrap_or("unreadable"));
    let reader = Reader::new(&state, topics, last_id, hold);
    let told = stream::unfold(Some(reader), |reader| async move {
        let mut reader = reader?;
        match reader.next().await? {
            Ok(event) => Some((Ok(event), Some(reader))),
            // The log says what is wrong with the store.
            Err(_) => Some((Err(axum::Error::new("the store cannot be read")), None)),
        }
    });
    let told = told.take_until(state.ending.cancelled_owned());
    Ok(Sse::new(told).keep_alive(KeepAlive::new().interval(SIGN_OF_LIFE)))
}

/// New blocks if nothing is said; each topic once.
fn topics(text: Option<&str>) -> Result<Vec<EventTopic>, ApiError> {
    let Some(text) = text else { return Ok(vec![EventTopic::Block]) };
    let parsed = text.split(',').map(str::parse::<EventTopic>).collect::<Result<Vec<_>, _>>();
    let mut topics = parsed.map_err(|rejected| bad_query(rejected.to_string()))?;
    topics.sort();
    topics.dedup();
    if topics.len() > TOPICS_MAX {
        return Err(bad_query(format!("{} topics, the limit is {TOPICS_MAX}", topics.len())));
    }
    Ok(topics)
}

#[cfg(test)]
mod tests {
    use super::*;
    use blockchat_proto::keys::Address;

    #[test]
    fn a_stream_is_about_new_blocks_unless_it_says_otherwise_and_about_each_topic_once() {
        assert_eq!(topics(None).unwrap(), [EventTopic::Block]);
        assert_eq!(topics(Some("log,block,log")).unwrap(), [EventTopic::Block, EventTopic::Log]);
        assert!(topics(Some("")).is_err() && topics(Some("block,")).is_err() && topics(Some("moon")).is_err());
        let many: Vec<_> = (0..17).map(|n| EventTopic::Messages(Address([n; 32])).to_string()).collect();
        assert!(topics(Some(&many.join(","))).is_err());
        assert!(topics(Some(&many[..16].join(","))).is_ok());
    }
}
