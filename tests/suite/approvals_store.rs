//! The questions in the state store, between a session and whoever answers: what came of an answer, what outlives its
//! session, and stores of earlier versions.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::Path;
use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use std::time::Duration;

use policylayer::engine::{
    ApprovalAnswer, Channel, Effects, LocalChannel as _, Opened, Question, QuestionView, Settled, Upshot,
};
use policylayer::limits::{MAX_ASKED, MAX_ASKED_ARGUMENTS};
use policylayer::policy::{Again, ApprovalLifetime, ApprovalScope};
use policylayer::record::Digest;
use policylayer::state::approvals::{
    AnswerOutcome, ApprovalEntry, ApprovalState, AskedServer, Confirm, NotAnswered, SessionApprovals, StoreError,
    StoredApprovals, unix_time,
};

use crate::support::question::{asked_server, question};

const STORE: &str = "state.sqlite3";
const ONCE: &ApprovalAnswer = &ApprovalAnswer::Once;

fn session(dir: &tempfile::TempDir, name: &str) -> SessionApprovals {
    session_of(dir.path(), name, "shop", Confirm::None)
}

fn session_of(dir: &Path, name: &str, server: &str, confirm: Confirm) -> SessionApprovals {
    SessionApprovals::new(dir, STORE, name.to_owned(), asked_server(server), confirm)
}

fn stored(dir: &tempfile::TempDir) -> StoredApprovals {
    StoredApprovals::new(dir.path(), STORE)
}

fn soon() -> Duration {
    unix_time() + Duration::from_secs(60)
}

/// A question of the client `bot` that its next session takes over.
fn lasting(number: u64) -> Question {
    Question {
        client: Some("bot".into()),
        lives: ApprovalLifetime::Client,
        ..question(number, "send", "{\"campaignId\":77}")
    }
}

fn the_entry(dir: &tempfile::TempDir) -> ApprovalEntry {
    let mut all = stored(dir).list_all().unwrap();
    assert_eq!(all.len(), 1, "{all:#?}");
    all.remove(0)
}

/// Answers a question as it is stored now.
fn answer_by_id(
    stored: &mut StoredApprovals,
    id: &str,
    answer: &ApprovalAnswer,
    given: Confirm,
) -> Result<Result<ApprovalEntry, NotAnswered>, StoreError> {
    let shown = stored.find_entry(id)?.unwrap().key();
    stored.answer_question(&shown, answer, given)
}

fn approve(dir: &tempfile::TempDir, id: &str) -> ApprovalEntry {
    let answered = answer_by_id(&mut stored(dir), id, ONCE, Confirm::None).unwrap();
    assert!(answered.is_ok(), "{answered:?}");
    stored(dir).find_entry(id).unwrap().unwrap()
}

#[test]
fn a_question_goes_through_its_states() {
    let dir = tempfile::tempdir().unwrap();
    let mut desk = session(&dir, "0a");
    let mut book = stored(&dir);
    for number in 1..=3 {
        desk.open_question(&question(number, "send", "{}"), soon()).unwrap();
    }
    let brief = Question { timeout: Duration::ZERO, ..question(4, "send", "{}") };
    desk.open_question(&brief, unix_time()).unwrap();
    desk.settle_question(1, Settled::Answered(Channel::Client, Upshot::Sent));
    desk.settle_question(2, Settled::Over);
    desk.settle_question(3, Settled::Late);
    desk.settle_question(4, Settled::Late);
    let all = book.list_all().unwrap();
    let states: Vec<_> = all.iter().map(|entry| entry.state).collect();
    assert_eq!(states, [ApprovalState::Settled, ApprovalState::Expired, ApprovalState::Late, ApprovalState::Expired]);
    for (entry, approval) in
        all.iter().zip([ApprovalAnswer::Once, ApprovalAnswer::Once, ApprovalAnswer::Session, ApprovalAnswer::Once])
    {
        let answered = answer_by_id(&mut book, &entry.id, &approval, Confirm::None).unwrap();
        assert_eq!(answered.is_ok(), entry.state == ApprovalState::Late, "{answered:?}");
    }
    assert_eq!(desk.take_answers(), [(3, ApprovalAnswer::Session)]);
    assert_eq!(desk.take_answers(), [], "once");
    // What settles it afterwards changes nothing any more.
    desk.settle_question(3, Settled::Over);
    assert_eq!(book.list_all().unwrap()[2].state, ApprovalState::Approved);
    // Another wrapper that happens to count alike gets nothing of it.
    let mut other = session(&dir, "0b");
    other.open_question(&question(3, "send", "{}"), soon()).unwrap();
    assert_eq!(other.take_answers(), []);
    let other = book.list_all().unwrap().into_iter().find(|entry| entry.session == "0b").unwrap();
    assert!(answer_by_id(&mut book, &other.id, &ApprovalAnswer::Once, Confirm::None).unwrap().is_ok());
    assert_eq!(desk.take_answers(), []);
}

#[test]
fn a_code_cannot_be_left_out() {
    let dir = tempfile::tempdir().unwrap();
    let mut desk = session_of(dir.path(), "0a", "shop", Confirm::Code);
    desk.open_question(&question(1, "send", "{}"), soon()).unwrap();
    let mut book = stored(&dir);
    let id = book.list_all().unwrap()[0].id.clone();
    assert_eq!(
        answer_by_id(&mut book, &id, &ApprovalAnswer::Session, Confirm::None).unwrap(),
        Err(NotAnswered::NeedsCode)
    );
    assert_eq!(desk.take_answers(), []);
    assert!(answer_by_id(&mut book, &id, &ApprovalAnswer::Session, Confirm::Code).unwrap().is_ok());
    assert_eq!(desk.take_answers(), [(1, ApprovalAnswer::Session)]);
}

#[test]
fn a_question_reads_the_same_from_the_store() {
    let dir = tempfile::tempdir().unwrap();
    let asked = Question {
        effects: Effects::ALL.to_vec(),
        reason: Some("Goes to customers.".into()),
        beside: Some("{\"task\":{\"ttl\":60000}}".into()),
        preview: Some("name: Spring sale".into()),
        scope: ApprovalScope::Arguments,
        ..lasting(1)
    };
    session(&dir, "0a").open_question(&asked, soon()).unwrap();
    let entry = the_entry(&dir);
    assert_eq!(entry.preview.as_deref(), Some("name: Spring sale"));
    assert_eq!(entry.view().rows(), asked.view("shop").rows());
    assert_eq!(entry.view().rows()[3].1, "high: execute, cannot be undone, sends to people");
    assert_eq!(
        (entry.arguments.as_deref(), entry.beside.as_deref()),
        (Some(&*asked.arguments), asked.beside.as_deref())
    );
    // With the first answer, all that it sends is forgotten.
    let refused = answer_by_id(&mut stored(&dir), &entry.id, &ApprovalAnswer::Refused { note: None }, Confirm::None);
    assert!(refused.unwrap().is_ok());
    let entry = the_entry(&dir);
    assert_eq!((entry.arguments, entry.beside, entry.preview), (None, None, None));
}

#[test]
fn what_came_of_an_answer_is_stored() {
    let cases = [
        (Settled::Answered(Channel::Local, Upshot::Sent), AnswerOutcome::Known(Upshot::Sent)),
        (Settled::Answered(Channel::Local, Upshot::Granted), AnswerOutcome::Known(Upshot::Granted)),
        (Settled::Answered(Channel::Local, Upshot::Forbidden), AnswerOutcome::Known(Upshot::Forbidden)),
        (Settled::Answered(Channel::Local, Upshot::Outdated), AnswerOutcome::Known(Upshot::Outdated)),
        (Settled::Answered(Channel::Client, Upshot::Refused), AnswerOutcome::Elsewhere),
        (Settled::Over, AnswerOutcome::Over),
    ];
    for (settled, outcome) in cases {
        for is_taken in [true, false] {
            let dir = tempfile::tempdir().unwrap();
            let mut session = session(&dir, "0a");
            session.open_question(&question(1, "send", "{}"), soon()).unwrap();
            let id = the_entry(&dir).id;
            assert_eq!(approve(&dir, &id).outcome, None);
            if is_taken {
                assert_eq!(session.take_answers(), [(1, ApprovalAnswer::Once)]);
                assert_eq!(the_entry(&dir).outcome, Some(AnswerOutcome::Taken));
            }
            session.settle_question(1, settled);
            let entry = the_entry(&dir);
            assert_eq!((entry.outcome, entry.state), (Some(outcome), ApprovalState::Approved), "{settled:?}");
            // What comes later changes nothing any more.
            session.settle_question(1, Settled::Over);
            assert_eq!(the_entry(&dir).outcome, Some(outcome));
            assert_eq!(session.take_answers(), []);
        }
    }
}

#[test]
fn an_answer_that_a_dead_session_left_is_over() {
    let dir = tempfile::tempdir().unwrap();
    let mut dead = session(&dir, "0a");
    dead.open_question(&question(1, "send", "{}"), soon()).unwrap();
    let id = the_entry(&dir).id;
    approve(&dir, &id);
    drop(dead);
    assert_eq!(the_entry(&dir).outcome, Some(AnswerOutcome::Over));
}

#[test]
fn a_late_approval_waits_for_the_next_session_of_the_client() {
    let dir = tempfile::tempdir().unwrap();
    let mut dead = session(&dir, "0a");
    dead.open_question(&lasting(1), soon()).unwrap();
    drop(dead);
    let entry = the_entry(&dir);
    assert_eq!(entry.state, ApprovalState::Late, "it can still be answered");
    let for_session = answer_by_id(&mut stored(&dir), &entry.id, &ApprovalAnswer::Session, Confirm::None).unwrap();
    assert_eq!(for_session, Err(NotAnswered::NoSession));
    let granted = approve(&dir, &entry.id);
    assert_eq!(granted.outcome, Some(AnswerOutcome::Known(Upshot::Granted)), "at once: nobody has to take note");
    assert!(granted.expires >= unix_time() + Duration::from_secs(200), "there is time to make the call");
    let mut next = session(&dir, "0b");
    assert_eq!(next.open_question(&lasting(1), soon()), Ok(Opened::Granted));
    assert_eq!(the_entry(&dir).outcome, Some(AnswerOutcome::Used));
    assert_eq!(next.open_question(&lasting(2), soon()), Ok(Opened::Asked), "once");
}

#[test]
fn a_late_approval_is_for_nobody_and_nothing_else() {
    let other_arguments = "{\"campaignId\":78}";
    let others: [(&str, &str, Confirm, Question); 7] = [
        ("another server", "other", Confirm::None, lasting(1)),
        ("another client", "shop", Confirm::None, Question { client: Some("bot2".into()), ..lasting(1) }),
        ("a client in other letters", "shop", Confirm::None, Question { client: Some("Bot".into()), ..lasting(1) }),
        ("no client", "shop", Confirm::None, Question { client: None, ..lasting(1) }),
        (
            "other arguments",
            "shop",
            Confirm::None,
            Question { covers: Digest::of_line(other_arguments.as_bytes()), ..lasting(1) },
        ),
        ("another policy", "shop", Confirm::None, Question { lives: ApprovalLifetime::Session, ..lasting(1) }),
        ("a session that needs a code", "shop", Confirm::Code, lasting(1)),
    ];
    let dir = tempfile::tempdir().unwrap();
    drop({
        let mut dead = session(&dir, "0a");
        dead.open_question(&lasting(1), soon()).unwrap();
        dead
    });
    let id = the_entry(&dir).id;
    approve(&dir, &id);
    let another = AskedServer { command: Digest::of_text(b"npx other-shop"), ..asked_server("shop") };
    let mut other = SessionApprovals::new(dir.path(), STORE, "d0".to_owned(), another, Confirm::None);
    assert_eq!(other.open_question(&lasting(1), soon()), Ok(Opened::Asked), "another command under the same name");
    for (number, (who, server, confirm, question)) in others.into_iter().enumerate() {
        let mut other = session_of(dir.path(), &format!("b{number}"), server, confirm);
        assert_eq!(other.open_question(&question, soon()), Ok(Opened::Asked), "{who}");
    }
    assert_eq!(session(&dir, "0c").open_question(&lasting(1), soon()), Ok(Opened::Granted), "it is still there");
}

#[test]
fn an_approval_with_a_code_is_good_for_a_session_that_needs_one() {
    let dir = tempfile::tempdir().unwrap();
    drop({
        let mut dead = session(&dir, "0a");
        dead.open_question(&lasting(1), soon()).unwrap();
        dead
    });
    let id = the_entry(&dir).id;
    assert!(answer_by_id(&mut stored(&dir), &id, ONCE, Confirm::Code).unwrap().is_ok());
    let mut next = session_of(dir.path(), "0b", "shop", Confirm::Code);
    assert_eq!(next.open_question(&lasting(1), soon()), Ok(Opened::Granted));
}

#[test]
fn of_many_sessions_one_uses_a_late_approval() {
    const SESSIONS: usize = 8;
    let dir = tempfile::tempdir().unwrap();
    drop({
        let mut dead = session(&dir, "aa");
        dead.open_question(&lasting(1), soon()).unwrap();
        dead
    });
    approve(&dir, &the_entry(&dir).id);
    let all_ready = Barrier::new(SESSIONS);
    let opened: Vec<_> = thread::scope(|scope| {
        let (dir, all_ready) = (&dir, &all_ready);
        let sessions: Vec<_> = (0..SESSIONS)
            .map(|number| {
                scope.spawn(move || {
                    let mut session = session(dir, &format!("0{number}"));
                    all_ready.wait();
                    let opened = session.open_question(&lasting(1), soon());
                    // It lives until all have asked.
                    all_ready.wait();
                    opened
                })
            })
            .collect();
        sessions.into_iter().map(|session| session.join().unwrap().unwrap()).collect()
    });
    let granted = opened.iter().filter(|opened| **opened == Opened::Granted).count();
    assert_eq!(granted, 1, "{opened:?}");
}

#[test]
fn what_a_session_has_taken_is_nobody_elses() {
    // The session may have sent the call before it died: who knows?
    let dir = tempfile::tempdir().unwrap();
    let mut dead = session(&dir, "0a");
    dead.open_question(&lasting(1), soon()).unwrap();
    let id = the_entry(&dir).id;
    approve(&dir, &id);
    assert_eq!(dead.take_answers(), [(1, ApprovalAnswer::Once)]);
    drop(dead);
    assert_eq!(session(&dir, "0b").open_question(&lasting(1), soon()), Ok(Opened::Asked));
}

#[test]
fn what_a_session_did_not_take_is_the_next_ones() {
    for last in [None, Some(Settled::Left)] {
        let dir = tempfile::tempdir().unwrap();
        let mut dead = session(&dir, "0a");
        dead.open_question(&lasting(1), soon()).unwrap();
        let id = the_entry(&dir).id;
        if let Some(settled) = last {
            dead.settle_question(1, settled);
        }
        approve(&dir, &id);
        if last.is_some() {
            assert_eq!(dead.take_answers(), [], "it has left the question");
        }
        drop(dead);
        assert_eq!(session(&dir, "0b").open_question(&lasting(1), soon()), Ok(Opened::Granted), "{last:?}");
    }
}

#[test]
fn a_session_that_lives_uses_its_own_late_approval_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut alive = session(&dir, "0a");
    alive.open_question(&lasting(1), soon()).unwrap();
    alive.settle_question(1, Settled::Late);
    approve(&dir, &the_entry(&dir).id);
    assert_eq!(alive.open_question(&lasting(2), soon()), Ok(Opened::Asked), "it has not taken note yet");
    alive.settle_question(2, Settled::Over);
    assert_eq!(alive.take_answers(), [(1, ApprovalAnswer::Once)]);
    alive.settle_question(1, Settled::Answered(Channel::Local, Upshot::Granted));
    assert_eq!(alive.open_question(&lasting(3), soon()), Ok(Opened::Granted));
    assert_eq!(alive.open_question(&lasting(4), soon()), Ok(Opened::Asked));
    assert_eq!(session(&dir, "0b").open_question(&lasting(1), soon()), Ok(Opened::Asked));
}

#[test]
fn who_refuses_the_call_later_takes_the_approval_back() {
    for is_local in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let mut alive = session(&dir, "0b");
        alive.open_question(&lasting(1), soon()).unwrap();
        let other = the_entry(&dir).id;
        drop({
            let mut dead = session(&dir, "0a");
            dead.open_question(&lasting(1), soon()).unwrap();
            dead
        });
        let all = stored(&dir).list_all().unwrap();
        approve(&dir, &all.iter().find(|entry| entry.id != other).unwrap().id);
        if is_local {
            let refusal = ApprovalAnswer::Refused { note: None };
            assert!(answer_by_id(&mut stored(&dir), &other, &refusal, Confirm::None).unwrap().is_ok());
        } else {
            alive.settle_question(1, Settled::Answered(Channel::Client, Upshot::Refused));
        }
        assert_eq!(session(&dir, "0c").open_question(&lasting(1), soon()), Ok(Opened::Asked), "{is_local}");
    }
}

#[test]
fn an_approval_whose_time_is_up_is_used_by_nobody() {
    let dir = tempfile::tempdir().unwrap();
    drop({
        let mut dead = session(&dir, "0a");
        dead.open_question(&lasting(1), soon()).unwrap();
        dead
    });
    approve(&dir, &the_entry(&dir).id);
    let store = rusqlite::Connection::open(dir.path().join(STORE)).unwrap();
    let now = i64::try_from(unix_time().as_nanos()).unwrap();
    assert_eq!(store.execute("UPDATE approvals SET expires = ?1", [now]).unwrap(), 1);
    assert_eq!(session(&dir, "0b").open_question(&lasting(1), soon()), Ok(Opened::Asked));
}

/// By the clock of the machine, which may be another than that of the session.
#[test]
fn what_was_approved_late_is_over_with_its_time_and_what_holds_for_the_session_is_not() {
    for (answer, later) in
        [(ApprovalAnswer::Once, AnswerOutcome::Over), (ApprovalAnswer::Session, AnswerOutcome::Known(Upshot::Granted))]
    {
        let dir = tempfile::tempdir().unwrap();
        let mut alive = session(&dir, "0a");
        alive.open_question(&question(1, "send", "{}"), soon()).unwrap();
        assert!(answer_by_id(&mut stored(&dir), &the_entry(&dir).id, &answer, Confirm::None).unwrap().is_ok());
        assert_eq!(alive.take_answers(), [(1, answer)]);
        alive.settle_question(1, Settled::Answered(Channel::Local, Upshot::Granted));
        assert_eq!(the_entry(&dir).outcome, Some(AnswerOutcome::Known(Upshot::Granted)));
        let store = rusqlite::Connection::open(dir.path().join(STORE)).unwrap();
        let now = i64::try_from(unix_time().as_nanos()).unwrap();
        assert_eq!(store.execute("UPDATE approvals SET expires = ?1", [now]).unwrap(), 1);
        assert_eq!(the_entry(&dir).outcome, Some(later));
        // The session knows best what went on.
        alive.settle_question(1, Settled::Used);
        assert_eq!(the_entry(&dir).outcome, Some(AnswerOutcome::Used));
    }
}

#[test]
fn a_question_of_a_dead_session_expires() {
    let dir = tempfile::tempdir().unwrap();
    drop({
        let mut dead = session(&dir, "0a");
        dead.open_question(&lasting(1), unix_time()).unwrap();
        dead
    });
    let entry = the_entry(&dir);
    assert_eq!(entry.state, ApprovalState::Expired);
    let answered = answer_by_id(&mut stored(&dir), &entry.id, ONCE, Confirm::None).unwrap();
    assert!(matches!(answered, Err(NotAnswered::Over(_))), "{answered:?}");
    assert_eq!(session(&dir, "0b").open_question(&lasting(1), soon()), Ok(Opened::Asked));
}

#[test]
fn the_same_question_is_asked_in_one_place_and_keeps_its_id() {
    let dir = tempfile::tempdir().unwrap();
    drop({
        let mut dead = session(&dir, "0a");
        dead.open_question(&lasting(1), soon()).unwrap();
        dead
    });
    let id = the_entry(&dir).id;
    let mut next = session(&dir, "0b");
    next.open_question(&lasting(1), soon()).unwrap();
    let entry = the_entry(&dir);
    assert_eq!((entry.id.as_str(), entry.session.as_str(), entry.state), (&*id, "0b", ApprovalState::Waiting));
    assert_eq!(entry.successor, None);
    // That of a session that lives is its own.
    let mut other = session(&dir, "0c");
    other.open_question(&lasting(1), soon()).unwrap();
    assert_eq!(stored(&dir).list_all().unwrap().len(), 2);
}

/// An id stands for what was shown under it, and for nothing else.
#[test]
fn what_reads_otherwise_gets_an_id_of_its_own_and_the_old_one_names_it() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let announcing = |dir: &tempfile::TempDir, name: &str| {
        let told = Arc::clone(&told);
        session(dir, name).with_announce(Box::new(move |id, _| told.lock().unwrap().push(id.to_owned())))
    };
    let with_preview = |number, preview: &str| Question { preview: Some(preview.into()), ..lasting(number) };
    for is_dead in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let mut desk = announcing(&dir, "0a");
        desk.open_question(&with_preview(1, "1 user"), soon()).unwrap();
        desk.settle_question(1, Settled::Late);
        let old = the_entry(&dir);
        let mut next = if is_dead {
            drop(desk);
            announcing(&dir, "0b")
        } else {
            desk
        };
        let follows = (!is_dead).then_some(1);
        // The same question is the one that the person knows of.
        next.open_question(&Question { follows, ..with_preview(2, "1 user") }, soon()).unwrap();
        next.settle_question(1, Settled::Over);
        let same = the_entry(&dir);
        assert_eq!((&same.id, same.state), (&old.id, ApprovalState::Waiting));
        assert_eq!(told.lock().unwrap().drain(..).count(), 1, "a person is told once");
        // Another preview is another question.
        next.settle_question(2, Settled::Late);
        next.open_question(&Question { follows: Some(2), ..with_preview(3, "48,211 users") }, soon()).unwrap();
        next.settle_question(2, Settled::Over);
        let all = stored(&dir).list_all().unwrap();
        let [before, now] = &all[..] else { panic!("{all:#?}") };
        assert_eq!(
            (&before.id, before.state, before.successor.as_ref()),
            (&old.id, ApprovalState::Expired, Some(&now.id))
        );
        assert_eq!((now.state, now.preview.as_deref()), (ApprovalState::Waiting, Some("48,211 users")));
        assert_eq!(told.lock().unwrap().drain(..).collect::<Vec<_>>(), std::slice::from_ref(&now.id));
        // Whoever has seen the old one approves nothing with it.
        let answered = stored(&dir).answer_question(&old.key(), ONCE, Confirm::None).unwrap();
        assert!(matches!(answered, Err(NotAnswered::Over(_))), "{answered:?}");
        assert_eq!(next.take_answers(), []);
    }
}

#[test]
fn an_answer_is_for_what_was_shown() {
    let dir = tempfile::tempdir().unwrap();
    let mut desk = session(&dir, "0a");
    desk.open_question(&lasting(1), soon()).unwrap();
    let shown = the_entry(&dir).key();
    let store = rusqlite::Connection::open(dir.path().join(STORE)).unwrap();
    store.execute("UPDATE approvals SET preview = 'all users', shown = 'another digest'", []).unwrap();
    for answer in [ApprovalAnswer::Once, ApprovalAnswer::Session, ApprovalAnswer::Refused { note: None }] {
        let answered = stored(&dir).answer_question(&shown, &answer, Confirm::Code).unwrap();
        assert_eq!(answered, Err(NotAnswered::Changed));
    }
    assert_eq!(desk.take_answers(), []);
}

/// The person has answered, the session has not looked yet, and the call comes again.
#[test]
fn an_answer_that_comes_just_before_the_repetition_is_for_it() {
    for (answer, given) in [(ApprovalAnswer::Once, 2), (ApprovalAnswer::Refused { note: None }, 2)] {
        let dir = tempfile::tempdir().unwrap();
        let mut desk = session(&dir, "0a");
        desk.open_question(&lasting(1), soon()).unwrap();
        desk.settle_question(1, Settled::Late);
        let id = the_entry(&dir).id;
        assert!(answer_by_id(&mut stored(&dir), &id, &answer, Confirm::None).unwrap().is_ok());
        let again = Question { follows: Some(1), line: Digest::of_line(b"again\n"), ..lasting(2) };
        assert_eq!(desk.open_question(&again, soon()), Ok(Opened::Asked));
        desk.settle_question(1, Settled::Over);
        assert_eq!(the_entry(&dir).id, id);
        assert_eq!(desk.take_answers(), [(given, answer)]);
    }
}

#[test]
fn what_is_too_long_to_be_read_is_not_asked() {
    let dir = tempfile::tempdir().unwrap();
    let mut session = session(&dir, "0a");
    let text = |length: usize| format!("\"{}\"", "x".repeat(length - 2));
    let most = MAX_ASKED_ARGUMENTS - "send".len();
    for (arguments, beside) in [(most + 1, None), (most - 5, Some(6)), (10, Some(most))] {
        let asked = Question { beside: beside.map(|it| text(it).into()), ..question(1, "send", &text(arguments)) };
        let why = session.open_question(&asked, soon()).unwrap_err();
        assert!(why.contains("longer than 1 MiB") && why.contains("less at a time"), "{why}");
    }
    assert_eq!(stored(&dir).list_all().unwrap(), [], "nothing was cut, and nothing was asked");
    let asked = Question { beside: Some(text(5).into()), ..question(2, "send", &text(most - 5)) };
    session.open_question(&asked, soon()).unwrap();
    assert_eq!(the_entry(&dir).arguments.unwrap().len(), most - 5);
    // All questions together have a bound.
    let most = u64::try_from(MAX_ASKED).unwrap() / u64::try_from(MAX_ASKED_ARGUMENTS).unwrap();
    for number in 3..=most + 1 {
        session.open_question(&Question { number, ..asked.clone() }, soon()).unwrap();
    }
    let why = session.open_question(&Question { number: most + 3, ..asked }, soon()).unwrap_err();
    assert!(why.contains("already fill 32 MiB") && why.contains("Answer some of them"), "{why}");
    // Room comes back with each answer.
    let id = stored(&dir).list_all().unwrap()[0].id.clone();
    assert!(
        answer_by_id(&mut stored(&dir), &id, &ApprovalAnswer::Refused { note: None }, Confirm::None).unwrap().is_ok()
    );
    session.open_question(&question(most + 4, "send", "{}"), soon()).unwrap();
}

/// A store as version 0.1.0 made it, with a question that is cut.
fn make_old_store(dir: &Path) {
    let store = rusqlite::Connection::open(dir.join(STORE)).unwrap();
    store
        .execute_batch(
            "PRAGMA journal_mode = wal;
             CREATE TABLE counts (counter TEXT PRIMARY KEY, expires INTEGER NOT NULL, count BLOB NOT NULL) STRICT;
             CREATE INDEX counts_expires ON counts (expires);
             CREATE TABLE approvals (
                 id TEXT PRIMARY KEY, session TEXT NOT NULL, number INTEGER NOT NULL, server TEXT NOT NULL,
                 tool TEXT NOT NULL, class TEXT NOT NULL, rule TEXT NOT NULL, reason TEXT, arguments TEXT,
                 length INTEGER NOT NULL, line TEXT NOT NULL, asked INTEGER NOT NULL, expires INTEGER NOT NULL,
                 confirm TEXT NOT NULL, state TEXT NOT NULL, answer TEXT, note TEXT, channel TEXT, answered INTEGER,
                 UNIQUE (session, number)
             ) STRICT;
             CREATE INDEX approvals_state ON approvals (state);
             PRAGMA application_id = 0x706c6379;
             PRAGMA user_version = 1;",
        )
        .unwrap();
    let expires = i64::try_from(soon().as_nanos()).unwrap();
    store
        .execute(
            "INSERT INTO approvals (id, session, number, server, tool, class, rule, arguments, length, line, asked, expires,
                                    confirm, state)
             VALUES ('k7m2p', '0a', 1, 'shop', 'send', 'destructive', 'tools.send', '{\"a\":\"xx', 1000, '00', 1, ?1,
                     'none', 'waiting')",
            [expires],
        )
        .unwrap();
}

#[test]
fn a_store_of_an_earlier_version_is_brought_up_to_date() {
    let dir = tempfile::tempdir().unwrap();
    make_old_store(dir.path());
    // The session of version 0.1.0 lives.
    std::fs::create_dir(dir.path().join("approvals")).unwrap();
    let lock = std::fs::File::create(dir.path().join("approvals/0a.lock")).unwrap();
    lock.lock().unwrap();
    let entry = the_entry(&dir);
    let expected = QuestionView {
        tool: "send",
        server: "shop",
        client: None,
        class: "destructive",
        severity: "critical",
        effects: &[],
        rule: "tools.send",
        reason: None,
        changes: None,
        put_back: None,
        origins: None,
        preview: None,
        scope: Some(ApprovalScope::Tool),
        again: Again::No,
        lives: ApprovalLifetime::Session,
    };
    assert_eq!(entry.view().rows(), expected.rows());
    assert_eq!((entry.state, entry.left_out), (ApprovalState::Waiting, 992));
    let mut stored = stored(&dir);
    assert_eq!(answer_by_id(&mut stored, "k7m2p", ONCE, Confirm::Code).unwrap(), Err(NotAnswered::Cut));
    assert_eq!(
        answer_by_id(&mut stored, "k7m2p", &ApprovalAnswer::Session, Confirm::None).unwrap(),
        Err(NotAnswered::Cut)
    );
    assert!(
        answer_by_id(&mut stored, "k7m2p", &ApprovalAnswer::Refused { note: None }, Confirm::None).unwrap().is_ok()
    );
    session(&dir, "0b").open_question(&lasting(1), soon()).unwrap();
    // Version 0.1.0 goes on with the same file.
    let old = rusqlite::Connection::open(dir.path().join(STORE)).unwrap();
    let version: i64 = old.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
    assert_eq!(version, 1);
    let answered: String =
        old.query_row("SELECT state FROM approvals WHERE id = 'k7m2p'", [], |row| row.get(0)).unwrap();
    assert_eq!(answered, "denied");
}
