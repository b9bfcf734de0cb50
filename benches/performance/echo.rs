//! The server: answers every request at once, and costs next to nothing itself.

use std::io::{self, Read, Write};

use memchr::{memchr, memmem};

use crate::lines::{
    BEFORE_ID, CURSOR, LARGE, LIST, SIZED, SMALL_REST, large_rest, served_list, sized_rest, tools_list,
};

const PIPE: usize = 64 * 1024;

pub(crate) fn serve() -> io::Result<()> {
    // Made when it is first asked for: it would be part of the start.
    let mut large = String::new();
    let mut sized = (Vec::new(), String::new());
    let (mut stdin, mut stdout) = (io::stdin().lock(), raw_stdout()?);
    let (mut input, mut end) = (vec![0; 2 * PIPE], 0);
    let mut answers = Vec::with_capacity(2 * PIPE);
    loop {
        let count = stdin.read(&mut input[end..])?;
        if count == 0 {
            return Ok(());
        }
        end += count;
        let mut start = 0;
        while let Some(length) = memchr(b'\n', &input[start..end]) {
            let line = &input[start..start + length];
            start += length + 1;
            let id = find_id(line);
            if id.is_empty() {
                continue;
            }
            if let Some(answer) = find_list(line, id) {
                answers.extend_from_slice(answer.as_bytes());
                continue;
            }
            answers.extend_from_slice(BEFORE_ID.as_bytes());
            answers.extend_from_slice(id);
            if memmem::find(line, LARGE.as_bytes()).is_some() {
                if large.is_empty() {
                    large = large_rest();
                }
                stdout.write_all(&answers)?;
                stdout.write_all(large.as_bytes())?;
                answers.clear();
            } else if let Some(tool) = find_sized(line) {
                if sized.0 != tool {
                    let rest = sized_rest(&String::from_utf8_lossy(tool)).unwrap_or_default();
                    sized = (tool.to_vec(), rest);
                }
                stdout.write_all(&answers)?;
                stdout.write_all(sized.1.as_bytes())?;
                answers.clear();
            } else {
                answers.extend_from_slice(SMALL_REST.as_bytes());
            }
            if answers.len() > PIPE {
                stdout.write_all(&answers)?;
                answers.clear();
            }
        }
        input.copy_within(start..end, 0);
        end -= start;
        stdout.write_all(&answers)?;
        answers.clear();
    }
}

/// The tool of a call that is answered with a result of a size.
fn find_sized(line: &[u8]) -> Option<&[u8]> {
    let tool = line.get(memmem::find(line, SIZED.as_bytes())?..)?;
    tool.get(..memchr(b'"', tool)?)
}

/// The id of a request as it is written: a client's is a number, and the wrapper's own is a string.
fn find_id(line: &[u8]) -> &[u8] {
    let id = line.get(BEFORE_ID.len()..).unwrap_or_default();
    let digits = || id.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(id.len());
    let length = match id.strip_prefix(b"\"") {
        Some(rest) => memchr(b'"', rest).map_or(0, |end| end + 2),
        None => digits(),
    };
    &id[..length]
}

/// The answer to what asks for a list: that of the tools that are served here, or one of a size. Of other things there are none.
fn find_list(line: &[u8], id: &[u8]) -> Option<String> {
    let id = std::str::from_utf8(id).ok()?;
    if memmem::find(line, LIST.as_bytes()).is_none() {
        let none = || format!("{BEFORE_ID}{id},\"error\":{{\"code\":-32601,\"message\":\"Method not found\"}}}}\n");
        return id.starts_with('"').then(none);
    }
    let size = || {
        let size = line.get(memmem::find(line, CURSOR.as_bytes())? + CURSOR.len()..)?;
        std::str::from_utf8(size.get(..memchr(b'"', size)?)?).ok()?.parse().ok()
    };
    Some(size().map_or_else(|| served_list(id), |size| tools_list(id, size)))
}

/// Without the standard library's line buffer.
pub(crate) fn raw_stdout() -> io::Result<std::fs::File> {
    #[cfg(unix)]
    use std::os::fd::AsFd as _;
    #[cfg(windows)]
    use std::os::windows::io::AsHandle as _;
    #[cfg(unix)]
    let stdout = io::stdout().as_fd().try_clone_to_owned()?;
    #[cfg(windows)]
    let stdout = io::stdout().as_handle().try_clone_to_owned()?;
    Ok(stdout.into())
}
