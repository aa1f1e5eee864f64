// Connects the parts of the page, and keeps the query in the address.

import { Asking } from './asking.js';
import { Events } from './events.js';
import { Rows } from './rows.js';
import { Counts, showReport, showNoAnswer, tickVerdict } from './verdict.js';
import { count, setText, wallClock, zone } from './words.js';

// A screen on a wall has no scrolling and no buttons, and everything is larger.
const IS_WALL = new URLSearchParams(location.search).has('wall');
if (IS_WALL) document.body.dataset.wall = '';

const LIMIT = IS_WALL ? 20 : 100;
const TICK = 250;
// Countdowns are in seconds; only the bars of few sessions move more smoothly.
const TICK_MANY = 1000;
// The number of sessions up to which there are no controls, each has a row of its own, and each has a line.
const UNCONTROLLED_MAX = 12;
const FULL_MAX = 20;
const LINES_MAX = IS_WALL ? 8 : 100;
const TYPED_AFTER = 200;

const byId = (id) => document.getElementById(id);
const [find, only, sort] = ['find', 'only', 'sort'].map(byId);

// The default query; the address contains only the differences from it.
const USUAL = { session: '', find: '', only: '', sort: 'trouble', from: '0', healthy: '' };
let asked = { ...USUAL };
let last = null;
let why = null;
let ticked = 0;

const rows = new Rows(byId('rows'));
const events = new Events();
const counts = new Counts((value) => ask({ only: value, from: '0' }));
const asking = new Asking(query, handleReport, handleFailure);

/** Returns the number of all sessions. */
const total = () => (last ? last.report.kept + last.report.lapsing : 0);

/** Returns true if the query is the default one, but for the page and the healthy sessions. */
function isUsual() {
  const { healthy, from, ...others } = asked;
  return Object.entries(others).every(([key, value]) => value === USUAL[key]);
}

/** Returns true if only the sessions that need attention are shown. */
const isCollapsed = () => total() > FULL_MAX && isUsual() && asked.healthy === '';

function query() {
  const { session, healthy, ...others } = asked;
  const only = isCollapsed() ? 'trouble' : others.only;
  const about = session ? { session } : { ...others, only, limit: LIMIT };
  return new URLSearchParams(Object.entries(about).filter(([, value]) => value !== ''));
}

function handleReport(report, at) {
  // Another version of the program may have another page.
  if (last && last.report.program !== report.program) location.reload();
  const wasCollapsed = isCollapsed();
  last = { report, at };
  // The number of sessions became known or crossed the limit, so another list is needed.
  if (isCollapsed() !== wasCollapsed) {
    asking.now();
    if (isCollapsed()) report.sessions = report.sessions.filter((session) => session.warning);
  }
  why = null;
  document.body.dataset.heard = 'yes';
  // There are fewer sessions than before, so the present page of the list is empty.
  if (report.sessions.length === 0 && report.matching > 0 && asked.from !== '0') ask({ from: '0' });
  showDensity();
  showReport(report, at);
  counts.update(report, asked.only);
  rows.update(report.sessions, at, asked.session !== '');
  events.update(report);
  showPosition(report);
}

function handleFailure(reason) {
  why = reason;
  document.body.dataset.heard = last ? 'no' : 'never';
  tick();
}

function tick() {
  const now = performance.now();
  if (IS_WALL) setText(byId('clock'), wallClock());
  if (why === null) {
    tickVerdict(now);
    if (total() > FULL_MAX && now - ticked < TICK_MANY) return;
    ticked = now;
    rows.tick(now);
  } else showNoAnswer(last?.report.now, last ? (now - last.at) / 1000 : 0, why);
}

function showDensity() {
  const sessions = total();
  const isFull = asked.session || (sessions <= FULL_MAX && !IS_WALL);
  const density = isFull ? 'full' : sessions <= LINES_MAX ? 'lines' : 'tiles';
  if (document.body.dataset.density !== density) document.body.dataset.density = density;
  byId('controls').hidden = IS_WALL || asked.session !== '' || (sessions <= UNCONTROLLED_MAX && isUsual());
  byId('counts').hidden = byId('controls').hidden;
}

function showHealthy(report) {
  const healthy = total() - report.warnings;
  byId('healthy').hidden = !isUsual() || total() <= FULL_MAX || healthy === 0;
  const isShown = asked.healthy !== '';
  setText(byId('healthy-words'), `${count(healthy)} ${healthy === 1 ? 'session needs' : 'sessions need'} no attention.`);
  setText(byId('healthy-show'), isShown ? 'Hide' : 'Show');
  byId('healthy-show').setAttribute('aria-expanded', String(isShown));
}

function showPosition(report) {
  showHealthy(report);
  setText(byId('zone'), `times in ${zone()}`);
  const { session } = asked;
  const from = Number(asked.from);
  const until = from + report.sessions.length;
  const all = report.kept + report.lapsing;
  const isPart = !session && !isCollapsed() && report.matching < all;
  setText(byId('sessions-title'), session ? `Session ${session}` : 'Sessions');
  const isCut = IS_WALL && report.matching > LIMIT;
  setText(byId('shown'), session ? '' : isCut ? `${count(report.matching)}, the most urgent first` : isPart ? `${count(report.matching)} of ${count(all)}` : count(all));
  const none = byId('none');
  none.hidden = report.matching > 0 || isCollapsed();
  setText(none, session ? `There is no session called ${session}.` : 'No session is like that.');
  byId('pager').hidden = IS_WALL || report.matching <= LIMIT;
  setText(byId('place'), `${count(from + 1)}–${count(until)} of ${count(report.matching)}`);
  byId('previous').disabled = from === 0;
  byId('next').disabled = until >= report.matching;
}

/** Changes the query, and stores it in the address. */
function ask(change, remember = 'replaceState') {
  asked = { ...asked, ...change };
  const differing = Object.entries(asked).filter(([key, value]) => value !== USUAL[key]);
  const search = (IS_WALL ? 'wall&' : '') + new URLSearchParams(differing).toString();
  history[remember](null, '', search ? `?${search}` : location.pathname);
  showAsked();
  asking.now();
}

/** Reads the query from the address; invalid values are ignored. */
function readAddress() {
  const search = new URLSearchParams(location.search);
  asked = { ...USUAL };
  for (const key of Object.keys(USUAL)) asked[key] = search.get(key) ?? USUAL[key];
  const has = (select, value) => [...select.options].some((option) => option.value === value);
  if (!has(only, asked.only)) asked.only = USUAL.only;
  if (!has(sort, asked.sort)) asked.sort = USUAL.sort;
  if (!/^\d{1,9}$/.test(asked.from)) asked.from = USUAL.from;
  showAsked();
}

function showAsked() {
  if (document.activeElement !== find) find.value = asked.find;
  only.value = asked.only;
  sort.value = asked.sort;
  byId('all').hidden = asked.session === '';
  showDensity();
}

function turn(by) {
  ask({ from: String(Math.max(0, Number(asked.from) + by * LIMIT)) }, 'pushState');
  byId('sessions').scrollIntoView();
}

let typed = 0;
find.addEventListener('input', () => {
  clearTimeout(typed);
  typed = setTimeout(() => ask({ find: find.value.trim(), from: '0' }), TYPED_AFTER);
});
only.addEventListener('change', () => ask({ only: only.value, from: '0' }));
sort.addEventListener('change', () => ask({ sort: sort.value, from: '0' }));
byId('controls').addEventListener('submit', (event) => event.preventDefault());
byId('healthy-show').addEventListener('click', () => ask({ healthy: asked.healthy ? '' : 'shown', from: '0' }));
byId('previous').addEventListener('click', () => turn(-1));
byId('next').addEventListener('click', () => turn(1));
addEventListener('popstate', () => {
  readAddress();
  asking.now();
});
// A link to a session does not load the page again. With a modifier key, the browser handles it.
document.addEventListener('click', (event) => {
  const link = event.target.closest('a');
  const isPlain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
  if (!isPlain || !link || !(link.dataset.session || link.id === 'all')) return;
  event.preventDefault();
  ask({ ...USUAL, session: link.dataset.session ?? '' }, 'pushState');
  byId('sessions').focus();
});

byId('clock').hidden = !IS_WALL;
if (IS_WALL) setText(byId('clock'), wallClock());
readAddress();
asking.now();
setInterval(tick, TICK);
