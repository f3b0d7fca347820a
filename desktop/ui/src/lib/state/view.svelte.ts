// Where somebody is in the page: which conversation, which panes, which dialog, and how they came there.

export type Section = 'profile' | 'look' | 'devices' | 'network' | 'storage' | 'about';

export type Overlay =
  | { name: 'switcher' }
  | { name: 'new' }
  | { name: 'join'; link?: string }
  | { name: 'people' }
  | { name: 'invite'; conversation: string }
  | { name: 'why'; message: string }
  | { name: 'standing'; conversation: string }
  | { name: 'history'; message: string }
  | { name: 'person'; user: string; conversation?: string }
  | { name: 'settings'; section: Section }
  | { name: 'shortcuts' };

export interface Question {
  title: string;
  text: string;
  act: string;
  danger: boolean;
  answer(yes: boolean): void;
}

const MOST_BACK = 50;

export class View {
  open = $state<string | null>(null);
  details = $state(false);
  overlay = $state.raw<Overlay | null>(null);
  question = $state.raw<Question | null>(null);
  #back: string[] = [];
  #forward: string[] = [];

  go(conversation: string | null) {
    if (conversation === this.open) return;
    if (this.open) this.#back = [...this.#back, this.open].slice(-MOST_BACK);
    this.#forward = [];
    this.open = conversation;
  }

  step(where: 'back' | 'forward') {
    const from = where === 'back' ? this.#back : this.#forward;
    const to = where === 'back' ? this.#forward : this.#back;
    const next = from.pop();
    if (!next) return;
    if (this.open) to.push(this.open);
    this.open = next;
  }

  show(overlay: Overlay) {
    this.overlay = overlay;
  }

  close() {
    this.overlay = null;
  }

  /** Asks before something that cannot be undone; says what, for whom. */
  ask(question: Omit<Question, 'answer'>): Promise<boolean> {
    return new Promise((done) => {
      this.question = {
        ...question,
        answer: (yes) => {
          this.question = null;
          done(yes);
        },
      };
    });
  }
}
