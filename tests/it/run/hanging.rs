//! Tests of paths that are not regular files, and of file systems that never answer, for every
//! path that a configuration can name.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Command, Output};

use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::Signal;
use session_keepalive::sim::ApiOperation;

use super::super::support::hung::HungMount;
use super::super::support::keepalive::{Folder, Keepalive, text};
use super::super::support::simulation::Simulation;
use super::{head, seconds, session};

fn pipe(path: &Path) {
    mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
}

/// Returns the configuration of one healthy session.
fn healthy(simulation: &Simulation, folder: &Folder) -> String {
    simulation.token("healthy");
    folder.write("healthy", "healthy");
    head(simulation) + &session("healthy", "")
}

fn touches(simulation: &Simulation) -> u32 {
    let record = simulation.record("healthy");
    record.calls(ApiOperation::HeadMe) + record.calls(ApiOperation::GetMe)
}

/// Waits until the healthy session was touched twice more, which proves that the loop runs.
fn wait_for_touches(simulation: &Simulation, daemon: &mut Keepalive) {
    let before = touches(simulation);
    for _ in 0..600 {
        if touches(simulation) >= before + 2 {
            return;
        }
        daemon.listen_for(std::time::Duration::from_millis(50));
    }
    panic!("no touches any more:\n{}", daemon.log.join("\n"));
}

fn ask(folder: &Folder, command: &str) -> Output {
    let socket = folder.path("control.sock");
    let mut command = folder.command(&[command, "--socket", text(&socket)]);
    command.output().unwrap()
}

fn text_of(output: &Output) -> String {
    let both = [&*output.stdout, &*output.stderr].concat();
    String::from_utf8_lossy(&both).into_owned()
}

/// Stops the daemon, which has a grace of a minute: the test fails if it hangs for that long.
fn stop(daemon: &mut Keepalive) {
    let (code, _took) = daemon.stop();
    assert_eq!(code, Some(0), "{}", daemon.log.join("\n"));
}

#[test]
fn a_pipe_or_an_endless_device_at_any_path_is_refused_and_holds_nothing_up() {
    let simulation = Simulation::new(seconds(6));
    let folder = Folder::new();
    pipe(&folder.path("pipe"));
    let socket = format!(
        "[status]\nsocket = \"{}\"\n",
        text(&folder.path("control.sock"))
    );
    let base = healthy(&simulation, &folder) + &socket;
    let files = session("pipe", "")
        + "[sessions.zero]\ntoken = { file = \"/dev/zero\" }\n[pools.pool]\ntoken_dir = \"/dev/zero\"\n";
    let mut daemon = folder.run(&(base.clone() + &files));
    daemon.wait_for(&["pipe: no token could be read", "is not a regular file"]);
    daemon.wait_for(&["\"event\":\"alive\"", "healthy"]);
    let refused = |path: &str, daemon: &mut Keepalive| {
        let config = base.clone() + &format!("[http]\nca_file = \"{path}\"\n");
        folder.write("config.toml", &config);
        let answer = ask(&folder, "reload");
        assert!(
            text_of(&answer).contains("not a regular file"),
            "{}",
            text_of(&answer)
        );
        daemon.wait_for(&["reload_refused"]);
    };
    refused("pipe", &mut daemon);
    refused("/dev/zero", &mut daemon);
    for target in ["pipe", "/dev/zero"] {
        fs::remove_file(folder.path("config.toml")).unwrap();
        std::os::unix::fs::symlink(target, folder.path("config.toml")).unwrap();
        let answer = ask(&folder, "reload");
        assert!(
            text_of(&answer).contains("not a regular file"),
            "{}",
            text_of(&answer)
        );
        daemon.signal(Signal::HUP);
        daemon.wait_for(&["reload_refused"]);
        assert!(ask(&folder, "health").status.success());
    }
    wait_for_touches(&simulation, &mut daemon);
    stop(&mut daemon);
}

#[test]
fn a_daemon_does_not_start_with_a_configuration_or_authorities_that_are_no_files() {
    let simulation = Simulation::new(seconds(600));
    let folder = Folder::new();
    pipe(&folder.path("pipe"));
    let base = healthy(&simulation, &folder);
    for path in ["pipe", "/dev/zero"] {
        let output = folder.command(&["run", "--config", path]).output().unwrap();
        assert_eq!(output.status.code(), Some(78));
        assert!(
            text_of(&output).contains("not a regular file"),
            "{}",
            text_of(&output)
        );
        let mut daemon = folder.run(&(base.clone() + &format!("[http]\nca_file = \"{path}\"\n")));
        daemon.wait_for(&["not started", "not a regular file"]);
        assert_eq!(daemon.wait().0.code(), Some(78));
    }
}

#[test]
fn a_file_system_that_never_answers_holds_up_its_own_sessions_alone() {
    let simulation = Simulation::new(seconds(16));
    let folder = Folder::new();
    let Some(mount) = HungMount::at(&folder.path("hung")) else {
        return;
    };
    let socket = format!(
        "[status]\nsocket = \"{}\"\n",
        text(&folder.path("control.sock"))
    );
    let base = healthy(&simulation, &folder) + &socket;
    let hung = |name: &str| folder.path("hung").join(name);
    let hung = |name: &str| text(&hung(name)).to_owned();
    let program = hung("program");
    let mut parts: Vec<_> = (0..20)
        .map(|number| {
            let place = hung(&format!("{number}/token"));
            format!("[sessions.hung-{number}]\ntoken = {{ file = \"{place}\" }}\n")
        })
        .collect();
    parts.extend([
        format!("[pools.pool]\ntoken_dir = \"{}\"\n", hung("pool")),
        format!("[sessions.program]\ntoken = {{ command = [\"{program}\"] }}\n"),
        format!("[hooks.hook]\non = [\"lost\"]\ncommand = [\"{program}\"]\n"),
        session("dead", ""),
    ]);
    let files = parts.concat();
    folder.write("dead", "dead");
    let mut daemon = folder.run(&(base.clone() + &files));
    // This comes before the daemon knows that the file system of the others does not answer.
    daemon.wait_for(&["\"event\":\"alive\"", "healthy"]);
    daemon.wait_for(&["hung-0 absent", "takes longer than 5s"]);
    wait_for_touches(&simulation, &mut daemon);
    assert!(ask(&folder, "health").status.success());
    let more = [
        format!("[http]\nca_file = \"{}\"\n", hung("ca.pem")),
        format!(
            "[sessions.more]\ntoken = {{ file = \"{}\" }}\n",
            hung("more")
        ),
    ];
    for (more, is_accepted) in more.iter().zip([false, true]) {
        folder.write("config.toml", &(base.clone() + &files + more));
        daemon.signal(Signal::HUP);
        daemon.wait_for(&[if is_accepted {
            "\"event\":\"reloaded\""
        } else {
            "takes longer than 10s"
        }]);
        wait_for_touches(&simulation, &mut daemon);
    }
    fs::remove_file(folder.path("config.toml")).unwrap();
    std::os::unix::fs::symlink(hung("config.toml"), folder.path("config.toml")).unwrap();
    daemon.signal(Signal::HUP);
    wait_for_touches(&simulation, &mut daemon);
    assert!(ask(&folder, "health").status.success());
    // The configuration is still being read at this moment.
    daemon.signal(Signal::HUP);
    stop(&mut daemon);
    drop(mount);
}

#[test]
fn a_pool_whose_volume_stops_answering_keeps_its_tokens_and_holds_up_no_one() {
    let simulation = Simulation::new(seconds(6));
    let folder = Folder::new();
    let pool = folder.path("pool/tokens");
    fs::create_dir_all(&pool).unwrap();
    for name in ["alice", "bob"] {
        simulation.token(name);
        folder.write(&format!("pool/tokens/{name}"), name);
    }
    let config = healthy(&simulation, &folder)
        + &format!(
            "[pools.pool]\ntoken_dir = \"{}\"\non_removal = \"revoke\"\n",
            text(&pool)
        );
    let mut daemon = folder.run(&config);
    for _ in 0..3 {
        daemon.wait_for(&["\"event\":\"alive\""]);
    }
    let Some(mount) = HungMount::at(&folder.path("pool")) else {
        return;
    };
    // The files of the pool are read with each touch, and the touches continue if that fails.
    daemon.wait_for(&["no token could be read", "takes longer than 5s"]);
    wait_for_touches(&simulation, &mut daemon);
    for name in ["alice", "bob"] {
        assert!(simulation.record(name).fate.is_living());
    }
    let mut check = folder.command(&["check", "--config", "config.toml"]);
    let output = check.output().unwrap();
    assert!(output.status.success(), "{}", text_of(&output));
    stop(&mut daemon);
    drop(mount);
}

#[test]
fn a_link_in_a_pool_that_leads_out_of_its_folder_is_refused_with_what_to_do() {
    let simulation = Simulation::new(seconds(600));
    let folder = Folder::new();
    fs::create_dir(folder.path("pool")).unwrap();
    for name in ["inside", "outside"] {
        simulation.token(name);
    }
    folder.write("pool/.real", "inside");
    folder.write("outside-file", "outside");
    let link = |target: &str, name: &str| {
        std::os::unix::fs::symlink(target, folder.path(name)).unwrap();
    };
    link(".real", "pool/inside");
    link("../outside-file", "pool/outside");
    // The author of the configuration may name a link to any file.
    link("healthy", "named");
    simulation.token("healthy");
    folder.write("healthy", "healthy");
    let config = head(&simulation)
        + &session("named", "")
        + &format!(
            "[pools.pool]\ntoken_dir = \"{}\"\n",
            text(&folder.path("pool"))
        );
    let mut daemon = folder.run(&config);
    daemon.wait_for(&["outside: no token could be read", "leads out of its folder"]);
    for _ in 0..2 {
        daemon.wait_for(&["\"event\":\"alive\""]);
    }
    assert_eq!(simulation.record("outside").calls_in_all(), 0);
    stop(&mut daemon);
}

#[test]
fn a_file_that_changes_without_a_sign_is_read_before_the_next_touch_and_after_a_loss() {
    let simulation = Simulation::new(seconds(16));
    let folder = Folder::new();
    simulation.token("token-1");
    let path = folder.write("token", "token-1");
    let modified = fs::metadata(&path).unwrap().modified().unwrap();
    let rewrite = |token: &str| {
        simulation.token(token);
        let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
        file.write_all_at(token.as_bytes(), 0).unwrap();
        file.set_modified(modified).unwrap();
    };
    folder.write("config.toml", &(head(&simulation) + &session("token", "")));
    // The daemon runs without inotify, which its own namespace can be denied.
    let script = "echo 0 >/proc/sys/user/max_inotify_instances && exec \"$@\"";
    let plain = folder.command(&["run", "--config", "config.toml"]);
    let mut command = Command::new("unshare");
    command
        .args(["--user", "--map-root-user", "sh", "-c", script, "sh"])
        .arg(plain.get_program())
        .args(plain.get_args())
        .current_dir(folder.path(""));
    let is_permitted = Command::new("unshare")
        .args([
            "--user",
            "--map-root-user",
            "sh",
            "-c",
            script,
            "sh",
            "true",
        ])
        .output();
    if !is_permitted.is_ok_and(|output| output.status.success()) {
        println!("skipped: there is no unshare, or no namespace to be had");
        return;
    }
    let mut daemon = Keepalive::start(command);
    daemon.wait_for(&["token files are not watched"]);
    daemon.wait_for(&["\"event\":\"alive\"", "\"generation\":1"]);
    rewrite("token-2");
    daemon.wait_for(&["\"state\":\"alive\"", "\"generation\":2"]);
    simulation
        .server()
        .revoke("token-2", session_keepalive::sys::clock::now());
    let lost = daemon.wait_for(&["\"event\":\"lost\""]);
    assert!(
        lost.contains("at the next touch") && !lost.contains("takes over at once"),
        "{lost}"
    );
    rewrite("token-3");
    daemon.wait_for(&["\"state\":\"alive\"", "\"generation\":3"]);
    stop(&mut daemon);
}
