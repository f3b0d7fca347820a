// What the page stands on in the app's window. Nothing outside this folder knows Tauri.
import { Client } from '$lib/rpc/client';
import { WindowHost } from './host';
import { windowPipe } from './pipe';

export function open() {
  const host = new WindowHost();
  const transport = new Client('window', () => windowPipe((name, params) => host.heard(name, params)));
  return { host, transport };
}
