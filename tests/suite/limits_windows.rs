//! Windows, reservations and refunds, against plain arithmetic over everything that was let through.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::time::Duration;

use policylayer::engine::Now;
use policylayer::engine::limits::{Charge, Denied, Limits, Memory, Reserved, Store, Unavailable};
use policylayer::limits::{MAX_COUNTERS, MAX_LOG_ENTRIES, MAX_WINDOW, MIN_WINDOW};
use policylayer::policy::Amount;
use policylayer::policy::{BadWindow, Calendar, CounterId, Scope, Window};
use proptest::prelude::*;

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn at(milliseconds: u64) -> Now {
    Now { session: ms(milliseconds), unix: ms(milliseconds) }
}

fn sliding(milliseconds: u64) -> Window {
    Window::sliding_of(ms(milliseconds)).unwrap()
}

fn units(units: u64) -> Amount {
    Amount::from_count(units)
}

fn id(name: &str) -> CounterId {
    CounterId::new("stub", "tools.send", name)
}

fn charge(counter: &CounterId, window: Window, max: u64, amount: u64) -> Charge<'_> {
    Charge { scope: Scope::Session, counter, window, max: units(max), amount: units(amount), limit: 7 }
}

fn retry_after(result: Result<Reserved, Denied>) -> Option<Duration> {
    match result {
        Err(Denied::Exceeded { limit: 7, retry_after }) => retry_after,
        other => panic!("not exceeded: {other:?}"),
    }
}

/// One call in a random history.
#[derive(Clone, Debug)]
struct Step {
    /// How far the clock moves first, in ms; below zero, it is set back.
    moves: i64,
    amount: u64,
    refund: bool,
}

fn steps(backwards: u32) -> impl Strategy<Value = Vec<Step>> {
    let moves = prop_oneof![4 => Just(0_i64), 8 => 1_i64..400, 2 => 900_i64..1100, 1 => 2000_i64..9000, backwards => -3000_i64..0];
    let step =
        (moves, 0_u64..6, prop::bool::weighted(0.1)).prop_map(|(moves, amount, refund)| Step { moves, amount, refund });
    prop::collection::vec(step, 1..150)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// With a clock that goes forward, exactly what fits passes, and a refusal names the moment at which it fits.
    #[test]
    fn sliding_windows_are_exact(history in steps(0), window in 1_u64..1500, max in 0_u64..12) {
        let (mut store, counter) = (Memory::default(), id("a"));
        let mut passed: Vec<(u64, u64)> = Vec::new();
        let mut now = 0;
        for step in history {
            now += step.moves.unsigned_abs();
            let used = |now: u64| -> u64 { passed.iter().filter(|(at, _)| at + window > now).map(|(_, amount)| amount).sum() };
            let one = [charge(&counter, sliding(window), max, step.amount)];
            match store.reserve_charges(&one, at(now)) {
                Ok(reserved) => {
                    prop_assert!(step.amount == 0 || used(now) + step.amount <= max, "too much at {now}");
                    if step.refund {
                        store.refund_reserved(reserved, at(now)).unwrap();
                    } else {
                        passed.push((now, step.amount));
                    }
                }
                denied => {
                    prop_assert!(step.amount > 0 && used(now) + step.amount > max, "refused at {now}");
                    let fits = (now..now + window + 1).find(|later| used(*later) + step.amount <= max);
                    prop_assert_eq!(retry_after(denied), fits.map(|fits| ms(fits - now)));
                }
            }
        }
        for (start, _) in &passed {
            let inside = passed.iter().filter(|(at, _)| (*start..start + window).contains(at));
            prop_assert!(inside.map(|(_, amount)| amount).sum::<u64>() <= max, "an interval from {start}");
        }
    }

    /// Whatever the clock does, by the latest time that it has shown no interval holds too much; and waiting as long as
    /// the refusal says is enough, and a millisecond less is not.
    #[test]
    fn a_clock_that_jumps_back_frees_nothing(history in steps(4), window in 1_u64..1500, max in 1_u64..12) {
        let (mut store, counter) = (Memory::default(), id("a"));
        let mut passed: Vec<(u64, u64)> = Vec::new();
        let (mut clock, mut latest) = (10_000_i64, 0);
        for step in history {
            clock = (clock + step.moves).max(0);
            let shown = clock.unsigned_abs();
            latest = latest.max(shown);
            let one = [charge(&counter, sliding(window), max, step.amount)];
            match store.reserve_charges(&one, at(shown)) {
                Ok(_) => passed.push((latest, step.amount)),
                denied => if let Some(wait) = retry_after(denied) {
                    let fits = clock + i64::try_from(wait.as_millis()).unwrap();
                    prop_assert!(store.reserve_charges(&one, at(fits.unsigned_abs() - 1)).is_err(), "too early");
                    prop_assert!(store.reserve_charges(&one, at(fits.unsigned_abs())).is_ok(), "not at {}", fits);
                    clock = fits;
                    latest = latest.max(fits.unsigned_abs());
                    passed.push((latest, step.amount));
                },
            }
        }
        for (start, _) in &passed {
            let inside = passed.iter().filter(|(at, _)| (*start..start + window).contains(at));
            prop_assert!(inside.map(|(_, amount)| amount).sum::<u64>() <= max, "an interval from {start}");
        }
    }

    /// Calendar windows are exact, too, and stay in the later unit when the clock is set back.
    #[test]
    fn calendar_windows_are_exact(history in steps(2), max in 0_u64..30) {
        let (mut store, counter) = (Memory::default(), id("a"));
        let (mut clock, mut latest, mut used, mut minute) = (59_000_i64, 0, 0, 0);
        for step in history {
            clock = (clock + 7 * step.moves).max(0);
            let shown = clock.unsigned_abs();
            latest = latest.max(shown);
            if latest / 60_000 > minute {
                (minute, used) = (latest / 60_000, 0);
            }
            let one = [charge(&counter, Window::Calendar(Calendar::Minute), max, step.amount)];
            match store.reserve_charges(&one, at(shown)) {
                Ok(reserved) => {
                    prop_assert!(step.amount == 0 || used + step.amount <= max);
                    if step.refund {
                        store.refund_reserved(reserved, at(shown)).unwrap();
                    } else {
                        used += step.amount;
                    }
                }
                denied => {
                    prop_assert!(used + step.amount > max);
                    let next = (minute + 1) * 60_000 - shown;
                    prop_assert_eq!(retry_after(denied), (step.amount <= max).then(|| ms(next)));
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Beyond its bound the log is coarser, never more generous, and at most 2/1024 of the window late.
    #[test]
    fn a_full_log_never_lets_more_through(gaps in prop::collection::vec(0_u64..4, 6000), window in 4000_u64..9000) {
        let max = 2 * MAX_LOG_ENTRIES as u64;
        let (mut store, counter) = (Memory::default(), id("a"));
        let (mut now, mut passed, mut first) = (0, Vec::new(), 0);
        for gap in gaps {
            now += gap;
            while passed.get(first).is_some_and(|at| at + window <= now) {
                first += 1;
            }
            let used = (passed.len() - first) as u64;
            let longer = window + window * 2 / MAX_LOG_ENTRIES as u64 + 1;
            let late = passed.iter().rev().take_while(|at| *at + longer > now).count();
            match store.reserve_charges(&[charge(&counter, sliding(window), max, 1)], at(now)) {
                Ok(_) => {
                    prop_assert!(used < max, "too much at {now}");
                    passed.push(now);
                }
                Err(_) => prop_assert!(late as u64 >= max, "refused too long at {now}"),
            }
        }
    }
}

#[test]
fn ten_of_a_burst_of_a_hundred_and_ten_again() {
    for window in [sliding(60_000), Window::Calendar(Calendar::Minute)] {
        let (mut store, counter) = (Memory::default(), id("a"));
        for start in [0, 60_000, 120_000] {
            let burst =
                (0..100).filter(|n| store.reserve_charges(&[charge(&counter, window, 10, 1)], at(start + n)).is_ok());
            assert_eq!(burst.count(), 10, "{window:?} from {start}");
            let next = start + 60_000 - 99;
            let denied = store.reserve_charges(&[charge(&counter, window, 10, 1)], at(start + 99));
            assert_eq!(retry_after(denied), Some(ms(next - start)));
            assert!(store.reserve_charges(&[charge(&counter, window, 10, 1)], at(start + 59_999)).is_err());
            // Sliding windows end one by one, a millisecond apart.
            if window == sliding(60_000) {
                assert!(store.reserve_charges(&[charge(&counter, window, 10, 2)], at(start + 60_000)).is_err());
                store = Memory::default();
            }
        }
    }
}

#[test]
fn hours_and_days_are_those_of_utc() {
    for (unit, seconds) in [(Calendar::Minute, 60), (Calendar::Hour, 3600), (Calendar::Day, 86_400)] {
        let (mut store, counter) = (Memory::default(), id("a"));
        let one = [charge(&counter, Window::Calendar(unit), 1, 1)];
        let begin = 1_700_006_400 - 1_700_006_400 % seconds;
        let now = |milliseconds: u64| Now { session: ms(0), unix: ms(begin * 1000 + milliseconds) };
        assert!(store.reserve_charges(&one, now(seconds * 1000 - 1)).is_ok());
        assert_eq!(retry_after(store.reserve_charges(&one, now(seconds * 1000 - 1))), Some(ms(1)));
        assert!(store.reserve_charges(&one, now(seconds * 1000)).is_ok(), "{unit:?}");
        assert_eq!(
            retry_after(store.reserve_charges(&one, now(0))),
            Some(ms(seconds * 2000)),
            "set back, still the later {unit:?}"
        );
    }
}

#[test]
fn all_or_none() {
    let (mut store, a, b) = (Memory::default(), id("a"), id("b"));
    let both = [charge(&a, sliding(1000), 5, 2), charge(&b, sliding(500), 3, 2)];
    assert!(store.reserve_charges(&both, at(0)).is_ok());
    assert_eq!(retry_after(store.reserve_charges(&both, at(100))), Some(ms(400)), "b has room for 1");
    assert!(store.reserve_charges(&[charge(&a, sliding(1000), 5, 3)], at(100)).is_ok(), "nothing was taken from a");
    assert_eq!(
        retry_after(store.reserve_charges(&both, at(100))),
        Some(ms(900)),
        "the later of both, when all of it fits"
    );
    let last = [Charge { limit: 1, ..both[0] }, Charge { limit: 2, ..both[1] }];
    assert!(
        matches!(store.reserve_charges(&last, at(700)), Err(Denied::Exceeded { limit: 1, .. })),
        "b has room by now"
    );
}

#[test]
fn the_same_counter_twice_is_asked_for_both() {
    let (mut store, a) = (Memory::default(), id("a"));
    let twice = |amount| [charge(&a, sliding(1000), 5, amount), charge(&a, sliding(1000), 5, amount)];
    assert_eq!(retry_after(store.reserve_charges(&twice(3), at(0))), None, "six never fit under five");
    let reserved = store.reserve_charges(&twice(2), at(0)).unwrap();
    assert!(store.reserve_charges(&[charge(&a, sliding(1000), 5, 2)], at(0)).is_err());
    store.refund_reserved(reserved, at(0)).unwrap();
    assert!(store.reserve_charges(&[charge(&a, sliding(1000), 5, 5)], at(0)).is_ok());
}

#[test]
fn sums_that_overflow_are_refused() {
    let (mut store, a) = (Memory::default(), id("a"));
    let huge = Charge { max: Amount::MAX, amount: Amount::MAX, ..charge(&a, sliding(1000), 0, 0) };
    assert_eq!(retry_after(store.reserve_charges(&[huge, huge], at(0))), None);
    assert!(store.reserve_charges(&[huge], at(0)).is_ok());
    assert_eq!(retry_after(store.reserve_charges(&[huge], at(1))), Some(ms(999)));
    // A shorter window on the same counter, where the longer one still holds all there is.
    let short = Charge { window: sliding(10), ..huge };
    assert_eq!(retry_after(store.reserve_charges(&[short], at(500))), Some(ms(500)));
    assert!(store.reserve_charges(&[short], at(1000)).is_ok());
}

#[test]
fn nothing_always_fits_and_takes_nothing() {
    let (mut store, a) = (Memory::default(), id("a"));
    assert!(store.reserve_charges(&[], at(0)).unwrap().is_empty());
    assert!(store.reserve_charges(&[charge(&a, sliding(1000), 0, 0)], at(0)).unwrap().is_empty());
    assert_eq!(retry_after(store.reserve_charges(&[charge(&a, sliding(1000), 0, 1)], at(0))), None);
    assert!(store.reserve_charges(&[charge(&a, sliding(1000), 2, 2)], at(0)).is_ok());
    assert!(
        store.reserve_charges(&[charge(&a, sliding(1000), 1, 0)], at(0)).is_ok(),
        "also where the maximum was lowered"
    );
}

#[test]
fn a_refund_comes_once_and_only_while_it_counts() {
    for window in [sliding(60_000), Window::Calendar(Calendar::Minute)] {
        let (mut store, a) = (Memory::default(), id("a"));
        let two = |amount| [charge(&a, window, 2, amount)];
        let early = store.reserve_charges(&two(2), at(0)).unwrap();
        let late = store.reserve_charges(&two(2), at(60_000)).unwrap();
        store.refund_reserved(early, at(60_001)).unwrap();
        assert!(store.reserve_charges(&two(1), at(60_002)).is_err(), "{window:?}: the early one counts no more");
        store.refund_reserved(late, at(60_003)).unwrap();
        assert!(store.reserve_charges(&two(2), at(60_004)).is_ok(), "{window:?}");
    }
}

#[test]
fn a_window_that_changes_keeps_the_count() {
    let (mut store, a) = (Memory::default(), id("a"));
    assert!(store.reserve_charges(&[charge(&a, sliding(60_000), 5, 3)], at(0)).is_ok());
    assert_eq!(retry_after(store.reserve_charges(&[charge(&a, sliding(90_000), 5, 3)], at(1))), Some(ms(89_999)));
    assert!(
        store.reserve_charges(&[charge(&a, sliding(1000), 5, 5)], at(1000)).is_ok(),
        "a shorter window looks less far back"
    );
    assert_eq!(retry_after(store.reserve_charges(&[charge(&a, sliding(90_000), 8, 1)], at(1001))), Some(ms(88_999)));
}

#[test]
fn counters_are_apart_by_server_entry_and_name() {
    let ids = [
        ("s", "ab", "c"),
        ("s", "a", "bc"),
        ("sa", "b", "c"),
        ("s", "1:ab", "c"),
        ("s1:", "ab", "c"),
        ("", "", "sabc"),
    ];
    for (n, one) in ids.iter().enumerate() {
        for (m, other) in ids.iter().enumerate() {
            assert_eq!(CounterId::new(one.0, one.1, one.2) == CounterId::new(other.0, other.1, other.2), n == m);
        }
    }
}

#[test]
fn windows_have_bounds() {
    for length in [Duration::ZERO, Duration::from_micros(999), MAX_WINDOW + Duration::from_nanos(1), Duration::MAX] {
        assert_eq!(Window::sliding_of(length), Err(BadWindow), "{length:?}");
    }
    for length in [MIN_WINDOW, MAX_WINDOW] {
        let (mut store, a, window) = (Memory::default(), id("a"), Window::sliding_of(length).unwrap());
        // Times near the end of what a duration holds are refused sooner than wrapped.
        for start in [Duration::ZERO, Duration::MAX - length] {
            let now = |time| Now { session: time, unix: time };
            assert!(store.reserve_charges(&[charge(&a, window, 1, 1)], now(start)).is_ok());
            assert_eq!(retry_after(store.reserve_charges(&[charge(&a, window, 1, 1)], now(start))), Some(length));
        }
    }
}

#[test]
fn a_session_has_a_bound_of_counters_and_reuses_the_idle() {
    let mut store = Memory::default();
    let ids: Vec<_> = (0..=MAX_COUNTERS).map(|n| id(&n.to_string())).collect();
    for counter in &ids[..MAX_COUNTERS] {
        assert!(store.reserve_charges(&[charge(counter, sliding(1000), 1, 1)], at(5)).is_ok());
    }
    let one_more = [charge(&ids[MAX_COUNTERS], sliding(1000), 1, 1)];
    let Err(Denied::Unavailable(why)) = store.reserve_charges(&one_more, at(6)) else { panic!("there is no bound") };
    assert!(why.to_string().contains("4096"), "{why}");
    assert!(store.reserve_charges(&[charge(&ids[0], sliding(1000), 2, 1)], at(6)).is_ok(), "those it knows go on");
    assert!(store.reserve_charges(&one_more, at(1005)).is_ok(), "idle ones make room");
}

/// A server's store that refuses as it is told.
#[derive(Debug)]
struct Refuses(Option<Denied>);

impl Store for Refuses {
    fn reserve_charges(&mut self, charges: &[Charge<'_>], _: Now) -> Result<Reserved, Denied> {
        assert!(charges.iter().all(|charge| charge.scope == Scope::Server) && !charges.is_empty());
        self.0.take().map_or_else(|| Ok(Reserved::default()), Err)
    }
    fn refund_reserved(&mut self, _: Reserved, _: Now) -> Result<(), Unavailable> {
        Ok(())
    }
}

#[test]
fn what_the_server_scope_refuses_is_put_back_in_the_session() {
    for denied in [Denied::Exceeded { limit: 3, retry_after: None }, Unavailable("locked".into()).into()] {
        let (a, mut limits) = (id("a"), Limits::new(Box::new(Refuses(Some(denied.clone())))));
        let session = charge(&a, sliding(1000), 1, 1);
        let both = [Charge { scope: Scope::Server, ..session }, session];
        assert_eq!(limits.reserve_charges(&both, at(0)), Err(denied));
        assert!(limits.reserve_charges(&both, at(0)).is_ok(), "the session has counted nothing");
        assert_eq!(retry_after(limits.reserve_charges(&both, at(0))), Some(ms(1000)), "now it has, and is asked first");
    }
}
