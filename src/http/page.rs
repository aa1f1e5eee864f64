//! Serves the files of the web page, which requests `/status` and shows the report.
//!
//! The files must never refer to another server. They are compiled in and contain no token and no
//! name of a session: all data comes from `/status` and is shown as text.

use super::reply::HttpReply;

const HTML: &str = "text/html; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const IMAGE: &str = "image/svg+xml";

/// Builds the entry of a file whose path is its name below `page/`.
macro_rules! file {
    ($name:literal, $content_type:expr) => {
        (
            concat!("/", $name),
            $content_type,
            include_bytes!(concat!("page/", $name)),
        )
    };
}

/// The path, content type and content of each file.
const FILES: [(&str, &str, &[u8]); 14] = [
    ("/", HTML, include_bytes!("page/index.html")),
    file!("page.css", STYLE),
    file!("page.js", SCRIPT),
    file!("asking.js", SCRIPT),
    file!("day.js", SCRIPT),
    file!("events.js", SCRIPT),
    file!("rows.js", SCRIPT),
    file!("verdict.js", SCRIPT),
    file!("words.js", SCRIPT),
    file!("sessions.css", STYLE),
    file!("wall.css", STYLE),
    file!("favicon.svg", IMAGE),
    file!("favicon-trouble.svg", IMAGE),
    file!("favicon-unknown.svg", IMAGE),
];

/// Returns the file at this path.
pub(crate) fn file(path: &str) -> Option<HttpReply> {
    let (_, content_type, content) = FILES.iter().find(|(file_path, ..)| *file_path == path)?;
    Some(HttpReply::new(200, content_type, *content, None))
}
