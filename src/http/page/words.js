// Formats durations and times, and builds marks. Text must never become markup, so only elements and text nodes are created.

const SVG = 'http://www.w3.org/2000/svg';

// Each state has its own shape, so that it is recognizable without colour. A shape that is drawn in lines has `line`.
const SHAPES = {
  alive: { fill: 'M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20z', cut: 'M7.5 12.3l3.1 3.1 6-6.6' },
  'at risk': { fill: 'M12 2.2L23 21.5H1z', cut: 'M12 9.2v5.2M12 17.6v.6' },
  excluded: { fill: 'M8 2h8l6 6v8l-6 6H8l-6-6V8z', cut: 'M6.5 17.5l11-11' },
  blocked: { fill: 'M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20z', cut: 'M7 12h10' },
  lost: { fill: 'M5 2h14a3 3 0 0 1 3 3v14a3 3 0 0 1-3 3H5a3 3 0 0 1-3-3V5a3 3 0 0 1 3-3z', cut: 'M8 8l8 8M16 8l-8 8' },
  'not revoked': { fill: 'M12 1.5L22.5 12 12 22.5 1.5 12z', cut: 'M12 7.2v5.6M12 16.2v.6' },
  unproven: { line: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 7v5.4l3.4 2' },
  absent: { line: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z', dashed: true },
  lapsed: { line: 'M6 3h12M6 21h12M7 3c0 5 5 6 5 9s-5 4-5 9M17 3c0 5-5 6-5 9s5 4 5 9' },
  revoked: { line: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM5.8 18.2L18.2 5.8' },
  left: { line: 'M4 12h15M13 6l6 6-6 6' },
};

const TONES = {
  alive: 'good',
  'at risk': 'bad',
  excluded: 'bad',
  blocked: 'bad',
  lost: 'bad',
  'not revoked': 'bad',
  unproven: 'watch',
  absent: 'watch',
};

// The texts for the source of an idle timeout: short and long.
export const TIMEOUT_SOURCES = {
  configured: ['configured', 'as the configuration says'],
  proven: ['proven', 'proven by what the server says of this token'],
  organisation: ['set by the organisation', 'the least that is set for the organisation'],
  assumed: ['assumed', 'assumed: the server does not say'],
};

// The texts for the knowledge about whether touches move the deadline.
export const RESETS = {
  unproven: 'touches not yet proven to count',
  proven: 'touches proven to count',
  excluded: 'touches do not count here',
  unprovable: 'whether touches count cannot be proven',
};

const OPERATIONS = {
  peek: 'peek',
  touch_head: 'touch',
  touch_get: 'touch',
  read_timeout: 'look at the idle timeout',
  revoke: 'revocation',
};

/** Returns the tone of a state, which a warning raises. */
export function tone(state, warning) {
  const own = TONES[state] ?? 'rest';
  return warning && own === 'good' ? 'watch' : own;
}

/** Creates the picture of a state; it is hidden from screen readers, because the word is beside it. */
export function mark(state) {
  const shape = SHAPES[state] ?? SHAPES.unproven;
  const picture = document.createElementNS(SVG, 'svg');
  picture.setAttribute('viewBox', '0 0 24 24');
  picture.setAttribute('aria-hidden', 'true');
  picture.setAttribute('class', 'mark');
  for (const [name, d] of Object.entries(shape)) {
    if (typeof d !== 'string') continue;
    const path = document.createElementNS(SVG, 'path');
    path.setAttribute('d', d);
    path.setAttribute('class', shape.dashed ? 'line dashed' : name);
    picture.append(path);
  }
  return picture;
}

/** Creates an element with a class and content: elements, or text that stays text. */
export function make(tag, name, ...content) {
  const made = document.createElement(tag);
  if (name) made.className = name;
  made.append(...content);
  return made;
}

/** Sets a text only if it differs, so that an unchanged text is not drawn or read out again and stays selected. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Formats seconds with two units at most, cut and not rounded: `7m 12s`. */
export function humanDuration(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const [minutes, hours, days] = [60, 3600, 86400].map((unit) => Math.floor(whole / unit));
  const two = (first, unit, second, smaller) => (second > 0 ? `${first}${unit} ${second}${smaller}` : `${first}${unit}`);
  if (days > 0) return two(days, 'd', hours % 24, 'h');
  if (hours > 0) return two(hours, 'h', minutes % 60, 'm');
  if (minutes > 0) return two(minutes, 'm', whole % 60, 's');
  return `${whole}s`;
}

/** Formats a time in the local time zone, with the date unless it is today. */
export function clock(at, now = new Date()) {
  const date = new Date(at);
  const time = date.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false });
  if (date.toDateString() === now.toDateString()) return time;
  return `${date.toLocaleDateString([], { day: 'numeric', month: 'short' })} ${time}`;
}

/** Formats a moment with its distance from now in its largest unit: `09:35:00, 3h ago`. */
export function near({ at, in_seconds: seconds }) {
  const [distance] = humanDuration(Math.abs(seconds)).split(' ');
  return `${clock(at)}, ${seconds < 0 ? `${distance} ago` : `in ${distance}`}`;
}

/** Formats a time, the present one by default, in hours and minutes. */
export function wallClock(now = new Date()) {
  return now.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', hour12: false });
}

/** Returns the local time zone with its offset: `Europe/Berlin (GMT+1)`. */
export function zone(now = new Date()) {
  const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
  const parts = new Intl.DateTimeFormat('en', { timeZoneName: 'shortOffset' }).formatToParts(now);
  const offset = parts.find((part) => part.type === 'timeZoneName').value;
  return timeZone === 'UTC' ? timeZone : `${timeZone} (${offset})`;
}

/** Formats a count with separators for thousands. */
export function count(number) {
  return number.toLocaleString('en');
}

/** Returns the next request, `seconds` from now, in words: `touch in 5m`. */
export function upcoming(next, seconds) {
  if (next.under_way) return 'waiting for an answer';
  const what = OPERATIONS[next.operation] ?? next.operation;
  return seconds < 1 ? `${what} now` : `${what} in ${humanDuration(seconds)}`;
}
