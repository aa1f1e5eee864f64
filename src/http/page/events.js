// Shows the latest events first; new ones are also announced to screen readers.

import { clock, count, make, mark, setText } from './words.js';

const FEW = 25;
const FEW_ON_WALL = 2;
const ANNOUNCED_MAX = 3;
const NAMED_MAX = 5;
// The length in seconds of the longest group of events.
const GROUPED_WITHIN = 600;

const byId = (id) => document.getElementById(id);

export class Events {
  #list = byId('events');
  #none = byId('no-events');
  #more = byId('more-events');
  #announcement = byId('said');
  #groups = [];
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
    this.#groups = grouped(report.events.toReversed());
    this.#show();
  }

  #show() {
    const few = 'wall' in document.body.dataset ? FEW_ON_WALL : FEW;
    const groups = this.#isAll ? this.#groups : this.#groups.slice(0, few);
    this.#list.replaceChildren(...groups.map(item));
    this.#list.start = this.#groups.length;
    this.#none.hidden = groups.length > 0;
    this.#more.hidden = groups.length === this.#groups.length;
    setText(this.#more, `Show all ${count(this.#groups.length)}`);
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

/** Joins the events of sessions that are of one kind and near in time; the latest is the first. */
function grouped(events) {
  const groups = [];
  for (const event of events) {
    const isLike = ([first]) => first.session && event.session && first.event === event.event && first.warning === event.warning
      && first.at.in_seconds - event.at.in_seconds <= GROUPED_WITHIN;
    const group = groups.find(isLike);
    if (group) group.push(event);
    else groups.push([event]);
  }
  return groups;
}

function timeOf({ at }) {
  const time = make('time', '', clock(at.at));
  time.dateTime = at.at;
  return time;
}

/** Returns the links to the sessions of a group; what is not named is counted. */
function links(group) {
  const names = [...new Set(group.map((event) => event.session))];
  const made = names.slice(0, NAMED_MAX).flatMap((name, place) => (place > 0 ? [', ', sessionLink(name)] : [sessionLink(name)]));
  const more = names.length - NAMED_MAX;
  return more > 0 ? [...made, ` and ${count(more)} more`] : made;
}

function item(group) {
  const [event] = group;
  const oldest = group.at(-1);
  const times = make('span', 'times', timeOf(oldest));
  if (clock(oldest.at.at) !== clock(event.at.at)) times.append('–', timeOf(event));
  const isOne = group.length === 1;
  const subject = [event.session, event.fingerprint].filter(Boolean).join(' ');
  const text = subject && event.text.startsWith(`${subject} `) ? event.text.slice(subject.length + 1) : event.text;
  const title = isOne
    ? event.session ? sessionLink(event.session) : make('strong', '', 'incident')
    : make('strong', '', `${event.event.replaceAll('_', ' ')}: ${count(group.length)} times`);
  const about = make('p', 'about', times, title);
  if (event.warning) about.prepend(mark('at risk'), make('span', 'unseen', 'Warning'));
  const made = make('li', '', about, isOne ? make('p', 'text', text) : make('p', 'text', ...links(group)));
  made.dataset.tone = event.warning ? 'bad' : 'rest';
  return made;
}
