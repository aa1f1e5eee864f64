// Asks the daemon again and again, and says when it does not answer.

const EVERY = 2000;
// Nobody looks at a hidden tab, but its title is to tell.
const EVERY_HIDDEN = 30000;
const WITHIN = 10000;

export class Asking {
  #query;
  #heard;
  #unheard;
  #timer = 0;
  #turn = 0;
  #abort = new AbortController();

  /** `query` says what to ask for; `heard(report, at)` and `unheard(why)` are told what came of it. */
  constructor(query, heard, unheard) {
    this.#query = query;
    this.#heard = heard;
    this.#unheard = unheard;
    document.addEventListener('visibilitychange', () => (document.hidden ? this.#later() : this.now()));
    addEventListener('online', () => this.now());
    // A page that comes back from the browser's cache stood still meanwhile.
    addEventListener('pageshow', (event) => event.persisted && this.now());
  }

  /** Asks at once; an answer that is still to come is about an older question and is dropped. */
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
        const said = (await answer.text()).trim().slice(0, 200);
        return () => this.#unheard(`It says ${answer.status}: ${said}.`);
      }
      const report = await answer.json();
      return report.version === 1
        ? () => this.#heard(report, at)
        : () => this.#unheard('It answers in a form that this page does not know: load the page again.');
    } catch (error) {
      return () => this.#unheard(error.name === 'TimeoutError' ? `Nothing came within ${WITHIN / 1000} s.` : '');
    }
  }
}
