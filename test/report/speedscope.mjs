// SPDX-License-Identifier: Apache-2.0
// speedscope itself, in headless Chromium, opens each of the files: speedscope.mjs FILE ...
import { createServer } from "node:http";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

const require = createRequire(new URL("../../lib/report-ui/package.json", import.meta.url));
const { chromium } = require("playwright-core");
const root = path.join(path.dirname(require.resolve("speedscope/package.json")), "dist/release");
const types = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".wasm": "application/wasm" };
const server = createServer((request, response) => {
  const name = new URL(request.url, "http://x").pathname.replace(/^\/$/, "/index.html");
  try {
    response.setHeader("content-type", types[path.extname(name)] ?? "application/octet-stream");
    response.end(readFileSync(path.join(root, path.normalize(name))));
  } catch { response.statusCode = 404; response.end(); }
}).listen(0, "127.0.0.1");
await new Promise((done) => server.once("listening", done));
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"] });
const problems = [];
for (const file of process.argv.slice(2)) {
  const page = await browser.newPage();
  const said = [];
  page.on("pageerror", (e) => said.push(String(e)));
  page.on("dialog", (d) => { said.push(d.message()); d.dismiss(); });
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  await page.setInputFiles("input[type=file]", file);
  try {
    await page.waitForFunction(() => /Time Order/.test(document.body.innerText) && !/Drag and drop/i.test(document.body.innerText), null, { timeout: 15000 });
    await page.getByText("Sandwich").click();
    await page.waitForFunction(() => /Self/.test(document.body.innerText) && /fprintf|fputs|write/.test(document.body.innerText), null, { timeout: 15000 });
  } catch (e) { said.push(`not opened: ${(await page.locator("body").innerText()).slice(0, 200)}`); }
  for (const s of said) problems.push(`${path.basename(file)}: ${s}`);
  await page.close();
}
await browser.close();
server.close();
for (const p of problems) console.log(p);
process.exit(problems.length ? 1 : 0);
