// What an operator sees and does on the page, in a real browser. Prints a line for each thing that is so.

import assert from 'node:assert/strict';
import { Seen, launch } from './browser.mjs';
import { crowded } from './crowded.mjs';
import { dense, wall } from './dense.mjs';
import { Daemon, Simulator, endAll, until } from './processes.mjs';

const ok = (what) => console.log(`ok ${what}`);

async function shown(seen) {
  const rows = [
    ['wallboard', /alive to be kept .*Example · [0-9a-f]{8} .*left of 10m, .*touch in .*outage budget .*touches /],
    ['crm', /alive to lapse .*only looked at/],
    ['ended', /lapsed to lapse .*as intended/],
    ['door', /lost to be kept .*refused .*a new token in file door takes over at once/],
    ['lobby', /absent to be kept .*does not exist.*a new token in file lobby/],
  ];
  for (const [name, words] of rows) {
    await until(`${name} is shown as ${words}, not: ${await seen.words(name)}`, async () => words.test(await seen.words(name)));
  }
  const { page } = seen;
  await until('the verdict is told', async () => (await page.locator('h1').innerText()) === 'Not ready');
  await until('who is in trouble is told', async () => /2 of 4 kept: door lost, lobby absent/.test(await page.locator('#verdict-detail').innerText()));
  await until('the title tells it as well', async () => /^✕ 2 not ready/.test(await page.title()));
  assert.match(await page.locator('#icon').getAttribute('href'), /trouble/);
  assert.deepEqual((await seen.names()).slice(0, 2), ['door', 'lobby'], 'trouble first');
  assert.equal(await page.locator('.row .mark').count(), 6, 'a shape beside each word');
  assert.match(await page.locator('#events').innerText(), /door[\s\S]*refused/);
  ok('kept, lapsing, lapsed, lost and absent sessions are told in words and shapes, trouble first, with what to do');
}

async function runsDown(seen) {
  const width = () => seen.row('wallboard').locator('.bar-fill').evaluate((fill) => fill.getBoundingClientRect().width);
  const before = await width();
  await until('the bar runs down', async () => (await width()) < before);
  const mark = await seen.row('wallboard').locator('.bar-touch').evaluate((it) => it.getBoundingClientRect().x - it.parentElement.getBoundingClientRect().x);
  assert.ok(mark > 0 && mark < before, `the touch is due between now and the deadline: ${mark} of ${before}`);
  ok('the bar runs down towards the mark of the touch');
}

async function losesOne(seen, simulator, daemon) {
  await until('kiosk is alive', async () => /^alive/.test(await seen.words('kiosk')));
  const requests = () => seen.requests.filter((url) => url === daemon.url).length;
  assert.equal(requests(), 1);
  await simulator.revoke('kiosk-token');
  const { at } = await daemon.says(/"event":"lost".*"session":"kiosk"|"session":"kiosk".*"event":"lost"/);
  await until('kiosk is shown as lost', async () => /^lost/.test(await seen.words('kiosk')));
  const took = performance.now() - at;
  assert.equal(requests(), 1, 'the page was not loaded again');
  assert.equal(await seen.row('kiosk').locator('.day .day-lost').count(), 1, 'the day shows the loss');
  await until('it is said aloud', async () => /kiosk: lost/.test(await seen.page.locator('#said').textContent()));
  ok(`a session that is lost is shown so ${Math.round(took)} ms after the daemon knew, without loading the page again`);
}

async function keyboard(browser, url) {
  const seen = await Seen.open(browser, `${url}?sort=name`);
  const { page } = seen;
  await until('rows', async () => (await seen.names()).length === 6);
  const reached = [];
  for (let presses = 0; presses < 30 && !reached.includes('sort'); presses += 1) {
    await page.keyboard.press('Tab');
    reached.push(await seen.evaluate('document.activeElement.id || document.activeElement.className'));
  }
  for (const id of ['find', 'only', 'sort']) assert.ok(reached.includes(id), `${id} in ${reached}`);
  assert.equal(reached[0], 'skip');
  const outline = await seen.evaluate("getComputedStyle(document.activeElement).outlineStyle");
  assert.notEqual(outline, 'none', 'focus is visible');
  await page.context().close();
  ok(`Tab reaches ${reached.join(', ')}`);
}

async function narrowsDown(seen) {
  const { page } = seen;
  await page.goto(page.url().replace(/\?.*|$/, '?sort=name'));
  await page.locator('#find').fill('wall');
  await until('one is found', async () => (await seen.names()).join() === 'wallboard');
  assert.match(page.url(), /\?find=wall&sort=name$/);
  await page.locator('#find').fill('');
  await page.locator('#only').selectOption('lapse');
  await until('those to lapse are shown', async () => (await seen.names()).join() === 'crm,ended');
  await page.locator('#only').selectOption('');
  await page.locator('#sort').selectOption('name');
  await until('by name', async () => (await seen.names()).join() === 'crm,door,ended,kiosk,lobby,wallboard');
  await page.getByRole('link', { name: 'door', exact: true }).first().click();
  await until('one session', async () => (await seen.names()).join() === 'door');
  assert.match(page.url(), /\?session=door$/);
  assert.match(await seen.words('door'), /generation 1/);
  await page.goBack();
  await until('back at all', async () => (await seen.names()).length === 6);
  await page.goto(page.url().replace(/\?.*/, '?only=lost&sort=name'));
  await until('as the address says', async () => (await seen.names()).join() === 'door,kiosk');
  await page.goto(page.url().replace(/\?.*/, ''));
  await until('all', async () => (await seen.names()).length === 6);
  ok('find, show, sort, one session and back; the address keeps what is asked for');
}

async function looksRight(browser, url) {
  for (const colorScheme of ['light', 'dark']) {
    for (const [device, width, height] of [['phone', 390, 844], ['desktop', 1440, 900]]) {
      const seen = await Seen.open(browser, url, { colorScheme, viewport: { width, height }, reducedMotion: 'reduce' });
      await until('rows', async () => (await seen.names()).length === 6);
      const wide = await seen.evaluate('document.documentElement.scrollWidth');
      assert.ok(wide <= width, `${device} scrolls sideways: ${wide}`);
      await seen.row('door').locator('.more').click();
      assert.deepEqual(await seen.violations(), []);
      assert.deepEqual(seen.errors, []);
      await seen.picture(`${device}-${colorScheme}`);
      await seen.page.context().close();
    }
  }
  ok('axe finds nothing, in light and dark, on a phone and a desktop; nothing scrolls sideways');
}

async function silence(seen, daemon, sessions) {
  const { page } = seen;
  const noted = seen.errors.length;
  await daemon.stop('SIGQUIT');
  const took = await until('it says that nobody answers', async () => (await page.locator('h1').innerText()) === 'No answer');
  assert.match(await page.locator('#verdict-detail').innerText(), /has not answered since \d\d:\d\d:\d\d, for \d/);
  assert.match(await page.title(), /^\? no answer/);
  assert.deepEqual(await seen.violations(), []);
  await seen.picture('silence');
  const again = await Daemon.start(sessions, {}, { folder: daemon.folder, listen: daemon.listen });
  const back = await until('it recovers', async () => (await page.locator('h1').innerText()) === 'Not ready');
  // The browser itself notes each connection that is refused.
  seen.errors.splice(noted, seen.errors.length, ...seen.errors.slice(noted).filter((it) => !it.includes('ERR_CONNECTION_REFUSED')));
  ok(`a daemon that is gone is told after ${Math.round(took)} ms, one that is back after ${Math.round(back)} ms`);
  return again;
}

async function restsWhenHidden(seen) {
  const asked = () => seen.requests.filter((url) => url.includes('/status?')).length;
  const become = (hidden) => seen.evaluate(`Object.defineProperty(document, 'hidden', { get: () => ${hidden}, configurable: true });
    document.dispatchEvent(new Event('visibilitychange'))`);
  await become(true);
  const before = asked();
  await new Promise((resume) => setTimeout(resume, 5000));
  assert.ok(asked() - before <= 1, 'who is not seen asks seldom');
  const [known, at] = [asked(), performance.now()];
  await become(false);
  await until('it catches up', () => asked() > known);
  ok(`a hidden tab rests, and catches up within ${Math.ceil(performance.now() - at)} ms when it is seen again`);
}

/** An outage of two sessions, from its first failed request to its end. */
async function outage(browser) {
  let simulator = await Simulator.start('40s', ['door-token', 'lobby-token']);
  const api = `api = "${simulator.base}"`;
  const daemon = await Daemon.start({ door: api, lobby: api }, { door: 'door-token', lobby: 'lobby-token' });
  const seen = await Seen.open(browser, daemon.url, { viewport: { width: 390, height: 844 } });
  const { page } = seen;
  const [title, detail, countdown] = ['h1', '#verdict-detail', '#verdict-countdown'].map((id) => page.locator(id));
  await until('all is well', async () => /^2 kept; no incident or warning since the start, \d/.test(await detail.innerText()));
  await simulator.stop('SIGTERM');
  const listen = new URL(simulator.base).host;
  await until('the incident is the headline', async () => (await title.innerText()) === 'API unreachable');
  await until('at risk is counted', async () => /no connection to the API .* since .*; 2 sessions, 2 at risk$/.test(await detail.innerText()));
  const left = async () => Number(/^First token \(\w+\) dies in (\d+)s$/.exec(await countdown.innerText())?.[1]);
  const before = await left();
  await until('it counts down', async () => (await left()) < before);
  assert.match(await page.title(), /^✕ API unreachable/);
  await until('the incident is in the list', async () => /incident[\s\S]*API unreachable/.test(await page.locator('#events').innerText()));
  assert.deepEqual(await seen.violations(), []);
  await seen.picture('outage');
  simulator = await Simulator.start('40s', ['door-token', 'lobby-token'], listen);
  await until('it is over', async () => /^2 kept; no incident or warning for \d+s$/.test(await detail.innerText()));
  assert.match(await page.locator('#verdict-last').innerText(), /^Last incident: API unreachable: over after /);
  assert.ok(await countdown.isHidden());
  await seen.picture('outage-over');
  await page.context().close();
  ok('an outage is the headline, with its cause and a countdown, and then the last incident');
}

async function takesTextAsText(browser, url) {
  const seen = await Seen.open(browser, 'about:blank');
  const evil = '<img src=x onerror="document.title=1"><script>document.title=2</script>&amp;\u202e';
  await seen.page.route('**/status?*', async (route) => {
    const answer = await route.fetch();
    const report = await answer.json();
    for (const session of report.sessions) Object.assign(session, { name: `${session.name}${evil}`, standing: evil, advice: evil, trouble: evil, api: evil });
    for (const { alive } of report.sessions) if (alive) alive.organisation = evil;
    for (const event of report.events) Object.assign(event, { session: evil, text: evil });
    await route.fulfill({ response: answer, json: { ...report, summary: evil } });
  });
  await seen.page.goto(url);
  await until('rows', async () => (await seen.names()).length === 6);
  await seen.page.locator('.more').first().click();
  assert.ok((await seen.page.locator('.rows').innerText()).includes(evil));
  assert.ok((await seen.page.locator('#events').innerText()).includes(evil));
  assert.equal(await seen.page.locator('img, body script').count(), 0);
  assert.match(await seen.page.title(), /not ready/);
  assert.deepEqual(seen.errors, []);
  await seen.page.context().close();
  ok('markup in names, reasons and events is shown as text');
}

function keptToItself(seen, daemon) {
  const elsewhere = seen.requests.filter((url) => !url.startsWith(daemon.url));
  assert.deepEqual(elsewhere, []);
  assert.deepEqual(seen.errors, []);
  ok(`${seen.requests.length} requests, none elsewhere; no error in the console, no breach of the policy`);
}

async function main() {
  const simulator = await Simulator.start('10m', ['wallboard-token', 'crm-token']);
  const brief = await Simulator.start('12s', ['kiosk-token', 'ended-token']);
  const at = (server, more = '') => `api = "${server.base}"\n${more}`;
  const sessions = {
    wallboard: at(simulator),
    crm: at(simulator, 'intent = "lapse"'),
    ended: at(brief, 'intent = "lapse"'),
    kiosk: at(brief),
    door: at(simulator),
    lobby: at(simulator),
  };
  const tokens = { wallboard: 'wallboard-token', crm: 'crm-token', ended: 'ended-token', kiosk: 'kiosk-token', door: 'never-a-token' };
  let daemon = await Daemon.start(sessions, tokens);
  const browser = await launch();
  try {
    const seen = await Seen.open(browser, daemon.url);
    await until('rows', async () => (await seen.names()).length === 6);
    await shown(seen);
    await runsDown(seen);
    await looksRight(browser, daemon.url);
    await losesOne(seen, brief, daemon);
    await keyboard(browser, daemon.url);
    await narrowsDown(seen);
    await takesTextAsText(browser, daemon.url);
    await dense(browser, daemon.url, ok);
    await wall(browser, daemon.url, ok);
    await restsWhenHidden(seen);
    daemon = await silence(seen, daemon, sessions);
    keptToItself(seen, daemon);
    await outage(browser);
    await crowded(browser, ok);
  } finally {
    await browser.close();
  }
}

try {
  await main();
} finally {
  await endAll();
}
