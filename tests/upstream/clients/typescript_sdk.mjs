// The same as python_sdk.py for the TypeScript SDK: its first line of releases for "legacy", and its second one, which also speaks
// 2026-07-28, for "auto".
const play = JSON.parse(process.argv[2]);
const [command, ...args] = play.command;
const [texts, asked] = [[], []];

async function answer({ params }) {
  asked.push(params.message);
  const result = play.answers[asked.length - 1];
  await new Promise((resolve) => setTimeout(resolve, 1000 * play.pause));
  return result;
}

const capabilities = play.answers.length ? { elicitation: {} } : {};
const info = { name: 'typescript-sdk', version: '1' };
let client, transport;
if (play.era === 'legacy') {
  const { Client } = await import('@modelcontextprotocol/sdk/client/index.js');
  const { StdioClientTransport } = await import('@modelcontextprotocol/sdk/client/stdio.js');
  const { ElicitRequestSchema } = await import('@modelcontextprotocol/sdk/types.js');
  client = new Client(info, { capabilities });
  if (play.answers.length) client.setRequestHandler(ElicitRequestSchema, answer);
  transport = new StdioClientTransport({ command, args, env: process.env, stderr: 'inherit' });
} else {
  const { Client } = await import('@modelcontextprotocol/client');
  const { StdioClientTransport } = await import('@modelcontextprotocol/client/stdio');
  client = new Client(info, { capabilities, versionNegotiation: { mode: 'auto' } });
  if (play.answers.length) client.setRequestHandler('elicitation/create', answer);
  transport = new StdioClientTransport({ command, args, env: process.env, stderr: 'inherit' });
}
await client.connect(transport);
for (let n = 0; n < play.times; n += 1) {
  const result = await client.callTool({ name: play.tool, arguments: { campaignId: 77 } });
  texts.push(result.content[0].text);
}
await client.close();
console.log(JSON.stringify({ texts, asked }));
