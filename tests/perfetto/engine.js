// SPDX-License-Identifier: GPL-2.0
//
// usage: node engine.js DIR
//
// Runs Perfetto's trace processor: what the UI in DIR runs in a worker of the
// browser (engine_bundle.js, trace_processor.wasm). Requests come in at the standard
// input, replies go to the standard output, both in the form that the UI sends them
// to the worker (a TraceProcessorRpcStream).
"use strict";
const fs = require("node:fs");
const path = require("node:path");
const vm = require("node:vm");

const directory = process.argv[2];
const read = (name) => fs.readFileSync(path.join(directory, path.basename(name)));
const complain = (...words) => process.stderr.write(`${words.join(" ")}\n`);

// As much of a worker as the engine looks for. It loads its other half by a
// synchronous request.
class FileRequest {
  open(method, name) { this.name = name; }
  send() { this.response = read(this.name); }
}
const worker = vm.createContext({
  URL, TextDecoder, performance, setTimeout,
  XMLHttpRequest: FileRequest,
  WorkerGlobalScope: function () {},
  location: { href: "file:///engine_bundle.js" },
  console: { log: complain, warn: complain, error: complain },
});
worker.self = worker;
// A worker's messages are objects of its own world.
const { Uint8Array: Bytes } = vm.runInContext("({ Uint8Array })", worker);
try {
  vm.runInContext(read("engine_bundle.js").toString(), worker, "engine_bundle.js");
} catch (error) {
  // Its stack shows a line of the bundle, which is a hundred thousand characters long.
  complain(`engine.js: ${error.message}`);
  process.exit(1);
}

const port = {
  postMessage(reply) {
    for (let done = 0; done < reply.length;) done += fs.writeSync(1, reply, done);
  },
};
worker.onmessage({ data: port });
// What it has put off until it is loaded comes first.
setImmediate(() => process.stdin.on("data", (chunk) => port.onmessage({ data: new Bytes(chunk) })));
