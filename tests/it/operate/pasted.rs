//! Tests that no command prints a token that is given where a path or a name belongs.

use super::super::support::keepalive::Folder;
use super::super::support::once::run;

const TOKEN: &str = "Kx7pQ2mZ9rT4vB1nC6wL8sD3yH5jG0fE2aU9iO4tR7eW1qA6M3nB8vC1xZ6lK0jH";

#[test]
fn a_token_that_is_pasted_in_place_of_a_path_or_a_name_is_masked() {
    let folder = Folder::new();
    folder.write(
        "config.toml",
        &format!("region = \"eu-central-1\"\n[sessions.a]\ntoken = {{ file = \"{TOKEN}\" }}\n"),
    );
    let region = ["--region", "eu-central-1"];
    let file = ["--config", "config.toml"];
    let socket = format!("/no/{TOKEN}");
    for arguments in [
        &["check", "--config", TOKEN][..],
        &["run", "--config", TOKEN],
        &["doctor", "--config", TOKEN],
        &["doctor", "--json", "--config", TOKEN],
        &["check", file[0], file[1]],
        &["plan", file[0], file[1]],
        &[
            "run",
            region[0],
            region[1],
            "--token-file",
            "a",
            "--status-socket",
            &socket,
        ],
        &["token", "show", region[0], region[1], "--token-file", TOKEN],
        &[
            "token",
            "show",
            "--json",
            region[0],
            region[1],
            "--token-file",
            TOKEN,
        ],
        &["token", "show", file[0], file[1], "--session", TOKEN],
        &["status", TOKEN],
        &["status", "--socket", TOKEN],
        &["status", "--instance", TOKEN],
        &["explain", TOKEN],
        &["touch", TOKEN],
        &[TOKEN],
    ] {
        let output = run(folder.command(arguments), "");
        for piece in TOKEN.as_bytes().windows(8) {
            let piece = str::from_utf8(piece).unwrap();
            let is_shown = output.out.contains(piece) || output.err.contains(piece);
            assert!(!is_shown, "{arguments:?}: {output:#?}");
        }
    }
}
