// Shows the latest events first; new ones are also announced to screen readers.

import { clock, count, make, mark, setText } from './words.js';

const FEW = 25;
const ANNOUNCED_MAX = 3;

const byId = (id) => document.getElementById(id);

export class Events {
  #list = byId('events');
  #none = byId('no-events');
  #more = byId('more-events');
  #announcement = byId('said');
  #events = [];
  #key = '';
  #isAll = false;
  // The daemon's uptime at the last answer. Unlike the wall clock, it is never set.
  #up;

  constructor() {
    this.#more.addEventListener('click', () => {
      this.#isAll = true;
      this.#show();
      this.#list.querySelector(`li:nth-child(${FEW + 1}) a`)?.focus();
    });
  }

  update(report) {
    const up = -report.started.in_seconds;
    const fresh = report.events.filter((event) => this.#up !== undefined && up >= this.#up && up + event.at.in_seconds > this.#up);
    this.#up = up;
    if (fresh.length > 0) this.#announce(fresh);
    const key = report.events.map((event) => `${event.session} ${event.event} ${event.text}`).join('\n');
    if (key === this.#key) return;
    this.#key = key;
    this.#events = report.events.toReversed();
    this.#show();
  }

  #show() {
    const events = this.#isAll ? this.#events : this.#events.slice(0, FEW);
    this.#list.replaceChildren(...events.map(item));
    this.#list.start = this.#events.length;
    this.#none.hidden = events.length > 0;
    this.#more.hidden = events.length === this.#events.length;
    setText(this.#more, `Show all ${count(this.#events.length)}`);
  }

  #announce(fresh) {
    const words = fresh.slice(-ANNOUNCED_MAX).map((event) => (event.session ? `${event.session}: ${event.event.replaceAll('_', ' ')}` : event.text));
    const more = fresh.length - words.length;
    setText(this.#announcement, words.join(', ') + (more > 0 ? ` and ${more} more` : ''));
  }
}

function sessionLink(name) {
  const link = make('a', '', name);
  link.href = `?session=${encodeURIComponent(name)}`;
  link.dataset.session = name;
  return link;
}

function item(event) {
  const time = make('time', '', clock(event.at.at));
  time.dateTime = event.at.at;
  const subject = [event.session, event.fingerprint].filter(Boolean).join(' ');
  const text = subject && event.text.startsWith(`${subject} `) ? event.text.slice(subject.length + 1) : event.text;
  const about = make('p', 'about', time, event.session ? sessionLink(event.session) : make('strong', '', 'incident'));
  if (event.warning) about.prepend(mark('at risk'), make('span', 'unseen', 'Warning'));
  const made = make('li', '', about, make('p', 'text', text));
  made.dataset.tone = event.warning ? 'bad' : 'rest';
  return made;
}
