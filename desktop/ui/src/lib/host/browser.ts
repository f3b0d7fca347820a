// The host when the page runs in a browser.
import { type Capability, type Host, mayOpen } from './host';

export class BrowserHost implements Host {
  readonly can: ReadonlySet<Capability>;

  constructor() {
    const can: Capability[] = [];
    if ('Notification' in window && isSecureContext) can.push('notify');
    if (navigator.clipboard) can.push('clipboard');
    this.can = new Set(can);
  }

  notify(title: string, text: string, open: () => void) {
    if (!this.can.has('notify') || Notification.permission !== 'granted') return;
    const shown = new Notification(title, { body: text, tag: title });
    shown.onclick = () => {
      window.focus();
      shown.close();
      open();
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
