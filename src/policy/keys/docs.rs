//! The tables of keys in docs/policy.md.

use super::{KeySpec, TableSpec};

impl TableSpec {
    pub(in crate::policy) fn to_markdown(&self) -> String {
        let row = |key: &KeySpec| {
            let names: Vec<_> = std::iter::once(&key.name).chain(key.aliases).map(|name| format!("`{name}`")).collect();
            let default = match key.default.first() {
                Some(default) => format!("`{default}`"),
                None if key.required.is_empty() => String::new(),
                None => "required".to_owned(),
            };
            format!(
                "| {} | {} | {default} | {} |\n",
                names.join(", "),
                (key.value_kind)().kind,
                super::join_lines(key.doc)
            )
        };
        let rows: String = self.keys().map(row).collect();
        format!("| key | value | default | meaning |\n|---|---|---|---|\n{rows}")
    }
}
