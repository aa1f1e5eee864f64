// Five thousand sessions of one daemon on the page.

import assert from 'node:assert/strict';
import { Seen } from './browser.mjs';
import { Daemon, Simulator, until } from './processes.mjs';

const SESSIONS = 5000;
const UPDATES = 5;

export async function crowded(browser, ok) {
  const names = Array.from({ length: SESSIONS }, (_, number) => `kiosk-${String(number).padStart(4, '0')}`);
  const simulator = await Simulator.start('8h', names.slice(1).map((name) => `t-${name}`));
  const sessions = Object.fromEntries(names.map((name) => [name, `api = "${simulator.base}"`]));
  const daemon = await Daemon.start(sessions, Object.fromEntries(names.map((name) => [name, `t-${name}`])));
  const status = async (query) => {
    const began = performance.now();
    const text = await (await fetch(`${daemon.url}status${query}`)).text();
    return { text, took: performance.now() - began };
  };
  const isKnown = ({ alive, lost }) => alive === SESSIONS - 1 && lost === 1;
  await until('all but one are alive, and that one is lost', async () => isKnown(JSON.parse((await status('?limit=0')).text).states), 300_000);
  const whole = await status('');
  const part = await status('?sort=trouble&limit=100');
  const size = ({ text, took }) => `${Math.round(text.length / 1000)} kB in ${Math.round(took)} ms`;
  ok(`/status of ${SESSIONS} sessions is ${size(whole)}; what the page asks for is ${size(part)}`);

  const seen = await Seen.open(browser, daemon.url);
  await until('only the one that is lost', async () => (await seen.names()).join() === 'kiosk-0000');
  await until('the loss is told', async () => /1 of 5000 kept: kiosk-0000 lost/.test(await seen.page.locator('#verdict-detail').innerText()));
  assert.equal(await seen.page.locator('#healthy-words').innerText(), '4,999 sessions need no attention.');
  await seen.picture('crowded');

  await seen.devtools.send('Performance.enable');
  await measure(seen, ok, 'the healthy collapsed');
  await seen.page.locator('#healthy-show').click();
  await until('a page of sessions, the one that is lost first', async () => {
    const shown = await seen.names();
    return shown.length === 100 && shown[0] === 'kiosk-0000';
  });
  await measure(seen, ok, 'a hundred tiles');

  const { page } = seen;
  await page.locator('#find').fill('kiosk-49');
  const found = await until('a hundred are found', async () => /^100 of 5,000/.test(await page.locator('#shown').innerText()));
  await page.locator('#find').fill('');
  await page.locator('#sort').selectOption('name');
  await until('all, by name', async () => (await page.locator('#shown').innerText()) === '5,000');
  await page.locator('#next').click();
  const turned = await until('the next hundred', async () => (await seen.names())[0] === 'kiosk-0100');
  assert.equal(await page.locator('#place').innerText(), '101–200 of 5,000');
  await page.locator('#only').selectOption('lost');
  await until('the lost one', async () => (await seen.names()).join() === 'kiosk-0000');
  assert.deepEqual(seen.errors, []);
  ok(`find took ${Math.round(found)} ms with 200 ms of waiting for more letters, a page turned in ${Math.round(turned)} ms; show and sort work`);
  await page.context().close();
}

/** Prints the browser's work for an update. */
async function measure(seen, ok, what) {
  const answers = () => seen.requests.filter((url) => url.includes('/status?')).length;
  const [before, from] = [await seen.work(), answers()];
  await until('some updates', () => answers() >= from + UPDATES);
  const after = await seen.work();
  const each = (kind) => (((after[kind] - before[kind]) * 1000) / UPDATES).toFixed(1);
  ok(`an update with ${what}, and the ticks of its 2 s: ${each('TaskDuration')} ms of work (script ${each('ScriptDuration')}, layout ${each('LayoutDuration')}, style ${each('RecalcStyleDuration')})`);
}
