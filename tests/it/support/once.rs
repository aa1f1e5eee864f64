//! Runs a command to its end and checks its output and exit code.

use std::io::Write;
use std::process::{Command, Stdio};

use boon::{Compiler, Schemas};
use serde_json::Value;

/// The schema of the JSON of every operation.
const OPERATION: &str = include_str!("../../schemas/operation.json");

/// The output and the exit code of a command.
#[derive(Debug)]
pub(crate) struct ProcessOutput {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Runs the command to its end, with `input` on standard input.
pub(crate) fn run(mut command: Command, input: &str) -> ProcessOutput {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that reads no input may have ended already, and the write fails then.
    let _unread = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    ProcessOutput {
        code: output.status.code(),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}

impl ProcessOutput {
    /// Asserts the exit code.
    #[track_caller]
    pub(crate) fn exits_with(&self, code: i32) -> &Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }

    /// Asserts that standard output contains all these parts.
    #[track_caller]
    pub(crate) fn prints(&self, parts: &[&str]) -> &Self {
        for part in parts {
            assert!(self.out.contains(part), "{part}: {self:#?}");
        }
        self
    }

    /// Asserts that standard error contains all these parts.
    #[track_caller]
    pub(crate) fn prints_error(&self, parts: &[&str]) -> &Self {
        for part in parts {
            assert!(self.err.contains(part), "{part}: {self:#?}");
        }
        self
    }

    /// Returns the one JSON object on standard output; asserts the schema of operations.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        self.json_of(OPERATION)
    }

    /// Returns the one JSON object on standard output; asserts this schema.
    #[track_caller]
    pub(crate) fn json_of(&self, schema: &str) -> Value {
        let value: Value =
            serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:#?}"));
        assert_eq!(self.out.lines().count(), 1, "{self:#?}");
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        let schema = serde_json::from_str(schema).unwrap();
        compiler.add_resource("schema.json", schema).unwrap();
        let schema = compiler.compile("schema.json", &mut schemas).unwrap();
        if let Err(error) = schemas.validate(&value, schema) {
            panic!("{error:#}: {value:#}");
        }
        value
    }
}
