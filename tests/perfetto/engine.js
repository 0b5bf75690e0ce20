// SPDX-License-Identifier: GPL-2.0
//
// usage: node engine.js DIR
//
// Runs Perfetto's trace processor, which the UI in DIR runs in a worker of the browser
// (engine_bundle.js, trace_processor.wasm). The program reads requests from standard
// input, and writes replies to standard output. Both have the form of the messages
// between the UI and the worker (a TraceProcessorRpcStream).
"use strict";
const fs = require("node:fs");
const path = require("node:path");
const vm = require("node:vm");

const directory = process.argv[2];
const read = (name) => fs.readFileSync(path.join(directory, path.basename(name)));
const complain = (...words) => process.stderr.write(`${words.join(" ")}\n`);

// The parts of a worker that the engine uses. The engine loads its WebAssembly file by
// a synchronous request.
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
// Messages of the engine are objects of its own JavaScript context.
const { Uint8Array: Bytes } = vm.runInContext("({ Uint8Array })", worker);
try {
  vm.runInContext(read("engine_bundle.js").toString(), worker, "engine_bundle.js");
} catch (error) {
  // Without the stack: it shows a line of the bundle, which has a hundred thousand characters.
  complain(`engine.js: ${error.message}`);
  process.exit(1);
}

const port = {
  postMessage(reply) {
    for (let done = 0; done < reply.length;) done += fs.writeSync(1, reply, done);
  },
};
worker.onmessage({ data: port });
// First runs the work that the engine has postponed until it is loaded.
setImmediate(() => process.stdin.on("data", (chunk) => port.onmessage({ data: new Bytes(chunk) })));
