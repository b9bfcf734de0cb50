//! Who is let in, and what no request can do.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Instant;

use policylayer::limits::UI_REQUEST_TIME;

use super::{Got, Ui};
use crate::support::log::Home;
use crate::support::system::PATIENCE;

/// What every answer has.
fn check_headers(got: &Got) {
    let policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action \
                  'self'; frame-ancestors 'none'; base-uri 'none'";
    for (name, value) in [
        ("content-security-policy", policy),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        assert_eq!(got.header(name), Some(value), "{}", got.head);
    }
}

#[test]
fn the_address_opens_the_page_once() {
    let home = Home::new();
    let ui = Ui::start(&home);
    assert!(ui.address.starts_with("http://127.0.0.1:"), "{}", ui.address);
    let token = ui.address.split_once("token=").unwrap().1.to_owned();
    assert_eq!(token.len(), 64, "256 bits");
    // A wrong one lets nobody in, and does not use up the right one.
    for wrong in
        ["/start", "/start?token=", &format!("/start?token={}", "0".repeat(64)), &format!("{}0", ui.entrance())]
    {
        let got = ui.get(wrong, "");
        assert!(got.status == 403 && got.body.contains("This is not the address"), "{}", got.body);
        assert_eq!(got.header("set-cookie"), None);
    }
    let got = ui.get(ui.entrance(), "");
    check_headers(&got);
    let cookie = got.header("set-cookie").unwrap().to_owned();
    let [value, flags @ ..] = &cookie.split("; ").collect::<Vec<_>>()[..] else { panic!("{cookie}") };
    assert_eq!(value.split_once('=').unwrap().1.len(), 64);
    assert_eq!(flags[..2], ["HttpOnly", "SameSite=Strict"]);
    // Cookies do not tell ports apart: another server on this machine must not be sent it.
    let path = flags[2].strip_prefix("Path=").unwrap();
    assert_eq!((path.len(), path.starts_with('/'), path.ends_with('/')), (18, true, true), "{path}");
    assert!(got.body.contains(&format!("content=\"0;url={path}\"")) && !got.body.contains(&token), "{}", got.body);
    // A second use says what to do, whoever it is.
    for headers in [String::new(), format!("Cookie: {value}\r\n")] {
        let got = ui.get(ui.entrance(), &headers);
        assert!(got.status == 403 && got.body.contains("This address has been used"), "{}", got.body);
        assert_eq!(got.header("set-cookie"), None);
    }
    let got = ui.get(path, &format!("Cookie: other=1; {value}\r\n"));
    assert_eq!((got.status, got.header("cache-control")), (200, Some("no-store")), "{}", got.body);
}

#[test]
fn nobody_gets_in_without_the_cookie() {
    let home = Home::new();
    let ui = Ui::start(&home);
    let browser = ui.open();
    let (name, value) = browser.cookie.split_once('=').unwrap();
    for cookie in [
        String::new(),
        format!("Cookie: {name}=\r\n"),
        format!("Cookie: {name}={}\r\n", "0".repeat(64)),
        format!("Cookie: {name}={value}0\r\n"),
        format!("Cookie: other={value}\r\n"),
    ] {
        for path in [&browser.base, "/", "/status", "/assets", &format!("{}..", browser.base)] {
            let got = ui.get(path, &cookie);
            assert_eq!(got.status, 403, "{path} {cookie}");
            check_headers(&got);
        }
    }
}

#[test]
fn another_host_or_site_gets_nothing() {
    let home = Home::new();
    let ui = Ui::start(&home);
    let browser = ui.open();
    let port = ui.host.split_once(':').unwrap().1;
    let ask = |method: &str, head: &str| {
        let (base, cookie) = (&browser.base, &browser.cookie);
        ui.send(&format!("{method} {base} HTTP/1.1\r\nConnection: close\r\nCookie: {cookie}\r\n{head}\r\n"))
    };
    assert_eq!(ask("GET", &format!("Host: localhost:{port}\r\n")).status, 200);
    // A name that somebody else lets lead here, another port, none, several.
    for host in [
        "Host: evil.test\r\n".to_owned(),
        format!("Host: evil.test:{port}\r\n"),
        format!("Host: 127.0.0.1.evil.test:{port}\r\n"),
        format!("Host: 127.0.0.2:{port}\r\n"),
        format!("Host: 0.0.0.0:{port}\r\n"),
        "Host: 127.0.0.1\r\n".to_owned(),
        "Host: 127.0.0.1:1\r\n".to_owned(),
        format!("Host: {}\r\nHost: evil.test\r\n", ui.host),
        "X-Forwarded-Host: 127.0.0.1\r\n".to_owned(),
    ] {
        let got = ask("GET", &host);
        assert!(matches!(got.status, 400 | 421), "{host}: {}", got.status);
    }
    let host = format!("Host: {}\r\n", ui.host);
    // As a proxy is asked: the first line has a host as well.
    for (name, status) in [(ui.host.as_str(), 200), ("evil.test", 421), ("evil.test@127.0.0.1", 421)] {
        let (base, cookie) = (&browser.base, &browser.cookie);
        let got = ui
            .send(&format!("GET http://{name}{base} HTTP/1.1\r\nConnection: close\r\nCookie: {cookie}\r\n{host}\r\n"));
        assert_eq!(got.status, status, "{name}");
    }
    for site in ["cross-site", "same-site", "", "same-origin\r\nSec-Fetch-Site: cross-site"] {
        let got = ask("GET", &format!("{host}Sec-Fetch-Site: {site}\r\n"));
        assert_eq!(got.status, 403, "{site}");
        check_headers(&got);
    }
    for method in ["PUT", "DELETE", "OPTIONS", "HEAD", "PATCH"] {
        assert_eq!(ask(method, &host).status, 405, "{method}");
    }
}

#[test]
fn a_change_comes_from_the_page_itself() {
    let home = Home::new();
    let ui = Ui::start(&home);
    let browser = ui.open();
    let cookie = format!("Cookie: {}\r\n", browser.cookie);
    let port = ui.host.split_once(':').unwrap().1;
    // The page's own form arrives. That there is no such page shows that it was read.
    assert_eq!(browser.post("nothing", "a=b").status, 404);
    for headers in [
        cookie.clone(),
        format!("{cookie}Origin: null\r\n"),
        format!("{cookie}Origin: http://evil.test\r\n"),
        format!("{cookie}Origin: https://{}\r\n", ui.host),
        format!("{cookie}Origin: http://localhost:{port}\r\n"),
        format!("{cookie}Origin: http://127.0.0.1:1\r\n"),
        format!("{cookie}Origin: http://{}\r\nOrigin: http://evil.test\r\n", ui.host),
        format!("{cookie}Origin: http://{}\r\nSec-Fetch-Site: same-site\r\n", ui.host),
        format!("{cookie}Origin: http://{}\r\nSec-Fetch-Site: cross-site\r\n", ui.host),
        format!("Origin: http://{}\r\n", ui.host),
    ] {
        let got = browser.post_with("nothing", "a=b", &headers);
        assert_eq!(got.status, 403, "{headers}");
        check_headers(&got);
    }
    let json = ui.send(&format!(
        "POST {}nothing HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nConnection: close\r\nContent-Type: text/plain\r\n\
         {cookie}Content-Length: 2\r\n\r\n{{}}",
        browser.base,
        host = ui.host
    ));
    assert_eq!(json.status, 415);
}

#[test]
fn only_the_files_of_the_page_are_served() {
    let home = Home::new();
    let ui = Ui::start(&home);
    let browser = ui.open();
    let page = browser.get("");
    let assets: Vec<_> = page.body.split('"').filter(|word| word.starts_with("/assets/")).collect();
    assert_eq!(assets.len(), 2, "{}", page.body);
    for asset in &assets {
        let got = ui.get(asset, "");
        assert_eq!((got.status, got.header("cache-control")), (200, Some("public, max-age=31536000, immutable")));
        check_headers(&got);
        // No other name leads to it.
        assert_eq!(ui.get(&format!("{asset}x"), "").status, 404);
    }
    for path in [
        "/assets/",
        "/assets/../Cargo.toml",
        "/assets/..%2f..%2fetc/passwd",
        "/assets//etc/passwd",
        "/assets/style.css",
    ] {
        let got = ui.get(path, "");
        assert_eq!(got.status, 404, "{path}");
        check_headers(&got);
    }
    for path in ["../", "..%2f", "%2e%2e/", "/etc/passwd", "x"] {
        assert_eq!(browser.get(path).status, 404, "{path}");
    }
}

#[test]
fn what_is_too_long_or_never_comes_is_refused() {
    let home = Home::new();
    let ui = Ui::start(&home);
    let browser = ui.open();
    let got = browser.post("nothing", &format!("text={}", "a".repeat(4 * 1024 * 1024)));
    assert!(matches!(got.status, 0 | 413), "{}", got.status);
    let got = ui.get(&browser.base, &format!("{}X: {}\r\n", browser.headers(), "a".repeat(64 * 1024)));
    assert!(matches!(got.status, 0 | 431), "{}", got.status);
    // Half a head: the connection is closed, and others are served meanwhile.
    let mut slow = ui.connect();
    slow.write_all(b"GET / HTTP/1.1\r\nHost: ").unwrap();
    let mut half = ui.connect();
    let (host, base, headers) = (&ui.host, &browser.base, browser.headers());
    let head = format!("POST {base}nothing HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\n{headers}");
    write!(half, "{head}Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 9\r\n\r\na=").unwrap();
    assert_eq!(browser.get("").status, 200);
    let mut text = Vec::new();
    slow.read_to_end(&mut text).unwrap();
    assert!(!String::from_utf8_lossy(&text).contains("200 OK"));
    let mut start = [0; 12];
    half.read_exact(&mut start).unwrap();
    assert_eq!(start, *b"HTTP/1.1 408");
}

#[test]
fn more_connections_than_can_be_served_are_closed() {
    let home = Home::new();
    let ui = Ui::start(&home);
    let browser = ui.open();
    let start = Instant::now();
    loop {
        let begun = Instant::now();
        let mut idle: Vec<_> = (0..64).map(|_| ui.connect()).collect();
        // Each of them is being served once it was asked something.
        let is_served = |stream: &mut TcpStream| {
            let mut first = [0; 12];
            let asked = write!(stream, "GET /assets/ HTTP/1.1\r\nHost: {}\r\n\r\n", ui.host);
            asked.and_then(|()| stream.read_exact(&mut first)).is_ok_and(|()| first == *b"HTTP/1.1 404")
        };
        let are_served = idle.iter_mut().all(is_served);
        let status = browser.get("").status;
        // On a busy machine a connection from before may still count, or the first of these ask nothing for too long.
        if are_served && begun.elapsed() < UI_REQUEST_TIME {
            assert_eq!(status, 0, "nothing is answered");
            break;
        }
        assert!(start.elapsed() < PATIENCE, "64 are not served at once");
    }
    // A closed connection makes room.
    while browser.get("").status != 200 {
        std::thread::yield_now();
    }
}

#[test]
fn a_port_that_is_taken_is_named() {
    let home = Home::new();
    let ui = Ui::start(&home);
    let port = ui.host.split_once(':').unwrap().1;
    let ran = home.run(&["ui", "--no-open", "--port", port]);
    assert_eq!(ran.code, Some(1));
    assert!(
        ran.err.contains(&format!("The port {port} of 127.0.0.1 cannot be used")) && ran.err.contains("--port"),
        "{}",
        ran.err
    );
    assert_eq!(home.run(&["ui", "--port", "0"]).code, Some(2));
}
