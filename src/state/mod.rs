//! What outlives a run of the wrapper: the counts of the scope `server`, in one SQLite file.

mod codec;
mod file;
mod sqlite;

pub use sqlite::Sqlite;
