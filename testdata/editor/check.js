// Opens workflow files in yaml-language-server, as an editor does, with the schema of
// "tocsin schema", and checks what it says of them:
//
//	node check.js SCHEMA FILE...
//
// Files below a folder named "broken" must get a diagnostic whose text is that of the line
// "# wants: TEXT"; all others must get none. Modules are found through NODE_PATH.
"use strict";
const { spawn } = require("child_process");
const fs = require("fs");
const path = require("path");
const { pathToFileURL } = require("url");

const [schema, ...files] = process.argv.slice(2);
const bin = require.resolve("yaml-language-server/bin/yaml-language-server");
const server = spawn(process.execPath, [bin, "--stdio"], { stdio: ["pipe", "pipe", "inherit"] });
const waiting = new Map(); // request id -> resolve
const said = new Map(); // uri -> resolve of its diagnostics
let id = 0;

function send(message) {
  const text = JSON.stringify({ jsonrpc: "2.0", ...message });
  server.stdin.write(`Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`);
}
function request(method, params) {
  return new Promise((resolve) => {
    waiting.set(++id, resolve);
    send({ id, method, params });
  });
}

let input = Buffer.alloc(0);
server.stdout.on("data", (chunk) => {
  input = Buffer.concat([input, chunk]);
  for (;;) {
    const end = input.indexOf("\r\n\r\n");
    if (end < 0) return;
    const length = Number(/Content-Length: (\d+)/i.exec(input.toString("utf8", 0, end))[1]);
    if (input.length < end + 4 + length) return;
    receive(JSON.parse(input.toString("utf8", end + 4, end + 4 + length)));
    input = input.subarray(end + 4 + length);
  }
});

const settings = {
  yaml: { validate: true, schemas: { [pathToFileURL(path.resolve(schema))]: "*" }, schemaStore: { enable: false } },
};
function receive(m) {
  if (m.method === "workspace/configuration") {
    send({ id: m.id, result: m.params.items.map((item) => settings[item.section] ?? null) });
  } else if (m.method === "textDocument/publishDiagnostics") {
    said.get(m.params.uri)?.(m.params.diagnostics);
  } else if (m.id !== undefined && m.method) {
    send({ id: m.id, result: null });
  } else if (m.id !== undefined) {
    waiting.get(m.id)?.(m.result);
  }
}

function diagnose(file) {
  const uri = String(pathToFileURL(path.resolve(file)));
  const text = fs.readFileSync(file, "utf8");
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${file}: no diagnostics within a minute`)), 60000);
    said.set(uri, (diagnostics) => {
      clearTimeout(timer);
      resolve({ text, diagnostics });
    });
    send({ method: "textDocument/didOpen", params: { textDocument: { uri, languageId: "yaml", version: 1, text } } });
  });
}

async function main() {
  await request("initialize", { processId: process.pid, rootUri: null, capabilities: { workspace: { configuration: true } } });
  send({ method: "initialized", params: {} });
  send({ method: "workspace/didChangeConfiguration", params: { settings } });
  let wrong = 0;
  for (const file of files) {
    const { text, diagnostics } = await diagnose(file);
    const wants = /^# wants: (.*)$/m.exec(text)?.[1];
    const messages = diagnostics.map((d) => `${d.range.start.line + 1}:${d.range.start.character + 1}: ${d.message}`);
    const ok = wants ? messages.some((m) => m.includes(wants)) : messages.length === 0;
    console.log(`${ok ? "ok  " : "FAIL"} ${file}${messages.length ? "\n       " + messages.join("\n       ") : ""}`);
    if (!ok) wrong++;
  }
  server.kill();
  console.log(`${files.length - wrong} passed, ${wrong} failed`);
  process.exit(wrong ? 1 : 0);
}
main().catch((err) => {
  console.error(err.message);
  server.kill();
  process.exit(1);
});
