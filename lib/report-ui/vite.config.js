// SPDX-License-Identifier: Apache-2.0
// One file: scripts and styles stand in the page, between them the place of the data.
import { writeFileSync } from "node:fs";
import { defineConfig } from "vite";

const inline = {
  name: "inline",
  enforce: "post",
  generateBundle(_, bundle) {
    const files = Object.values(bundle);
    const js = files.find((f) => f.type === "chunk").code.replaceAll("</script", "<\\/script");
    const css = files.filter((f) => f.fileName.endsWith(".css")).map((f) => f.source).join("");
    const page = files.find((f) => f.fileName === "index.html").source
      .replace(/<script[^>]*src=[^>]*><\/script>\s*/, "")
      .replace(/<link rel="stylesheet"[^>]*>\s*/, "")
      .replace("</head>", () => `<style>${css}</style>\n</head>`)
      .replace("</body>", () => `<script type="module">${js}</script>\n</body>`);
    writeFileSync("report.html", page);
    for (const name of Object.keys(bundle)) delete bundle[name];
  },
};

export default defineConfig({
  esbuild: { jsx: "automatic", jsxImportSource: "preact", legalComments: "none" },
  build: { assetsInlineLimit: 1e6, modulePreload: false, outDir: "dist", target: "es2022" },
  plugins: [inline],
});
