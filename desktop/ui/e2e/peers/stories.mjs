// What people do with each other, on pages in front of real peers.
import assert from 'node:assert/strict';
import { axe, picture } from '../stage.mjs';
import { message, peers, talk, together, write } from './stage.mjs';

/** Goes through the first run up to the third step. */
async function firstRun(page, name) {
  await page.getByRole('button', { name: 'Create a profile' }).click();
  await page.getByRole('textbox', { name: 'Name' }).fill(name);
  await page.getByLabel('Passphrase', { exact: true }).fill('open sesame');
  await page.getByRole('button', { name: 'Go on' }).click();
  await page.getByTestId('phrase').waitFor();
  const words = await page.getByTestId('phrase').locator('li').allInnerTexts();
  assert.equal(words.length, 24);
  await page.getByRole('button', { name: 'I have written them down' }).click();
  for (const label of await page.locator('label span').allInnerTexts()) {
    const number = Number(/Word (\d+)/.exec(label)?.[1] ?? 0);
    if (number) await page.getByLabel(label, { exact: true }).fill(words[number - 1].replace(/^\d+\s*/, ''));
  }
  await page.getByRole('button', { name: 'Go on' }).click();
  await page.getByTestId('first-invite').waitFor();
}

export const stories = {
  'peers: from nothing to messages both ways': peers(['ada', 'bob'], async (open, ada, bob) => {
    await Promise.all([ada.start(), bob.start()]);
    const [at, bt] = [await open(ada), await open(bob)];
    await firstRun(at, 'ada');
    await firstRun(bt, 'bob');
    await at.getByRole('button', { name: 'Begin a group' }).click();
    await at.getByLabel('Title').fill('Boats');
    await at.getByRole('button', { name: 'Begin', exact: true }).click();
    await at.getByTestId('make-invite').click();
    const link = await at.getByRole('dialog').getByRole('textbox', { name: 'Link' }).inputValue();
    await at.getByRole('img', { name: 'Code of the invitation' }).waitFor();
    await at.keyboard.press('Escape');
    await bt.getByLabel('Link').fill(link);
    await bt.getByRole('button', { name: 'Join' }).click();
    await bt.getByTestId('composer').waitFor();
    await at.getByTestId('composer').fill('hello **bob**');
    await at.keyboard.press('Enter');
    await message(bt, 'hello').locator('strong').getByText('bob').waitFor();
    await write(bt, 'hello ada');
    await message(at, 'hello ada').waitFor();
    await message(at, 'hello bob').locator('[data-state=all]').waitFor();
    assert.deepEqual(await axe(at), []);
    await picture(at, 'peers-first');
    // The home is locked when the peer starts again.
    await bob.stop();
    await bob.start();
    const again = await open(bob);
    await again.getByTestId('unlock').waitFor();
    await again.getByLabel('Passphrase').fill('wrong');
    await again.keyboard.press('Enter');
    await again.getByRole('alert').waitFor();
    await again.getByLabel('Passphrase').fill('open sesame');
    await again.keyboard.press('Enter');
    await talk(again, 'Boats');
    await message(again, 'hello ada').waitFor();
  }),

  'peers: edit, reply, react and delete are seen by the other': peers(['ada', 'bob'], async (open, ada, bob) => {
    await together(ada, bob);
    const [at, bt] = [await open(ada), await open(bob)];
    await Promise.all([talk(at, 'Boats'), talk(bt, 'Boats')]);
    await write(at, 'are you coming');
    await message(bt, 'are you coming').hover();
    await message(bt, 'are you coming').getByRole('button', { name: 'Reply' }).click();
    await write(bt, 'yes I am');
    await message(at, 'yes I am').getByText('are you coming').waitFor();
    await message(at, 'yes I am').hover();
    await message(at, 'yes I am').getByRole('button', { name: 'React' }).click();
    await at.getByRole('searchbox', { name: 'Find an emoji' }).fill('rocket');
    await at.getByRole('button', { name: 'rocket', exact: true }).click();
    await message(bt, 'yes I am').getByRole('button', { name: '🚀 by ada' }).waitFor();
    await at.getByTestId('composer').focus();
    await at.keyboard.press('ArrowUp');
    await at.getByTestId('composer').fill('are you coming tonight');
    await at.keyboard.press('Enter');
    const edited = bt.locator('article').first();
    await edited.getByText('are you coming tonight').waitFor();
    await message(bt, 'yes I am').getByText('are you coming tonight').waitFor();
    await edited.getByRole('button', { name: 'edited' }).click();
    await bt.getByTestId('history').getByText('are you coming', { exact: true }).waitFor();
    await bt.keyboard.press('Escape');
    await at.locator('article').first().focus();
    await at.keyboard.press('Delete');
    await at.getByRole('button', { name: 'Delete', exact: true }).click();
    await edited.getByText('This message was deleted').waitFor();
    await message(bt, 'yes I am').getByText('This message was deleted').waitFor();
    await picture(bt, 'peers-talk');
  }),

  'peers: offline, back, and what came late': peers(['ada', 'bob'], async (open, ada, bob) => {
    const conversation = await together(ada, bob);
    const at = await open(ada);
    await talk(at, 'Boats');
    await write(at, 'before');
    await message(at, 'before').locator('[data-state=all]').waitFor();
    await bob.stop();
    await at.getByTestId('connection').getByText('Nobody in reach').waitFor();
    // Written by bob while nobody hears him, before what ada writes now.
    await bob.cli('send', conversation, 'from the boat');
    await write(at, 'while you are away');
    await message(at, 'while you are away').locator('[data-state=kept]').waitFor();
    await message(at, 'while you are away').locator('[data-state=kept]').click();
    await at.getByTestId('why').getByText('not yet').waitFor();
    await picture(at, 'peers-why');
    assert.deepEqual(await axe(at), []);
    await at.keyboard.press('Escape');
    await bob.start('--peer', (await ada.cli('status')).addresses[0]);
    await message(at, 'from the boat').getByText('came late').waitFor();
    const order = await at.locator('article').evaluateAll((all) => all.map((one) => one.innerText));
    assert.ok(
      order.findIndex((one) => one.includes('from the boat')) <
        order.findIndex((one) => one.includes('while you are away')),
    );
    await message(at, 'while you are away').locator('[data-state=all]').waitFor();
    await at.getByTestId('connection').getByText('Local network').waitFor();
  }),

  'peers: 10,000 messages': peers(['ada'], async (open, ada) => {
    await (await ada.init()).start();
    const { conversation } = await ada.cli('new', 'Long');
    for (let batch = 0; batch < 20; batch += 1) {
      await ada.calls(
        Array.from({ length: 500 }, (_, n) => ['send', { conversation, text: `message ${batch * 500 + n} of many` }]),
      );
    }
    const page = await open(ada);
    const begun = Date.now();
    await talk(page, 'Long');
    await message(page, 'message 9999 of many').waitFor();
    console.log(`        opened in ${Date.now() - begun} ms`);
    await page.getByTestId('timeline').focus();
    await page.keyboard.press('Control+ArrowUp');
    await message(page, 'message 0 of many').waitFor();
    await page.mouse.move(700, 400);
    for (let step = 0; step < 40; step += 1) {
      await page.mouse.wheel(0, 700);
      await page.waitForFunction(() => {
        const log = document.querySelector('[role=log]').getBoundingClientRect();
        return [...document.querySelectorAll('article')].some(
          (one) => one.getBoundingClientRect().top < log.bottom && one.getBoundingClientRect().bottom > log.top,
        );
      });
    }
    assert.ok((await page.locator('article').count()) < 80);
    await page.getByTestId('latest').click();
    await message(page, 'message 9999 of many').waitFor();
  }),

  'peers: who is removed reads on and writes no more': peers(['ada', 'bob'], async (open, ada, bob) => {
    await together(ada, bob);
    const [at, bt] = [await open(ada), await open(bob)];
    await Promise.all([talk(at, 'Boats'), talk(bt, 'Boats')]);
    await write(bt, 'I was here');
    await message(at, 'I was here').waitFor();
    await at.getByRole('button', { name: 'Details' }).click();
    await at.getByRole('button', { name: 'What to do about bob' }).click();
    await at.getByRole('menuitem', { name: 'Make reader' }).click();
    await bt.getByText('You may read here, and not write.').waitFor();
    await at.getByRole('button', { name: 'What to do about bob' }).click();
    await at.getByRole('menuitem', { name: 'Remove' }).click();
    await at.getByRole('dialog').getByRole('button', { name: 'Remove', exact: true }).click();
    await bt.getByText('You are not in this conversation any more').waitFor();
    await message(bt, 'I was here').waitFor();
    await at.getByRole('complementary').getByText('1 member').waitFor();
  }),

  'peers: an admin says yes': peers(['ada', 'bob'], async (open, ada, bob) => {
    await Promise.all([ada.init(), bob.init()]);
    await Promise.all([ada.start(), bob.start()]);
    const { conversation } = await ada.cli('new', 'Boats');
    const { link } = await ada.cli('invite', conversation, '--approve');
    const [at, bt] = [await open(ada), await open(bob)];
    await talk(at, 'Boats');
    await bt.getByTestId('new').click();
    await bt.getByRole('menuitem', { name: 'Join by a link' }).click();
    await bt.getByRole('dialog').getByRole('textbox', { name: 'Link' }).fill(link);
    await bt.getByRole('button', { name: 'Join', exact: true }).click();
    await bt.getByText('Waiting for an admin to say yes').last().waitFor();
    assert.deepEqual(await axe(bt), []);
    await at.getByRole('button', { name: 'Details' }).click();
    await at.getByRole('button', { name: 'Let in' }).click();
    await bt.getByTestId('composer').waitFor();
    await write(at, 'come in');
    await message(bt, 'come in').waitFor();
    await write(bt, 'thank you');
    await message(at, 'thank you').waitFor();
  }),

  'peers: two ask each other, compare numbers, and talk': peers(['ada', 'bob'], async (open, ada, bob) => {
    await Promise.all([ada.init(), bob.init()]);
    await Promise.all([ada.start(), bob.start()]);
    const [at, bt] = [await open(ada), await open(bob)];
    await at.getByRole('button', { name: 'People', exact: true }).click();
    await at.getByRole('button', { name: 'Show my link' }).click();
    const link = await at.getByRole('dialog').getByRole('textbox', { name: 'Link' }).inputValue();
    await bt.getByTestId('new').click();
    await bt.getByRole('menuitem', { name: 'Join by a link' }).click();
    await bt.getByRole('dialog').getByLabel('Link', { exact: true }).fill(link);
    await bt.getByLabel('What to say').fill('we met on the boat');
    await bt.getByRole('button', { name: 'Ask', exact: true }).click();
    await at.getByText('we met on the boat').waitFor();
    await at.getByRole('button', { name: 'Accept' }).click();
    await at.getByTestId('composer').waitFor();
    await write(at, 'only us');
    await talk(bt, 'ada');
    await message(bt, 'only us').waitFor();
    const number = async (page) => {
      await page.getByRole('button', { name: 'Details' }).click();
      await page.getByRole('complementary').locator('.member button:enabled').click();
      await page.getByRole('dialog').getByRole('button', { name: 'Compare', exact: true }).click();
      return page.getByTestId('safety-number').innerText();
    };
    assert.equal(await number(at), await number(bt));
    await at.getByRole('button', { name: 'The numbers match' }).click();
    await at.getByRole('dialog').getByText('Verified', { exact: true }).waitFor();
    await picture(at, 'peers-verified');
  }),

  'peers: what is refused is said in the words of the peer': peers(['ada'], async (open, ada) => {
    await (await ada.init()).start();
    const page = await open(ada);
    await page.getByTestId('new').click();
    await page.getByRole('menuitem', { name: 'Join by a link' }).click();
    await page.getByRole('dialog').getByLabel('Link').fill('bayou://j/#nonsense');
    await page.getByRole('button', { name: 'Join', exact: true }).click();
    assert.ok((await page.getByRole('alert').innerText()).length > 10);
    await page.keyboard.press('Escape');
    await page.keyboard.press('Control+,');
    await page.getByRole('dialog').getByRole('button', { name: 'Network' }).click();
    await page.getByLabel('Address of a node').fill('nowhere');
    await page.getByRole('button', { name: 'Add' }).click();
    assert.ok((await page.getByRole('alert').innerText()).length > 10);
    await page.getByRole('dialog').getByRole('button', { name: 'Storage' }).click();
    await page.getByText(/Bayou keeps .* on this disk/).waitFor();
    assert.deepEqual(await axe(page), []);
  }),
};
