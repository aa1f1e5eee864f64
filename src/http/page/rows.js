// Shows each session in a row; its remaining idle time counts down between two answers.

import { day, showDay } from './day.js';
import { RESETS, TIMEOUT_SOURCES, clock, humanDuration, make, mark, near, setText, tone, upcoming } from './words.js';

/** A list of sessions. Rows of sessions that stay are kept, with their focus and open details. */
export class Rows {
  #list;
  #rows = new Map();
  #isOpen = false;

  constructor(list) {
    this.#list = list;
  }

  /** Shows these sessions, with details if `isOpen`; `at` is the time of the answer on the page's clock, in milliseconds. */
  update(sessions, at, isOpen) {
    const names = new Set(sessions.map((session) => session.name));
    for (const [name, row] of this.#rows) {
      if (names.has(name)) continue;
      row.item.remove();
      this.#rows.delete(name);
    }
    let place = this.#list.firstElementChild;
    for (const session of sessions) {
      let row = this.#rows.get(session.name);
      if (!row) {
        row = new Row(session.name);
        row.open(isOpen);
        this.#rows.set(session.name, row);
      }
      if (isOpen !== this.#isOpen) row.open(isOpen);
      row.update(session, at);
      if (row.item === place) place = place.nextElementSibling;
      else this.#list.insertBefore(row.item, place);
    }
    this.#isOpen = isOpen;
    this.tick(at);
  }

  /** Updates all times to `now`. */
  tick(now) {
    for (const row of this.#rows.values()) row.tick(now);
  }
}

class Row {
  #session;
  #at = 0;
  #word = make('span', 'word');
  #picture = make('span', 'picture');
  #intent = make('span', 'intent');
  #whose = make('p', 'whose');
  #bar = make('div', 'bar');
  #margin = make('div', 'bar-margin');
  #fill = make('div', 'bar-fill');
  #touch = make('div', 'bar-touch');
  #left = make('span', 'left');
  #timeout = make('span', 'timeout');
  #day = day();
  #past = make('div', 'past', '24 h', this.#day);
  #kept = make('span', 'kept');
  #next = make('p', 'then');
  #budget = make('span', 'budget');
  #reset = make('span', 'reset');
  #why = make('p', 'why');
  #advice = make('p', 'advice');
  #more = make('button', 'more', 'Details');
  #facts = make('dl', 'facts');

  constructor(name) {
    const link = make('a', '', name);
    link.href = `?session=${encodeURIComponent(name)}`;
    link.dataset.session = name;
    // The words below contain everything that the bar shows.
    this.#bar.setAttribute('aria-hidden', 'true');
    this.#bar.append(this.#fill, this.#margin, this.#touch);
    this.#past.append(this.#kept);
    this.#more.type = 'button';
    this.#more.addEventListener('click', () => this.open(this.#facts.hidden));
    this.item = make(
      'li',
      'row',
      make('div', 'state', this.#picture, this.#word, this.#intent),
      make('div', 'who', make('h3', '', link), this.#whose, this.#more),
      make('div', 'window', this.#bar, make('p', 'span', this.#left, this.#timeout), this.#past),
      make('div', 'next', this.#next, make('p', 'assured', this.#budget, this.#reset)),
      make('div', 'reason', this.#why, this.#advice),
      this.#facts,
    );
  }

  update(session, at) {
    const before = this.#session;
    this.#session = session;
    this.#at = at;
    if (before?.state !== session.state) {
      setText(this.#word, session.state);
      this.#picture.replaceChildren(mark(session.state));
      this.item.dataset.state = session.state;
    }
    this.item.dataset.tone = tone(session.state, session.warning);
    const ordered = session.configured_intent ? ' by order' : '';
    setText(this.#intent, (session.intent === 'keep' ? 'to be kept' : 'to lapse') + ordered);
    const { alive } = session;
    setText(this.#whose, [alive?.organisation, session.fingerprint].filter(Boolean).join(' · '));
    this.#showWindow(alive);
    setText(this.#kept, showDay(this.#day, session));
    this.#past.hidden = this.#kept.textContent === '' && this.#day.hasAttribute('hidden');
    this.#showAssurance(session);
    this.#showReason(session);
    this.#showFacts();
  }

  /** Shows or hides the details. */
  open(isOpen) {
    this.#facts.hidden = !isOpen;
    this.#more.setAttribute('aria-expanded', String(isOpen));
    if (this.#session) this.#showFacts();
  }

  tick(now) {
    const session = this.#session;
    const passed = (now - this.#at) / 1000;
    const { alive, next } = session;
    if (alive?.deadline) {
      const left = alive.deadline.in_seconds - passed;
      const share = Math.min(1, Math.max(0, left / alive.idle_timeout_seconds));
      this.#fill.style.transform = `scaleX(${share.toFixed(4)})`;
      setText(this.#left, left > 0 ? `${humanDuration(left)} left` : `idle deadline passed ${humanDuration(-left)} ago`);
    }
    setText(this.#next, next ? upcoming(next, next.at.in_seconds - passed) : session.next_in_words);
  }

  // The mark of the touch is where the bar's end will be when the touch is due.
  #showWindow(alive) {
    const deadline = alive?.deadline;
    this.#bar.hidden = !deadline;
    setText(this.#timeout, alive ? `of ${humanDuration(alive.idle_timeout_seconds)}, ${TIMEOUT_SOURCES[alive.idle_timeout_source]?.[0] ?? ''}` : '');
    if (!deadline) {
      setText(this.#left, alive ? 'no idle deadline known' : '');
      return;
    }
    const share = (moment) => Math.min(1, Math.max(0, (deadline.in_seconds - moment.in_seconds) / alive.idle_timeout_seconds));
    this.#margin.hidden = !alive.margin;
    this.#touch.hidden = !alive.touch_due;
    if (alive.margin) this.#margin.style.inlineSize = `${(share(alive.margin) * 100).toFixed(2)}%`;
    if (alive.touch_due) this.#touch.style.insetInlineStart = `${(share(alive.touch_due) * 100).toFixed(2)}%`;
  }

  #showAssurance({ alive, intent }) {
    const budget = alive?.outage_budget_seconds;
    setText(this.#budget, budget === undefined ? '' : `outage budget ${humanDuration(budget)}`);
    setText(this.#reset, !alive ? '' : intent === 'lapse' ? 'only looked at' : (RESETS[alive.reset] ?? ''));
    this.#reset.dataset.reset = intent === 'lapse' ? '' : (alive?.reset ?? '');
  }

  // The reason of the state is shown only if the session needs attention or has ended.
  #showReason(session) {
    const [, why] = /^[^:]*: (.*)$/s.exec(session.standing) ?? ['', session.standing];
    const isOver = !session.alive && !session.next;
    this.item.dataset.over = String(isOver);
    // The next step has a place and a countdown of its own.
    const parts = session.warning || isOver ? [why.replace(`; ${session.next_in_words}`, '')] : [];
    if (session.failures > 0) parts.push(`${session.failures} ${session.failures === 1 ? 'attempt' : 'attempts'} failed`);
    if (session.blocked) parts.push(session.blocked);
    if (session.trouble) parts.push(session.trouble);
    if (session.newer_token_waits) parts.push('a newer token waits to be proven');
    // `standing` already contains some of these parts.
    const reasons = parts.filter((part, place) => part && !parts.slice(0, place).some((before) => before.includes(part)));
    setText(this.#why, reasons.join('; '));
    setText(this.#advice, session.advice ?? '');
    this.#why.hidden = reasons.length === 0;
    this.#advice.hidden = !session.advice;
  }

  #showFacts() {
    if (this.#facts.hidden) return;
    const { api, intent, on_shutdown, generation, alive, alive_since: since, last_answer: last, fingerprint, configured_intent: intended, renews, earlier_token: earlier } = this.#session;
    const status = last?.status === undefined ? '' : ` ${last.status}`;
    const facts = [
      ['Configured to', intended && (intended === 'keep' ? 'be kept: an order says otherwise' : 'lapse: an order says otherwise')],
      ['API', api],
      ['When the daemon stops', on_shutdown === 'revoke' ? 'the token is revoked' : 'the token is left'],
      ['Token', fingerprint && `${fingerprint}, generation ${generation}`],
      [intent === 'keep' ? 'Kept since' : 'Alive since', since && near(since)],
      ['Token proven alive', alive && near(alive.proven)],
      ['Last touch', alive?.touched && clock(alive.touched.at)],
      ['Touched with', alive && `${alive.touch.toUpperCase()} /api/v2/tokens/me`],
      ['Idle timeout', alive && `${humanDuration(alive.idle_timeout_seconds)}, ${TIMEOUT_SOURCES[alive.idle_timeout_source]?.[1] ?? ''}`],
      ['Idle deadline', alive?.deadline && clock(alive.deadline.at)],
      ['Token expires', alive?.expires && `${near(alive.expires)}${alive.expiry_source === 'estimated' ? ', as estimated' : ''}`],
      ['New token', renews && near(renews)],
      ['Earlier token', earlier && `${earlier.fingerprint}${earlier.in_use ? ', still in use' : ''}`],
      ['Last answer', last && `${last.verdict}${status} to ${last.operation}, ${clock(last.at.at)}`],
    ].filter(([, fact]) => fact);
    const key = JSON.stringify(facts);
    if (this.#facts.dataset.key === key) return;
    this.#facts.dataset.key = key;
    this.#facts.replaceChildren(...facts.map(([name, fact]) => make('div', '', make('dt', '', name), make('dd', '', fact))));
  }
}
