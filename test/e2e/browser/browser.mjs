// Chromium as the tests drive it: strict about the console and the CSP, and
// patient with a deadline instead of a sleep.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

// The page's own lock file pins what drives it.
const require = createRequire(new URL('../../../ui/package.json', import.meta.url));
const { chromium } = require('playwright-core');
const axeSource = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

export const url = needed('JOURNALIST_URL').replace(/\/$/, '');
export const token = needed('JOURNALIST_TOKEN');
export const loginCode = /#login=(\S+)/.exec(needed('JOURNALIST_LOGIN_LINK'))?.[1];

function needed(name) {
  const value = process.env[name];
  assert.ok(value, `${name} is not set; the end-to-end tests set it`);
  return value;
}

export function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

/**
 * open makes a page that remembers whatever went wrong in it. Faults that a test
 * provokes are allowed by a pattern; assertClean reports the others.
 */
export async function open(browser, options = {}) {
  const { allow = [], ...rest } = options;
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, reducedMotion: 'reduce', ...rest });
  await context.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (e) => {
      console.error(`CSP violation: ${e.violatedDirective} ${e.blockedURI} ${e.sourceFile}:${e.lineNumber}`);
    });
  });
  const page = await context.newPage();
  page.setDefaultTimeout(Number(process.env.PATIENCE ?? 15_000));
  const faults = [];
  page.on('console', (m) => {
    if (m.type() === 'error' || m.type() === 'warning') faults.push(`console ${m.type()}: ${m.text()}`);
  });
  page.on('pageerror', (e) => faults.push(`uncaught: ${e.stack ?? e}`));
  page.on('request', (r) => {
    if (!r.url().startsWith(url) && !r.url().startsWith('data:')) faults.push(`foreign request: ${r.url()}`);
  });
  page.assertClean = () => {
    const left = faults.filter((f) => !allow.some((a) => a.test(f)));
    assert.deepEqual(left, [], 'the page reported faults');
  };
  return page;
}

/** until polls a condition and returns its first truthy value. */
export async function until(condition, what, ms = Number(process.env.PATIENCE ?? 15_000)) {
  const end = Date.now() + ms;
  let last;
  for (;;) {
    try {
      last = await condition();
      if (last) return last;
    } catch (err) {
      last = err;
    }
    if (Date.now() > end) assert.fail(`${what} did not happen within ${ms} ms; last: ${last instanceof Error ? last.stack : last}`);
    await new Promise((done) => setTimeout(done, 50));
  }
}

/** search asks a query by the keyboard and waits for the whole answer. */
export async function search(page, query) {
  const box = page.getByRole('combobox', { name: 'Search' });
  await box.fill(query);
  // The page is busy before the key press returns, so that it is not too early to wait.
  await box.press('Enter');
  await settled(page);
}

/** settled waits until no answer is under way. */
export const settled = (page) => page.locator('.status [role=status][aria-busy=false]').waitFor();

export const messages = (page) => page.locator('[role=row] .message').allInnerTexts();

/** shownRows reads "N rows" or "N of M rows" from the status line. */
export async function shownRows(page) {
  const text = await page.locator('.status [role=status]').innerText();
  const digits = (s) => Number(s.replace(/\D/g, ''));
  const m = /^([\d\u202f]+)(?: of ([\d\u202f]+))? rows?/.exec(text);
  assert.ok(m, `no row count in: ${text}`);
  return { shown: digits(m[1]), total: digits(m[2] ?? m[1]) };
}

/** assertAccessible runs axe on the page as it is. */
export async function assertAccessible(page, where) {
  await page.evaluate(axeSource);
  const found = await page.evaluate(async () => {
    const { violations } = await globalThis.axe.run(document, { resultTypes: ['violations'] });
    return violations
      .filter((v) => v.impact === 'serious' || v.impact === 'critical')
      .map((v) => `${v.id} (${v.impact}): ${v.nodes.slice(0, 3).map((n) => `${n.target.join(' ')}: ${n.any.concat(n.all).map((x) => x.message).join('; ')}`).join(' | ')}`);
  });
  assert.deepEqual(found, [], `axe on ${where}`);
}
