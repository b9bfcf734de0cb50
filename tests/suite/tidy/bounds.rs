//! How large and how plain the sources are: functions, names, files, and what is serialized.
//!
//! Code that is only there for tests does not count. A function is counted for its name where this crate chose it: not in an
//! `impl` of a trait that is declared elsewhere, and not where a macro writes it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::sync::LazyLock;

use syn::ext::IdentExt as _;
use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};
use syn::{Attribute, Field, Item};

use super::files;
use super::source::{is_test, is_test_item};

/// A function may have this many lines, from `fn` to its last brace.
const MAX_FUNCTION: usize = 80;

/// A type's name may stand in this many modules.
const MAX_HOMONYMS: usize = 2;

/// Less than this share of functions may have a name of one word, in percent.
const MAX_SINGLE_WORDS: usize = 45;

/// The crate without its tests may have this many lines. The aim is 37,000: lower it with each change that takes something away.
const MAX_LINES: usize = 100_800;

/// The subcommands must have fewer lines than this.
const MAX_COMMAND_LINES: usize = 6_000;

/// File names that say what was done to something, not what it is.
const PARTICIPLES: [&str; 24] = [
    "asked", "begun", "bound", "built", "chosen", "done", "drawn", "found", "given", "gone", "heard", "held", "kept",
    "known", "left", "made", "read_in", "said", "seen", "sent", "shown", "taken", "told", "written",
];

/// Names that only end like one.
const NOUNS: [&str; 5] = ["settings", "string", "timing", "embed", "thing"];

#[derive(Default)]
struct Survey {
    functions: Vec<Function>,
    /// In which files a type is declared.
    types: BTreeMap<String, BTreeSet<String>>,
    traits: BTreeSet<String>,
    /// The lines of each file without its tests.
    lines: BTreeMap<String, usize>,
    /// Fields of serialized types in `report` without a word about them.
    undocumented: Vec<String>,
    documented: usize,
}

struct Function {
    name: String,
    file: String,
    lines: usize,
    /// The trait that it is of, in an `impl` of one.
    of_trait: Option<String>,
}

/// One file on its way into the survey.
struct Surveyor<'s> {
    survey: &'s mut Survey,
    file: &'s str,
    of_trait: Option<String>,
    /// The lines of what is only there for tests.
    tests: Vec<RangeInclusive<usize>>,
}

fn survey() -> &'static Survey {
    static SURVEY: LazyLock<Survey> = LazyLock::new(read);
    &SURVEY
}

fn read() -> Survey {
    let sources = files("src", &["rs"]);
    let mut survey = Survey::default();
    // A file of tests says so in its name, or is declared so elsewhere.
    for (file, text) in sources.iter().filter(|(file, _)| !file.ends_with("tests.rs")) {
        let mut surveyor = Surveyor { survey: &mut survey, file, of_trait: None, tests: Vec::new() };
        surveyor.visit_file(&syn::parse_file(text).unwrap());
        let tests: usize = surveyor.tests.iter().map(|lines| lines.end() - lines.start() + 1).sum();
        survey.lines.insert(file.clone(), text.lines().count() - tests);
    }
    survey
}

impl Surveyor<'_> {
    /// Leaves out what an attribute keeps for tests; whether it does.
    fn skips(&mut self, attributes: &[Attribute], span: proc_macro2::Span) -> bool {
        let skips = attributes.iter().any(is_test);
        if skips {
            self.tests.push(span.start().line..=span.end().line);
        }
        skips
    }

    fn function(&mut self, signature: &syn::Signature, body: Option<&syn::Block>) {
        let last = body.map_or(signature.span().end(), |body| body.brace_token.span.close().end()).line;
        self.survey.functions.push(Function {
            name: signature.ident.unraw().to_string(),
            file: self.file.to_owned(),
            lines: last - signature.span().start().line + 1,
            of_trait: self.of_trait.clone(),
        });
    }

    fn fields<'f>(&mut self, attributes: &[Attribute], name: &str, fields: impl Iterator<Item = &'f Field>) {
        let is_serialized = attributes.iter().filter(|attribute| attribute.path().is_ident("derive")).any(|derive| {
            let syn::Meta::List(list) = &derive.meta else { return false };
            list.tokens.to_string().split(|c: char| !c.is_alphanumeric()).any(|word| word == "Serialize")
        });
        if !is_serialized || !self.file.starts_with("src/report") {
            return;
        }
        for field in fields {
            let Some(ident) = &field.ident else { continue };
            if field.attrs.iter().any(|attribute| attribute.path().is_ident("doc")) {
                self.survey.documented += 1;
            } else {
                self.survey.undocumented.push(format!("{}: {name}.{ident}", self.file));
            }
        }
    }
}

impl<'ast> Visit<'ast> for Surveyor<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        if is_test_item(item) {
            let span = item.span();
            self.tests.push(span.start().line..=span.end().line);
            return;
        }
        match item {
            Item::Struct(item) => self.fields(&item.attrs, &item.ident.to_string(), item.fields.iter()),
            Item::Enum(item) => {
                let fields = item.variants.iter().flat_map(|variant| variant.fields.iter());
                self.fields(&item.attrs, &item.ident.to_string(), fields);
            }
            Item::Trait(item) => drop(self.survey.traits.insert(item.ident.to_string())),
            Item::Impl(item) => {
                let name = item.trait_.as_ref().and_then(|(_, path, _)| path.segments.last());
                let outer = std::mem::replace(&mut self.of_trait, name.map(|last| last.ident.to_string()));
                visit::visit_item_impl(self, item);
                self.of_trait = outer;
                return;
            }
            Item::Fn(item) => {
                self.function(&item.sig, Some(&item.block));
                let outer = self.of_trait.take();
                visit::visit_block(self, &item.block);
                self.of_trait = outer;
                return;
            }
            _ => {}
        }
        if let Item::Enum(syn::ItemEnum { ident, .. })
        | Item::Struct(syn::ItemStruct { ident, .. })
        | Item::Trait(syn::ItemTrait { ident, .. })
        | Item::Type(syn::ItemType { ident, .. })
        | Item::Union(syn::ItemUnion { ident, .. }) = item
        {
            self.survey.types.entry(ident.to_string()).or_default().insert(self.file.to_owned());
        }
        visit::visit_item(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        if !self.skips(&item.attrs, item.span()) {
            self.function(&item.sig, Some(&item.block));
            let outer = self.of_trait.take();
            visit::visit_block(self, &item.block);
            self.of_trait = outer;
        }
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if !self.skips(&item.attrs, item.span()) {
            self.function(&item.sig, item.default.as_ref());
            visit::visit_trait_item_fn(self, item);
        }
    }
}

#[test]
fn functions_are_short() {
    let survey = survey();
    let long = survey.functions.iter().filter(|function| function.lines > MAX_FUNCTION);
    let long: Vec<_> = long.map(|long| format!("{}: {} has {} lines", long.file, long.name, long.lines)).collect();
    assert!(long.is_empty(), "{long:#?}");
    assert!(survey.functions.len() > 1_000, "only {} functions are seen", survey.functions.len());
}

#[test]
fn a_types_name_tells_which_it_is() {
    let survey = survey();
    let repeated: Vec<_> = survey.types.iter().filter(|(_, files)| files.len() > MAX_HOMONYMS).collect();
    assert!(repeated.is_empty(), "{repeated:#?}");
}

#[test]
fn functions_are_named_by_phrases() {
    let survey = survey();
    let is_ours = |function: &&Function| function.of_trait.as_ref().is_none_or(|name| survey.traits.contains(name));
    let ours: Vec<_> = survey.functions.iter().filter(is_ours).collect();
    let single: Vec<_> = ours.iter().filter(|function| !function.name.contains('_')).collect();
    let mut counts = BTreeMap::<&str, usize>::new();
    single.iter().for_each(|function| *counts.entry(&function.name).or_default() += 1);
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts.truncate(60);
    assert!(
        single.len() * 100 < ours.len() * MAX_SINGLE_WORDS,
        "{} of {} functions have a name of one word, {:.1} %: {counts:?}",
        single.len(),
        ours.len(),
        single.len() as f64 * 100.0 / ours.len() as f64
    );
}

#[test]
fn files_are_named_for_what_they_hold() {
    let is_participle = |stem: &str| {
        let last = stem.rsplit('_').next().unwrap();
        !NOUNS.contains(&last) && (PARTICIPLES.contains(&last) || last.ends_with("ed") || last.ends_with("ing"))
    };
    let named = files("src", &["rs"]).into_iter().map(|(file, _)| file);
    let named: Vec<_> = named
        .filter(|file| file.trim_start_matches("src/").trim_end_matches(".rs").split('/').any(is_participle))
        .collect();
    assert!(named.is_empty(), "{named:#?}");
}

#[test]
fn the_crate_stays_small() {
    let survey = survey();
    let lines = |top: &str| -> usize {
        survey.lines.iter().filter(|(file, _)| file.starts_with(top)).map(|(_, lines)| lines).sum()
    };
    let (all, commands) = (lines("src/"), lines("src/cmd/"));
    assert!(all <= MAX_LINES && commands < MAX_COMMAND_LINES, "{all} lines, {commands} of them in cmd");
}

#[test]
fn what_programs_read_is_explained_field_by_field() {
    let survey = survey();
    assert!(survey.undocumented.is_empty(), "{:#?}", survey.undocumented);
    assert!(survey.documented > 50, "only {} fields are seen", survey.documented);
}
