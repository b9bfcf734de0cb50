//! A client of the field, with a dialogue and without one, before a tool that a person has to approve.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use crate::support::system::{at_home, program, without_variables};
use std::fs;
use std::future::Future;
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use policylayer::limits::READING_TIME;
use rmcp::model::{
    CallToolRequestParams, ClientConfig, ElicitRequestParams, ElicitResult, ElicitationAction, ElicitationCapability,
    ErrorData,
};
use rmcp::service::RequestContext;
use rmcp::{ClientHandler, RoleClient, ServiceExt};
use serde_json::json;
use tokio::process::Command;

/// What the person at the client does.
#[derive(Clone, Copy, Debug)]
enum Habit {
    /// There is no dialogue.
    None,
    Decides(&'static str),
    Declines,
}

#[derive(Clone)]
struct Person {
    habit: Habit,
    asked: Arc<Mutex<Vec<String>>>,
}

impl ClientHandler for Person {
    fn get_info(&self) -> ClientConfig {
        let mut config = ClientConfig::default();
        config.capabilities.elicitation = match self.habit {
            Habit::None => None,
            _ => Some(ElicitationCapability::default()),
        };
        config
    }

    fn create_elicitation(
        &self,
        request: ElicitRequestParams,
        _context: RequestContext<RoleClient>,
    ) -> impl Future<Output = Result<ElicitResult, ErrorData>> + Send + '_ {
        let ElicitRequestParams::FormElicitationParams { message, .. } = request else { panic!("{request:?}") };
        self.asked.lock().unwrap().push(message);
        let answer = match self.habit {
            Habit::Decides(decision) => {
                ElicitResult::new(ElicitationAction::Accept).with_content(json!({"decision": decision}))
            }
            _ => ElicitResult::new(ElicitationAction::Decline),
        };
        async {
            // A person reads it.
            tokio::time::sleep(READING_TIME).await;
            Ok(answer)
        }
    }
}

/// Calls `send_campaign` twice; what the agent reads, and how often the person was asked.
fn called_twice(habit: Habit) -> (Vec<String>, usize) {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join(".config/policylayer");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("config.toml"), "[approvals]\nchannels = [\"client\"]\n").unwrap();
    let program = program();
    let mut command = Command::new(program);
    command.args(["wrap", "--server", "iterable", "--", program, "demo-server"]).kill_on_drop(true);
    at_home(without_variables(command.as_std_mut()), home.path());
    let asked = Arc::default();
    let person = Person { habit, asked: Arc::clone(&asked) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let texts = runtime.block_on(async {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let pipes = (child.stdout.take().unwrap(), child.stdin.take().unwrap());
        let client = person.serve(pipes).await.unwrap();
        let mut texts = Vec::new();
        for _ in 0..2 {
            let arguments = json!({"campaignId": 77}).as_object().cloned().unwrap();
            let call = CallToolRequestParams::new("send_campaign").with_arguments(arguments);
            let result = client.peer().call_tool(call).await.unwrap();
            texts.push(result.content.iter().find_map(|block| block.as_text()).unwrap().text.clone());
        }
        client.cancel().await.unwrap();
        child.wait().await.unwrap();
        texts
    });
    let asked = asked.lock().unwrap();
    for message in asked.iter() {
        for part in ["send_campaign", "iterable", "execute", "campaignId: 77"] {
            assert!(message.contains(part), "{part}: {message}");
        }
    }
    (texts, asked.len())
}

const RAN: &str = "send_campaign was run by the stand-in server.";

#[test]
fn a_person_who_approves_lets_the_call_through() {
    assert_eq!(called_twice(Habit::Decides("approve_once")), (vec![RAN.to_owned(); 2], 2));
    assert_eq!(called_twice(Habit::Decides("approve_for_session")), (vec![RAN.to_owned(); 2], 1));
}

#[test]
fn a_person_who_does_not_stops_it() {
    for habit in [Habit::Decides("refuse"), Habit::Declines] {
        let (texts, asked) = called_twice(habit);
        assert_eq!(asked, 1, "the same call is not asked about again at once");
        for text in texts {
            assert!(text.contains("A person refused this call"), "{habit:?}: {text}");
        }
    }
}

#[test]
fn without_a_dialogue_the_agent_is_told_how_to_open_one() {
    let (texts, asked) = called_twice(Habit::None);
    assert_eq!(asked, 0);
    for text in texts {
        assert!(text.contains("nobody can be asked") && text.contains("MCP elicitation"), "{text}");
    }
}
