// Lists the latest releases of MCP servers, for measuring how definitions change from one to the next.
//
//   node tests/lock_pairs/collect.mjs DIR npm:@iterable/mcp pypi:mcp-server-git ...
//
// Each release is started by npx or uvx, asked for its lists and stopped; what it lists is DIR/NAME/VERSION.json. Releases that
// are there already are skipped, and so are those that do not start: many servers need an account, or a variable for one.
import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const RELEASES = 16
const PATIENCE = 90_000
const LISTS = { tools: 'tools/list', prompts: 'prompts/list', resourceTemplates: 'resources/templates/list' }

async function releasesOf(registry, name) {
  if (registry === 'npm') {
    const time = JSON.parse(execFileSync('npm', ['view', name, 'time', '--json'], { encoding: 'utf8' }))
    return Object.entries(time).filter(([version]) => /^\d+\.\d+\.\d+$/.test(version))
  }
  const project = await (await fetch(`https://pypi.org/pypi/${name}/json`)).json()
  const releases = Object.entries(project.releases).filter(([version, files]) => /^[\d.]+$/.test(version) && files.length)
  return releases.map(([version, files]) => [version, files[0].upload_time_iso_8601])
}

function list(command, args) {
  return new Promise((resolve, reject) => {
    const server = spawn(command, args, { stdio: ['pipe', 'pipe', 'ignore'], detached: true })
    const waiting = new Map()
    const stop = (done) => (value) => {
      clearTimeout(timer)
      try { process.kill(-server.pid, 'SIGKILL') } catch { /* it has ended */ }
      done(value)
    }
    const timer = setTimeout(() => stop(reject)(new Error('it took too long')), PATIENCE)
    server.on('error', stop(reject))
    server.on('exit', () => stop(reject)(new Error('it ended')))
    server.stdin.on('error', () => {})
    createInterface({ input: server.stdout }).on('line', (line) => {
      let message
      try { message = JSON.parse(line) } catch { return }
      waiting.get(message.id)?.(message)
    })
    const send = (message) => server.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`)
    const ask = (method, params) => new Promise((answer) => {
      const id = waiting.size + 1
      waiting.set(id, answer)
      send({ id, method, params })
    })
    const exchange = async () => {
      const clientInfo = { name: 'collect', version: '1' }
      const opened = await ask('initialize', { protocolVersion: '2025-06-18', capabilities: {}, clientInfo })
      send({ method: 'notifications/initialized' })
      const found = { instructions: opened.result?.instructions ?? null }
      for (const [key, method] of Object.entries(LISTS)) {
        found[key] = []
        for (let cursor, page = 0; page < 100; page += 1) {
          const { result } = await ask(method, cursor === undefined ? {} : { cursor })
          found[key].push(...(result?.[key] ?? []))
          cursor = result?.nextCursor
          if (!cursor) break
        }
      }
      const { resourceTemplates: templates, ...lists } = found
      return { ...lists, templates }
    }
    exchange().then(stop(resolve), stop(reject))
  })
}

const [dir, ...packages] = process.argv.slice(2)
for (const named of packages) {
  const [registry, name] = named.split(/:(.*)/s)
  const releases = (await releasesOf(registry, name)).sort((one, other) => one[1].localeCompare(other[1]))
  for (const [version, published] of releases.slice(-RELEASES)) {
    const file = join(dir, name.replaceAll('/', '-'), `${version}.json`)
    if (existsSync(file)) continue
    const command = registry === 'npm' ? ['npx', ['-y', `${name}@${version}`]] : ['uvx', [`${name}@${version}`]]
    try {
      const listed = await list(...command)
      if (listed.tools.length === 0) throw new Error('it lists no tools')
      mkdirSync(join(file, '..'), { recursive: true })
      writeFileSync(file, JSON.stringify({ server: name, registry, package: name, version, published, ...listed }))
      console.log(`${name} ${version}: ${listed.tools.length} tools`)
    } catch (error) {
      console.log(`${name} ${version}: ${error.message}`)
    }
  }
}
