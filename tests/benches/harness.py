"""The parts that the benchmarks share: the API as nginx serves it, the daemon as a process, and instruction counts.

Everything listens on 127.0.0.1, is bounded in time and ends with the script that started it.
"""

import base64
import contextlib
import ctypes
import hashlib
import json
import os
import pathlib
import platform
import re
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
import urllib.request

# The interval at which a state is looked at until it is reached.
LOOK_EVERY = 0.02

# prctl, by the name of the machine; PR_GET_AUXV; and how seccomp names the machine.
PRCTL = {"x86_64": (157, 0xC000003E), "aarch64": (167, 0xC00000B7)}
PR_GET_AUXV = 0x41555856
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
SECCOMP_ALLOW, SECCOMP_EINVAL = 0x7FFF0000, 0x00050016
LOAD_WORD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06

NGINX = """
load_module {modules}/ndk_http_module.so;
load_module {modules}/ngx_http_lua_module.so;
worker_processes 1;
worker_rlimit_nofile 8192;
daemon off;
pid {work}/nginx.pid;
error_log {work}/error.log error;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path {work}/body;
    proxy_temp_path {work}/proxy;
    fastcgi_temp_path {work}/fastcgi;
    uwsgi_temp_path {work}/uwsgi;
    scgi_temp_path {work}/scgi;
    lua_shared_dict tokens {tokens};
    lua_shared_dict counts 4m;
    keepalive_requests 1000000000;
    keepalive_timeout 1h;
    http2_max_concurrent_streams 256;
    ssl_certificate {work}/cert.pem;
    ssl_certificate_key {work}/key.pem;
    init_by_lua_file {work}/api.lua;
    server {{
        listen 127.0.0.1:{tls} ssl http2 backlog=4096;
        listen 127.0.0.1:{plain} backlog=4096;
        location /api/v2/tokens/ {{
            content_by_lua 'answer()';
            log_by_lua 'note()';
        }}
    }}
    server {{
        listen 127.0.0.1:{control};
        location /counts {{ content_by_lua 'counts_as_json()'; }}
        location /reset {{ content_by_lua 'reset()'; }}
    }}
}}
"""

# The idle deadline of each token follows from its last touch, as the API computes it. A peek (`preserveIdleTTL`) moves
# nothing. `counts` has the number of requests of each kind, and a histogram of how long tokens had idled when they were
# touched, in steps of 10 ms.
LUA = """
local tokens, counts = ngx.shared.tokens, ngx.shared.counts

function answer()
    local method, path = ngx.req.get_method(), ngx.var.uri
    if ngx.var.connection_requests == "1" then counts:incr("connections", 1, 0) end
    counts:incr("requests", 1, 0)
    ngx.header["Content-Type"] = "application/json"
    ngx.header["ININ-Correlation-Id"] = "0c6a7cde-4c1c-4c02-b0b5-0d3b5b9b3f10"
    local idle = counts:get("idle") or 900
    if path == "/api/v2/tokens/timeout" then
        counts:incr("timeouts", 1, 0)
        ngx.print('{"idleTokenTimeoutSeconds":', idle, ',"enableIdleTokenTimeout":true}')
        return
    end
    local token, now = ngx.var.http_authorization or "", ngx.now()
    local touched = tokens:get(token)
    if method == "DELETE" then
        counts:incr("revocations", 1, 0)
        ngx.print("{}")
        return
    end
    if method == "GET" and ngx.var.arg_preserveIdleTTL then
        counts:incr("peeks", 1, 0)
        if not touched then
            touched = now
            tokens:set(token, now)
        end
    else
        counts:incr(method == "HEAD" and "heads" or "gets", 1, 0)
        if touched then counts:incr("idled " .. math.floor((now - touched) * 100), 1, 0) end
        touched = now
        tokens:set(token, now)
    end
    if method == "HEAD" then
        -- h2load waits for a body of HTTP/1.1 even after HEAD.
        ngx.header["Content-Length"] = 0
        return
    end
    local at = touched + idle
    local second = math.floor(at)
    local body = '{"organization":{"id":"b8a5f3f8-93a5-4a55-9c06-6b1f6b1a1f10","name":"Organisation"},"dateTokenIdles":"'
        .. os.date("!%Y-%m-%dT%H:%M:%S", second) .. string.format(".%03dZ", math.floor((at - second) * 1000)) .. '"}'
    ngx.header["Content-Length"] = #body
    ngx.print(body)
end

function note()
    if not counts:get("first_answer_at") then
        ngx.update_time()
        counts:set("first_answer_at", ngx.now())
    end
end

function counts_as_json()
    local all = {}
    for _, key in ipairs(counts:get_keys(0)) do
        all[#all + 1] = string.format('"%s":%.3f', key, counts:get(key))
    end
    ngx.print("{", table.concat(all, ","), "}")
end

function reset()
    counts:flush_all()
    counts:flush_expired()
    if ngx.var.arg_tokens then
        tokens:flush_all()
        tokens:flush_expired()
    end
    counts:set("idle", tonumber(ngx.var.arg_idle) or 900)
    ngx.print("ok")
end
"""


class Failed(Exception):
    """A benchmark that could not be carried out."""


class Skipped(Exception):
    """A benchmark for which something is missing."""


def need(*commands):
    missing = [command for command in commands if not shutil.which(command)]
    if missing:
        raise Skipped(f"there is no {', '.join(missing)}")


def until(reached, seconds, what):
    """Waits until `reached()` is true and returns its value."""
    ends = time.monotonic() + seconds
    while not (value := reached()):
        if time.monotonic() > ends:
            raise Failed(f"{what} was not reached within {seconds} s")
        time.sleep(LOOK_EVERY)
    return value


def free_ports(number):
    sockets = [socket.socket() for _ in range(number)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def get(port, path, seconds=60):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=seconds) as answer:
        return answer.read()


class Api:
    """The API, served by nginx: TLS with HTTP/2 on one port, plain HTTP/1.1 on another."""

    def __init__(self, work, tokens="64m"):
        need("nginx", "openssl")
        modules = pathlib.Path("/usr/lib/nginx/modules")
        if not (modules / "ngx_http_lua_module.so").exists():
            raise Skipped("nginx has no Lua module (Debian: libnginx-mod-http-lua)")
        self.work = work
        self.tls, self.plain, self.control = free_ports(3)
        self.ca_file = work / "ca.pem"
        self.make_certificates()
        (work / "api.lua").write_text(LUA)
        text = NGINX.format(
            modules=modules, work=work, tokens=tokens, tls=self.tls, plain=self.plain, control=self.control
        )
        if os.geteuid() == 0:
            text = "user root;\n" + text
        (work / "nginx.conf").write_text(text)
        command = ["nginx", "-p", str(work), "-c", str(work / "nginx.conf"), "-e", str(work / "error.log")]
        self.process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        try:
            until(self.is_up, 20, "an answer of nginx")
        except BaseException:
            self.end()
            raise

    def make_certificates(self):
        quiet = {"cwd": self.work, "check": True, "capture_output": True}
        curve = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30".split()
        (self.work / "names").write_text("subjectAltName=DNS:localhost\nbasicConstraints=CA:FALSE\n")
        subprocess.run(
            ["openssl", "req", "-x509", *curve, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=benchmarks"], **quiet
        )
        subprocess.run(
            ["openssl", "req", "-new", *curve[:-2], "-keyout", "key.pem", "-out", "csr.pem", "-subj", "/CN=localhost"], **quiet
        )
        subprocess.run(
            "openssl x509 -req -in csr.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -extfile names -out cert.pem".split(),
            **quiet,
        )

    def is_up(self):
        if self.process.poll() is not None:
            raise Failed(f"nginx ended: {(self.work / 'error.log').read_text().strip()[-500:]}")
        try:
            return self.reset()
        except OSError:
            return False

    def reset(self, idle=900):
        """Forgets counts and tokens; from here on a token may idle for `idle` seconds."""
        return get(self.control, f"/reset?tokens=1&idle={idle}") == b"ok"

    def forget_counts(self, idle):
        get(self.control, f"/reset?idle={idle}")

    def counts(self):
        return Counts(json.loads(get(self.control, "/counts")))

    def url(self, is_tls):
        return f"https://localhost:{self.tls}" if is_tls else f"http://127.0.0.1:{self.plain}"

    def end(self):
        self.process.terminate()
        self.process.wait(20)


@contextlib.contextmanager
def serving(work, **options):
    api = Api(work, **options)
    try:
        yield api
    finally:
        api.end()


class Counts(dict):
    """Numbers of requests since the last reset; 0 of a kind that did not come."""

    def __missing__(self, key):
        return 0

    @property
    def touches(self):
        return self["heads"] + self["gets"]

    def idled(self, share):
        """Returns the time in milliseconds for which this share of the touched tokens had idled at most."""
        steps = sorted((int(key[6:]), number) for key, number in self.items() if key.startswith("idled "))
        left = share * sum(number for _, number in steps)
        for step, number in steps:
            left -= number
            if left <= 0:
                return step * 10
        raise Failed("nothing was touched")


def write_tokens(folder, numbers):
    folder.mkdir(exist_ok=True)
    for number in numbers:
        write_token(folder, number)


def write_token(folder, number):
    descriptor = os.open(folder / f"agent-{number:07}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    # As long and as random as a token of the API.
    os.write(descriptor, base64.urlsafe_b64encode(hashlib.sha512(b"%d" % number).digest()).rstrip(b"="))
    os.close(descriptor)


class Daemon:
    """The daemon with pools of tokens, one of each folder, as a process."""

    def __init__(self, binary, api, *folders, options="", is_tls=True, wrapper=(), with_listener=False):
        self.status = free_ports(1)[0]
        self.config = api.work / "config.toml"
        listen = f'"{self.status}"' if with_listener else '"off"'
        self.fixed = (
            f'api = "{api.url(is_tls)}"\n'
            f'http = {{ proxy = "none", ca_file = "{api.ca_file}" }}\n'
            'log.level = "error"\n'
            f'status = {{ socket = "off", listen = {listen} }}\n'
            + "".join(f'[pools.agents-{at}]\ntoken_dir = "{folder}"\n' for at, folder in enumerate(folders))
        )
        self.configure(options)
        self.log = open(api.work / "daemon.log", "wb")
        environment = {"PATH": os.environ["PATH"], "HOME": str(api.work)}
        self.began = time.time()
        try:
            self.process = subprocess.Popen(
                [*wrapper, str(binary), "run", "--config", str(self.config)],
                env=environment,
                stderr=self.log,
                stdout=self.log,
                preexec_fn=refuse_auxv if wrapper else None,
            )
        except subprocess.SubprocessError as why:
            raise Skipped(f"no seccomp filter can be installed here: {why}") from why
        self.pid = self.process.pid

    def configure(self, options):
        self.config.write_text(f'{self.fixed}[defaults]\non_shutdown = "leave"\n{options}\n')

    def is_living(self):
        if self.process.poll() is not None:
            raise Failed(f"the daemon ended: {pathlib.Path(self.log.name).read_text()[-500:]}")
        return True

    def cpu(self):
        """Returns the processor time that all threads took, in seconds."""
        fields = pathlib.Path(f"/proc/{self.pid}/stat").read_text().rsplit(") ", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self, name="RssAnon"):
        """Returns a line of /proc/PID/status in bytes."""
        text = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(rf"^{name}:\s+(\d+) kB", text, re.M)[1]) * 1024

    def end(self):
        # Nothing is revoked by SIGQUIT.
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGQUIT)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()


@contextlib.contextmanager
def running(binary, api, *folders, **options):
    daemon = Daemon(binary, api, *folders, **options)
    try:
        yield daemon
    finally:
        daemon.end()


def adopted(daemon, api, number, seconds=300):
    """Waits until each of this number of tokens was peeked at."""
    until(lambda: daemon.is_living() and api.counts()["peeks"] >= number, seconds, f"a peek at {number} tokens")


@contextlib.contextmanager
def workplace():
    """A folder of its own. SIGTERM ends a benchmark as Ctrl-C does: with all that it started."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="benches-") as name:
        yield pathlib.Path(name)


def refuse_auxv():
    """Makes the kernel refuse `PR_GET_AUXV`, so that rustix asks /proc/self/auxv.

    Valgrind replaces the auxiliary vector in that file, but not in the answer of the system call, and the program would
    jump into a vDSO that Valgrind does not know.
    """
    number, machine = PRCTL[platform.machine()]
    steps = [
        (LOAD_WORD, 0, 0, 4),
        (JUMP_IF_EQUAL, 0, 4, machine),
        (LOAD_WORD, 0, 0, 0),
        (JUMP_IF_EQUAL, 0, 2, number),
        (LOAD_WORD, 0, 0, 16),
        (JUMP_IF_EQUAL, 1, 0, PR_GET_AUXV),
        (RETURN, 0, 0, SECCOMP_ALLOW),
        (RETURN, 0, 0, SECCOMP_EINVAL),
    ]
    filter_ = b"".join(struct.pack("HBBI", *step) for step in steps)
    buffer = ctypes.create_string_buffer(filter_, len(filter_))
    program = struct.pack("HxxxxxxP", len(steps), ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program, 0, 0):
        raise OSError(ctypes.get_errno(), "seccomp")


class Instructions:
    """Counts the instructions of a daemon under callgrind."""

    def __init__(self, work):
        need("valgrind", "callgrind_control")
        if platform.machine() not in PRCTL:
            raise Skipped(f"the number of prctl on {platform.machine()} is not known")
        self.out = work / "callgrind"
        for old in work.glob("callgrind*"):
            old.unlink()
        self.dumps = 0
        self.wrapper = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={self.out}"]

    def take(self, daemon):
        """Returns the number of instructions since the last time, or the start."""
        daemon.is_living()
        self.dumps += 1
        done = subprocess.run(["callgrind_control", "-d", str(daemon.pid)], capture_output=True, text=True, timeout=60)
        if done.returncode != 0 and daemon.is_living():
            raise Skipped(f"callgrind_control cannot reach valgrind: {(done.stdout + done.stderr).strip()[-300:]}")
        dump = pathlib.Path(f"{self.out}.{self.dumps}")
        return int(until(lambda: dump.exists() and re.search(r"^totals: (\d+)", dump.read_text(), re.M), 60, "a dump")[1])


def instructions_of_start(binary, api, work):
    """Instructions from exec until the first answers of the API over TLS: a peek, and the organisation's timeout."""
    api.reset()
    folder = work / "one"
    write_tokens(folder, [1])
    count = Instructions(work)
    with running(binary, api, folder, wrapper=count.wrapper) as daemon:
        until(lambda: daemon.is_living() and api.counts()["requests"] >= 2, 120, "two requests")
        # The second answer may be on its way: an idle daemon executes nothing.
        time.sleep(0.3)
        return count.take(daemon)


# For how long a token may idle while touches are measured, and the time after the first peek at which its touch is due, in
# seconds. The margin is 90 percent, so that a touch that comes much later is in time as well.
IDLE, DUE_AFTER = 200, 10


@contextlib.contextmanager
def all_due(binary, api, folder, number, options, at_rest=lambda _: None, **more):
    """A daemon for whose tokens touches became due all at once: as many requests as may be are in flight.

    It is stopped until the last touch is due; then it goes on. `at_rest` is called before.
    """
    api.reset(idle=IDLE)
    with running(binary, api, folder, options=f'margin = "90%"\n{options}', **more) as daemon:
        adopted(daemon, api, number)
        time.sleep(1)
        at_rest(daemon)
        daemon.process.send_signal(signal.SIGSTOP)
        time.sleep(DUE_AFTER)
        api.forget_counts(IDLE)
        daemon.process.send_signal(signal.SIGCONT)
        yield daemon


def touched(daemon, api, number, seconds=120):
    until(lambda: daemon.is_living() and api.counts().touches >= number, seconds, f"{number} touches")
    return api.counts()


def instructions_of_touch(binary, api, work, options, number=400):
    """Returns the instructions for each touch with 64 requests in flight over HTTP/2 with TLS, and the requests.

    All that follows from a touch is part of it: its proof, if it has one of its own.
    """
    folder = work / f"{number}-tokens"
    write_tokens(folder, range(number))
    count = Instructions(work)
    with all_due(binary, api, folder, number, options, at_rest=count.take, wrapper=count.wrapper) as daemon:
        touched(daemon, api, number)
        # A peek that proves a touch follows a second later.
        time.sleep(1.5)
        executed = count.take(daemon)
        counts = api.counts()
        return executed / counts.touches, counts["requests"] / counts.touches


def memory_of_sessions(binary, api, work, number, name="RssAnon"):
    """Memory in bytes once each of so many tokens was peeked at."""
    api.reset(idle=28_800)
    folder = work / f"{number}-tokens"
    if not folder.exists():
        write_tokens(folder, range(number))
    with running(binary, api, folder) as daemon:
        adopted(daemon, api, number)
        time.sleep(2)
        return daemon.memory(name)
