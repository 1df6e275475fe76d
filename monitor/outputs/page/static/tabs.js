// One tab for each stream, where there are several; arrows, Home and End go between them.

import { make, tell } from "./words.js";

const SIGNS = { live: "●", connecting: "○", stalled: "!", lost: "!", paused: "○", ended: "○", failed: "!" };

/** The tabs. `choose` is called with the name of the stream that is chosen. */
export class Tabs {
  /**
   * @param {HTMLElement} host
   * @param {HTMLElement} panel what they show
   * @param {(name: string) => void} choose
   */
  constructor(host, panel, choose) {
    this.host = host;
    this.panel = panel;
    this.choose = choose;
    this.names = [];
    this.chosen = null;
    host.addEventListener("keydown", (event) => this.key(event));
  }

  /** @param {Array<{name: string, state: string}>} streams */
  show(streams) {
    const names = streams.map((one) => one.name);
    if (names.join("\n") !== this.names.join("\n")) this.build(names);
    streams.forEach(({ state }, place) => {
      const [sign, , words] = this.host.children[place].children;
      tell(sign, SIGNS[state] ?? "○");
      tell(words, `, ${state}`);
    });
    if (!names.includes(this.chosen) && names.length) this.take(names[0]);
  }

  build(names) {
    this.names = names;
    this.host.hidden = names.length < 2;
    this.host.replaceChildren(
      ...names.map((name, place) => {
        const tab = make("button");
        tab.type = "button";
        tab.id = `tab-${place}`;
        tab.setAttribute("role", "tab");
        tab.setAttribute("aria-controls", this.panel.id);
        const sign = make("span");
        sign.setAttribute("aria-hidden", "true");
        tab.append(sign, make("span", "name", name), make("span", "unseen"));
        tab.addEventListener("click", () => this.take(name));
        return tab;
      }),
    );
    this.mark();
  }

  take(name) {
    if (name === this.chosen) return;
    this.chosen = name;
    this.mark();
    this.choose(name);
  }

  mark() {
    this.names.forEach((name, place) => {
      const tab = this.host.children[place];
      tab.setAttribute("aria-selected", String(name === this.chosen));
      tab.tabIndex = name === this.chosen ? 0 : -1;
      if (name === this.chosen && this.names.length > 1) {
        this.panel.setAttribute("role", "tabpanel");
        this.panel.setAttribute("aria-labelledby", tab.id);
      }
    });
  }

  key(event) {
    const now = this.names.indexOf(this.chosen);
    const last = this.names.length - 1;
    const to = { ArrowRight: now === last ? 0 : now + 1, ArrowLeft: now === 0 ? last : now - 1, Home: 0, End: last }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    this.take(this.names[to]);
    this.host.children[to].focus();
  }
}
