// A browser that notes what a page does wrong: requests to elsewhere, errors, breaches of its own policy.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

export const launch = () => chromium.launch({ executablePath: process.env.CHROMIUM, args: FLAGS });

/** A page and what was noted of it. */
export class Seen {
  requests = [];
  errors = [];

  static async open(browser, url, options = {}) {
    const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, ...options });
    const seen = new Seen();
    seen.page = await context.newPage();
    seen.page.on('request', (request) => seen.requests.push(request.url()));
    seen.page.on('pageerror', (error) => seen.errors.push(String(error)));
    seen.page.on('console', (message) => message.type() === 'error' && seen.errors.push(message.text()));
    await seen.page.addInitScript(() => {
      document.addEventListener('securitypolicyviolation', (event) => console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`));
    });
    seen.devtools = await context.newCDPSession(seen.page);
    await seen.page.goto(url);
    return seen;
  }

  row(name) {
    return this.page.locator('.row', { has: this.page.locator(`h3 > a:text-is("${name}")`) });
  }

  /** The words of a session's row. */
  async words(name) {
    return (await this.row(name).innerText()).replace(/\s+/g, ' ');
  }

  names() {
    return this.page.locator('.row h3').allInnerTexts();
  }

  // Not by a script of the page, which its policy forbids.
  async evaluate(expression) {
    const answer = await this.devtools.send('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true });
    if (answer.exceptionDetails) throw new Error(JSON.stringify(answer.exceptionDetails));
    return answer.result.value;
  }

  /** What axe finds, a line each. */
  async violations() {
    await this.evaluate(`${AXE};0`);
    const { violations } = await this.evaluate('axe.run()');
    return violations.flatMap((it) => it.nodes.map((node) => `${it.id}: ${node.target} ${node.failureSummary}`));
  }

  /** Seconds of work so far, by kind. */
  async work() {
    const { metrics } = await this.devtools.send('Performance.getMetrics');
    return Object.fromEntries(metrics.map(({ name, value }) => [name, value]));
  }

  async picture(name) {
    if (process.env.PICTURES) await this.page.screenshot({ path: join(process.env.PICTURES, `${name}.png`), fullPage: true });
  }
}
