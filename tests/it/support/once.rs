//! The binary, run once to its end: what it said, and how it ended.

use std::io::Write;
use std::process::{Command, Stdio};

use boon::{Compiler, Schemas};
use serde_json::Value;

/// What the JSON of every operation keeps to.
const OPERATION: &str = include_str!("../../schemas/operation.json");

/// What a command said and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Runs the command to its end, with this on standard input.
pub(crate) fn run(mut command: Command, input: &str) -> Said {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Who reads nothing may have ended already.
    let _unread = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Said {
        code: output.status.code(),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}

impl Said {
    /// Demands this exit status, or shows everything.
    #[track_caller]
    pub(crate) fn ends_with(&self, code: i32) -> &Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }

    /// Demands that all of these are in what people read of a success.
    #[track_caller]
    pub(crate) fn shows(&self, parts: &[&str]) -> &Self {
        for part in parts {
            assert!(self.out.contains(part), "{part}: {self:#?}");
        }
        self
    }

    /// Demands that all of these are in what people read of a failure.
    #[track_caller]
    pub(crate) fn complains(&self, parts: &[&str]) -> &Self {
        for part in parts {
            assert!(self.err.contains(part), "{part}: {self:#?}");
        }
        self
    }

    /// The one JSON object on standard output, which keeps to the schema of operations.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        self.json_of(OPERATION)
    }

    /// The one JSON object on standard output, which keeps to this schema.
    #[track_caller]
    pub(crate) fn json_of(&self, schema: &str) -> Value {
        let value: Value =
            serde_json::from_str(&self.out).unwrap_or_else(|why| panic!("{why}: {self:#?}"));
        assert_eq!(self.out.lines().count(), 1, "{self:#?}");
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        let schema = serde_json::from_str(schema).unwrap();
        compiler.add_resource("schema.json", schema).unwrap();
        let schema = compiler.compile("schema.json", &mut schemas).unwrap();
        if let Err(why) = schemas.validate(&value, schema) {
            panic!("{why:#}: {value:#}");
        }
        value
    }
}
