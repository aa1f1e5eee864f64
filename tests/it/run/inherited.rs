//! Tests of inherited state: blocked and ignored signals, and orphaned processes.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::fs::{CWD, FileType, Mode};
use rustix::process::Signal;
use session_keepalive::sim::{ApiOperation, Fate};

use super::super::support::hook::{descendants, hook, runs};
use super::super::support::keepalive::{Folder, Keepalive, now, text};
use super::super::support::simulation::Simulation;
use super::{head, one_session, seconds, session};

/// Returns the command with a wrapper program that runs it.
fn wrapped(wrapper: &[&str], command: &Command) -> Command {
    let (program, arguments) = wrapper.split_first().unwrap();
    let mut outer = Command::new(program);
    outer
        .args(arguments)
        .arg(command.get_program())
        .args(command.get_args())
        .env_clear();
    for (name, value) in command.get_envs() {
        outer.env(name, value.unwrap());
    }
    if let Some(directory) = command.get_current_dir() {
        outer.current_dir(directory);
    }
    outer
}

fn run_by(wrapper: &[&str], folder: &Folder, config: &str) -> Keepalive {
    folder.write("config.toml", config);
    let command = folder.command(&["run", "--config", "config.toml"]);
    Keepalive::start(wrapped(wrapper, &command))
}

const BLOCKED: [&str; 2] = ["env", "--block-signal=TERM,INT,HUP,QUIT"];

#[test]
fn signals_that_the_parent_blocked_reach_the_daemon() {
    for signal in [Signal::TERM, Signal::INT] {
        let simulation = Simulation::new(seconds(60));
        let (folder, config) = one_session(&simulation, "kiosk");
        let mut daemon = run_by(&BLOCKED, &folder, &config);
        daemon.wait_for(&["\"state\":\"alive\""]);
        daemon.signal(Signal::HUP);
        daemon.wait_for(&["\"event\":\"reloaded\""]);
        daemon.signal(signal);
        assert_eq!(daemon.wait().0.code(), Some(0), "{:?}", daemon.log);
        assert!(matches!(simulation.record("kiosk").fate, Fate::Revoked(_)));
    }
    let simulation = Simulation::new(seconds(60));
    let (folder, config) = one_session(&simulation, "kiosk");
    let mut daemon = run_by(&BLOCKED, &folder, &config);
    daemon.wait_for(&["\"state\":\"alive\""]);
    daemon.signal(Signal::QUIT);
    assert_eq!(daemon.wait().0.code(), Some(0), "{:?}", daemon.log);
    assert_eq!(simulation.record("kiosk").calls(ApiOperation::DeleteMe), 0);
}

#[test]
fn token_commands_work_and_start_with_default_signals_whatever_the_parent_ignored() {
    let simulation = Simulation::new(seconds(60));
    simulation.token("kiosk");
    let folder = Folder::new();
    let program = folder.write("token", "grep Sig /proc/self/status >signals\necho kiosk\n");
    let config = head(&simulation)
        + &format!(
            "[sessions.kiosk]\ntoken = {{ command = [\"/bin/sh\", \"{}\"] }}\n",
            text(&program)
        );
    let wrapper = [
        "env",
        "--ignore-signal=CHLD,HUP,INT,QUIT,USR1,XFSZ",
        "--block-signal=TERM,CHLD,USR2",
    ];
    let mut daemon = run_by(&wrapper, &folder, &config);
    daemon.wait_for(&["\"state\":\"alive\""]);
    let signals = fs::read_to_string(folder.path("signals")).unwrap();
    for set in ["SigBlk", "SigIgn"] {
        let line = signals.lines().find(|line| line.starts_with(set)).unwrap();
        let set = u64::from_str_radix(line.rsplit('\t').next().unwrap(), 16).unwrap();
        // The higher signals are real-time signals, some of which the C library reserves.
        assert_eq!(set & 0x7fff_ffff, 0, "{signals}");
    }
    assert_eq!(daemon.stop().0, Some(0));

    let session = ["--config", "config.toml", "--session", "kiosk"];
    let mut show = folder.command(&[&["token", "show"], &session[..]].concat());
    show.stdin(Stdio::null());
    simulation.token("other");
    folder.write("token", "echo other\n");
    let shown = wrapped(&wrapper, &show).output().unwrap();
    assert!(shown.status.success(), "{shown:?}");
}

#[test]
fn every_command_forbids_core_dumps_before_it_does_anything() {
    let folder = Folder::new();
    let waiting = ["wait", "--timeout", "1h", "--socket", "control.sock"];
    let simulating = ["simulate", "--listen", "127.0.0.1:0"];
    for arguments in [&waiting[..], &simulating] {
        let mut command = folder.command(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let mut child = command.stderr(Stdio::null()).spawn().unwrap();
        let limits = format!("/proc/{}/limits", child.id());
        wait_until("no core may be written", || {
            let limits = fs::read_to_string(&limits).unwrap_or_default();
            let mut lines = limits.lines();
            lines
                .find_map(|line| line.strip_prefix("Max core file size"))
                .is_some_and(|line| line.split_whitespace().take(2).all(|limit| limit == "0"))
                .then_some(())
        });
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

#[test]
fn as_the_first_process_of_a_container_it_leaves_no_orphan_unreaped() {
    let unshare = ["unshare", "--user", "--map-root-user", "--pid", "--fork"];
    let permitted = wrapped(&unshare, &Command::new("true"))
        .env("PATH", std::env::var_os("PATH").unwrap())
        .output();
    if !permitted.is_ok_and(|output| output.status.success()) {
        println!("not tested: this machine allows no namespaces");
        return;
    }
    let simulation = Simulation::new(seconds(60));
    simulation.token("kiosk");
    let folder = Folder::new();
    let pipe = folder.path("pipe");
    rustix::fs::mknodat(CWD, &pipe, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
    // The token command leaves a child process that ends when the test writes to the pipe.
    let program = folder.write("token", "cat pipe >/dev/null & echo kiosk\n");
    let config = head(&simulation)
        + &format!(
            "[sessions.kiosk]\ntoken = {{ command = [\"/bin/sh\", \"{}\"] }}\n",
            text(&program)
        );
    let unshare = [&unshare[..], &["--kill-child"]].concat();
    let mut daemon = run_by(&unshare, &folder, &config);
    daemon.wait_for(&["\"state\":\"alive\""]);
    let first = wait_until("the daemon runs", || children(daemon.pid()).pop());
    let orphan = wait_until("the orphan is the daemon's", || children(first).pop());
    fs::OpenOptions::new()
        .write(true)
        .open(&pipe)
        .unwrap()
        .write_all(b"end")
        .unwrap();
    wait_until("the orphan is reaped", || {
        (!PathBuf::from(format!("/proc/{orphan}")).exists()).then_some(())
    });
}

#[test]
fn what_leaves_its_hook_with_setsid_ends_with_the_hook_and_is_waited_for() {
    let simulation = Simulation::new(seconds(600));
    let (folder, config) = one_session(&simulation, "kiosk");
    folder.write("lost", "unknown");
    let script = "setsid /bin/sh -c 'echo $$ >\"$1/new\"; mv \"$1/new\" \"$1/child\"; exec sleep 600' sh \"$1\" & \
                  while [ ! -e \"$1/child\" ]; do sleep 0.05; done";
    let config = config.replace("[log]\n", "[log]\nlevel = \"debug\"\n")
        + &session("lost", "")
        + &hook(&folder, "leaves", &["lost"], script, "");
    let mut daemon = folder.run(&config);
    daemon.wait_for(&["hook_ran"]);
    // The process has ended and is not a zombie.
    let until = now() + seconds(30);
    while descendants(daemon.pid()) > 0 {
        assert!(now() < until);
        daemon.listen_for(Duration::from_millis(20));
    }
    let child = fs::read_to_string(folder.path("child")).unwrap();
    assert!(!runs(&child), "{child}");
}

fn command(folder: &Folder, simulation: &Simulation, script: &str) -> Keepalive {
    let script = folder.write("token.sh", script);
    let command = ["/bin/sh", text(&script)];
    folder.run(&format!(
        "{}[sessions.kiosk]\ntoken = {{ command = {command:?} }}\n",
        head(simulation)
    ))
}

#[test]
fn a_token_command_that_leaves_a_process_gives_its_token_and_the_process_ends() {
    let simulation = Simulation::new(seconds(60));
    simulation.token("kiosk");
    let folder = Folder::new();
    let script = "(setsid sleep 600 &)\necho kiosk\n";
    let mut daemon = command(&folder, &simulation, script);
    daemon.wait_for(&["\"state\":\"alive\""]);
    wait_until("no process is left", || {
        (descendants(daemon.pid()) == 0).then_some(())
    });
    assert_eq!(daemon.stop().0, Some(0));
}

#[test]
fn what_a_token_command_started_ends_with_the_daemon_in_the_middle_of_the_command() {
    let simulation = Simulation::new(seconds(60));
    let folder = Folder::new();
    let script = "setsid /bin/sh -c 'echo $$ >new; mv new child; exec sleep 600' &\n\
                  exec sleep 600\n";
    let mut daemon = command(&folder, &simulation, script);
    let child = wait_until("the child runs", || {
        fs::read_to_string(folder.path("child")).ok()
    });
    assert_eq!(daemon.stop().0, Some(0));
    assert!(!runs(&child), "{child}");
}

/// Returns the children of a process.
fn children(parent: u32) -> Vec<u32> {
    let parent_of = |pid: u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name of a process may contain spaces and parentheses.
        let (_, rest) = stat.rsplit_once(')')?;
        rest.split_whitespace().nth(1)?.parse::<u32>().ok()
    };
    let processes = fs::read_dir("/proc").unwrap();
    processes
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|&pid| parent_of(pid) == Some(parent))
        .collect()
}

/// Waits until the condition returns a value; panics after 30 s.
fn wait_until<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let began = now();
    loop {
        if let Some(found) = condition() {
            return found;
        }
        assert!(now() - began < seconds(30), "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
