//! What the client makes of an answer, whoever gives it: a server of the test says these bytes, and nothing else.

use blockchat_client::shapes::{ApiCode, Code};
use blockchat_client::{Client, ClientError, Connections};
use blockchat_proto::refusal::Retry;
use blockchat_proto::units::Height;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// A client of a server that answers every connection with these bytes, then hangs up.
async fn says(answer: impl Into<Vec<u8>>) -> Client {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let answer = answer.into();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let answer = answer.clone();
            tokio::spawn(async move {
                let mut request = vec![];
                while !request.windows(4).any(|end| end == b"\r\n\r\n") {
                    if stream.read_buf(&mut request).await.unwrap_or(0) == 0 {
                        return;
                    }
                }
                drop(stream.write_all(&answer).await);
                drop(stream.shutdown().await);
            });
        }
    });
    Connections::default().to_port(port)
}

fn http(status: &str, kind: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
}

async fn status_error(answer: impl Into<Vec<u8>>) -> ClientError {
    says(answer).await.status().await.unwrap_err()
}

#[tokio::test]
async fn a_page_of_something_else_is_foreign_and_json_of_something_else_is_another_shape() {
    let page = status_error(http("200 OK", "text/html", "<html>")).await;
    assert!(matches!(&page, ClientError::Foreign { reason, .. } if reason.contains("text/html")), "{page}");
    let other = status_error(http("404 Not Found", "text/plain", "nothing")).await;
    assert!(matches!(&other, ClientError::Foreign { reason, .. } if reason.contains("404")), "{other}");
    let shape = status_error(http("200 OK", "application/json", r#"{"up":true}"#)).await;
    assert!(matches!(&shape, ClientError::Shape { reason, .. } if reason.contains("missing field")), "{shape}");
    for error in [page, other, shape] {
        assert_eq!((error.retry(), error.code()), (Retry::Never, None));
    }
}

#[tokio::test]
async fn a_problem_brings_its_code_and_whether_to_try_again() {
    let body = r#"{"type":"about:blank","title":"t","status":404,"detail":"not final yet","code":"block_not_found",
        "retry":{"at_height":9}}"#;
    let client = says(http("404 Not Found", "application/problem+json", body)).await;
    let error = client.block(Height(9)).await.unwrap_err();
    assert_eq!((error.code(), error.retry()), (Some(&Code::Api(ApiCode::BlockNotFound)), Retry::AtHeight(Height(9))));
    assert_eq!(client.block_at(Height(9)).await.unwrap(), None);
}

#[tokio::test]
async fn a_longer_answer_than_any_nodes_is_not_read() {
    let announced = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99999999999\r\n\r\n{";
    let error = status_error(announced).await;
    assert!(matches!(error, ClientError::TooLong { .. }), "{error}");
    let endless = [b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n".as_slice(), &[b' '; 2 << 20]].concat();
    let error = status_error(endless).await;
    assert!(matches!(error, ClientError::TooLong { limit_bytes, .. } if limit_bytes == 1 << 20), "{error}");
}

#[tokio::test]
async fn nobody_there_and_somebody_who_hangs_up_are_told_apart() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let absent = Connections::default().to_port(free).status().await.unwrap_err();
    assert!(matches!(absent, ClientError::NoNode { .. }), "{absent}");
    assert!(absent.to_string().starts_with(&format!("no node answers at http://127.0.0.1:{free}")), "{absent}");
    let cut = status_error("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{").await;
    assert!(matches!(cut, ClientError::HungUp { .. }), "{cut}");
    assert_eq!((absent.retry(), cut.retry()), (Retry::Now, Retry::Now));
}

#[tokio::test]
async fn somebody_who_says_nothing_costs_the_time_of_one_call() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let within = Duration::from_millis(20);
    let client = Connections::new(within).to_port(silent.local_addr().unwrap().port());
    let error = client.status().await.unwrap_err();
    assert!(matches!(error, ClientError::Timeout { within: had, .. } if had == within), "{error}");
}

#[tokio::test]
async fn a_list_that_goes_round_in_a_circle_is_refused() {
    let client = says(http("200 OK", "application/json", r#"{"items":[],"next":"ab"}"#)).await;
    let error = client.peers().await.unwrap_err();
    assert!(matches!(&error, ClientError::Shape { reason, .. } if reason.contains("circle")), "{error}");
}

#[tokio::test]
async fn events_come_one_by_one_and_others_are_passed_over() {
    let hash = "00".repeat(32);
    let event = |height: u64| {
        let rest = r#""time":1,"leader":null,"round":0,"transactions":0,"bytes":0"#;
        format!("event: block\nid: {height}\ndata: {{\"height\":{height},\"hash\":\"{hash}\",{rest}}}\n\n")
    };
    let body = format!(": hello\n\n{}event: weather\ndata: rain\n\n{}", event(3), event(4));
    let mut events = says(http("200 OK", "text/event-stream", &body)).await.events(Some("2")).await.unwrap();
    assert_eq!(events.last_id(), None);
    assert_eq!(events.next().await.unwrap().map(|block| block.height), Some(Height(3)));
    assert_eq!(events.next().await.unwrap().map(|block| block.height), Some(Height(4)));
    assert_eq!(events.last_id(), Some("4"));
    assert_eq!(events.next().await.unwrap(), None, "the stream has ended");
}

#[test]
fn an_address_may_lack_its_scheme_but_not_its_host() {
    assert_eq!(Client::new("127.0.0.1:7474").unwrap().url(), "http://127.0.0.1:7474");
    assert_eq!(Client::new("http://node:1/").unwrap().url(), "http://node:1");
    for wrong in ["", "https://a", "ftp://a", "http://", "not an address"] {
        assert!(matches!(Client::new(wrong), Err(ClientError::Url { .. })), "{wrong}");
    }
}
