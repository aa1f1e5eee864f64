// The verdict on top, the tab's title and icon, and the counts of states.

import { clock, count, lasting, make, mark, say, tone } from './words.js';

const byId = (id) => document.getElementById(id);

// What is wrong first.
const ORDER = ['lost', 'at risk', 'not revoked', 'blocked', 'absent', 'unproven', 'held', 'lapsed', 'revoked', 'left'];

const LOOKS = {
  good: { mark: 'held', icon: 'favicon.svg', sign: '✓' },
  bad: { mark: 'lost', icon: 'favicon-trouble.svg', sign: '✕' },
  watch: { mark: 'at risk', icon: 'favicon-unknown.svg', sign: '?' },
};

let shown = '';

/** Says how all sessions do. */
export function tellReport(report) {
  const named = report.summary.replace(/^(not )?ready: /, '');
  if (report.ready) {
    const lapsing = report.lapsing > 0 ? `, ${count(report.lapsing)} to lapse` : '';
    const look = report.warnings > 0 ? `, ${count(report.warnings)} to look at` : '';
    tell('good', 'Ready', `${count(report.kept)} kept${lapsing}${look}`, 'ready');
  } else if (report.stopping) {
    tell('watch', 'Stopping', 'No new touches: the tokens are being revoked or left, as configured', 'stopping');
  } else {
    const unready = /^\d+/.exec(named)?.[0] ?? '';
    tell('bad', 'Not ready', named, `${unready} not ready`);
  }
  say(byId('about-program'), `session-keepalive ${report.program}`);
  say(byId('about-up'), `up for ${lasting(-report.started.in_seconds)}`);
  say(byId('about-now'), `as of ${clock(report.now)}`);
}

/** Says that nobody answers: since `at`, the wall clock at the last answer, `seconds` ago; why, if it is known. */
export function tellSilence(at, seconds, why) {
  const since = at
    ? `The daemon has not answered since ${clock(at)}, for ${lasting(seconds)}. What is shown here was so then.`
    : 'The daemon has not answered yet.';
  tell('watch', 'No answer', why ? `${since} ${why}` : since, 'no answer');
}

function tell(kind, title, detail, short) {
  say(byId('verdict-title'), title);
  say(byId('verdict-detail'), detail);
  const look = LOOKS[kind];
  const tab = `${look.sign} ${short} · session-keepalive`;
  if (document.title !== tab) document.title = tab;
  if (shown === kind) return;
  shown = kind;
  byId('verdict').dataset.tone = kind;
  byId('verdict-mark').replaceChildren(mark(look.mark));
  byId('icon').setAttribute('href', look.icon);
  say(byId('said-verdict'), title);
}

/** Shows how many sessions are in each state; a press of one asks for these. */
export class Counts {
  #list = byId('counts');
  #chosen;
  #buttons = new Map();

  constructor(chosen) {
    this.#chosen = chosen;
  }

  update(report, only) {
    const counts = new Map(ORDER.map((state) => [state, report.states[state] ?? 0]));
    this.#show('trouble', 'to look at', 'at risk', 'bad', report.warnings, only);
    for (const [state, number] of counts) this.#show(state, state, state, tone(state, false), number, only);
  }

  #show(value, word, picture, itsTone, number, only) {
    const isPressed = only === value;
    let item = this.#buttons.get(value);
    if (!item) {
      const label = make('span', '');
      const button = make('button', 'count', mark(picture), label);
      button.type = 'button';
      button.dataset.tone = itsTone;
      button.addEventListener('click', () => this.#chosen(button.getAttribute('aria-pressed') === 'true' ? '' : value));
      item = { li: make('li', '', button), button, label };
      this.#buttons.set(value, item);
      this.#list.append(item.li);
    }
    item.li.hidden = number === 0 && !isPressed;
    say(item.label, `${count(number)} ${word}`);
    item.button.setAttribute('aria-pressed', String(isPressed));
  }
}
