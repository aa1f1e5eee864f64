// Requests the status periodically, and reports when the daemon does not answer.

const EVERY = 2000;
// A hidden tab is refreshed rarely, because only its title is visible.
const EVERY_HIDDEN = 30000;
// After a failure the interval doubles up to this.
const EVERY_FAILING_MAX = 30000;
const WITHIN = 10000;

export class Asking {
  #query;
  #onReport;
  #onFailure;
  #timer = 0;
  #turn = 0;
  #failures = 0;
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
    const { hasReport, show } = await this.#ask(this.#abort.signal);
    if (turn !== this.#turn) return;
    this.#failures = hasReport ? 0 : this.#failures + 1;
    try {
      show();
    } finally {
      this.#later();
    }
  }

  #later() {
    clearTimeout(this.#timer);
    const every = document.hidden ? EVERY_HIDDEN : Math.min(EVERY_FAILING_MAX, EVERY * 2 ** Math.min(this.#failures, 10));
    // Pages that lost the daemon at the same moment do not all return at the same moment.
    const spread = this.#failures > 0 ? 0.75 + Math.random() / 4 : 1;
    this.#timer = setTimeout(() => this.now(), every * spread);
  }

  async #ask(signal) {
    try {
      const within = AbortSignal.any([signal, AbortSignal.timeout(WITHIN)]);
      const answer = await fetch(`status?${this.#query()}`, { cache: 'no-store', signal: within });
      const at = performance.now();
      if (!answer.ok) {
        const text = (await answer.text()).trim().slice(0, 200);
        return { hasReport: false, show: () => this.#onFailure(`It says ${answer.status}: ${text}.`) };
      }
      const report = await answer.json();
      return report.version === 1
        ? { hasReport: true, show: () => this.#onReport(report, at) }
        : { hasReport: false, show: () => this.#onFailure('It answers in a form that this page does not know: load the page again.') };
    } catch (error) {
      return { hasReport: false, show: () => this.#onFailure(error.name === 'TimeoutError' ? `Nothing came within ${WITHIN / 1000} s.` : '') };
    }
  }
}
