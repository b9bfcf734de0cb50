//! How well the classifier judges labelled servers: those in tests/classifier (`tuning`, `seen` and `unseen`), or those of any
//! directory.
//!
//! `CLASSIFIER_SET=DIR cargo test --test suite classifier::measure -- --nocapture` prints the table for a directory of such
//! files. Each is a server: the first line has its package, each other one a tool as it is listed and what it is.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use policylayer::risk::{Annotations, Class, Classification, Listed, SharedObjects, classify_tool, find_facts};
use serde::Deserialize;
use serde_json::Value;

use super::{hold, matrix};

/// A tool as its server lists it, and what it is by the judgement of a person.
#[derive(Deserialize)]
struct LabelledTool {
    class: Class,
    /// The argument by which the caller chooses what is reached, for a tool that reaches out.
    #[serde(default)]
    url_argument: Option<String>,
    /// What it returns that a policy may care about: "untrusted", "personal".
    #[serde(default)]
    returns: Vec<String>,
    #[serde(default)]
    sends: bool,
    #[serde(default)]
    pii: bool,
    tool: Value,
}

/// The first line of a file.
#[derive(Deserialize)]
struct Package {
    package: String,
    #[serde(default)]
    version: String,
}

struct LabelledServer {
    name: String,
    package: Package,
    tools: Vec<LabelledTool>,
}

fn read_set(directory: &Path) -> Vec<LabelledServer> {
    let entries = fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let of = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        let (package, tools) = text.split_once('\n').unwrap();
        let read = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        LabelledServer {
            name: path.file_stem().unwrap().to_string_lossy().into_owned(),
            package: serde_json::from_str(package).unwrap(),
            tools: tools.lines().map(read).collect(),
        }
    };
    files.into_iter().map(of).collect()
}

/// What the classifier is told of a tool.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    Name,
    Schema,
    Description,
    Annotations,
    All,
}

impl Told {
    const EACH: [(Self, &str); 5] = [
        (Self::Name, "the name alone"),
        (Self::Schema, "with its arguments"),
        (Self::Description, "with its title and description"),
        (Self::Annotations, "with its annotations"),
        (Self::All, "all"),
    ];

    fn keep(self, full: Listed<'static>) -> Listed<'static> {
        let all = self == Self::All;
        let has_texts = all || self == Self::Description;
        Listed {
            title: full.title.filter(|_| has_texts),
            description: full.description.filter(|_| has_texts),
            arguments: if all || self == Self::Schema { full.arguments } else { Vec::new() },
            annotations: if all || self == Self::Annotations { full.annotations } else { Annotations::default() },
            name: full.name,
            objects: full.objects,
        }
    }
}

/// A label, whether it is a read that no argument of the caller directs, and the verdict.
type JudgedTool = (Class, bool, Classification);

fn judge(set: &[LabelledServer], told: Told) -> Vec<JudgedTool> {
    let of = |server: &LabelledServer| -> Vec<JudgedTool> {
        let names = server.tools.iter().filter_map(|one| one.tool["name"].as_str());
        let objects = SharedObjects::among(&server.name, names);
        let judge = |one: &LabelledTool| {
            let listed = told.keep(Listed::read(&one.tool).unwrap().among(&objects));
            (one.class, one.class == Class::Read && one.url_argument.is_none(), classify_tool(&listed))
        };
        server.tools.iter().map(judge).collect()
    };
    set.iter().flat_map(of).collect()
}

/// The figures of a set that matter.
#[derive(Debug, Default, PartialEq, Eq)]
struct Totals {
    tools: usize,
    right: usize,
    stricter: usize,
    looser: usize,
    /// What executes, destroys or moves money, and counts as a read.
    harm_as_read: usize,
    /// The same, and counts as a read or a write.
    harm_as_harmless: usize,
    plain_reads: usize,
    /// Plain reads that do not count as reads, so that a person is asked.
    asking: usize,
}

impl Totals {
    fn of(judged: &[JudgedTool]) -> Self {
        let mut totals = Self::default();
        for (label, is_plain, verdict) in judged {
            let counted = verdict.counts_as();
            let is_harmful = *label >= Class::Execute;
            totals.tools += 1;
            totals.right += usize::from(counted == *label);
            totals.stricter += usize::from(counted > *label);
            totals.looser += usize::from(counted < *label);
            totals.harm_as_read += usize::from(is_harmful && counted == Class::Read);
            totals.harm_as_harmless += usize::from(is_harmful && counted < Class::Execute);
            totals.plain_reads += usize::from(*is_plain);
            totals.asking += usize::from(*is_plain && counted > Class::Read);
        }
        totals
    }
}

fn percent(part: usize, all: usize) -> String {
    let permille = part * 1000 / all.max(1);
    format!("{}.{} %", permille / 10, permille % 10)
}

fn report(set: &[LabelledServer]) -> String {
    let judged = judge(set, Told::All);
    let counted = || judged.iter().map(|(label, _, verdict)| (*label, verdict.counts_as()));
    let totals = Totals::of(&judged);
    let mut text = matrix(counted());
    text.push_str("\n| class | precision | recall |\n| --- | ---: | ---: |\n");
    for class in Class::ALL {
        let both = counted().filter(|pair| *pair == (class, class)).count();
        let (of_verdicts, of_labels) =
            (counted().filter(|pair| pair.1 == class).count(), counted().filter(|pair| pair.0 == class).count());
        writeln!(text, "| {} | {} | {} |", class.as_str(), percent(both, of_verdicts), percent(both, of_labels))
            .unwrap();
    }
    let Totals { tools, right, stricter, looser, harm_as_read, harm_as_harmless, plain_reads, asking } = totals;
    writeln!(text, "\n| {tools} tools of {} servers | |\n| --- | ---: |", set.len()).unwrap();
    writeln!(text, "| the class that policies count is right | {} |", percent(right, tools)).unwrap();
    writeln!(text, "| stricter | {stricter} ({}) |", percent(stricter, tools)).unwrap();
    writeln!(text, "| looser | {looser} ({}) |", percent(looser, tools)).unwrap();
    writeln!(text, "| execute, destructive or financial counted as read | {harm_as_read} |").unwrap();
    writeln!(text, "| the same counted as read or write | {harm_as_harmless} |").unwrap();
    writeln!(
        text,
        "| reads without a URL of the caller that ask a person | {asking} ({}) |",
        percent(asking, plain_reads)
    )
    .unwrap();
    text.push_str("\n| told | right | looser | reads that ask |\n| --- | ---: | ---: | ---: |\n");
    for (told, what) in Told::EACH {
        let totals = Totals::of(&judge(set, told));
        let share = percent(totals.right, totals.tools);
        writeln!(text, "| {what} | {share} | {} | {} |", totals.looser, totals.asking).unwrap();
    }
    text
}

/// How many tools each fact is true of, how many of them are found, and how many others are taken for such.
fn report_facts(set: &[LabelledServer]) -> String {
    let mut counts = [
        ("personal data", [0_usize; 3]),
        ("sends", [0; 3]),
        ("returns what others wrote", [0; 3]),
        ("connects to a URL of the caller", [0; 3]),
    ];
    for one in set.iter().flat_map(|server| &server.tools) {
        let listed = Listed::read(&one.tool).unwrap();
        let facts = find_facts(&listed, one.class);
        let pairs = [
            (one.pii, facts.personal.is_some()),
            (one.sends, facts.sends.is_some()),
            (one.returns.iter().any(|what| what == "untrusted"), facts.returns_untrusted.is_some()),
            (one.url_argument.is_some(), facts.url_argument.is_some()),
        ];
        for ((_, [known, found, others]), (is_true, is_guessed)) in counts.iter_mut().zip(pairs) {
            *known += usize::from(is_true);
            *found += usize::from(is_true && is_guessed);
            *others += usize::from(!is_true && is_guessed);
        }
    }
    let mut text = String::from("\n| fact | tools | found | wrongly besides |\n| --- | ---: | ---: | ---: |\n");
    for (what, [known, found, others]) in counts {
        writeln!(text, "| {what} | {known} | {found} | {others} |").unwrap();
    }
    text
}

fn named_set(name: &str) -> Vec<LabelledServer> {
    read_set(&PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests").join("classifier").join(name))
}

#[test]
fn figures_of_the_tuning_set() {
    let other = std::env::var_os("CLASSIFIER_SET").map(PathBuf::from);
    let set = other.as_deref().map_or_else(|| named_set("tuning"), read_set);
    let mut report = report(&set);
    if set.iter().flat_map(|server| &server.tools).any(|one| !one.returns.is_empty()) {
        report.push_str(&report_facts(&set));
    }
    println!("{report}");
    if other.is_none() {
        hold("tuning", &report);
    }
}

#[test]
fn figures_of_the_seen_set() {
    let report = report(&named_set("seen"));
    println!("{report}");
    hold("seen", &report);
}

#[test]
fn figures_of_the_unseen_set() {
    let set = named_set("unseen");
    let mut report = report(&set);
    report.push_str(
        "\n| server | version | tool | it is | counts as | reason |\n| --- | --- | --- | --- | --- | --- |\n",
    );
    for server in &set {
        for (one, (label, _, verdict)) in server.tools.iter().zip(judge(std::slice::from_ref(server), Told::All)) {
            if verdict.counts_as() != label {
                let (name, counted) = (one.tool["name"].as_str().unwrap(), verdict.counts_as().as_str());
                let (label, reason) = (label.as_str(), verdict.reason);
                let Package { package, version } = &server.package;
                writeln!(report, "| `{package}` | {version} | `{name}` | {label} | {counted} | {reason} |").unwrap();
            }
        }
    }
    println!("{report}");
    hold("unseen", &report);
}

/// What each set gives at least: the share that is right, in a thousand, and at most: what is looser, the plain reads that ask, and the
/// number of tools that do harm and count as reads.
const BOUNDS: [(&str, usize, usize, usize, usize); 3] =
    [("tuning", 885, 42, 50, 0), ("seen", 915, 12, 70, 0), ("unseen", 856, 15, 95, 2)];

#[test]
fn each_set_is_judged_as_well_as_it_was() {
    for (name, right, looser, asking, harm) in BOUNDS {
        let totals = Totals::of(&judge(&named_set(name), Told::All));
        assert!(totals.harm_as_read <= harm, "{name}: {totals:?}");
        assert!(totals.right * 1000 >= right * totals.tools, "{name}: {totals:?}");
        assert!(totals.looser * 1000 <= looser * totals.tools, "{name}: {totals:?}");
        assert!(totals.asking * 1000 <= asking * totals.plain_reads, "{name}: {totals:?}");
    }
}
