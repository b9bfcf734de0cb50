//! Writes the first inputs of each target from tests/vectors and config/examples. Run it in the root of the repository.

use std::fs;
use std::io;
use std::path::Path;

use serde_json::Value;

const URIS: [&str; 12] = [
    "file:///srv/%72eports/./x/../a.csv",
    "FILE:///srv/reports/%2e%2E/../etc/shadow",
    "file:///srv/a%2fb%252e%252e",
    "HTTPS://User@EXAMPLE.com:443/A?b=%7e#C",
    "http://h:/x",
    "memo:Note One/../x",
    "db://{table}/schema",
    "urn:a:%zz%c3%a9",
    "file:///srv\\reports\\..\\..\\etc",
    "file:///srv//Reports///.. /secret. ",
    "ui://w/show",
    "\u{200b}ｆile:///\u{2024}\u{2024}/É",
];

fn main() -> io::Result<()> {
    let mut seeds = 0;
    let mut write = |target: &str, bytes: &[u8]| -> io::Result<()> {
        let folder = Path::new("tests/fuzz/corpus").join(target);
        fs::create_dir_all(&folder)?;
        seeds += 1;
        // More than this is repetition, which the fuzzer does by itself.
        let bytes = bytes.get(..3000).unwrap_or(bytes);
        fs::write(folder.join(format!("seed-{seeds}")), bytes)
    };
    for file in files("tests/vectors")? {
        for line in fs::read_to_string(file)?.lines() {
            let vector: Value = serde_json::from_str(line)?;
            let mut script = Vec::new();
            for step in vector["do"].as_array().into_iter().flatten() {
                for (side, kind) in [("client", b'c'), ("server", b's')] {
                    let Some(bytes) = bytes(step, side) else { continue };
                    write("strict", &bytes)?;
                    write("framing", &[b"\x40\x02\x07\x20", &bytes[..], b"\n{}\n"].concat())?;
                    write("events", &[b"\x40\x02\x07\x20id: 1\ndata: ", &bytes[..], b"\r\n\r\ndata: {}\n\n"].concat())?;
                    if kind == b's' {
                        write("list", &[b"\x02", &bytes[..]].concat())?;
                        let line: Option<Value> = serde_json::from_slice(&bytes).ok();
                        let result = line.as_ref().and_then(|line| line.get("result"));
                        result.map_or(Ok(()), |result| write("list", format!("\0{result}").as_bytes()))?;
                    }
                    script.extend([&[kind], &bytes[..], b"\n"].concat());
                }
                if step.get("ended").is_some() {
                    script.extend(b"e\n");
                }
            }
            write("engine", &script)?;
            if let Some(policy) = vector.get("policy") {
                write("policy", format!("\u{1}{policy}").as_bytes())?;
            }
        }
    }
    for rule in 0..64_u8 {
        write("names", &[&[2, rule, rule.wrapping_mul(7)][..], b"Get_A"].concat())?;
    }
    for uri in URIS {
        write("uris", uri.as_bytes())?;
    }
    // A setup, and steps of every kind in an order of its own.
    for setup in 0..64_u8 {
        let steps = (0..48_u8).flat_map(|step| [step.wrapping_mul(setup | 1), step.wrapping_mul(7)]);
        write("approvals", &[setup].into_iter().chain(steps).collect::<Vec<_>>())?;
    }
    for file in files("config/examples")? {
        let format = match file.rsplit('.').next() {
            Some("toml") => "\0",
            Some("json") => "\u{1}",
            _ => "\u{2}",
        };
        write("policy", format!("{format}{}", fs::read_to_string(file)?).as_bytes())?;
    }
    Ok(())
}

fn files(folder: &str) -> io::Result<Vec<String>> {
    let mut files: Vec<_> =
        fs::read_dir(folder)?.filter_map(|entry| Some(entry.ok()?.path().to_str()?.to_owned())).collect();
    files.sort();
    Ok(files)
}

/// The line of a step, which vectors write as text or in hexadecimal digits.
fn bytes(step: &Value, side: &str) -> Option<Vec<u8>> {
    let bytes = match step[side].as_str() {
        Some(text) => text.as_bytes().to_vec(),
        None => {
            let hex = step[format!("{side}_hex")].as_str()?;
            (0..hex.len()).step_by(2).filter_map(|at| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok()).collect()
        }
    };
    Some(bytes.into_iter().filter(|byte| *byte != b'\n').collect())
}
