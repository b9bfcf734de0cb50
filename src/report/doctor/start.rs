//! Whether the chain starts, answers and lists its tools, and which of them the policy hides.
//!
//! The chain is started as it is, so the doctor sees what the client sees. Hidden tools do not come through it: to find
//! them, the server is started once more without the wrapper, and the lists are compared.

use std::collections::BTreeSet;
use std::ffi::OsString;

use serde_json::Value;

use super::client_env::{describe_unfilled, find_missing_header};
use super::{ChainReport, DoctorQuestion, Finding, LaunchChain, Problem, StepId};
use crate::clients::secret;
use crate::probe::{self, AppPages, ProbeError, ProbeStage, ProbeTarget, ServerError, ServerOffer};
use crate::shell::as_word;
use crate::visible::{count_of, escape_invisible};
use crate::wire::reply::ErrorCode;

/// Adds the steps `Start`, `Initialize` and `Tools`.
pub(super) fn check_start(
    chain: &LaunchChain<'_>,
    question: &DoctorQuestion<'_>,
    report: &mut ChainReport,
) -> Result<(), ProbeError> {
    let (env, unfilled) = (&chain.env, &chain.env.unfilled);
    if let Some((what, remedy)) = find_missing_header(&chain.own_words(), &env.as_env(), unfilled, chain.client) {
        report.stop_at(StepId::Start, Problem::warning(format!("not tried: {what}"), remedy));
        return Ok(());
    }
    match chain.probe_words(&chain.words, question)? {
        Ok(offer) => {
            report.push_step(StepId::Start, Ok(chain.describe_unfilled().unwrap_or_else(|| "it runs".to_owned())));
            report.push_step(StepId::Initialize, Ok(describe_session(&offer)));
            report.push_step(StepId::Tools, chain.check_tools(&offer, question)?);
        }
        Err(error) => {
            let failed = match error.stage {
                // From outside the wrapper, a server that ends before it answers looks as if it had started.
                _ if chain.own_answer(&error).is_some() => StepId::Start,
                ProbeStage::Opened => StepId::Tools,
                ProbeStage::Silent => StepId::Initialize,
                ProbeStage::Started => StepId::Start,
            };
            if failed != StepId::Start {
                report.push_step(StepId::Start, Ok("it runs".to_owned()));
            }
            if failed == StepId::Tools {
                report.push_step(StepId::Initialize, Ok("answered".to_owned()));
            }
            report.stop_at(failed, chain.describe_failure(&error));
        }
    }
    Ok(())
}

impl LaunchChain<'_> {
    fn probe_words(
        &self,
        words: &[String],
        question: &DoctorQuestion<'_>,
    ) -> Result<Result<ServerOffer, ServerError>, ProbeError> {
        let command: Vec<OsString> = words.iter().map(OsString::from).collect();
        let spawn_env = self.file.is_some().then(|| self.env.spawn_env());
        let target = ProbeTarget {
            command: &command,
            shown: escape_invisible(&self.env.hide_secrets(&secret::redact_words(words).join(" "))),
            spawn_env: spawn_env.as_ref(),
            patience: question.patience,
            apps: AppPages::Skip,
        };
        match probe::probe_target(&target, question.progress) {
            Ok(offer) => Ok(Ok(offer)),
            Err(ProbeError::Server(error)) => Ok(Err(error)),
            Err(ProbeError::Start(error)) => {
                let text = error.to_string();
                let (what, remedy) =
                    text.split_once("\nwhat to do: ").unwrap_or((&text, "run the command by itself in a terminal"));
                let (what, remedy) = (what.to_owned(), remedy.to_owned());
                Ok(Err(ServerError { what, printed: String::new(), remedy, stage: ProbeStage::Started, key: None }))
            }
            Err(error @ (ProbeError::Runtime(_) | ProbeError::Interrupted(_))) => Err(error),
        }
    }

    /// Returns the wrapper's own answer for a server that did not start, which says what to do.
    fn own_answer<'n>(&self, error: &'n ServerError) -> Option<&'n str> {
        self.wrapped.as_ref()?;
        let (_, answer) = error.what.split_once("it answered initialize with the error ")?;
        let (code, answer) = answer.split_once(": ")?;
        let codes = [ErrorCode::UpstreamEnded, ErrorCode::StartFailed];
        codes.iter().any(|ours| code.parse() == Ok(ours.number())).then_some(answer)
    }

    fn describe_failure(&self, error: &ServerError) -> Problem {
        let answer = self.own_answer(error).map(|answer| answer.strip_prefix("policylayer: ").unwrap_or(answer));
        let ended = answer.and_then(|answer| Some(answer.split_once(", so there is no answer to this request")?.0));
        let text = ended.or(answer).unwrap_or(&error.what);
        let (what, own) = match text.split_once("what to do: ") {
            Some((what, own)) => (what.trim_end(), Some(own)),
            None => (text, None),
        };
        let mut what = what.to_owned();
        // The policy step has already reported what the wrapper says about the policy.
        let is_known = |line: &str| {
            ["policylayer  INFO", "policylayer  WARN"].iter().any(|known| line.trim_start().starts_with(known))
        };
        let printed: Vec<_> = error.printed.lines().filter(|line| !is_known(line)).collect();
        if printed.iter().any(|line| line.starts_with("  ")) {
            what.push_str(&printed.join("\n"));
        }
        if let Some(unfilled) = self.describe_unfilled() {
            what.push_str(&format!("\n{unfilled}"));
        }
        let remedy = match own {
            Some(own) => own.to_owned(),
            None if ended.is_some() && error.key.is_none() => {
                "run the server's command by itself in a terminal, and fix what it reports".to_owned()
            }
            None => self.find_remedy(error),
        };
        Problem::failed(what, remedy)
    }

    fn find_remedy(&self, error: &ServerError) -> String {
        if let Some(key) = &error.key {
            let variable = key.as_deref().unwrap_or("the key that it asks for");
            return match self.file {
                Some(_) => format!("set {variable} in `env` of {}", self.entry_place()),
                None => format!("set {variable} in the environment, and run this command again"),
            };
        }
        // The wrapper knows better than this process why the server did not start.
        let own = error.printed.lines().rev().find_map(|line| line.split_once("what to do: "));
        own.map_or_else(|| error.remedy.clone(), |(_, remedy)| remedy.to_owned())
    }

    fn describe_unfilled(&self) -> Option<String> {
        describe_unfilled(&self.env.unfilled, self.client)
    }

    fn check_tools(&self, offer: &ServerOffer, question: &DoctorQuestion<'_>) -> Result<Finding, ProbeError> {
        let counted = self.count_tools(offer, question)?;
        Ok(counted.and_then(|detail| match offer.notes.as_slice() {
            [] => Ok(detail),
            notes => Err(Problem::warning(
                format!("{detail}; {}", notes.join("; ")),
                "tell the server's author; clients handle it differently",
            )),
        }))
    }

    fn count_tools(&self, offer: &ServerOffer, question: &DoctorQuestion<'_>) -> Result<Finding, ProbeError> {
        let shown = tool_names(offer);
        let count = format!("{} visible", count_of(shown.len() as u64, "tool"));
        if self.wrapped.is_none() {
            return Ok(Ok(format!("{count}, and none hidden: no policy is in front")));
        }
        Ok(match self.probe_words(&self.own_words(), question)? {
            Ok(bare) => match tool_names(&bare).difference(&shown).count() {
                hidden @ 1.. if shown.is_empty() => Err(Problem::warning(
                    format!("{count}, {hidden} hidden: the agent can do nothing with this server"),
                    format!("see which rule hides them: policylayer inspect {} COMMAND", as_word("--")),
                )),
                hidden => Ok(format!("{count}, {hidden} hidden")),
            },
            Err(error) => Err(Problem::warning(
                format!(
                    "{count}; the number of hidden tools is unknown, because a second start failed: {}",
                    error.what
                ),
                self.find_remedy(&error),
            )),
        })
    }
}

fn tool_names(offer: &ServerOffer) -> BTreeSet<&str> {
    offer.tools.iter().filter_map(|tool| tool.get("name")?.as_str()).collect()
}

fn describe_session(offer: &ServerOffer) -> String {
    let part = |key: &str| offer.info.get(key).and_then(Value::as_str).unwrap_or_default();
    let who = format!("{} {}", part("name"), part("version"));
    let who = if who.trim().is_empty() { "the server" } else { who.trim() };
    format!("answered by {who}, protocol {}", offer.protocol)
}
