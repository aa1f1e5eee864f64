// Shows the overall verdict, the tab's title and icon, and the number of sessions in each state.

import { clock, count, humanDuration, make, mark, setText, tone } from './words.js';

const byId = (id) => document.getElementById(id);

// The states in order of urgency.
const ORDER = ['lost', 'at risk', 'not revoked', 'blocked', 'excluded', 'absent', 'unproven', 'alive', 'lapsed', 'revoked', 'left'];

const LOOKS = {
  good: { mark: 'alive', icon: 'favicon.svg', sign: '✓' },
  bad: { mark: 'lost', icon: 'favicon-trouble.svg', sign: '✕' },
  watch: { mark: 'at risk', icon: 'favicon-unknown.svg', sign: '?' },
};

let shown = '';

/** Shows the verdict on all sessions. */
export function showReport(report) {
  const named = report.summary.replace(/^(not )?ready: /, '');
  if (report.ready) {
    const lapsing = report.lapsing > 0 ? `, ${count(report.lapsing)} to lapse` : '';
    const look = report.warnings > 0 ? `, ${count(report.warnings)} to look at` : '';
    showVerdict('good', 'Ready', `${count(report.kept)} kept${lapsing}${look}`, 'ready');
  } else if (report.stopping) {
    showVerdict('watch', 'Stopping', 'No new touches: the tokens are being revoked or left, as configured', 'stopping');
  } else {
    const unready = /^\d+/.exec(named)?.[0] ?? '';
    showVerdict('bad', 'Not ready', named, `${unready} not ready`);
  }
  setText(byId('about-program'), `session-keepalive ${report.program}`);
  setText(byId('about-up'), `up for ${humanDuration(-report.started.in_seconds)}`);
  setText(byId('about-now'), `as of ${clock(report.now)}`);
}

/** Shows that the daemon has not answered since `at`, the wall clock at the last answer, `seconds` ago; `why` is the reason, if known. */
export function showNoAnswer(at, seconds, why) {
  const since = at
    ? `The daemon has not answered since ${clock(at)}, for ${humanDuration(seconds)}. What is shown here was so then.`
    : 'The daemon has not answered yet.';
  showVerdict('watch', 'No answer', why ? `${since} ${why}` : since, 'no answer');
}

function showVerdict(kind, title, detail, short) {
  setText(byId('verdict-title'), title);
  setText(byId('verdict-detail'), detail);
  const look = LOOKS[kind];
  const tab = `${look.sign} ${short} · session-keepalive`;
  if (document.title !== tab) document.title = tab;
  if (shown === kind) return;
  shown = kind;
  byId('verdict').dataset.tone = kind;
  byId('verdict-mark').replaceChildren(mark(look.mark));
  byId('icon').setAttribute('href', look.icon);
  setText(byId('said-verdict'), title);
}

/** Shows the number of sessions in each state; pressing one selects these sessions. */
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
    setText(item.label, `${count(number)} ${word}`);
    item.button.setAttribute('aria-pressed', String(isPressed));
  }
}
