//! The sources of the crate as `syn` reads them: which module is where, which names stand for what in it, and which code is
//! only there for tests.

use std::collections::{BTreeMap, HashMap};

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use syn::ext::IdentExt as _;
use syn::visit::{self, Visit};
use syn::{Attribute, Item, Meta, Path, UseTree};

/// A path as written or resolved, segment by segment. A leading `::` is a segment `::`.
pub(super) type Segments = Vec<String>;

/// A module of the crate.
#[derive(Debug, Default)]
pub(super) struct Module {
    /// Its path from the crate's root.
    pub(super) path: Segments,
    /// The file that it is in.
    pub(super) file: String,
    /// What names stand for that are imported, renamed or declared here.
    names: HashMap<String, Vec<Segments>>,
    globs: Vec<Segments>,
    /// What the module mentions.
    pub(super) mentions: Vec<Mention>,
}

/// Something that a module's code mentions.
#[derive(Clone, Debug)]
pub(super) struct Mention {
    pub(super) what: What,
    /// Whether it is compiled for tests alone.
    pub(super) is_test: bool,
}

#[derive(Clone, Debug)]
pub(super) enum What {
    /// A path that is used.
    Path(Segments),
    /// All names of a module are imported.
    Glob(Segments),
    /// A macro is called.
    Macro(Segments),
    /// A word alone stands in the tokens of a macro.
    Word(String),
    /// A method is called.
    Method(String),
    /// Something that no path tells of, in words.
    Construct(String),
}

/// The modules of the crate by their paths.
#[derive(Debug, Default)]
pub(super) struct Crate {
    pub(super) modules: BTreeMap<Segments, Module>,
}

impl Crate {
    /// Reads sources, each with its path from the repository's root.
    pub(super) fn parse<'s>(sources: impl IntoIterator<Item = (&'s str, &'s str)>) -> Self {
        let mut read = Self::default();
        let mut tests = Vec::new();
        for (file, text) in sources {
            let parsed = syn::parse_file(text).unwrap_or_else(|error| panic!("{file}: {error}"));
            let path = module_path(file);
            let mut collector = Collector { read: &mut read, tests: &mut tests, path, file, test_depth: 0 };
            collector.module();
            collector.visit_file(&parsed);
        }
        // A module in a file of its own is declared elsewhere as a test.
        for (path, module) in &mut read.modules {
            if tests.iter().any(|test| path.starts_with(test)) {
                module.mentions.iter_mut().for_each(|mention| mention.is_test = true);
            }
        }
        read
    }

    /// Everything that a path can mean: it begins with `crate`, or with the name of another crate. Empty where the path begins
    /// with a type or a variable.
    pub(super) fn resolve(&self, at: &[String], path: &[String]) -> Vec<Segments> {
        let mut found = Vec::new();
        self.resolve_into(at, path, 0, &mut found);
        found
    }

    fn resolve_into(&self, at: &[String], path: &[String], depth: usize, found: &mut Vec<Segments>) {
        let Some((first, rest)) = path.split_first().filter(|_| depth < 24) else { return };
        match first.as_str() {
            "::" => found.push(rest.to_vec()),
            // The binary names the library by its name.
            "crate" | "policylayer" => self.walk(&[], rest, depth + 1, found),
            "self" => self.walk(at, rest, depth + 1, found),
            "super" => self.walk(&at[..at.len().saturating_sub(1)], rest, depth + 1, found),
            "Self" => {}
            _ if self.has(at, first, depth) => self.walk(at, path, depth + 1, found),
            _ => {
                // A name of the root such as `extern crate std as x` holds everywhere.
                let root = self.modules.get(&[][..]).and_then(|root| root.names.get(first));
                let renamed = root.into_iter().flatten().filter(|target| target.first().is_some_and(|one| one == "::"));
                let renamed: Vec<Segments> = renamed.map(|target| [&target[1..], rest].concat()).collect();
                match renamed.is_empty() {
                    true if is_crate_name(first) => found.push(path.to_vec()),
                    true => {}
                    false => found.extend(renamed),
                }
            }
        }
    }

    /// Whether a module has a name: its own, a child's, or one that a glob brings.
    fn has(&self, at: &[String], name: &str, depth: usize) -> bool {
        let Some(module) = self.modules.get(at).filter(|_| depth < 24) else { return false };
        let child = [at, &[name.to_owned()]].concat();
        module.names.contains_key(name)
            || self.modules.contains_key(&child)
            || self.globbed(module, depth).into_iter().any(|from| from != at && self.has(&from, name, depth + 1))
    }

    /// The modules of this crate whose names a module imports as a whole.
    fn globbed(&self, module: &Module, depth: usize) -> Vec<Segments> {
        let mut from = Vec::new();
        for glob in &module.globs {
            self.resolve_into(&module.path, glob, depth + 1, &mut from);
        }
        let inside = from.into_iter().filter(|path| path.first().is_some_and(|first| first == "crate"));
        inside.map(|path| path[1..].to_vec()).collect()
    }

    /// Follows a path from a module of the crate, through what it imports under other names.
    fn walk(&self, at: &[String], path: &[String], depth: usize, found: &mut Vec<Segments>) {
        let here = || [&["crate".to_owned()], at, path].concat();
        let Some((first, rest)) = path.split_first().filter(|_| depth < 24) else { return found.push(here()) };
        match first.as_str() {
            "self" => return self.walk(at, rest, depth + 1, found),
            "super" => return self.walk(&at[..at.len().saturating_sub(1)], rest, depth + 1, found),
            _ => {}
        }
        let Some(module) = self.modules.get(at) else { return found.push(here()) };
        // Whatever it leads to in the end, it leads through here.
        found.push([&["crate".to_owned()], at].concat());
        let child = [at, std::slice::from_ref(first)].concat();
        let mut is_known = false;
        if self.modules.contains_key(&child) {
            is_known = true;
            self.walk(&child, rest, depth + 1, found);
        }
        for target in module.names.get(first).into_iter().flatten() {
            is_known = true;
            self.resolve_into(at, &[target, rest].concat(), depth + 1, found);
        }
        for from in self.globbed(module, depth) {
            if from != at && self.has(&from, first, depth + 1) {
                is_known = true;
                self.walk(&from, path, depth + 1, found);
            }
        }
        if !is_known {
            found.push(here());
        }
    }
}

/// The path of the module in a file.
fn module_path(file: &str) -> Segments {
    let path = file.trim_start_matches("src/").trim_end_matches(".rs").trim_end_matches("/mod");
    match path {
        "lib" => Vec::new(),
        path => path.split('/').map(str::to_owned).collect(),
    }
}

/// Whether a path that begins with an unknown name begins with a crate: types and variants are capitalised.
fn is_crate_name(name: &str) -> bool {
    const PRIMITIVES: [&str; 18] = [
        "bool", "char", "f32", "f64", "i8", "i16", "i32", "i64", "i128", "isize", "str", "u8", "u16", "u32", "u64",
        "u128", "usize", "_",
    ];
    name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_') && !PRIMITIVES.contains(&name)
}

/// Whether an attribute keeps its item out of everything but tests.
pub(super) fn is_test(attribute: &Attribute) -> bool {
    match &attribute.meta {
        Meta::List(list) if list.path.is_ident("cfg") => {
            list.parse_args::<Meta>().is_ok_and(|meta| implies_test(&meta))
        }
        meta => meta.path().segments.last().is_some_and(|last| last.ident == "test"),
    }
}

/// The file that a `#[path]` names.
fn path_of(attribute: &Attribute) -> Option<String> {
    let Meta::NameValue(value) = &attribute.meta else { return None };
    let syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(file), .. }) = &value.value else { return None };
    value.path.is_ident("path").then(|| file.value())
}

fn implies_test(meta: &Meta) -> bool {
    let inside = |meta: &Meta| {
        let Meta::List(list) = meta else { return Vec::new() };
        let parse = syn::punctuated::Punctuated::<Meta, syn::Token![,]>::parse_terminated;
        list.parse_args_with(parse).map(|list| list.into_iter().collect()).unwrap_or_default()
    };
    if meta.path().is_ident("all") {
        inside(meta).iter().any(implies_test)
    } else if meta.path().is_ident("any") {
        let inside = inside(meta);
        !inside.is_empty() && inside.iter().all(implies_test)
    } else {
        matches!(meta, Meta::Path(path) if path.is_ident("test"))
    }
}

fn attributes_of(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::ExternCrate(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::ForeignMod(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::TraitAlias(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// Whether an item is only there for tests.
pub(super) fn is_test_item(item: &Item) -> bool {
    attributes_of(item).iter().any(is_test)
}

/// Gathers the names and the mentions of one file.
struct Collector<'c> {
    read: &'c mut Crate,
    /// The modules that are declared as tests.
    tests: &'c mut Vec<Segments>,
    path: Segments,
    file: &'c str,
    test_depth: usize,
}

impl Collector<'_> {
    fn module(&mut self) -> &mut Module {
        let module = self.read.modules.entry(self.path.clone()).or_default();
        if module.file.is_empty() {
            (module.path, module.file) = (self.path.clone(), self.file.to_owned());
        }
        module
    }

    fn mention(&mut self, what: What) {
        let is_test = self.test_depth > 0;
        self.module().mentions.push(Mention { what, is_test });
    }

    fn bind(&mut self, name: String, target: Segments) {
        let targets = self.module().names.entry(name).or_default();
        if !targets.contains(&target) {
            targets.push(target);
        }
    }

    /// A type or trait of the module: it hides a crate of its name.
    fn declare(&mut self, name: &proc_macro2::Ident) {
        let name = name.unraw().to_string();
        self.module().names.entry(name).or_default();
    }

    fn import(&mut self, prefix: &[String], tree: &UseTree) {
        let with = |name: &proc_macro2::Ident| [prefix, &[name.unraw().to_string()]].concat();
        match tree {
            UseTree::Path(path) => self.import(&with(&path.ident), &path.tree),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.import(prefix, tree)),
            UseTree::Glob(_) => {
                self.module().globs.push(prefix.to_vec());
                self.mention(What::Glob(prefix.to_vec()));
            }
            UseTree::Name(name) if name.ident == "self" => self.import_as(prefix.to_vec(), prefix.last().cloned()),
            UseTree::Name(name) => self.import_as(with(&name.ident), Some(name.ident.unraw().to_string())),
            UseTree::Rename(rename) => {
                let target = if rename.ident == "self" { prefix.to_vec() } else { with(&rename.ident) };
                let name = Some(rename.rename.unraw().to_string()).filter(|name| name != "_");
                self.import_as(target, name);
            }
        }
    }

    fn import_as(&mut self, target: Segments, name: Option<String>) {
        self.mention(What::Path(target.clone()));
        // `use toml;` binds the name that it begins with.
        if let Some(name) = name.filter(|name| target.len() > 1 || target.first() != Some(name)) {
            self.bind(name, target);
        }
    }

    /// Whatever paths, calls and imports there are in a macro's arguments or body, in whatever language that is.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut tokens = tokens.into_iter().peekable();
        let mut scan = Scan::default();
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Ident(word) if word == "use" => {
                    self.end(&mut scan);
                    let is_end = |token: &TokenTree| matches!(token, TokenTree::Punct(end) if end.as_char() == ';');
                    let tree: TokenStream = tokens.by_ref().take_while(|token| !is_end(token)).collect();
                    match syn::parse_str::<syn::ItemUse>(&format!("use {tree};")) {
                        Ok(item) => self.visit_item_use(&item),
                        Err(_) => self.mention(What::Construct(format!("an import that a macro makes: `use {tree}`"))),
                    }
                }
                TokenTree::Ident(word) if KEYWORDS.contains(&word.to_string().as_str()) => self.end(&mut scan),
                TokenTree::Ident(word) => {
                    let word = word.unraw().to_string();
                    if scan.is_open() {
                        scan.colons = 0;
                        scan.path.push(word);
                        continue;
                    }
                    // `<T as Trait>::name` and `value.method::name` go on; only a crate's name begins a path there.
                    let goes_on = scan.goes_on && !CRATES.contains(&word.as_str());
                    let (is_absolute, is_method) = (scan.colons == 2 && !goes_on, scan.is_after_dot);
                    self.end(&mut scan);
                    if goes_on {
                        self.mention(What::Word(word));
                    } else if is_method {
                        self.mention(What::Method(word));
                    } else {
                        scan.path = is_absolute.then(|| "::".to_owned()).into_iter().chain([word]).collect();
                    }
                }
                TokenTree::Punct(mark) if mark.as_char() == ':' => scan.colons += 1,
                TokenTree::Punct(mark)
                    if mark.as_char() == '!' && matches!(tokens.peek(), Some(TokenTree::Group(_))) =>
                {
                    let path = std::mem::take(&mut scan.path);
                    if let (Some(TokenTree::Group(group)), false) = (tokens.next(), path.is_empty()) {
                        self.macro_call(&path, &group.stream());
                    }
                    self.end(&mut scan);
                }
                TokenTree::Punct(mark) => {
                    // `..` is a range or the rest of a struct, and no path goes on after `->`.
                    let (after_dot, after_minus) = (scan.is_after_dot, scan.is_after_minus);
                    self.end(&mut scan);
                    scan.is_after_dot = mark.as_char() == '.' && !after_dot;
                    scan.is_after_minus = mark.as_char() == '-';
                    scan.goes_on = mark.as_char() == '>' && !after_minus;
                }
                TokenTree::Group(group) => {
                    if scan.is_open() && group.delimiter() == Delimiter::Brace {
                        let names = format!("names in a group: `{}::{group}`", scan.path.join("::"));
                        self.mention(What::Construct(names));
                    }
                    self.end(&mut scan);
                    self.tokens(group.stream());
                }
                TokenTree::Literal(_) => self.end(&mut scan),
            }
        }
        self.end(&mut scan);
    }

    /// A path in a macro's tokens ends here.
    fn end(&mut self, scan: &mut Scan) {
        let Scan { mut path, .. } = std::mem::take(scan);
        match path.len() {
            0 => {}
            1 => self.mention(What::Word(path.remove(0))),
            _ => self.mention(What::Path(path)),
        }
    }

    fn macro_call(&mut self, path: &[String], tokens: &TokenStream) {
        let Some((name, prefix)) = path.split_last() else { return };
        self.mention(What::Macro([prefix, std::slice::from_ref(name)].concat()));
        if name == "include" && tokens.to_string().replace(' ', "") == GENERATED {
            return;
        }
        let text = syn::parse2::<syn::LitStr>(tokens.clone()).map(|text| text.value());
        if name.starts_with("include")
            && !text.as_ref().is_ok_and(|file| !file.starts_with(['/', '\\', '~']) && !file.contains(':'))
        {
            self.mention(What::Construct(format!("a file that may not be of this repository: `{tokens}`")));
        }
        if matches!(name.as_str(), "env" | "option_env") && !text.is_ok_and(|name| name.starts_with("CARGO_PKG_")) {
            self.mention(What::Construct(format!("the environment of the build: `{tokens}`")));
        }
        self.tokens(tokens.clone());
    }
}

/// The only file outside of the repository that is part of the program: build.rs writes it from config/catalogue.
const GENERATED: &str = r#"concat!(env!("OUT_DIR"),"/catalogues.rs")"#;

/// How far a path in a macro's tokens is read.
#[derive(Default)]
struct Scan {
    path: Segments,
    colons: usize,
    is_after_dot: bool,
    is_after_minus: bool,
    /// After a `>`, which may end the type that a path begins with.
    goes_on: bool,
}

impl Scan {
    /// Whether the path goes on.
    fn is_open(&self) -> bool {
        self.colons == 2 && !self.path.is_empty()
    }
}

/// Crates with I/O, a clock or the environment: a path may begin with one of them wherever it stands.
const CRATES: [&str; 18] = [
    "std",
    "core",
    "alloc",
    "tokio",
    "rustix",
    "libc",
    "anyhow",
    "tempfile",
    "getrandom",
    "rusqlite",
    "notify",
    "rmcp",
    "crossterm",
    "directories",
    "tracing",
    "process_wrap",
    "signal_hook",
    "winapi_util",
];

/// What stands before a path and is not part of it.
const KEYWORDS: [&str; 24] = [
    "as", "async", "await", "break", "const", "dyn", "else", "extern", "fn", "for", "if", "impl", "in", "let", "match",
    "move", "mut", "pub", "ref", "return", "static", "type", "where", "while",
];

fn segments(path: &Path) -> Segments {
    let lead = path.leading_colon.map(|_| "::".to_owned());
    lead.into_iter().chain(path.segments.iter().map(|segment| segment.ident.unraw().to_string())).collect()
}

impl<'ast> Visit<'ast> for Collector<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        let is_test = is_test_item(item);
        self.test_depth += usize::from(is_test);
        match item {
            Item::Mod(item) => {
                let name = item.ident.unraw().to_string();
                self.path.push(name);
                if is_test {
                    // The file that a `#[path]` names is beside this one.
                    let file = item.attrs.iter().find_map(path_of).map(|name| {
                        let dir = self.file.rsplit_once('/').map_or("", |(dir, _)| dir);
                        module_path(&format!("{dir}/{name}"))
                    });
                    let test = file.unwrap_or_else(|| self.path.clone());
                    self.tests.push(test);
                }
                if item.content.is_some() {
                    self.module();
                }
                visit::visit_item_mod(self, item);
                self.path.pop();
            }
            // A macro that is imported by its name.
            Item::Macro(item) => {
                if let Some(name) = &item.ident {
                    self.declare(name);
                }
                visit::visit_item_macro(self, item);
            }
            Item::Enum(syn::ItemEnum { ident, .. })
            | Item::Struct(syn::ItemStruct { ident, .. })
            | Item::Trait(syn::ItemTrait { ident, .. })
            | Item::Type(syn::ItemType { ident, .. })
            | Item::Union(syn::ItemUnion { ident, .. }) => {
                self.declare(ident);
                visit::visit_item(self, item);
            }
            Item::ExternCrate(item) => {
                let name = item.ident.unraw().to_string();
                let target =
                    if name == "self" { vec!["crate".to_owned()] } else { vec!["::".to_owned(), name.clone()] };
                self.mention(What::Path(target.clone()));
                let bound = item.rename.as_ref().map_or(name, |(_, rename)| rename.unraw().to_string());
                self.bind(bound, target);
            }
            Item::ForeignMod(_) => self.mention(What::Construct("an `extern` block".to_owned())),
            item => visit::visit_item(self, item),
        }
        self.test_depth -= usize::from(is_test);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        let is_test = item.attrs.iter().any(is_test);
        self.test_depth += usize::from(is_test);
        visit::visit_impl_item_fn(self, item);
        self.test_depth -= usize::from(is_test);
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        let lead: Segments = item.leading_colon.map(|_| "::".to_owned()).into_iter().collect();
        self.import(&lead, &item.tree);
    }

    fn visit_path(&mut self, path: &'ast Path) {
        let segments = segments(path);
        // One name alone is a type that an import tells of, or a variable.
        if segments.len() > 1 {
            self.mention(What::Path(segments));
        }
        visit::visit_path(self, path);
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        self.mention(What::Method(call.method.unraw().to_string()));
        visit::visit_expr_method_call(self, call);
    }

    fn visit_expr_path(&mut self, expr: &'ast syn::ExprPath) {
        // `<Path>::exists`.
        if let (Some(_), Some(last)) = (&expr.qself, expr.path.segments.last()) {
            self.mention(What::Method(last.ident.unraw().to_string()));
        }
        visit::visit_expr_path(self, expr);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.macro_call(&segments(&call.path), &call.tokens);
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if attribute.path().is_ident("doc") || attribute.path().is_ident("cfg") {
            return;
        }
        if attribute.path().is_ident("path") {
            self.mention(What::Construct("a `#[path]`".to_owned()));
        }
        // One word alone is an attribute of the language, or a derive's.
        if let path @ [_, _, ..] = &segments(attribute.path())[..] {
            self.mention(What::Path(path.to_vec()));
        }
        if let Meta::List(list) = &attribute.meta {
            self.tokens(list.tokens.clone());
            // serde takes paths as text.
            let texts = list.tokens.clone().into_iter().filter_map(|token| match token {
                TokenTree::Literal(literal) => syn::parse_str::<syn::LitStr>(&literal.to_string()).ok(),
                _ => None,
            });
            for path in texts.filter_map(|text| syn::parse_str::<Path>(&text.value()).ok()) {
                self.visit_path(&path);
            }
        }
    }
}
