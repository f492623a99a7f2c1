// Lists what the node's own OpenAPI document describes, and lets one try it. Texts of the node are shown as text only.
"use strict";

const STREAM_LINES_MAX = 200;

function element(name, text) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  return made;
}

/** The address of a request: path parameters filled in, the others behind the question mark. */
function address(path, fields) {
  const query = new URLSearchParams();
  for (const { parameter, input } of fields) {
    const value = input.value.trim();
    if (parameter.in === "path") path = path.replace(`{${parameter.name}}`, encodeURIComponent(value));
    else if (parameter.in === "query" && value !== "") query.set(parameter.name, value);
  }
  const rest = query.toString();
  return rest === "" ? path : `${path}?${rest}`;
}

function shown(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

/** Follows a stream until the button is pressed again; the newest lines only. */
function follow(url, output, button) {
  const source = new EventSource(url);
  const lines = [];
  const show = (name) => (event) => {
    lines.push(`${name}  ${event.data}`);
    if (lines.length > STREAM_LINES_MAX) lines.shift();
    output.textContent = lines.join("\n");
  };
  for (const name of ["block", "consensus", "peers", "barred", "message", "transaction", "replaced", "log", "reset"]) {
    source.addEventListener(name, show(name));
  }
  button.textContent = "stop";
  button.onclick = (click) => {
    click.preventDefault();
    source.close();
    button.textContent = "try";
    button.onclick = null;
  };
}

async function ask(method, url, body, output) {
  output.textContent = "...";
  const request = { method };
  if (body !== undefined) Object.assign(request, { body, headers: { "content-type": "application/json" } });
  try {
    const response = await fetch(url, request);
    output.textContent = `${response.status} ${response.statusText}\n\n${shown(await response.text())}`;
  } catch (error) {
    output.textContent = String(error);
  }
}

function operation(path, method, described) {
  const details = element("details");
  const summary = element("summary");
  const verb = element("b", method.toUpperCase());
  verb.className = method;
  summary.append(verb, element("code", path), element("span", described.summary));
  const form = element("form");
  const fields = described.parameters.map((parameter) => {
    const label = element("label", parameter.name);
    const input = element("input");
    label.title = input.placeholder = parameter.description ?? "";
    input.id = label.htmlFor = `${described.operationId}-${parameter.name}`;
    input.required = parameter.required;
    form.append(label, input);
    return { parameter, input };
  });
  const json = described.requestBody?.content["application/json"];
  const body = json ? element("textarea") : undefined;
  if (body) form.append(element("label", "body"), body);
  const button = element("button", "try");
  const output = element("pre");
  const isStream = described.responses["200"]?.content["text/event-stream"] !== undefined;
  form.append(button);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const url = address(path, fields);
    if (isStream) follow(url, output, button);
    else ask(method.toUpperCase(), url, body?.value, output);
  });
  details.append(summary, form, output);
  return details;
}

/** What a path is about: its heading on this page. */
function subject(path) {
  if (!path.startsWith("/v1/")) return "Health and counters";
  const subjects = {
    accounts: "Accounts", history: "Accounts", messages: "Accounts",
    transactions: "Transactions", pool: "Transactions",
    receipts: "Proofs", headers: "Proofs", "validator-sets": "Proofs",
    blocks: "Chain", consensus: "Chain", validators: "Chain", genesis: "Chain",
  };
  return subjects[path.split("/")[2]] ?? "Node";
}

const SUBJECTS = ["Node", "Chain", "Accounts", "Transactions", "Proofs", "Health and counters"];
const STATUS_EVERY_MS = 5000;

async function status() {
  const line = document.getElementById("status");
  try {
    const { chain, height, peers, version } = await (await fetch("/v1/status")).json();
    const others = peers === 1 ? "1 peer" : `${peers} peers`;
    line.textContent = `${chain}, block ${height.toLocaleString("en")}, ${others}, version ${version}`;
  } catch (error) {
    line.textContent = `the node does not answer: ${error}`;
  }
}

async function start() {
  await status();
  setInterval(() => document.hidden || status(), STATUS_EVERY_MS);
  const { paths } = await (await fetch("/v1/openapi.json")).json();
  const main = document.getElementById("operations");
  for (const name of SUBJECTS) {
    const section = element("section");
    section.append(element("h2", name));
    for (const [path, methods] of Object.entries(paths).filter(([path]) => subject(path) === name)) {
      for (const [method, described] of Object.entries(methods)) section.append(operation(path, method, described));
    }
    main.append(section);
  }
}

start().catch((error) => {
  document.getElementById("status").textContent = `the node's description cannot be read: ${error}`;
});
