//! End to end over real pipes: nothing between client and server, a bare relay, and the wrapper, in turns, so that the
//! noise of a machine falls on all three alike. What counts is the ratio to the relay.

use std::fs;
use std::io;
use std::time::Duration;

use crate::Length;
use crate::lines;
use crate::session::{Between, Home, Session};
use crate::table::{Table, grouped, megabytes, time};

/// One figure each: with nothing, the relay and the wrapper in between.
type Three<T> = [T; 3];

/// Tries each part once and measures nothing.
pub(crate) fn try_parts() -> io::Result<()> {
    let home = Home::new()?;
    for between in Between::ALL {
        let mut session = Session::start(between, &home)?;
        session.round_trip()?;
        session.pipelined(1_024)?;
        session.large(2, 2)?;
        assert!(cfg!(not(target_os = "linux")) || session.peak_memory().is_some());
        session.end()?;
    }
    Ok(())
}

pub(crate) fn measure(length: Length) -> io::Result<Table> {
    let home = Home::new()?;
    let mut report = Report::new();
    report.starts(&starts(length, &home)?);
    report.round_trips(&round_trips(length, &home)?);
    report.rates(&pipelined(length, &home)?);
    for (name, under_way, target) in
        [("1 MB results, 4 under way", 4, Some(0.7)), ("1 MB results, 1 at a time", 1, None)]
    {
        let (rates, peaks) = large(length, under_way, &home)?;
        report.throughput(name, &rates, target);
        if target.is_some() {
            report.memory(&peaks);
        }
    }
    report.binary(fs::metadata(env!("CARGO_BIN_EXE_policylayer"))?.len() as f64);
    Ok(report.table)
}

fn sessions(home: &Home) -> io::Result<Vec<Session>> {
    Between::ALL.iter().map(|between| Session::start(*between, home)).collect()
}

fn end(sessions: Vec<Session>) -> io::Result<()> {
    sessions.into_iter().try_for_each(Session::end)
}

fn starts(length: Length, home: &Home) -> io::Result<Three<Vec<Duration>>> {
    let mut took: Three<Vec<Duration>> = Three::default();
    for _ in 0..length.of(100) {
        for (took, between) in took.iter_mut().zip(Between::ALL) {
            took.push(Session::first_answer(between, home)?);
        }
    }
    took.iter_mut().for_each(|took| took.sort());
    Ok(took)
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

/// Bytes a second, and the most memory that the process in between has held.
fn large(length: Length, under_way: usize, home: &Home) -> io::Result<(Three<f64>, Three<Option<f64>>)> {
    const RESULTS: usize = 50;
    let mut sessions = sessions(home)?;
    let mut took: Three<Vec<Duration>> = Three::default();
    // A thousand results in any case: that is the session whose memory is asked for.
    let turns = if under_way > 1 { 20 } else { length.of(20) };
    for _ in 0..turns {
        for (took, session) in took.iter_mut().zip(&mut sessions) {
            took.push(session.large(RESULTS, under_way)?);
        }
    }
    let mut peaks = Three::default();
    peaks.iter_mut().zip(&sessions).for_each(|(peak, session)| *peak = session.peak_memory());
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

    fn memory(&mut self, peaks: &Three<Option<f64>>) {
        let shown = |peak: Option<f64>| peak.map_or("not known here".to_owned(), megabytes);
        // The first process of a session with nothing in between is the server.
        let figures = [String::new(), shown(peaks[1]), shown(peaks[2])];
        let target = peaks[2].map(|peak| ("< 8 MB".to_owned(), peak < 8e6));
        self.row("peak memory, 1000 such results", figures, String::new(), target);
    }

    fn binary(&mut self, size: f64) {
        let target = Some(("< 8 MB".to_owned(), size < 8e6));
        self.row("size of the program", [String::new(), String::new(), megabytes(size)], String::new(), target);
    }
}
