// Shows the last 24 hours of a session in quarters of an hour, and puts them into words.

import { humanDuration, wallClock } from './words.js';

const SVG = 'http://www.w3.org/2000/svg';
const QUARTERS = 96;
const QUARTER = 15 * 60;

// Each mark has its own height, so that it is recognizable without colour.
const LOOKS = { '+': ['well', 3], '!': ['failed', 6], x: ['lost', 10] };
const HEIGHT = 10;

/** Creates the empty picture of a day; the words beside it tell its troubles. */
export function day() {
  const picture = document.createElementNS(SVG, 'svg');
  picture.setAttribute('viewBox', `0 0 ${QUARTERS} ${HEIGHT}`);
  picture.setAttribute('preserveAspectRatio', 'none');
  picture.setAttribute('aria-hidden', 'true');
  picture.setAttribute('class', 'day');
  return picture;
}

/** Draws the day of a session, and returns it in words. */
export function showDay(picture, session) {
  const quarters = quartersOf(session);
  picture.toggleAttribute('hidden', quarters === '');
  if (picture.dataset.quarters !== quarters) {
    picture.dataset.quarters = quarters;
    picture.replaceChildren(...runs(quarters).filter(({ mark }) => mark in LOOKS).map(block));
  }
  return words(session);
}

/** Returns the marks of up to 96 quarters, the present one last. */
function quartersOf({ day: known, alive_since: since }) {
  if (known) return known.quarters.slice(-QUARTERS);
  if (!since) return '';
  return '+'.repeat(Math.min(QUARTERS, Math.floor(-since.in_seconds / QUARTER) + 1));
}

/** Returns the runs of equal marks, with the places of their first quarters. */
function runs(quarters) {
  const begin = QUARTERS - quarters.length;
  return [...quarters.matchAll(/(.)\1*/g)].map(({ 0: run, 1: mark, index }) => ({ mark, from: begin + index, length: run.length }));
}

function block({ mark, from, length }) {
  const [name, height] = LOOKS[mark];
  const rectangle = document.createElementNS(SVG, 'rect');
  const place = { x: from, y: HEIGHT - height, width: length, height, class: `day-${name}` };
  for (const [key, value] of Object.entries(place)) rectangle.setAttribute(key, value);
  return rectangle;
}

// The state of the session shows what happens in the present quarter of an hour.
function words({ intent, alive_since: since, day: known }) {
  const parts = [];
  if (since) parts.push(`${intent === 'keep' ? 'kept' : 'alive'} for ${humanDuration(-since.in_seconds)}`);
  const past = known ? known.quarters.slice(0, -1) : '';
  for (const [mark, what] of [['!', 'requests failed'], ['x', 'a token was lost']]) {
    const last = past.lastIndexOf(mark);
    if (last < 0) continue;
    const border = (quarter) => wallClock(new Date(new Date(known.from.at).getTime() + quarter * QUARTER * 1000));
    parts.push(`${what} between ${border(last)} and ${border(last + 1)}`);
  }
  return parts.join('; ');
}
