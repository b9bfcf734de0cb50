//! A loopback stand-in for Iterable's HTTP API. It records every request, so that "the call never reached the server"
//! is proved by no request arriving.

use std::thread;
use std::time::{Duration, Instant};

use super::system::PATIENCE;
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};
use wiremock::{Mock, MockServer, Request, ResponseTemplate, matchers::any};

/// The stand-in; it ends when it is dropped.
pub(crate) struct Api {
    server: MockServer,
    runtime: Runtime,
}

/// A request that arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Arrived {
    /// Such as `DELETE /api/export/4242`.
    pub(crate) route: String,
    /// The tool whose call caused it, as the server's `Iterable-MCP-Tool` header says.
    pub(crate) tool: String,
    /// The body, as it came.
    pub(crate) body: String,
}

impl Api {
    pub(crate) fn start() -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        // The server runs on a thread of its own; the runtime here only asks it questions.
        let server = runtime.block_on(async {
            let server = MockServer::builder().start().await;
            Mock::given(any()).respond_with(answer).mount(&server).await;
            server
        });
        Self { server, runtime }
    }

    /// The base URL, for `ITERABLE_BASE_URL`.
    pub(crate) fn url(&self) -> String {
        self.server.uri()
    }

    /// Everything that arrived so far, in order.
    pub(crate) fn arrived(&self) -> Vec<Arrived> {
        let requests = self.runtime.block_on(self.server.received_requests()).unwrap();
        requests
            .iter()
            .map(|request| Arrived {
                route: format!("{} {}", request.method, request.url.path()),
                tool: request
                    .headers
                    .get("Iterable-MCP-Tool")
                    .map_or_else(String::new, |tool| tool.to_str().unwrap().to_owned()),
                body: String::from_utf8_lossy(&request.body).into_owned(),
            })
            .collect()
    }

    /// The tools whose calls arrived, in order.
    pub(crate) fn tools(&self) -> Vec<String> {
        self.arrived().into_iter().map(|arrived| arrived.tool).collect()
    }

    /// Waits until that many requests have arrived in all.
    pub(crate) fn wait_for(&self, count: usize) -> bool {
        let start = Instant::now();
        while self.arrived().len() < count {
            if start.elapsed() > PATIENCE {
                return false;
            }
            thread::sleep(Duration::from_millis(10));
        }
        true
    }
}

fn answer(request: &Request) -> ResponseTemplate {
    let body: Value = match (request.method.as_str(), request.url.path()) {
        ("GET", "/api/lists") => {
            json!({"lists": [{"id": 1, "name": "Everyone", "createdAt": 1_700_000_000_000_u64, "listType": "Standard"}]})
        }
        ("POST", "/api/lists") => json!({"listId": 2}),
        ("GET", "/api/campaigns") => json!({"campaigns": []}),
        ("GET", "/api/campaigns/78") => json!({
            "id": 78, "name": "Spring sale", "type": "Blast", "campaignState": "Ready", "messageMedium": "Email",
            "createdAt": 1_700_000_000_000_u64, "updatedAt": 1_700_000_000_000_u64, "createdByUserId": "ada",
            "sendSize": 48_211, "listIds": [5],
        }),
        ("GET", "/api/templates/email/get") => {
            json!({"templateId": 9, "name": "Receipt", "subject": "Your receipt", "messageTypeId": 1})
        }
        ("GET", "/api/users/ada%40example.com" | "/api/users/byUserId/ada") => {
            json!({"user": {"email": "ada@example.com", "userId": "ada", "profileUpdatedAt": "2026-11-01 10:00:00 +00:00"}})
        }
        ("GET", "/api/users/grace.hopper%40example.org") => json!({"user": {
            "email": "grace.hopper@example.org", "userId": "gh-1906",
            "dataFields": {"firstName": "Grace", "phoneNumber": "+12125550123", "home": {"city": "Arlington"}, "visits": 12},
        }}),
        ("GET", "/api/export/4242/files") => {
            json!({"exportTruncated": false, "files": [], "jobId": 4242, "jobState": "running"})
        }
        _ => json!({"code": "Success", "msg": "", "params": {}}),
    };
    ResponseTemplate::new(200).set_body_json(body)
}
