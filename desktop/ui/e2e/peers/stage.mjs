// Real peers, each with a home of its own in a temporary folder, and a page in front of each.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { visit } from '../stage.mjs';

const BAYOU = process.env.BAYOU_BIN ?? 'bayou';
const run = promisify(execFile);

export class Peer {
  home = mkdtempSync(join(tmpdir(), 'bayou-home-'));
  #process;
  #gone = Promise.resolve();

  constructor(name) {
    this.name = name;
  }

  /** Makes a home without the page. */
  async init() {
    await this.cli('init', '--name', this.name, '--no-passphrase');
    return this;
  }

  /** Runs a command of `bayou` in this home; gives its one line of JSON. */
  async cli(...args) {
    const { stdout } = await run(BAYOU, ['--home', this.home, '--json', ...args]);
    return stdout.trim() ? JSON.parse(stdout.trim().split('\n')[0]) : null;
  }

  /** Starts the peer; gives the address to open. */
  async start(...more) {
    const args = [
      '--home',
      this.home,
      '--json',
      'serve',
      '--web',
      '127.0.0.1:0',
      '--no-mdns',
      '--no-upnp',
      '--listen',
      '/ip4/127.0.0.1/udp/0/quic-v1',
      ...more,
    ];
    const child = (this.#process = spawn(BAYOU, args, { stdio: ['ignore', 'pipe', 'inherit'] }));
    this.#gone = new Promise((done) => child.once('exit', done));
    this.address = await new Promise((done, failed) => {
      createInterface({ input: child.stdout }).on('line', (line) => {
        const { event, address } = JSON.parse(line);
        if (event === 'web') done(address);
      });
      child.once('exit', (code) => failed(new Error(`bayou serve ended with ${code}`)));
    });
    return this;
  }

  async stop() {
    this.#process?.kill('SIGTERM');
    await this.#gone;
  }

  /** Makes calls over the socket, many at once; gives the answers in their order. */
  calls(list) {
    return new Promise((done, failed) => {
      const answers = [];
      const socket = connect(join(this.home, 'bayou.sock'), () => {
        for (const [id, [method, params]] of list.entries())
          socket.write(`${JSON.stringify({ jsonrpc: '2.0', id, method, params })}\n`);
      });
      socket.on('error', failed);
      createInterface({ input: socket }).on('line', (line) => {
        const { id, result, error } = JSON.parse(line);
        if (error) failed(new Error(error.message));
        answers[id] = result;
        if (answers.filter((one) => one !== undefined).length === list.length) socket.end(() => done(answers));
      });
    });
  }

  async end() {
    await this.stop();
    rmSync(this.home, { recursive: true, force: true });
  }
}

/** Runs a story with so many peers and ends them, whatever comes of it. */
export const peers = (names, act) => async (browser) => {
  const all = names.map((name) => new Peer(name));
  const pages = [];
  const open = async (peer, options) => {
    const opened = await visit(browser, peer.address, options);
    pages.push(opened);
    return opened.page;
  };
  try {
    await act(open, ...all);
    // What the browser says of a connection that was closed is no fault of the page.
    for (const { wrong } of pages)
      assert.deepEqual(
        wrong.filter((one) => !/WebSocket|ERR_CONNECTION|401/.test(one)),
        [],
      );
  } finally {
    await Promise.all(pages.map((one) => one.close()));
    await Promise.all(all.map((one) => one.end()));
  }
};

/** Two who are in one conversation, both running; gives its id. */
export async function together(one, two, title = 'Boats') {
  await Promise.all([one.init(), two.init()]);
  await Promise.all([one.start(), two.start()]);
  const { conversation } = await one.cli('new', title);
  const { link } = await one.cli('invite', conversation);
  await two.cli('join', link);
  return conversation;
}

export async function talk(page, title) {
  await page.getByRole('navigation', { name: 'Conversations' }).getByRole('button', { name: title }).click();
  await page.getByTestId('composer').waitFor();
}

export async function write(page, text) {
  await page.getByTestId('composer').fill(text);
  await page.keyboard.press('Enter');
  await page.locator('article').getByText(text).waitFor();
}

export const message = (page, text) => page.locator('article').filter({ hasText: text });
