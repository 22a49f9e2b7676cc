// SPDX-License-Identifier: Apache-2.0
// Opens a report in headless Chromium: page.mjs PAGE JSON [SCREENSHOTS].  No console error, no request,
// axe finds nothing in light and dark, the numbers are those of the JSON, keys reach everything.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(new URL("../../lib/report-ui/package.json", import.meta.url));
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const [page_path, json_path, shots] = process.argv.slice(2);
const json = JSON.parse(readFileSync(json_path, "utf8"));
const problems = [];
const check = (good, what) => { if (!good) problems.push(what); };

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
for (const [name, scheme, width] of [["light", "light", 1280], ["dark", "dark", 1280], ["narrow", "light", 390]]) {
  const context = await browser.newContext({ colorScheme: scheme, viewport: { width, height: 900 }, bypassCSP: true, offline: true });
  const page = await context.newPage();
  page.on("console", (m) => ["error", "warning"].includes(m.type()) && problems.push(`${name}: console: ${m.text()}`));
  page.on("pageerror", (e) => problems.push(`${name}: ${e}`));
  page.on("request", (r) => { if (!r.url().startsWith("file:") && !r.url().startsWith("data:")) problems.push(`${name}: request: ${r.url()}`); });
  await page.goto(pathToFileURL(page_path).href);
  await page.waitForSelector("main");
  const metric = (id) => page.locator(`[data-metric=${id}]`).innerText();
  check((await metric("message_count")).replace(/\D/g, "") === String(json.metrics.message_count), `${name}: message_count`);
  check(await page.locator("#functions tbody tr").count() === Math.min(25, json.functions.length + json.flushes.length), `${name}: functions`);
  const titles = await page.locator("#functions tbody td:nth-child(2) span[title]").evaluateAll((all) => all.map((e) => Number(e.title.replace(/\D/g, ""))));
  const calls = [...json.functions, ...json.flushes].slice(0, 25).map((f) => f.message_count);
  check(JSON.stringify(titles) === JSON.stringify(calls), `${name}: calls of functions ${titles} are not ${calls}`);
  check(await page.locator(".findings > li").count() === json.findings.length, `${name}: findings`);
  for (const f of json.findings) check((await page.locator("#findings").innerText()).replaceAll("\u00a0", " ").includes(f.title), `${name}: ${f.title}`);
  const total = Number(await page.locator("[data-total]").getAttribute("data-total"));
  const sites = [...json.call_sites, ...json.flush_sites].reduce((s, r) => s + (r.estimated_total_duration_ns ?? 0), 0);
  check(total >= sites * 0.999, `${name}: the icicle has ${total} of ${sites} ns`);
  check(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${name}: the page is wider than the window`);
  // Keys: sort, open a site, go into the icicle and out again.
  if (json.call_sites.length) {
    await page.locator("#sites th button").nth(2).focus();
    await page.keyboard.press("Enter");
    check(await page.locator("#sites th[aria-sort]").count() === 1, `${name}: sorting by key`);
    await page.locator("#sites .open").first().focus();
    await page.keyboard.press("Enter");
    check(await page.locator("#sites .detail").count() === 1, `${name}: opening by key`);
  }
  await page.locator(".box").nth(1).focus();
  await page.keyboard.press("Enter");
  check(await page.locator(".crumbs").count() === 1, `${name}: the icicle by key`);
  if (json.timeline?.calls.length > 3) {
    const before = await page.locator(".brush span").first().innerText();
    await page.locator(".buttons button").first().click();
    check(before !== await page.locator(".brush span").first().innerText(), `${name}: the brush`);
    await page.locator(".buttons button").last().click();
  }
  await page.evaluate(axe);
  const found = await page.evaluate(() => axe.run());
  for (const v of found.violations) problems.push(`${name}: axe: ${v.id}: ${v.nodes.slice(0, 3).map((n) => n.html.slice(0, 120) + " " + (n.any[0]?.message ?? "")).join(" | ")}`);
  if (shots) {
    await page.screenshot({ path: `${shots}/${name}.png`, fullPage: true });
    if (name === "light") await page.pdf({ path: `${shots}/print.pdf` });
  }
  await context.close();
}
await browser.close();
for (const p of problems) console.log(p);
process.exit(problems.length ? 1 : 0);
