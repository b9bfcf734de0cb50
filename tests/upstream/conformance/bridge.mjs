// Streamable HTTP in front of a stdio server, since @modelcontextprotocol/conformance speaks to servers over HTTP alone.
// usage: node bridge.mjs COMMAND [ARGUMENTS]. Prints the URL, and ends when its stdin closes.
//
// A session of the revisions with a handshake has a server of its own. The requests of 2026-07-28 share one, with ids of
// the bridge's own, since the ids of two HTTP clients may be the same.
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';

const [command, ...args] = process.argv.slice(2);
const VERSION = 'io.modelcontextprotocol/protocolVersion';
const SUBSCRIPTION = 'io.modelcontextprotocol/subscriptionId';
const STATUS = { '-32601': 404, '-32602': 400, '-32020': 400, '-32021': 400, '-32022': 400 };

class Upstream {
  constructor() {
    this.waiting = new Map();
    this.child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.child.stdin.on('error', () => {});
    createInterface({ input: this.child.stdout }).on('line', (line) => this.receive(JSON.parse(line)));
    // What the server sends by itself, to the client that listens to everything.
    this.listener = undefined;
  }

  write(message) {
    this.child.stdin.write(`${JSON.stringify(message)}\n`);
  }

  receive(message) {
    const request = message.method === undefined ? this.waiting.get(message.id) : undefined;
    if (request) {
      this.waiting.delete(message.id);
      request.finish({ ...message, id: request.id });
      return;
    }
    const meta = message.params?._meta;
    const subscriber = this.waiting.get(meta?.[SUBSCRIPTION]);
    if (subscriber) meta[SUBSCRIPTION] = subscriber.id;
    (subscriber ?? [...this.waiting.values()].at(-1) ?? this.listener)?.event(message);
  }

  close() {
    this.child.stdin.end();
    for (const request of this.waiting.values()) request.response.end();
    this.listener?.response.end();
  }
}

/** An HTTP response that becomes a stream of events with the first event. */
class Stream {
  constructor(response, id, headers = {}) {
    Object.assign(this, { response, id, headers });
  }

  event(message) {
    if (!this.response.headersSent)
      this.response.writeHead(200, { ...this.headers, 'content-type': 'text/event-stream' });
    this.response.write(`event: message\ndata: ${JSON.stringify(message)}\n\n`);
  }

  finish(message) {
    if (!this.response.headersSent) {
      const status = this.isStateless ? (STATUS[message.error?.code] ?? 200) : 200;
      reply(this.response, status, message, this.headers);
      return;
    }
    this.event(message);
    this.response.end();
  }
}

function reply(response, status, message, headers = {}) {
  response.writeHead(status, message ? { ...headers, 'content-type': 'application/json' } : headers);
  response.end(message && JSON.stringify(message));
}
const refuse = (response, status, code, message, id = null) =>
  reply(response, status, { jsonrpc: '2.0', id, error: { code, message } });

/** Whether the headers repeat what the message says, where it says it. */
function agreesWithHeaders(headers, { method, params = {} }) {
  const keys = {
    'tools/call': 'name',
    'prompts/get': 'name',
    'resources/read': 'uri',
    'tasks/get': 'taskId',
    'tasks/update': 'taskId',
    'tasks/cancel': 'taskId',
  };
  const name = params[keys[method]];
  return (
    method === undefined ||
    (headers['mcp-method']?.trim() === method && (name === undefined || headers['mcp-name']?.trim() === name))
  );
}

const sessions = new Map();
let shared;
let next = 0;

function post(request, response, message) {
  const session = request.headers['mcp-session-id'];
  const version = message.params?._meta?.[VERSION];
  const isStateless = session === undefined && !(message.method === 'initialize' && version === undefined);
  if (isStateless) {
    const named = request.headers['mcp-protocol-version'];
    if (version !== undefined && named !== version)
      return refuse(response, 400, -32020, 'the header names another version', message.id);
    if (!agreesWithHeaders(request.headers, message))
      return refuse(response, 400, -32020, 'the headers are not those of the message', message.id);
    shared ??= new Upstream();
    if (message.id === undefined) {
      shared.write(message);
      return reply(response, 202);
    }
    const id = `bridge-${next++}`;
    const stream = Object.assign(new Stream(response, message.id), { isStateless });
    shared.waiting.set(id, stream);
    response.on('close', () => {
      if (shared.waiting.delete(id))
        shared.write({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: id } });
    });
    return shared.write({ ...message, id });
  }
  const id = session ?? randomUUID();
  if (session === undefined) sessions.set(id, new Upstream());
  const upstream = sessions.get(id);
  if (!upstream) return refuse(response, 404, -32001, 'there is no such session', message.id);
  if (message.id !== undefined && message.method !== undefined) {
    upstream.waiting.set(message.id, new Stream(response, message.id, { 'mcp-session-id': id }));
  } else {
    reply(response, 202);
  }
  return upstream.write(message);
}

const server = createServer((request, response) => {
  const isLocal = (host) => /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/.test(host.replace(/^https?:\/\//, ''));
  if (!isLocal(request.headers.host ?? '') || !isLocal(request.headers.origin ?? 'localhost'))
    return reply(response, 403);
  const upstream = sessions.get(request.headers['mcp-session-id']);
  if (request.method === 'DELETE') {
    upstream?.close();
    return reply(response, sessions.delete(request.headers['mcp-session-id']) ? 200 : 404);
  }
  if (request.method === 'GET') {
    if (!upstream) return reply(response, 405);
    upstream.listener = new Stream(response);
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    return response.flushHeaders();
  }
  let body = '';
  request.on('data', (part) => (body += part));
  return request.on('end', () => {
    let message;
    try {
      message = JSON.parse(body);
    } catch {
      return refuse(response, 400, -32700, 'this is not JSON');
    }
    return post(request, response, message);
  });
});
server.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}/mcp`));
process.stdin.resume().on('end', () => {
  for (const upstream of [shared, ...sessions.values()]) upstream?.close();
  server.closeAllConnections();
  server.close();
});
