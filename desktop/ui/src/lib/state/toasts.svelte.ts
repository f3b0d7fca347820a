// Short words at the edge of the window: what was done, with a way back where there is one, and what failed.

export interface Toast {
  readonly id: number;
  readonly text: string;
  readonly bad: boolean;
  readonly undo: (() => void) | null;
}

const STAYS = 6_000;
const STAYS_WITH_UNDO = 8_000;
const MOST = 3;

export class Toasts {
  shown = $state.raw<Toast[]>([]);
  #next = 1;

  say(text: string, undo: (() => void) | null = null) {
    this.#show({ id: this.#next++, text, bad: false, undo });
  }

  /** What failed stays until it is put away, or something else takes its place. */
  complain(text: string) {
    if (this.shown.some((one) => one.text === text)) return;
    this.#show({ id: this.#next++, text, bad: true, undo: null });
  }

  close(id: number) {
    this.shown = this.shown.filter((one) => one.id !== id);
  }

  #show(toast: Toast) {
    this.shown = [...this.shown, toast].slice(-MOST);
    if (!toast.bad) setTimeout(() => this.close(toast.id), toast.undo ? STAYS_WITH_UNDO : STAYS);
  }
}
