//! Directories as the launchers lay them out, made for the test.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use super::*;

/// A home directory, with a project below it.
struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        let home = Self(tempfile::tempdir().unwrap());
        fs::create_dir_all(home.path("project")).unwrap();
        home
    }

    fn path(&self, path: &str) -> PathBuf {
        fs::canonicalize(self.0.path()).unwrap().join(path)
    }

    fn write(&self, path: &str, text: &str) {
        let file = self.path(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }

    fn env(&self) -> Env {
        let home = self.0.path().to_owned();
        let vars = ["HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "XDG_CACHE_HOME", "XDG_DATA_HOME"];
        let mut vars: Vec<(&str, OsString)> = vars.map(|name| (name, home.clone().into())).to_vec();
        vars.push(("PATH", self.path("bin").into()));
        vars.push(("npm_config_cache", self.path("npm").into()));
        vars.push(("NPM_CONFIG_PREFIX", self.path("prefix").into()));
        Env::new(vars, self.path("project"))
    }

    fn facts(&self, command: &[&str], moment: FileMoment) -> PackageFacts {
        find_facts(command, &self.env(), moment).unwrap()
    }

    fn told(&self, command: &[&str], moment: FileMoment) -> String {
        self.facts(command, moment).to_string()
    }

    /// A package as npm installs it into a directory.
    fn install(&self, dir: &str, name: &str, version: &str, integrity: &str) {
        let manifest = format!(r#"{{"name":"{name}","version":"{version}","bin":{{"shop-mcp":"index.js"}}}}"#);
        self.write(&format!("{dir}/node_modules/{name}/package.json"), &manifest);
        self.write(&format!("{dir}/node_modules/{name}/index.js"), "#!/usr/bin/env node\n");
        let entry = format!(r#"{{"version":"{version}","integrity":"{integrity}"}}"#);
        let lock = format!(r#"{{"lockfileVersion":3,"packages":{{"":{{}},"node_modules/{name}":{entry}}}}}"#);
        self.write(&format!("{dir}/node_modules/.package-lock.json"), &lock);
    }

    fn install_npx(&self, spec: &str, name: &str, version: &str, integrity: &str) {
        self.install(&format!("npm/_npx/{}", npm::cache_key(spec)), name, version, integrity);
    }

    fn install_wheel(&self, name: &str, version: &str, tags: &str, content: &str) {
        let cache = if cfg!(windows) { "uv/cache" } else { "uv" };
        let archive = format!("{cache}/archive-v0/{name}-{version}-{tags}");
        self.write(&format!("{archive}/{name}-{version}.dist-info/RECORD"), &format!("{name}.py,sha256={content},3\n"));
        // As on Windows: a file instead of a link.
        let wheels = format!("{cache}/wheels-v8/pypi");
        let link = format!("archive-v0/{name}-{version}-{tags}\n");
        self.write(&format!("{wheels}/{}/{version}-{tags}", name.replace('_', "-")), &link);
        self.write(&format!("{wheels}/{}/{version}-{tags}.http", name.replace('_', "-")), "");
    }
}

#[test]
fn npx_is_looked_through_in_its_own_order() {
    use FileMoment::{After, Before};
    let home = Home::new();
    let (open, pinned) = (&["npx", "-y", "shop-mcp"], &["npx", "-y", "shop-mcp@1.9.0"]);
    let unknown = "shop-mcp from npm; not even its version is held: npx asks the registry which version is newest";
    assert_eq!(home.told(open, Before), unknown);
    assert_eq!(home.told(open, After), unknown);
    assert_eq!(
        home.told(pinned, Before),
        "shop-mcp 1.9.0 from npm; only the version is held: npx's cache does not have it yet"
    );

    home.install_npx("shop-mcp", "shop-mcp", "1.8.0", "sha512-AAAA");
    home.install_npx("shop-mcp@1.9.0", "shop-mcp", "1.9.0", "sha512-BBBB");
    // What was newest once may be no more.
    assert_eq!(home.told(open, Before), unknown);
    assert_eq!(home.facts(open, After).package.integrity.as_deref(), Some("sha512-AAAA"));
    assert_eq!(home.told(pinned, Before), "shop-mcp 1.9.0 from npm, held by its integrity");
    assert_eq!(home.facts(pinned, Before).package.integrity.as_deref(), Some("sha512-BBBB"));
    // Another version in its directory: it will be replaced.
    home.install_npx("shop-mcp@1.9.1", "shop-mcp", "1.9.0", "sha512-BBBB");
    assert_eq!(home.facts(&["npx", "shop-mcp@1.9.1"], After).package.integrity, None);

    // A global one comes before the cache, one of the project before both, and a program of that name before all.
    let global = if cfg!(windows) { "prefix" } else { "prefix/lib" };
    home.install(global, "shop-mcp", "1.7.0", "sha512-GGGG");
    assert_eq!(home.facts(open, Before).package.version.as_deref(), Some("1.7.0"));
    home.install("project", "shop-mcp", "1.6.0", "sha512-PPPP");
    assert_eq!(home.facts(open, Before).package.integrity.as_deref(), Some("sha512-PPPP"));
    assert_eq!(home.facts(pinned, Before).package.integrity.as_deref(), Some("sha512-BBBB"));
    home.install("project", "other", "3.0.0", "sha512-OOOO");
    home.write("project/node_modules/.bin/shop-mcp", "basedir=x\nexec node \"$basedir/../other/index.js\" \"$@\"\n");
    assert_eq!(home.facts(open, Before).package.name, "other");
    home.write("project/node_modules/.bin/shop-mcp", "#!/bin/sh\nexec something\n");
    assert!(home.told(open, Before).ends_with("what it belongs to is unclear"));
    home.write("project/package.json", r#"{"name":"app","version":"1.0.0","bin":{"shop-mcp":"x.js"}}"#);
    assert!(home.told(open, After).ends_with("the project in the working directory has a program of that name"));
}

#[test]
fn a_range_a_tag_and_an_unclear_command_are_not_held() {
    let home = Home::new();
    for spec in ["shop-mcp@1", "shop-mcp@^1.9.0", "shop-mcp@next", "shop-mcp@latest", "x@npm:shop-mcp"] {
        home.install_npx(spec, "shop-mcp", "1.9.0", "sha512-AAAA");
        home.install("project", "shop-mcp", "1.0.0", "sha512-PPPP");
        assert_eq!(home.facts(&["npx", spec], FileMoment::Before).package.version, None, "{spec}");
        assert_eq!(home.facts(&["npx", spec], FileMoment::After).package.version.as_deref(), Some("1.9.0"), "{spec}");
    }
    for command in [
        &["npx", "--cache", "elsewhere", "shop-mcp@1.9.0"][..],
        &["env", "NPM_CONFIG_CACHE=elsewhere", "npx", "shop-mcp@1.9.0"],
        &["wsl", "npx", "shop-mcp@1.9.0"],
        &["bunx", "shop-mcp@1.9.0"],
    ] {
        home.install_npx("shop-mcp@1.9.0", "shop-mcp", "1.9.0", "sha512-AAAA");
        let facts = home.facts(command, FileMoment::After);
        assert_eq!((facts.package.version.as_deref(), facts.package.integrity.as_deref()), (Some("1.9.0"), None));
        assert!(facts.gap.is_some(), "{command:?}");
    }
    assert_eq!(
        find_facts(&["sh", "-c", "true && $X"], &home.env(), FileMoment::After).and_then(|facts| facts.package.version),
        None
    );
}

#[test]
fn npm_says_where_its_cache_is() {
    let home = Home::new();
    home.install("elsewhere/_npx/".to_owned().as_str(), "x", "1.0.0", "x");
    home.install(&format!("elsewhere/_npx/{}", npm::cache_key("shop-mcp@1.9.0")), "shop-mcp", "1.9.0", "sha512-EEEE");
    let command = &["npx", "shop-mcp@1.9.0"];
    let found = |env: &Env| find_facts(command, env, FileMoment::Before).unwrap().package.integrity;
    let env = home.env().without_var("npm_config_cache");
    assert_eq!(found(&env), None);
    let by_variable = format!("cache = ${{{}}}/elsewhere", if cfg!(windows) { "USERPROFILE" } else { "HOME" });
    for line in ["cache=~/elsewhere", by_variable.as_str(), "cache=\"../elsewhere\""] {
        for file in [".npmrc", "project/.npmrc", "prefix/etc/npmrc"] {
            home.write(file, &format!("; cache=/no\nfund=false\n{line}\n"));
            assert_eq!(found(&env).as_deref(), Some("sha512-EEEE"), "{line} in {file}");
            fs::remove_file(home.path(file)).unwrap();
        }
    }
}

#[test]
fn uvx_is_held_by_the_record_of_its_wheel() {
    use FileMoment::{After, Before};
    let home = Home::new();
    let (open, pinned) = (&["uvx", "mcp-server-shop"], &["uvx", "mcp_server.shop@2.0"]);
    assert!(home.told(pinned, Before).ends_with("uv's cache does not have it yet"));
    home.install_wheel("mcp_server_shop", "2.0", "py3-none-any", "aa");
    let facts = home.facts(pinned, Before);
    assert!(facts.package.integrity.as_ref().is_some_and(|text| text.starts_with("sha256:")), "{facts}");
    assert_eq!(home.facts(open, Before).package.version, None);
    assert_eq!(home.facts(open, After).package.version.as_deref(), Some("2.0"));
    assert_eq!(home.facts(open, After).package.integrity, facts.package.integrity);
    home.install_wheel("mcp_server_shop", "2.1", "cp313-cp313-linux_x86_64", "bb");
    home.install_wheel("mcp_server_shop", "2.1", "cp312-cp312-linux_x86_64", "cc");
    assert!(home.told(open, After).ends_with(
        "uv's cache has several versions, and does not say which one runs; name the version in the command"
    ));
    assert!(home.told(&["uvx", "mcp-server-shop==2.1"], Before).ends_with("uv's cache has several wheels of it"));

    // An installed tool comes first.
    let data = if cfg!(windows) { "uv/data/tools" } else { "uv/tools" };
    let site = if cfg!(windows) { "Lib/site-packages" } else { "lib/python3.13/site-packages" };
    let info = format!("{data}/mcp-server-shop/{site}/mcp_server_shop-1.5.dist-info");
    home.write(&format!("{data}/mcp-server-shop/pyvenv.cfg"), "");
    home.write(&format!("{info}/RECORD"), "shop.py,sha256=aa,3\n../../../bin/shop,sha256=x,1\n");
    home.write(&format!("{info}/entry_points.txt"), "[console_scripts]\nshop = shop:main\n");
    let tool = home.facts(open, Before);
    assert_eq!(tool.package.version.as_deref(), Some("1.5"));
    assert!(tool.package.integrity.as_ref().is_some_and(|text| text.starts_with("installed-sha256:")), "{tool}");
    assert_eq!(home.facts(&["uvx", "--isolated", "mcp-server-shop"], Before).package.version, None);
    assert_eq!(home.facts(&["uvx", "mcp-server-shop@2.0"], Before).package.integrity, facts.package.integrity);
    // What installers add is no change; what they install is.
    let same =
        "../../../bin/shop,sha256=y,1\nmcp_server_shop-1.5.dist-info/INSTALLER,sha256=q,1\nshop.py,sha256=aa,3\n";
    home.write(&format!("{info}/RECORD"), same);
    assert_eq!(home.facts(open, Before).package, tool.package);
    home.write(&format!("{info}/RECORD"), &same.replace("aa", "ab"));
    assert_ne!(home.facts(open, Before).package, tool.package);
}

#[cfg(unix)]
#[test]
fn a_program_is_held_by_its_package_or_by_its_file() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let home = Home::new();
    let program = |path: &str, text: &str| {
        home.write(path, text);
        fs::set_permissions(home.path(path), fs::Permissions::from_mode(0o755)).unwrap();
    };
    home.install("prefix/lib", "@shop/mcp", "1.9.0", "sha512-AAAA");
    program("prefix/lib/node_modules/@shop/mcp/index.js", "#!/usr/bin/env node\n");
    fs::create_dir_all(home.path("bin")).unwrap();
    symlink(home.path("prefix/lib/node_modules/@shop/mcp/index.js"), home.path("bin/shop-mcp")).unwrap();
    for command in [&["shop-mcp"][..], &["node", "../prefix/lib/node_modules/@shop/mcp/index.js"]] {
        let facts = home.facts(command, FileMoment::Before);
        assert_eq!(facts.to_string(), "@shop/mcp 1.9.0 from npm, held by its integrity");
    }
    // A program of a Python environment.
    program("venv/bin/shop-py", "#!/venv/bin/python\n");
    home.write("venv/pyvenv.cfg", "");
    let info = "venv/lib/python3.13/site-packages/shop_py-3.0.dist-info";
    home.write(&format!("{info}/RECORD"), "../../../bin/shop-py,sha256=x,1\nshop.py,sha256=aa,3\n");
    home.write("venv/lib/python3.13/site-packages/aaa-1.0.dist-info/RECORD", "aaa.py,sha256=x,1\n");
    symlink(home.path("venv/bin/shop-py"), home.path("bin/shop-py")).unwrap();
    let facts = home.facts(&["shop-py"], FileMoment::Before);
    assert_eq!(facts.to_string(), "shop-py 3.0 from PyPI, held by its integrity");
    // A binary.
    program("bin/shop-server", "abc");
    let facts = home.facts(&["shop-server", "--stdio"], FileMoment::Before);
    let abc = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!((facts.package.integrity.as_deref(), facts.gap.as_deref()), (Some(abc), None));
    assert_eq!(facts.package.registry, "program");
    assert!(home.told(&["mise", "exec", "shop-server"], FileMoment::Before).contains("not even its version"));
    program("bin/script", "#!/bin/sh\n");
    assert!(home.told(&["script"], FileMoment::Before).ends_with("only this file, not what it loads"));
    assert!(home.told(&["nowhere"], FileMoment::Before).ends_with("it is not in PATH"));
    assert!(home.told(&["/nowhere/at-all"], FileMoment::Before).ends_with("there is no such file"));
    // The bounds.
    let large = fs::File::options().write(true).open(home.path("bin/shop-server")).unwrap();
    large.set_len(crate::limits::MAX_HASHED_PROGRAM + 1).unwrap();
    assert!(home.told(&["shop-server"], FileMoment::Before).ends_with("it is larger than 1024 MiB"));
    let lock = home.path("prefix/lib/node_modules/.package-lock.json");
    fs::File::options().write(true).open(lock).unwrap().set_len(MAX_PACKAGE_FILE as u64 + 1).unwrap();
    assert_eq!(home.facts(&["shop-mcp"], FileMoment::Before).package.integrity, None);
}

#[test]
fn scripts_of_windows_lead_to_their_package() {
    let home = Home::new();
    home.install("npm", "@shop/mcp", "1.9.0", "sha512-AAAA");
    for (file, script) in [
        ("shop-mcp.cmd", "@ECHO off\r\n\"%_prog%\" \"%dp0%\\node_modules\\@shop\\mcp\\index.js\" %*\r\n"),
        ("shop-mcp.cmd", "@node \"%~dp0\\node_modules\\@shop\\mcp\\index.js\" %*\r\n"),
        ("shop-mcp", "#!/bin/sh\nexec node  \"$basedir/node_modules/@shop/mcp/index.js\" \"$@\"\n"),
    ] {
        home.write(&format!("npm/{file}"), script);
        let facts = npm::facts_of_program(&home.path(&format!("npm/{file}"))).unwrap();
        assert_eq!(facts.to_string(), "@shop/mcp 1.9.0 from npm, held by its integrity", "{file}");
        fs::remove_file(home.path(&format!("npm/{file}"))).unwrap();
    }
    // A script for another program of the same package says nothing about this one.
    home.write("npm/other.cmd", "@node \"%~dp0\\node_modules\\@shop\\mcp\\index.js\" %*\r\n");
    assert_eq!(npm::facts_of_program(&home.path("npm/other.cmd")), None);
}

#[test]
fn images_are_held_by_their_digest_only() {
    let home = Home::new();
    let facts = |image: &str| home.facts(&["docker", "run", "-i", "--rm", image], FileMoment::After);
    let digest = format!("sha256:{}", "ab".repeat(32));
    let held = facts(&format!("ghcr.io:443/shop/mcp:1.2@{digest}"));
    assert_eq!(held.package.name, "ghcr.io:443/shop/mcp");
    assert_eq!((held.package.version.as_deref(), held.package.integrity), (Some("1.2"), Some(digest)));
    assert!(facts("mcp/shop:1.2").to_string().contains("a tag can be moved"));
    assert_eq!(facts("mcp/shop").package.version, None);
}

#[test]
fn only_an_open_package_gets_the_locked_version() {
    let pinned = |command: &[&str], registry: &str, name: &str, version: &str| {
        let (registry, name) = (registry.to_owned(), name.to_owned());
        let locked = LockedPackage { name, registry, version: Some(version.to_owned()), integrity: None };
        let command: Vec<_> = command.iter().map(OsString::from).collect();
        let words = pin_version(&command, &locked)?;
        Some(words.iter().map(|word| word.to_str().unwrap()).collect::<Vec<_>>().join(" "))
    };
    let npm = |command: &[&str]| pinned(command, "npm", "@shop/mcp", "1.9.0");
    for (command, expected) in [
        (&["npx", "-y", "@shop/mcp"][..], "npx -y @shop/mcp@1.9.0"),
        (&["npx", "-y", "@shop/mcp@latest", "--x", "@shop/mcp"], "npx -y @shop/mcp@1.9.0 --x @shop/mcp"),
        (&["npx", "-p", "@shop/mcp", "shop"], "npx -p @shop/mcp@1.9.0 shop"),
        (&["npx", "--package=@shop/mcp", "shop"], "npx --package=@shop/mcp@1.9.0 shop"),
        (&["npm", "exec", "@shop/mcp", "--", "x"], "npm exec @shop/mcp@1.9.0 -- x"),
        (&["pnpm", "dlx", "@shop/mcp"], "pnpm dlx @shop/mcp@1.9.0"),
        (&["bunx", "@shop/mcp"], "bunx @shop/mcp@1.9.0"),
        (&["deno", "run", "-A", "npm:@shop/mcp"], "deno run -A npm:@shop/mcp@1.9.0"),
        (&["sh", "-c", "npx -y @shop/mcp"], "sh -c npx -y @shop/mcp@1.9.0"),
        (&["cmd", "/c", "npx", "-y", "@shop/mcp"], "cmd /c npx -y @shop/mcp@1.9.0"),
        (
            &["op", "run", "--env-file", "@shop/mcp", "--", "npx", "@shop/mcp"],
            "op run --env-file @shop/mcp -- npx @shop/mcp@1.9.0",
        ),
    ] {
        assert_eq!(npm(command).as_deref(), Some(expected));
    }
    for command in [
        &["npx", "-y", "@shop/mcp@1.8.0"][..],
        &["npx", "-y", "@shop/mcp@^1"],
        &["npx", "-y", "@shop/other"],
        &["npx", "-y", "github:shop/mcp"],
        // A local program, unclear commands, and a name in the middle of a word.
        &["pnpm", "exec", "@shop/mcp"],
        &["npx", "--registry", "http://x", "@shop/mcp"],
        &["sh", "-c", "npx -y @shop/mcp --x"],
        &["sh", "-c", "sleep 1; npx -y @shop/mcp"],
    ] {
        assert_eq!(npm(command), None, "{command:?}");
    }
    let pypi = |command: &[&str], version: &str| pinned(command, "pypi", "mcp-server-shop", version);
    assert_eq!(pypi(&["uvx", "mcp-server-shop", "x"], "2.0").as_deref(), Some("uvx mcp-server-shop@2.0 x"));
    assert_eq!(pypi(&["uvx", "mcp_server_shop[all]"], "2.0").as_deref(), Some("uvx mcp_server_shop[all]@2.0"));
    assert_eq!(
        pypi(&["uvx", "--from", "mcp-server-shop", "x"], "2.0").as_deref(),
        Some("uvx --from mcp-server-shop==2.0 x")
    );
    assert_eq!(pypi(&["uvx", "mcp-server-shop@2.1"], "2.0"), None);
    // Nothing but a release: a version from a file is no option and no URL.
    for version in ["", "2.0 --with evil", "https://x", "^2", "latest", "*"] {
        assert_eq!(pypi(&["uvx", "mcp-server-shop"], version), None, "{version}");
    }
}

#[test]
fn a_full_directory_is_read_to_a_bound() {
    let home = Home::new();
    let dir: &Path = &home.path("full");
    fs::create_dir_all(dir).unwrap();
    (0..=crate::limits::MAX_PACKAGE_ENTRIES).for_each(|at| fs::write(dir.join(at.to_string()), "").unwrap());
    assert_eq!(pypi::list_dir(dir).len(), crate::limits::MAX_PACKAGE_ENTRIES);
}
