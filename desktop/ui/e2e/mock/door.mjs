// The door: first run, coming back, linking, unlocking.
import assert from 'node:assert/strict';
import { accessible, on, stage } from './stage.mjs';

export { stage };
export const stories = {
  'door: three steps to the first conversation': (browser) =>
    on(browser, { query: '?home=none' }, async (page) => {
      await page.getByTestId('first-welcome').waitFor();
      await accessible(page, 'welcome');
      await page.getByRole('button', { name: 'Create a profile' }).click();
      await accessible(page, 'name');
      const go = page.getByRole('button', { name: 'Go on' });
      await page.getByRole('textbox', { name: 'Name' }).fill('Ada');
      assert.equal(await go.isDisabled(), true, 'a passphrase is wanted');
      await page.getByLabel('Passphrase', { exact: true }).fill('open sesame');
      await go.click();
      await accessible(page, 'phrase');
      const words = await page.getByTestId('phrase').locator('li').allInnerTexts();
      assert.equal(words.length, 24);
      await page.getByRole('button', { name: 'I have written them down' }).click();
      await accessible(page, 'check');
      for (const label of await page.locator('label span').allInnerTexts()) {
        const number = Number(/Word (\d+)/.exec(label)?.[1] ?? 0);
        if (number) await page.getByLabel(label, { exact: true }).fill(words[number - 1].replace(/^\d+\s*/, ''));
      }
      await go.click();
      await accessible(page, 'invite');
      await page.getByRole('button', { name: 'Begin a group' }).click();
      await page.getByLabel('Title').fill('Boats');
      await page.getByRole('button', { name: 'Begin' }).click();
      await page.getByTestId('make-invite').click();
      await page.getByRole('img', { name: 'Code of the invitation' }).waitFor();
      await page.keyboard.press('Escape');
      await page.getByTestId('composer').fill('first words');
      await page.keyboard.press('Enter');
      await page.locator('article').getByText('first words').waitFor();
    }),

  'door: a wrong word of the phrase goes no further': (browser) =>
    on(browser, { query: '?home=none' }, async (page) => {
      await page.getByRole('button', { name: 'Create a profile' }).click();
      await page.getByRole('textbox', { name: 'Name' }).fill('Ada');
      await page.getByRole('radio', { name: 'Not at all' }).check();
      await page.getByText('Whoever can read this disk').waitFor();
      await page.getByRole('button', { name: 'Go on' }).click();
      await page.getByRole('button', { name: 'I have written them down' }).click();
      for (const box of await page.getByRole('textbox').all()) await box.fill('wrong');
      await page.getByRole('alert').waitFor();
      assert.equal(await page.getByRole('button', { name: 'Go on' }).isDisabled(), true);
      await page.getByRole('button', { name: 'Show them again' }).click();
      await page.getByTestId('phrase').waitFor();
    }),

  'door: coming back with the phrase': (browser) =>
    on(browser, { query: '?home=none' }, async (page) => {
      await page.getByRole('button', { name: 'Come back with my phrase' }).click();
      await accessible(page, 'restore');
      await page.getByLabel('Recovery phrase').fill('zebra '.repeat(24));
      await page.getByLabel('Name').fill('Ada');
      await page.getByLabel('Passphrase', { exact: true }).fill('x');
      await page.getByRole('button', { name: 'Come back' }).click();
      await page.getByRole('navigation', { name: 'Conversations' }).waitFor();
    }),

  'door: becoming one of somebody’s devices': (browser) =>
    on(browser, { query: '?home=none' }, async (page) => {
      await page.getByRole('button', { name: 'I use it on another device' }).click();
      await page.getByTestId('digits').getByText('054 550').waitFor();
      await accessible(page, 'link');
      await page.getByRole('radio', { name: 'Not at all' }).check();
      await page.getByRole('button', { name: 'Yes, the same' }).click();
      await page.getByRole('navigation', { name: 'Conversations' }).waitFor();
    }),

  'door: unlocking': (browser) =>
    on(browser, { query: '?home=locked' }, async (page) => {
      await page.getByTestId('unlock').waitFor();
      await accessible(page, 'unlock');
      await page.getByLabel('Passphrase').fill('wrong');
      await page.keyboard.press('Enter');
      await page.getByRole('alert').getByText('this is not the passphrase').waitFor();
      await page.getByLabel('Passphrase').fill('open sesame');
      await page.keyboard.press('Enter');
      await page.getByRole('navigation', { name: 'Conversations' }).waitFor();
    }),
};
