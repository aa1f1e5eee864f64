// Connects the parts of the page, and keeps the query in the address.

import { Asking } from './asking.js';
import { Events } from './events.js';
import { Rows } from './rows.js';
import { Counts, showReport, showNoAnswer, tickVerdict } from './verdict.js';
import { count, setText } from './words.js';

const LIMIT = 100;
const TICK = 250;
const TYPED_AFTER = 200;

const byId = (id) => document.getElementById(id);
const [find, only, sort] = ['find', 'only', 'sort'].map(byId);

// The default query; the address contains only the differences from it.
const USUAL = { session: '', find: '', only: '', sort: 'trouble', from: '0' };
let asked = { ...USUAL };
let last = null;
let why = null;

const rows = new Rows(byId('rows'));
const events = new Events();
const counts = new Counts((value) => ask({ only: value, from: '0' }));
const asking = new Asking(query, handleReport, handleFailure);

function query() {
  const { session, ...others } = asked;
  const about = session ? { session } : { ...others, limit: LIMIT };
  return new URLSearchParams(Object.entries(about).filter(([, value]) => value !== ''));
}

function handleReport(report, at) {
  // Another version of the program may have another page.
  if (last && last.report.program !== report.program) location.reload();
  last = { report, at };
  why = null;
  document.body.dataset.heard = 'yes';
  // There are fewer sessions than before, so the present page of the list is empty.
  if (report.sessions.length === 0 && report.matching > 0) ask({ from: '0' });
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
  if (why === null) {
    rows.tick(now);
    tickVerdict(now);
  } else showNoAnswer(last?.report.now, last ? (now - last.at) / 1000 : 0, why);
}

function showPosition(report) {
  const { session } = asked;
  const from = Number(asked.from);
  const until = from + report.sessions.length;
  const all = report.kept + report.lapsing;
  const isPart = !session && report.matching < all;
  setText(byId('sessions-title'), session ? `Session ${session}` : 'Sessions');
  setText(byId('shown'), session ? '' : isPart ? `${count(report.matching)} of ${count(all)}` : count(all));
  const none = byId('none');
  none.hidden = report.matching > 0;
  setText(none, session ? `There is no session called ${session}.` : 'No session is like that.');
  byId('pager').hidden = report.matching <= LIMIT;
  setText(byId('place'), `${count(from + 1)}–${count(until)} of ${count(report.matching)}`);
  byId('previous').disabled = from === 0;
  byId('next').disabled = until >= report.matching;
}

/** Changes the query, and stores it in the address. */
function ask(change, remember = 'replaceState') {
  asked = { ...asked, ...change };
  const differing = Object.entries(asked).filter(([key, value]) => value !== USUAL[key]);
  const search = new URLSearchParams(differing).toString();
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
  const isOne = asked.session !== '';
  byId('controls').hidden = isOne;
  byId('counts').hidden = isOne;
  byId('all').hidden = !isOne;
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

readAddress();
asking.now();
setInterval(tick, TICK);
