// The sessions: a row each, whose idle window runs down between two answers.

import { RESETS, TIMEOUT_SOURCES, clock, lasting, make, mark, say, tone, upcoming } from './words.js';

/** A list of sessions that keeps the rows of those that stay, and with them focus and what is open. */
export class Rows {
  #list;
  #rows = new Map();
  #isOpen = false;

  constructor(list) {
    this.#list = list;
  }

  /** Shows these, with details if they were asked for; `at` is the moment of the answer on the page's clock, in milliseconds. */
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

  /** Lets time go by. */
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
    // The bar says nothing that the words below do not.
    this.#bar.setAttribute('aria-hidden', 'true');
    this.#bar.append(this.#fill, this.#margin, this.#touch);
    this.#more.type = 'button';
    this.#more.addEventListener('click', () => this.open(this.#facts.hidden));
    this.item = make(
      'li',
      'row',
      make('div', 'state', this.#picture, this.#word, this.#intent),
      make('div', 'who', make('h3', '', link), this.#whose, this.#more),
      make('div', 'window', this.#bar, make('p', 'span', this.#left, this.#timeout)),
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
      say(this.#word, session.state);
      this.#picture.replaceChildren(mark(session.state));
      this.item.dataset.state = session.state;
    }
    this.item.dataset.tone = tone(session.state, session.warning);
    const ordered = session.configured_intent ? ' by order' : '';
    say(this.#intent, (session.intent === 'keep' ? 'to be kept' : 'to lapse') + ordered);
    const { held } = session;
    say(this.#whose, [held?.organisation, session.fingerprint].filter(Boolean).join(' · '));
    this.#tellWindow(held);
    this.#tellAssurance(session);
    this.#tellReason(session);
    this.#tellFacts();
  }

  /** Shows or hides its details. */
  open(isOpen) {
    this.#facts.hidden = !isOpen;
    this.#more.setAttribute('aria-expanded', String(isOpen));
    if (this.#session) this.#tellFacts();
  }

  tick(now) {
    const session = this.#session;
    const passed = (now - this.#at) / 1000;
    const { held, next } = session;
    if (held?.deadline) {
      const left = held.deadline.in_seconds - passed;
      const share = Math.min(1, Math.max(0, left / held.idle_timeout_seconds));
      this.#fill.style.transform = `scaleX(${share.toFixed(4)})`;
      say(this.#left, left > 0 ? `${lasting(left)} left` : `idle deadline passed ${lasting(-left)} ago`);
    }
    say(this.#next, next ? upcoming(next, next.at.in_seconds - passed) : session.next_in_words);
  }

  // The touch is due where the bar will end by then, so that one sees it run down to the mark.
  #tellWindow(held) {
    const deadline = held?.deadline;
    this.#bar.hidden = !deadline;
    say(this.#timeout, held ? `of ${lasting(held.idle_timeout_seconds)}, ${TIMEOUT_SOURCES[held.idle_timeout_source]?.[0] ?? ''}` : '');
    if (!deadline) {
      say(this.#left, held ? 'no idle deadline known' : '');
      return;
    }
    const share = (moment) => Math.min(1, Math.max(0, (deadline.in_seconds - moment.in_seconds) / held.idle_timeout_seconds));
    this.#margin.hidden = !held.margin;
    this.#touch.hidden = !held.touch_due;
    if (held.margin) this.#margin.style.inlineSize = `${(share(held.margin) * 100).toFixed(2)}%`;
    if (held.touch_due) this.#touch.style.insetInlineStart = `${(share(held.touch_due) * 100).toFixed(2)}%`;
  }

  #tellAssurance({ held, intent }) {
    const budget = held?.outage_budget_seconds;
    say(this.#budget, budget === undefined ? '' : `outage budget ${lasting(budget)}`);
    say(this.#reset, !held ? '' : intent === 'lapse' ? 'only looked at' : (RESETS[held.reset] ?? ''));
    this.#reset.dataset.reset = intent === 'lapse' ? '' : (held?.reset ?? '');
  }

  // What the state alone does not say: shown where something is wrong or has ended.
  #tellReason(session) {
    const [, why] = /^[^:]*: (.*)$/s.exec(session.standing) ?? ['', session.standing];
    const isOver = !session.held && !session.next;
    this.item.dataset.over = String(isOver);
    const parts = session.warning || isOver ? [why.replace(/; nothing.*$/s, '')] : [];
    if (session.failures > 0) parts.push(`${session.failures} ${session.failures === 1 ? 'try' : 'tries'} in vain`);
    if (session.blocked) parts.push(session.blocked);
    if (session.trouble) parts.push(session.trouble);
    if (session.newer_token_waits) parts.push('a newer token waits to be proven');
    // `standing` says some of it already.
    const said = parts.filter((part, place) => part && !parts.slice(0, place).some((before) => before.includes(part)));
    say(this.#why, said.join('; '));
    say(this.#advice, session.advice ?? '');
    this.#why.hidden = said.length === 0;
    this.#advice.hidden = !session.advice;
  }

  #tellFacts() {
    if (this.#facts.hidden) return;
    const { api, on_shutdown, generation, held, last_answer: last, fingerprint, configured_intent: intended } = this.#session;
    const status = last?.status === undefined ? '' : ` ${last.status}`;
    const facts = [
      ['Configured to', intended && (intended === 'keep' ? 'be kept: an order says otherwise' : 'lapse: an order says otherwise')],
      ['API', api],
      ['When the daemon stops', on_shutdown === 'revoke' ? 'the token is revoked' : 'the token is left'],
      ['Token', fingerprint && `${fingerprint}, generation ${generation}`],
      ['Proven alive since', held && clock(held.proven.at)],
      ['Last touch', held?.touched && clock(held.touched.at)],
      ['Touched with', held && `${held.touch.toUpperCase()} /api/v2/tokens/me`],
      ['Idle timeout', held && `${lasting(held.idle_timeout_seconds)}, ${TIMEOUT_SOURCES[held.idle_timeout_source]?.[1] ?? ''}`],
      ['Idle deadline', held?.deadline && clock(held.deadline.at)],
      ['Last answer', last && `${last.verdict}${status} to ${last.operation}, ${clock(last.at.at)}`],
    ].filter(([, fact]) => fact);
    const key = JSON.stringify(facts);
    if (this.#facts.dataset.key === key) return;
    this.#facts.dataset.key = key;
    this.#facts.replaceChildren(...facts.map(([name, fact]) => make('div', '', make('dt', '', name), make('dd', '', fact))));
  }
}
