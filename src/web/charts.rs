//! The log in pictures, over the report of `policylayer log stats`. Each picture has its numbers beside it, in a table.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use hyper::StatusCode;
use jiff::Zoned;
use maud::{Markup, html};

use super::answer::WebAnswer;
use super::form::Fields;
use super::log::{LogQuery, show_filter};
use super::page::{in_code, show_page};
use super::server::name_effect;
use super::site::Site;
use crate::paths;
use crate::report::call_counts::{CallCounts, StretchStats};
use crate::report::log_records::LogRecords;
use crate::report::stats::{RefusalStats, StatsReport, ToolStats};
use crate::term::style::{format_local_time, format_milliseconds};
use crate::visible::{count_of, escape_invisible};

/// How many tools and rules are drawn.
const SHOWN: usize = 20;

/// The height of a picture over time, in units of its own.
const HEIGHT: f64 = 100.0;

/// The parts of a bar: the class of the style sheet, and what it is called.
const PARTS: [(&str, &str); 4] =
    [("allowed", "allow"), ("ask", "require_approval"), ("refused", "deny"), ("hidden", "hide")];

fn split_counts(counts: &CallCounts) -> [u64; 4] {
    [counts.allow, counts.require_approval, counts.deny, counts.hide]
}

/// Returns the parts of a bar that are not empty: the class, where it begins, and how long it is, of 1 for `most`.
fn lay_out(counts: &CallCounts, most: u64) -> Vec<(&'static str, f64, f64)> {
    let mut before = 0;
    let parts = PARTS.iter().zip(split_counts(counts)).map(|((class, _), count)| {
        let start = part_of(before, most);
        before += count;
        (*class, start, part_of(count, most))
    });
    parts.filter(|(.., length)| *length > 0.0).collect()
}

pub(super) fn show_charts(site: &Site, fields: &Fields) -> WebAnswer {
    let query = LogQuery::read(fields);
    let report = paths::audit_dir(site.env()).map_err(|error| error.to_string()).and_then(|dir| {
        let mut records = LogRecords::open_existing(&dir, None).map_err(|error| error.to_string())?;
        let servers: BTreeSet<_> = records.servers().map(ToString::to_string).collect();
        if query.server.is_some() {
            records = LogRecords::open(&dir, query.server.as_ref()).map_err(|error| error.to_string())?;
        }
        let report = match query.is_right() {
            true => {
                Some(StatsReport::collect(&mut records, &query.filter, site.env()).map_err(|error| error.to_string())?)
            }
            false => None,
        };
        Ok((report, servers))
    });
    let content = match &report {
        Err(why) => html! { p { (in_code(why)) } },
        Ok((report, servers)) => html! {
            (show_filter(site, fields, &query, servers))
            @if let Some(report) = report { (show_report(report)) }
        },
    };
    show_page(site, StatusCode::OK, "log", "The log in charts", content)
}

fn show_report(report: &StatsReport) -> Markup {
    let now = Zoned::now();
    let (Some(first), Some(last)) = (report.first, report.last) else {
        return html! { p { "No line of the log matches." } };
    };
    html! {
        @for warning in &report.warnings { p.warn { (in_code(warning)) } }
        p role="status" {
            (count_of(report.decisions, "decision")) " in " (count_of(report.sessions.len() as u64, "session")) ", from "
            (format_local_time(first, &now)) " to " (format_local_time(last, &now)) "."
        }
        @if report.lost > 0 { p.warn { (report.lost) " more could not be written, as the log itself says." } }
        @if report.killed > 0 { p.warn { (count_of(report.killed, "session")) " killed; the last records may be missing." } }
        @if report.tools.is_empty() { p { "None of them is a tool call." } } @else {
            ul.legend aria-hidden="true" { @for (class, effect) in PARTS {
                li { span class={ "key " (class) } {} (name_effect(effect)) }
            } }
            (show_times(&report.times, &now))
            (show_latency(&report.times, &now))
            (show_tools(&report.tools))
        }
        @if !report.refusals.is_empty() { (show_refusals(&report.refusals, &now)) }
    }
}

/// A picture over time: its heading, what it draws, and the words for who does not see it.
fn show_picture(id: &str, title: &str, most: &str, times: &[StretchStats], drawn: &Markup, now: &Zoned) -> Markup {
    let ends = times.first().zip(times.last());
    html! {
        p.note { "At most " (most) "." }
        svg.chart viewBox={ "0 0 " (times.len()) " " (HEIGHT) } preserveAspectRatio="none" role="img" aria-labelledby=(id) {
            title id=(id) { (title) ". The table below has the numbers." }
            (drawn)
        }
        @if let Some((first, last)) = ends {
            p.axis { span { (format_local_time(first.from, now)) } span { (format_local_time(last.to, now)) } }
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a picture is not that exact")]
fn part_of(count: u64, most: u64) -> f64 {
    count as f64 / most.max(1) as f64
}

fn show_times(times: &[StretchStats], now: &Zoned) -> Markup {
    let most = times.iter().map(|stretch| stretch.counts.calls).max().unwrap_or_default();
    let drawn = html! {
        @for (at, stretch) in times.iter().enumerate() {
            @for (class, start, length) in lay_out(&stretch.counts, most) {
                rect class=(class) x={ (at) ".08" } y=(format!("{:.2}", (1.0 - start - length) * HEIGHT)) width="0.84"
                    height=(format!("{:.2}", length * HEIGHT)) {}
            }
        }
    };
    html! {
        section aria-labelledby="times" {
            h2 #times { "Calls over time" }
            (show_picture("times-title", "Calls over time, by decision", &count_of(most, "call"), times, &drawn, now))
            details { summary { "The numbers" } table.stacked {
                thead { tr {
                    th scope="col" { "From" }
                    @for (_, effect) in PARTS { th scope="col" { (name_effect(effect)) } }
                    th scope="col" { "not passed on" } th scope="col" { "failed" } th scope="col" { "median ms" } th scope="col" { "99 % ms" }
                } }
                tbody { @for stretch in times.iter().filter(|stretch| stretch.counts.calls > 0) { tr {
                    th scope="row" data-label="From" { (format_local_time(stretch.from, now)) }
                    (show_numbers(&stretch.counts))
                } } }
            } }
        }
    }
}

fn show_numbers(counts: &CallCounts) -> Markup {
    let ms = |percent| counts.latency.percentile(percent).map_or_else(|| "–".to_owned(), format_milliseconds);
    html! {
        @for (count, (_, effect)) in split_counts(counts).iter().zip(PARTS) { td data-label=(name_effect(effect)) { (count) } }
        td data-label="not passed on" { (counts.refused) }
        td data-label="failed" { (counts.failed) }
        td data-label="median ms" { (ms(50)) }
        td data-label="99 % ms" { (ms(99)) }
    }
}

/// Draws how long answers took: the median over the 99th percentile.
fn show_latency(times: &[StretchStats], now: &Zoned) -> Markup {
    let slowest = times.iter().filter_map(|stretch| stretch.counts.latency.percentile(99)).fold(0.0, f64::max);
    if slowest <= 0.0 {
        return html! {};
    }
    let drawn = html! {
        @for (at, stretch) in times.iter().enumerate() { @for (class, percent) in [("slow", 99), ("median", 50)] {
            @if let Some(ms) = stretch.counts.latency.percentile(percent) {
                @let height = (ms / slowest * HEIGHT).max(0.5);
                rect class=(class) x={ (at) ".08" } y=(format!("{:.2}", HEIGHT - height)) width="0.84" height=(format!("{height:.2}")) {}
            }
        } }
    };
    let most = format!("{} ms", format_milliseconds(slowest));
    html! {
        section aria-labelledby="latency" {
            h2 #latency { "How long answers took" }
            ul.legend aria-hidden="true" { li { span.key.median {} "half of them" } li { span.key.slow {} "99 of 100" } }
            (show_picture("latency-title", "How long answers took over time, the median and the 99th percentile", &most, times, &drawn, now))
            p.note { "The numbers are in the table above." }
        }
    }
}

fn show_tools(tools: &[ToolStats]) -> Markup {
    let mut tools: Vec<_> = tools.iter().collect();
    tools.sort_by_key(|tool| Reverse(tool.counts.calls));
    let most = tools.first().map_or(0, |tool| tool.counts.calls);
    html! {
        section aria-labelledby="tools" {
            h2 #tools { "Calls by tool" @if tools.len() > SHOWN { " (" (SHOWN) " of " (tools.len()) ")" } }
            table.stacked {
                thead { tr {
                    th scope="col" { "Tool" }
                    @for (_, effect) in PARTS { th scope="col" { (name_effect(effect)) } }
                    th scope="col" { "not passed on" } th scope="col" { "failed" } th scope="col" { "median ms" } th scope="col" { "99 % ms" }
                } }
                tbody { @for tool in tools.iter().take(SHOWN) { tr {
                    th scope="row" data-label="Tool" {
                        (escape_invisible(&tool.tool)) span.note { " of " (escape_invisible(&tool.server)) }
                        (draw_bar(&tool.counts, most))
                    }
                    (show_numbers(&tool.counts))
                } } }
            }
        }
    }
}

fn draw_bar(counts: &CallCounts, most: u64) -> Markup {
    html! {
        svg.bar viewBox="0 0 1 1" preserveAspectRatio="none" aria-hidden="true" focusable="false" {
            @for (class, start, length) in lay_out(counts, most) {
                rect class=(class) x=(format!("{start:.4}")) y="0" width=(format!("{length:.4}")) height="1" {}
            }
        }
    }
}

fn show_refusals(refusals: &[RefusalStats], now: &Zoned) -> Markup {
    let most = refusals.first().map_or(0, |refused| refused.count);
    html! {
        section aria-labelledby="refusals" {
            h2 #refusals { "Refused or asked about, or would have been, by rule" @if refusals.len() > SHOWN { " (" (SHOWN) " of " (refusals.len()) ")" } }
            table.stacked {
                thead { tr {
                    th scope="col" { "Rule" } th scope="col" { "Decision" } th scope="col" { "How often" } th scope="col" { "Last" }
                    th scope="col" { "Reason" }
                } }
                tbody { @for refused in refusals.iter().take(SHOWN) { tr {
                    th scope="row" data-label="Rule" {
                        code { (escape_invisible(&refused.rule)) } span.note { " of " (escape_invisible(&refused.server)) }
                        svg.bar viewBox="0 0 1 1" preserveAspectRatio="none" aria-hidden="true" {
                            rect.refused x="0" y="0" width=(format!("{:.4}", part_of(refused.count, most))) height="1" {}
                        }
                    }
                    td data-label="Decision" { (escape_invisible(name_effect(&refused.effect))) }
                    td data-label="How often" { (refused.count) }
                    td data-label="Last" { (format_local_time(refused.last, now)) }
                    td data-label="Reason" { (escape_invisible(refused.reason.as_deref().unwrap_or_default())) }
                } } }
            }
        }
    }
}
