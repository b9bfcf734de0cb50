//! End to end over real pipes: nothing between client and server, a bare relay, and the wrapper, in turns, so that the
//! noise of a machine falls on all three alike. What counts is the ratio to the relay.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::Length;
use crate::lines;
use crate::session::{Home, Session};
use crate::table::{Table, grouped, megabytes, time};

/// One figure each: with nothing, the relay and the wrapper in between, and then the programs of others.
type Each<T> = Vec<T>;

/// Private memory in bytes, if the system tells it.
type Memory = Each<Option<f64>>;

/// The most private memory of a session that waits, and of one with large results, in bytes.
const IDLE_MEMORY: f64 = 1.5e6;
const BUSY_MEMORY: f64 = 4e6;

/// The most private memory while a client writes without waiting.
const FLOOD_MEMORY: f64 = 8e6;

/// How many calls such a client writes.
const FLOOD: usize = 200_000;

/// Tries each part once, and holds the budgets of memory; a build without optimisation may take twice as much.
pub(crate) fn try_parts(program: PathBuf) -> io::Result<()> {
    let home = Home::new(program)?;
    for between in home.between() {
        let mut session = Session::start(between, &home)?;
        session.round_trip()?;
        let idle = session.private_memory();
        session.pipelined(1_024)?;
        assert_eq!(session.flood(1_000)?.1, 1_000, "{between:?}: not every call came through");
        session.large(20, 4)?;
        for (kind, size) in lines::SIZED_KINDS.into_iter().zip(lines::SIZES) {
            let tool = lines::sized_tool(kind, size);
            session.sized(&tool, lines::sized_rest(&tool).unwrap_or_default().len())?;
        }
        let busy = session.private_memory();
        assert!(cfg!(not(target_os = "linux")) || busy.is_some());
        assert!(idle.is_none_or(|idle| idle <= 2.0 * IDLE_MEMORY), "{between:?}: {idle:?} bytes while it waits");
        assert!(busy.is_none_or(|busy| busy <= 2.0 * BUSY_MEMORY), "{between:?}: {busy:?} bytes after large results");
        session.end()?;
    }
    Ok(())
}

pub(crate) fn measure(length: Length, program: PathBuf) -> io::Result<Table> {
    let home = Home::new(program)?.with_peers();
    let mut report = Report::new(&home);
    let (starts, idle) = starts(length, &home)?;
    report.starts(&starts);
    report.round_trips(&round_trips(length, &home)?);
    report.rates("pipelined calls a second", &pipelined(length, &home)?, None);
    floods(length, &home, &mut report)?;
    for (name, under_way, target) in
        [("1 MB results, 4 under way", 4, Some(0.7)), ("1 MB results, 1 at a time", 1, Some(0.9))]
    {
        let (rates, peaks) = large(length, under_way, &home)?;
        report.throughput(name, &rates, target);
        if under_way > 1 {
            report.memory("private memory, idle", &idle, IDLE_MEMORY);
            report.memory("private memory, 1000 such results", &peaks, BUSY_MEMORY);
        }
    }
    report.binary(fs::metadata(&home.program)?.len() as f64);
    Ok(report.table)
}

fn sessions(home: &Home) -> io::Result<Vec<Session>> {
    home.between().into_iter().map(|between| Session::start(between, home)).collect()
}

fn end(sessions: Vec<Session>) -> io::Result<()> {
    sessions.into_iter().try_for_each(Session::end)
}

/// How long the first answer takes, and the most private memory that was seen after it.
fn starts(length: Length, home: &Home) -> io::Result<(Each<Vec<Duration>>, Memory)> {
    let all = home.between();
    let mut took = vec![Vec::new(); all.len()];
    let mut idle = vec![None; all.len()];
    for _ in 0..length.of(100) {
        for ((took, idle), between) in took.iter_mut().zip(&mut idle).zip(all.iter().copied()) {
            let (once, session) = Session::first_answer(between, home)?;
            took.push(once);
            keep_largest(idle, session.private_memory());
            session.end()?;
        }
    }
    took.iter_mut().for_each(|took| took.sort());
    Ok((took, idle))
}

fn keep_largest(largest: &mut Option<f64>, seen: Option<f64>) {
    *largest = largest.map_or(seen, |largest| seen.map(|seen| largest.max(seen)));
}

fn round_trips(length: Length, home: &Home) -> io::Result<Each<Vec<Duration>>> {
    let mut sessions = sessions(home)?;
    let mut took = vec![Vec::new(); sessions.len()];
    for turn in 0..length.of(100) + 1 {
        for (took, session) in took.iter_mut().zip(&mut sessions) {
            for _ in 0..500 {
                let once = session.round_trip()?;
                if turn > 0 {
                    took.push(once);
                }
            }
        }
    }
    end(sessions)?;
    took.iter_mut().for_each(|took| took.sort());
    Ok(took)
}

/// Calls a second: the median of many turns.
fn pipelined(length: Length, home: &Home) -> io::Result<Each<f64>> {
    const CALLS: usize = 40 * 1024;
    let mut sessions = sessions(home)?;
    let mut took = vec![Vec::new(); sessions.len()];
    for turn in 0..length.of(25) + 1 {
        for (took, session) in took.iter_mut().zip(&mut sessions) {
            let once = session.pipelined(CALLS)?;
            if turn > 0 {
                took.push(once);
            }
        }
    }
    end(sessions)?;
    Ok(took.iter_mut().map(|took| CALLS as f64 / at(took, 0.5).as_secs_f64()).collect())
}

/// A client that writes without waiting: calls a second, how many came through right, memory, and the log.
fn floods(length: Length, home: &Home, report: &mut Report) -> io::Result<()> {
    let all = home.between();
    let mut took = vec![Vec::new(); all.len()];
    let (mut right, mut peaks, mut logged) = (vec![0; all.len()], vec![None; all.len()], 0);
    let turns = length.of(5);
    for _ in 0..turns {
        for (at, between) in all.iter().enumerate() {
            let before = home.log_size();
            let mut session = Session::start(*between, home)?;
            let (once, came, peak) = session.flood(FLOOD)?;
            session.end()?;
            took[at].push(once);
            right[at] += came;
            keep_largest(&mut peaks[at], peak);
            logged += home.log_size().saturating_sub(before);
        }
    }
    let rates = took.iter_mut().map(|took| FLOOD as f64 / at(took, 0.5).as_secs_f64()).collect();
    report.rates("calls a second of a client that never waits", &rates, Some(0.5));
    let sent = turns * FLOOD;
    let came = right.iter().map(|came| if *came == sent { "all".to_owned() } else { format!("{came} of {sent}") });
    report.row("… and calls that came through right", came.collect(), String::new(), None);
    report.memory("… and private memory", &peaks, FLOOD_MEMORY);
    report.log(logged as f64 / sent as f64);
    Ok(())
}

/// Bytes a second, and the most private memory of the process in between.
fn large(length: Length, under_way: usize, home: &Home) -> io::Result<(Each<f64>, Memory)> {
    const RESULTS: usize = 50;
    let mut sessions = sessions(home)?;
    let mut took = vec![Vec::new(); sessions.len()];
    // A thousand results in any case: that is the session whose memory is asked for.
    let turns = if under_way > 1 { 20 } else { length.of(20) };
    let mut peaks = vec![None; sessions.len()];
    for _ in 0..turns {
        for ((took, peak), session) in took.iter_mut().zip(&mut peaks).zip(&mut sessions) {
            took.push(session.large(RESULTS, under_way)?);
            keep_largest(peak, session.private_memory());
        }
    }
    end(sessions)?;
    let bytes = (RESULTS * lines::large_rest().len()) as f64;
    Ok((took.iter_mut().map(|took| bytes / at(took, 0.5).as_secs_f64()).collect(), peaks))
}

fn at(took: &mut [Duration], part: f64) -> Duration {
    took.sort();
    took[((took.len() - 1) as f64 * part).round() as usize]
}

struct Report {
    table: Table,
}

impl Report {
    fn new(home: &Home) -> Self {
        let title = "Between real pipes (driver, what stands between, echo server; the wrapper with the policy above)";
        let peers = home.peers.iter().map(|peer| &*peer.name);
        let head = ["", "nothing", "relay", "wrapper"].into_iter().chain(peers);
        let head: Vec<_> = head.chain(["to the relay", "target", "met"]).collect();
        Self { table: Table::new(title, &head) }
    }

    fn row(&mut self, name: &str, figures: Each<String>, beside: String, target: Option<(String, bool)>) {
        let mut row = vec![name.to_owned()];
        row.extend(figures);
        row.push(beside);
        let (target, met) =
            target.map_or((String::new(), ""), |(target, met)| (target, if met { "yes" } else { "NO" }));
        row.extend([target, met.to_owned()]);
        self.table.row(row);
    }

    /// A row with a figure of the wrapper alone.
    fn wrapper_row(&mut self, name: &str, figure: String, target: (String, bool)) {
        self.row(name, vec![String::new(), String::new(), figure], String::new(), Some(target));
    }

    fn starts(&mut self, took: &Each<Vec<Duration>>) {
        let middle: Vec<_> = took.iter().map(|took| took[took.len() / 2]).collect();
        let more = middle[2].as_secs_f64() * 1e3 - middle[1].as_secs_f64() * 1e3;
        let target = Some(("<= +1.5 ms".to_owned(), more <= 1.5));
        let figures = middle.into_iter().map(time).collect();
        self.row("start to first answer, median", figures, format!("{more:+.2} ms"), target);
    }

    fn round_trips(&mut self, took: &Each<Vec<Duration>>) {
        for (name, part, most) in [("p50", 0.5, 1.15), ("p99", 0.99, 1.5)] {
            let figures: Vec<_> = took.iter().map(|took| took[((took.len() - 1) as f64 * part) as usize]).collect();
            let ratio = figures[2].as_secs_f64() / figures[1].as_secs_f64();
            let target = Some((format!("<= {most}x"), ratio <= most));
            let figures = figures.into_iter().map(time).collect();
            self.row(&format!("round trip, {name}"), figures, format!("{ratio:.2}x"), target);
        }
    }

    fn rates(&mut self, name: &str, rates: &Each<f64>, least: Option<f64>) {
        let ratio = rates[2] / rates[1];
        let target = least.map(|least| (format!(">= {least:.1}x"), ratio >= least));
        self.row(name, rates.iter().copied().map(grouped).collect(), format!("{ratio:.2}x"), target);
    }

    fn throughput(&mut self, name: &str, rates: &Each<f64>, least: Option<f64>) {
        let ratio = rates[2] / rates[1];
        let target = least.map(|least| (format!(">= {least:.1}x"), ratio >= least));
        let figures = rates.iter().map(|rate| format!("{} MB/s", grouped(rate / 1e6))).collect();
        self.row(name, figures, format!("{ratio:.2}x"), target);
    }

    fn memory(&mut self, name: &str, peaks: &Memory, most: f64) {
        let shown = |peak: &Option<f64>| peak.map_or("not known here".to_owned(), megabytes);
        // The first process of a session with nothing in between is the server.
        let figures = std::iter::once(String::new()).chain(peaks[1..].iter().map(shown)).collect();
        let target = peaks[2].map(|peak| (format!("<= {}", megabytes(most)), peak <= most));
        self.row(name, figures, String::new(), target);
    }

    fn log(&mut self, bytes: f64) {
        self.wrapper_row("… and bytes of the log a call", format!("{bytes:.0}"), ("<= 220".to_owned(), bytes <= 220.0));
    }

    fn binary(&mut self, size: f64) {
        self.wrapper_row("size of the program", megabytes(size), ("<= 16 MB".to_owned(), size <= 16e6));
    }
}
