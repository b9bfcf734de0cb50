//! The pages of tools/list that were judged, so that the same bytes are not judged again.
//!
//! A session asks for its list a few times, and hardly any server changes it meanwhile. What is learned from a page is
//! learned once; what is decided holds until the policy changes or another listing raises the class of a listed tool.

use std::collections::HashMap;

use crate::limits::{MAX_JUDGED_HIDDEN, MAX_JUDGED_PAGES};
use crate::record::Digest;
use crate::wire::view;

#[derive(Debug, Default)]
pub(super) struct JudgedPages {
    /// Of each page the numbers of its items that are hidden, in their order.
    pages: HashMap<PageKey, Vec<usize>>,
}

/// What a page is known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct PageKey(Digest);

impl PageKey {
    /// Returns the key of the page that is the result in a line; `None` if it must be read anew in any case, because there is
    /// more in the line that is to be read as strictly as a list.
    pub(super) fn of_line(line: &[u8], result: &str) -> Option<Self> {
        let range = view::range_of(line, result);
        let nested = |part: Option<&[u8]>| part.map_or(0, |part| memchr::memchr2_iter(b'{', b'[', part).count());
        let is_alone = nested(line.get(..range.start)) == 1 && nested(line.get(range.end..)) == 0;
        is_alone.then(|| Self(Digest::of_text(result.as_bytes())))
    }
}

impl JudgedPages {
    /// Returns the numbers of the hidden items of a page; `None` if it has to be judged.
    pub(super) fn find(&self, page: PageKey) -> Option<&[usize]> {
        self.pages.get(&page).map(Vec::as_slice)
    }

    pub(super) fn record(&mut self, page: PageKey, hidden: Vec<usize>) {
        if self.pages.len() >= MAX_JUDGED_PAGES {
            self.pages.clear();
        }
        if hidden.len() <= MAX_JUDGED_HIDDEN {
            self.pages.insert(page, hidden);
        }
    }

    pub(super) fn forget_all(&mut self) {
        self.pages.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_result_with_nothing_nested_beside_it_is_known_again() {
        let result = r#"{"tools":[{"name":"a"}]}"#;
        let key = |before: &str, after: &str| {
            let line = format!("{before}{result}{after}");
            PageKey::of_line(line.as_bytes(), &line[before.len()..before.len() + result.len()])
        };
        let known = key(r#"{"jsonrpc":"2.0","id":1,"result":"#, "}\n");
        assert!(known.is_some());
        assert_eq!(key(r#"{"result":"#, r#","jsonrpc":"2.0","id":"2"}"#), known);
        assert_eq!(key(r#"{"x":{"a":1,"a":2},"id":1,"result":"#, "}"), None);
        assert_eq!(key(r#"{"id":1,"result":"#, r#","x":[{"a":1,"a":2}]}"#), None);
    }
}
