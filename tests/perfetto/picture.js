// SPDX-License-Identifier: GPL-2.0
//
// usage: node picture.js UI TRACE PNG
//
// Draws a trace as Perfetto's UI shows it, with all tracks open, and writes the picture to a
// file. UI is the directory of the UI, which runs in a chromium without a window.
"use strict";
const { spawn } = require("node:child_process");
const fs = require("node:fs");
const http = require("node:http");
const os = require("node:os");
const path = require("node:path");

const [ui, trace, png] = process.argv.slice(2);
const size = { width: 1280, height: 1400 };
const types = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".wasm": "application/wasm" };
// How many successive pictures, half a second apart, must be equal: then the UI has drawn everything.
const STILL = 6, LOOKS = 120;

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// A server for the UI and the trace, which only this machine can reach.
function serve() {
  const server = http.createServer((request, response) => {
    const name = path.normalize(new URL(request.url, "http://127.0.0.1").pathname);
    const file = name === "/trace" ? trace : path.join(ui, name === "/" ? "index.html" : name);
    fs.readFile(file, (error, data) => {
      const type = types[path.extname(file)] ?? "application/octet-stream";
      response.writeHead(error ? 404 : 200, { "Content-Type": type });
      response.end(data);
    });
  });
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
}

// The browser, which reads commands from a pipe: JSON texts, each followed by a zero byte.
class Browser {
  constructor(profile) {
    this.process = spawn("chromium", [
      "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--remote-debugging-pipe",
      `--user-data-dir=${profile}`, `--window-size=${size.width},${size.height}`,
      // The browser must not connect to any other machine.
      "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    ], { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });
    this.waiting = new Map();
    let text = "";
    this.process.stdio[4].on("data", (data) => {
      const messages = (text + data).split("\0");
      text = messages.pop();
      for (const message of messages.map((message) => JSON.parse(message))) {
        this.waiting.get(message.id)?.(message);
      }
    });
  }

  async call(method, params = {}) {
    const id = this.waiting.size + 1;
    const message = { id, method, params, sessionId: this.session };
    const answer = new Promise((resolve) => this.waiting.set(id, resolve));
    this.process.stdio[3].write(`${JSON.stringify(message)}\0`);
    const { result, error } = await answer;
    if (error) throw new Error(`${method}: ${error.message}`);
    return result;
  }

  async open(url) {
    const { targetId } = await this.call("Target.createTarget", { url });
    this.session = (await this.call("Target.attachToTarget", { targetId, flatten: true })).sessionId;
  }

  async evaluate(expression) {
    return (await this.call("Runtime.evaluate", { expression, returnByValue: true })).result.value;
  }

  async screenshot(height) {
    const clip = { x: 0, y: 0, width: size.width, height, scale: 1 };
    const { data } = await this.call("Page.captureScreenshot", { format: "png", clip });
    return Buffer.from(data, "base64");
  }
}

// An expression for the bottom of the last track. It is 0 while there are no tracks.
const BOTTOM = `Math.max(0, ...[...document.querySelectorAll(".pf-track")].map(
  (track) => Math.ceil(track.getBoundingClientRect().bottom)))`;

async function draw(browser) {
  let last = null, alike = 0;
  for (let look = 0; look < LOOKS; look++) {
    await sleep(500);
    const bottom = await browser.evaluate(BOTTOM);
    if (!bottom) continue;
    const picture = await browser.screenshot(Math.min(bottom + 8, size.height));
    alike = last?.equals(picture) ? alike + 1 : 0;
    if (alike === STILL) return picture;
    last = picture;
  }
  throw new Error("Perfetto's UI does not show the trace");
}

async function main() {
  const profile = fs.mkdtempSync(path.join(os.tmpdir(), "fence-perfetto-"));
  const server = await serve();
  const browser = new Browser(profile);
  const gone = new Promise((_, reject) => {
    browser.process.on("error", () => reject(new Error("there is no chromium")));
    browser.process.on("exit", () => reject(new Error("chromium has ended")));
  });
  try {
    const address = `http://127.0.0.1:${server.address().port}`;
    const commands = JSON.stringify([{ id: "dev.perfetto.ExpandTracksByRegex", args: [".*"] }]);
    await Promise.race([gone, (async () => {
      await browser.open(`${address}/#!/?url=${address}/trace&hideSidebar=true&startupCommands=` +
        encodeURIComponent(commands));
      fs.writeFileSync(png, await draw(browser));
    })()]);
  } finally {
    browser.process.kill();
    server.close();
    fs.rmSync(profile, { recursive: true, force: true });
  }
}

main().then(() => process.exit(0), (error) => {
  process.stderr.write(`picture.js: ${error.message}\n`);
  process.exit(1);
});
