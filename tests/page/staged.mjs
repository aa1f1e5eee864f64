// Reports as a daemon would send them, for numbers of sessions and troubles that take long to bring about.

const moment = (seconds) => ({ at: new Date(Date.now() + seconds * 1000).toISOString(), in_seconds: seconds });

const TIMEOUT = 900;

// A quiet day, one with an outage two hours ago, or one at whose end the token was lost.
const DAYS = {
  alive: () => undefined,
  'at risk': () => '+'.repeat(86) + '!!' + '+'.repeat(7) + '!',
  lost: () => '-'.repeat(30) + '+'.repeat(58) + '!!' + '+'.repeat(4) + '!x',
};

function session(number, state, deadline) {
  const name = `kiosk-${String(number).padStart(4, '0')}`;
  const isOver = state === 'lost';
  const quarters = DAYS[state]();
  const attempts = state === 'at risk' ? 3 : 0;
  const words = { alive: 'alive and kept', lost: 'lost: refused 3s after its idle deadline; it idled out', 'at risk': 'at risk: 3 attempts failed, the last one: no connection to the API' };
  const next = isOver ? 'nothing until the token is replaced' : 'touch in 4s';
  return {
    name,
    intent: 'keep',
    state,
    ready: state === 'alive',
    warning: state !== 'alive',
    advice: isOver ? `a new token in file ${name} takes over at once` : undefined,
    standing: `${words[state]}; ${next}`,
    next_in_words: next,
    next: isOver ? undefined : { operation: 'touch_head', at: moment(4 + (number % 50)), under_way: false },
    fingerprint: String(number).padStart(8, '0'),
    generation: 1,
    api: 'https://api.mypurecloud.de',
    on_shutdown: 'leave',
    failures: attempts,
    alive_since: isOver ? undefined : moment(-86_400 * 12 - 3600 * (number % 9)),
    day: quarters && { from: moment(-900 * (quarters.length - 0.5)), quarters },
    renews: isOver || number % 2 === 0 ? undefined : moment(36_000),
    alive: isOver ? undefined : {
      organisation: 'Example',
      idle_timeout_seconds: TIMEOUT,
      idle_timeout_source: 'proven',
      proven: moment(-86_400 * 12),
      deadline: moment(deadline),
      touch_due: moment(deadline - 600),
      margin: moment(deadline - 300),
      touched: moment(deadline - TIMEOUT),
      outage_budget_seconds: 600,
      reset: 'proven',
      touch: 'head',
      expires: number % 2 === 0 ? undefined : moment(75_600),
      expiry_source: number % 2 === 0 ? undefined : 'reported',
    },
  };
}

/** The states of the sessions: all alive, some at risk in an outage, or some at risk and some lost. */
const STATES = {
  quiet: () => 'alive',
  outage: (number) => (number % 3 === 0 ? 'at risk' : 'alive'),
  lost: (number) => (number % 40 === 0 ? 'lost' : number % 3 === 0 ? 'at risk' : 'alive'),
};

function incident(sessions, states) {
  const lost = states.filter((state) => state === 'lost').length;
  const atRisk = states.filter((state) => state === 'at risk').length;
  return {
    id: 1,
    class: 'unreachable',
    api: 'https://api.mypurecloud.de',
    title: 'API unreachable',
    cause: 'connection refused',
    text: 'API unreachable: connection refused',
    advice: 'look at the network and the firewall between this machine and the API',
    began: moment(-70),
    sessions,
    names: [],
    failing: sessions,
    at_risk: atRisk,
    lost,
    first_loss: moment(144),
    first_loss_session: 'kiosk-0003',
  };
}

const ended = () => ({ text: 'API unreachable: over after 32s, from 07:59:30 UTC to 08:00:02 UTC; 67 of 300 sessions were at risk, no token was lost', answered: moment(-93_784), ended: moment(-93_784), failing: 0 });

/** The report of this many sessions in this trouble for the query of a request. */
export function staged(count, trouble, url) {
  const query = new URL(url).searchParams;
  const states = Array.from({ length: count }, (_, number) => STATES[trouble](number));
  const warnings = states.filter((state) => state !== 'alive').length;
  let numbers = states.map((_, number) => number);
  const [only, name] = [query.get('only'), query.get('session')];
  if (only === 'trouble') numbers = numbers.filter((number) => states[number] !== 'alive');
  else if (only) numbers = numbers.filter((number) => states[number] === only);
  if (name) numbers = numbers.filter((number) => session(number, 'alive', 0).name === name);
  const rank = (number) => ['at risk', 'lost', 'alive'].indexOf(states[number]);
  if (query.get('sort') === 'trouble') numbers.sort((one, other) => rank(one) - rank(other));
  const from = Number(query.get('from') ?? 0);
  const page = numbers.slice(from, from + Number(query.get('limit') ?? 1000));
  const isQuiet = warnings === 0;
  const event = (number, kind, at) => ({ at: moment(at), session: `kiosk-${String(number).padStart(4, '0')}`, event: kind, warning: kind !== 'alive', text: `kiosk-${String(number).padStart(4, '0')} ${kind === 'alive' ? 'alive and kept' : `${kind.replace('_', ' ')}: no connection to the API`}` });
  const troubled = states.flatMap((state, number) => (state === 'alive' ? [] : [event(number, state === 'lost' ? 'lost' : 'at_risk', -40 + (number % 30) / 10)])).slice(0, 60);
  troubled.sort((one, other) => one.at.in_seconds - other.at.in_seconds);
  return {
    version: 1,
    program: '0.2.0',
    now: new Date().toISOString(),
    started: moment(-86_400 * 12),
    stopping: false,
    ready: isQuiet,
    summary: isQuiet ? `ready: ${count} kept` : `not ready: ${warnings} of ${count} kept: API unreachable`,
    incidents: isQuiet ? [] : [incident(count, states)],
    last_incident: isQuiet ? ended() : undefined,
    kept: count,
    lapsing: 0,
    states: Object.fromEntries([...new Set(states)].map((state) => [state, states.filter((each) => each === state).length])),
    warnings,
    matching: numbers.length,
    sessions: page.map((number) => session(number, states[number], 144 + number * 7 % 700)),
    events: [event(1, 'alive', -90_000), { at: moment(-70), event: 'incident', warning: true, text: 'API unreachable: connection refused' }, ...troubled].slice(0, isQuiet ? 1 : 62),
  };
}

/** Answers the page's requests with the staged report. */
export async function stage(page, count, trouble) {
  await page.unroute('**/status?*');
  await page.route('**/status?*', (route) => route.fulfill({ json: staged(count, trouble, route.request().url()) }));
}
