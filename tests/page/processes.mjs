// The simulator and the daemon, each in a folder of its own, and what they say.

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const PATIENCE = 120_000;

const running = new Set();
const folders = [];

/** Waits until `what` is so, and says how many milliseconds that took. */
export async function until(what, isSo, within = PATIENCE) {
  const began = performance.now();
  for (;;) {
    if (await isSo()) return performance.now() - began;
    if (performance.now() - began > within) throw new Error(`not within ${within} ms: ${what}`);
    await new Promise((resume) => setTimeout(resume, 20));
  }
}

/** A process and the lines that it says. */
class Process {
  lines = [];

  constructor(args, folder) {
    const env = { PATH: process.env.PATH, RUNTIME_DIRECTORY: folder };
    this.child = spawn(process.env.BINARY, args, { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] });
    running.add(this);
    this.ended = new Promise((resume) => this.child.on('exit', (code) => running.delete(this) && resume(code)));
    for (const stream of [this.child.stdout, this.child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => this.lines.push({ line, at: performance.now() }));
    }
  }

  /** The line that is like this, and when it came. */
  async says(part) {
    const find = () => this.lines.find(({ line }) => line.search(part) >= 0);
    await until(`${part} in:\n${this.lines.map(({ line }) => line).slice(-20).join('\n')}`, find);
    return find();
  }

  async stop(signal) {
    this.child.kill(signal);
    return this.ended;
  }
}

export class Simulator extends Process {
  static async start(idleTimeout, tokens, listen = '127.0.0.1:0') {
    const said = tokens.flatMap((token) => ['--token', token]);
    const simulator = new Simulator(['simulate', '--listen', listen, '--idle-timeout', idleTimeout, ...said], folder());
    const { line } = await simulator.says('simulating an organisation at ');
    simulator.base = /http:\/\/[^:]+:\d+/.exec(line)[0];
    return simulator;
  }

  /** What the token's owner does who logs out. */
  async revoke(token) {
    const answer = await fetch(`${this.base}/api/v2/tokens/me`, { method: 'DELETE', headers: { Authorization: `Bearer ${token}` } });
    if (!answer.ok) throw new Error(`revocation: ${answer.status}`);
  }
}

export class Daemon extends Process {
  /** `sessions` are names and what their configuration says; `tokens` are files and what they hold. */
  static async start(sessions, tokens, place = { folder: folder(), listen: '0' }) {
    for (const [name, token] of Object.entries(tokens)) writeFileSync(join(place.folder, name), token, { mode: 0o600 });
    const tables = Object.entries(sessions).map(([name, config]) => `[sessions.${name}]\ntoken = { file = "${name}" }\n${config}\n`);
    const config = `[log]\nformat = "json"\n[status]\nlisten = "${place.listen}"\n${tables.join('')}`;
    writeFileSync(join(place.folder, 'config.toml'), config);
    const daemon = new Daemon(['run', '--config', 'config.toml'], place.folder);
    const { line } = await daemon.says('"event":"listening"');
    daemon.listen = JSON.parse(line).place;
    daemon.url = `http://${daemon.listen}/`;
    daemon.folder = place.folder;
    return daemon;
  }
}

function folder() {
  const made = mkdtempSync(join(tmpdir(), 'page-'));
  folders.push(made);
  return made;
}

/** Ends what still runs. */
export async function endAll() {
  await Promise.all([...running].map((it) => it.stop('SIGKILL')));
  for (const made of folders) rmSync(made, { recursive: true, force: true });
}
