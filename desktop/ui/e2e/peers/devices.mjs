// Several devices of one person, and three people at once.
import assert from 'node:assert/strict';
import { axe, picture } from '../stage.mjs';
import { message, peers, talk, together, write } from './stage.mjs';

export const stories = {
  'devices: another one is linked on two pages, and follows': peers(['ada', 'phone'], async (open, ada, phone) => {
    await ada.init();
    await ada.start();
    const { conversation } = await ada.cli('new', 'Boats');
    await ada.cli('send', conversation, 'from the first device');
    // No mDNS here: it is told where the other one is.
    await phone.start('--peer', (await ada.cli('status')).addresses[0]);
    const [at, pt] = [await open(ada), await open(phone)];
    await pt.getByRole('button', { name: 'I use it on another device' }).click();
    const offer = await pt.getByRole('textbox', { name: 'Code of the new device' }).inputValue();
    await at.getByRole('navigation', { name: 'Conversations' }).waitFor();
    await at.keyboard.press('Control+,');
    await at.getByRole('dialog').getByRole('button', { name: 'Devices' }).click();
    await at.getByLabel('Code of the new device').fill(offer);
    await at.getByRole('button', { name: 'Go on' }).click();
    const [here, there] = [await at.getByTestId('digits').innerText(), await pt.getByTestId('digits').innerText()];
    assert.equal(here, there);
    assert.deepEqual(await axe(at), []);
    await pt.getByRole('radio', { name: 'Not at all' }).check();
    await Promise.all([
      at.getByRole('button', { name: 'Yes, the same' }).click(),
      pt.getByRole('button', { name: 'Yes, the same' }).click(),
    ]);
    await pt.getByRole('navigation', { name: 'Conversations' }).waitFor();
    await at.getByText('It is one of your devices now').waitFor();
    await picture(at, 'peers-devices');
    await at.keyboard.press('Escape');
    await talk(pt, 'Boats');
    await message(pt, 'from the first device').waitFor();
    await write(pt, 'from the second device');
    await talk(at, 'Boats');
    await message(at, 'from the second device').waitFor();
    // What is begun on one device is in the box of the other.
    await pt.getByTestId('composer').fill('begun here');
    await at.waitForFunction(() => document.querySelector('[data-testid=composer]').value === 'begun here');
    // A choice is heeded on both.
    await at.keyboard.press('Control+,');
    await at.getByRole('radio', { name: 'Dark' }).check();
    await pt.waitForFunction(() => document.documentElement.style.colorScheme === 'dark');
  }),

  'devices: three people, one of them away': peers(['ada', 'bob', 'carol'], async (open, ada, bob, carol) => {
    const conversation = await together(ada, bob);
    await carol.init();
    await carol.start();
    await carol.cli('join', (await ada.cli('invite', conversation)).link);
    const pages = [await open(ada), await open(bob), await open(carol)];
    for (const page of pages) await talk(page, 'Boats');
    const [at, bt, ct] = pages;
    await write(at, 'all of you');
    await Promise.all([message(bt, 'all of you').waitFor(), message(ct, 'all of you').waitFor()]);
    await carol.stop();
    await ct.getByTestId('connection').getByText('Your peer does not answer').waitFor();
    await write(bt, 'only we two');
    await message(at, 'only we two').waitFor();
    await message(bt, 'only we two').getByText('with 1 of 2').waitFor();
    await bt.getByRole('button', { name: 'How it gets on' }).first().click();
    await bt.getByTestId('standing').getByText('1 of 2 others are linked now.').waitFor();
    await picture(bt, 'peers-standing');
    assert.deepEqual(await axe(bt), []);
  }),
};
