//! End to end over real pipes: nothing between client and server, a bare relay, and the wrapper, in turns, so that the
//! noise of a machine falls on all three alike. What counts is the ratio to the relay.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::Length;
use crate::lines;
use crate::session::{Between, Home, Session};
use crate::table::{Table, grouped, megabytes, time};

/// One figure each: with nothing, the relay and the wrapper in between.
type Three<T> = [T; 3];

/// Private memory in bytes, if the system tells it.
type Memory = Three<Option<f64>>;

/// The most private memory of a session that waits, and of one with large results, in bytes.
const IDLE_MEMORY: f64 = 1.5e6;
const BUSY_MEMORY: f64 = 4e6;

/// Tries each part once, and holds the budgets of memory; a build without optimisation may take twice as much.
pub(crate) fn try_parts(program: PathBuf) -> io::Result<()> {
    let home = Home::new(program)?;
    for between in Between::ALL {
        let mut session = Session::start(between, &home)?;
        session.round_trip()?;
        let idle = session.private_memory();
        session.pipelined(1_024)?;
        session.large(20, 4)?;
        let busy = session.private_memory();
        assert!(cfg!(not(target_os = "linux")) || busy.is_some());
        assert!(idle.is_none_or(|idle| idle <= 2.0 * IDLE_MEMORY), "{between:?}: {idle:?} bytes while it waits");
        assert!(busy.is_none_or(|busy| busy <= 2.0 * BUSY_MEMORY), "{between:?}: {busy:?} bytes after large results");
        session.end()?;
    }
    Ok(())
}

pub(crate) fn measure(length: Length, program: PathBuf) -> io::Result<Table> {
    let home = Home::new(program)?;
    let mut report = Report::new();
    let (starts, idle) = starts(length, &home)?;
    report.starts(&starts);
    report.round_trips(&round_trips(length, &home)?);
    report.rates(&pipelined(length, &home)?);
    for (name, under_way, target) in
        [("1 MB results, 4 under way", 4, Some(0.7)), ("1 MB results, 1 at a time", 1, None)]
    {
        let (rates, peaks) = large(length, under_way, &home)?;
        report.throughput(name, &rates, target);
        if target.is_some() {
            report.memory("private memory, idle", &idle, IDLE_MEMORY);
            report.memory("private memory, 1000 such results", &peaks, BUSY_MEMORY);
        }
    }
    report.binary(fs::metadata(&home.program)?.len() as f64);
    Ok(report.table)
}

fn sessions(home: &Home) -> io::Result<Vec<Session>> {
    Between::ALL.iter().map(|between| Session::start(*between, home)).collect()
}

fn end(sessions: Vec<Session>) -> io::Result<()> {
    sessions.into_iter().try_for_each(Session::end)
}

/// How long the first answer takes, and the most private memory that was seen after it.
fn starts(length: Length, home: &Home) -> io::Result<(Three<Vec<Duration>>, Memory)> {
    let mut took: Three<Vec<Duration>> = Three::default();
    let mut idle = Memory::default();
    for _ in 0..length.of(100) {
        for ((took, idle), between) in took.iter_mut().zip(&mut idle).zip(Between::ALL) {
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

fn round_trips(length: Length, home: &Home) -> io::Result<Three<Vec<Duration>>> {
    let mut sessions = sessions(home)?;
    let mut took: Three<Vec<Duration>> = Three::default();
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
fn pipelined(length: Length, home: &Home) -> io::Result<Three<f64>> {
    const CALLS: usize = 40 * 1024;
    let mut sessions = sessions(home)?;
    let mut took: Three<Vec<Duration>> = Three::default();
    for turn in 0..length.of(25) + 1 {
        for (took, session) in took.iter_mut().zip(&mut sessions) {
            let once = session.pipelined(CALLS)?;
            if turn > 0 {
                took.push(once);
            }
        }
    }
    end(sessions)?;
    Ok(took.map(|mut took| CALLS as f64 / at(&mut took, 0.5).as_secs_f64()))
}

/// Bytes a second, and the most private memory of the process in between.
fn large(length: Length, under_way: usize, home: &Home) -> io::Result<(Three<f64>, Memory)> {
    const RESULTS: usize = 50;
    let mut sessions = sessions(home)?;
    let mut took: Three<Vec<Duration>> = Three::default();
    // A thousand results in any case: that is the session whose memory is asked for.
    let turns = if under_way > 1 { 20 } else { length.of(20) };
    let mut peaks = Memory::default();
    for _ in 0..turns {
        for ((took, peak), session) in took.iter_mut().zip(&mut peaks).zip(&mut sessions) {
            took.push(session.large(RESULTS, under_way)?);
            keep_largest(peak, session.private_memory());
        }
    }
    end(sessions)?;
    let bytes = (RESULTS * lines::large_rest().len()) as f64;
    Ok((took.map(|mut took| bytes / at(&mut took, 0.5).as_secs_f64()), peaks))
}

fn at(took: &mut [Duration], part: f64) -> Duration {
    took.sort();
    took[((took.len() - 1) as f64 * part).round() as usize]
}

struct Report {
    table: Table,
}

impl Report {
    fn new() -> Self {
        let title = "Between real pipes (driver, what stands between, echo server; the wrapper with the policy above)";
        let head = ["", "nothing", "relay", "wrapper", "to the relay", "target", "met"];
        Self { table: Table::new(title, &head) }
    }

    fn row(&mut self, name: &str, figures: Three<String>, beside: String, target: Option<(String, bool)>) {
        let mut row = vec![name.to_owned()];
        row.extend(figures);
        row.push(beside);
        let (target, met) =
            target.map_or((String::new(), ""), |(target, met)| (target, if met { "yes" } else { "NO" }));
        row.extend([target, met.to_owned()]);
        self.table.row(row);
    }

    fn starts(&mut self, took: &Three<Vec<Duration>>) {
        let middle = took.each_ref().map(|took| took[took.len() / 2]);
        let more = middle[2].as_secs_f64() * 1e3 - middle[1].as_secs_f64() * 1e3;
        let target = Some(("<= +3 ms".to_owned(), more <= 3.0));
        self.row("start to first answer, median", middle.map(time), format!("{more:+.2} ms"), target);
    }

    fn round_trips(&mut self, took: &Three<Vec<Duration>>) {
        for (name, part, most) in [("p50", 0.5, 1.5), ("p99", 0.99, 2.0)] {
            let figures = took.each_ref().map(|took| took[((took.len() - 1) as f64 * part) as usize]);
            let ratio = figures[2].as_secs_f64() / figures[1].as_secs_f64();
            let target = Some((format!("<= {most:.1}x"), ratio <= most));
            self.row(&format!("round trip, {name}"), figures.map(time), format!("{ratio:.2}x"), target);
        }
    }

    fn rates(&mut self, rates: &Three<f64>) {
        let target = Some((format!(">= {}", grouped(400e3)), rates[2] >= 400e3));
        self.row("pipelined calls a second", rates.map(grouped), format!("{:.2}x", rates[2] / rates[1]), target);
    }

    fn throughput(&mut self, name: &str, rates: &Three<f64>, least: Option<f64>) {
        let ratio = rates[2] / rates[1];
        let target = least.map(|least| (format!(">= {least:.1}x"), ratio >= least));
        let figures = rates.map(|rate| format!("{} MB/s", grouped(rate / 1e6)));
        self.row(name, figures, format!("{ratio:.2}x"), target);
    }

    fn memory(&mut self, name: &str, peaks: &Memory, most: f64) {
        let shown = |peak: Option<f64>| peak.map_or("not known here".to_owned(), megabytes);
        // The first process of a session with nothing in between is the server.
        let figures = [String::new(), shown(peaks[1]), shown(peaks[2])];
        let target = peaks[2].map(|peak| (format!("<= {}", megabytes(most)), peak <= most));
        self.row(name, figures, String::new(), target);
    }

    fn binary(&mut self, size: f64) {
        let target = Some(("<= 16 MB".to_owned(), size <= 16e6));
        self.row("size of the program", [String::new(), String::new(), megabytes(size)], String::new(), target);
    }
}
