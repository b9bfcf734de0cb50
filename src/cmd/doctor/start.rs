//! Whether the chain starts, answers and lists its tools, and what the policy hides of them.
//!
//! The chain is started as it is, so what is seen is what the client sees. What is hidden does not come through it: for that
//! the server is started once more, by itself, and its list is compared.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::time::Duration;

use serde_json::Value;

use super::super::{as_word, plural};
use super::{Chain, Id, Step};
use crate::clients::secret;
use crate::probe::{self, NoOffer, Offer, Stage};
use crate::wire::reply::ErrorCode;

pub(super) struct Start<'s> {
    pub(super) chain: &'s Chain<'s>,
    pub(super) patience: Duration,
}

impl Start<'_> {
    /// Adds the three steps.
    ///
    /// # Errors
    /// When a person interrupts it, or the system has no room for it.
    pub(super) fn steps(&self, steps: &mut Vec<Step>) -> anyhow::Result<()> {
        let chain = self.chain;
        let offer = match self.offer(&chain.words)? {
            Ok(offer) => offer,
            Err(no) => {
                let ids = [Id::Start, Id::Initialize, Id::Tools];
                let failed = match self.stage(&no) {
                    Stage::Opened => Id::Tools,
                    Stage::Silent => Id::Initialize,
                    Stage::Started | Stage::Interrupted => Id::Start,
                };
                let before = ids.into_iter().take_while(|id| *id != failed);
                steps.extend(before.map(|id| Step::ok(id, if id == Id::Start { "it runs" } else { "answered" })));
                steps.push(self.failed(failed, &no));
                let after = ids.into_iter().skip_while(|id| *id != failed).skip(1);
                steps.extend(after.map(Step::not_tried));
                return Ok(());
            }
        };
        steps.push(Step::ok(Id::Start, self.unfilled().unwrap_or_else(|| "it runs".to_owned())));
        steps.push(Step::ok(Id::Initialize, opened(&offer)));
        steps.push(self.tools(&offer)?);
        Ok(())
    }

    fn offer(&self, words: &[String]) -> anyhow::Result<Result<Offer, NoOffer>> {
        let command: Vec<OsString> = words.iter().map(OsString::from).collect();
        let surroundings = self.chain.file.is_some().then(|| self.chain.given.surroundings());
        let shown = self.chain.given.hide(&secret::words(words).join(" "));
        let chain = probe::Chain {
            command: &command,
            shown: crate::visible::visible(&shown),
            surroundings: surroundings.as_ref(),
            patience: self.patience,
        };
        let error = match probe::offer_of(&chain) {
            Ok(offer) => return Ok(Ok(offer)),
            Err(error) => error,
        };
        match error.downcast::<NoOffer>() {
            Ok(no) if no.stage == Stage::Interrupted => Err(no.into()),
            Ok(no) => Ok(Err(no)),
            // It was not even started.
            Err(error) => {
                let text = format!("{error:#}");
                let (what, remedy) =
                    text.split_once("\nwhat to do: ").unwrap_or((&text, "run the command by itself in a terminal"));
                let (what, remedy) = (what.to_owned(), remedy.to_owned());
                Ok(Err(NoOffer { what, printed: String::new(), remedy, stage: Stage::Started, key: None }))
            }
        }
    }

    /// What the wrapper answers for a server that did not start, which says what is to be done.
    fn told<'n>(&self, no: &'n NoOffer) -> Option<&'n str> {
        let (_, answer) = no.what.split_once("it answered initialize with the error ")?;
        let (code, told) = answer.split_once(": ")?;
        let codes = [ErrorCode::UpstreamEnded, ErrorCode::StartFailed];
        let is_ours = codes.iter().any(|ours| code.parse() == Ok(ours.number()));
        (is_ours && self.chain.wrapped.is_some()).then_some(told)
    }

    /// How far it came. A server that ends well all the same, before it has answered, is not seen from outside the wrapper.
    fn stage(&self, no: &NoOffer) -> Stage {
        if self.told(no).is_some() { Stage::Started } else { no.stage }
    }

    fn failed(&self, id: Id, no: &NoOffer) -> Step {
        let told = self.told(no);
        let told = told.map(|told| told.strip_prefix("policylayer: ").unwrap_or(told));
        let ended = told.and_then(|told| Some(told.split_once(", so this request has no answer")?.0));
        let told = ended.or(told);
        let (what, own) = match told.unwrap_or(&no.what).split_once("what to do: ") {
            Some((what, own)) => (what.trim_end(), Some(own)),
            None => (told.unwrap_or(&no.what), None),
        };
        let mut what = what.to_owned();
        // What the wrapper says of the policy, the step of the policy has said.
        let is_news = |line: &&str| {
            !["policylayer  INFO", "policylayer  WARN"].iter().any(|news| line.trim_start().starts_with(news))
        };
        let printed: Vec<_> = no.printed.lines().filter(is_news).collect();
        if printed.iter().any(|line| line.starts_with("  ")) {
            what.push_str(&printed.join("\n"));
        }
        if let Some(unfilled) = self.unfilled() {
            what.push_str(&format!("\n{unfilled}"));
        }
        let remedy = match own {
            Some(own) => own.to_owned(),
            None if ended.is_some() && no.key.is_none() => {
                "run the server's command by itself in a terminal, and mend what it complains of".to_owned()
            }
            None => self.remedy(no),
        };
        Step::failed(id, what, remedy)
    }

    fn remedy(&self, no: &NoOffer) -> String {
        if let Some(key) = &no.key {
            let variable = key.as_deref().unwrap_or("the key that it asks for");
            return match self.chain.file {
                Some(_) => format!("put {variable} into `env` of {}", self.chain.entry()),
                None => format!("set {variable} in the environment, and run the same again"),
            };
        }
        // The wrapper knows better than we do why it did not start.
        let own = no.printed.lines().rev().find_map(|line| line.split_once("what to do: "));
        own.map_or_else(|| no.remedy.clone(), |(_, remedy)| remedy.to_owned())
    }

    /// The variables that only the client knows.
    fn unfilled(&self) -> Option<String> {
        let names = &self.chain.given.unfilled;
        let are = if names.len() == 1 { "was" } else { "were" };
        (!names.is_empty())
            .then(|| format!("{} {are} left out here: only {} knows the value", names.join(", "), self.chain.client))
    }

    fn tools(&self, offer: &Offer) -> anyhow::Result<Step> {
        let visible = names(offer);
        let seen = format!("{} visible", plural(visible.len() as u64, "tool"));
        if self.chain.wrapped.is_none() {
            return Ok(Step::ok(Id::Tools, format!("{seen}, and none hidden: no policy stands in front")));
        }
        Ok(match self.offer(self.chain.own())? {
            Ok(bare) => {
                let hidden = names(&bare).difference(&visible).count();
                match (visible.len(), hidden) {
                    (0, 1..) => Step::warning(
                        Id::Tools,
                        format!("{seen}, {hidden} hidden: the agent can do nothing with this server"),
                        format!("see which rule hides them: policylayer inspect {} COMMAND", as_word("--")),
                    ),
                    _ => Step::ok(Id::Tools, format!("{seen}, {hidden} hidden")),
                }
            }
            Err(no) => {
                let what =
                    format!("{seen}; how many are hidden is not known, since a second start failed: {}", no.what);
                Step::warning(Id::Tools, what, self.remedy(&no))
            }
        })
    }
}

fn names(offer: &Offer) -> BTreeSet<&str> {
    offer.tools.iter().filter_map(|tool| tool.get("name")?.as_str()).collect()
}

fn opened(offer: &Offer) -> String {
    let part = |key: &str| offer.info.get(key).and_then(Value::as_str).unwrap_or_default();
    let who = format!("{} {}", part("name"), part("version"));
    let who = if who.trim().is_empty() { "the server" } else { who.trim() };
    format!("answered by {who}, protocol {}", offer.protocol)
}
