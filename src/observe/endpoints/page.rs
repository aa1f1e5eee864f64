//! The page for people: files that ask `/status` and show what it says.
//!
//! They are compiled in, refer to nothing but this server, and hold no token and no session's
//! name: all that is shown comes from `/status`, as text.

use super::reply::Reply;

const HTML: &str = "text/html; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const IMAGE: &str = "image/svg+xml";

/// A file by its path, which is its name below `page/`.
macro_rules! file {
    ($name:literal, $content_type:expr) => {
        (
            concat!("/", $name),
            $content_type,
            include_bytes!(concat!("page/", $name)),
        )
    };
}

/// Path, type and content.
const FILES: [(&str, &str, &[u8]); 12] = [
    ("/", HTML, include_bytes!("page/index.html")),
    file!("page.css", STYLE),
    file!("page.js", SCRIPT),
    file!("asking.js", SCRIPT),
    file!("events.js", SCRIPT),
    file!("rows.js", SCRIPT),
    file!("verdict.js", SCRIPT),
    file!("words.js", SCRIPT),
    file!("sessions.css", STYLE),
    file!("favicon.svg", IMAGE),
    file!("favicon-trouble.svg", IMAGE),
    file!("favicon-unknown.svg", IMAGE),
];

/// The file at this path, if there is one.
pub(super) fn file(path: &str) -> Option<Reply> {
    let (_, content_type, content) = FILES.iter().find(|(there, ..)| *there == path)?;
    Some(Reply::new(200, content_type, *content, None))
}
