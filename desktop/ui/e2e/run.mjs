// Runs the stories: `node e2e/run.mjs mock [WORD]` against a pretended peer, `peers` against real ones (BAYOU_BIN).
// WORD: only those whose name has it. PICTURES: a folder for what the screens look like.
import { readdirSync } from 'node:fs';
import { launch, pictures } from './stage.mjs';

const [, , suite = 'mock', word = ''] = process.argv;
const folder = new URL(`./${suite}/`, import.meta.url);
const modules = await Promise.all(
  readdirSync(folder)
    .filter((name) => name.endsWith('.mjs'))
    .sort()
    .map((name) => import(new URL(name, folder).href)),
);
const browser = await launch();
const stages = new Set();
let failed = 0;

for (const { stage, stories } of modules) {
  for (const [name, story] of Object.entries(stories ?? {})) {
    if (!name.includes(word)) continue;
    const begun = Date.now();
    try {
      stages.add(stage);
      await story(browser);
      console.log(`ok      ${name} (${Date.now() - begun} ms)`);
    } catch (error) {
      failed += 1;
      console.log(`FAILED  ${name}\n${error?.stack ?? error}`);
    }
  }
}
await browser.close();
for (const stage of stages) await stage?.end?.();
console.log(failed === 0 ? `all is well; pictures in ${pictures}` : `${failed} failed; pictures in ${pictures}`);
process.exit(failed === 0 ? 0 : 1);
