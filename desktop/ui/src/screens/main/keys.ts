// The keys that work everywhere in the window. While a dialog is open none of them does.
import { type Act, pressed } from '$lib/keys/table';
import type { App } from '$lib/state/app.svelte';
import { neighbour } from '$lib/state/conversations';

const PANES = ['list', 'talk', 'details'];

function toPane(step: 1 | -1) {
  const panes = PANES.map((name) => document.querySelector<HTMLElement>(`[data-pane=${name}]`)).filter(
    (pane) => pane !== null,
  );
  const now = panes.findIndex((pane) => pane.contains(document.activeElement));
  const next = panes.at((now + step + panes.length) % panes.length);
  next?.querySelector<HTMLElement>('[aria-current], textarea, button, [tabindex="0"]')?.focus();
}

const focus = (selector: string) => document.querySelector<HTMLElement>(selector)?.focus();

function acts(app: App, event: KeyboardEvent): Partial<Record<Act, () => void>> {
  const { view, talks } = app;
  const go = (conversation: string | null | undefined) => conversation && void app.open(conversation);
  const next = (step: 1 | -1, fresh = false) => go(neighbour(talks.listed, view.open, step, fresh));
  const step = (where: 'back' | 'forward') => {
    view.step(where);
    void app.shown();
  };
  return {
    switcher: () => view.show({ name: 'switcher' }),
    new: () => view.show({ name: 'new' }),
    find: () => focus('[data-find]'),
    previous: () => next(-1),
    next: () => next(1),
    'previous-unread': () => next(-1, true),
    'next-unread': () => next(1, true),
    back: () => step('back'),
    forward: () => step('forward'),
    pane: () => toPane(1),
    'pane-back': () => toPane(-1),
    details: () => (view.details = !view.details),
    settings: () => view.show({ name: 'settings', section: 'look' }),
    shortcuts: () => view.show({ name: 'shortcuts' }),
    place: () => go(talks.listed[Number(event.key) - 1]?.conversation),
  };
}

export function onkey(app: App, event: KeyboardEvent) {
  if (event.defaultPrevented || event.isComposing || document.querySelector('dialog[open]')) return;
  const act = pressed(event);
  const does = act && acts(app, event)[act];
  if (does) {
    event.preventDefault();
    return does();
  }
  if (event.key === 'Escape') return escape(app, event);
  // Whatever is typed with nothing in focus that takes it goes to the box.
  const plain = event.key.length === 1 && event.key !== ' ' && !event.ctrlKey && !event.altKey && !event.metaKey;
  if (plain && !(event.target as HTMLElement).closest('input, textarea, select, [contenteditable], [popover]'))
    focus('[data-testid=composer]');
}

/** One level back: the details, then the conversation to its newest, then the list. */
function escape(app: App, event: KeyboardEvent) {
  if (document.querySelector(':popover-open')) return;
  event.preventDefault();
  if (app.view.details) app.view.details = false;
  else if (app.talks.wanted) app.talks.wanted = '';
  else focus('[data-testid=composer]');
}
