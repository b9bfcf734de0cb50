//! The man pages kept in man/ are those of the command line as it is, one page per subcommand.
//! `UPDATE_MAN=1 cargo test --test suite man::` writes them anew.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use policylayer::program;

/// The page of each subcommand at any depth, by file name.
fn pages() -> BTreeMap<String, String> {
    let mut pages = BTreeMap::new();
    let mut root = program::command().name("policylayer");
    root.build();
    let mut waiting = vec![("policylayer".to_owned(), root)];
    while let Some((name, command)) = waiting.pop() {
        // Below `help` stand all subcommands once more.
        let is_help = command.get_name() == "help";
        for subcommand in command.get_subcommands().filter(|subcommand| !subcommand.is_hide_set() && !is_help) {
            waiting.push((format!("{name}-{}", subcommand.get_name()), subcommand.clone()));
        }
        let command = if is_help { without_subcommands(&command) } else { command };
        let mut page = Vec::new();
        // A page says how the subcommand is called, `policylayer log stats`, and is named `policylayer-log-stats`.
        let command = command.bin_name(name.replace('-', " ")).display_name(&name);
        let source = concat!("policylayer ", env!("CARGO_PKG_VERSION"));
        clap_mangen::Man::new(command).title(name.to_uppercase()).source(source).date("").render(&mut page).unwrap();
        pages.insert(format!("{name}.1"), unfilled(&String::from_utf8(page).unwrap()));
    }
    pages
}

/// The subcommand `help` with an argument in the place of the subcommands that stand below it.
fn without_subcommands(help: &clap::Command) -> clap::Command {
    let subcommand = clap::Arg::new("SUBCOMMAND").num_args(0..).help("The subcommand; without it, all of them");
    clap::Command::new("help").about(help.get_about().unwrap().clone()).arg(subcommand)
}

/// The page, in which what the help has indented, such as an example, keeps its lines.
fn unfilled(page: &str) -> String {
    let mut out = String::new();
    let (mut is_extra, mut is_unfilled) = (false, false);
    for line in page.lines() {
        if let Some(section) = line.strip_prefix(".SH ") {
            is_extra = section == "EXTRA";
        }
        let keeps = is_extra && line.starts_with("  ");
        match (is_unfilled, keeps) {
            (false, true) => out.push_str(".nf\n"),
            (true, false) => out.push_str(".fi\n"),
            _ => {}
        }
        is_unfilled = keeps;
        out.push_str(if line == ".SH EXTRA" { ".SH MORE" } else { line });
        out.push('\n');
    }
    if is_unfilled {
        out.push_str(".fi\n");
    }
    out
}

#[test]
fn the_pages_are_of_the_command_line_as_it_is() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("man");
    let pages = pages();
    assert!(pages.len() > 12 && pages["policylayer-wrap.1"].contains("max\\-message"), "{:?}", pages.keys());
    if std::env::var_os("UPDATE_MAN").is_some() {
        fs::remove_dir_all(&folder).unwrap_or_default();
        fs::create_dir_all(&folder).unwrap();
        for (name, page) in &pages {
            fs::write(folder.join(name), page).unwrap();
        }
    }
    let kept: BTreeMap<String, String> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read_to_string(path).unwrap()))
        .collect();
    assert_eq!(kept.keys().collect::<Vec<_>>(), pages.keys().collect::<Vec<_>>(), "run with UPDATE_MAN=1");
    for (name, page) in &pages {
        assert!(kept[name] == *page, "man/{name} is not current: run `UPDATE_MAN=1 cargo test --test suite man::`");
    }
}

#[test]
fn help_is_whole_on_eighty_columns() {
    let mut waiting = vec![program::command()];
    let mut wrong = Vec::new();
    while let Some(command) = waiting.pop() {
        waiting.extend(command.get_subcommands().cloned());
        let text = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        for paragraph in text.split("\n\n") {
            // A paragraph on one line is broken between its words, whatever the width; what has lines of its own, such as a
            // command to copy, must fit.
            let is_prose = !paragraph.contains('\n') && !paragraph.starts_with(' ');
            let long = paragraph.lines().filter(|line| !is_prose && line.chars().count() > 80);
            wrong.extend(long.map(|line| format!("{}: {line}", command.get_name())));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn help_is_a_subcommand() {
    let run = |args: &[&str]| {
        let output = Command::new(crate::support::system::program()).args(args).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    for subcommand in [&[][..], &["wrap"], &["log"], &["log", "stats"], &["approvals", "watch"]] {
        let (code, help, error) = run(&[&["help"], subcommand].concat());
        assert_eq!((code, error.as_str()), (Some(0), ""), "{subcommand:?}");
        assert!(help.contains("Usage: policylayer"), "{help}");
        assert_eq!(help, run(&[subcommand, &["--help"]].concat()).1, "{subcommand:?}");
    }
    assert_eq!(run(&["approvals", "help", "watch"]).1, run(&["approvals", "watch", "--help"]).1);
    let (code, help, error) = run(&["help", "wrapp"]);
    assert_eq!((code, help.as_str()), (Some(2), ""));
    assert!(error.contains("wrapp"), "{error}");
}
