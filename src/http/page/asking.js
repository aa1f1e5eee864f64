// Requests the status periodically, and reports when the daemon does not answer.

const EVERY = 2000;
// A hidden tab is refreshed rarely, because only its title is visible.
const EVERY_HIDDEN = 30000;
const WITHIN = 10000;

export class Asking {
  #query;
  #onReport;
  #onFailure;
  #timer = 0;
  #turn = 0;
  #abort = new AbortController();

  /** `query` returns the query; `onReport(report, at)` and `onFailure(why)` are called with the result. */
  constructor(query, onReport, onFailure) {
    this.#query = query;
    this.#onReport = onReport;
    this.#onFailure = onFailure;
    document.addEventListener('visibilitychange', () => (document.hidden ? this.#later() : this.now()));
    addEventListener('online', () => this.now());
    // A page that is restored from the browser's cache shows an old report.
    addEventListener('pageshow', (event) => event.persisted && this.now());
  }

  /** Sends a request at once; the answer to an earlier request is dropped as outdated. */
  async now() {
    clearTimeout(this.#timer);
    this.#abort.abort();
    this.#abort = new AbortController();
    const turn = ++this.#turn;
    const outcome = await this.#ask(this.#abort.signal);
    if (turn !== this.#turn) return;
    try {
      outcome();
    } finally {
      this.#later();
    }
  }

  #later() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.now(), document.hidden ? EVERY_HIDDEN : EVERY);
  }

  async #ask(signal) {
    try {
      const within = AbortSignal.any([signal, AbortSignal.timeout(WITHIN)]);
      const answer = await fetch(`status?${this.#query()}`, { cache: 'no-store', signal: within });
      const at = performance.now();
      if (!answer.ok) {
        const text = (await answer.text()).trim().slice(0, 200);
        return () => this.#onFailure(`It says ${answer.status}: ${text}.`);
      }
      const report = await answer.json();
      return report.version === 1
        ? () => this.#onReport(report, at)
        : () => this.#onFailure('It answers in a form that this page does not know: load the page again.');
    } catch (error) {
      return () => this.#onFailure(error.name === 'TimeoutError' ? `Nothing came within ${WITHIN / 1000} s.` : '');
    }
  }
}
