// Shows the overall verdict and the incidents, the tab's title and icon, and the number of sessions in each state.

import { clock, count, humanDuration, make, mark, setText, tone } from './words.js';

const byId = (id) => document.getElementById(id);

// The states in order of urgency: what can still be saved comes first.
const ORDER = ['at risk', 'lost', 'not revoked', 'blocked', 'excluded', 'absent', 'unproven', 'alive', 'lapsed', 'revoked', 'left'];

const LOOKS = {
  good: { mark: 'alive', icon: 'favicon.svg', sign: '✓' },
  bad: { mark: 'lost', icon: 'favicon-trouble.svg', sign: '✕' },
  watch: { mark: 'at risk', icon: 'favicon-unknown.svg', sign: '?' },
};

let shown = '';
// The open incident whose first loss is nearest, and the time of the page's clock at which it was reported.
let counted = null;

/** Shows the verdict on all sessions; the report was received at `at` by the page's clock. */
export function showReport(report, at) {
  const acute = report.stopping ? [] : report.incidents.filter((incident) => incident.failing > 0);
  acute.sort((one, other) => firstLoss(one) - firstLoss(other));
  counted = acute.length > 0 ? { incident: acute[0], at } : null;
  setLine('verdict-advice', acute[0]?.advice);
  setLine('verdict-last');
  tickVerdict(at);
  const named = report.summary.replace(/^(not )?ready: /, '');
  if (acute.length > 0) {
    showIncidents(report, acute);
  } else if (report.ready) {
    const lapsing = report.lapsing > 0 ? `, ${count(report.lapsing)} to lapse` : '';
    const look = report.warnings > 0 ? `, ${count(report.warnings)} to look at` : '';
    showVerdict('good', 'Ready', `${count(report.kept)} kept${lapsing}${look}; ${quiet(report)}`, 'ready');
    const ended = report.last_incident;
    if (ended && report.incidents.length === 0) setLine('verdict-last', `Last incident: ${ended.text}`);
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

/** Counts down to the first loss of the open incident. */
export function tickVerdict(now) {
  const first = counted?.incident.first_loss;
  if (!first) return setLine('verdict-countdown');
  const { first_loss_session: session, sessions } = counted.incident;
  const left = first.in_seconds - (now - counted.at) / 1000;
  const token = sessions > 1 ? 'First token' : 'The token';
  const named = session ? ` (${session})` : '';
  setLine('verdict-countdown', left > 0
    ? `${token}${named} dies in ${humanDuration(left)}`
    : `${token}${named} passed its idle deadline ${humanDuration(-left)} ago`);
}

function showIncidents(report, acute) {
  const detail = acute.map((incident) => {
    const parts = [`${count(incident.sessions)} ${incident.sessions === 1 ? 'session' : 'sessions'}`];
    if (incident.at_risk > 0) parts.push(`${count(incident.at_risk)} at risk`);
    if (incident.lost > 0) parts.push(`${count(incident.lost)} lost`);
    return `${incident.cause} since ${clock(incident.began.at)}; ${parts.join(', ')}`;
  });
  const kind = report.ready ? 'watch' : 'bad';
  showVerdict(kind, acute.map((incident) => incident.title).join(', '), detail.join('. '), acute[0].title);
}

/** Returns how long there was neither an incident nor a warning. */
function quiet(report) {
  const [open] = report.incidents;
  if (open) return open.text;
  const { last_incident: last, last_warning: warning, started } = report;
  const ends = [last && (last.answered ?? last.ended), warning].filter(Boolean);
  if (ends.length === 0) return `no incident or warning since the start, ${humanDuration(-started.in_seconds)} ago`;
  return `no incident or warning for ${humanDuration(Math.min(...ends.map((end) => -end.in_seconds)))}`;
}

function firstLoss(incident) {
  return incident.first_loss?.in_seconds ?? Infinity;
}

function setLine(id, text = '') {
  const line = byId(id);
  line.hidden = text === '';
  setText(line, text);
}

/** Shows that the daemon has not answered since `at`, the wall clock at the last answer, `seconds` ago; `why` is the reason, if known. */
export function showNoAnswer(at, seconds, why) {
  const since = at
    ? `The daemon has not answered since ${clock(at)}, for ${humanDuration(seconds)}. What is shown here was so then.`
    : 'The daemon has not answered yet.';
  counted = null;
  for (const id of ['verdict-countdown', 'verdict-advice', 'verdict-last']) setLine(id);
  showVerdict('watch', 'No answer', why ? `${since} ${why}` : since, 'no answer');
}

function showVerdict(kind, title, detail, short) {
  setText(byId('verdict-title'), title);
  setText(byId('verdict-detail'), detail);
  const look = LOOKS[kind];
  const tab = `${look.sign} ${short} · session-keepalive`;
  if (document.title !== tab) document.title = tab;
  if (shown === `${kind} ${title}`) return;
  shown = `${kind} ${title}`;
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
