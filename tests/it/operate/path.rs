//! Tests of an operator's first steps: the configuration is found, and what is wrong with it, with a
//! token file or with a region is named.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::process::{Command, Stdio};

use super::super::support::keepalive::{Folder, Keepalive, text};
use super::super::support::once::{ProcessOutput, run};
use super::super::support::simulation::Simulation;
use super::seconds;

/// The contents of token files that hold something else, and a part of the message about each.
const NO_TOKENS: [(&str, &[u8], &str); 13] = [
    ("quotes", b"\"Kx7pQ2mZ9rT4vB1n\"\n", "is in quotes"),
    ("single", b"'Kx7pQ2mZ9rT4vB1n'", "is in quotes"),
    (
        "assignment",
        b"TOKEN=Kx7pQ2mZ9rT4vB1n\n",
        "an assignment such as KEY=value",
    ),
    (
        "bearer",
        b"Bearer Kx7pQ2mZ9rT4vB1n\n",
        "begins with \"Bearer\"",
    ),
    (
        "header",
        b"Authorization: Bearer Kx7pQ2mZ9rT4vB1n",
        "a whole Authorization header",
    ),
    (
        "mark",
        b"\xef\xbb\xbfKx7pQ2mZ9rT4vB1n\r\n",
        "a byte order mark",
    ),
    (
        "utf16",
        b"\xff\xfeK\0x\x007\0p\0Q\x002\0m\0Z\0",
        "text in UTF-16",
    ),
    (
        "array",
        b"[{\"access_token\":\"Kx7pQ2mZ9rT4vB1n\"}]\n",
        "is a JSON array",
    ),
    ("null", b"null\n", "the word \"null\""),
    ("placeholder", b"<your-token>\n", "is a placeholder"),
    ("template", b"${GENESYS_TOKEN}", "is a placeholder"),
    (
        "html",
        b"<!DOCTYPE html>\n<html><title>Kx7pQ2mZ9rT4vB1n</title>",
        "a page in HTML",
    ),
    ("empty", b"\n", "is empty"),
];

#[test]
fn what_is_no_token_is_named_without_being_shown_and_never_sent() {
    let simulation = Simulation::new(seconds(900));
    let folder = Folder::new();
    let mut config = format!("api = \"{}\"\n", simulation.base());
    for (name, content, _) in NO_TOKENS {
        fs::write(folder.path(name), content).unwrap();
        fs::set_permissions(folder.path(name), Permissions::from_mode(0o600)).unwrap();
        config.push_str(&session(name));
    }
    fs::create_dir(folder.path("directory")).unwrap();
    config.push_str(&session("directory"));
    let mut daemon = folder.run(&config);
    daemon.listen_until(|daemon| daemon.count(&["no token could be read"]) == NO_TOKENS.len() + 1);
    for (name, _, message) in NO_TOKENS {
        let parts = [&format!("{name}: no token could be read"), message];
        assert_eq!(daemon.count(&parts), 1, "{}", daemon.log.join("\n"));
    }
    let parts = [
        "directory: no token could be read",
        "is a directory where a file was meant",
    ];
    assert_eq!(daemon.count(&parts), 1, "{}", daemon.log.join("\n"));
    let status = run(folder.command(&["status"]), "");
    let explained = run(folder.command(&["explain", "quotes"]), "");
    explained.exits_with(0).prints(&["is in quotes"]);
    for shown in [daemon.log.join("\n"), status.out, explained.out] {
        for piece in b"Kx7pQ2mZ9rT4vB1n".windows(6) {
            let piece = str::from_utf8(piece).unwrap();
            assert!(!shown.contains(piece), "{piece}: {shown}");
        }
    }
    let base = simulation.base();
    for (name, _, message) in NO_TOKENS {
        let show = ["token", "show", "--api", &base, "--token-file", name];
        run(folder.command(&show), "")
            .exits_with(65)
            .prints_error(&[message]);
    }
    assert_eq!(
        simulation.server().strangers(),
        0,
        "none was sent to the API"
    );
}

#[test]
fn a_region_is_understood_as_people_have_it_and_corrected_on_its_continent() {
    let folder = Folder::new();
    let check = |flag: &str, value: &str| {
        run(
            folder.command(&["check", "--token-file", "token", flag, value]),
            "",
        )
    };
    for region in [
        "EU_Central_1",
        "https://apps.mypurecloud.de/directory/",
        "login.mypurecloud.de",
    ] {
        let output = check("--region", region);
        output
            .exits_with(0)
            .prints(&["https://api.mypurecloud.de", "right: 1 session in flags"]);
    }
    check("--region", "eu-cental-1")
        .exits_with(78)
        .prints_error(&["did you mean \"eu-central-1\"?", "wrong: 1 error in flags"]);
    let other = check("--region", "ap-east-1");
    other
        .exits_with(78)
        .prints_error(&["a region of Genesys Cloud"]);
    assert!(!other.err.contains("did you mean"), "{other:?}");
    for api in [
        "https://apps.mypurecloud.de",
        "https://login.mypurecloud.de/",
        "mypurecloud.de",
    ] {
        check("--api", api)
            .exits_with(78)
            .prints_error(&["did you mean \"https://api.mypurecloud.de\"?"]);
    }
}

#[test]
fn check_warns_of_programs_that_cannot_be_run() {
    let folder = Folder::new();
    folder.write("script", "exit");
    let script = folder.path("script");
    folder.write(
        "config.toml",
        &format!(
            "region = \"eu-central-1\"\n[sessions.a]\ntoken = {{ command = [\"/no/such/vault\"] }}\n\
             [hooks.page]\non = [\"lost\"]\ncommand = [\"/no/such/pager\"]\n\
             [hooks.mail]\non = [\"lost\"]\ncommand = [\"{}\"]\n\
             [hooks.true]\non = [\"lost\"]\ncommand = [\"/bin/sh\"]\n",
            text(&script)
        ),
    );
    let output = run(folder.command(&["check", "--config", "config.toml"]), "");
    output.exits_with(0).prints(&[
        "cannot work: hooks.page: /no/such/pager does not exist\n",
        "cannot work: sessions.a: /no/such/vault does not exist\n",
        "is not executable\n",
        "\nright: 1 session in config.toml; 3 warnings above\n",
    ]);
    assert!(!output.out.contains("hooks.true:"), "{output:?}");
}

#[test]
fn a_command_that_cannot_print_says_why() {
    let folder = Folder::new();
    let mut command = folder.command(&["check", "--region", "eu-central-1", "--token-file", "t"]);
    let full = File::options().write(true).open("/dev/full").unwrap();
    command.stdout(Stdio::from(full));
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(74));
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(
        errors.contains("cannot write to standard output: No space left"),
        "{errors}"
    );
}

#[test]
fn where_nothing_names_a_configuration_the_error_names_the_flag() {
    let folder = Folder::new();
    for command in ["run", "check", "plan"] {
        let output = in_etc(&folder, None, &[command], &[]);
        let Some(output) = output else { return };
        output.exits_with(78).prints_error(&[
            "/etc/session-keepalive/config.toml does not exist",
            "--config PATH",
            "--token-file PATH",
        ]);
    }
}

#[test]
fn the_configuration_of_the_packaged_service_is_found() {
    let simulation = Simulation::new(seconds(900));
    simulation.token("Kx7pQ2mZ9rT4vB1n");
    let folder = Folder::new();
    folder.write("token", "Kx7pQ2mZ9rT4vB1n");
    let config = format!(
        "api = \"{}\"\n[sessions.wallboard]\ntoken = {{ file = \"{}\" }}\n",
        simulation.base(),
        text(&folder.path("token"))
    );
    let run_in = |arguments: &[&str]| in_etc(&folder, Some(&config), arguments, &[]);
    let Some(check) = run_in(&["check"]) else {
        return;
    };
    check
        .exits_with(0)
        .prints(&["\nright: 1 session in /etc/session-keepalive/config.toml\n"]);
    run_in(&["plan"])
        .unwrap()
        .exits_with(0)
        .prints(&["wallboard"]);
    run_in(&["doctor"]).unwrap().prints(&[
        "/etc/session-keepalive/config.toml configuration: right, with 1 session",
        "wallboard lives: yes",
    ]);
    let shown = run_in(&["token", "show", "--session", "wallboard"]).unwrap();
    shown.exits_with(0).prints(&["from session wallboard"]);
    // A command line that names a token does not take up the tokens of the service.
    let other = run_in(&["check", "--region", "eu-west-1", "--token-file", "other"]).unwrap();
    other
        .exits_with(0)
        .prints(&["session default", "right: 1 session in flags and variables"]);
    assert!(!other.out.contains("wallboard"), "{other:?}");
}

#[test]
fn doctor_as_root_looks_as_the_unit_that_is_not_running_would() {
    let simulation = Simulation::new(seconds(900));
    simulation.token("Kx7pQ2mZ9rT4vB1n");
    let folder = Folder::new();
    let token = folder.write("token", "Kx7pQ2mZ9rT4vB1n");
    fs::set_permissions(folder.path(""), Permissions::from_mode(0o711)).unwrap();
    let config = format!(
        "api = \"{}\"\n[sessions.wallboard]\ntoken = {{ file = \"{}\" }}\n",
        simulation.base(),
        text(&token)
    );
    let manager = "#!/bin/sh\nprintf 'LoadState=loaded\\nUser=\\nGroup=\\nDynamicUser=yes\\nSupplementaryGroups=4711\\n'\n";
    folder.write("systemctl", manager);
    fs::set_permissions(folder.path("systemctl"), Permissions::from_mode(0o755)).unwrap();
    if chown(&token, Some(1000), Some(4711)).is_err() {
        println!("skipped: this is not root");
        return;
    }
    let doctor = || in_etc(&folder, Some(&config), &["doctor"], &["systemctl"]);
    let Some(refused) = doctor() else { return };
    refused.exits_with(1).prints(&[
        "doctor user: checks as user 65534 in groups 4711, as whom session-keepalive.service would run",
        "wallboard token: file",
        "cannot be read by user 65534: it belongs to user 1000 and group 4711, with mode 0600",
        "SupplementaryGroups=",
    ]);
    fs::set_permissions(&token, Permissions::from_mode(0o640)).unwrap();
    doctor()
        .unwrap()
        .exits_with(0)
        .prints(&["wallboard lives: yes"]);
}

#[test]
fn on_a_terminal_the_start_says_what_ctrl_c_does_and_the_next_start_knows_what_it_did() {
    let simulation = Simulation::new(seconds(900));
    simulation.token("kiosk-token");
    let folder = Folder::new();
    folder.write("token", "kiosk-token");
    let start = || {
        let program = folder.command(&[]).get_program().to_owned();
        let line = format!(
            "{} run --api {} --token-file token",
            program.to_str().unwrap(),
            simulation.base()
        );
        let mut command = Command::new("script");
        command
            .args(["--quiet", "--return", "--command", &line, "/dev/null"])
            .current_dir(folder.path(""))
            .env("HOME", folder.path(""))
            .env("RUNTIME_DIRECTORY", folder.path(""))
            .env_remove("XDG_STATE_HOME");
        on_a_terminal(&command)
    };
    let mut first = start();
    first.wait_for(&[
        "Ctrl-C revokes the tokens and stops",
        "Ctrl-\\ stops and leaves them alive",
    ]);
    first.wait_for(&["alive and kept"]);
    run(folder.command(&["stop"]), "").exits_with(0);
    assert!(!simulation.record("kiosk-token").fate.is_living());
    drop(first);
    let mut second = start();
    second.wait_for(&["no longer valid: this daemon revoked it", "when it stopped"]);
    drop(second);
}

/// Returns the part of a configuration about a session whose token is in a file of its name.
fn session(name: &str) -> String {
    format!("[sessions.{name}]\ntoken = {{ file = \"{name}\" }}\n")
}

/// Starts a command whose output is a pseudo-terminal, and follows what it prints there.
fn on_a_terminal(command: &Command) -> Keepalive {
    let mut shell = Command::new("sh");
    shell
        .args(["-c", "exec \"$@\" >&2", "sh"])
        .arg(command.get_program());
    shell
        .args(command.get_args())
        .current_dir(command.get_current_dir().unwrap());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    Keepalive::start(shell)
}

/// Runs the binary where `/etc` holds this configuration of the packaged service and nothing else;
/// `None` if the system permits no such place. `programs` of the folder come first in `PATH`.
pub(super) fn in_etc(
    folder: &Folder,
    config: Option<&str>,
    arguments: &[&str],
    programs: &[&str],
) -> Option<ProcessOutput> {
    let script = "mount -t tmpfs etc /etc || exit 99\n\
        if [ -n \"$CONFIG\" ]; then mkdir /etc/session-keepalive && printf %s \"$CONFIG\" >/etc/session-keepalive/config.toml; fi\n\
        unset CONFIG\nexec \"$@\"";
    let plain = folder.command(arguments);
    let mut command = Command::new("unshare");
    let is_root = rustix::process::geteuid().is_root();
    let namespaces: &[&str] = if is_root {
        &["--mount"]
    } else {
        &["--map-root-user", "--mount"]
    };
    command
        .args(namespaces)
        .args(["sh", "-c", script, "sh"])
        .arg(plain.get_program())
        .args(plain.get_args())
        .current_dir(folder.path(""))
        .env("RUNTIME_DIRECTORY", folder.path(""))
        .env("CONFIG", config.unwrap_or_default());
    if !programs.is_empty() {
        let path = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{}:{path}", text(&folder.path(""))));
    }
    let output = run(command, "");
    if output.code == Some(99) || output.err.contains("unshare:") {
        println!("skipped: no namespace is to be had: {output:?}");
        return None;
    }
    Some(output)
}
