// Few and many sessions on the page, on a phone and on a wall, when all is well and when it is not.

import assert from 'node:assert/strict';
import { Seen } from './browser.mjs';
import { until } from './processes.mjs';
import { stage } from './staged.mjs';

const DEVICES = { phone: { width: 390, height: 844 }, wall: { width: 1920, height: 1080 } };

async function open(browser, url, [sessions, trouble], options = {}) {
  const seen = await Seen.open(browser, 'about:blank', { reducedMotion: 'reduce', ...options });
  await stage(seen.page, sessions, trouble);
  await seen.page.goto(url);
  await until('a report', async () => (await seen.page.locator('h1').innerText()) !== 'Asking…');
  return seen;
}

async function close(seen) {
  assert.deepEqual(seen.errors, []);
  await seen.page.context().close();
}

/** Sessions take less room the more there are of them. */
export async function dense(browser, url, ok) {
  for (const [sessions, isShown] of [[12, false], [13, true]]) {
    const seen = await open(browser, url, [sessions, 'outage']);
    await until('all sessions', async () => (await seen.names()).length === sessions);
    assert.equal(await seen.page.locator('#controls').isVisible(), isShown, `controls of ${sessions}`);
    await close(seen);
  }

  const seen = await open(browser, url, [50, 'lost']);
  const { page } = seen;
  await until('those in trouble', async () => (await seen.names()).length === 18);
  const states = await page.locator('.row .word').allInnerTexts();
  assert.deepEqual(states, [...Array(16).fill('at risk'), 'lost', 'lost'], 'what can still be saved comes first');
  assert.equal(await page.locator('#healthy-words').innerText(), '32 sessions need no attention.');
  const heights = await page.locator('.row').evaluateAll((rows) => rows.map((row) => row.offsetHeight / parseFloat(getComputedStyle(row).lineHeight)));
  assert.ok(heights.every((lines) => lines < 2), `a line each: ${heights}`);
  await page.locator('#healthy-show').click();
  await until('all sessions', async () => (await seen.names()).length === 50);
  await page.locator('#healthy-show').click();
  await until('those in trouble again', async () => (await seen.names()).length === 18);
  const body = await page.locator('body').innerText();
  assert.equal(body.match(/dies in/g).length, 1, 'one countdown to the first loss');
  for (const row of await page.locator('.row').allInnerTexts()) {
    const numbers = row.match(/\d+(?:m \d+s|s|m)/g) ?? [];
    assert.equal(new Set(numbers).size, numbers.length, `a number twice in: ${row}`);
  }
  const events = await page.locator('#events').innerText();
  assert.match(events, /\d\d:\d\d:\d\d–\d\d:\d\d:\d\d\s+at risk: 16 times[\s\S]* and 11 more/);
  assert.match(events, /lost: 2 times/);
  assert.match(await page.locator('#zone').innerText(), /^times in \S/);
  await close(seen);

  const tiles = await open(browser, url, [300, 'outage']);
  await until('a page of those in trouble', async () => (await tiles.names()).length === 100);
  const places = await tiles.page.locator('.row').evaluateAll((rows) => rows.slice(0, 2).map((row) => row.offsetTop));
  assert.equal(places[0], places[1], 'tiles stand beside each other');
  await stage(tiles.page, 300, 'quiet');
  await until('only a line when all are well', async () => (await tiles.page.locator('.row').count()) === 0);
  assert.match(await tiles.page.locator('#verdict-detail').innerText(), /^300 kept; no incident or warning for 1d 2h$/);
  await close(tiles);
  ok('controls from 13 sessions on, a line each from 21, tiles from 101; the healthy collapse; events are grouped');

  await days(browser, url, ok);

  let looked = 0;
  for (const sessions of [1, 6, 300, 5000]) {
    for (const trouble of ['quiet', 'outage', 'lost']) {
      for (const [device, viewport] of Object.entries(DEVICES)) {
        const colorScheme = ['light', 'dark'][(looked + Math.floor(looked / 6)) % 2];
        const query = device === 'wall' ? '?wall' : '';
        const view = await open(browser, url + query, [sessions, trouble], { colorScheme, viewport });
        await until('the list of its size', async () => (await view.page.locator('body').getAttribute('data-density')) !== null);
        assert.deepEqual(await view.violations(), [], `${sessions} ${trouble} ${device}`);
        assert.ok((await view.evaluate('document.documentElement.scrollWidth')) <= viewport.width, `${sessions} ${trouble} ${device} scrolls sideways`);
        await view.picture(`${sessions}-${trouble}-${device}-${colorScheme}`);
        await close(view);
        looked += 1;
      }
    }
  }
  ok(`axe finds nothing in ${looked} views of 1 to 5,000 sessions on a phone and a wall; nothing scrolls sideways`);
}

/** The last 24 hours: of each session if there are few, of one session if there are many. */
async function days(browser, url, ok) {
  const few = await open(browser, url, [6, 'lost']);
  await until('all sessions', async () => (await few.names()).length === 6);
  const blocks = (seen, name) => seen.row(name).locator('.day rect').evaluateAll((list) => list.map((block) => `${block.getAttribute('class')} ${block.getAttribute('x')}+${block.getAttribute('width')}`));
  assert.deepEqual(await blocks(few, 'kiosk-0001'), ['day-well 0+96']);
  assert.deepEqual(await blocks(few, 'kiosk-0003'), ['day-well 0+86', 'day-failed 86+2', 'day-well 88+7', 'day-failed 95+1']);
  assert.deepEqual(await blocks(few, 'kiosk-0000'), ['day-well 30+58', 'day-failed 88+2', 'day-well 90+4', 'day-failed 94+1', 'day-lost 95+1']);
  assert.match(await few.words('kiosk-0001'), /24 h kept for 12d 1h/);
  assert.match(await few.words('kiosk-0003'), /24 h kept for 12d 3h; requests failed between \d\d:\d\d and \d\d:\d\d/);
  await few.row('kiosk-0003').locator('.more').click();
  const facts = await few.row('kiosk-0003').locator('.facts').innerText();
  for (const fact of [/Kept since\s.*12d ago/, /Token proven alive\s.*12d ago/, /Token expires\s.*in 21h/, /New token\s.*in 10h/]) assert.match(facts, fact);
  await close(few);

  const many = await open(browser, url, [300, 'lost']);
  await until('tiles', async () => (await many.names()).length === 100);
  assert.equal(await many.page.locator('.past:visible').count(), 0, 'a tile has no bar');
  await many.page.getByRole('link', { name: 'kiosk-0040', exact: true }).first().click();
  await until('one session', async () => (await many.names()).join() === 'kiosk-0040');
  assert.ok(await many.row('kiosk-0040').locator('.day').isVisible());
  assert.deepEqual(await many.violations(), []);
  await close(many);
  ok('the last 24 hours of each of few sessions, and of one of many, with the age and the end of its token');
}

/** The page on a wall: large type, a clock, nothing to press, and no growth. */
export async function wall(browser, url, ok) {
  const seen = await open(browser, `${url}?wall`, [300, 'lost'], { viewport: DEVICES.wall });
  const { page } = seen;
  assert.match(await page.locator('#clock').innerText(), /^\d\d:\d\d$/);
  assert.equal(await page.locator(':is(button, input, select):visible').count(), 0, 'nothing to press');
  await until('a page of tiles', async () => (await seen.names()).length === 20);
  const smallest = await seen.evaluate(`Math.min(...[...document.querySelectorAll('body *')]
    .filter((node) => node.checkVisibility() && [...node.childNodes].some((child) => child.nodeType === 3 && child.data.trim()) && !node.closest('.unseen'))
    .map((node) => parseFloat(getComputedStyle(node).fontSize)))`);
  assert.ok(smallest >= 1920 * 0.015, `the smallest type is ${smallest}px`);
  assert.ok((await seen.evaluate('document.documentElement.scrollHeight')) <= DEVICES.wall.height, 'nothing to scroll');

  const nodes = () => seen.evaluate("document.getElementsByTagName('*').length");
  const title = () => page.locator('h1').innerText();
  const askNow = () => seen.evaluate("dispatchEvent(new Event('online'))");
  const sizes = [];
  for (let round = 0; round < 30; round += 1) {
    await page.unroute('**/status?*');
    await page.route('**/status?*', (route) => route.fulfill({ status: 503, body: 'busy' }));
    await askNow();
    await until('no answer', async () => (await title()) === 'No answer');
    await stage(page, 300, ['lost', 'outage', 'quiet'][round % 3]);
    await askNow();
    await until('an answer', async () => (await title()) === (round % 3 === 2 ? 'Ready' : 'API unreachable'));
    if (round % 3 === 0) sizes.push(await nodes());
  }
  assert.deepEqual(new Set(sizes).size, 1, `the page grows: ${sizes}`);
  // The browser itself notes each failed answer.
  seen.errors = seen.errors.filter((error) => !error.includes('503'));
  await close(seen);
  ok(`on a wall: the smallest type is ${smallest}px at 1,920, a clock, no controls; 30 lost connections leave ${sizes[0]} elements`);
}
