import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, openSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { compile } from '../state/fixtures/compile.ts'
import { workspace } from './fixtures/capture.ts'

const code = compile(['.', 'state', 'cli', 'cli/verbs', 'models/lce', 'models/lce/train', 'image'])
// A library that works until it is stopped, or, asked to be stubborn, for a minute.
writeFileSync(
  join(code, 'cli', 'api.js'),
  `import { once } from 'node:events'
   export const need = (api, verb) => api[verb]
   export const api = {
     async generate({ prompt }, job) {
       job.onProgress({ stage: 'generate', done: 0, total: 1 })
       const minute = new Promise(done => setTimeout(done, 60_000))
       if (prompt === 'stubborn') await minute
       else await Promise.race([once(job.signal, 'abort'), minute])
       job.signal.throwIfAborted()
     },
     async commit(request, job) {
       job.onProgress({ stage: 'commit', done: 0, total: 1 })
       await Promise.race([once(job.signal, 'abort'), new Promise(done => setTimeout(done, 60_000))])
       return { bytes: new Uint8Array(1), digest: new Uint8Array(1) }
     },
     async verify() { return { ok: false, at: 'here', reason: 'x'.repeat(1e6) } },
     async explain() { setTimeout(() => { throw new Error('late') }); await new Promise(done => setTimeout(done, 60_000)) },
   }`,
)

/** Starts the real entry point and waits until it works. */
async function start(args: readonly string[]): Promise<{ child: ChildProcess; err: () => string }> {
  const child = spawn(process.execPath, [join(code, 'cli', 'main.js'), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let text = ''
  child.stderr?.setEncoding('utf8').on('data', chunk => {
    text += chunk
  })
  while (!text.includes(': 0 %'))
    await once(child.stderr as NodeJS.ReadableStream & NodeJS.EventEmitter, 'data')
  return { child, err: () => text }
}

describe.skipIf(process.platform === 'win32')('Ctrl-C', () => {
  const { root, model, at } = workspace()
  const generate = (prompt: string) => ['generate', model, '--prompt', prompt, '--max-new-tokens', '1']

  it('stops the work: message, exit 130', async () => {
    const { child, err } = await start(generate('x'))
    child.kill('SIGINT')
    expect(await once(child, 'close')).toEqual([130, null])
    expect(err()).toMatch(/stopping; press Ctrl-C again to quit at once\nproofmark: stopped\n$/)
  })

  it('twice kills at once what does not listen', async () => {
    const { child, err } = await start(generate('stubborn'))
    child.kill('SIGINT')
    while (!err().includes('again'))
      await once(child.stderr as NodeJS.ReadableStream & NodeJS.EventEmitter, 'data')
    child.kill('SIGINT')
    expect(await once(child, 'close')).toEqual([null, 'SIGINT'])
  })

  it('leaves no file behind', async () => {
    const { child } = await start(['commit', model, '-o', at('c')])
    child.kill('SIGINT')
    expect(await once(child, 'close')).toEqual([130, null])
    expect(readdirSync(root).sort()).toEqual(['model', 'text.txt'])
  })
})

describe('exit codes of the process', () => {
  const { at } = workspace()
  const verify = [
    join(code, 'cli', 'main.js'),
    'verify',
    at('text.txt'),
    '--commitment',
    at('text.txt'),
    '--json',
  ]

  it('a large result reaches a pipe whole', async () => {
    const child = spawn(process.execPath, verify, { stdio: ['ignore', 'pipe', 'inherit'] })
    let text = ''
    child.stdout?.on('data', chunk => {
      text += chunk
    })
    expect(await once(child, 'close')).toEqual([1, null])
    expect(JSON.parse(text).reason.length).toBe(1e6)
  })

  it('a rejected proof stays one when the reader of the pipe has left', async () => {
    const child = spawn(process.execPath, verify, { stdio: ['ignore', 'pipe', 'inherit'] })
    child.stdout?.destroy()
    expect(await once(child, 'close')).toEqual([1, null])
  })

  it.skipIf(!existsSync('/dev/full'))('a full disk behind stdout is no rejected proof', async () => {
    const child = spawn(process.execPath, verify, { stdio: ['ignore', openSync('/dev/full', 'w'), 'pipe'] })
    let text = ''
    child.stderr?.on('data', chunk => {
      text += chunk
    })
    expect(await once(child, 'close')).toEqual([2, null])
    expect(text).toBe('proofmark: standard output: no space left on the device\n')
  })

  it('an error that nobody caught is a bug, not a rejected proof', async () => {
    const child = spawn(process.execPath, [join(code, 'cli', 'main.js'), 'explain', at('text.txt')], {
      stdio: 'ignore',
    })
    expect(await once(child, 'close')).toEqual([3, null])
  })
})
