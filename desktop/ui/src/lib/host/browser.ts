// The host when the page runs in a browser.
import { type Capability, type Host, type HostEvent, mayOpen } from './host';

export class BrowserHost implements Host {
  readonly can: ReadonlySet<Capability>;
  #listener: (event: HostEvent) => void = () => {};

  constructor() {
    const can: Capability[] = [];
    if ('Notification' in window && isSecureContext) can.push('notify');
    if (navigator.clipboard) can.push('clipboard');
    this.can = new Set(can);
  }

  onEvent(listener: (event: HostEvent) => void) {
    this.#listener = listener;
  }

  notify(title: string, text: string, conversation: string) {
    if (!this.can.has('notify') || Notification.permission !== 'granted') return;
    const shown = new Notification(title, { body: text, tag: conversation });
    shown.onclick = () => {
      window.focus();
      shown.close();
      this.#listener({ kind: 'open', conversation });
    };
  }

  async allowNotifying() {
    return this.can.has('notify') && (await Notification.requestPermission()) === 'granted';
  }

  badge(count: number) {
    document.title = count > 0 ? `(${count}) Bayou` : 'Bayou';
  }

  async copy(text: string) {
    if (this.can.has('clipboard')) return navigator.clipboard.writeText(text);
    // Plain http off this machine has no clipboard; the old way still works there.
    const box = document.createElement('textarea');
    box.value = text;
    (document.querySelector('dialog[open]') ?? document.body).append(box);
    box.select();
    document.execCommand('copy');
    box.remove();
  }

  openOutside(address: string) {
    if (mayOpen(address)) window.open(address, '_blank', 'noopener,noreferrer');
  }
}
