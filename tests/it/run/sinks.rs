//! Tests of the files that hold tokens for applications.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use session_keepalive::token::{Sink, SinkContent, SinkFormat, Token};

use super::super::support::keepalive::{Folder, Keepalive};
use super::super::support::simulation::Simulation;
use super::{head, one_session, seconds, session};

const SECRET: &str = "a-secret-that-nobody-may-see";

/// Returns a folder with a token file, and the configuration of a session with this sink beside the
/// folder of the token.
fn with_sink(simulation: &Simulation, more: &str) -> (Folder, String, PathBuf) {
    let folder = Folder::new();
    simulation.token(SECRET);
    folder.write("kiosk", SECRET);
    let sink = folder.path("for-app");
    let rest = format!(
        "sink = {{ file = \"{}\", mode = \"0640\" }}\n{more}",
        sink.display()
    );
    let config = head(simulation) + &session("kiosk", &rest);
    (folder, config, sink)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn is_silent_about(daemon: &Keepalive, secret: &str) -> bool {
    !daemon.log.iter().any(|line| line.contains(secret))
}

#[test]
fn a_sink_follows_the_proven_token_and_goes_with_its_revocation() {
    let simulation = Simulation::new(seconds(60));
    let (folder, config, sink) = with_sink(&simulation, "");
    let mut daemon = folder.run(&config);
    daemon.wait_for(&["\"event\":\"sink_written\"", "for-app"]);
    assert_eq!(fs::read_to_string(&sink).unwrap(), format!("{SECRET}\n"));
    assert_eq!(mode(&sink), 0o640);

    // A token that is dead does not replace one that lives.
    folder.write("kiosk", "dead");
    daemon.wait_for(&["\"event\":\"newer_refused\""]);
    assert_eq!(fs::read_to_string(&sink).unwrap(), format!("{SECRET}\n"));

    simulation.token("second");
    folder.write("kiosk", "second");
    daemon.wait_for(&["\"event\":\"sink_written\"", "for-app"]);
    assert_eq!(fs::read_to_string(&sink).unwrap(), "second\n");

    assert_eq!(daemon.stop().0, Some(0));
    assert_eq!(daemon.count(&["\"event\":\"sink_removed\"", "for-app"]), 1);
    assert!(!sink.exists());
    assert!(is_silent_about(&daemon, SECRET));
}

#[test]
fn the_sink_of_a_token_that_is_left_stays() {
    let simulation = Simulation::new(seconds(60));
    let (folder, config, sink) = with_sink(&simulation, "on_shutdown = \"leave\"");
    let mut daemon = folder.run(&config);
    daemon.wait_for(&["\"event\":\"sink_written\""]);
    let before = fs::metadata(&sink).unwrap().ino();
    assert_eq!(daemon.stop().0, Some(0));
    assert_eq!(fs::read_to_string(&sink).unwrap(), format!("{SECRET}\n"));
    // The next start finds the right content and does not write it again.
    let mut daemon = folder.run(&config);
    daemon.wait_for(&["\"state\":\"alive\""]);
    assert_eq!(daemon.stop().0, Some(0));
    assert_eq!(fs::metadata(&sink).unwrap().ino(), before);
    assert_eq!(daemon.count(&["\"event\":\"sink_written\""]), 0);
}

#[test]
fn a_sink_that_cannot_be_written_is_named_once_and_tried_again() {
    let simulation = Simulation::new(seconds(60));
    let folder = Folder::new();
    simulation.token(SECRET);
    folder.write("kiosk", SECRET);
    let sink = folder.path("later").join("token");
    let rest = format!(
        "sink = [{{ file = \"{}\", format = \"json\" }}]",
        sink.display()
    );
    let mut daemon = folder.run(&(head(&simulation) + &session("kiosk", &rest)));
    let line = daemon.wait_for(&["\"event\":\"sink_not_written\""]);
    assert!(
        line.contains("\"level\":\"WARN\"") && line.contains("create it"),
        "{line}"
    );
    fs::create_dir(folder.path("later")).unwrap();
    daemon.wait_for(&["\"event\":\"sink_written\""]);
    let json: serde_json::Value = serde_json::from_slice(&fs::read(&sink).unwrap()).unwrap();
    assert_eq!(json["access_token"], SECRET);
    assert_eq!(
        (&json["token_type"], &json["generation"]),
        (&"bearer".into(), &1.into())
    );
    assert_eq!(json["api"], simulation.base());
    assert_eq!(mode(&sink), 0o600);
    assert_eq!(daemon.count(&["\"event\":\"sink_not_written\""]), 1);
}

#[test]
fn a_link_in_the_place_of_a_sink_is_not_followed() {
    let simulation = Simulation::new(seconds(60));
    let (folder, config, sink) = with_sink(&simulation, "");
    let precious = folder.write("precious", "precious");
    symlink(&precious, &sink).unwrap();
    let mut daemon = folder.run(&config);
    daemon.wait_for(&["\"event\":\"sink_not_written\"", "it is a link"]);
    assert_eq!(fs::read_to_string(&precious).unwrap(), "precious");
    fs::remove_file(&sink).unwrap();
    daemon.wait_for(&["\"event\":\"sink_written\""]);
    assert_eq!(fs::read_to_string(&sink).unwrap(), format!("{SECRET}\n"));
}

#[test]
fn a_reload_that_adds_a_sink_writes_it() {
    let simulation = Simulation::new(seconds(60));
    let (folder, config) = one_session(&simulation, "kiosk");
    let mut daemon = folder.run(&config);
    daemon.wait_for(&["\"state\":\"alive\""]);
    let sink = folder.path("for-app");
    let more = format!(
        "sink = {{ file = \"{}\", format = \"env\" }}",
        sink.display()
    );
    folder.write("config.toml", &(config + &more));
    daemon.signal(rustix::process::Signal::HUP);
    daemon.wait_for(&["\"event\":\"sink_written\""]);
    let text = fs::read_to_string(&sink).unwrap();
    assert_eq!(text, "GENESYSCLOUD_ACCESS_TOKEN='kiosk'\n");
}

#[test]
fn each_session_of_a_pool_has_a_sink_of_its_own() {
    let simulation = Simulation::new(seconds(60));
    let folder = Folder::new();
    fs::create_dir(folder.path("tokens")).unwrap();
    fs::create_dir(folder.path("out")).unwrap();
    for name in ["one", "two"] {
        simulation.token(name);
        folder.write(&format!("tokens/{name}"), name);
    }
    let pool = format!(
        "[pools.agents]\ntoken_dir = \"{}\"\nsink = {{ file = \"{}/{{name}}.token\" }}\n",
        folder.path("tokens").display(),
        folder.path("out").display()
    );
    let mut daemon = folder.run(&(head(&simulation) + &pool));
    daemon.listen_until(|daemon| daemon.count(&["\"event\":\"sink_written\""]) == 2);
    let read = |name: &str| fs::read_to_string(folder.path("out").join(name)).unwrap();
    assert_eq!(
        (read("one.token"), read("two.token")),
        ("one\n".into(), "two\n".into())
    );
}

#[test]
fn a_sink_that_cannot_work_is_refused_with_its_reason() {
    let folder = Folder::new();
    let check = |text: &str| {
        folder.write("config.toml", &format!("region = \"eu-central-1\"\n{text}"));
        let output = folder
            .command(&["check", "--config", "config.toml"])
            .output()
            .unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        (
            output.status.code(),
            errors,
            String::from_utf8(output.stdout).unwrap(),
        )
    };
    let two = |one: &str, other: &str| {
        format!(
            "[sessions.a]\ntoken = {{ file = \"/run/a\" }}\n{one}\n\
             [sessions.b]\ntoken = {{ file = \"/run/b\" }}\n{other}\n"
        )
    };
    for (text, expected) in [
        (
            two("sink = { file = \"/run/b\" }", ""),
            "from which session b reads its token",
        ),
        (
            two(
                "sink = { file = \"/run/x\" }",
                "sink = [{ file = \"/run/x\" }]",
            ),
            "is also one of a",
        ),
        (
            two("sink = { file = \"x\" }", ""),
            "is not an absolute path",
        ),
        (
            two("sink = { file = \"/run/x\", mode = \"0999\" }", ""),
            "is not such a mode",
        ),
        (
            two("sink = { file = \"/run/x\", format = \"xml\" }", ""),
            "is not a format",
        ),
        (
            two("sink = { file = \"/run/x\", fromat = \"env\" }", ""),
            "did you mean format?",
        ),
        (
            two("sink = { format = \"env\" }", ""),
            "a sink without a file",
        ),
        (two("sink = \"/run/x\"", ""), "text where a table belongs"),
        (
            "[pools.p]\ntoken_dir = \"/run/tokens\"\nsink = { file = \"/run/x\" }".to_owned(),
            "has no {name}",
        ),
        (
            "[pools.p]\ntoken_dir = \"/run/tokens\"\nsink = { file = \"/run/tokens/{name}\" }"
                .to_owned(),
            "in the directory of a pool",
        ),
    ] {
        let (status, errors, _) = check(&text);
        assert_eq!(status, Some(78), "{text}: {errors}");
        assert!(errors.contains(expected), "{text}: {errors}");
    }
    let defaults = "[defaults]\nsink = { file = \"/run/for/{name}\", group = \"apps\" }\n";
    let (status, errors, shown) = check(&(defaults.to_owned() + &two("", "")));
    assert_eq!(status, Some(0), "{errors}");
    assert!(
        shown.contains("/run/for/{name} (bare, 0600, group apps)"),
        "{shown}"
    );
}

/// The number of kills. The acceptance of sinks demands several hundred.
const KILLS: usize = 500;

/// The variable that makes the test of kills the process that writes.
const WRITER: &str = "SINK_TO_WRITE_UNTIL_KILLED";

#[test]
fn a_writer_that_is_killed_at_any_moment_leaves_a_whole_token() {
    // Long tokens take several pages, so that a torn file would be noticed.
    let tokens = ["a", "b"].map(|letter| letter.repeat(8000));
    if let Some(file) = std::env::var_os(WRITER) {
        write_for_ever(file.into(), &tokens);
    }
    let folder = Folder::new();
    let file = folder.path("token");
    let (mut leftovers, mut seen) = (0, [0, 0]);
    for kill in 0..KILLS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "it::run::sinks::a_writer_that_is_killed_at_any_moment_leaves_a_whole_token",
            ])
            .env(WRITER, &file)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // The writer has begun once the file is another one than before.
        let before = fs::metadata(&file).map(|metadata| metadata.ino()).ok();
        while fs::metadata(&file).map(|metadata| metadata.ino()).ok() == before {
            assert!(child.try_wait().unwrap().is_none(), "the writer ended");
        }
        for _ in 0..kill % 97 {
            std::thread::yield_now();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let text = fs::read_to_string(&file).unwrap();
        let which = tokens
            .iter()
            .position(|token| text.strip_suffix('\n') == Some(token));
        let which = which.unwrap_or_else(|| panic!("kill {kill}: {} bytes", text.len()));
        seen[which] += 1;
        assert_eq!(mode(&file), 0o640, "kill {kill}");
        leftovers += fs::read_dir(file.parent().unwrap()).unwrap().count() - 1;
    }
    println!("{KILLS} kills: {seen:?} of either token, {leftovers} during a write");
    assert!(fs::read_dir(file.parent().unwrap()).unwrap().count() <= 2);
}

fn write_for_ever(file: PathBuf, tokens: &[String]) -> ! {
    let sink = Sink {
        file,
        format: SinkFormat::Bare,
        mode: 0o640,
        owner: None,
        group: None,
    };
    let tokens: Vec<_> = tokens
        .iter()
        .map(|token| Token::from_bytes(token.clone().into()).unwrap())
        .collect();
    loop {
        for token in &tokens {
            let content = SinkContent {
                token,
                generation: 1,
                expires_at: None,
                api: "https://api.mypurecloud.de",
                region: None,
            };
            sink.write(&content).unwrap();
        }
    }
}

#[test]
fn a_hook_learns_of_a_rotation_when_the_sink_holds_the_new_token() {
    let simulation = Simulation::new(seconds(60));
    let (folder, config, sink) = with_sink(&simulation, "");
    let seen = folder.path("seen");
    let text = format!(
        "#!/bin/sh\necho \"$SESSION_KEEPALIVE_EVENT $SESSION_KEEPALIVE_PREVIOUS_FINGERPRINT \
         $SESSION_KEEPALIVE_FINGERPRINT $(cat {})\" >{}.new\nmv {}.new {}\n",
        sink.display(),
        seen.display(),
        seen.display(),
        seen.display()
    );
    let script = folder.program("hook", &text);
    let hook = format!(
        "[hooks.follow]\non = [\"rotated\"]\ncommand = [\"{}\"]\n",
        script.display()
    );
    let mut daemon = folder.run(&(config + &hook));
    daemon.wait_for(&["\"event\":\"sink_written\""]);
    simulation.token("second");
    folder.write("kiosk", "second");
    daemon.listen_until(|_| seen.exists());
    let fingerprint = |text: &str| Token::from_bytes(text.into()).unwrap().fingerprint();
    let (before, after) = (fingerprint(SECRET), fingerprint("second"));
    let expected = format!("rotated {before} {after} second\n");
    assert_eq!(fs::read_to_string(&seen).unwrap(), expected);
}

/// Starts a process that appends a line to `heard` for each SIGHUP, after it has written its pid file.
fn listener(folder: &Folder) -> std::process::Child {
    let script = "trap 'echo hup >>heard' HUP; echo $$ >pid.new; mv pid.new pid; \
                  while :; do sleep 0.05; done";
    // A shell cannot catch a signal that was ignored when it started, as below nohup.
    let child = Command::new("env")
        .args(["--default-signal=HUP", "sh", "-c", script])
        .current_dir(folder.path("."))
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    while !folder.path("pid").exists() {
        std::thread::yield_now();
    }
    child
}

fn end(mut child: std::process::Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_process_gets_one_signal_for_a_rotation_and_none_for_the_first_token() {
    let simulation = Simulation::new(seconds(60));
    let (folder, config, sink) = with_sink(&simulation, "");
    let child = listener(&folder);
    let signal = format!(
        "signal = {{ pid_file = \"{}\" }}\n",
        folder.path("pid").display()
    );
    let mut daemon = folder.run(&(config + &signal));
    daemon.wait_for(&["\"event\":\"sink_written\""]);
    simulation.token("second");
    folder.write("kiosk", "second");
    let line = daemon.wait_for(&["\"event\":\"rotation_signalled\"", "SIGHUP to the process"]);
    let pid = format!("\"pid\":{}", child.id());
    assert!(line.contains(&pid), "{line}");
    assert_eq!(fs::read_to_string(&sink).unwrap(), "second\n");
    daemon.listen_until(|_| folder.path("heard").exists());
    assert_eq!(daemon.stop().0, Some(0));
    assert_eq!(fs::read_to_string(folder.path("heard")).unwrap(), "hup\n");
    assert_eq!(daemon.count(&["\"event\":\"rotation_signalled\""]), 1);
    assert_eq!(daemon.count(&["\"event\":\"rotation_not_signalled\""]), 0);
    end(child);
}

#[test]
fn the_process_that_got_the_id_of_a_stale_pid_file_gets_no_signal() {
    let simulation = Simulation::new(seconds(60));
    let (folder, config, _) = with_sink(&simulation, "");
    let child = listener(&folder);
    // As if an earlier process with this id had written the file.
    let file = fs::File::options()
        .write(true)
        .open(folder.path("pid"))
        .unwrap();
    let written = file.metadata().unwrap().modified().unwrap();
    file.set_modified(written - seconds(3600)).unwrap();
    let signal = format!(
        "signal = {{ pid_file = \"{}\", signal = \"HUP\" }}\n",
        folder.path("pid").display()
    );
    let mut daemon = folder.run(&(config + &signal));
    daemon.wait_for(&["\"event\":\"sink_written\""]);
    simulation.token("second");
    folder.write("kiosk", "second");
    let line = daemon.wait_for(&["\"event\":\"rotation_not_signalled\""]);
    assert!(
        line.contains("started after the pid file was written") && line.contains("restart"),
        "{line}"
    );
    assert_eq!(daemon.stop().0, Some(0));
    assert_eq!(daemon.count(&["\"event\":\"rotation_not_signalled\""]), 1);
    assert_eq!(daemon.count(&["\"event\":\"rotation_signalled\""]), 0);
    end(child);
    assert!(!folder.path("heard").exists());
}

#[test]
fn a_service_is_signalled_through_systemctl_whose_complaint_is_logged() {
    let simulation = Simulation::new(seconds(60));
    let (folder, config, _) = with_sink(&simulation, "");
    let text = "#!/bin/sh\necho \"$@\" >arguments.new\nmv arguments.new arguments\n\
                echo 'Unit wallboard.service not loaded.' >&2\nexit 5\n"
        .replace("arguments", &folder.path("arguments").display().to_string());
    folder.program("systemctl", &text);
    let signal = "signal = { unit = \"wallboard.service\", signal = \"USR1\" }\n";
    folder.write("config.toml", &(config + signal));
    let mut command = folder.command(&["run", "--config", "config.toml"]);
    let path = std::env::var("PATH").unwrap();
    command.env("PATH", format!("{}:{path}", folder.path(".").display()));
    let mut daemon = Keepalive::start(command);
    daemon.wait_for(&["\"event\":\"sink_written\""]);
    simulation.token("second");
    folder.write("kiosk", "second");
    let line = daemon.wait_for(&["\"event\":\"rotation_not_signalled\""]);
    assert!(line.contains("SIGUSR1 to wallboard.service"), "{line}");
    assert!(
        line.contains("wallboard.service not loaded.") && line.contains("polkit"),
        "{line}"
    );
    assert_eq!(
        fs::read_to_string(folder.path("arguments")).unwrap(),
        "kill --no-ask-password --kill-whom=main --signal=USR1 -- wallboard.service\n"
    );
}

#[test]
fn a_signal_that_cannot_work_is_refused_with_what_is_allowed() {
    let folder = Folder::new();
    let check = |signal: &str| {
        let text = format!(
            "region = \"eu-central-1\"\n[sessions.a]\ntoken = {{ file = \"/run/a\" }}\nsignal = {signal}\n"
        );
        folder.write("config.toml", &text);
        let output = folder
            .command(&["check", "--config", "config.toml"])
            .output()
            .unwrap();
        let text = [output.stderr, output.stdout].concat();
        (output.status.code(), String::from_utf8(text).unwrap())
    };
    for (signal, expected) in [
        (
            "{ unit = \"a.service\", signal = \"KILL\" }",
            "one of \"HUP\", \"INT\", \"TERM\", \"USR1\", \"USR2\"",
        ),
        (
            "{ unit = \"wallboard\" }",
            "is not the full name of a service",
        ),
        (
            "{ unit = \"--host=x.service\" }",
            "is not the full name of a service",
        ),
        ("{ pid_file = \"x.pid\" }", "is not an absolute path"),
        ("{ signal = \"HUP\" }", "without a unit or a pid_file"),
        (
            "{ unit = \"a.service\", pid_file = \"/run/a.pid\" }",
            "with both a unit and a pid_file",
        ),
        ("{ pidfile = \"/run/a.pid\" }", "did you mean pid_file?"),
    ] {
        let (status, text) = check(signal);
        assert_eq!(status, Some(78), "{signal}: {text}");
        assert!(text.contains(expected), "{signal}: {text}");
    }
    let (status, text) = check(
        "[{ unit = \"kiosk@{name}.service\" }, { pid_file = \"/run/a.pid\", signal = \"USR2\" }]",
    );
    assert_eq!(status, Some(0), "{text}");
    let shown = "SIGHUP to kiosk@{name}.service, SIGUSR2 to the process of /run/a.pid";
    assert!(text.contains(shown), "{text}");
}
