//! A call that is tried: its arguments by the schema of the tool, what would happen to it, and what would become of its result.

use maud::{Markup, html};

use super::form::Fields;
use super::page::{as_sentence, in_code};
use super::rule::link_rule;
use super::server::{ServerPlace, name_effect};
use super::site::Site;
use crate::engine::TrialInput;
use crate::paths::LoadedPolicy;
use crate::policy::RequestSubject;
use crate::report::decision::{DecisionReport, ResultReport};
use crate::report::limit::WindowText;
use crate::report::tool_arguments::{ArgumentField, ArgumentKind, find_arguments};
use crate::report::tool_names::judge_as_locked;
use crate::visible::{count_of, escape_invisible, escape_invisible_json};
use crate::wire::arguments::Arguments;

/// The fields of the form that are not one argument: more of them, and a result, each as JSON.
const MORE: &str = "args";
const RESULT: &str = "result";

/// How long a text is at which its field has several lines.
const LONG: usize = 60;

/// What was typed, and what is wrong with it.
struct Typed<'f> {
    fields: &'f Fields,
    known: Vec<ArgumentField>,
    /// By the name of the field.
    faults: Vec<(String, String)>,
}

/// The name of an argument's field: it is never that of another field.
fn field_name(argument: &str) -> String {
    format!("arg:{argument}")
}

impl Typed<'_> {
    fn has_any(&self) -> bool {
        self.fields.value("tried").is_some() || self.fields.value(MORE).is_some()
    }

    fn fault_of(&self, field: &str) -> Option<&str> {
        self.faults.iter().find(|(name, _)| name == field).map(|(_, why)| why.as_str())
    }

    fn note(&mut self, field: &str, why: String) {
        self.faults.push((field.to_owned(), why));
    }

    /// Returns the arguments that were typed; `None` if something is wrong with them.
    fn read_arguments(&mut self) -> Option<Arguments> {
        let mut members = Vec::new();
        let mut wrong = Vec::new();
        for field in &self.known {
            let name = field_name(&field.name);
            match self.fields.value(&name).map(|typed| field.kind.read_typed(typed)) {
                Some(Ok(json)) => members.push(format!("{}:{json}", serde_json::Value::from(field.name.as_str()))),
                Some(Err(why)) => wrong.push((name, why)),
                None => {}
            }
        }
        self.faults.extend(wrong);
        if let Some(more) = self.fields.value(MORE) {
            match Arguments::parse(more) {
                Ok(more) => {
                    let inner = more
                        .as_str()
                        .strip_prefix('{')
                        .and_then(|more| more.strip_suffix('}'))
                        .unwrap_or_default()
                        .trim();
                    members.extend((!inner.is_empty()).then(|| inner.to_owned()));
                }
                Err(fault) => self.note(MORE, format!("These arguments are refused: {fault}.")),
            }
        }
        if !self.faults.is_empty() {
            return None;
        }
        match Arguments::parse(&format!("{{{}}}", members.join(","))) {
            Ok(arguments) => Some(arguments),
            // Each part is right by itself.
            Err(_) => {
                self.note(MORE, "These arguments are refused: one of them stands in a field above as well.".to_owned());
                None
            }
        }
    }

    /// Returns the result that was typed: an object, or the text of one.
    fn read_result(&mut self) -> Option<Arguments> {
        let typed = self.fields.value(RESULT)?;
        let json = if typed.trim_start().starts_with('{') {
            typed.to_owned()
        } else {
            serde_json::json!({ "content": [{ "type": "text", "text": typed }] }).to_string()
        };
        match Arguments::parse(&json) {
            Ok(result) => Some(result),
            Err(fault) => {
                self.note(RESULT, format!("No server can answer this: {fault}."));
                None
            }
        }
    }
}

/// Shows what would happen to a call with the arguments that were typed, and the form to type them.
pub(super) fn show_trial(site: &Site, place: &ServerPlace, tool: &str, fields: &Fields) -> Markup {
    let known = find_arguments(&place.target.server, place.target.lock.as_deref(), tool);
    let is_known = known.is_some();
    let mut typed = Typed { fields, known: known.unwrap_or_default(), faults: Vec::new() };
    let lock = place.target.lock.as_deref();
    let loaded = place
        .session
        .load()
        .map(|session| LoadedPolicy { policy: judge_as_locked(session.loaded.policy, lock), ..session.loaded });
    let tried = typed.has_any().then(|| match &loaded {
        Ok(loaded) => try_call(site, place, loaded, tool, &mut typed),
        Err(error) => html! { p.bad { (in_code(&error.to_string())) } },
    });
    let has_results = loaded.as_ref().is_ok_and(|loaded| loaded.policy.result_plan(tool).is_some());
    html! {
        h2 #trial { "Try a call" }
        @if let Some(tried) = tried { div.box.trouble[!typed.faults.is_empty()] role="status" { (tried) } }
        form method="post" action={ (site.link_to("try")) "#trial" } {
            (place.hidden_fields())
            input type="hidden" name="tool" value=(tool);
            input type="hidden" name="tried" value="1";
            @if typed.known.is_empty() && !is_known {
                p.note { "Nothing here knows the arguments of this tool. " code { "policylayer lock" } " keeps its schema." }
            }
            @for (at, field) in typed.known.iter().enumerate() { (show_field(&typed, field, at)) }
            (show_json(&typed, MORE, if typed.known.is_empty() { "The arguments, as a JSON object" } else { "More arguments, as a JSON object" }, "{}"))
            @if has_results {
                (show_json(&typed, RESULT, "A result to judge by the policy's rules for results: its text, or the JSON object", ""))
            }
            p { button { "What would happen?" } " " span.note { "Nothing is called, and nothing is counted. A field that is left empty is not sent." } }
        }
    }
}

/// Shows the field of one argument, the one at this place.
fn show_field(typed: &Typed<'_>, field: &ArgumentField, at: usize) -> Markup {
    let name = field_name(&field.name);
    let value = typed.fields.value(&name).unwrap_or_default();
    let (id, about) = (format!("argument-{at}"), format!("about-{at}"));
    let fault = typed.fault_of(&name);
    let invalid = fault.map(|_| "true");
    let choices = match &field.kind {
        ArgumentKind::Choice(values) => Some(values.clone()),
        ArgumentKind::Boolean => Some(vec!["true".to_owned(), "false".to_owned()]),
        _ => None,
    };
    let is_long =
        value.len() > LONG || value.contains('\n') || matches!(field.kind, ArgumentKind::Array | ArgumentKind::Object);
    html! {
        div.argument {
            label for=(id) {
                code { (escape_invisible(&field.name)) } " "
                span.note { (field.kind.describe()) @if field.is_required { ", required by the server" } }
            }
            @if let Some(choices) = choices {
                select id=(id) name=(name) aria-describedby=(about) aria-invalid=[invalid] {
                    option value="" { "not sent" }
                    @for choice in &choices { option value=(choice) selected[choice == value] { (escape_invisible(choice)) } }
                    @if !value.is_empty() && !choices.iter().any(|choice| choice == value) {
                        option value=(value) selected { (escape_invisible(value)) }
                    }
                }
            } @else if is_long {
                textarea id=(id) name=(name) rows="3" spellcheck="false" autocomplete="off" aria-describedby=(about) aria-invalid=[invalid] { "\n" (value) }
            } @else {
                input id=(id) name=(name) value=(value) size="40" spellcheck="false" autocomplete="off" aria-describedby=(about) aria-invalid=[invalid];
            }
            div.note id=(about) {
                @if let Some(fault) = fault { p.bad { (in_code(fault)) } }
                @if let Some(does) = &field.does { p { (escape_invisible(does)) } }
                @if let Some(default) = &field.default { p { "If it is not sent, the server takes " code { (escape_invisible(default)) } "." } }
            }
        }
    }
}

fn show_json(typed: &Typed<'_>, name: &'static str, label: &str, empty: &str) -> Markup {
    let about = format!("about-{name}");
    let fault = typed.fault_of(name);
    html! {
        label for=(name) { (label) }
        textarea id=(name) name=(name) rows="4" spellcheck="false" autocomplete="off" aria-invalid=[fault.map(|_| "true")]
            aria-describedby=[fault.map(|_| about.as_str())] { "\n" (typed.fields.value(name).unwrap_or(empty)) }
        @if let Some(fault) = fault { p.bad id=(about) { (in_code(fault)) } }
    }
}

fn try_call(site: &Site, place: &ServerPlace, loaded: &LoadedPolicy, tool: &str, typed: &mut Typed<'_>) -> Markup {
    let (arguments, result) = (typed.read_arguments(), typed.read_result());
    let Some(arguments) = arguments.filter(|_| typed.faults.is_empty()) else {
        let count = count_of(typed.faults.len() as u64, "field");
        return html! { p.bad { "Nothing was tried: " (count) " cannot be read. What is wrong is said there." } };
    };
    let input = TrialInput { arguments: &arguments, input: &Arguments::default() };
    let report = match DecisionReport::new(&loaded.policy, RequestSubject::Tool(tool), input, result.as_ref(), &[]) {
        Ok(report) => report,
        Err(fault) => return html! { p.bad { (in_code(&format!("No client can send such a call: {fault}."))) } },
    };
    let missing: Vec<_> =
        typed.known.iter().filter(|field| field.is_required && !has_member(&arguments, &field.name)).collect();
    html! {
        p {
            "The call is " span class={ "state effect-" (report.effect.as_str()) } { (name_effect(report.effect.as_str())) } " by "
            (link_rule(site, place, &report.rule)) " of "
            (escape_invisible(&report.document())) "."
        }
        @if let Some(reason) = &report.reason { p { (escape_invisible(reason)) } }
        @for call in &report.limits {
            p.note {
                "It counts " @match &call.counts { Some(counts) => (counts), None => "an amount that cannot be read", }
                " for " (link_rule(site, place, call.limit.rule)) ": at most " (call.limit.max) " per "
                (WindowText(call.limit.window)) "."
            }
        }
        @if report.locked == Some(true) { p.note { "The lock has it: a session also compares its definition with the one that is listed." } }
        @for field in missing {
            p.warn { "The server requires " code { (escape_invisible(&field.name)) } ", and it is not sent: the server would refuse the call." }
        }
        @if let Some(result) = &report.result { (show_result(site, place, result)) }
        details { summary { "What would be sent" } pre tabindex="0" aria-label="The arguments" { (escape_invisible_json(arguments.as_str())) } }
    }
}

fn has_member(arguments: &Arguments, name: &str) -> bool {
    serde_json::from_str::<serde_json::Value>(arguments.as_str()).is_ok_and(|object| object.get(name).is_some())
}

fn show_result(site: &Site, place: &ServerPlace, result: &ResultReport) -> Markup {
    let becomes = result.becomes.as_ref().map(|becomes| escape_invisible_json(becomes.get()));
    html! {
        p { @match &result.withheld {
            Some(rule) => { "The result is " span.state.bad { "withheld" } " by " (link_rule(site, place, rule)) "." }
            None if result.stripped + result.cut == 0 && result.stand_ins.is_empty() => "The result passes as it is.",
            None => {
                "The result passes, with " (count_of(result.stripped, "character")) " taken out and " (count_of(result.cut, "text")) " cut."
                @if !result.stand_ins.is_empty() { " It holds " (count_of(result.stand_ins.values().sum(), "stand-in")) "; those of a session are others." }
            }
        } }
        @if let Some(reason) = &result.reason { p { (as_sentence(&escape_invisible(reason))) } }
        @if let Some(becomes) = becomes { details { summary { "What the agent gets" } pre tabindex="0" aria-label="The result" { (becomes) } } }
    }
}
