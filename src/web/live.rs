//! What keeps a page up to date: one stream of events for each page that is open, made by looking at the files of the store and of
//! the log. A look without a change costs a few calls of the system.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use hyper::body::Bytes;
use tokio::sync::mpsc::{self, Sender};
use tokio::sync::oneshot;
use tokio::time::{MissedTickBehavior, interval};

use super::answer::WebAnswer;
use super::form::Fields;
use super::inbox;
use super::log::FollowedLog;
use super::site::Site;
use crate::limits::{MAX_UI_FOLLOWED, MAX_UI_STREAMS, UI_BEAT, UI_LOOK, UI_SWEEP};
use crate::report::approval_stores::ApprovalStores;
use crate::state::file::{FileMark, mark};

/// Where the events come from, below the directory of all pages.
pub(super) const PATH: &str = "live";

/// The streams that are open, and the logs that pages show.
#[derive(Default)]
pub(super) struct Streams {
    /// What ends each of them, the oldest first.
    open: Mutex<VecDeque<oneshot::Sender<()>>>,
    /// Logs, read to where a page ends; a stream takes one and gives it back.
    followed: Mutex<VecDeque<(u64, FollowedLog)>>,
    last_id: AtomicU64,
}

impl Streams {
    /// Keeps a log that a page shows, and returns under which number.
    pub(super) fn keep_log(&self, log: FollowedLog) -> u64 {
        let id = self.last_id.fetch_add(1, Ordering::Relaxed) + 1;
        self.keep_as(id, log);
        id
    }

    fn keep_as(&self, id: u64, log: FollowedLog) {
        let mut followed = self.followed.lock().unwrap_or_else(PoisonError::into_inner);
        if followed.len() == MAX_UI_FOLLOWED {
            followed.pop_front();
        }
        followed.push_back((id, log));
    }

    fn take_log(&self, id: u64) -> Option<FollowedLog> {
        let mut followed = self.followed.lock().unwrap_or_else(PoisonError::into_inner);
        let at = followed.iter().position(|(known, _)| *known == id)?;
        followed.remove(at).map(|(_, log)| log)
    }

    /// Takes note of a new stream; the oldest gives way to it. Returns what ends when it has to give way itself.
    fn begin_stream(&self) -> oneshot::Receiver<()> {
        let (end, ended) = oneshot::channel();
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|other| !other.is_closed());
        while open.len() >= MAX_UI_STREAMS {
            open.pop_front();
        }
        open.push_back(end);
        ended
    }
}

/// Writes an event; no line break of `data` can end it, or begin another.
fn write_event(name: &str, data: &str) -> Bytes {
    let mut event = format!("event: {name}\n");
    for line in data.split(['\n', '\r']) {
        event.push_str("data: ");
        event.push_str(line);
        event.push('\n');
    }
    event.push('\n');
    event.into()
}

/// Opens a stream. `page` in the query is the page that it is for, `log` the number of the log that is shown there.
pub(super) fn open_stream(site: &Arc<Site>, query: &Fields) -> WebAnswer {
    let (events, stream) = mpsc::channel(4);
    let ended = site.streams().begin_stream();
    let keeps_open = query.value("page") == Some("inbox");
    let log = query.value("log").and_then(|id| id.parse().ok());
    tokio::spawn(feed_stream(Arc::clone(site), events, ended, keeps_open, log));
    WebAnswer::events(stream)
}

async fn feed_stream(
    site: Arc<Site>,
    events: Sender<Bytes>,
    mut ended: oneshot::Receiver<()>,
    keeps_open: bool,
    log: Option<u64>,
) {
    let taken = log.and_then(|id| Some((id, site.streams().take_log(id)?)));
    if log.is_some() && taken.is_none() {
        let _ = events.send(write_event("lost", "")).await;
    }
    let mut state = Some(Box::new(LiveState { inbox: None, log: taken }));
    let (mut looks, mut beat) = (interval(UI_LOOK), Instant::now());
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    'stream: loop {
        tokio::select! {
            _ = looks.tick() => {}
            _ = &mut ended => {
                let _ = events.try_send(write_event("rest", ""));
                break;
            }
            () = events.closed() => break,
        }
        let Some(mut looked) = state.take() else { break };
        let here = Arc::clone(&site);
        let look = tokio::task::spawn_blocking(move || {
            let found = looked.look(&here);
            (looked, found)
        });
        let Ok((looked, mut found)) = look.await else { break };
        state = Some(looked);
        if beat.elapsed() >= UI_BEAT {
            beat = Instant::now();
            found.push(Bytes::from_static(b": \n\n"));
            // Whoever leaves the inbox open wants to be told. Another page that was left open is no use.
            if keeps_open {
                site.note_use();
            }
        }
        for event in found {
            tokio::select! {
                sent = events.send(event) => if sent.is_err() { break 'stream },
                _ = &mut ended => break 'stream,
            }
        }
    }
    if let Some((id, log)) = state.and_then(|state| state.log) {
        site.streams().keep_as(id, log);
    }
}

/// What a stream has told so far.
struct LiveState {
    /// `None` before the first look.
    inbox: Option<InboxLook>,
    log: Option<(u64, FollowedLog)>,
}

struct InboxLook {
    stores: ApprovalStores,
    /// When and how long the files were at the last look.
    marks: Vec<FileMark>,
    looked: Instant,
    has_open: bool,
    told: String,
}

impl LiveState {
    fn look(&mut self, site: &Site) -> Vec<Bytes> {
        let mut events = Vec::new();
        if self.inbox.is_none() {
            self.inbox = ApprovalStores::find_all(site.env()).ok().map(InboxLook::new);
        }
        events.extend(self.inbox.as_mut().and_then(InboxLook::look).map(|data| write_event("inbox", &data)));
        if let Some((_, log)) = &mut self.log {
            events.extend(log.look().map(|(name, data)| write_event(name, &data)));
        }
        events
    }
}

impl InboxLook {
    fn new(stores: ApprovalStores) -> Self {
        Self { stores, marks: Vec::new(), looked: Instant::now(), has_open: true, told: String::new() }
    }

    /// Returns what waits, if that is not what was told last.
    fn look(&mut self) -> Option<String> {
        let marks: Vec<_> = self.stores.files().flat_map(mark_files).collect();
        let is_due = self.has_open && (self.told.is_empty() || self.looked.elapsed() >= UI_SWEEP);
        if marks == self.marks && !is_due {
            return None;
        }
        (self.marks, self.looked) = (marks, Instant::now());
        // What cannot be read now is read at the next sweep.
        let Ok(all) = self.stores.list_all() else {
            self.has_open = true;
            return None;
        };
        self.has_open = all.iter().any(|entry| entry.state.is_open());
        let data = inbox::describe_open(&all);
        (data != self.told).then(|| {
            self.told.clone_from(&data);
            data
        })
    }
}

/// Marks the file of a store, and that of what was written to it last.
fn mark_files(store: &Path) -> [FileMark; 2] {
    let mut wal = store.as_os_str().to_owned();
    wal.push("-wal");
    [mark(store), mark(Path::new(&wal))]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_ends_where_it_should() {
        let event = write_event("line", "a\n\nevent: inbox\r\rdata: b\r\n");
        let text = String::from_utf8(event.to_vec()).unwrap();
        assert!(text.starts_with("event: line\n") && text.ends_with("\n\n"), "{text}");
        assert!(!text.contains('\r') && text.matches("\n\n").count() == 1, "{text}");
        assert_eq!(text.lines().filter(|line| !line.starts_with("data: ")).collect::<Vec<_>>(), ["event: line", ""]);
    }

    #[test]
    fn the_oldest_stream_gives_way() {
        let streams = Streams::default();
        let mut first = streams.begin_stream();
        let others: Vec<_> = (1..MAX_UI_STREAMS).map(|_| streams.begin_stream()).collect();
        assert_eq!(first.try_recv(), Err(oneshot::error::TryRecvError::Empty));
        let last = streams.begin_stream();
        assert_eq!(first.try_recv(), Err(oneshot::error::TryRecvError::Closed));
        // One that has ended makes room.
        drop(others);
        let mut more: Vec<_> = (1..MAX_UI_STREAMS).map(|_| streams.begin_stream()).collect();
        more.push(last);
        assert!(more.iter_mut().all(|stream| stream.try_recv() == Err(oneshot::error::TryRecvError::Empty)));
    }
}
